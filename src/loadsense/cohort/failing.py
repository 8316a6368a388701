"""Errors as rows: what happened, where, and what to do about it."""

from __future__ import annotations

import re
from typing import Final

from loadsense.cohort.facts import Failure
from loadsense.errors import LoadSenseError, UserError

_ROW: Final = re.compile(r"\brow (\d+)\b")

#: A place in our code, as a traceback writes it.
_PLACE: Final = re.compile(r'File "[^"\n]*?(loadsense[^"\n]*?)", line (\d+), in (\S+)')

_TRY_AGAIN: Final = "start the same command again; if it happens again, look at this file alone with loadsense analyze"
_REPORT_IT: Final = (
    "this is a fault of LoadSense: please report it with this line; the other files are not touched by it"
)
_CHANGE_IT: Final = "change the file or the option that is named"


def failure_of(error: LoadSenseError, *, told_as: tuple[str, str] | None = None) -> Failure:
    """A failure in the words of one of our errors.

    Parameters
    ----------
    error : LoadSenseError
        Its message is one sentence or two: what was found, what was expected, what to do.
    told_as : tuple of str, optional
        A path in the message, and what the user calls it.
    """
    sentence = str(error).replace(*told_as) if told_as else str(error)
    reason, to_do = split_sentence(sentence)
    row = _ROW.search(sentence)
    return Failure(
        reason=reason,
        what_to_do=to_do,
        row=int(row[1]) if row else None,
        fault="user" if isinstance(error, UserError) else "world",
    )


def split_sentence(sentence: str) -> tuple[str, str]:
    """What was found, and what to do: the part after the last semicolon or question mark.

    Examples
    --------
    >>> split_sentence("a.csv: the gzip file is cut off in the middle; copy it again")
    ('a.csv: the gzip file is cut off in the middle', 'copy it again')
    >>> split_sentence("a.csv: no rows")[1]
    'change the file or the option that is named'
    """
    for mark in ("; ", "? "):
        head, found, tail = sentence.rpartition(mark)
        if found and not tail.startswith("Known:"):
            return (head + ("?" if mark == "? " else ""), tail)
    return sentence, _CHANGE_IT


def lost_worker() -> Failure:
    """The process that analyzed the file died, and so did the second one."""
    return Failure(
        reason="the worker that analyzed this file died twice (killed, or out of memory)",
        what_to_do=_TRY_AGAIN,
        fault="lost worker",
    )


def bug(error: BaseException, trace: str) -> Failure:
    """An exception that we did not foresee: its type, its words and where in our code it arose."""
    places = _PLACE.findall(trace)
    where = f" at {places[-1][0]}:{places[-1][1]} in {places[-1][2]}" if places else ""
    words = " ".join(str(error).split())[:200]
    return Failure(reason=f"unexpected {type(error).__name__}{where}: {words}", what_to_do=_REPORT_IT, fault="bug")
