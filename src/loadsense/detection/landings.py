"""Landings in a stream, live: provisional soon after the peak, settled at most a second after it.

Theory of operation
-------------------
Samples go into a history of some seconds. Work is done in hops of 0.2 s, aligned to the start of the recording, so that
nothing depends on how the stream was cut. A hop without a peak of the least height costs one maximum of |a| and no
more. A hop with such a peak wakes the judges of the placement for the next hops: they bring the 100 Hz trace up to
date, find the flights that end in impacts, and say what each is, first provisionally, by the samples up to the end of
the impact, then finally 0.8 s after the peak, when the rhythm and the posture after it are known.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from loadsense import kernels
from loadsense.detection.body import BodyCriteria, BodyJudge, Verdict
from loadsense.detection.flights import HOP, FlightImpact, Trace
from loadsense.detection.history import GRID_HZ, History
from loadsense.detection.peaks import LoudPeak, PeakCriteria, PeakFinder, why_no_landing
from loadsense.detection.wrist import WristCriteria, WristJudge
from loadsense.events import Excluded, LandingCandidate, Status
from loadsense.placement import CAPABILITIES, Placement
from loadsense.samples import FloatArray, Gap, IntArray, SampleBlock

#: Rows taken into the history at a time: keeps memory flat whatever the size of a block.
_PIECE: Final = 16384
#: Grid samples the judges may look back.
_LOOK_BACK: Final = 640
#: Hops for which a loud hop keeps the judges awake: the impact window, the medians and the wrist's smoothing.
_AWAKE_HOPS: Final = 4
#: Hops that may wait while nothing is loud, so that ten quiet samples cost little more than a list.
_MOST_ASLEEP: Final = 10
#: Where one hop of many rows begins.
_AT_ONCE: Final[IntArray] = np.zeros(1, dtype=np.int64)

Judge = BodyJudge | WristJudge


@dataclass(frozen=True, slots=True, kw_only=True)
class LandingCriteria:
    """Everything the landing detector compares with, by family of placements; see `evidence/detection/landings.toml`.

    Attributes
    ----------
    trunk, pocket : BodyCriteria
        Flight, rhythm and momentum.
    wrist : WristCriteria
        Pairs of impulses.
    wrist_train : BodyCriteria
        Regular trains at the wrist.
    peaks : PeakCriteria
        How excluded peaks are named.
    settle_after_s : float
        A landing is final this long after its peak.
    join_within_s : float
        An impact that was no landing by itself may still join a train until this long after its peak.
    same_within_s : float
        Two landings this close are one, the first.
    gap_kept_s : float
        A longer gap ends the context of a train.
    contact_g : float
        Take-off and initial contact are where |a| crosses this, RAW g.
    impact_over_g, impact_longest_s : float
        The impact ends where |a| falls below this, RAW g, or after this time.
    """

    trunk: BodyCriteria
    pocket: BodyCriteria
    wrist: WristCriteria
    wrist_train: BodyCriteria
    peaks: PeakCriteria
    settle_after_s: float
    join_within_s: float
    same_within_s: float
    gap_kept_s: float
    contact_g: float
    impact_over_g: float
    impact_longest_s: float


@dataclass(slots=True)
class _Pending:
    """An impact that waits for the seconds after it."""

    judge: Judge
    impact: FlightImpact
    told: LandingCandidate | None = None
    verdict: Verdict | None = None


class LandingDetector:
    """Stage: samples in, landings and excluded candidates out.

    Parameters
    ----------
    sampling_rate_hz : float
        Rate of the stream.
    placement : Placement
        Where the sensor is worn: decides the method. Nothing is found where the placement has none (ankle).
    range_g : float or None
        Full scale of each axis, RAW g.
    criteria : LandingCriteria
        Thresholds and weights.
    landing_block : bool
        The wearer is known to do drop landings now: drops of 5 to 8 cm count, marked as untested on people.

    Attributes
    ----------
    tells : bool
        Whether provisional landings are asked for: what is settled does not hang on it.
    """

    def __init__(
        self,
        *,
        sampling_rate_hz: float,
        placement: Placement,
        range_g: float | None,
        criteria: LandingCriteria,
        landing_block: bool = False,
    ) -> None:
        self.tells = True
        self._criteria = criteria
        self._capability = CAPABILITIES[placement]
        self._judges = _judges(
            criteria, self._capability.landing_method, range_g, sampling_rate_hz, landing_block=landing_block
        )
        self._least_peak_g = min((judge.least_peak_g for judge in self._judges), default=math.inf)
        self._peaks = PeakFinder(criteria.peaks, self._least_peak_g)
        self._name_after = round(criteria.peaks.decide_after_s * GRID_HZ)
        self._settle = round(criteria.settle_after_s * GRID_HZ)
        self._hold = round(criteria.join_within_s * GRID_HZ)
        self._history = History(sampling_rate_hz, (_LOOK_BACK + 6 * HOP) / GRID_HZ)
        self._trace = Trace(_LOOK_BACK)
        self._gap_kept = math.floor(criteria.gap_kept_s * sampling_rate_hz)
        self._rate_hz = sampling_rate_hz
        self._cut = False
        self._waiting: list[SampleBlock] = []
        self._next_sample = self._due_sample = self._hop = 0
        self._restart(0)

    def declare(self, landing_block: bool, *, first_sample: int) -> None:
        """From a sample on the wearer is, or is no longer, known to do landings; wrists are judged as ever."""
        for judge in self._judges if self._capability.landing_method != "wrist" else ():
            if isinstance(judge, BodyJudge):
                judge.declare(landing_block, first=math.ceil(first_sample / self._history.ratio))

    def push(self, block: SampleBlock) -> Sequence[LandingCandidate | Excluded]:
        """Take the next samples; return what has become known."""
        if not self._judges or not len(block):
            return ()
        out: list[LandingCandidate | Excluded] = []
        if self._waiting and block.first_sample != self._next_sample:
            self._take(out)
        if not self._waiting:
            end = self._history.end
            if block.first_sample - end > self._gap_kept or end == self._history.start:
                out += self._finish()
                self._restart(block.first_sample)
        self._waiting.append(block)
        self._next_sample = block.first_sample + len(block)
        if self._next_sample >= self._due_sample or (self._hops_due > 1 and self._is_loud(block.accel_g)):
            self._take(out)
        return out

    def _is_loud(self, rows: FloatArray) -> bool:
        """Whether any sample is as high as a peak."""
        return len(rows) > 0 and len(loud_hops(rows, _AT_ONCE, self._least_peak_g)) > 0

    def _hops_asleep(self) -> int:
        """How many hops may become whole before one needs a look, unless a peak comes."""
        begun = self._history.raw(math.floor(self._hop * HOP * self._history.ratio), self._history.end)
        if self._awake(self._hop) or self._is_loud(begun):
            return 1
        due = self._due()
        return _MOST_ASLEEP if due is None else min(due - self._hop + 1, _MOST_ASLEEP)

    def _take(self, out: list[LandingCandidate | Excluded]) -> None:
        """Take the samples that wait into the history, and look at the hops that are whole."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        accel_g = waiting[0].accel_g if len(waiting) == 1 else np.concatenate([block.accel_g for block in waiting])
        for first in range(0, len(accel_g), _PIECE):
            piece = SampleBlock(waiting[0].first_sample + first, accel_g[first : first + _PIECE])
            self._history.append(piece, cut=self._cut)
            self._cut = False
            self._advance(out)
        self._hops_due = self._hops_asleep()
        self._due_sample = math.floor(((self._hop + self._hops_due) * HOP - 1) * self._history.ratio)

    def gap(self, gap: Gap) -> Sequence[LandingCandidate | Excluded]:
        """Samples are missing: no flight spans them; the context of a train survives a short gap."""
        out: list[LandingCandidate | Excluded] = []
        self._take(out)
        self._cut = True
        return out + self._finish() if gap.n_missing > self._gap_kept else out

    def flush(self) -> Sequence[LandingCandidate | Excluded]:
        """No more samples: judge what is left by what is there."""
        return self._finish() if self._judges else ()

    def _restart(self, first_sample: int) -> None:
        """Begin a stretch of samples without context."""
        self._history.restart(first_sample)
        self._waiting = []
        self._next_sample = self._due_sample = first_sample
        self._hops_due = 1
        self._trace.clear()
        self._hop = self._history.grid_start // HOP
        self._awake_until = -1
        self._pending: deque[_Pending] = deque()
        self._held: deque[_Pending] = deque()
        self._train: deque[FlightImpact] = deque(maxlen=2)
        self._loud_peaks: deque[LoudPeak] = deque()
        self._explained: deque[int] = deque()
        self._landed: deque[int] = deque()
        self._peaks.restart(self._history.grid_start, begins=True)
        self._last_peak: int | None = None
        self._cut = False
        for judge in self._judges:
            judge.restart(self._history.grid_start, begins=True)

    def _finish(self) -> list[LandingCandidate | Excluded]:
        """Judge everything that is left of a stretch, and begin a new one."""
        out: list[LandingCandidate | Excluded] = []
        self._take(out)
        end = self._history.grid_end
        if end > self._history.grid_start and (
            self._awake(self._hop) or self._pending or self._held or self._loud(end // HOP + 1)
        ):
            self._look(end, out, closing=True)
        self._restart(self._history.end)
        return out

    def _advance(self, out: list[LandingCandidate | Excluded]) -> None:
        """Work through the hops that are complete."""
        end_hop = self._history.grid_complete // HOP
        if end_hop <= self._hop:
            return
        for hop in self._busy(self._loud(end_hop), end_hop):
            self._look((hop + 1) * HOP, out)
        self._hop = end_hop

    def _loud(self, end_hop: int) -> list[int]:
        """Hops with a peak of the least height."""
        scale = HOP * self._history.ratio
        first = max(math.floor(self._hop * scale), self._history.start)
        rows = self._history.raw(first, math.floor(end_hop * scale))
        if end_hop - self._hop == 1:
            return [self._hop] if self._is_loud(rows) else []
        edges = np.floor(np.arange(self._hop, end_hop) * scale).astype(np.int64)
        edges = np.maximum(edges - first, 0)
        edges = edges[edges < len(rows)]
        if not len(edges):
            return []
        return [self._hop + at for at in loud_hops(rows, edges, self._least_peak_g).tolist()]

    def _awake(self, hop: int) -> bool:
        if hop <= self._awake_until:
            return True
        due = self._due()
        return due is not None and due <= hop

    def _due(self) -> int | None:
        """Hop with whose end the next waiting impact or peak can be settled, let go or named."""
        ends = []
        if self._pending:
            ends.append(self._pending[0].impact.peak + self._settle)
        if self._held:
            ends.append(self._held[0].impact.peak + self._hold)
        if self._loud_peaks:
            ends.append(self._loud_peaks[0].peak + self._name_after)
        return min(ends) // HOP if ends else None

    def _busy(self, loud: list[int], end_hop: int) -> Iterator[int]:
        """Hops that need a look, in order; the others are passed over."""
        hop, at = self._hop, 0
        while hop < end_hop:
            if at < len(loud) and loud[at] == hop:
                self._awake_until = hop + _AWAKE_HOPS
                at += 1
            if self._awake(hop):
                yield hop
                hop += 1
                continue
            following = loud[at] if at < len(loud) else end_hop
            due = self._due()
            hop = following if due is None else min(following, due)

    def _look(self, end: int, out: list[LandingCandidate | Excluded], *, closing: bool = False) -> None:
        """Find what has closed by a grid index, and settle what is due."""
        if self._trace.extend(self._history, end):
            for judge in self._judges:
                judge.restart(self._trace.start, begins=False)
            self._peaks.restart(self._trace.start, begins=False)
        if closing:
            self._trace.close()
        for judge in self._judges:
            for impact in judge.find(self._trace, closing=closing):
                self._meet(_Pending(judge, impact), out)
        while self._pending and (closing or self._pending[0].impact.peak + self._settle <= end):
            self._settle_first(end, out)
        while self._held and (closing or self._held[0].impact.peak + self._hold <= end):
            held = self._held.popleft()
            self._exclude(held, held.verdict or Verdict(), out)
        self._loud_peaks.extend(self._peaks.find(self._trace, closing=closing))
        while self._loud_peaks and (closing or self._loud_peaks[0].peak + self._name_after <= end):
            self._name(self._loud_peaks.popleft(), out)

    def _name(self, loud: LoudPeak, out: list[LandingCandidate | Excluded]) -> None:
        """Exclude a peak that no flight explains, with its reason."""
        for memory in (self._explained, self._landed):
            while memory and memory[0] < loud.peak - 2 * self._name_after:
                memory.popleft()
        apart = round(self._criteria.peaks.apart_s * GRID_HZ)
        if any(abs(peak - loud.peak) <= apart for peak in self._explained):
            return
        on_trunk = self._capability.landing_method == "trunk"
        reason = why_no_landing(loud, list(self._landed), self._trace, criteria=self._criteria.peaks, on_trunk=on_trunk)
        peak = self._history.native(loud.peak)
        out.append(Excluded(kind="landing", peak_sample=peak, reason=reason, peak_g=loud.peak_g))

    def _meet(self, pending: _Pending, out: list[LandingCandidate | Excluded]) -> None:
        """Queue an impact by its peak, and tell at once what looks like a landing by its end."""
        impact = pending.impact
        self._explained.append(impact.peak)
        self._pending.append(pending)
        if len(self._judges) > 1:
            self._pending = deque(sorted(self._pending, key=lambda p: p.impact.peak))
        elif not self.tells:  # what one judge tells of an impact decides on no other
            return
        verdict = pending.judge.judge(impact, self._trace, impact.flight.end + round(0.26 * GRID_HZ))
        if verdict.accepted and not self._is_same(impact):
            pending.told = self._candidate(impact, verdict, Status.PROVISIONAL)
            out.append(pending.told)

    def _settle_first(self, end: int, out: list[LandingCandidate | Excluded]) -> None:
        """Say the last word on the oldest pending impact, or hold it for a train that may begin after it."""
        pending = self._pending.popleft()
        impact = pending.impact
        verdict = pending.judge.judge(impact, self._trace, min(end, impact.peak + self._settle))
        if verdict.accepted and self._is_same(impact):
            verdict = Verdict(reason="same landing")
        pending.verdict = verdict
        if verdict.accepted:
            self._accept(pending, verdict, out)
        elif verdict.may_join:
            self._held.append(pending)
        else:
            self._exclude(pending, verdict, out)

    def _accept(self, pending: _Pending, verdict: Verdict, out: list[LandingCandidate | Excluded]) -> None:
        """Settle a landing; the second one of a train brings in the impacts on its beat before it."""
        impact, judge = pending.impact, pending.judge
        self._last_peak = impact.peak
        self._landed.append(impact.peak)
        judge.accept(impact, self._trace)
        if isinstance(judge, BodyJudge) and verdict.interval_s is not None:
            if self._train and judge.joins(self._train[-1], impact, verdict.interval_s):
                self._bring_in(judge, self._train[-1], verdict.interval_s, out)
            self._train.append(impact)
        out.append(self._candidate(impact, verdict, Status.SETTLED))

    def _bring_in(
        self, judge: BodyJudge, landing: FlightImpact, interval_s: float, out: list[LandingCandidate | Excluded]
    ) -> None:
        """Accept the held impacts that lie on the beat of a train, from its first landing backwards."""
        late = []
        for held in reversed(self._held):
            if held.verdict is not None and judge.joins(held.impact, landing, interval_s):
                landing = held.impact
                late.append(held)
        for held in reversed(late):
            self._held.remove(held)
            out.append(self._candidate(held.impact, held.verdict or Verdict(), Status.SETTLED))

    def _exclude(self, pending: _Pending, verdict: Verdict, out: list[LandingCandidate | Excluded]) -> None:
        if pending.told is not None:
            out.append(replace(pending.told, status=Status.WITHDRAWN, reason=verdict.reason))
        if pending.judge is not self._judges[0]:
            return  # the second judge of the wrist saw the same impact
        peak, peak_g = self._raw_peak(pending.impact)
        out.append(Excluded(kind="landing", peak_sample=peak, reason=verdict.reason, peak_g=peak_g))

    def _is_same(self, impact: FlightImpact) -> bool:
        """Too close to a landing, settled or told, to be another one."""
        same = round(self._criteria.same_within_s * GRID_HZ)
        peaks = [p.impact.peak for p in self._pending if p.told is not None and p.impact.peak < impact.peak]
        if self._last_peak is not None:
            peaks.append(self._last_peak)
        return any(impact.peak - peak < same for peak in peaks)

    def _raw_peak(self, impact: FlightImpact) -> tuple[int, float]:
        """Sample and height of the largest raw |a| within 30 ms of the peak on the grid."""
        first = max(self._history.native(impact.flight.end - 1), self._history.native(impact.peak - 3))
        return self._history.highest(first, self._history.native(min(impact.peak + 3, self._trace.end - 1)) + 1)

    def _candidate(self, impact: FlightImpact, verdict: Verdict, status: Status) -> LandingCandidate:
        flight = impact.flight
        peak, _ = self._raw_peak(impact)
        start, contact = self._edges(impact, peak)
        whole = flight.end + round(0.4 * GRID_HZ)
        cut_short = whole > self._trace.end or not self._trace.recorded(impact.peak, whole)
        return LandingCandidate(
            event_id=f"landing-{peak}",
            status=status,
            landing_sample=contact,
            peak_sample=peak,
            end_sample=self._impact_end(peak),
            flight_start_sample=start,
            flight_s=(contact - start) / self._rate_hz if self._capability.landing_method != "wrist" else None,
            takeoff=verdict.takeoff,
            truncated=status is Status.SETTLED and cut_short,
            notes=("experimental",) * self._capability.experimental + ("untested on people",) * verdict.untested,
        )

    def _edges(self, impact: FlightImpact, peak: int) -> tuple[int, int]:
        """First sample in the air and first sample on the ground.

        The running median is late at a steep edge, by up to three of its samples: the recorded |a| says it better.
        """
        history, flight, level = self._history, impact.flight, self._criteria.contact_g
        first = history.native(flight.start - 1)
        on_ground = np.flatnonzero(history.raw_magnitude(first, history.native(flight.start + 4)) >= level)
        start = first + int(on_ground[-1]) + 1 if len(on_ground) else history.native(flight.start)
        low = history.native(flight.end - 4)
        in_air = np.flatnonzero(history.raw_magnitude(low, min(history.native(flight.end), peak)) < level)
        contact = low + int(in_air[-1]) + 1 if len(in_air) else low
        return start, max(start + 1, min(contact, peak))

    def _impact_end(self, peak: int) -> int:
        """First sample after the peak at which the impact is over."""
        longest = peak + round(self._criteria.impact_longest_s * self._rate_hz)
        # not one sample beyond the hop: what has arrived besides depends on how the stream was cut
        longest = max(peak + 1, min(longest, self._history.native(self._trace.end - 1) + 1))
        after = self._history.raw_magnitude(peak, longest)
        calm = np.flatnonzero(after < self._criteria.impact_over_g)
        return peak + (int(calm[0]) if len(calm) else len(after))


def loud_hops(rows: FloatArray, edges: IntArray, least_g: float) -> IntArray:
    """Which of the hops that begin at some rows have an |a| of at least this."""
    loops = kernels.compiled()
    if loops is not None:
        found: IntArray = loops.loud_hops(np.ascontiguousarray(rows), edges, least_g * least_g)
        return found
    x, y, z = rows[:, 0], rows[:, 1], rows[:, 2]
    squared = x * x
    squared += y * y
    squared += z * z
    return np.flatnonzero(np.maximum.reduceat(squared, edges) >= least_g * least_g)


def _judges(
    criteria: LandingCriteria, method: str | None, range_g: float | None, rate_hz: float, *, landing_block: bool
) -> tuple[Judge, ...]:
    """Judges of a family of placements; the first one names what is excluded."""

    def body(family: BodyCriteria, *, landing_block: bool) -> BodyJudge:
        return BodyJudge(family, range_g=range_g, sampling_rate_hz=rate_hz, landing_block=landing_block)

    if method == "trunk":
        return (body(criteria.trunk, landing_block=landing_block),)
    if method == "pocket":
        return (body(criteria.pocket, landing_block=landing_block),)
    if method == "wrist":
        return (WristJudge(criteria.wrist), body(criteria.wrist_train, landing_block=False))
    return ()
