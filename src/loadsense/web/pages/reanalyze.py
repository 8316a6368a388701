"""Re-analyze: which verdicts would change, before anything does; applied only when somebody says so."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, HTTPException, Path, Request
from fastapi import Form as Sent
from starlette.responses import Response

from loadsense import __version__, evidence
from loadsense.errors import LoadSenseError, OptionError
from loadsense.store import prescribing, settings
from loadsense.store.importing import PROFILE_SETTING
from loadsense.store.reanalysis import Change, Reanalysis, reanalyze, stale_sessions
from loadsense.web import jobs
from loadsense.web.context import dashboard, go_to, page, visitor
from loadsense.web.forms import Form, Key
from loadsense.web.jobs import Job, Outcome, Place
from loadsense.web.pages.upload import jobs_of

router = APIRouter(include_in_schema=False)

LOOK: Final = "look"
APPLY: Final = "re-analysis"
JobNumber = Annotated[int, Path(ge=1, le=2**31 - 1)]


class ChangeForm(Form):
    """What is different this time; an empty field leaves it as it is."""

    profile: Key = None
    plan: Key = None
    engine: bool = False

    def change(self) -> Change:
        """For the store."""
        return Change(profile=self.profile, plan=self.plan, engine=self.engine)


class SureForm(Form):
    """That the changes were seen and are wanted."""

    sure: Literal["yes"]


@router.get("/reanalyze", name="reanalyze_page")
def reanalyze_page(request: Request) -> Response:
    """Choose what to try, and see what was tried."""
    with dashboard(request).store.reading() as db:
        values: dict[str, Any] = {
            "plans": prescribing.plan_names(db),
            "n_stale": len(list(stale_sessions(db))),
            "profile": settings.chosen(db, PROFILE_SETTING)[0] or evidence.profile().name,
        }
    found = jobs_of(request)
    mine = [job for kind in (LOOK, APPLY) for job in found.of(visitor(request).user_id, kind=kind)]
    return page(
        request,
        "reanalyze.html.j2",
        profiles=list(evidence.profiles().values()),
        jobs=sorted(mine, key=lambda job: -job.number),
        software=__version__,
        **values,
    )


@router.post("/reanalyze", name="look_at_change")
def look_at_change(request: Request, said: Annotated[ChangeForm, Sent()]) -> Response:
    """Find out what would change; nothing does."""
    if said == ChangeForm():
        raise OptionError("nothing was chosen to be different; choose a profile, a plan or today's software")
    evidence.profile(said.profile)
    title = _title(said.change())
    return go_to(f"/reanalyze/{_start(request, LOOK, title, said.change()).number}")


@router.get("/reanalyze/{job}", name="reanalysis")
def reanalysis(request: Request, job: JobNumber) -> Response:
    """What would change, or what did."""
    found = _job(request, job)
    done = found.outcome.found if found.outcome else None
    change, seen = done if done else (None, None)
    may_apply = found.kind == LOOK and seen is not None and change is not None and change.plan is None
    return page(request, "reanalysis.html.j2", job=found, seen=seen, may_apply=may_apply, is_look=found.kind == LOOK)


@router.post("/reanalyze/{job}/apply", name="apply_change")
def apply_change(request: Request, job: JobNumber, said: Annotated[SureForm, Sent()]) -> Response:  # noqa: ARG001
    """Do what was looked at: a new version of each session; the old ones stay."""
    found = _job(request, job)
    if found.kind != LOOK or found.outcome is None or found.outcome.found is None:
        raise OptionError("this was not looked at to its end; look at the changes first")
    change, _ = found.outcome.found
    if change.plan is not None:
        raise OptionError("a plan is not applied by judging anew; prescribe it to her from a day on")
    return go_to(f"/reanalyze/{_start(request, APPLY, found.title, change).number}")


def work(place: Place, change: Change, by_user: int | None, *, applies: bool = False) -> Outcome:
    """In the process beside the server."""
    try:
        store = place.open()
        try:
            made = reanalyze(store, change, dry_run=not applies, by_user=by_user)
        finally:
            store.close()
    except LoadSenseError as error:
        return Outcome(is_done=False, sentence=str(error))
    return Outcome(is_done=True, sentence=_sentence(made), found=(change, made))


def apply(place: Place, change: Change, by_user: int | None) -> Outcome:
    """The same, and keep it."""
    return work(place, change, by_user, applies=True)


def _sentence(made: Reanalysis) -> str:
    n_verdicts = sum(one.verdict_changes for one in made.changes)
    word = "changed" if made.applied else "would change"
    others = len(made.changes) - n_verdicts
    return f"{n_verdicts} of {made.n_sessions} verdicts {word}" + (
        f", and the sentence or dose of {others} more" if others else ""
    )


def _title(change: Change) -> str:
    said = (
        f"profile {change.profile}" if change.profile else "",
        f"plan {change.plan}" if change.plan else "",
        f"software {__version__}" if change.engine else "",
    )
    return ", ".join(one for one in said if one)


def _start(request: Request, kind: str, title: str, change: Change) -> Job:
    by_user = visitor(request).user_id
    place = Place.of(dashboard(request).store)
    does = work if kind == LOOK else apply
    return jobs_of(request).start(does, place, change, by_user, about=jobs.about(kind, title, by_user, what=title))


def _job(request: Request, number: int) -> Job:
    found = jobs_of(request).get(number, visitor(request).user_id)
    if found is None or found.kind not in (LOOK, APPLY):
        raise HTTPException(404)
    return found
