from __future__ import annotations

import json

import numpy as np
import pytest

from likeness.errors import DataError
from likeness.scoring import metrics
from likeness.scoring.false_alarms import count_false_alarms
from likeness.scoring.intervals import clopper_pearson
from likeness.scoring.summary import report_metrics


def faces(n_groups, distance=2.0, seed=0):
    """Calibrated llrs of one real and one fake item per person."""
    rng = np.random.default_rng(seed)
    labels = np.tile([0, 1], n_groups)
    scores = rng.normal(size=2 * n_groups) + (labels - 0.5) * distance
    return distance * scores / np.log(10), labels, np.repeat(np.arange(n_groups), 2)


def test_a_large_sample_gets_everything():
    llrs, labels, groups = faces(300)
    report = report_metrics(llrs, labels, groups, n=40)
    assert (report.n_real, report.n_fake, report.n_real_groups) == (300, 300, 300)
    assert report.listed is None and report.notes == ()
    assert None not in report.values.values()
    floor = {"ece_if_calibrated", "ece_if_calibrated_p95"}  # of chance, not of the sample
    assert report.intervals.keys() == report.values.keys() - floor
    assert report.values["auc"] == metrics.auc(llrs, labels)
    gap = report.values["cllr"] - report.values["min_cllr"]
    assert report.values["cllr_minus_min_cllr"] == pytest.approx(gap)
    assert report.values["ece"] < 0.08
    assert report.values["ece"] < report.values["ece_if_calibrated_p95"] < 0.15
    low_high = report.intervals["auc"]
    assert low_high.low < report.values["auc"] < low_high.high
    json.dumps(report.to_dict(), allow_nan=False)
    row = report.to_row()
    assert row["auc_low"] == low_high.low and row["n_fake"] == 300


def test_299_real_identities_cannot_show_one_percent():
    report = report_metrics(*faces(299), n=0)
    assert report.values["tpr_at_fpr_1pct"] is None
    assert "299 real identities" in report.notes[0]


def test_many_items_of_few_people_do_not_help():
    llrs, labels, _ = faces(300)
    report = report_metrics(llrs, labels, np.arange(600) % 8)
    assert report.values["tpr_at_fpr_1pct"] is None
    assert report.intervals == {} and len(report.listed.groups) == 4
    assert "no intervals" in report.notes[1]


def test_raw_scores_get_ranking_measures_only():
    report = report_metrics(*faces(20), kind="score", n=10)
    assert set(report.values) == {"auc", "average_precision", "eer", "tpr_at_fpr_1pct"}


def test_a_network_is_right_as_often_as_it_says_only_if_it_is_calibrated():
    llrs, labels, groups = faces(300)
    honest = report_metrics(llrs, labels, groups, n=40)
    logits = llrs * np.log(10)
    same = report_metrics(logits, labels, groups, kind="logit", n=40)
    boastful = report_metrics(3 * logits, labels, groups, kind="logit", n=40)
    assert set(same.values) - {"auc", "average_precision", "eer", "tpr_at_fpr_1pct"} == {
        "confident_share", "confident_accuracy",
    }  # fmt: skip
    for name in ("confident_share", "confident_accuracy"):
        assert same.values[name] == honest.values[name]
    assert honest.values["confident_accuracy"] > 0.88
    assert boastful.values["confident_share"] > honest.values["confident_share"] + 0.1
    assert boastful.values["confident_accuracy"] < honest.values["confident_accuracy"] - 0.03
    interval = honest.intervals["confident_accuracy"]
    assert interval.low < honest.values["confident_accuracy"] < interval.high


def test_few_confident_answers_have_no_interval_and_none_no_figure():
    llrs, labels, groups = faces(30)
    weak = np.clip(llrs, -0.5, 0.5)
    assert report_metrics(weak, labels, groups, n=10).values["confident_accuracy"] is None
    weak[0:16:2] = -2.0  # eight people of whom it is sure, and right
    report = report_metrics(weak, labels, groups, n=10)
    assert report.values["confident_accuracy"] == 1.0
    assert report.values["confident_share"] == pytest.approx(8 / 60)
    assert "confident_share" in report.intervals and "confident_accuracy" not in report.intervals
    weak[0:40:2] = -2.0  # twenty people, all right: that is not certainty
    report = report_metrics(weak, labels, groups, n=10)
    assert report.values["confident_accuracy"] == 1.0
    assert "confident_accuracy" not in report.intervals
    weak[1] = -2.0
    assert "confident_accuracy" in report_metrics(weak, labels, groups, n=10).intervals


def test_probabilities_are_taken_at_the_mixture_of_the_sample():
    llrs, labels, groups = faces(2000, seed=3)
    kept = (labels == 0) | (np.arange(len(labels)) % 10 == 1)  # one fake to five real items
    report = report_metrics(llrs[kept], labels[kept], groups[kept], n=0)
    assert report.values["ece"] < 0.03


def test_false_alarms_are_counted_by_person():
    scores = [2, 0, 0, 1, 0, 3, 0, 5]
    labels = [0, 0, 0, 0, 0, 1, 1, 0]
    people = ["ann", "ann", "bob", "cem", "cem", "x", "x", "ann"]
    found = count_false_alarms(scores, labels, people, threshold=1.0)
    assert (found.people.count, found.people.total) == (2, 3)
    assert (found.people.low, found.people.high) == clopper_pearson(2, 3)
    assert (found.items.count, found.items.total) == (3, 6)
    assert (found.detected.count, found.detected.total, found.detected.share) == (1, 2, 0.5)
    assert [line.person for line in found.by_person] == ["ann", "cem", "bob"]
    assert found.by_person[0].highest_score == 5
    json.dumps(found.to_dict(), allow_nan=False)


def test_no_fakes_leaves_the_detection_rate_unknown():
    found = count_false_alarms([0.0] * 20, [0] * 20, range(20), 1.0)
    assert found.people.count == 0 and found.people.high == pytest.approx(0.168, abs=1e-3)
    assert found.detected.share is None and (found.detected.low, found.detected.high) == (0, 1)
    with pytest.raises(DataError, match="at least one real"):
        count_false_alarms([1.0], [1], ["a"], 0.0)
