from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest

from likeness.report import LlrScale, Picture
from likeness.report.figures import heat_png, overlay, scale_bar, weight_bar
from likeness.types import Heatmap

PNG = b"\x89PNG\r\n\x1a\n"


def test_scale_bar_puts_the_mark_into_the_zone_of_its_verdict():
    scale = LlrScale(bound=2.5, likely_from=1.0, none_below=-0.5)
    for llr, name in (
        (-1.0, "none"),
        (0.0, "open"),
        (0.99, "open"),
        (1.01, "likely"),
        (2.5, "likely"),
    ):
        bar = scale_bar(llr, scale)
        inside = [n for x, w, n in bar.zones if x <= bar.mark <= x + w + 1e-6]
        assert name in inside
    assert [n for *_, n in bar.zones] == ["none", "open", "likely"]
    assert [t.text for t in bar.ticks] == ["1/100", "1/10", "1", "10", "100"]
    assert bar.outside[0][0] == 0 and sum(bar.outside[1]) == pytest.approx(100)


@pytest.mark.parametrize(
    ("llr", "scale"),
    [
        (None, LlrScale()),
        (9.0, LlrScale(bound=1.0)),
        (float("inf"), LlrScale()),
        (float("nan"), LlrScale(likely_from=3)),
        (-30.0, LlrScale(1.0, 5.0, -5.0)),
    ],
)
def test_scale_bar_stays_on_its_paper(llr, scale):
    bar = scale_bar(llr, scale)
    assert (bar.mark is None) == (llr is None or llr != llr)
    assert all(x >= 0 and w > 0 and x + w <= 100.001 for x, w, _ in bar.zones)
    assert all(0 <= t.at <= 100 for t in bar.ticks) and len(bar.ticks) <= 9
    assert bar.mark is None or 0 <= bar.mark <= 100


def test_weight_bar_grows_from_the_middle_towards_what_it_speaks_for():
    scale = LlrScale(bound=2.0)
    start, width = weight_bar(1.0, scale)
    assert (start, width) == (50, 25)
    start, width = weight_bar(-1.0, scale)
    assert (start, width) == (25, 25)
    for llr in (float("nan"), 0.0, float("inf"), -40.0):
        start, width = weight_bar(llr, LlrScale())
        assert start >= 0 and width > 0 and start + width <= 101


def test_overlay_takes_corners_to_their_pixels():
    box = (100.0, 50.0, 300.0, 250.0)
    picture = Picture(PNG, "image/png", box, 0, 0)
    corners = np.float32([[120, 90], [200, 60], [230, 140], [150, 170]])
    heatmap = Heatmap(np.zeros((4, 8), np.float32), 0, 0, corners)
    drawn = overlay(heatmap, picture)
    a, b, c, d, e, f = map(float, re.findall(r"-?[\d.]+", drawn.matrix))
    assert drawn.view == (200, 200) and drawn.cells_wh == (8, 4)
    for (u, v), corner in zip(((0, 0), (8, 0), (8, 4), (0, 4)), corners, strict=True):
        at = (a * u + c * v + e + box[0], b * u + d * v + f + box[1])
        assert at == pytest.approx(tuple(corner), abs=0.01)


def test_heat_png_is_transparent_where_there_is_nothing_and_lighter_where_there_is_more():
    from PIL import Image

    values = np.float32([[0.0, 0.25, 0.5, 0.75, 1.0, np.nan, 7.0]])
    kind, data = heat_png(values).split(",")
    assert kind == "data:image/png;base64"
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
    assert pixels.shape == (1, 7, 4)
    alpha, light = pixels[0, :, 3].astype(int), pixels[0, :, :3] @ [0.2126, 0.7152, 0.0722]
    assert alpha[0] == alpha[5] == 0 and (np.diff(alpha[:5]) >= 0).all() and alpha[4] > 150
    assert (np.diff(light[:5]) > 0).all()
    assert (pixels[0, 4] == pixels[0, 6]).all()
