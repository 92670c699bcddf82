from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from moving import recording, track_of

from likeness import media, weights
from likeness.data.pseudo_fakes import PseudoFakeConfig
from likeness.data.unsteady import UnsteadyConfig, make_unsteady
from likeness.detectors import _flicker_measures as measures
from likeness.detectors.flicker import Config, Flicker, build
from likeness.errors import WeightsError
from likeness.faces.unrest import changes_of, regions_of, second_difference
from likeness.types import Evidence

Recording = tuple[list[np.ndarray], np.ndarray]
STRONG = UnsteadyConfig(
    part_p=1.0,
    strength=(1.0, 1.0),
    memory_s=(0.01, 0.02),
    blend=PseudoFakeConfig().only("self_blend_full"),
)


@pytest.fixture(scope="module")
def flicker() -> Flicker:
    return build(Config())


@pytest.fixture(scope="module")
def real(portrait: np.ndarray) -> Recording:
    return recording(portrait)


def seen(flicker: Flicker, images: list[np.ndarray], landmarks: np.ndarray, **about) -> Evidence:
    fps = about.get("fps", 25.0)
    return flicker.analyse(media.clip_from_frames(images, fps), [track_of(landmarks, **about)])


def test_an_unsteady_face_scores_higher_than_its_partner(flicker: Flicker, real: Recording) -> None:
    for seed in range(3):
        twins = make_unsteady(*real, np.random.default_rng(seed), STRONG)
        steady, restless = (seen(flicker, images, real[1]) for images in twins)
        assert restless.score > steady.score + 1.0
        assert len(restless.spans) == 1 and "jump" in restless.note


def test_numbers_rise_with_what_they_are_called_after(real: Recording) -> None:
    def numbers(**parts: float) -> np.ndarray:
        amounts = {"colour": 0.0, "shading": 0.0, "place": 0.0, "edge": 0.0, "sharpness": 0.0}
        config = replace(STRONG, **{**amounts, **parts})
        fakes = make_unsteady(*real, np.random.default_rng(1), config)[1]
        found, _ = measures.look_over_time(media.clip_from_frames(fakes), track_of(real[1]))
        assert found is not None
        return found.seen.values.mean(axis=0)

    still, colour, shading = numbers(), numbers(colour=4.0), numbers(shading=6.0)
    assert colour[0] > still[0] + 0.5 and colour[1] > still[1] + 0.3
    assert shading[2] > still[2] + 0.5


def test_a_flickering_lamp_is_not_held_against_the_face(flicker: Flicker, real: Recording) -> None:
    images, landmarks = real
    rng = np.random.default_rng(0)
    lit = [np.clip(i + rng.normal(0.0, 4.0), 0, 255).astype(np.uint8) for i in images]
    assert seen(flicker, lit, landmarks).score < seen(flicker, images, landmarks).score + 0.5


def test_what_changes_evenly_gives_nothing() -> None:
    ramp = np.arange(9.0)[:, None] * [2.0, -1.0] + 5.0
    assert np.allclose(second_difference(ramp), 0.0)
    assert np.allclose(second_difference(np.arange(5.0) ** 2), 2.0)


def test_shifts_of_face_and_surroundings_are_told_apart(real: Recording) -> None:
    images, landmarks = recording_of_one(real)
    where = regions_of(landmarks, np.ones((80, 80), np.float32))
    moved = np.stack([images, shifted_inside(images, where.skin > 0, 0.4)])
    skin, ring = changes_of(moved, where).shift[0]
    assert abs(skin[0] - 0.4) < 0.1 and abs(skin[1]) < 0.1
    assert np.abs(ring).max() < 0.05


def recording_of_one(real: Recording) -> tuple[np.ndarray, np.ndarray]:
    from likeness.faces.geometry import align_matrix, transform, warp

    matrix = align_matrix(real[1][0], 80, 0.4)
    return warp(real[0][0], matrix, 80), transform(real[1][0], matrix)


