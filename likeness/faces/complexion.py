"""How light skin looks in a picture, as one angle."""

from __future__ import annotations

import numpy as np

from likeness.errors import UsageError
from likeness.faces.skin import skin_crop, skin_regions, tone
from likeness.types import FloatArray, ImageArray


def skin_ita_deg(image: ImageArray, landmarks_px: FloatArray) -> float:
    """Individual typology angle of the inner face's skin (Chardon, Cretois and Hourseau 1991).

    atan2(L - 50, b) of its median CIELAB colour; high = light. It is the tone as the picture shows it: light, exposure and
    white balance are in it, so it groups pictures rather than people.

    Args:
        image: (H, W, 3) uint8 RGB.
        landmarks_px: (478, 2) float32 in its pixels.

    Returns:
        Degrees in [-90, 90]; NaN where too little skin is seen or the picture has no colour.
    """
    try:
        crop = skin_crop(image, landmarks_px)
    except UsageError:
        return float("nan")
    lab = tone(crop.lab, skin_regions(crop).inner)
    if lab is None or np.hypot(lab[1], lab[2]) < 2.0:
        return float("nan")
    return float(np.clip(np.rad2deg(np.arctan2(lab[0] - 50.0, lab[2])), -90.0, 90.0))
