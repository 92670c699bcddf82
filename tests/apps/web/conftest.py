"""A studio for tests: one workbench for a module, emptied after every test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from likeness.apps.web.services import Services
from likeness.apps.web.studio_desk import Desk
from tests.apps.web import studio_made as made
from tests.apps.web.workbench import workbench

Bench = tuple[TestClient, Services, Desk]


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, Services]]:
    folder = tmp_path_factory.mktemp("studio")
    with workbench(folder / "d", studio=True, keys=folder / "keys") as (client, services):
        yield client, services


@pytest.fixture
def bench(started: tuple[TestClient, Services]) -> Iterator[Bench]:
    """An empty studio."""
    client, services = started
    desk = Desk(services)
    yield client, services, desk
    for who in desk.store.people():
        desk.forget(who)
    shutil.rmtree(services.settings.studio_folder, ignore_errors=True)
    for job in services.store.everything():
        services.store.remove(job.id)


@pytest.fixture
def filled(bench: Bench, tmp_path: Path) -> dict[str, str]:
    """Somebody on the way, a pair with a run, a sheet and a finished swap."""
    _client, services, desk = bench
    pair = made.pair(desk, tmp_path)
    job = desk.line_up("extract", pair.source, {"every": 1})
    faces = {f"face-{i + 1:05d}.jpg": b"jpeg" for i in range(130)}
    made.finish(services, job.id, {"sheet.json": made.sheet(130), **faces})
    (pair.run / "previews").mkdir(parents=True)
    (pair.run / "metrics.csv").write_text(made.metrics(6))
    (pair.run / "run.json").write_text('{"generator": "autoencoder_light"}')
    (pair.run / "model.onnx").write_bytes(b"graph")
    for step in (20, 60):
        (pair.run / "previews" / f"step_{step:09d}.png").write_bytes(b"png")
    (pair.run / "previews" / "else.png").write_bytes(b"no preview")
    target = pair.target.footage[0].file
    swap = desk.line_up("swap", pair, {"target": target, "generator": "trained"})
    report = b"<title>report</title>"
    written = {"after.png": made.PICTURE, "report.html": report, "report.json": b"{}"}
    made.finish(services, swap.id, {"quality.json": made.quality(), **written})
    document = tmp_path / "letter"
    document.write_bytes(b"letter")
    draft = desk.store.add_person({**made.FACTS, "subject": '<i>"Eve"</i>'}, document)
    return {"person": pair.source.id, "draft": draft.id, "pair": pair.id, "swap": swap.id}
