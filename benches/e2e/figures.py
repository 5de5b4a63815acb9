"""Figures of runs: medians with their range, and the table of docs/performance.md."""
import json
import os
import re
import statistics

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FIGURES = os.path.join(ROOT, "benches", "figures.json")
PAGE = os.path.join(ROOT, "docs", "performance.md")

# Name, words, what is to be reached, what is aimed at, whether more or less is better.
TARGETS = [
    ("cpu_ratio_json", "CPU, baseline / ampd, `json`, every row checked", 3.0, 4.5, "more"),
    ("cpu_s_per_raw_gb_json_gz", "CPU-seconds per raw GB, `json.gz` verified, rows counted and checked", 1.8, 1.1, "less"),
    ("wall_over_bound", "wall / max(download, decode on 2 cores, upload), source 30 MB/s, store 50 ms", 1.08, 1.03, "less"),
    ("wall_ratio_json", "wall, loopback, baseline / ampd, `json`", 4, 6, "more"),
    ("rss_4gb_mib", "peak RSS at 4 GB raw, defaults, MiB", 96, 48, "less"),
    ("rss_4gb_over_1gb", "RSS at 4 GB / RSS at 1 GB", 1.10, 1.03, "less"),
    ("disk_over_zip", "disk written / zip size", 1.05, 1.02, "less"),
    ("cpu_s_per_raw_gb_parquet", "CPU-seconds per raw GB, `parquet`", 8, 5, "less"),
    ("year_wall_s", "a year of tiny hours (8,760, two members each) to a local lake, wall, s", 240, 90, "less"),
    ("cpu_ms_per_window", "CPU per tiny window in a running daemon, ms", 10, 4, "less"),
    ("idle_wake_ups_per_s", "idle daemon, wake-ups per second", 6, 3, "less"),
    ("idle_rss_mib", "idle daemon, RSS, MiB", 20, 12, "less"),
    ("cpu_s_per_raw_gb_json", "CPU-seconds per raw GB, `json`", None, None, "less"),
    ("cpu_s_per_raw_gb_json_zst", "CPU-seconds per raw GB, `json.zst`", None, None, "less"),
    ("cpu_s_per_raw_gb_python", "CPU-seconds per raw GB, the baseline in Python", None, None, "less"),
    ("cpu_s_per_raw_gb_shell", "CPU-seconds per raw GB, the shell pipeline", None, None, "less"),
    ("cpu_ratio_json_shell", "CPU, shell pipeline / ampd, `json`", None, None, "more"),
    ("wall_ratio_json_shell", "wall, loopback, shell pipeline / ampd, `json`", None, None, "more"),
]


def spread(values):
    """Median, least and most of a figure's runs."""
    values = list(values)
    return {"median": statistics.median(values), "min": min(values), "max": max(values), "runs": len(values)}


def of(runs, field, scale=1.0):
    return spread(run[field] * scale for run in runs)


def ratio(above, below, field):
    """Of runs in turn, pair by pair."""
    return spread(one[field] / other[field] for one, other in zip(above, below))


def record(column, scenario, told):
    """Keeps a scenario's figures under the name of a column, beside those that are there."""
    kept = {}
    if os.path.exists(FIGURES):
        with open(FIGURES) as file:
            kept = json.load(file)
    figures = kept.setdefault(column, {})
    figures.update(told["found"])
    figures.setdefault("load", {})[scenario] = [round(load, 1) for load in told["load"]]
    with open(FIGURES, "w") as file:
        json.dump(kept, file, indent=1, sort_keys=True)
        file.write("\n")


def shown(figure):
    if figure is None:
        return "not measured"
    digits = lambda number: f"{number:.{0 if number >= 100 else 1 if number >= 10 else 2}f}"  # noqa: E731
    text = f"**{digits(figure['median'])}**"
    return text if figure["runs"] == 1 else f"{text} ({digits(figure['min'])} to {digits(figure['max'])})"


def verdict(figure, reach, aim, better):
    if figure is None or reach is None:
        return ""
    good = (lambda limit: figure["median"] >= limit) if better == "more" else (lambda limit: figure["median"] <= limit)
    return "aim" if good(aim) else "reached" if good(reach) else "**missed**"


def table(kept):
    columns = sorted(kept)
    head = ["figure", "reach", "aim", *columns, ""]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for name, words, reach, aim, better in TARGETS:
        cells = [shown(kept[column].get(name)) for column in columns]
        last = kept[columns[-1]].get(name)
        limits = ["", ""] if reach is None else [f"{reach:g}", f"{aim:g}"]
        lines.append("| " + " | ".join([words, *limits, *cells, verdict(last, reach, aim, better)]) + " |")
    loads = [[load for pair in kept[column].get("load", {}).values() for load in pair] for column in columns]
    told = [f"{min(all_of)} to {max(all_of)}" if all_of else "" for all_of in loads]
    lines.append("| " + " | ".join(["load of the machine meanwhile", "", "", *told, ""]) + " |")
    return "\n".join(lines) + "\n"


def stages(kept):
    """CPU-seconds per raw GB of each stage, the dearest first: a column for each format and column of the figures."""
    profiles = [(column, form, kept[column]["profile"][form]) for column in sorted(kept) for form in kept[column].get("profile", {})]
    profiles.sort(key=lambda one: one[1], reverse=True)
    if not profiles:
        return "not measured\n"
    head = ["CPU-s per raw GB", *(f"`{form}`, {column}" for column, form, _ in profiles)]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    cost = {name: sum(found[name] for _, _, found in profiles) for name in profiles[0][2]}
    for name in sorted(filter(cost.get, cost), key=cost.get, reverse=True):
        lines.append("| " + " | ".join([name, *(f"{found[name]:.2f}" for _, _, found in profiles)]) + " |")
    sums = (f"**{sum(found.values()):.2f}**" for _, _, found in profiles)
    lines.append("| " + " | ".join(["together", *sums]) + " |")
    return "\n".join(lines) + "\n"


def write_page():
    """Writes the tables of what is kept into docs/performance.md, between their marks."""
    with open(FIGURES) as file:
        kept = json.load(file)
    with open(PAGE) as file:
        page = file.read()
    for mark, text in (("figures", table(kept)), ("stages", stages(kept))):
        between = re.compile(rf"(<!-- {mark}: [^>]*-->\n).*?(<!-- end of {mark} -->)", re.DOTALL)
        page, marks = between.subn(lambda found: found[1] + text + found[2], page)
        if marks != 1:
            raise SystemExit(f"{PAGE}: the marks of `{mark}` are not there once")
    with open(PAGE, "w") as file:
        file.write(page)
