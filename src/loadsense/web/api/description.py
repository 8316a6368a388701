"""The description of the API for programs: OpenAPI, without the pages."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from loadsense.web.api.answers import PREFIX

router = APIRouter(prefix=PREFIX, include_in_schema=False)


@router.get("/openapi.json", name="api_openapi")
def openapi(request: Request) -> Response:
    """Routes, parameters and answers."""
    described: dict[str, object] = request.app.openapi()
    return JSONResponse(described)
