"""How sharp each part of a face and of its surroundings is: detail energy per octave, cell by cell.

Contrast belongs to the subject, sharpness to the lens: what is compared is how fast energy falls from one octave to the
next finer one, in cells that have any contrast at all. A pasted face has been through another lens, another size and
another interpolation than what lies round it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from likeness.faces import regions
from likeness.faces.patch import FacePatch, group_mask, oval_mask
from likeness.types import FloatArray, Value

CELL_PX = 8
LEAST_CELLS = 4
_SIGMAS = (0.7, 1.4, 2.8)  # of the Gaussians between which the octaves lie
_FLOOR = 0.02  # squared grey levels; keeps flat cells finite
_LEAST_CONTRAST = (
    8.0  # squared grey levels in the two coarser octaves: an edge or a texture, not noise
)
_NOSE = (1, 98, 327, 2, 129, 358)
Cells = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class DetailCells(Value):
    """Detail of a patch on a grid of cells of `CELL_PX` pixels.

    Attributes:
        energy: (3, h, w) float32 mean squared detail, finest octave first, in squared grey levels.
        fall: (3, h, w) float32 natural logarithms of its ratios: first octave over second, second over third, first
            over third; higher = sharper.
        lively: (h, w) bool, cells with edges or texture to read sharpness from.
    """

    energy: FloatArray
    fall: FloatArray
    lively: Cells


@dataclass(frozen=True, eq=False)
class FaceCells(Value):
    """Which cells of the same grid show what; (h, w) bool each.

    Attributes:
        inner: the inner face: eyes, nose, mouth and the cheeks between.
        ring: the rim of the face and what lies just outside of it: jaw, ears, hairline.
        outside: everything that is not face: hair, neck, clothes, background.
        features: eyes and mouth.
        skin: the inner face without eyes, brows, mouth and nose.
        rim: the rim of the face alone.
    """

    inner: Cells
    ring: Cells
    outside: Cells
    features: Cells
    skin: Cells
    rim: Cells


def detail_cells(patch: FacePatch) -> DetailCells | None:
    """Measure a patch; None where it is smaller than a few cells."""
    import cv2

    rows, columns = patch.image.shape[0] // CELL_PX, patch.image.shape[1] // CELL_PX
    if min(rows, columns) < LEAST_CELLS:
        return None
    grey = cv2.cvtColor(patch.image, cv2.COLOR_RGB2GRAY)[: rows * CELL_PX, : columns * CELL_PX]
    layers = [grey.astype(np.float32)]
    for finer, sigma in zip((0.0, *_SIGMAS), _SIGMAS, strict=False):
        step = float(np.sqrt(sigma * sigma - finer * finer))
        layers.append(cv2.GaussianBlur(layers[-1], (0, 0), step))
    octaves = [cv2.subtract(a, b) for a, b in pairwise(layers)]
    energy = np.stack([_means(cv2.multiply(o, o)) for o in octaves]) + np.float32(_FLOOR)
    logs = np.log(energy)
    fall = np.stack([logs[0] - logs[1], logs[1] - logs[2], logs[0] - logs[2]])
    return DetailCells(energy, fall, energy[1] + energy[2] > _LEAST_CONTRAST)


def _means(values: FloatArray) -> FloatArray:
    """(h, w) means over the cells."""
    import cv2

    wh = (values.shape[1] // CELL_PX, values.shape[0] // CELL_PX)
    return np.asarray(cv2.resize(values, wh, interpolation=cv2.INTER_AREA), np.float32)


def face_cells(patch: FacePatch, shape: tuple[int, int]) -> FaceCells:
    """Where the parts of the face lie on the grid of `detail_cells`, whose (h, w) is `shape`."""
    points, wh = patch.cells(CELL_PX), (shape[1], shape[0])
    core, whole = oval_mask(points, wh, 0.78), oval_mask(points, wh)
    eyes = np.maximum(
        group_mask(points, regions.RIGHT_EYE, wh, 1.3),
        group_mask(points, regions.LEFT_EYE, wh, 1.3),
    )
    brows = np.maximum(
        group_mask(points, regions.RIGHT_BROW, wh, 1.2),
        group_mask(points, regions.LEFT_BROW, wh, 1.2),
    )
    mouth = group_mask(points, regions.LIPS_OUTER, wh, 1.2)
    features = np.maximum(eyes, mouth)
    plain = np.maximum(features, brows) < 0.1
    return FaceCells(
        inner=core > 0.8,
        ring=(oval_mask(points, wh, 1.25) > 0.6) & (core < 0.3),
        outside=oval_mask(points, wh, 1.1) < 0.05,
        features=features > 0.4,
        skin=(core > 0.8) & plain & (group_mask(points, _NOSE, wh) < 0.2),
        rim=(whole > 0.7) & (core < 0.3),
    )


def middle(values: FloatArray, cells: Cells, percentile: float = 50.0) -> float:
    """A percentile of a map over some cells; NaN where they are fewer than `LEAST_CELLS`."""
    chosen = values[cells]
    return float(np.percentile(chosen, percentile)) if len(chosen) >= LEAST_CELLS else float("nan")
