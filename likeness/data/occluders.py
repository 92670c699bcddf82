"""Things that pass in front of a face, drawn over a run of frames, whole or as a swap that ignores them leaves them.

A swap whose mask knows nothing of hands and microphones pastes the face over them: the object fades or vanishes where it
enters the face. Real recordings of that are few, so they are drawn: textured ellipses, boxes and sticks with sharp edges.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from likeness.data.blends import blend
from likeness.faces import regions
from likeness.faces.geometry import eye_distance_px, hull_mask
from likeness.types import FloatArray, ImageArray

KINDS = ("ellipse", "box", "stick")
_OVAL = list(regions.FACE_OVAL)


def pass_in_front(
    images: Sequence[ImageArray],
    landmarks_px: FloatArray,
    rng: np.random.Generator,
    bleed: float = 0.0,
) -> tuple[list[ImageArray], list[FloatArray]]:
    """Move one object across the face in the middle third of a run.

    Args:
        images: T frames, (H, W, 3) uint8 RGB.
        landmarks_px: (T, 478, 2) of the face, without the object.
        rng: source of chance; the same state draws the same object on the same way, whatever the bleed.
        bleed: share of the face that shows through the object within the face's outline: 0 = as a camera sees it.

    Returns:
        The frames, and (H, W) float32 masks of the object in [0, 1].
    """
    height, width = images[0].shape[:2]
    eyes = float(np.median(eye_distance_px(landmarks_px)))
    middle = landmarks_px[:, :468].mean(axis=(0, 1))
    kind, size = str(rng.choice(KINDS)), eyes * float(rng.uniform(0.45, 0.9))
    angle = float(rng.uniform(0.0, 2.0 * np.pi))
    texture = _texture((height, width), rng)
    aim = middle + rng.uniform(-0.5, 0.5, 2) * eyes
    start = aim + 3.2 * eyes * np.array([np.cos(angle), np.sin(angle)])
    shown, masks = [], []
    for t, image in enumerate(images):
        way = np.clip(1.5 - 4.5 * abs(t / max(len(images) - 1, 1) - 0.5), 0.0, 1.0)
        place = start + (aim - start) * (3 * way**2 - 2 * way**3)
        mask = _shape(kind, place, start, size, (width, height))
        share = mask
        if bleed > 0.0:
            face = hull_mask(landmarks_px[t][_OVAL], (width, height))
            share = mask * (1.0 - np.float32(bleed) * cv2.GaussianBlur(face, (0, 0), eyes / 12))
        moved = np.array([[1, 0, place[0] - aim[0]], [0, 1, place[1] - aim[1]]], np.float32)
        skin = cv2.warpAffine(texture, moved, (width, height), borderMode=cv2.BORDER_REFLECT)
        shown.append(blend(skin, np.ascontiguousarray(image), share.astype(np.float32)))
        masks.append(mask)
    return shown, masks


def _shape(
    kind: str, place: np.ndarray, start: np.ndarray, size: float, size_wh: tuple[int, int]
) -> FloatArray:
    """(H, W) float32 the object with an anti-aliased edge; it is held from where it came."""
    mask = np.zeros((size_wh[1], size_wh[0]), np.uint8)
    along = start - place
    length = float(np.linalg.norm(along))
    turn = float(np.degrees(np.arctan2(along[1], along[0])))
    centre = (float(place[0]), float(place[1]))
    if kind == "ellipse":
        turns = np.radians(np.arange(0, 360, 6))
        own = np.stack([size * np.cos(turns), 0.7 * size * np.sin(turns)], axis=1)
        cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
        points = place + own @ np.array([[cos, sin], [-sin, cos]])
    else:
        wide = 0.9 * size if kind == "box" else 0.35 * size
        reach = np.zeros(2) if length < 1e-6 else along / length * size
        box = ((centre[0] + reach[0] / 2, centre[1] + reach[1] / 2), (2 * size, wide), turn)
        points = np.asarray(cv2.boxPoints(box), np.float64)
    fixed = np.round(points * 16).astype(np.int32)
    cv2.fillConvexPoly(mask, fixed, 255, cv2.LINE_AA, 4)
    if length > 1.0:  # an arm or a cable holds it
        ends = [tuple(round(float(v) * 16) for v in point) for point in (place, start)]
        cv2.line(mask, ends[0], ends[1], 255, max(2, round(0.4 * size)), cv2.LINE_AA, 4)
    return cv2.GaussianBlur(mask, (0, 0), 0.6).astype(np.float32) / np.float32(255)


def _texture(shape: tuple[int, int], rng: np.random.Generator) -> ImageArray:
    """(H, W, 3) uint8 a colour with grain and patches."""
    colour = rng.uniform(30, 225, 3)
    patches = cv2.GaussianBlur(rng.standard_normal((*shape, 1)).astype(np.float32), (0, 0), 5.0)
    grain = cv2.GaussianBlur(rng.standard_normal((*shape, 1)).astype(np.float32), (0, 0), 0.8)
    light = 12.0 * patches / patches.std() + 6.0 * grain / grain.std()
    return np.clip(colour + light.reshape(*shape, 1), 0, 255).astype(np.uint8)
