from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import binomtest

from likeness.errors import DataError
from likeness.scoring import metrics
from likeness.scoring.intervals import (
    GroupsListed,
    Interval,
    bootstrap_groups,
    clopper_pearson,
    paired_bootstrap,
    resamples,
)


def people(rng, n_groups, per_group=4, spread=0.5):
    """Each person has real and fake items; items of one person are alike. Returns scores, labels, groups."""
    groups = np.repeat(np.arange(n_groups), 2 * per_group)
    labels = np.tile(np.repeat([0, 1], per_group), n_groups)
    own = rng.normal(0, spread, (n_groups, 2))[groups, labels]
    noise = rng.normal(0, np.sqrt(1 - spread**2), len(groups))
    return labels * 1.5 + own + noise, labels, groups


def test_clopper_pearson_is_scipys():
    for trials in (1, 7, 20, 333):
        for successes in {0, 1, trials // 2, trials}:
            exact = binomtest(successes, trials).proportion_ci(0.95, method="exact")
            assert clopper_pearson(successes, trials) == pytest.approx((exact.low, exact.high))
    assert clopper_pearson(0, 20)[1] == pytest.approx(0.168, abs=1e-3)
    assert clopper_pearson(0, 0) == (0.0, 1.0)
    with pytest.raises(DataError, match="0 to 3"):
        clopper_pearson(4, 3)


def test_bootstrap_covers_the_true_auc():
    truth = float(ndtr(1.5 / np.sqrt(2)))
    rng = np.random.default_rng(5)
    hits, naive_hits, runs = 0, 0, 40
    for run in range(runs):
        scores, labels, groups = people(rng, 25, spread=0.8)
        found = bootstrap_groups(metrics.auc, scores, labels, groups, n=120, seed=run)
        naive = bootstrap_groups(metrics.auc, scores, labels, np.arange(len(scores)), n=120)
        hits += found.low <= truth <= found.high
        naive_hits += naive.low <= truth <= naive.high
    assert hits / runs >= 0.85
    assert naive_hits < hits  # items taken as independent claim too much


def test_whole_groups_are_drawn_and_both_classes_stay():
    codes = np.array([0, 0, 0, 1, 2, 2, 3, 4])
    fake = np.array([0, 0, 1, 0, 1, 1, 1, 0], dtype=bool)
    for drawn in resamples(codes, fake, 50, seed=1):
        assert 0 < fake[drawn].sum() < len(drawn)
        counts = np.bincount(drawn, minlength=len(codes))
        for code in range(5):
            assert len(set(counts[codes == code])) == 1  # all items of a group equally often


def test_same_seed_same_interval():
    scores, labels, groups = people(np.random.default_rng(6), 12)
    first, again, other = (
        bootstrap_groups(metrics.auc, scores, labels, groups, n=50, seed=seed) for seed in (1, 1, 2)
    )
    assert isinstance(first, Interval) and first == again != other
    assert first.n_groups == 12
    assert first.low < metrics.auc(scores, labels) < first.high


def test_fewer_than_ten_groups_are_listed_instead():
    scores, labels, groups = people(np.random.default_rng(7), 9)
    listed = bootstrap_groups(metrics.auc, scores, labels, groups)
    assert isinstance(listed, GroupsListed)
    assert [g.name for g in listed.groups] == [str(i) for i in range(9)]
    assert "needs 10" in listed.reason
    line = listed.groups[3]
    assert (line.n_real, line.n_fake) == (4, 4)
    own = groups == 3
    assert line.mean_fake_score == pytest.approx(scores[own & (labels == 1)].mean())


def test_three_fake_videos_give_no_interval_however_many_people_are_real():
    scores = np.arange(43.0)
    labels = np.array([0] * 40 + [1] * 3)
    groups = [f"person {i}" for i in range(40)] + ["x", "y", "z"]
    listed = bootstrap_groups(metrics.auc, scores, labels, groups)
    assert isinstance(listed, GroupsListed)
    assert [g.name for g in listed.groups] == ["x", "y", "z"]
    assert listed.groups[0].mean_real_score is None


def test_paired_bootstrap_sees_a_small_difference_that_single_intervals_do_not():
    rng = np.random.default_rng(8)
    scores, labels, groups = people(rng, 40)
    worse = scores + rng.normal(0, 0.6, len(scores))
    result = paired_bootstrap(metrics.auc, (scores, worse), labels, groups, n=300)
    assert result.difference == pytest.approx(result.first - result.second)
    assert result.interval.low > 0 and result.share_first_higher > 0.97
    turned = paired_bootstrap(metrics.auc, (worse, scores), labels, groups, n=300)
    assert turned.interval.high == pytest.approx(-result.interval.low)
    one = bootstrap_groups(metrics.auc, scores, labels, groups, n=300)
    two = bootstrap_groups(metrics.auc, worse, labels, groups, n=300)
    assert two.high > one.low  # the single intervals overlap


def test_a_detector_does_not_differ_from_itself():
    scores, labels, groups = people(np.random.default_rng(9), 15)
    result = paired_bootstrap(metrics.auc, (scores, scores), labels, groups, n=50)
    assert (result.interval.low, result.interval.high, result.share_first_higher) == (0, 0, 0.5)


def test_paired_bootstrap_lists_groups_and_refuses_unequal_lengths():
    scores, labels, groups = people(np.random.default_rng(9), 5)
    result = paired_bootstrap(metrics.auc, (scores, -scores), labels, groups)
    assert isinstance(result.interval, GroupsListed) and result.share_first_higher is None
    with pytest.raises(DataError, match="like the first"):
        paired_bootstrap(metrics.auc, (scores, scores[1:]), labels, groups)
    with pytest.raises(DataError, match="groups"):
        bootstrap_groups(metrics.auc, scores, labels, groups[1:])
