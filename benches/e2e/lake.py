"""A lake against the truth, hour by hour. A run whose objects differ is a failure, not a time."""
import hashlib
import io
import json

# What the truth has of an hour's objects joined in the order of their parts, by format.
JOINED = {"json.gz": "gz_sha256", "json": "sha256"}


def newest_manifests(sink, sizes):
    newest = {}
    for key in sizes:
        if "/manifests/" in key:
            manifest = json.loads(sink.read(key))
            known = newest.get(manifest["hour"])
            if known is None or known["generation"] < manifest["generation"]:
                newest[manifest["hour"]] = manifest
    return newest


def check(sink, archive, form, bucket="lake"):
    """What is wrong with the lake in this bucket; nothing, when all is well."""
    sizes, wrong, named = sink.sizes(), [], set()
    manifests = newest_manifests(sink, sizes)
    if manifests.keys() != archive.hours.keys():
        wrong.append(f"manifests of {len(manifests)} hours, the archive has {len(archive.hours)}")
    for hour, truth in archive.hours.items():
        manifest = manifests.get(hour)
        if manifest is None:
            wrong.append(f"{hour}: no manifest")
            continue
        if (manifest["rows"], manifest["rows_invalid"]) != (truth["rows"], 0):
            wrong.append(f"{hour}: {manifest['rows']} rows, {manifest['rows_invalid']} invalid; {truth['rows']} are true")
        keys = [f"{bucket}/{one['key']}" for one in manifest["objects"]]
        named.update(keys)
        for key, one in zip(keys, manifest["objects"]):
            if sizes.get(key) != one["bytes"]:
                wrong.append(f"{hour}: {key} has {sizes.get(key)} bytes, its manifest says {one['bytes']}")
            if one["sha256"] not in (None, sink.sha256([key])):
                wrong.append(f"{hour}: {key} has other bytes than its manifest says")
        if not holds_the_rows(sink, keys, truth, form):
            wrong.append(f"{hour}: other rows than the archive's")
    wrong += [f"in no manifest: {key}" for key in sizes if f"{bucket}/data/" in key and key not in named]
    return wrong


def holds_the_rows(sink, keys, truth, form):
    """The hour's objects, in order, are what the archive holds: byte for byte where the format keeps bytes."""
    if form in JOINED:
        return sink.sha256(keys) == truth[JOINED[form]]
    if form == "json.zst":
        import zstandard

        unpack = zstandard.ZstdDecompressor()
        raw = b"".join(unpack.stream_reader(sink.read(key), read_across_frames=True).read() for key in keys)
        return hashlib.sha256(raw).hexdigest() == truth["sha256"]
    if form == "parquet":
        import pyarrow.parquet

        tables = [pyarrow.parquet.read_table(io.BytesIO(sink.read(key)), columns=["uuid"]) for key in keys]
        uuids = sorted(str(one) for table in tables for one in table.column("uuid").to_pylist())
        return hashlib.sha256("\n".join(uuids).encode()).hexdigest() == truth["uuids_sha256"]
    raise SystemExit(f"nothing is known of the format {form}")


def check_members(sink, archive, bucket="lake"):
    """What the pipelines without manifests left: the same members, so the same rows."""
    sizes = {key: size for key, size in sink.sizes().items() if key.startswith(f"{bucket}/events/")}
    by_hour = {}
    for key in sizes:
        _, date, rest = key.rsplit("/", 1)[1].split("_")
        number, part = rest.split(".")[0].split("#")
        by_hour.setdefault(f"{date}T{int(number):02}", []).append((int(part), key))
    wrong = []
    for hour, truth in archive.hours.items():
        keys = [key for _, key in sorted(by_hour.get(hour, []))]
        if sink.sha256(keys) != truth["sha256"]:
            wrong.append(f"{hour}: other bytes than the archive's, in {len(keys)} objects")
    return wrong
