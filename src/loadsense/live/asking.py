"""What people are asked at the end of a live session, on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Literal, TypeVar

import typer

from loadsense.live.finish import Plan, Said

_T = TypeVar("_T")
#: A number that is above the one scale, or below the other, needs no word about its scale.
_TOP_OF_TEN, _FOOT_OF_BORG, _TOP_OF_BORG = 10.0, 6.0, 20.0


def asked_after(plan: Plan) -> dict[str, Said]:
    """Pain with site and onset, exertion with its scale; Enter leaves a question out, Ctrl-C all that are left."""
    answers: dict[str, Said] = {}
    try:
        for name in dict.fromkeys(wearing.person for wearing in plan.wearings):
            typer.echo(f"{name}:  (Enter leaves a question out)")
            for said in _one_asked():
                answers[name] = said
    except typer.Abort:
        typer.echo("\nno more questions: what was not answered is left out")
    return answers


def _one_asked() -> Iterator[Said]:
    """What she has said so far, after each of her answers."""
    said = Said(pain=_asked("pain now, 0 to 10", _whole_to_ten, "a whole number from 0 (none) to 10"))
    yield said
    if said.pain:
        said = replace(said, pain_site=_answer("where"))
        yield said
        said = replace(said, pain_onset=_asked("new or known", _onset, "new or known") or "")
        yield said
        if said.pain_onset == "new" and "back" not in said.pain_site:
            said = replace(said, pain_site=_with_back(said.pain_site))
            yield said
    yield _with_exertion(said)


def _with_back(site: str) -> str:
    """The site, with the word that the safety rule looks for where it is the back by another name."""
    is_back = _asked("is it in the back or spine, yes or no", _yes_no, "yes or no") == "yes"
    return ", ".join(filter(None, [site, "back" if is_back else ""]))


def _with_exertion(said: Said) -> Said:
    rpe = _asked("how hard was it, a number", _exertion, "a number from 0 to 10, or from 6 to 20 on Borg's scale")
    if rpe is None:
        return said
    scale: Literal["borg", "0-10"] | None = "borg" if rpe > _TOP_OF_TEN else "0-10" if rpe < _FOOT_OF_BORG else None
    scale = scale or _asked("on which scale, borg (6 to 20) or 0-10", _scale, "borg or 0-10")
    return said if scale is None else replace(said, rpe=rpe, rpe_scale=scale)


def _whole_to_ten(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and int(text) <= _TOP_OF_TEN else None


def _exertion(text: str) -> float | None:
    try:
        found = float(text.replace(",", "."))
    except ValueError:
        return None
    return found if 0.0 <= found <= _TOP_OF_BORG else None


def _onset(text: str) -> Literal["new", "known"] | None:
    return "new" if "new".startswith(text) else "known" if "known".startswith(text) else None


def _yes_no(text: str) -> Literal["yes", "no"] | None:
    return "yes" if "yes".startswith(text) else "no" if "no".startswith(text) else None


def _scale(text: str) -> Literal["borg", "0-10"] | None:
    return "borg" if text in ("b", "borg", "6-20") else "0-10" if text in ("0", "0-10", "10") else None


def _asked(question: str, read: Callable[[str], _T | None], expected: str) -> _T | None:
    """The answer as it is read, asked again until it can be; None where it was left out."""
    while text := _answer(question):
        found = read(text)
        if found is not None:
            return found
        typer.echo(f"    '{text}': expected {expected}")
    return None


def _answer(question: str) -> str:
    return str(typer.prompt(f"  {question}", default="", show_default=False)).strip().lower()
