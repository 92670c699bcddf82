"""Steady over time: landmarks smoothed with the whole clip in hand, and values that fade from frame to frame.

The mesh looks at every frame by itself and its points tremble by fractions of a pixel; what is pasted by them trembles too.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from likeness.errors import ConfigError
from likeness.faces.geometry import eye_centres, face_box
from likeness.types import DoubleArray, FaceTrack, FloatArray

_LONGEST_STEP = (
    2.5  # a step in time longer than so many typical ones is a gap: nothing is smoothed across it
)
_JUMP = 0.5  # nor across a jump of this share of the eye distance: a cut, or another person


@dataclass(frozen=True)
class SmoothingConfig:
    """How landmarks are smoothed; Savitzky and Golay 1964, second order, with no delay.

    Attributes:
        place_s: window for the head as a whole (place, size, turn in the image), in seconds; 0 = as it was seen.
        shape_s: window for the points within the head (lips and lids move faster than heads).
    """

    place_s: float = 0.36
    shape_s: float = 0.2

    def __post_init__(self) -> None:
        if not (0.0 <= self.place_s <= 5.0 and 0.0 <= self.shape_s <= 5.0):
            raise ConfigError(
                f"smoothing: windows are 0-5 s, got place_s {self.place_s} and shape_s {self.shape_s}"
            )


def smooth_track(track: FaceTrack, config: SmoothingConfig | None = None) -> FaceTrack:
    """The track with steadier landmarks and boxes; everything else stays as it was measured."""
    landmarks = smooth_landmarks(track.times_s, track.landmarks_px, config)
    return replace(track, landmarks_px=landmarks, boxes_px=face_box(landmarks))


def smooth_landmarks(
    times_s: npt.NDArray[np.floating],
    landmarks_px: npt.NDArray[np.floating],
    config: SmoothingConfig | None = None,
) -> FloatArray:
    """Smooth the landmarks of one face; gaps and cuts are not smoothed across.

    Args:
        times_s: (T,) ascending.
        landmarks_px: (T, 478, 2) in frame pixels.
        config: see `SmoothingConfig`.

    Returns:
        (T, 478, 2) float32.
    """
    config = config or SmoothingConfig()
    points = np.asarray(landmarks_px, np.float64)
    out = points.copy()
    for start, stop in _stretches(np.asarray(times_s, np.float64), points):
        step = float(np.median(np.diff(times_s[start:stop]))) if stop - start > 1 else 1.0
        out[start:stop] = _steadied(points[start:stop], step, config)
    return out.astype(np.float32)


def _stretches(times_s: DoubleArray, points: DoubleArray) -> list[tuple[int, int]]:
    """Runs of frames without a gap in time and without a jump in place."""
    if len(times_s) < 2:
        return [(0, len(times_s))] if len(times_s) else []
    steps = np.diff(times_s)
    eyes = eye_centres(points)
    apart = np.linalg.norm(eyes[:, 1] - eyes[:, 0], axis=-1)
    moved = np.linalg.norm(np.diff(eyes.mean(axis=1), axis=0), axis=-1)
    far = moved > _JUMP * np.maximum(np.minimum(apart[1:], apart[:-1]), 1.0)
    breaks = np.flatnonzero((steps > _LONGEST_STEP * np.median(steps)) | far) + 1
    edges = [0, *breaks.tolist(), len(times_s)]
    return [(a, b) for a, b in itertools.pairwise(edges)]


def _steadied(points: DoubleArray, step_s: float, config: SmoothingConfig) -> DoubleArray:
    """Smooth the similarity that places the eyes and, apart from it, the points as they lie in its coordinates."""
    eyes = eye_centres(points)
    middle = eyes.mean(axis=1)
    along = eyes[:, 1] - eyes[:, 0]
    # Every point in a system of its own: origin between the eyes, first axis and unit = from eye to eye.
    unit = np.maximum((along * along).sum(axis=1), 1e-9)
    offset = points - middle[:, None]
    shape = np.stack(
        [
            (offset * along[:, None]).sum(axis=-1) / unit[:, None],
            (along[:, None, 0] * offset[..., 1] - along[:, None, 1] * offset[..., 0])
            / unit[:, None],
        ],
        axis=-1,
    )
    # The eyes tremble more than the mesh as a whole: place it by a fit to all of its points.
    template = np.median(shape, axis=0)
    origin, axis = _placed(points, template)
    local = _into(points, origin, axis)
    origin, axis = (
        _filtered(origin, step_s, config.place_s),
        _filtered(axis, step_s, config.place_s),
    )
    local = _filtered(local, step_s, config.shape_s)
    across = np.stack([-axis[:, 1], axis[:, 0]], axis=-1)
    return np.asarray(
        origin[:, None] + local[..., :1] * axis[:, None] + local[..., 1:] * across[:, None]
    )


def _placed(points: DoubleArray, template: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    """(T, 2) origin and (T, 2) first axis of the least-squares similarity from the template to every frame."""
    centre = template.mean(axis=0)
    t = template - centre
    middle = points.mean(axis=1)
    p = points - middle[:, None]
    total = float((t * t).sum())
    a = (p * t).sum(axis=(1, 2)) / total
    b = (t[:, 0] * p[..., 1] - t[:, 1] * p[..., 0]).sum(axis=1) / total
    axis = np.stack([a, b], axis=-1)
    across = np.stack([-b, a], axis=-1)
    return middle - centre[0] * axis - centre[1] * across, axis


def _into(points: DoubleArray, origin: DoubleArray, axis: DoubleArray) -> DoubleArray:
    """(T, K, 2) points in the coordinates of an origin and a first axis per frame."""
    offset = points - origin[:, None]
    unit = np.maximum((axis * axis).sum(axis=1), 1e-12)[:, None]
    first = (offset * axis[:, None]).sum(axis=-1) / unit
    second = (axis[:, None, 0] * offset[..., 1] - axis[:, None, 1] * offset[..., 0]) / unit
    return np.stack([first, second], axis=-1)


def _filtered(values: DoubleArray, step_s: float, window_s: float) -> DoubleArray:
    from scipy.signal import savgol_filter

    window = round(window_s / max(step_s, 1e-6))
    window = min(window - 1 + window % 2, len(values) - 1 + len(values) % 2)
    if window < 5:
        return values
    return np.asarray(savgol_filter(values, window, 2, axis=0, mode="interp"), np.float64)


class Fading:
    """A value that follows what it is told with a time constant; after a pause it starts anew.

    Args:
        time_s: after so many seconds about two thirds of a change have arrived; 0 follows at once.
        pause_s: longer than this without news, and the next value counts in full.
    """

    def __init__(self, time_s: float, pause_s: float = 0.5) -> None:
        self.time_s, self.pause_s = time_s, pause_s
        self._value: Any = None
        self._at_s = -np.inf

    def follow(self, value: Any, now_s: float) -> Any:
        """Take in an array or number of unchanging shape; returns the faded one."""
        fresh = np.asarray(value, np.float32)
        gone = now_s - self._at_s
        same = self._value is not None and self._value.shape == fresh.shape
        if not same or not 0.0 <= gone <= self.pause_s or self.time_s <= 0.0:
            self._value = fresh
        else:
            self._value = self._value + np.float32(1.0 - np.exp(-gone / self.time_s)) * (
                fresh - self._value
            )
        self._at_s = now_s
        return self._value
