#!/usr/bin/env bash
# Fuzzes by libFuzzer on stable Rust: fuzz/run.sh [SECONDS [TARGET...]], 15 seconds each of every target without.
# New inputs go to AMPD_CORPUS (default: a directory beside the build); a crash is kept in fuzz/found. Needs a C++ compiler.
# Only ampd itself is compiled anew, with coverage: its dependencies are those of the release build.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-15}
shift || true
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then targets=(admin archive configuration journal manifest rows); fi
target_dir=${CARGO_TARGET_DIR:-$PWD/target}

# The wrapper reaches the workspace's own crates only.
wrapper=$target_dir/fuzz-rustc
mkdir -p "$target_dir"
cat >"$wrapper" <<'SH'
#!/bin/sh
rustc=$1
shift
exec "$rustc" "$@" -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Clink-dead-code -Cdebug-assertions=on
SH
chmod +x "$wrapper"
RUSTC_WORKSPACE_WRAPPER=$wrapper cargo build --release --locked --features fuzz --example fuzz

failed=0
for target in "${targets[@]}"; do
    kept=${AMPD_CORPUS:-$target_dir/fuzz-corpus}/$target
    mkdir -p "$kept" fuzz/found
    log=$target_dir/fuzz-$target.log
    if AMPD_FUZZ=$target "$target_dir/release/examples/fuzz" "$kept" "fuzz/corpus/$target" -max_total_time="$seconds" \
        -max_len=65536 -timeout=25 -rss_limit_mb=1024 -print_final_stats=1 -artifact_prefix="fuzz/found/$target-" >"$log" 2>&1; then
        state=fine
    else
        state=FAILED
        failed=$((failed + 1))
        grep -aE 'panicked|ERROR|assert' -A 3 "$log" | head -20
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    covered=$(grep -aoE 'cov: [0-9]+' "$log" | tail -1)
    printf 'fuzz: %-14s %s, %s executions, %s, %s inputs\n' "$target" "$state" "${runs:-?}" "${covered:-cov: ?}" \
        "$(find "$kept" "fuzz/corpus/$target" -type f | wc -l)"
done
rmdir fuzz/found 2>/dev/null || true
echo "fuzz: ${#targets[@]} targets, $((${#targets[@]} - failed)) passed, $failed failed"
[ "$failed" -eq 0 ]
