"""Light on a face: what the brightness of its skin says about where the light comes from.

A matt surface under distant light is as bright as a few spherical harmonics of its normal say (Ramamoorthi and Hanrahan
2001, "An efficient representation for irradiance environment maps"; Basri and Jacobs 2003). The normals are those of a mean
face, turned as the head is turned: good enough to say left, right, above or below, too coarse for single wrinkles.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from likeness.faces.pose import rotation_of
from likeness.types import DoubleArray, FloatArray, IndexArray, Value
from likeness.weights import load_arrays, path_of

LEAST_POINTS = 40
_FACING = 0.2  # cosine between normal and line of sight below which a point is too oblique to read
_ROUNDS = 3
_TRIM = 2.5  # robust standard deviations; beyond are highlights, stubble, cast shadows


@dataclass(frozen=True, eq=False)
class MeanFace(Value):
    """Nobody's face, see `weights/faces/SHAPE.md`.

    Attributes:
        points_mm: (468, 3) float32; x to the image's right, y down, z away from the camera.
        normals: (468, 3) float32 unit vectors that point away from the head.
        mirror: (468,) int64 the point on the other side.
    """

    points_mm: FloatArray
    normals: FloatArray
    mirror: IndexArray


@dataclass(frozen=True, eq=False)
class Light(Value):
    """Light fitted to one face.

    Attributes:
        direction: (3,) float64 unit vector to where most of the light comes from, axes of the image (z away from the
            camera, so light from the camera's side has a negative z).
        strength: how directed it is: amplitude of the first order over the mean brightness; 0 = from everywhere.
        explained: share of the variance of brightness that the fit explains, 0-1.
        left_over: (N,) float64 brightness over the fit minus one, at the points that were given; NaN where not used.
        from_right: brightness that comes from the image's right over mean brightness; negative = from its left.
    """

    direction: DoubleArray
    strength: float
    explained: float
    left_over: DoubleArray
    from_right: float


@cache
def mean_face() -> MeanFace:
    """The shipped mean face."""
    arrays, _ = load_arrays(path_of("faces", "shape.safetensors"))
    return MeanFace(
        arrays["points_mm"].astype(np.float32),
        arrays["normals"].astype(np.float32),
        arrays["mirror"].astype(np.int64),
    )


def posed_normals(pose_deg: npt.NDArray[np.floating]) -> DoubleArray:
    """(468, 3) normals of the mean face turned by yaw, pitch and roll in degrees (see `FaceTrack.pose_deg`)."""
    yaw, pitch, roll = (float(v) for v in pose_deg)
    return np.asarray(mean_face().normals.astype(np.float64) @ rotation_of(yaw, pitch, roll).T)


def harmonics(normals: npt.NDArray[np.floating], order: int = 1) -> DoubleArray:
    """(N, 4) or, for order 2, (N, 9) real spherical harmonics of (N, 3) unit normals, without their constants."""
    x, y, z = np.asarray(normals, np.float64).T
    first = [np.ones_like(x), x, y, z]
    second = [x * y, x * z, y * z, x * x - y * y, 3.0 * z * z - 1.0]
    return np.stack(first if order == 1 else first + second, axis=1)


def fit_light(
    brightness: npt.NDArray[np.floating],
    normals: npt.NDArray[np.floating],
    used: npt.NDArray[np.bool_],
    order: int = 2,
) -> Light | None:
    """Least squares over the points of a face, with highlights and cast shadows trimmed off.

    Args:
        brightness: (N,) linear brightness (not gamma-coded), any unit.
        normals: (N, 3) in the axes of the image, see `posed_normals`.
        used: (N,) bool which points show skin; those that face away are left out besides.
        order: of the harmonics, 1 or 2. The direction is read from the first order alone.

    Returns:
        The light, or None with fewer than `LEAST_POINTS` points or in darkness.
    """
    values, normal = np.asarray(brightness, np.float64), np.asarray(normals, np.float64)
    kept = used & (normal[:, 2] < -_FACING) & np.isfinite(values)
    if int(kept.sum()) < LEAST_POINTS or float(values[kept].mean()) < 1e-3:
        return None
    basis = harmonics(normal, order)
    inside = kept.copy()
    ridge = 1e-3 * np.eye(basis.shape[1])  # a face shows half of all directions: never let go
    for _ in range(_ROUNDS):
        part = basis[inside]
        fit = np.linalg.solve(part.T @ part + ridge * len(part), part.T @ values[inside])
        apart = values - basis @ fit
        limit = _TRIM * 1.4826 * float(np.median(np.abs(apart[kept]))) + 1e-9
        narrowed = kept & (np.abs(apart) <= limit)
        if int(narrowed.sum()) < LEAST_POINTS:
            break
        inside = narrowed
    mean = float(values[inside].mean())
    # A face shows half of all directions, where the second order takes from the first: the direction has a fit of its own.
    first = np.linalg.lstsq(basis[inside][:, :4], values[inside], rcond=None)[0][1:]
    length = float(np.linalg.norm(first))
    left_over = np.where(kept, apart / mean, np.nan)
    variance = float(values[inside].var())
    explained = 1.0 - float(apart[inside].var()) / variance if variance > 1e-12 else 0.0
    return Light(
        first / max(length, 1e-12),
        length / mean,
        float(np.clip(explained, 0.0, 1.0)),
        left_over,
        float(first[0]) / mean,
    )


def angle_deg(a: Light, b: Light) -> float:
    """Angle between two lights in degrees, as the image plane shows it and in depth."""
    return float(np.degrees(np.arccos(np.clip(a.direction @ b.direction, -1.0, 1.0))))
