"""A made-up group: eight people who do not exist, twelve weeks of simulated training, and what was said of them.

    store = make(folder)            a store like any other, ready to be served; LOGIN and PASSWORD open it

The latest sessions come from simulated recordings that went through the real import, so that their pages have traces.
Those before were written from results that vary around them. The same day gives the same group.
"""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from loadsense.demo import group, training
from loadsense.store import Store, accounts, open_store

TZ: Final = "Europe/Madrid"
#: Printed when the demonstration starts; it is served on loopback alone.
LOGIN: Final = "demo"
PASSWORD: Final = "only a demonstration"  # noqa: S105 - the people behind it do not exist

__all__ = ["LOGIN", "PASSWORD", "TZ", "make"]


def make(folder: str | Path, *, tz: str = TZ, today: date | None = None) -> Store:
    """Make the store of a group that does not exist.

    Parameters
    ----------
    folder : str or Path
        An empty one, for the database and the recordings.
    tz : str
        Zone of the group.
    today : date, optional
        The day on which the last of the twelve weeks ends; the local one by default.

    Raises
    ------
    WorldError
        The folder cannot be written.
    """
    last = today or datetime.now(ZoneInfo(tz)).date()
    store = open_store(Path(folder) / "loadsense.db", folder)
    owner = accounts.create_owner(store, LOGIN, PASSWORD)
    days = training.group_days(last, tz)
    with store.writing(owner) as tx:
        group.create(tx, days)
    training.train(store, days, by_user=owner)
    with store.writing(owner) as tx:
        group.say(tx, days)
    return store
