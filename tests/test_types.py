from __future__ import annotations

import numpy as np
import pytest

from likeness.errors import ShapeError
from likeness.types import Evidence, FaceCrop, Frame, Heatmap, TrackScore, same_value


def test_a_frame_refuses_other_shapes_and_types() -> None:
    with pytest.raises(ShapeError, match=r"expected uint8 array of shape \('\*', '\*', 3\)"):
        Frame(np.zeros((4, 4), np.uint8), 0, 0.0)
    with pytest.raises(ShapeError, match="float64"):
        Frame(np.zeros((4, 4, 3)), 0, 0.0)


def test_a_crop_is_square_and_its_mask_stays_in_range() -> None:
    image, matrix = np.zeros((8, 8, 3), np.uint8), np.eye(2, 3)
    FaceCrop(image, np.ones((8, 8), np.float32), matrix)
    with pytest.raises(ShapeError, match=r"\[0, 1\]"):
        FaceCrop(image, np.full((8, 8), 1.5, np.float32), matrix)
    with pytest.raises(ShapeError):
        FaceCrop(np.zeros((8, 9, 3), np.uint8), np.ones((8, 9), np.float32), matrix)


def test_evidence_has_a_score_exactly_when_scored() -> None:
    with pytest.raises(ShapeError, match="exactly when"):
        Evidence("d", "c", "blended", "scored")
    with pytest.raises(ShapeError, match="exactly when"):
        Evidence("d", "c", "blended", "failed", score=1.0)
    with pytest.raises(ShapeError, match="finite"):
        Evidence("d", "c", "blended", "scored", score=float("nan"))


def test_nouns_compare_by_value() -> None:
    def make(value: float) -> Evidence:
        track = TrackScore(0, value, np.array([0, 5]), np.array([value, np.nan], np.float32))
        heatmap = Heatmap(np.full((2, 2), 0.5, np.float32), 0, 0, np.zeros((4, 2), np.float32))
        return Evidence(
            "d", "c", "blended", "scored", score=value, tracks=(track,), heatmaps=(heatmap,)
        )

    assert make(1.0) == make(1.0)
    assert make(1.0) != make(2.0)
    assert make(1.0) != "evidence"


def test_same_value_tells_types_and_shapes_apart() -> None:
    assert not same_value(np.zeros(3), np.zeros(3, np.float32))
    assert not same_value(np.zeros((1, 3)), np.zeros(3))
    assert not same_value({"a": 1}, {"b": 1})
    assert same_value([np.arange(3), float("nan")], (np.arange(3), float("nan")))
