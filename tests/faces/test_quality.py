"""What a face can carry."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from likeness.faces.compression import estimated_jpeg_quality, quantisation_step
from likeness.faces.finding import find_faces
from likeness.faces.models import FaceModels
from likeness.faces.quality import eye_aspect_ratio, face_quality, sharpness, visible_share


@pytest.fixture(scope="module")
def landmarks(portrait: np.ndarray) -> np.ndarray:
    return find_faces(portrait, models=FaceModels(1), min_face_px=60).landmarks_px[0]


BOX = np.array([170.0, 60.0, 280.0, 185.0])


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1)


@pytest.mark.parametrize("quality", [15, 30, 45, 60, 75, 90])
def test_jpeg_quality_is_read_from_the_pixels(portrait: np.ndarray, quality: int) -> None:
    assert estimated_jpeg_quality(jpeg(portrait, quality), BOX) == pytest.approx(quality, abs=2)


def test_jpeg_quality_rises_with_quality(portrait: np.ndarray) -> None:
    found = [estimated_jpeg_quality(jpeg(portrait, q), BOX) for q in (10, 25, 40, 55, 70, 85, 95)]
    assert found == sorted(found)
    assert estimated_jpeg_quality(portrait, BOX) > 90


@pytest.mark.parametrize("quality", [15, 40, 70])
def test_jpeg_quality_survives_a_crop(portrait: np.ndarray, quality: int) -> None:
    cropped = np.ascontiguousarray(jpeg(portrait, quality)[5:, 3:])
    assert estimated_jpeg_quality(cropped, BOX) == pytest.approx(quality, abs=2)


def test_resized_pictures_fall_back_to_detail(portrait: np.ndarray) -> None:
    found = []
    for quality in (10, 40, 95):
        small = cv2.resize(jpeg(portrait, quality), (450, 450), interpolation=cv2.INTER_AREA)
        found.append(estimated_jpeg_quality(small, BOX * 450 / 512))
    assert found == sorted(found) and found[0] < found[2]


def test_tiny_boxes_have_an_answer(portrait: np.ndarray) -> None:
    for box in ([0, 0, 3, 3], [505, 505, 600, 600], [-50, -50, -10, -10]):
        assert 1 <= estimated_jpeg_quality(portrait, box) <= 100


def test_quantisation_table_is_the_libraries() -> None:
    assert quantisation_step(50)[0, :3].tolist() == [16, 11, 10]
    assert quantisation_step(75)[0, :3].tolist() == [8, 6, 5]
    assert quantisation_step(100).max() == 1


def test_blur_lowers_sharpness(portrait: np.ndarray, landmarks: np.ndarray) -> None:
    values = [
        sharpness(portrait if s == 0 else cv2.GaussianBlur(portrait, (0, 0), s), landmarks)
        for s in (0, 1, 2, 4)
    ]
    assert values == sorted(values, reverse=True)
    assert values[0] - values[-1] > 1


def test_visible_falls_as_the_face_leaves_the_frame(
    portrait: np.ndarray, landmarks: np.ndarray
) -> None:
    assert visible_share(portrait, landmarks) > 0.9
    half = np.ascontiguousarray(portrait[:, 225:])
    assert visible_share(half, landmarks - [225, 0]) == pytest.approx(0.5, abs=0.12)
    assert visible_share(portrait, landmarks + 2000) == 0.0


def test_a_coloured_mask_hides_the_face(portrait: np.ndarray, landmarks: np.ndarray) -> None:
    masked = portrait.copy()
    cv2.rectangle(masked, (170, 130), (280, 190), (40, 80, 220), -1)
    assert visible_share(masked, landmarks) < visible_share(portrait, landmarks) - 0.15


def test_eye_aspect_ratio_of_drawn_eyes() -> None:
    points = np.zeros((1, 478, 2), np.float32)
    corners = {33: (0, 0), 133: (30, 0), 160: (10, -3), 158: (20, -3), 153: (20, 3), 144: (10, 3)}
    for index, place in corners.items():
        points[0, index] = place
    right, left = eye_aspect_ratio(points)[0]
    assert right == pytest.approx(12 / 60)
    assert left == 0.0


def test_all_faces_are_measured_at_once(portrait: np.ndarray, landmarks: np.ndarray) -> None:
    quality = face_quality(portrait, np.stack([landmarks, landmarks * 0.9]))
    assert quality.eye_distance_px.shape == (2,)
    assert quality.eye_aspect_ratio.shape == (2, 2)
    assert (quality.eye_aspect_ratio > 0.15).all()
    carried = face_quality(portrait, landmarks[None], jpeg_quality=np.array([42.0]))
    assert carried.jpeg_quality[0] == 42
    assert face_quality(portrait, np.zeros((0, 478, 2))).visible.shape == (0,)
