"""What is measured with an archive from the source's double into the store's."""
import archives
import figures
import pipelines

RATE, LATENCY_MS = 30_000_000, 50

# Archives that a fast path must not win by being wrong, each a fifth of the size.
SHAPES = {
    "three gzip streams a member": ("--gz-members", "3"),
    "stored members": ("--zip", "stored"),
    "sizes in the local headers": ("--layout", "seekable"),
    "two members, of 100 MB each": ("--hours", "2", "--files-per-hour", "1"),
}


def every_format(options):
    return [pipelines.Ampd(options.ampd, form) for form in pipelines.formats(options.ampd)]


def loopback(options):
    """The baselines and every format in turn."""
    archive = archives.named(options.cache, options.raw_mb)
    racers = [pipelines.Python(), *every_format(options)]
    missing = pipelines.Shell.missing()
    if not missing:
        racers.append(pipelines.Shell())
    runs = pipelines.race(racers, archive, options.runs, options.doubles)
    packed, plain, python = runs["ampd json.gz"], runs["ampd json"], runs["python"]
    found = {
        "cpu_ratio_json": figures.ratio(python, plain, "cpu_s"),
        "wall_ratio_json": figures.ratio(python, plain, "wall_s"),
        "disk_over_zip": figures.of(packed + plain, "disk_bytes", 1 / archive.total["zip"]),
    }
    if "shell" in runs:
        found["cpu_ratio_json_shell"] = figures.ratio(runs["shell"], plain, "cpu_s")
        found["wall_ratio_json_shell"] = figures.ratio(runs["shell"], plain, "wall_s")
    for name, of_one in runs.items():
        key = name.removeprefix("ampd ").replace(".", "_")
        found[f"cpu_s_per_raw_gb_{key}"] = figures.of(of_one, "cpu_s", 1 / archive.raw_gb)
    return {"found": found, "runs": runs, "tools_missing": missing}


def shaped(options):
    """Over a slow link, against the slowest of download, decoding on two cores, and upload."""
    archive = archives.named(options.cache, options.raw_mb)
    racers = [pipelines.Ampd(options.ampd, form) for form in ("json.gz", "json")]
    source, sink = ("--rate", str(RATE)), ("--latency-ms", str(LATENCY_MS))
    runs = pipelines.race(racers, archive, options.runs, options.doubles, source, sink)
    for run in (run for of_one in runs.values() for run in of_one):
        run["download_s"] = archive.total["zip"] / RATE
        run["decode_s"] = run["cpu_s"] / 2
        run["upload_s"] = run["store_requests"] * LATENCY_MS / 1000 / run["most_in_flight"]
        run["wall_over_bound"] = run["wall_s"] / max(run["download_s"], run["decode_s"], run["upload_s"])
    packed = runs["ampd json.gz"] + runs["ampd json"]
    return {"found": {"wall_over_bound": figures.of(packed, "wall_over_bound")}, "runs": runs}


def sizes(options):
    """Memory at 100 MB, 1 GB and 4 GB; each file has 42 MB at 4 GB."""
    small, middle, large = options.raw_mb // 10, options.raw_mb, options.raw_mb * 4
    peaks, runs = {}, {}
    for raw_mb in (small, middle, large):
        archive = archives.named(options.cache, raw_mb, "--distinct", "8")
        racers = [pipelines.Ampd(options.ampd, form) for form in ("json.gz", "json")]
        runs[raw_mb] = pipelines.race(racers, archive, options.runs, options.doubles)
        peaks[raw_mb] = {name: figures.of(of_one, "peak_rss_mib") for name, of_one in runs[raw_mb].items()}
    # The worse format counts.
    worst = max(peaks[large], key=lambda name: peaks[large][name]["median"])
    growths = {name: peaks[large][name]["median"] / peaks[middle][name]["median"] for name in peaks[middle]}
    found = {"rss_4gb_mib": peaks[large][worst], "rss_4gb_over_1gb": figures.spread([max(growths.values())])}
    return {"found": found, "peaks_mib": peaks, "growths": growths, "runs": runs}


def shapes(options):
    """The odd archives, in every format, and one without a Content-Length: each lake must be right."""
    runs = {}
    for words, arguments in SHAPES.items():
        archive = archives.named(options.cache, options.raw_mb // 5, *arguments)
        runs[words] = pipelines.race(every_format(options), archive, 1, options.doubles)
    archive = archives.named(options.cache, options.raw_mb // 5)
    runs["no Content-Length"] = pipelines.race(every_format(options), archive, 1, options.doubles, ("--chunked",))
    return {"found": {}, "runs": runs}
