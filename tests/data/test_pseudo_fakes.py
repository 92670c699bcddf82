from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from likeness.data import blends
from likeness.data.pseudo_fakes import (
    KINDS,
    ColourRanges,
    PseudoFakeConfig,
    Shares,
    make_pseudo_fake,
    nearest_donors,
)
from likeness.errors import ConfigError, DataError, ShapeError

Face = tuple[np.ndarray, np.ndarray]


def donor_of(face: Face) -> Face:
    """Somebody else, as far as pixels go: mirrored, tinted, turned a little."""
    image, landmarks = face
    turned = np.ascontiguousarray(image[:, ::-1])
    tinted = blends.apply_colour_gap(turned, {"shift": [30, -10, -30]})
    mirrored = landmarks * np.float32([-1, 1]) + np.float32([image.shape[1] - 1, 0])
    return tinted, mirrored + np.float32([3, -2])


def make(face: Face, kind: str, seed: int, **changes: object):
    config = replace(PseudoFakeConfig().only(kind), **changes)
    return make_pseudo_fake(*face, np.random.default_rng(seed), config, donor_of(face))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_returns_a_consistent_whole(face: Face, kind: str) -> None:
    before = face[0].copy()
    for seed in range(6):
        fake = make(face, kind, seed)
        assert fake.image.shape == fake.real.shape == face[0].shape and fake.image.dtype == np.uint8
        assert fake.mask.shape == fake.boundary.shape == face[0].shape[:2]
        assert fake.mask.dtype == fake.boundary.dtype == np.float32
        assert fake.mask.min() >= 0.0 and fake.mask.max() <= 1.0 and fake.mask.max() > 0.9
        assert np.allclose(fake.boundary, 4 * fake.mask * (1 - fake.mask))
        outside = fake.mask == 0
        assert outside.sum() > 1000
        assert np.array_equal(fake.image[outside], fake.real[outside])
        assert (fake.image != fake.real).any()
        assert fake.recipe["kind"] == kind
        json.dumps(fake.recipe, allow_nan=False)
    assert np.array_equal(face[0], before)


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_fixes_everything(face: Face, kind: str) -> None:
    first, again, other = make(face, kind, 7), make(face, kind, 7), make(face, kind, 8)
    assert np.array_equal(first.image, again.image) and first.recipe == again.recipe
    assert not np.array_equal(first.image, other.image)


@pytest.mark.parametrize("kind", KINDS)
def test_the_gap_grows_with_strength(face: Face, kind: str) -> None:
    gaps = []
    for strength in (0.0, 0.3, 0.6, 1.0):
        fakes = [make(face, kind, s, strength=strength, ratios=(1.0,)) for s in range(8)]
        gaps.append(np.mean([np.abs(f.image.astype(int) - f.real).mean() for f in fakes]))
    assert gaps[0] < 0.01 < gaps[1] < gaps[2] < gaps[3]


def test_half_of_the_draws_change_the_background(face: Face) -> None:
    fakes = [make(face, "self_blend_full", seed) for seed in range(60)]
    changed = [f.recipe["changed"] for f in fakes]
    assert 20 <= changed.count("target") <= 40
    for fake in fakes:
        if fake.recipe["changed"] == "source" and "background_shift_px" not in fake.recipe:
            assert np.array_equal(fake.real, face[0])


def test_softness_does_not_tell_fake_from_real(face: Face) -> None:
    """Lesson of a detector that learnt sharpness: over many pairs the halves must be about equally sharp."""
    log_ratio = []
    for seed in range(150):
        fake = make(face, "self_blend_full", seed)
        inside = (fake.mask > 0.5).astype(np.float32)
        log_ratio.append(
            np.log10(blends.sharpness(fake.image, inside) / blends.sharpness(fake.real, inside))
        )
    share_softer = np.mean(np.array(log_ratio) < 0)
    assert 0.3 < share_softer < 0.7


