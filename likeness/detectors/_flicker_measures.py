"""The four numbers of the cue `flicker`, per window of neighbouring frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from likeness.detectors._cue import Seen
from likeness.detectors._runs import Run, aligned_runs
from likeness.faces.unrest import Changes, Regions, changes_of, regions_of, second_difference
from likeness.types import Clip, DoubleArray, FaceTrack, FloatArray

VERSION = "flicker-1"
NAMES = (
    "jumps of the face's colour against those of its surroundings (log ratio)",
    "jumps of the colour step between both against those of the surroundings (log ratio)",
    "jumps of the light on the face against those of its surroundings (log ratio)",
    "unrest of the skin against that of the face's outline (log ratio)",
)
SIZE_PX = 80
MARGIN = 0.4
WINDOW, HOP = 16, 8
MOST_TURNED_DEG = 45.0
LEAST_EYES_PX = 24.0
LEAST_LIGHT = 35.0  # mean brightness of the skin, of 255: below lies the sensor's own noise
MOST_STEP_S = 0.07
MOST_MOVED = 0.08  # of the eye distance per frame: motion blur and stale compensation beyond
MOST_REPEATED = 0.3  # of the frames that equal the one before
_FLOOR = 0.15  # levels that rounding and codecs leave even in a still
_SHADE_PX = 3.3


@dataclass(frozen=True)
class Windows:
    """What was measured on one run.

    Attributes:
        starts: (W,) first frame of each window that could be judged, counted within the run.
        values: (W, 4) the numbers, see `NAMES`.
        jumps: (T,) float32 jump of the face's colour against its surroundings, in levels; NaN at both ends.
        reason: why windows could not be judged; empty if all could.
    """

    starts: npt.NDArray[np.int64]
    values: DoubleArray
    jumps: FloatArray
    reason: str = ""


@dataclass(frozen=True)
class OverTime:
    """One face with what was measured on it; a row of `seen` is the middle of a window."""

    seen: Seen
    runs: list[Run]
    windows: list[Windows]


def look_over_time(clip: Clip, track: FaceTrack, most: int = 240) -> tuple[OverTime | None, str]:
    """Measure one face on at most so many neighbouring frames; None with the reason where nothing can be said."""
    from likeness.faces import eye_distance_px

    runs, windows, rows, values = [], [], [], []
    reason = f"too few neighbouring frames ({WINDOW} in a row are needed)"
    for run in aligned_runs(clip, track, (SIZE_PX, MARGIN), WINDOW, most):
        eyes = np.asarray(eye_distance_px(track.landmarks_px[run.rows]), np.float32)
        found = windows_of(run, track.pose_deg[run.rows, 0], eyes)
        reason = found.reason or reason
        runs.append(run)
        windows.append(found)
        rows.append(run.rows[found.starts + WINDOW // 2])
        values.append(found.values)
    if not sum(len(part) for part in rows):
        return None, reason
    seen = Seen(track, np.concatenate(rows), np.concatenate(values))
    return OverTime(seen, runs, windows), ""


def windows_of(run: Run, yaw_deg: FloatArray, eyes_px: FloatArray) -> Windows:
    """Measure every window of a run.

    Args:
        run: aligned with `SIZE_PX` and `MARGIN`.
        yaw_deg: (T,) of the head.
        eyes_px: (T,) distance between the eyes in the frame.
    """
    none = Windows(
        np.zeros(0, np.int64), np.zeros((0, len(NAMES))), np.full(len(run), np.nan, np.float32)
    )
    reason = _unfit(run, eyes_px)
    where = regions_of(run.landmarks_px.mean(axis=0), run.inside)
    if not reason and not where.enough:
        reason = "hardly anything is seen around the face"
    if reason:
        return Windows(none.starts, none.values, none.jumps, reason)
    changes = changes_of(run.crops, where)
    series = _series(changes, where)
    moved = _moved(run, eyes_px)
    starts, values = [], []
    for start in range(0, len(run) - WINDOW + 1, HOP):
        part = slice(start, start + WINDOW)
        why = _unjudged(yaw_deg[part], moved[part], changes.light[part, 0, 0])
        reason = why or reason
        if not why:
            starts.append(start)
            values.append(_numbers(changes, series, part))
    jumps = none.jumps.copy()
    gap = changes.light[:, 0] - changes.light[:, 1]
    jumps[1:-1] = np.linalg.norm(second_difference(gap), axis=1)
    found = np.array(values).reshape(-1, len(NAMES))
    return Windows(np.array(starts, np.int64), found, jumps, "" if starts else reason)


def unrest_map(run: Run, start: int) -> FloatArray:
    """(S, S) float32 in [0, 1] where a window is restless; 1 = five times its quiet half. Eyes and mouth, which move, are 0."""
    import cv2

    crops = run.crops[start : start + WINDOW]
    greys = np.stack([cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY) for crop in crops])
    jumps = np.abs(second_difference(greys.astype(np.float32))).mean(axis=0)
    where = regions_of(run.landmarks_px.mean(axis=0), run.inside)
    judged = np.maximum(np.maximum(where.skin, where.ring), where.rim)
    smooth = cv2.GaussianBlur(jumps, (0, 0), 1.5) * judged
    quiet = float(np.median(smooth[judged > 0.5])) if (judged > 0.5).any() else 1.0
    return np.clip(smooth / (5.0 * quiet + 1.0), 0.0, 1.0).astype(np.float32)


def _unfit(run: Run, eyes_px: FloatArray) -> str:
    """Why nothing can be said of a whole run."""
    if float(np.median(np.diff(run.times_s))) > MOST_STEP_S:
        return "the clip shows fewer than 15 frames a second"
    if float(np.median(eyes_px)) < LEAST_EYES_PX:
        return f"the face is too small (eyes under {LEAST_EYES_PX:g} px apart)"
    same = np.abs(np.diff(run.crops.astype(np.int16), axis=0)).mean(axis=(1, 2, 3)) < 0.02
    if float(same.mean()) > MOST_REPEATED:
        return "frames repeat: a still picture or a clip that was slowed down"
    return ""


def _moved(run: Run, eyes_px: FloatArray) -> DoubleArray:
    """(T,) motion of the head from the frame before, in eye distances."""
    from likeness.faces.geometry import invert, transform

    middle = np.full(2, (SIZE_PX - 1) / 2)
    places = np.stack([transform(middle, invert(matrix)) for matrix in run.matrices])
    steps = np.linalg.norm(np.diff(places, axis=0), axis=1)
    return np.concatenate([steps[:1], steps]) / np.maximum(eyes_px, 1.0)


def _unjudged(yaw_deg: FloatArray, moved: DoubleArray, light: DoubleArray) -> str:
    """Why one window is left out."""
    if float(np.abs(yaw_deg).max()) > MOST_TURNED_DEG:
        return f"the face is turned away (over {MOST_TURNED_DEG:g} degrees)"
    if float(np.median(moved)) > MOST_MOVED:
        return "the head moves too fast"
    if float(light.mean()) < LEAST_LIGHT:
        return "the face is too dark"
    return ""


def _series(changes: Changes, where: Regions) -> DoubleArray:
    """(T - 2, 4) mean square second difference per frame: skin, shading of skin and of ring, rim."""
    import cv2

    rest = np.diff(changes.rest, axis=0)
    masks = [(mask > 0.5).astype(np.float32) for mask in (where.skin, where.ring)]
    under = [cv2.GaussianBlur(mask, (0, 0), _SHADE_PX) + 0.05 for mask in masks]
    columns = [_mean_squares(rest, masks[0])]
    for mask, share in zip(masks, under, strict=True):
        shading = np.stack([cv2.GaussianBlur(r * mask, (0, 0), _SHADE_PX) / share for r in rest])
        columns.append(_mean_squares(shading, mask))
    columns.append(_mean_squares(second_difference(changes.grey), where.rim))
    return np.stack(columns, axis=1)


def _numbers(changes: Changes, series: DoubleArray, part: slice) -> list[float]:
    """The four numbers of a window, in the order of `NAMES`."""
    light = changes.light[part]
    jumps = [_typical(second_difference(light[:, k])) for k in (0, 1)]
    gap = _typical(_fourth(light[:, 0] - light[:, 1]))
    skin, shade, shade_ring, rim = np.sqrt(np.median(series[part.start : part.stop - 2], axis=0))
    return [
        _log_ratio(jumps[0], jumps[1]),
        _log_ratio(gap, _typical(_fourth(light[:, 1]))),
        _log_ratio(shade, shade_ring),
        _log_ratio(skin, rim),
    ]


def _fourth(values: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    return second_difference(second_difference(values))


def _mean_squares(maps: FloatArray, mask: FloatArray) -> DoubleArray:
    """(T,) mean square of (T, S, S) maps inside a mask."""
    flat = maps.reshape(len(maps), -1)
    return np.asarray((flat * flat) @ mask.ravel() / max(float(mask.sum()), 1.0), np.float64)


def _typical(values: npt.NDArray[np.floating]) -> float:
    """Median length of (T, K) vectors: a blink or a cut moves it little."""
    return float(np.median(np.linalg.norm(values, axis=1)))


def _log_ratio(above: float, below: float) -> float:
    return float(np.log((above + _FLOOR) / (below + _FLOOR)))
