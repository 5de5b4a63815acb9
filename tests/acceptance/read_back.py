"""Reads a lake in S3 back with boto3 and compares it with the simulator's truth; shares nothing with ampd.

read_back.py create ENDPOINT BUCKET
read_back.py check ENDPOINT BUCKET PREFIX SIMULATOR FIRST_HOUR KILLS
"""

import gzip
import hashlib
import json
import os
import re
import sys
import urllib.request
from collections import Counter
from datetime import datetime, timedelta, timezone

import boto3
from botocore.config import Config

MANIFEST = re.compile(r"_ampd/v1/source=web/manifests/(\d{8}T\d{2})\.g(\d+)\.json")
OBJECT = re.compile(r"data/source=web/date=\d{4}-\d{2}-\d{2}/hour=\d{2}/(\d+)_(\d{4}-\d{2}-\d{2})_(\d{2})\.g(\d+)\.([0-9a-f]{12})\.p\d+\.json\.gz")
FIXTURES = {"_ampd/v1/lake.json", "_ampd/v1/source=web/source.json", "_ampd/v1/source=web/lease.json"}

STORE = os.environ.get("AMPD_STORE", "moto")
WINDOW = int(os.environ.get("AMPD_WINDOW_HOURS", "12"))

failures = []


def expect(good, words):
    if not good:
        failures.append(words)


def client(endpoint):
    config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 2})
    return boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", config=config)


def get_json(url):
    with urllib.request.urlopen(url, timeout=60) as answer:
        return json.load(answer)


def listing(s3, bucket, prefix):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return {one["Key"][len(prefix):]: one["Size"] for page in pages for one in page.get("Contents", [])}


def lines_of(s3, bucket, prefix, hour, manifest):
    """The lines of an hour, from the objects that its manifest names; each object is what the manifest says."""
    lines = []
    for named in manifest["objects"]:
        key = named["key"]
        answer = s3.get_object(Bucket=bucket, Key=prefix + key)
        body = answer["Body"].read()
        head = s3.head_object(Bucket=bucket, Key=prefix + key)
        expect("aws-chunked" not in head.get("ContentEncoding", ""), f"{key}: Content-Encoding {head.get('ContentEncoding')}")
        expect(len(body) == named["bytes"] == head["ContentLength"], f"{key}: {len(body)} bytes, not {named['bytes']}")
        expect(hashlib.sha256(body).hexdigest() == named["sha256"], f"{key}: other bytes than the manifest says")
        match = OBJECT.fullmatch(key)
        expect(match is not None, f"{key}: no key of ours")
        if match:
            _, date, of_day, generation, capture = match.groups()
            expect(f"{date}T{of_day}".replace("-", "") == hour, f"{key}: in the manifest of {hour}")
            expect(int(generation) == manifest["generation"], f"{key}: generation {manifest['generation']} names it")
            expect(capture == manifest["capture"]["id"], f"{key}: of another capture than {manifest['capture']['id']}")
        found = [line for line in gzip.decompress(body).split(b"\n") if line]
        expect(len(found) == named["rows"], f"{key}: {len(found)} rows, not {named['rows']}")
        lines.extend(found)
    expect(len(lines) == manifest["rows"], f"{hour}: {len(lines)} rows, its manifest says {manifest['rows']}")
    return lines


