"""Spectrum: features, tiles, the confound, training, aggregation."""

from __future__ import annotations

import csv
import json
import time

import numpy as np
import pytest

from likeness import weights
from likeness.detectors import spectrum
from likeness.detectors._spectrum_features import (
    FIRST_PEAK,
    TILE_PX,
    face_square,
    face_tiles,
    features,
    grey,
    published_profile,
)
from likeness.detectors._spectrum_training import add_grid
from likeness.detectors.spectrum import Config, build
from likeness.errors import ConfigError, DataError, ShapeError, WeightsError
from likeness.media import clip_from_frames
from likeness.types import FaceQuality, FaceTrack

BOX = np.array([150, 30, 300, 200], np.float32)  # the portrait's face


def track(frames: int = 1, box=BOX, bridged=()) -> FaceTrack:
    ones = np.ones(frames, np.float32)
    flags = np.zeros(frames, bool)
    flags[list(bridged)] = True
    return FaceTrack(
        0, np.arange(frames), np.arange(frames) / 25, np.stack([box] * frames).astype(np.float32),
        np.zeros((frames, 478, 2), np.float32), np.zeros((frames, 3), np.float32), ones,
        FaceQuality(ones, ones, ones, ones, np.ones((frames, 2), np.float32)), flags,
    )  # fmt: skip


