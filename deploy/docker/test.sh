#!/usr/bin/env bash
# Builds the shipped Dockerfile as it is and runs the image the way an operator does: read-only, without capabilities,
# as nobody; exports 48 hours from the simulator, is killed in the middle, goes on with the same volume, and is compared
# with the truth. Needs root, podman, buildah, runc, mmdebstrap and cargo; no Docker engine and no registry of images.
#
#   deploy/docker/test.sh
#
# The base images are made with mmdebstrap and get the names that the Dockerfile uses. The crates that Cargo.lock names
# are fetched outside and mounted; cargo in the build is offline. AMPD_CACHE (default ~/.cache/ampd-ci) keeps base
# images, crates and layers between runs. AMPD_PREBUILT=1 takes AMPD_BIN (default target/release/ampd) instead of
# compiling in the container: the builder stage is then replaced, the rest of the Dockerfile is the shipped one.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
cache=${AMPD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ampd-ci}
mkdir -p "$cache"
work=$(mktemp -d "${TMPDIR:-/tmp}/ampd-docker.XXXXXX")
name=ampd-test-$$
image=localhost/ampd:$name
passed=0 failed=0
began=$SECONDS

# A store of its own: nothing of the machine's own images is touched.
printf '[network]\nnetwork_backend = "netavark"\n' >"$work/containers.conf"
export CONTAINERS_CONF=$work/containers.conf
pod() { podman --log-level fatal --root "$cache/podman" --runroot "$cache/podman-run" --runtime runc --cgroup-manager cgroupfs "$@"; }
finish() {
    local code=$?
    trap - EXIT
    pod rm -f -t 0 "$name" "$name-sim" >/dev/null 2>&1 || true
    pod volume rm -f "$name" >/dev/null 2>&1 || true
    pod rmi -f "$image" >/dev/null 2>&1 || true
    umount "$cache/podman/overlay" 2>/dev/null || true
    rm -rf --one-file-system "$work"
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT TERM

die() { echo "docker: $*" >&2; exit 1; }
ok() { passed=$((passed + 1)); printf 'ok    %s\n' "$*"; }
bad() { failed=$((failed + 1)); printf 'FAIL  %s\n' "$*"; }
# check WORDS -- COMMAND...: one line for a command's exit code.
check() {
    local words=$1 said
    shift 2
    if said=$("$@" 2>&1); then ok "$words"; else bad "$words"; printf '%s\n' "$said" | tail -n 5 | sed 's/^/        /'; fi
}
# same WORDS EXPECTED ACTUAL
same() { if [ "$2" = "$3" ]; then ok "$1: $2"; else bad "$1: $3 instead of $2"; fi; }
until_() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.25
    done
}

[ "$(id -u)" = 0 ] || die "root is needed"
for tool in podman buildah runc mmdebstrap cargo rustc nsenter python3 curl; do
    command -v "$tool" >/dev/null || die "$tool is needed (apt-get install podman buildah runc mmdebstrap)"
done

# --- base images under the names of the Dockerfile -------------------------------------------------------------------
bootstrap() { # FILE PACKAGES
    [ -s "$1" ] && return
    echo "making a Debian 12 with $2 (once, some minutes)"
    nice -n 15 mmdebstrap --quiet --variant=minbase --include="$2" bookworm "${1%.tar}.part.tar"
    mv "${1%.tar}.part.tar" "$1"
}
have() { pod image exists "$1"; }
runtime=docker.io/library/debian:bookworm-slim builder=docker.io/library/rust:1.95-bookworm
if ! have "$runtime"; then
    bootstrap "$cache/docker-debian.tar" ca-certificates
    pod import --change CMD=bash "$cache/docker-debian.tar" "$runtime" >/dev/null
fi
if [ -z "${AMPD_PREBUILT:-}" ]; then
    release=$(rustc --version)
    [[ $release == "rustc 1.95."* ]] || die "the builder image wants Rust 1.95, not $release"
    if ! have "$builder"; then
        bootstrap "$cache/rust-base.tar" ca-certificates,gcc,g++,libc6-dev,make,pkg-config
        mkdir "$work/rust"
        tar -xf "$cache/rust-base.tar" -C "$work/rust" --exclude './dev/*'
        mkdir -p "$work/rust/usr/local/rust" "$work/rust/usr/local/cargo"
        cp -a "$(rustc --print sysroot)/." "$work/rust/usr/local/rust/"
        rm -rf "$work/rust/usr/local/rust/share"
        tar -cf "$work/rust.tar" -C "$work/rust" .
        pod import --change 'ENV CARGO_HOME=/usr/local/cargo' --change 'ENV CARGO_NET_OFFLINE=true' \
            --change 'ENV PATH=/usr/local/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
            "$work/rust.tar" "$builder" >/dev/null
        rm -rf "$work/rust" "$work/rust.tar"
    fi
    # Exactly the crates of Cargo.lock, by the ordinary client.
    CARGO_HOME=$cache/docker-cargo cargo fetch --locked --manifest-path "$top/Cargo.toml" >/dev/null 2>&1
