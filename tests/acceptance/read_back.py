#!/usr/bin/env python3
"""Reads a lake back and compares it with what the simulator says is true, hour by hour and line by line.

Reads only what an engineer's own tools would, from a directory or (with boto3) from an S3 store; shares nothing with
ampd. Prints one line, and what is wrong on stderr. Exits 0 when every hour of the range is there exactly once with
exactly its rows, 4 when something is wrong, 3 while hours are missing only.
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
from collections import Counter

HOUR = "%Y%m%dT%H"
MANIFEST = re.compile(r"_ampd/v1/source=[a-z0-9_]+/manifests/(?P<hour>\d{8}T\d{2})\.g(?P<generation>\d+)\.json")
OBJECT = re.compile(
    r"data/source=[a-z0-9_]+/date=(?P<folder_date>\d{4}-\d{2}-\d{2})/hour=(?P<folder_hour>\d{2})/"
    r"\d+_(?P<date>\d{4}-\d{2}-\d{2})_(?P<of_day>\d{2})\.g(?P<generation>\d+)\.(?P<capture>[0-9a-f]{12})\.p\d+\.json(\.gz)?"
)
# What a lake holds beside data and manifests.
FIXTURES = re.compile(r"_ampd/v1/(lake\.json|source=[a-z0-9_]+/(source|lease)\.json)")


class Directory:
    """A lake in a directory."""

    def __init__(self, path):
        self.path = path

    def keys(self, prefix=""):
        for folder, _, files in os.walk(os.path.join(self.path, prefix)):
            for name in files:
                yield os.path.relpath(os.path.join(folder, name), self.path)

    def get(self, key):
        with open(os.path.join(self.path, key), "rb") as file:
            return file.read()

    def strangers(self):
        return []


class Bucket:
    """A lake in an S3 store."""

    def __init__(self, endpoint, bucket, prefix):
        import boto3
        from botocore.config import Config

        self.bucket, self.prefix = bucket, prefix.strip("/") + "/" if prefix else ""
        config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 2})
        self.s3 = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", config=config)

    def _list(self, prefix):
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def keys(self, prefix=""):
        return (key[len(self.prefix):] for key in self._list(self.prefix + prefix))

    def get(self, key):
        answer = self.s3.get_object(Bucket=self.bucket, Key=self.prefix + key)
        if answer.get("ContentEncoding"):
            sys.exit(f"{key} carries Content-Encoding {answer['ContentEncoding']}")
        return answer["Body"].read()

    def strangers(self):
        """What the bucket holds beside the prefix, and uploads that nobody ended."""
        yield from (key for key in self._list("") if not key.startswith(self.prefix))
        for upload in self.s3.list_multipart_uploads(Bucket=self.bucket).get("Uploads", []):
            yield f"multipart upload of {upload['Key']}"


class Reading:
    """What was found, and what was wrong with it."""

    def __init__(self):
        self.problems, self.lines, self.named, self.captures = [], [], set(), set()
        self.empty = self.revised = 0

    def expect(self, good, words):
        if not good:
            self.problems.append(words)


def json_at(url):
    with urllib.request.urlopen(url, timeout=60) as answer:
        return json.load(answer)


def hours_between(first, last):
    at, end = datetime.datetime.strptime(first, HOUR), datetime.datetime.strptime(last, HOUR)
    while at <= end:
        yield at.strftime(HOUR)
        at += datetime.timedelta(hours=1)


def manifests_of(lake, source):
    """The keys of each hour's manifests by generation."""
    found = {}
    for key in lake.keys(f"_ampd/v1/source={source}/manifests/"):
        match = MANIFEST.fullmatch(key)
        if match:
            found.setdefault(match["hour"], {})[int(match["generation"])] = key
    return found


def read_object(reading, lake, hour, manifest, named):
    """The lines of one object, which is what the manifest says of it."""
    key, expect = named["key"], reading.expect
    body = lake.get(key)
    expect(len(body) == named["bytes"], f"{key}: {len(body)} bytes, not {named['bytes']}")
    expect(named["sha256"] in (None, hashlib.sha256(body).hexdigest()), f"{key}: other bytes than the manifest says")
    match = OBJECT.fullmatch(key)
    expect(match is not None, f"{key}: no key of ours")
    if match:
        expect((match["folder_date"], match["folder_hour"]) == (match["date"], match["of_day"]), f"{key}: in another folder")
        expect(f"{match['date']}T{match['of_day']}".replace("-", "") == hour, f"{key}: in the manifest of {hour}")
        expect(int(match["generation"]) == manifest["generation"], f"{key}: named by generation {manifest['generation']}")
        expect(match["capture"] == manifest["capture"]["id"], f"{key}: not of capture {manifest['capture']['id']}")
        reading.captures.add(match["capture"])
    plain = gzip.decompress(body) if key.endswith(".gz") else body
    lines = [line for line in plain.split(b"\n") if line.strip()]
    expect(len(lines) == named["rows"], f"{key}: {len(lines)} rows, not {named['rows']}")
    reading.named.add(key)
    return lines


