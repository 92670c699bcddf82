"""Blinks in how far the eyes are open over time.

Each eye is measured against its own open level, so that neither narrow eyes nor a low camera look like closing. A blink is a
short closing and opening of both eyes; eyes that stay shut, or look down, are no blink.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from likeness.faces.quality import eye_aspect_ratio
from likeness.types import DoubleArray, FaceTrack, FloatArray, IndexArray

# Share of the own open level. A squint stays below; about half of all blinks are partial (Ousler et al. 2014).
LEAST_DEPTH = 0.4
LONGEST_BLINK_S = 0.8  # half-way down to half-way up; longer means shut or lowered eyes
_OPEN_PERCENTILE = 75.0
_LOWEST_LEVEL = 0.75  # of the level of the whole clip: in a stretch of shut eyes nothing is open
_NOISE_FACTOR = 5.0


@dataclass(frozen=True)
class Blink:
    """One blink.

    Attributes:
        start_s, end_s: when the lids were half way, down and up again.
        depth: how far they closed, as a share of the own open level; 1 = wholly.
        evenness: depth of the eye that closed less over that of the other; 1 = both alike.
    """

    start_s: float
    end_s: float
    depth: float
    evenness: float


@dataclass(frozen=True, eq=False)
class Lids:
    """The eyes of one face over the stretches in which they could be measured.

    Attributes:
        times_s: (N,) float64 ascending.
        opening: (N,) float32 eye aspect ratio, mean of both eyes.
        runs: positions in these arrays of each stretch of neighbouring frames.
        blinks: in order of time.
        examined_s: length of all stretches together.
        rate_hz: frames per second inside them; 0 without any.
        spread: how much the opening varies, 5th to 95th percentile over the median.
    """

    times_s: DoubleArray
    opening: FloatArray
    runs: tuple[IndexArray, ...]
    blinks: tuple[Blink, ...]
    examined_s: float
    rate_hz: float
    spread: float


def look_at_lids(track: FaceTrack, runs: Sequence[IndexArray]) -> Lids:
    """Measure the lids over stretches of neighbouring rows of a track (see `_cue.stretches`)."""
    if not runs:
        nothing = np.zeros(0)
        return Lids(nothing, nothing.astype(np.float32), (), (), 0.0, 0.0, 0.0)
    rows = np.concatenate(runs)
    ratio = eye_aspect_ratio(track.landmarks_px[rows]).astype(np.float64)
    times = track.times_s[rows]
    ends = np.cumsum([len(run) for run in runs])
    places = tuple(np.split(np.arange(len(rows)), ends[:-1]))
    overall = np.percentile(ratio, _OPEN_PERCENTILE, axis=0)
    step = float(np.median(np.concatenate([np.diff(times[place]) for place in places])))
    blinks = [b for place in places for b in blinks_of(times[place], ratio[place], overall)]
    opening = ratio.mean(axis=1)
    low, middle, high = np.percentile(opening, [5, 50, 95])
    examined = sum(float(times[p[-1]] - times[p[0]]) + step for p in places)
    return Lids(
        times,
        opening.astype(np.float32),
        places,
        tuple(blinks),
        examined,
        1.0 / step,
        float((high - low) / max(middle, 1e-6)),
    )


def blinks_of(times_s: DoubleArray, ratio: DoubleArray, overall: DoubleArray) -> list[Blink]:
    """Blinks of one stretch.

    Args:
        times_s: (N,) of its frames.
        ratio: (N, 2) eye aspect ratio of both eyes.
        overall: (2,) open level of each eye over the whole clip.

    Returns:
        Those whose start and end both lie inside the stretch.
    """
    level = np.maximum(np.percentile(ratio, _OPEN_PERCENTILE, axis=0), _LOWEST_LEVEL * overall)
    closed = 1.0 - ratio / np.maximum(level, 1e-6)
    both = closed.mean(axis=1)
    noise = 1.4826 * float(np.median(np.abs(np.diff(both)))) / np.sqrt(2.0)
    least = min(max(LEAST_DEPTH, _NOISE_FACTOR * noise), 0.7)
    found: list[Blink] = []
    for run in _runs_above(both, 0.5 * least):
        peak = int(run[np.argmax(both[run])])
        if both[peak] < least:
            continue
        start = _crossing(times_s, both, peak, -1)
        end = _crossing(times_s, both, peak, 1)
        if start is None or end is None or end - start > LONGEST_BLINK_S:
            continue
        each = closed[peak]
        even = float(np.clip(each.min() / max(float(each.max()), 1e-6), 0.0, 1.0))
        found.append(Blink(start, end, float(min(both[peak], 1.0)), even))
    return found


def gapped(lids: Lids) -> tuple[DoubleArray, FloatArray]:
    """(M,) times and (M,) values of the curve, with a NaN between two stretches so that no line joins them."""
    times: list[npt.NDArray[np.floating]] = []
    values: list[npt.NDArray[np.floating]] = []
    for k, run in enumerate(lids.runs):
        if k:
            before = lids.times_s[lids.runs[k - 1][-1]]
            times.append(np.array([(before + lids.times_s[run[0]]) / 2.0]))
            values.append(np.array([np.nan], np.float32))
        times.append(lids.times_s[run])
        values.append(lids.opening[run])
    return np.concatenate(times), np.concatenate(values).astype(np.float32)


def _runs_above(values: DoubleArray, level: float) -> list[IndexArray]:
    above = np.flatnonzero(values > level)
    return [run for run in np.split(above, np.flatnonzero(np.diff(above) > 1) + 1) if len(run)]


def _crossing(times_s: DoubleArray, closed: DoubleArray, peak: int, step: int) -> float | None:
    """When the lids were half as far closed as at the peak, between two frames; None if the stretch ends before."""
    half = 0.5 * closed[peak]
    at = peak
    while 0 <= at < len(closed) and closed[at] > half:
        at += step
    if not 0 <= at < len(closed):
        return None
    inner = at - step
    share = (closed[inner] - half) / max(float(closed[inner] - closed[at]), 1e-9)
    return float(times_s[inner] + share * (times_s[at] - times_s[inner]))
