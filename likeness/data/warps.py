"""Batches for a face-swap autoencoder: a warped face to look at and the same face unwarped to draw.

The warp (published with the first deepfakes) moves the nodes of a coarse grid at random, so that the encoder cannot copy
and has to learn what a face is. Input and target share zoom, turn, shift, mirror and colour; only the input is warped.
Everything that happens to the pixels of one face is one `cv2.remap`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from likeness.errors import ConfigError, DataError
from likeness.faces import hull_mask, regions
from likeness.types import DoubleArray, FloatArray, ImageArray, IndexArray

_EYES = (regions.RIGHT_EYE, regions.LEFT_EYE)
_OVAL, _LIPS = list(regions.FACE_OVAL), list(regions.LIPS_OUTER)


@dataclass(frozen=True)
class WarpConfig:
    """How faces are varied. Every amount may be 0.

    Attributes:
        nodes: nodes of the warp's grid along each side.
        warp: standard deviation of a node's shift, as a share of the input's side.
        zoom: largest change of scale, 0.05 = 5 %.
        rotation_deg: largest turn.
        shift: largest shift as a share of the side.
        flip: probability of a mirrored face.
        light: largest change of lightness and contrast, as a share.
        tint: largest change of one colour channel, as a share.
        match: probability that a face gets the mean colour and contrast of a face of the other identity.
    """

    nodes: int = 5
    warp: float = 5 / 256
    zoom: float = 0.05
    rotation_deg: float = 10.0
    shift: float = 0.05
    flip: float = 0.5
    light: float = 0.1
    tint: float = 0.03
    match: float = 0.25

    def __post_init__(self) -> None:
        if self.nodes < 2 or min(self.warp, self.zoom, self.shift, self.light, self.tint) < 0:
            raise ConfigError(f"warp: expected 2 or more nodes and no negative amount, got {self}")
        if not (0 <= self.flip <= 1 and 0 <= self.match <= 1 and self.zoom < 1 and self.light < 1):
            raise ConfigError(
                f"warp: expected flip and match within 0-1, zoom and light below 1, got {self}"
            )


STILL = WarpConfig(5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
"""No variation at all: what held-out faces are shown with."""


@dataclass(frozen=True)
class FaceBatch:
    """Faces of one identity, ready for a network.

    Attributes:
        inputs: (N, s, s, 3) uint8 RGB, warped.
        targets: (N, S, S, 3) uint8 RGB.
        regions: (N, S, S, 3) uint8, 255 inside: face oval, eyes, mouth.
        gains: (N, 3) float32 factors of the colour channels, for inputs and targets alike.
        offsets: (N, 3) float32 added afterwards, in units of [0, 1].
    """

    inputs: ImageArray
    targets: ImageArray
    regions: ImageArray
    gains: FloatArray
    offsets: FloatArray


class FacePool:
    """The faces of one identity with what drawing batches needs: smaller copies, region maps, colours.

    Args:
        images: (N, S, S, 3) uint8 RGB aligned crops.
        landmarks_px: (N, 478, 2) float32 in crop pixels.
        coverage: share of the crop's side, about its centre, that the network sees and draws.

    Attributes:
        colours: (N, 2, 3) float32 mean and standard deviation of the channels inside the face oval, in [0, 1].

    Raises:
        DataError: no faces.
    """

    def __init__(self, images: ImageArray, landmarks_px: FloatArray, coverage: float = 0.8) -> None:
        import cv2

        if len(images) == 0:
            raise DataError("a face pool needs faces, got none")
        if not 0.1 <= coverage <= 1.0:
            raise ConfigError(f"coverage: expected a share within 0.1-1, got {coverage}")
        self.coverage = coverage
        self.size_px = int(images.shape[1])
        half = self.size_px // 2
        self._levels = [images]
        if half >= 32:
            smaller = [cv2.resize(i, (half, half), interpolation=cv2.INTER_AREA) for i in images]
            self._levels.append(np.stack(smaller))
        self._regions = np.stack([_region_map(p, self.size_px) for p in landmarks_px])
        self.colours = np.stack([_colour(i, m) for i, m in zip(images, self._regions, strict=True)])

    def __len__(self) -> int:
        return len(self._levels[0])

    def draw(
        self,
        rows: IndexArray | Sequence[int],
        rng: np.random.Generator,
        config: WarpConfig,
        sizes_px: tuple[int, int],
        other: FacePool | None = None,
    ) -> FaceBatch:
        """A batch of the faces at `rows`.

        Args:
            rows: (N,) which faces.
            rng: everything random comes from it.
            config: see `WarpConfig`.
            sizes_px: sides of inputs and targets.
            other: the other identity, for `config.match`.
        """
        input_px, target_px = sizes_px
        count = len(rows)
        placed = self._placements(count, rng, config)
        shifts = rng.normal(0.0, config.warp, (count, config.nodes, config.nodes, 2))
        gains, offsets = self._colour_changes(rows, rng, config, other)
        inputs = np.empty((count, input_px, input_px, 3), np.uint8)
        targets = np.empty((count, target_px, target_px, 3), np.uint8)
        areas = np.empty_like(targets)
        for i, row in enumerate(rows):
            self._warped(inputs[i], row, placed[i], shifts[i] if config.warp else None)
            self._placed(targets[i], self._level(target_px), row, placed[i])
            self._placed(areas[i], self._regions, row, placed[i])
        return FaceBatch(inputs, targets, areas, gains, offsets)

    def mean(self, size_px: int) -> FloatArray:
        """(4, size_px, size_px) float32 in [0, 1]: the mean face and the mean face oval."""
        rows = np.arange(0, len(self), max(1, len(self) // 256))
        still = self.draw(rows, np.random.default_rng(0), STILL, (32, size_px))
        face = still.targets.mean(axis=0) / 255
        oval = still.regions[..., :1].mean(axis=0) / 255
        return np.concatenate([face, oval], axis=2).transpose(2, 0, 1).astype(np.float32)

    def _placements(self, count: int, rng: np.random.Generator, config: WarpConfig) -> DoubleArray:
        """(N, 2, 3) affines from the unit square, centre 0, to the centre-0 square of the crop."""
        zoom = self.coverage * (1.0 + rng.uniform(-config.zoom, config.zoom, count))
        turn = np.radians(rng.uniform(-config.rotation_deg, config.rotation_deg, count))
        shift = self.coverage * rng.uniform(-config.shift, config.shift, (count, 2))
        mirror = np.where(rng.random(count) < config.flip, -1.0, 1.0)
        cos, sin = zoom * np.cos(turn), zoom * np.sin(turn)
        first = np.stack([mirror * cos, -sin, shift[:, 0]], axis=1)
        second = np.stack([mirror * sin, cos, shift[:, 1]], axis=1)
        return np.stack([first, second], axis=1)

    def _colour_changes(
        self,
        rows: IndexArray | Sequence[int],
        rng: np.random.Generator,
        config: WarpConfig,
        other: FacePool | None,
    ) -> tuple[FloatArray, FloatArray]:
        """Gain and offset of every channel: matched to the other identity or not, then lightness, contrast and tint."""
        count = len(rows)
        own = self.colours[np.asarray(rows)]
        pool = self if other is None else other
        wished = pool.colours[rng.integers(0, len(pool), count)]
        matched = (rng.random(count) < config.match)[:, None] & (other is not None)
        mean, spread = own[:, 0], np.maximum(own[:, 1], 0.02)
        new_mean = np.where(matched, wished[:, 0], mean)
        gain = np.where(matched, np.clip(wished[:, 1] / spread, 0.5, 2.0), 1.0)
        contrast = 1.0 + rng.uniform(-config.light, config.light, (count, 1))
        light = 1.0 + rng.uniform(-config.light, config.light, (count, 1))
        tint = 1.0 + rng.uniform(-config.tint, config.tint, (count, 3))
        gain = gain * contrast * light * tint
        offset = new_mean * light * tint - gain * mean
        return gain.astype(np.float32), offset.astype(np.float32)

    def _level(self, size_px: int) -> ImageArray:
        """The copy of the faces that is just large enough for a picture of `size_px`."""
        for level in reversed(self._levels):
            if level.shape[1] * self.coverage >= 0.95 * size_px:
                return level
        return self._levels[0]

    def _placed(self, out: ImageArray, level: ImageArray, row: int, placed: DoubleArray) -> None:
        import cv2

        size, side = out.shape[0], level.shape[1]
        cv2.warpAffine(
            level[row],
            _to_pixels(placed, size, side),
            (size, size),
            dst=out,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )

    def _warped(
        self, out: ImageArray, row: int, placed: DoubleArray, shifts: DoubleArray | None
    ) -> None:
        import cv2

        level = self._level(out.shape[0])
        if shifts is None:
            self._placed(out, level, row, placed)
            return
        size, side = out.shape[0], level.shape[1]
        # The grid reaches past the picture on each side, as published: its outermost cells are trimmed off.
        large = round(size * 1.25)
        trim = (large - size) // 2
        smooth = cv2.resize(shifts.astype(np.float32), (large, large))
        unit = (np.arange(size, dtype=np.float32) + 0.5) / size - 0.5
        x = smooth[trim : trim + size, trim : trim + size, 0] + unit[None, :]
        y = smooth[trim : trim + size, trim : trim + size, 1] + unit[:, None]
        (a, b, c), (d, e, f) = placed.astype(np.float32)
        centre = np.float32(side / 2 - 0.5)
        map_x = (a * side) * x + (b * side) * y + (c * side + centre)
        map_y = (d * side) * x + (e * side) * y + (f * side + centre)
        cv2.remap(
            level[row],
            map_x,
            map_y,
            cv2.INTER_LINEAR,
            dst=out,
            borderMode=cv2.BORDER_REPLICATE,
        )


def _to_pixels(placed: DoubleArray, size: int, side: int) -> DoubleArray:
    """The placement as a (2, 3) affine from pixels of a picture of `size` to pixels of a crop of `side`."""
    linear = placed[:, :2] * (side / size)
    centre = placed[:, 2] * side + (side - 1) / 2
    return np.concatenate([linear, (centre - linear @ np.full(2, (size - 1) / 2))[:, None]], axis=1)


def _region_map(landmarks_px: FloatArray, size: int) -> ImageArray:
    """(size, size, 3) uint8: face oval, eyes with their surroundings, mouth."""
    import cv2

    oval = hull_mask(landmarks_px[_OVAL].astype(np.float64), (size, size))
    eyes: FloatArray = np.zeros((size, size), np.float32)
    for ring in _EYES:
        eyes = np.maximum(
            eyes, hull_mask(landmarks_px[list(ring)].astype(np.float64), (size, size))
        )
    mouth = hull_mask(landmarks_px[_LIPS].astype(np.float64), (size, size))
    reach = np.ones((max(3, size // 20 | 1),) * 2, np.uint8)
    parts = [oval, cv2.dilate(eyes, reach), cv2.dilate(mouth, reach)]
    return np.asarray(np.rint(255 * np.stack(parts, axis=2)), np.uint8)


def _colour(image: ImageArray, area: ImageArray) -> FloatArray:
    inside = image[area[..., 0] > 127].astype(np.float32) / 255
    if len(inside) < 16:
        inside = image.reshape(-1, 3).astype(np.float32) / 255
    return np.stack([inside.mean(axis=0), inside.std(axis=0)])
