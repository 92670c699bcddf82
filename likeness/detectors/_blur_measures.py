"""What `blur_mismatch` measures on one face of one frame: how differently sharp it is from what lies round it.

Every number is a size without a sign: a face that is sharper than its picture is as odd as one that is softer, and a merge
that matches the sharpness of the whole leaves single octaves and single features behind.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from likeness.errors import UsageError
from likeness.faces.patch import FacePatch, face_patch
from likeness.faces.sharpness import (
    CELL_PX,
    DetailCells,
    FaceCells,
    detail_cells,
    face_cells,
    middle,
)
from likeness.types import DoubleArray, FaceTrack, FloatArray, Frame, ImageArray

VERSION = "blur-1"
NAMES = (
    "finest detail: inner face against jaw, ears and hairline",
    "coarser detail: inner face against jaw, ears and hairline",
    "coarser detail: eyes and mouth against hair, neck and clothes",
    "fineness of the skin against the sharpest edges beside it",
)
UNIT = "doublings"
_LEAST_LIVELY = 12  # cells with contrast inside the face and beside it
_SHARPEST, _SOFTEST = (
    1.5,
    -7.0,
)  # natural logarithm: photographs lie between, drawings and mosaics do not
_LN2 = float(np.log(2.0))


@dataclass(frozen=True, eq=False)
class Measured:
    """One face of one frame.

    Attributes:
        values: (4,) float64 sizes of the differences in doublings of energy, in the order of `NAMES`.
        sharper: difference of the inner face from its rim over both octaves in doublings; negative = softer.
        patch, detail, cells: what they were read from.
    """

    values: DoubleArray
    sharper: float
    patch: FacePatch
    detail: DetailCells
    cells: FaceCells

    def grid_corners_px(self) -> FloatArray:
        """(4, 2) float32 where the corners of the grid of whole cells lie in the frame."""
        h, w = self.detail.lively.shape
        size = np.array([w, h], np.float32) * np.float32(CELL_PX / self.patch.scale)
        square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
        return np.asarray(self.patch.corners_px[0] + square * size, np.float32)


def measured(image: ImageArray, landmarks_px: npt.NDArray[np.floating]) -> Measured | None:
    """Measure one face; None where picture or face has too little detail to read sharpness from."""
    try:
        patch = face_patch(image, landmarks_px)
    except UsageError:
        return None
    detail = detail_cells(patch)
    if detail is None:
        return None
    cells = face_cells(patch, (detail.lively.shape[0], detail.lively.shape[1]))
    inner, ring = cells.inner & detail.lively, cells.ring & detail.lively
    if min(int(inner.sum()), int(ring.sum())) < _LEAST_LIVELY:
        return None
    first, second, both = detail.fall
    level = middle(both, ring)
    if not _SOFTEST < level < _SHARPEST:
        return None
    outside = cells.outside & detail.lively
    if int(outside.sum()) < _LEAST_LIVELY:  # a crop that ends at the hairline
        outside = ring
    features = cells.features & detail.lively
    if not features.any() or int(cells.skin.sum()) < _LEAST_LIVELY:
        return None
    differences = (
        middle(first, inner, 75.0) - middle(first, ring, 75.0),
        middle(second, inner) - middle(second, ring),
        middle(second, features) - middle(second, outside),
        middle(both, cells.skin) - middle(both, ring, 75.0),
    )
    values = np.round(np.abs(differences) / _LN2, 5)
    sharper = (middle(both, inner) - level) / _LN2
    return Measured(values, float(sharper), patch, detail, cells)


def measure(frame: Frame, track: FaceTrack, row: int) -> DoubleArray | None:
    """The numbers of `NAMES`, as `likeness.detectors._cue.Measure` asks for them."""
    found = measured(frame.image, track.landmarks_px[row])
    return None if found is None else found.values


def mismatch_map(found: Measured) -> FloatArray:
    """(h, w) float32 in [0, 1]: how far each cell of the face is from the sharpness of its rim, over both octaves."""
    import cv2

    fall, lively = found.detail.fall[2], found.detail.lively
    level = middle(fall, found.cells.ring & lively)
    face = (found.cells.inner | found.cells.rim) & lively
    apart = np.where(face, np.abs(fall - level), 0.0).astype(np.float32)
    # One cell is a noisy witness: neighbours vote, cells without contrast abstain.
    votes = cv2.blur(face.astype(np.float32), (3, 3))
    mean = cv2.blur(apart, (3, 3)) / np.maximum(votes, 1e-3)
    shown = np.where(votes > 0.2, np.tanh(0.5 * np.maximum(mean - 0.7, 0.0)), 0.0)
    return np.asarray(shown, np.float32)
