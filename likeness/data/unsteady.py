"""Pseudo-fakes that are unsteady over time, as the faces of frame-by-frame swaps are, with their real partners.

A swap that works frame by frame fits colours, outline, place and sharpness anew in each. What is left of that after fading
(see `likeness.faces.smoothing`) wanders: a little every frame where nothing is smoothed, slowly where it is. Here one
pseudo-fake is drawn for the whole run, and a few of its parts wander about that draw as first-order autoregressive noise.
Nothing outside the mask of the blend changes, and the partner holds every change of the background.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from likeness.data import blends
from likeness.data.pseudo_fakes import PseudoFake, PseudoFakeConfig, make_pseudo_fake
from likeness.errors import ConfigError, DataError
from likeness.faces.geometry import eye_distance_px
from likeness.types import DoubleArray, FloatArray, ImageArray

PARTS = ("colour", "shading", "place", "edge", "sharpness")
"""What can wander."""
_WIDTH = {"colour": 4, "shading": 9, "place": 4, "edge": 1, "sharpness": 1}  # numbers per frame
_GRID = 3  # nodes of the shading along each side of the face


@dataclass(frozen=True)
class UnsteadyConfig:
    """How far the parts wander; amplitudes are standard deviations at strength 1.

    Attributes:
        colour: of the offset of each channel, in 8-bit levels; two thirds of the variance are shared by them.
        shading: of a smooth field over the face, in 8-bit levels.
        place: of the shift along each axis, as a share of the distance between the eyes; a third of it, scale and turn.
        edge: of the place of the outline, as a share of the width of its soft rim.
        sharpness: of the Gaussian that softens the pasted face, as a share of the distance between the eyes.
        part_p: probability that a part wanders; at least one does.
        strength: range from which the strength of a run is drawn, evenly on a logarithmic scale; (0, 0) = steady.
        memory_s: range of the time after which a part has forgotten where it was, drawn likewise: from every frame for
            itself to what a swap that smooths well leaves.
        blend: of the pseudo-fake that is the same in all frames.
    """

    colour: float = 4.0
    shading: float = 4.0
    place: float = 0.015
    edge: float = 0.1
    sharpness: float = 0.02
    part_p: float = 0.5
    strength: tuple[float, float] = (0.1, 1.0)
    memory_s: tuple[float, float] = (0.01, 0.4)
    blend: PseudoFakeConfig = field(default_factory=PseudoFakeConfig)

    def __post_init__(self) -> None:
        low, high = self.strength
        if not (0.0 < low <= high or low == high == 0.0) or high > 4.0:
            raise ConfigError(
                f"unsteady: strength is a range within 0-4, lowest first, got {self.strength}"
            )
        if not 0.0 < self.memory_s[0] <= self.memory_s[1] or not 0.0 <= self.part_p <= 1.0:
            raise ConfigError(
                f"unsteady: memory_s is a range above 0 and part_p within 0-1, got {self.memory_s} "
                f"and {self.part_p}"
            )


def make_unsteady(
    images: Sequence[ImageArray],
    landmarks_px: FloatArray,
    rng: np.random.Generator,
    config: UnsteadyConfig | None = None,
    step_s: float = 0.04,
) -> tuple[list[ImageArray], list[ImageArray]]:
    """Make the twins of a run of neighbouring frames: one blend for all of them, parts of which wander.

    Args:
        images: T frames, (H, W, 3) uint8 RGB, of one person.
        landmarks_px: (T, 478, 2) float32 in frame pixels.
        rng: source of chance; the same state gives the same pictures.
        config: see `UnsteadyConfig`.
        step_s: time from one frame to the next.

    Returns:
        The real partners and the fakes, T pictures each; equal outside the blend.

    Raises:
        DataError: no frames, as many landmarks as frames are not given, or no face lies within a picture.
        ShapeError: wrong arrays.
    """
    config = config or UnsteadyConfig()
    if not len(images) or len(images) != len(landmarks_px):
        raise DataError(
            f"unsteady: expected frames and as many landmarks, got {len(images)} and {len(landmarks_px)}"
        )
    draw = int(rng.integers(2**63))  # every frame draws the same pseudo-fake
    paths = draw_paths(len(images), rng, config, step_s)
    reals, fakes = [], []
    for t, (image, points) in enumerate(zip(images, landmarks_px, strict=True)):
        made = make_pseudo_fake(image, points, np.random.default_rng(draw), config.blend)
        reals.append(made.real)
        fakes.append(_wandered(made, points, {part: path[t] for part, path in paths.items()}))
    return reals, fakes


def draw_paths(
    frames: int, rng: np.random.Generator, config: UnsteadyConfig, step_s: float = 0.04
) -> dict[str, DoubleArray]:
    """Part -> (T, K) where it stands in each frame; parts that stay put are left out.

    Units: levels (colour: R, G, B; shading: a 3 x 3 grid), eye distances (place: x, y, growth, turn in radians;
    sharpness, not negative), rims (edge).
    """
    low, high = config.strength
    strength = float(np.exp(rng.uniform(np.log(low), np.log(high)))) if low > 0.0 else 0.0
    chosen = rng.random(len(PARTS)) < config.part_p
    chosen[int(rng.integers(len(PARTS)))] |= not chosen.any()
    paths: dict[str, DoubleArray] = {}
    for part, wanders in zip(PARTS, chosen, strict=True):
        memory_s = float(np.exp(rng.uniform(*np.log(config.memory_s))))
        path = autoregressive(frames, _WIDTH[part], float(np.exp(-step_s / memory_s)), rng)
        if part == "colour":
            path = np.sqrt(2 / 3) * path[:, :1] + np.sqrt(1 / 3) * path[:, 1:]
        elif part == "place":
            path = path * [1.0, 1.0, 1 / 3, 1 / 3]
        elif part == "sharpness":
            path = np.abs(path)
        if wanders and strength > 0.0:
            paths[part] = strength * float(getattr(config, part)) * path
    return paths


def autoregressive(frames: int, width: int, memory: float, rng: np.random.Generator) -> DoubleArray:
    """(T, K) Gaussian noise of unit variance in which each frame keeps `memory` (0-1) of the one before."""
    noise = rng.standard_normal((frames, width))
    path = noise.copy()
    for t in range(1, frames):
        path[t] = memory * path[t - 1] + np.sqrt(1.0 - memory**2) * noise[t]
    return path


def _wandered(
    made: PseudoFake, points: npt.NDArray[np.floating], at: dict[str, DoubleArray]
) -> ImageArray:
    """The fake's face, changed and blended once more into its partner; pixels outside the mask stay as they are."""
    if not at:
        return made.image
    rows, columns = (np.flatnonzero(made.mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return made.image
    part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    eyes = float(eye_distance_px(points))
    face = _changed(made.image, part, eyes, at)
    mask = made.mask[part]
    if "edge" in at:
        mask = mask + np.float32(np.clip(at["edge"][0], -0.24, 0.24)) * made.boundary[part]
    image = made.image.copy()
    back = np.ascontiguousarray(made.real[part])
    image[part] = blends.blend(face, back, np.ascontiguousarray(mask, np.float32))
    return image


def _changed(
    image: ImageArray, part: tuple[slice, slice], eyes_px: float, at: dict[str, DoubleArray]
) -> ImageArray:
    """What lies in `part` of a picture after its place, sharpness and light have wandered."""
    height, width = (s.stop - s.start for s in part)
    face = np.ascontiguousarray(image[part])
    if "place" in at:
        x, y, growth, turn = at["place"]
        cos, sin = (1.0 + growth) * np.cos(turn), (1.0 + growth) * np.sin(turn)
        linear = np.array([[cos, -sin], [sin, cos]])
        centre = np.array([(width - 1) / 2, (height - 1) / 2])
        offset = centre + eyes_px * np.array([x, y]) - linear @ centre
        face = blends.warp_affine(face, np.hstack([linear, offset[:, None]]), (width, height))
    if "sharpness" in at and (sigma := float(at["sharpness"][0]) * eyes_px) > 0.05:
        face = cv2.GaussianBlur(face, (0, 0), sigma)
    if "colour" in at or "shading" in at:
        light = np.zeros((height, width, 3), np.float32)
        if "shading" in at:
            grid = at["shading"].reshape(_GRID, _GRID).astype(np.float32)
            light += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)[..., None]
        if "colour" in at:
            light += at["colour"].astype(np.float32)
        face = np.clip(np.rint(face + light), 0, 255).astype(np.uint8)
    return face
