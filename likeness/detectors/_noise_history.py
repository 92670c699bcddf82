"""Where a JPEG picture was compressed once and where twice: a part that was put in or repainted has another history.

A picture that was JPEG, was changed and saved again carries in its untouched parts coefficients that were rounded twice: their
histogram has gaps and peaks at regular places. What was put in was rounded once (or lies off the grid, which hides the first
time). After Lin, He, Tang and Tang 2009 ("Fast, automatic and fine-grained tampered JPEG image detection via DCT coefficient
analysis") and Bianchi and Piva 2012 ("Image forgery localization via block-grained analysis of JPEG artifacts"): every low
frequency gets the first step that explains its histogram best as a mixture of once and twice, and every block the likelihood
ratio of the two. What the histogram would be without rounding is read from the picture shifted by half a block (Lukas and
Fridrich 2003). Blocks that hold nothing but zeros say nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from likeness.types import DoubleArray, FloatArray, ImageArray, IndexArray

MODES = (
    (0, 1), (1, 0), (2, 0), (1, 1), (0, 2), (0, 3), (1, 2), (2, 1), (3, 0), (4, 0), (3, 1), (2, 2),
    (1, 3), (0, 4),
)  # fmt: skip
FEWEST_BLOCKS = 256
FEWEST_MODES = 4
"""Frequencies that must show a first compression before it is believed: single ones do by chance."""
LEAST_PART = 12
"""Blocks of 8 px that hang together below which a part is not shown: chance makes small ones."""
_RANGE = 24  # rounded values from -24 to 24
_LARGEST_STEP = 64
_FINE = 4.0  # bins of the unrounded histogram per unit
_FEWEST_VALUES = 100  # beyond the middle that a frequency needs before it has a say
_LEAST_GAIN = (8.0, 0.01)  # log likelihood that a first step must add, and more of it per value
_OUTLIERS = 0.05
_SHARES = np.linspace(0.0, 1.0, 21)  # of blocks that were compressed twice
_ROUNDING = 0.6  # spread of a coefficient after the pixels were rounded between both compressions
_STEPS = np.array(
    [-1.75, -1.25, -0.75, -0.25, 0.25, 0.75, 1.25, 1.75]
)  # never 0: ties would all go one way
_WEIGHTS = np.exp(-0.5 * _STEPS**2) / np.exp(-0.5 * _STEPS**2).sum()
_WINDOW = 3  # blocks whose ratios are added up
_LEAST_SAID = 8.0  # of weight in a window, natural log
_LEAST_WEIGHT = 80.0  # of a whole side
LEAST_APART = 0.8
"""How clearly a part must differ, see `apart`. Of 65 pictures of UTKFace, role train, saved again at 70, 80, 90 and 95, none came above
.73, and all whose middle ninth was put in afresh came above 1.4 at 90 and 95."""
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class History:
    """What the coefficients say, one cell per block of 8 px.

    Attributes:
        ratios: (R, C) float64 natural log of twice against once; 0 where nothing is known.
        weight: (R, C) float64 how much a block could have said either way, in the same unit.
        modes: how many of the 14 frequencies show a first compression.
    """

    ratios: DoubleArray
    weight: DoubleArray
    modes: int


def block_history(luma: ImageArray, table: IndexArray) -> History | None:
    """Read the history of every block; None for pictures of fewer than 256 blocks.

    Args:
        luma: (H, W) uint8 brightness as coded in the file.
        table: (8, 8) steps that it was rounded by, natural order.
    """
    if (luma.shape[0] // 8) * (luma.shape[1] // 8) < FEWEST_BLOCKS:
        return None
    here, before = _coefficients(luma, 0), _coefficients(luma, 4)
    usable = _unclipped(luma)
    ratios, weight, modes = np.zeros(usable.shape), np.zeros(usable.shape), 0
    for k, (row, column) in enumerate(MODES):
        step = int(table[row, column])
        values = np.clip(np.rint(here[..., k] / step), -_RANGE, _RANGE).astype(np.int64) + _RANGE
        ratio = _mode_ratio(values[usable], before[..., k], step)
        if ratio is not None:
            ratios += np.where(usable, ratio[values], 0.0)
            weight += np.where(usable, np.abs(ratio[values]), 0.0)
            modes += 1
    return History(ratios, weight, modes)


def odd_part(history: History) -> FloatArray:
    """(R, C) float32 in [0, 1]: probability that a block has the history that most of the picture does not have.

    All zeros where fewer than four frequencies show a first compression, where the other history fills no connected part of
    twelve blocks, or where that part does not differ clearly: a picture that was compressed twice as a whole is dark, and so
    is one that was compressed once.
    """
    import cv2

    nothing = np.zeros(history.ratios.shape, np.float32)
    if history.modes < FEWEST_MODES:
        return nothing
    side = (_WINDOW, _WINDOW)
    total = cv2.boxFilter(history.ratios, -1, side, normalize=False)
    said = cv2.boxFilter(history.weight, -1, side, normalize=False)
    known = said > _LEAST_SAID
    if not known.any():
        return nothing
    mostly_twice = float(np.sign(total[known]).mean()) >= 0.0
    other = np.clip(-total if mostly_twice else total, -30.0, 30.0)
    probability = np.where(known, 1.0 / (1.0 + np.exp(-other)), 0.0)
    # Opened: what is narrower than a window is an edge or a line of lettering, not a part.
    lit = cv2.morphologyEx((probability > 0.5).astype(np.uint8), cv2.MORPH_OPEN, np.ones(side))
    count, parts, stats, _ = cv2.connectedComponentsWithStats(lit, connectivity=4)
    large = [k for k in range(1, count) if stats[k, cv2.CC_STAT_AREA] >= LEAST_PART]
    part = np.isin(parts, large)
    differs = apart(history, part) if part.any() else None
    if differs is None or differs < LEAST_APART:
        return nothing
    return np.where(part, probability, 0.0).astype(np.float32)


def apart(history: History, part: Mask) -> float | None:
    """How differently a part and the rest were compressed: 0 = alike, 2 = one once and the other twice; None if unknown.

    Args:
        history: of the picture.
        part: (R, C) bool blocks of the part, such as the face.
    """
    if history.modes < FEWEST_MODES:
        return None
    weights = [float(history.weight[where].sum()) for where in (part, ~part)]
    if min(weights) < _LEAST_WEIGHT:
        return None
    means = [
        float(history.ratios[w].sum()) / s for w, s in zip((part, ~part), weights, strict=True)
    ]
    return abs(means[0] - means[1])


def _mode_ratio(values: IndexArray, unrounded: DoubleArray, step: int) -> DoubleArray | None:
    """(49,) log of twice against once per rounded value; None where no first step explains the histogram better."""
    counts = np.bincount(values, minlength=2 * _RANGE + 1).astype(np.float64)
    counts[[0, _RANGE, -1]] = 0.0  # the middle tells how smooth a part is, not its history
    total = float(counts.sum())
    if total < _FEWEST_VALUES:
        return None
    fine = _histogram(unrounded, step)
    once = _rounded(fine, 0, step)
    best, gain = None, _LEAST_GAIN[0] + _LEAST_GAIN[1] * total
    for first in range(2, _LARGEST_STEP):
        if step % first == 0:
            continue  # leaves no trace
        twice = _rounded(fine, first, step)
        mixed = _SHARES[:, None] * twice + (1.0 - _SHARES[:, None]) * once
        gained = float(((np.log(mixed) - np.log(once)) @ counts).max())
        if gained > gain:
            best, gain = twice, gained
    if best is None:
        return None
    ratio = np.log(best) - np.log(once)
    ratio[[0, _RANGE, -1]] = 0.0
    return np.asarray(ratio)


def _histogram(unrounded: DoubleArray, step: int) -> tuple[DoubleArray, DoubleArray]:
    """Coefficients before any rounding on a fine grid, and how many there are of each."""
    reach = (_RANGE + 2) * max(step, 2)
    inside = unrounded[np.abs(unrounded) < reach]
    # Middles of bins, so that none lies on the border between two rounded values.
    places, counts = np.unique(np.floor(inside * _FINE) + 0.5, return_counts=True)
    return places / _FINE, counts.astype(np.float64)


def _rounded(fine: tuple[DoubleArray, DoubleArray], first: int, step: int) -> DoubleArray:
    """(49,) probabilities of the values after rounding with `step`, and before that with `first` unless it is 0."""
    places, counts = fine
    if first:
        between = np.rint(places / first) * first
        places = (between[:, None] + _ROUNDING * _STEPS).ravel()
        counts = (counts[:, None] * _WEIGHTS).ravel()
    values = np.rint(places / step)
    inside = np.abs(values) < _RANGE
    places_of = values[inside].astype(np.int64) + _RANGE
    shares = np.asarray(np.bincount(places_of, counts[inside], 2 * _RANGE + 1), np.float64)
    shares[_RANGE] = 0.0
    shares /= max(1.0, float(shares.sum()))
    return np.asarray((1.0 - _OUTLIERS) * shares + _OUTLIERS / (2 * _RANGE))


def _unclipped(luma: ImageArray) -> Mask:
    """(R, C) blocks without black or white pixels: where pixels were cut off, coefficients are no longer the file's."""
    rows, columns = luma.shape[0] // 8, luma.shape[1] // 8
    blocks = luma[: rows * 8, : columns * 8].reshape(rows, 8, columns, 8)
    return np.asarray((blocks.min(axis=(1, 3)) > 0) & (blocks.max(axis=(1, 3)) < 255))


def _coefficients(luma: ImageArray, shift: int) -> DoubleArray:
    """(R, C, 14) orthonormal DCT coefficients of `MODES` of the blocks of a picture shifted by `shift` pixels both ways."""
    from scipy.fft import dct

    basis = dct(np.eye(8), axis=0, norm="ortho").astype(np.float32)
    cut = luma[shift:, shift:]
    rows, columns = cut.shape[0] // 8, cut.shape[1] // 8
    blocks = cut[: rows * 8, : columns * 8].reshape(rows, 8, columns, 8).swapaxes(1, 2)
    each = np.stack([np.outer(basis[i], basis[j]).ravel() for i, j in MODES], axis=1)
    return np.asarray((blocks.reshape(rows, columns, 64).astype(np.float32) - 128.0) @ each)
