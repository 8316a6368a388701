"""The live floor: who is doing what now?"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from loadsense.live.posting import TOKEN_VARIABLE
from loadsense.live.view import STALE_S
from loadsense.web.access import Role
from loadsense.web.context import page, visitor

router = APIRouter(include_in_schema=False)


@router.get("/live", name="live_page")
def live_page(request: Request, person: Annotated[str, Query(max_length=32)] = "") -> Response:
    """The frame of the page; what changes comes through the channel `live_feed`."""
    return page(
        request,
        "live.html.j2",
        chosen=person,
        stale_s=STALE_S,
        address=str(request.base_url).rstrip("/"),
        token_variable=TOKEN_VARIABLE,
        only_herself=visitor(request).role is Role.ATHLETE,
    )
