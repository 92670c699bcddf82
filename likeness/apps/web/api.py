"""The programming interface below /api: submit, follow, fetch, delete. Pages use the same addresses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import (
    FileResponse,
    JSONResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.concurrency import run_in_threadpool

from likeness.apps.web import security, uploads
from likeness.apps.web.api_shapes import CheckShown, Derived, JobShown, JobsShown, Refusal
from likeness.apps.web.events import Streams, job_json
from likeness.apps.web.problems import Problem
from likeness.apps.web.services import Services
from likeness.apps.web.store import Job
from likeness.provenance.report_signature import ReportCheck

UPLOAD_PATH = "/api/jobs"
VERIFY_PATH = "/api/verify-report"
REPORT_BYTES = 64 << 20
_TYPES = {
    ".json": "application/json",
    ".html": "text/html; charset=utf-8",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".csv": "text/csv; charset=utf-8",
    ".mp4": "video/mp4",
}
_UPLOAD_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                            "description": "Pictures, videos or recordings; one or several.",
                        },
                        "options": {
                            "type": "string",
                            "description": "A JSON object; may be left out.",
                        },
                    },
                }
            }
        },
    }
}


def router(services: Services) -> APIRouter:
    """All routes of the interface."""
    refused: dict[int | str, dict[str, Any]] = {"4XX": {"model": Refusal}}
    routes = APIRouter(prefix="/api", responses=refused)
    _jobs(routes, services)
    _files(routes, services)
    _verify(routes, services)
    return routes


def _jobs(routes: APIRouter, services: Services) -> None:
    streams = Streams(services)

    @routes.post(
        "/jobs",
        tags=["jobs"],
        status_code=201,
        response_model=JobsShown,
        openapi_extra=_UPLOAD_FORM,
    )
    async def submit(request: Request) -> Response:
        """Hand in files; each becomes a job."""
        jobs = await _take(request, services)
        if wants_page(request):
            return RedirectResponse(f"/jobs/{jobs[0].id}" if len(jobs) == 1 else "/history", 303)
        shown = {"jobs": [job_json(j) for j in jobs], "total": len(jobs), "page": 1, "pages": 1}
        return JSONResponse(shown, 201)

    @routes.get("/jobs", tags=["jobs"], response_model=JobsShown)
    def jobs(query: str = "", verdict: str = "", page: int = 1) -> dict[str, Any]:
        """Examinations, newest first; `verdict` is a label, `failed` or `waiting`."""
        found = services.jobs(query[:200], verdict[:40], min(max(page, 1), 1_000_000))
        shown = [job_json(job) for job in found.jobs]
        return {"jobs": shown, "total": found.total, "page": found.page, "pages": found.pages}

    @routes.get("/jobs/{job_id}", tags=["jobs"], response_model=JobShown)
    def job(job_id: str) -> dict[str, Any]:
        """One job."""
        return job_json(services.job(job_id))

    @routes.delete("/jobs/{job_id}", tags=["jobs"], status_code=204)
    def delete(job_id: str) -> Response:
        """Delete a job, its result and its file for good."""
        services.delete(job_id)
        return Response(status_code=204)

    @routes.post("/jobs/{job_id}/delete", tags=["jobs"], include_in_schema=False)
    def delete_by_form(job_id: str) -> Response:
        services.delete(job_id)
        return RedirectResponse("/history", 303)

    @routes.post("/jobs/{job_id}/cancel", tags=["jobs"], response_model=JobShown)
    def cancel(job_id: str, request: Request) -> Any:
        """End a job that waits or runs."""
        stopped = services.cancel(job_id)
        return (
            RedirectResponse(f"/jobs/{job_id}", 303) if wants_page(request) else job_json(stopped)
        )

    @routes.post("/jobs/{job_id}/derive", tags=["jobs"], status_code=201, response_model=JobShown)
    def derive(job_id: str, asked: Derived) -> dict[str, Any]:
        """Ask something else of the same file, such as how robust the answer is."""
        return job_json(services.derive(job_id, asked.kind, asked.options))

    @routes.get("/jobs/{job_id}/events", tags=["jobs"])
    async def events(job_id: str) -> Response:
        """Server-sent events: `job` whenever it changes, `end` once."""
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        stream = await streams.follow(job_id)
        return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


def _files(routes: APIRouter, services: Services) -> None:
    @routes.get("/jobs/{job_id}/report.json", tags=["results"])
    def report_json(job_id: str) -> Response:
        """The report as JSON (likeness-report-1), signed."""
        return _report(services, job_id, "report.json")

    @routes.get("/jobs/{job_id}/report.html", tags=["results"])
    def report_html(job_id: str) -> Response:
        """The report as one self-contained page, signed."""
        return _report(services, job_id, "report.html")

    @routes.get("/jobs/{job_id}/source", tags=["results"])
    def source(job_id: str) -> Response:
        """The file that was handed in."""
        headers = {
            "content-security-policy": security.FILE_POLICY,
            "cache-control": "private, no-cache",
        }
        media_type = services.source_type(job_id)
        return FileResponse(services.source_path(job_id), media_type=media_type, headers=headers)

    @routes.get("/jobs/{job_id}/files/{name}", tags=["results"])
    def file(job_id: str, name: str) -> Response:
        """A file that the job wrote: pictures, heatmaps and their lists."""
        path = services.result_file(job_id, name)
        headers = {
            "content-security-policy": security.FILE_POLICY,
            "cache-control": "private, no-cache",
        }
        return FileResponse(path, media_type=_TYPES[path.suffix], headers=headers)


def _verify(routes: APIRouter, services: Services) -> None:
    @routes.post(
        VERIFY_PATH.removeprefix("/api"),
        tags=["results"],
        response_model=CheckShown,
        openapi_extra=_UPLOAD_FORM,
    )
    async def verify_report(request: Request) -> dict[str, Any]:
        """Whether a signed report is as its signer left it."""
        found = await checked_report(request, services)
        signed = None if found.signed is None else found.signed.isoformat()
        return {
            "state": found.state,
            "signer": found.signer,
            "signed": signed,
            "sentence": found.sentence,
        }


async def checked_report(request: Request, services: Services) -> ReportCheck:
    """Receive one report and check it; it is forgotten at once.

    Raises:
        Problem: 4xx, no single file came.
    """
    limits = uploads.UploadLimits(REPORT_BYTES, 1, any_type=True)
    content_type = request.headers.get("content-type", "")
    received = await uploads.receive(
        request.stream(), content_type, services.results.incoming, limits
    )
    try:
        if not received.uploads:
            raise Problem(422, "The upload holds no file: a field called file is expected.")
        data = await run_in_threadpool(received.uploads[0].path.read_bytes)
        return await run_in_threadpool(services.verify_report, data)
    finally:
        await run_in_threadpool(received.drop)


async def _take(request: Request, services: Services) -> list[Job]:
    """Receive the files of a request and line up a job for each; all of them or none."""
    settings, folder = services.settings, services.results.incoming
    declared = int(request.headers.get("content-length", 0))
    if not uploads.room_for(folder, declared):
        raise Problem(507, "The disk of this workbench is full.")
    limits = uploads.UploadLimits(settings.upload_bytes, settings.upload_files)
    content_type = request.headers.get("content-type", "")
    received = await uploads.receive(request.stream(), content_type, folder, limits)
    try:
        if not received.uploads:
            raise Problem(422, "The upload holds no file: a field called file is expected.")
        options = _options(received.fields.get("options", ""))
        await run_in_threadpool(services.check_room, len(received.uploads))
        return await run_in_threadpool(
            lambda: [services.submit(upload, "detect", options) for upload in received.uploads]
        )
    finally:
        await run_in_threadpool(received.drop)


def _options(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError):
        raise Problem(422, "The options are no JSON.") from None
    if not isinstance(value, dict):
        raise Problem(422, "The options are expected as a JSON object.")
    return value


def _report(services: Services, job_id: str, name: str) -> Response:
    """A report to keep: never shown in the workbench's own origin."""
    stem = Path(name).suffix
    headers = {
        "content-disposition": f'attachment; filename="likeness-{job_id}{stem}"',
        "content-security-policy": security.REPORT_POLICY,
    }
    return Response(services.report(job_id, name), media_type=_TYPES[stem], headers=headers)


def wants_page(request: Request) -> bool:
    """Whether a browser asks for something to look at."""
    return "text/html" in request.headers.get("accept", "")
