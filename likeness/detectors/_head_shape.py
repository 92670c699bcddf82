"""What a head looks like to a camera: does the centre of a face turn as its outline does, and can a face have that shape?

Two measurements on the landmarks alone. Yang, Li and Lyu 2019 ("Exposing Deep Fakes Using Inconsistent Head Poses")
compare the pose of the whole face with that of its central region: in a swap, the one comes from the target and the other
from the source. Beside it stands a point distribution model of real faces (Cootes et al. 1995, "Active shape models"): how
far a shape lies from the average along the ways in which faces vary, and how much of it lies outside all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likeness.errors import WeightsError
from likeness.faces.geometry import eye_distance_px
from likeness.faces.pose import camera_matrix, fit_pose, model_points_mm
from likeness.types import DoubleArray

VERSION = "head-1"
NAMES = (
    "turn of the centre of the face against the whole",
    "shift of the centre of the face against the whole",
    "size of the centre of the face against the whole",
    "unusual difference between both poses",
    "unusual shape of the face",
    "share of the shape that no real face explains",
)
SIZE = 2  # which of them is the size
UNITS = ("degrees", "mm", "%", "", "", "% of the eye distance")
# Eyes and nose; the chin is left out of both groups, because a mouth that opens moves it.
CENTRE = (33, 133, 362, 263, 168, 6, 197, 4, 2, 98, 327)
_MESH = 468
_EXPLAINED = 0.98
_ROUNDS = 4


def pose_difference(
    landmarks_px: npt.NDArray[np.floating], size_wh: tuple[int, int]
) -> DoubleArray | None:
    """How the pose of the centre differs from that of the whole face.

    Args:
        landmarks_px: (478, 2) in frame pixels.
        size_wh: of the frame.

    Returns:
        (6,) float64: rotation vector in degrees, shift to the right and downwards in millimetres at the face, and how much
        larger the centre looks than the whole allows, in percent. None where no pose fits.
    """
    import cv2

    points = np.asarray(landmarks_px, np.float64)
    indices, model = model_points_mm()
    inner = [indices.index(i) for i in CENTRE]
    camera = camera_matrix(size_wh, float(eye_distance_px(points)))
    whole = fit_pose(points[indices], model, camera)
    centre = fit_pose(points[list(CENTRE)], model[inner], camera)
    if whole is None or centre is None or min(whole[1][2], centre[1][2]) <= 0:
        return None
    turn = np.degrees(cv2.Rodrigues(whole[0].T @ centre[0])[0]).ravel()
    shift = centre[1][:2] * (whole[1][2] / centre[1][2]) - whole[1][:2]
    size = 100.0 * np.log(whole[1][2] / centre[1][2])
    return np.array([*turn, *shift, size], np.float64)


def upright_shape(landmarks_px: npt.NDArray[np.floating], mean: DoubleArray) -> DoubleArray:
    """(N, 468, 2) float64 shapes of (N, 478, 2) landmarks laid over a mean shape: place, size and roll taken off (Procrustes)."""
    points = np.asarray(landmarks_px, np.float64)[:, :_MESH]
    points = points - points.mean(axis=1, keepdims=True)
    length = np.sqrt(np.square(points).sum(axis=(1, 2), keepdims=True))
    flat = points / np.maximum(length, 1e-9)
    plane = flat[..., 0] + 1j * flat[..., 1]
    turn = (plane.conj() * (mean[:, 0] + 1j * mean[:, 1])).sum(axis=1, keepdims=True)
    plane = plane * turn / np.maximum(np.abs(turn), 1e-9)
    return np.stack([plane.real, plane.imag], axis=-1)


@dataclass(frozen=True, eq=False)
class HeadShape:
    """Means and spreads of real faces.

    Attributes:
        mean: (468, 2) mean shape, centred, of length 1.
        axes: (K, 936) orthonormal ways in which faces vary.
        spreads: (K,) standard deviation along each.
        pose_mean: (6,) mean of `pose_difference`.
        pose_inverse: (6, 6) inverse of its covariance.
    """

    mean: DoubleArray
    axes: DoubleArray
    spreads: DoubleArray
    pose_mean: DoubleArray
    pose_inverse: DoubleArray

    @classmethod
    def fit(cls, landmarks_px: npt.NDArray[np.floating], differences: DoubleArray) -> HeadShape:
        """From (N, 478, 2) landmarks of N real faces and their (N, 6) pose differences."""
        first = np.asarray(landmarks_px[0, :_MESH], np.float64)
        mean = (first - first.mean(axis=0)) / np.linalg.norm(first - first.mean(axis=0))
        for _ in range(_ROUNDS):
            mean = upright_shape(landmarks_px, mean).mean(axis=0)
            mean /= np.linalg.norm(mean)
        offsets = (upright_shape(landmarks_px, mean) - mean).reshape(len(landmarks_px), -1)
        _, lengths, axes = np.linalg.svd(offsets, full_matrices=False)
        variance = np.square(lengths) / len(offsets)
        kept = 1 + int(np.searchsorted(np.cumsum(variance) / variance.sum(), _EXPLAINED))
        inverse = np.linalg.inv(np.cov(differences.T))
        return cls(mean, axes[:kept], np.sqrt(variance[:kept]), differences.mean(axis=0), inverse)

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """For a safetensors file; axes in half the precision, which is far below what a landmark is worth."""
        return {
            "shape.mean": self.mean,
            "shape.axes": self.axes.astype(np.float32),
            "shape.spreads": self.spreads,
            "shape.pose_mean": self.pose_mean,
            "shape.pose_inverse": self.pose_inverse,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> HeadShape:
        """What `to_arrays` gave; raises `WeightsError`."""
        names = ("mean", "axes", "spreads", "pose_mean", "pose_inverse")
        found = [np.asarray(arrays.get(f"shape.{name}", np.nan), np.float64) for name in names]
        k = found[2].size
        shapes = ((_MESH, 2), (k, 2 * _MESH), (k,), (6,), (6, 6))
        if any(
            a.shape != s or not np.isfinite(a).all() for a, s in zip(found, shapes, strict=True)
        ):
            raise WeightsError("head shape: the arrays have other shapes; train it again")
        return cls(*found)

    def numbers(
        self, landmarks_px: npt.NDArray[np.floating], size_wh: tuple[int, int]
    ) -> DoubleArray | None:
        """(6,) float64 `NAMES` of one face with (478, 2) landmarks; None where no pose fits."""
        apart = pose_difference(landmarks_px, size_wh)
        if apart is None:
            return None
        off = apart - self.pose_mean
        unusual = np.sqrt(max(float(off @ self.pose_inverse @ off), 0.0) / len(off))
        offset, along = self._along(landmarks_px)
        left = np.sqrt(np.square(self._left_over(offset, along)).sum(axis=1).mean())
        return np.array(
            [
                np.linalg.norm(apart[:3]),
                np.linalg.norm(apart[3:5]),
                abs(apart[5]),
                unusual,
                np.sqrt(np.square(along / self.spreads).mean()),
                100.0 * left / float(eye_distance_px(self._whole_mesh())),
            ],
            np.float64,
        )

    def left_over(self, landmarks_px: npt.NDArray[np.floating]) -> DoubleArray:
        """(468,) float64 how far each point lies from where a real face would have it, in percent of the eye distance."""
        offset, along = self._along(landmarks_px)
        apart = np.linalg.norm(self._left_over(offset, along), axis=1)
        return np.asarray(100.0 * apart / float(eye_distance_px(self._whole_mesh())))

    def _along(self, landmarks_px: npt.NDArray[np.floating]) -> tuple[DoubleArray, DoubleArray]:
        offset = (upright_shape(landmarks_px[None], self.mean)[0] - self.mean).ravel()
        return offset, self.axes @ offset

    def _left_over(self, offset: DoubleArray, along: DoubleArray) -> DoubleArray:
        return np.asarray((offset - along @ self.axes).reshape(_MESH, 2))

    def _whole_mesh(self) -> DoubleArray:
        """(478, 2): the functions of the mesh want the ten iris points too, which are not looked at here."""
        return np.concatenate([self.mean, np.zeros((10, 2))])
