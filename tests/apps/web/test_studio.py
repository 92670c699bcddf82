"""The studio's pages and rules, without workers: consent before everything, nothing by the back door, gone when deleted."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from likeness.apps.web import kinds
from likeness.apps.web.services import Services
from likeness.apps.web.studio_desk import Desk
from likeness.errors import UsageError
from tests.apps.web import studio_made as made
from tests.apps.web.studio_made import HTML, PATHS
from tests.apps.web.workbench import BEARER, browser, csrf, workbench

Bench = tuple[TestClient, Services, Desk]
ASKED = {
    **{k: str(made.FACTS[k]) for k in ("subject", "basis", "purpose", "expires")},
    "attest_age": "yes",
    "attest_use": "yes",
}


def ask(client: TestClient, **changes: str) -> Any:
    """The first step of the wizard."""
    fields = {k: v for k, v in {**ASKED, **changes}.items() if v}
    return client.post("/studio/consent", data=fields, files={"file": ("t.txt", b"terms")})


def written(folder: Path) -> list[str]:
    return [str(p.relative_to(folder)) for p in (folder / "studio").rglob("*") if p.is_file()]


def test_without_the_option_there_is_no_studio(tmp_path: Path) -> None:
    with workbench(tmp_path / "d") as (client, services):
        for path in PATHS:
            assert (
                client.get(path.format(**dict.fromkeys(_names(path), "0" * 16))).status_code == 404
            )
        assert ask(client).status_code == 404
        for path in ("/studio/pairs", "/studio/uploads", "/studio/pairs/0123456789abcdef/swap"):
            assert client.post(path, data={"source": "a"}).status_code == 404
        assert not services.settings.studio_folder.exists()


def _names(path: str) -> list[str]:
    return re.findall(r"{(\w+)}", path)


def test_jobs_of_the_studio_need_it_even_if_they_waited(tmp_path: Path) -> None:
    """A workbench that is started again without the studio finds them in its table and refuses them."""
    from likeness.apps.web.kinds import Task
    from likeness.media import Limits

    task = Task("0" * 16, "swap", tmp_path, tmp_path, "f", {"pair": "0" * 16}, Limits(), tmp_path)
    for kind in kinds.STUDIO_KINDS:
        with pytest.raises((UsageError, KeyError), match=r"studio|minutes"):
            kinds.run_of(kind)(task, lambda _share, _text: None)


def test_no_request_can_name_a_kind_of_the_studio(bench: Bench, tmp_path: Path) -> None:
    client, _services, desk = bench
    pair = made.pair(desk, tmp_path)
    job = desk.line_up("pair", pair, {})
    for kind in kinds.STUDIO_KINDS:
        asked = {"kind": kind, "options": {"pair": pair.id}}
        assert client.post(f"/api/jobs/{job.id}/derive", json=asked).status_code == 422
    assert not set(kinds.STUDIO_KINDS) & set(kinds.KINDS)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"attest_age": ""}, "statements"),
        ({"attest_use": "no"}, "statements"),
        ({"basis": "synthetic_person"}, "synthetic"),
        ({"basis": "because"}, "Basis"),
        ({"purpose": "art"}, "research only"),
        ({"expires": "2001-01-01"}, "over already"),
        ({"expires": "tomorrow"}, "Expires"),
        ({"subject": " "}, "Subject"),
        ({"subject": "a\u202eb"}, "Subject"),
    ],
)
def test_the_wizard_keeps_the_rules_of_records(
    bench: Bench, changes: dict[str, str], word: str
) -> None:
    client, services, _desk = bench
    answer = ask(client, **changes)
    assert answer.status_code == 422 and word in answer.json()["error"]
    assert written(services.settings.data_folder) == []
    assert not list(services.results.incoming.iterdir())


def test_nothing_can_be_made_of_somebody_without_a_record(bench: Bench, tmp_path: Path) -> None:
    client, services, desk = bench
    who = ask(client).json()["location"]
    assert client.get(who, headers=HTML).status_code == 200
    covered = made.person(desk, tmp_path)
    draft = who.rsplit("/", 1)[1]
    refused = [
        client.post(f"{who}/extract", data={"every": "1"}),
        client.post(f"{who}/faces", data={"drop": ["0123456789-000001-0"]}),
        client.post("/studio/pairs", data={"source": draft, "target": covered.id}),
        client.post("/studio/pairs", data={"source": covered.id, "target": draft}),
    ]
    assert [r.status_code for r in refused] == [409] * 4
    assert not services.store.everything() and not desk.store.pairs()


def test_pictures_come_first_and_are_pictures(bench: Bench) -> None:
    client, services, desk = bench
    who = ask(client).json()["location"].rsplit("/", 1)[1]
    clip = b"\0\0\0\x18ftypisom" + bytes(300)
    for name, content, status in (
        ("a.mp4", clip, 415),
        ("a.txt", b"no medium at all", 415),
        ("a.png", made.PICTURE, 201),
    ):
        files = {"file": (name, content)}
        answer = client.post("/studio/uploads", data={"person": who}, files=files)
        assert answer.status_code == status, answer.text
    (job,) = services.store.everything()
    assert job.kind == "consent" and job.options == {"person": who}
    held = sorted(p.name for p in (desk.store.person(who).folder / "pictures").iterdir())
    assert held == ["reference-1.png"]
    again = client.post(
        "/studio/uploads", data={"person": who}, files={"file": ("b.png", made.PICTURE)}
    )
    assert again.status_code == 409  # one job of a person at a time


@pytest.mark.parametrize("odd", ["..", "%2e%2e", "0" * 15, "g" * 16, "0123456789ABCDEF", "0" * 16])
def test_odd_names_lead_nowhere(bench: Bench, tmp_path: Path, odd: str) -> None:
    """Not even to a folder that looks like one of ours."""
    client, services, desk = bench
    whole = made.person(desk, tmp_path).folder / "person.json"
    for kind in ("people", "pairs"):
        place = services.settings.studio_folder / kind / odd.replace("%2e", ".")
        if odd != "0" * 16:
            place.mkdir(parents=True, exist_ok=True)
            (place / "person.json").write_bytes(whole.read_bytes())
            (place / "pair.json").write_text(
                json.dumps(dict.fromkeys(("source", "target"), whole.parent.name))
            )
    for kind in ("people", "pairs", "swaps"):
        assert client.get(f"/studio/{kind}/{odd}/delete").status_code == 404
        assert client.post(f"/studio/{kind}/{odd}/delete").status_code in (404, 405)


@pytest.mark.parametrize(
    "fields", [{}, {"drop": "x"}, {"drop": "../../a"}, {"keep": "0123456789-000001-0;"}]
)
def test_only_ids_of_faces_are_taken_by_hand(
    bench: Bench, tmp_path: Path, fields: dict[str, str]
) -> None:
    client, services, desk = bench
    who = made.person(desk, tmp_path)
    answer = client.post(f"/studio/people/{who.id}/faces", data=fields)
    assert answer.status_code == 422 and not services.store.everything()


@pytest.mark.parametrize("minutes", ["0", "-1", "nan", "1e9", "x"])
def test_impossible_minutes_are_refused(bench: Bench, filled: dict[str, str], minutes: str) -> None:
    data = {"minutes": minutes, "generator": "autoencoder_light"}
    assert bench[0].post(f"/studio/pairs/{filled['pair']}/train", data=data).status_code == 422


def test_an_expired_record_stops_training_and_swaps(bench: Bench, filled: dict[str, str]) -> None:
    client, services, desk = bench
    pair = desk.store.pair(filled["pair"])
    record = pair.target.record
    record.write_text(record.read_text().replace("2099-12-31", "2001-12-31"))
    before = len(services.store.everything())
    asked = {"target": pair.target.footage[0].file, "generator": "landmark_swap"}
    assert client.post(f"/studio/pairs/{pair.id}/swap", data=asked).status_code == 409
    train = {"minutes": "1", "generator": "autoencoder_light"}
    assert client.post(f"/studio/pairs/{pair.id}/train", data=train).status_code == 409
    assert len(services.store.everything()) == before


def test_a_swap_takes_only_what_there_is(bench: Bench, filled: dict[str, str]) -> None:
    client, _services, desk = bench
    file = desk.store.pair(filled["pair"]).target.footage[0].file
    for target, generator, status in (
        ("person.json", "landmark_swap", 422),
        (file, "autoencoder_light", 422),
        (file, "../run", 422),
        (file, "landmark_swap", 201),
    ):
        data = {"target": target, "generator": generator}
        answer = client.post(f"/studio/pairs/{filled['pair']}/swap", data=data)
        assert answer.status_code == status, answer.text


def test_different_purposes_make_no_pair(bench: Bench, tmp_path: Path) -> None:
    client, _services, desk = bench
    own = {"basis": "own_likeness", "subject": "Me"}
    people = [made.person(desk, tmp_path, **own, purpose=p) for p in ("art", "research")]
    data = {"source": people[0].id, "target": people[1].id}
    assert client.post("/studio/pairs", data=data).status_code == 422


def test_deleting_a_person_deletes_all_that_was_made_of_them(
    bench: Bench, filled: dict[str, str]
) -> None:
    client, services, desk = bench
    other = desk.store.pair(filled["pair"]).target.id
    assert client.post(f"/studio/people/{filled['person']}/delete").status_code == 201
    left = {Path(name).parts[2] for name in written(services.settings.data_folder)}
    assert left == {other, filled["draft"]}
    assert not services.store.everything() and not list(services.results.results.iterdir())
    assert client.get(f"/studio/pairs/{filled['pair']}").status_code == 404


def test_a_browser_needs_the_token_of_the_form(bench: Bench, filled: dict[str, str]) -> None:
    client, services, _desk = bench
    with browser(client) as inside:
        address = f"/studio/people/{filled['person']}/delete"
        assert inside.post(address).status_code == 403
        assert ask(inside).status_code == 403
        assert inside.get(f"/studio/people/{filled['person']}", headers=HTML).status_code == 200
        answer = inside.post(address, headers={**csrf(services), **HTML}, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, "/studio")
    stranger = TestClient(client.app, base_url="http://127.0.0.1", headers={})
    assert stranger.get("/studio").status_code == 401
    assert "authorization" in BEARER


def test_the_server_decodes_nothing_for_the_studio() -> None:
    code = (
        "import sys; import likeness.apps.web.studio; "
        "print([m for m in ('cv2','av','torch','onnxruntime','PIL','dlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
