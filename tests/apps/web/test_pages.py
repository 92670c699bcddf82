"""The pages over finished, running and failed jobs: what they say, what they leave out, and what they weigh."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from likeness.apps.web import pages
from likeness.apps.web.pages_curve import charts
from likeness.apps.web.pages_view import shares
from likeness.apps.web.services import Services
from likeness.apps.web.texts import TEXTS
from likeness.jobs.robustness import Rescored, Robustness
from likeness.report import LlrScale
from tests.apps.web.made_results import clip_of, finish, finish_robustness
from tests.apps.web.workbench import csrf, hand_in, png, workbench
from tests.report.conftest import clip_verdict, no_face_verdict, still_verdict

NASTY = '<img src=x onerror=alert(1)> "\u202egpj.mp4'
HTML = {"accept": "text/html"}
Bench = tuple[TestClient, Services, dict[str, str]]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    from skimage import data

    image = data.astronaut()
    with workbench(tmp_path_factory.mktemp("pages") / "d") as (client, services):
        verdicts = {"clip": (clip_verdict(), 210), "still": (still_verdict(), 1)}
        verdicts |= {"street": (no_face_verdict(), 1), "nasty": (clip_verdict(), 210)}
        names = {
            "clip": "interview.mp4",
            "still": "portrait.jpg",
            "street": "street.jpg",
            "nasty": NASTY,
        }
        jobs = {
            key: finish((client, services), v, clip_of(v, image, n), names[key], seed)
            for seed, (key, (v, n)) in enumerate(verdicts.items())
        }
        jobs["waiting"] = hand_in(client, png(90), "waiting.png")["id"]
        jobs["failed"] = hand_in(client, png(91), "failed.png")["id"]
        services.store.change(jobs["failed"], state="failed", message="The file is cut off.")
        yield client, services, jobs


class Tags(HTMLParser):
    """Every tag with its attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))


def page(bench: Bench, path: str, status: int = 200) -> str:
    answer = bench[0].get(path, headers=HTML)
    assert answer.status_code == status, answer.text
    return answer.text


