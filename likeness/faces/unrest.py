"""How restless a face is over time against what surrounds it, after its own motion has been taken out.

Works on a run of neighbouring frames that were aligned by smoothed landmarks, so that the head stands still. What is left
between two frames is split into a shift, a change of light (both by least squares, Lucas and Kanade 1981) and the rest,
once for the skin of the face and once for the ring of hair, ears and neck about it. Both move with the head, are lit by
the same lamps and went through the same codec; a face that was pasted frame by frame does not share their rest. Second
differences are used throughout: whatever changes evenly, such as a turning head or a cloud, gives none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from likeness.faces import regions
from likeness.faces.geometry import eye_distance_px, hull_mask
from likeness.types import DoubleArray, FloatArray, ImageArray

_OVAL, _LIPS = list(regions.FACE_OVAL), list(regions.LIPS_OUTER)
_EYES = (list(regions.RIGHT_EYE), list(regions.LEFT_EYE))
_BROWS = (list(regions.RIGHT_BROW), list(regions.LEFT_BROW))
_LEAST = 60  # pixels of a region, below which nothing is said of it
_SOFT_PX = 0.8


@dataclass(frozen=True, eq=False)
class Regions:
    """Where to look in the aligned picture of a run; (S, S) float32 in [0, 1] each.

    Attributes:
        skin: the face without brows, eyes and mouth, clear of its contour.
        ring: hair, ears and neck about it, clear of its contour.
        rim: a band along the contour.
        eyes_px: distance between the eyes.
    """

    skin: FloatArray
    ring: FloatArray
    rim: FloatArray
    eyes_px: float

    @property
    def enough(self) -> bool:
        """Whether skin and ring are large enough to be compared."""
        return min(float(self.skin.sum()), float(self.ring.sum())) >= _LEAST


@dataclass(frozen=True, eq=False)
class Changes:
    """What happened from each frame of a run to the next; T frames.

    Attributes:
        light: (T, 2, 3) mean brightness and both chroma (Y, Cr, Cb) of skin and ring, in 8-bit levels.
        shift: (T - 1, 2, 2) shift x, y of skin and ring in pixels of the crop.
        rest: (T - 1, S, S) float32 what neither shift nor light explains; skin and ring each by their own fit.
        grey: (T, S, S) float32 brightness, a little softened.
    """

    light: DoubleArray
    shift: DoubleArray
    rest: FloatArray
    grey: FloatArray


def second_difference(values: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """(T - 2, ...) before - 2 x now + after, along the first axis: 0 for whatever changes evenly."""
    return np.asarray(values[:-2] - 2.0 * values[1:-1] + values[2:])


def regions_of(landmarks_px: npt.NDArray[np.floating], inside: FloatArray) -> Regions:
    """Skin, ring and rim of an aligned face.

    Args:
        landmarks_px: (478, 2) in crop pixels, the mean of the run.
        inside: (S, S) float32, 1 where the crop shows the picture and not what was made up beyond its edge.
    """
    size = inside.shape[0]
    wh = (size, size)
    points = np.asarray(landmarks_px, np.float64)
    oval = points[_OVAL]
    skin = hull_mask(_scaled(oval, 0.88), wh)
    for part in (*_EYES, *_BROWS):
        skin = skin * (1.0 - hull_mask(_scaled(points[part], 1.5), wh))
    skin = skin * (1.0 - hull_mask(_scaled(points[_LIPS], 1.3), wh))
    ring = hull_mask(_scaled(oval, 1.55), wh) * (1.0 - hull_mask(_scaled(oval, 1.2), wh))
    rim = hull_mask(_scaled(oval, 1.12), wh) * (1.0 - hull_mask(_scaled(oval, 0.9), wh))
    seen = (inside > 0.99).astype(np.float32)
    return Regions(skin * seen, ring * seen, rim * seen, float(eye_distance_px(points)))


def changes_of(crops: ImageArray, where: Regions) -> Changes:
    """Measure a run.

    Args:
        crops: (T, S, S, 3) uint8 RGB, aligned.
        where: see `regions_of`.
    """
    import cv2

    picks = [np.flatnonzero(mask.ravel() > 0.5) for mask in (where.skin, where.ring)]
    count, size = crops.shape[:2]
    tall = cv2.cvtColor(np.ascontiguousarray(crops).reshape(-1, size, 3), cv2.COLOR_RGB2YCrCb)
    colours = tall.reshape(count, -1, 3)
    light = np.stack([colours[:, pick].mean(axis=1, dtype=np.float64) for pick in picks], axis=1)
    greys = []
    for grey in np.ascontiguousarray(tall[..., 0]).reshape(crops.shape[:3]):
        greys.append(cv2.GaussianBlur(grey.astype(np.float32), (0, 0), _SOFT_PX))
    slopes = [(cv2.Sobel(g, cv2.CV_32F, 1, 0, scale=0.125).ravel(),
               cv2.Sobel(g, cv2.CV_32F, 0, 1, scale=0.125).ravel()) for g in greys]  # fmt: skip
    shift = np.zeros((len(crops) - 1, 2, 2))
    rest = np.zeros((len(crops) - 1, *crops.shape[1:3]), np.float32)
    for t in range(len(crops) - 1):
        change = (greys[t + 1] - greys[t]).ravel()
        across, down = (0.5 * (slopes[t][k] + slopes[t + 1][k]) for k in (0, 1))
        for part, pick in enumerate(picks):
            shift[t, part], left = _registered(change[pick], across[pick], down[pick])
            rest[t].reshape(-1)[pick] = left
    return Changes(light, shift, rest, np.stack(greys))


def _registered(
    change: FloatArray, across: FloatArray, down: FloatArray
) -> tuple[DoubleArray, FloatArray]:
    """Shift and what is left of a change after shift and light; one round of reweighting keeps outliers from pulling."""
    design = np.stack([-across, -down, np.ones_like(across)], axis=1)
    left, weight = change, None
    for _ in range(2):
        weighted = design if weight is None else design * weight[:, None]
        normal = (weighted.T @ design).astype(np.float64)
        normal[(0, 1), (0, 1)] += 1e-3 * len(change)  # flat regions do not move
        solution = np.linalg.solve(normal, (weighted.T @ change).astype(np.float64))
        left = change - design @ solution.astype(np.float32)
        scale = 1.5 * float(np.sqrt(np.mean(left**2))) + 0.5
        weight = 1.0 / (1.0 + (left / scale) ** 2)
    return np.asarray(solution[:2], np.float64), left


def _scaled(points: DoubleArray, factor: float) -> DoubleArray:
    centre = points.mean(axis=0)
    return np.asarray(centre + factor * (points - centre))
