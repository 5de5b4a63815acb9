#!/usr/bin/env bash
# Runs the shipped unit in a real systemd: Debian 12 booted as PID 1 in a container of systemd-nspawn, with the
# Amplitude simulator as another service beside it, without any network. Needs root, mmdebstrap and systemd-container.
#
#   AMPD_BIN=target/release/ampd deploy/systemd/test.sh
#
# AMPD_CACHE (default ~/.cache/ampd-ci) keeps the root file system between runs; KEEP=1 leaves the container's files.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
bin=$(readlink -f "${AMPD_BIN:-$top/target/release/ampd}")
cache=${AMPD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ampd-ci}
work=$(mktemp -d "${TMPDIR:-/tmp}/ampd-systemd.XXXXXX")
root=$work/root
nspawn='' leader='' passed=0 failed=0
began=$SECONDS

finish() {
    local code=$?
    trap - EXIT
    if [ -n "$nspawn" ]; then
        if [ "$code" != 0 ] && [ -n "$leader" ]; then
            echo "--- the end of its journal" >&2
            nsenter -t "$leader" -m -u -i -n -p -C -- journalctl -u ampd --no-pager -o cat -n 12 >&2 || true
        fi
        # PID 1 of the container: SIGRTMIN+4 powers it off; what is left after 20 seconds is killed.
        [ -z "$leader" ] || kill -s RTMIN+4 "$leader" 2>/dev/null || true
        for _ in $(seq 40); do kill -0 "$nspawn" 2>/dev/null || break; sleep 0.5; done
        kill -KILL "$nspawn" 2>/dev/null || true
        wait "$nspawn" 2>/dev/null || true
    fi
    if [ -n "${KEEP:-}" ]; then echo "kept: $work"; else rm -rf "$work"; fi
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT TERM

die() { echo "systemd: $*" >&2; exit 1; }
ok() { passed=$((passed + 1)); printf 'ok    %s\n' "$*"; }
bad() { failed=$((failed + 1)); printf 'FAIL  %s\n' "$*"; }
# check WORDS -- COMMAND...: one line for a command's exit code.
check() {
    local words=$1
    shift 2
    local said
    if said=$("$@" 2>&1); then ok "$words"; else bad "$words"; printf '%s\n' "$said" | tail -n 5 | sed 's/^/        /'; fi
}
# until SECONDS COMMAND...: waits for it to succeed.
until_() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.25
    done
}
inside() { nsenter -t "$leader" -m -u -i -n -p -C -- "$@"; }
show() { inside systemctl show ampd -P "$1"; }
journal() { inside journalctl -u ampd --no-pager -o cat "$@"; }
simulator=http://127.0.0.1:8099
compare() {
    nsenter -t "$leader" -n -- python3 "$top/tests/acceptance/read_back.py" \
        --lake "$root/var/lib/ampd/lake" --simulator "$simulator" --from "${1//-/}" --to "$last" "${@:2}"
}
complete() { compare "$1" >/dev/null 2>&1; }
post() { nsenter -t "$leader" -n -- curl -fsS -X "$1" "$simulator/_sim/$2" ${3:+-d "$3"} >/dev/null; }
hours_ago() { date -u -d "$1 hours ago" +%Y-%m-%dT%H; }

[ "$(id -u)" = 0 ] || die "root is needed to boot a container"
[ -x "$bin" ] || die "no ampd at $bin: cargo build --release, or set AMPD_BIN"
for tool in mmdebstrap systemd-nspawn nsenter python3 curl; do
    command -v "$tool" >/dev/null || die "$tool is needed (apt-get install mmdebstrap systemd-container util-linux python3 curl)"
done

# --- the root file system, made once ---------------------------------------------------------------------------------
mkdir -p "$cache" "$root"
image=$cache/systemd-rootfs-2.tar
if [ ! -s "$image" ]; then
    echo "making a Debian 12 with systemd (once, some minutes)"
    nice -n 15 mmdebstrap --quiet --variant=minbase --include=systemd,systemd-sysv,dbus,procps,ca-certificates \
        bookworm "$image.part.tar"
    mv "$image.part.tar" "$image"
