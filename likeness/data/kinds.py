"""How each kind of pseudo-fake makes its layers: the source, the background that receives it, and the mask.

Every function writes what it draws into `recipe`. The source and mask are of the face crop's size, the background of the whole
picture's; chance is drawn in a fixed amount whatever the face, so that the frames of a clip share all draws.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from likeness.data import blends, masks
from likeness.data.mixture import PseudoFakeConfig
from likeness.errors import DataError
from likeness.types import LANDMARK_COUNT, FloatArray, ImageArray, check_array

Layers = tuple[ImageArray, ImageArray, FloatArray]
"""Source (h, w, 3) uint8, background (H, W, 3) uint8, mask (h, w) float32."""
Donor = tuple[ImageArray, FloatArray]
"""Picture and landmarks of another person."""

_LEAST_ALIGNED = (
    0.3  # of the face's size; softer than that is seen from across the room and teaches nothing
)


@dataclass(frozen=True, eq=False)
class Face:
    """A picture and the crop of it in which a blend is worked out.

    Attributes:
        image: (H, W, 3) uint8 RGB, the whole picture.
        landmarks: (478, 2) float32 in the crop's pixels.
        box: (x0, y0, x1, y1) of the crop in the picture, always inside it.
        size_px: larger side of the face, forehead included.
    """

    image: ImageArray
    landmarks: FloatArray
    box: tuple[int, int, int, int]
    size_px: float

    @property
    def crop(self) -> ImageArray:
        """The pixels inside the box, (h, w, 3) uint8; a view."""
        x0, y0, x1, y1 = self.box
        return self.image[y0:y1, x0:x1]

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height of the crop."""
        return self.box[2] - self.box[0], self.box[3] - self.box[1]


def locate_face(image: ImageArray, landmarks_px: FloatArray) -> Face:
    """Check the arrays and cut a crop around the face.

    Raises:
        ShapeError: wrong arrays.
        DataError: landmarks are not finite, or no face lies within the picture.
    """
    check_array("make_pseudo_fake.image", image, (None, None, 3), np.uint8)
    check_array("make_pseudo_fake.landmarks_px", landmarks_px, (LANDMARK_COUNT, 2), np.float32)
    if not np.isfinite(landmarks_px).all():
        raise DataError("landmarks are not finite numbers: drop this face")
    height, width = image.shape[:2]
    x0, y0, x1, y1 = (float(v) for v in masks.face_box(landmarks_px))
    size = max(x1 - x0, y1 - y0)
    margin = 0.2 * size
    box = (
        max(0, int(x0 - margin)), max(0, int(y0 - margin)),
        min(width, int(x1 + margin) + 1), min(height, int(y1 + margin) + 1),
    )  # fmt: skip
    if box[2] - box[0] < 24 or box[3] - box[1] < 24:
        raise DataError(
            f"the face ({x0:.0f}, {y0:.0f}, {x1:.0f}, {y1:.0f}) is too small or outside the {width} x {height} picture"
        )
    return Face(image, landmarks_px - np.array(box[:2], np.float32), box, size)


def _draw_region(
    face: Face, family: str, rng: np.random.Generator, config: PseudoFakeConfig
) -> FloatArray:
    pieces = masks.hull_points(face.landmarks, family)
    pieces = masks.jitter_points(pieces, rng, config.outline_jitter * config.strength)
    return masks.draw_mask(pieces, face.size_wh, rng, config.strength)


def _draw_side(rng: np.random.Generator, config: PseudoFakeConfig) -> str:
    return "target" if rng.random() < config.target_p else "source"


def self_blend(
    face: Face, rng: np.random.Generator, config: PseudoFakeConfig, recipe: dict[str, Any]
) -> Layers:
    """Two copies of one face, one of them changed in colour and sharpness, the source moved a little."""
    families = masks.FULL_FAMILIES if recipe["kind"] == "self_blend_full" else masks.PARTS
    recipe["family"] = family = str(rng.choice(families))
    recipe["changed"] = side = _draw_side(rng, config)
    recipe["colour"] = colour = blends.draw_colour_gap(rng, config.colour)
    recipe["sharpness"] = sharpness = blends.draw_sharpness_gap(rng, config.sharpen_alpha)

    def change(picture: ImageArray) -> ImageArray:
        shifted = blends.apply_colour_gap(picture, colour, config.strength)
        return blends.apply_sharpness_gap(shifted, sharpness, config.strength)

    source, background = face.crop, face.image
    if side == "source":
        source = change(source)
    else:
        background = change(background)
    mask = _draw_region(face, family, rng, config)
    source, mask = _move(source, mask, rng, config, recipe)
    return source, _interpolated(background, rng, config, recipe), mask


