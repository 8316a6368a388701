"""The session page: every word, number and position that any output shows, decided once.

HTML, terminal, JSON and CSV are made from this one frozen object, so they cannot disagree. Nothing here knows about
markup, colours or columns of a terminal.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from loadsense.results import SessionReport, VerdictStatus

if TYPE_CHECKING:
    from loadsense.render.charts import BandChart, Grid, Trace


class Grade(StrEnum):
    """What a landing was, in the terms of the verdict's basis; each has its own colour, weight and word."""

    IN_BAND = "in_band"
    ABOVE_CEILING = "above_ceiling"
    BELOW_BAND = "below_band"
    HIGH = "high"
    BELOW_LEVEL = "below_level"
    NOT_GRADED = "not_graded"

    @property
    def words(self) -> str:
        """As shown.

        Examples
        --------
        >>> Grade.ABOVE_CEILING.words
        'above the ceiling'
        """
        return _GRADE_WORDS[self]


_GRADE_WORDS = {
    Grade.IN_BAND: "in the band",
    Grade.ABOVE_CEILING: "above the ceiling",
    Grade.BELOW_BAND: "below the band",
    Grade.HIGH: "above a studied level",
    Grade.BELOW_LEVEL: "below the studied levels",
    Grade.NOT_GRADED: "not graded",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """A label, what stands beside it, and what it was made with or limited by."""

    label: str
    text: str
    note: str = ""

    @property
    def line(self) -> str:
        """Text and note in one line."""
        return f"{self.text} ({self.note})" if self.note else self.text


@dataclass(frozen=True, slots=True)
class SensorQuality:
    """Whether one sensor's data can be trusted."""

    sensor: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictBox:
    """The answer, first and largest.

    Attributes
    ----------
    status : VerdictStatus
        Decides word, icon and colour.
    basis : str
        "prescribed" or "evidence".
    word, judged : str
        "REACHED", and the sentence after it.
    reasons : tuple of str
        Why.
    to_do : str or None
        The one thing that would turn CANNOT SAY into an answer.
    evidence : str or None
        Against levels studied elsewhere, when a plan was judged.
    doubt : str or None
        The answer with every unknown at its best and at its worst, where they differ.
    """

    status: VerdictStatus
    basis: str
    word: str
    judged: str
    reasons: tuple[str, ...]
    to_do: str | None
    evidence: str | None
    doubt: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """One line of prescribed against done; `met` is "met", "not met" or a dash."""

    exercise: str
    prescribed: str
    done: str
    met: str
    source: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanTable:
    """Prescribed against done, with the name of the plan and, when it may not be graded, the sentence that says why."""

    title: str
    rows: tuple[PlanRow, ...]
    locked: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagLine:
    """A safety rule that fired."""

    severity: str
    sentence: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """A landing or a set, as listed.

    Attributes
    ----------
    event_id, kind, sensor : str
        "landing" or "set", and what saw it.
    at_s, until_s : float
        Position on the trace.
    clock, time : str
        Minutes and seconds from the start, and local time of day (a dash without one).
    what, peak, rate, note : str
        The grade, or the exercise and repetitions; NET peak in g and loading rate in g/s (a dash for a set); limits.
    peak_net_g, rate_g_per_s : float or None
        The same as numbers, for sorting.
    grade : Grade or None
        None for a set.
    """

    event_id: str
    kind: str
    sensor: str
    at_s: float
    until_s: float
    clock: str
    time: str
    what: str
    peak: str
    rate: str
    peak_net_g: float | None
    rate_g_per_s: float | None
    note: str
    grade: Grade | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdRow:
    """A level that was used, with whom it was studied in, its source and its mark."""

    name: str
    value: str
    population: str
    source: str
    doi: str | None
    mark: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRow:
    """One local day of long wear."""

    day: str
    week: str
    wear: str
    impacts: str
    landings: str
    score: str
    minutes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPage:
    """Everything the outputs of one session say.

    Attributes
    ----------
    title, when, facts : str
        File names; date and time or why there is none; sensors, rate, range, length and gaps in one line.
    verdict : VerdictBox
        The answer.
    numbers : tuple of Fact
        The session in a handful of lines: landings, loading rate, levels, lifts, index, excluded.
    plan : PlanTable or None
        None without a prescription.
    flags : tuple of FlagLine
        Red before amber before notes.
    traces : tuple of Trace
        One for each sensor, on one time axis.
    grid : Grid or None
        Peak x rate; None without landings.
    bands : tuple of BandChart
        NET peaks by published band.
    events : tuple of EventRow
        Landings and sets in order of time.
    days : tuple of DayRow
        For long wear.
    quality, notes : tuple of SensorQuality, tuple of str
        Data quality by sensor, and what was noticed while reading.
    method : tuple of Fact
        What the numbers were made with.
    thresholds : tuple of ThresholdRow
        Levels used, with their marks.
    differences : tuple of str
        Where the method departs from its sources.
    version, footer : str
        Of the software; and the sentence that every output ends with.
    report : SessionReport
        What all of it was made from, for the outputs that print every digit.
    """

    title: str
    when: str
    facts: str
    verdict: VerdictBox
    numbers: tuple[Fact, ...]
    plan: PlanTable | None
    flags: tuple[FlagLine, ...]
    traces: tuple[Trace, ...]
    grid: Grid | None
    bands: tuple[BandChart, ...]
    events: tuple[EventRow, ...]
    days: tuple[DayRow, ...]
    quality: tuple[SensorQuality, ...]
    notes: tuple[str, ...]
    method: tuple[Fact, ...]
    thresholds: tuple[ThresholdRow, ...]
    differences: tuple[str, ...]
    version: str
    footer: str
    report: SessionReport


def session_page(report: SessionReport) -> SessionPage:
    """The page of a session.

    Parameters
    ----------
    report : SessionReport
        What the session came to.
    """
    from loadsense.render import charts, sentences
    from loadsense.render.words import FOOTER

    return SessionPage(
        title=sentences.title(report),
        when=sentences.when(report),
        facts=sentences.facts(report),
        verdict=sentences.verdict_box(report.verdict),
        numbers=sentences.numbers(report),
        plan=sentences.plan_table(report.prescription),
        flags=sentences.flag_lines(report.prescription),
        traces=charts.traces(report),
        grid=charts.grid(report),
        bands=charts.band_charts(report),
        events=sentences.event_rows(report),
        days=sentences.day_rows(report),
        quality=sentences.quality(report),
        notes=sentences.notes(report),
        method=sentences.method(report),
        thresholds=sentences.threshold_rows(report),
        differences=report.provenance.differences_from_source,
        version=report.provenance.version,
        footer=FOOTER,
        report=report,
    )