fi
tar -xf "$image" -C "$root"

# --- what a package would install ------------------------------------------------------------------------------------
install -m 0755 "$bin" "$root/usr/bin/ampd"
install -m 0644 "$here/ampd.service" "$root/etc/systemd/system/ampd.service"
install -m 0644 "$here/ampd.sysusers" "$root/usr/lib/sysusers.d/ampd.conf"
install -m 0644 "$here/ampd.tmpfiles" "$root/usr/lib/tmpfiles.d/ampd.conf"
install -m 0600 "$here/ampd.default" "$root/etc/default/ampd"
cat >"$root/etc/systemd/system/ampd-sim.service" <<'UNIT'
[Unit]
Description=Amplitude, simulated
[Service]
ExecStart=/usr/bin/ampd -c /etc/ampd-sim.toml sim --listen 127.0.0.1:8099
DynamicUser=yes
UNIT
printf 'ampd-test\n' >"$root/etc/hostname"

last=$(date -u -d '5 hours ago' +%Y%m%dT%H)
sim_key=first-secret key=first-secret start=$(hours_ago 28) extra=''
write_sim() {
    cat >"$root/etc/ampd-sim.toml" <<SIM
seed = 20261124
[[projects]]
api_key = "the-api-key"
secret_key = "$sim_key"
empty_hours = [3]
part_ids = [0, 17]
SIM
}
# With the rest of the file as it is, a start further back gives the daemon more to do.
write_config() {
    cat >"$root/etc/ampd/ampd.toml" <<CONFIG
version = 1
[source.web]
region = "us"
api_key = { file = "/etc/ampd/credentials/web.api_key" }
secret_key = { file = "/etc/ampd/credentials/web.secret_key" }
start = "$start"
base_url = "$simulator"
allow_custom_base_url = true
[window]
max = "1h"
[retry]
initial = "1s"
max = "2s"
[staging]
min_free = "0B"
$extra
CONFIG
    printf 'the-api-key\n' >"$root/etc/ampd/credentials/web.api_key"
    printf '%s\n' "$key" >"$root/etc/ampd/credentials/web.secret_key"
    inside systemd-tmpfiles --create /usr/lib/tmpfiles.d/ampd.conf
}

# --- boot ------------------------------------------------------------------------------------------------------------
write_sim
SYSTEMD_LOG_LEVEL=warning systemd-nspawn -D "$root" --register=no --keep-unit --private-network --console=pipe -b \
    </dev/null >"$work/console.log" 2>&1 &
nspawn=$!
find_leader() { leader=$(pgrep -P "$nspawn" | head -n 1) && [ -n "$leader" ]; }
until_ 20 find_leader || die "the container does not start: $(tail -n 3 "$work/console.log")"
booted() { [[ $(inside systemctl is-system-running 2>/dev/null) =~ ^(running|degraded)$ ]]; }
leader=$(pgrep -P "$nspawn" | head -n 1)
until_ 90 booted || die "the container does not come up: $(tail -n 3 "$work/console.log")"
ok "$(inside systemctl --version | head -n 1 | cut -d' ' -f1-2) booted as PID 1"
inside systemd-sysusers
inside systemd-tmpfiles --create /usr/lib/tmpfiles.d/ampd.conf
write_config

# --- the unit as a file ----------------------------------------------------------------------------------------------
verified=$(inside systemd-analyze verify /etc/systemd/system/ampd.service 2>&1) || verified+=" (failed)"
if [ -z "$verified" ]; then ok "systemd-analyze verify is silent"; else bad "systemd-analyze verify: $verified"; fi
if score=$(inside systemd-analyze security --offline=true --threshold=12 --no-pager /etc/systemd/system/ampd.service | tail -n 1); then
    ok "systemd-analyze security, at most 1.2: ${score#*: }"
else
    bad "systemd-analyze security: $score"
fi

# --- start -----------------------------------------------------------------------------------------------------------
inside systemctl daemon-reload
inside systemctl start ampd-sim
until_ 20 post GET health || die "the simulator does not start"
before=$(date +%s%N)
inside systemctl start ampd || die "it does not start"
ok "start returns when ampd said READY"
ready=$((($(date +%s%N) - before) / 1000000))
if [ "$(show Type)/$(show SubState)/$(show NRestarts)" = notify/running/0 ]; then
    ok "running, ${ready} ms after systemctl start (configuration check included)"
