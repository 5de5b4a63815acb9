"""Where the time goes: samples of perf over a whole run, put together by what the code is for."""
import os
import re
import shutil
import subprocess
import tempfile

import archives
import pipelines

# The first that fits; what fits none is the rest.
STAGES = [
    ("kernel: sockets, files, memory", r"\[k\]"),
    ("CRC-32 of zip and gzip", r"crc32"),
    ("inflate", r"inflate|libdeflate|deflate_decompress"),
    ("rows: JSON and UTF-8", r"archive::json|fearless_simd|simdutf8|from_utf8|serde_json"),
    ("rows: lines, times, hash", r"archive::(rows|times)|xxh3|xxhash|twox_hash|memchr|content_hash"),
    ("SHA-256", r"sha2::|sha256"),
    ("CRC-64", r"crc_fast|crc64"),
    ("zstd, Parquet", r"(?i)zstd|huf_|fse_|arrow|parquet"),
    ("copies", r"memmove|memcpy|memset"),
]
REST = "the rest: HTTP, the SDK, the journal, the runtime"


class Sampled(pipelines.Ampd):
    """ampd under perf, which costs it some per cent."""

    def __init__(self, binary, form, samples):
        super().__init__(binary, form)
        self.samples = samples

    def command(self, *world):
        record = ["perf", "record", "-q", "-e", "cpu-clock", "-F", "997", "-o", self.samples]
        return record + super().command(*world)


def shares(samples):
    """The share of each stage."""
    report = ["perf", "report", "-i", samples, "--stdio", "--no-children", "-F", "overhead,symbol"]
    told = subprocess.run(report, capture_output=True, text=True, check=True).stdout
    found = dict.fromkeys([*(name for name, _ in STAGES), REST], 0.0)
    for share, symbol in re.findall(r"^ *([\d.]+)% +(.*)$", told, re.MULTILINE):
        name = next((name for name, pattern in STAGES if re.search(pattern, symbol)), REST)
        found[name] += float(share) / 100
    return found


def profile(options):
    """CPU-seconds per raw GB of each stage, in every format; the total is of a run that nobody samples."""
    if not shutil.which("perf"):
        return {"found": {}, "missing": "perf (linux-perf)"}
    archive = archives.named(options.cache, options.raw_mb)
    stages = {}
    for form in pipelines.formats(options.ampd):
        with tempfile.TemporaryDirectory(prefix="ampd-bench-") as work:
            samples = os.path.join(work, "samples")
            racers = [pipelines.Ampd(options.ampd, form), Sampled(options.ampd, form, samples)]
            racers[1].name += " sampled"
            runs = pipelines.race(racers, archive, 1, options.doubles)
            total = runs[racers[0].name][0]["cpu_s"] / archive.raw_gb
            stages[form] = {name: round(share * total, 3) for name, share in shares(samples).items()}
    return {"found": {"profile": stages}}
