"""Swagger UI over the interface's own description, served from this machine: nothing is fetched from anywhere."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from likeness.apps.web.problems import PLAIN, Problem
from likeness.apps.web.services import Services

_FOLDER: Final = Path(__file__).parent / "docs"
_TYPES: Final = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
_PACKAGED: Final = ("swagger-ui.css", "swagger-ui-bundle.js")
POLICY: Final = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Swagger UI sets style attributes on its elements; everything else is as strict as on our own pages."""


def router(services: Services) -> APIRouter:
    """The page and its files; the large ones come from the package fastapi-offline."""
    routes = APIRouter(prefix="/api", include_in_schema=False)

    @routes.get("")
    def entrance() -> Response:
        return RedirectResponse("/api/docs", 307)

    @routes.get("/docs")
    def page(request: Request) -> Response:
        text = (_FOLDER / "index.html").read_text("utf-8").replace("CSRF", services.csrf(request))
        return HTMLResponse(text, headers={"content-security-policy": POLICY})

    @routes.get("/docs/{name}")
    def file(name: str) -> Response:
        if name == "start.js":
            data = (_FOLDER / name).read_bytes()
        elif name in _PACKAGED:
            data = files("fastapi_offline").joinpath("static", name).read_bytes()
        else:
            raise Problem(404, PLAIN[404])
        headers = {"cache-control": "private, max-age=3600"}
        return Response(data, media_type=_TYPES[Path(name).suffix], headers=headers)

    return routes
