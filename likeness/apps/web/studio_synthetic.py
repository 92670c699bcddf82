"""Pages of the studio for people who do not exist: a form, and what came of it.

Nobody is shown, so there is no record to ask for; each picture comes with one that the worker made and signed.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, Response

from likeness.apps.web.problems import PLAIN, Problem
from likeness.apps.web.store import Job
from likeness.apps.web.studio_answers import file_answer, go_to
from likeness.apps.web.studio_desk import Desk
from likeness.apps.web.studio_pages import StudioPages

KIND: Final = "synthesise"
PEOPLE: Final = "people.json"
SHEET: Final = "sheet.png"
MOST: Final = 16
MOST_SEED: Final = 1_000_000
_SHOWN: Final = 12
_MARK: Final = hashlib.sha256(b"studio synthetic").hexdigest()
_PICTURE: Final = re.compile(r"person-\d{4,7}\.png")
TEXTS: Final = {
    "title": "People who do not exist",
    "lead": "A network draws them; no picture of anybody goes in. Each comes marked, and with a consent record that swaps and "
    "the command line take.",
    "count": "How many",
    "seed": "Seed",
    "seed_hint": "The same seed gives the same people.",
    "generator": "Generator",
    "truncation": "Variety",
    "truncation_hint": "1 is as trained; less is nearer to the average face.",
    "go": "Make them",
    "none": "No generator of people is installed with weights. Train one first: likeness train recipes/gan_faces.toml",
    "before": "Made before",
    "sheet": "All of them in one picture, marked",
    "person": "Seed {seed}",
    "picture": "Picture",
    "record": "Consent record",
    "passed": "{n} drawn pictures were passed over: no face, or more than one, was found in them.",
    "stop": "Stop",
    "delete": "Delete",
    "back": "People who do not exist",
}


def add(routes: APIRouter, desk: Desk, pages: StudioPages) -> None:
    """Add the routes."""
    _making(routes, desk, pages)
    _files(routes, desk)


def shipped() -> list[str]:
    """Generators that the form offers."""
    from likeness.jobs.synthesise_options import shipped_synthesisers

    return shipped_synthesisers()


def _making(routes: APIRouter, desk: Desk, pages: StudioPages) -> None:
    services = desk.services

    @routes.get("/synthetic", response_class=HTMLResponse)
    def form(request: Request) -> Response:
        jobs = [j for j in services.store.same_file(_MARK) if j.kind == KIND][:_SHOWN]
        values = {"x": TEXTS, "generators": shipped(), "jobs": jobs, "most": MOST}
        return pages.render(request, "studio_synthetic.html.j2", **values)

    @routes.post("/synthetic")
    def make(
        request: Request,
        count: Annotated[int, Form(ge=1, le=MOST)],
        seed: Annotated[int, Form(ge=0, le=MOST_SEED)],
        generator: Annotated[str, Form(max_length=60)],
        truncation: Annotated[float, Form(gt=0.0, le=1.0)] = 1.0,
    ) -> Response:
        if generator not in shipped():
            raise Problem(422, PLAIN[422])
        services.check_room()
        asked = {"count": count, "seed": seed, "generator": generator, "truncation": truncation}
        job = Job(
            kind=KIND,
            file_name=f"{count} from seed {seed}, {generator}",
            sha256=_MARK,
            options=asked,
            result=secrets.token_hex(16),
        )
        services.store.add(job)
        services.supervisor.wake()
        return go_to(request, f"/studio/synthetic/{job.id}")

    @routes.get("/synthetic/{job_id}", response_class=HTMLResponse)
    def show(request: Request, job_id: str) -> Response:
        job = _job(desk, job_id)
        values: dict[str, Any] = {"x": TEXTS, "job": job, "made": desk.result(job, PEOPLE)}
        return pages.render(request, "studio_synthetic_made.html.j2", **values)

    @routes.post("/synthetic/{job_id}/cancel")
    def cancel(request: Request, job_id: str) -> Response:
        services.cancel(_job(desk, job_id).id)
        return go_to(request, f"/studio/synthetic/{job_id}")

    @routes.post("/synthetic/{job_id}/delete")
    def delete(request: Request, job_id: str) -> Response:
        services.delete(_job(desk, job_id).id)
        return go_to(request, "/studio/synthetic")


def _files(routes: APIRouter, desk: Desk) -> None:
    """What is handed out: marked pictures, and records as text to keep."""

    @routes.get("/synthetic/{job_id}/{name}")
    def file(job_id: str, name: str, keep: bool = False) -> Response:
        job = _job(desk, job_id)
        if name != SHEET and not _PICTURE.fullmatch(name):
            raise Problem(404, PLAIN[404])
        path = desk.services.result_file(job.id, name)
        return file_answer(path, "image/png", name.replace("-", "_") if keep else None)

    @routes.get("/synthetic/{job_id}/record/{seed}")
    def record(job_id: str, seed: int) -> Response:
        made = desk.result(_job(desk, job_id), PEOPLE)
        found = [p for p in made["people"] if p["seed"] == seed] if made else []
        if not found:
            raise Problem(404, PLAIN[404])
        name = f"person_{seed:04d}.consent.toml"
        kept = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(found[0]["record"], media_type="application/toml", headers=kept)


def _job(desk: Desk, job_id: str) -> Job:
    job = desk.services.job(job_id)
    if job.kind != KIND:
        raise Problem(404, PLAIN[404])
    return job
