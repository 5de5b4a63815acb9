#!/bin/sh
# Plants each bug of this directory in a copy of the tree, and runs the simulation until it is caught.
#   tests/mutants/run.sh [NAME...]     all of them without names; MUTANT_SCHEDULES (default 20000) is the most tried
# Exits with 1 when a bug survives or its patch does not apply any more.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT INT TERM
profile=${MUTANT_PROFILE:-test}
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$root/target}"
export AMPD_SCHEDULES="${MUTANT_SCHEDULES:-20000}"
(cd "$root" && git ls-files -z | xargs -0 tar cf - 2>/dev/null) | tar xf - -C "$copy"
cd "$copy" || exit 1
git init -q . && git add -A && git -c user.name=m -c user.email=m@localhost commit -qm base

names=$*
[ -n "$names" ] || names=$(cd "$here" && ls ./*.patch | sed 's,^\./,,; s,\.patch$,,')
caught=0
survived=
for name in $names; do
    git checkout -q -- . && git clean -qfd
    if ! git apply --recount -C1 "$here/$name.patch" 2>"$copy.err" && ! patch -s -p1 -F3 <"$here/$name.patch"; then
        echo "$name: the patch does not apply any more"
        survived="$survived $name"
        continue
    fi
    if ! cargo test --locked --profile "$profile" --test sim --no-run >"$copy.log" 2>&1; then
        echo "$name: does not compile"
        tail -n 20 "$copy.log"
        survived="$survived $name"
        continue
    fi
    if cargo test --locked --profile "$profile" --test sim no_schedule -- --nocapture >"$copy.log" 2>&1; then
        echo "$name: SURVIVED $AMPD_SCHEDULES schedules"
        survived="$survived $name"
    else
        caught=$((caught + 1))
        run=$(sed -n 's/^\([0-9]*\) schedules, .*/\1/p' "$copy.log" | head -n 1)
        echo "$name: caught after $run schedules ($(sed -n 's/^[0-9]* times, seed \([0-9]*\): \([^:]*\).*/\2, seed \1/p' "$copy.log" | head -n 1))"
    fi
done
rm -f "$copy.log" "$copy.err"
echo "$caught caught${survived:+, not caught:$survived}"
[ -z "$survived" ]
