#!/bin/sh
# Plants each bug of this directory in a copy of the tree, and runs what must catch it: the simulation, schedule by
# schedule, or what the patch names in its first line: `# by: sim NAME` a test of tests/sim, `# by: lib NAME` one of the crate.
#   tests/mutants/run.sh [NAME...]     these, or all of them
#   tests/mutants/run.sh --few [N]     N (default 4) that the simulation catches, others with each commit
# MUTANT_SCHEDULES (default 40000) is the most tried. Exits with 1 when a bug survives, or when its patch does not apply
# or compile any more.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
target="${MUTANT_TARGET:-${CARGO_TARGET_DIR:-$root/target}/mutants}"
schedules="${MUTANT_SCHEDULES:-40000}"
# One place for every copy, so that cargo compiles what a patch touches and nothing else.
crate="$target/crate"
mkdir -p "$work/base" "$crate"
tar -C "$root" --exclude=./target --exclude=./.git -cf - . | tar -C "$work/base" -xf -

few() {
    # Every commit begins elsewhere in the list and takes every seventh: bugs of different kinds.
    commit=$(git -C "$root" rev-parse --short=7 HEAD 2>/dev/null || date +%j)
    (cd "$here" && grep -L '^# by:' ./*.patch) | sed 's,^\./,,; s,\.patch$,,' | sort |
        awk -v from="$commit" -v many="$1" '
            function number(hex,   i, n) {
                for (i = 1; i <= length(hex); i++) n = n * 16 + index("0123456789abcdef", substr(hex, i, 1)) - 1
                return n
            }
            { name[NR - 1] = $0 }
            END { for (i = 0; i < many && i < NR; i++) print name[(number(from) + 7 * i) % NR] }'
}

if [ "${1:-}" = --few ]; then
    names=$(few "${2:-4}")
elif [ $# -gt 0 ]; then
    names=$*
else
    names=$(cd "$here" && ls ./*.patch | sed 's,^\./,,; s,\.patch$,,')
fi

# Runs what must catch the bug in the tree "$work/tree"; succeeds when nothing is caught, with 9 when it cannot be built.
attempt() {
    case "$1" in
    lib\ *) build="cargo test --locked --lib" test="${1#lib }" dir="$work/tree" ;;
    sim\ *) build="cargo test --offline --test sim" test="${1#sim }" dir="$crate" ;;
    *) build="cargo test --offline --test sim" test="no_schedule" dir="$crate" ;;
    esac
    cd "$dir" || return 9
    CARGO_TARGET_DIR="$target" $build --no-run >"$work/log" 2>&1 || return 9
    CARGO_TARGET_DIR="$target" AMPD_SCHEDULES="$schedules" RUST_BACKTRACE=0 $build "$test" >"$work/log" 2>&1
}

caught=0
survived=
# All of them, however few are planted: a patch that applies no more is repaired with the change that it did not fit.
for patch in "$here"/*.patch; do
    rm -rf "$work/tree" && cp -r "$work/base" "$work/tree"
    (cd "$work/tree" && patch -s -p1 -F3 <"$patch" >/dev/null) || survived="$survived $(basename "$patch" .patch)"
done
began=$(date +%s)
row() { printf '%-46s %9s  %s\n' "$1" "$2" "$3"; }
row "planted bug" "schedules" "caught by"
for name in $names; do
    rm -rf "$work/tree" && cp -r "$work/base" "$work/tree"
    if ! (cd "$work/tree" && patch -s -p1 -F3 <"$here/$name.patch" >/dev/null); then
        row "$name" - "NOT TRIED: the patch does not apply any more"
        continue
    fi
    by=$(sed -n '1s/^# by: //p' "$here/$name.patch")
    "$here/lite.sh" "$work/tree" "$crate"
    (attempt "$by")
    case $? in
    0)
        row "$name" "$schedules" "NOTHING"
        survived="$survived $name"
        ;;
    9)
        row "$name" - "NOT TRIED: it does not compile"
        grep -A 5 '^error' "$work/log" | head -n 20
        survived="$survived $name"
        ;;
    *)
        caught=$((caught + 1))
        needed=$(sed -n 's/^[0-9]* times, seed \([0-9]*\): .*/\1/p' "$work/log" | sort -n | head -n 1)
        how=$(sed -n 's/^[0-9]* times, seed [0-9]*: \([^:]*\).*/\1/p; s/^test \(.*\) \.\.\. FAILED$/\1/p' "$work/log" |
            grep -v no_schedule | head -n 1)
        row "$name" "${needed:--}" "$how"
        ;;
    esac
done
echo "mutants: $caught caught${survived:+, NOT CAUGHT:$survived}, in $(($(date +%s) - began)) s"
[ -z "$survived" ]
