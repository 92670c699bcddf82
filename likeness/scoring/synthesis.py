"""How good synthesised pictures are, without a downloaded network: likeness to real ones, variety, and copying.

Pictures come as one stack, features as rows; whose features they are is the caller's affair, as long as they are never a
detector's. Every distance is to be read beside the same distance between two sets of real pictures.

Example:
    >>> rows = np.random.default_rng(0).normal(size=(200, 8))
    >>> kernel_distance(rows[:100], rows[100:]).value < 0.1
    True
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from likeness.errors import DataError
from likeness.scoring.intervals import LEVEL, Interval, clopper_pearson
from likeness.scoring.sliced_distance import SlicedDistance, sliced_wasserstein
from likeness.types import DoubleArray, IndexArray

__all__ = [
    "Diversity",
    "KernelDistance",
    "Memorisation",
    "SlicedDistance",
    "diversity",
    "kernel_distance",
    "memorisation",
    "sliced_wasserstein",
]

BLOCKS = 20
NEIGHBOURS = 50
NEAR_QUANTILE = 0.01
COPIED_SHARE = 0.05


@dataclass(frozen=True)
class KernelDistance:
    """Squared maximum mean discrepancy; it is unbiased, so it falls on both sides of 0 for equal distributions.

    Attributes:
        value: of all pictures.
        interval: 95 %, by leaving out one block after another.
    """

    value: float
    interval: Interval


@dataclass(frozen=True)
class Diversity:
    """How far pictures lie from each other, and how far real ones do.

    Attributes:
        distance: mean distance of two of the pictures.
        real_distance: of two real ones.
        ratio: the first by the second; 1 = as varied, 0 = all the same.
        nearest_ratio: median distance of a picture to its nearest fellow, by that of real ones; near 0 where a few
            pictures come again and again although the whole is varied.
    """

    distance: float
    real_distance: float
    ratio: float
    nearest_ratio: float


@dataclass(frozen=True)
class Memorisation:
    """Whether pictures lie nearer to the training set than real ones that were kept out of it.

    Attributes:
        memorised: the lower end of `copied_interval` lies above 5 %.
        copied: share of pictures that lie nearer to one training picture, as against its neighbourhood, than 99 % of the
            kept-out ones do; 0.01 is expected of new faces.
        copied_interval: exact 95 % interval of that share.
        auc: chance that a picture lies nearer to the training set than a kept-out one, 0.5 = no difference; smooth
            pictures lie near to everything, so it is shown and decides nothing.
        auc_interval: 95 %.
        distance_ratio: median distance to the training set, by that of kept-out pictures.
        nearest: (N,) index of each picture's nearest training picture.
    """

    memorised: bool
    copied: float
    copied_interval: tuple[float, float]
    auc: float
    auc_interval: Interval
    distance_ratio: float
    nearest: IndexArray


def kernel_distance(drawn: npt.ArrayLike, real: npt.ArrayLike, seed: int = 0) -> KernelDistance:
    """Kernel distance of two sets of features (Binkowski et al., ICLR 2018), kernel (x·y / D + 1)^3.

    Features are scaled by mean and spread of the real ones, dimension by dimension: the polynomial kernel means nothing
    on features of arbitrary scale, and values stay comparable while a generator is trained.

    Args:
        drawn: (N, D) features.
        real: (M, D) features.
        seed: of the blocks.

    Raises:
        DataError: fewer than two rows per block of 20 would hold, other shapes, or values that are not finite.
    """
    x, y = _standardised(drawn, real)
    blocks = min(BLOCKS, len(x) // 2, len(y) // 2)
    if blocks < 2:
        raise DataError(
            f"features: expected 4 rows or more of each set, got {len(x)} and {len(y)}; draw more pictures"
        )
    rng = np.random.default_rng(seed)
    x_block, y_block = _block_codes(len(x), blocks, rng), _block_codes(len(y), blocks, rng)
    sums = (_sums(x, x, x_block, x_block), _sums(y, y, y_block, y_block))
    across = _sums(x, y, x_block, y_block)
    sizes = np.bincount(x_block), np.bincount(y_block)
    value = _unbiased(sums, across, sizes, np.ones(blocks))
    left_out = np.array([_unbiased(sums, across, sizes, 1.0 - row) for row in np.eye(blocks)])
    return KernelDistance(value, _jackknife(value, left_out))


def diversity(drawn: npt.ArrayLike, real: npt.ArrayLike) -> Diversity:
    """Mean pairwise distance of pictures against that of real ones.

    Args:
        drawn: (N, D) features, N at least 3.
        real: (M, D) features; the first min(N, M) rows of both count, for the nearest fellow of many is nearer.

    Raises:
        DataError: too few rows, other shapes, values that are not finite, or real pictures that are all the same.
    """
    x, y = _standardised(drawn, real)
    count = min(len(x), len(y))
    if count < 3:
        raise DataError(f"features: expected 3 rows or more of each set, got {count}")
    (mean_x, near_x), (mean_y, near_y) = _spread(x[:count]), _spread(y[:count])
    if min(mean_y, near_y) <= 0.0:
        raise DataError("features: expected real pictures that differ, got several that are equal")
    return Diversity(mean_x, mean_y, mean_x / mean_y, near_x / near_y)


def memorisation(
    drawn: npt.ArrayLike, training: npt.ArrayLike, kept_out: npt.ArrayLike
) -> Memorisation:
    """Test for copies of training pictures by nearest neighbours, kept-out real pictures being the yardstick.

    The distance to the nearest training picture is divided by the mean distance to its 50 nearest, so that smooth
    pictures, which lie near to everything, are not taken for copies (Carlini et al., USENIX Security 2023); that the
    yardstick is kept-out real data follows Meehan et al. (AISTATS 2020). A training set that holds a picture many
    times hides a copy of it: remove duplicates first. Mirrored pictures are other pictures: hand in both.

    Args:
        drawn: (N, D) features.
        training: (T, D) features of all training pictures, T at least 51.
        kept_out: (M, D) features of real pictures of the same kind that were not trained on.

    Raises:
        DataError: too few rows, other shapes or values that are not finite.
    """
    scale = _scale(_features("training", training))
    rows = [_scaled(_features("features", values), scale) for values in (drawn, kept_out, training)]
    x, real, trained = rows
    if min(len(x), len(real)) < 10 or len(trained) <= NEIGHBOURS:
        raise DataError(
            f"memorisation: expected 10 drawn, 10 kept-out and {NEIGHBOURS + 1} training pictures or more, "
            f"got {len(x)}, {len(real)} and {len(trained)}"
        )
    nearest, near, relative = _neighbours(x, trained)
    _, real_near, real_relative = _neighbours(real, trained)
    bound = float(np.quantile(real_relative, NEAR_QUANTILE))
    hits = int(np.count_nonzero(relative < bound))
    interval = clopper_pearson(hits, len(x), LEVEL)
    ratio = float(np.median(near) / max(float(np.median(real_near)), 1e-12))
    auc, auc_interval = _nearer(near, real_near)
    return Memorisation(
        interval[0] > COPIED_SHARE, hits / len(x), interval, auc, auc_interval, ratio, nearest
    )


def _features(name: str, values: npt.ArrayLike) -> DoubleArray:
    rows = np.asarray(values, np.float64)
    if rows.ndim != 2 or not np.isfinite(rows).all():
        raise DataError(f"{name}: expected (N, D) finite numbers, got shape {rows.shape}")
    return rows


def _scale(rows: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    spread: DoubleArray = rows.std(axis=0)
    return rows.mean(axis=0), np.where(spread > 1e-12, spread, np.inf)  # a constant says nothing


def _scaled(rows: DoubleArray, scale: tuple[DoubleArray, DoubleArray]) -> DoubleArray:
    if rows.shape[1] != len(scale[0]):
        raise DataError(f"features: expected {len(scale[0])} per picture, got {rows.shape[1]}")
    out: DoubleArray = (rows - scale[0]) / scale[1]
    return out


def _standardised(drawn: npt.ArrayLike, real: npt.ArrayLike) -> tuple[DoubleArray, DoubleArray]:
    y = _features("real", real)
    scale = _scale(y)
    return _scaled(_features("drawn", drawn), scale), _scaled(y, scale)


def _block_codes(count: int, blocks: int, rng: np.random.Generator) -> IndexArray:
    codes: IndexArray = rng.permutation(np.arange(count) % blocks)
    return codes


def _sums(x: DoubleArray, y: DoubleArray, x_block: IndexArray, y_block: IndexArray) -> DoubleArray:
    """(B, B) sums of the kernel over pairs of blocks; a row is never paired with itself."""
    kernel = (x @ y.T / x.shape[1] + 1.0) ** 3
    if x is y:
        np.fill_diagonal(kernel, 0.0)
    blocks = np.eye(int(np.max(x_block)) + 1)
    out: DoubleArray = blocks[x_block].T @ kernel @ blocks[y_block]
    return out


def _unbiased(
    sums: tuple[DoubleArray, DoubleArray],
    across: DoubleArray,
    sizes: tuple[IndexArray, IndexArray],
    kept: DoubleArray,
) -> float:
    n, m = float(sizes[0] @ kept), float(sizes[1] @ kept)
    within = kept @ sums[0] @ kept / (n * (n - 1.0)) + kept @ sums[1] @ kept / (m * (m - 1.0))
    return float(within - 2.0 * (kept @ across @ kept) / (n * m))


def _jackknife(value: float, left_out: DoubleArray) -> Interval:
    from scipy.special import stdtrit

    blocks = len(left_out)
    spread = np.sqrt((blocks - 1) / blocks * np.sum((left_out - left_out.mean()) ** 2))
    reach = float(stdtrit(blocks - 1, (1.0 + LEVEL) / 2.0)) * float(spread)
    return Interval(value - reach, value + reach, LEVEL, blocks)


def _distances(x: DoubleArray, y: DoubleArray) -> DoubleArray:
    squares = (x**2).sum(1)[:, None] + (y**2).sum(1)[None] - 2.0 * (x @ y.T)
    out: DoubleArray = np.sqrt(np.maximum(squares, 0.0))
    return out


def _spread(x: DoubleArray) -> tuple[float, float]:
    """Mean distance of two rows, and median distance of a row to its nearest."""
    between = _distances(x, x)
    np.fill_diagonal(between, 0.0)
    mean = between.sum() / (len(x) * (len(x) - 1))
    np.fill_diagonal(between, np.inf)
    return float(mean), float(np.median(between.min(axis=1)))


def _neighbours(
    x: DoubleArray, training: DoubleArray
) -> tuple[IndexArray, DoubleArray, DoubleArray]:
    """Index of the nearest training row, its distance, and that by the mean of the 50 nearest."""
    between = _distances(x, training)
    nearest: IndexArray = between.argmin(axis=1).astype(np.int64)
    few: DoubleArray = np.partition(between, NEIGHBOURS - 1, axis=1)[:, :NEIGHBOURS]
    near: DoubleArray = few.min(axis=1)
    return nearest, near, near / np.maximum(few.mean(axis=1), 1e-12)


def _nearer(near: DoubleArray, real_near: DoubleArray) -> tuple[float, Interval]:
    """Chance that a drawn picture lies nearer than a kept-out one, with DeLong's interval (1988)."""
    wins = (near[:, None] < real_near[None]) + 0.5 * (near[:, None] == real_near[None])
    value = float(wins.mean())
    error = np.sqrt(
        wins.mean(1).var(ddof=1) / len(near) + wins.mean(0).var(ddof=1) / len(real_near)
    )
    reach = 1.959964 * float(error)
    low, high = max(0.0, value - reach), min(1.0, value + reach)
    return value, Interval(low, high, LEVEL, min(len(near), len(real_near)))
