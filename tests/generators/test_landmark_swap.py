"""The landmark swap: onto itself it changes nothing, and what it cannot know it leaves alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from likeness import registry
from likeness.errors import ConfigError, UsageError
from likeness.faces import hull_mask, regions
from likeness.faces.quality import eye_aspect_ratio
from likeness.generators.landmark_swap import mouth_opening
from likeness.testing import portrait_request
from likeness.types import FaceCrop, GenerateRequest

WARPS = ("mesh", "affine", "similarity")


@pytest.fixture(scope="module")
def request_() -> GenerateRequest:
    return portrait_request("landmark_swap")


def core(crop: FaceCrop) -> np.ndarray:
    centre = crop.landmarks_px[list(regions.FACE_OVAL)].mean(0)
    inner = centre + (crop.landmarks_px[list(regions.FACE_OVAL)] - centre) * 0.9
    return hull_mask(inner, (crop.image.shape[1], crop.image.shape[0])) > 0.5


@pytest.mark.parametrize("warp", WARPS)
def test_onto_itself_the_face_comes_back(request_: GenerateRequest, warp: str) -> None:
    made = registry.build("generators", "landmark_swap", {"warp": warp}).generate(
        GenerateRequest(request_.target, request_.target)
    )
    inside = core(request_.target)
    assert np.abs(made.image.astype(int) - request_.target.image)[inside].mean() < 1.0
    assert made.mask[inside].mean() > 0.98


@pytest.mark.parametrize("warp", WARPS)
def test_a_turned_and_smaller_target_gets_the_face_turned_and_smaller(request_, warp: str) -> None:
    import cv2

    matrix = cv2.getRotationMatrix2D((96, 96), 9.0, 0.85)
    source = request_.source
    expected = cv2.warpAffine(source.image, matrix, (192, 192), flags=cv2.INTER_CUBIC)
    points = (source.landmarks_px @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
    target = replace(
        source, image=255 - expected, landmarks_px=points
    )  # nothing but its landmarks is of use
    made = registry.build("generators", "landmark_swap", {"warp": warp}).generate(
        GenerateRequest(source, target)
    )
    inside = core(target)
    assert np.abs(made.image.astype(int) - expected)[inside].mean() < 2.0


def test_the_mask_is_a_face_of_the_target(request_: GenerateRequest) -> None:
    made = registry.build("generators", "landmark_swap").generate(request_)
    hull = hull_mask(request_.target.landmarks_px[list(regions.FACE_OVAL)], (192, 192))
    assert made.mask[hull == 0].max() == 0.0
    assert made.mask.sum() > 0.85 * hull.sum()


def opened(crop: FaceCrop, by_px: float) -> FaceCrop:
    """The crop with its lower lip and jaw drawn down."""
    points = crop.landmarks_px.copy()
    low = points[:, 1] > points[13, 1] + 0.5
    points[low, 1] += by_px
    return replace(crop, landmarks_px=points)


def test_the_inside_of_a_mouth_that_opens_wider_stays_the_targets(request_) -> None:
    source, target = request_.source, opened(request_.target, 16.0)
    assert mouth_opening(target.landmarks_px) > mouth_opening(source.landmarks_px) + 0.2
    kept, painted = (
        registry.build("generators", "landmark_swap", {"keep_mouth": keep}).generate(
            GenerateRequest(source, target)
        )
        for keep in (True, False)
    )
    x, y = target.landmarks_px[[13, 14]].mean(0).round().astype(int)
    assert kept.mask[y, x] < 0.2 and painted.mask[y, x] > 0.9


def test_lids_that_are_shut_stay_the_targets(request_) -> None:
    points = request_.target.landmarks_px.copy()
    for eye in (regions.RIGHT_EYE, regions.LEFT_EYE):
        middle = points[list(eye), 1].mean()
        points[list(eye), 1] = middle + 0.1 * (points[list(eye), 1] - middle)
    target = replace(request_.target, landmarks_px=points)
    assert eye_aspect_ratio(points[None]).max() < 0.1
    kept, painted = (
        registry.build("generators", "landmark_swap", {"keep_lids": keep}).generate(
            GenerateRequest(request_.source, target)
        )
        for keep in (True, False)
    )
    for eye in (regions.RIGHT_EYE, regions.LEFT_EYE):
        x, y = points[list(eye)].mean(0).round().astype(int)
        assert kept.mask[y, x] < 0.2
    nose_x, nose_y = points[1].round().astype(int)
    assert kept.mask[nose_y, nose_x] > 0.9
    assert painted.mask.sum() > kept.mask.sum()


def test_crops_without_landmarks_and_unknown_warps_are_refused(request_) -> None:
    generator = registry.build("generators", "landmark_swap")
    for role in ("source", "target"):
        bare = replace(getattr(request_, role), landmarks_px=None)
        with pytest.raises(UsageError, match=f"landmarks of the {role}"):
            generator.generate(replace(request_, **{role: bare}))
    with pytest.raises(ConfigError, match="warp"):
        registry.build("generators", "landmark_swap", {"warp": "bilinear"})


def test_another_source_replaces_the_mesh_that_was_kept(request_) -> None:
    generator = registry.build("generators", "landmark_swap")
    first = generator.generate(request_)
    inverted = replace(request_.source, image=255 - request_.source.image)
    other = generator.generate(replace(request_, source=inverted))
    inside = core(request_.target)
    assert np.abs(other.image.astype(int) - (255 - first.image.astype(int)))[inside].max() <= 2
