"""The studio's pages over what workers would have left: whole, plain, and with everything that a person came for."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from likeness.apps.web import studio_view
from likeness.apps.web.services import Services
from likeness.apps.web.store import Job
from likeness.apps.web.studio_desk import Desk
from likeness.apps.web.studio_people import RECORD
from likeness.apps.web.studio_store import StudioStore
from tests.apps.web import studio_made as made
from tests.apps.web.studio_made import HTML, PATHS

Bench = tuple[TestClient, Services, Desk]


def test_every_page_is_whole_and_has_nothing_inline(bench: Bench, filled: dict[str, str]) -> None:
    client = bench[0]
    for path in PATHS:
        answer = client.get(path.format(**filled), headers=HTML)
        assert answer.status_code == 200, path
        html = answer.text
        assert not re.search(r'<style|\sstyle=|\son\w+="|javascript:', html), path
        assert all(
            "src=" in s or "application/json" in s for s in re.findall("<script[^>]*>", html)
        )
        assert "<b>clip" not in html and '<i>"Eve"' not in html
        for form in re.findall(r'<form[^>]*method="post".*?</form>', html, re.S):
            assert re.match(r'<form[^>]*>\s*<input type="hidden" name="csrf"', form), path
        words = re.sub(r"<script.*?</script>|data-words=.[^>]*", "", html, flags=re.S)
        assert not re.findall(r"{[a-z]+}", words), path  # every blank of a text was filled


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("consent", "/studio/people/{draft}"),
        ("extract", "/studio/people/{person}"),
        ("extract", "/studio/people/{person}/faces"),
        ("pair", "/studio/pairs/{pair}"),
        ("train", "/studio/pairs/{pair}"),
        ("train", "/studio/pairs/{pair}/training"),
        ("swap", ""),
    ],
)
def test_what_is_at_work_is_shown_can_be_stopped_and_says_why_it_failed(
    bench: Bench, filled: dict[str, str], kind: str, path: str
) -> None:
    client, services, desk = bench
    find = {"consent": "draft", "extract": "person"}.get(kind, "pair")
    subject = getattr(desk.store, "pair" if find == "pair" else "person")(filled[find])
    job = desk.line_up(kind, subject, {"target": "x", "generator": "y", "minutes": 3})
    path = path.format(**filled) or f"/studio/swaps/{job.id}"
    html = client.get(path, headers=HTML).text
    assert f'data-job="{job.id}"' in html and 'role="status"' in html
    assert ("/stop" if kind == "train" else f"/jobs/{job.id}/cancel") in html
    where = client.post(f"/studio/jobs/{job.id}/cancel").json()["location"]
    assert client.get(where, headers=HTML).status_code == 200
    assert "Stopped." in client.get(path, headers=HTML).text
    services.store.add(replaced(services, job.id))
    assert "because of &lt;b&gt;" in client.get(path, headers=HTML).text


def replaced(services: Services, job_id: str) -> Job:
    """The same job once more, failed; the old one is gone."""
    values = services.job(job_id).model_dump(exclude={"number"})
    services.store.remove(job_id)
    return Job(**{**values, "state": "failed", "message": "because of <b>"})


def test_a_run_is_shown_with_curves_figures_and_previews(
    bench: Bench, filled: dict[str, str]
) -> None:
    client, _services, desk = bench
    html = client.get(f"/studio/pairs/{filled['pair']}", headers=HTML).text
    assert html.count('<path class="loss') == 3 and "Still improving: look." in html
    assert "step_000000060.png" in html and html.index("000060.png") < html.index("000020.png")
    address = f"/studio/pairs/{filled['pair']}/previews"
    assert client.get(f"{address}/step_000000060.png").content == b"png"
    for odd in ("step_000000061.png", "timelapse.mp4", "%2e%2e%2frun.json", "else.png"):
        assert client.get(f"{address}/{odd}").status_code == 404
    loss, held = studio_view.run_view(desk.store.pair(filled["pair"]).run).curves
    assert [s.value for s in held.series] == ["0.0667", "0.05"] and loss.top == "1"
    assert loss.series[0].path.startswith("M0 0") and loss.series[0].last == (100.0, 83.33)


def test_a_swap_is_shown_and_handed_out_as_a_file(bench: Bench, filled: dict[str, str]) -> None:
    client = bench[0]
    address = f"/studio/swaps/{filled['swap']}"
    html = client.get(address, headers=HTML).text
    assert 'type="range"' in html and "SYNTHETIC" in html and "3 × too small" in html
    result = client.get(f"{address}/result")
    assert result.content == made.PICTURE
    assert result.headers["content-disposition"].startswith("attachment")
    report = client.get(f"{address}/report.html")
    assert report.headers["content-disposition"].startswith("attachment")
    assert report.headers["content-security-policy"].startswith("sandbox")
    assert client.get(f"{address}/quality.json").status_code == 404


def test_faces_are_thrown_out_by_hand(bench: Bench, filled: dict[str, str]) -> None:
    client, services, _desk = bench
    address = f"/studio/people/{filled['person']}/faces"
    first, second = (client.get(f"{address}?page={n}", headers=HTML).text for n in (1, 2))
    assert first.count('name="drop"') == 120 and second.count('name="drop"') == 10
    assert 'name="keep"' in client.get(f"{address}?group=small", headers=HTML).text
    chosen = {"drop": ["0123456789-000001-0", "0123456789-000005-0"]}
    assert client.post(address, data=chosen).json()["location"] == address
    job = services.store.everything()[0]
    wanted = {"every": 0, "keep": [], "person": filled["person"], **chosen}
    assert job.kind == "extract" and job.options == wanted


def test_a_training_is_stopped_and_gone_on_with(bench: Bench, filled: dict[str, str]) -> None:
    client, services, desk = bench
    address = f"/studio/pairs/{filled['pair']}"
    assert client.post(f"{address}/stop").status_code == 409
    asked = {"minutes": "2", "generator": "autoencoder_hd"}
    assert client.post(f"{address}/train", data=asked).status_code == 201
    job = services.store.everything()[0]
    assert job.options["generator"] == "autoencoder_light"  # what the run was begun with
    assert client.post(f"{address}/train", data=asked).status_code == 409
    services.store.change(job.id, state="running")
    assert client.post(f"{address}/stop").status_code == 201
    pair = desk.store.pair(filled["pair"])
    assert pair.stop.exists() and services.job(job.id).state == "running"
    services.store.change(job.id, state="done")
    assert client.post(f"{address}/train", data=asked).status_code == 201
    assert not pair.stop.exists()
    assert client.post(f"{address}/stop").status_code == 201  # still waits: taken back
    assert services.store.everything()[0].state == "cancelled"


def test_deleting_a_swap_leaves_the_pair(bench: Bench, filled: dict[str, str]) -> None:
    client, services, desk = bench
    result = services.results.folder(services.job(filled["swap"]).result)
    assert result.exists()
    client.post(f"/studio/swaps/{filled['swap']}/delete")
    assert not result.exists() and desk.store.pair(filled["pair"]).usable
    client.post(f"/studio/pairs/{filled['pair']}/forget-run")
    assert not desk.store.pair(filled["pair"]).run.exists()


def test_damaged_descriptions_are_not_found_instead_of_breaking(
    bench: Bench, tmp_path: Path
) -> None:
    client, services, desk = bench
    who = made.person(desk, tmp_path)
    for text in ("", "[]", "\0"):
        (who.folder / "person.json").write_text(text)
        assert client.get(f"/studio/people/{who.id}", headers=HTML).status_code == 404
    (who.folder / "person.json").write_text(json.dumps({**made.FACTS, "footage": []}))
    (who.folder / RECORD).write_text("nonsense")
    assert client.get(f"/studio/people/{who.id}", headers=HTML).status_code == 409
    assert StudioStore(services.settings.studio_folder).people()[0].id == who.id


def test_footage_is_named_by_its_hash_and_shown_by_its_name(bench: Bench, tmp_path: Path) -> None:
    client, _services, desk = bench
    who = made.person(desk, tmp_path)
    name = "../../etc/<b>p\u202eg.png"
    for _twice in range(2):
        files = {"file": (name, made.PICTURE)}
        answer = client.post("/studio/uploads", data={"person": who.id}, files=files)
        assert answer.json() == {"location": f"/studio/people/{who.id}"}
    (footage,) = desk.store.person(who.id).footage
    assert re.fullmatch(r"[0-9a-f]{24}\.png", footage.file) and "/" not in footage.name
    page = client.get(f"/studio/people/{who.id}", headers=HTML).text
    assert "&lt;b&gt;" in page and "<b>p" not in page
    shown = client.get(f"/studio/people/{who.id}/footage/{footage.file}")
    assert shown.content == made.PICTURE and "sandbox" in shown.headers["content-security-policy"]
    for odd in (RECORD, "person.json", "%2e%2e%2fperson.json", "reference-1.png"):
        assert client.get(f"/studio/people/{who.id}/footage/{odd}").status_code == 404
    assert client.get(f"/studio/people/{who.id}/reference/1").headers["content-type"] == "image/png"
    assert client.get(f"/studio/people/{who.id}/reference/2").status_code == 404
