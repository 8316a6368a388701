"""The registry of packet formats: name in a device profile -> decoder and reader of answers."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from loadsense.errors import unknown_name
from loadsense.wire.packet import PacketDecoder, Reply, StreamSettings

#: Format -> module and class; the module also has `parse_reply(payload) -> Reply | None`.
DECODERS: Final[dict[str, tuple[str, str]]] = {
    "espruino": ("loadsense.wire.espruino", "EspruinoDecoder"),
    "loadsense": ("loadsense.wire.loadsense_packet", "LoadSenseDecoder"),
    "metamotion": ("loadsense.wire.metamotion", "MetaMotionDecoder"),
    "movella": ("loadsense.wire.movella", "MovellaDecoder"),
    "movesense": ("loadsense.wire.movesense", "MovesenseDecoder"),
    "polar": ("loadsense.wire.polar", "PolarDecoder"),
    "thingy": ("loadsense.wire.thingy", "ThingyDecoder"),
    "witmotion": ("loadsense.wire.witmotion", "WitMotionDecoder"),
}


def make_decoder(name: str, settings: StreamSettings) -> PacketDecoder:
    """A decoder for one connection.

    Raises
    ------
    OptionError
        No such packet format.
    """
    module, kind = _home(name)
    decoder: PacketDecoder = getattr(module, kind)(settings)
    return decoder


def reply_parser(name: str) -> Callable[[bytes], Reply | None]:
    """What reads the answers of sensors of this format.

    Raises
    ------
    OptionError
        No such packet format.
    """
    parser: Callable[[bytes], Reply | None] = _home(name)[0].parse_reply
    return parser


def _home(name: str) -> tuple[Any, str]:
    if name not in DECODERS:
        raise unknown_name("packet format", name, DECODERS)
    module, kind = DECODERS[name]
    return import_module(module), kind
