"""What is measured with the simulator and a lake in a directory: a year of tiny hours, tiny windows, idleness."""
import datetime
import json
import os
import subprocess
import sys
import tempfile
import time

import figures
import measured
import pipelines
import world

# Rows of an hour, in two members.
ROWS = 20
YEAR = ("2025-06-01T00", "2026-05-31T23")
WINDOWS = 500
# The runtime lets threads go that had nothing to do for ten seconds.
REST_S, IDLE_S = 12, 60
READ_BACK = os.path.join(figures.ROOT, "tests", "acceptance", "read_back.py")


def compare(work, simulator, first, last):
    """The lake against the simulator's own word, line by line."""
    hours = [hour.replace("-", "") for hour in (first, last)]
    command = [sys.executable, READ_BACK, "--lake", os.path.join(work, "lake"), "--simulator", simulator]
    done = subprocess.run([*command, "--from", hours[0], "--to", hours[1]], capture_output=True, text=True)
    if done.returncode != 0:
        raise pipelines.Differs(f"the lake is not the simulator's: {done.stdout}{done.stderr}")
    return done.stdout.strip()


def year(options):
    """8,760 hours of 20 rows by `ampd backfill` from the simulator."""
    runs = []
    for _ in range(min(options.runs, 3)):
        with tempfile.TemporaryDirectory(prefix="ampd-bench-") as work, world.simulator(options.ampd, work, ROWS) as url:
            world.configure(work, url, YEAR[0], world.DIRECTORY)
            command = [options.ampd, "backfill", "--from", YEAR[0], "--to", YEAR[1], "-q", "-o", "json"]
            code, cost = measured.run(command, work, world.environment())
            if code != 0:
                raise pipelines.Differs(f"a year: ampd ended with {code}: {measured.text(work, 'stderr')[-2000:]}")
            runs.append(cost | {"lake": compare(work, url, *YEAR), "sha_ok": True})
    found = {"year_wall_s": figures.of(runs, "wall_s"), "year_cpu_s": figures.of(runs, "cpu_s")}
    return {"found": found, "runs": runs}


class Daemon:
    """`ampd run` in a directory where `ampd.toml` lies."""

    def __init__(self, binary, work):
        self.binary, self.work, self.env = binary, work, world.environment()
        with open(os.path.join(work, "daemon.log"), "ab") as log:
            self.child = subprocess.Popen([binary, "run", "-q"], cwd=work, env=self.env, stdout=log, stderr=log)
        self.wait_for(lambda: self.says("health", "--ready"), "it is not ready")
        # All that is due is there, and nothing runs.
        self.wait_for(lambda: self.says("status", "--check"), "it does not come to rest")

    def says(self, *command):
        """Whether a command beside it ends well."""
        return subprocess.run([self.binary, *command], cwd=self.work, env=self.env, capture_output=True).returncode == 0

    def wait_for(self, good, words):
        end = time.monotonic() + 60
        while not good():
            if self.child.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"ampd run: {words}: {measured.text(self.work, 'daemon.log')[-2000:]}")
            time.sleep(0.2)

    def idle(self):
        """Wake-ups a second of all its threads over a minute, and its memory."""
        time.sleep(REST_S)
        per_second = measured.wake_ups(self.child.pid, IDLE_S) / IDLE_S
        return {"wake_ups_per_s": per_second, "rss_mib": measured.mebibytes(self.child.pid, "VmRSS")}

    def end(self):
        self.child.terminate()
        self.child.wait()


def hours_ago(number):
    return f"{datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=number):%Y-%m-%dT%H}"


def daemon(options):
    """A daemon: CPU of a window of one hour, then idle; and idle after a fresh start."""
    first, last = hours_ago(WINDOWS + 100), hours_ago(101)
    with tempfile.TemporaryDirectory(prefix="ampd-bench-") as work, world.simulator(options.ampd, work, ROWS) as url:
        world.configure(work, url, hours_ago(6), world.DIRECTORY, more='[window]\nmax = "1h"')
        running = Daemon(options.ampd, work)
        try:
            before, began = measured.cpu_seconds(running.child.pid), time.monotonic()
            if not running.says("backfill", "--from", first, "--to", last, "-q"):
                raise SystemExit(f"the backfill failed: {measured.text(work, 'daemon.log')[-2000:]}")
            wall = time.monotonic() - began
            cpu = measured.cpu_seconds(running.child.pid) - before
            told = compare(work, url, first, last)
            asked = sum(1 for one in json.loads(world.ask(url + "/_sim/requests")) if one["status"] == 200)
            worked = running.idle()
        finally:
            running.end()
        running = Daemon(options.ampd, work)
        try:
            fresh = running.idle()
        finally:
            running.end()
    found = {
        "cpu_ms_per_window": figures.spread([cpu * 1000 / WINDOWS]),
        "wall_ms_per_window": figures.spread([wall * 1000 / WINDOWS]),
        "idle_wake_ups_per_s": figures.spread([worked["wake_ups_per_s"], fresh["wake_ups_per_s"]]),
        "idle_rss_mib": figures.spread([fresh["rss_mib"]]),
        "idle_rss_after_500_windows_mib": figures.spread([worked["rss_mib"]]),
    }
    return {"found": found, "lake": told, "requests": asked, "sha_ok": True}
