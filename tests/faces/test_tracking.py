"""Faces over time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from likeness.errors import ConfigError
from likeness.faces import association, tracking
from likeness.faces.models import FaceModels
from likeness.faces.tracking import TrackingConfig, track_faces
from likeness.faces.trajectory import Sighting, folded
from likeness.media import clip_from_frames, open_clip
from likeness.types import FaceQuality, FaceTrack


@pytest.fixture(scope="module")
def models() -> FaceModels:
    return FaceModels(1)


@pytest.fixture(scope="module")
def people(portrait: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The portrait, and somebody else made of it: mirrored, narrower, darker, other colours."""
    import cv2

    one = np.ascontiguousarray(portrait[30:230, 125:325])
    other = cv2.resize(portrait[20:240, 110:340][:, ::-1], (150, 200))
    other = cv2.copyMakeBorder(other, 0, 0, 25, 25, cv2.BORDER_CONSTANT, value=(20, 60, 20))
    other = np.clip(other * np.array([0.45, 0.55, 0.75]), 0, 255).astype(np.uint8)
    return one, other


def scene(*faces: tuple[np.ndarray, int]) -> np.ndarray:
    canvas = np.full((260, 800, 3), 70, np.uint8)
    for face, x in faces:
        canvas[30:230, x : x + 200] = face
    return canvas


def tracked(frames: list[np.ndarray], fps: float, models: FaceModels) -> tuple[FaceTrack, ...]:
    return track_faces(clip_from_frames(frames, fps=fps), range(len(frames)), models=models)


def centres_x(track: FaceTrack) -> np.ndarray:
    return (track.boxes_px[:, 0] + track.boxes_px[:, 2]) / 2


def test_a_moving_face_is_one_track(people, models) -> None:
    frames = [scene((people[0], 20 + 12 * i)) for i in range(10)]
    (track,) = tracked(frames, 25.0, models)
    assert track.frame_indices.tolist() == list(range(10))
    assert not track.bridged.any() and (track.confidence > 0.9).all()
    assert np.diff(centres_x(track)) == pytest.approx(12, abs=2.0)
    assert track.times_s[1] == pytest.approx(0.04)
    assert track.quality.eye_distance_px == pytest.approx(41.5, abs=2)


def test_people_who_swap_places_keep_their_tracks(people, models) -> None:
    one, other = people
    frames = [scene((one, 20), (other, 500))] * 3 + [scene((other, 20), (one, 500))] * 3
    tracks = tracked(frames, 2.0, models)
    assert len(tracks) == 2
    assert all(len(t) == 6 for t in tracks)
    assert sorted(float(np.sign(centres_x(t)[-1] - centres_x(t)[0])) for t in tracks) == [-1, 1]


def test_another_person_after_a_cut_is_another_track(people, models) -> None:
    one, other = people
    tracks = tracked([scene((one, 300))] * 3 + [scene((other, 300))] * 3, 2.0, models)
    assert [t.frame_indices.tolist() for t in tracks] == [[0, 1, 2], [3, 4, 5]]
    assert [t.track_id for t in tracks] == [0, 1]


def test_short_gaps_are_bridged_and_long_ones_are_not(people, models) -> None:
    seen, empty = scene((people[0], 100)), scene()
    (track,) = tracked([seen, seen, empty, empty, scene((people[0], 130)), seen], 4.0, models)
    assert track.bridged.tolist() == [False, False, True, True, False, False]
    assert track.confidence[2] == 0.0
    assert centres_x(track)[2] == pytest.approx(centres_x(track)[1] + 10, abs=2)
    (track,) = tracked([seen, seen, empty, empty, seen, seen], 0.5, models)
    assert track.frame_indices.tolist() == [0, 1, 4, 5]


def test_a_glimpse_in_a_gap_is_folded_back() -> None:
    def seen(index: int, x: float) -> Sighting:
        points = np.random.default_rng(0).uniform(0, 100, (478, 2)).astype(np.float32) + np.float32(
            x
        )
        none = np.zeros(1, np.float32)
        quality = FaceQuality(none, none, none, none, np.zeros((1, 2), np.float32))
        return Sighting(index, index / 2, points, 0.9, 1.0, np.zeros(3, np.float32), quality)

    person = [seen(i, 0) for i in (0, 1, 3, 4)]
    assert [[s.index for s in t] for t in folded([person, [seen(2, 5)]])] == [[0, 1, 2, 3, 4]]
    for other in (seen(2, 300), seen(3, 5), seen(9, 5)):
        assert len(folded([person, [other]])) == 2


