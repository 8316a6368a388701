"""The end of a live session: recordings from the logs, what she says, and the same outputs as `analyze`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from loadsense import protocol
from loadsense.errors import ContentError, OptionError, WorldError
from loadsense.live.state import Wearing
from loadsense.protocol import Wellbeing
from loadsense.readers import read
from loadsense.readers.live_log import SUFFIX as LOG_SUFFIX
from loadsense.readers.loadsense_format import SUFFIX, write_recording
from loadsense.render import write_outputs
from loadsense.results import SessionReport
from loadsense.samples import Recording
from loadsense.session import Session
from loadsense.summary import Judging

SESSION_FILE: Final = "session.json"
_VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What she says after a session; None where she was not asked or did not answer.

    Attributes
    ----------
    pain : int or None
        0 to 10.
    pain_site, pain_onset : str
        Where, and since when, in her words; `pain_onset` is "new" or "known".
    rpe : float or None
    rpe_scale : {"borg", "0-10"} or None
        An exertion without its scale means nothing.
    """

    pain: int | None = None
    pain_site: str = ""
    pain_onset: Literal["", "new", "known"] = ""
    rpe: float | None = None
    rpe_scale: Literal["borg", "0-10"] | None = None

    @property
    def wellbeing(self) -> Wellbeing:
        """In the words of the safety rules: new pain in the back is red at any score."""
        new_back = bool(self.pain) and self.pain_onset == "new" and "back" in self.pain_site.lower()
        return Wellbeing(pain_after=self.pain, new_back_pain=new_back)


def checked_said(said: Said) -> Said:
    """What she said, or an `OptionError` for a number that is not on its scale."""
    if said.pain is not None and not 0 <= said.pain <= 10:
        raise OptionError(f"pain {said.pain}; expected 0 (none) to 10")
    if (said.rpe is None) != (said.rpe_scale is None):
        raise OptionError("an exertion needs its scale: borg (6 to 20) or 0-10")
    low, high = (6, 20) if said.rpe_scale == "borg" else (0, 10)
    if said.rpe is not None and not low <= said.rpe <= high:
        raise OptionError(f"exertion {said.rpe:g} on the scale {said.rpe_scale}; expected {low} to {high}")
    return said


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a session folder remembers, so that `--resume` needs no other word.

    Attributes
    ----------
    began : datetime
        Aware.
    wearings : tuple of Wearing
    plan : str or None
    people : mapping of str to str
        Path of each person's file.
    profiles : mapping of str to str
        Profile of the sensor at each address, where one was given.
    radio : str or None
        The virtual radio that the sensors are on; the system's when None.
    """

    began: datetime
    wearings: tuple[Wearing, ...]
    plan: str | None = None
    people: Mapping[str, str]
    profiles: Mapping[str, str]
    radio: str | None = None


def write_plan(folder: Path, plan: Plan, said: Mapping[str, Said] | None = None) -> None:
    """Write `session.json`, whole or not at all.

    Raises
    ------
    WorldError
        The folder cannot be written to.
    """
    told = {
        "version": _VERSION,
        "began": plan.began.isoformat(),
        "wearings": [asdict(wearing) for wearing in plan.wearings],
        "plan": plan.plan,
        "people": dict(plan.people),
        "profiles": dict(plan.profiles),
        "radio": plan.radio,
        "said": {person: asdict(one) for person, one in (said or {}).items()},
    }
    part = folder / f".{SESSION_FILE}.part"
    try:
        part.write_text(json.dumps(told, indent=2), encoding="utf-8")
        part.replace(folder / SESSION_FILE)
    except OSError as fault:
        raise WorldError(
            f"{folder}: cannot be written ({fault.strerror}); make room or choose another folder"
        ) from None


def read_plan(folder: Path) -> Plan:
    """What the folder of a session remembers.

    Raises
    ------
    OptionError
        There is no session in it.
    ContentError
        Its `session.json` is damaged.
    """
    path = folder / SESSION_FILE
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return Plan(
            began=datetime.fromisoformat(told["began"]),
            wearings=tuple(Wearing(**wearing) for wearing in told["wearings"]),
            plan=told["plan"],
            people=told["people"],
            profiles=told["profiles"],
            radio=told.get("radio"),
        )
    except OSError:
        raise OptionError(f"{folder}: no live session in it ({SESSION_FILE} is missing); give its folder") from None
    except (ValueError, KeyError, TypeError):
        raise ContentError(f"{path}: damaged; the logs beside it can still be read with loadsense analyze") from None


def log_of(folder: Path, wearing: Wearing) -> Path:
    """Where the log of a sensor lies."""
    return folder / f"{wearing.person}-{wearing.sensor}{LOG_SUFFIX}"


def recordings_of(folder: Path, wearings: Sequence[Wearing]) -> dict[str, Recording]:
    """Recordings of one person, written from her logs; a sensor that never sent anything has none.

    Raises
    ------
    WorldError
        The disk is full: the logs stay, and can be analyzed themselves.
    """
    found = {}
    for wearing in wearings:
        log = log_of(folder, wearing)
        if not log.exists():
            continue
        recording = read(log)
        path = log.with_name(log.name.removesuffix(LOG_SUFFIX) + SUFFIX)
        if any(True for _ in recording.blocks()):
            write_recording(recording, path)
            found[wearing.sensor] = read(path)
    return found


def write_report(
    recordings: Mapping[str, Recording], judging: Judging, *, folder: Path, stem: str, said: Said | None = None
) -> tuple[SessionReport, str]:
    """Judge and write what one person did; returns the report and its folder.

    Raises
    ------
    LoadSenseError
        As `analyze`.
    """
    report = Session(dict(recordings), judged_by=judging).report()
    if said is not None:
        flags = protocol.wellbeing_flags(checked_said(said).wellbeing, rules=judging.rules)
        prescription = replace(report.prescription, flags=(*report.prescription.flags, *flags))
        report = replace(report, prescription=prescription, arguments=(*report.arguments, *_told(said)))
    return report, write_outputs(report, str(folder), stem=stem)


def _told(said: Said) -> tuple[tuple[str, str], ...]:
    """What she said, for the record."""
    words = []
    if said.pain is not None:
        words.append(("pain", ", ".join(filter(None, [f"{said.pain} of 10", said.pain_site, said.pain_onset]))))
    if said.rpe is not None:
        words.append(("rpe", f"{said.rpe:g} on the scale {said.rpe_scale}"))
    return tuple(words)