def text_of(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


ALL = (
    *("/", "/history", "/compare", "/verify", "/jobs/{clip}", "/jobs/{still}", "/jobs/{street}"),
    *("/jobs/{nasty}", "/jobs/{waiting}", "/jobs/{failed}"),
)
MORE = ("/jobs/{clip}/delete", "/compare?job={clip}&job={still}", "/jobs/{clip}/robustness")


@pytest.mark.parametrize("path", ALL + MORE)
def test_no_page_needs_anything_that_its_policy_forbids(bench: Bench, path: str) -> None:
    html = page(bench, path.format(**bench[2]))
    reader = Tags()
    reader.feed(html)
    for tag, attributes in reader.found:
        assert tag != "style" and not any(n == "style" or n.startswith("on") for n in attributes)
        if tag == "script":
            assert (
                attributes.get("src", "").startswith("/static/")
                or attributes["type"] == "application/json"
            )
        for name in ("href", "src", "action", "poster"):
            assert re.match(r"/(?!/)|#|data:image/png", attributes.get(name, "#")), attributes
    assert "{{" not in html and "{%" not in html
    forms = re.findall(r"<form[^>]*method=\"post\".*?</form>", html, re.S)
    for form in forms:
        assert re.search(r"<form[^>]*>\s*<input type=\"hidden\" name=\"csrf\" value=\"\w", form)


def test_a_verdict_page_says_everything_that_the_report_says(bench: Bench) -> None:
    html = page(bench, f"/jobs/{bench[2]['clip']}")
    shown, verdict = text_of(html), clip_verdict()
    assert "Manipulation likely" in shown and "interview.mp4" in shown
    for sentence in (*verdict.reasons, *verdict.limits, verdict.population):
        assert sentence in shown
    for evidence in verdict.evidence:
        assert evidence.note in shown
    assert "What it does not mean." in shown and "What would change this answer" in shown
    assert "38 " in shown  # the ratio of log10 1.58
    links = {f"/api/jobs/{bench[2]['clip']}/report.{kind}" for kind in ("html", "json")}
    assert all(f'href="{link}"' in html for link in links)
    assert f'href="/jobs/{bench[2]["clip"]}/report.pdf"' in html


def test_cards_stand_by_weight_with_their_share(bench: Bench) -> None:
    html = page(bench, f"/jobs/{bench[2]['clip']}")
    cards = re.findall(r'<li class="card[^"]*" id="cue-(\w+)">(.*?)</details>', html, re.S)
    assert [name for name, _ in cards] == ["residual_statistics", "spectrum"]
    first = text_of(cards[0][1])
    assert "100 % of the summed weight" in first and "Known failures" in first
    assert "seen as the faces of the calibration were" in first
    assert "uncalibrated" in text_of(cards[1][1])


def test_shares_are_those_of_calibrated_findings() -> None:
    from dataclasses import replace

    first, second, *_ = clip_verdict().evidence
    found = shares([replace(first, llr=1.5), replace(second, llr=-0.5)])
    assert found == {"residual_statistics": 75, "spectrum": 25}
    assert shares([replace(first, llr=0.0)]) == {"residual_statistics": 0}


def test_a_file_s_name_is_text_and_nothing_else(bench: Bench) -> None:
    for path in (
        "/",
        "/history",
        f"/jobs/{bench[2]['nasty']}",
        f"/jobs/{bench[2]['nasty']}/delete",
    ):
        html = page(bench, path)
        assert "<img src=x" not in html and "\u202e" not in html
        assert "&lt;img src=x onerror=alert(1)&gt;" in html


def test_the_player_gets_boxes_maps_and_frames(bench: Bench) -> None:
    client, _, jobs = bench
    view = client.get(f"/jobs/{jobs['clip']}/view.json").json()
    verdict = clip_verdict()
    assert (view["kind"], view["size_wh"], view["fps"]) == ("video", [512, 512], 25.0)
    for track, shown in zip(verdict.tracks, view["tracks"], strict=True):
        np.testing.assert_allclose(shown["boxes_px"], track.boxes_px, atol=0.051)
        np.testing.assert_allclose(shown["times_s"], track.times_s, atol=1e-4)
        assert shown["bridged"] == track.bridged.astype(int).tolist()
    assert [h["detector"] for h in view["heats"]] == ["residual_statistics"] * 2
    assert view["heats"][0]["time_s"] == pytest.approx(12 * 5 / 25)
    assert view["spans"] == [{"detector": "residual_statistics", "start_s": 2.4, "end_s": 5.6}]
    assert view["axis"]["at"][0] == 0 and view["axis"]["at"][-1] == 100
    assert len(view["frames"]) == len({i for t in verdict.tracks for i in t.frame_indices})
    frame, heat = client.get(view["frames"][3][1]), client.get(view["heats"][0]["href"])
    assert frame.content.startswith(b"\xff\xd8\xff") and heat.content.startswith(b"\x89PNG")


def test_a_picture_has_no_timeline_and_no_transport(bench: Bench) -> None:
    still, clip = (page(bench, f"/jobs/{bench[2][key]}") for key in ("still", "clip"))
    assert 'class="bench-line"' in clip and 'data-do="play"' in clip
    assert 'class="bench-line"' not in still and 'data-do="play"' not in still
    assert "No manipulation found" in text_of(still)


def test_without_a_face_the_page_says_what_does_not_follow(bench: Bench) -> None:
    shown = text_of(page(bench, f"/jobs/{bench[2]['street']}"))
    assert "No face was found" in shown and "cannot be cleared" in shown
    assert "No likelihood ratio" in shown


def test_a_job_without_a_result_has_no_verdict(bench: Bench) -> None:
    failed = text_of(page(bench, f"/jobs/{bench[2]['failed']}"))
    assert "The file is cut off." in failed and "no verdict about this file" in failed
    waiting = page(bench, f"/jobs/{bench[2]['waiting']}")
    assert "<progress" in waiting and f"/api/jobs/{bench[2]['waiting']}/cancel" in waiting
    assert bench[0].get(f"/jobs/{bench[2]['waiting']}/view.json").status_code == 409


def test_history_searches_and_filters(bench: Bench) -> None:
    def names(query: str) -> set[str]:
        html = page(bench, f"/history?{query}")
        return {
            unescape(n) for n in re.findall(r"<th[^>]*scope=\"row\"><a[^>]*><bdi>(.*?)</bdi>", html)
        }

    assert len(names("")) == 6
    assert names("query=INTERV") == {"interview.mp4"}
    assert names("verdict=no_manipulation_found") == {"portrait.jpg"}
    assert names("verdict=failed") == {"failed.png"}
    assert names("verdict=waiting") == {"waiting.png"}
    assert names("query=nothing-is-called-so") == set()
    assert bench[0].get("/history?page=x", headers=HTML).status_code == 422


def test_delete_asks_first_and_then_deletes(bench: Bench) -> None:
    client, services, _ = bench
    gone = hand_in(client, png(77), "gone.png")["id"]
    upload = services.source_path(gone)
    asked = page(bench, f"/jobs/{gone}/delete")
    assert f'action="/api/jobs/{gone}/delete"' in asked and upload.is_file()
    answer = client.post(f"/api/jobs/{gone}/delete", headers=csrf(services), follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/history")
    assert not upload.exists()
    assert "deleted" in text_of(page(bench, f"/jobs/{gone}", 404))


def test_two_files_stand_side_by_side(bench: Bench) -> None:
    clip, still = bench[2]["clip"], bench[2]["still"]
    html = page(bench, f"/compare?job={clip}&job={still}")
    shown = text_of(html)
    assert (
        html.count('class="player"') == 2 and "interview.mp4" in shown and "portrait.jpg" in shown
    )
    row = re.search(r"<code>residual_statistics</code>.*?</tr>", html, re.S)
    assert row and "2.55" in row.group()  # 1.62 and -0.93
    ids = re.findall(r'\sid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert "<select" in page(bench, f"/compare?job={clip}")
    assert page(bench, f"/compare?job={clip}&job={bench[2]['failed']}", 409)


def test_robustness_shows_where_the_label_turns(bench: Bench) -> None:
    _, services, jobs = bench
    assert "data-try" in page(bench, f"/jobs/{jobs['still']}/robustness")
    finish_robustness(services, jobs["still"], curve().to_dict())
    shown = text_of(page(bench, f"/jobs/{jobs['still']}/robustness"))
    assert "Turns to “Manipulation likely” at quality 50" in shown
    assert (
        "The label stays ; no ratio" in shown
        or "The label stays; no ratio from sigma 2 px on" in shown
    )
    assert "H.264" not in shown  # no family that was not measured


def curve() -> Robustness:
    def step(name: str, family: str, severity: int, amount: float, llr: float | None) -> Rescored:
        label = "manipulation_likely" if llr and llr > 1 else "no_manipulation_found"
        return Rescored(name, family, severity, amount, label, llr, 1, "Because.")  # type: ignore[arg-type]

    steps = (step("jpeg_95", "jpeg", 1, 95, -0.8), step("jpeg_50", "jpeg", 4, 50, 1.4))
    blurs = (step("blur_1", "blur", 2, 1.0, -0.6), step("blur_2", "blur", 4, 2.0, None))
    clean = step("clean", "clean", 0, 0.0, -0.9)
    return Robustness("x", "ab" * 32, 1, 1, clean, (*steps, *blurs))


def test_charts_share_a_scale_and_lift_the_pen_without_a_ratio() -> None:
    jpeg, blur = charts(curve(), LlrScale(2.5, 1.0, -0.5))
    assert jpeg.zero == blur.zero == 50.0
    assert [z[2] for z in jpeg.zones] == ["likely", "open", "none"]
    assert sum(h for _, h, _ in jpeg.zones) == pytest.approx(100, abs=0.05)
    likely = jpeg.zones[0]
    turned = jpeg.points[2]
    assert turned.y is not None and likely[0] <= turned.y <= likely[0] + likely[1]
    assert jpeg.flip == turned and blur.flip is None
    assert blur.lost is not None and blur.lost.step == "sigma 2 px"
    assert blur.line.count("M") == 1 and blur.line.count("L") == 1


def test_a_refusal_is_a_page_for_those_who_look(bench: Bench) -> None:
    html = page(bench, "/jobs/0000000000000000", 404)
    assert "Not possible" in html and "Traceback" not in html


def test_every_text_is_used() -> None:
    """What nobody shows nobody should translate."""
    folder = Path(pages.__file__).parent
    places = [
        *folder.glob("pages*.py"),
        *folder.glob("templates/*.j2"),
        *folder.glob("static/js/*"),
    ]
    used = set(re.findall(r"\w+", " ".join(p.read_text("utf-8") for p in places)))
    unused = {f"{part}.{key}" for part, words in TEXTS.items() for key in words if key not in used}
    assert not unused


def test_pages_weigh_little(bench: Bench) -> None:
    """Everything that a verdict page loads but media: at most 500 kB."""
    client, _, jobs = bench
    html = page(bench, f"/jobs/{jobs['clip']}")
    weight, seen = len(html.encode()), set()
    wanted = re.findall(r'<(?:script|link)[^>]*(?:src|href)="([^"]+)"', html)
    while wanted:
        path = wanted.pop()
        if path in seen:
            continue
        seen.add(path)
        answer = client.get(path)
        assert answer.status_code == 200, path
        weight += len(answer.content)
        wanted += [f"/static/js/{n}" for n in re.findall(r'from "\./([\w.]+)"', answer.text)]
    assert len(seen) >= 9
    weight += len(client.get(f"/jobs/{jobs['clip']}/view.json").content)
    assert weight < 500_000
