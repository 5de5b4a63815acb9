#!/usr/bin/env python3
"""Many tiny hours, and a daemon with nothing to do: processor time and wall per hour, memory, wake-ups.

    AMPD_BIN=target/release/ampd benches/tiny_hours.py [hours=8760]

First a backfill of so many hours with two members each from the simulator into a directory lake, once in windows of a
day and once of an hour. Then a daemon that exports 30 such hours and idles, and the same one restarted: resident memory,
and wake-ups a second of all its threads. Nothing is asserted but the row count: it must be the simulator's.

The lake and the journal lie in TMPDIR: fsyncs cost what they cost there, and an ext4 without a journal makes new files
slowly for a minute after many were deleted.
"""
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from datetime import datetime, timedelta, timezone

AMPD = os.path.abspath(os.environ.get("AMPD_BIN", "target/release/ampd"))
DAEMON_HOURS = 30
SECONDS_IDLE = 20
SIM = """
[[projects]]
id = 187520
api_key = "sim-api-key"
secret_key = "sim-secret-key"
events_per_hour = 5
jitter = 0.0
first_hour = "{first}"
last_hour = "{last}"
parts = 2
"""
CONFIG = """
version = 1
[source.web]
api_key = "sim-api-key"
secret_key = "sim-secret-key"
base_url = "http://127.0.0.1:{port}"
allow_custom_base_url = true
start = "{first}"
[window]
max = "{window}"
[lake]
type = "local"
path = "lake"
[staging]
dir = "stage"
[state]
dir = "state"
[admin]
socket = "socket"
[log]
dir = ""
"""


class World:
    """A directory with a running simulator and a configuration; `hours` of them end four hours ago."""

    def __init__(self, hours, window):
        self.temporary = tempfile.TemporaryDirectory()
        self.work = self.temporary.name
        newest = datetime.now(timezone.utc) - timedelta(hours=4)
        self.span = [newest - timedelta(hours=hours - 1), newest]
        self.first, self.last = (hour.strftime("%Y-%m-%dT%H") for hour in self.span)
        self.write("sim.toml", SIM.format(first=self.first, last=self.last))
        port_file = os.path.join(self.work, "port")
        command = [AMPD, "-c", "sim.toml", "-q", "-o", "none", "sim", "--listen", "127.0.0.1:0", "--port-file", port_file]
        self.sim = subprocess.Popen(command, cwd=self.work, stderr=subprocess.DEVNULL)
        while not os.path.exists(port_file):
            time.sleep(0.05)
        self.port = int(open(port_file).read())
        self.write("ampd.toml", CONFIG.format(port=self.port, first=self.first, window=window))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sim.terminate()
        self.sim.wait()
        self.temporary.cleanup()

    def write(self, name, text):
        with open(os.path.join(self.work, name), "w") as file:
            file.write(text)

    def start(self, *arguments):
        return subprocess.Popen(
            [AMPD, *arguments], cwd=self.work, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )

    def rows(self):
        first, last = (hour.strftime("%Y%m%dT%H") for hour in self.span)
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/_sim/truth?start={first}&end={last}") as answer:
            return json.load(answer)["rows"]

    def published(self):
        manifests = os.path.join(self.work, "lake/_ampd/v1/source=web/manifests")
        return len(os.listdir(manifests)) if os.path.isdir(manifests) else 0


def show(**figures):
    print(json.dumps(figures), flush=True)


def backfill(hours, window):
    with World(hours, window) as world:
        began = time.monotonic()
        child = world.start("backfill", "--from", world.first, "--to", world.last, "-q", "-o", "json")
        output = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        wall, cpu = time.monotonic() - began, usage.ru_utime + usage.ru_stime
        if os.waitstatus_to_exitcode(status) != 0:
            sys.exit(f"ampd ended with {os.waitstatus_to_exitcode(status)}: {output.decode(errors='replace')}")
        rows = json.loads(output.splitlines()[-1])["rows"]
        if rows != world.rows():
            sys.exit(f"{rows} rows instead of {world.rows()}")
        show(
            hours=hours,
            window=window,
            wall_s=round(wall, 1),
            cpu_s=round(cpu, 1),
            cpu_ms_per_hour=round(1000 * cpu / hours, 2),
            peak_rss_mib=round(usage.ru_maxrss / 1024, 1),
        )


def memory(pid):
    """Resident MiB: all of it, and what is not in files."""
    lines = [line.split() for line in open(f"/proc/{pid}/status")]
    kib = {line[0]: int(line[1]) for line in lines if line[0] in ("VmRSS:", "RssAnon:")}
    return {"rss_mib": round(kib["VmRSS:"] / 1024, 1), "anonymous_mib": round(kib["RssAnon:"] / 1024, 1)}


def wakeups(pid):
    """How often its threads have waited, by thread: threads come and go."""
    switches = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        for line in open(f"/proc/{pid}/task/{thread}/status"):
            if line.startswith("voluntary_ctxt_switches"):
                switches[thread] = int(line.split()[1])
    return switches


def idle(world, when):
    daemon = world.start("run")
    while world.published() < DAEMON_HOURS:
        time.sleep(0.1)
    # Threads that have nothing to do end within ten seconds.
    time.sleep(15)
    before = wakeups(daemon.pid)
    time.sleep(SECONDS_IDLE)
    woken = sum(count - before.get(thread, 0) for thread, count in wakeups(daemon.pid).items())
    show(daemon=when, **memory(daemon.pid), wakeups_per_s=round(woken / SECONDS_IDLE, 2))
    daemon.terminate()
    daemon.communicate()


def main():
    hours = int(sys.argv[1]) if len(sys.argv) > 1 else 8760
    for window in ("1d", "1h"):
        backfill(hours, window)
    with World(DAEMON_HOURS, "1d") as world:
        idle(world, f"after {DAEMON_HOURS} hours")
        idle(world, "restarted")


if __name__ == "__main__":
    main()
