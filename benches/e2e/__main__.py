#!/usr/bin/env python3
"""The end-to-end benchmark: ampd and baselines in turn, from a double of Amplitude into a double of a store.

    cargo build --release --locked && python3 benches/e2e all --runs 5

Every lake is compared with the truth, hour by hour; a run whose objects differ ends the benchmark. Prints JSON. With
--record NAME the figures are kept in benches/figures.json as the column NAME, and docs/performance.md is written anew.
As root, else the daemon's wake-ups cannot be read.
"""
import argparse
import json
import os
import platform
import sys

import build
import daemon
import figures
import pipelines
import scenarios
import stages

SCENARIOS = {
    "loopback": scenarios.loopback,
    "shaped": scenarios.shaped,
    "sizes": scenarios.sizes,
    "shapes": scenarios.shapes,
    "year": daemon.year,
    "daemon": daemon.daemon,
    "profile": stages.profile,
}


def arguments():
    default_cache = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "ampd-bench")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenarios", nargs="+", choices=[*SCENARIOS, "all"], metavar="SCENARIO", help=", ".join([*SCENARIOS, "all"]))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--raw-mb", type=int, default=1000, help="less for a try; the figures of the table are of 1000")
    parser.add_argument("--ampd", default=os.environ.get("AMPD_BIN", os.path.join(figures.ROOT, "target", "release", "ampd")))
    parser.add_argument("--doubles", help="the program of the doubles; built when not given")
    parser.add_argument("--cache", default=default_cache, help="archives and Python packages are kept here")
    parser.add_argument("--record", metavar="NAME", help="keep the figures as this column")
    return parser.parse_args()


def machine():
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), platform.machine())
    return {"cpu": model, "cores": os.cpu_count(), "python": platform.python_version()}


def main():
    options = arguments()
    if options.record and options.raw_mb != 1000:
        raise SystemExit("the table is of 1000 MB: leave out --raw-mb, or --record")
    options.ampd, options.cache = os.path.abspath(options.ampd), os.path.abspath(options.cache)
    os.makedirs(options.cache, exist_ok=True)
    build.enter_environment(options.cache, pipelines.formats(options.ampd))
    options.doubles = os.path.abspath(options.doubles or build.bench("doubles"))
    chosen = list(SCENARIOS) if "all" in options.scenarios else options.scenarios
    told = {"machine": machine(), "runs": options.runs, "raw_mb": options.raw_mb, "scenarios": {}}
    for name in chosen:
        print(f"{name}, load {os.getloadavg()[0]:.1f}", file=sys.stderr)
        load = os.getloadavg()
        told["scenarios"][name] = SCENARIOS[name](options) | {"load": [load[0], os.getloadavg()[0]]}
        if options.record:
            figures.record(options.record, name, told["scenarios"][name])
            figures.write_page()
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
