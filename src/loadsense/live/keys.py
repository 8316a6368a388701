"""Single keys of a terminal, heard on the loop of a session."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

_POLLED_EVERY_S: Final = 0.1


@contextmanager
def keys(heard: Callable[[str], None]) -> Iterator[None]:
    """Hear single keys while the block runs; nothing where standard input is no terminal. Ctrl-C stays Ctrl-C."""
    if not sys.stdin.isatty():
        yield
    elif sys.platform == "win32":
        polling = asyncio.create_task(_polled(heard))
        try:
            yield
        finally:
            polling.cancel()
    else:
        with _unbuffered(heard):
            yield


if sys.platform == "win32":

    async def _polled(heard: Callable[[str], None]) -> None:
        import msvcrt

        while True:
            while msvcrt.kbhit():
                heard(msvcrt.getwch())
            await asyncio.sleep(_POLLED_EVERY_S)

else:

    @contextmanager
    def _unbuffered(heard: Callable[[str], None]) -> Iterator[None]:
        import termios
        import tty

        try:
            terminal = sys.stdin.fileno()
            before = termios.tcgetattr(terminal)
        except (OSError, ValueError, termios.error):  # says it is a terminal and is none
            yield
            return
        loop = asyncio.get_running_loop()

        def read() -> None:
            for key in os.read(terminal, 64).decode("utf-8", "ignore"):
                heard(key)

        tty.setcbreak(terminal)
        loop.add_reader(terminal, read)
        try:
            yield
        finally:
            loop.remove_reader(terminal)
            termios.tcsetattr(terminal, termios.TCSADRAIN, before)