def test_no_face_no_frames_and_stills(people, models) -> None:
    assert tracked([scene()] * 3, 25.0, models) == ()
    assert track_faces(clip_from_frames([scene()]), [], models=models) == ()
    tracks = tracked([scene((people[0], 20), (people[1], 500))], 25.0, models)
    assert [len(t) for t in tracks] == [1, 1]


def test_frames_stream_and_progress_is_told(people, models) -> None:
    clip = clip_from_frames([scene((people[0], 100))] * 6, fps=10.0)
    told: list[tuple[str, int, int | None]] = []
    (track,) = track_faces(clip, [5, 1, 3, 1], lambda *a: told.append(a), models=models)
    assert track.frame_indices.tolist() == [1, 3, 5]
    assert told == [("faces", 1, 3), ("faces", 2, 3), ("faces", 3, 3)]


def test_tracking_is_deterministic(people, models) -> None:
    frames = [scene((people[0], 20 + 30 * i), (people[1], 560 - 20 * i)) for i in range(4)]
    assert tracked(frames, 2.0, models) == tracked(frames, 2.0, FaceModels(1))


def test_neighbouring_frames_are_not_measured_in_full_and_lie_where_they_did(
    people, models, monkeypatch
) -> None:
    frames = [scene((people[0], 20 + 3 * i)) for i in range(20)]
    looks: list[int] = []
    real_descriptor = tracking.descriptor

    def counted(*arguments):
        looks.append(1)
        return real_descriptor(*arguments)

    monkeypatch.setattr(tracking, "descriptor", counted)
    (quick,) = tracked(frames, 25.0, models)
    assert len(looks) <= 4
    monkeypatch.setattr(tracking, "_LOOKS_EVERY_S", 0.0)
    monkeypatch.setattr(tracking, "_PIXELS_EVERY_S", 0.0)
    (full,) = tracked(frames, 25.0, models)
    assert len(looks) >= 20
    np.testing.assert_array_equal(quick.landmarks_px, full.landmarks_px)
    np.testing.assert_array_equal(quick.quality.eye_distance_px, full.quality.eye_distance_px)
    np.testing.assert_array_equal(quick.quality.eye_aspect_ratio, full.quality.eye_aspect_ratio)
    np.testing.assert_allclose(quick.quality.sharpness, full.quality.sharpness, atol=0.1)
    assert np.isfinite(quick.quality.visible).all()


def test_another_person_at_full_rate_is_another_track_within_a_moment(people, models) -> None:
    one, other = people
    frames = [scene((one, 300))] * 10 + [scene((other, 300))] * 14
    tracks = tracked(frames, 25.0, models)
    assert len(tracks) == 2
    assert 10 <= tracks[1].frame_indices[0] <= 10 + 8  # a third of a second


def test_one_face_or_one_track_needs_no_search() -> None:
    cost = np.array([[3.0], [1.0], [2.0]])
    assert association._cheapest(cost) == ([1], [0])
    assert association._cheapest(cost.T) == ([0], [1])
    assert association._cheapest(np.array([[1.0, 2.0], [1.5, 9.0]])) == ([0, 1], [1, 0])


def test_impossible_configuration_is_named() -> None:
    with pytest.raises(ConfigError, match="min_score"):
        TrackingConfig(min_score=1.5)


def test_real_clips_have_one_person(data_dir: Path, models) -> None:
    folder = data_dir / "video" / "real"
    paths = [sorted((folder / name).iterdir())[0] for name in ("grid_s1", "mead", "speakers")]
    for path in paths:
        clip = open_clip(path)
        tracks = track_faces(clip, range(0, min(len(clip.frames), 60), 12), models=models)
        assert len(tracks) == 1, path.name
        assert len(tracks[0]) == len(range(0, min(len(clip.frames), 60), 12))
        assert (np.abs(tracks[0].pose_deg) < 35).all()
