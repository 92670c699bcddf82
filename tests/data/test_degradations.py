from __future__ import annotations

import json

import numpy as np
import pytest

from likeness.data.degradations import (
    LADDER,
    SEVERITIES,
    Degradation,
    Step,
    degrade,
    ladder_area,
    random_degradation,
)
from likeness.errors import ConfigError, DataError, ShapeError

NAMES = [step.name for step in LADDER]


@pytest.fixture(scope="module")
def frames(portrait: np.ndarray) -> list[np.ndarray]:
    return [np.ascontiguousarray(portrait[30:165, 150 + n : 281 + n]) for n in (0, 2)]


def change(images: list[np.ndarray], step: str, seed: int = 0) -> float:
    pairs = zip(degrade(images, step, seed), images, strict=True)
    return float(np.mean([np.abs(a.astype(int) - b).mean() for a, b in pairs]))


def test_the_ladder_is_complete() -> None:
    assert len(NAMES) == len(set(NAMES)) == 22
    assert all(0 <= step.severity <= SEVERITIES for step in LADDER)
    assert [s.name for s in LADDER if s.severity == 0] == ["clean"]


@pytest.mark.parametrize("name", NAMES)
def test_every_step_keeps_size_is_repeatable_and_pure(frames: list[np.ndarray], name: str) -> None:
    before = [f.copy() for f in frames]
    out = degrade(frames, name, 5)
    assert [o.shape for o in out] == [f.shape for f in frames]
    assert all(o.dtype == np.uint8 and o.flags.c_contiguous for o in out)
    again = degrade(frames, name, 5)
    assert all(np.array_equal(a, b) for a, b in zip(out, again, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(before, frames, strict=True))
    assert (change(frames, name) == 0.0) == (name == "clean")


@pytest.mark.parametrize("family", ["h264", "jpeg", "resize", "blur", "noise"])
def test_damage_grows_with_severity(frames: list[np.ndarray], family: str) -> None:
    steps = sorted((s for s in LADDER if s.family == family), key=lambda s: s.severity)
    damage = [change(frames, s.name) for s in steps]
    assert damage == sorted(damage) and damage[-1] > 1.5 * damage[0]


def test_real_and_fake_get_the_same_noise(frames: list[np.ndarray]) -> None:
    grey = [np.full((40, 40, 3), level, np.uint8) for level in (100, 120)]
    first, second = (degrade([g], "noise_5", 3)[0].astype(int) for g in grey)
    assert np.array_equal(first - 100, second - 120)
    assert np.std(first) == pytest.approx(5.0, rel=0.1)
    assert not np.array_equal(first, degrade([grey[0]], "noise_5", 4)[0])
    two = degrade([grey[0], grey[0]], "noise_5", 3)
    assert not np.array_equal(two[0], two[1])


def test_a_shift_moves_content_by_a_tenth() -> None:
    image = np.zeros((100, 200, 3), np.uint8)
    image[50, 100] = 255
    y, x, _ = np.argwhere(degrade([image], "crop_shift", 1)[0])[0]
    assert abs(y - 50) == 10 and abs(x - 100) == 20


def test_gamma_brightens_and_darkens() -> None:
    image = np.full((20, 20, 3), 100, np.uint8)
    assert (
        degrade([image], "gamma_0.7")[0].mean() > 110 > 90 > degrade([image], "gamma_1.4")[0].mean()
    )


def test_odd_requests() -> None:
    image = np.zeros((20, 20, 3), np.uint8)
    assert degrade([], "blur_1") == []
    assert degrade([image], Step("mine", "blur", 3, 0.7))[0].shape == (20, 20, 3)
    with pytest.raises(ConfigError, match="unknown degradation 'fog'"):
        degrade([image], "fog")
    with pytest.raises(ConfigError, match="unknown family"):
        degrade([image], Step("mine", "fog", 3, 0.7))
    with pytest.raises(DataError, match="one size"):
        degrade([image, image[:10]], "blur_1")
    with pytest.raises(ShapeError):
        degrade([image[..., 0]], "blur_1")


def test_area_is_a_mean_auc() -> None:
    flat = ladder_area(dict.fromkeys(NAMES, 0.7))
    assert all(value == pytest.approx(0.7) for value in flat.values())
    area = ladder_area({"clean": 1.0, "resize_050": 0.8, "gamma_0.7": 0.9, "gamma_1.4": 0.7})
    assert area["resize"] == pytest.approx(0.9)
    assert area["gamma"] == pytest.approx(0.9)
    assert area["all"] == pytest.approx(0.9)
    curve = ladder_area({"clean": 0.9, "noise_2": 0.8, "noise_5": 0.6, "noise_10": 0.5})
    assert curve["noise"] == pytest.approx((0.85 + 2 * 0.7 + 2 * 0.55) / 5)
    with pytest.raises(DataError, match="clean"):
        ladder_area({"jpeg_30": 0.6})


def test_random_degradation_is_one_draw_for_both_halves(frames: list[np.ndarray]) -> None:
    changed = 0
    for seed in range(30):
        rough = random_degradation(np.random.default_rng(seed))
        assert rough == random_degradation(np.random.default_rng(seed))
        out = rough(frames[0])
        assert out.shape == frames[0].shape and np.array_equal(out, rough(frames[0]))
        changed += not np.array_equal(out, frames[0])
        json.dumps(rough.recipe())
    assert changed > 20


def test_random_degradation_stays_in_its_ranges() -> None:
    drawn = [random_degradation(np.random.default_rng(seed)) for seed in range(400)]
    assert {30 <= d.jpeg <= 100 for d in drawn if d.jpeg} == {True}
    assert min(d.resize for d in drawn) >= 0.4 and max(d.blur_px for d in drawn) <= 1.5
    assert max(d.noise for d in drawn) <= 6.0
    assert 0.6 < np.mean([d.jpeg > 0 for d in drawn]) < 0.8
    assert 0.4 < np.mean([d.resize < 1 for d in drawn]) < 0.6
    assert 0.2 < np.mean([d.first_jpeg > 0 for d in drawn]) < 0.4


def test_nothing_drawn_changes_nothing(frames: list[np.ndarray]) -> None:
    assert np.array_equal(Degradation()(frames[0]), frames[0])
