from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likeness.errors import DataError
from likeness.scoring import metrics

EVERY = [
    *(metrics.auc, metrics.average_precision, metrics.eer, metrics.tpr_at_fpr, metrics.cllr),
    *(metrics.min_cllr, metrics.aurc, metrics.coverage_at_risk, metrics.log_loss, metrics.brier),
    metrics.ece,
]


@st.composite
def scored_items(draw):
    """Scores in [0, 1] on a coarse grid (many ties) or a fine one, with both classes."""
    n = draw(st.integers(4, 60))
    steps = draw(st.sampled_from([2, 5, 1000]))
    scores = draw(st.lists(st.integers(0, steps), min_size=n, max_size=n))
    labels = draw(st.lists(st.integers(0, 1), min_size=n - 2, max_size=n - 2))
    return np.array(scores) / steps, np.array([0, 1, *labels])


@settings(max_examples=60, deadline=None)
@given(scored_items())
def test_agrees_with_scikit_learn(items):
    sk = pytest.importorskip("sklearn.metrics")
    scores, labels = items
    assert metrics.auc(scores, labels) == pytest.approx(sk.roc_auc_score(labels, scores))
    assert metrics.average_precision(scores, labels) == pytest.approx(
        sk.average_precision_score(labels, scores)
    )
    assert metrics.log_loss(scores, labels) == pytest.approx(sk.log_loss(labels, scores))
    assert metrics.brier(scores, labels) == pytest.approx(sk.brier_score_loss(labels, scores))
    assert metrics.balanced_accuracy(scores, labels, 0.4) == pytest.approx(
        sk.balanced_accuracy_score(labels, scores >= 0.4)
    )
    fpr, tpr, _ = sk.roc_curve(labels, scores, drop_intermediate=False)
    assert metrics.tpr_at_fpr(scores, labels, 0.1) == pytest.approx(tpr[fpr <= 0.1].max())


@settings(max_examples=60, deadline=None)
@given(scored_items(), st.randoms(use_true_random=False))
def test_the_order_of_items_changes_nothing(items, random):
    scores, labels = items
    order = list(range(len(scores)))
    random.shuffle(order)
    for metric in EVERY:
        assert metric(scores[order], labels[order]) == pytest.approx(metric(scores, labels))


@settings(max_examples=60, deadline=None)
@given(scored_items())
def test_ranking_measures_do_not_see_a_monotone_map(items):
    scores, labels = items
    for metric in (metrics.auc, metrics.average_precision, metrics.eer, metrics.min_cllr):
        assert metric(scores**3 * 7 - 2, labels) == pytest.approx(metric(scores, labels))
    assert metrics.auc(-scores, labels) == pytest.approx(1 - metrics.auc(scores, labels))


@settings(max_examples=80, deadline=None)
@given(scored_items())
def test_min_cllr_is_a_lower_bound(items):
    scores, labels = items
    llrs = 4 * scores - 2
    best = metrics.min_cllr(llrs, labels)
    assert 0.0 <= best <= 1.0
    assert best <= metrics.cllr(llrs, labels) + 1e-12


def test_an_llr_of_zero_costs_one_bit():
    assert metrics.cllr(np.zeros(7), [0, 0, 1, 1, 1, 1, 1]) == pytest.approx(1.0)
    assert metrics.min_cllr(np.zeros(7), [0, 0, 1, 1, 1, 1, 1]) == pytest.approx(1.0)


def gaussian_llrs(rng, n, distance=2.0):
    """Scores N(-d/2, 1) and N(+d/2, 1); their log10 likelihood ratio is d * score / ln 10."""
    labels = np.repeat([0, 1], n)
    scores = rng.normal(size=2 * n) + np.where(labels == 1, 0.5, -0.5) * distance
    return scores, distance * scores / np.log(10), labels


def test_cllr_of_calibrated_gaussians_is_the_analytic_one():
    from scipy.integrate import quad

    distance = 2.0
    expected, _ = quad(
        lambda s: (
            np.exp(-0.5 * (s - distance / 2) ** 2)
            / np.sqrt(2 * np.pi)
            * np.log2(1 + np.exp(-distance * s))
        ),
        -12,
        12,
    )
    _, llrs, labels = gaussian_llrs(np.random.default_rng(1), 60_000, distance)
    assert metrics.cllr(llrs, labels) == pytest.approx(expected, abs=0.01)
    assert metrics.min_cllr(llrs, labels) == pytest.approx(expected, abs=0.012)
    assert metrics.cllr(2.5 * llrs, labels) > expected + 0.1


