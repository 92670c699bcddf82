from __future__ import annotations

import numpy as np
import pytest

from likeness.errors import DataError, WeightsError
from likeness.scoring.domain import DomainGate, shrunk_covariance


def faces(n=600, seed=0):
    """Three correlated features on unlike scales; two faces per identity."""
    mixing = np.array([[1.0, 0.8, 0.0], [0.0, 0.6, 0.0], [0.0, 0.0, 100.0]])
    return np.random.default_rng(seed).normal(size=(n, 3)) @ mixing + [5, 0, -300], np.arange(
        n
    ) // 2


def test_one_in_a_hundred_like_faces_is_outside():
    gate = DomainGate.fit(*faces())
    fresh, _ = faces(6000, seed=1)
    assert 0.003 < np.mean(~gate.inside(fresh)) < 0.025
    # chi distribution with three degrees of freedom, 99th percentile
    assert gate.limit == pytest.approx(3.37, abs=0.4)


def test_correlation_is_seen():
    gate = DomainGate.fit(*faces())
    along = gate.mean + np.array([1.5, 1.2, 0.0])
    across = gate.mean + np.array([1.5, -1.2, 0.0])
    assert gate.inside([along])[0] and not gate.inside([across])[0]


def test_what_is_not_a_number_is_outside():
    gate = DomainGate.fit(*faces())
    strange = np.array([[5.0, 0.0, np.nan], [np.inf, 0.0, -300.0], [5.0, 0.0, -300.0]])
    assert gate.inside(strange).tolist() == [False, False, True]
    assert gate.distance(strange)[0] == np.inf


def test_held_out_identities_set_the_limit():
    """With few faces of many features the fit flatters its own; the limit must not."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(60, 25))
    gate = DomainGate.fit(x, np.arange(60))
    assert gate.limit > gate.distance(x).max()
    assert np.mean(gate.inside(rng.normal(size=(3000, 25)))) > 0.9


def test_shrinkage_is_ledoit_and_wolfs():
    sk = pytest.importorskip("sklearn.covariance")
    x, _ = faces(80)
    centred = (x - x.mean(axis=0)) / x.std(axis=0)
    expected = sk.LedoitWolf(assume_centered=True).fit(centred).covariance_
    assert shrunk_covariance(centred) == pytest.approx(expected, abs=1e-10)


def test_a_feature_that_never_varies_does_no_harm():
    x, groups = faces(100)
    gate = DomainGate.fit(np.column_stack([x, np.full(100, 7.0)]), groups)
    assert gate.inside([[5.0, 0.0, -300.0, 7.0]])[0]


def test_comes_back_from_arrays_and_is_deterministic():
    gate, again = DomainGate.fit(*faces()), DomainGate.fit(*faces())
    back = DomainGate.from_arrays(gate.to_arrays("gate."), "gate.")
    fresh, _ = faces(50, seed=3)
    for other in (again, back):
        assert np.array_equal(other.distance(fresh), gate.distance(fresh))
        assert other.limit == gate.limit


def test_too_little_or_damaged_is_refused():
    x, _ = faces(40)
    with pytest.raises(DataError, match="10 identities"):
        DomainGate.fit(x, np.arange(40) % 9)
    with pytest.raises(DataError, match="finite"):
        DomainGate.fit(np.full((40, 3), np.nan), np.arange(40))
    arrays = DomainGate.fit(x, np.arange(40)).to_arrays()
    with pytest.raises(WeightsError):
        DomainGate.from_arrays(arrays | {"scale": np.zeros(3)})
    with pytest.raises(WeightsError):
        DomainGate.from_arrays(arrays | {"precision": np.eye(2)})
