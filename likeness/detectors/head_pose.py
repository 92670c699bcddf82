"""Detector `head_pose`: does the centre of the face turn as the whole face does, and can a face have that shape?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from likeness import weights
from likeness.detectors._cue import CueConfig as Config
from likeness.detectors._cue import CueModel, Seen, evidence, look, weights_path
from likeness.detectors._head_shape import NAMES, SIZE, UNITS, VERSION, HeadShape
from likeness.detectors._usable import Limits, usable_rows
from likeness.types import (
    Clip,
    DoubleArray,
    Evidence,
    FaceTrack,
    FloatArray,
    Frame,
    Heatmap,
    IndexArray,
    Progress,
    Reading,
    TrackScore,
)

INFO = {
    "summary": "Compares the pose of the centre of the face with that of the whole, and its shape with real faces",
    "cue": "head pose and face shape (weak)",
    "question": "blended",
    "kinds": ["face_swap", "reenactment"],
    "needs": ["face"],
    "inputs": ["image", "video"],
    "paper": "Yang, Li and Lyu 2019, Exposing Deep Fakes Using Inconsistent Head Poses; shape model after Cootes et al. 1995",
    "licence": "Apache-2.0",
    "weights_licence": "non-commercial research: means and spreads of UTKFace pictures, whose terms carry over",
    "strength_pair": None,
    "fitted_on": "none",
    "known_failures": [
        "a swap that is fitted to the target's landmarks keeps the target's pose and shape: nothing to see",
        "the network that finds the landmarks pulls every face towards a likely one and hides what is odd",
        "wide-angle pictures taken from near and faces at the edge of the frame look inconsistent without being fakes",
        "unusual but genuine faces, grimaces and hats lie outside the shape model",
    ],
}
WEIGHTS = {"head_pose-1": "head_pose.safetensors"}
_PART = "head_pose"
MOST_YAW_DEG, MOST_PITCH_DEG = 30.0, 25.0
LEAST_EYES_PX = 24.0
_LIMITS = Limits(LEAST_EYES_PX, MOST_YAW_DEG, MOST_PITCH_DEG, visible=0.0)
_MAP_SIDE = 24
_MAP_FULL = (
    6.0  # percent of the eye distance: three times what the worst point of most real faces gives
)


def build(config: Config) -> HeadPose:
    """Load the shape model and build the detector; raises `WeightsError`."""
    path = weights_path(_PART, WEIGHTS, config)
    model = CueModel.load(path, NAMES, VERSION)
    return HeadPose(config, model, HeadShape.from_arrays(weights.load_arrays(path)[0]))


class HeadPose:
    """See `INFO`. Score: how unusual pose difference and shape are together, mean over frames, maximum over faces.

    The three unusual numbers are weighed alike by fixed weights: no fit to fakes beat chance (see the card).
    """

    def __init__(self, config: Config, model: CueModel, shape: HeadShape) -> None:
        self.config = config
        self.model = model
        self.shape = shape

    def analyse(self, clip: Clip, tracks: Sequence[FaceTrack]) -> Evidence:
        """Measure every face that looks towards the camera; `not_applicable` without one."""

        def measure(frame: Frame, track: FaceTrack, row: int) -> npt.NDArray[np.floating] | None:
            return self.shape.numbers(track.landmarks_px[row], clip.size_wh)

        seen = look(clip, tracks, self.config.frames, measure, frontal_rows)
        if not seen:
            return evidence(
                _PART, INFO, self.model.tag, status="not_applicable", note=_why_not(tracks)
            )
        scored = [(self.model.track_score(one), one) for one in seen]
        score, strongest = max(scored, key=lambda pair: pair[0].score)
        return evidence(
            _PART,
            INFO,
            self.model.tag,
            status="scored",
            score=score.score,
            track_id=score.track_id,
            tracks=tuple(pair[0] for pair in scored),
            heatmaps=(self._heatmap(score, strongest),),
            readings=tuple(r for one in seen for r in self._readings(one)),
            note=_sentence(np.median(strongest.values, axis=0), self.model.usual),
        )

    def _readings(self, seen: Seen) -> tuple[Reading, ...]:
        """All numbers but the size, whose usual range hangs on the lens: no file says which one it was."""
        every = self.model.readings(seen, UNITS)
        return tuple(r for k, r in enumerate(every) if k != SIZE)

    def _heatmap(self, score: TrackScore, seen: Seen) -> Heatmap:
        row = int(seen.rows[int(np.argmax(score.frame_scores))])
        points = seen.track.landmarks_px[row]
        values, corners = shape_map(points, self.shape.left_over(points))
        return Heatmap(values, int(seen.track.frame_indices[row]), seen.track.track_id, corners)


def frontal_rows(track: FaceTrack) -> IndexArray:
    """(R,) int64 rows in which the face was seen, large enough, and not turned further than the shape model knows."""
    return usable_rows(track, _LIMITS)


def shape_map(landmarks_px: FloatArray, apart: DoubleArray) -> tuple[FloatArray, FloatArray]:
    """Where the shape is unlike that of real faces.

    Args:
        landmarks_px: (478, 2) in frame pixels.
        apart: (468,) how far each point lies from where a real face would have it, in percent of the eye distance.

    Returns:
        (24, 24) float32 in [0, 1] and the (4, 2) corners of the crop that it covers.
    """
    import cv2

    from likeness.faces.geometry import align_matrix, hull_mask, invert, transform
    from likeness.faces.regions import FACE_OVAL

    matrix = align_matrix(landmarks_px, _MAP_SIDE)
    places = transform(np.asarray(landmarks_px[:468], np.float64), matrix)
    cells = np.clip(np.rint(places), 0, _MAP_SIDE - 1).astype(int)
    total = np.zeros((2, _MAP_SIDE, _MAP_SIDE), np.float32)
    np.add.at(total[0], (cells[:, 1], cells[:, 0]), apart)
    np.add.at(total[1], (cells[:, 1], cells[:, 0]), 1.0)
    amount, count = (cv2.GaussianBlur(layer, (0, 0), 1.2) for layer in total)
    inside = hull_mask(places[list(FACE_OVAL)], (_MAP_SIDE, _MAP_SIDE))
    values = inside * np.clip(amount / np.maximum(count, 1e-3) / _MAP_FULL, 0.0, 1.0)
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * _MAP_SIDE - 0.5
    return np.asarray(values, np.float32), transform(square, invert(matrix)).astype(np.float32)


def _why_not(tracks: Sequence[FaceTrack]) -> str:
    if not tracks:
        return "no face to examine"
    return (
        "no face looks towards the camera closely enough: its pose and shape can only be compared within "
        f"{MOST_YAW_DEG:.0f} degrees and from {LEAST_EYES_PX:.0f} pixels between the eyes"
    )


def _sentence(middle: DoubleArray, usual: DoubleArray) -> str:
    pose, shape, left = middle[3:] > usual[3:, 1]
    if pose and (shape or left):
        found = "the centre of the face seems turned unlike its outline, and its shape is unusual"
    elif pose:
        found = "the centre of the face seems turned unlike its outline"
    elif shape or left:
        found = "the shape of the face is further from the average than that of nineteen in twenty real faces"
    else:
        return "pose and shape of the face are as in real pictures, which a well fitted swap would keep as well"
    return f"{found}; real people show this too, so it is no evidence by itself"


def training(
    recipe: Mapping[str, Any], data: Path, out: Path, progress: Progress | None = None
) -> dict[str, float]:
    """Train as `recipes/head_pose.toml` says."""
    from likeness.detectors._head_training import train

    return train(recipe, data, out, progress)
