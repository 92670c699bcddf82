"""Small face sets of the NASA portrait, moved and recoloured, and settings of networks that train in a second."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
from skimage import data

from likeness.data.face_sets import FaceSet
from likeness.faces import align, regions
from likeness.faces.geometry import transform
from likeness.types import Consent, FaceCrop

LANDMARKS = np.load(Path(__file__).parents[1] / "data" / "portrait_landmarks.npy")
LIGHT = {
    "input_px": 32, "output_px": 64, "encoder": [8, 16], "code": 16, "start_px": 4, "shared": [16, 16], "decoder": [8], "unfold": 4,
}  # fmt: skip
HD = {"size_px": 32, "encoder": 4, "code": 8, "inter": 8, "decoder": 4}
ORIGINAL = {"code": 8, "width": 32}
TRAINING = {
    "minutes": 0, "steps": 4, "batch": 4, "held_out_share": 0.2, "precision": "float32", "checkpoint_every_s": 3600,
}  # fmt: skip
CONSENT = Consent(
    "Eileen Collins", "public_domain", "research", date(2027, 12, 31), "0" * 64, True, True
)


def face_set(seed: int, count: int = 24, size_px: int = 96, files: int = 2) -> FaceSet:
    """`count` crops of the portrait, shaken; another seed is another tint."""
    rng = np.random.default_rng(seed)
    tint = np.array([[1.0, 0.9, 0.8], [0.7, 0.9, 1.0]])[seed % 2]
    image = np.rint(data.astronaut() * tint).astype(np.uint8)
    crops, points = [], []
    for _ in range(count):
        moved = LANDMARKS + rng.normal(0, 3, 2)
        crop = align(image, moved, size_px)
        crops.append(crop)
        points.append(transform(LANDMARKS, crop.matrix).astype(np.float32))
    rows = tuple(
        {"file": f"clip{i * files // count}.mp4", "frame_index": i, "time_s": i / 25}
        for i in range(count)
    )
    return FaceSet(
        np.stack([c.image for c in crops]),
        np.stack(points),
        np.stack([c.matrix for c in crops]),
        rows,
        CONSENT,
        size_px,
        0.25,
    )


def target_crop(size_px: int = 96, margin: float = 0.25, landmarks: bool = True) -> FaceCrop:
    """A crop of the portrait as a swap hands it in."""
    crop = align(data.astronaut(), LANDMARKS, size_px, margin)
    points = transform(LANDMARKS, crop.matrix).astype(np.float32)
    return FaceCrop(crop.image, crop.mask, crop.matrix, points if landmarks else None)


def mouth_px(crop: FaceCrop) -> np.ndarray:
    """Centre of the mouth in crop pixels."""
    assert crop.landmarks_px is not None
    return crop.landmarks_px[list(regions.LIPS_OUTER)].mean(axis=0)