def noise(n: int = 3, k: int = 2, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(128, 20, (n, k, TILE_PX, TILE_PX)).astype(np.float32)


def test_a_radius_is_a_frequency():
    """A wave of period 4 px raises radius 96/4 = 24 and no other by as much."""
    tiles = noise()
    wave = 10 * np.cos(2 * np.pi * np.arange(TILE_PX) / 4)
    gain = features(tiles + wave.astype(np.float32)) - features(tiles)
    means, peaks = gain[:, :67].mean(0), gain[:, 67:].mean(0)
    assert means.argmax() + 1 == 24 and peaks.argmax() + FIRST_PEAK == 24
    assert peaks.max() > 12  # dB: one bright point
    assert np.delete(peaks, [6, 7, 8, 9]).max() < 3


def test_white_noise_is_flat_and_without_peaks():
    values = features(noise(20, 9))
    assert np.abs(values[:, 4:60].mean(0)).max() < 1.0
    assert values[:, 67:].mean() < 10


@pytest.mark.parametrize("variant", ["plain", "residual"])
def test_light_and_contrast_change_nothing(variant):
    tiles = noise()
    changed = features(tiles * 0.5 + 40, variant) - features(tiles, variant)
    assert np.abs(changed[:, :67]).max() < (
        1e-2 if variant == "plain" else 1.5
    )  # the median is of 8-bit levels


def test_the_features_are_those_of_a_plain_loop():
    tile = noise(1, 1)
    window = np.outer(np.hanning(97)[:-1], np.hanning(97)[:-1])
    log = 20 * np.log10(np.abs(np.fft.fft2((tile[0, 0] - tile.mean()) * window)))
    y, x = (np.fft.fftfreq(96) * 96,) * 2
    radius = np.hypot(y[:, None], x[None]).astype(int)
    means = np.array([log[radius == r].mean() for r in range(68)])
    peaks = np.array([log[radius == r].max() for r in range(68)]) - means
    expected = np.concatenate([means[1:] - means[1:].mean(), peaks[FIRST_PEAK:]])
    np.testing.assert_allclose(features(tile)[0], expected, atol=2e-3)


def test_wrong_input_is_refused():
    with pytest.raises(ShapeError):
        features(noise()[..., :95])
    with pytest.raises(ConfigError, match="variant"):
        features(noise(), "phase")


def test_tiles_are_never_resized(portrait):
    for box, count in ((BOX, 9), (BOX * 0.5, 4), (np.array([100, 100, 180, 180], np.float32), 1)):
        tiles = face_tiles(portrait, box)
        assert tiles.shape == (count, 96, 96)
        left, top, side = face_square(box, (512, 512))
        luma = grey(portrait[top : top + side, left : left + side])
        inset = 0 if count > 1 else (side - 96) // 2
        np.testing.assert_array_equal(tiles[0], luma[inset : inset + 96, inset : inset + 96])
    assert face_tiles(portrait, np.array([10, 10, 80, 80], np.float32)) is None


def test_the_square_stays_inside_the_picture():
    rng = np.random.default_rng(0)
    for _ in range(200):
        w, h = rng.integers(50, 400, 2)
        x, y = rng.uniform(-80, 300, (2, 2))
        box = np.array([x.min(), y.min(), x.max(), y.max()], np.float32)
        left, top, side = face_square(box, (int(w), int(h)))
        assert 0 <= left <= w - side and 0 <= top <= h - side and side <= min(w, h)


def test_features_are_fast():
    tiles = noise(20, 9)
    features(tiles)
    start = time.perf_counter()
    features(tiles)
    assert time.perf_counter() - start < 2.0  # 180 tiles; about 0.1 s on an idle core


def test_the_published_profile_has_the_published_number_of_radii():
    """90 radii of 128 x 128 and 141 of 178 x 218: with that many bins, the interpolation changes nothing."""
    rng = np.random.default_rng(0)
    for (h, w), radii in (((128, 128), 90), ((218, 178), 141)):
        image = rng.normal(128, 20, (1, h, w))
        profile = published_profile(image, radii)[0]
        log = 20 * np.log10(np.abs(np.fft.fftshift(np.fft.fft2(image[0]))))
        y, x = np.indices((h, w))
        radius = np.hypot(y - (h - 1) / 2, x - (w - 1) / 2).astype(int)
        assert radius.max() + 1 == radii
        raw = np.array([log[radius == r].mean() for r in range(radii)])
        np.testing.assert_allclose(profile, raw / raw[0], atol=1e-9)


def test_the_confound_moves_the_published_profile_and_not_ours(portrait):
    """One picture in two geometries: the published bins differ, our tiles are the same frequencies."""
    luma = grey(portrait)
    small, large = luma[100:228, 150:278][None], luma[55:273, 125:303][None]
    published = published_profile(small, 80) - published_profile(large, 80)
    assert np.abs(published[0, 1:20]).mean() > 0.01
    near = published_profile(small, 80) - published_profile(luma[104:232, 154:282][None], 80)
    assert np.abs(near[0, 1:20]).mean() < 0.5 * np.abs(published[0, 1:20]).mean()


# --- the detector -------------------------------------------------------------------------------------------------------


def test_the_score_rises_with_a_periodic_grid(portrait):
    detector = build(Config())
    for period in (2, 4):
        scores = [
            detector.analyse(clip_from_frames([add_grid(portrait, period, level)]), [track()]).score
            for level in (0, 2, 6)
        ]
        assert scores[0] < scores[1] < scores[2]


def test_score_is_the_mean_logit_over_frames_and_the_maximum_over_faces(portrait):
    detector = build(Config(frames=2))
    clip = clip_from_frames([portrait, add_grid(portrait, 2, 4), portrait])
    evidence = detector.analyse(clip, [track(3)])
    found = evidence.tracks[0]
    assert found.frame_indices.tolist() == [0, 2]
    assert evidence.score == pytest.approx(float(found.frame_scores.mean()), abs=1e-6)
    whole = build(Config()).analyse(clip, [track(3)]).tracks[0]
    assert whole.frame_scores[1] > whole.frame_scores[0]
    assert whole.score == pytest.approx(float(whole.frame_scores.mean()), abs=1e-6)


def test_the_llr_is_bounded_by_the_identities(portrait):
    detector = build(Config())
    bound = np.log10(detector.model.calibration.n_identities + 1) - 0.5
    rng = np.random.default_rng(0)
    odd = [rng.integers(0, 256, portrait.shape, dtype=np.uint8), portrait // 255 * 255]
    odd += [add_grid(portrait, 3, 60), np.zeros_like(portrait), np.roll(odd[0], 1, 0) // 2 * 2]
    llrs = [detector.analyse(clip_from_frames([image]), [track()]).llr for image in odd]
    assert np.abs(llrs).max() <= bound + 1e-9 and np.ptp(llrs) > 0.2


def test_a_face_of_unknown_size_is_out_of_domain(portrait):
    big = np.kron(portrait, np.ones((4, 4, 1), np.uint8))
    detector = build(Config())
    assert (
        detector.analyse(clip_from_frames([big]), [track(box=BOX * 4)]).tracks[0].in_domain is False
    )
    assert detector.analyse(clip_from_frames([portrait]), [track()]).tracks[0].in_domain is True


def test_expected_outcomes_are_values(portrait):
    detector = build(Config())
    clip = clip_from_frames([portrait])
    none, small, unseen = (
        detector.analyse(clip, tracks)
        for tracks in ([], [track(box=np.array([5, 5, 60, 60]))], [track(bridged=[0])])
    )
    assert {e.status for e in (none, small, unseen)} == {"not_applicable"}
    assert "96 px" in small.note and "no face" in none.note and "no face" in unseen.note


def test_foreign_weights_are_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    weights.save_arrays(path, {"linear.mean": np.zeros(3)}, {"features": "other"})
    for name in ("other.safetensors", "absent.safetensors"):
        with pytest.raises(WeightsError):
            build(Config(weights=str(tmp_path / name)))
    with pytest.raises(ConfigError):
        build(Config(frames=0))


def test_what_ships_says_what_it_is():
    stored = json.loads((weights.FOLDER / "spectrum" / "calibration.json").read_text())
    assert stored["calibration"]["n_identities"] == 107
    assert stored["training"]["real"] == "ffhq256" and "final_evaluation" in stored["training"]
    card = (weights.FOLDER / "spectrum" / "CARD.md").read_text()
    for word in ("confound", "128", "178", "non-commercial", "flips"):
        assert word in card


# --- training -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def drawn_data(tmp_path, portrait):
    """A data folder of the portrait, moved about and noisy; the fakes carry a grid."""
    from PIL import Image

    rows = []
    for i in range(16):
        label = ("real", "fake")[i % 2]
        rng = np.random.default_rng(i)
        image = portrait[i : i + 300, 60 + i : 360 + i].astype(np.int16) + rng.integers(
            -3, 4, (300, 300, 1)
        )
        image = np.clip(image, 0, 255).astype(np.uint8)
        image = add_grid(image, 2, 6) if label == "fake" else image
        Image.fromarray(image).save(tmp_path / f"{i}.png")
        rows.append(
            (
                f"{i}.png",
                "face",
                label,
                f"drawn_{label}",
                str(i),
                "CC0",
                f"{i:016x}",
                "",
                ("train", "test")[i > 11],
            )
        )
    with (tmp_path / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [
                ("path", "kind", "label", "source", "group", "licence", "sha256", "note"),
                *(r[:8] for r in rows),
            ]
        )
    with (tmp_path / "splits.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "role"), *((r[0], r[8]) for r in rows)])
    return tmp_path


@pytest.mark.slow
def test_training_writes_weights_that_detect(drawn_data, portrait):
    pytest.importorskip("sklearn")
    settings = {
        "real": "drawn_real", "fake": "drawn_fake", "copies": 2, "folds": 3, "cache": "",
        "final_evaluation": True, "quality": [80, 95],
    }  # fmt: skip
    out = drawn_data / "out"
    figures = spectrum.training({"training": settings}, drawn_data, out)
    assert figures["auc_out_of_fold_lr"] > 0.75 and figures["auc_test"] > 0.75
    assert {f"auc_out_of_fold_{m}" for m in ("lr", "svm_linear", "svm_rbf", "kmeans")} <= set(
        figures
    )
    detector = build(Config(weights=str(out / "spectrum.safetensors")))
    scores = [
        detector.analyse(clip_from_frames([image]), [track()]).score
        for image in (portrait, add_grid(portrait, 2, 6))
    ]
    assert scores[0] < scores[1]
    with pytest.raises(DataError, match="drawn_real"):
        spectrum.training({"training": {**settings, "fake": "nothing"}}, drawn_data, out)
