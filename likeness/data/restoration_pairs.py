"""Pairs for training a restorer: a part of a real face, and the same part as it looks after what happens to pictures.

The wear is drawn from the families of the degradation ladder (`likeness.data.degradations`), wider than detectors are trained
with and in another order: pictures are first made small and coded when small, then looked at in their old size, which is
what an old or often shared picture went through. Everything follows from a random generator that the caller seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from likeness.data.degradations import Degradation, Step, degrade
from likeness.errors import ConfigError, DataError
from likeness.faces import hull_mask, regions
from likeness.types import FloatArray, ImageArray, IndexArray, check_array

_EYES = (list(regions.RIGHT_EYE), list(regions.LEFT_EYE))
_LIPS = list(regions.LIPS_OUTER)
_LEAST_PX = 16  # smaller pictures cannot be coded


@dataclass(frozen=True)
class Wear:
    """What happened to one picture.

    Attributes:
        small: factor of the size it was kept at; 1 = its own.
        coding: what it went through at that size, see `Degradation`.
        h264: constant rate factor of a video coding after that; 0 = none.
    """

    small: float = 1.0
    coding: Degradation = field(default_factory=Degradation)
    h264: int = 0

    def __call__(self, image: ImageArray) -> ImageArray:
        """(H, W, 3) uint8 RGB in and out, of one size."""
        import cv2

        height, width = image.shape[:2]
        if self.small < 1.0:
            small_wh = [max(_LEAST_PX, 2 * round(s * self.small / 2)) for s in (width, height)]
            image = np.asarray(cv2.resize(image, small_wh, interpolation=cv2.INTER_AREA), np.uint8)
        image = self.coding(image)
        if self.h264:
            image = degrade([image], Step("worn", "h264", 1, float(self.h264)))[0]
        if self.small < 1.0:
            image = cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC)
        return np.asarray(image, np.uint8)

    def recipe(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "coding": self.coding.recipe()}


@dataclass(frozen=True)
class WearConfig:
    """How wear is drawn.

    Attributes:
        clean: share of pictures to which nothing happens, so that good ones are left alone.
        halved: share that is kept at exactly half its size and otherwise untouched: pure super-resolution.
        full_size: share of the others that is not made smaller.
        smallest: least factor of the size.
        blur_px: largest sigma of the blur at full size; of small pictures a third of it.
        noise: largest sigma of the noise, in grey levels.
        jpeg: lowest and highest quality.
        h264: share that ends as a video frame, in place of a JPEG.
        crf: lowest and highest constant rate factor.
    """

    clean: float = 0.08
    halved: float = 0.12
    full_size: float = 0.45
    smallest: float = 0.3
    blur_px: float = 3.0
    noise: float = 12.0
    jpeg: tuple[int, int] = (25, 96)
    h264: float = 0.12
    crf: tuple[int, int] = (20, 40)

    def __post_init__(self) -> None:
        shares = (self.clean, self.halved, self.full_size, self.h264)
        if not all(0 <= s <= 1 for s in shares) or self.clean + self.halved > 1:
            raise ConfigError(f"wear: expected shares within 0-1, got {shares}")
        if not 0.1 <= self.smallest <= 1 or self.blur_px < 0 or self.noise < 0:
            raise ConfigError(
                f"wear: expected smallest within 0.1-1 and no negative blur or noise, got {self}"
            )

    def draw(self, rng: np.random.Generator) -> Wear:
        """What happens to the next picture."""
        fate = rng.random()
        chance, amount = rng.random(6), rng.random(6)
        first, last = (int(q) for q in rng.integers(*self.jpeg, 2))
        grid = (int(rng.integers(8)), int(rng.integers(8)))
        noise_seed = int(rng.integers(2**32))
        if fate < self.clean:
            return Wear()
        if fate < self.clean + self.halved:
            return Wear(0.5)
        whole = bool(chance[0] < self.full_size)
        video = bool(chance[5] < self.h264)
        blur = amount[1] * self.blur_px * (1.0 if whole else 1 / 3)
        coding = Degradation(
            first_jpeg=first if chance[1] < 0.2 else 0,
            grid_xy=grid,
            blur_px=round(max(0.2, float(blur)), 3) if chance[2] < 0.5 else 0.0,
            noise=round(max(0.5, float(self.noise * amount[2] ** 2)), 3)
            if chance[3] < 0.4
            else 0.0,
            noise_seed=noise_seed,
            jpeg=last if chance[4] < 0.6 and not video else 0,
        )
        small = 1.0 if whole else float(self.smallest ** amount[0])
        crf = round(self.crf[0] + float(amount[3]) * (self.crf[1] - self.crf[0])) if video else 0
        return Wear(round(small, 3), coding, crf)


@dataclass(frozen=True)
class Pairs:
    """N parts of faces.

    Attributes:
        inputs: (N, S, S, 3) uint8 RGB, worn.
        targets: (N, S, S, 3) uint8 RGB, as they were.
        areas: (N, S, S, 3) uint8, 255 inside: everything, eyes, mouth.
    """

    inputs: ImageArray
    targets: ImageArray
    areas: ImageArray


@dataclass(frozen=True, eq=False)
class PairPool:
    """Real faces from which pairs are drawn.

    Attributes:
        images: (N, S, S, 3) uint8 RGB aligned faces, sharper than what a restorer is asked for.
        landmarks_px: (N, 478, 2) float32 in their pixels.
        wear: see `WearConfig`.
        scale: lowest and highest factor by which a face is made smaller before a part is cut out; what comes out is sharp.
        grey: share of pictures without colour.
    """

    images: ImageArray
    landmarks_px: FloatArray
    wear: WearConfig = WearConfig()
    scale: tuple[float, float] = (0.62, 0.95)
    grey: float = 0.1

    def __post_init__(self) -> None:
        check_array("PairPool.images", self.images, (None, None, None, 3), np.uint8)
        check_array(
            "PairPool.landmarks_px", self.landmarks_px, (len(self.images), 478, 2), np.float32
        )
        if len(self.images) == 0:
            raise DataError("a pool of pairs needs faces, got none")
        if not 0.1 <= self.scale[0] <= self.scale[1] <= 1.0:
            raise ConfigError(f"scale: expected two factors within 0.1-1, got {self.scale}")

    def __len__(self) -> int:
        return len(self.images)

    def draw(
        self, rows: IndexArray | Sequence[int], rng: np.random.Generator, part_px: int
    ) -> Pairs:
        """A part of `part_px` pixels of each of the faces at `rows`.

        Raises:
            ConfigError: the faces are too small for such parts.
        """
        least = round(self.images.shape[1] * self.scale[0])
        if part_px > least:
            raise ConfigError(
                f"parts of {part_px} px do not fit into faces that are made as small as {least} px"
            )
        drawn = [self._part(int(row), rng, part_px) for row in rows]
        inputs, targets, areas = (np.stack(column) for column in zip(*drawn, strict=True))
        return Pairs(inputs, targets, areas)

    def _part(
        self, row: int, rng: np.random.Generator, part_px: int
    ) -> tuple[ImageArray, ImageArray, ImageArray]:
        import cv2

        side = self.images.shape[1]
        size = max(part_px, round(side * float(rng.uniform(*self.scale))))
        x, y = (int(v) for v in rng.integers(0, size - part_px + 1, 2))
        mirrored, grey = rng.random(2) < (0.5, self.grey)
        face = cv2.resize(self.images[row], (size, size), interpolation=cv2.INTER_AREA)
        part = face[y : y + part_px, x : x + part_px]
        points = (self.landmarks_px[row].astype(np.float64) + 0.5) * (size / side) - 0.5 - (x, y)
        areas = _areas(points, part_px)
        if mirrored:
            part, areas = part[:, ::-1], areas[:, ::-1]
        if grey:
            part = np.repeat(cv2.cvtColor(part, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
        part = np.ascontiguousarray(part, np.uint8)
        return self.wear.draw(rng)(part), part, np.ascontiguousarray(areas)


def _areas(points: FloatArray | Any, size: int) -> ImageArray:
    """(size, size, 3) uint8: everything, eyes, mouth."""
    eyes = sum(hull_mask(points[ring], (size, size)) for ring in _EYES)
    mouth = hull_mask(points[_LIPS], (size, size))
    parts = [np.ones((size, size)), np.minimum(eyes, 1.0), mouth]
    return np.rint(255 * np.stack(parts, axis=2)).astype(np.uint8)
