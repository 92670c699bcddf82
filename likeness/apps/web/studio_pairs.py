"""Routes of the studio for two people together: what they promise, their training, their swaps."""

from __future__ import annotations

import shutil
from datetime import date
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, Response

from likeness.apps.web.problems import PLAIN, Problem
from likeness.apps.web.store import Job
from likeness.apps.web.studio_answers import file_answer, go_to
from likeness.apps.web.studio_desk import Desk
from likeness.apps.web.studio_pages import StudioPages, trainable, untrained
from likeness.apps.web.studio_people import QUALITY, TRAINED, Pair
from likeness.apps.web.studio_view import FILM, preview_path

LEAST_MINUTES: Final = 0.05
MOST_MINUTES: Final = 10_080.0
_TYPES: Final = {".mp4": "video/mp4", ".png": "image/png"}
_RESULTS: Final = {
    "report.html": "text/html; charset=utf-8",
    "report.json": "application/json",
}


def add(routes: APIRouter, desk: Desk, pages: StudioPages) -> None:
    """Add them."""
    _pairs(routes, desk, pages)
    _training(routes, desk, pages)
    _swaps(routes, desk, pages)
    _swap_files(routes, desk)


def _pairs(routes: APIRouter, desk: Desk, pages: StudioPages) -> None:
    @routes.post("/pairs")
    def make(
        request: Request, source: Annotated[str, Form()], target: Annotated[str, Form()]
    ) -> Response:
        people = [desk.store.person(i) for i in (source, target)]
        purposes = {p.consent().purpose for p in people}
        if len(purposes) > 1:
            raise Problem(422, "The two records are for different purposes.")
        pair = desk.pair_of(*people)
        return go_to(request, f"/studio/pairs/{pair.id}")

    @routes.get("/pairs/{pair_id}", response_class=HTMLResponse)
    def show(request: Request, pair_id: str) -> Response:
        return pages.pair(request, pair_id)

    @routes.post("/pairs/{pair_id}/report")
    def report(request: Request, pair_id: str) -> Response:
        pair = desk.store.pair(pair_id)
        if not (pair.source.extracted and pair.target.extracted):
            raise Problem(409, "Both people need faces first.")
        desk.line_up("pair", pair, {})
        return go_to(request, f"/studio/pairs/{pair.id}")

    @routes.get("/pairs/{pair_id}/delete", response_class=HTMLResponse)
    def ask_delete(request: Request, pair_id: str) -> Response:
        pair = desk.store.pair(pair_id)
        return pages.delete(request, "pair", pair, f"/studio/pairs/{pair.id}")

    @routes.post("/pairs/{pair_id}/delete")
    def delete(request: Request, pair_id: str) -> Response:
        desk.forget(desk.store.pair(pair_id))
        return go_to(request, "/studio")


def _training(routes: APIRouter, desk: Desk, pages: StudioPages) -> None:
    @routes.post("/pairs/{pair_id}/train")
    def train(
        request: Request,
        pair_id: str,
        minutes: Annotated[float, Form(ge=LEAST_MINUTES, le=MOST_MINUTES)],
        generator: Annotated[str, Form(max_length=60)] = "",
    ) -> Response:
        pair = _usable(desk, pair_id)
        name = pages.run_generator(pair) or generator
        if name not in trainable():
            raise Problem(422, PLAIN[422])
        if not (pair.source.extracted and pair.target.extracted):
            raise Problem(409, "Both people need faces first.")
        desk.require_idle(pair)
        pair.stop.unlink(missing_ok=True)
        desk.line_up("train", pair, {"generator": name, "minutes": minutes})
        return go_to(request, f"/studio/pairs/{pair.id}#training")

    @routes.post("/pairs/{pair_id}/stop")
    def stop(request: Request, pair_id: str) -> Response:
        pair = desk.store.pair(pair_id)
        desk.stop(pair)
        return go_to(request, f"/studio/pairs/{pair.id}#training")

    @routes.get("/pairs/{pair_id}/training", response_class=HTMLResponse)
    def figures(request: Request, pair_id: str) -> Response:
        return pages.training(request, pair_id)

    @routes.get("/pairs/{pair_id}/forget-run", response_class=HTMLResponse)
    def ask_forget(request: Request, pair_id: str) -> Response:
        pair = desk.store.pair(pair_id)
        return pages.delete(request, "run", pair, f"/studio/pairs/{pair.id}/forget-run")

    @routes.post("/pairs/{pair_id}/forget-run")
    def forget(request: Request, pair_id: str) -> Response:
        pair = desk.store.pair(pair_id)
        desk.require_idle(pair)
        shutil.rmtree(pair.run, ignore_errors=True)
        return go_to(request, f"/studio/pairs/{pair.id}#training")

    @routes.get("/pairs/{pair_id}/previews/{name}")
    def preview(pair_id: str, name: str) -> Response:
        pair = desk.store.pair(pair_id)
        path = pair.run / FILM if name == FILM else preview_path(pair.run, name)
        if path is None or not path.is_file():
            raise Problem(404, PLAIN[404])
        return file_answer(path, _TYPES[path.suffix])


