"""Measures of how well scores separate fakes from real items, and of how honest probabilities and llrs are.

Every function takes one value per item and (N,) labels, 0 = real and 1 = fake, both classes present, and raises
`DataError` otherwise. Scores rise with manipulation; probabilities lie in [0, 1]; llrs are log10 likelihood ratios. Ties
never depend on the order of the items.

Example:
    >>> auc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    0.75
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from likeness.scoring.inputs import BoolArray, both_classes, probabilities_of
from likeness.types import DoubleArray

__all__ = [
    "auc",
    "aurc",
    "average_precision",
    "balanced_accuracy",
    "brier",
    "cllr",
    "confident_accuracy",
    "confident_share",
    "coverage_at_risk",
    "ece",
    "eer",
    "log_loss",
    "min_cllr",
    "probability_from_llr",
    "risk_coverage",
    "roc_curve",
    "threshold_at_fpr",
    "tpr_at_fpr",
]

LN10 = float(np.log(10.0))
CONFIDENCE = 0.8
"""Probability of the likelier class from which an answer counts as confident."""


def _alarms_by_threshold(
    scores: DoubleArray, fake: BoolArray
) -> tuple[DoubleArray, DoubleArray, DoubleArray]:
    """Distinct thresholds, falling, with the fakes and reals that score at or above each."""
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], fake[order]
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    caught = np.cumsum(hits)[last].astype(np.float64)
    return ranked[last], caught, (last + 1) - caught


def roc_curve(
    scores: npt.ArrayLike, labels: npt.ArrayLike
) -> tuple[DoubleArray, DoubleArray, DoubleArray]:
    """Receiver operating characteristic.

    Returns:
        fpr, tpr and threshold, each (M,) float64, from (0, 0, inf) to (1, 1, lowest score); an item raises an alarm when
        its score is at or above the threshold.
    """
    values, fake = both_classes(scores, labels)
    thresholds, caught, false = _alarms_by_threshold(values, fake)
    n_fake = fake.sum()
    fpr = np.append(0.0, false / (len(fake) - n_fake))
    return fpr, np.append(0.0, caught / n_fake), np.append(np.inf, thresholds)


def auc(scores: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Area under the ROC curve, in [0, 1]: chance that a fake outscores a real item, ties counted half."""
    fpr, tpr, _ = roc_curve(scores, labels)
    return float(np.sum(np.diff(fpr) * (tpr[1:] + tpr[:-1])) / 2.0)


