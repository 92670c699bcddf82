"""Noise, interpolation and compression traces in cells of 8 px, and how far the face's differ from its surroundings'.

Noise depends on brightness and texture: dark, smooth skin carries less of it than a lit wall. Face and surroundings are
therefore compared at the same brightness and texture, by one regression over the cells in which "inside the face" is a
term of its own; its coefficient is the difference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from likeness.types import DoubleArray, FloatArray, ImageArray

VERSION = "noise-1"
CELL = 8
NAMES = (
    "difference in fine noise, face against surroundings",
    "difference in coarse noise, middle of the face against surroundings",
    "difference in how alike the noise of neighbouring pixels is",
    "difference in outliers of the noise",
    "unevenness of fine noise in the face against that around it",
    "unevenness of the noise's smoothness in the face against that around it",
    "difference in traces of the camera's colour mosaic",
    "difference in strength of 8 px compression blocks",
)
"""What `of_face` measures: sizes of a difference whatever its sign; logarithms (base e), correlations for "alike"."""
FINE, COARSE, ALIKE, OUTLIERS, MOSAIC, BLOCKS = range(6)
"""The maps of `Cells`."""
_MARGIN = 0.35
_FEWEST_CELLS = 24
_LEAST_NOISE = 0.12
"""Grey levels of mean |residual| below which a picture holds no noise to compare: drawn, or smoothed by its codec."""
_RIDGE = 2.0
_CORE = 0.35  # share of the face's ellipse that counts as its middle
_USUAL_GAP = np.array([-0.01, -0.12, 0.0, -0.01, 0.0, 0.2])
"""Median gap of real faces (UTKFace, role train): hair and background are rougher than skin at any light."""
_DIAGONAL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / np.float32(6.0)
_LAPLACE = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], np.float32) / np.float32(4.0)

Region = tuple[int, int, int, int]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Cells:
    """What was measured per cell of 8 px.

    Attributes:
        maps: (6, R, C) float64: log fine noise, log coarse noise, correlation of neighbours, log outliers, mosaic, blocks.
        light: (R, C) float64 mean brightness in grey levels.
        texture: (R, C) float64 log of the mean slope of the smoothed picture.
        noise: (R, C) float64 mean |residual| in grey levels.
    """

    maps: DoubleArray
    light: DoubleArray
    texture: DoubleArray
    noise: DoubleArray

    @property
    def usable(self) -> Mask:
        """(R, C) True where light is not cut off and texture not so strong that noise drowns in it."""
        return (self.light > 16.0) & (self.light < 240.0) & (self.texture < np.log(16.0))


def of_face(image: ImageArray, landmarks_px: FloatArray, box_px: FloatArray) -> DoubleArray | None:
    """(8,) numbers of `NAMES` for one face; None where it is too small or there is no noise to compare.

    Args:
        image: (H, W, 3) uint8 RGB.
        landmarks_px: (478, 2) float32.
        box_px: (4,) float32 xyxy of the face.
    """
    region = face_region(box_px, (image.shape[1], image.shape[0]))
    if region is None:
        return None
    inside, core = face_cells(landmarks_px, region)
    return compare(cell_maps(cut(image, region)), inside, core)


def face_region(box_px: FloatArray, size_wh: tuple[int, int]) -> Region | None:
    """Left, top, right, bottom of a face and its surroundings on the picture's 8 px grid; None below 8 cells a side."""
    low, high = np.asarray(box_px[:2], np.float64), np.asarray(box_px[2:], np.float64)
    add = _MARGIN * float((high - low).max())
    start = np.maximum(np.floor((low - add) / CELL) * CELL, 0.0).astype(int)
    whole = np.array(size_wh) // CELL * CELL
    stop = np.minimum(np.ceil((high + add) / CELL) * CELL, whole).astype(int)
    if (stop - start < 8 * CELL).any():
        return None
    return int(start[0]), int(start[1]), int(stop[0]), int(stop[1])


