"""Likelihood ratios in words that an editor can use (scale after ENFSI 2015)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from likeness.errors import DataError
from likeness.types import Question

__all__ = ["verbal_scale"]

QUESTION_WORDS: dict[Question, str] = {
    "blended": "a face blended into it",
    "synthesised": "a generated face",
    "reenacted": "a face moved by somebody else's motion",
}
# from this |llr| on
SCALE = (
    (6.0, "extremely strong"),
    (4.0, "very strong"),
    (3.0, "strong"),
    (2.0, "moderately strong"),
    (1.0, "moderate"),
    (math.log10(2.0), "weak"),
)


def verbal_scale(llr: float) -> str:
    """A log10 likelihood ratio in words.

    Ratios from 2 are weak, from 10 moderate, from 100 moderately strong, from 1,000 strong, from 10,000 very strong and
    from a million extremely strong support (ENFSI Guideline for Evaluative Reporting, 2015).

    Args:
        llr: log10 likelihood ratio; positive speaks for manipulation.

    Raises:
        DataError: NaN.

    Example:
        >>> verbal_scale(1.5), verbal_scale(-0.4), verbal_scale(0.1)
        ('moderate support for manipulation', 'weak support against manipulation', 'no support either way')
    """
    if math.isnan(llr):
        raise DataError(
            "llr: expected a number, got NaN; leave out findings without a calibrated llr"
        )
    for least, word in SCALE:
        if abs(llr) >= least - 1e-12:
            return f"{word} support {'for' if llr > 0 else 'against'} manipulation"
    return "no support either way"


def strength(llr: float | None) -> str:
    """The words with the number."""
    if llr is None:
        return "no calibrated finding"
    return f"{verbal_scale(llr)} (log10 likelihood ratio {llr:+.1f})"


def times(llr: float) -> str:
    """The ratio, without its direction, as a person would write it."""
    ratio = 10.0 ** abs(llr)
    return f"{ratio:.1f}" if ratio < 10.0 else f"{float(f'{ratio:.2g}'):,.0f}"


def listing(parts: Sequence[str], last: str = "and") -> str:
    """Parts of a sentence, joined: a, b and c."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}"
