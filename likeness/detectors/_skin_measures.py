"""What `skin_tone` measures on one face of one frame: tone and light of the face against the skin round it.

Light is read from the mean face's normals; a neck is taken for an upright cylinder, of which only light from the left or the
right can be read. What cannot be seen (a neck under a scarf) is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from likeness.errors import UsageError
from likeness.faces.shading import Light, fit_light, mean_face, posed_normals
from likeness.faces.skin import (
    SIZE_PX,
    SkinCrop,
    SkinRegions,
    linear_brightness,
    skin_crop,
    skin_regions,
    tone,
)
from likeness.types import DoubleArray, FaceTrack, FloatArray, Frame, ImageArray

VERSION = "skin-1"
NAMES = (
    "tone: inner face against its edge (forehead, temples, jaw)",
    "brightness: inner face against its edge",
    "tone: inner face against skin just outside (ears, below the jaw)",
    "tone: inner face against neck",
    "brightness: inner face against neck",
    "spread of tone within the face",
    "shading left against right that no even light explains",
    "light from the side: face against neck",
)
UNITS = ("CIELAB", "CIELAB L", "CIELAB", "CIELAB", "CIELAB L", "CIELAB", "", "")
UNSEEN = (3.4, 7.6, 6.6, 5.6, 14.5, 7.2, 0.14, 0.12)
"""What real training faces give in the median: stands in for what cannot be seen, so that it speaks for nothing."""
LEAST_CHROMA = 3.0  # CIELAB; below, the picture is grey
_LEAST_PAIRS = 40  # mirrored points seen on both sides
_NECK_PIXELS, _NECK_HALF_PX = 150, 8.0
_MAP_PX = 28


@dataclass(frozen=True, eq=False)
class Measured:
    """One face of one frame: (8,) float64 in the order of `NAMES`, NaN where it cannot be seen, and what it was read from."""

    values: DoubleArray
    crop: SkinCrop
    where: SkinRegions


def measured(
    image: ImageArray, landmarks_px: npt.NDArray[np.floating], pose_deg: npt.NDArray[np.floating]
) -> Measured | None:
    """Measure one face; None where it shows too little skin, is grey or lies in the dark."""
    try:
        crop = skin_crop(image, landmarks_px)
    except UsageError:
        return None
    where = skin_regions(crop)
    inner, rim = tone(crop.lab, where.inner), tone(crop.lab, where.rim)
    if inner is None or rim is None or float(np.hypot(inner[1], inner[2])) < LEAST_CHROMA:
        return None
    beside, neck = tone(crop.lab, where.beside), tone(crop.lab, where.neck)
    light = light_of(crop, where, pose_deg, upright=True)
    if light is None:
        return None
    low, high = np.percentile(crop.lab[where.inner][:, 1:], [25, 75], axis=0)
    side = neck_from_right(crop, where)
    values = (
        _chroma(inner, rim),
        abs(float(inner[0] - rim[0])),
        _chroma(inner, beside),
        _chroma(inner, neck),
        float("nan") if neck is None else abs(float(inner[0] - neck[0])),
        float(np.hypot(*(high - low))),
        uneven(light),
        abs(light.from_right - side),
    )
    return Measured(np.round(values, 5), crop, where)


def measure(frame: Frame, track: FaceTrack, row: int) -> DoubleArray | None:
    """The numbers of `NAMES` with `UNSEEN` in the gaps, as `likeness.detectors._cue.Measure` asks for them."""
    found = measured(frame.image, track.landmarks_px[row], track.pose_deg[row])
    return None if found is None else filled(found.values)


def filled(values: DoubleArray) -> DoubleArray:
    """(..., 8) numbers with `UNSEEN` in the gaps."""
    return np.where(np.isfinite(values), values, np.array(UNSEEN))


def light_of(
    crop: SkinCrop, where: SkinRegions, pose_deg: npt.NDArray[np.floating], upright: bool
) -> Light | None:
    """The light on a face, in the axes of the upright crop or of the frame; None where too little skin is seen."""
    points = crop.landmarks_px[:468]
    column, row = np.clip(np.rint(points).astype(np.int64), 0, SIZE_PX - 1).T
    seen = (where.inner | where.rim)[row, column]
    yaw, pitch, roll = (float(v) for v in pose_deg)
    turned = posed_normals(np.array([yaw, pitch, 0.0 if upright else roll]))
    return fit_light(linear_brightness(crop.rgb, points), turned, seen)


def uneven(light: Light) -> float:
    """How differently mirrored points are lit beyond what the fitted light explains, over mean brightness; or NaN."""
    apart = light.left_over - light.left_over[mean_face().mirror]
    apart = apart[np.isfinite(apart)]
    if len(apart) < _LEAST_PAIRS:
        return float("nan")
    return float(np.sqrt(np.square(np.clip(apart, -0.6, 0.6)).mean()))


def neck_from_right(crop: SkinCrop, where: SkinRegions) -> float:
    """Brightness of the neck that comes from the image's right over its mean brightness; NaN where it is hardly seen."""
    rows, columns = np.nonzero(where.neck)
    if len(columns) < _NECK_PIXELS:
        return float("nan")
    left, right = np.percentile(columns, [2, 98])
    half = 0.5 * (right - left)
    if half < _NECK_HALF_PX:
        return float("nan")
    place = np.stack([columns, rows], axis=1).astype(np.float64)
    brightness = linear_brightness(crop.rgb, place, 1.0)
    across = np.clip((columns - 0.5 * (left + right)) / half, -1.0, 1.0)
    # The visible part of a cylinder seldom reaches its silhouette: hair and collar cover that.
    across = 0.85 * across
    design = np.stack([np.ones_like(across), across], axis=1)
    fit = np.linalg.lstsq(design, brightness, rcond=None)[0]
    return float(fit[1]) / max(float(brightness.mean()), 1e-3)


def tone_map(found: Measured) -> FloatArray:
    """(28, 28) float32 in [0, 1]: how far the tone of each piece of skin is from the middle of the inner face."""
    import cv2

    where = found.where
    skin = where.inner | where.rim | where.beside | where.neck
    chroma = found.crop.lab[..., 1:]
    apart = np.linalg.norm(chroma - np.median(chroma[where.inner], axis=0), axis=-1)
    smooth = cv2.GaussianBlur(np.where(skin, apart, 0.0).astype(np.float32), (0, 0), 2.0)
    weight = cv2.GaussianBlur(skin.astype(np.float32), (0, 0), 2.0)
    mean = np.where(weight > 0.3, smooth / np.maximum(weight, 0.3), 0.0)
    shown = np.tanh(np.maximum(mean - 4.0, 0.0) / 12.0).astype(np.float32)
    return np.asarray(
        cv2.resize(shown, (_MAP_PX, _MAP_PX), interpolation=cv2.INTER_AREA), np.float32
    )


def _chroma(a: DoubleArray, b: DoubleArray | None) -> float:
    return float("nan") if b is None else float(np.hypot(a[1] - b[1], a[2] - b[2]))
