"""Tests of what a perfect forecaster's calibration error looks like."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.errors import DataError
from likeness.scoring import ece
from likeness.scoring.ece_floor import ece_if_calibrated


@pytest.mark.parametrize("count", [20, 200, 2000])
def test_it_is_what_calibrated_forecasts_show(count: int) -> None:
    rng = np.random.default_rng(3)
    p = rng.random(count)
    shown = [ece(p, rng.random(count) < p) for _ in range(100)]
    mean, high = ece_if_calibrated(p)
    assert mean == pytest.approx(np.mean(shown), rel=0.12)
    assert high == pytest.approx(np.quantile(shown, 0.95), rel=0.2)


def test_more_items_show_less_and_certain_forecasts_none() -> None:
    p = np.linspace(0, 1, 50)
    assert ece_if_calibrated(np.tile(p, 40))[0] < 0.5 * ece_if_calibrated(p)[0]
    assert ece_if_calibrated([0.0] * 30 + [1.0] * 30) == (0.0, 0.0)
    assert ece_if_calibrated(p, seed=1) == ece_if_calibrated(p[::-1], seed=1)


@pytest.mark.parametrize("values", [[], [1.2], [float("nan")]])
def test_other_values_are_refused(values: list[float]) -> None:
    with pytest.raises(DataError, match="probabilities"):
        ece_if_calibrated(values)
