"""Results as bytes and back: equal to the last digit, whatever is in them."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import loadsense as ls
from loadsense.prescriptions import Screening
from loadsense.session import Session
from loadsense.store.packing import made, pack_result, plain, unpack_result

SAMPLES = Path(__file__).parents[2] / "sample_recordings"


@pytest.mark.parametrize("name", sorted(p.name for p in SAMPLES.glob("simulated-*.csv.gz")))
def test_what_was_detected_comes_back_equal(name):
    placement = "wrist" if "wrist" in name else "hip"
    recording = ls.read(SAMPLES / name, placement=placement, tz="Europe/Madrid", body_mass_kg=60.0)
    [result] = Session((recording,)).detected()
    back = unpack_result(pack_result(result))
    assert back == result
    assert hash(tuple(back.landings)) == hash(tuple(result.landings))  # tuples again, and not lists


@dataclass(frozen=True)
class Inner:
    a: float | None
    b: str = "x"


@dataclass(frozen=True)
class Outer:
    at: datetime | None
    day: date
    many: tuple[Inner, ...] = ()
    pair: tuple[Inner, Inner] | None = None
    words: dict[str, float] = field(default_factory=dict)
    numbers: tuple[float, ...] = ()


OUTER = Outer(
    at=datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Madrid"), fold=1),
    day=date(2026, 10, 25),
    many=(Inner(a=0.1 + 0.2), Inner(a=None, b="=é")),
    pair=(Inner(a=1.0), Inner(a=2.0)),
    words={"deadlift": 60.0},
    numbers=tuple(k / 7 for k in range(200)),
)


@pytest.mark.parametrize("dense", [False, True])
def test_both_forms_are_read_back(dense):
    back = made(Outer, plain(OUTER, dense=dense))
    assert back == OUTER
    assert back.at.utcoffset() == OUTER.at.utcoffset()
    assert back.at.tzinfo.key == "Europe/Madrid"
    assert made(Outer, plain(Outer(at=None, day=date.min), dense=dense)).at is None
    fixed = Outer(at=datetime(2026, 1, 1, tzinfo=UTC), day=date.max)
    assert made(Outer, plain(fixed, dense=dense)) == fixed


def test_a_later_field_takes_its_default_and_a_gone_one_is_left_out():
    said = plain(Screening(screened_on=date(2026, 1, 1), balance="fine"))
    del said["pregnancy"]
    said["shoe_size"] = 38
    assert made(Screening, said) == Screening(screened_on=date(2026, 1, 1), balance="fine")


def test_what_cannot_be_packed_is_told():
    with pytest.raises(TypeError, match="set cannot be packed"):
        plain({"a": {1, 2}})
    with pytest.raises(TypeError, match="Inner was packed without a"):
        made(Inner, {})
