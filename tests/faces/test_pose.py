"""Head pose."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.faces.finding import find_faces
from likeness.faces.models import FaceModels
from likeness.faces.pose import angles_deg, head_pose_deg, model_points_mm, rotation_of


def projected(yaw: float, pitch: float, roll: float, noise_px: float = 0.0) -> np.ndarray:
    """Landmarks of the 3-D face at known angles, seen from 0.9 m by a 1280 x 720 camera."""
    indices, model = model_points_mm()
    points = model @ rotation_of(yaw, pitch, roll).T + np.array([0.0, 0.0, 900.0])
    landmarks = np.zeros((478, 2))
    landmarks[indices] = points[:, :2] / points[:, 2:] * 1.2 * 1280 + np.array([639.5, 359.5])
    return landmarks + np.random.default_rng(0).normal(0, noise_px, landmarks.shape)


@pytest.mark.parametrize("yaw", [-60.0, -20.0, 0.0, 45.0])
@pytest.mark.parametrize("pitch", [-30.0, 0.0, 25.0])
@pytest.mark.parametrize("roll", [-100.0, 0.0, 15.0])
def test_known_angles_come_back(yaw: float, pitch: float, roll: float) -> None:
    assert angles_deg(rotation_of(yaw, pitch, roll)) == pytest.approx((yaw, pitch, roll), abs=1e-9)
    found = head_pose_deg(projected(yaw, pitch, roll)[None], (1280, 720))[0]
    assert found == pytest.approx([yaw, pitch, roll], abs=1.0)
    noisy = head_pose_deg(projected(yaw, pitch, roll, 0.5)[None], (1280, 720))[0]
    assert noisy == pytest.approx([yaw, pitch, roll], abs=3.0)


def test_signs_are_those_of_the_picture() -> None:
    """The tip of the nose moves to where the face turns; the left eye sinks when it leans clockwise."""
    indices, _ = model_points_mm()
    straight = projected(0, 0, 0)
    assert 4 in indices and 263 in indices
    assert projected(20, 0, 0)[4, 0] > straight[4, 0] + 5
    assert projected(0, 20, 0)[4, 1] < straight[4, 1] - 5
    assert projected(0, 0, 20)[263, 1] > straight[263, 1] + 5


def test_a_mirror_flips_yaw_and_roll_and_keeps_pitch(portrait: np.ndarray) -> None:
    models = FaceModels(1)
    import cv2

    leaning = cv2.warpAffine(
        portrait, cv2.getRotationMatrix2D((225.0, 130.0), -20.0, 1.0), (512, 512)
    )
    poses = [
        head_pose_deg(find_faces(np.ascontiguousarray(p), models=models).landmarks_px, (512, 512))[
            0
        ]
        for p in (leaning, leaning[:, ::-1])
    ]
    assert poses[0][2] == pytest.approx(22, abs=5)  # she leans 2-3 degrees herself
    assert poses[1] == pytest.approx(poses[0] * [-1, 1, -1], abs=3)


def test_impossible_landmarks_give_zeros() -> None:
    assert np.array_equal(head_pose_deg(np.zeros((2, 478, 2)), (640, 480)), np.zeros((2, 3)))
    assert head_pose_deg(np.zeros((0, 478, 2)), (640, 480)).shape == (0, 3)
