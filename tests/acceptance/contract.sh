#!/usr/bin/env bash
# The lake's contract tests against moto's S3 server, whose conditional writes are exact.
# Environment: AMPD_CACHE (a directory for the Python environment, outside the clone), CARGO_TARGET_DIR.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${AMPD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ampd-ci}
venv=$cache/moto
if ! "$venv/bin/python" -c 'import moto, boto3, flask' 2>/dev/null; then
    mkdir -p "$cache"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check 'moto[server,s3]==5.2.5' 'boto3==1.44.5'
fi

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
log=$(mktemp)
"$venv/bin/moto_server" -H 127.0.0.1 -p "$port" >"$log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true; rm -f "$log"' EXIT

export AMPD_TEST_S3_ENDPOINT=http://127.0.0.1:$port AMPD_TEST_S3_BUCKET=lake
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true
for attempt in $(seq 1 100); do
    if "$venv/bin/python" "$here/read_back.py" create "$AMPD_TEST_S3_ENDPOINT" lake 2>/dev/null; then break; fi
    if [ "$attempt" -eq 100 ]; then
        echo "contract: moto did not start: $(tail -3 "$log")" >&2
        exit 1
    fi
    sleep 0.2
done
cd "$here/../.."
cargo test --locked --lib a_server_named_by_the_environment_keeps_the_contract