def warp_blur(
    face: Face, rng: np.random.Generator, config: PseudoFakeConfig, recipe: dict[str, Any]
) -> Layers:
    """One copy as if it had been aligned to a small square and warped back; a random hull of brow, nose and mouth points."""
    recipe["changed"] = side = _draw_side(rng, config)
    recipe["aligned_px"] = aligned = int(
        rng.integers(config.warp_size_px[0], config.warp_size_px[1] + 1)
    )
    recipe["colour"] = colour = blends.draw_colour_gap(rng, config.colour)

    factor = float(np.clip(aligned / face.size_px, _LEAST_ALIGNED, 2.0))

    def change(picture: ImageArray) -> ImageArray:
        soft = blends.warp_blur(picture, factor, 1.1)
        if config.strength < 1.0:
            soft = cv2.addWeighted(soft, config.strength, picture, 1.0 - config.strength, 0.0)
        return blends.apply_colour_gap(soft, colour, config.strength)

    source = change(face.crop) if side == "source" else face.crop
    background = change(face.image) if side == "target" else face.image
    inner = masks.hull_points(face.landmarks, "inner")[0]
    kept = rng.choice(len(inner), size=int(len(inner) * rng.uniform(0.35, 0.8)), replace=False)
    pieces = masks.jitter_points([inner[np.sort(kept)]], rng, config.outline_jitter)
    return source, background, masks.draw_mask(pieces, face.size_wh, rng)


def cross_identity(
    face: Face,
    donor: Donor,
    rng: np.random.Generator,
    config: PseudoFakeConfig,
    recipe: dict[str, Any],
) -> Layers:
    """Another person's face, fitted by landmarks, matched in colour, half of the time in light, and in sharpness."""
    check_array("donor image", donor[0], (None, None, 3), np.uint8)
    check_array("donor landmarks_px", donor[1], (LANDMARK_COUNT, 2), np.float32)
    if not np.isfinite(donor[1]).all():
        raise DataError("the donor's landmarks are not finite numbers: drop this donor")
    matrix = blends.fit_affine(donor[1], face.landmarks)
    recipe["matrix"] = [[round(float(v), 5) for v in row] for row in matrix]
    covered = np.full(donor[0].shape[:2], 255, np.uint8)
    covered = blends.warp_affine(covered, matrix, face.size_wh, cv2.BORDER_CONSTANT)
    covered = cv2.blur(cv2.erode(covered, np.ones((9, 9), np.uint8)), (9, 9))
    recipe["family"], mask = _covered_region(face, covered, rng, config)
    source = blends.warp_affine(donor[0], matrix, face.size_wh)
    background = face.image
    if config.match_softness:
        full = np.zeros(face.image.shape[:2], np.float32)
        full[face.box[1] : face.box[3], face.box[0] : face.box[2]] = mask
        mine, theirs = blends.sharpness(face.crop, mask), blends.sharpness(source, mask)
        recipe["changed"] = "source" if theirs > mine else "target"
        if theirs > mine:
            source = blends.match_sharpness(source, mine, mask)
        else:
            background = blends.match_sharpness(background, theirs, full)
    source = blends.match_colour(source, face.crop, mask)
    if rng.random() < config.relight_p:
        recipe["relit"] = True
        source = blends.relight(source, face.crop, face.size_px / 4)
    return source, background, mask


def _covered_region(
    face: Face, covered: ImageArray, rng: np.random.Generator, config: PseudoFakeConfig
) -> tuple[str, FloatArray]:
    """A region that the donor's picture covers: the drawn one, or else the smaller inner face."""
    family, seed = str(rng.choice(masks.FULL_FAMILIES)), int(rng.integers(2**63))
    share = covered.astype(np.float32) / np.float32(255)
    mask = _draw_region(face, family, np.random.default_rng(seed), config)
    if float((mask * share).sum()) < 0.98 * float(mask.sum()):
        family, mask = "inner", _draw_region(face, "inner", np.random.default_rng(seed), config)
    return family, mask * share


def _move(
    source: ImageArray,
    mask: FloatArray,
    rng: np.random.Generator,
    config: PseudoFakeConfig,
    recipe: dict[str, Any],
) -> tuple[ImageArray, FloatArray]:
    """Shift and scale source and mask together about the crop's centre."""
    height, width = mask.shape
    shift = (
        rng.uniform(-1.0, 1.0, 2) * config.translate * np.array([width, height]) * config.strength
    )
    scale = float(rng.uniform(config.scale, 1.0 / config.scale))
    scale = 1.0 + (scale - 1.0) * config.strength
    recipe["shift_px"], recipe["scale"] = [round(float(v), 3) for v in shift], round(scale, 4)
    if scale == 1.0 and not shift.any():
        return source, mask
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    matrix = np.hstack([scale * np.eye(2), ((1 - scale) * centre + shift)[:, None]])
    moved_mask = blends.warp_affine(mask, matrix, (width, height), cv2.BORDER_CONSTANT)
    return blends.warp_affine(source, matrix, (width, height)), moved_mask


def _interpolated(
    background: ImageArray,
    rng: np.random.Generator,
    config: PseudoFakeConfig,
    recipe: dict[str, Any],
) -> ImageArray:
    """Half of the time, shift the background by a fraction of a pixel: moving the source softens it by as much."""
    shift = rng.uniform(-0.5, 0.5, 2) * config.strength
    if not config.match_softness or rng.random() < 0.5 or not shift.any():
        return background
    recipe["background_shift_px"] = [round(float(v), 3) for v in shift]
    matrix = np.hstack([np.eye(2), shift[:, None]])
    return blends.warp_affine(background, matrix, (background.shape[1], background.shape[0]))
