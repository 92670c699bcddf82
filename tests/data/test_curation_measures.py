"""What is measured on a face moves as it should when the face is darkened, coloured, covered or opens its mouth."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from likeness.data.curation_measures import (
    descriptors,
    expression,
    light_and_colour,
    look_vectors,
    mesh_colours,
    shape_vectors,
    unlike_share,
)
from likeness.faces import align, find_faces
from likeness.faces.geometry import transform


@pytest.fixture(scope="module")
def face() -> tuple[np.ndarray, np.ndarray]:
    from skimage import data

    image = data.astronaut()
    points = find_faces(image).landmarks_px[0]
    crop = align(image, points)
    return crop.image, transform(points.astype(np.float64), crop.matrix).astype(np.float32)


def lit(image: np.ndarray, gain: np.ndarray | float) -> np.ndarray:
    return np.clip(image * gain, 0, 255).astype(np.uint8)


def test_light_follows_the_picture(face: tuple[np.ndarray, np.ndarray]) -> None:
    image, points = face
    plain = light_and_colour(image, points)
    dark = light_and_colour(lit(image, 0.2), points)
    burnt = light_and_colour(lit(image, 3.0), points)
    half = np.where(np.arange(image.shape[1]) < image.shape[1] // 2, 1.0, 0.2)[None, :, None]
    side = light_and_colour(lit(image, half), points)
    assert dark["brightness"] == pytest.approx(0.2 * plain["brightness"], rel=0.05)
    assert dark["contrast"] < 0.3 * plain["contrast"]
    assert burnt["burnt"] > 0.2 > plain["burnt"]
    assert light_and_colour(lit(image, 0.02), points)["black"] == 1.0
    assert side["unevenness"] > 0.5 > plain["unevenness"]


def test_colour_follows_the_picture(face: tuple[np.ndarray, np.ndarray]) -> None:
    image, points = face
    plain = light_and_colour(image, points)
    yellow = light_and_colour(lit(image, np.array([1.0, 1.0, 0.5])), points)
    grey = light_and_colour(np.repeat(image.mean(2).astype(np.uint8)[..., None], 3, 2), points)
    assert yellow["skin_b"] > plain["skin_b"] + 10
    assert abs(grey["skin_a"]) < 1 and abs(grey["skin_b"]) < 1


def test_expression_does_not_change_with_size_and_turn_in_the_picture(
    face: tuple[np.ndarray, np.ndarray],
) -> None:
    points = face[1]
    turn = np.array([[0.8, -0.6], [0.6, 0.8]]) * 2.0
    turned = (points @ turn.T + 30).astype(np.float32)
    for name, values in expression(np.stack([points, turned])).items():
        assert values[0] == pytest.approx(values[1], rel=1e-4), name


def test_an_opened_mouth_is_measured(face: tuple[np.ndarray, np.ndarray]) -> None:
    points = face[1]
    opened = points.copy()
    opened[14] += 20
    before, after = expression(np.stack([points, opened]))["mouth_opening"]
    assert after > before + 0.3


def test_descriptors_tell_moved_from_brightened(face: tuple[np.ndarray, np.ndarray]) -> None:
    image, points = face
    shifted = np.roll(image, 12, axis=1)
    looks = look_vectors([image, lit(image, 0.8), shifted])
    same, other = (np.sqrt(((looks[0] - looks[i]) ** 2).mean()) for i in (1, 2))
    assert same < 0.05 < other
    shapes = shape_vectors(np.stack([points, points + 1.6]), 160)
    step = np.sqrt(((shapes[0] - shapes[1]) ** 2).sum() / 70)
    assert step == pytest.approx(np.hypot(1.0, 1.0), rel=1e-3)  # 1.6 px of 160 are 1 percent


def test_a_covered_face_is_unlike_the_others(face: tuple[np.ndarray, np.ndarray]) -> None:
    image, points = face
    rng = np.random.default_rng(0)
    crops = [
        np.clip(image.astype(int) + rng.normal(0, 4, image.shape), 0, 255).astype(np.uint8)
        for _ in range(12)
    ]
    cv2.rectangle(crops[5], (40, 90), (120, 140), (40, 40, 200), -1)
    shares = unlike_share(np.stack([mesh_colours(c, points) for c in crops]))
    assert shares[5] > 0.15
    assert np.delete(shares, 5).max() < 0.02
    assert unlike_share(np.zeros((0, 468, 3), np.float32)).shape == (0,)


def test_descriptors_of_no_face_have_no_rows() -> None:
    none = descriptors(np.zeros((0, 160, 160, 3), np.uint8), np.zeros((0, 478, 2), np.float32))
    assert len(none) == 0 and none.colours.shape == (0, 468, 3)
