"""What `inspect`, `thresholds` and `simulate` print: labelled lines, or the same facts for a program."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING

from loadsense.render.page import Fact
from loadsense.render.words import DASH, FOOTER, counted, duration, number, plain

if TYPE_CHECKING:
    from loadsense.criteria import EvidenceRow
    from loadsense.readers.inspection import Inspection
    from loadsense.simulate import Scenario

Json = dict[str, object]


def inspection_facts(found: Inspection) -> tuple[Fact, ...]:
    """What a file is, and what it cannot tell."""
    gaps_s = found.n_missing / found.sampling_rate_hz
    gaps = counted(found.n_gaps, "gap") + (f" ({duration(gaps_s)})" if found.n_gaps else "")
    start = found.start.isoformat(timespec="milliseconds") if found.start else DASH
    reach = DASH if found.range_g is None else f"±{plain(found.range_g)} g"
    return (
        Fact("file", found.file or "memory"),
        Fact("format", found.format or DASH),
        Fact("columns", ", ".join(found.columns) or DASH),
        Fact("unit", found.unit or DASH),
        Fact("rate", _rate(found)),
        Fact("range", f"{reach}, largest value {number(found.largest_g, 2)} g"),
        Fact("samples", f"{found.n_samples} in {duration(found.duration_s)}, {gaps}"),
        Fact("start", f"{start}{f' ({found.tz})' if found.tz else ''}"),
        *(Fact("note", note) for note in found.notes),
        *(Fact("cannot tell", words) for words in found.cannot_tell),
    )


def _rate(found: Inspection) -> str:
    """Rate of the grid, what was stated and measured, and the jitter."""
    parts = [f"measured {number(found.measured_rate_hz, 2)} Hz"] if found.measured_rate_hz else []
    parts += [f"stated {plain(found.nominal_rate_hz)} Hz"] if found.nominal_rate_hz else []
    parts += [f"jitter p99 {number(found.jitter_p99_ms)} ms"] if found.jitter_p99_ms is not None else []
    return f"{number(found.sampling_rate_hz)} Hz" + (f" ({', '.join(parts)})" if parts else "")


def inspection_json(found: Inspection) -> Json:
    """The same for a program: every field of `Inspection`."""
    return {key: _jsonable(value) for key, value in asdict(found).items()}


def _jsonable(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def evidence_lines(rows: Iterable[EvidenceRow]) -> Iterator[str]:
    """The evidence table, kind by kind: the level, whom it was studied in, and where it comes from with its mark."""
    for kind, group in groupby(rows, key=lambda row: row.kind):
        yield kind.upper()
        for row in group:
            level = " ".join(word for word in (row.value, row.unit, row.frame) if word)
            what = ", ".join(word for word in (row.quantity, row.placement, row.filter, row.population) if word)
            source = row.source
            doi = f", doi {source.doi}" if source.doi else ""
            yield f"  {row.name}: {level}"
            if what:
                yield f"      {what}"
            yield f"      {source.citation}{doi}{source.known.mark}{f'; {source.note}' if source.note else ''}"
    yield FOOTER


def evidence_json(rows: Iterable[EvidenceRow]) -> list[Json]:
    """The same for a program: every field of `EvidenceRow`."""
    return [asdict(row) for row in rows]


def scenario_facts(scenarios: Iterable[Scenario]) -> tuple[Fact, ...]:
    """Names of what can be simulated, with a sentence each."""
    return tuple(Fact(one.name, one.about) for one in scenarios)
