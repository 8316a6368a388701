"""Recordings of one person as if they were live: the session's own code, the report of `analyze`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from loadsense.errors import OptionError, WorldError
from loadsense.live.floor import Shown, run_floor
from loadsense.live.sensor import LiveSensor
from loadsense.live.session import Feed
from loadsense.live.state import Wearing
from loadsense.results import SessionReport
from loadsense.samples import Recording
from loadsense.session import Session
from loadsense.sources.replay import ReplaySource
from loadsense.summary import Judging


def speed_of(text: str) -> float | None:
    """A number above 0, or None for max.

    Raises
    ------
    OptionError
        Neither.
    """
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0.0 < speed < float("inf"):
        raise OptionError(f"--speed '{text}': expected a number above 0 such as 1 or 10, or max")
    return speed


def replayed(
    recordings: Mapping[str, Recording],
    judging: Judging,
    shown: Shown,
    *,
    speed: float | None,
    offsets_s: Mapping[str, float],
) -> SessionReport:
    """Play recordings into a session, beside its screen or its lines; the report is made from what it found.

    Parameters
    ----------
    recordings : mapping of str to Recording
        By sensor; "" for one on its own.
    judging : Judging
    shown : Shown
    speed : float or None
        None is as fast as possible.
    offsets_s : mapping of str to float
        Where a sensor starts in the session, when its clock cannot tell.

    Raises
    ------
    LoadSenseError
        As `analyze`.
    """
    named = {name or one.info.placement.value: one for name, one in recordings.items()}
    session = Session(named, offsets_s=offsets_s, judged_by=judging)
    person = (judging.person.id if judging.person else None) or _file_of(next(iter(named.values())))
    sources = [ReplaySource(one, speed=speed, start_s=session.starts_s[name]) for name, one in named.items()]
    sensors = [
        LiveSensor(Wearing(person=person, sensor=name), judging, began=datetime.now().astimezone(), folder=None)
        for name in named
    ]
    feeds = [Feed(*pair) for pair in zip(sensors, sources, strict=True)]
    run_floor(feeds, lambda: max(source.now() for source in sources), {person: judging}, shown)
    results = [
        sensor.engine.result(one.clock_quality, sensor=sensor.wearing.sensor)
        for sensor, one in zip(sensors, named.values(), strict=True)
        if sensor.engine is not None
    ]
    if len(results) < len(named):
        raise WorldError("no samples to replay")
    return session.summed_up(results)


def _file_of(recording: Recording) -> str:
    """Name of its file, for a person without a pseudonym."""
    return (recording.info.origin.file or "recording").rpartition("/")[2]