else
    bad "state: $(show SubState), restarts $(show NRestarts)"
fi
main=$(show MainPID)
modes=$(inside stat -c '%U:%G:%a' /var/lib/ampd /var/cache/ampd /run/ampd /var/log/ampd | sort -u) || true
if [ "$modes" = ampd:ampd:700 ]; then
    ok "its four directories are ampd's alone (0700)"
else
    bad "directories: $modes"
fi
until_ 120 complete "$start" || true
check "24 hours equal the simulator's truth: $(compare "$start" || true)" -- compare "$start"
told() { [[ $(show StatusText) == "web $(date -u +%Y)-"*", lag 0h00m"* ]]; }
until_ 20 told || true
status=$(show StatusText)
if told; then
    ok "STATUS: $status"
else
    bad "STATUS: $status"
fi
check "ampd health, as root, through the socket" -- inside ampd health
check "ampd health --ready" -- inside ampd health --ready
check "ampd status, as root" -- inside ampd status
phases=$(find "$root/var/log/ampd" -mindepth 1 -maxdepth 1 -type d -printf '%f ' | tr ' ' '\n' | sort | xargs)
if [[ $phases == *api_call*date_range*s3_load*zip_file_extract* ]]; then
    ok "logs of each phase: $phases"
else
    bad "logs: $phases"
fi

# --- reload ----------------------------------------------------------------------------------------------------------
start=$(hours_ago 52)
write_config
inside systemctl reload ampd
until_ 120 complete "$start" || true
check "a good configuration is taken over: $(compare "$start" || true)" -- compare "$start"
if [ "$(show MainPID)" = "$main" ]; then
    ok "by the same process"
else
    bad "another process"
fi

extra='[lake]
formatt = "json.gz"'
start=$(hours_ago 60)
write_config
mark=$(date -u +'%Y-%m-%d %H:%M:%S')
inside systemctl reload ampd
sleep 3
if [ "$(show MainPID)/$(show SubState)" = "$main/running" ]; then
    ok "a broken configuration changes nothing: still running"
else
    bad "state after a broken reload: $(show SubState)"
fi
journal --since "$mark UTC" >"$work/said"
if grep -q formatt "$work/said"; then
    ok "and the journal says what is wrong"
else
    bad "the journal does not name the key: $(tail -n 2 "$work/said")"
fi
count=$(compare "$start" --count)
if [ "$count" -lt 56 ]; then
    ok "nothing of it was taken over ($count hours, as before)"
else
    bad "$count hours: its start was taken over"
fi
extra=''

sim_key=second-secret start=$(hours_ago 76)
write_sim
inside systemctl restart ampd-sim
until_ 20 post GET health || die "the simulator does not start again"
write_config
inside systemctl reload ampd
refused() { journal -n 50 | grep -q 403; }
if until_ 30 refused; then
    ok "a key that was rotated away is refused, and said"
else
    bad "no word of the refused key"
fi
if [ "$(show SubState)" = running ]; then
    ok "the daemon stays up meanwhile"
else
    bad "it is $(show SubState)"
fi
key=second-secret
write_config
inside systemctl reload ampd
until_ 120 complete "$start" || true
check "the new key is taken over by a reload: $(compare "$start" || true)" -- compare "$start"
if [ "$(show MainPID)/$(show NRestarts)" = "$main/0" ]; then
    ok "all that in one process"
else
    bad "restarted: $(show NRestarts)"
fi

# --- killed in the middle --------------------------------------------------------------------------------------------
post POST faults '{"fault":{"first_byte_delay":{"ms":300}}}'
start=$(hours_ago 124)
write_config
inside systemctl reload ampd
for kill in 1 2 3 4 5; do
    sleep "1.$((RANDOM % 10))"
    inside systemctl kill --kill-who=main -s KILL ampd
    again() { [ "$(show NRestarts)" = "$kill" ] && [ "$(show SubState)" = running ]; }
    until_ 20 again || break
