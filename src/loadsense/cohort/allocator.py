"""Keep the C library from handing freed memory back and asking for it again, block after block."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import Final

#: Of glibc's mallopt. `M_TRIM_THRESHOLD`: free memory at the top of the heap beyond this goes back to the system;
#: `M_MMAP_THRESHOLD`: what is larger is mapped for itself each time. Setting one alone freezes the other at its start.
_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_KEPT_BYTES: Final = 128 << 20
_MAPPED_FROM_BYTES: Final = 32 << 20


@cache
def keep_freed_memory() -> None:
    """Let this process keep what it frees, up to 128 MB: an engine frees and asks for the same megabytes all the time.

    A Dask worker is started with a threshold of 64 KB, which costs six times the page faults and a sixth more processor
    time. Does nothing where the C library is not glibc.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _MAPPED_FROM_BYTES)
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
