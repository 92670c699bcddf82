"""What is stated about false positives holds: for the statistic alone, and for whole searches of unmarked pictures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likeness.provenance.watermark import find_watermark, search
from likeness.provenance.watermark.bounds import FALSE_POSITIVE_RATE, Hypotheses
from tests.media.drawn_media import picture


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 400), st.floats(0, 4), st.integers(0, 2**31))
def test_no_choice_of_magnitudes_beats_the_bound(count: int, unequal: float, seed: int) -> None:
    """Random phases under magnitudes from all equal to a few that outweigh the rest."""
    rng = np.random.default_rng(seed)
    heights = np.exp(unequal * rng.normal(size=count))
    turns = rng.uniform(0, 2 * np.pi, (4000, count))
    z = np.cos(turns) @ heights / np.sqrt(np.sum(heights**2) / 2)
    for t in (1.0, 2.0, 3.0):
        bound = math.exp(-t * t / 2)
        assert np.mean(z > t) <= bound + 4 * math.sqrt(bound / 4000)


def test_the_bound_counts_hypotheses_and_payloads() -> None:
    one = Hypotheses(sync=1, whole=2**64)
    many = Hypotheses(sync=10**8, whole=10**8 * 2**64)
    assert one.log10_false_positive(6.0) == pytest.approx(-18 * math.log10(math.e) + math.log10(2))
    assert many.log10_false_positive(6.0) == 0.0
    assert many.log10_false_positive(10.0) == pytest.approx(one.log10_false_positive(10.0) + 8)
    # All waves help only once they outweigh the number of payloads.
    assert many.log10_false_positive(10.0, 9.0) == many.log10_false_positive(10.0)
    assert many.log10_false_positive(10.0, 20.0) < many.log10_false_positive(10.0) - 30


def test_the_threshold_is_where_the_bound_is_a_millionth() -> None:
    counted = search.hypotheses()
    z = counted.threshold()
    assert counted.log10_false_positive(z) == pytest.approx(math.log10(FALSE_POSITIVE_RATE))
    assert counted.log10_false_positive(z - 0.01) > math.log10(FALSE_POSITIVE_RATE)


def test_every_hypothesis_is_counted() -> None:
    """As many as the surfaces that a full search computes have points, and more: all of the fine grid counts."""
    counted = search.hypotheses()
    scales, fine = len(search._SCALES), len(search._FINE)
    assert counted.sync == 2 * scales * (128**2 + fine * 384**2)
    assert counted.whole == 2 * scales * fine * 384**2 * 2**64


def test_unmarked_pictures_keep_what_is_stated() -> None:
    """Stated probabilities are upper bounds: of 12 pictures hardly any may state 0.05."""
    stated, highest = [], 0.0
    for seed in range(12):
        finding = find_watermark([picture(seed, (200, 160))])
        assert not finding.found
        assert finding.payload is None
        stated.append(finding.log10_false_positive)
        highest = max(highest, finding.z)
    assert sum(value <= math.log10(0.05) for value in stated) <= 3
    assert highest < search.hypotheses().threshold() - 1


def test_the_phases_of_another_key_are_not_found(portrait: np.ndarray) -> None:
    from likeness.provenance.watermark import Embedder
    from likeness.provenance.watermark.pattern import Design

    marked = Embedder((512, 512), 5, Design(key=1)).embed(portrait)
    assert not find_watermark([marked]).found
    assert find_watermark([marked], Design(key=1)).payload == 5
