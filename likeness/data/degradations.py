"""What happens to media on its way: the degradation ladder for measuring, random degradation for training.

Everything is a pure function of pictures and a seed and treats real and fake alike: same parameters, same noise. Pictures
are (H, W, 3) uint8 RGB and keep their size.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np

from likeness.errors import ConfigError, DataError
from likeness.types import ImageArray, check_array

SEVERITIES = 5


@dataclass(frozen=True)
class Step:
    """One rung of the ladder.

    Attributes:
        name: what it is called in tables.
        family: the kind of degradation.
        severity: 0 = none, 1-5 comparable across families.
        amount: quality, CRF, factor, sigma, exponent or share, by family.
    """

    name: str
    family: str
    severity: int
    amount: float


LADDER: tuple[Step, ...] = (
    Step("clean", "clean", 0, 0.0),
    Step("h264_crf23", "h264", 2, 23),
    Step("h264_crf40", "h264", 5, 40),
    Step("jpeg_95", "jpeg", 1, 95),
    Step("jpeg_75", "jpeg", 2, 75),
    Step("jpeg_50", "jpeg", 4, 50),
    Step("jpeg_30", "jpeg", 5, 30),
    Step("resize_075", "resize", 1, 0.75),
    Step("resize_050", "resize", 3, 0.5),
    Step("resize_025", "resize", 5, 0.25),
    Step("blur_0.5", "blur", 1, 0.5),
    Step("blur_1", "blur", 2, 1.0),
    Step("blur_2", "blur", 4, 2.0),
    Step("blur_3", "blur", 5, 3.0),
    Step("noise_2", "noise", 1, 2.0),
    Step("noise_5", "noise", 3, 5.0),
    Step("noise_10", "noise", 5, 10.0),
    Step("gamma_0.7", "gamma", 2, 0.7),
    Step("gamma_1.4", "gamma", 2, 1.4),
    Step("crop_shift", "crop_shift", 2, 0.1),
    Step("screenshot", "screenshot", 3, 0.8),
    Step("social_chain", "social_chain", 4, 0.67),
)
_STEPS = {step.name: step for step in LADDER}


def degrade(images: Sequence[ImageArray], step: str | Step, seed: int = 0) -> list[ImageArray]:
    """Put the frames of one clip (or one picture) through a step of the ladder.

    Args:
        images: (H, W, 3) uint8 RGB each, all of one size: they are coded as one clip.
        step: name in `LADDER`, or a step of your own.
        seed: of noise and shift; real and fake with the same seed get the same field.

    Returns:
        As many pictures of the same size. `crop_shift` moves the content by up to a tenth of width and height: landmarks found
        before then point beside the face, as they do when a crop is placed badly.

    Raises:
        ConfigError: unknown step.
        DataError: pictures of different sizes.

    Example:
        >>> import numpy as np
        >>> degrade([np.zeros((64, 64, 3), np.uint8)], "blur_1")[0].shape
        (64, 64, 3)
    """
    chosen = _STEPS.get(step) if isinstance(step, str) else step
    if chosen is None:
        raise ConfigError(f"unknown degradation {step!r}; expected one of {', '.join(_STEPS)}")
    if chosen.family not in _FAMILIES:
        raise ConfigError(
            f"unknown family {chosen.family!r}; expected one of {', '.join(_FAMILIES)}"
        )
    for image in images:
        check_array("degrade.images", image, (None, None, 3), np.uint8)
        if image.shape != images[0].shape:
            raise DataError(
                f"frames of one clip must have one size, got {images[0].shape} and {image.shape}"
            )
    if not images:
        return []
    rng = np.random.default_rng([seed, zlib.crc32(chosen.name.encode())])
    return _FAMILIES[chosen.family](list(images), chosen.amount, rng)


def ladder_area(auc_by_step: Mapping[str, float]) -> dict[str, float]:
    """Area under AUC against severity, per family, over the severities that were measured.

    Args:
        auc_by_step: AUC per step name; "clean" (severity 0) must be there.

    Returns:
        Family -> area divided by its span of severities, which reads as a mean AUC in [0, 1]; "all" is the mean over families.
        Steps of one family with the same severity are averaged first.

    Raises:
        DataError: no "clean", or an unknown step.
    """
    unknown = [name for name in auc_by_step if name not in _STEPS]
    if unknown or "clean" not in auc_by_step:
        raise DataError(
            f"expected AUCs of ladder steps with 'clean' among them, got {', '.join(auc_by_step)}"
        )
    families: dict[str, dict[int, list[float]]] = {}
    for name, value in auc_by_step.items():
        step = _STEPS[name]
        if step.severity:
            families.setdefault(step.family, {}).setdefault(step.severity, []).append(value)
    areas = {}
    for family, values in families.items():
        severities = [0, *sorted(values)]
        aucs = [auc_by_step["clean"], *(float(np.mean(values[s])) for s in severities[1:])]
        steps = np.diff(severities)
        areas[family] = float(steps @ (np.add(aucs[1:], aucs[:-1]) / 2) / severities[-1])
    if areas:
        areas["all"] = float(np.mean(list(areas.values())))
    return areas


@dataclass(frozen=True)
class Degradation:
    """A drawn training degradation: call it on each half of a pair; equal sizes get the same noise field.

    Attributes:
        blur_px: sigma of a Gaussian; 0 = none.
        resize: factor of the detour to a smaller size; 1 = none.
        noise: sigma in 8-bit levels; 0 = none.
        noise_seed: of the field.
        jpeg: quality of the last JPEG coding; 0 = none.
        first_jpeg: quality of a coding before it, on a shifted block grid; 0 = none.
        grid_xy: that shift in pixels.
    """

    blur_px: float = 0.0
    resize: float = 1.0
    noise: float = 0.0
    noise_seed: int = 0
    jpeg: int = 0
    first_jpeg: int = 0
    grid_xy: tuple[int, int] = (0, 0)

    def __call__(self, image: ImageArray) -> ImageArray:
        """(H, W, 3) uint8 RGB in and out."""
        from likeness.media import jpeg_round_trip

        if self.first_jpeg:
            image = _shifted_jpeg(image, self.first_jpeg, self.grid_xy)
        if self.blur_px:
            image = cv2.GaussianBlur(image, (0, 0), self.blur_px)
        if self.resize < 1.0:
            image = _there_and_back(image, self.resize)
        if self.noise:
            image = _add_noise(image, self.noise, np.random.default_rng(self.noise_seed))
        return jpeg_round_trip(image, self.jpeg) if self.jpeg else image

    def recipe(self) -> dict[str, Any]:
        """What was drawn, as JSON values."""
        return {**asdict(self), "grid_xy": list(self.grid_xy)}


def random_degradation(rng: np.random.Generator) -> Degradation:
    """Draw one: double JPEG p .3, blur sigma up to 1.5 p .3, resize .4-1 p .5, noise sigma up to 6 p .3, JPEG 30-100 p .7."""
    happens = rng.random(5) < (0.3, 0.3, 0.5, 0.3, 0.7)
    first, last = (int(q) for q in rng.integers(30, 101, 2))
    return Degradation(
        first_jpeg=first if happens[0] else 0,
        grid_xy=(int(rng.integers(8)), int(rng.integers(8))),
        blur_px=round(float(rng.uniform(0.2, 1.5)), 3) if happens[1] else 0.0,
        resize=round(float(rng.uniform(0.4, 1.0)), 3) if happens[2] else 1.0,
        noise=round(float(rng.uniform(0.5, 6.0)), 3) if happens[3] else 0.0,
        noise_seed=int(rng.integers(2**32)),
        jpeg=last if happens[4] else 0,
    )


def _there_and_back(image: ImageArray, factor: float) -> ImageArray:
    """Shrink (area, so that nothing aliases) and enlarge (bicubic)."""
    height, width = image.shape[:2]
    small_wh = (max(2, round(width * factor)), max(2, round(height * factor)))
    small = cv2.resize(image, small_wh, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def _add_noise(image: ImageArray, sigma: float, rng: np.random.Generator) -> ImageArray:
    field = rng.standard_normal(image.shape, np.float32) * np.float32(sigma)
    return np.clip(np.rint(image + field), 0, 255).astype(np.uint8)


def _shifted_jpeg(image: ImageArray, quality: int, grid_xy: tuple[int, int]) -> ImageArray:
    from likeness.media import jpeg_round_trip

    x, y = grid_xy
    padded = cv2.copyMakeBorder(image, y, 0, x, 0, cv2.BORDER_REFLECT_101)
    return np.ascontiguousarray(jpeg_round_trip(padded, quality)[y:, x:])


def _h264(images: list[ImageArray], crf: float, rng: np.random.Generator) -> list[ImageArray]:
    from likeness.media import h264_round_trip

    return h264_round_trip(images, 25.0, int(crf))


def _jpeg(images: list[ImageArray], quality: float, rng: np.random.Generator) -> list[ImageArray]:
    from likeness.media import jpeg_round_trip

    return [jpeg_round_trip(image, int(quality)) for image in images]


def _noise(images: list[ImageArray], sigma: float, rng: np.random.Generator) -> list[ImageArray]:
    return [_add_noise(image, sigma, rng) for image in images]


def _gamma(images: list[ImageArray], exponent: float, rng: np.random.Generator) -> list[ImageArray]:
    table = np.rint(255.0 * (np.arange(256) / 255.0) ** exponent).astype(np.uint8)
    return [cv2.LUT(image, table) for image in images]


def _crop_shift(
    images: list[ImageArray], share: float, rng: np.random.Generator
) -> list[ImageArray]:
    """One shift of exactly `share` of width and height, its two signs drawn, the same for all frames."""
    signs = rng.choice([-1, 1], 2)
    height, width = images[0].shape[:2]
    dx, dy = int(signs[0] * round(share * width)), int(signs[1] * round(share * height))
    matrix = np.array([[1, 0, dx], [0, 1, dy]], np.float64)
    return [
        cv2.warpAffine(
            image,
            matrix,
            (width, height),
            flags=cv2.INTER_NEAREST,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        for image in images
    ]


def _screenshot(
    images: list[ImageArray], factor: float, rng: np.random.Generator
) -> list[ImageArray]:
    """Shown at another size, captured, saved as JPEG 70, and looked at in the old size."""
    from likeness.media import jpeg_round_trip

    return _at_size(images, factor, lambda small: [jpeg_round_trip(image, 70) for image in small])


def _social_chain(
    images: list[ImageArray], factor: float, rng: np.random.Generator
) -> list[ImageArray]:
    """Uploaded (at most 720p, CRF 28), shared on at a smaller size (CRF 32), looked at in the old size."""
    from likeness.media import h264_round_trip

    height, width = images[0].shape[:2]
    uploaded = min(1.0, 720 / min(height, width), 1280 / max(height, width))

    def chain(small: list[ImageArray]) -> list[ImageArray]:
        first = h264_round_trip(small, 25.0, 28)
        return _at_size(first, factor, lambda smaller: h264_round_trip(smaller, 25.0, 32))

    return _at_size(images, uploaded, chain)


def _at_size(images: list[ImageArray], factor: float, change: Any) -> list[ImageArray]:
    """Do something at another, even size and come back."""
    height, width = images[0].shape[:2]
    small_wh = tuple(max(16, 2 * round(side * factor / 2)) for side in (width, height))
    small = [cv2.resize(image, small_wh, interpolation=cv2.INTER_AREA) for image in images]
    return [
        cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC) for image in change(small)
    ]


_FAMILIES = {
    "clean": lambda images, amount, rng: [image.copy() for image in images],
    "h264": _h264,
    "jpeg": _jpeg,
    "resize": lambda images, factor, rng: [_there_and_back(image, factor) for image in images],
    "blur": lambda images, sigma, rng: [cv2.GaussianBlur(image, (0, 0), sigma) for image in images],
    "noise": _noise,
    "gamma": _gamma,
    "crop_shift": _crop_shift,
    "screenshot": _screenshot,
    "social_chain": _social_chain,
}
