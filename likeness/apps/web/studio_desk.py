"""The studio's side of the workbench: who is there, what runs for whom, and what is lined up next."""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from likeness.apps.web.problems import Problem
from likeness.apps.web.services import Services
from likeness.apps.web.store import DONE, QUEUED, Job
from likeness.apps.web.studio_people import Footage, Pair, Person
from likeness.apps.web.studio_store import StudioStore
from likeness.errors import LikenessError
from likeness.provenance.consent import check_purpose
from likeness.provenance.consent_fields import check_form, day_from
from likeness.types import Consent

_END_S = 5.0


class Desk:
    """People, pairs and their jobs; safe to call from any thread.

    A job belongs to a person or a pair: the field that holds the hash of a file elsewhere holds that of their name here. Every
    job has a result of its own, since the same question may be asked again with other faces.
    """

    def __init__(self, services: Services) -> None:
        self.services = services
        self.store = StudioStore(services.settings.studio_folder)
        self._changing = threading.Lock()

    def draft(self, facts: Mapping[str, Any], document: Path, sha256: str) -> Person:
        """Remember what the wizard was told, once everything is right that can be told without a picture.

        Raises:
            Problem: 422, says which field is wrong.
        """
        check_draft(facts, sha256)
        with self._changing:
            return self.store.add_person(facts, document)

    def add_footage(self, person: Person, files: Sequence[tuple[Path, str, Footage]]) -> None:
        """Clips and pictures that have arrived; see `StudioStore.add_footage`."""
        with self._changing:
            self.store.add_footage(person, files)

    def pair_of(self, source: Person, target: Person) -> Pair:
        """The pair of two people, made if it is not there."""
        with self._changing:
            return self.store.add_pair(source, target)

    def line_up(self, kind: str, subject: Person | Pair, options: Mapping[str, Any]) -> Job:
        """A job for a person or a pair.

        Raises:
            Problem: 409 while another one of theirs is at work, 429 if too many jobs wait.
        """
        with self._changing:
            self.require_idle(subject)
            store = self.services.store
            if len(store.open_jobs()) >= self.services.settings.waiting_jobs:
                raise Problem(429, "Too many jobs wait already. Try again when some are done.")
            word = "person" if isinstance(subject, Person) else "pair"
            job = Job(
                kind=kind,
                file_name=subject.name,
                sha256=_mark(subject),
                options={**options, word: subject.id},
                result=secrets.token_hex(16),
            )
            store.add(job)
        self.services.supervisor.wake()
        return job

    def jobs(self, subject: Person | Pair, kind: str = "") -> tuple[Job, ...]:
        """What was done for somebody, newest first."""
        found = self.services.store.same_file(_mark(subject))
        return tuple(job for job in found if kind in ("", job.kind))

    def newest(self, subject: Person | Pair, kind: str) -> Job | None:
        """The last job of a kind."""
        return next(iter(self.jobs(subject, kind)), None)

    def at_work(self, subject: Person | Pair) -> Job | None:
        """The job that waits or runs for somebody."""
        return next((job for job in self.jobs(subject) if job.open), None)

    def require_idle(self, subject: Person | Pair) -> None:
        """Raise `Problem` while a job of theirs, or of the people of a pair, changes what another would read."""
        everybody = [subject]
        if isinstance(subject, Pair):
            everybody += [subject.source, subject.target]
        else:
            everybody += [p for p in self.store.pairs() if subject.id in (p.source.id, p.target.id)]
        if any(self.at_work(one) for one in everybody):
            raise Problem(
                409, "Something is being done with this already. Wait for it, or stop it."
            )

    def result(self, job: Job | None, name: str) -> dict[str, Any] | None:
        """A JSON file of a finished job; None where there is none (any more)."""
        if job is None or job.state != DONE:
            return None
        try:
            path = self.services.result_file(job.id, name)
            value = json.loads(path.read_text("utf-8"))
        except (Problem, OSError, ValueError):
            return None
        return value if isinstance(value, dict) else None

    def job(self, job_id: str, kind: str = "") -> tuple[Job, Person | Pair]:
        """A job of the studio and whom it is for. Raises `Problem` 404."""
        job = self.services.job(job_id)
        for word, find in (("person", self.store.person), ("pair", self.store.pair)):
            if word in job.options and kind in ("", job.kind):
                return job, find(str(job.options[word]))  # type: ignore[operator]
        raise Problem(404, "There is nothing of that name in the studio.")

    def stop(self, pair: Pair) -> None:
        """Ask the training to end in good order; one that only waits is taken back."""
        job = self.newest(pair, "train")
        if job is None or not job.open:
            raise Problem(409, "Nothing is being trained here.")
        pair.stop.touch(mode=0o600)
        if job.state == QUEUED:
            self.services.supervisor.cancel(job.id)

    def forget(self, what: Person | Pair) -> None:
        """Delete somebody for good, with what was made of them: pairs of a person, runs and swaps of a pair."""
        if isinstance(what, Person):
            for pair in self.store.pairs():
                if what.id in (pair.source.id, pair.target.id):
                    self.forget(pair)
        with self._changing:
            for job in self.jobs(what):
                self.services.supervisor.cancel(job.id)
                self._wait_for_end(job)
                self.services.store.remove(job.id)
                self.services.results.forget_result(job.result)
            self.store.forget(what)

    def _wait_for_end(self, job: Job) -> None:
        """Until its process is gone: what it still writes would outlive the folder."""
        until = time.monotonic() + _END_S
        while job.id in self.services.supervisor.pids() and time.monotonic() < until:
            time.sleep(0.02)


def check_draft(facts: Mapping[str, Any], document_sha256: str) -> None:
    """The rules of a consent record that need no picture. Raises `Problem` 422."""
    if facts.get("attested") is not True:
        raise Problem(422, "Without both statements there is no record, and nobody is generated.")
    if facts.get("basis") == "synthetic_person":
        raise Problem(422, "A synthetic person's record is made by the generator, not by hand.")
    try:
        consent = check_form(
            Consent(
                subject=facts["subject"],
                basis=facts["basis"],
                purpose=facts["purpose"],
                expires=day_from(str(facts["expires"]), "the record"),
                document_sha256=document_sha256,
                adult=True,
                no_sexual_use=True,
            )
        )
        check_purpose(consent)
    except LikenessError as error:
        raise Problem(422, _sentence(str(error))) from error
    if consent.expires < date.today():
        raise Problem(422, "The last day of the record is over already.")


def _sentence(text: str) -> str:
    text = text.removeprefix("the record: ")
    return f"{text[:1].upper()}{text[1:]}."


def _mark(subject: Person | Pair) -> str:
    """What stands in a job in place of a file's hash."""
    kind = "person" if isinstance(subject, Person) else "pair"
    return hashlib.sha256(f"studio {kind} {subject.id}".encode()).hexdigest()
