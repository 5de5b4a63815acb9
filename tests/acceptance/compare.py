#!/usr/bin/env python3
"""Compares a lake with what the simulator says is true, hour by hour and line by line.

Reads only what an engineer's own tools would: manifests and gzip objects, from a directory or an S3 store.
Exits 0 when every hour of the range is there exactly once with exactly its rows, 4 when it is not, 3 while hours are
missing only.
"""

import argparse
import datetime
import gzip
import hashlib
import json
import os
import re
import sys
import urllib.request

MANIFEST = re.compile(r"_ampd/v1/source=(?P<source>[a-z0-9_]+)/manifests/(?P<hour>\d{8}T\d{2})\.g(?P<generation>\d+)\.json$")


class Directory:
    """A lake in a directory."""

    def __init__(self, path):
        self.path = path

    def keys(self, prefix):
        top = os.path.join(self.path, prefix)
        for folder, _, files in os.walk(top):
            for name in files:
                yield os.path.relpath(os.path.join(folder, name), self.path)

    def get(self, key):
        with open(os.path.join(self.path, key), "rb") as file:
            return file.read()


class Bucket:
    """A lake in an S3 store, read with boto3."""

    def __init__(self, endpoint, region, bucket, prefix):
        import boto3
        from botocore.config import Config

        self.bucket, self.prefix = bucket, prefix + "/" if prefix else ""
        self.s3 = boto3.client("s3", endpoint_url=endpoint, region_name=region, config=Config(s3={"addressing_style": "path"}))

    def keys(self, prefix):
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix + prefix)
        for page in pages:
            for item in page.get("Contents", []):
                yield item["Key"][len(self.prefix):]

    def get(self, key):
        answer = self.s3.get_object(Bucket=self.bucket, Key=self.prefix + key)
        encoding = answer.get("ContentEncoding")
        if encoding:
            sys.exit(f"{key} carries Content-Encoding {encoding}")
        return answer["Body"].read()


def hours_between(first, last):
    form = "%Y%m%dT%H"
    at, end = datetime.datetime.strptime(first, form), datetime.datetime.strptime(last, form)
    while at <= end:
        yield at.strftime(form)
        at += datetime.timedelta(hours=1)


def newest_manifests(lake, source):
    """The highest generation of each hour; generations must be gapless."""
    found = {}
    for key in lake.keys(f"_ampd/v1/source={source}/manifests/"):
        match = MANIFEST.search(key)
        if match:
            found.setdefault(match["hour"], {})[int(match["generation"])] = key
    return {hour: (max(keys), keys[max(keys)]) for hour, keys in found.items()}


def hour_problem(lake, manifest, truth):
    """What is wrong with one hour, or None."""
    expected = truth or {"rows": 0, "bytes": 0}
    if manifest["rows"] != expected["rows"]:
        return f"manifest says {manifest['rows']} rows, truth {expected['rows']}"
    lines = []
    for item in manifest["objects"]:
        body = lake.get(item["key"])
        if len(body) != item["bytes"]:
            return f"{item['key']} has {len(body)} bytes, manifest says {item['bytes']}"
        if item["sha256"] and hashlib.sha256(body).hexdigest() != item["sha256"]:
            return f"{item['key']}: its SHA-256 is not the manifest's"
        plain = gzip.decompress(body) if item["key"].endswith(".gz") else body
        own = [line for line in plain.split(b"\n") if line.strip()]
        if len(own) != item["rows"]:
            return f"{item['key']} has {len(own)} rows, manifest says {item['rows']}"
        lines += own
    if truth:
        digest = hashlib.sha256(b"".join(line + b"\n" for line in sorted(lines))).hexdigest()
        if digest != truth["hash"]:
            return "same number of rows, other rows"
    elif manifest["state"] != "empty":
        return f"no rows in truth, but the hour is {manifest['state']}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lake", help="directory of the lake")
    parser.add_argument("--endpoint", help="S3 endpoint")
    parser.add_argument("--region", default="garage")
    parser.add_argument("--bucket")
    parser.add_argument("--prefix", default="")
    parser.add_argument("--simulator", required=True, help="its address")
    parser.add_argument("--source", default="web")
    parser.add_argument("--from", dest="first", required=True)
    parser.add_argument("--to", dest="last", required=True)
    parser.add_argument("--count", action="store_true", help="only say how many hours are published")
    options = parser.parse_args()

    lake = Directory(options.lake) if options.lake else Bucket(options.endpoint, options.region, options.bucket, options.prefix)
    manifests = newest_manifests(lake, options.source)
    wanted = list(hours_between(options.first, options.last))
    there = [hour for hour in wanted if hour in manifests]
    if options.count:
        print(len(there))
        return 0
    with urllib.request.urlopen(f"{options.simulator}/_sim/truth?start={options.first}&end={options.last}") as answer:
        truth = json.load(answer)
    true_hours = {hour.replace("-", ""): told for hour, told in truth["per_hour"].items()}

    problems, rows, empty, revised, referenced = [], 0, 0, 0, set()
    for hour in there:
        generation, key = manifests[hour]
        manifest = json.loads(lake.get(key))
        problem = hour_problem(lake, manifest, true_hours.get(hour))
        if problem:
            problems.append(f"{hour}: {problem}")
        rows += manifest["rows"]
        empty += manifest["state"] == "empty"
        revised += generation > 1
        referenced.update(item["key"] for item in manifest["objects"])
    missing = [hour for hour in wanted if hour not in manifests]
    for problem in problems[:10]:
        print(problem, file=sys.stderr)
    orphans = sum(1 for key in lake.keys(f"data/source={options.source}/") if key not in referenced and in_range(key, wanted))
    if orphans:
        problems.append(f"{orphans} objects that no manifest names")
    print(
        f"{len(there)} of {len(wanted)} hours, {rows} rows, truth {truth['rows']}, {empty} empty, {revised} revised, "
        f"{orphans} orphans, {len(problems)} wrong, {len(missing)} missing"
    )
    if problems or (not missing and rows != truth["rows"]):
        return 4
    return 3 if missing else 0


def in_range(key, wanted):
    match = re.search(r"date=(\d{4})-(\d\d)-(\d\d)/hour=(\d\d)/", key)
    return bool(match) and f"{match[1]}{match[2]}{match[3]}T{match[4]}" in set(wanted)


if __name__ == "__main__":
    sys.exit(main())
