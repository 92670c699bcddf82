"""What passes in front of a face is found, the face itself is not, and nothing is said where little is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from likeness.data.occluders import pass_in_front
from likeness.errors import ConfigError
from likeness.faces import align, hull_mask, regions
from likeness.faces.geometry import transform, warp
from likeness.faces.merge_options import MergeConfig
from likeness.faces.occluders import UsualFace
from likeness.jobs.demo import moved
from likeness.types import FaceCrop
from tests.generators.drawn_faces import LANDMARKS

FRAMES, SIZE = 30, 128
STILL = np.zeros((FRAMES, 3), np.float32)


def crop_of(image: np.ndarray) -> FaceCrop:
    crop = align(image, LANDMARKS, SIZE)
    return replace(crop, landmarks_px=transform(LANDMARKS, crop.matrix).astype(np.float32))


@pytest.fixture(scope="module")
def frames(portrait) -> list[np.ndarray]:
    """The portrait under noise and changing light; the landmarks stay where they are."""
    rng = np.random.default_rng(0)
    light = 1.0 + 0.08 * np.sin(np.arange(FRAMES) / 3)
    return [
        np.clip(portrait * v + rng.normal(0, 2, portrait.shape), 0, 255).astype(np.uint8)
        for v in light
    ]


def hull() -> np.ndarray:
    points = crop_of(np.zeros((512, 512, 3), np.uint8)).landmarks_px
    return hull_mask(points[list(regions.FACE_OVAL)], (SIZE, SIZE)) > 0.5


def test_an_object_is_found_and_the_face_is_left(frames) -> None:
    inside, found, lost = hull(), [], []
    for seed in range(4):
        points = np.repeat(LANDMARKS[None], FRAMES, 0).astype(np.float32)
        shown, masks = pass_in_front(frames, points, np.random.default_rng(seed))
        crops = [crop_of(image) for image in shown]
        usual = UsualFace(crops, STILL)
        for crop, mask in zip(crops, masks, strict=True):
            grey = np.repeat((mask * 255).astype(np.uint8)[..., None], 3, axis=2)
            there = warp(grey, crop.matrix, SIZE, "black", cubic=False)[..., 0] > 127
            front = usual.in_front(crop, STILL[0])
            assert front.shape == (SIZE, SIZE) and front.dtype == np.float32
            found += (front[there & inside] > 0.5).tolist()
            lost += (front[~there & inside] > 0.5).tolist()
    assert len(found) > 1000 and np.mean(found) > 0.6
    assert np.mean(lost) < 0.02


def test_a_clean_face_is_not_eaten(frames) -> None:
    crops = [crop_of(image) for image in frames]
    usual = UsualFace(crops, STILL)
    eaten = [float((usual.in_front(c, STILL[0])[hull()] > 0.01).mean()) for c in crops]
    assert max(eaten) == 0.0


def test_a_pose_that_is_not_known_says_nothing(frames, portrait) -> None:
    crops = [crop_of(image) for image in frames]
    pose = STILL.copy()
    pose[7:, 0] = 40.0  # seven frames look straight ahead
    usual = UsualFace(crops, pose)
    hidden = crop_of(np.zeros_like(portrait))
    assert not usual.in_front(hidden, np.zeros(3, np.float32)).any()
    assert not UsualFace([], np.zeros((0, 3), np.float32)).in_front(hidden, STILL[0]).any()
    striped = portrait.copy()
    striped[:, 200:230] = (0, 0, 255)
    front = usual.in_front(crop_of(striped), np.array([41, 1, 0], np.float32))
    assert front[hull()].max() > 0.9


def test_it_is_off_and_goes_with_a_mask_that_can_lose_pixels() -> None:
    assert not MergeConfig().occluders
    with pytest.raises(ConfigError, match="occluders"):
        MergeConfig(mask="hull", occluders=True)


def test_a_swap_leaves_the_object_alone(frames) -> None:
    """Through the engine: the generator halves the light; where the object is, the footage stays."""
    from likeness import media
    from likeness.faces import FaceModels, track_faces
    from likeness.jobs.swap_frames import FramesPlan, Replacement, learned_usual, swapped_frames

    class Darker:
        def generate(self, request):
            return replace(request.target, image=request.target.image // 2)

    clean = moved(frames[0], 16)
    x, y = LANDMARKS[4].round().astype(int)
    shown = [f.copy() for f in clean]
    for image in shown[6:9]:
        image[y - 14 : y + 30, x - 14 : x + 14] = (20, 40, 220)
    (track,) = track_faces(media.clip_from_frames(clean), range(16), models=FaceModels(1))
    clip = media.clip_from_frames(shown)
    who = Replacement(track, Darker(), None, 128)
    who = replace(who, usual=learned_usual(clip, who))
    settings = {"colour": "none", "sharpness": 0, "grain": 0, "mask_fade_s": 0}
    blue = []
    for occluders in (False, True):
        merge = MergeConfig(occluders=occluders, **settings)
        swapped = list(swapped_frames(clip, FramesPlan((who,), merge=merge)))
        blue.append(float(swapped[7].frame.image[y : y + 16, x - 6 : x + 6, 2].mean()))
    assert blue[0] < 130 and blue[1] > 200
