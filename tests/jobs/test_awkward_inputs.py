"""What detection says of files that it should not be sure about: never a confident answer, always a reason.

Drawn from the NASA portrait. Filmed screens, masks and statues are imitations (a pixel grid seen askew, a rigid white cover,
grey stone); real recordings of them are not in the data.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
import pytest

from likeness import media, testing
from likeness.jobs.demo import moved
from likeness.jobs.detect import DetectOptions, Examiner
from likeness.types import Clip, ImageArray


@pytest.fixture(scope="module")
def examiner() -> Examiner:
    return Examiner(DetectOptions())


@cache
def cartoon() -> ImageArray:
    """Flat areas and dark outlines."""
    flat = cv2.pyrMeanShiftFiltering(testing.portrait(), 18, 40)
    grey = cv2.medianBlur(cv2.cvtColor(testing.portrait(), cv2.COLOR_RGB2GRAY), 5)
    lines = cv2.adaptiveThreshold(grey, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, 9, 6)
    return cv2.bitwise_and(flat, flat, mask=lines)


def statue() -> ImageArray:
    """Grey stone: no colour, no fine texture of skin, the grain of marble over everything."""
    grey = cv2.cvtColor(testing.portrait(), cv2.COLOR_RGB2GRAY)
    smooth = cv2.bilateralFilter(grey, 9, 40, 9).astype(np.float32)
    grain = cv2.GaussianBlur(np.random.default_rng(3).normal(0, 30, grey.shape), (0, 0), 1.5)
    stone = np.clip(110 + 0.6 * (smooth - 110) + grain, 0, 255).astype(np.uint8)
    return np.repeat(stone[..., None], 3, axis=2)


def mask() -> ImageArray:
    """A rigid white cover over the face with holes for eyes and mouth."""
    image = testing.portrait()
    points = testing.portrait_clip()[1][0].landmarks_px[0]
    hull = cv2.convexHull(points.astype(np.int32))
    cover = np.zeros(image.shape[:2], np.uint8)
    cv2.fillConvexPoly(cover, hull, 255)
    for group in ((33, 160, 158, 133, 153, 144), (362, 385, 387, 263, 373, 380), (61, 0, 291, 17)):
        cv2.fillConvexPoly(cover, cv2.convexHull(points[list(group)].astype(np.int32)), 0)
    shade = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (0, 0), 12)
    plaster = np.repeat(np.clip(180 + 0.3 * (shade.astype(int) - 128), 0, 255)[..., None], 3, 2)
    return np.where(cover[..., None] > 0, plaster, image).astype(np.uint8)


def screen() -> ImageArray:
    """Filmed off a display: its grid of red, green and blue stripes, seen askew and through another camera's compression."""
    wide = cv2.resize(testing.portrait(), (1536, 1536), interpolation=cv2.INTER_NEAREST)
    stripes = np.full(wide.shape, 0.55, np.float32)
    for channel in range(3):
        stripes[:, channel::3, channel] = 1.0
    stripes[2::3] *= 0.6
    shown = np.clip(wide * stripes * 1.4, 0, 255).astype(np.uint8)
    shown = cv2.GaussianBlur(shown, (0, 0), 1.6)  # a lens; without it nothing but moire is left
    corners = np.array([[0, 0], [1536, 0], [1536, 1536], [0, 1536]], np.float32)
    seen = np.array([[30, 18], [520, 4], [532, 560], [12, 540]], np.float32)
    askew = cv2.warpPerspective(
        shown, cv2.getPerspectiveTransform(corners, seen), (540, 570), flags=cv2.INTER_LINEAR
    )
    return media.jpeg_round_trip(askew, 80)


def profile() -> ImageArray:
    """Half of the face out of the picture: what is left of it is seen from one side."""
    points = testing.portrait_clip()[1][0].landmarks_px[0]
    middle = int(points[1, 0])
    return np.ascontiguousarray(testing.portrait()[:, middle:])


def still(image: ImageArray) -> Clip:
    return media.clip_from_frames([image])


def moving(image: ImageArray, frames: int = 30, fps: float = 25.0) -> Clip:
    return media.clip_from_frames(moved(image, frames), fps=fps)


AWKWARD: dict[str, Callable[[], Clip]] = {
    "two frames": lambda: moving(testing.portrait(), 2),
    "a video that stands still": lambda: media.clip_from_frames([testing.portrait()] * 30),
    "cartoon": lambda: still(cartoon()),
    "cartoon clip": lambda: moving(cartoon()),
    "statue": lambda: still(statue()),
    "statue clip": lambda: moving(statue()),
    "mask": lambda: still(mask()),
    "mask clip": lambda: moving(mask()),
    "half a face": lambda: still(profile()),
    "grey": lambda: still(
        np.repeat(testing.portrait().mean(axis=2, keepdims=True), 3, 2).astype(np.uint8)
    ),
    "10 fps": lambda: moving(testing.portrait(), 20, 10.0),
    "120 fps": lambda: moving(testing.portrait(), 60, 120.0),
    "filmed screen": lambda: still(screen()),
    "filmed screen clip": lambda: moving(screen()),
}


@pytest.mark.parametrize("name", AWKWARD)
def test_no_confident_answer_and_a_reason(examiner: Examiner, name: str) -> None:
    verdict = examiner.examine(AWKWARD[name]()).verdict
    assert verdict.label == "inconclusive" and all(verdict.reasons)
    assert not [e.detector for e in verdict.evidence if e.status == "failed"]
    assert all(e.note for e in verdict.evidence if e.status == "not_applicable")
