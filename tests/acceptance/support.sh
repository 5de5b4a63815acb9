# What the acceptance scripts share; sourced, after `set -euo pipefail`, with $name set to the script's own name.
# Environment: AMPD_BIN (target/release/ampd), AMPD_CACHE (where the Python environment is kept, outside the clone).

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${AMPD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ampd-ci}
python=$cache/moto/bin/python

fail() { echo "$name: $*" >&2; exit 1; }

# moto and boto3, installed once.
if ! "$python" -c 'import moto, boto3, flask' 2>/dev/null; then
    mkdir -p "$cache"
    python3 -m venv "$cache/moto"
    "$cache/moto/bin/pip" install --quiet --disable-pip-version-check 'moto[server,s3]==5.2.5' 'boto3==1.44.5'
fi

# Nothing of the caller's accounts and configuration.
export AWS_ACCESS_KEY_ID=testing AWS_SECRET_ACCESS_KEY=testing AWS_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true
unset AWS_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL AMPD_CONFIG

# A directory of the run's own; what is started is ended, and the directory kept only after a failure.
work=$(mktemp -d)
started=()
tidy() {
    local status=$?
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    if [ "$status" -eq 0 ]; then rm -rf "$work"; else echo "$name: kept $work" >&2; fi
}
trap tidy EXIT
trap 'exit 130' INT TERM

free_ports() { # as many as asked, all different
    python3 -c 'import socket, sys
all = [socket.socket() for _ in range(int(sys.argv[1]))]
[one.bind(("127.0.0.1", 0)) for one in all]
print(*[one.getsockname()[1] for one in all])' "$1"
}
wait_for() { # LOG COMMAND...: until the command succeeds, while the process started last is alive
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
hours_ago() { date -u -d "@$((($(date +%s) / 3600 - $1) * 3600))" +%Y-%m-%dT%H; }

start_moto() { # sets $store
    store=http://127.0.0.1:$(free_ports 1)
    "$cache/moto/bin/moto_server" -H 127.0.0.1 -p "${store##*:}" >"$work/moto.log" 2>&1 &
    started+=($!)
    wait_for "$work/moto.log" responds "$store/moto-api/"
}
create_bucket() {
    "$python" -c 'import sys, boto3; boto3.client("s3", endpoint_url=sys.argv[1]).create_bucket(Bucket=sys.argv[2])' "$store" "$1"
}
start_sim() { # the rest of its configuration on stdin; a new one in the present directory; sets $sim
    bin=$(realpath "${AMPD_BIN:-$root/target/release/ampd}")
    rm -f sim.port
    { printf '[[projects]]\nevents_per_hour = 60\nempty_hours = [2, 3]\npart_ids = [70, 627]\n[rows]\ncompact = true\n'; cat; } >sim.toml
    "$bin" sim -q -c sim.toml --listen 127.0.0.1:0 --port-file sim.port >sim.log 2>&1 &
    started+=($!)
    wait_for sim.log test -s sim.port
    sim=http://127.0.0.1:$(cat sim.port)
    wait_for sim.log responds "$sim/_sim/health"
}
write_config() { # BUCKET WINDOW [MORE LINES OF [lake]]: into the present directory; of $first, $sim and $store
    cat >ampd.toml <<TOML
version = 1
[source.web]
api_key = "sim-api-key"
secret_key = "sim-secret-key"
base_url = "$sim"
allow_custom_base_url = true
start = "$first"
[window]
max = "$2"
empty_confirm = "0s"
recheck_after = "off"
[retry]
initial = "20ms"
max = "2s"
[lake]
type = "s3"
bucket = "$1"
prefix = "amplitude/raw"
region = "us-east-1"
endpoint = "$store"
path_style = true
${3:-}
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
kill_daemons() { # KILLS
    local told
    told=$(python3 "$here/kill_runs.py" "$bin" "$1") || fail "the daemon: $told"
    echo "$name: daemon $told"
}
ends_with() { # CODE COMMAND...: of ampd
    local expected=$1 code=0
    shift
    "$bin" -o json "$@" >last.json 2>last.err || code=$?
    [ "$code" -eq "$expected" ] || fail "ampd $* ended with $code, not $expected: $(tail -5 last.err)"
}
# What the kills left is done, then there is nothing to do, and the bucket is the truth.
finish_and_read_back() { # BUCKET WINDOW_HOURS KILLS
    ends_with 0 once
    ends_with 99 once --exit-code-no-data 99
    local told
    told=$("$python" "$here/read_back.py" --endpoint "$store" --bucket "$1" --prefix amplitude/raw --simulator "$sim" \
        --from "${first//-/}" --alone --window "$2" --kills "$3") || fail "$told"
    echo "$name: $told"
}
