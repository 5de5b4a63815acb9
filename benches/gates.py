#!/usr/bin/env python3
"""What CI holds the speed to: only figures that another load on the machine cannot move.

    AMPD_BIN=target/release/ampd benches/gates.py            # about half a minute; needs valgrind
    benches/gates.py --renew                                  # after a change that is meant to cost more, or less

Lakes that are the archive's, bytes written to disk, requests, objects, memory at two sizes, and the instructions of one
reading under callgrind against benches/instructions.json. Exits 1 when one is over its limit.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "e2e"))

import archives  # noqa: E402
import build  # noqa: E402
import pipelines  # noqa: E402

FORMATS = ("json.gz", "json")
# Six hours; both fill every buffer there is.
SMALL_MB, LARGE_MB, SHAPE = 250, 750, ("--hours", "6", "--distinct", "2")
# Nothing but the archive goes to the disk; the journal's part does not grow with it.
DISK_OVER_ZIP = 1.05
# An hour: the list of its manifests, its object (begun and completed where it has pieces), the look whether it is there,
# its manifest. A piece of an object. And what is asked once.
STORE_REQUESTS_PER_HOUR, STORE_BYTES_PER_REQUEST, STORE_REQUESTS_ONCE = 6, 8 << 20, 12
# lake.json and source.json.
OBJECTS_ONCE = 2
RSS_MIB, RSS_GROWTH = 120, 1.4
# Compilers and processors differ by less; a pass over the bytes that is one too many costs more.
INSTRUCTIONS_SLACK = 0.15
STORED = os.path.join(HERE, "instructions.json")


class Gates:
    def __init__(self):
        self.passed = self.failed = 0

    def hold(self, words, value, limit, digits=2):
        good = value <= limit
        self.passed, self.failed = self.passed + good, self.failed + (not good)
        print(f"{'ok    ' if good else 'FAILED'} {words}: {value:,.{digits}f}, at most {limit:,.{digits}f}")


def cost(options, form, archive):
    runs = pipelines.race([pipelines.Ampd(options.ampd, form)], archive, 1, options.doubles)
    return runs[f"ampd {form}"][0]


def hold_exports(gates, options):
    """Two sizes through the whole program, in both formats that keep lines; the lake is compared with the truth."""
    small = archives.named(options.cache, SMALL_MB, *SHAPE)
    large = archives.named(options.cache, LARGE_MB, *SHAPE)
    hours = len(large.hours)
    for form in FORMATS:
        at_small, at_large = cost(options, form, small), cost(options, form, large)
        gates.hold(f"{form}: bytes on disk / zip", at_large["disk_bytes"] / large.total["zip"], DISK_OVER_ZIP)
        gates.hold(f"{form}: requests to Amplitude", at_large["requests"] - at_large["store_requests"], 1, 0)
        pieces = at_large["stored_bytes"] // STORE_BYTES_PER_REQUEST
        most = STORE_REQUESTS_PER_HOUR * hours + pieces + STORE_REQUESTS_ONCE
        gates.hold(f"{form}: requests to the store", at_large["store_requests"], most, 0)
        gates.hold(f"{form}: objects", at_large["objects"], 2 * hours + OBJECTS_ONCE, 0)
        gates.hold(f"{form}: peak RSS at {LARGE_MB} MB, MiB", at_large["peak_rss_mib"], RSS_MIB, 1)
        growth = at_large["peak_rss_mib"] / at_small["peak_rss_mib"]
        gates.hold(f"{form}: RSS at {LARGE_MB} MB / {SMALL_MB} MB", growth, RSS_GROWTH)


def instructions(micro, archive, form):
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", micro, "read", archive, form]
    done = subprocess.run(command, capture_output=True, text=True)
    counted = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not counted:
        raise SystemExit(f"callgrind: {done.stdout}{done.stderr[-2000:]}")
    return int(counted[1])


def hold_instructions(gates, options):
    """One reading of a small archive that is always the same, to parts that go nowhere."""
    with tempfile.TemporaryDirectory() as work:
        archive = os.path.join(work, "archive.zip")
        subprocess.run([options.micro, "archive", archive], check=True)
        counted = {form: instructions(options.micro, archive, form) for form in FORMATS}
    if options.renew:
        with open(STORED, "w") as file:
            json.dump(counted, file, indent=1)
            file.write("\n")
        print(f"{STORED}: {counted}")
        return
    with open(STORED) as file:
        stored = json.load(file)
    for form, count in counted.items():
        failed = gates.failed
        gates.hold(f"{form}: million instructions of a reading", count / 1e6, stored[form] / 1e6 * (1 + INSTRUCTIONS_SLACK), 1)
        if gates.failed > failed or count < stored[form] * (1 - INSTRUCTIONS_SLACK):
            print(f"       {count / stored[form] - 1:+.0%} against {STORED}; if that is meant: benches/gates.py --renew")


def main():
    cache = os.environ.get("AMPD_CACHE") or os.path.expanduser("~/.cache/ampd-ci")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--renew", action="store_true", help="only count the instructions, and store them")
    parser.add_argument("--ampd", default=os.environ.get("AMPD_BIN", os.path.join(HERE, "..", "target", "release", "ampd")))
    parser.add_argument("--cache", default=os.path.join(cache, "bench"), help="archives are kept here")
    parser.add_argument("--doubles", help="built when not given")
    parser.add_argument("--micro", help="built when not given")
    options = parser.parse_args()
    options.ampd = os.path.abspath(options.ampd)
    options.doubles = options.doubles or build.bench("doubles")
    options.micro = options.micro or build.bench("micro")
    gates = Gates()
    if not options.renew:
        hold_exports(gates, options)
    hold_instructions(gates, options)
    print(f"gates: {gates.passed} passed, {gates.failed} failed")
    return 1 if gates.failed else 0


if __name__ == "__main__":
    sys.exit(main())