def shifted_inside(image: np.ndarray, where: np.ndarray, shift: float) -> np.ndarray:
    import cv2

    matrix = np.array([[1, 0, shift], [0, 1, 0]])
    moved = cv2.warpAffine(image, matrix, (80, 80), flags=cv2.INTER_CUBIC)
    near = cv2.dilate(where.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    return np.where(near[..., None], moved, image)


@pytest.mark.parametrize(
    ("about", "reason"),
    [
        ({"fps": 10.0}, "fewer than 15 frames a second"),
        ({"pose_deg": (70.0, 0.0, 0.0)}, "turned away"),
    ],
)
def test_what_cannot_be_judged_is_said(
    flicker: Flicker, real: Recording, about: dict[str, object], reason: str
) -> None:
    evidence = seen(flicker, *real, **about)
    assert evidence.status == "not_applicable" and reason in evidence.note


def test_stills_short_tracks_small_and_dark_faces_are_not_judged(
    flicker: Flicker, real: Recording
) -> None:
    import cv2

    images, landmarks = real
    still = seen(flicker, [images[0]] * 40, np.repeat(landmarks[:1], 40, axis=0))
    short = seen(flicker, images[:12], landmarks[:12])
    small = [cv2.resize(i, (100, 100), interpolation=cv2.INTER_AREA) for i in images]
    tiny = seen(flicker, small, landmarks / 3.0)
    dark = seen(flicker, [i // 6 for i in images], landmarks)
    notes = [e.note for e in (still, short, tiny, dark)]
    assert all(e.status == "not_applicable" for e in (still, short, tiny, dark))
    assert "repeat" in notes[0] and "too few" in notes[1]
    assert "too small" in notes[2] and "too dark" in notes[3]
    picture = media.clip_from_frames(images[:1])
    assert flicker.analyse(picture, [track_of(landmarks[:1])]).status == "not_applicable"


def test_grey_recordings_are_judged_by_brightness(flicker: Flicker, real: Recording) -> None:
    grey = [np.repeat(i.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2) for i in real[0]]
    evidence = seen(flicker, grey, real[1])
    assert evidence.status == "scored" and abs(evidence.score) < 3.0


def test_fast_clips_are_thinned(flicker: Flicker, portrait: np.ndarray) -> None:
    images, landmarks = recording(portrait, frames=128)
    evidence = seen(flicker, images, landmarks, fps=120.0)
    gaps = np.diff(evidence.curves[0].times_s)
    assert evidence.status == "scored" and np.allclose(gaps, 4 / 120)


def test_a_gap_breaks_windows_and_line(flicker: Flicker, real: Recording) -> None:
    images, landmarks = real
    at = [*range(20), *range(100, 120)]
    whole = [images[0]] * 120
    for index, image in zip(at, images, strict=True):
        whole[index] = image
    clip = media.clip_from_frames(whole)
    evidence = flicker.analyse(clip, [track_of(landmarks, at=at)])
    (curve,) = evidence.curves
    assert np.isnan(curve.values[[0, 19, 20, 39]]).all()
    assert np.isfinite(curve.values[1:19]).all()
    assert evidence.tracks[0].frame_indices.tolist() == [8, 108]


def test_the_map_shows_the_face_that_jumps(flicker: Flicker, real: Recording) -> None:
    fakes = make_unsteady(*real, np.random.default_rng(2), STRONG)[1]
    (heatmap,) = seen(flicker, fakes, real[1]).heatmaps
    size = measures.SIZE_PX
    middle = heatmap.values[size // 2 - 8 : size // 2 + 8, size // 2 - 8 : size // 2 + 8]
    assert heatmap.values.min() >= 0.0 and heatmap.values.max() <= 1.0
    assert middle.mean() > 1.3 * heatmap.values[heatmap.values > 0].mean()
    eyes = real[1][heatmap.frame_index].mean(axis=0)
    low, high = heatmap.corners_px.min(axis=0), heatmap.corners_px.max(axis=0)
    assert (low < eyes).all() and (eyes < high).all()


def test_weights_of_other_numbers_are_refused(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.safetensors"
    weights.save_arrays(foreign, {"a": np.zeros(3)}, {"features": "other-1"})
    with pytest.raises(WeightsError, match="expected measurements"):
        build(Config(weights=str(foreign)))
