"""The one place where a source meets the engine: recordings in, one report out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final, TypedDict, Unpack

from loadsense import engine, evidence, kernels, together
from loadsense.ahead import available_cores, read_ahead
from loadsense.beside import CopyLostError, Given, beside, can_work_beside
from loadsense.engine import EngineCriteria, Lane
from loadsense.evidence.engine_criteria import engine_criteria
from loadsense.evidence.equations import force_equations
from loadsense.prescriptions import Person, Plan
from loadsense.readers import sha256_of
from loadsense.results import RecordingResult, SessionReport
from loadsense.samples import ClockQuality, Item, Recording, SampleBlock, StreamInfo
from loadsense.summary import Judging, summarise

#: Recordings of at least so many bytes are shared with a second process: below, loading its loops costs what it brings.
BESIDE_FROM_BYTES: Final = 96 << 20

#: Told how many samples have passed, of the recording with this name.
Progress = Callable[[str, int], None]


def _no_progress(name: str, n_samples: int) -> None:
    """Tell nobody."""


class Judged(TypedDict, total=False):
    """Parameters of `judging` that `analyze` and `Session` pass on."""

    person: str | Path | Person | None
    profile: str | None
    target_landings: int | None
    loads_kg: Mapping[str, float] | None


def judging(
    *,
    plan: str | Plan | None = None,
    person: str | Path | Person | None = None,
    profile: str | None = None,
    target_landings: int | None = None,
    loads_kg: Mapping[str, float] | None = None,
) -> Judging:
    """Everything a session is judged by, from names and files.

    Parameters
    ----------
    plan : str or Plan, optional
        Name of a plan or path of one's own; the person's plan when None.
    person : str, Path or Person, optional
        Path of the person's TOML file.
    profile : str, optional
        Profile of evidence levels; `hip-high-rate` when None.
    target_landings : int, optional
        Landings asked for; the person's or the plan's when None.
    loads_kg : mapping of str to float, optional
        What was lifted, by exercise.

    Raises
    ------
    OptionError
        An unknown plan or profile, or a number that cannot be.
    ContentError
        A plan or person file that cannot be used.
    """
    who = evidence.load_person(person) if isinstance(person, (str, Path)) else person
    plan = plan or (who.plan if who else None)
    return Judging(
        profile=evidence.profile(profile),
        grading=evidence.grading(),
        index=evidence.index_criteria(),
        longwear=evidence.longwear_criteria(),
        rules=evidence.rules(),
        equations=force_equations(),
        plan=evidence.plan(plan) if isinstance(plan, str) else plan,
        person=who,
        target_landings=target_landings,
        loads_kg=dict(loads_kg or {}),
    )


class Engine(engine.Engine):
    """The engine, live or for a file: push samples and gaps, take events; flush; ask for the report.

    Parameters
    ----------
    info : StreamInfo
        Facts of the stream, complete.
    plan : str or Plan, optional
        What the session is judged against.
    criteria : EngineCriteria, optional
        Criteria of the stages; those of the evidence files when None.
    judged_by : Judging, optional
        Everything else a session is judged by; overrides `plan`.
    lane : Lane
        As in `loadsense.engine.Engine`.
    """

    def __init__(
        self,
        info: StreamInfo,
        plan: str | Plan | None = None,
        criteria: EngineCriteria | None = None,
        *,
        judged_by: Judging | None = None,
        lane: Lane = Lane.BOTH,
    ) -> None:
        self._judging = judged_by or judging(plan=plan)
        super().__init__(info, criteria or engine_criteria(), lane=lane)

    def report(self, clock: ClockQuality | None = None) -> SessionReport:
        """The session so far, or the whole of it after `flush`."""
        return summarise((self.result(clock),), self._judging)


class Session:
    """Recordings of one person over the same time, and their one report.

    Parameters
    ----------
    recordings : sequence of Recording, or mapping of str to Recording
        One from each placement; names are the placements unless given.
    plan, person, profile, target_landings, loads_kg
        As in `judging`.
    offsets_s : mapping of str to float, optional
        Seconds from the session's start to the first sample, by sensor; the clocks say it when None.
    cores : int, optional
        Cores to keep busy; all there are when None. With 1 everything happens in the calling thread; with more, the
        events of a long file are found in a second process where that can be (`loadsense.beside`), and else a thread
        reads ahead.
        The results are the same.

    Raises
    ------
    OptionError
        The recordings cannot be one session of one person.
    """

    def __init__(
        self,
        recordings: Sequence[Recording] | Mapping[str, Recording],
        plan: str | Plan | None = None,
        *,
        offsets_s: Mapping[str, float] | None = None,
        judged_by: Judging | None = None,
        cores: int | None = None,
        **judged: Unpack[Judged],
    ) -> None:
        self._cores = available_cores() if cores is None else cores
        self._recordings = _named(recordings)
        self._judging = judged_by or judging(plan=plan, **judged)
        infos = {name: recording.info for name, recording in self._recordings.items()}
        self._starts_s = together.offsets_s(infos, offsets_s or {})
        together.refuse_what_cannot_be(infos)

    def report(self, progress: Progress = _no_progress) -> SessionReport:
        """Pass every recording through the engine and sum up.

        Raises
        ------
        LoadSenseError
            A recording cannot be read to its end, or the clocks of two do not overlap.
        """
        return self.summed_up(self.detected(progress))

    def detected(self, progress: Progress = _no_progress) -> list[RecordingResult]:
        """Pass every recording through the engine: what it finds, before anything is judged; errors as for `report`."""
        return [self._result(name, recording, progress) for name, recording in self._recordings.items()]

    def placed(self, results: Sequence[RecordingResult]) -> tuple[RecordingResult, ...]:
        """What was detected, placed on the session's time axis; errors as for `summed_up`."""
        hashed = [_with_hash(*pair) for pair in zip(results, self._recordings.values(), strict=True)]
        placed = together.placed(hashed, self._starts_s)
        together.refuse_apart(placed)
        return placed

    def summed_up(self, results: Sequence[RecordingResult]) -> SessionReport:
        """The report from what the engines found elsewhere, as in a replay; one result for each recording, in order.

        Raises
        ------
        LoadSenseError
            The clocks of two recordings do not overlap.
        """
        placed = self.placed(results)
        return summarise(placed, self._judging, notes=together.clock_notes(placed))

    @property
    def starts_s(self) -> Mapping[str, float]:
        """Seconds from the session's start to the first sample, by sensor."""
        return {name: self._starts_s.get(name, 0.0) for name in self._recordings}

    def _result(self, name: str, recording: Recording, progress: Progress) -> RecordingResult:
        passed = partial(progress, name)
        if self._cores > 1 and recording.n_bytes >= BESIDE_FROM_BYTES and can_work_beside():
            kernels.prepare(recording.n_bytes)
            with suppress(CopyLostError):  # what it met is met again below, and told in its own words
                return self._shared_result(name, recording, passed)
        running = Engine(recording.info, judged_by=self._judging)
        with kernels.expecting(recording.n_bytes):
            for item in self._items(recording, passed, is_ahead=self._cores > 1):
                running.feed(item)
            running.flush()
        return running.result(recording.clock_quality, sensor=name)

    def _shared_result(self, name: str, recording: Recording, passed: Callable[[int], None]) -> RecordingResult:
        """The same from two processes: this one reads and judges the signal, the other finds the events."""
        running = Engine(recording.info, judged_by=self._judging, lane=Lane.SIGNAL)
        with beside(partial(_events, recording.info, self._judging)) as other:
            for item in self._items(recording, passed, is_ahead=self._cores > 2):
                other.give(item)
                running.feed(item)
            running.flush()
            return other.answer((running.signal(), recording.clock_quality, name))

    def _items(self, recording: Recording, passed: Callable[[int], None], *, is_ahead: bool) -> Iterator[Item]:
        """Items of a recording; how many samples have passed is told behind each block."""
        for item in read_ahead(recording.blocks()) if is_ahead else recording.blocks():
            yield item
            if isinstance(item, SampleBlock):
                passed(item.first_sample + len(item))


