"""Archives of the benchmark, made once and kept."""
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


class Archive:
    """An archive on disk, and the truth about it."""

    def __init__(self, path):
        self.path = path
        with open(path + ".json") as file:
            told = json.load(file)
        self.total, self.hours = told["total"], told["hours"]

    @property
    def raw_gb(self):
        return self.total["raw"] / 1e9

    @property
    def window(self):
        """Its first and last hour."""
        return min(self.hours), max(self.hours)


def named(cache, raw_mb, *more):
    """The archive of these arguments of generate.py, from the cache where it is there."""
    os.makedirs(cache, exist_ok=True)
    name = "-".join([f"{raw_mb}mb", *(argument.lstrip("-") for argument in more)])
    path = os.path.join(cache, f"{name}.zip")
    if not os.path.exists(path + ".json"):
        print(f"making {path}", file=sys.stderr)
        command = [sys.executable, os.path.join(HERE, "generate.py"), path, "--raw-mb", str(raw_mb), *more]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return Archive(path)
