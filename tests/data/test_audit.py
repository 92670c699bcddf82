from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from likeness.data.audit import (
    CROP_FEATURES,
    FILE_FEATURES,
    crop_features,
    file_features,
    leakage_audit,
)
from likeness.data.degradations import degrade
from likeness.data.nuisance import blockiness
from likeness.errors import DataError

RNG = np.random.default_rng


def named(image: np.ndarray) -> dict[str, float]:
    return dict(zip(CROP_FEATURES, crop_features(image), strict=True))


def test_noise_does_not_leak() -> None:
    results = []
    for seed in range(6):
        labels, groups = np.arange(300) % 2, np.arange(300) // 2
        results.append(leakage_audit(RNG(seed).normal(size=(300, 10)), labels, groups))
    assert 0.4 < np.mean([r.auc for r in results]) < 0.56
    assert all(r.passes and r.low < r.auc < r.high for r in results)


def test_a_shift_leaks_and_is_named() -> None:
    labels = np.arange(200) % 2
    table = RNG(0).normal(size=(200, 3))
    table[:, 1] += 2.5 * labels
    result = leakage_audit(table, labels, np.arange(200), ("a", "size", "c"))
    assert not result.passes and result.low > 0.85
    assert result.per_feature[0][0] == "size"
    assert "FAILS" in result.sentence() and "size 0.9" in result.sentence()


def test_fakes_in_the_middle_leak_too() -> None:
    labels = np.arange(400) % 2
    spread = np.where(labels == 1, 0.3, 1.5)
    result = leakage_audit((RNG(0).normal(size=400) * spread)[:, None], labels, np.arange(400))
    assert result.auc > 0.75
    assert result.per_feature[0][1] < 0.6


def test_groups_are_kept_whole() -> None:
    """A feature that only tells people apart must not help: each person is real or fake throughout."""
    people = np.repeat(np.arange(40), 10)
    labels = people % 2
    identity = RNG(1).normal(size=(40, 8))[people] + 0.01 * RNG(2).normal(size=(400, 8))
    grouped = leakage_audit(identity, labels, people)
    loose = leakage_audit(identity, labels, np.arange(400))
    assert loose.auc > 0.75 > grouped.auc
    assert grouped.high - grouped.low > loose.high - loose.low


def test_one_generator_is_audited_item_by_item() -> None:
    labels = np.repeat([0, 1], 60)
    groups = [f"person_{i}" for i in range(60)] + ["generator"] * 60
    table = RNG(0).normal(size=(120, 2))
    assert leakage_audit(table, labels, groups).auc < 0.65
    table[60:, 0] += 3.0
    assert leakage_audit(table, labels, groups).auc > 0.95


def test_constant_features_do_no_harm() -> None:
    labels = np.arange(100) % 2
    table = np.column_stack([np.full(100, 256.0), RNG(0).normal(size=100)])
    assert np.isfinite(leakage_audit(table, labels, np.arange(100)).auc)


@pytest.mark.parametrize(
    ("table", "labels", "words"),
    [
        (np.zeros((4, 2)), np.arange(4) % 2, "at least 5 rows"),
        (np.zeros((20, 2)), np.zeros(20), "labels 0 and 1"),
        (np.full((20, 2), np.nan), np.arange(20) % 2, "NaN"),
        (np.zeros((20, 2)), np.arange(19) % 2, "expected .N, F."),
    ],
)
def test_unusable_input_is_refused(table: np.ndarray, labels: np.ndarray, words: str) -> None:
    with pytest.raises(DataError, match=words):
        leakage_audit(table, labels, np.arange(len(labels)))
    with pytest.raises(DataError, match="2 feature names"):
        leakage_audit(np.zeros((20, 2)), np.arange(20) % 2, np.arange(20), ("one",))


def test_crop_features_follow_the_picture(face: tuple[np.ndarray, np.ndarray]) -> None:
    image = face[0]
    clean, soft = named(image), named(degrade([image], "blur_2")[0])
    assert (clean["width"], clean["height"]) == (220, 220)
    assert soft["log_sharpness"] < clean["log_sharpness"] - 0.5
    grey = named(np.repeat(image[..., :1], 3, axis=2))
    assert grey["colourfulness"] == pytest.approx(0.0) and clean["colourfulness"] > 10
    assert named(np.full((64, 64, 3), 7, np.uint8))["contrast"] == 0.0
    assert np.isfinite(crop_features(np.zeros((1, 1, 3), np.uint8))).all()


@pytest.mark.parametrize("offset", [0, 3])
def test_blockiness_sees_a_grid_wherever_it_starts(portrait: np.ndarray, offset: int) -> None:
    coded = degrade([portrait[:256, :256]], "jpeg_30")[0][offset:, offset:, 1]
    assert blockiness(coded) > blockiness(portrait[offset:256, offset:256, 1]) + 0.1


def test_file_features_read_headers_only(portrait: np.ndarray, tmp_path: Path) -> None:
    from PIL import Image

    picture = Image.fromarray(portrait[:100, :150])
    for name, options in (
        ("a1.jpg", {"quality": 90}),
        ("B.jpg", {"quality": 50, "subsampling": 0}),
        ("c.png", {}),
    ):
        picture.save(tmp_path / name, **options)
    rows = [
        dict(zip(FILE_FEATURES, file_features(tmp_path / n), strict=True))
        for n in ("a1.jpg", "B.jpg", "c.png")
    ]
    assert [(r["width"], r["height"]) for r in rows] == [(150, 100)] * 3
    assert [r["jpeg_quality"] for r in rows] == [90, 50, 0]
    assert [r["jpeg_halved_chroma"] for r in rows] == [1, 0, 0]
    assert rows[0]["name_digit_share"] == 0.5 and rows[1]["name_upper_share"] == 1.0
    with pytest.raises(DataError, match="cannot be read"):
        file_features(tmp_path / "none.jpg")
