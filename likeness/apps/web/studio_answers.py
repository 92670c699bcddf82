"""Two kinds of answer that the studio gives besides pages: where a form leads, and a file."""

from __future__ import annotations

from pathlib import Path

from fastapi import Request
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse, Response

from likeness.apps.web import security
from likeness.apps.web.api import wants_page


def go_to(request: Request, address: str) -> Response:
    """Where a form leads: a redirection for browsers, the address for scripts."""
    if wants_page(request):
        return RedirectResponse(address, 303)
    return JSONResponse({"location": address}, 201)


def file_answer(path: Path, media_type: str, keep_as: str | None = None) -> Response:
    """A file of the studio: never a page of this origin, and not to be sniffed.

    Args:
        path: the file.
        media_type: what it is.
        keep_as: its name on the person's disk; None = shown in <img> and <video>.
    """
    policy = security.REPORT_POLICY if path.suffix == ".html" else security.FILE_POLICY
    headers = {"content-security-policy": policy, "cache-control": "private, no-cache"}
    return FileResponse(path, media_type=media_type, headers=headers, filename=keep_as)
