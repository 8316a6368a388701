"""Files in, recordings out: one file per format, told apart by content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from loadsense.samples import Declaration, Recording

if TYPE_CHECKING:
    from loadsense.readers.inspection import Inspection

#: Format -> module with `sniff(head: bytes, path) -> bool` and `open_recording(path, options) -> Recording`, asked in
#: this order; text comes last because it takes everything and refuses by name what is no table.
READERS: Final[dict[str, str]] = {
    "loadsense": "loadsense.readers.loadsense_format",
    "loadsense_live": "loadsense.readers.live_log",
    "actigraph_gt3x": "loadsense.readers.gt3x",
    "axivity_cwa": "loadsense.readers.cwa",
    "axivity_wav": "loadsense.readers.axivity_wav",
    "geneactiv": "loadsense.readers.geneactiv",
    "genea": "loadsense.readers.genea",
    "matrix": "loadsense.readers.matrix",
    "parquet": "loadsense.readers.parquet",
    "text": "loadsense.readers.text",
}

#: Beginning of the one device file that is text all through (GENEActiv).
_DEVICE_TEXT: Final = b"Device Identity"


def read(
    path: str | Path,
    *,
    placement: str = "unknown",
    unit: str | None = None,
    sampling_rate_hz: float | None = None,
    columns: str | Sequence[str] | None = None,
    start: str | float | datetime | None = None,
    end: str | float | datetime | None = None,
    range_g: float | None = None,
    body_mass_kg: float | None = None,
    tz: str | None = None,
    activity: str | None = None,
    landing_block: bool = False,
    calibrate: bool = True,
) -> Recording:
    """Open a file of raw acceleration.

    Parameters
    ----------
    path : str or Path
        Any format of `READERS`, gzip seen through, told by content and not by name.
    placement : str
        Where the sensor was worn; see `loadsense.Placement`.
    unit : {"g", "mg", "m/s2", "counts"}, optional
        Unit of the columns; else said by the file or found from quiet seconds.
    sampling_rate_hz : float, optional
        For files that state none.
    columns : str or sequence of str, optional
        Names, or numbers from 1, of time,x,y,z or x,y,z.
    start, end : str, float or datetime, optional
        Keep rows from start up to end: ISO 8601, or seconds from the first row. Sample 0 is the first row kept.
    range_g : float, optional
        Full scale of each axis in RAW g (16 means +-16 g).
    body_mass_kg : float, optional
    tz : str, optional
        IANA zone such as Europe/Madrid.
    activity : str, optional
        What the wearer did all the time ("jumping", "walking", "running").
    landing_block : bool
        All of it is a block of landings: drops of 5 to 8 cm are looked for too.
    calibrate : bool
        Scale samples so that still seconds read 1 g.

    Returns
    -------
    Recording
        With complete facts; its samples are read when asked for.

    Raises
    ------
    UserError
        The file or an option is wrong; the message says what was found, what was expected, what to do.
    WorldError
        The file cannot be read.
    """
    from loadsense.readers.options import checked_options

    options = checked_options(
        placement=placement,
        unit=unit,
        sampling_rate_hz=sampling_rate_hz,
        columns=columns,
        start=start,
        end=end,
        range_g=range_g,
        body_mass_kg=body_mass_kg,
        tz=tz,
        activity=activity,
        calibrate=calibrate,
    )
    source = Path(path)
    recording: Recording = import_module(_module_for(source)).open_recording(source, options)
    if landing_block:
        recording.info = replace(recording.info, declared=(Declaration(first_sample=0, landing_block=True),))
    return recording


def inspect(
    path: str | Path,
    *,
    placement: str = "unknown",
    unit: str | None = None,
    sampling_rate_hz: float | None = None,
    columns: str | Sequence[str] | None = None,
    start: str | float | datetime | None = None,
    end: str | float | datetime | None = None,
    range_g: float | None = None,
    body_mass_kg: float | None = None,
    tz: str | None = None,
    activity: str | None = None,
    calibrate: bool = True,
) -> Inspection:
    """Say what a file is: format, columns, unit, rate and jitter, range, gaps, start, and what it cannot tell.

    Parameters
    ----------
    path, placement, unit, sampling_rate_hz, columns, start, end, range_g, body_mass_kg, tz, activity, calibrate
        As for `read`.

    Returns
    -------
    Inspection
        After a full pass over the file.

    Raises
    ------
    UserError, WorldError
        As for `read` and for its blocks.
    """
    from loadsense.readers.inspection import inspect_recording

    recording = read(
        path,
        placement=placement,
        unit=unit,
        sampling_rate_hz=sampling_rate_hz,
        columns=columns,
        start=start,
        end=end,
        range_g=range_g,
        body_mass_kg=body_mass_kg,
        tz=tz,
        activity=activity,
        calibrate=calibrate,
    )
    return inspect_recording(recording)


def sha256_of(recording: Recording) -> str | None:
    """SHA-256 of the file that a recording was read from; None for one from memory.

    After a complete pass over the blocks it costs nothing: the file was hashed while it was read.
    """
    from loadsense.readers.filed import FileRecording

    return recording.sha256 if isinstance(recording, FileRecording) else recording.info.origin.sha256


def _module_for(path: Path) -> str:
    """Module of the first reader that knows the file by its first bytes."""
    from loadsense.readers.opening import ByteSource

    head = ByteSource(path).head(65536)
    if b"\0" not in head and not head.startswith(_DEVICE_TEXT):
        return READERS["text"]  # nobody else's, and asking would import them all (60 ms)
    return next(name for name in READERS.values() if import_module(name).sniff(head, path))
