"""Everything that may be said about one detector on one set of items, and nothing that may not.

TPR at FPR 1 % is given only with 300 real identities or more (fewer cannot show a rate of 1 %); intervals only where ten
groups carry each class, otherwise the groups are listed. Of the share of right answers among the confident ones there is an
interval only where ten groups carry such answers and not all are right or all wrong: resampling would call that certain.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from likeness.scoring import metrics
from likeness.scoring.ece_floor import ece_if_calibrated
from likeness.scoring.inputs import BoolArray, both_classes, group_codes
from likeness.scoring.intervals import (
    MIN_GROUPS,
    GroupsListed,
    Interval,
    groups_per_class,
    percentile_interval,
    resamples,
    too_few_groups,
)
from likeness.types import DoubleArray, IndexArray

__all__ = ["MetricsReport", "report_metrics"]

MIN_REAL_IDENTITIES_FOR_TPR = 300
Kind = Literal["llr", "logit", "score"]
_Metric = Callable[[DoubleArray, BoolArray], float]


@dataclass(frozen=True)
class MetricsReport:
    """One row of a benchmark.

    Attributes:
        kind: whether calibrated llrs, logits of a network or raw scores were measured.
        n_real: real items.
        n_fake: fake items.
        n_real_groups: identities or videos that the real items come from.
        n_fake_groups: that the fake items come from.
        values: measure to value; None where it may not be given (see `notes`).
        intervals: measure to 95 % bootstrap interval over groups; empty where groups are listed instead.
        listed: the groups where there are too few for intervals, else None.
        notes: why something is missing, in plain sentences.
    """

    kind: Kind
    n_real: int
    n_fake: int
    n_real_groups: int
    n_fake_groups: int
    values: dict[str, float | None]
    intervals: dict[str, Interval]
    listed: GroupsListed | None
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain dict for JSON."""
        return asdict(self)

    def to_row(self) -> dict[str, float | int | str | None]:
        """Flat dict for CSV: counts, every value, `NAME_low` and `NAME_high` where there is an interval."""
        row: dict[str, float | int | str | None] = {
            "kind": self.kind,
            "n_real": self.n_real,
            "n_fake": self.n_fake,
            "n_real_groups": self.n_real_groups,
            "n_fake_groups": self.n_fake_groups,
        }
        for name, value in self.values.items():
            interval = self.intervals.get(name)
            row[name] = value
            row[f"{name}_low"] = interval.low if interval else None
            row[f"{name}_high"] = interval.high if interval else None
        return row


def _calibration_gap(llrs: DoubleArray, fake: BoolArray) -> float:
    return metrics.cllr(llrs, fake) - metrics.min_cllr(llrs, fake)


def _as_probability(metric: Callable[[npt.ArrayLike, npt.ArrayLike], float]) -> _Metric:
    """Measure llrs as posteriors at the mixture of the very sample: an llr knows no prior, a probability needs one."""

    def measured(llrs: DoubleArray, fake: BoolArray) -> float:
        return metric(metrics.probability_from_llr(llrs, float(fake.mean())), fake)

    return measured


def _even(llrs: DoubleArray) -> DoubleArray:
    """Posteriors at even odds: what an answer is worth to somebody who knows nothing of the mixture."""
    return metrics.probability_from_llr(llrs, 0.5)


RANKING: dict[str, _Metric] = {
    "auc": metrics.auc,
    "average_precision": metrics.average_precision,
    "eer": metrics.eer,
    "tpr_at_fpr_1pct": metrics.tpr_at_fpr,
}
HONESTY: dict[str, _Metric] = {
    "log_loss": _as_probability(metrics.log_loss),
    "brier": _as_probability(metrics.brier),
    "ece": _as_probability(metrics.ece),
    "cllr": metrics.cllr,
    "min_cllr": metrics.min_cllr,
    "cllr_minus_min_cllr": _calibration_gap,
    "aurc": metrics.aurc,
    "coverage_at_risk_10pct": metrics.coverage_at_risk,
}
CONFIDENT: dict[str, _Metric] = {
    "confident_share": lambda llrs, fake: metrics.confident_share(_even(llrs), fake),
    "confident_accuracy": lambda llrs, fake: metrics.confident_accuracy(_even(llrs), fake),
}
"""Answers with a probability of 80 % and more at even odds."""


def report_metrics(
    scores: npt.ArrayLike,
    labels: npt.ArrayLike,
    groups: npt.ArrayLike,
    *,
    kind: Kind = "llr",
    n: int = 1000,
    seed: int = 0,
) -> MetricsReport:
    """Measure everything at once, by the rules of this module.

    Args:
        scores: (N,) log10 likelihood ratios; logits, natural and uncalibrated (`kind="logit"`: ranking, and how often the
            network is right where it says 80 % and more); or raw scores (`kind="score"`: only the ranking measures).
        labels: (N,) 0 = real, 1 = fake.
        groups: (N,) identity or video of each item.
        kind: what `scores` are.
        n: bootstrap resamples; 0 = no intervals.
        seed: of the resamples.

    Raises:
        DataError: lengths differ, a value is not finite or only one class is present.
    """
    values, fake = both_classes(scores, labels, "llrs" if kind == "llr" else "scores")
    codes, names = group_codes(groups, len(values))
    n_real, n_fake = groups_per_class(codes, fake)
    measures = dict(RANKING) | (HONESTY if kind == "llr" else {})
    if kind != "score":
        measures |= CONFIDENT
    if kind == "logit":
        values = values / metrics.LN10
    notes: list[str] = []
    if n_real < MIN_REAL_IDENTITIES_FOR_TPR:
        del measures["tpr_at_fpr_1pct"]
        notes.append(
            f"TPR at FPR 1 % is not given: {n_real} real identities, "
            f"{MIN_REAL_IDENTITIES_FOR_TPR} are needed"
        )
    listed = too_few_groups(values, fake, groups)
    intervals: dict[str, Interval] = {}
    if listed is not None:
        notes.append(f"no intervals: {listed.reason}")
    elif n > 0:
        ranked = np.argsort(-values, kind="stable")
        scored, manipulated = values[ranked], fake[ranked]
        drawn = [
            [measure(scored[i], manipulated[i]) for measure in measures.values()]
            for i in resamples(codes[ranked], manipulated, n, seed)
        ]
        columns = np.array(drawn).T
        intervals = {
            name: percentile_interval(column[~np.isnan(column)], len(names))
            for name, column in zip(measures, columns, strict=True)
            if name != "confident_accuracy"
            or (_confident_groups(values, codes) >= MIN_GROUPS and np.nanstd(column) > 0.0)
        }
    found: dict[str, float | None] = {"tpr_at_fpr_1pct": None}
    found |= {name: measure(values, fake) for name, measure in measures.items()}
    if kind == "llr":
        p = metrics.probability_from_llr(values, float(fake.mean()))
        found["ece_if_calibrated"], found["ece_if_calibrated_p95"] = ece_if_calibrated(p)
    if np.isnan(found.get("confident_accuracy") or 0.0):
        found["confident_accuracy"] = None
        notes.append("no answer has a probability of 80 % or more")
    return MetricsReport(
        kind,
        int((~fake).sum()),
        int(fake.sum()),
        n_real,
        n_fake,
        dict(sorted(found.items())),
        intervals,
        listed,
        tuple(notes),
    )


def _confident_groups(llrs: DoubleArray, codes: IndexArray) -> int:
    """Groups with at least one answer of high confidence."""
    p = _even(llrs)
    return len(np.unique(codes[np.maximum(p, 1.0 - p) >= metrics.CONFIDENCE]))