fi

# --- build -----------------------------------------------------------------------------------------------------------
build() { nice -n 15 podman --root "$cache/podman" --runroot "$cache/podman-run" --runtime runc build --isolation chroot --pull-never --format docker --layers "$@"; }
revision=$(git -C "$top" rev-parse --short HEAD 2>/dev/null || echo unknown)
at=$SECONDS
if [ -z "${AMPD_PREBUILT:-}" ]; then
    check "the shipped Dockerfile builds, cargo offline" -- build -v "$cache/docker-cargo/registry:/usr/local/cargo/registry" \
        --build-arg "REVISION=$revision" -t "$image" "$top"
else
    bin=$(readlink -f "${AMPD_BIN:-$top/target/release/ampd}")
    [ -x "$bin" ] || die "no ampd at $bin"
    mkdir "$work/context"
    cp "$bin" "$work/context/ampd"
    cp "$top/LICENSE" "$work/context/"
    {
        printf 'FROM debian:bookworm-slim AS builder\nCOPY ampd LICENSE ./\n'
        printf 'RUN install -d -m 0700 /out/var/lib/ampd && install -D -m 0755 ampd /out/usr/bin/ampd \\\n'
        printf ' && install -D -m 0644 LICENSE /out/usr/share/doc/ampd/LICENSE\n'
        sed -n '/^FROM debian:bookworm-slim$/,$p' "$top/Dockerfile"
    } >"$work/context/Dockerfile"
    check "the shipped runtime stage builds around a binary from outside (AMPD_PREBUILT)" -- \
        build --build-arg "REVISION=$revision" -t "$image" "$work/context"
fi
[ "$failed" = 0 ] || die "no image"
took=$((SECONDS - at))
bytes() { pod image inspect --format '{{.Size}}' "$1"; }
printf 'note  built in %d s; image %d MB, %d MB of them the base\n' "$took" $(($(bytes "$image") / 1000000)) $(($(bytes "$runtime") / 1000000))
inspect() { pod image inspect --format "$1" "$image"; }
same "it runs as 65532, not as root" 65532:65532 "$(inspect '{{.Config.User}}')"
same "it stops by SIGTERM" SIGTERM "$(inspect '{{.Config.StopSignal}}')"
same "its health check" '[CMD ampd health]' "$(inspect '{{.HealthCheck.Test}}')"
same "one volume" 'map[/var/lib/ampd:{}]' "$(inspect '{{.Config.Volumes}}')"
same "labels" "MIT $revision" "$(inspect '{{index .Config.Labels "org.opencontainers.image.licenses"}} {{index .Config.Labels "org.opencontainers.image.revision"}}')"

# --- the simulator, whose network ampd shares: a loopback without anything else --------------------------------------
hardened=(--read-only --cap-drop ALL --security-opt no-new-privileges --ulimit nofile=1024:1024 --ulimit nproc=4096:4096)
simulator=http://127.0.0.1:8099
printf 'seed = 48\n[[projects]]\napi_key = "the-key"\nsecret_key = "the-secret"\nempty_hours = [3]\npart_ids = [0, 17]\n' >"$work/sim.toml"
chmod 0755 "$work"
pod run -d --name "$name-sim" "${hardened[@]}" --network none -v "$work/sim.toml:/etc/sim.toml:ro" \
    "$image" -c /etc/sim.toml sim --listen 127.0.0.1:8099 >/dev/null
sim=$(pod inspect --format '{{.State.Pid}}' "$name-sim")
post() { nsenter -t "$sim" -n -- curl -fsS -X "$1" "$simulator/_sim/$2" ${3:+-d "$3"} >/dev/null; }
until_ 20 post GET health || die "the simulator does not start: $(pod logs "$name-sim" 2>&1 | tail -n 3)"

