#!/usr/bin/env python3
"""Makes an archive as Amplitude's Export API answers, and the truth about it.

OUT.zip holds members {project}/{project}_{date}_{hour}#{part}.json.gz, each a gzip file of JSON lines. OUT.zip.json says
what is true: rows, bytes and SHA-256 of each hour, its members joined in natural order, as lines (`sha256`) and as gzip
(`gz_sha256`), and of its sorted uuids (`uuids_sha256`). The same arguments give the same rows. Standard library only.
"""
import argparse
import datetime
import gzip
import hashlib
import io
import json
import multiprocessing
import os
import zipfile

import rows


def arguments(texts=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--raw-mb", type=float, default=1000)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--files-per-hour", type=int, default=4)
    parser.add_argument("--project", type=int, default=434735)
    parser.add_argument("--date", default="2026-01-15")
    parser.add_argument("--zip", choices=["deflated", "stored"], default="deflated", help="how the zip holds the gzip files")
    parser.add_argument(
        "--layout",
        choices=["seekable", "streamed"],
        default="streamed",
        help="streamed: local headers without sizes, which follow in data descriptors, as a server writes a zip",
    )
    parser.add_argument("--gz-members", type=int, default=1, help="gzip members of each file: whoever stops after one loses rows")
    parser.add_argument("--distinct", type=int, default=24, help="so many different files, used again under other names; 0: all")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args(texts)


def member(job):
    """One file: its gzip bytes, its lines, and what is true of it."""
    seed, project, hour, target, pieces = job
    raw, uuids = rows.lines(seed, project, hour, target)
    cuts = [0]
    for number in range(1, pieces):
        cuts.append(max(cuts[-1], raw.rfind(b"\n", 0, len(raw) * number // pieces) + 1))
    packed = io.BytesIO()
    for begin, end in zip(cuts, cuts[1:] + [len(raw)]):
        with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=packed, mtime=0) as piece:
            piece.write(raw[begin:end])
    return packed.getvalue(), raw, uuids


class Unseekable(io.RawIOBase):
    """A file that a zip cannot go back in, so that sizes follow in data descriptors."""

    def __init__(self, file):
        self.file = file

    def writable(self):
        return True

    def write(self, data):
        return self.file.write(data)

    def flush(self):
        self.file.flush()


class HourTruth:
    def __init__(self):
        self.rows = self.raw = self.gz = self.members = 0
        self.raw_sum, self.gz_sum, self.uuids = hashlib.sha256(), hashlib.sha256(), []

    def add(self, packed, raw, uuids):
        self.rows += len(uuids)
        self.raw += len(raw)
        self.gz += len(packed)
        self.members += 1
        self.raw_sum.update(raw)
        self.gz_sum.update(packed)
        self.uuids += uuids

    def told(self):
        uuids = hashlib.sha256("\n".join(sorted(self.uuids)).encode()).hexdigest()
        sums = {"sha256": self.raw_sum.hexdigest(), "gz_sha256": self.gz_sum.hexdigest(), "uuids_sha256": uuids}
        return {"rows": self.rows, "raw": self.raw, "gz": self.gz, "members": self.members, **sums}


def generate(wanted):
    day = datetime.datetime.fromisoformat(wanted.date)
    target = wanted.raw_mb * 1e6 / (wanted.hours * wanted.files_per_hour)
    jobs, names = [], []
    for number in range(wanted.hours):
        hour = day + datetime.timedelta(hours=number)
        for part in range(wanted.files_per_hour):
            name = f"{wanted.project}/{wanted.project}_{hour:%Y-%m-%d}_{hour.hour}#{part}.json.gz"
            names.append((name, f"{hour:%Y-%m-%dT%H}"))
            jobs.append((f"{wanted.seed}/{name}", wanted.project, hour, target, wanted.gz_members))
    kinds = min(wanted.distinct, len(jobs)) if wanted.distinct > 0 else len(jobs)
    hours, made = {}, []
    method = zipfile.ZIP_DEFLATED if wanted.zip == "deflated" else zipfile.ZIP_STORED
    with open(wanted.out, "wb") as file, multiprocessing.Pool() as pool:
        stream = pool.imap(member, jobs[:kinds])
        with zipfile.ZipFile(Unseekable(file) if wanted.layout == "streamed" else file, "w", method) as archive:
            for number, (name, hour) in enumerate(names):
                one = next(stream) if number < kinds else made[number % kinds]
                if number < kinds < len(names):
                    made.append(one)
                hours.setdefault(hour, HourTruth()).add(*one)
                entry = zipfile.ZipInfo(name, date_time=(2026, 1, 16, 2, 0, 0))
                entry.compress_type = method
                archive.writestr(entry, one[0])
    told = {hour: truth.told() for hour, truth in hours.items()}
    total = {key: sum(hour[key] for hour in told.values()) for key in ("members", "rows", "raw", "gz")}
    total["zip"] = os.path.getsize(wanted.out)
    with open(wanted.out + ".json", "w") as file:
        json.dump({"total": total, "hours": told}, file, indent=1)
    return total


if __name__ == "__main__":
    print(json.dumps(generate(arguments())))