def average_precision(scores: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Average precision, in (0, 1]: precision at each distinct threshold weighted by the recall it adds."""
    values, fake = both_classes(scores, labels)
    _, caught, false = _alarms_by_threshold(values, fake)
    gained = np.diff(np.append(0.0, caught)) / fake.sum()
    return float(np.sum(gained * caught / (caught + false)))


def eer(scores: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Equal error rate, in [0, 1]: where missed fakes and false alarms are equally frequent.

    Points of the ROC curve are joined by straight lines, so tied scores count as if split at random.
    """
    fpr, tpr, _ = roc_curve(scores, labels)
    gap = fpr - (1.0 - tpr)  # rises from -1 to 1
    after = int(np.argmax(gap >= 0.0))
    before = after - 1
    share = -gap[before] / (gap[after] - gap[before])
    return float(fpr[before] + share * (fpr[after] - fpr[before]))


def tpr_at_fpr(scores: npt.ArrayLike, labels: npt.ArrayLike, fpr: float = 0.01) -> float:
    """Share of fakes caught, in [0, 1], at the lowest threshold whose false-alarm rate stays at or below `fpr`.

    Nothing is interpolated: with 50 real items and `fpr` 0.01 no false alarm at all is allowed.
    """
    false, caught, _ = roc_curve(scores, labels)
    return float(caught[false <= fpr].max())


def threshold_at_fpr(scores: npt.ArrayLike, labels: npt.ArrayLike, fpr: float = 0.01) -> float:
    """Lowest threshold, an observed score or inf, whose false-alarm rate stays at or below `fpr`."""
    false, _, thresholds = roc_curve(scores, labels)
    return float(thresholds[false <= fpr].min())


def balanced_accuracy(scores: npt.ArrayLike, labels: npt.ArrayLike, threshold: float) -> float:
    """Mean of the share of fakes at or above and of real items below a fixed, shipped threshold; in [0, 1]."""
    values, fake = both_classes(scores, labels)
    alarm = values >= threshold
    return float((alarm[fake].mean() + (~alarm[~fake]).mean()) / 2.0)


def log_loss(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Mean negative log likelihood in nats, >= 0; probabilities are kept one float64 step away from 0 and 1."""
    p, fake = probabilities_of(probabilities, labels)
    eps = np.finfo(np.float64).eps
    kept = np.clip(p, eps, 1.0 - eps)
    return float(-np.mean(np.where(fake, np.log(kept), np.log1p(-kept))))


def brier(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Mean squared difference between probability and outcome, in [0, 1] (Brier 1950)."""
    p, fake = probabilities_of(probabilities, labels)
    return float(np.mean((p - fake) ** 2))


def _shared(keys: DoubleArray, values: DoubleArray) -> DoubleArray:
    """Replace each value by the mean over the items with the same key, so that the order of ties is immaterial."""
    _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    means: DoubleArray = (np.bincount(inverse, values) / counts)[inverse]
    return means


def ece(probabilities: npt.ArrayLike, labels: npt.ArrayLike, n_bins: int = 15) -> float:
    """Expected calibration error over bins of equal mass, in [0, 1] (Naeini et al. 2015; Nixon et al. 2019).

    Small samples inflate it: with N items a perfect forecaster still shows about 0.4 * sqrt(n_bins / N).
    """
    p, fake = probabilities_of(probabilities, labels)
    outcome = _shared(p, fake.astype(np.float64))
    order = np.argsort(p, kind="stable")
    gaps = [
        abs(float(np.sum(outcome[part] - p[part])))
        for part in np.array_split(order, min(n_bins, len(order)))
    ]
    return sum(gaps) / len(p)


def probability_from_llr(llrs: npt.ArrayLike, prior: float = 0.5) -> DoubleArray:
    """Posterior probability of manipulation from log10 likelihood ratios and a prior in (0, 1)."""
    odds = LN10 * np.asarray(llrs, dtype=np.float64) + np.log(prior) - np.log1p(-prior)
    probability: DoubleArray = 0.5 * (1.0 + np.tanh(0.5 * odds))
    return probability


def cllr(llrs: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Log-likelihood-ratio cost in bits, >= 0: 0 = perfect, 1 = as good as saying nothing (Bruemmer and du Preez 2006)."""
    values, fake = both_classes(llrs, labels, "llrs")
    nats = values * LN10
    missed = np.mean(np.logaddexp(0.0, -nats[fake]))
    false = np.mean(np.logaddexp(0.0, nats[~fake]))
    return float((missed + false) / (2.0 * np.log(2.0)))


def min_cllr(scores: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Cllr in [0, 1] after the best monotone recalibration on the same items: what remains is discrimination.

    `cllr(llrs) - min_cllr(llrs)` is the loss that is owed to calibration alone.
    """
    from likeness.scoring.isotonic import pooled_posterior

    values, fake = both_classes(scores, labels)
    _, p, of_fakes, of_reals = pooled_posterior(values, fake, np.ones(len(values)))
    # At the equal priors that `pooled_posterior` works with, 1 + 1/LR = 1/p and 1 + LR = 1/(1-p).
    has_fakes, has_reals = of_fakes > 0.0, of_reals > 0.0
    missed = of_fakes[has_fakes] @ np.log2(p[has_fakes])
    false = of_reals[has_reals] @ np.log2(1.0 - p[has_reals])
    return float(-(missed + false) / 2.0)


def risk_coverage(llrs: npt.ArrayLike, labels: npt.ArrayLike) -> tuple[DoubleArray, DoubleArray]:
    """Selective error against coverage when the least certain items are given up first.

    An item counts as called fake when its llr is positive, real when it is negative, half wrong when it is zero; its
    certainty is |llr|. The mixture of real and fake is the sample's own.

    Returns:
        coverage (0, 1] and risk [0, 1], each (M,) float64; one point per distinct certainty, rising coverage.
    """
    values, fake = both_classes(llrs, labels, "llrs")
    certainty, wrong = np.abs(values), _wrong(values, fake)
    order = np.argsort(-certainty, kind="stable")
    ranked = certainty[order]
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    kept = (last + 1).astype(np.float64)
    return kept / len(values), np.cumsum(wrong[order])[last] / kept


def _wrong(llrs: DoubleArray, fake: BoolArray) -> DoubleArray:
    return np.where(llrs == 0.0, 0.5, ((llrs > 0.0) != fake).astype(np.float64))


def aurc(llrs: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Area under the risk-coverage curve, in [0, 1], lower is better (Geifman et al. 2019); ties split evenly."""
    values, fake = both_classes(llrs, labels, "llrs")
    certainty = np.abs(values)
    wrong = _shared(certainty, _wrong(values, fake))[np.argsort(-certainty, kind="stable")]
    return float(np.mean(np.cumsum(wrong) / np.arange(1, len(wrong) + 1)))


def coverage_at_risk(llrs: npt.ArrayLike, labels: npt.ArrayLike, risk: float = 0.10) -> float:
    """Largest share of items, in [0, 1], that can be answered with a selective error at or below `risk`."""
    coverage, error = risk_coverage(llrs, labels)
    allowed = coverage[error <= risk]
    return float(allowed.max()) if len(allowed) else 0.0


def confident_share(
    probabilities: npt.ArrayLike, labels: npt.ArrayLike, confidence: float = CONFIDENCE
) -> float:
    """Share of items, in [0, 1], whose likelier class has a probability of at least `confidence`."""
    p, _ = probabilities_of(probabilities, labels)
    return float(_confident(p, confidence).mean())


def confident_accuracy(
    probabilities: npt.ArrayLike, labels: npt.ArrayLike, confidence: float = CONFIDENCE
) -> float:
    """Share of right answers, in [0, 1], among the items of `confident_share`; NaN where there is none.

    An honest forecaster is right at least as often as it says: a figure below `confidence` is overconfidence.
    """
    p, fake = probabilities_of(probabilities, labels)
    sure = _confident(p, confidence)
    return float(((p > 0.5) == fake)[sure].mean()) if sure.any() else float("nan")


def _confident(probabilities: DoubleArray, confidence: float) -> BoolArray:
    sure: BoolArray = np.maximum(probabilities, 1.0 - probabilities) >= confidence
    return sure
