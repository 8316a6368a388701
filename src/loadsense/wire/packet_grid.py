"""Packets on the sample grid of a live stream: what follows, what is missing, what came twice.

Theory of operation. A packet's place comes from the sensor, never from when it arrived: from its sequence number where
there is one, else from its device time, else it simply follows the one before. Each step is judged against the packet
before it, so a sampling clock that strays from its nominal rate (some do by 3 %) is never mistaken for missing samples.

- The same or an older number is dropped: after a reconnection some systems deliver every packet twice, and a sample
  that comes after its place was declared missing would be counted in the wrong order.
- Missing samples up to 0.1 s (three intervals at least) are filled by a straight line and counted; more is a `Gap`.
- After a new connection the sensor may have gone on counting (then the hole is known exactly) or have started anew
  (then the arrival times say how long it was, and a new segment begins). Numbers that contradict the arrival times
  are treated as a new start.
- A packet cannot come from the future: a hole longer than the time since the packet before, and than that packet was
  late (a link that stalled gives its queue away at once), is a new start too.
- Where neither number nor time exists, a hole is seen only between two connections.

What comes out depends on the packets, their arrival times and the connections; all three are in the log of a live
session, so the log decodes again to the same samples.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from loadsense.samples import FloatArray, Gap, Item, SampleBlock
from loadsense.wire.packet import Packet

#: Holes up to this long are filled (DESIGN.md, gaps), and at least this many intervals.
MOST_FILLED_S: Final = 0.1
MOST_FILLED_SAMPLES: Final = 3
#: What the numbers of a sensor may say beyond the time that passed between two arrivals: queues and stray clocks.
_AHEAD_S: Final = 3.0
#: How much a sensor's clock may stray from its nominal rate.
_STRAY: Final = 0.05
#: Holes in the device time shorter than this share of a packet are jitter.
_LEAST_SHARE: Final = 0.5
#: Packets with an old number in a row after which the sensor has started anew.
_OLD_IN_A_ROW: Final = 8
#: No session lasts longer; a clock that says so is wrong.
_LONGEST_HOLE_S: Final = 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketCounts:
    """What became of the packets.

    Attributes
    ----------
    n_packets, n_samples : int
        Placed on the grid; samples without those filled in.
    n_duplicates : int
        Dropped because their number or time had been there, or was older than the one before.
    n_missing : int
        Samples that never came, filled in or not.
    n_filled : int
        Of these, filled by a straight line.
    n_restarts : int
        Times the sensor's numbers began anew.
    """

    n_packets: int = 0
    n_samples: int = 0
    n_duplicates: int = 0
    n_missing: int = 0
    n_filled: int = 0
    n_restarts: int = 0

    @property
    def lost_share(self) -> float:
        """Share of the samples that are missing; 0 before the first."""
        expected = self.n_samples + self.n_missing
        return self.n_missing / expected if expected else 0.0


@dataclass(frozen=True, slots=True)
class _Hole:
    """Samples missing before a packet, and why; `cut` where their number is only known by the arrival times."""

    n_missing: int
    reason: str
    cut: bool = False


class PacketGrid:
    """Places the packets of one sensor, over all its connections.

    Parameters
    ----------
    sampling_rate_hz : float
        Of the grid.
    """

    def __init__(self, sampling_rate_hz: float) -> None:
        self._rate_hz = sampling_rate_hz
        self._next_sample = 0
        self._last: Packet | None = None
        self._last_arrival_s = 0.0
        self._least_lag_s: float | None = None
        self._late_s = 0.0
        self._last_row: FloatArray | None = None
        self._new_link = False
        self._n_old = 0
        self.counts = PacketCounts()

    @property
    def next_sample(self) -> int:
        """Index of the sample that comes next."""
        return self._next_sample

    def connected(self) -> None:
        """A new connection begins."""
        self._new_link = True

    def push(self, packet: Packet, arrival_s: float) -> list[Item]:
        """Place a packet.

        Parameters
        ----------
        packet : Packet
            As decoded.
        arrival_s : float
            When it arrived, by a clock of the host that never goes back.

        Returns
        -------
        list of SampleBlock or Gap
            Empty for a packet that was there before.
        """
        hole = self._hole(packet, arrival_s)
        if hole is None:
            self.counts = replace(self.counts, n_duplicates=self.counts.n_duplicates + 1)
            return []
        items = self._placed(packet, hole)
        self._note_lag(arrival_s, anew=hole.cut)
        self._last, self._last_arrival_s, self._last_row = packet, arrival_s, packet.accel_g[-1]
        self._new_link, self._n_old = False, 0
        return items

    @property
    def last(self) -> Packet | None:
        """The packet that was placed last."""
        return self._last

    def skip_to(self, first_sample: int, last_arrival_s: float, last: Packet | None = None) -> None:
        """Go on where an earlier run of the same session stopped.

        Parameters
        ----------
        first_sample : int
            That comes next.
        last_arrival_s : float
            When its last packet arrived.
        last : Packet, optional
            That packet, from whose number or time the hole is known exactly; else the arrival times say how long it is.
        """
        self._next_sample = first_sample
        self._last_arrival_s = last_arrival_s
        self._least_lag_s, self._late_s, self._last_row = None, 0.0, None
        self._last = last or Packet(accel_g=np.zeros((0, 3)))
        self._new_link = True

    # -- how much is missing before a packet

    def _hole(self, packet: Packet, arrival_s: float) -> _Hole | None:
        """What is missing before this packet; None for one that was there before."""
        last = self._last
        if last is None:
            return _Hole(0, "")
        step = self._step(last, packet)
        passed_s = arrival_s - self._last_arrival_s
        if self._new_link:
            return self._after_link(step, packet, passed_s)
        if step is None:
            return _Hole(0, "")
        if step >= 0:
            future = step / self._rate_hz > passed_s + self._late_s + _AHEAD_S
            return self._anew(packet, passed_s) if future else _Hole(step, _LOST)
        self._n_old += 1
        return None if self._n_old < _OLD_IN_A_ROW else self._anew(packet, passed_s)

    def _after_link(self, step: int | None, packet: Packet, passed_s: float) -> _Hole | None:
        """The first packets of a new connection: does the sensor go on counting?"""
        n_passed = round(passed_s * self._rate_hz) - len(packet)
        if self._same(packet):
            return None  # the very packet that came last, delivered again
        slack = (_AHEAD_S + self._late_s + _STRAY * passed_s) * self._rate_hz
        if step is not None and step >= 0 and abs(step - n_passed) <= slack:
            return _Hole(step, f"link lost {passed_s:.0f} s")
        reason = f"link lost {passed_s:.0f} s" if step is None else "sensor started anew"
        return self._anew(packet, passed_s, reason)

    def _note_lag(self, arrival_s: float, *, anew: bool) -> None:
        """How late the packet was, against the earliest of those before it."""
        lag_s = arrival_s - self._next_sample / self._rate_hz
        if anew or self._least_lag_s is None:
            self._least_lag_s = lag_s
        passed_s = max(0.0, arrival_s - self._last_arrival_s)
        self._least_lag_s = min(self._least_lag_s + _STRAY * passed_s, lag_s)
        self._late_s = lag_s - self._least_lag_s

    def _same(self, packet: Packet) -> bool:
        last = self._last
        if last is None or (last.sequence, last.device_ns) == (None, None):
            return False
        same = (last.sequence, last.device_ns) == (packet.sequence, packet.device_ns)
        return same and np.array_equal(last.accel_g, packet.accel_g)

    def _anew(self, packet: Packet, passed_s: float, reason: str = "sensor started anew") -> _Hole:
        if reason == "sensor started anew":
            self.counts = replace(self.counts, n_restarts=self.counts.n_restarts + 1)
        seconds = min(max(passed_s, 0.0), _LONGEST_HOLE_S)
        return _Hole(max(0, round(seconds * self._rate_hz) - len(packet)), reason, cut=True)

    def _step(self, last: Packet, packet: Packet) -> int | None:
        """Samples missing between two packets, negative when the second is not newer; None when nobody can say."""
        if packet.sequence is not None and last.sequence is not None:
            return self._sequence_step(last.sequence, packet)
        if packet.device_ns is not None and last.device_ns is not None:
            return self._time_step(last.device_ns + round(len(last) / self._rate_hz * 1e9), packet)
        return None

    def _sequence_step(self, last: int, packet: Packet) -> int:
        period = packet.sequence_period
        ahead = ((packet.sequence or 0) - last) % period
        if ahead > period // 2:
            ahead -= period
        return (ahead - 1) * len(packet)

    def _time_step(self, expected_ns: int, packet: Packet) -> int:
        ahead_ns = (packet.device_ns or 0) - expected_ns
        period = packet.device_period_ns
        if period is not None:
            ahead_ns = (ahead_ns + period // 2) % period - period // 2
        missing = ahead_ns * 1e-9 * self._rate_hz
        if abs(missing) < max(_LEAST_SHARE, _LEAST_SHARE * len(packet)):
            return 0
        return round(missing)

    # -- onto the grid

    def _placed(self, packet: Packet, hole: _Hole) -> list[Item]:
        counts = self.counts
        n, filled = hole.n_missing, self._fills(hole)
        self.counts = replace(
            counts,
            n_packets=counts.n_packets + 1,
            n_samples=counts.n_samples + len(packet),
            n_missing=counts.n_missing + n,
            n_filled=counts.n_filled + (n if filled else 0),
        )
        items: list[Item] = []
        samples = packet.accel_g
        if filled and self._last_row is not None:
            samples = np.concatenate([_line(self._last_row, samples[0], n), samples])
        elif n or hole.cut:
            items.append(Gap(self._next_sample, n, hole.reason))
            self._next_sample += n
        items.append(SampleBlock(self._next_sample, np.ascontiguousarray(samples)))
        self._next_sample += len(samples)
        return items

    def _fills(self, hole: _Hole) -> bool:
        """Whether the hole is short enough for a straight line, and its length is certain."""
        most = max(round(MOST_FILLED_S * self._rate_hz), MOST_FILLED_SAMPLES)
        return 0 < hole.n_missing <= most and not hole.cut and self._last_row is not None


_LOST: Final = "packets lost"


def _line(before_g: FloatArray, after_g: FloatArray, n: int) -> FloatArray:
    """N rows between two samples."""
    share = (np.arange(1, n + 1) / (n + 1))[:, np.newaxis]
    return np.asarray(before_g + (after_g - before_g) * share)