done
left=$(compare "$start" --count)
if [ "$(show NRestarts)/$(show SubState)" = 5/running ]; then
    ok "SIGKILLed 5 times in its work, started again each time ($left of 120 hours by then)"
else
    bad "after 5 kills: $(show SubState), $(show NRestarts) restarts"
fi
until_ 180 complete "$start" || true
check "it resumed, each hour once: $(compare "$start" || true)" -- compare "$start"
post DELETE faults

# --- an engine that hangs --------------------------------------------------------------------------------------------
mkdir -p "$root/etc/systemd/system/ampd.service.d"
printf '[Service]\nWatchdogSec=4\n' >"$root/etc/systemd/system/ampd.service.d/watchdog.conf"
inside systemctl daemon-reload
inside systemctl restart ampd
sleep 10
if [ "$(show NRestarts)/$(show SubState)" = 0/running ]; then
    ok "10 s idle with a watchdog of 4 s: it is fed"
else
    bad "idle: $(show NRestarts) restarts"
fi
main=$(show MainPID)
inside kill -STOP "$main"
replaced() { [ "$(show NRestarts)" = 1 ] && [ "$(show SubState)" = running ]; }
if until_ 60 replaced && [ "$(show MainPID)" != "$main" ]; then
    ok "a frozen daemon is ended by the watchdog and started again"
else
    bad "frozen: $(show SubState), $(show NRestarts) restarts"
fi
journal --since '-2min' >"$work/said"
if inside journalctl --no-pager -o cat -u ampd --since '-2min' | grep -q 'Watchdog timeout'; then
    ok "the journal says: $(grep -m 1 'Watchdog timeout' "$work/said")"
else
    bad "no word of the watchdog"
fi
rm "$root/etc/systemd/system/ampd.service.d/watchdog.conf"

# --- stop ------------------------------------------------------------------------------------------------------------
post POST faults '{"fault":{"first_byte_delay":{"ms":20000}}}'
start=$(hours_ago 140)
write_config
inside systemctl daemon-reload
inside systemctl restart ampd
sleep 2
before=$(date +%s%N)
inside systemctl stop ampd
took=$((($(date +%s%N) - before) / 1000000))
if [ "$(show ActiveState)/$(show Result)/$(show ExecMainStatus)" = inactive/success/0 ] && [ "$took" -lt 30000 ]; then
    ok "stopped in the middle of a request: exit 0 within ${took} ms"
else
    bad "stop: $(show ActiveState) $(show Result) $(show ExecMainStatus), $took ms"
fi
post DELETE faults
inside systemctl start ampd
until_ 120 complete "$start" || true
check "started again, it goes on: $(compare "$start" || true)" -- compare "$start"
inside systemctl stop ampd

# --- only a person can repair this -----------------------------------------------------------------------------------
dead() {
    inside systemctl reset-failed ampd 2>/dev/null || true
    inside systemctl start ampd 2>/dev/null && return 1
    sleep 6
    [ "$(show ActiveState)/$(show ExecMainStatus)/$(show NRestarts)" = failed/78/0 ]
}
extra='[lake]
formatt = "json.gz"'
write_config
if dead; then
    ok "a broken configuration: exit 78, not started again"
else
    bad "broken configuration: $(show ActiveState) $(show ExecMainStatus), $(show NRestarts) restarts"
fi
extra=''
write_config
rm "$root/etc/ampd/credentials/web.secret_key"
if dead; then
    ok "a secret that is missing: exit 78, not started again"
else
    bad "missing secret: $(show ActiveState) $(show ExecMainStatus), $(show NRestarts) restarts"
fi

