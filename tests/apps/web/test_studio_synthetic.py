"""People who do not exist in the studio: the form, the worker's files, and what is handed out."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from likeness.apps.web import run_synthesise, studio_synthetic
from likeness.apps.web.kinds import STUDIO_KINDS, Task, run_of
from likeness.apps.web.services import Services
from likeness.apps.web.studio_desk import Desk
from likeness.errors import DataError, UsageError
from likeness.media import Limits
from likeness.provenance import read_credentials
from likeness.provenance.keys import KeyStore
from tests.apps.web import studio_made as made
from tests.apps.web.studio_made import HTML
from tests.apps.web.workbench import browser, csrf
from tests.jobs.test_synthesise import StandIn

Bench = tuple[TestClient, Services, Desk]
FORM = {"count": 2, "seed": 5, "generator": "stand_in", "truncation": 0.8}
RECORD = 'format = "likeness-consent-1"\n'
FOUND = {
    "people": [{"seed": 5, "picture": "person-0005.png", "record": RECORD}],
    "passed_over": [7],
}


@pytest.fixture
def ready(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A studio with a generator that has weights."""
    monkeypatch.setattr(studio_synthetic, "shipped", lambda: ["stand_in"])
    return bench


def test_page_offers_what_is_installed_and_says_when_nothing_is(
    ready: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = ready[0]
    html = client.get("/studio/synthetic", headers=HTML).text
    assert '<option value="stand_in">' in html and 'name="csrf"' in html
    assert not re.search(r'<style|\sstyle=|\son\w+="|javascript:', html)
    assert "/studio/synthetic" in client.get("/studio", headers=HTML).text
    monkeypatch.setattr(studio_synthetic, "shipped", lambda: [])
    html = client.get("/studio/synthetic", headers=HTML).text
    assert "<form" not in html.split("<h1>")[1] and "likeness train" in html


@pytest.mark.parametrize(
    "change",
    [
        {"count": 0},
        {"count": 17},
        {"seed": -1},
        {"generator": "landmark_swap"},
        {"truncation": 0},
        {"truncation": 1.5},
        {"truncation": "nan"},
    ],
)
def test_form_is_checked(ready: Bench, change: dict[str, object]) -> None:
    client, services, _ = ready
    assert client.post("/studio/synthetic", data={**FORM, **change}).status_code == 422
    assert not services.store.open_jobs()


def test_what_was_made_is_shown_and_handed_out(ready: Bench) -> None:
    client, services, _ = ready
    where = client.post("/studio/synthetic", data=FORM).json()["location"]
    job = services.job(where.rsplit("/", 1)[1])
    assert job.kind == "synthesise" and job.options == FORM
    waiting = client.get(where, headers=HTML).text
    assert f'data-job="{job.id}"' in waiting and f"{where}/cancel" in waiting
    files = {"sheet.png": made.PICTURE, "person-0005.png": made.PICTURE}
    made.finish(services, job.id, {"people.json": json.dumps(FOUND).encode(), **files})
    html = client.get(where, headers=HTML).text
    assert f"{where}/sheet.png" in html and "1 drawn pictures were passed over" in html
    assert client.get(f"{where}/sheet.png").content == made.PICTURE
    picture = client.get(f"{where}/person-0005.png?keep=true")
    assert 'filename="person_0005.png"' in picture.headers["content-disposition"]
    record = client.get(f"{where}/record/5")
    assert record.text == RECORD
    assert "person_0005.consent.toml" in record.headers["content-disposition"]
    for path in ("record/6", "people.json", "person-0006.png", "meta.json", "..%2Fmeta.json"):
        assert client.get(f"{where}/{path}").status_code == 404, path
    assert job.file_name in client.get("/studio/synthetic", headers=HTML).text
    client.post(f"{where}/delete")
    assert client.get(where).status_code == 404


def test_a_job_can_be_stopped_and_others_are_not_shown_here(ready: Bench, tmp_path: Path) -> None:
    client, services, desk = ready
    where = client.post("/studio/synthetic", data=FORM).json()["location"]
    client.post(f"{where}/cancel")
    assert "Stopped." in client.get(where, headers=HTML).text
    other = desk.line_up("extract", made.person(desk, tmp_path), {"every": 1})
    for path in ("", "/sheet.png", "/record/5"):
        assert client.get(f"/studio/synthetic/{other.id}{path}").status_code == 404
    assert client.post(f"/studio/synthetic/{other.id}/delete").status_code == 404
    assert services.job(other.id)


def test_a_browser_without_our_token_changes_nothing(ready: Bench) -> None:
    client, services, _ = ready
    with browser(client) as inside:
        assert inside.post("/studio/synthetic", data=FORM).status_code == 403
        assert not services.store.open_jobs()
        answer = inside.post("/studio/synthetic", data=FORM, headers=csrf(services))
        assert answer.status_code in (201, 200)


def test_worker_writes_marked_pictures_and_records(
    portrait, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_synthesise, "open_synthesiser", lambda plan: StandIn(portrait))
    keys = KeyStore.create(tmp_path / "keys")
    for name in ("out", "tmp"):
        (tmp_path / name).mkdir()
    options = {"count": 2, "seed": 2, "generator": "stand_in", "truncation": 1.0}
    task = Task(
        "0" * 16, "synthesise", tmp_path / "no", tmp_path / "out", "f", options, Limits(), keys.folder,
        studio=tmp_path / "studio",
    )  # fmt: skip
    told: list[float] = []
    assert "synthesise" in STUDIO_KINDS and run_of("synthesise") is run_synthesise.run
    outcome = run_synthesise.run(task, lambda share, _: told.append(share))
    assert outcome.summary.startswith("2 people")
    assert told == sorted(told) and told[-1] == 1.0
    names = {p.name for p in task.folder.iterdir()}
    assert names == {"sheet.png", "people.json", "person-0002.png", "person-0004.png"}
    facts = json.loads((task.folder / "people.json").read_text())
    assert 'basis = "synthetic_person"' in facts["people"][0]["record"]
    assert facts["passed_over"] == [3]
    for name in names - {"people.json"}:
        with (task.folder / name).open("rb") as file:
            found = read_credentials(file, "", keys.trust_anchors_pem())
        assert found.intact and found.trusted
    with pytest.raises(DataError, match="not overwritten"):
        run_synthesise.run(task, lambda *_: None)
    bare = Task("0" * 16, "", tmp_path, tmp_path, "f", options, Limits(), keys.folder)
    with pytest.raises(UsageError, match="studio"):
        run_synthesise.run(bare, lambda *_: None)
