"""A recording and its events as a BIDS dataset (Motion-BIDS), for archives and for other people's tools.

Theory of operation. BIDS wants raw data as it was sampled, so `_motion.tsv` holds the samples of the recording's grid,
in m/s² with gravity, without header, one column for each axis; where samples are missing the row says n/a, so that row
n is always sample n. What we found is no raw data but stands beside it as `_events.tsv`, seconds from the first row.

Source: BIDS specification 1.10, "Motion"; Jeung et al. 2024, doi:10.1038/s41597-024-03559-8. Required are, in
`_motion.json`, TaskName, SamplingFrequency and TrackingSystemName; in `_channels.tsv` the columns name, component,
type, tracked_point, units in this order; in `_events.tsv` onset and duration first; in `dataset_description.json` Name
and BIDSVersion. `participants.tsv` and `_scans.tsv`, which other subjects and recordings share, gain a row.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import numpy as np

from loadsense import __version__, frames
from loadsense.errors import OptionError, WorldError
from loadsense.results import RecordingResult, SessionReport
from loadsense.samples import FloatArray, Gap, Recording
from loadsense.units import STANDARD_GRAVITY_M_PER_S2

BIDS_VERSION: Final = "1.10.0"

#: Key of `_motion.json` that says which recording it was made from: the hash of its file, unless told otherwise.
SOURCE: Final = "LoadSenseSource"

_AXES: Final = ("x", "y", "z")
_LABEL: Final = re.compile(r"[A-Za-z0-9]+")
_MISSING: Final = "n/a"
_EVENT_COLUMNS: Final = {
    "onset": "Start of the event in seconds from the first row of the motion file.",
    "duration": "Duration of the event in seconds.",
    "trial_type": "landing, set or repetition.",
    "event_id": "Identifier of the event; a repetition has that of its set.",
    "exercise": "Name of the lift; n/a for landings.",
    "peak_net_g": "Peak of the resultant minus gravity after the landing filter; landings only.",
    "loading_rate_g_per_s": "Steepest slope of the rise after the landing filter; landings only.",
    "clipped": "true where the sensor reached its range, so that the peak is a lower bound; landings only.",
}
_EVENT_UNITS: Final = {"onset": "s", "duration": "s", "peak_net_g": "g", "loading_rate_g_per_s": "g/s"}

_Rows = list[dict[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class BidsNames:
    """Labels of a recording in the dataset: letters and digits only.

    Attributes
    ----------
    subject, task : str
        Such as p017 and hirit.
    session, run : str or None
        Where a subject has several; a run is a number.
    tracksys : str
        The tracking system; recordings of one session by several sensors differ in it.
    """

    subject: str
    task: str
    session: str | None = None
    run: str | None = None
    tracksys: str = "imu"

    def __post_init__(self) -> None:
        labels = {"sub": self.subject, "ses": self.session, "task": self.task, "tracksys": self.tracksys}
        for entity, label in labels.items():
            if label is not None and not _LABEL.fullmatch(label):
                raise OptionError(
                    f"BIDS label {entity}-{label}: expected letters and digits only, such as {entity}-p017"
                )
        if self.run is not None and not self.run.isdigit():
            raise OptionError(f"BIDS label run-{self.run}: expected a whole number, such as run-1")

    @property
    def folder(self) -> str:
        """Where the files lie below the dataset.

        Examples
        --------
        >>> BidsNames(subject="p017", task="hirit", session="1").folder
        'sub-p017/ses-1/motion'
        """
        session = f"/ses-{self.session}" if self.session else ""
        return f"sub-{self.subject}{session}/motion"

    @property
    def stem(self) -> str:
        """Beginning of the names of the files.

        Examples
        --------
        >>> BidsNames(subject="p017", task="hirit", run="2").stem
        'sub-p017_task-hirit_tracksys-imu_run-2'
        """
        parts = {"ses": self.session, "task": self.task, "tracksys": self.tracksys, "run": self.run}
        return "_".join([f"sub-{self.subject}", *(f"{name}-{label}" for name, label in parts.items() if label)])


def export_bids(
    recording: Recording, report: SessionReport, folder: str | Path, names: BidsNames, *, source: str | None = None
) -> list[Path]:
    """Write one recording and its events into a BIDS dataset, which is made when it is not there.

    Parameters
    ----------
    recording : Recording
        Read once more for its samples.
    report : SessionReport
        From `analyze(recording)`.
    folder : path
        Root of the dataset.
    names : BidsNames
        Whose recording it is.
    source : str, optional
        What the recording was made from, for `_motion.json`; the hash of its file by default.

    Returns
    -------
    list of Path
        `_motion.tsv`, `_motion.json`, `_channels.tsv`, `_events.tsv` and `_events.json` of this recording.

    Raises
    ------
    OptionError
        The report is of several sensors: each is a recording of its own.
    WorldError
        The folder cannot be written.
    """
    if len(report.recordings) != 1:
        raise OptionError(f"BIDS export of {len(report.recordings)} sensors at once: export each of them on its own")
    root = Path(folder)
    stem = root / names.folder / names.stem
    try:
        stem.parent.mkdir(parents=True, exist_ok=True)
        files = _recording_files(recording, report, stem, {"TaskName": names.task, SOURCE: source})
        _dataset_files(root, names, report.recordings[0])
    except OSError as fault:
        raise WorldError(f"the BIDS dataset cannot be written to {folder} ({fault.strerror or fault})") from None
    return files


def _recording_files(
    recording: Recording, report: SessionReport, stem: Path, told: Mapping[str, str | None]
) -> list[Path]:
    (result,) = report.recordings
    motion, channels, events = (stem.with_name(f"{stem.name}_{kind}.tsv") for kind in ("motion", "channels", "events"))
    aside = motion.with_name(f".{motion.name}")
    try:
        with aside.open("w", encoding="ascii", newline="") as file:
            n_rows = _write_samples(recording, file)
        aside.replace(motion)
    finally:
        aside.unlink(missing_ok=True)
    sidecar = _json(motion.with_suffix(".json"), _motion_json(result, told, n_rows))
    _tsv(channels, list(_channel_rows(result)))
    _tsv(events, _event_rows(report), columns=list(_EVENT_COLUMNS))
    return [motion, sidecar, channels, events, _json(events.with_suffix(".json"), _events_json())]


def _write_samples(recording: Recording, file: IO[str]) -> int:
    """Rows of samples, n/a where there are none; returns how many."""
    n_rows = 0
    for item in recording.blocks():
        if isinstance(item, Gap):
            file.write(f"{_MISSING}\t{_MISSING}\t{_MISSING}\n" * item.n_missing)
            n_rows += item.n_missing
        else:
            file.write(_sample_rows(item.accel_g))
            n_rows += len(item)
    return n_rows


def _sample_rows(accel_g: FloatArray) -> str:
    values = np.round(accel_g * STANDARD_GRAVITY_M_PER_S2, 5) + 0.0
    return "".join(f"{x:.5f}\t{y:.5f}\t{z:.5f}\n" for x, y, z in values.tolist())


def _motion_json(result: RecordingResult, told: Mapping[str, str | None], n_rows: int) -> dict[str, object]:
    """The sidecar: what is required, and what we know of what is recommended."""
    info = result.info
    known = {
        SOURCE: told[SOURCE] or info.origin.sha256,
        "ManufacturersModelName": info.origin.device,
        "DeviceSerialNumber": info.origin.serial,
        "SoftwareVersions": info.origin.firmware,
    }
    return {
        "TaskName": told["TaskName"],
        "SamplingFrequency": info.nominal_rate_hz or info.sampling_rate_hz,
        "SamplingFrequencyEffective": result.clock.measured_rate_hz or info.measured_rate_hz or info.sampling_rate_hz,
        "TrackingSystemName": info.origin.device or "accelerometer",
        "TrackedPointsCount": 1,
        "MotionChannelCount": len(_AXES),
        "ACCELChannelCount": len(_AXES),
        "RecordingDuration": n_rows / info.sampling_rate_hz,
        "RecordingType": "continuous",
        "MissingValues": _MISSING,
        **{key: value for key, value in known.items() if value},
    }


def _channel_rows(result: RecordingResult) -> Iterator[dict[str, object]]:
    placement = result.info.placement.value
    reach = f", full scale {result.info.range_g:g} g" if result.info.range_g else ""
    for axis in _AXES:
        yield {
            "name": f"acc_{axis}",
            "component": axis,
            "type": "ACCEL",
            "tracked_point": placement,
            "units": "m/s^2",
            "placement": placement,
            "description": f"acceleration with gravity along the sensor's own {axis} axis{reach}",
            "sampling_frequency": result.info.sampling_rate_hz,
        }


def _event_rows(report: SessionReport) -> _Rows:
    """Landings, sets and repetitions in order of time."""
    rows: _Rows = []
    for row in frames.landing_rows(report):
        known = {name: row[name] for name in ("event_id", "peak_net_g", "loading_rate_g_per_s", "clipped")}
        rows.append(known | _when(row, "landing_s", "landing"))
    for row in frames.set_rows(report):
        rows.append({"event_id": row["set_id"], "exercise": row["exercise"], **_when(row, "start_s", "set")})
    for row in frames.repetition_rows(report):
        rows.append({"event_id": row["set_id"], "exercise": row["exercise"], **_when(row, "start_s", "repetition")})
    return sorted(rows, key=lambda row: float(str(row["onset"])))


def _when(row: frames.Row, start: str, kind: str) -> dict[str, object]:
    onset_s, end_s = float(row[start] or 0.0), float(row["end_s"] or 0.0)
    return {"onset": round(onset_s, 6), "duration": round(end_s - onset_s, 6), "trial_type": kind}


def _events_json() -> dict[str, object]:
    return {
        name: {"Description": words} | ({"Units": _EVENT_UNITS[name]} if name in _EVENT_UNITS else {})
        for name, words in _EVENT_COLUMNS.items()
    }


def _dataset_files(root: Path, names: BidsNames, result: RecordingResult) -> None:
    """Files that recordings share: each gains what is missing and loses nothing."""
    description = root / "dataset_description.json"
    if not description.exists():
        made_by = [{"Name": "LoadSense", "Version": __version__}]
        told = {"Name": root.resolve().name, "BIDSVersion": BIDS_VERSION, "DatasetType": "raw", "GeneratedBy": made_by}
        _json(description, told)
    readme = root / "README"
    if not readme.exists():
        readme.write_text("Accelerometer recordings and their events, exported by LoadSense.\n", encoding="utf-8")
    _add_row(root / "participants.tsv", {"participant_id": f"sub-{names.subject}"})
    prefix = "_".join(names.folder.split("/")[:-1])
    start = result.info.start
    acq_time = start.replace(tzinfo=None).isoformat(timespec="milliseconds") if start else _MISSING
    scans = root / names.folder / ".." / f"{prefix}_scans.tsv"
    _add_row(scans.resolve(), {"filename": f"motion/{names.stem}_motion.tsv", "acq_time": acq_time})


def _add_row(path: Path, row: Mapping[str, str]) -> None:
    """Put a row into a table, in the place of the one with the same first cell."""
    rows: list[dict[str, object]] = []
    if path.exists():
        rows = [dict(old) for old in csv.DictReader(io.StringIO(path.read_text("utf-8")), delimiter="\t")]
    key = next(iter(row))
    kept = [old for old in rows if old[key] != row[key]]
    _tsv(path, sorted([*kept, dict(row)], key=lambda one: str(one[key])), columns=list(rows[0]) if rows else list(row))


def _tsv(path: Path, rows: Sequence[Mapping[str, object]], *, columns: Sequence[str] | None = None) -> None:
    """A table with a header, tabs, and n/a for unknown."""
    names = list(columns or rows[0])
    lines = ["\t".join(names), *("\t".join(_cell(row.get(name)) for name in names) for row in rows)]
    _put(path, "\n".join(lines) + "\n")


def _cell(value: object) -> str:
    if value is None or value == "":
        return _MISSING
    return str(value).lower() if isinstance(value, bool) else str(value)


def _json(path: Path, content: Mapping[str, object]) -> Path:
    _put(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    return path


def _put(path: Path, text: str) -> None:
    """The file whole or not at all."""
    aside = path.with_name(f".{path.name}")
    aside.write_text(text, encoding="utf-8", newline="")
    aside.replace(path)
