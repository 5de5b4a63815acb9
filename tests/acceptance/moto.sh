#!/usr/bin/env bash
# ampd against moto's S3 server, SIGKILLed at random moments (start-up included), read back by boto3: first the daemon,
# then `once` and `backfill`.
# Environment: AMPD_BIN (target/release/ampd), AMPD_KILLS (50, of the daemon), AMPD_HOURS (48), AMPD_ONE_SHOT_KILLS (25),
# AMPD_ONE_SHOT_HOURS (240), AMPD_CACHE. Exits 0 when both buckets are equal to the truth.
set -euo pipefail
name=moto
# shellcheck source=tests/acceptance/support.sh
source "$(dirname "${BASH_SOURCE[0]}")/support.sh"
start_moto

# --- the daemon ------------------------------------------------------------------------------------------------------
mkdir "$work/daemon"
cd "$work/daemon"
kills=${AMPD_KILLS:-50}
first=$(hours_ago $((${AMPD_HOURS:-48} + 3)))
# Hours take their time, so that the kills find work.
start_sim <<<$'[[faults]]\nfault = { first_byte_delay = { ms = 700 } }'
create_bucket daemon
write_config daemon 1h
kill_daemons "$kills"
finish_and_read_back daemon 1 "$kills"

# --- once and backfill -----------------------------------------------------------------------------------------------
mkdir "$work/one-shot"
cd "$work/one-shot"
kills_wanted=${AMPD_ONE_SHOT_KILLS:-25}
first=$(hours_ago $((${AMPD_ONE_SHOT_HOURS:-240} + 6)))
start_sim </dev/null
create_bucket one-shot
write_config one-shot 12h
kills=0
runs=0
while [ "$kills" -lt "$kills_wanted" ]; do
    # Half of them die within the first 150 ms, the others within a second and a half.
    if [ $((RANDOM % 2)) -eq 0 ]; then millis=$((RANDOM % 150 + 1)); else millis=$((RANDOM % 1500 + 1)); fi
    if [ $((runs % 3)) -eq 0 ]; then command=(backfill --from "$first" --to -8h); else command=(once); fi
    "$bin" -q "${command[@]}" >>ampd.out 2>>ampd.err &
    pid=$!
    sleep "$(printf '%d.%03d' $((millis / 1000)) $((millis % 1000)))"
    kill -KILL "$pid" 2>/dev/null || true
    code=0
    wait "$pid" 2>/dev/null || code=$?
    runs=$((runs + 1))
    case $code in
        137) kills=$((kills + 1)) ;;
        0) ;;
        *) fail "ampd ended with $code: $(tail -5 ampd.err)" ;;
    esac
done
finish_and_read_back one-shot 12 "$kills"