def check(endpoint, bucket, prefix, simulator, first, kills):
    s3 = client(endpoint)
    prefix = prefix.strip("/") + "/"
    keys = listing(s3, bucket, prefix)
    expect(keys and len(keys) == len(listing(s3, bucket, "")), "there is something beside the prefix")
    manifests = {}
    for key in keys:
        match = MANIFEST.fullmatch(key)
        if match:
            manifest = json.loads(s3.get_object(Bucket=bucket, Key=prefix + key)["Body"].read())
            expect(manifest["generation"] == int(match[2]), f"{key}: names generation {manifest['generation']}")
            manifests.setdefault(match[1], {})[int(match[2])] = manifest

    begin = datetime.strptime(first, "%Y-%m-%dT%H").replace(tzinfo=timezone.utc)
    end = max(datetime.strptime(hour, "%Y%m%dT%H").replace(tzinfo=timezone.utc) for hour in manifests)
    expect(datetime.now(timezone.utc) - end < timedelta(hours=5), f"the newest hour is {end}")
    hours = [(begin + timedelta(hours=n)).strftime("%Y%m%dT%H") for n in range(int((end - begin) / timedelta(hours=1)) + 1)]
    truth = get_json(f"{simulator}/_sim/truth?start={hours[0]}&end={hours[-1]}")

    rows, every_line = 0, []
    for hour in hours:
        generations = manifests.pop(hour, None)
        if not generations:
            expect(False, f"{hour} is missing")
            continue
        expect(list(generations) == [1], f"{hour}: generations {sorted(generations)}")
        newest = generations[max(generations)]
        told = truth["per_hour"].get(hour)
        expect(newest["state"] == ("data" if told else "empty"), f"{hour}: {newest['state']}")
        lines = sorted(lines_of(s3, bucket, prefix, hour, newest))
        rows += len(lines)
        every_line.extend(lines)
        digest = hashlib.sha256(b"".join(line + b"\n" for line in lines)).hexdigest()
        expect(not told or (told["rows"], told["hash"]) == (len(lines), digest), f"{hour}: rows differ from the truth")
        for named in newest["objects"]:
            expect(named["key"] in keys, f"{named['key']}: named and not there")
            keys.pop(named["key"], None)
        for generation in generations:
            keys.pop(f"_ampd/v1/source=web/manifests/{hour}.g{generation}.json", None)
    digest = hashlib.sha256(b"".join(line + b"\n" for line in sorted(every_line))).hexdigest()
    expect((rows, digest) == (truth["rows"], truth["hash"]), f"{rows} rows, the truth has {truth['rows']}")
    expect(not manifests, f"manifests of hours nobody asked for: {sorted(manifests)[:5]}")
    for key in sorted(set(keys) - FIXTURES):
        # Each hour has its manifest now, so what none names can never be named again and must have been swept.
        expect(False, f"{key}: no manifest names it")
    uploads = s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    expect(not uploads, f"{len(uploads)} multipart uploads were left")

    requests = get_json(f"{simulator}/_sim/requests")
    requests = requests if isinstance(requests, list) else requests["requests"]
    whole = [one for one in requests if one["status"] == 200 and one["completed"]]
    captures = set()
    for key in listing(s3, bucket, prefix):
        match = OBJECT.fullmatch(key)
        if match:
            captures.add(match[5])
    lost = len(whole) - len(captures)
    expect(0 <= lost <= kills, f"{len(whole)} archives were downloaded for {len(captures)} captures with {kills} kills")
    statuses = Counter(one["status"] for one in requests)
    expect(set(statuses) <= {200, 404, None}, f"answers: {dict(statuses)}")
    # The script asks for so many hours at a time; empty hours are asked for once more, a day's together; and a kill costs
    # the request in flight, or the one whose answer was not recorded yet.
    ideal = len(hours) // WINDOW + len(hours) // 24 + 4
    expect(len(requests) <= ideal + 2 * kills, f"{len(requests)} requests, {ideal} would do without kills")
    objects = sum(1 for key in listing(s3, bucket, prefix) if OBJECT.fullmatch(key))
    print(
        f"{STORE}: {kills} kills, {len(hours)} hours, {rows} rows, {'equal' if not failures else 'DIFFERENT'}; "
        f"{len(requests)} requests ({lost} archives lost to kills), {objects} objects"
    )


def main():
    if sys.argv[1] == "create":
        client(sys.argv[2]).create_bucket(Bucket=sys.argv[3])
        return
    check(*sys.argv[2:7], int(sys.argv[7]))
    for words in failures[:30]:
        print(f"{STORE}: {words}", file=sys.stderr)
    if failures:
        sys.exit(1)


main()
