from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from likeness import registry, testing, weights
from likeness.data.known_faces import take_rows
from likeness.detectors._head_shape import CENTRE, HeadShape, pose_difference, upright_shape
from likeness.detectors.head_pose import WEIGHTS, Config, build, shape_map
from likeness.errors import WeightsError
from likeness.faces.pose import camera_matrix, model_points_mm, rotation_of
from likeness.types import FaceTrack

SIZE_WH = (640, 480)


@pytest.fixture(scope="module")
def shape() -> HeadShape:
    path = weights.path_of("head_pose", WEIGHTS["head_pose-1"])
    return HeadShape.from_arrays(weights.load_arrays(path)[0])


def drawn(turn_deg: float = 0.0, shift_mm: float = 0.0) -> np.ndarray:
    """(478, 2) landmarks of the plain 3-D head; its centre turned and shifted by itself."""
    indices, model = model_points_mm()
    rotation = rotation_of(8.0, -4.0, 3.0)
    camera = camera_matrix(SIZE_WH, 60.0)
    place = np.array([20.0, -10.0, 800.0])
    landmarks = np.full((478, 2), 240.0)
    for index, point in zip(indices, model, strict=True):
        own = rotation @ rotation_of(turn_deg, 0.0, 0.0) if index in CENTRE else rotation
        seen = own @ point + place + (np.array([shift_mm, 0, 0]) if index in CENTRE else 0.0)
        landmarks[index] = (camera @ (seen / seen[2]))[:2]
    return landmarks


def test_one_rigid_head_has_one_pose() -> None:
    apart = pose_difference(drawn(), SIZE_WH)
    assert apart is not None
    assert np.abs(apart).max() < 0.05


def test_a_centre_that_turns_by_itself_is_seen() -> None:
    turned, shifted = (
        pose_difference(drawn(10.0), SIZE_WH),
        pose_difference(drawn(0.0, 6.0), SIZE_WH),
    )
    assert turned is not None
    assert shifted is not None
    assert 6.0 < np.linalg.norm(turned[:3]) < 16.0
    assert shifted[3] > 2.0 > abs(shifted[4])


def test_all_points_in_one_place_have_no_pose(shape: HeadShape) -> None:
    flat = np.full((478, 2), 5.0)
    numbers = shape.numbers(flat, SIZE_WH)
    assert numbers is None or np.isfinite(numbers).all()


def test_place_size_and_roll_are_no_shape(shape: HeadShape) -> None:
    _, (track,) = testing.portrait_clip()
    points = track.landmarks_px[0].astype(np.float64)
    angle = np.radians(20.0)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    moved = 1.7 * points @ turn + [30.0, -12.0]
    both = upright_shape(np.stack([points, moved]), shape.mean)
    assert np.allclose(both[0], both[1], atol=1e-9)


def test_a_shape_that_no_face_has_is_far_from_all(shape: HeadShape) -> None:
    _, (track,) = testing.portrait_clip()
    points = track.landmarks_px[0].copy()
    before = shape.numbers(points, (512, 512))
    left_before = shape.left_over(points)
    points[list(range(120, 150))] += [8.0, 0.0]  # part of a cheek torn off
    after = shape.numbers(points, (512, 512))
    assert before is not None
    assert after is not None
    assert after[5] > 1.5 * before[5]
    assert (shape.left_over(points) - left_before)[120:150].mean() > 3.0
    values, corners = shape_map(points, shape.left_over(points))
    assert values.shape == (24, 24)
    assert 0.0 <= values.min() <= values.max() <= 1.0
    assert corners[0, 0] < points[:468, 0].min() < points[:468, 0].max() < corners[1, 0]


def test_the_portrait_is_usual_and_a_torn_face_scores_higher() -> None:
    clip, (track,) = testing.portrait_clip()
    detector = registry.build("detectors", "head_pose")
    real = detector.analyse(clip, [track])
    points = track.landmarks_px.copy()
    points[:, [33, 133, 362, 263, 168, 6, 197, 4, 2, 98, 327]] += np.float32([9.0, 0.0])
    torn = detector.analyse(clip, [replace(track, landmarks_px=points)])
    assert real.score is not None
    assert torn.score is not None
    assert real.score < 0.0 < torn.score
    assert len(real.readings) == 5
    assert not any("size" in r.name for r in real.readings)
    assert "no evidence by itself" in torn.note
    assert real.heatmaps[0].track_id == track.track_id


@pytest.mark.parametrize("pose", [(60.0, 0.0, 0.0), (0.0, 40.0, 0.0)])
def test_a_face_that_is_turned_away_is_not_judged(pose: tuple[float, float, float]) -> None:
    clip, (track,) = testing.portrait_clip()
    away = replace(track, pose_deg=np.array([pose], np.float32))
    evidence = registry.build("detectors", "head_pose").analyse(clip, [away])
    assert evidence.status == "not_applicable"
    assert "towards the camera" in evidence.note


def test_bridged_and_tiny_faces_are_not_judged() -> None:
    clip, (track,) = testing.portrait_clip()
    detector = registry.build("detectors", "head_pose")
    hidden = replace(track, bridged=np.array([True]))
    small = replace(track.quality, eye_distance_px=np.array([12.0], np.float32))
    for odd in (hidden, replace(track, quality=small)):
        assert detector.analyse(clip, [odd]).status == "not_applicable"


def test_a_fit_gives_back_the_faces_that_it_saw(shape: HeadShape) -> None:
    rng = np.random.default_rng(0)
    _, (track,) = testing.portrait_clip()
    ways = rng.normal(size=(3, 478, 2))
    faces = track.landmarks_px[0] + np.einsum("nk,kpd->npd", rng.normal(size=(60, 3)), ways)
    own = HeadShape.fit(faces, rng.normal(size=(60, 6)))
    assert len(own.spreads) <= 4
    assert (
        own.left_over(faces[0]).mean()
        < 0.2 * own.left_over(faces[0] + ways[0] * 0 + rng.normal(size=(478, 2)) * 3).mean()
    )
    again = HeadShape.from_arrays(own.to_arrays())
    assert np.allclose(again.axes, own.axes, atol=1e-6)


def test_foreign_weights_are_refused(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.safetensors"
    weights.save_arrays(foreign, {"a": np.zeros(3)}, {"features": "other-1"})
    with pytest.raises(WeightsError, match="expected measurements"):
        build(Config(weights=str(foreign)))
    arrays, words = weights.load_arrays(weights.path_of("head_pose", WEIGHTS["head_pose-1"]))
    arrays.pop("shape.axes")
    lacking = tmp_path / "lacking.safetensors"
    weights.save_arrays(lacking, arrays, words)
    with pytest.raises(WeightsError, match="head shape"):
        build(Config(weights=str(lacking)))


def test_rows_are_judged_one_by_one() -> None:
    clip, (track,) = testing.portrait_clip(frames=4)
    mixed: FaceTrack = replace(
        track, pose_deg=np.float32([[0, 0, 0], [80, 0, 0], [0, 0, 0], [80, 0, 0]])
    )
    evidence = registry.build("detectors", "head_pose").analyse(clip, [mixed])
    assert evidence.tracks[0].frame_indices.tolist() == [0, 2]
    assert take_rows(mixed, np.array([0])).track_id == track.track_id
