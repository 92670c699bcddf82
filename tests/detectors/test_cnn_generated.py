"""`cnn_generated`: patches, domain, fingerprints, levelling, aggregation, training."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from likeness import weights
from likeness.data.audit import crop_features, leakage_audit
from likeness.detectors import _cnn_generated_patches as patches
from likeness.detectors import cnn_generated
from likeness.detectors._cnn_generated_fingerprint import SIZE, Fingerprints, spectrum_of
from likeness.detectors._cnn_generated_levelling import levelled, soften
from likeness.detectors.cnn_generated import Config, build
from likeness.errors import ConfigError, DataError, WeightsError
from likeness.media import clip_from_frames
from likeness.types import FaceQuality, FaceTrack

BOX = np.array([150, 30, 300, 200], np.float32)  # the portrait's face
TILE = np.array([[3.0, -3.0], [-3.0, 3.0]])


def track(frames: int = 1, box=BOX, bridged=(), track_id: int = 0) -> FaceTrack:
    ones = np.ones(frames, np.float32)
    flags = np.zeros(frames, bool)
    flags[list(bridged)] = True
    return FaceTrack(
        track_id, np.arange(frames), np.arange(frames) / 25, np.stack([box] * frames).astype(np.float32),
        np.zeros((frames, 478, 2), np.float32), np.zeros((frames, 3), np.float32), ones,
        FaceQuality(ones, ones, ones, ones, np.ones((frames, 2), np.float32)), flags,
    )  # fmt: skip


def gridded(image: np.ndarray, tile: np.ndarray = TILE) -> np.ndarray:
    times = [-(-side // len(tile)) for side in image.shape[:2]]
    drawn = np.tile(tile, times)[: image.shape[0], : image.shape[1], None]
    return np.clip(np.rint(image + drawn), 0, 255).astype(np.uint8)


def analyse(image: np.ndarray, tracks=(), **options):
    return build(Config(**options)).analyse(clip_from_frames([image]), tracks)


# --- patches ------------------------------------------------------------------------------------------------------------


def test_patches_are_never_resized(portrait):
    found = patches.cut(portrait, (20, 40, 276, 240))
    assert found.grid == (3, 3) and len(found.images) == 9
    for image, (i, j) in zip(found.images, found.places.astype(int), strict=True):
        y, x = (40, 92, 144)[i], (20, 100, 180)[j]
        np.testing.assert_array_equal(image, portrait[y : y + 96, x : x + 96])
    assert len(patches.cut(portrait, (0, 0, 96, 96)).images) == 1
    assert patches.cut(portrait, (0, 0, 95, 300)) is None


def test_smooth_patches_are_left_out(portrait):
    half = portrait[:256, 100:356].copy()
    half[:, 128:] = 90
    whole = patches.cut(half, patches.whole(half))
    assert 0 < len(whole.images) < 9 and whole.places[:, 1].max() < 2
    assert analyse(half).heatmaps[0].values[:, 2].max() == 0


def test_the_region_round_a_face_stays_inside_the_picture():
    rng = np.random.default_rng(0)
    for _ in range(200):
        w, h = (int(n) for n in rng.integers(50, 400, 2))
        x, y = rng.uniform(-80, 300, (2, 2))
        box = np.array([x.min(), y.min(), x.max(), y.max()], np.float32)
        left, top, right, bottom = patches.round_face(box, (w, h))
        assert 0 <= left <= right <= w and 0 <= top <= bottom <= h
    assert patches.round_face(BOX, (512, 512)) == (55, 0, 395, 340)


def test_light_changes_no_quality(portrait):
    def of(image):
        return patches.qualities(image, patches.cut(image, (100, 0, 356, 256)))

    dark = portrait // 2 + 20
    lighter = dark + 60
    np.testing.assert_allclose(of(lighter), of(dark), atol=1e-6)
    assert of(soften(dark, 1.5))[0] < of(dark)[0] - 0.3


# --- fingerprints -------------------------------------------------------------------------------------------------------


def drawn_spectra() -> tuple[np.ndarray, list[str], list[int]]:
    rows, kinds, folds = [], [], []
    row = np.array([[2.0, -2.0, 0.0], [0, 2, -2], [-2, 0, 2]])
    for n in range(45):
        rng = np.random.default_rng(n)
        image = soften(rng.integers(0, 256, (192, 192, 3), dtype=np.uint8), 1.0)
        kind = ("", "two", "three")[n % 3]
        image = {"": image, "two": gridded(image), "three": gridded(image, row)}[kind]
        rows.append(spectrum_of(patches.cut(image, patches.whole(image)).images))
        kinds.append(kind)
        folds.append(n % 4)
    return np.stack(rows), kinds, folds


def test_known_generators_are_named_and_others_are_not():
    rows, kinds, folds = drawn_spectra()
    prints = Fingerprints.fit(rows[:30], kinds[:30], folds[:30])
    named = [prints.name(row) for row in rows[30:]]
    assert named == [kind or "unknown" for kind in kinds[30:]]
    known = [kind if kind != "three" else "" for kind in kinds]  # a generator that it never saw
    keep = [n for n in range(30) if kinds[n] != "three"]
    part = Fingerprints.fit(rows[keep], [known[n] for n in keep], [folds[n] for n in keep])
    assert {part.name(rows[n]) for n in range(30, 45) if kinds[n] == "three"} == {"unknown"}


def test_fingerprints_go_through_arrays_and_refuse_others():
    rows, kinds, folds = drawn_spectra()
    prints = Fingerprints.fit(rows, kinds, folds)
    again = Fingerprints.from_arrays(prints.to_arrays("p."), "p.", prints.names)
    np.testing.assert_array_equal(again.likeness(rows), prints.likeness(rows))
    assert rows.shape[1] == SIZE
    with pytest.raises(WeightsError):
        Fingerprints.from_arrays(prints.to_arrays("p."), "p.", ["one"])
    with pytest.raises(DataError):
        Fingerprints.fit(rows, ["two"] * len(rows), folds)


def test_light_and_contrast_leave_the_fingerprint(portrait):
    a = spectrum_of(portrait[None, 60:156, 150:246] // 2 + 40)
    b = spectrum_of(portrait[None, 60:156, 150:246] // 2 + 90)
    np.testing.assert_allclose(a, b, atol=1e-3)


# --- levelling ----------------------------------------------------------------------------------------------------------


def test_levelling_takes_away_what_an_audit_finds(portrait):
    images, labels = [], []
    for n in range(60):
        rng = np.random.default_rng(n)
        y, x = (int(v) for v in rng.integers(0, 384, 2))
        image = portrait[y : y + 128, x : x + 128]
        images.append(soften(image, rng.uniform(0.6, 1.2)) if n % 2 else image)
        labels.append(n % 2)

    def audit(pictures):
        rows = np.stack([crop_features(p) for p in pictures])
        return leakage_audit(rows, labels, np.arange(60), seed=1).auc

    level = [soften(v.image, float(np.mean(v.blur_px))) for v in levelled(images, labels)]
    assert audit(images) > 0.75
    assert audit(level) < audit(images) - 0.1
    assert all(not np.array_equal(a, b) for a, b in zip(level, images, strict=True))


# --- the detector -------------------------------------------------------------------------------------------------------


def test_a_lattice_raises_the_score(portrait):
    for tracks in ([track()], ()):
        scores = [analyse(image, tracks).score for image in (portrait, gridded(portrait))]
        assert scores[0] < scores[1]


def test_a_picture_without_a_face_is_judged_whole(portrait):
    found = analyse(portrait[:256, :256])
    assert found.status == "scored" and found.track_id is None and found.question == "synthesised"
    assert found.tracks[0].track_id is None
    unseen = analyse(portrait, [track(bridged=[0])])
    assert unseen.status == "scored" and unseen.track_id is None


def test_expected_outcomes_are_values(portrait):
    flat, small = np.full((256, 256, 3), 90, np.uint8), portrait[:90, :300]
    for image, word in ((flat, "texture"), (small, "smaller than 96")):
        found = analyse(image)
        assert found.status == "not_applicable" and word in found.note


def test_score_is_the_mean_over_frames_and_the_maximum_over_faces(portrait):
    clip = clip_from_frames([portrait, gridded(portrait), portrait])
    detector = build(Config())
    found = detector.analyse(clip, [track(3), track(3, BOX + 150, track_id=1)])
    assert [t.track_id for t in found.tracks] == [0, 1]
    assert found.score == max(t.score for t in found.tracks)
    for one in found.tracks:
        assert one.score == pytest.approx(float(one.frame_scores.mean()), abs=1e-4)
        assert one.frame_scores[1] > one.frame_scores[0]
    assert found.heatmaps[0].frame_index == 1
    fewer = build(Config(frames=2)).analyse(clip, [track(3)])
    assert fewer.tracks[0].frame_indices.tolist() == [0, 2]


def test_what_it_was_never_calibrated_for_is_out_of_domain(portrait):
    large = np.kron(portrait, np.ones((3, 3, 1), np.uint8))
    blurred = soften(portrait[:256, 100:356], 3.0)
    for image in (large, blurred):
        found = analyse(image)
        assert found.tracks[0].in_domain is False and found.llr is None
        assert "out of domain" in found.note


def test_the_llr_is_bounded(portrait):
    detector = build(Config())
    bound = np.log10(detector.model.calibration.n_identities + 1) - 0.5
    assert np.abs(detector.model.calibration.llr([-1e3, 1e3])).max() <= bound + 1e-9


def test_missing_weights_leave_detect_alone(portrait, tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    found = analyse(portrait, [track()])
    assert found.status == "not_applicable" and "not installed" in found.note
    with pytest.raises(WeightsError, match="no such weights"):
        build(Config(weights=str(tmp_path / "network.onnx")))


def test_foreign_weights_are_refused(tmp_path):
    for name in ("network.onnx", "fingerprints.safetensors", "calibration.json"):
        (tmp_path / name).write_bytes((weights.FOLDER / "cnn_generated" / name).read_bytes())
    asked = Config(weights=str(tmp_path / "network.onnx"))
    assert build(asked).model is not None
    (tmp_path / "network.onnx").write_bytes(
        (weights.FOLDER / "boundary" / "network.onnx").read_bytes()
    )
    with pytest.raises(WeightsError, match="not a network"):
        build(asked)
    (tmp_path / "calibration.json").write_text("{}")
    with pytest.raises(WeightsError):
        build(asked)
    weights.save_arrays(tmp_path / "fingerprints.safetensors", {"a": np.zeros(2)}, {})
    with pytest.raises(WeightsError, match="features"):
        build(asked)
    with pytest.raises(ConfigError):
        build(Config(frames=0))


def test_what_ships_says_what_it_was_never_shown():
    stored = json.loads((weights.FOLDER / "cnn_generated" / "calibration.json").read_text())
    assert stored["calibration"]["n_identities"] == 107
    card = (weights.FOLDER / "cnn_generated" / "CARD.md").read_text()
    for word in (
        "BigGAN",
        "CycleGAN",
        "StarGAN",
        "GauGAN",
        "diffusion",
        "non-commercial",
        "unknown",
    ):
        assert word in card


# --- training -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def drawn_data(tmp_path, portrait):
    """A data folder of pieces of the portrait; the fakes carry a lattice."""
    from PIL import Image

    rows = []
    for i in range(36):
        source = ("drawn_real", "drawn_fake", "others")[i % 3]
        label = "fake" if source == "drawn_fake" else "real"
        y, x = (int(v) for v in np.random.default_rng(i).integers(0, 300, 2))
        image = portrait[y : y + 160, x : x + 160]
        Image.fromarray(gridded(image) if label == "fake" else image).save(tmp_path / f"{i}.png")
        role = ("train", "select")[source == "others" and i > 20]
        rows.append((f"{i}.png", "face", label, source, str(i), "CC0", f"{i:016x}", "", role))
    with (tmp_path / "manifest.csv").open("w", newline="") as file:
        names = ("path", "kind", "label", "source", "group", "licence", "sha256", "note")
        csv.writer(file).writerows([names, *(r[:8] for r in rows)])
    with (tmp_path / "splits.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "role"), *((r[0], r[8]) for r in rows)])
    return tmp_path


@pytest.mark.slow
def test_training_writes_weights_that_detect(drawn_data, portrait):
    pytest.importorskip("torch")
    settings = {
        "real": "drawn_real", "fake": "drawn_fake", "twins": "others", "n_twins": 8, "held_out_twins": 3,
        "redraw_steps": 4, "steps": 12, "batch": 8, "run": str(drawn_data / "run"),
        "quality": [90, 95], "twin_share": 0.25,
    }  # fmt: skip
    out = drawn_data / "out"
    figures = cnn_generated.training({"training": settings}, drawn_data, out)
    expected = {"auc_held_out", "auc_nearest_left_out", "audit_levelled", "onnx_difference"}
    assert expected <= set(figures)
    again = cnn_generated.training({"training": settings}, drawn_data, out)  # from the checkpoints
    assert again == figures
    found = analyse(portrait[:200, :200], weights=str(out / "network.onnx"))
    assert found.status == "scored"
    with pytest.raises(DataError, match="drawn_real"):
        cnn_generated.training({"training": {**settings, "fake": "nothing"}}, drawn_data, out)
