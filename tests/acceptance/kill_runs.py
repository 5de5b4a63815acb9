"""Starts the daemon and SIGKILLs it at random moments, again and again, and measures how soon it is ready.

kill_runs.py BINARY KILLS [LONGEST_MILLISECONDS]

Ready is what the daemon tells a service manager (READY=1 on $NOTIFY_SOCKET). A third of the lives end before that can
have come: one that was killed sooner than the slowest start that was seen tells nothing of readiness, and is counted
as too short. Prints one JSON object. A life that ended by anything but our SIGKILL is a failure, and so is one that
was not ready within a second.
"""

import json
import os
import random
import select
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

READY_WITHIN = 1.0


class Life(NamedTuple):
    """Seconds until it was killed, and until it was ready, or None when that did not come before."""

    lasted: float
    ready: float | None

    def is_slow(self):
        return (self.lasted if self.ready is None else self.ready) >= READY_WITHIN


def live(binary, listener, path, lasts):
    while select.select([listener], [], [], 0)[0]:
        listener.recv(4096)
    began = time.monotonic()
    with open("daemon.log", "ab") as log:
        daemon = subprocess.Popen([binary, "run"], stdout=log, stderr=log, env={**os.environ, "NOTIFY_SOCKET": path})
    ready, end = None, began + lasts
    while (left := end - time.monotonic()) > 0 and daemon.poll() is None:
        if select.select([listener], [], [], left)[0] and b"READY=1" in listener.recv(4096) and ready is None:
            ready = time.monotonic() - began
    daemon.send_signal(signal.SIGKILL)
    code, lasted = daemon.wait(), time.monotonic() - began
    if code != -signal.SIGKILL:
        sys.exit(f"the daemon ended by itself with {code}: see daemon.log")
    return Life(lasted, ready)


def verdict(lives):
    """The figures, and whether every life that could tell was ready in time."""
    ready = [life.ready for life in lives if life.ready is not None]
    slowest = max(ready, default=READY_WITHIN)
    silent = [life.lasted for life in lives if life.ready is None]
    told = {
        "kills": len(lives),
        "ready": len(ready),
        "too_short_to_tell": sum(lasted <= slowest for lasted in silent),
        "killed_later_and_not_ready_ms": [round(lasted * 1000) for lasted in silent if lasted > slowest],
        "not_ready_within_a_second": sum(life.is_slow() for life in lives),
        "ready_ms_median": round(statistics.median(ready) * 1000) if ready else None,
        "ready_ms_worst": round(max(ready) * 1000) if ready else None,
    }
    return told, bool(ready) and not any(life.is_slow() for life in lives)


def main():
    binary, kills = sys.argv[1], int(sys.argv[2])
    longest = int(sys.argv[3]) if len(sys.argv) > 3 else 2500
    lives = []
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "notify")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listener.bind(path)
        for number in range(kills):
            most = 150 if number % 3 == 0 else longest
            lives.append(live(binary, listener, path, random.randint(1, most) / 1000))
    told, good = verdict(lives)
    print(json.dumps(told))
    if not good:
        sys.exit("not every life was ready within a second of its start")


main()