def test_eer_of_gaussians():
    from scipy.special import ndtr

    scores, _, labels = gaussian_llrs(np.random.default_rng(2), 40_000, 2.0)
    assert metrics.eer(scores, labels) == pytest.approx(float(ndtr(-1.0)), abs=0.006)
    assert metrics.eer([0, 0, 1, 1], [0, 0, 1, 1]) == 0.0
    assert metrics.eer([1, 1, 0, 0], [0, 0, 1, 1]) == 1.0
    assert metrics.eer([3, 3, 3], [0, 1, 1]) == pytest.approx(0.5)


def test_ece_of_a_perfect_and_of_a_boastful_forecaster():
    rng = np.random.default_rng(3)
    truth = rng.uniform(0.2, 0.8, 30_000)
    labels = (rng.uniform(size=len(truth)) < truth).astype(int)
    assert metrics.ece(truth, labels) < 0.02
    boast = np.where(truth > 0.5, 0.99, 0.01)
    assert metrics.ece(boast, labels) > 0.25
    assert metrics.ece([0.3] * 10, [0] * 7 + [1] * 3) == pytest.approx(0.0, abs=1e-12)


def test_probability_from_llr_is_bayes():
    assert metrics.probability_from_llr([1.0], 0.5)[0] == pytest.approx(10 / 11)
    assert metrics.probability_from_llr([1.0], 1 / 11)[0] == pytest.approx(0.5)
    assert metrics.probability_from_llr([400.0, -400.0]).tolist() == [1.0, 0.0]


def test_coverage_stops_where_the_risk_begins():
    llrs, labels = [3, -2.5, 2, -1, 0.5, -0.1], [1, 0, 1, 0, 0, 1]
    coverage, risk = metrics.risk_coverage(llrs, labels)
    assert coverage.tolist() == pytest.approx([1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1])
    assert risk.tolist() == pytest.approx([0, 0, 0, 0, 1 / 5, 2 / 6])
    assert metrics.coverage_at_risk(llrs, labels, 0.10) == pytest.approx(4 / 6)
    assert metrics.coverage_at_risk(llrs, labels, 0.2) == pytest.approx(5 / 6)  # at the limit
    assert metrics.coverage_at_risk(llrs, labels, 0.5) == 1.0
    assert metrics.coverage_at_risk([5, -1, 1], [0, 0, 1], 0.1) == 0.0
    assert metrics.aurc(llrs, labels) == pytest.approx((1 / 5 + 2 / 6) / 6)
    assert metrics.aurc([0.0, 0.0], [0, 1]) == pytest.approx(0.5)


def test_confident_answers_are_counted_on_both_sides():
    labels = [0, 1, 1, 0, 1]
    p = [0.05, 0.8, 0.79, 0.9, 0.2]  # right, right, not confident, wrong, wrong
    assert metrics.confident_share(p, labels) == pytest.approx(0.8)
    assert metrics.confident_accuracy(p, labels) == pytest.approx(0.5)
    assert metrics.confident_accuracy(p, labels, 0.9) == pytest.approx(0.5)
    assert np.isnan(metrics.confident_accuracy([0.5] * 5, labels))


def test_threshold_at_fpr_keeps_its_promise():
    rng = np.random.default_rng(4)
    scores, labels = rng.normal(size=500).round(1), rng.integers(0, 2, 500)
    for allowed in (0.0, 0.01, 0.2):
        threshold = metrics.threshold_at_fpr(scores, labels, allowed)
        assert np.mean(scores[labels == 0] >= threshold) <= allowed
        assert np.mean(scores[labels == 1] >= threshold) == metrics.tpr_at_fpr(
            scores, labels, allowed
        )


@pytest.mark.parametrize("metric", EVERY)
@pytest.mark.parametrize(
    ("scores", "labels", "words"),
    [
        ([0.1, 0.2], [1, 1], "both classes"),
        ([0.1, 0.2], [0, 0], "both classes"),
        ([], [], "both classes"),
        ([0.1, float("nan")], [0, 1], "NaN or infinite"),
        ([0.1, float("inf")], [0, 1], "NaN or infinite"),
        ([0.1, 0.2, 0.3], [0, 1], "one per score"),
        ([0.1, 0.2], [0, 2], "0 .real. or 1 .fake."),
        ([[0.1, 0.2]], [0, 1], "one number per item"),
        (["a", "b"], [0, 1], "numbers"),
    ],
)
def test_bad_input_is_a_typed_error_that_says_what_is_wrong(metric, scores, labels, words):
    with pytest.raises(DataError, match=words):
        metric(scores, labels)


@pytest.mark.parametrize("metric", [metrics.log_loss, metrics.brier, metrics.ece])
def test_scores_are_not_probabilities(metric):
    with pytest.raises(DataError, match=r"in \[0, 1\]"):
        metric([-3.0, 2.0], [0, 1])
