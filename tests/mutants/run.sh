#!/bin/sh
# Plants each bug of this directory in a copy of the tree, and runs the simulation until it is caught.
#   tests/mutants/run.sh [NAME...]     all of them without names; MUTANT_SCHEDULES (default 40000) is the most tried
# Exits with 1 when a bug survives, or when its patch does not apply or compile any more.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
export CARGO_TARGET_DIR="${MUTANT_TARGET:-$root/target/mutants}"
export AMPD_SCHEDULES="${MUTANT_SCHEDULES:-40000}"
# One place for every copy, so that cargo compiles what a patch touches and nothing else.
crate="$CARGO_TARGET_DIR/crate"
mkdir -p "$work/base/tests" "$crate"
cp -r "$root/src" "$root/Cargo.lock" "$work/base/" && cp -r "$root/tests/sim" "$work/base/tests/"

names=$*
[ -n "$names" ] || names=$(cd "$here" && ls ./*.patch | sed 's,^\./,,; s,\.patch$,,')
caught=0
survived=
for name in $names; do
    rm -rf "$work/tree" && cp -r "$work/base" "$work/tree"
    if ! (cd "$work/tree" && patch -s -p1 -F3 <"$here/$name.patch" >/dev/null); then
        echo "$name: the patch does not apply any more"
        survived="$survived $name"
        continue
    fi
    "$here/lite.sh" "$work/tree" "$crate"
    if ! (cd "$crate" && cargo test --offline --test sim --no-run >"$work/log" 2>&1); then
        echo "$name: does not compile"
        grep -A 5 '^error' "$work/log" | head -n 20
        survived="$survived $name"
        continue
    fi
    if (cd "$crate" && cargo test --offline --test sim no_schedule -- --nocapture >"$work/log" 2>&1); then
        echo "$name: SURVIVED $AMPD_SCHEDULES schedules"
        survived="$survived $name"
    else
        caught=$((caught + 1))
        first=$(sed -n 's/^[0-9]* times, seed \([0-9]*\): \([^:]*\).*/schedule \1: \2/p' "$work/log" | sort -V | head -n 1)
        echo "$name: caught by $first"
    fi
done
echo "$caught caught${survived:+, not caught:$survived}"
[ -z "$survived" ]
