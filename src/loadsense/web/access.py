"""Who may do what: one table of route and least role. A route that is not in it does not start.

Roles in order: an athlete sees herself, a viewer reads everybody, a coach changes people and sessions, an owner changes
the installation. A token of a program has scopes instead: it may never do more than its user, and only what it is for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from starlette.routing import BaseRoute


class Role(IntEnum):
    """Who somebody is, the least first; `NOBODY` is not signed in."""

    NOBODY = 0
    ATHLETE = 1
    VIEWER = 2
    COACH = 3
    OWNER = 4


@dataclass(frozen=True, slots=True)
class Access:
    """What a route asks for.

    Attributes
    ----------
    least : Role
        Of whoever is signed in.
    own : bool
        An athlete may, where person, session or recording of the path is her own.
    scope : str or None
        That a token needs; None: no token may.
    """

    least: Role
    own: bool = False
    scope: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Who asks: an account by cookie, or a program by its token (then `scopes` is not None)."""

    user_id: int | None = None
    login: str = ""
    role: Role = Role.NOBODY
    person_id: str | None = None
    scopes: frozenset[str] | None = None

    @property
    def may_change(self) -> bool:
        """Whether pages offer what changes people and sessions."""
        return self.role >= Role.COACH

    @property
    def may_own(self) -> bool:
        """Whether pages offer what changes the installation."""
        return self.role >= Role.OWNER


NOBODY: Final = Visitor()

_PUBLIC: Final = Access(Role.NOBODY)
_SIGNED_IN: Final = Access(Role.ATHLETE)
_HERS: Final = Access(Role.VIEWER, own=True)
_COACH: Final = Access(Role.COACH)
_OWNER: Final = Access(Role.OWNER)
#: Of the API: programs read with a token; what a person says, with who and why, is for a person's browser.
_READ: Final = Access(Role.VIEWER, scope="read")
_READ_HERS: Final = Access(Role.VIEWER, own=True, scope="read")

#: Least role of every route, by its name.
ACCESS: Final[dict[str, Access]] = {
    "static": _PUBLIC,
    "tokens_css": _PUBLIC,
    "sign_in_page": _PUBLIC,
    "sign_in": _PUBLIC,
    "first_run_page": _PUBLIC,
    "first_run": _PUBLIC,
    "sign_out": _SIGNED_IN,
    "home": _SIGNED_IN,
    "roster": Access(Role.VIEWER),
    "people": Access(Role.VIEWER),
    "create_person": _COACH,
    "import_person": _COACH,
    "change_person": _COACH,
    "archive_person": _COACH,
    "bring_back_person": _COACH,
    "erase_page": _OWNER,
    "erase_person": _OWNER,
    "create_group": _COACH,
    "change_group": _COACH,
    "record": _COACH,
    "report_pain": _COACH,
    "add_pain_after_24h": _COACH,
    "report_adverse": _COACH,
    "screen": _COACH,
    "unlock_landings": _COACH,
    "add_one_rm": _COACH,
    "add_dxa": _COACH,
    "add_note": _COACH,
    "remove_note": _COACH,
    "weigh": _COACH,
    "person": _HERS,
    "reports": Access(Role.VIEWER),
    "report_week": Access(Role.VIEWER),
    "report_week_pdf": Access(Role.VIEWER),
    "letter_page": _COACH,
    "letter": _COACH,
    "export_sessions": _COACH,
    "export_person": _COACH,
    "paper_css": _PUBLIC,
    "plan": _HERS,
    "prescribe": _COACH,
    "decide": _COACH,
    "move_stage": _COACH,
    "own_plans": _COACH,
    "own_plan": _COACH,
    "save_plan": _COACH,
    "acknowledge": _COACH,
    "clear": _COACH,
    "session": _HERS,
    "session_trace": _HERS,
    "correct": _COACH,
    "undo": _COACH,
    "change_session": _COACH,
    "live_page": _SIGNED_IN,  # an athlete's shows herself alone
    "live_feed": Access(Role.ATHLETE, scope="read"),
    "live_ingest": Access(Role.COACH, scope="live"),
    "sensors_page": _COACH,
    "sensors_now": _COACH,
    "sensors_looking": _COACH,
    "look_around": _COACH,
    "start_live": _COACH,
    "say_live": _COACH,
    "ask_after": _COACH,
    "end_live": _COACH,
    "throw_live": _COACH,
    "upload_page": _COACH,
    "upload_jobs": _COACH,
    "stage_file": _COACH,
    "upload": _COACH,
    "reanalyze_page": _COACH,
    "look_at_change": _COACH,
    "reanalysis": _COACH,
    "apply_change": _COACH,
    "settings_page": _SIGNED_IN,
    "change_password": _SIGNED_IN,
    "end_browser": _SIGNED_IN,
    "end_browsers": _SIGNED_IN,
    "create_token": _SIGNED_IN,
    "revoke_token": _SIGNED_IN,
    "create_user": _OWNER,
    "set_role": _OWNER,
    "disable_user": _OWNER,
    "enable_user": _OWNER,
    "give_password": _OWNER,
    "choose_zone": _OWNER,
    "choose_profile": _OWNER,
    "make_backup": _OWNER,
    "download_backup": _OWNER,
    "audit_page": _OWNER,
    "api_record_file": Access(Role.COACH, scope="record"),
    "api_record_job": Access(Role.COACH, scope="record"),
    "api_openapi": _PUBLIC,
    "api_people": _READ,
    "api_roster": _READ,
    "api_person": _READ_HERS,
    "api_record": _READ_HERS,
    "api_screening": _READ_HERS,
    "api_sessions": _READ_HERS,
    "api_flags": _READ_HERS,
    "api_acknowledge": _COACH,
    "api_clear": _COACH,
    "api_export": Access(Role.COACH, own=True, scope="read"),
    "api_plan": _READ_HERS,
    "api_prescribe": _COACH,
    "api_decide": _COACH,
    "api_stage": _COACH,
    "api_session": _READ_HERS,
    "api_events": _READ_HERS,
    "api_trace": _READ_HERS,
    "api_correct": _COACH,
    "api_undo": _COACH,
    "api_change_session": _COACH,
}


def refused(access: Access, visitor: Visitor, *, subject: str | None) -> bool:
    """Whether a visitor may not.

    Parameters
    ----------
    access : Access
        Of the route.
    visitor : Visitor
        Who asks.
    subject : str or None
        Pseudonym of whom the path is about; None where it is about nobody in particular, or there is no such thing.
    """
    if access.least is Role.NOBODY:
        return False
    if visitor.scopes is not None and (access.scope is None or access.scope not in visitor.scopes):
        return True
    if visitor.role >= access.least:
        return False
    is_hers = subject is not None and subject == visitor.person_id
    return not (access.own and visitor.role is Role.ATHLETE and is_hers)


def names_of(routes: Iterable[BaseRoute]) -> Iterator[str]:
    """Name of every route, those of included routers too."""
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from names_of(included.routes)
        else:
            yield getattr(route, "name", "") or ""


def unlisted(routes: Iterable[BaseRoute]) -> list[str]:
    """Names of routes that the table does not have: must be empty."""
    return sorted(name or "(unnamed)" for name in names_of(routes) if name not in ACCESS)