def _swaps(routes: APIRouter, desk: Desk, pages: StudioPages) -> None:
    @routes.post("/pairs/{pair_id}/swap")
    def swap(
        request: Request,
        pair_id: str,
        target: Annotated[str, Form(max_length=80)],
        generator: Annotated[str, Form(max_length=60)],
        detectors: Annotated[str, Form(max_length=5)] = "",
    ) -> Response:
        pair = _usable(desk, pair_id)
        if not any(f.file == target for f in pair.target.footage):
            raise Problem(422, "Choose a clip or picture of the target first.")
        if generator == TRAINED:
            if not pair.usable:
                raise Problem(409, "This pair has no trained model yet.")
        elif generator not in untrained() or not pair.source.footage:
            raise Problem(422, PLAIN[422])
        options = {"target": target, "generator": generator, "detectors": detectors == "yes"}
        job = desk.line_up("swap", pair, options)
        return go_to(request, f"/studio/swaps/{job.id}")

    @routes.get("/swaps/{job_id}", response_class=HTMLResponse)
    def show(request: Request, job_id: str) -> Response:
        return pages.swap(request, *_swap(desk, job_id))

    @routes.get("/swaps/{job_id}/delete", response_class=HTMLResponse)
    def ask_delete(request: Request, job_id: str) -> Response:
        job, pair = _swap(desk, job_id)
        return pages.delete(request, "swap", pair, f"/studio/swaps/{job.id}")

    @routes.post("/swaps/{job_id}/delete")
    def delete(request: Request, job_id: str) -> Response:
        job, pair = _swap(desk, job_id)
        desk.services.delete(job.id)
        return go_to(request, f"/studio/pairs/{pair.id}#swap")


def _swap_files(routes: APIRouter, desk: Desk) -> None:
    """What is handed out of a swap: always as a file to keep, never as a page of this origin."""

    @routes.get("/swaps/{job_id}/result")
    def result(job_id: str) -> Response:
        job, _pair = _swap(desk, job_id)
        quality = desk.result(job, QUALITY)
        if quality is None:
            raise Problem(409, "There is no result of this swap.")
        path = desk.services.result_file(job.id, str(quality["after"]))
        return file_answer(path, _TYPES[path.suffix], f"likeness-swap-{job.id}{path.suffix}")

    @routes.get("/swaps/{job_id}/{name}")
    def report(job_id: str, name: str) -> Response:
        job, _pair = _swap(desk, job_id)
        if name not in _RESULTS:
            raise Problem(404, PLAIN[404])
        path = desk.services.result_file(job.id, name)
        return file_answer(path, _RESULTS[name], f"likeness-swap-{job.id}-{name}")


def _swap(desk: Desk, job_id: str) -> tuple[Job, Pair]:
    job, pair = desk.job(job_id, "swap")
    if not isinstance(pair, Pair):
        raise Problem(404, PLAIN[404])
    return job, pair


def _usable(desk: Desk, pair_id: str) -> Pair:
    """A pair whose records hold today, for one purpose; the worker asks them again."""
    pair = desk.store.pair(pair_id)
    consents = [p.consent() for p in (pair.source, pair.target)]
    if any(date.today() > c.expires for c in consents):
        raise Problem(409, "A record of this pair has expired. Ask again, and make a new record.")
    if len({c.purpose for c in consents}) > 1:
        raise Problem(409, "The two records are for different purposes.")
    return pair