def test_the_shares_are_drawn(face: Face) -> None:
    rng = np.random.default_rng(0)
    donor = donor_of(face)
    kinds = [make_pseudo_fake(*face, rng, None, donor).recipe["kind"] for _ in range(160)]
    share = {kind: kinds.count(kind) / len(kinds) for kind in KINDS}
    assert share["self_blend_full"] == pytest.approx(0.45 / 0.8, abs=0.12)
    assert share["self_blend_part"] == pytest.approx(0.15 / 0.8, abs=0.12)
    assert min(share.values()) > 0
    alone = [make_pseudo_fake(*face, rng).recipe["kind"] for _ in range(40)]
    assert "cross_identity" not in alone


def test_no_blend_ends_in_a_straight_edge(portrait: np.ndarray, landmarks_px: np.ndarray) -> None:
    """The face crop lies inside the picture: the mask must fade before it."""
    for seed in range(12):
        fake = make_pseudo_fake(portrait, landmarks_px, np.random.default_rng(seed))
        steps = max(np.abs(np.diff(fake.mask, axis=a)).max() for a in (0, 1))
        assert steps < 0.5
        assert fake.mask[300:].max() == 0.0


def test_frames_of_a_clip_share_their_draws(face: Face) -> None:
    image, landmarks = face
    shifted = landmarks * np.float32([1.05, 0.97]) + np.float32([1.5, 4.0])
    for kind in KINDS:
        first, second = (make((image, lm), kind, 3) for lm in (landmarks, shifted))
        for key in (
            "changed",
            "family",
            "colour",
            "sharpness",
            "ratio",
            "scale",
            "relit",
            "aligned_px",
        ):
            assert first.recipe.get(key) == second.recipe.get(key), (kind, key)


def test_a_donor_takes_the_targets_colours(face: Face) -> None:
    fake = make(face, "cross_identity", 1, ratios=(1.0,))
    inside = fake.mask > 0.9
    assert np.abs(fake.image[inside].mean(0) - face[0][inside].mean(0)).max() < 8.0
    assert np.abs(fake.image[inside].astype(int) - fake.real[inside]).mean() > 5.0


def test_nearest_donors_ignore_place_and_size(landmarks_px: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    near = landmarks_px * 0.5 + 40 + rng.normal(0, 0.2, landmarks_px.shape)
    far = landmarks_px * np.float32([1.4, 1.0])
    order = nearest_donors(landmarks_px, np.stack([far, near]).astype(np.float32))
    assert order.tolist() == [1, 0]


def test_the_hash_names_the_configuration() -> None:
    default = PseudoFakeConfig()
    assert default.config_hash() == PseudoFakeConfig().config_hash()
    assert default.config_hash() != replace(default, scale=0.9).config_hash()
    assert default.config_hash() != replace(default, colour=ColourRanges(shift=10)).config_hash()
    assert default.ratios == (0.25, 0.5, 0.75, 1.0, 1.0, 1.0) and default.colour.shift == 20.0


def test_impossible_requests_are_refused(face: Face) -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ConfigError, match="strength"):
        PseudoFakeConfig(strength=1.5)
    with pytest.raises(ConfigError, match="shares"):
        PseudoFakeConfig(shares=Shares(0, 0, 0, 0))
    with pytest.raises(ConfigError, match="pass a donor"):
        make_pseudo_fake(*face, rng, PseudoFakeConfig().only("cross_identity"))
    with pytest.raises(ConfigError, match="unknown kind"):
        PseudoFakeConfig().only("magic")
    with pytest.raises(ShapeError):
        make_pseudo_fake(face[0].astype(np.float32), face[1], rng)
    with pytest.raises(DataError, match="not finite"):
        make_pseudo_fake(face[0], np.full((478, 2), np.nan, np.float32), rng)
    with pytest.raises(DataError, match="outside"):
        make_pseudo_fake(face[0], face[1] + np.float32(900), rng)
