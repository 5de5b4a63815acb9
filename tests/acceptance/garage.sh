#!/usr/bin/env bash
# ampd against Garage, a real S3 server that is not AWS and does not honour If-None-Match: the daemon is SIGKILLed at
# random moments and the bucket is read back by boto3.
# Environment: AMPD_BIN (target/release/ampd), AMPD_KILLS (50), AMPD_HOURS (48), AMPD_CACHE (where Garage and the Python
# environment are kept, outside the clone). Garage is compiled once, 20 minutes of a processor; it is a program of its
# own (AGPL), nothing of it is linked. Prints a line for each check and a summary; exits 0 when the bucket is the truth.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
bin=$(realpath "${AMPD_BIN:-$root/target/release/ampd}")
kills=${AMPD_KILLS:-50}
hours=${AMPD_HOURS:-48}
cache=${AMPD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ampd-ci}
version=2.5.0
garage=$cache/garage-$version/bin/garage
venv=$cache/moto

mkdir -p "$cache"
if ! "$venv/bin/python" -c 'import boto3' 2>/dev/null; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check 'moto[server,s3]==5.2.5' 'boto3==1.44.5'
fi
if [ ! -x "$garage" ]; then
    echo "garage: compiling Garage $version (once)"
    CARGO_TARGET_DIR=$cache/garage-target nice -n 15 cargo install garage --version "$version" --locked \
        --no-default-features --features sqlite,bundled-libs --root "$cache/garage-$version"
    rm -rf "$cache/garage-target"
fi

work=$(mktemp -d)
started=()
tidy() {
    local status=$?
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    if [ "$status" -eq 0 ]; then rm -rf "$work"; else echo "garage: kept $work" >&2; fi
}
trap tidy EXIT
trap 'exit 130' INT TERM

fail() { echo "garage: $*" >&2; exit 1; }
free_ports() { # as many as asked, all different
    python3 -c 'import socket, sys
all = [socket.socket() for _ in range(int(sys.argv[1]))]
[one.bind(("127.0.0.1", 0)) for one in all]
print(*[one.getsockname()[1] for one in all])' "$1"
}
wait_for() { # wait_for LOG COMMAND...: until the command succeeds, while the process started last is alive
    local log=$1 tries=300
    shift
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        if [ "$tries" -eq 0 ] || ! kill -0 "${started[-1]}" 2>/dev/null; then
            fail "not started: $(tail -3 "$log")"
        fi
        sleep 0.1
    done
}
responds() { python3 -c 'import sys, urllib.request as u; u.urlopen(sys.argv[1], timeout=2)' "$1"; }

# --- one node, one bucket, one key -----------------------------------------------------------------------------------
cd "$work"
read -r rpc_port store_port <<<"$(free_ports 2)"
store=http://127.0.0.1:$store_port
cat >garage.toml <<TOML
metadata_dir = "$work/meta"
data_dir = "$work/data"
db_engine = "sqlite"
replication_factor = 1
rpc_bind_addr = "127.0.0.1:$rpc_port"
rpc_public_addr = "127.0.0.1:$rpc_port"
rpc_secret = "$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')"
[s3_api]
s3_region = "us-east-1"
api_bind_addr = "127.0.0.1:$store_port"
root_domain = ".s3.localhost"
TOML
RUST_LOG=garage=warn "$garage" -c garage.toml server >garage.log 2>&1 &
started+=($!)
manage() { "$garage" -c garage.toml "$@" 2>>manage.err; }
wait_for garage.log manage status
node=$(manage node id -q | cut -d@ -f1)
manage layout assign -z here -c 1G "$node" >/dev/null
manage layout apply --version 1 >/dev/null
manage bucket create lake >/dev/null
AWS_ACCESS_KEY_ID=GK$(head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n')
AWS_SECRET_ACCESS_KEY=$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')
manage key import --yes -n ampd "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" >/dev/null
manage bucket allow --read --write lake --key ampd >/dev/null
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_EC2_METADATA_DISABLED=true AMPD_STORE=garage AMPD_WINDOW_HOURS=1
unset AWS_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL AMPD_CONFIG

# --- the simulator ---------------------------------------------------------------------------------------------------
cat >sim.toml <<TOML
[[projects]]
events_per_hour = 60
empty_hours = [2, 3]
part_ids = [70, 627]
[rows]
compact = true
# Hours take their time, so that the kills find work.
[[faults]]
fault = { first_byte_delay = { ms = 400 } }
TOML
"$bin" sim -q -c sim.toml --listen 127.0.0.1:0 --port-file sim.port >sim.log 2>&1 &
started+=($!)
wait_for sim.log test -s sim.port
sim=http://127.0.0.1:$(cat sim.port)
wait_for sim.log responds "$sim/_sim/health"

first=$(date -u -d "@$((($(date +%s) / 3600 - hours - 3) * 3600))" +%Y-%m-%dT%H)
write_config() { # SINGLE_WRITER
    cat >ampd.toml <<TOML
version = 1
[source.web]
api_key = "sim-api-key"
secret_key = "sim-secret-key"
base_url = "$sim"
allow_custom_base_url = true
start = "$first"
[window]
max = "1h"
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
single_writer = $1
late_write = "1s"
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
    chmod 600 ampd.toml
}

# --- without single_writer it refuses --------------------------------------------------------------------------------
write_config false
code=0
"$bin" --color never once >refused.out 2>refused.err || code=$?
grep -q 'E403' refused.err || fail "no E403 from a store that ignores If-None-Match (exit $code): $(tail -3 refused.err)"
echo "garage: refused without single_writer (E403, exit $code)"

# --- killed, resumed, read back --------------------------------------------------------------------------------------
write_config true
told=$(python3 "$here/kill_runs.py" "$bin" "$kills")
echo "garage: daemon $told"
code=0
"$bin" once -o json >last.json 2>last.err || code=$?
[ "$code" -eq 0 ] || fail "the last run ended with $code: $(tail -3 last.err)"
code=0
"$bin" once -o json --exit-code-no-data 99 >again.json 2>again.err || code=$?
[ "$code" -eq 99 ] || fail "one run more ended with $code, not with nothing to do: $(tail -3 again.err)"
"$venv/bin/python" "$here/read_back.py" check "$store" lake amplitude/raw "$sim" "$first" "$kills"
