"""Whether a JPEG picture looks as if it had been JPEG before: a hint for the report, not evidence.

When coefficients that were rounded with one step are rounded again with another, their histogram gets gaps and peaks at
regular places. Lukas and Fridrich 2003 (*Estimation of primary quantization matrix in double compressed JPEG images*)
look for the first step that explains them: the picture is shifted by half a block, which destroys the block grid and gives
an estimate of the coefficients before any rounding; that estimate is rounded with every candidate step and then with the
present one, and the result is compared with the histogram that is there.

Limits: a first compression that was finer than the second (or whose steps divide it) leaves no trace; small, flat or
heavily compressed pictures have too few coefficients; a crop that moved the block grid, a resize or a repair in between
hides it. Pictures of the web and of messengers are compressed twice as a rule, untouched: the hint tells about a file's
history, never about manipulation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from likeness.types import DoubleArray, ImageArray, IndexArray

_MODES = ((0, 1), (1, 0), (2, 0), (1, 1), (0, 2), (0, 3), (1, 2), (2, 1), (3, 0))
_RANGE = 24  # histogram of quantised values from -24 to 24
_MOST_BLOCKS = 4_096
_FEWEST_SPREAD = 150  # values other than 0 that a mode needs before it has a say
_LARGEST_STEP = 48


@dataclass(frozen=True)
class DoubleJpegHint:
    """What the histograms say.

    Attributes:
        share: part of the examined modes that are explained much better by a first compression, 0 to 1; NaN if no
            mode could be examined.
        modes: how many of the nine lowest frequencies could be examined.
    """

    share: float
    modes: int

    @property
    def words(self) -> str:
        """In words, for the report."""
        if self.modes < 4:
            return "cannot tell (too few coefficients)"
        if self.share >= 0.6:
            return "likely compressed before (a hint, see documentation)"
        return "no trace of an earlier compression"


def double_jpeg_hint(luma: ImageArray, table: IndexArray) -> DoubleJpegHint:
    """Look for traces of an earlier JPEG compression on the same block grid.

    Args:
        luma: (H, W) uint8 brightness as coded in the file (not converted from RGB, not turned).
        table: (8, 8) luminance quantisation table of the file, natural order.
    """
    here, before = _coefficients(luma, 0), _coefficients(luma, 4)
    votes: list[bool] = []
    for row, column in _MODES:
        step = int(table[row, column])
        values = np.rint(here[:, row, column] / step)
        if np.count_nonzero(values) < _FEWEST_SPREAD:
            continue
        votes.append(_explained(values, before[:, row, column], step))
    return DoubleJpegHint(float(np.mean(votes)) if votes else float("nan"), len(votes))


def _explained(values: DoubleArray, unrounded: DoubleArray, step: int) -> bool:
    """Whether some first step explains the histogram of `values` much better than none does."""
    found = _histogram(values)
    # Values 0 and 1 differ between grids for other reasons (block edges): the shape beyond them decides.
    weight = 1.0 / np.sqrt(found + 1.0 / len(values))
    weight[_RANGE] = 0.0

    def distance(first: int) -> float:
        rounded = unrounded if first == 1 else np.rint(unrounded / first) * first
        expected = _histogram(np.rint(rounded / step))
        return float((np.square(found - expected) * weight).sum())

    single = distance(1)
    best = min(distance(first) for first in range(2, _LARGEST_STEP) if step % first)
    return best < 0.5 * single


def _histogram(values: DoubleArray) -> DoubleArray:
    clipped = np.clip(values, -_RANGE, _RANGE).astype(np.int64) + _RANGE
    return np.bincount(clipped, minlength=2 * _RANGE + 1) / len(values)


def _coefficients(luma: ImageArray, shift: int) -> DoubleArray:
    """(N, 8, 8) float64 orthonormal DCT of the blocks of a picture shifted by `shift` pixels both ways."""
    from scipy.fft import dctn

    cut = luma[shift:, shift:]
    rows, columns = cut.shape[0] // 8, cut.shape[1] // 8
    blocks: ImageArray = (
        cut[: rows * 8, : columns * 8].reshape(rows, 8, columns, 8).swapaxes(1, 2).reshape(-1, 8, 8)
    )
    if len(blocks) > _MOST_BLOCKS:
        blocks = blocks[:: -(-len(blocks) // _MOST_BLOCKS)]
    found: DoubleArray = dctn(blocks.astype(np.float64) - 128.0, axes=(1, 2), norm="ortho")
    return found
