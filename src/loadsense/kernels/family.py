"""What a family of loops says of itself, and whether its compiled form lies on disk."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Protocol

#: A loop as plain Python, or its compiled form.
Kernel = Callable[..., Any]


class Family(Protocol):
    """A module of loops.

    Attributes
    ----------
    INNER : tuple
        What its loops call, of this and other families: compiled into them.
    OUTER : dict
        What is called from Python, and for which arguments; every axis is contiguous where it says ::1.
    """

    @property
    def INNER(self) -> tuple[Kernel, ...]: ...  # noqa: D102, N802 - constants of a module
    @property
    def OUTER(self) -> dict[Kernel, str]: ...  # noqa: D102, N802


def is_on_disk(loop: Kernel, inner: tuple[Kernel, ...]) -> bool:
    """Whether the compiler's file of a loop lies beside its module and is newer than all that was compiled into it.

    The compiler itself looks at the file of the loop alone, so a file that is older than what the loop calls is
    removed. Where the folder is read-only or zipped, the compiler keeps its files elsewhere: then it is False.
    """
    code = loop.__code__
    folder, stem = os.path.split(os.path.splitext(code.co_filename)[0])  # noqa: PTH122 - no pathlib here
    start = f"{stem}.{loop.__name__}-{code.co_firstlineno}."
    try:
        written = max(os.stat(part.__code__.co_filename).st_mtime for part in (loop, *inner))  # noqa: PTH116
        entries = [e for e in os.scandir(f"{folder}/__pycache__") if e.name.startswith(start)]
        found = [e for e in entries if e.name.endswith(".nbi")]
        is_fresh = bool(found) and all(entry.stat().st_mtime > written for entry in found)
        if not is_fresh:
            for entry in found:
                os.unlink(entry.path)  # noqa: PTH108
    except OSError:
        return False
    return is_fresh
