"""The page of a clip with a dozen cues: overview, timeline with its frames, readings, and what is folded."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from likeness.report import LlrScale, Picture, ReportItem, render_html, render_terminal
from likeness.report.cues_view import by_weight, cue_view
from likeness.report.film import DRAWN_FACES, SLOTS, film_frames
from likeness.types import Span, Verdict

from .conftest import CREATED, SCALE, jpeg_of, make_track, pictures_of
from .many_cues import INFO, cue_verdict
from .test_html import HOSTILE, Page
from .test_terminal import printed


def item_of(verdict: Verdict, image: np.ndarray, label: str | None = None) -> ReportItem:
    data = jpeg_of(image[::8, ::8])
    frames = film_frames(verdict)
    film = tuple(
        Picture(data, "image/jpeg", (0, 0, 64, 64), int(t.frame_indices[row]), t.track_id, label)
        for t in verdict.tracks
        for row in frames.get(t.track_id, ())
    )
    length = len(verdict.tracks[0])
    cut = pictures_of(verdict, image, (length // 3,))
    return ReportItem("a.mp4", verdict, pictures=cut, film=film, part_info=INFO, scale=SCALE)


@pytest.fixture(scope="module")
def item(portrait: np.ndarray) -> ReportItem:
    return item_of(cue_verdict([make_track(0, 60), make_track(1, 40, first=20)]), portrait)


@pytest.fixture(scope="module")
def html(item: ReportItem) -> str:
    return render_html([item], CREATED)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_cues_stand_by_weight_and_what_could_not_run_is_folded_with_its_reason(html, page):
    table = re.search(r'<table role="table" class="cues">(.*?)</table>', html, re.S).group(1)
    names = re.findall(r"<code>(.*?)</code>", table)
    assert names == ["boundary", "blur_mismatch", "mouth", "flicker", "skin_tone",
                     "residual_statistics", "noise_residual", "blink", "eyes"]  # fmt: skip
    assert table.count("illustration only") == 2
    assert "9 of 13 detectors could score this file" in page.text
    assert "3 detectors not applicable: head_pose, occlusion, spectrum" in page.text
    folded = re.search(r'<details class="idle">(.*?)</details>', html, re.S).group(1)
    assert "turned by more than 40 degrees" in folded
    broken = re.search(r'<details class="idle" open>(.*?)</details>', html, re.S).group(1)
    assert "Weights missing." in broken
    assert "boundary fails on make-up." in page.text


def test_weight_never_stands_above_what_has_a_ratio():
    verdict = cue_verdict([make_track(0, 8)])
    nothing = dataclasses.replace(verdict.evidence[3], llr=float("nan"), detector="nan")
    order = [e.detector for e in by_weight((nothing, *verdict.evidence))]
    assert order.index("nan") > order.index("noise_residual")
    assert order[-3:] == ["head_pose", "occlusion", "spectrum"] and order[-4] == "mesonet"


def test_where_names_the_strongest_stretches_in_the_order_of_time():
    boundary = cue_verdict([make_track(0, 8)]).evidence[3]
    spans = tuple(Span(float(k), k + 0.5, float(k % 4), 0) for k in range(5))
    view = cue_view(dataclasses.replace(boundary, spans=spans), {}, LlrScale())
    (line,) = view.where
    assert line == "Face 1: 1.00 s to 1.50 s, 2.00 s to 2.50 s, 3.00 s to 3.50 s and 2 more"


def test_every_row_of_the_timeline_can_be_heard(page: Page):
    labels = [a["aria-label"] or "" for a in page.all("svg") if a.get("class") == "strip"]
    assert sum(label.startswith("Face 1, ") for label in labels) == 11  # with curves
    (boundary,) = (label for label in labels if label.startswith("Face 1, boundary."))
    assert boundary.endswith("The cue shows from 3.54 s to 6.49 s.")
    assert any("loudness of the voice" in label for label in labels)
    assert not any("nan" in label for label in labels)


def test_frames_are_in_the_page_once_and_every_slot_shows_one(html: str, page: Page):
    ids = {a["id"] for a in page.all("image") if "id" in a}
    used = [a["href"].removeprefix("#") for a in page.all("use")]
    assert set(used) <= ids and len(used) > 2 * SLOTS
    film = [i for i in ids if "-f" in i]
    assert len(film) == len(set(film)) <= 2 * SLOTS
    radios = page.all("input")
    assert len(radios) == 2 * SLOTS and all(r["type"] == "radio" for r in radios)
    for name in {r["name"] for r in radios}:
        assert sum("checked" in r for r in radios if r["name"] == name) == 1
    assert "shows: boundary, blur_mismatch, flicker" in page.text
    assert "not seen or not examined" in page.text  # face 2 comes later


def test_nothing_on_the_page_needs_a_script_or_a_style_of_its_own(page: Page):
    for tag, attrs in page.tags:
        assert tag not in ("script", "link", "form", "iframe")
        assert "style" not in attrs and not any(k.startswith("on") for k in attrs)
        assert not re.search(r"url\((?!#result-1-hatch\))", str(attrs.get("fill", "")))
    assert sum(a.get("id") == "result-1-hatch" for a in page.all("pattern")) == 1
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))


def test_readings_outside_their_range_stand_with_the_face_and_all_with_the_cue(page: Page):
    bars = [a["aria-label"] for a in page.all("svg") if a.get("class") == "range"]
    assert (
        sum("above the usual 0.8 to 1.6 px" in bar for bar in bars) == 4
    )  # at the face, at the cue
    assert "2 of 18 readings lie outside what nine in ten real faces give" in page.text
    assert "0 of 18 readings lie outside" in page.text  # face 2
    assert page.text.count("usual range not known") == 18


def test_beyond_six_faces_the_rest_is_listed(portrait):
    alike = [dataclasses.replace(make_track(0, 26), track_id=k) for k in range(9)]
    verdict = cue_verdict(alike)
    html = render_html([item_of(verdict, portrait)], CREATED)
    page = Page(html)
    assert len(page.all("input")) == DRAWN_FACES * SLOTS
    assert "3 more faces" in page.text and "Face 9" in page.text
    assert page.text.count("Pose and quality") == DRAWN_FACES
    assert "Face 9 at 1.60 s" in [a["alt"] for a in page.all("img")]
    assert page.text.count("face not seen") == 0


def test_generated_frames_carry_their_label(portrait):
    html = render_html(
        [item_of(cue_verdict([make_track(0, 30)]), portrait, "PSEUDO-FAKE")], CREATED
    )
    assert html.count("generated pixels: PSEUDO-FAKE") == SLOTS
    assert '<strong class="generated">PSEUDO-FAKE</strong>' in html


def test_hostile_words_in_readings_and_curves_stay_words(portrait):
    verdict = cue_verdict([make_track(0, 30)])
    changed = []
    for e in verdict.evidence:
        readings = tuple(dataclasses.replace(r, name=HOSTILE, unit=HOSTILE) for r in e.readings)
        curves = tuple(dataclasses.replace(c, name=HOSTILE, unit=HOSTILE) for c in e.curves)
        changed.append(
            dataclasses.replace(e, detector=HOSTILE, readings=readings, curves=curves, note=HOSTILE)
        )
    item = item_of(dataclasses.replace(verdict, evidence=tuple(changed)), portrait, HOSTILE)
    html = render_html([item], CREATED)
    page = Page(html)
    tags = {tag for tag, _ in page.tags}
    assert "script" not in tags and not any(k.startswith("on") for _, a in page.tags for k in a)
    assert "<script>alert" not in html and "\u202e" not in html and "<title>" in html
    assert all(re.match("data:|#", a.get("src", a.get("href", "#")) or "") for _, a in page.tags)
    text = printed(render_terminal([item]), 160)
    assert "\u202e" not in text


def test_the_terminal_names_the_three_farthest_readings(item):
    text = " ".join(printed(render_terminal([item]), 100).replace("│", " ").split())
    assert "Farthest from what real faces give" in text
    assert "width of the edge in boundary 2." in text and "above the usual 0.8 to 1.6 px" in text
    assert "(illustration only)" in text and "(uncalibrated)" not in text
    assert text.index("boundary") < text.index("blur_mismatch") < text.index("head_pose")


def test_a_page_of_six_faces_stays_light(portrait):
    alike = [dataclasses.replace(make_track(0, 240), track_id=k) for k in range(6)]
    verdict = cue_verdict(alike)
    html = render_html([item_of(verdict, portrait)], CREATED)
    drawn = re.sub(r'"data:[^"]*"', '""', html)
    assert len(drawn) < 700_000, len(drawn)
