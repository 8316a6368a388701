"""What all answers share: how a refusal reads, and the names under which paths are checked."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict

from loadsense.review.lists import MOST_AT_ONCE

#: Where the API lies; what changes in a way that a program must know of gets another number.
PREFIX: Final = "/api/v1"

#: Keys of rows fit into 32 bits on both databases.
_LARGEST_KEY: Final = 2**31 - 1

PersonId = Annotated[str, Path(pattern="^[a-z0-9][a-z0-9-]{0,31}$", description="pseudonym")]
Key = Annotated[int, Path(ge=1, le=_LARGEST_KEY)]
Limit = Annotated[int, Query(ge=1, le=MOST_AT_ONCE, description="rows at most")]
Before = Annotated[int | None, Query(ge=1, le=_LARGEST_KEY, description="`next` of the answer before")]
After = Annotated[int, Query(ge=0, le=_LARGEST_KEY, description="`next` of the answer before; 0 from the start")]


class Problem(BaseModel):
    """Why not, and what to do: one sentence."""

    model_config = ConfigDict(extra="forbid")

    detail: str


_WHY: Final = {
    400: "the body is not what its content type says",
    401: "nobody is signed in, or the token is unknown or revoked",
    403: "the account or the token may not do this, or another site asked for it",
    404: "there is no such thing",
    408: "the body did not arrive in time",
    409: "somebody else changed it in the meantime; nothing was overwritten",
    413: "more was sent than can be taken at once",
    422: "something that was sent cannot be used; nothing was changed",
    429: "too many requests",
    503: "the database or the disk cannot be used now",
}
_WRITES: Final = (400, 408, 409, 413)


def problems(*, writes: bool = False) -> dict[int | str, dict[str, Any]]:
    """Refusals of a route, for its documentation."""
    return {
        status: {"model": Problem, "description": why}
        for status, why in _WHY.items()
        if writes or status not in _WRITES
    }
