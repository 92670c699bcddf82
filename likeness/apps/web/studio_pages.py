"""The pages of the studio, rendered over `Desk` as the others are over `Services`."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, Final

from fastapi import Request
from fastapi.responses import Response

from likeness import registry
from likeness.apps.web.pages import Pages
from likeness.apps.web.store import Job
from likeness.apps.web.studio_desk import Desk
from likeness.apps.web.studio_people import PAIR_REPORT, QUALITY, SHEET, Pair, Person
from likeness.apps.web.studio_texts import STUDIO
from likeness.apps.web.studio_view import run_view
from likeness.data.face_sets import MINIMUM_FACES, read_manifest
from likeness.errors import LikenessError
from likeness.media.sniff import HEAD_BYTES, media_type, sniff
from likeness.provenance.consent import require_consent
from likeness.training.run_folder import read_about

PER_PAGE: Final = 120
_DEFAULT: Final = ("autoencoder_light", "landmark_swap")
"""What is offered first: the one that trains in minutes on a processor, and the only one without training."""


class StudioPages:
    """Renders pages over a `Desk`; holds no state but the templates."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.pages = Pages(desk.services)

    def render(self, request: Request, template: str, **values: Any) -> Response:
        """One page, with the words of the studio."""
        common = {"s": STUDIO, "today": date.today().isoformat()}
        return self.pages.render(request, template, here="studio", **common, **values)

    def home(self, request: Request) -> Response:
        """Who is there, which pairs there are, and the way through."""
        people: list[dict[str, Any]] = [
            {"person": p, "standing": self.standing(p), "kept": self._kept(p)}
            for p in self.desk.store.people()
        ]
        pairs = [
            {"pair": p, "swaps": sum(j.state == "done" for j in self.desk.jobs(p, "swap"))}
            for p in self.desk.store.pairs()
        ]
        covered = [p["person"] for p in people if p["standing"]["tone"] == "none"]
        return self.render(
            request, "studio_home.html.j2", people=people, pairs=pairs, covered=covered
        )

    def consent(self, request: Request) -> Response:
        """The first step of the wizard."""
        return self.render(request, "studio_consent.html.j2")

    def person(self, request: Request, person_id: str) -> Response:
        """The second step of the wizard, or everything about a person with a record."""
        person = self.desk.store.person(person_id)
        newest = self.desk.newest(person, "extract" if person.recorded else "consent")
        values: dict[str, Any] = {
            "person": person,
            "standing": self.standing(person),
            "work": self._work(newest),
            "idle": self._idle(person),
        }
        if not person.recorded:
            return self.render(request, "studio_pictures.html.j2", **values)
        values["sheet"] = self._sheet(person)
        values["permission"] = self._permission(person)
        values["consent"] = person.consent()
        return self.render(request, "studio_person.html.j2", **values)

    def sheet(self, request: Request, person_id: str, group: str, page: int) -> Response:
        """The contact sheet: one group of faces, a page at a time, each to be thrown out or kept."""
        person = self.desk.store.person(person_id)
        job = self._sheet_job(person)
        sheet = self.desk.result(job, SHEET)
        groups = sheet["groups"] if sheet else []
        chosen = next((g for g in groups if g["key"] == group), groups[0] if groups else None)
        faces = chosen["faces"] if chosen else []
        pages = max(1, -(-len(faces) // PER_PAGE))
        page = min(page, pages)
        return self.render(
            request,
            "studio_sheet.html.j2",
            person=person,
            sheet=sheet,
            job=job,
            group=chosen,
            faces=faces[(page - 1) * PER_PAGE : page * PER_PAGE],
            page=page,
            pages=pages,
            work=self._work(self.desk.newest(person, "extract")),
            idle=self._idle(person),
        )

    def pair(self, request: Request, pair_id: str) -> Response:
        """Promise, training and swaps of two people."""
        pair = self.desk.store.pair(pair_id)
        kept = [self._kept(p) for p in (pair.source, pair.target)]
        people = (pair.source, pair.target)
        swaps = self.desk.jobs(pair, "swap")
        return self.render(
            request,
            "studio_pair.html.j2",
            pair=pair,
            kept=kept,
            needed=MINIMUM_FACES,
            enough=all(k >= MINIMUM_FACES for k in kept),
            expired=any(p.expired(date.today()) for p in people),
            report=self.desk.result(self.desk.newest(pair, "pair"), PAIR_REPORT),
            reporting=self._work(self.desk.newest(pair, "pair")),
            swaps=[{"job": j, "file": self._target_name(pair, j)} for j in swaps],
            untrained=untrained(),
            **self._training(pair),
        )

    def training(self, request: Request, pair_id: str) -> Response:
        """The part of the pair's page that changes while it is trained."""
        pair = self.desk.store.pair(pair_id)
        return self.render(request, "studio_training.html.j2", pair=pair, **self._training(pair))

    def swap(self, request: Request, job: Job, pair: Pair) -> Response:
        """Progress of a swap, or before and after."""
        file = next((f for f in pair.target.footage if f.file == job.options["target"]), None)
        return self.render(
            request,
            "studio_swap.html.j2",
            pair=pair,
            job=job,
            work=self._work(job),
            file=file,
            file_name=self._target_name(pair, job),
            quality=self.desk.result(job, QUALITY),
        )

    def delete(self, request: Request, what: str, subject: Person | Pair, back: str) -> Response:
        """Ask before something is deleted."""
        action = back if what == "run" else f"{back}/delete"
        leave = back.removesuffix("/forget-run")
        values = {"what": what, "subject": subject, "action": action, "back": leave}
        return self.render(request, "studio_delete.html.j2", **values)

    def standing(self, person: Person) -> dict[str, str]:
        """How a person's record stands, in words, and the tone of it."""
        words, day = STUDIO["state"], str(person.facts["expires"])
        if not person.recorded:
            return {"tone": "wait", "sign": "…", "words": words["draft"]}
        if person.expired(date.today()):
            return {"tone": "error", "sign": "✕", "words": words["expired"].format(day=day)}
        return {"tone": "none", "sign": "●", "words": words["covered"].format(day=day)}

    def run_generator(self, pair: Pair) -> str:
        """What a run was begun with; empty where there is none."""
        if not pair.begun:
            return ""
        try:
            return str(read_about(pair.run).get("generator", ""))
        except LikenessError:
            job = self.desk.newest(pair, "train")
            return str(job.options.get("generator", "")) if job else ""

    def picture_type(self, path: Path) -> str:
        """Media type of a picture by its first bytes."""
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        found = sniff(head)
        return media_type(found, head, True) if found else "application/octet-stream"

    def _training(self, pair: Pair) -> dict[str, Any]:
        job = self.desk.newest(pair, "train")
        run = run_view(pair.run)
        minutes = float(job.options.get("minutes", 20)) if job else 20.0
        if run.minutes >= 0.95 * minutes:  # it had what it was given: more, if it is gone on with
            minutes *= 2
        return {
            "run": run,
            "work": self._work(job),
            "stopping": pair.stop.exists() and job is not None and job.open,
            "minutes": f"{minutes:g}",
            "generator": self.run_generator(pair),
            "generators": trainable(),
            "idle": self._idle(pair),
        }

    def _work(self, newest: Job | None) -> Job | None:
        """The job to show: one that is at work, or the newest one if it did not work out."""
        if newest is None or newest.state == "done":
            return None
        return newest

    def _idle(self, subject: Person | Pair) -> bool:
        try:
            self.desk.require_idle(subject)
        except LikenessError:
            return False
        return True

    def _sheet_job(self, person: Person) -> Job | None:
        jobs = self.desk.jobs(person, "extract")
        return next((j for j in jobs if j.state == "done"), None)

    def _sheet(self, person: Person) -> dict[str, Any] | None:
        return self.desk.result(self._sheet_job(person), SHEET)

    def _kept(self, person: Person) -> int:
        if not person.extracted:
            return 0
        try:
            return sum(bool(row["kept"]) for row in read_manifest(person.faces).rows)
        except LikenessError:
            return 0

    def _permission(self, person: Person) -> dict[str, Any]:
        """What the record allows today, or why it allows nothing."""
        consent, today = person.consent(), date.today()
        try:
            found = require_consent([consent], consent.purpose, today)
        except LikenessError as error:
            return {"error": str(error)}
        days = (consent.expires - today).days
        return {"error": "", "label": found.visible_label or "", "days": days}

    def _target_name(self, pair: Pair, job: Job) -> str:
        wanted = job.options.get("target")
        return next((f.name for f in pair.target.footage if f.file == wanted), str(wanted))


def trainable() -> dict[str, str]:
    """Generators that are trained on a pair, and what they are; the quick one first."""
    return _generators(True)


def untrained() -> dict[str, str]:
    """Generators that swap without training, and what they are."""
    return _generators(False)


def _generators(trained: bool) -> dict[str, str]:
    parts = registry.parts("generators").items()
    swaps = {
        name: str(part.info["summary"])
        for name, part in parts
        if bool(part.info.get("trainable")) is trained and "face_swap" in part.info["kinds"]
    }
    return dict(sorted(swaps.items(), key=lambda item: item[0] not in _DEFAULT))
