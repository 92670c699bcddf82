"""The membrane: what the rim says is spread over the face, and a stranger at the rim is not believed."""

from __future__ import annotations

import numpy as np

from likeness.faces.membrane import SIZE, add_membrane, fit_membrane

PX = 128
Y, X = np.mgrid[0:PX, 0:PX].astype(np.float32)
RADIUS = np.hypot(X - 63.5, Y - 63.5)
ALPHA = np.clip((48 - RADIUS) / 8 + 0.5, 0, 1).astype(np.float32)
INSIDE = (ALPHA > 0.02)[::2, ::2]


def grey(values: np.ndarray) -> np.ndarray:
    return np.repeat(np.clip(values, 0, 255).round().astype(np.uint8)[..., None], 3, axis=2)


def test_an_even_difference_gives_an_even_membrane() -> None:
    membrane = fit_membrane(grey(np.full_like(X, 100)), grey(np.full_like(X, 130)), ALPHA)
    assert membrane.shape == (SIZE, SIZE, 3)
    assert np.abs(membrane - 30)[INSIDE].max() < 1.0


def test_a_difference_that_rises_along_the_rim_rises_evenly_inside() -> None:
    """A linear function solves Laplace's equation, so it must come out as it went in."""
    ramp = (X - 63.5) * 0.4
    membrane = fit_membrane(grey(np.full_like(X, 120)), grey(120 + ramp), ALPHA)
    assert np.abs(membrane[..., 0] - ramp[::2, ::2])[INSIDE].max() < 3.0


def test_what_lies_inside_does_not_matter() -> None:
    target = np.full_like(X, 130)
    painted = target.copy()
    painted[50:80, 50:80] = 0
    plain, other = (
        fit_membrane(grey(np.full_like(X, 100)), grey(t), ALPHA) for t in (target, painted)
    )
    assert np.array_equal(plain, other)


def test_a_strand_of_hair_at_the_rim_is_not_drawn_over_the_cheek() -> None:
    target = np.full_like(X, 130)
    target[(np.abs(Y - 64) < 5) & (X < 40)] = 10
    membrane = fit_membrane(grey(np.full_like(X, 100)), grey(target), ALPHA)[..., 0]
    literal = 30 - 150 * 0.5
    assert membrane[32, 14] > literal + 60
    assert abs(membrane[32, 32] - 30) < 4.0


def test_without_a_rim_nothing_is_added() -> None:
    picture = grey(np.full_like(X, 100))
    for alpha in (np.zeros_like(ALPHA), np.ones_like(ALPHA)):
        membrane = fit_membrane(picture, grey(np.full_like(X, 200)), alpha)
        assert not membrane.any()
        assert np.array_equal(add_membrane(picture, membrane), picture)


def test_strength_scales_what_is_added() -> None:
    picture = grey(np.full_like(X, 100))
    membrane = np.full((SIZE, SIZE, 3), 20, np.float32)
    assert int(add_membrane(picture, membrane, 0.5)[64, 64, 0]) == 110
