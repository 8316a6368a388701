"""Sensors over Bluetooth Low Energy: find, connect, set up, stream, and come back after a lost link.

The only room that knows bleak. What it learnt the hard way:

- bleak never reconnects by itself, and on Linux a client that lost its link must be disconnected before a new one
  connects, or every notification comes twice (bleak issue 2002). So each connection has its own client, and the old
  one is always taken leave of first.
- The callback of a notification does one thing: put the time and the bytes in a queue.
- `mtu_size` is 23 on BlueZ until somebody asks; the size of a write without response, plus three, is the truth.
- Sensors are told apart by address and never by name.
- A sensor whose program died stays connected on Linux and advertises itself no more (bleak issue 367).
- What a sensor sends before it is set up may be of the settings of somebody else.

`radio` finds sensors and knows bleak's errors, `setting_up` is the conversation of a new connection, `sensor` stays
connected.
"""

from loadsense.sources.ble.radio import Found, Radio, read_battery, scan
from loadsense.sources.ble.sensor import BleSensor

__all__ = ["BleSensor", "Found", "Radio", "read_battery", "scan"]
