#!/usr/bin/env bash
# ampd against moto's S3 server, SIGKILLed at random moments (start-up included), read back by boto3.
# Environment: AMPD_BIN (target/release/ampd), AMPD_KILLS (50), AMPD_HOURS (360), AMPD_CACHE (a directory for the
# Python environment, outside the clone). Prints one line and exits 0 when the bucket is equal to the truth.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
bin=$(realpath "${AMPD_BIN:-$root/target/release/ampd}")
kills_wanted=${AMPD_KILLS:-50}
hours=${AMPD_HOURS:-360}
cache=${AMPD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ampd-ci}
venv=$cache/moto

if ! "$venv/bin/python" -c 'import moto, boto3, flask' 2>/dev/null; then
    mkdir -p "$cache"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check 'moto[server,s3]==5.2.5' 'boto3==1.44.5'
fi

work=$(mktemp -d)
started=()
tidy() {
    local status=$?
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    if [ "$status" -eq 0 ]; then rm -rf "$work"; else echo "moto: kept $work" >&2; fi
}
trap tidy EXIT
trap 'exit 130' INT TERM

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
wait_for() { # wait_for LOG COMMAND...: until the command succeeds, while the process started last is alive
    local log=$1 tries=300
    shift
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        if [ "$tries" -eq 0 ] || ! kill -0 "${started[-1]}" 2>/dev/null; then
            echo "moto: not started: $(tail -3 "$log")" >&2
            exit 1
        fi
        sleep 0.1
    done
}
responds() { python3 -c 'import sys, urllib.request as u; u.urlopen(sys.argv[1], timeout=2)' "$1"; }

cd "$work"
store_port=$(free_port)
store=http://127.0.0.1:$store_port
"$venv/bin/moto_server" -H 127.0.0.1 -p "$store_port" >moto.log 2>&1 &
started+=($!)
wait_for moto.log responds "$store/moto-api/"

cat >sim.toml <<TOML
[[projects]]
events_per_hour = 60
empty_hours = [2, 3]
part_ids = [70, 627]
[rows]
compact = true
TOML
"$bin" sim -q -c sim.toml --listen 127.0.0.1:0 --port-file "$work/sim.port" >sim.log 2>&1 &
started+=($!)
wait_for sim.log test -s sim.port
sim=http://127.0.0.1:$(cat sim.port)
wait_for sim.log responds "$sim/_sim/health"
# The environment of the binary: nothing of the caller's accounts, nothing of its configuration.
export AWS_ACCESS_KEY_ID=testing AWS_SECRET_ACCESS_KEY=testing AWS_EC2_METADATA_DISABLED=true
unset AWS_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL AMPD_CONFIG
"$venv/bin/python" "$here/read_back.py" create "$store" lake

first=$(date -u -d "@$((($(date +%s) / 3600 - hours - 6) * 3600))" +%Y-%m-%dT%H)
cat >ampd.toml <<TOML
version = 1
[source.web]
api_key = "sim-api-key"
secret_key = "sim-secret-key"
base_url = "$sim"
allow_custom_base_url = true
start = "$first"
[window]
max = "12h"
empty_confirm = "0s"
recheck_after = "off"
[retry]
initial = "20ms"
max = "2s"
[lake]
type = "s3"
bucket = "lake"
prefix = "amplitude/raw"
region = "us-east-1"
endpoint = "$store"
path_style = true
[staging]
dir = "stage"
min_free = "1MiB"
[state]
dir = "state"
[log]
dir = "logs"
[admin]
socket = "ampd.sock"
TOML

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
        *) echo "moto: ampd ended with $code" >&2; tail -5 ampd.err >&2; exit 1 ;;
    esac
done
code=0
"$bin" once -o json >last.json 2>last.err || code=$?
[ "$code" -eq 0 ] || { echo "moto: the last run ended with $code" >&2; tail -5 last.err >&2; exit 1; }
"$bin" once -o json --exit-code-no-data 99 >again.json 2>again.err || code=$?
[ "$code" -eq 99 ] || { echo "moto: one run more ended with $code, not with nothing to do" >&2; exit 1; }
"$venv/bin/python" "$here/read_back.py" check "$store" lake amplitude/raw "$sim" "$first" "$kills"
