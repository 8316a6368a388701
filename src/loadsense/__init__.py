"""LoadSense: did this session load the skeleton hard enough and fast enough, and how do we know?

The public names; each is imported when it is first used, so that `loadsense --help` does not wait for numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

__version__ = "0.1.0"

if TYPE_CHECKING:
    from loadsense.errors import LoadSenseError, OptionError, UserError, WorldError
    from loadsense.readers import inspect, read
    from loadsense.results import SessionReport, Verdict
    from loadsense.samples import Gap, Recording, SampleBlock, StreamInfo
    from loadsense.session import Engine, Session, analyze, judging

_HOMES: Final = {
    "Engine": "session",
    "Gap": "samples",
    "LoadSenseError": "errors",
    "OptionError": "errors",
    "Recording": "samples",
    "SampleBlock": "samples",
    "Session": "session",
    "SessionReport": "results",
    "StreamInfo": "samples",
    "UserError": "errors",
    "Verdict": "results",
    "WorldError": "errors",
    "analyze": "session",
    "inspect": "readers",
    "judging": "session",
    "read": "readers",
}

__all__ = [
    "Engine",
    "Gap",
    "LoadSenseError",
    "OptionError",
    "Recording",
    "SampleBlock",
    "Session",
    "SessionReport",
    "StreamInfo",
    "UserError",
    "Verdict",
    "WorldError",
    "__version__",
    "analyze",
    "inspect",
    "judging",
    "read",
]


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'loadsense' has no attribute '{name}'")
    return getattr(import_module(f"loadsense.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)
