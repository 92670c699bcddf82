"""Finished jobs without a worker: verdicts built of the nouns, kept as a worker keeps them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from fastapi.testclient import TestClient

from likeness.apps.web.services import Services
from likeness.apps.web.workers import done_fields
from likeness.jobs.detect import Examination
from likeness.jobs.viewing import keep
from likeness.report import ReportItem, render_html, report_json, report_to_dict
from likeness.types import Clip, Frame, ImageArray, Verdict
from tests.apps.web.workbench import hand_in, png

CREATED = "2026-03-04T10:15:00+00:00"
STANDS_FOR = "name-0123456789abcdef"


@dataclass(frozen=True)
class Filmed:
    """Frames that say they came from a file: one picture, again and again."""

    image: ImageArray
    count: int
    sha256: str

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Frame]:
        return self.at(range(self.count))

    def at(self, indices: Iterable[int]) -> Iterator[Frame]:
        return (Frame(self.image, int(i), int(i) / 25.0, self.sha256) for i in sorted(set(indices)))

    def close(self) -> None:
        pass


def clip_of(verdict: Verdict, image: ImageArray, frames: int = 210) -> Clip:
    kind = "video" if frames > 1 else "image"
    times = np.arange(frames) / 25.0
    source = Filmed(image, frames, verdict.sha256)
    size = (image.shape[1], image.shape[0])
    return Clip(
        verdict.name, kind, source, 25.0 if frames > 1 else 0.0, times, size, None, verdict.sha256
    )  # type: ignore[arg-type]


def finish(
    bench: tuple[TestClient, Services], verdict: Verdict, clip: Clip, name: str, seed: int
) -> str:
    """Hand a file in and finish its job with `verdict`; gives the job's id."""
    client, services = bench
    job = services.job(hand_in(client, png(seed), name)["id"])
    out = services.results.begin(job.id) / "out"
    shown = replace(verdict, name=STANDS_FOR)
    keep(out, STANDS_FOR, Examination(shown, clip))
    items = [ReportItem(STANDS_FOR, shown)]
    (out / "report.json").write_text(report_json(report_to_dict(items, CREATED)), "utf-8")
    (out / "report.html").write_text(render_html(items, CREATED), "utf-8")
    _done(services, job.id, job.result, verdict.label, verdict.llr, verdict.reasons[0])
    return job.id


def finish_robustness(services: Services, job_id: str, stored: dict[str, Any]) -> None:
    """A finished trial of the copies of a job's file."""
    trial = services.derive(job_id, "robustness")
    out = services.results.begin(trial.id) / "out"
    (out / "robustness.json").write_text(json.dumps(stored), "utf-8")
    _done(services, trial.id, trial.result, "", None, "")


def _done(
    services: Services, job_id: str, key: str, label: str, llr: float | None, summary: str
) -> None:
    meta = {"shown_name": STANDS_FOR, "label": label, "llr": llr, "summary": summary}
    services.results.keep(job_id, key, meta)
    services.store.change(job_id, **done_fields(meta))
