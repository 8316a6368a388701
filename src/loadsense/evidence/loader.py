"""Evidence files into frozen criteria: thresholds, bands, numbers, profiles and rules.

Each file of `thresholds/` holds one source: its `[source]`, and `[[threshold]]`, `[[bands]]` and `[[number]]` entries
that take citation, DOI and how they are known from it unless they say otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, TypeVar

from loadsense.criteria import (
    BandSet,
    Convention,
    GradingCriteria,
    IndexCriteria,
    LongWearCriteria,
    Profile,
    Source,
    Threshold,
)
from loadsense.errors import ContentError, unknown_name
from loadsense.evidence.fields import Fields, read_fields
from loadsense.prescriptions import Rule

#: Where the data files are.
FOLDER: Final = Path(__file__).parent

#: Name of the profile that a session without one is compared with.
DEFAULT_PROFILE: Final = "hip-high-rate"

_QUANTITIES: Final = ("landing_peak", "landing_rate", "impact_peak", "epoch_mean", "force", "force_rate")
_UNITS: Final = ("g", "g/s", "mg", "BW", "BW/s")
_VECTORS: Final[tuple[Literal["resultant", "vertical"], ...]] = ("resultant", "vertical")
_FRAMES: Final[tuple[Literal["RAW", "NET"], ...]] = ("RAW", "NET")
_CRITERIA: Final[tuple[Literal["magnitude", "rate", "either", "both"], ...]] = ("magnitude", "rate", "either", "both")
_SEVERITIES: Final[tuple[Literal["red", "amber", "note"], ...]] = ("red", "amber", "note")

Entry = TypeVar("Entry", Threshold, BandSet, Convention)


def threshold_files() -> tuple[Path, ...]:
    """The files that hold thresholds, bands and numbers, in order of name."""
    return (*sorted((FOLDER / "thresholds").glob("*.toml")), FOLDER / "conventions.toml")


def read_source_file(path: Path) -> tuple[tuple[Threshold, ...], tuple[BandSet, ...], tuple[Convention, ...]]:
    """One source with its levels.

    Raises
    ------
    ContentError
        A key is missing, misspelt or has a value that cannot be; file and key are named.
    """
    fields = read_fields(path)
    shared_fields = fields.table("source")
    shared = shared_fields.source()
    shared_fields.done()
    levels = tuple(_threshold(entry, shared) for entry in fields.tables("threshold"))
    bands = tuple(_bands(entry, shared) for entry in fields.tables("bands"))
    numbers = tuple(_number(entry, shared) for entry in fields.tables("number"))
    fields.done()
    return levels, bands, numbers


def _frame(fields: Fields, unit: str) -> Literal["RAW", "NET"] | None:
    frame = fields.optional_choice("frame", _FRAMES)
    if (unit in ("g", "mg")) != (frame is not None):
        raise fields.fail("frame", frame, "RAW or NET for g and mg, and nothing for slopes and forces")
    return frame


def _threshold(fields: Fields, shared: Source) -> Threshold:
    unit = fields.choice("unit", _UNITS)
    level = Threshold(
        name=fields.text("name"),
        quantity=fields.choice("quantity", _QUANTITIES),
        value=fields.number("value", low=0.0, high=100_000.0),
        unit=unit,
        frame=_frame(fields, unit),
        vector=fields.choice("vector", _VECTORS),
        filter=fields.text("filter"),
        population=fields.text("population"),
        placements=fields.placements("placements"),
        source=fields.source(shared),
    )
    fields.done()
    return level


def _edges(fields: Fields) -> tuple[float, ...]:
    edges = fields.numbers("edges") or _edges_from(fields)
    if len(edges) < 2 or any(high <= low for low, high in pairwise(edges)):
        raise fields.fail("edges", list(edges), "at least two numbers, each larger than the one before")
    return edges


def _edges_from(fields: Fields) -> tuple[float, ...]:
    """Edges written as start, stop and step of a number of even stretches."""
    edges: list[float] = []
    for stretch in fields.number_rows("edges_from", 3):
        start, stop, step = stretch
        n_bins = round((stop - start) / step)
        edges += [start + i * step for i in range(1 if edges else 0, n_bins + 1)]
    return tuple(edges)


def _bands(fields: Fields, shared: Source) -> BandSet:
    unit = fields.choice("unit", _UNITS)
    bands = BandSet(
        name=fields.text("name"),
        edges=_edges(fields),
        quantity=fields.choice("quantity", _QUANTITIES),
        unit=unit,
        frame=_frame(fields, unit),
        vector=fields.choice("vector", _VECTORS),
        filter=fields.text("filter"),
        population=fields.text("population"),
        placements=fields.placements("placements"),
        source=fields.source(shared),
    )
    fields.done()
    return bands


def _number(fields: Fields, shared: Source) -> Convention:
    number = Convention(
        name=fields.text("name"),
        value=fields.number("value"),
        unit=fields.optional_text("unit"),
        meaning=fields.text("meaning"),
        source=fields.source(shared),
    )
    fields.done()
    return number


def _by_name(pick: Callable[[Path], tuple[Entry, ...]]) -> Mapping[str, Entry]:
    found: dict[str, Entry] = {}
    for path in threshold_files():
        for entry in pick(path):
            if entry.name in found:
                raise ContentError(f"{path.name}: key 'name' is '{entry.name}'; expected a name used only once")
            found[entry.name] = entry
    return MappingProxyType(found)


@cache
def thresholds() -> Mapping[str, Threshold]:
    """Every published level by name."""
    return _by_name(lambda path: read_source_file(path)[0])


@cache
def bands() -> Mapping[str, BandSet]:
    """Every set of published bands by name."""
    return _by_name(lambda path: read_source_file(path)[1])


@cache
def numbers() -> Mapping[str, Convention]:
    """Every other number by name: conventions, model constants and anchors."""
    return _by_name(lambda path: read_source_file(path)[2])


@cache
def profiles() -> Mapping[str, Profile]:
    """Every profile by name."""
    return MappingProxyType({profile.name: profile for profile in read_profiles(FOLDER / "profiles.toml")})


def profile(name: str | None = None) -> Profile:
    """One profile; `hip-high-rate` without a name.

    Raises
    ------
    OptionError
        No such profile; the nearest one is suggested.

    Examples
    --------
    >>> profile("adolescent-hip").magnitude.value
    4.2
    """
    wanted = name or DEFAULT_PROFILE
    if wanted not in profiles():
        raise unknown_name("profile", wanted, profiles())
    return profiles()[wanted]


def read_profiles(path: Path) -> tuple[Profile, ...]:
    """All profiles of a file.

    Raises
    ------
    ContentError
        A faulty key, or a level or band that no source file has.
    """
    fields = read_fields(path)
    found = tuple(_profile(entry) for entry in fields.tables("profile"))
    fields.done()
    return found


def _profile(fields: Fields) -> Profile:
    sets_target = fields.flag("sets_target")
    made = Profile(
        name=fields.text("name"),
        description=fields.text("description"),
        population=fields.text("population"),
        criterion=fields.optional_choice("criterion", _CRITERIA),
        magnitude=_level(fields, "magnitude", fields.optional_text("magnitude")),
        rate=_level(fields, "rate", fields.optional_text("rate")),
        also=tuple(level for name in fields.texts("also") if (level := _level(fields, "also", name))),
        bands=tuple(_named(fields, "bands", name, bands()) for name in fields.texts("bands")),
        placements=fields.placements("placements"),
        target_landings=round(numbers()["target-landings"].value) if sets_target else None,
        source=fields.source(),
    )
    fields.done()
    _check_criterion(fields, made)
    return made


def _check_criterion(fields: Fields, made: Profile) -> None:
    needs = {"magnitude": ("magnitude",), "rate": ("rate",), "either": ("magnitude", "rate")}
    for key in needs.get(made.criterion or "", ("magnitude", "rate") if made.criterion else ()):
        if getattr(made, key) is None:
            raise fields.fail("criterion", made.criterion, f"a profile with the key '{key}'")
    if made.target_landings is not None and made.criterion is None:
        raise fields.fail("sets_target", True, "false for a profile without a criterion")


Named = TypeVar("Named")


def _named(fields: Fields, key: str, name: str, known: Mapping[str, Named]) -> Named:
    if name not in known:
        raise fields.fail(key, name, f"one of {', '.join(known)}")
    return known[name]


def _level(fields: Fields, key: str, name: str) -> Threshold | None:
    return _named(fields, key, name, thresholds()) if name else None


@cache
def rules() -> Mapping[str, Rule]:
    """Safety and progression rules by name."""
    return MappingProxyType({rule.name: rule for rule in read_rules(FOLDER / "rules.toml")})


def read_rules(path: Path) -> tuple[Rule, ...]:
    """All rules of a file; a numeric rule without a value is off.

    Raises
    ------
    ContentError
        A faulty key; file and key are named.
    """
    fields = read_fields(path)
    shared_fields = fields.table("source")
    shared = shared_fields.source()
    found = tuple(_rule(entry, shared) for entry in fields.tables("rule"))
    shared_fields.done()
    fields.done()
    return found


def _rule(fields: Fields, shared: Source) -> Rule:
    unit = fields.optional_text("unit")
    value = fields.optional_number("value", low=0.0)
    if value is not None and not unit:
        raise fields.fail("unit", unit, "the unit of the value")
    rule = Rule(
        name=fields.text("name"),
        value=value,
        unit=unit,
        severity=fields.choice("severity", _SEVERITIES),
        on=fields.flag("on", default=True) and (value is not None or not unit),
        sentence=fields.text("sentence"),
        source=fields.source(shared),
    )
    fields.done()
    return rule


@cache
def grading() -> GradingCriteria:
    """When a landing may be compared with a level, and how sure a count must be."""
    value = {name: number.value for name, number in numbers().items()}
    return GradingCriteria(
        target_tolerance=value["target-tolerance"],
        peak_error_g=value["peak-error"],
        rate_error_fraction=value["rate-error"],
        landing_min_rate_hz=value["landing-min-rate"],
        rate_min_nominal_hz=value["rate-min-nominal"],
        rate_min_measured_hz=value["rate-min-measured"],
        rate_min_cutoff_hz=value["rate-min-cutoff"],
        rate_full_range_g=value["rate-full-range"],
        usual_ranges_g=tuple(value[f"range-{range_g}"] for range_g in (2, 4, 6, 8, 16)),
        range_share=value["range-share"],
        gap_margin_s=value["gap-margin"],
        gap_landings_per_s=value["gap-landings"],
        extra_amber_fraction=value["extra-amber"],
    )


@cache
def index_criteria() -> IndexCriteria:
    """Constants of the indices."""
    used = ("bout-gap", "recovery-tau", "stimulus-exponent")
    return IndexCriteria(
        bout_gap_s=numbers()["bout-gap"].value * 3600.0,
        recovery_tau_h=numbers()["recovery-tau"].value,
        stimulus_exponent=numbers()["stimulus-exponent"].value,
        score_bins=bands()["daily-impact-score"],
        sources=tuple(numbers()[name] for name in used),
    )


@cache
def longwear_criteria() -> LongWearCriteria:
    """Constants of days and weeks of wear."""
    levels = [thresholds()[name].value for name in ("wrist-postmenopausal-epoch", "wrist-premenopausal-epoch")]
    return LongWearCriteria(
        epoch_s=numbers()["epoch"].value,
        gradient_epochs=round(numbers()["gradient-epoch"].value / numbers()["epoch"].value),
        minutes_levels_mg=tuple(levels),
        gradient_edges_mg=bands()["intensity-gradient"].edges,
        mx_minutes=tuple(number.value for name, number in numbers().items() if name.startswith("mx-")),
        valid_day_wear_h=numbers()["valid-day-wear"].value,
        valid_week_days=round(numbers()["valid-week-days"].value),
        valid_week_weekdays=round(numbers()["valid-week-weekdays"].value),
        valid_week_weekend_days=round(numbers()["valid-week-weekend-days"].value),
    )