def cut(image: ImageArray, region: Region) -> ImageArray:
    """The region's pixels, (h, w, 3)."""
    left, top, right, bottom = region
    return np.ascontiguousarray(image[top:bottom, left:right])


def face_cells(landmarks_px: FloatArray, region: Region) -> tuple[Mask, Mask]:
    """(R, C) cells of a region that lie on the face, and those in its middle (brows to mouth)."""
    from likeness.faces import regions
    from likeness.faces.geometry import hull_mask

    left, top, right, bottom = region
    points = landmarks_px[:468] - np.array([left, top], np.float32)
    oval = hull_mask(points[list(regions.FACE_OVAL)], (right - left, bottom - top))
    inside = _cells(oval) > 0.5
    row, column = np.indices(inside.shape) * float(CELL) + 0.5 * (CELL - 1)
    centre, radius = points.mean(axis=0), 0.5 * np.maximum(np.ptp(points, axis=0), 1.0)
    off = ((column - centre[0]) / radius[0]) ** 2 + ((row - centre[1]) / radius[1]) ** 2
    return inside, inside & (off < _CORE)


def cell_maps(image: ImageArray) -> Cells:
    """Measure every cell of a picture that begins on its file's 8 px grid.

    Args:
        image: (H, W, 3) uint8 RGB, both sides multiples of 8.
    """
    import cv2

    luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    soft = cv2.GaussianBlur(luma, (0, 0), 1.5)
    across = cv2.Sobel(soft, cv2.CV_32F, 1, 0, scale=0.125)
    slope = cv2.magnitude(across, cv2.Sobel(soft, cv2.CV_32F, 0, 1, scale=0.125))
    half = cv2.resize(luma, (luma.shape[1] // 2, luma.shape[0] // 2), interpolation=cv2.INTER_AREA)
    fine = cv2.filter2D(luma, cv2.CV_32F, _DIAGONAL)
    noise = _cells(np.abs(fine))
    maps = (
        np.log(noise + 0.1),
        np.log(_cells(np.abs(cv2.filter2D(half, cv2.CV_32F, _DIAGONAL)), CELL // 2) + 0.1),
        _alike(luma),
        np.log(_cells(fine * fine) + 0.01) - 2.0 * np.log(noise + 0.1),
        _mosaic(np.ascontiguousarray(image[..., 1])),
        _blocks(luma),
    )
    return Cells(np.stack(maps), _cells(luma), np.log(_cells(slope) + 0.25), noise)


def compare(cells: Cells, inside: Mask, core: Mask) -> DoubleArray | None:
    """(8,) numbers of `NAMES`; None with fewer than 24 usable cells on either side or without noise to compare.

    Args:
        cells: of a face and its surroundings.
        inside: (R, C) cells of the face.
        core: (R, C) cells of its middle.
    """
    usable = cells.usable
    face, around = inside & usable, ~inside & usable
    if min(int(face.sum()), int(around.sum())) < _FEWEST_CELLS:
        return None
    if float(np.median(cells.noise[usable])) < _LEAST_NOISE:
        return None
    # Both sides weigh the same, however large the background is.
    weight = np.where(face, 0.5 / face.sum(), 0.5 / around.sum())[usable]
    values, known = cells.maps[:, usable].T, conditions(cells)[usable]
    terms = np.column_stack([known, face[usable].astype(np.float64)])
    gap = weighted_fit(terms, values, weight)[-1]
    middle = weighted_fit(
        np.column_stack([terms, core[usable].astype(np.float64)]), values, weight
    )[-2:].sum(axis=0)
    gap[COARSE] = middle[COARSE]
    size = np.abs(gap - _USUAL_GAP)
    uneven = np.log(_unevenness(cells, face)) - np.log(_unevenness(cells, around))
    picked = [*size[:MOSAIC], uneven[FINE], uneven[ALIKE], *size[MOSAIC:]]
    # Rounded: where a buffer lies in memory must not move a score.
    return np.round(np.array(picked), 5)


def conditions(cells: Cells) -> DoubleArray:
    """(R, C, 5) what noise depends on anyway: a constant, light, its square, texture, its square."""
    light, texture = cells.light / 128.0 - 1.0, cells.texture
    terms = (np.ones_like(light), light, light * light, texture, texture * texture)
    return np.stack(terms, axis=-1)


def weighted_fit(design: DoubleArray, values: DoubleArray, weight: DoubleArray) -> DoubleArray:
    """(K, M) coefficients of a ridge regression of (N, M) values on (N, K) terms; the first term is not shrunk."""
    scaled = design * weight[:, None]
    ridge = np.full(design.shape[1], _RIDGE / len(design) * float(weight.sum()))
    ridge[0] = 1e-9
    return np.asarray(np.linalg.solve(design.T @ scaled + np.diag(ridge), scaled.T @ values))


def _unevenness(cells: Cells, where: Mask) -> DoubleArray:
    """(6,) mean size of what light and texture do not explain among these cells."""
    known, values = conditions(cells)[where], cells.maps[:, where].T
    rest = values - known @ weighted_fit(known, values, np.full(len(known), 1.0 / len(known)))
    return np.asarray(np.abs(rest).mean(axis=0) + 0.02)


def _cells(values: FloatArray, side: int = CELL) -> DoubleArray:
    import cv2

    rows, columns = values.shape[0] // side, values.shape[1] // side
    whole = values[: rows * side, : columns * side]
    small = cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float64)


def _alike(luma: FloatArray) -> DoubleArray:
    """Correlation of the residual with its neighbours: interpolation and denoising make neighbours alike."""
    import cv2

    rest = luma - cv2.GaussianBlur(luma, (0, 0), 1.0)
    near = np.zeros_like(rest)
    near[:-1, :-1] = rest[:-1, :-1] * (rest[1:, :-1] + rest[:-1, 1:])
    return np.asarray(0.5 * _cells(near) / (_cells(rest * rest) + 0.05))


def _mosaic(green: ImageArray) -> DoubleArray:
    """How unlike the two chequered halves of the pixels are: one was measured, the other interpolated.

    After Popescu and Farid 2005 ("Exposing Digital Forgeries in Color Filter Array Interpolated Images"), with the prediction
    error of Ferrara et al. 2012 in the place of their expectation maximisation.
    """
    import cv2

    error = np.abs(cv2.filter2D(green, cv2.CV_32F, _LAPLACE))
    one = _cells(error[::2, ::2] + error[1::2, 1::2], CELL // 2)
    other = _cells(error[::2, 1::2] + error[1::2, ::2], CELL // 2)
    return np.asarray(np.abs(np.log(0.25 * one + 0.1) - np.log(0.25 * other + 0.1)))


def _blocks(luma: FloatArray) -> DoubleArray:
    """Log of the steps across the 8 px grid over those inside the blocks."""
    import cv2

    right, below = np.zeros_like(luma), np.zeros_like(luma)
    cv2.absdiff(luma[:, 1:], luma[:, :-1], right[:, :-1])
    cv2.absdiff(luma[1:], luma[:-1], below[:-1])
    rows, columns = luma.shape[0] // CELL, luma.shape[1] // CELL
    # Columns (rows) of one place within the block, averaged along it.
    lines = cv2.resize(
        cv2.min(right, 20.0), (columns * CELL, rows), interpolation=cv2.INTER_AREA
    ).reshape(rows, columns, CELL)
    down = cv2.resize(
        cv2.min(below, 20.0), (columns, rows * CELL), interpolation=cv2.INTER_AREA
    ).reshape(rows, CELL, columns)
    steps = (lines.transpose(2, 0, 1) + down.transpose(1, 0, 2)).astype(np.float64)
    edge, within = steps[CELL - 1], 0.5 * (steps[1] + steps[4])
    return np.asarray(np.log(edge + 0.5) - np.log(within + 0.5), np.float64)
