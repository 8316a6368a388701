"""Time stamps as recorded to samples on a regular grid, without inventing samples.

Theory of operation
-------------------
A sensor samples at a steady rate; the stamps beside its samples are written by something else (a phone, a radio packet,
an export) and are verified here, never trusted. `plan_clock` looks at the first stamps once and decides how the whole
recording is read:

counted
    The stamps agree with a steady rate (after packets are spread). Every sample passes untouched, bit for bit; the
    clock only finds gaps and short holes. Drift of the clock against the grid is measured and noted, never corrected.
interpolated
    The stamps themselves are irregular (phones): samples are interpolated linearly onto the grid, and that is noted.

`Timebase` then takes rows of any number and gives `SampleBlock` and `Gap`. It works in hops of a fixed number of rows,
counted from the first row, so that what comes out does not depend on how the rows were cut.

Rules (DESIGN.md, gaps): an interval longer than max(0.1 s, 3 sample intervals) is a `Gap`, its length by the clock; a
shorter hole is interpolated and counted. A step back of up to 2.5 s keeps every sample in order and opens a segment. A
larger one is an error; one of an hour is a clock change, accepted when the caller says that it can be.

Packets: when more than a tenth of the intervals are below 0.3 of the mean one, samples came in packets. If spreading
each packet from its stamp gives a steady clock, that is the repair; else the stamps are smoothed against the row count
(0.6 s median, then 0.6 s mean).
"""

from loadsense.timebase.grid import HOP_ROWS, Timebase
from loadsense.timebase.plan import ClockPlan, plan_clock, smoothed_times, snapped_rate_hz, spread_packets
from loadsense.timebase.steps import MAX_STEP_BACK_S

__all__ = [
    "HOP_ROWS",
    "MAX_STEP_BACK_S",
    "ClockPlan",
    "Timebase",
    "plan_clock",
    "smoothed_times",
    "snapped_rate_hz",
    "spread_packets",
]
