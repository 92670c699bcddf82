"""How round a pupil is: generators paint pupils with dents and corners.

After Guo, Hu, Wang, Chang and Lyu 2022 ("Eyes Tell All: Irregular Pupil Shapes Reveal GAN-Generated Faces"): an ellipse is
fitted to the pupil's edge, and what both cover is set against what either covers. Dark irises, small eyes and reflections
on the pupil's edge hide the shape: where the pupil does not stand out, nothing is said.
"""

from __future__ import annotations

import numpy as np

from likeness.detectors._eyes_measures import RADIUS, SIZE_PX, Eye

_LEAST_CONTRAST = 8.0  # lightness of the iris above that of the pupil
_SMALLEST, _LARGEST = 0.15, 0.75  # of the iris's radius
_REACH = 0.8  # iris radii from the centre in which the pupil is looked for


def pupil_roundness(eye: Eye) -> float | None:
    """Overlap of the pupil with the ellipse fitted to it, 0 to 1; None where no pupil stands out from its iris."""
    import cv2

    light = cv2.GaussianBlur(eye.lab[..., 0], (0, 0), 1.0)
    row, column = np.indices((SIZE_PX, SIZE_PX)) - (SIZE_PX - 1) / 2.0
    near = eye.disc & (np.hypot(row, column) < _REACH * RADIUS)
    if not near.any():
        return None
    dark, base = float(np.percentile(light[near], 5)), float(eye.colour[0])
    if base - dark < _LEAST_CONTRAST:
        return None
    mask = (near & (light < 0.5 * (dark + base))).astype(np.uint8)
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not outlines:
        return None
    largest = max(outlines, key=cv2.contourArea)
    radius = float(np.sqrt(cv2.contourArea(largest) / np.pi)) / RADIUS
    if len(largest) < 8 or not _SMALLEST < radius < _LARGEST:
        return None
    pupil, ellipse = np.zeros_like(mask), np.zeros_like(mask)
    cv2.drawContours(pupil, [largest], -1, 1, cv2.FILLED)  # reflections in it are no holes
    cv2.ellipse(ellipse, cv2.fitEllipse(largest), 1, cv2.FILLED)
    either = int((pupil | ellipse).sum())
    return float(np.float32((pupil & ellipse).sum() / max(either, 1)))
