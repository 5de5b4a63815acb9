"""Starts the daemon and SIGKILLs it at random moments, again and again, and measures how soon it is ready.

kill_runs.py BINARY KILLS [LONGEST_MILLISECONDS]

Ready is what the daemon tells a service manager (READY=1 on $NOTIFY_SOCKET). A third of the lives end before that can
have come. Prints one JSON object; anything but a life that ended by our SIGKILL is a failure.
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


def life(binary, listener, path, lasts):
    """One life; seconds until it was ready, or None when it was killed before."""
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
    code = daemon.wait()
    if code != -signal.SIGKILL:
        sys.exit(f"the daemon ended by itself with {code}: see daemon.log")
    return ready


def main():
    binary, kills = sys.argv[1], int(sys.argv[2])
    longest = int(sys.argv[3]) if len(sys.argv) > 3 else 2500
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "notify")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listener.bind(path)
        lives = []
        for number in range(kills):
            most = 150 if number % 3 == 0 else longest
            lives.append(life(binary, listener, path, random.randint(1, most) / 1000))
    ready = [seconds * 1000 for seconds in lives if seconds is not None]
    print(json.dumps({
        "kills": kills,
        "ready": len(ready),
        "ready_ms_median": round(statistics.median(ready)) if ready else None,
        "ready_ms_worst": round(max(ready)) if ready else None,
    }))


main()
