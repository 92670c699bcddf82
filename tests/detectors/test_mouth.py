from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from likeness import media, registry, testing, weights
from likeness.data.known_faces import take_rows
from likeness.detectors import _mouth_sound as sound
from likeness.detectors._mouth_sharpness import NAMES, PLAIN, contrasts, region_masks
from likeness.detectors._mouth_time import agreement, flicker_of
from likeness.detectors._runs import aligned_runs
from likeness.detectors.mouth import Config, build
from likeness.errors import MediaError, WeightsError
from likeness.faces import regions
from likeness.faces.geometry import hull_mask
from likeness.types import Clip, FaceTrack, ImageArray

FPS, RATE_HZ = 25.0, 16000


@dataclass
class Sound:
    values: np.ndarray
    sample_rate_hz: int = RATE_HZ

    def samples(self) -> np.ndarray:
        return self.values


class DamagedSound:
    sample_rate_hz = RATE_HZ

    def samples(self) -> np.ndarray:
        raise MediaError("nothing can be decoded")


@pytest.fixture(scope="module")
def portrait_face() -> FaceTrack:
    _, (track,) = testing.portrait_clip()
    return track


def lower_face(image: ImageArray, track: FaceTrack) -> np.ndarray:
    points = track.landmarks_px[0][list(regions.JAW[1:-1])]
    mask = hull_mask(points, (image.shape[1], image.shape[0]))
    return cv2.GaussianBlur(mask, (0, 0), 2.0)[..., None]


def softened(track: FaceTrack, sigma: float) -> ImageArray:
    """The portrait with a soft mouth and chin."""
    image = testing.portrait()
    mask = lower_face(image, track)
    soft = cv2.GaussianBlur(image, (0, 0), sigma)
    return np.rint(soft * mask + image * (1.0 - mask)).astype(np.uint8)


