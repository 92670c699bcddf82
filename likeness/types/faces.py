"""Faces: over time, and cut out and upright."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from likeness.errors import ShapeError
from likeness.types.arrays import (
    DoubleArray,
    FloatArray,
    ImageArray,
    IndexArray,
    Value,
    check_array,
)

LANDMARK_COUNT = 478


@dataclass(frozen=True, eq=False)
class FaceQuality(Value):
    """Quality of one face over time; every array is (T,) float32 unless said otherwise.

    Attributes:
        eye_distance_px: pixels between the eye centres in the frame.
        sharpness: log10 variance of the Laplacian of the face at 128 px; higher = sharper.
        jpeg_quality: estimated compression of the face as a JPEG-equivalent quality, 1-100.
        visible: share of the face box inside the frame and not hidden, 0-1.
        eye_aspect_ratio: (T, 2) right and left eye opening over width (Soukupova and Cech 2016); about 0.2 = closed.
    """

    eye_distance_px: FloatArray
    sharpness: FloatArray
    jpeg_quality: FloatArray
    visible: FloatArray
    eye_aspect_ratio: FloatArray

    def __post_init__(self) -> None:
        for name in ("eye_distance_px", "sharpness", "jpeg_quality", "visible"):
            check_array(f"FaceQuality.{name}", getattr(self, name), (None,), np.float32)
        check_array("FaceQuality.eye_aspect_ratio", self.eye_aspect_ratio, (None, 2), np.float32)


@dataclass(frozen=True, eq=False)
class FaceTrack(Value):
    """One person over time, at the T frames that were examined.

    Attributes:
        track_id: number within the clip, from 0, in order of first appearance.
        frame_indices: (T,) int64 ascending positions in the clip.
        times_s: (T,) float64 their presentation times.
        boxes_px: (T, 4) float32 xyxy of the face (hull of the landmarks, forehead included).
        landmarks_px: (T, 478, 2) float32 in frame pixels, MediaPipe mesh order (468 mesh + 10 iris points).
        pose_deg: (T, 3) float32 yaw, pitch, roll in degrees; positive yaw = the face turns to the image's right,
            positive pitch = it looks up, positive roll = it leans clockwise in the image.
        confidence: (T,) float32 face presence probability, 0-1.
        quality: see `FaceQuality`.
        bridged: (T,) bool, True where the face was not seen and its place was interpolated.
    """

    track_id: int
    frame_indices: IndexArray
    times_s: DoubleArray
    boxes_px: FloatArray
    landmarks_px: FloatArray
    pose_deg: FloatArray
    confidence: FloatArray
    quality: FaceQuality
    bridged: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        check_array("FaceTrack.frame_indices", self.frame_indices, (None,), np.int64)
        t = len(self.frame_indices)
        check_array("FaceTrack.times_s", self.times_s, (t,), np.float64)
        check_array("FaceTrack.boxes_px", self.boxes_px, (t, 4), np.float32)
        check_array("FaceTrack.landmarks_px", self.landmarks_px, (t, LANDMARK_COUNT, 2), np.float32)
        check_array("FaceTrack.pose_deg", self.pose_deg, (t, 3), np.float32)
        check_array("FaceTrack.confidence", self.confidence, (t,), np.float32)
        check_array("FaceTrack.quality.visible", self.quality.visible, (t,), np.float32)
        check_array("FaceTrack.bridged", self.bridged, (t,), np.bool_)

    def __len__(self) -> int:
        return len(self.frame_indices)


@dataclass(frozen=True, eq=False)
class FaceCrop(Value):
    """An aligned face: what detectors, trainers and generators exchange.

    Attributes:
        image: (S, S, 3) uint8 RGB.
        mask: (S, S) float32 in [0, 1]; 1 where the face is.
        matrix: (2, 3) float64 affine that takes frame pixels to crop pixels; its inverse pastes back.
        landmarks_px: (478, 2) float32 in crop pixels, MediaPipe mesh order; None where they are not known.
    """

    image: ImageArray
    mask: FloatArray
    matrix: DoubleArray
    landmarks_px: FloatArray | None = None

    def __post_init__(self) -> None:
        check_array("FaceCrop.image", self.image, (None, None, 3), np.uint8)
        size = self.image.shape[0]
        check_array("FaceCrop.image", self.image, (size, size, 3), np.uint8)
        check_array("FaceCrop.mask", self.mask, (size, size), np.float32)
        check_array("FaceCrop.matrix", self.matrix, (2, 3), np.float64)
        if self.landmarks_px is not None:
            check_array("FaceCrop.landmarks_px", self.landmarks_px, (LANDMARK_COUNT, 2), np.float32)
        if self.mask.size and not (self.mask.min() >= 0.0 and self.mask.max() <= 1.0):
            raise ShapeError(
                "FaceCrop.mask", "values in [0, 1]", f"[{self.mask.min()}, {self.mask.max()}]"
            )
