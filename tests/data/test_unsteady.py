from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from likeness.data.pseudo_fakes import PseudoFakeConfig
from likeness.data.unsteady import (
    PARTS,
    UnsteadyConfig,
    autoregressive,
    draw_paths,
    make_unsteady,
)
from likeness.errors import ConfigError, DataError

Face = tuple[np.ndarray, np.ndarray]
BLEND = replace(PseudoFakeConfig().only("self_blend_full"), ratios=(1.0,), match_softness=False)
STILL = {f"{part}": 0.0 for part in PARTS}


def run(
    face: Face, frames: int = 6, seed: int = 3, **changes: object
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    image, landmarks = face
    config = UnsteadyConfig(blend=BLEND, **changes)  # type: ignore[arg-type]
    points = np.repeat(landmarks[None], frames, axis=0)
    return make_unsteady([image] * frames, points, np.random.default_rng(seed), config)


def unrest(frames: list[np.ndarray]) -> float:
    """Mean change from frame to frame, in levels."""
    return float(np.abs(np.diff(np.stack(frames).astype(np.float32), axis=0)).mean())


def test_a_steady_run_of_one_picture_does_not_move(face: Face) -> None:
    reals, fakes = run(face, strength=(0.0, 0.0))
    assert unrest(reals) == 0.0 and unrest(fakes) == 0.0
    assert not np.array_equal(reals[0], fakes[0])


@pytest.mark.parametrize("part", PARTS)
def test_every_part_moves_the_face_and_nothing_else(face: Face, part: str) -> None:
    config = {**STILL, part: getattr(UnsteadyConfig(), part)}
    reals, fakes = run(face, part_p=1.0, strength=(1.0, 1.0), **config)
    assert unrest(reals) == 0.0
    moved = np.abs(np.diff(np.stack(fakes).astype(int), axis=0)).sum(axis=(0, 3)) > 0
    changed = (np.stack(fakes) != np.stack(reals)).any(axis=(0, 3))
    assert moved.sum() > 200 and not (moved & ~changed).any()
    assert not moved[:4].any() and not moved[:, :4].any()


def test_unrest_grows_with_strength_down_to_subtle(face: Face) -> None:
    levels = [unrest(run(face, part_p=1.0, strength=(s, s))[1]) for s in (0.1, 0.3, 1.0)]
    assert 0.01 < levels[0] < 0.6 * levels[1] and levels[1] < 0.6 * levels[2]


def test_a_seed_fixes_everything(face: Face) -> None:
    first, again, other = run(face, seed=7)[1], run(face, seed=7)[1], run(face, seed=8)[1]
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_paths_forget_at_the_rate_that_was_asked_for() -> None:
    path = autoregressive(20000, 2, 0.8, np.random.default_rng(0))
    correlation = [float(np.mean(path[k:] * path[:-k])) for k in (1, 2)]
    assert abs(path.var() - 1.0) < 0.1
    assert abs(correlation[0] - 0.8) < 0.06 and abs(correlation[1] - 0.64) < 0.06


def test_paths_have_the_amplitudes_that_were_asked_for() -> None:
    config = UnsteadyConfig(part_p=1.0, strength=(0.5, 0.5), memory_s=(0.01, 0.01))
    paths = draw_paths(4000, np.random.default_rng(0), config)
    assert set(paths) == set(PARTS)
    assert abs(paths["shading"].std() - 2.0) < 0.1
    assert abs(paths["colour"].std() - 2.0) < 0.1
    together = np.corrcoef(paths["colour"].T)[0, 1]
    assert abs(together - 2 / 3) < 0.05
    assert abs(paths["place"][:, :2].std() - 0.0075) < 4e-4
    assert paths["sharpness"].min() >= 0.0


def test_at_least_one_part_wanders() -> None:
    config = UnsteadyConfig(part_p=0.0)
    counts = [len(draw_paths(3, np.random.default_rng(s), config)) for s in range(20)]
    assert counts == [1] * 20


@pytest.mark.parametrize(
    "wrong", [{"strength": (0.5, 0.1)}, {"strength": (0.0, 1.0)}, {"memory_s": (0.0, 1.0)}]
)
def test_impossible_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="unsteady"):
        UnsteadyConfig(**wrong)  # type: ignore[arg-type]


def test_frames_and_landmarks_come_in_pairs(face: Face) -> None:
    image, landmarks = face
    with pytest.raises(DataError, match="as many landmarks"):
        make_unsteady([image] * 2, landmarks[None], np.random.default_rng(0))
    with pytest.raises(DataError, match="got 0"):
        make_unsteady([], np.zeros((0, 478, 2), np.float32), np.random.default_rng(0))
