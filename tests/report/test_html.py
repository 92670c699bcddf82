from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
import subprocess
import sys
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest

from likeness.errors import UsageError
from likeness.report import Failure, LlrScale, Picture, ReportItem, render_html
from likeness.types import Heatmap

from .conftest import CREATED, PART_INFO, clip_verdict, jpeg_of, no_face_verdict

VOID = {"meta", "img", "br", "link", "input", "hr", "wbr"}


class Page(HTMLParser):
    """The document as a parser sees it: tags, attributes, text; every element closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module")
def html(batch) -> str:
    return render_html(batch, CREATED)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_every_part_of_the_answer_is_there(page: Page):
    for words in (
        "Manipulation likely",
        "No manipulation found",
        "Inconclusive",
        "Not examined",
        "It does not mean that the file is real.",
        "38 times as usual for manipulated files",
        "It is not the probability that the file was manipulated.",
        "between 1/320 and 320",
        "Noise residuals inside face 1 differ",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "312 identities of celebahq1024",
        "Says nothing about the voice.",
        "residual_statistics-1",
        "Detecting Deepfakes with Self-Blended Images, 2022",
        "Faces below 64 px between the eyes carry too little residual.",
        "The file carries no sound.",
        "Bitrate (bit/s)",
        "MediaError, exit code 3",
        "No face was found",
        CREATED.replace("T", " "),
    ):
        assert words in page.text, words


def test_nothing_is_fetched_from_anywhere(html: str, page: Page):
    for tag, attrs in page.tags:
        assert tag not in ("script", "link", "iframe", "object", "embed", "base", "form", "video")
        for name, value in attrs.items():
            assert not name.startswith("on") and name not in ("style", "srcset")
            if name in ("src", "href", "xlink:href"):
                inside = r"data:image/(png|jpeg);base64,|#result-\d+(-(cue|p|f)\d+)?$"
                assert re.match(inside, value or ""), value
    style = re.search(r"<style>(.*?)</style>", html, re.S).group(1)
    assert "url(" not in style and "@import" not in style and "<" not in style
    # The one address is a reference, as text.
    assert set(re.findall(r"https?://[^<\s]+", html)) == {"https://arxiv.org/abs/2204.08376"}


def test_the_policy_allows_this_style_sheet_and_data_pictures_only(html: str, page: Page):
    (policy,) = (m["content"] for m in page.all("meta") if "http-equiv" in m)
    style = re.search(r"<style>(.*?)</style>", html, re.S).group(1)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert f"style-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy


def test_accessible_structure(page: Page):
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))
    assert all(attrs.get("alt") for attrs in page.all("img"))
    assert all(attrs.get("scope") in ("col", "row") for attrs in page.all("th"))
    for attrs in page.all("svg"):
        assert (
            attrs.get("aria-label")
            or attrs.get("aria-hidden") == "true"
            or attrs.get("width") == "12"
        )
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    named = {a["aria-labelledby"] for _, a in page.tags if "aria-labelledby" in a}
    assert named <= set(ids)
    assert page.all("html")[0]["lang"] == "en"


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * c for c in colour[1:])
    c = np.array([int(digits[i : i + 2], 16) for i in (0, 2, 4)]) / 255
    c = np.where(c <= 0.03928, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return float(c @ [0.2126, 0.7152, 0.0722])


def test_text_colours_have_aa_contrast_in_light_dark_and_print(html: str):
    blocks = re.findall(r":root \{(.*?)\}", html, re.S)
    assert len(blocks) == 3
    for block in blocks:
        colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]+)", block))
        pairs = [(t, "paper") for t in ("ink", "quiet", "link", "likely", "open", "none")]
        pairs += [("quiet", "card"), ("ink", "card")]
        pairs += [(t, f"{z}-soft") for z in ("likely", "open", "none") for t in ("ink", "quiet", z)]
        for text, ground in pairs:
            a, b = sorted((_luminance(colours[text]), _luminance(colours[ground])))
            assert (b + 0.05) / (a + 0.05) >= 4.5, (text, ground)


HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}</style></title>\u202e"


def test_hostile_words_stay_words(portrait):
    verdict = clip_verdict(HOSTILE)
    evidence = dataclasses.replace(
        verdict.evidence[0], detector=HOSTILE, cue=HOSTILE, note=HOSTILE, weights=HOSTILE
    )
    verdict = dataclasses.replace(
        verdict,
        sha256=HOSTILE,
        reasons=(HOSTILE,),
        evidence=(evidence,),
        limits=(HOSTILE,),
        population=HOSTILE,
        facts={HOSTILE: HOSTILE},
        versions={HOSTILE: HOSTILE},
    )
    frame = evidence.heatmaps[0].frame_index
    picture = Picture(jpeg_of(portrait), "image/jpeg", (0, 0, 512, 512), frame, 0, HOSTILE)
    info = {
        HOSTILE: dict.fromkeys(("summary", "paper", "known_failures", "weights_licence"), HOSTILE)
    }
    items = [
        ReportItem(HOSTILE, verdict, pictures=(picture,), part_info=info),
        ReportItem(HOSTILE, error=Failure(HOSTILE, HOSTILE, 3)),
    ]
    html = render_html(items, CREATED)
    page = Page(html)
    tags = {tag for tag, _ in page.tags}
    assert "script" not in tags and "49" not in page.text.replace(CREATED, "")
    assert all(a.get("src", "data:").startswith("data:") for a in page.all("img"))
    assert not any(k.startswith("on") for _, attrs in page.tags for k in attrs)
    assert page.text.count("<script>alert(1)</script>") >= 18
    assert "\u202e" not in html and "<script>alert" not in html
    assert render_html(items[:1], CREATED).count("</title>") == 1


def test_timelines_heatmaps_and_thumbnails_stand_at_their_face(clip_item):
    page = Page(render_html([clip_item], CREATED))
    labels = [a["aria-label"] for a in page.all("svg") if a.get("role") == "img"]
    assert sum(label.startswith("Face 1, residual_statistics.") for label in labels) == 1
    assert sum(label.startswith("Face 2, residual_statistics.") for label in labels) == 1
    assert sum("heatmap of residual_statistics" in label for label in labels) == 2
    alts = [a["alt"] for a in page.all("img")]
    assert alts.count("Face 1 at 2.40 s") == 1 and alts.count("Face 2 at 2.40 s") == 1
    assert len(page.all("image")) == 4  # two heatmaps, each over its picture


def test_the_hash_is_printed_once(clip_item):
    assert Page(render_html([clip_item], CREATED)).text.count(clip_item.verdict.sha256) == 1


def test_a_picture_has_no_timeline_and_no_times(still_item):
    page = Page(render_html([still_item], CREATED))
    assert "Over time" not in page.text
    assert page.all("img")[0]["alt"] == "Face 1"


def test_generated_pixels_carry_their_label(still_item):
    label = "PSEUDO-FAKE made by Likeness"
    picture = dataclasses.replace(still_item.pictures[0], generated_label=label)
    page = Page(render_html([dataclasses.replace(still_item, pictures=(picture,))], CREATED))
    assert page.text.count(label) == 2  # thumbnail and heatmap
    assert any(label in (a["alt"] or "") for a in page.all("img"))


def test_a_finding_about_the_whole_picture_has_its_own_section(portrait):
    corners = np.float32([[0, 0], [512, 0], [512, 512], [0, 512]])
    heatmap = Heatmap(np.ones((4, 4), np.float32), 0, None, corners, "<b>round blobs")
    verdict = no_face_verdict()
    evidence = dataclasses.replace(
        verdict.evidence[0], status="scored", score=0.2, heatmaps=(heatmap,)
    )
    verdict = dataclasses.replace(verdict, evidence=(evidence,))
    picture = Picture(jpeg_of(portrait), "image/jpeg", (0, 0, 512, 512), 0)
    page = Page(render_html([ReportItem("x.jpg", verdict, pictures=(picture,))], CREATED))
    assert "Whole picture" in page.text and ": <b>round blobs" in page.text
    assert len(page.all("image")) == 2


def test_odd_items_still_make_a_page():
    empty = dataclasses.replace(
        no_face_verdict(), evidence=(), reasons=(), sha256="", llr=float("nan")
    )
    infinite = dataclasses.replace(
        clip_verdict(), llr=float("inf"), question_llrs={"blended": float("nan")}
    )
    page = Page(
        render_html(
            [ReportItem("a", empty), ReportItem("b", infinite, scale=LlrScale(1.0))], CREATED
        )
    )
    assert "No detector was asked." in page.text and "more than 10^12" in page.text
    assert " nan" not in page.text.lower()
    assert "0 files" in Page(render_html([], CREATED)).text
    with pytest.raises(UsageError):
        render_html([], "now")


def test_same_input_same_bytes(batch, html: str):
    assert render_html(batch, CREATED) == html


@pytest.mark.parametrize(
    "paper", ["A (2020)", {"title": "A", "year": 2020}, ["A", {"title": "2020"}], None, ""]
)
def test_papers_of_every_shape(clip_item, paper):
    info = {"residual_statistics": {**PART_INFO["residual_statistics"], "paper": paper}}
    page = Page(render_html([dataclasses.replace(clip_item, part_info=info)], CREATED))
    assert ("A" in page.text and "2020" in page.text) if paper else "not stated" in page.text


def test_room_loads_nothing_heavy_and_never_an_encoder():
    code = (
        "import sys, likeness.report as r; assert not {'jinja2', 'rich'} & set(sys.modules)\n"
        "r.render_html; r.render_terminal; r.write_json; r.report_to_dict\n"
        "assert not {'PIL', 'cv2', 'av', 'skimage'} & set(sys.modules)\n"
        "import pytest\n"
        "with pytest.raises(AttributeError): r.nothing\n"
        "assert all(hasattr(r, n) for n in r.__all__)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
