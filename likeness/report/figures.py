"""Geometry of the report's drawings: the scale of likelihood ratios, the weight of one cue, a heatmap over a picture.

Positions are percent of the drawing's width or units of its view box, so that every drawing fits a phone and a page. The
template draws them as SVG; only heatmaps, which are our own measurement and no picture of anyone, become a small PNG.
"""

from __future__ import annotations

import base64
import math
import struct
import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from likeness.report.axis import Tick
from likeness.report.items import LlrScale, Picture
from likeness.report.wording import ratio_number
from likeness.types import Heatmap

# From blue over violet and red to yellow, lighter all the way: reads with any colour vision, on skin, and in grey print.
_STOPS = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
_RGB = np.array([[13, 8, 135], [126, 3, 168], [204, 71, 120], [248, 149, 64], [240, 249, 33]])


@dataclass(frozen=True)
class ScaleBar:
    """The scale of likelihood ratios; every position is percent of the width.

    Attributes:
        zones: (start, width, CSS class) of what the decision table says there.
        ticks: powers of ten.
        mark: where the file's llr stands; None without one.
        mark_anchor: how the mark's text stands to it.
        outside: (start, width) of what the calibration set cannot support.
    """

    zones: tuple[tuple[float, float, str], ...]
    ticks: tuple[Tick, ...]
    mark: float | None
    mark_anchor: str
    outside: tuple[tuple[float, float], ...]


def scale_bar(llr: float | None, scale: LlrScale) -> ScaleBar:
    """Lay out the scale so that bound, thresholds and the file's llr are all on it."""
    known = (scale.bound, scale.likely_from, scale.none_below, llr)
    extent = max([2.0, *(abs(v) for v in known if v is not None and math.isfinite(v))]) * 1.12

    def x(value: float) -> float:
        return round(50 + 50 * max(-1.0, min(1.0, value / extent)), 3)

    bound = min(scale.bound, extent) if scale.bound is not None else extent
    low = scale.none_below if scale.none_below is not None else -bound
    high = scale.likely_from if scale.likely_from is not None else bound
    edges = [-bound, max(-bound, min(low, bound)), max(-bound, min(high, bound)), bound]
    names = ("none", "open", "likely")
    zones = tuple(
        (x(a), round(x(b) - x(a), 3), name)
        for a, b, name in zip(edges, edges[1:], names, strict=False)
        if b > a
    )
    whole = math.floor(extent)
    step = max(1, math.ceil(whole / 3))
    ticks = tuple(
        Tick(x(v), ratio_number(v)) for v in range(-whole // step * step, whole + 1, step)
    )
    mark = None if llr is None or math.isnan(llr) else x(llr)
    outside = ((0.0, x(-bound)), (x(bound), round(100 - x(bound), 3))) if bound < extent else ()
    return ScaleBar(
        zones, tuple(t for t in ticks if 2 <= t.at <= 98), mark, _anchor(mark or 50), outside
    )


def weight_bar(llr: float, scale: LlrScale) -> tuple[float, float]:
    """(start, width) in percent of a bar from the middle, which is a ratio of 1, towards what the llr speaks for."""
    extent = max([2.0, *(abs(v) for v in (scale.bound, llr) if v is not None and math.isfinite(v))])
    reach = 0.0 if math.isnan(llr) else 50 * max(-1.0, min(1.0, llr / extent))
    return round(min(50.0, 50 + reach), 3), round(max(abs(reach), 0.8), 3)


@dataclass(frozen=True)
class Overlay:
    """A heatmap over a picture.

    Attributes:
        view: width and height of the picture's part of the frame, in frame pixels.
        matrix: SVG matrix that takes heatmap cells to the picture.
        cells_wh: the heatmap's own size.
        href: data URI of its PNG.
    """

    view: tuple[float, float]
    matrix: str
    cells_wh: tuple[int, int]
    href: str


def overlay(heatmap: Heatmap, picture: Picture) -> Overlay:
    """Lay a heatmap, which may be rotated, over the picture of its frame."""
    x0, y0, x1, y1 = picture.box_px
    corners = heatmap.corners_px.astype(np.float64) - (x0, y0)
    h, w = heatmap.values.shape
    across, down = (corners[1] - corners[0]) / max(w, 1), (corners[3] - corners[0]) / max(h, 1)
    numbers = (*across, *down, *corners[0])
    matrix = f"matrix({' '.join(f'{float(n):.5g}' for n in numbers)})"
    return Overlay((x1 - x0, y1 - y0), matrix, (w, h), heat_png(heatmap.values))


def heat_png(values: npt.NDArray[np.float32]) -> str:
    """Data URI of an RGBA PNG of (h, w) values in [0, 1]: transparent where there is nothing to see."""
    v = np.clip(np.nan_to_num(values.astype(np.float64)), 0, 1)
    colour = np.stack([np.interp(v, _STOPS, _RGB[:, c]) for c in range(3)], -1)
    alpha = 255 * np.clip(1.5 * v, 0, 0.78)
    pixels = np.concatenate([colour, alpha[..., None]], -1).round().astype(np.uint8)
    h, w = v.shape
    rows = np.concatenate([np.zeros((h, 1), np.uint8), pixels.reshape(h, w * 4)], axis=1)
    header = struct.pack(">IIBBBBB", w, h, 8, 6, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header)
    png += _chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)) + _chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _anchor(at: float) -> str:
    return "start" if at < 8 else "end" if at > 92 else "middle"


def _chunk(kind: bytes, data: bytes) -> bytes:
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
