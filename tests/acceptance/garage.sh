#!/usr/bin/env bash
# ampd against Garage, a real S3 server that is not AWS and does not honour If-None-Match: the daemon is SIGKILLed at
# random moments and the bucket is read back by boto3.
# Environment: AMPD_BIN (target/release/ampd), AMPD_KILLS (50), AMPD_HOURS (48), AMPD_CACHE (where Garage and the Python
# environment are kept, outside the clone). Garage is compiled once, 20 minutes of a processor; it is a program of its
# own (AGPL), nothing of it is linked. Prints a line for each check and a summary; exits 0 when the bucket is the truth.
set -euo pipefail
name=garage
# shellcheck source=tests/acceptance/support.sh
source "$(dirname "${BASH_SOURCE[0]}")/support.sh"
kills=${AMPD_KILLS:-50}
version=2.5.0
garage=$cache/garage-$version/bin/garage

if [ ! -x "$garage" ]; then
    echo "garage: compiling Garage $version (once)"
    CARGO_TARGET_DIR=$cache/garage-target nice -n 15 cargo install garage --version "$version" --locked \
        --no-default-features --features sqlite,bundled-libs --root "$cache/garage-$version"
    rm -rf "$cache/garage-target"
fi

# --- one node, one bucket, one key -----------------------------------------------------------------------------------
cd "$work"
random_hex() { head -c "$1" /dev/urandom | od -An -tx1 | tr -d ' \n'; }
read -r rpc_port store_port <<<"$(free_ports 2)"
store=http://127.0.0.1:$store_port
cat >garage.toml <<TOML
metadata_dir = "$work/meta"
data_dir = "$work/data"
db_engine = "sqlite"
replication_factor = 1
rpc_bind_addr = "127.0.0.1:$rpc_port"
rpc_public_addr = "127.0.0.1:$rpc_port"
rpc_secret = "$(random_hex 32)"
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
AWS_ACCESS_KEY_ID=GK$(random_hex 12)
AWS_SECRET_ACCESS_KEY=$(random_hex 32)
manage key import --yes -n ampd "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" >/dev/null
manage bucket allow --read --write lake --key ampd >/dev/null

# --- without single_writer it refuses --------------------------------------------------------------------------------
first=$(hours_ago $((${AMPD_HOURS:-48} + 3)))
# Hours take their time, so that the kills find work.
start_sim <<<$'[[faults]]\nfault = { first_byte_delay = { ms = 700 } }'
write_config lake 1h
code=0
"$bin" --color never once >refused.out 2>refused.err || code=$?
grep -q 'E403' refused.err || fail "no E403 from a store that ignores If-None-Match (exit $code): $(tail -3 refused.err)"
echo "garage: refused without single_writer (E403, exit $code)"

# --- killed, resumed, read back --------------------------------------------------------------------------------------
write_config lake 1h $'single_writer = true\nlate_write = "1s"'
kill_daemons "$kills"
finish_and_read_back lake 1 "$kills"
