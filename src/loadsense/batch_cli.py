"""The verb `batch`: a progress bar while it runs, and what it came to in a few lines."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING, Final

import typer

from loadsense.errors import UserError

if TYPE_CHECKING:
    import rich.progress

    from loadsense.cohort import BatchOptions, BatchRun

#: Seconds between lines of progress where there is no terminal to draw a bar on.
LINE_EVERY_S: Final = 30.0


def run(paths: Sequence[str], output: str, options: BatchOptions, *, as_json: bool, quiet: bool) -> None:
    """Analyze many files and print what came of them.

    Raises
    ------
    LoadSenseError
        Nothing could be done at all; files that failed among others are rows of `errors.csv`.
    """
    from pathlib import Path

    from loadsense.cohort import run_batch
    from loadsense.render import check_writable

    check_writable(output)
    try:
        with BatchProgress(quiet=quiet) as progress:
            done = run_batch(paths, output, options, progress=progress)
    except KeyboardInterrupt:
        typer.echo(f"stopped; what is done is in {output}, and the same command goes on from here", err=True)
        raise typer.Exit(1) from None
    if as_json:
        typer.echo((Path(output) / "run.json").read_text(encoding="utf-8"), nl=False)
    else:
        typer.echo("\n".join(lines(done)[-1 if quiet else 0 :]))
    if done.files and sum(done.verdicts.values()) == 0:
        raise UserError(f"no file could be analyzed: see {output}/errors.csv for the reason of each")


def lines(done: BatchRun) -> list[str]:
    """What a batch came to, in words; the last line is the sum of it."""
    from loadsense.render.words import counted, duration

    errors = sum(done.errors.values())
    verdicts = ", ".join(f"{count} {name.replace('_', ' ').upper()}" for name, count in done.verdicts.items())
    told = [
        f"files        {done.files}: {done.analyzed} analyzed, {done.skipped} done before, {counted(errors, 'error')}",
        f"verdicts     {verdicts or 'none'}",
        f"time         {duration(done.elapsed_s)}, {done.n_samples:,} samples",
        f"written      {done.folder}: summary.csv, errors.csv, run.json, and a Parquet dataset for each table",
    ]
    if errors:
        whose = ", ".join(f"{count} {fault}" for fault, count in done.errors.items())
        told.append(f"errors       {errors} ({whose}): {done.folder}/errors.csv says what to do about each")
    return [*told, f"BATCH {sum(done.verdicts.values())} of {done.files} files in {done.folder}"]


class BatchProgress:
    """Files settled so far, with the time to the end, on standard error: a bar, or a line now and then in a pipe.

    Parameters
    ----------
    quiet : bool
        Show nothing.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: rich.progress.Progress | None = None
        self._task: rich.progress.TaskID | None = None
        self._since = self._last = monotonic()

    def __enter__(self) -> BatchProgress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, settled: int, files: int, errors: int) -> None:
        """Take note of one more file."""
        if self._quiet:
            return
        if sys.stderr.isatty():
            self._draw(settled, files, errors)
        elif settled == files or monotonic() - self._last >= LINE_EVERY_S:
            self._last = monotonic()
            typer.echo(self._line(settled, files, errors), err=True)

    def _line(self, settled: int, files: int, errors: int) -> str:
        from loadsense.render.words import counted, duration

        left_s = (monotonic() - self._since) / settled * (files - settled)
        ahead = f", {duration(left_s)} left" if settled < files else ""
        return f"{settled} of {files} files, {counted(errors, 'error')}{ahead}"

    def _draw(self, settled: int, files: int, errors: int) -> None:
        if self._bar is None:
            self._bar = _bar()
            self._task = self._bar.add_task("files", total=files)
        if self._task is not None:
            self._bar.update(self._task, completed=settled, description=f"files, {errors} errors")


def _bar() -> rich.progress.Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    bar.start()
    return bar
