"""Putting the mark on: one pattern per size and payload, one perceptual mask per frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np
import numpy.typing as npt

from likeness.errors import UsageError
from likeness.provenance.watermark.pattern import DESIGN, Design, canonical_scale, render
from likeness.types import FloatArray, ImageArray, check_array

LEAST_SIDE_PX: Final = 128
MOST_ASPECT: Final = 12.0

_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2  # the constants of SSIM
_WINDOW_PX: Final = 7  # of SSIM
_LEAST_VARYING: Final = 0.5
_BLOCK: Final = 4  # the mask is made at a quarter of the size
_PATTERN_UNIT, _MASK_UNIT = 1 / 32, 1 / 16  # what one step of the stored bytes stands for
_FROM_DEVIATION: Final = np.pi / 2  # variance over squared mean deviation, of a Gaussian


@dataclass(frozen=True)
class Strength:
    """How strong the mark is at each place; where limits differ the lowest holds.

    Attributes:
        flat_levels: standard deviation of the mark on a flat area, in 8-bit levels.
        busy_share: what is added on structure, as a share of the local variance.
        large_share: pictures of 1024 x 1024 and more lose less to a codec: their share of that variance; between the two
            sizes it falls with the linear size.
        most_levels: standard deviation of the mark at the busiest place.
        ssim_loss: what SSIM may lose at each place.
        psnr_db: of the whole picture.
        emphasis: factor of the mark's amplitude where `emphasis` is 1.
    """

    flat_levels: float = 0.85
    busy_share: float = 0.15
    large_share: float = 0.6
    most_levels: float = 4.0
    ssim_loss: float = 0.0185
    psnr_db: float = 41.0
    emphasis: float = 1.3


STRENGTH: Final = Strength()


class Embedder:
    """Marks pictures of one size with one payload. Threads may share it: nothing changes after it is built.

    Args:
        size_wh: width and height of every picture.
        payload: 0 <= payload < 2**64.
        design: of the pattern; the search must use the same.
        strength: how strong the mark is.

    Raises:
        UsageError: payload out of range, or a size that cannot carry the mark (see `can_carry`).
    """

    def __init__(
        self,
        size_wh: tuple[int, int],
        payload: int,
        design: Design = DESIGN,
        strength: Strength = STRENGTH,
    ) -> None:
        reason = can_carry(size_wh, "image")
        if reason:
            raise UsageError(reason)
        self.size_wh, self.payload, self.strength = size_wh, payload, strength
        pattern = render(size_wh, payload, design)
        # SSIM's contrast term sees what varies inside its window, its luminance term the rest. Large pictures have long
        # waves, which it hardly sees: there the eye is the limit, and the mark stays about as strong as on small ones.
        blurred = cv2.blur(pattern, (_WINDOW_PX, _WINDOW_PX))
        self._varying = max(1 - float(np.mean(blurred * blurred)), _LEAST_VARYING)
        bytes_up = np.rint(pattern / _PATTERN_UNIT)
        self._up = np.clip(bytes_up, 0, 255).astype(np.uint8)
        self._down = np.clip(-bytes_up, 0, 255).astype(np.uint8)

    def embed(self, image: ImageArray, emphasis: FloatArray | None = None) -> ImageArray:
        """Mark one picture: the same change in red, green and blue, so that luma moves and chroma stays.

        Args:
            image: (H, W, 3) uint8 RGB of the embedder's size.
            emphasis: (H, W) float32 in [0, 1], 1 where the mark should be stronger, such as on a generated face.

        Returns:
            (H, W, 3) uint8 RGB; equal input gives equal output. The input is not changed.

        Raises:
            ShapeError: a picture or emphasis of another size or type.
        """
        width, height = self.size_wh
        check_array("Embedder.embed.image", image, (height, width, 3), np.uint8)
        if emphasis is not None:
            check_array("Embedder.embed.emphasis", emphasis, (height, width), np.float32)
        mask = self._mask(image, emphasis)
        mask = cv2.resize(mask, self.size_wh, interpolation=cv2.INTER_LINEAR)
        unit = _PATTERN_UNIT * _MASK_UNIT
        up = cv2.cvtColor(cv2.multiply(self._up, mask, scale=unit), cv2.COLOR_GRAY2RGB)
        down = cv2.cvtColor(cv2.multiply(self._down, mask, scale=unit), cv2.COLOR_GRAY2RGB)
        cv2.add(image, up, dst=up)
        return np.asarray(cv2.subtract(up, down, dst=up), np.uint8)

    def _mask(self, image: ImageArray, emphasis: FloatArray | None) -> npt.NDArray[np.uint8]:
        """(h, w) uint8 standard deviation of the mark, in 1/16 levels; a quarter of the size or smaller."""
        luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        # In a large picture the waves are long, and what hides them are structures of their own size.
        shrink = max(1, int(0.5 / canonical_scale(self.size_wh)))
        if shrink > 1:
            shrunk_wh = (self.size_wh[0] // shrink, self.size_wh[1] // shrink)
            luma = cv2.resize(luma, shrunk_wh, interpolation=cv2.INTER_AREA)
        deviation = cv2.absdiff(luma, cv2.blur(luma, (_WINDOW_PX, _WINDOW_PX)))
        small_wh = (luma.shape[1] // _BLOCK, luma.shape[0] // _BLOCK)
        deviation, luma = (
            cv2.resize(plane, small_wh, interpolation=cv2.INTER_AREA).astype(np.float32)
            for plane in (deviation, luma)
        )
        # Of a mark of variance d on a picture of mean m and variance v, SSIM loses about d / (2 v + C2) in its contrast
        # term and d / (2 m^2 + C1) in its luminance term. Smoothing the reciprocal keeps a strong mark from spilling over
        # an edge into a flat.
        variance = np.float32(_FROM_DEVIATION) * deviation * deviation
        sensitive = self._varying / (2 * variance + np.float32(_C2))
        sensitive += (1 - self._varying) / (2 * luma * luma + np.float32(_C1))
        sensitive = cv2.blur(sensitive, (3, 3))
        limits = self.strength
        power = limits.flat_levels**2 + limits.busy_share * variance
        power *= np.float32(np.clip(canonical_scale(self.size_wh), limits.large_share, 1.0))
        power = np.minimum(power, limits.ssim_loss / sensitive, dtype=np.float32)
        power = np.minimum(power, limits.most_levels**2)
        if emphasis is not None:
            face = cv2.resize(emphasis, small_wh, interpolation=cv2.INTER_AREA)
            power *= 1 + np.float32(limits.emphasis**2 - 1) * np.clip(face, 0, 1)
        power = _within(power, 255**2 * 10 ** (-limits.psnr_db / 10))
        return np.rint(np.sqrt(power) * np.float32(1 / _MASK_UNIT)).astype(np.uint8)


def _within(power: FloatArray, budget: float) -> FloatArray:
    """Cut off at the level that brings the mean down to the budget: busy places give first, they carry least per power."""
    if float(power.mean()) <= budget:
        return power
    low, high = 0.0, float(power.max())
    for _ in range(8):
        level = (low + high) / 2
        low, high = (
            (level, high) if float(np.minimum(power, level).mean()) <= budget else (low, level)
        )
    return np.minimum(power, np.float32(low))


def can_carry(size_wh: tuple[int, int], kind: Literal["image", "video"]) -> str | None:
    """Why pictures of this size cannot carry the mark; None if they can.

    Args:
        size_wh: width and height in pixels.
        kind: a still, or a video whose frames are combined.

    Example:
        >>> can_carry((1280, 720), "video") is None
        True
    """
    width, height = size_wh
    if min(size_wh) < LEAST_SIDE_PX:
        return (
            f"a watermark needs {LEAST_SIDE_PX} px on each side, got {width}x{height}; "
            "use a larger target"
        )
    if max(size_wh) > MOST_ASPECT * min(size_wh):
        return (
            f"a watermark needs a shape of at most {MOST_ASPECT:g} : 1, got {width}x{height}; "
            "use a wider target"
        )
    return None
