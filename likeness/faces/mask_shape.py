"""The outline of what is pasted: smaller or larger, edge by edge, with a soft rim."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from likeness.errors import ConfigError
from likeness.types import FloatArray

_LARGEST_PX = 192  # larger masks are shaped at this size: a rim is soft
_REACH = 1.5  # the rim's middle lies so many of its standard deviations inside: at the outline little is left of it


@dataclass(frozen=True)
class MaskShape:
    """How a mask is shaped; lengths are shares of the mask's own width.

    Attributes:
        erode: taken off all round; negative grows it.
        top, bottom, left, right: taken off further at that edge of the upright crop.
        feather: standard deviation of the Gaussian rim.
    """

    erode: float = 0.0
    top: float = 0.0
    bottom: float = 0.0
    left: float = 0.0
    right: float = 0.0
    feather: float = 0.04

    def __post_init__(self) -> None:
        edges = (self.erode, self.top, self.bottom, self.left, self.right)
        if not all(-0.5 <= e <= 0.5 for e in edges) or not 0.0 <= self.feather <= 0.5:
            raise ConfigError(
                f"mask: erode and edges are within -0.5 to 0.5 of its width and feather within 0-0.5, got "
                f"{edges} and {self.feather}"
            )


def shaped(mask: FloatArray, shape: MaskShape) -> FloatArray:
    """A mask with another outline and a soft rim.

    Only the outer edge moves; a hole (a mouth that is left alone) and a soft learned value stay where they are. The rim is
    a Gaussian's integral over the distance to the edge. Growing a mask reaches over what it was made for.

    Args:
        mask: (S, S) float32 in [0, 1].
        shape: see `MaskShape`.

    Returns:
        (S, S) float32 in [0, 1].
    """
    size = mask.shape[0]
    if size <= _LARGEST_PX:
        return _shaped(mask, shape)
    small = cv2.resize(mask, (_LARGEST_PX, _LARGEST_PX), interpolation=cv2.INTER_AREA)
    soft = cv2.resize(_shaped(small, shape), (size, size), interpolation=cv2.INTER_LINEAR)
    return np.asarray(soft, np.float32)


def _shaped(mask: FloatArray, shape: MaskShape) -> FloatArray:
    outline = _filled(mask > 0.5)
    if not outline.any():
        return np.zeros_like(mask)
    rows, columns = np.flatnonzero(outline.any(axis=1)), np.flatnonzero(outline.any(axis=0))
    width = float(columns[-1] - columns[0] + 1)
    inside = cv2.distanceTransform(outline, cv2.DIST_L2, 5)
    if shape.erode < 0 or min(shape.top, shape.bottom, shape.left, shape.right) < 0:
        inside = inside - cv2.distanceTransform(1 - outline, cv2.DIST_L2, 5)
    centre = ((columns[0] + columns[-1]) / 2.0, (rows[0] + rows[-1]) / 2.0)
    taken = _taken_off(mask.shape[0], centre, shape) * width
    sigma = max(shape.feather * width, 0.35)
    rim = _gaussian_step((inside - 0.5 - taken) / sigma - _REACH)
    grown = shape.erode < 0 or (taken < 0).any()
    inner = _holes(mask, outline) if grown else mask
    return np.asarray(rim * inner, np.float32)


def _filled(mask: np.ndarray) -> np.ndarray:
    """(S, S) uint8 in {0, 1}: the largest piece of a mask, without its holes."""
    contours, _ = cv2.findContours(
        mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    filled = np.zeros(mask.shape, np.uint8)
    if contours:
        cv2.drawContours(filled, [max(contours, key=cv2.contourArea)], -1, 1, cv2.FILLED)
    return filled


def _holes(mask: FloatArray, outline: np.ndarray) -> FloatArray:
    """The mask inside its outline, 1 outside: growing the outline must not be undone by the old edge."""
    core = cv2.erode(outline, np.ones((3, 3), np.uint8), iterations=2)
    return np.where(core > 0, mask, np.float32(1.0))


def _taken_off(size: int, centre: tuple[float, float], shape: MaskShape) -> FloatArray:
    """(S, S) what is taken off in the direction of each pixel; edges pass into one another smoothly."""
    y, x = np.indices((size, size), np.float32)
    dx, dy = x - np.float32(centre[0]), y - np.float32(centre[1])
    far = np.maximum(dx * dx + dy * dy, 1.0)
    across, down = dx * np.abs(dx) / far, dy * np.abs(dy) / far
    sides = (
        shape.top * np.maximum(-down, 0)
        + shape.bottom * np.maximum(down, 0)
        + shape.left * np.maximum(-across, 0)
        + shape.right * np.maximum(across, 0)
    )
    return np.asarray(np.float32(shape.erode) + sides, np.float32)


def _gaussian_step(z: FloatArray) -> FloatArray:
    """Integral of the standard normal, to 3e-4; erf of scipy is slower than the rest of the mask together."""
    z = np.clip(z, -6.0, 6.0)
    value = 1.0 / (1.0 + np.exp(-1.5976 * z - 0.07056 * z * z * z))
    return np.where(value < 0.004, 0.0, value).astype(np.float32)
