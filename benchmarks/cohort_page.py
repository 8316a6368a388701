"""The figures of `cohort.py` in words, and what follows from them for a hundred thousand people for seven days."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

Figures = dict[str, Any]

BEGIN: Final = "<!-- figures: python benchmarks/cohort.py FOLDER --write docs/scale.md -->"
END: Final = "<!-- end of the figures -->"

#: Assumptions, not measurements: a rented core for an hour, a gigabyte stored for a month, both without traffic.
EURO_PER_CORE_HOUR: Final = 0.04
EURO_PER_GB_MONTH: Final = 0.02
#: What one file server or bucket gives away in a second, for the question of what breaks first.
STORE_GB_PER_S: Final = 5.0
DISK_GB_PER_S: Final = 0.5
#: Tables of a batch that have rows for a week.
TABLES: Final = 8
PEOPLE: Final = 100_000
CORES: Final = 1_000
WEEK_MINUTES: Final = 7 * 1440
#: From this share of busy cores on, before anything of ours ran, the machine was not quiet.
QUIET_PERCENT: Final = 10.0


def workers(found: Figures) -> list[str]:
    """Lines on one process, two, and Dask."""
    samples = found["files"] * found["minutes"] * 6000
    days = found["minutes"] / 1440
    length = f"{found['minutes']} min" if days % 1 else "a day" if days == 1 else f"{days:g} days"
    links = found["files"] - found["distinct"]
    told = [
        f"{found['files']} files of {length} at 100 Hz, {found['text_bytes'] / 1e9:.1f} GB of text"
        + (f" ({links} are links of the others)" if links else "")
        + f", {found['rounds']} round{'s' if found['rounds'] > 1 else ''}{_others(found)}"
    ]
    for name, words in (("one", "1 process"), ("two", "2 processes"), ("dask", "Dask, 2 workers")):
        middle = sorted(found["seconds"][name])[len(found["seconds"][name]) // 2]
        rate, each = found["files"] / middle, middle / samples * 1e9
        told.append(f"  {words:16} {middle:8.1f} s  {rate:7.2f} files/s  {each:6.0f} ns/sample")
    told.append(f"  2 processes against 1: {found['two_against_one']:.2f} x as fast")
    told.append(f"  Dask against 2 processes: {found['dask_against_two']:.2f} x the time")
    return told


def many(found: Figures) -> list[str]:
    """Lines on memory over many small files."""
    files, errors = found["files"], sum(found["errors"].values())
    return [
        f"{files:,} files of 1 min at 50 Hz, 2 processes: {found['taken_s']:.0f} s, "
        f"{files / found['taken_s']:.0f} files/s, {found['cpu_s'] / files * 1000:.0f} ms of CPU a file{_others(found)}",
        f"  killed (SIGKILL) after {found['killed_after']:,} files, started again: {found['skipped_after']:,} skipped, "
        f"{found['analyzed_after']:,} analyzed, {errors} errors",
        f"  coordinator, MiB by fifths of each run: {_runs(found['coordinator_mib'])}",
        f"  largest worker, MiB:                    {_runs(found['worker_mib'])}",
        f"  coordinator's own CPU: {found['coordinator_cpu_s_per_file'] * 1000:.1f} ms a file",
        f"  written: {found['parts']:,} Parquet files, {found['output_bytes'] / 1e6:.0f} MB, "
        f"journal {found['journal_bytes'] / 1e6:.1f} MB",
    ]


def again(found: Figures) -> list[str]:
    """Lines on a second start."""
    taken_s, skipped = found["taken_s"], found["skipped"]
    return [f"the same {found['files']:,} files once more: {taken_s:.1f} s, {skipped:,} hashed and skipped"]


def long(found: Figures) -> list[str]:
    """Lines on one long recording."""
    days = found["minutes"] / 1440
    told = [f"one recording of {days:g} days, {found['samples']:,} samples, one core{_others(found)}"]
    for name, words in (("text", "ActiGraph CSV"), ("own", "own format")):
        one = found[name]
        told.append(
            f"  {words:14} {one['input_bytes'] / 1e6:6.0f} MB in, {one['output_bytes'] / 1e6:5.1f} MB out, "
            f"{one['cpu_s']:5.1f} s of CPU ({one['cpu_s'] / found['samples'] * 1e9:.0f} ns/sample), "
            f"worker at most {one['worker_mib']:.0f} MiB"
        )
    return told


SECTIONS: Final[dict[str, Callable[[Figures], list[str]]]] = {
    "workers": workers,
    "many": many,
    "again": again,
    "long": long,
}


def _others(found: Figures) -> str:
    """A remark where other programs were running."""
    busy = found["busy_percent"]
    return f"; other programs kept {busy:.0f} % of the cores busy" if busy > QUIET_PERCENT else ""


def _runs(runs: list[list[float]]) -> str:
    return "; then ".join(" ".join(f"{value:.0f}" for value in run) for run in runs)


def write(page: Path, figures: Figures) -> None:
    """Put the figures between the marks of a page."""
    text = page.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{told(figures)}\n{END}{after}", encoding="utf-8")


def told(figures: Figures) -> str:
    """The measured part of the page."""
    measured = "\n".join(line for name in SECTIONS if name in figures for line in SECTIONS[name](figures[name]))
    parts = [f"```\n{measured}\n```\n"]
    if "long" in figures and "many" in figures:
        parts += [_sum(figures), _breaks(figures)]
    return "\n".join(parts)


def _weeks(figures: Figures, kind: str) -> dict[str, float]:
    """What PEOPLE weeks of one format come to."""
    one, times = figures["long"][kind], WEEK_MINUTES / figures["long"]["minutes"]
    hours = PEOPLE * times * one["cpu_s"] / 3600
    return {
        "core_hours": hours,
        "in_tb": PEOPLE * times * one["input_bytes"] / 1e12,
        "out_gb": PEOPLE * times * one["output_bytes"] / 1e9,
        "euro_each": times * one["cpu_s"] / 3600 * EURO_PER_CORE_HOUR,
        "hours": hours / CORES,
        "gb_per_s": PEOPLE * times * one["input_bytes"] / 1e9 / (hours / CORES * 3600),
    }


def _sum(figures: Figures) -> str:
    """The table of a hundred thousand people for seven days."""
    kinds = {"ActiGraph CSV": _weeks(figures, "text"), "LoadSense's own format": _weeks(figures, "own")}
    rows = (
        ("core-hours", lambda k: f"{k['core_hours']:,.0f}"),
        (f"on {CORES:,} cores that are fed fast enough", lambda k: f"{k['hours']:.1f} h"),
        ("input", lambda k: f"{k['in_tb']:.1f} TB"),
        ("results", lambda k: f"{k['out_gb']:,.0f} GB"),
        ("computing, per recording", lambda k: f"{k['euro_each'] * 100:.3f} cent"),
        ("keeping input and results for a month, per recording", lambda k: f"{_kept(k) * 100:.3f} cent"),
        (f"reading that {CORES:,} cores ask for", lambda k: f"{k['gb_per_s']:.0f} GB/s"),
    )
    head = f"| 100,000 people x 7 days at 100 Hz | {' | '.join(kinds)} |\n|---|{'---|' * len(kinds)}\n"
    body = "".join(f"| {words} | {' | '.join(of(kind) for kind in kinds.values())} |\n" for words, of in rows)
    return (
        "Worked out from the long recording above: CPU time, bytes in and bytes out, times 100,000 and scaled to\n"
        f"seven days. Prices are assumptions ({EURO_PER_CORE_HOUR} EUR a core-hour, {EURO_PER_GB_MONTH} EUR a GB and\n"
        "month); traffic, idle machines and people come on top.\n\n" + head + body
    )


def _kept(kind: dict[str, float]) -> float:
    return (kind["in_tb"] * 1000 + kind["out_gb"]) / PEOPLE * EURO_PER_GB_MONTH


def _breaks(figures: Figures) -> str:
    """What breaks first, by the figures."""
    reasons = (_reading(figures), _small_parts(figures), _second_start(figures), _coordinator(figures))
    listed = "\n".join(_wrapped(f"{n}. {reason}") for n, reason in enumerate(reasons, 1))
    return f"What breaks first, in this order:\n\n{listed}\n"


def _wrapped(item: str) -> str:
    return textwrap.fill(item, 118, subsequent_indent="   ", break_long_words=False, break_on_hyphens=False)


def _reading(figures: Figures) -> str:
    text, own = _weeks(figures, "text")["gb_per_s"], _weeks(figures, "own")["gb_per_s"]
    return (
        f"**Reading the input.** {CORES:,} cores ask for {text:.0f} GB/s of text or {own:.0f} GB/s of LoadSense's own "
        f"format. A store that gives {STORE_GB_PER_S:g} GB/s feeds {CORES * STORE_GB_PER_S / text:,.0f} cores with "
        f"text and {CORES * STORE_GB_PER_S / own:,.0f} with its own format: the job takes as long as its storage."
    )


def _small_parts(figures: Figures) -> str:
    each = figures["many"]["parts"] / figures["many"]["files"]
    return (
        f"**Many small files in the dataset.** {each:.1f} Parquet files for each minute above, up to {TABLES} for a "
        f"week: {PEOPLE * TABLES:,} files. 256 shards keep folders small, but listing and opening them takes longer "
        "than reading them. Merge the tables of a finished study once, as shown below."
    )


def _second_start(figures: Figures) -> str:
    hours = _weeks(figures, "own")["in_tb"] * 1000 / DISK_GB_PER_S / 3600
    return (
        "**A second start.** Local files are hashed again to know that they have not changed: from one disk at "
        f"{DISK_GB_PER_S:g} GB/s that is {hours:,.0f} h for the own format. An object store answers from its list of "
        "versions instead."
    )


def _coordinator(figures: Figures) -> str:
    found, week_s = figures["many"], figures["long"]["own"]["cpu_s"] * WEEK_MINUTES / figures["long"]["minutes"]
    each_s, most_mib = found["coordinator_cpu_s_per_file"], max(found["coordinator_mib"][1])
    grown_kib = max(0.0, most_mib - found["few"]["coordinator_mib"]) * 1024 / found["files"]
    journal_mb = found["journal_bytes"] / found["files"] * PEOPLE / 1e6
    return (
        f"**The coordinator.** It spends {each_s * 1000:.1f} ms on a file, so it hands out at most {1 / each_s:,.0f} "
        f"files a second: enough for {week_s / each_s:,.0f} cores on files of a week. It holds {grown_kib:.1f} KiB "
        f"for each file, {grown_kib * PEOPLE / 1024:,.0f} MiB for {PEOPLE:,}; their journal is {journal_mb:,.0f} MB."
    )