# --- keys as credentials ---------------------------------------------------------------------------------------------
write_config
sed -i '/^api_key\|^secret_key/d' "$root/etc/ampd/ampd.toml"
inside chown root:root /etc/ampd/credentials/web.api_key /etc/ampd/credentials/web.secret_key
inside chmod 0600 /etc/ampd/credentials/web.api_key /etc/ampd/credentials/web.secret_key
sed -i 's/^#\(LoadCredential=\)/\1/' "$root/etc/systemd/system/ampd.service"
start=$(hours_ago 164)
sed -i "s/^start = .*/start = \"$start\"/" "$root/etc/ampd/ampd.toml"
inside systemctl daemon-reload
inside systemctl reset-failed ampd
check "with LoadCredential and keys that only root can read it starts" -- inside systemctl start ampd
until_ 120 complete "$start" || true
check "and exports: $(compare "$start" || true)" -- compare "$start"
check "ampd status, as root, without those credentials" -- inside ampd status
check "a repair by root is handed over to the daemon" -- inside ampd -q hour reexport "$(hours_ago 10)"
check "and verify finds nothing wrong" -- inside ampd -q verify --from "$start" --to "$(hours_ago 6)"
printf 'note  %s resident, %s threads\n' "$(inside sed -n 's/^VmRSS:[[:space:]]*//p' "/proc/$(show MainPID)/status")" "$(inside sed -n 's/^Threads:[[:space:]]*//p' "/proc/$(show MainPID)/status")"

# --- a journal that takes no lines -----------------------------------------------------------------------------------
printf '[Service]\nLogRateLimitIntervalSec=0\n' >"$root/etc/systemd/system/ampd.service.d/logs.conf"
inside systemctl daemon-reload
printf '[log]\nlevel = "trace,sled=trace"\n' >>"$root/etc/ampd/ampd.toml"
inside systemctl restart ampd
start=$(hours_ago 260)
sed -i "s/^start = .*/start = \"$start\"/" "$root/etc/ampd/ampd.toml"
inside systemctl kill --kill-who=main -s STOP systemd-journald
inside systemctl reload ampd
until_ 120 complete "$start" || true
check "systemd-journald hangs, the export does not: $(compare "$start" || true)" -- compare "$start"
check "it answers meanwhile" -- inside ampd health --ready
inside systemctl kill --kill-who=main -s CONT systemd-journald
said() { journal --since '-5min' | grep -m 1 'lines were dropped'; }
if until_ 60 said; then
    ok "what was lost is said: $(said | sed 's/.*"message":"\([^"]*\)".*/\1/')"
else
    bad "no word of dropped lines"
fi
inside systemctl stop ampd

# --- rotation --------------------------------------------------------------------------------------------------------
logs=$root/var/log/ampd
for phase in api_call date_range s3_load zip_file_extract; do
    rm -f "$logs/$phase"/*
    for days in 5 4 3 2 1; do
        echo old >"$logs/$phase/$(date -u -d "$days days ago" +%F).$phase.log"
        sleep 0.02
    done
    chown -R --reference="$logs" "$logs/$phase"
done
sed -i '/^\[log\]/,$d' "$root/etc/ampd/ampd.toml"
printf '[log]\nkeep_files = 3\n' >>"$root/etc/ampd/ampd.toml"
inside systemctl start ampd
kept() { find "$logs" -name '*.log' -printf '%f\n' | sort | xargs; }
expected=$(for phase in api_call date_range s3_load zip_file_extract; do
    for days in 2 1 0; do echo "$(date -u -d "$days days ago" +%F).$phase.log"; done
done | sort | xargs)
if [ "$(kept)" = "$expected" ]; then
    ok "log.keep_files = 3: today's file and the two before are kept of each phase"
else
    bad "log files: $(kept)"
fi
inside systemctl stop ampd

check "root looks at the journal of the stopped daemon" -- inside ampd -q hour ls
refuses() {
    said=$(inside ampd -q --color never once 2>&1) && return 1
    grep -q E505 <<<"$said"
}
check "root's work on its directories is refused: what root writes the daemon could not read" -- refuses
strangers=$(find "$root"/var/{lib,cache,log}/ampd ! -user "$(stat -c %u "$root/var/lib/ampd")" | head -n 3)
if [ -z "$strangers" ]; then
    ok "root left no file in its directories"
else
    bad "not ampd's own: $strangers"
fi
check "which does not keep it from starting again" -- inside systemctl start ampd
inside systemctl stop ampd

printf 'systemd: %d passed, %d failed (%d s)\n' "$passed" "$failed" $((SECONDS - began))
[ "$failed" = 0 ]
