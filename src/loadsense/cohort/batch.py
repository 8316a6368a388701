"""The coordinator: files to tasks, tasks to workers, outcomes to the journal and the books."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from loadsense import __version__
from loadsense.cohort import books, finding, tables
from loadsense.cohort import manifest as manifests
from loadsense.cohort.facts import Failure, FileTask, Options, Outcome, Source, Workers
from loadsense.cohort.journal import Journal
from loadsense.cohort.work import check_reading, judging, recording_id
from loadsense.errors import LoadSenseError, OptionError

#: Told how many files are settled, of how many, and how many of them are errors.
Progress = Callable[[int, int, int], None]


def _no_progress(settled: int, files: int, errors: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOptions:
    """How a batch is done.

    Attributes
    ----------
    manifest : str or None
        CSV with participant, file and, for each file, any of tz, placement, body_mass_kg, ...
    jobs : int
        Processes on this machine.
    scheduler : str or None
        Address of a Dask scheduler, instead of processes.
    force : bool
        Do again what is done.
    reading, judged : Options
        Parameters of `read` and `judging` for every file; a row of the manifest goes before.
    """

    manifest: str | None = None
    jobs: int = 1
    scheduler: str | None = None
    force: bool = False
    reading: Options = ()
    judged: Options = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRun:
    """What a batch came to; `run.json` holds the same.

    Attributes
    ----------
    files, analyzed, skipped : int
        Files of the list; analyzed in this run; done before.
    errors : mapping of str to int
        Rows of `errors.csv` by whose fault they are.
    verdicts : mapping of str to int
        Files by verdict.
    n_samples : int
        Samples read in this run.
    elapsed_s : float
        Of the whole run.
    folder : str
        Where everything lies.
    """

    files: int
    analyzed: int
    skipped: int
    errors: Mapping[str, int]
    verdicts: Mapping[str, int]
    n_samples: int
    elapsed_s: float
    folder: str


def run_batch(
    paths: Sequence[str],
    output: str,
    options: BatchOptions,
    *,
    progress: Progress = _no_progress,
    workers: Workers | None = None,
) -> BatchRun:
    """Analyze every file, write the dataset and the books.

    Parameters
    ----------
    paths : sequence of str
        Folders, globs, files and object-store URLs.
    output : str
        Folder for the results; one that was used before goes on.
    options : BatchOptions
        How.
    progress : callable, optional
        Told after each file.
    workers : Workers, optional
        Who analyzes; those that the options name when None.

    Returns
    -------
    BatchRun
        Also when some files failed: they are in `errors.csv`.

    Raises
    ------
    UserError
        Nothing to do: no files, a manifest that cannot be used as a whole, an option that cannot be.
    WorldError
        The results cannot be written, or the scheduler is gone; what is done stays done.
    """
    started, clock = datetime.now(UTC), monotonic()
    by = workers or _workers(options)
    work = _prepared(paths, output, options)
    tally = _Tally(files=len(work.tasks) + len(work.failures), errors=len(work.failures), progress=progress)
    with Journal(output) as journal:
        for task, outcome in by.run(_due(work.tasks, journal, force=options.force)):
            tally.count(outcome)
            if not outcome.skipped:
                journal.write(task, outcome)
        summary = _write_tables(Path(output), _entries(work, journal))
        journal.compact()
    run = BatchRun(
        files=tally.files,
        analyzed=tally.analyzed,
        skipped=tally.skipped,
        errors=dict(sorted(summary.faults.items())),
        verdicts=dict(sorted(summary.verdicts.items())),
        n_samples=tally.n_samples,
        elapsed_s=round(monotonic() - clock, 3),
        folder=output,
    )
    books.write_json(Path(output) / "run.json", record(run, options, workers=by.words, started=started))
    return run


@dataclass(slots=True)
class _Tally:
    """Counts while a batch runs."""

    files: int
    errors: int
    progress: Progress
    analyzed: int = 0
    skipped: int = 0
    n_samples: int = 0

    def count(self, outcome: Outcome) -> None:
        self.skipped += outcome.skipped
        self.analyzed += outcome.failure is None and not outcome.skipped
        self.errors += outcome.failure is not None
        self.n_samples += outcome.n_samples
        self.progress(self.analyzed + self.skipped + self.errors, self.files, self.errors)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What there is to do; failures are of the manifest, by the name of the file."""

    tasks: Sequence[FileTask]
    failures: Mapping[str, Failure]


