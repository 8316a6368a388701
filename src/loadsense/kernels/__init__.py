"""The inner loops that numpy is slow at, written as plain loops and compiled by numba where that is installed.

Every loop here has a definition elsewhere in numpy or scipy, and gives the same bits as it: sums are added up in the
order in which numpy adds them (eight lanes, then halves), filters run section by section as scipy's do, and nothing is
contracted or reordered. So it does not matter which of the two runs, or when one takes over from the other:
`tests/test_kernels.py` holds them together, and `LOADSENSE_COMPILE=0` switches the compiler off.

Each module is a family of loops: what it compiles stands at its end, in `INNER` and `OUTER`, and every `OUTER` loop is
an attribute of `Kernels`.

Loading the compiler and what it compiled costs most of a second, and compiling everything for the first time some ten
and more. Where all was compiled before it is loaded at once, unless a file is known to be too short to win the time
back; else for a long stream alone. `LOADSENSE_COMPILE=1` loads it in any case.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from loadsense.kernels import clock, device, flights, impacts, lowpass, movements, seconds, text
from loadsense.kernels.family import Family, Kernel, is_on_disk
from loadsense.kernels.movements import LONGEST_SIGNAL, TINY
from loadsense.kernels.sums import LONGEST_SUM

__all__ = [
    "LONGEST_SIGNAL",
    "LONGEST_SUM",
    "TINY",
    "WORTH_COMPILING_SAMPLES",
    "WORTH_LOADING_BYTES",
    "Kernels",
    "compiled",
    "expecting",
    "force",
    "prepare",
]

#: Streams longer than this are worth the compiler's time (the compiled code is kept on disk for the next run).
WORTH_COMPILING_SAMPLES: Final = 2_000_000
#: Files that come to less end before the loops have won back the time that loading them takes.
WORTH_LOADING_BYTES: Final = 16 << 20

FAMILIES: Final[tuple[Family, ...]] = (text, clock, device, seconds, movements, flights, lowpass, impacts)


class Kernels:
    """The compiled loops, by name: each is loaded when it is first asked for, those never compiled at once.

    Raises
    ------
    ImportError
        Without numba (the extra `fast`).
    """

    def __init__(self) -> None:
        import numba
        from numba.extending import register_jitable

        self._compile = numba.njit
        self._loading = threading.RLock()
        for inner in dict.fromkeys(inner for family in FAMILIES for inner in family.INNER):
            register_jitable(inner)
        for loop in _missing() or [
            clock.uneventful
        ]:  # the first one loads most of the compiler, before a fork copies it
            getattr(self, loop.__name__)

    def __getattr__(self, name: str) -> Kernel:
        """Load a loop: asked for once, then it is an attribute."""
        found = [(loop, how) for family in FAMILIES for loop, how in family.OUTER.items() if loop.__name__ == name]
        if not found:
            raise AttributeError(f"no loop is called {name!r}; there are {', '.join(sorted(_names()))}")
        ((loop, signature),) = found
        with self._loading:  # one thread reads while another detects
            if name not in self.__dict__:
                setattr(self, name, self._compile(signature, cache=True, nogil=True)(loop))
        kernel: Kernel = self.__dict__[name]
        return kernel


def _names() -> list[str]:
    return [loop.__name__ for family in FAMILIES for loop in family.OUTER]


def _missing() -> list[Kernel]:
    """The loops that have still to be compiled."""
    return [loop for family in FAMILIES for loop in family.OUTER if not is_on_disk(loop, family.INNER)]


class _Choice:
    """What has been loaded; `kernels` is None where the definitions in numpy and scipy run."""

    def __init__(self) -> None:
        self.kernels: Kernels | None = None
        self.wanted = os.environ.get("LOADSENSE_COMPILE", "")
        self.is_settled = self.wanted == "0"
        self.were_compiled: bool | None = None
        self.n_bytes_expected = 0


_choice = _Choice()
#: Whether what this thread works on will soon be over.
_is_short: ContextVar[bool] = ContextVar("_is_short", default=False)


def compiled() -> Kernels | None:
    """The compiled loops where they are loaded; None where numpy and scipy do the work."""
    return _choice.kernels


def force(loops: Kernels | None) -> None:
    """Use these loops from now on, or none: for whoever compares the two."""
    _choice.kernels, _choice.is_settled = loops, True


@contextmanager
def expecting(n_bytes: int) -> Iterator[None]:
    """Work on a file of so many bytes, 0 if nobody knows: short ones do without loops until many have come."""
    _choice.n_bytes_expected += n_bytes
    before = _is_short.set(0 < _choice.n_bytes_expected < WORTH_LOADING_BYTES)
    try:
        yield
    finally:
        _is_short.reset(before)


def prepare(n_samples: int) -> Kernels | None:
    """Load the compiled loops if that is worth it for a stream that has come to so many samples."""
    if _choice.is_settled:
        return _choice.kernels
    if _choice.were_compiled is None:
        _choice.were_compiled = not _missing()
    is_worth_loading = _choice.were_compiled and not _is_short.get()
    if not (_choice.wanted or n_samples > WORTH_COMPILING_SAMPLES or is_worth_loading):
        return None
    _choice.is_settled = True
    try:
        _choice.kernels = Kernels()
    except ImportError:  # numba is the extra `fast`
        _choice.kernels = None
    return _choice.kernels
