"""The time axis that strips, frames and labels of a timeline share.

A long clip is examined in stretches. Drawn to scale they would be slivers in a white band, so the time between them is cut
out: every break is a narrow, marked gap, and within a stretch a second is equally long everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from likeness.report.wording import clock
from likeness.types import FaceTrack

_BREAK = 1.6  # percent of the width that a cut takes
_APART = 13.0  # percent between two labels, so that they do not run into one another on a phone


@dataclass(frozen=True)
class Tick:
    """One label of an axis: where (percent), what, and how the text stands to it."""

    at: float
    text: str
    anchor: str = "middle"


@dataclass(frozen=True)
class TimeAxis:
    """From seconds to percent of the width and back.

    Attributes:
        times_s: knots, ascending; between two of them time runs evenly.
        at: percent of each knot, 0 to 100.
        breaks: (start, width) in percent of what was cut out because nothing was examined there.
        ticks: labels.
    """

    times_s: tuple[float, ...]
    at: tuple[float, ...]
    breaks: tuple[tuple[float, float], ...]
    ticks: tuple[Tick, ...]

    def x(self, times_s: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Percent of the width, 0 to 100, of any number of times."""
        return np.asarray(np.interp(np.asarray(times_s, np.float64), self.times_s, self.at))

    def time(self, percent: float) -> float:
        """Inverse of `x`."""
        return float(np.interp(percent, self.at, self.times_s))

    def strip(self, start_s: float, stop_s: float) -> tuple[float, float]:
        """(start, width) in percent of a stretch of time; never too narrow to be seen."""
        start, stop = (float(v) for v in self.x([start_s, stop_s]))
        return round(min(start, 99.6), 3), round(max(stop - start, 0.4), 3)


def time_axis(tracks: Iterable[FaceTrack]) -> TimeAxis:
    """The axis of a clip: from its start to the last examined frame that shows a face."""
    seen = [t.times_s for t in tracks if len(t)]
    times = np.unique(np.concatenate(seen)) if seen else np.zeros(1)
    end_s = max(float(times[-1]), 1e-6)
    stretches = _stretches(times)
    if len(stretches) < 2:
        return TimeAxis((0.0, end_s), (0.0, 100.0), (), time_ticks(end_s))
    room = 100.0 - _BREAK * (len(stretches) - 1)
    total = sum(b - a for a, b in stretches)
    knots, at, breaks, here = [], [], [], 0.0
    for i, (start, stop) in enumerate(stretches):
        if i:
            breaks.append((round(here, 3), _BREAK))
            here += _BREAK
        knots += [start, stop]
        at += [here, here + room * (stop - start) / total]
        here = at[-1]
    at[-1] = 100.0
    return TimeAxis(tuple(knots), tuple(at), tuple(breaks), _stretch_ticks(knots, at))


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


def _stretches(times: npt.NDArray[np.float64]) -> list[tuple[float, float]]:
    """(start, stop) of runs of neighbouring frames, each half a frame wider than its frames."""
    steps = np.diff(times)
    usual = float(np.median(steps)) if len(steps) else 0.0
    cuts = np.flatnonzero(steps > max(6 * usual, 0.5))
    # One cut for every second frame is no clip of stretches but a few frames far apart.
    if len(cuts) * 3 > len(times):
        return []
    edges = [0, *(cuts + 1), len(times)]
    half = usual / 2
    return [
        (max(0.0, float(times[a]) - half), float(times[b - 1]) + half) for a, b in pairwise(edges)
    ]


def _stretch_ticks(knots: list[float], at: list[float]) -> tuple[Tick, ...]:
    """Where each stretch starts, and where the last one ends, as far as the labels fit."""
    ticks: list[Tick] = []
    for time_s, x in zip(knots[::2], at[::2], strict=True):
        if not ticks or x - ticks[-1].at >= _APART:
            ticks.append(
                Tick(round(x, 3), f"{time_s:.1f} s" if time_s < 60 else clock(time_s), "start")
            )
    if 100 - ticks[-1].at >= 2 * _APART:
        end = knots[-1]
        ticks.append(Tick(100.0, f"{end:.1f} s" if end < 60 else clock(end), "end"))
    return tuple(ticks)


def _anchor(at: float) -> str:
    return "start" if at < 8 else "end" if at > 92 else "middle"