def read_hour(reading, lake, hour, generations, truth):
    """One hour by its newest manifest, against the truth of that hour (None: no rows)."""
    newest = max(generations)
    reading.expect(sorted(generations) == list(range(1, newest + 1)), f"{hour}: generations {sorted(generations)}")
    manifest = json.loads(lake.get(generations[newest]))
    reading.expect(manifest["generation"] == newest, f"{hour}: g{newest} says generation {manifest['generation']}")
    reading.expect(manifest["state"] == ("data" if truth else "empty"), f"{hour}: {manifest['state']}")
    lines = sorted(line for named in manifest["objects"] for line in read_object(reading, lake, hour, manifest, named))
    reading.expect(len(lines) == manifest["rows"], f"{hour}: {len(lines)} rows, its manifest says {manifest['rows']}")
    digest = hash_of(lines)
    reading.expect(not truth or (truth["rows"], truth["hash"]) == (len(lines), digest), f"{hour}: rows differ from the truth")
    reading.lines += lines
    reading.empty += manifest["state"] == "empty"
    reading.revised += newest > 1


def hash_of(lines):
    return hashlib.sha256(b"".join(line + b"\n" for line in lines)).hexdigest()


def expect_no_orphans(reading, lake, source, newest):
    """In hours that are there; what an older generation named is swept an hour after it was replaced."""
    for key in lake.keys(f"data/source={source}/"):
        match = OBJECT.fullmatch(key)
        hour = f"{match['date']}T{match['of_day']}".replace("-", "") if match else None
        known = key in reading.named or hour not in newest or int(match["generation"]) < newest[hour]
        reading.expect(known, f"{key}: no manifest names it")


def expect_nothing_else(reading, lake, manifests, wanted):
    """Each hour was published once, and what can never be named again was swept, in hours that are there or not."""
    reading.expect(reading.revised == 0, f"{reading.revised} hours were published more than once")
    reading.expect(set(manifests) <= set(wanted), f"hours nobody asked for: {sorted(set(manifests) - set(wanted))[:5]}")
    for key in lake.keys():
        known = key in reading.named or MANIFEST.fullmatch(key) or FIXTURES.fullmatch(key)
        reading.expect(known, f"{key}: no manifest names it")
    for stranger in lake.strangers():
        reading.expect(False, f"{stranger}: not of this lake")


def expect_few_requests(reading, simulator, hours, options):
    """A kill costs the request in flight, or the one whose answer was not recorded yet; nothing else is asked twice."""
    requests = json_at(f"{simulator}/_sim/requests")
    requests = requests if isinstance(requests, list) else requests["requests"]
    statuses = Counter(one["status"] for one in requests)
    reading.expect(set(statuses) <= {200, 404, None}, f"answers: {dict(statuses)}")
    whole = sum(one["status"] == 200 and one["completed"] for one in requests)
    lost = whole - len(reading.captures)
    reading.expect(0 <= lost <= options.kills, f"{whole} archives were downloaded for {len(reading.captures)} captures")
    # Empty hours are asked for once more, a day's together.
    ideal = hours // options.window + hours // 24 + 4
    reading.expect(len(requests) <= ideal + 2 * options.kills, f"{len(requests)} requests, {ideal} would do without kills")
    return f"; {options.kills} kills, {len(requests)} requests ({lost} archives lost to kills)"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lake", help="its directory")
    parser.add_argument("--endpoint", help="or its S3 store")
    parser.add_argument("--bucket")
    parser.add_argument("--prefix", default="")
    parser.add_argument("--simulator", required=True, help="its address")
    parser.add_argument("--source", default="web")
    parser.add_argument("--from", dest="first", required=True, help="YYYYMMDDTHH")
    parser.add_argument("--to", dest="last", help="the newest published hour, not over five hours old, unless given")
    parser.add_argument("--count", action="store_true", help="only say how many hours are published")
    parser.add_argument("--alone", action="store_true", help="each hour once, and nothing else in the lake or bucket")
    parser.add_argument("--kills", type=int, help="the requests are counted too: so many kills may have cost some")
    parser.add_argument("--window", type=int, default=1, help="hours asked for in one request")
    return parser.parse_args()


def main():
    options = arguments()
    lake = Directory(options.lake) if options.lake else Bucket(options.endpoint, options.bucket, options.prefix)
    reading, manifests = Reading(), manifests_of(lake, options.source)
    last = options.last or max(manifests, default=options.first)
    if not options.last:
        old = datetime.datetime.now(datetime.UTC).replace(tzinfo=None) - datetime.datetime.strptime(last, HOUR)
        reading.expect(old < datetime.timedelta(hours=5), f"the newest hour is {last}")
    wanted = list(hours_between(options.first, last))
    there = [hour for hour in wanted if hour in manifests]
    if options.count:
        print(len(there))
        return 0
    truth = json_at(f"{options.simulator}/_sim/truth?start={wanted[0]}&end={last}")
    for hour in there:
        read_hour(reading, lake, hour, manifests[hour], truth["per_hour"].get(hour))
    missing, more = len(wanted) - len(there), ""
    if not missing:
        same = (len(reading.lines), hash_of(sorted(reading.lines))) == (truth["rows"], truth["hash"])
        reading.expect(same, f"{len(reading.lines)} rows, or others than the truth's {truth['rows']}")
    expect_no_orphans(reading, lake, options.source, {hour: max(manifests[hour]) for hour in there})
    if options.alone:
        expect_nothing_else(reading, lake, manifests, wanted)
    if options.kills is not None:
        more = expect_few_requests(reading, options.simulator, len(wanted), options)
    for problem in reading.problems[:30]:
        print(problem, file=sys.stderr)
    print(
        f"{len(there)} of {len(wanted)} hours, {len(reading.lines)} rows, truth {truth['rows']}, {reading.empty} empty, "
        f"{reading.revised} revised, {len(reading.named)} objects, {len(reading.problems)} wrong, {missing} missing{more}"
    )
    if reading.problems:
        return 4
    return 3 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
