"""One sensor of a live session: its packets in, its events out, everything kept in its log.

No loop and no clock in here: times come with the events of the source, so a replay gives what the session gave.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np

from loadsense.errors import WorldError
from loadsense.events import Event
from loadsense.live.state import LiveEvent, SensorState, Wearing
from loadsense.live.walk import Word, words_of
from loadsense.placement import parse_placement
from loadsense.readers.live_log import SUFFIX, LogContents, LogHeader, Row, last_packet
from loadsense.samples import Gap, Item, Origin, SampleBlock, StreamInfo, checked_rate_hz
from loadsense.session import Engine
from loadsense.sources.clock import SampleClock
from loadsense.sources.link import Battery, Connected, Ended, Items, LinkEvent, Lost, Payload, Trouble
from loadsense.sources.packet_log import PacketLog
from loadsense.summary import Judging
from loadsense.wire.packet import Packet, PacketDecoder, StreamSettings
from loadsense.wire.packet_grid import PacketGrid
from loadsense.wire.packets import make_decoder

#: Faults without one good packet after which the link is called unusable.
_ONLY_FAULTS: Final = 20
#: Measured and nominal rate further apart than this are worth a word.
_RATE_STRAY: Final = 0.02
#: A sample with an axis at this share of the range or beyond is clipped.
CLIPPED_SHARE: Final = 0.98


class LiveSensor:
    """The way of one sensor from bytes to events.

    Parameters
    ----------
    wearing : Wearing
    judging : Judging
        For the engine's report.
    began : datetime
        Aware wall time at which the session's seconds count from 0.
    folder : Path or None
        Where the log goes; None records nothing (a replay).
    """

    def __init__(self, wearing: Wearing, judging: Judging, *, began: datetime, folder: Path | None) -> None:
        self.wearing = wearing
        self.state = SensorState()
        self.engine: Engine | None = None
        self.info: StreamInfo | None = None
        self.log: PacketLog | None = None
        self.judging = judging
        self._began = began
        self._folder = folder
        self._settings: StreamSettings | None = None
        self._connected: Connected | None = None
        self._decoder: PacketDecoder | None = None
        self._grid: PacketGrid | None = None
        self._clock: SampleClock | None = None
        self._waiting: list[Connected | Payload] = []
        self._usable = True
        self._said: tuple[str | None, bool] | None = None
        self._ticked: list[str] = []
        self.recalled: list[Word] = []  # what the coach said in a session that broke off, or in one that is replayed
        self._to_recall: deque[Word] = deque()
        self.listener: Callable[[Item], None] | None = None  # hears the samples that the engine gets

    @property
    def log_path(self) -> Path | None:
        """Where its log lies, or would lie."""
        if self._folder is None:
            return None
        return self._folder / f"{self.wearing.person}-{self.wearing.sensor}{SUFFIX}"

    def take(self, event: LinkEvent) -> list[LiveEvent]:
        """What a source said, in order; returns what the engine made of it."""
        match event:
            case Payload():
                return self._payload(event)
            case Connected():
                self._connect(event)
            case Lost():
                self.state.connected = False
                self.state.note(f"{event.reason}; connecting again")
                self._log_link(event.at_s, "lost", reason=event.reason)
            case Battery():
                self.state.battery_percent = event.percent
            case Trouble():
                self.state.note(event.sentence)
                self._log_link(event.at_s, "trouble", sentence=event.sentence)
            case Items():
                return self._replayed(event)
            case Ended():
                self.state.ended = True
        return []

    def declare(self, exercise: str | None, *, landing_block: bool, at_s: float) -> None:
        """The coach says what is due from here on; the log keeps from which sample on, so that a replay heeds it."""
        if self.engine is None:
            self._said = (exercise, landing_block)
            return
        said = self.engine.declare(exercise, landing_block=landing_block)
        self._log_link(at_s, "declared", number=said.first_sample, exercise=exercise, landing_block=landing_block)

    def tick(self, block: str, at_s: float) -> None:
        """The coach says that a set of this block is done; for the record, no detector hears of it."""
        if self.engine is None:
            self._ticked.append(block)
            return
        done = self.engine.set_done(block)
        self._log_link(at_s, "set done", number=done.at_sample, block=block)

    def untick(self, block: str, at_s: float) -> None:
        """The coach takes back the last set of this block that was called done."""
        if self.engine is not None:
            self.engine.set_undone(block)
            self._log_link(at_s, "set undone", number=self.engine.next_sample, block=block)
        elif block in self._ticked:
            self._ticked.remove(block)

    def resume(self, path: Path, now_s: float) -> list[LiveEvent]:
        """Go on with the log of a session that broke off; returns its earlier events.

        Raises
        ------
        FormatError
            The beginning of the log is damaged.
        WorldError
            It cannot be read or written.
        """
        self.log, contents = PacketLog.resumed(path)
        self._begin(contents.info)
        events: list[LiveEvent] = []
        end = 0
        for item in contents.items():
            events += self._push(item, now_s)
            end = item.first_sample + (item.n_missing if isinstance(item, Gap) else len(item))
        last_s = max((row.at_s for row in contents.rows if row.kind is Row.PACKET), default=0.0)
        last = last_packet(contents)
        if self._grid is not None:
            self._grid.skip_to(end, last_s, last)
        self.log.link(now_s, "resumed", number=end, last_arrival_s=last_s, counts_on=last is not None)
        self.recalled = words_of(contents.info)
        for note in contents.notes:
            self.state.note(note)
        self.state.lost_s = self._lost_before(contents)
        return [replace(event, earlier=True) for event in events]

    def keep(self) -> None:
        """Put what came on the disk; a full disk is told and ends the recording, not the session."""
        if self.log is None or self.log.stopped is not None:
            return
        try:
            self.log.write()
        except WorldError as fault:
            self.state.log_stopped = str(fault)
            self.state.note(str(fault))

    def finish(self, at_s: float) -> list[LiveEvent]:
        """No more samples will come: settle what is open, and close the log."""
        self.state.ended = True
        events = [] if self.engine is None else self._live(self.engine.flush(), at_s)
        if self.log is not None:
            fit = self._clock.fit if self._clock and not self._estimated_missing_s() else None
            quality = {"measured_rate_hz": fit.measured_rate_hz if fit else None, "notes": list(self.quality_notes())}
            self.log.link(at_s, "finished", quality=quality, clock=self._anchor())
            try:
                self.log.close()
            except WorldError as fault:
                self.state.log_stopped = str(fault)
        return events

    def _anchor(self) -> dict[str, float | None]:
        """Where the grid lies in the session's time, free of the jitter of arrivals: for aligning sensors later."""
        sample = self._grid.next_sample if self._grid else 0
        return {"sample": sample, "at_s": self._clock.host_s(sample) if self._clock else None}

    def abandon(self) -> None:
        """Let go of the log without an end, as a crash would."""
        if self.log is not None:
            self.log.close()

    def quality_notes(self) -> tuple[str, ...]:
        """Sentences on packets and clock for the record."""
        notes = []
        counts = self._grid.counts if self._grid else None
        if counts is not None and counts.n_missing:
            notes.append(
                f"{counts.n_missing} samples ({100.0 * counts.lost_share:.2g} %) never came, {counts.n_filled} of them "
                "in holes short enough to be filled by a straight line"
            )
        if counts is not None and counts.n_duplicates:
            notes.append(f"{counts.n_duplicates} packets came twice or too late and were left out")
        missing_s = self._estimated_missing_s()
        if missing_s:
            notes.append(
                f"about {missing_s:.1f} s of samples never came: an estimate from arrival times and no count, for this "
                "sensor does not number its packets (a clock more than 2 % slow looks the same)"
            )
        if self.state.faults:
            notes.append(f"{self.state.faults} packets could not be read and were left out")
        fit = self._clock.fit if self._clock and not missing_s else None
        if fit and fit.measured_rate_hz and self.info:
            stray = fit.measured_rate_hz / self.info.sampling_rate_hz - 1.0
            if abs(stray) > _RATE_STRAY:
                notes.append(f"the sensor samples at {fit.measured_rate_hz:.2f} Hz, {100.0 * stray:+.1f} % off")
        return tuple(notes)

    def _estimated_missing_s(self) -> float:
        """Seconds lost by a sensor that cannot show it, by the host's span; 0 for one whose losses are counted."""
        seconds = self._clock.estimated_missing_s if self._clock and not self.state.loss_observable else 0.0
        return round(seconds, 1)

    # -- connections and packets

    def _connect(self, event: Connected) -> None:
        settings = event.settings
        self.state.connected, self.state.link = True, event.link
        for warning in event.warnings:
            self.state.note(warning)
        first = self._settings or (self.info and _settings_of(self.info))
        self._usable = not first or (first.sampling_rate_hz, first.range_g) == (
            settings.sampling_rate_hz,
            settings.range_g,
        )
        if not self._usable:
            self.state.note(
                f"the sensor came back with {settings.sampling_rate_hz:g} Hz, +-{settings.range_g:g} g: other settings "
                "than the session began with; its samples are left out, end the session and start a new one"
            )
            return
        self._settings, self._connected = settings, event
        self.state.loss_observable = event.loss_observable
        self._decoder = make_decoder(event.decoder, settings)
        if self._grid is None:
            self._grid = PacketGrid(settings.sampling_rate_hz)
        self._grid.connected()
        if self._clock is not None:
            self._clock.new_segment()
        self._keep_or_wait(event)

    def _payload(self, event: Payload) -> list[LiveEvent]:
        if self._decoder is None or self._grid is None or not self._usable:
            return []
        faults = self._decoder.faults
        packets = self._decoder.decode(event.data)
        self._count_faults(self._decoder.faults - faults)
        self.state.last_s = event.at_s
        if packets and self.engine is None:
            self._begin(self._info_at(event, packets))
            self._heed_what_was_said(event.at_s)
        self._keep_or_wait(event)
        found: list[LiveEvent] = []
        for packet in packets:
            found += self._placed(packet, event.at_s)
        return found

    def _placed(self, packet: Packet, at_s: float) -> list[LiveEvent]:
        if self._grid is None:
            return []
        filled = self._grid.counts.n_filled
        items = self._grid.push(packet, at_s)
        found: list[LiveEvent] = []
        for item in items:
            n_filled = self._grid.counts.n_filled - filled if isinstance(item, SampleBlock) else 0
            if self.log is not None:
                self.log.item(at_s, item, n_filled=n_filled)
            found += self._push(item, at_s)
            self._note_gap(item)
            if self._clock is not None and isinstance(item, Gap):
                self._clock.new_segment()
        if items and self._clock is not None:
            self._clock.push(self._grid.next_sample, at_s)
            if self._estimated_missing_s():
                self.state.note("packets seem to be missing, by their arrival times: the dose may be a lower bound")
        return found

    def _replayed(self, event: Items) -> list[LiveEvent]:
        engine = self.engine or self._begin_replay(event)
        self.state.connected, self.state.last_s = True, event.at_s
        self.state.loss_observable = event.info.loss_observable
        found: list[LiveEvent] = []
        for item in event.items:
            found += self._push(item, event.at_s)
            self._note_gap(item)
        while self._to_recall and self._to_recall[0].at_sample <= engine.next_sample:
            self.recalled.append(self._to_recall.popleft())
        return found

    def _begin_replay(self, event: Items) -> Engine:
        engine = self._begin(event.info)
        self._to_recall.extend(words_of(event.info))
        self._heed_what_was_said(event.at_s)
        return engine

    # -- the engine

    def _info_at(self, event: Payload, packets: Iterable[Packet]) -> StreamInfo:
        """Facts of the stream at its first packet; sample 0 was taken when that packet began to be filled."""
        settings, connected = self._settings, self._connected
        if settings is None or connected is None:
            raise WorldError("a packet came before the sensor said what it uses")
        wearing = self.wearing
        rate_hz = checked_rate_hz(settings.sampling_rate_hz)
        first_s = event.at_s - sum(map(len, packets)) / rate_hz
        start = self._began + timedelta(seconds=first_s)
        notes = (*connected.warnings, *(() if connected.confirmed else (_NOT_CONFIRMED,)))
        return StreamInfo(
            sampling_rate_hz=rate_hz,
            nominal_rate_hz=rate_hz,
            placement=parse_placement(wearing.sensor),
            range_g=settings.range_g,
            start=start,
            tz=wearing.tz,
            body_mass_kg=wearing.body_mass_kg,
            loss_observable=self.state.loss_observable,
            origin=Origin(
                file=f"{wearing.person}-{wearing.sensor}{SUFFIX}",
                format="live",
                unit_in="g",
                device=connected.device,
                participant=wearing.person,
                notes=notes,
            ),
        )

    def _begin(self, info: StreamInfo) -> Engine:
        self.info = info
        self.engine = engine = Engine(info, judged_by=self.judging)
        self._clock = SampleClock(info.sampling_rate_hz)
        if self._grid is None:
            self._grid = PacketGrid(info.sampling_rate_hz)
        if self.log is None and self.log_path is not None and self._connected is not None:
            self._begin_log(self.log_path, info, self._connected)
        return engine

    def _begin_log(self, path: Path, info: StreamInfo, connected: Connected) -> None:
        header = LogHeader(
            person=self.wearing.person,
            sensor=self.wearing.sensor,
            address=self.wearing.address,
            device=connected.device,
            profile=connected.profile,
            decoder=connected.decoder,
            began=self._began.isoformat(),
        )
        try:
            self.log = PacketLog(path, info, header)
        except WorldError as fault:
            self.state.log_stopped = str(fault)
            self.state.note(str(fault))
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            self._keep_or_wait(event)

    def _heed_what_was_said(self, at_s: float) -> None:
        """What the coach declared before the first sample holds from it on."""
        said, self._said = self._said, None
        if said is not None:
            self.declare(said[0], landing_block=said[1], at_s=at_s)
        ticked, self._ticked = self._ticked, []
        for block in ticked:
            self.tick(block, at_s)

    def _push(self, item: Item, at_s: float) -> list[LiveEvent]:
        if self.engine is None:
            return []
        if isinstance(item, SampleBlock):
            self._watch_range(item)
        if self.listener is not None:
            self.listener(item)
        return self._live(self.engine.push(item), at_s)

    def _watch_range(self, block: SampleBlock) -> None:
        range_g = self.info.range_g if self.info else None
        if range_g is None:
            return
        n = int((np.abs(block.accel_g) >= CLIPPED_SHARE * range_g).any(axis=1).sum())
        if n:
            self.state.n_clipped += n
            self.state.note(f"clipped at +-{range_g:g} g: peaks are lower bounds; set a larger range")

    def _live(self, events: Iterable[Event], at_s: float) -> list[LiveEvent]:
        rate_hz = self.info.sampling_rate_hz if self.info else 0.0
        who = self.wearing
        return [
            LiveEvent(at_s=at_s, person=who.person, sensor=who.sensor, event=event, sampling_rate_hz=rate_hz)
            for event in events
        ]

    # -- the record

    def _keep_or_wait(self, event: Connected | Payload) -> None:
        """To the log, or aside until the first samples say what the log is of."""
        if self.log is None:
            if self.engine is None and self._folder is not None:
                self._waiting.append(event)
                del self._waiting[:-1000]
            return
        if isinstance(event, Payload):
            self.log.packet(event.at_s, event.link, event.data)
            return
        used = event.settings
        settings = {"sampling_rate_hz": used.sampling_rate_hz, "range_g": used.range_g, "factor": used.factor}
        self._log_link(event.at_s, "connected", settings=settings, link=event.link, mtu=event.mtu)

    def _log_link(self, at_s: float, event: str, *, number: int = 0, **told: Any) -> None:
        if self.log is not None:
            self.log.link(at_s, event, number=number, **told)

    def _count_faults(self, n: int) -> None:
        self.state.faults += n
        counts = self._grid.counts if self._grid else None
        if self.state.faults >= _ONLY_FAULTS and counts is not None and not counts.n_packets:
            self.state.note(
                f"{self.state.faults} packets came and none could be read: is it the right profile, and the MTU enough?"
            )

    def _note_gap(self, item: Item) -> None:
        """A hole that is no event's fault: it makes the dose a lower bound."""
        if not isinstance(item, Gap) or self.info is None:
            return
        seconds = item.n_missing / self.info.sampling_rate_hz
        self.state.lost_s += seconds
        self.state.note(f"{item.reason}: {seconds:.1f} s missing, the dose is a lower bound")

    def _lost_before(self, contents: LogContents) -> float:
        gaps = (item.n_missing for item in contents.items() if isinstance(item, Gap))
        return sum(gaps) / contents.info.sampling_rate_hz


_NOT_CONFIRMED: Final = "the sensor does not say which rate and range it uses: they are as configured"


def warm_up(wearings: Iterable[Wearing], judging: Judging) -> None:
    """Pass two still seconds through an engine of each placement, so that nothing is loaded once packets come."""
    for sensor in {wearing.sensor for wearing in wearings}:
        engine = Engine(StreamInfo(sampling_rate_hz=100.0, placement=parse_placement(sensor)), judged_by=judging)
        engine.push(SampleBlock(0, np.tile([0.0, 0.0, 1.0], (200, 1))))
        engine.flush()


def _settings_of(info: StreamInfo) -> StreamSettings:
    return StreamSettings(sampling_rate_hz=info.sampling_rate_hz, range_g=info.range_g)


Told = Callable[[LiveEvent], None]
