"""What is in front of a face: pixels that depart from what the same face usually looks like in this clip.

No network knows hands or microphones here. A face that moves stands still in its aligned crop, so a median over frames of
about the same pose says what it looks like there, and the median deviation how much it changes by itself: mouths much,
cheeks little. What departs by several of those, over more than a few pixels, is in front. Whatever is there in most frames
is taken for a part of the face: glasses, a beard, and a microphone that never leaves. Where too few frames show a pose,
nothing is said.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from likeness.faces.geometry import align_matrix, invert, warp
from likeness.types import DoubleArray, FaceCrop, FloatArray

_SIZE_PX, _MARGIN = 96, 0.1
_BLUR_PX = 1.2
_LEAST_SPREAD = 4.0  # grey levels of CIELAB as OpenCV scales it: below is noise of camera and codec
_DEPARTS = 3.0  # median deviations; chosen on three mead clips of role calibrate with drawn objects
_LEAST_PX = 7  # smaller specks are highlights, lids and teeth
_ALIKE_DEG = 8.0
_LEAST_FRAMES = 8


class UsualFace:
    """What one person's face looks like in one clip, pose by pose.

    Args:
        crops: N of the face, upright, with landmarks; from the whole clip.
        pose_deg: (N, 3) yaw, pitch, roll of each.
    """

    def __init__(self, crops: Sequence[FaceCrop], pose_deg: FloatArray) -> None:
        self._looks = np.stack([_look(c) for c in crops]) if crops else np.zeros((0, 1, 1, 3))
        self._pose_deg = np.asarray(pose_deg, np.float64).reshape(len(crops), 3)
        self._known: dict[tuple[int, int], tuple[FloatArray, FloatArray] | None] = {}

    def in_front(self, crop: FaceCrop, pose_deg: FloatArray) -> FloatArray:
        """How surely something else than the face is seen.

        Args:
            crop: of the same person, with landmarks.
            pose_deg: (3,) its yaw, pitch and roll.

        Returns:
            (S, S) float32 in [0, 1] of the crop's size; zeros where the clip does not know the pose well enough.
        """
        import cv2

        size = crop.image.shape[0]
        usual = self._usual(pose_deg)
        if usual is None or crop.landmarks_px is None:
            return np.zeros((size, size), np.float32)
        middle, spread = usual
        gap = _look(crop) - middle
        gap[..., 0] -= np.median(gap[..., 0])  # the light of the whole frame
        departs = ((np.abs(gap) / spread).max(axis=-1) > _DEPARTS).astype(np.uint8)
        speck = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_LEAST_PX, _LEAST_PX))
        found = cv2.dilate(cv2.morphologyEx(departs, cv2.MORPH_OPEN, speck), np.ones((3, 3)))
        soft = cv2.GaussianBlur(found.astype(np.float32), (0, 0), _BLUR_PX)
        shown = cv2.warpAffine(soft, invert(_matrix(crop)), (size, size))
        return np.asarray(np.clip(shown, 0.0, 1.0), np.float32)

    def _usual(self, pose_deg: FloatArray) -> tuple[FloatArray, FloatArray] | None:
        """Median and spread of the frames about a pose; worked out once for each few degrees."""
        yaw, pitch = (round(float(v) / (_ALIKE_DEG / 2)) for v in pose_deg[:2])
        if (yaw, pitch) not in self._known:
            centre: DoubleArray = np.array([yaw, pitch]) * (_ALIKE_DEG / 2)
            near = np.abs(self._pose_deg[:, :2] - centre).max(axis=1, initial=0.0) < _ALIKE_DEG
            self._known[yaw, pitch] = None
            if near.sum() >= _LEAST_FRAMES:
                middle = np.median(self._looks[near], axis=0)
                spread = 1.4826 * np.median(np.abs(self._looks[near] - middle), axis=0)
                self._known[yaw, pitch] = middle, spread + np.float32(_LEAST_SPREAD)
        return self._known[yaw, pitch]


def _matrix(crop: FaceCrop) -> DoubleArray:
    """Crop pixels to the small picture in which faces are compared."""
    assert crop.landmarks_px is not None
    return align_matrix(crop.landmarks_px, _SIZE_PX, _MARGIN)


def _look(crop: FaceCrop) -> FloatArray:
    """(96, 96, 3) float32 CIELAB, a little blurred."""
    import cv2

    small = warp(crop.image, _matrix(crop), _SIZE_PX, "replicate", cubic=False)
    blurred = cv2.GaussianBlur(small, (0, 0), _BLUR_PX)
    return np.asarray(cv2.cvtColor(blurred, cv2.COLOR_RGB2LAB), np.float32)
