"""The page of a benchmark: drawings in place, nothing unescaped, no outside request."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from likeness.errors import UsageError
from likeness.report.bench_html import BenchHead, render_bench_html
from likeness.report.bench_parts import (
    BenchFace,
    BenchPlot,
    BenchSection,
    BenchTable,
    FaceRow,
    Figure,
    Heat,
)

CREATED = "2026-03-04T10:15:00+00:00"
EVIL = "<script>alert(1)</script>"


def page(*sections: BenchSection) -> str:
    head = BenchHead("a, b", [("Data", EVIL)], [EVIL], ["a", "b"])
    return render_bench_html(head, sections, CREATED)


def test_a_figure_stands_where_its_value_is() -> None:
    figure = Figure(0.75, 0.6, 0.9)
    assert (figure.at(figure.value), figure.at(figure.low), figure.at(0.5)) == (75.0, 60.0, 50.0)
    assert (figure.text, figure.interval) == ("0.750", "0.600 to 0.900")
    share = Figure(0.3, 0.1, 0.9, (0.0, 0.6), percent=True)
    assert share.at(0.3) == 50.0 and share.at(0.9) == 100.0  # beyond the scale is its end
    assert share.interval == "10 % to 90 %"
    assert Figure(None).text == "–" and Figure(0.5).interval == ""


@pytest.mark.parametrize(
    ("value", "shade"),
    [(None, "h-none"), (0.3, "h-below"), (0.5, "h-0"), (0.72, "h-2"), (1.0, "h-5"), (0.46, "h-0")],
)
def test_shades_rise_with_auc(value: float | None, shade: str) -> None:
    assert Heat(value).shade == shade


def test_a_line_rises_on_the_page_when_its_values_rise() -> None:
    plot = BenchPlot("t", ("x", "y"), (0, 5), (0.4, 1.0), [("a", [0.0, 5.0], [0.4, 1.0])], 0.5)
    ((_, points),) = plot.paths()
    (x0, y0), (x1, y1) = (tuple(map(float, p.split(","))) for p in points.split())
    assert x0 < x1 and y0 > y1  # SVG counts downwards
    level = plot.level_at()
    assert level is not None and y1 < level < y0
    assert [text for _, text in plot.x_ticks()] == ["0", "1", "2", "3", "4", "5"]
    assert plot.y_ticks()[0][1] == "0.4" and plot.y_ticks()[-1][1] == "1"


def test_texts_are_escaped_and_nothing_is_loaded() -> None:
    face = BenchFace(b"\xff\xd8jpeg", EVIL, EVIL, EVIL)
    table = BenchTable((EVIL, "v"), [[EVIL, Figure(0.5, note=EVIL)]], EVIL, EVIL, EVIL)
    plot = BenchPlot(EVIL, (EVIL, EVIL), (0, 1), (0, 1), [(EVIL, [0, 1], [0, 1])])
    html = page(BenchSection(EVIL, EVIL, [table], [plot], [FaceRow(EVIL, [face])], [EVIL]))
    assert "<script" not in html and "&lt;script&gt;" in html
    assert not re.search(r"(src|href)=\"(?!data:image/jpeg|#)", html)
    assert "style=" not in html  # the policy would forbid it
    assert "default-src &#39;none&#39;" in html


def test_the_policy_allows_exactly_the_styles_of_the_page() -> None:
    import base64
    import hashlib

    html = page(BenchSection("s", "words"))
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.S)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"sha256-{digest}" in html.replace("&#43;", "+").replace("&#34;", '"')


def test_empty_parts_are_left_out_and_folded_ones_are_folded() -> None:
    folded = BenchTable(("a", "b"), [["x", "y"]], "folded table", open=False)
    html = page(BenchSection("nothing here"), BenchSection("something", tables=[folded]))
    assert "nothing here" not in html
    assert "<details><summary>folded table</summary>" in html


def test_a_face_that_cannot_be_read_again_is_blank() -> None:
    html = page(BenchSection("g", faces=[FaceRow("r", [BenchFace(b"", "w", "d", "o")])]))
    assert 'class="blank"' in html and "<img" not in html


def test_a_time_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        render_bench_html(BenchHead("a", [], [], ["a"]), [], "yesterday")
