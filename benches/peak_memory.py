#!/usr/bin/env python3
"""Peak resident memory and processor time of `ampd once` on archives of two sizes.

Memory must not depend on the archive: the figures for 100 MB and for 1 GB of JSON stand side by side, in both formats,
on a directory lake. Nothing is asserted; the lake's row count must equal the simulator's, else the figure is worth
nothing and the script fails.

    AMPD_BIN=target/release/ampd benches/peak_memory.py [rows-per-hour ...]

With AMPD_LIMIT_MIB=64 in the environment (as root) ampd runs in a memory cgroup of that size, page cache included:
the kernel kills it when it needs more, and the script fails.
"""
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request

AMPD = os.path.abspath(os.environ.get("AMPD_BIN", "target/release/ampd"))
HOURS = 24
DAY = "2026-01-15"
SIM = """
now = "2026-01-17T00:00:00Z"
[[projects]]
id = 187520
api_key = "sim-api-key"
secret_key = "sim-secret-key"
events_per_hour = {rows}
jitter = 0.0
first_hour = "{day}T00"
last_hour = "{day}T23"
parts = 4
"""
CONFIG = """
version = 1
[source.web]
api_key = "sim-api-key"
secret_key = "sim-secret-key"
base_url = "http://127.0.0.1:{port}"
allow_custom_base_url = true
start = "{day}T00"
[lake]
type = "local"
path = "lake"
format = "{form}"
[staging]
dir = "stage"
[state]
dir = "state"
[log]
dir = ""
"""


def truth(port):
    url = f"http://127.0.0.1:{port}/_sim/truth?start=20260115T00&end=20260115T23"
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)


class Limit:
    """A memory cgroup (version 1 or 2) of so many MiB; none without a number."""

    def __init__(self, mebibytes):
        self.group = None
        if not mebibytes:
            return
        version1 = os.path.isdir("/sys/fs/cgroup/memory")
        self.group = os.path.join("/sys/fs/cgroup/memory" if version1 else "/sys/fs/cgroup", f"ampd-{os.getpid()}")
        os.makedirs(self.group, exist_ok=True)
        self.write("memory.limit_in_bytes" if version1 else "memory.max", f"{mebibytes}M")

    def write(self, name, text):
        with open(os.path.join(self.group, name), "w") as file:
            file.write(text)

    def enter(self):
        if self.group:
            self.write("cgroup.procs", str(os.getpid()))

    def remove(self):
        if self.group:
            os.rmdir(self.group)


def measure(work, port, form):
    with open(os.path.join(work, "ampd.toml"), "w") as config:
        config.write(CONFIG.format(port=port, day=DAY, form=form))
    began = time.monotonic()
    command = [AMPD, "backfill", "--from", f"{DAY}T00", "--to", f"{DAY}T23", "-q", "-o", "json"]
    limit = Limit(os.environ.get("AMPD_LIMIT_MIB"))
    child = subprocess.Popen(command, cwd=work, stdout=subprocess.PIPE, preexec_fn=limit.enter)
    output = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    limit.remove()
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"ampd ended with {os.waitstatus_to_exitcode(status)}: {output.decode(errors='replace')}")
    summary = json.loads(output.splitlines()[-1])
    return summary["rows"], usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime, time.monotonic() - began


def main():
    sizes = [int(text) for text in sys.argv[1:]] or [1_800, 18_000]
    for form in ("json.gz", "json", "json.zst", "parquet"):
        for rows in sizes:
            with tempfile.TemporaryDirectory() as work:
                port_file = os.path.join(work, "port")
                with open(os.path.join(work, "sim.toml"), "w") as config:
                    config.write(SIM.format(rows=rows, day=DAY))
                sim = subprocess.Popen(
                    [AMPD, "-c", "sim.toml", "-q", "-o", "none", "sim", "--listen", "127.0.0.1:0", "--port-file", port_file],
                    cwd=work,
                )
                try:
                    while not os.path.exists(port_file):
                        time.sleep(0.05)
                    port = int(open(port_file).read())
                    expected = truth(port)
                    got, rss, cpu, wall = measure(work, port, form)
                finally:
                    sim.terminate()
                    sim.wait()
                if got != expected["rows"]:
                    sys.exit(f"{form}: {got} rows instead of {expected['rows']}")
                print(
                    json.dumps(
                        {
                            "format": form,
                            "limit_mib": int(os.environ.get("AMPD_LIMIT_MIB", 0)) or None,
                            "raw_mb": round(expected["bytes"] / 1e6),
                            "rows": got,
                            "peak_rss_mib": round(rss, 1),
                            "cpu_s": round(cpu, 2),
                            "cpu_s_per_raw_gb": round(cpu / (expected["bytes"] / 1e9), 2),
                            "wall_s": round(wall, 2),
                        }
                    ),
                    flush=True,
                )


if __name__ == "__main__":
    main()
