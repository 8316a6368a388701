"""What passes between the coordinator of a cohort and its workers: frozen, small, safe to send anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from loadsense.errors import WorldError

#: A cell of a table.
Cell = str | float | bool | None

#: Options by name, as `read` and `judging` take them: pairs, so that they are frozen and in a fixed order.
Options = tuple[tuple[str, object], ...]

#: Whose fault an error is: the user's, the machine's, ours, or that of a worker that died.
Fault = Literal["user", "world", "bug", "lost worker"]


class OutputError(WorldError):
    """The results cannot be written: no file can go on, so the batch stops, and continues when it is started again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file that was found: `key` is its absolute path or URL, `name` what the user would call it."""

    key: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTask:
    """One file to analyze, with everything that a worker needs to know.

    Attributes
    ----------
    source : Source
        The file.
    participant : str or None
        From the manifest.
    reading, judged : Options
        Parameters of `read` and of `judging`.
    output : str
        Folder of the dataset.
    arguments : str
        Hash of everything that the results depend on beside the file.
    done_content, done_version : str or None
        Content for which the results are there already, and what the object store called that version of the file:
        it is skipped when either is still so.
    """

    source: Source
    participant: str | None
    reading: Options
    judged: Options
    output: str
    arguments: str
    done_content: str | None = None
    done_version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a file has no results.

    Attributes
    ----------
    reason, what_to_do : str
        In sentences.
    row : int or None
        Row of the file, or of the manifest, that is at fault.
    fault : {"user", "world", "bug", "lost worker"}
        Those of the user stay as they are until the file or an option changes; the others are tried again.
    """

    reason: str
    what_to_do: str
    row: int | None = None
    fault: Fault = "user"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a file came to.

    Attributes
    ----------
    content : str or None
        SHA-256 of the file; None where it could not be read.
    version : str or None
        What an object store calls this version of the file, so that it need not be fetched to be skipped.
    skipped : bool
        The results were there; nothing else is filled in.
    summary : tuple of (str, Cell)
        The row of `summary.csv` that depends on the recording.
    parts : tuple of str
        Parquet files below the output folder.
    failure : Failure or None
        Why there are no results.
    n_samples : int
        Samples that were read.
    """

    content: str | None = None
    version: str | None = None
    skipped: bool = False
    summary: tuple[tuple[str, Cell], ...] = ()
    parts: tuple[str, ...] = ()
    failure: Failure | None = None
    n_samples: int = 0


class Workers(Protocol):
    """Something that analyzes files: processes of this machine, or a cluster."""

    def run(self, tasks: Iterable[FileTask]) -> Iterator[tuple[FileTask, Outcome]]:
        """Outcomes in the order in which they come; never raises for a file."""
        ...

    @property
    def words(self) -> str:
        """What they are, for the record."""
        ...
