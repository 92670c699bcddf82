"""Aligned pictures of one face over runs of neighbouring frames: what the cues over time look at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from likeness.detectors._cue import stretches
from likeness.faces import regions
from likeness.types import Clip, DoubleArray, FaceTrack, FloatArray, ImageArray, IndexArray

_RIGID = (*regions.NOSE, *regions.NOSE_BRIDGE, *regions.FOREHEAD, *regions.CHEEKS,
          *regions.RIGHT_EYE_CORNERS, *regions.LEFT_EYE_CORNERS)  # fmt: skip
_LOOK_EVERY = 5  # frames: a head leaves the picture slowly
_STEP_S = 0.033  # faster clips are thinned to about this: what wanders is compared over like times


@dataclass(frozen=True, eq=False)
class Run:
    """Neighbouring frames of one face, set upright and at rest by smoothed landmarks.

    Attributes:
        rows: (T,) int64 of the track.
        times_s: (T,) their times.
        crops: (T, S, S, 3) uint8 RGB.
        matrices: (T, 2, 3) float64, frame to crop pixels.
        landmarks_px: (T, 478, 2) float64 smoothed, in crop pixels.
        inside: (S, S) float32, 1 where every crop shows its frame and not what was made up beyond the edge.
    """

    rows: IndexArray
    times_s: DoubleArray
    crops: ImageArray
    matrices: DoubleArray
    landmarks_px: DoubleArray
    inside: FloatArray

    def __len__(self) -> int:
        return len(self.rows)


def aligned_runs(
    clip: Clip, track: FaceTrack, cut: tuple[int, float], least: int, most: int = 240
) -> list[Run]:
    """Cut a face out of every run of at least `least` neighbouring frames.

    Args:
        clip: the clip; its decode cache is shared by all detectors.
        track: the face.
        cut: side of the crops in pixels and their margin, see `faces.align`.
        least: shorter runs are left out. A damaged frame ends a run.
        most: frames in all; later runs are left out.
    """
    from likeness.faces.geometry import transform, warp
    from likeness.faces.smoothing import smooth_landmarks

    size_px, margin = cut
    runs: list[Run] = []
    for rows in (thinned(run, track.times_s) for run in stretches(track)):
        rows = rows[: max(0, most - sum(len(run) for run in runs))]
        if len(rows) < least:
            continue
        points = smooth_landmarks(track.times_s[rows], track.landmarks_px[rows])
        aligned = rigid_matrices(points, size_px, margin)
        place = {int(track.frame_indices[row]): k for k, row in enumerate(rows)}
        crops, kept = [], []
        inside = np.ones((size_px, size_px), np.float32)
        for frame in clip.frames.at(place):
            k = place[frame.index]
            matrix = aligned[k]
            crops.append(warp(frame.image, matrix, size_px, "replicate", cubic=False))
            if k % _LOOK_EVERY == 0 or k == len(rows) - 1:
                inside *= shown(matrix, size_px, frame.image.shape)
            kept.append(k)
        for part in np.split(np.arange(len(kept)), np.flatnonzero(np.diff(kept) > 1) + 1):
            if len(part) < least:
                continue
            at = np.array(kept)[part]
            taken = aligned[at]
            local = np.stack([transform(points[k], m) for k, m in zip(at, taken, strict=True)])
            runs.append(
                Run(
                    rows[at],
                    track.times_s[rows[at]],
                    np.stack([crops[p] for p in part]),
                    taken,
                    local,
                    inside,
                )
            )
    return runs


def rigid_matrices(landmarks_px: FloatArray, size_px: int, margin: float) -> DoubleArray:
    """(T, 2, 3) frame to crop pixels: the middle frame as `faces.align` does it, the others laid upon it.

    By points that hardly move within a head: with the whole mesh the crop would grow whenever the mouth opens.
    """
    from likeness.faces.geometry import align_matrix, transform
    from likeness.faces.mesh_warp import fit_similarity

    middle = np.asarray(landmarks_px[len(landmarks_px) // 2], np.float64)
    rigid = list(_RIGID)
    template = transform(middle, align_matrix(middle, size_px, margin))[rigid]
    return np.stack([fit_similarity(points[rigid], template) for points in landmarks_px])


def thinned(rows: IndexArray, times_s: DoubleArray) -> IndexArray:
    """Every so many rows that neighbours lie about a thirtieth of a second apart; slower clips stay as they are."""
    step = float(np.median(np.diff(times_s[rows]))) if len(rows) > 1 else _STEP_S
    return rows[:: max(1, round(_STEP_S / max(step, 1e-3)))]


def shown(matrix: DoubleArray, size_px: int, shape: tuple[int, ...]) -> FloatArray:
    """(S, S) 1 where a crop's pixel lies within a picture of that shape."""
    from likeness.faces.geometry import invert

    back = invert(matrix)
    y, x = np.mgrid[:size_px, :size_px].astype(np.float64)
    across = back[0, 0] * x + back[0, 1] * y + back[0, 2]
    down = back[1, 0] * x + back[1, 1] * y + back[1, 2]
    within = (across >= 0) & (across <= shape[1] - 1) & (down >= 0) & (down <= shape[0] - 1)
    return within.astype(np.float32)
