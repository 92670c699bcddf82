"""A drawn face track for the room's tests."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.types import FaceQuality, FaceTrack


@pytest.fixture
def drawn_track() -> FaceTrack:
    """Four frames; the last was not seen and carries nonsense."""
    column = np.array([1, 1, 1, 0], dtype=np.float32)
    boxes = np.array([[0, 0, 80, 100]] * 3 + [[0, 0, 1, 1]], dtype=np.float32)
    pose = np.array([[-20, 0, 0], [20, 0, 0], [25, 0, 0], [90, 0, 0]], dtype=np.float32)
    quality = FaceQuality(
        eye_distance_px=column * 32,
        sharpness=column * 2,
        jpeg_quality=np.array([60, 70, 80, 1], dtype=np.float32),
        visible=column,
        eye_aspect_ratio=np.zeros((4, 2), np.float32),
    )
    return FaceTrack(
        track_id=3,
        frame_indices=np.arange(4),
        times_s=np.arange(4) / 25.0,
        boxes_px=boxes,
        landmarks_px=np.zeros((4, 478, 2), np.float32),
        pose_deg=pose,
        confidence=column,
        quality=quality,
        bridged=np.array([False, False, False, True]),
    )
