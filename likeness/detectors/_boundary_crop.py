"""The crop that `boundary` looks at: where the face lies in it is the same for its numbers and for its network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from likeness.types import FaceCrop, FloatArray, ImageArray

SIZE_PX = 160
MARGIN = 0.125
"""Of the mesh box: enough of the surroundings to see both sides of the contour, at most of the picture's detail."""
CELL_PX = 4
"""Side of a cell of the network's map."""


def crop_of(image: ImageArray, landmarks_px: FloatArray) -> FaceCrop:
    """Cut out one face.

    Args:
        image: (H, W, 3) uint8 RGB.
        landmarks_px: (478, 2) float32 in its pixels.

    Returns:
        A crop of 160 px, upright, with its landmarks.
    """
    from likeness.faces import align
    from likeness.faces.geometry import transform

    crop = align(image, landmarks_px, SIZE_PX, MARGIN)
    return replace(crop, landmarks_px=transform(landmarks_px, crop.matrix).astype(np.float32))
