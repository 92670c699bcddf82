"""The pages of the workbench: rendered here, whole and readable without any script; small modules make them move.

Every page is a template over the views of `pages_view`; the words stand in `texts`. Nothing here opens media: what is shown was
kept by the worker (`jobs.viewing`).
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response

import likeness
from likeness.apps.web.api import checked_report
from likeness.apps.web.pages_curve import TONES, charts, full_step_words
from likeness.apps.web.pages_view import (
    compared_cues,
    compared_facts,
    medium,
    player_data,
    verdict_view,
)
from likeness.apps.web.problems import Problem
from likeness.apps.web.security import FILE_POLICY
from likeness.apps.web.texts import TEXTS
from likeness.errors import DataError
from likeness.jobs.robustness import Robustness
from likeness.jobs.viewing import INDEX, Viewing, kept
from likeness.report import wording
from likeness.report.figures import heat_png
from likeness.report.html import environment
from likeness.report.items import LlrScale, ReportItem

if TYPE_CHECKING:
    from likeness.apps.web.services import Services
    from likeness.apps.web.store import Job

_FOLDER = Path(__file__).parent / "templates"
_REPORT_CSS = Path(wording.__file__).parent / "templates" / "timeline.css"
_RECENT = 6
_PDF_S = 25.0
_GOOD = ("queued", "running", "done")
FILTERS = ("manipulation_likely", "inconclusive", "no_manipulation_found", "failed", "waiting")


def router(services: Services) -> APIRouter:
    """All pages; see `Pages`."""
    pages = Pages(services)
    routes = APIRouter(include_in_schema=False)

    @routes.get("/", response_class=HTMLResponse)
    def home(request: Request) -> Response:
        return pages.home(request)

    @routes.get("/history", response_class=HTMLResponse)
    def history(
        request: Request,
        query: str = Query("", max_length=200),
        verdict: str = Query("", max_length=40),
        page: int = Query(1, ge=1, le=1_000_000),
    ) -> Response:
        return pages.history(request, query, verdict, page)

    @routes.get("/compare", response_class=HTMLResponse)
    def compare(request: Request, job: list[str] = Query(default=[])) -> Response:  # noqa: B008
        return pages.compare(request, job)

    @routes.get("/verify", response_class=HTMLResponse)
    def verify(request: Request) -> Response:
        return pages.render(request, "verify.html.j2", here="verify", check=None)

    @routes.post("/verify", response_class=HTMLResponse)
    async def verified(request: Request) -> Response:
        check = await checked_report(request, services)
        return pages.render(request, "verify.html.j2", here="verify", check=check)

    @routes.get("/jobs/{job_id}", response_class=HTMLResponse)
    def job(request: Request, job_id: str) -> Response:
        return pages.job(request, job_id)

    @routes.get("/jobs/{job_id}/delete", response_class=HTMLResponse)
    def delete(request: Request, job_id: str) -> Response:
        return pages.render(request, "delete.html.j2", job=services.job(job_id), here="history")

    @routes.get("/jobs/{job_id}/view.json")
    def view(job_id: str) -> Response:
        found = services.verdict_object(job_id)
        return JSONResponse(player_data(job_id, found, pages.viewing(job_id)))

    @routes.get("/jobs/{job_id}/robustness", response_class=HTMLResponse)
    def robustness(request: Request, job_id: str) -> Response:
        shown = pages.robustness(job_id, pages.viewing(job_id).scale)
        return pages.render(request, "robustness.html.j2", job=services.job(job_id), **shown)

    @routes.get("/jobs/{job_id}/report.pdf")
    def pdf(job_id: str) -> Response:
        return pages.pdf(job_id)

    @routes.get("/assets/timeline.css")
    def timeline_css() -> Response:
        # The report's own drawing rules, so that a timeline looks alike in both.
        return Response(_REPORT_CSS.read_bytes(), media_type="text/css")

    return routes


def error_page(services: Services, request: Request, status: int, sentence: str) -> Response:
    """A refusal as a page: its status and one plain sentence."""
    response = Pages(services).render(request, "error.html.j2", status=status, sentence=sentence)
    response.status_code = status
    return response


class Pages:
    """Renders pages over `Services`; holds no state but the templates."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.templates = environment(_FOLDER)
        self.templates.filters.update(moment=_moment, bytes=_bytes, step=full_step_words)

    def render(self, request: Request, template: str, **values: Any) -> HTMLResponse:
        """One page, with what all pages have in common."""
        common = {
            "t": TEXTS,
            "here": values.get("here", ""),
            "csrf": self.services.csrf(request),
            "studio": self.services.settings.studio,
            "version": likeness.__version__,
            "signs": wording.TONE_SIGNS,
            "words": wording.LABEL_WORDS,
            "label_signs": wording.LABEL_SIGNS,
            "tones": TONES,
        }
        return HTMLResponse(self.templates.get_template(template).render(common | values))

    def home(self, request: Request) -> Response:
        """The drop zone and what was examined last."""
        recent = self.services.jobs().jobs[:_RECENT]
        largest = self.services.settings.upload_bytes
        return self.render(request, "home.html.j2", here="home", recent=recent, largest=largest)

    def history(self, request: Request, query: str, verdict: str, page: int) -> Response:
        """All examinations, searched and filtered."""
        chosen = verdict if verdict in FILTERS else ""
        found = self.services.jobs(query, chosen, page)
        values = {"found": found, "query": query, "verdict": chosen, "filters": FILTERS}
        return self.render(request, "history.html.j2", here="history", **values)

    def job(self, request: Request, job_id: str) -> Response:
        """Progress, the verdict, or why there is none."""
        job = self.services.job(job_id)
        if job.state != "done":
            return self.render(request, "progress.html.j2", here="history", job=job)
        shown = self.result(job, 1)
        shown |= self.robustness(job_id, shown["item"]["scale"])
        return self.render(request, "verdict.html.j2", here="history", **shown)

    def compare(self, request: Request, job_ids: list[str]) -> Response:
        """Two results side by side, or a choice of two."""
        if len(job_ids) != 2:
            found = self.services.jobs().jobs
            values = {"chosen": job_ids[:2], "jobs": [j for j in found if j.state == "done"]}
            return self.render(request, "choose.html.j2", here="compare", **values)
        both = [self.result(self.services.job(j), n) for n, j in enumerate(job_ids, start=1)]
        first, second = (b["item"]["verdict"] for b in both)
        values = {
            "both": both,
            "cues": compared_cues(first, second),
            "facts": compared_facts(first, second),
        }
        return self.render(request, "compare.html.j2", here="compare", **values)

    def result(self, job: Job, number: int) -> dict[str, Any]:
        """What the templates show of one finished examination."""
        viewing = self.viewing(job.id)
        verdict = self.services.verdict_object(job.id)
        item = ReportItem(job.file_name, verdict, part_info=_part_info(), scale=viewing.scale)
        return {
            "job": job,
            "item": verdict_view(number, item),
            "medium": medium(job.id, viewing),
            "legend": _legend(),
        }

    def viewing(self, job_id: str) -> Viewing:
        """What the worker kept for the pages."""
        try:
            return kept(self.services.result_file(job_id, INDEX).parent)
        except DataError as error:
            raise Problem(409, TEXTS["errors"]["not_kept"]) from error

    def robustness(self, job_id: str, scale: LlrScale) -> dict[str, Any]:
        """The curves of this file, the job that makes them, or neither."""
        derived = self.services.derived(job_id, "robustness")
        if derived is None or derived.state != "done":
            return {"robustness": None, "trial": derived, "charts": ()}
        path = self.services.result_file(derived.id, "robustness.json")
        result = Robustness.from_dict(json.loads(path.read_text("utf-8")))
        return {"robustness": result, "trial": derived, "charts": charts(result, scale)}

    def pdf(self, job_id: str) -> Response:
        """The report as PDF, as a file to keep; a worker makes it, which takes a moment the first time."""
        examined = self.services.job(job_id)
        made = self.services.derived(job_id, "pdf")
        if made is None or made.state not in _GOOD or made.file_name != examined.file_name:
            made = self.services.derive(job_id, "pdf")
        deadline = time.monotonic() + _PDF_S
        while made.open:
            if time.monotonic() > deadline:
                raise Problem(503, TEXTS["errors"]["pdf_waits"])
            time.sleep(0.1)
            made = self.services.job(made.id)
        if made.state != "done":
            raise Problem(422, made.message)
        headers = {
            "Content-Disposition": f'attachment; filename="likeness-report-{job_id}.pdf"',
            "Content-Security-Policy": FILE_POLICY,
        }
        path = self.services.result_file(made.id, "report.pdf")
        return FileResponse(path, media_type="application/pdf", headers=headers)


def _part_info() -> dict[str, Any]:
    from likeness import registry

    return {name: dict(part.info) for name, part in registry.parts("detectors").items()}


def _legend() -> str:
    """The colours of the heatmaps, from less to more, as a picture."""
    import numpy as np

    return heat_png(np.linspace(0, 1, 64, dtype=np.float32)[None])


def _moment(value: datetime) -> str:
    """A time as it is written everywhere: '2026-03-04 10:15 UTC'."""
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _bytes(count: int) -> str:
    """A size for people.

    >>> _bytes(900), _bytes(43332), _bytes(1 << 30)
    ('900 B', '43.3 kB', '1.07 GB')
    """
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} B"
