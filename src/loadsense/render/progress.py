"""A progress bar for recordings that take long; silent in a pipe, when quiet, and for short ones."""

from __future__ import annotations

import sys
from time import monotonic
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    import rich.progress

#: Seconds of work after which the bar appears.
PATIENCE_S: Final = 1.5


class Progress:
    """Told how many samples have passed; shows it on standard error when that takes long.

    Parameters
    ----------
    quiet : bool
        Never show anything.
    stream : text stream, optional
        Where to show it; standard error when None, and never where it is not a terminal.
    patience_s : float
        Seconds of work after which it appears.
    """

    def __init__(self, *, quiet: bool, stream: TextIO | None = None, patience_s: float = PATIENCE_S) -> None:
        self._stream = stream or sys.stderr
        self._patience_s = patience_s
        self._off = quiet or not self._stream.isatty()
        self._bar: rich.progress.Progress | None = None
        self._tasks: dict[str, rich.progress.TaskID] = {}
        self._since: float | None = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, sensor: str, n_samples: int) -> None:
        """Samples passed so far, of the sensor with this name."""
        if self._off:
            return
        self._since = monotonic() if self._since is None else self._since
        if self._bar is None and monotonic() - self._since < self._patience_s:
            return
        self._bar = self._bar or _bar(self._stream)
        if sensor not in self._tasks:
            self._tasks[sensor] = self._bar.add_task(sensor, total=None)
        self._bar.update(self._tasks[sensor], completed=n_samples)


def _bar(stream: TextIO) -> rich.progress.Progress:
    """A bar that counts samples and goes away when it is done."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} samples"),
        TimeElapsedColumn(),
        console=Console(file=stream),
        transient=True,
    )
    bar.start()
    return bar
