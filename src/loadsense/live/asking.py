"""What people are asked at the end of a live session, on the terminal."""

from __future__ import annotations

import typer

from loadsense.errors import OptionError
from loadsense.live.finish import Plan, Said, checked_said


def asked_after(plan: Plan) -> dict[str, Said]:
    """Pain with site and onset, exertion with its scale, from everybody; Enter leaves a question out."""
    answers: dict[str, Said] = {}
    for name in dict.fromkeys(wearing.person for wearing in plan.wearings):
        typer.echo(f"{name}:")
        while name not in answers:
            try:
                answers[name] = checked_said(_one_asked())
            except (OptionError, ValueError) as fault:
                typer.echo(f"  {fault}")
    return answers


def _one_asked() -> Said:
    pain = _answer("  pain now, 0 to 10")
    site = _answer("  where") if pain and int(pain) > 0 else ""
    onset = _answer("  new or known") if site else ""
    rpe = _answer("  how hard was it, a number")
    scale = _answer("  on which scale, borg (6-20) or 0-10") if rpe else ""
    return Said(
        pain=int(pain) if pain else None,
        pain_site=site,
        pain_onset="new" if onset.startswith("n") else "known" if onset else "",
        rpe=float(rpe) if rpe else None,
        rpe_scale="borg" if scale.startswith("b") else "0-10" if scale else None,
    )


def _answer(question: str) -> str:
    return str(typer.prompt(question, default="", show_default=False)).strip().lower()
