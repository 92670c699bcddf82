"""Geometry of the timeline of a face: one row per cue, its frame scores, spans and curves over the same time axis.

Across, positions are percent; down, they are units of a view box 100 high. Frame scores rise with manipulation, so up is
always the direction of manipulation. A calibrated cue is filled from its zero line and coloured by what its likelihood
ratio says; one that is not calibrated is a bare line in its own unit. A curve stands over the range of real faces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from likeness.report.axis import Tick, TimeAxis
from likeness.report.wording import amount, clock, signed, tone
from likeness.types import Curve, Evidence, FaceTrack, TrackScore

Doubles = npt.NDArray[np.float64]
_LEAST_LOGIT = 3.0  # a calibrated strip reaches at least so far, or noise would look like a finding
_MOST_DOTS = 60


@dataclass(frozen=True)
class Strip:
    """One drawing of a row; paths in a view box 1000 across and 100 down.

    Attributes:
        name: what is drawn; empty for the frame scores.
        line: SVG path through neighbouring values; broken where there is none.
        area: SVG path of the filling between the line and zero; empty without one.
        dots: SVG path of zero-length strokes, one per value; empty where they would touch.
        band: (y, height) of the usual range; None if it is not known.
        zero: y of score 0; None if it is not shown.
        range: least and greatest value in words.
        words: the drawing in one sentence, for those who do not see it.
    """

    name: str
    line: str
    area: str
    dots: str
    band: tuple[float, float] | None
    zero: float | None
    range: str
    words: str


@dataclass(frozen=True)
class Row:
    """One cue on one face.

    Attributes:
        detector: whose.
        llr: of this face; None if uncalibrated.
        tone: "likely", "none", "open", or "plain" for what is not calibrated.
        strips: frame scores first, then curves.
        spans: (start, width) in percent of the stretches where the cue shows.
        spans_words: the same in words; empty without a span.
    """

    detector: str
    llr: float | None
    tone: str
    strips: tuple[Strip, ...]
    spans: tuple[tuple[float, float], ...]
    spans_words: str


@dataclass(frozen=True)
class Timeline:
    """All rows of one face.

    Attributes:
        rows: the weightiest first.
        gaps: (start, width) in percent of the time in which the face was not seen.
        breaks: (start, width) in percent of what was cut out of the axis.
        ticks: labels of the axis.
        others: (detector, llr) of cues that scored the face and have no place in time.
    """

    rows: tuple[Row, ...]
    gaps: tuple[tuple[float, float], ...]
    breaks: tuple[tuple[float, float], ...]
    ticks: tuple[Tick, ...]
    others: tuple[tuple[str, float | None], ...]


def timeline(
    track: FaceTrack | None, evidence: Sequence[Evidence], times: dict[int, float], axis: TimeAxis
) -> Timeline | None:
    """Lay out everything that has a place in time; None if nothing has.

    Args:
        track: the face; None for findings about the whole picture.
        evidence: findings in the order of the rows.
        times: seconds by frame index of every examined frame that shows a face.
        axis: of the clip.
    """
    if len(times) < 2:
        return None
    track_id = None if track is None else track.track_id
    rows, others = [], []
    for finding in evidence:
        score = next((t for t in finding.tracks if t.track_id == track_id), None)
        row = _row(finding, score, track, times, axis)
        if row is not None:
            rows.append(row)
        elif score is not None:
            others.append((finding.detector, score.llr))
    if not rows:
        return None
    gaps = () if track is None else _gaps(track, axis)
    return Timeline(tuple(rows), gaps, axis.breaks, axis.ticks, tuple(others))


def _row(
    finding: Evidence,
    score: TrackScore | None,
    track: FaceTrack | None,
    times: dict[int, float],
    axis: TimeAxis,
) -> Row | None:
    track_id = None if track is None else track.track_id
    spans = [s for s in finding.spans if s.track_id == track_id]
    strips = []
    if score is not None and np.isfinite(score.frame_scores).sum() > 1:
        strips.append(_score_strip(finding, score, track, times, axis))
    strips += [_curve_strip(c, axis) for c in _curves(finding, track_id)]
    if not strips and not spans:
        return None
    llr = None if score is None else score.llr
    return Row(
        finding.detector,
        llr,
        tone(llr),
        tuple(strips) or (Strip("", "", "", "", None, None, "", "Stretches of time only."),),
        tuple(axis.strip(s.start_s, s.end_s) for s in spans),
        " and ".join(f"{clock(s.start_s)} to {clock(s.end_s)}" for s in spans),
    )


def _curves(finding: Evidence, track_id: int | None) -> list[Curve]:
    """Curves of a face, and beside them those of the whole picture or the sound, which it is compared with."""
    drawn = [c for c in finding.curves if np.isfinite(c.values).sum() > 1]
    faces = {c.track_id for c in drawn} - {None}
    if track_id is None:
        return [] if faces else drawn
    mine = [c for c in drawn if c.track_id == track_id]
    return mine + [c for c in drawn if c.track_id is None] if mine else []


def _score_strip(
    finding: Evidence,
    score: TrackScore,
    track: FaceTrack | None,
    times: dict[int, float],
    axis: TimeAxis,
) -> Strip:
    known = np.array(sorted(times), np.float64)
    at_s = np.interp(score.frame_indices, known, [times[int(i)] for i in known])
    values = score.frame_scores.astype(np.float64)
    finite = values[np.isfinite(values)]
    low, high = float(finite.min()), float(finite.max())
    bottom, top = low, high
    if score.llr is not None:
        bottom, top = min(low, -_LEAST_LOGIT), max(high, _LEAST_LOGIT)
    scale = _Scale(bottom, top)
    lifted = _lifted(at_s) | _lost(track, score.frame_indices)
    zero = scale.y(0.0) if bottom < 0 < top else None
    line, area, dots = _paths(axis.x(at_s), values, lifted, scale, zero)
    words = f"Raw scores of {len(values)} frames, from {signed(low)} to {signed(high)}; up is more of the cue."
    shown = f"{signed(low)} to {signed(high)}"
    return Strip("", line, area if score.llr is not None else "", dots, None, zero, shown, words)


def _curve_strip(curve: Curve, axis: TimeAxis) -> Strip:
    values = curve.values.astype(np.float64)
    finite = values[np.isfinite(values)]
    low, high = float(finite.min()), float(finite.max())
    usual = curve.usual if curve.usual and np.isfinite(curve.usual).all() else None
    reach = (low, high) if usual is None else (min(low, *usual), max(high, *usual))
    scale = _Scale(*reach)
    line, _, dots = _paths(axis.x(curve.times_s), values, _lifted(curve.times_s), scale, None)
    unit = f" {curve.unit}" if curve.unit else ""
    shown = f"{amount(low)} to {amount(high)}{unit}"
    words, band = f"From {shown}", None
    if usual is not None:
        y = scale.y(max(usual))
        band = (y, round(max(scale.y(min(usual)) - y, 1.0), 2))
        outside = ((finite < min(usual)) | (finite > max(usual))).mean()
        words += f"; usual {amount(min(usual))} to {amount(max(usual))}{unit}; {outside:.0%} of it outside"
    return Strip(curve.name, line, "", dots, band, None, shown, words + ".")


@dataclass(frozen=True)
class _Scale:
    """From a value to the view box, with room above and below."""

    low: float
    high: float

    def y(self, value: float) -> float:
        pad = max(0.08 * (self.high - self.low), 1e-9)
        share = (value - self.low + pad) / (self.high - self.low + 2 * pad)
        return round(100 * (1 - float(share)), 2)


def _paths(
    at: Doubles, values: Doubles, lifted: npt.NDArray[np.bool_], scale: _Scale, zero: float | None
) -> tuple[str, str, str]:
    """(line, area, dots); the pen is lifted before rows of `lifted` and around what is no number."""
    runs: list[list[tuple[float, float]]] = []
    open_run = False
    for x, value, lift in zip(10 * at, values, lifted, strict=True):
        if not np.isfinite(value):
            open_run = False
            continue
        if not open_run or lift:
            runs.append([])
        runs[-1].append((round(float(x), 1), scale.y(float(value))))
        open_run = True
    line = "".join(_line(run) for run in runs)
    base = 100.0 if zero is None else zero
    area = "".join(
        f"M{run[0][0]:g} {base:g}L" + _line(run)[1:] + f"L{run[-1][0]:g} {base:g}Z" for run in runs
    )
    # A run of one value has no line; it is always a dot.
    points = [p for run in runs for p in run if len(run) == 1 or len(values) <= _MOST_DOTS]
    return line, area, "".join(f"M{x:g} {y:g}h0" for x, y in points)


def _line(run: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in run)


def _lifted(times_s: Doubles) -> npt.NDArray[np.bool_]:
    """True before a value that comes much later than its neighbours do."""
    steps = np.diff(times_s, prepend=times_s[:1])
    usual = float(np.median(steps[1:])) if len(steps) > 1 else 0.0
    return np.asarray(steps > 4 * usual)


def _lost(track: FaceTrack | None, frames: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """True before a frame if the face was lost since the last one."""
    lost = np.zeros(len(frames), np.bool_)
    if track is not None:
        unseen = track.frame_indices[track.bridged]
        for i in range(1, len(frames)):
            lost[i] = bool(((unseen > frames[i - 1]) & (unseen < frames[i])).any())
    return lost


def _gaps(track: FaceTrack, axis: TimeAxis) -> tuple[tuple[float, float], ...]:
    """(start, width) of the time in which the face was not seen, before, between and after."""
    start_s, end_s = axis.times_s[0], axis.times_s[-1]
    if not len(track):
        return ((0.0, 100.0),)
    gaps, t = [], track.times_s
    if axis.x(t[0]) > 1:
        gaps.append((start_s, float(t[0])))
    start: float | None = None
    for i in range(len(track)):
        if track.bridged[i] and start is None:
            start = float(t[max(i - 1, 0)])
        elif not track.bridged[i] and start is not None:
            gaps.append((start, float(t[i])))
            start = None
    if start is not None or axis.x(t[-1]) < 97:
        gaps.append((float(t[-1]) if start is None else start, end_s))
    return tuple(axis.strip(a, b) for a, b in gaps)
