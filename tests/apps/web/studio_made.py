"""People, face sets and runs of the studio without workers: what they would have written, written by the test."""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from likeness.apps.web.services import Services
from likeness.apps.web.studio_desk import Desk
from likeness.apps.web.studio_people import RECORD, Footage, Pair, Person
from likeness.apps.web.workers import done_fields
from likeness.data.face_sets import FaceSet, write_face_set
from likeness.provenance.consent import write_consent
from likeness.provenance.consent_files import store_reference
from likeness.types import Consent
from tests.apps.web.workbench import png
from tests.generators.drawn_faces import face_set

FACTS = {
    "subject": "Ada",
    "basis": "public_domain",
    "purpose": "research",
    "expires": "2099-12-31",
    "document": "terms.txt",
    "attested": True,
}
PATHS = (
    *("/studio", "/studio/consent", "/studio/people/{person}", "/studio/people/{draft}"),
    *("/studio/people/{person}/faces", "/studio/people/{person}/faces?group=small"),
    *("/studio/pairs/{pair}", "/studio/pairs/{pair}/training", "/studio/swaps/{swap}"),
    *(
        "/studio/people/{person}/delete",
        "/studio/pairs/{pair}/delete",
        "/studio/swaps/{swap}/delete",
    ),
    "/studio/pairs/{pair}/forget-run",
)
"""Every page of the studio."""
HTML = {"accept": "text/html"}
PICTURE = png(7)
"""Stands for a picture where nobody looks into it."""


def person(desk: Desk, folder: Path, **changes: Any) -> Person:
    """Somebody with a record."""
    facts = {**FACTS, **{k: v for k, v in changes.items() if k in FACTS}}
    document = folder / "document"
    document.write_bytes(b"terms")
    made = desk.store.add_person(facts, document)
    reference, _ = store_reference(made.folder, "reference-1.png", changes.get("picture", PICTURE))
    record = Consent(
        facts["subject"],
        facts["basis"],
        facts["purpose"],
        date.fromisoformat(facts["expires"]),
        "0" * 64,
        True,
        True,
        (reference,),
    )
    write_consent(record, made.folder / RECORD)
    (made.folder / "document").unlink()
    return desk.store.person(made.id)


def with_footage(desk: Desk, who: Person, path: Path, name: str, kind: str) -> Person:
    """The person with one file more."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    about = Footage("", name, kind, path.stat().st_size)
    return desk.store.add_footage(who, [(path, digest, about)])


def with_faces(who: Person, seed: int, count: int = 24) -> Person:
    """The person with a small drawn face set."""
    drawn = _drawn(seed, count)
    rows = np.ones((count, 4), np.float32)
    consent = who.consent()
    write_face_set(who.faces, replace(drawn, consent=consent, consent_id=who.id, embeddings=rows))
    return who


def pair(desk: Desk, folder: Path) -> Pair:
    """Two people with footage and faces."""
    people = []
    for seed, name in enumerate(("Ada", "Bob")):
        who = with_faces(person(desk, folder, subject=name), seed)
        clip = folder / f"{name}.png"
        clip.write_bytes(PICTURE)
        people.append(with_footage(desk, who, clip, f"{name.lower()}.png", "image/png"))
    return desk.store.add_pair(*people)


def finish(services: Services, job_id: str, files: dict[str, bytes]) -> None:
    """End a job with these files."""
    job = services.job(job_id)
    out = services.results.begin(job.id) / "out"
    for name, content in files.items():
        (out / name).write_bytes(content)
    meta = {"shown_name": "name", "label": "", "llr": None, "summary": "Done."}
    services.results.keep(job.id, job.result, meta)
    services.store.change(job.id, **done_fields(meta))


def sheet(faces: int) -> bytes:
    """A contact sheet with so many kept faces and one that was dropped."""
    kept = [
        {
            "id": f"0123456789-{i:06d}-0",
            "file": f"face-{i + 1:05d}.jpg",
            "caption": "yaw 1, 90 px",
            "origin": f"<b>clip.mp4, {i} s",
        }
        for i in range(faces)
    ]
    dropped = [{**kept[0], "id": "0123456789-009999-0"}]
    shown = {
        "kept": faces,
        "needed": 100,
        "lines": ["a line"],
        "warnings": ["low resolution"],
        "failed": [],
        "tables": [{"title": "Dropped", "columns": ["reason", "faces"], "rows": [["small", "1"]]}],
        "groups": [
            {"key": "kept", "title": "Kept", "note": "", "total": faces, "faces": kept},
            {"key": "small", "title": "Dropped: small", "note": "", "total": 1, "faces": dropped},
        ],
    }
    return json.dumps(shown).encode()


def quality(**changes: Any) -> bytes:
    """Figures of a swap as a worker keeps them."""
    shown = {
        "after": "after.png",
        "frames": 1,
        "swapped": 1,
        "label": "SYNTHETIC",
        "watermark": True,
        "rows": [["Pose error", "1.0°", "mean"]],
        "skipped": [["too small", 3, 7]],
        "detectors": [{"name": "spectrum", "before": "+0.10", "after": "+0.90", "note": ""}],
        "label_before": "inconclusive",
        "label_after": "manipulation_likely",
    }
    return json.dumps({**shown, **changes}).encode()


def metrics(count: int) -> str:
    """A run's metrics.csv."""
    head = (
        "step,seconds,images_per_s,loss,dssim_source,dssim_target,dssim,nearer_to_source,advice\n"
    )
    rows = [
        f"{10 * i},{60 * i},80,{1 / i},{0.4 / i},{0.3 / i},0.3,0.5,still improving: look\n"
        for i in range(1, count + 1)
    ]
    return head + "".join(rows)


@functools.cache
def _drawn(seed: int, count: int) -> FaceSet:
    return face_set(seed, count)
