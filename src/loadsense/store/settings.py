"""Choices for the whole installation: the time zone of people without a group, and the profile of levels."""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from loadsense import evidence
from loadsense.errors import OptionError
from loadsense.store.changing import conflict
from loadsense.store.importing import PROFILE_SETTING
from loadsense.store.opening import Writing
from loadsense.store.tables import Setting

TZ_SETTING: Final = "tz"
#: Where nothing was chosen.
DEFAULT_TZ: Final = "UTC"


def chosen(db: Session, key: str) -> tuple[str | None, int]:
    """What was chosen under a key, and its version; None and 0 where nothing was."""
    row = db.get(Setting, key)
    return (None, 0) if row is None else (str(row.value["name"]), row.version)


def zone(db: Session) -> str:
    """The time zone of the installation."""
    return chosen(db, TZ_SETTING)[0] or DEFAULT_TZ


def check_zone(tz: str) -> None:
    """Refuse what is no time zone.

    Raises
    ------
    OptionError
        There is no such zone.
    """
    try:
        ZoneInfo(tz)
    except (KeyError, ValueError, OSError):
        raise OptionError(f"unknown time zone '{tz[:60]}'; expected a name such as Europe/Madrid") from None


def choose_zone(tx: Writing, tz: str, *, version: int) -> None:
    """Choose the time zone.

    Raises
    ------
    OptionError
        There is no such zone.
    Conflict
        Somebody else chose in the meantime.
    """
    check_zone(tz)
    _choose(tx, TZ_SETTING, tz, version)


def choose_profile(tx: Writing, profile: str, *, version: int) -> None:
    """Choose the profile of levels that new sessions are judged by; those there stay as they are.

    Raises
    ------
    OptionError
        There is no such profile.
    Conflict
        Somebody else chose in the meantime.
    """
    evidence.profile(profile)
    _choose(tx, PROFILE_SETTING, profile, version)


def _choose(tx: Writing, key: str, name: str, version: int) -> None:
    row = tx.db.get(Setting, key)
    if (row.version if row else 0) != version:
        raise conflict(tx.db, f"setting {key}", version)
    if row is None:
        tx.add(Setting(key=key, value={"name": name}, version=1))
    else:
        row.value, row.version = {"name": name}, row.version + 1
    tx.audit("changed", f"setting {key}", version=version + 1, changed=[name])