first=$(date -u -d '52 hours ago' +%Y-%m-%dT%H) last=$(date -u -d '5 hours ago' +%Y%m%dT%H)
pod volume create "$name" >/dev/null
volume=$(pod volume inspect --format '{{.Mountpoint}}' "$name")
compare() {
    nsenter -t "$sim" -n -- python3 "$top/tests/acceptance/read_back.py" --lake "$volume/lake" --source default \
        --simulator "$simulator" --from "${first//-/}" --to "$last" "$@"
}
complete() { compare; }
export AMP_API_KEY=the-key AMP_SECRET_KEY=the-secret
run() { # MORE OPTIONS
    pod run -d --name "$name" "$@" "${hardened[@]}" --network "container:$name-sim" -v "$name:/var/lib/ampd" \
        -e AMP_API_KEY -e AMP_SECRET_KEY -e "AMPD_SOURCE__DEFAULT__START=$first" \
        -e "AMPD_SOURCE__DEFAULT__BASE_URL=$simulator" -e AMPD_SOURCE__DEFAULT__ALLOW_CUSTOM_BASE_URL=true \
        -e AMPD_WINDOW__MAX=1h -e AMPD_STAGING__MIN_FREE=0B "$image" >/dev/null
}
state() { pod inspect --format "{{.State.$1}}" "$name"; }

check "with nothing but the two keys the configuration is complete" -- pod run --rm "${hardened[@]}" --network none \
    -e AMP_API_KEY -e AMP_SECRET_KEY -v "$name:/var/lib/ampd" "$image" config check

# --- killed in the middle --------------------------------------------------------------------------------------------
post POST faults '{"fault":{"first_byte_delay":{"ms":200}}}'
run
halfway() { [ "$(compare --count)" -ge "$1" ]; }
until_ 120 halfway 12 || die "nothing is exported: $(pod logs "$name" 2>&1 | tail -n 3)"
healthy() { pod healthcheck run "$name"; }
until_ 30 healthy || true
same "the health check turns healthy" healthy "$(healthy >/dev/null 2>&1; state Health.Status)"
pod kill -s KILL "$name" >/dev/null
stopped() { [ "$(state Running)" = false ]; }
until_ 20 stopped || true
at=$(compare --count)
same "killed in the middle ($at of 48 hours), exit code" 137 "$(state ExitCode)"
if [ "$at" -lt 48 ]; then ok "some hours were still to do"; else bad "it was done before the kill"; fi
pod start "$name" >/dev/null
until_ 60 halfway $((at + 10)) || true
pod kill -s KILL "$name" >/dev/null
until_ 20 stopped || true
at=$(compare --count)
pod rm "$name" >/dev/null
run
until_ 180 complete || true
check "another container goes on with the volume (from $at hours): $(compare || true)" -- complete
until_ 30 healthy || true
same "healthy again" healthy "$(healthy >/dev/null 2>&1; state Health.Status)"
same "files are written by 65532 alone" 65532 "$(find "$volume" -printf '%U\n' | sort -u | xargs)"
check "ampd status inside" -- pod exec "$name" ampd status
pid=$(state Pid)
same "no capability is left, no new privileges" '0000000000000000 1' \
    "$(sed -n 's/^CapEff:\t//p' "/proc/$pid/status") $(sed -n 's/^NoNewPrivs:\t//p' "/proc/$pid/status")"
printf 'note  %s resident\n' "$(sed -n 's/^VmRSS:[[:space:]]*//p' "/proc/$pid/status")"
at=$SECONDS
pod stop -t 40 "$name" >/dev/null
same "podman stop: SIGTERM, within $((SECONDS - at)) s, exit code" 0 "$(state ExitCode)"
pod rm "$name" >/dev/null

# --- logs ------------------------------------------------------------------------------------------------------------
phases=$(find "$volume/logs" -name "$(date -u +%F).*.log" -printf '%f\n' | cut -d. -f2 | sort | xargs)
same "logs of each phase in the volume" 'api_call date_range s3_load zip_file_extract' "$phases"
# conmon reads the container's stderr: stopped, nobody does.
first=$(date -u -d '124 hours ago' +%Y-%m-%dT%H)
run -e AMPD_LOG__LEVEL=trace,sled=trace
conmon=$(pod inspect --format '{{.State.ConmonPid}}' "$name")
kill -STOP "$conmon"
at=$(compare --count)
until_ 180 complete || true
check "nobody reads its log, the export goes on (from $at hours): $(compare || true)" -- complete
kill -CONT "$conmon"
said() { pod logs "$name" 2>&1 | grep -m 1 'lines were dropped'; }
if until_ 60 said; then
    ok "what was lost is said: $(said | sed 's/.*"message":"\([^"]*\)".*/\1/')"
else
    bad "no word of dropped lines"
fi
at=$SECONDS
pod stop -t 40 "$name" >/dev/null
same "and stopped, within $((SECONDS - at)) s, exit code" 0 "$(state ExitCode)"

printf 'docker: %d passed, %d failed (%d s)\n' "$passed" "$failed" $((SECONDS - began))
[ "$failed" = 0 ]
