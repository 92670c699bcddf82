"""The studio: the create side of the workbench, there only with `likeness serve --studio`.

Consent comes first: a person exists here as a record, or as the wizard on the way to one, and every job asks the record
again. What is generated is marked by the jobs themselves; nothing here can write a picture.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, Response
from starlette.concurrency import run_in_threadpool

from likeness.apps.web import studio_pairs, studio_synthetic, uploads
from likeness.apps.web.problems import PLAIN, Problem
from likeness.apps.web.services import Services
from likeness.apps.web.settings import MIB
from likeness.apps.web.studio_answers import file_answer, go_to
from likeness.apps.web.studio_desk import Desk
from likeness.apps.web.studio_pages import StudioPages
from likeness.apps.web.studio_people import Footage, Person

CONSENT_PATH: Final = "/studio/consent"
FILES_PATH: Final = "/studio/uploads"
UPLOAD_PATHS: Final = (CONSENT_PATH, FILES_PATH)
"""Addresses that take files: their bodies are read piece by piece."""
DOCUMENT_BYTES: Final = 64 * MIB
REFERENCE_BYTES: Final = 64 * MIB
MOST_REFERENCES: Final = 32
MOST_BY_HAND: Final = 1000
_FACE: Final = re.compile(r"[0-9a-f]{10}-\d{6,9}-\d{1,9}")
_EVERY: Final = (0, 1, 2, 5, 10)


def router(services: Services) -> APIRouter:
    """All routes below /studio."""
    desk = Desk(services)
    pages = StudioPages(desk)
    routes = APIRouter(prefix="/studio", include_in_schema=False)
    _entrance(routes, pages)
    _files(routes, desk)
    _people(routes, desk, pages)
    _faces(routes, desk, pages)
    studio_pairs.add(routes, desk, pages)
    studio_synthetic.add(routes, desk, pages)
    return routes


def _entrance(routes: APIRouter, pages: StudioPages) -> None:
    @routes.get("", response_class=HTMLResponse)
    def home(request: Request) -> Response:
        return pages.home(request)

    @routes.get("/consent", response_class=HTMLResponse)
    def consent(request: Request) -> Response:
        return pages.consent(request)

    @routes.get("/people/{person_id}", response_class=HTMLResponse)
    def person(request: Request, person_id: str) -> Response:
        return pages.person(request, person_id)

    @routes.get("/people/{person_id}/faces", response_class=HTMLResponse)
    def faces(
        request: Request,
        person_id: str,
        group: Annotated[str, Query(max_length=40)] = "kept",
        page: Annotated[int, Query(ge=1, le=10_000)] = 1,
    ) -> Response:
        return pages.sheet(request, person_id, group, page)


def _files(routes: APIRouter, desk: Desk) -> None:
    """What comes as a file: the document of the wizard, reference pictures, footage."""
    services = desk.services

    @routes.post(CONSENT_PATH.removeprefix("/studio"))
    async def draft(request: Request) -> Response:
        limits = uploads.UploadLimits(DOCUMENT_BYTES, 1, any_type=True)
        received = await _receive(request, services, limits)
        try:
            document = received.uploads[0]
            facts = {**_facts(received.fields), "document": document.file_name}
            made = await run_in_threadpool(desk.draft, facts, document.path, document.sha256)
        finally:
            await run_in_threadpool(received.drop)
        return go_to(request, f"/studio/people/{made.id}")

    @routes.post(FILES_PATH.removeprefix("/studio"))
    async def files(request: Request) -> Response:
        limits = uploads.UploadLimits(
            services.settings.upload_bytes, services.settings.upload_files
        )
        received = await _receive(request, services, limits)
        try:
            person = desk.store.person(received.fields.get("person", ""))
            take = _take_footage if person.recorded else _take_pictures
            await run_in_threadpool(take, desk, person, received.uploads)
        finally:
            await run_in_threadpool(received.drop)
        return go_to(request, f"/studio/people/{person.id}")


def _people(routes: APIRouter, desk: Desk, pages: StudioPages) -> None:
    @routes.get("/people/{person_id}/footage/{name}")
    def footage(person_id: str, name: str) -> Response:
        person = desk.store.person(person_id)
        about = next((f for f in person.footage if f.file == name), None)
        if about is None:
            raise Problem(404, PLAIN[404])
        return file_answer(person.folder / "footage" / about.file, about.media_type)

    @routes.get("/people/{person_id}/reference/{number}")
    def reference(person_id: str, number: int) -> Response:
        person = desk.store.person(person_id)
        references = person.consent().references
        if not 1 <= number <= len(references):
            raise Problem(404, PLAIN[404])
        path = person.folder / references[number - 1].file
        return file_answer(path, pages.picture_type(path))

    @routes.get("/people/{person_id}/delete", response_class=HTMLResponse)
    def ask_delete(request: Request, person_id: str) -> Response:
        person = desk.store.person(person_id)
        return pages.delete(request, "person", person, f"/studio/people/{person.id}")

    @routes.post("/people/{person_id}/delete")
    def delete(request: Request, person_id: str) -> Response:
        desk.forget(desk.store.person(person_id))
        return go_to(request, "/studio")

    @routes.post("/jobs/{job_id}/cancel")
    def cancel(request: Request, job_id: str) -> Response:
        job, subject = desk.job(job_id)
        desk.services.cancel(job.id)
        if job.kind == "swap":
            return go_to(request, f"/studio/swaps/{job.id}")
        kind = "people" if isinstance(subject, Person) else "pairs"
        return go_to(request, f"/studio/{kind}/{subject.id}")


def _faces(routes: APIRouter, desk: Desk, pages: StudioPages) -> None:
    @routes.post("/people/{person_id}/extract")
    def extract(request: Request, person_id: str, every: Annotated[int, Form()] = 1) -> Response:
        person = _covered(desk, person_id)
        if every not in _EVERY or not person.footage:
            raise Problem(422, PLAIN[422])
        desk.line_up("extract", person, {"every": every})
        return go_to(request, f"/studio/people/{person.id}")

    @routes.post("/people/{person_id}/faces")
    def by_hand(
        request: Request,
        person_id: str,
        drop: Annotated[list[str] | None, Form()] = None,
        keep: Annotated[list[str] | None, Form()] = None,
    ) -> Response:
        person = _covered(desk, person_id)
        chosen = {"drop": drop or [], "keep": keep or []}
        named = [name for names in chosen.values() for name in names]
        if not named:
            raise Problem(422, "Nothing is ticked.")
        if len(named) > MOST_BY_HAND or not all(_FACE.fullmatch(name) for name in named):
            raise Problem(422, PLAIN[422])
        desk.line_up("extract", person, {"every": 0, **chosen})
        return go_to(request, f"/studio/people/{person.id}/faces")


async def _receive(
    request: Request, services: Services, limits: uploads.UploadLimits
) -> uploads.Received:
    folder = services.results.incoming
    if not uploads.room_for(folder, int(request.headers.get("content-length", 0))):
        raise Problem(507, "The disk of this workbench is full.")
    content_type = request.headers.get("content-type", "")
    received = await uploads.receive(request.stream(), content_type, folder, limits)
    if not received.uploads:
        raise Problem(422, "Choose a file first.")
    return received


def _facts(fields: dict[str, str]) -> dict[str, object]:
    """What the wizard asked, and whether both statements were made."""
    asked = {k: fields.get(k, "").strip() for k in ("subject", "basis", "purpose", "expires")}
    attested = all(fields.get(k) == "yes" for k in ("attest_age", "attest_use"))
    return {**asked, "attested": attested}


def _take_pictures(desk: Desk, person: Person, files: list[uploads.Upload]) -> None:
    """Reference pictures, and the job that makes the record of them."""
    if len(files) > MOST_REFERENCES or any(f.size_bytes > REFERENCE_BYTES for f in files):
        most = f"At most {MOST_REFERENCES} pictures of {REFERENCE_BYTES // MIB} MiB each."
        raise Problem(413, most)
    if not all(f.media_type.startswith("image/") for f in files):
        raise Problem(415, "Pictures are expected here; clips come later.")
    desk.require_idle(person)
    desk.store.put_pictures(person, [(f.path, f.media_type) for f in files])
    desk.line_up("consent", person, {})


def _take_footage(desk: Desk, person: Person, files: list[uploads.Upload]) -> None:
    if not all(f.media_type.startswith(("image/", "video/")) for f in files):
        raise Problem(415, "Clips and pictures are expected here, not sound.")
    desk.add_footage(
        person,
        [(f.path, f.sha256, Footage("", f.file_name, f.media_type, f.size_bytes)) for f in files],
    )


def _covered(desk: Desk, person_id: str) -> Person:
    person = desk.store.person(person_id)
    person.consent()
    return person
