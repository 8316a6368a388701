"""Every error a user can meet.

The tree; whose fault it is decides the exit code of the command line::

    LoadSenseError
    |-- UserError (exit 2): something to change in what was given
    |   |-- FormatError: the file is not what can be read (unknown, binary, truncated, not raw acceleration)
    |   |-- ContentError: a row or value in the file is wrong (row, column, clock, unit, range)
    |   |-- OptionError: an option is wrong (unknown placement, plan, body mass, output folder)
    |   `-- Conflict: somebody else changed the same thing in the meantime
    `-- WorldError (exit 1): the machine or the sensor failed (disk full, sensor gone)

Each message is one sentence or two: what was found, what was expected, what to do.
Foreign exceptions are translated at the border where they arise, nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class LoadSenseError(Exception):
    """Root of the tree; `exit_code` is what the command line returns."""

    exit_code = 1


class UserError(LoadSenseError):
    """Something the user can change."""

    exit_code = 2


class FormatError(UserError):
    """The file is not one that can be read as raw acceleration."""


class ContentError(UserError):
    """The file has the right form and a wrong row, clock, unit or value."""


class OptionError(UserError):
    """An option or argument has an impossible value."""


class Conflict(UserError):  # noqa: N818  a conflict is what it is, and no error of the program
    """Somebody else changed the same thing in the meantime; nothing was overwritten."""


class WorldError(LoadSenseError):
    """The disk, the system or the sensor failed."""


def unknown_name(kind: str, found: str, known: Iterable[str]) -> OptionError:
    """Error for a name that is not in a closed list, with the nearest known name.

    Examples
    --------
    >>> print(unknown_name("placement", "hipp", ["hip", "wrist"]))
    unknown placement 'hipp': did you mean 'hip'? Known: hip, wrist
    """
    names = list(known)
    near = get_close_matches(found.lower(), names, n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    return OptionError(f"unknown {kind} '{found}': {hint}Known: {', '.join(names)}")
