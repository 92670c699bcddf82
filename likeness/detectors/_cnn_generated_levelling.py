"""Two sets of pictures made alike in contrast, colour and sharpness, so that a label cannot be read off any of them.

Generated faces are a little flatter, paler and softer than photographs, which a leakage audit finds and a network learns
first. Picture by picture, rank for rank, both sets are brought down to the weaker of the two; both are changed, so that
having been changed is no sign of either.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from likeness.data.blends import sharpness
from likeness.media import jpeg_round_trip
from likeness.types import DoubleArray, ImageArray

_WIDEST_PX = 3.0  # sigma of the strongest softening
_QUANTILES = np.linspace(0.0, 1.0, 41)
_STORED = 75  # JPEG quality of both members of a pair, as the data's pictures are stored
_SPARE = (0.1, 0.3)  # nepers of sharpness below the weaker set, so that both are softened


@dataclass(frozen=True)
class Levelled:
    """One picture of two sets that were made alike.

    Attributes:
        image: (H, W, 3) uint8 RGB with the contrast and colour that both sets have.
        blur_px: least and most sigma of a blur after which it is as sharp as both sets are.
    """

    image: ImageArray
    blur_px: tuple[float, float]


def levelled(pictures: Sequence[ImageArray], labels: Sequence[int]) -> list[Levelled]:
    """Level two sets of (H, W, 3) uint8 RGB pictures, labels 0 and 1; the order stays."""
    images = list(pictures)
    for measure, change in ((contrast, flatten), (colour, pale)):
        images = _levelled_by(images, labels, measure, change)
    goals = _common(np.log([sharpness(image) + 1e-6 for image in images]), labels)
    return [
        Levelled(image, (_sigma(image, goal - _SPARE[0]), _sigma(image, goal - _SPARE[1])))
        for image, goal in zip(images, goals, strict=True)
    ]


def alike(real: ImageArray, fake: ImageArray) -> tuple[ImageArray, ImageArray]:
    """Two pictures of one size made alike in light, contrast, colour and sharpness, and stored alike.

    Sharpness is brought down to that of the softer one; a last compression gives both the same grid of blocks, so that having lost
    the grid of a file is no sign of having been drawn.
    """
    pair = [real, fake]
    light = np.mean([image.mean((0, 1)) for image in pair], axis=0)
    pair = [_rounded(image + (light - image.mean((0, 1)))) for image in pair]
    for measure, change in ((contrast, flatten), (colour, pale)):
        values = [measure(image) + 1e-3 for image in pair]
        pair = [change(im, min(values) / own) for im, own in zip(pair, values, strict=True)]
    goal = min(sharpness(_stored(image)) for image in pair)
    first, second = (_stored(soften(im, softening(im, goal, _stored))) for im in pair)
    return first, second


def contrast(image: ImageArray) -> float:
    """Standard deviation of the grey picture, in levels."""
    return float(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).std())


def colour(image: ImageArray) -> float:
    """Colourfulness (Hasler and Suesstrunk 2003)."""
    pixels = image.reshape(-1, 3).astype(np.float32)
    red_green = pixels[:, 0] - pixels[:, 1]
    yellow_blue = 0.5 * (pixels[:, 0] + pixels[:, 1]) - pixels[:, 2]
    spread = math.hypot(red_green.std(), yellow_blue.std())
    return spread + 0.3 * math.hypot(red_green.mean(), yellow_blue.mean())


def flatten(image: ImageArray, gain: float) -> ImageArray:
    """Contrast times `gain` about the mean of each channel."""
    mean = image.mean((0, 1), dtype=np.float32)
    return _rounded(mean + gain * (image - mean))


def pale(image: ImageArray, gain: float) -> ImageArray:
    """Distance from grey times `gain`."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32)
    return _rounded(grey + gain * (image - grey))


def softening(
    picture: ImageArray,
    wanted: float,
    stored: Callable[[ImageArray], ImageArray] = np.ascontiguousarray,
) -> float:
    """Sigma in px of the blur that brings the sharpness, as stored, down to `wanted`; 0 where it is no higher."""
    if sharpness(stored(picture)) <= wanted:
        return 0.0
    low, high = 0.0, _WIDEST_PX
    for _ in range(9):
        middle = (low + high) / 2
        if sharpness(stored(soften(picture, middle))) > wanted:
            low = middle
        else:
            high = middle
    return high


def soften(picture: ImageArray, sigma_px: float) -> ImageArray:
    """Gaussian blur; the picture itself at 0."""
    return picture if sigma_px <= 0 else cv2.GaussianBlur(picture, (0, 0), sigma_px)


def _levelled_by(
    images: Sequence[ImageArray],
    labels: Sequence[int],
    measure: Callable[[ImageArray], float],
    change: Callable[[ImageArray, float], ImageArray],
) -> list[ImageArray]:
    values = np.array([measure(image) + 1e-3 for image in images])
    gains = np.minimum(_common(values, labels) / values, 1.0)
    return [change(image, float(gain)) for image, gain in zip(images, gains, strict=True)]


def _common(values: DoubleArray, labels: Sequence[int]) -> DoubleArray:
    """For each value the one at its rank in the lower of the two distributions."""
    label = np.asarray(labels)
    classes = [values[label == k] for k in (0, 1)]
    lower = np.minimum(*(np.quantile(own, _QUANTILES) for own in classes))
    ranks = [(classes[k] < value).mean() for value, k in zip(values, label, strict=True)]
    return np.asarray(np.interp(ranks, _QUANTILES, lower))


def _stored(image: ImageArray) -> ImageArray:
    return jpeg_round_trip(np.ascontiguousarray(image), _STORED)


def _sigma(image: ImageArray, level: float) -> float:
    return softening(image, math.exp(level))


def _rounded(image: DoubleArray) -> ImageArray:
    return np.asarray(np.clip(np.rint(image), 0, 255), np.uint8)
