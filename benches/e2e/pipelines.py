"""What is compared: ampd in each format, a pipeline in Python, one of shell tools. Each runs once in a directory of its
own, and what it left in the store is compared with the truth before its cost counts."""
import os
import shutil
import subprocess
import sys
import tempfile

import lake
import measured
import world

HERE = os.path.dirname(os.path.abspath(__file__))


class Differs(SystemExit):
    """A run that failed, or whose objects are not the archive's: no time of it counts."""


class Ampd:
    def __init__(self, binary, form, more=""):
        self.binary, self.form, self.more, self.name = binary, form, more, f"ampd {form}"

    def command(self, work, source, sink, archive):
        first, last = archive.window
        world.configure(work, source.url, first, world.BUCKET.format(url=sink.url), self.form, self.more)
        return [self.binary, "backfill", "--from", first, "--to", last, "-q", "-o", "json"]

    def wrong(self, sink, archive):
        return lake.check(sink, archive, self.form)


class Baseline:
    def wrong(self, sink, archive):
        return lake.check_members(sink, archive)


class Python(Baseline):
    name = "python"

    def command(self, *_):
        return [sys.executable, os.path.join(HERE, "python_baseline.py")]


class Shell(Baseline):
    name = "shell"

    def command(self, *_):
        return ["sh", os.path.join(HERE, "shell_baseline.sh")]

    @staticmethod
    def missing():
        """The tools that are not here; `aws` and `gunzip` stand in for others."""
        tools = [("curl",), ("unzip",), ("igzip", "gunzip"), ("rclone", "aws")]
        return ["/".join(names) for names in tools if not any(map(shutil.which, names))]


def formats(binary):
    """What this binary writes."""
    told = subprocess.run([binary, "version"], capture_output=True, text=True, check=True).stdout
    line = next(line for line in told.splitlines() if line.startswith("formats: "))
    return line.removeprefix("formats: ").split(", ")


def run(pipeline, archive, source, sink):
    """One run: its cost, what was asked and what was left. The doubles stay, the store is emptied before."""
    sink.reset()
    asked = source.stats()["requests"]
    with tempfile.TemporaryDirectory(prefix="ampd-bench-") as work:
        first, last = (hour.replace("-", "") for hour in archive.window)
        url = f"{source.url}/api/2/export?start={first}&end={last}"
        command = pipeline.command(work, source, sink, archive)
        env = world.environment(AMP_URL=url, S3_ENDPOINT=sink.url)
        code, cost = measured.run(command, work, env)
        if code != 0:
            raise Differs(f"{pipeline.name} ended with {code}: {measured.text(work, 'stderr')[-2000:]}")
    stats = sink.stats()
    wrong = pipeline.wrong(sink, archive)
    if wrong or stats["failed"]:
        raise Differs(f"{pipeline.name}: {stats['failed']} requests broke off; " + "; ".join(wrong[:8]))
    return cost | {
        "requests": stats["requests"] + source.stats()["requests"] - asked,
        "store_requests": stats["requests"],
        "most_in_flight": stats["most_in_flight"],
        "objects": stats["objects"],
        "stored_bytes": stats["bytes"],
        "sha_ok": True,
    }


def race(pipelines, archive, rounds, program, source=(), sink=()):
    """Each in turn, so many rounds: the runs of each by name."""
    runs = {pipeline.name: [] for pipeline in pipelines}
    with world.doubles(program, archive, source, sink) as (from_here, to_here):
        for _ in range(rounds):
            for pipeline in pipelines:
                cost = run(pipeline, archive, from_here, to_here)
                runs[pipeline.name].append(cost)
                shown = f"{cost['cpu_s']:6.2f} CPU-s {cost['wall_s']:6.2f} s {cost['peak_rss_mib']:6.1f} MiB"
                print(f"  {pipeline.name:16} {shown}  load {os.getloadavg()[0]:.1f}", file=sys.stderr)
    return runs