def _events(info: StreamInfo, judged_by: Judging, given: Given) -> RecordingResult:
    """The result of a recording whose signal is judged elsewhere."""
    running = Engine(info, judged_by=judged_by, lane=Lane.EVENTS)
    for item in given.items():
        running.feed(item)
    running.flush()
    signal, clock, name = given.last_word()
    running.join(signal)
    return running.result(clock, sensor=name)


def analyze(
    recording: Recording,
    plan: str | Plan | None = None,
    *,
    judged_by: Judging | None = None,
    progress: Progress = _no_progress,
    cores: int | None = None,
    **judged: Unpack[Judged],
) -> SessionReport:
    """Pass a recording through the engine: the main job.

    Parameters
    ----------
    recording : Recording
        From `loadsense.read`, or `Recording.from_arrays`.
    judged_by : Judging, optional
        From `judging`; or give its parameters (plan, person, profile, target_landings, loads_kg) here.
    progress : callable, optional
        Told the sensor's name and the samples passed so far.
    cores : int, optional
        As for `Session`: 1 where other processes keep the cores busy.

    Raises
    ------
    LoadSenseError
        The recording cannot be read to its end.
    """
    return Session((recording,), plan, judged_by=judged_by, cores=cores, **judged).report(progress)


def _with_hash(result: RecordingResult, recording: Recording) -> RecordingResult:
    """The hash of a large file is known once it has been read."""
    if result.info.origin.sha256 or result.info.origin.file is None:
        return result
    origin = replace(result.info.origin, sha256=sha256_of(recording))
    return replace(result, info=replace(result.info, origin=origin))


def _named(recordings: Sequence[Recording] | Mapping[str, Recording]) -> dict[str, Recording]:
    if isinstance(recordings, Mapping):
        return dict(recordings)
    names = [recording.info.placement.value for recording in recordings]
    return {
        name if names.count(name) == 1 else f"{name}-{i}": recording
        for i, (name, recording) in enumerate(zip(names, recordings, strict=True), 1)
    }
