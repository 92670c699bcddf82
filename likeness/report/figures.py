"""Geometry of the report's drawings: the scale of likelihood ratios, the timeline of a face, a heatmap over a picture.

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

from likeness.report.items import LlrScale, Picture
from likeness.report.wording import clock, ratio_number, signed
from likeness.types import Evidence, FaceTrack, Heatmap, TrackScore

PLOT_W, PLOT_H = 1000.0, 100.0
# From blue over violet and red to yellow, lighter all the way: reads with any colour vision, on skin, and in grey print.
_STOPS = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
_RGB = np.array([[13, 8, 135], [126, 3, 168], [204, 71, 120], [248, 149, 64], [240, 249, 33]])


@dataclass(frozen=True)
class Tick:
    """One label of an axis: where (percent), what, and how the text stands to it."""

    at: float
    text: str
    anchor: str = "middle"


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


@dataclass(frozen=True)
class Curve:
    """Frame scores of one detector on one face, in view-box units (0-1000 across, 0-100 down).

    Attributes:
        detector: whose.
        line: SVG path through neighbouring frames; broken where the face was not seen.
        dots: SVG path of zero-length strokes, one per scored frame.
        spans: (x, width) of the stretches where the cue shows.
        zero: y of score 0; None if it lies outside.
        top: greatest score as text.
        bottom: least score as text.
        words: the drawing in one sentence, for those who do not see it.
    """

    detector: str
    line: str
    dots: str
    spans: tuple[tuple[float, float], ...]
    zero: float | None
    top: str
    bottom: str
    words: str


@dataclass(frozen=True)
class Timeline:
    """All curves of one face over the clip's time axis."""

    curves: tuple[Curve, ...]
    gaps: tuple[tuple[float, float], ...]
    ticks: tuple[Tick, ...]


def timeline(track: FaceTrack, evidence: tuple[Evidence, ...], end_s: float) -> Timeline | None:
    """Lay out the frame scores of one face; None if no detector scored two frames of it.

    Args:
        track: the face.
        evidence: every detector's finding.
        end_s: right end of the time axis, the same for all faces of a clip.
    """
    end_s = max(end_s, 1e-6)
    curves = []
    for finding in evidence:
        for score in finding.tracks:
            if score.track_id == track.track_id and len(score.frame_indices) > 1:
                curves.append(_curve(track, finding, score, end_s))
    if not curves:
        return None
    return Timeline(tuple(curves), _gaps(track, end_s), time_ticks(end_s))


def time_ticks(end_s: float) -> tuple[Tick, ...]:
    """Three to seven round times from 0 to `end_s`, at percent of the axis."""
    rough = end_s / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough)
    values = [i * step for i in range(math.floor(end_s / step + 1e-9) + 1)]
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    ticks = []
    for value in values:
        at = round(100 * value / end_s, 3)
        text = f"{value:.{digits}f} s" if value < 60 else clock(value)
        ticks.append(Tick(at, text, _anchor(at)))
    return tuple(ticks)


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


def _curve(track: FaceTrack, finding: Evidence, score: TrackScore, end_s: float) -> Curve:
    times = np.interp(score.frame_indices, track.frame_indices, track.times_s)
    values = score.frame_scores.astype(np.float64)
    finite = np.isfinite(values)
    low, high = (values[finite].min(), values[finite].max()) if finite.any() else (0.0, 0.0)
    pad = max(0.08 * (high - low), 1e-3)

    def y(value: float) -> float:
        return PLOT_H * (1 - (value - low + pad) / (high - low + 2 * pad))

    x = PLOT_W * times / end_s
    broken = _breaks(track, score.frame_indices, times) | ~finite
    line, dots, pen_up = [], [], True
    for i in np.flatnonzero(finite):
        point = f"{x[i]:.1f} {y(values[i]):.1f}"
        line.append(("M" if pen_up or broken[i] else "L") + point)
        dots.append(f"M{point}h0")
        pen_up = i + 1 < len(finite) and not finite[i + 1]
    mine = [s for s in finding.spans if s.track_id == track.track_id]
    return Curve(
        finding.detector,
        "".join(line),
        "".join(dots),
        tuple(_strip(s.start_s, s.end_s, end_s) for s in mine),
        round(y(0.0), 2) if low - pad < 0 < high + pad else None,
        signed(high),
        signed(low),
        _curve_words(len(values), low, high, [(s.start_s, s.end_s) for s in mine]),
    )


def _curve_words(n: int, low: float, high: float, spans: list[tuple[float, float]]) -> str:
    shown = " and ".join(f"{clock(a)} to {clock(b)}" for a, b in spans)
    cue = f"; the cue shows from {shown}" if shown else "; no stretch stands out"
    return f"Raw scores of {n} frames, from {signed(low)} to {signed(high)}{cue}."


def _breaks(
    track: FaceTrack, frames: npt.NDArray[np.int64], times: npt.NDArray[np.float64]
) -> npt.NDArray[np.bool_]:
    """(F,) bool: True where the line must be lifted before a frame, because the face was lost since the last one."""
    lifted = np.zeros(len(frames), np.bool_)
    unseen = track.frame_indices[track.bridged]
    steps = np.diff(times)
    usual = float(np.median(steps)) if len(steps) else 0.0
    for i in range(1, len(frames)):
        between = ((unseen > frames[i - 1]) & (unseen < frames[i])).any()
        lifted[i] = bool(between) or steps[i - 1] > 4 * usual
    return lifted


def _gaps(track: FaceTrack, end_s: float) -> tuple[tuple[float, float], ...]:
    """(x, width) of the time in which the face was not seen, before, between and after."""
    if not len(track):
        return ((0.0, PLOT_W),)
    gaps, t = [], track.times_s
    if t[0] > 0:
        gaps.append((0.0, float(t[0])))
    start: float | None = None
    for i in range(len(track)):
        if track.bridged[i] and start is None:
            start = float(t[max(i - 1, 0)])
        elif not track.bridged[i] and start is not None:
            gaps.append((start, float(t[i])))
            start = None
    if start is not None or t[-1] < 0.97 * end_s:
        gaps.append((float(t[-1]) if start is None else start, end_s))
    return tuple(_strip(a, b, end_s) for a, b in gaps)


def _strip(start_s: float, stop_s: float, end_s: float) -> tuple[float, float]:
    start, stop = (min(max(v / end_s, 0.0), 1.0) * PLOT_W for v in (start_s, stop_s))
    return round(start, 2), round(max(stop - start, 2.0), 2)


def _anchor(at: float) -> str:
    return "start" if at < 8 else "end" if at > 92 else "middle"


def _chunk(kind: bytes, data: bytes) -> bytes:
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
