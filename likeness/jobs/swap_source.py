"""Which picture of the source a generator without training is shown: the one that looks most like the target does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from likeness.faces import regions
from likeness.faces.geometry import eye_distance_px
from likeness.jobs.swap_frames import MARGIN, crop_with_landmarks
from likeness.jobs.swap_people import Person
from likeness.types import Clip, FaceCrop, FaceTrack, FloatArray

_LEAST_PX, _MOST_PX = 96, 512
_STEP = 16
_FACE_OVER_EYES = 2.15  # width of the mesh over the distance of the eyes, about
_GAZE_DEG, _MOUTH_DEG, _SHARP_DEG, _SHUT_DEG = (
    40.0,
    40.0,
    6.0,
    60.0,
)  # what each counts, as degrees of pose


def crop_size(track: FaceTrack, margin: float = MARGIN) -> int:
    """Side of a crop that shows the track's faces about as large as they are, a multiple of 16 within 96-512 px."""
    mesh = _FACE_OVER_EYES * float(np.percentile(track.quality.eye_distance_px, 80))
    size = mesh * 1.25 * (1.0 + 2.0 * margin)
    return int(np.clip(round(size / _STEP) * _STEP, _LEAST_PX, _MOST_PX))


def best_source(
    candidates: Sequence[tuple[Clip, Person]], target: FaceTrack, size_px: int | None = None
) -> FaceCrop:
    """The source's crop whose pose and mouth are nearest to the target's usual ones, sharp and with its eyes open.

    One picture serves the whole clip: changing it on the way would make the face jump.

    Args:
        candidates: the source person in each of the source files.
        target: the face that is replaced.
        size_px: side of the crop; default: as large as the face is.
    """
    wanted = np.median(target.pose_deg, axis=0)
    mouth = float(np.median(mouth_opening(target.landmarks_px)))
    best: tuple[float, Clip, FaceTrack, int] | None = None
    for clip, person in candidates:
        track = person.track
        costs = _costs(track, wanted, mouth)
        row = int(np.argmin(costs))
        if best is None or costs[row] < best[0]:
            best = (float(costs[row]), clip, track, row)
    assert best is not None
    _, clip, track, row = best
    frame = next(iter(clip.frames.at([int(track.frame_indices[row])])))
    return crop_with_landmarks(frame, track.landmarks_px[row], size_px or crop_size(track))


def mouth_opening(landmarks_px: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """(T,) gap between the lips over the width of the mouth of (T, 478, 2) landmarks."""
    p = np.asarray(landmarks_px, np.float64)
    gap = np.linalg.norm(p[:, 13] - p[:, 14], axis=-1)
    return np.asarray(gap / np.maximum(np.linalg.norm(p[:, 61] - p[:, 291], axis=-1), 1e-6))


def gaze_offset(landmarks_px: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """(T,) distance of the irises from the middle of their eyes, over the width of an eye; 0 = straight ahead."""
    p = np.asarray(landmarks_px, np.float64)
    offsets = []
    for iris, corners in (
        (regions.RIGHT_IRIS[0], list(regions.RIGHT_EYE_CORNERS)),
        (regions.LEFT_IRIS[0], list(regions.LEFT_EYE_CORNERS)),
    ):
        width = np.linalg.norm(p[:, corners[0]] - p[:, corners[1]], axis=-1)
        away = np.linalg.norm(p[:, iris] - p[:, corners].mean(axis=1), axis=-1)
        offsets.append(away / np.maximum(width, 1e-6))
    return np.asarray(np.mean(offsets, axis=0))


def _costs(track: FaceTrack, wanted: FloatArray, mouth: float) -> npt.NDArray[np.float64]:
    """(T,) how far each frame is from what is wanted, in degrees of pose."""
    pose = np.abs(track.pose_deg.astype(np.float64) - wanted)
    eyes = track.quality.eye_aspect_ratio.mean(axis=1)
    usual = float(np.median(eyes))
    cost = pose[:, 0] + pose[:, 1] + 0.3 * pose[:, 2]
    cost += _GAZE_DEG * gaze_offset(track.landmarks_px)
    cost += _MOUTH_DEG * np.abs(mouth_opening(track.landmarks_px) - mouth)
    cost += _SHUT_DEG * np.maximum(0.0, 0.8 - eyes / max(usual, 1e-6))
    cost -= _SHARP_DEG * track.quality.sharpness
    cost -= 3.0 * np.log(np.maximum(eye_distance_px(track.landmarks_px), 1.0))
    return np.asarray(cost + 1e3 * track.bridged)