def syllables(seed: int, count: int) -> np.ndarray:
    """(count,) how loud a voice is every hundredth of a second: bumps of a fifth of a second."""
    rng = np.random.default_rng(seed)
    steps = rng.uniform(0.0, 1.0, count // 10 + 2) ** 2
    return np.interp(np.arange(count) / 10.0, np.arange(len(steps)), steps)


def talking(
    face: FaceTrack, seconds: float, late_s: float, heard: int = 1
) -> tuple[FaceTrack, Sound]:
    """A mouth that follows one voice, and the sound of voice `heard`, by so much later."""
    times = np.arange(int(seconds * FPS)) / FPS
    grid = np.arange(int((seconds + 4) * 100)) / 100.0 - 2.0
    voice, other = syllables(1, len(grid)), syllables(heard, len(grid))
    track = take_rows(face, np.zeros(len(times), np.int64))
    points = track.landmarks_px.copy()
    gap = 14.0 * np.interp(times, grid, voice)
    for index in (14, 87, 317):
        points[:, index, 1] = points[:, 13, 1] + gap
    moments = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    tone = np.sin(2 * np.pi * 500 * moments) * np.interp(moments - late_s, grid, other)
    noise = np.random.default_rng(5).normal(0, 1e-3, len(moments))
    filmed = replace(
        track,
        landmarks_px=points,
        times_s=times,
        frame_indices=np.arange(len(times)),
        pose_deg=np.zeros((len(times), 3), np.float32),
    )
    return filmed, Sound((0.3 * tone + noise).astype(np.float32))


def all_rows(track: FaceTrack) -> list[np.ndarray]:
    return [np.arange(len(track))]


def test_every_number_has_a_name_and_parts_lie_where_they_belong(portrait_face: FaceTrack) -> None:
    found = contrasts(testing.portrait(), portrait_face.landmarks_px[0])
    assert found is not None
    values, masks, _ = found
    assert values.shape == (PLAIN,)
    assert len(set(NAMES)) == len(NAMES) == 2 * PLAIN + 1
    rows = {name: np.flatnonzero(mask.any(axis=1)).mean() for name, mask in masks.items()}
    assert rows["upper"] < rows["cheeks"] < rows["mouth"] < rows["chin"]
    assert not (masks["mouth"] & masks["chin"]).any()


def test_a_softer_lower_face_measures_softer_and_scores_higher(portrait_face: FaceTrack) -> None:
    detector = registry.build("detectors", "mouth")
    plain = detector.analyse(media.clip_from_frames([testing.portrait()]), [portrait_face])
    soft = softened(portrait_face, 2.5)
    pasted = detector.analyse(media.clip_from_frames([soft]), [portrait_face])
    assert plain.score is not None
    assert pasted.score is not None
    assert pasted.score > plain.score + 0.5
    assert pasted.readings[0].value < plain.readings[0].value - 0.2
    assert len(plain.readings) == PLAIN
    (heatmap,) = pasted.heatmaps
    assert heatmap.values[20:].mean() > 4 * heatmap.values[:10].mean()


def test_light_moves_the_sharpness_little(portrait_face: FaceTrack) -> None:
    darker = (testing.portrait() * 0.8).astype(np.uint8)
    pair = [contrasts(i, portrait_face.landmarks_px[0]) for i in (testing.portrait(), darker)]
    assert pair[0] is not None
    assert pair[1] is not None
    assert np.abs(pair[0][0] - pair[1][0]).max() < 0.12


def test_flat_pictures_give_finite_numbers_and_lost_faces_none(portrait_face: FaceTrack) -> None:
    points = portrait_face.landmarks_px[0]
    flat = contrasts(np.full((512, 512, 3), 128, np.uint8), points)
    assert flat is not None
    assert np.allclose(flat[0], 0.0)
    mouthless = points.copy()
    mouthless[list(regions.LIPS)] = mouthless[13]
    assert contrasts(testing.portrait(), mouthless) is None
    assert region_masks(np.zeros((478, 2)))["lower"].sum() < 5


@pytest.mark.parametrize("pose", [(50.0, 0.0, 0.0), (0.0, 35.0, 0.0)])
def test_turned_and_small_faces_are_not_judged(
    portrait_face: FaceTrack, pose: tuple[float, float, float]
) -> None:
    detector = registry.build("detectors", "mouth")
    clip = media.clip_from_frames([testing.portrait()])
    small = replace(portrait_face.quality, eye_distance_px=np.array([15.0], np.float32))
    for odd in (
        replace(portrait_face, pose_deg=np.array([pose], np.float32)),
        replace(portrait_face, quality=small),
    ):
        evidence = detector.analyse(clip, [odd])
        assert evidence.status == "not_applicable"
        assert "towards the camera" in evidence.note


@pytest.mark.parametrize("late_s", [0.0, 0.2, -0.3])
def test_the_lag_of_the_sound_is_found(portrait_face: FaceTrack, late_s: float) -> None:
    track, audio = talking(portrait_face, 8.0, late_s)
    sync = sound.compare(track, all_rows(track), audio)
    assert sync is not None
    peak, lag = sync.peak
    assert peak > 0.6
    assert lag == pytest.approx(late_s, abs=0.05)
    assert (agreement(sync) > 0.6) == (abs(late_s) <= 0.15)


def test_another_voice_is_out_of_step(portrait_face: FaceTrack) -> None:
    track, audio = talking(portrait_face, 12.0, 0.0, heard=2)
    sync = sound.compare(track, all_rows(track), audio)
    assert sync is not None
    assert agreement(sync) < 0.35


def test_gaps_in_what_was_watched_do_not_move_the_lag(portrait_face: FaceTrack) -> None:
    track, audio = talking(portrait_face, 12.0, 0.1)
    parts = [np.arange(0, 50), np.arange(125, 175), np.arange(240, 290)]
    sync = sound.compare(track, parts, audio)
    assert sync is not None
    assert sync.peak[1] == pytest.approx(0.1, abs=0.05)
    assert 147 <= len(sync.times_s) <= 150


def test_silence_and_a_steady_tone_say_nothing(portrait_face: FaceTrack) -> None:
    track, audio = talking(portrait_face, 8.0, 0.0)
    moments = np.arange(len(audio.values)) / RATE_HZ
    tone = (0.3 * np.sin(2 * np.pi * 500 * moments)).astype(np.float32)
    for quiet in (np.zeros_like(tone), tone, tone[:100], tone[:0]):
        assert sound.compare(track, all_rows(track), Sound(quiet)) is None


def filmed(track: FaceTrack, audio: object) -> Clip:
    clip = media.clip_from_frames([testing.portrait()] * len(track))
    return replace(clip, audio=audio)


def test_lips_and_sound_are_told_and_do_not_move_the_score(portrait_face: FaceTrack) -> None:
    track, audio = talking(portrait_face, 7.0, 0.0)
    detector = registry.build("detectors", "mouth", {"frames": 4})
    with_sound = detector.analyse(filmed(track, audio), [track])
    without = detector.analyse(filmed(track, None), [track])
    damaged = detector.analyse(filmed(track, DamagedSound()), [track])
    assert with_sound.score == without.score == damaged.score
    assert "move with the sound" in with_sound.note
    assert "sound" not in without.note
    assert "sound" not in damaged.note
    assert [len(e.curves) for e in (with_sound, without, damaged)] == [2, 1, 1]
    names = {r.name for r in with_sound.readings} - {r.name for r in without.readings}
    assert names == {"lips in step with the sound", "sound after the lips"}


def test_a_lower_face_that_flickers_is_measured(portrait_face: FaceTrack) -> None:
    rng = np.random.default_rng(0)
    image = testing.portrait().astype(np.float32)
    mask = lower_face(testing.portrait(), portrait_face)
    track = take_rows(portrait_face, np.zeros(10, np.int64))
    track = replace(track, times_s=np.arange(10) / FPS, frame_indices=np.arange(10))
    values = []
    for where in (np.ones_like(mask), 0.3 + 0.7 * mask):
        grain = [rng.normal(0, 6, (*image.shape[:2], 1)) for _ in range(10)]
        frames = [np.clip(image + g * where, 0, 255).astype(np.uint8) for g in grain]
        runs = aligned_runs(media.clip_from_frames(frames), track, (96, 0.06), 8)
        values.append(flicker_of(runs))
    assert None not in values
    assert abs(values[0]) < 0.4
    assert values[1] > values[0] + 0.5
    assert flicker_of([]) is None


def test_foreign_weights_are_refused(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.safetensors"
    weights.save_arrays(foreign, {"a": np.zeros(3)}, {"features": "other-1"})
    with pytest.raises(WeightsError, match="expected measurements"):
        build(Config(weights=str(foreign)))
    arrays, words = weights.load_arrays(weights.path_of("mouth", "mouth.safetensors"))
    arrays.pop("real.inverse")
    lacking = tmp_path / "lacking.safetensors"
    weights.save_arrays(lacking, arrays, words)
    with pytest.raises(WeightsError, match="real faces"):
        build(Config(weights=str(lacking)))