def _prepared(paths: Sequence[str], output: str, options: BatchOptions) -> _Work:
    """Everything that can be refused is refused here, before anything is written."""
    judging(options.judged)
    manifest = [options.manifest] if options.manifest else []
    sources = finding.find(paths, leave_out=[output, *manifest])
    rows, failures = _matched(options.manifest, sources)
    folder = str(Path(output).resolve())
    tasks, refused = _tasks([s for s in sources if s.key not in failures], rows, options, folder)
    tables.prepare(folder)
    names = {source.key: source.name for source in sources}
    named = {names.get(key, key): failure for key, failure in (failures | refused).items()}
    return _Work(tasks=tasks, failures=named)


def _workers(options: BatchOptions) -> Workers:
    if options.jobs < 1:
        raise OptionError(f"--jobs {options.jobs}: expected 1 or more processes")
    if options.scheduler is not None:
        from loadsense.cohort.cluster import DaskCluster

        return DaskCluster(options.scheduler)
    from loadsense.cohort.processes import LocalProcesses

    return LocalProcesses(options.jobs)


def _matched(
    manifest: str | None, sources: Sequence[Source]
) -> tuple[Mapping[str, manifests.ManifestRow], dict[str, Failure]]:
    if manifest is None:
        return {}, {}
    matched = manifests.match(manifest, sources)
    return matched.rows, dict(matched.failures)


def _tasks(
    sources: Sequence[Source], rows: Mapping[str, manifests.ManifestRow], options: BatchOptions, folder: str
) -> tuple[list[FileTask], dict[str, Failure]]:
    """A task for each file whose options can be; failures of the others, by key."""
    base = _everything(options.judged)
    tasks, failures = [], {}
    for source in sources:
        row = rows.get(source.key)
        reading = tuple(sorted((dict(options.reading) | dict(row.options if row else ())).items()))
        participant = row.participant if row else None
        try:
            check_reading(reading)
        except LoadSenseError as error:
            if row is None:
                raise  # an option of the command: wrong for every file
            failures[source.key] = manifests.failure(str(options.manifest), row.row, str(error))
            continue
        tasks.append(
            FileTask(
                source=source,
                participant=participant,
                reading=reading,
                judged=options.judged,
                output=folder,
                arguments=_hash([base, reading, participant]),
            )
        )
    return tasks, failures


def _everything(judged: Options) -> str:
    """Hash of what every result of a batch depends on: versions, evidence, plan and person."""
    from loadsense import evidence

    digest = hashlib.sha256(_hash([tables.SCHEMA_VERSION, __version__, judged]).encode())
    files = sorted(Path(evidence.__file__).parent.rglob("*.toml"))
    given = [Path(str(value)) for name, value in judged if name in ("plan", "person")]
    for path in [*files, *(path for path in given if path.is_file())]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _hash(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def _due(tasks: Sequence[FileTask], journal: Journal, *, force: bool) -> Iterator[FileTask]:
    """Tasks as they go to the workers, each with what is known of an earlier run."""
    for task in tasks:
        content, version = (None, None) if force else journal.done(task.source.key, task.arguments)
        yield replace(task, done_content=content, done_version=version)


def _entries(work: _Work, journal: Journal) -> Iterator[books.Entry]:
    """Every file of the list and what it came to, by name."""
    tasks = {task.source.name: task for task in work.tasks}
    for name in sorted([*tasks, *(name for name in work.failures if name not in tasks)]):
        if name in tasks:
            yield _entry(tasks[name], journal.outcome(tasks[name].source.key))
        else:
            outcome = Outcome(failure=work.failures[name])
            yield books.Entry(file=name, participant=None, recording_id=None, outcome=outcome)


def _entry(task: FileTask, outcome: Outcome) -> books.Entry:
    content = outcome.content
    return books.Entry(
        file=task.source.name,
        participant=task.participant,
        recording_id=recording_id(content, task.arguments) if content else None,
        outcome=outcome,
    )


def _write_tables(folder: Path, entries: Iterable[books.Entry]) -> books.Summary:
    """`summary.csv` and `errors.csv`."""
    summary = books.Summary()
    books.write_csv(folder / "summary.csv", books.SUMMARY_COLUMNS, summary.rows(entries))
    books.write_csv(folder / "errors.csv", books.ERROR_COLUMNS, summary.errors)
    return summary


def record(run: BatchRun, options: BatchOptions, *, workers: str, started: datetime) -> dict[str, object]:
    """What `run.json` holds."""
    told = {name: value for name, value in (*options.reading, *options.judged) if value is not None}
    return {
        "schema_version": tables.SCHEMA_VERSION,
        "loadsense_version": __version__,
        "arguments": {"manifest": options.manifest, "force": options.force, **told},
        "workers": workers,
        "started": started.isoformat(timespec="seconds"),
        **{name: value for name, value in asdict(run).items() if name != "folder"},
    }
