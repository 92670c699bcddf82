"""How far a figure can be trusted: intervals over independent groups, never over frames.

Ten crops of one person are not ten observations. The bootstrap therefore draws identities or videos, and where fewer than
ten of them carry a class there is no honest interval: the outcome then is `GroupsListed`, the groups themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from likeness.errors import DataError
from likeness.scoring.inputs import BoolArray, both_classes, finite_vector, group_codes
from likeness.scoring.inputs import groups_per_class as groups_per_class
from likeness.types import DoubleArray, IndexArray

__all__ = [
    "Comparison",
    "GroupLine",
    "GroupsListed",
    "Interval",
    "bootstrap_groups",
    "clopper_pearson",
    "paired_bootstrap",
]

MIN_GROUPS = 10
LEVEL = 0.95
Statistic = Callable[[DoubleArray, BoolArray], float]


@dataclass(frozen=True)
class Interval:
    """A percentile interval over resampled groups.

    Attributes:
        low: lower end.
        high: upper end.
        level: nominal coverage, 0-1.
        n_groups: independent groups that were resampled.
    """

    low: float
    high: float
    level: float
    n_groups: int


@dataclass(frozen=True)
class GroupLine:
    """One group of a sample that is too small for an interval: its items and the mean score of each class."""

    name: str
    n_real: int
    n_fake: int
    mean_real_score: float | None
    mean_fake_score: float | None


@dataclass(frozen=True)
class GroupsListed:
    """There is no interval: `reason` says why, `groups` are those of the class that has too few."""

    reason: str
    groups: tuple[GroupLine, ...]


@dataclass(frozen=True)
class Comparison:
    """Two detectors on the same items.

    Attributes:
        first: the statistic of the first detector.
        second: of the second.
        difference: first minus second.
        interval: of the difference, or the groups where there are too few.
        share_first_higher: share of resamples in which the first is higher, ties half; None without an interval.
    """

    first: float
    second: float
    difference: float
    interval: Interval | GroupsListed
    share_first_higher: float | None


def too_few_groups(
    scores: DoubleArray, fake: BoolArray, groups: npt.ArrayLike
) -> GroupsListed | None:
    """The groups of a class that fewer than ten groups carry, or None where a bootstrap is honest."""
    codes, names = group_codes(groups, len(scores))
    n_real, n_fake = groups_per_class(codes, fake)
    if min(n_real, n_fake) >= MIN_GROUPS:
        return None
    short = ~fake if n_real <= n_fake else fake
    lines = []
    for code in np.unique(codes[short]):
        real, manipulated = scores[(codes == code) & ~fake], scores[(codes == code) & fake]
        means = [float(part.mean()) if len(part) else None for part in (real, manipulated)]
        lines.append(GroupLine(names[code], len(real), len(manipulated), means[0], means[1]))
    return GroupsListed(
        f"real items come from {n_real} and fake items from {n_fake} independent groups; "
        f"an interval needs {MIN_GROUPS} of each",
        tuple(lines),
    )


def resamples(
    codes: IndexArray, fake: BoolArray, n: int, seed: int
) -> Iterator[npt.NDArray[np.intp]]:
    """Item indices of `n` bootstrap samples of whole groups.

    Groups that hold only real, only fake, or both kinds of items are drawn apart, so that every sample has both classes.
    Indices rise: where the items came sorted by score, each sample is sorted too, and the measures are quicker.
    """
    rng = np.random.default_rng(seed)
    order = np.argsort(codes, kind="stable")
    count = np.bincount(codes)
    start = np.cumsum(count) - count
    holds = np.zeros((2, len(count)), dtype=np.int64)
    holds[0, codes[~fake]] = 1
    holds[1, codes[fake]] = 2
    strata = [np.flatnonzero(holds.sum(axis=0) == kind) for kind in (1, 2, 3)]
    for _ in range(n):
        drawn = np.concatenate([rng.choice(s, size=len(s)) for s in strata if len(s)])
        sizes = count[drawn]
        ends = np.cumsum(sizes)
        within = np.arange(int(ends[-1])) - np.repeat(ends - sizes, sizes)
        yield np.sort(order[np.repeat(start[drawn], sizes) + within])


def percentile_interval(values: npt.ArrayLike, n_groups: int) -> Interval:
    """The central 95 % of bootstrap values."""
    low, high = np.quantile(
        np.asarray(values, dtype=np.float64), [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    )
    return Interval(float(low), float(high), LEVEL, n_groups)


def bootstrap_groups(
    statistic: Statistic,
    scores: npt.ArrayLike,
    labels: npt.ArrayLike,
    groups: npt.ArrayLike,
    *,
    n: int = 1000,
    seed: int = 0,
) -> Interval | GroupsListed:
    """95 % percentile bootstrap interval over groups (Efron and Tibshirani 1993).

    Args:
        statistic: takes (scores, labels), returns a number; any function of `metrics` fits.
        scores: (N,) whatever the statistic takes.
        labels: (N,) 0 = real, 1 = fake.
        groups: (N,) identity or video of each item.
        n: resamples.
        seed: of the draws.

    Returns:
        `Interval`, or `GroupsListed` where a class comes from fewer than ten groups.

    Raises:
        DataError: lengths differ, a value is not finite or only one class is present.
    """
    values, fake = both_classes(scores, labels)
    listed = too_few_groups(values, fake, groups)
    if listed is not None:
        return listed
    codes, names = group_codes(groups, len(values))
    ranked = np.argsort(-values, kind="stable")
    values, fake, codes = values[ranked], fake[ranked], codes[ranked]
    drawn = [statistic(values[i], fake[i]) for i in resamples(codes, fake, n, seed)]
    return percentile_interval(drawn, len(names))


def paired_bootstrap(
    statistic: Statistic,
    score_pair: tuple[npt.ArrayLike, npt.ArrayLike],
    labels: npt.ArrayLike,
    groups: npt.ArrayLike,
    *,
    n: int = 1000,
    seed: int = 0,
) -> Comparison:
    """Compare two detectors on the same items: both are measured on the same resampled groups.

    Args:
        statistic: takes (scores, labels), returns a number.
        score_pair: (N,) scores of the first and of the second detector, item by item.
        labels: (N,) 0 = real, 1 = fake.
        groups: (N,) identity or video of each item.
        n: resamples.
        seed: of the draws.

    Raises:
        DataError: lengths differ, a value is not finite or only one class is present.
    """
    first, fake = both_classes(score_pair[0], labels, "first scores")
    second = finite_vector("second scores", score_pair[1])
    if len(second) != len(first):
        raise DataError(f"second scores: expected {len(first)} like the first, got {len(second)}")
    a, b = statistic(first, fake), statistic(second, fake)
    listed = too_few_groups(first, fake, groups)
    if listed is not None:
        return Comparison(a, b, a - b, listed, None)
    codes, names = group_codes(groups, len(first))
    drawn = np.array(
        [
            statistic(first[i], fake[i]) - statistic(second[i], fake[i])
            for i in resamples(codes, fake, n, seed)
        ]
    )
    higher = float(np.mean((drawn > 0) + 0.5 * (drawn == 0)))
    return Comparison(a, b, a - b, percentile_interval(drawn, len(names)), higher)


def clopper_pearson(successes: int, trials: int, level: float = LEVEL) -> tuple[float, float]:
    """Exact interval of a proportion, never narrower than stated (Clopper and Pearson 1934).

    Args:
        successes: 0 to `trials`.
        trials: independent trials; 0 gives (0, 1), nothing is known.
        level: nominal coverage in (0, 1).

    Raises:
        DataError: more successes than trials, or a negative number.
    """
    from scipy.special import betaincinv

    if not 0 <= successes <= trials:
        raise DataError(f"successes: expected 0 to {trials} (trials), got {successes}")
    tail = (1.0 - level) / 2.0
    low = betaincinv(successes, trials - successes + 1, tail) if successes else 0.0
    high = betaincinv(successes + 1, trials - successes, 1.0 - tail) if successes < trials else 1.0
    return float(low), float(high)
