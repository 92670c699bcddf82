"""What a calibration is fitted on, and how much it may claim for it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from likeness.scoring.covariates import Covariates
from likeness.scoring.inputs import (
    BoolArray,
    both_classes,
    identity_weights,
    independent_identities,
)
from likeness.types import DoubleArray

__all__ = ["CalibrationSample", "llr_bound"]

LN10 = float(np.log(10.0))


def llr_bound(n_identities: int) -> float:
    """Largest |log10 likelihood ratio| that n independent identities of the smaller class can support.

    log10(n + 1) - 0.5, and 0 below three identities: 30 identities carry about 1, 300 about 2.
    """
    return max(0.0, float(np.log10(n_identities + 1)) - 0.5)


def bounded(llrs: DoubleArray, n_identities: int) -> DoubleArray:
    """Clip to `llr_bound`."""
    bound = llr_bound(n_identities)
    clipped: DoubleArray = np.clip(llrs, -bound, bound)
    return clipped


@dataclass(frozen=True)
class CalibrationSample:
    """What a calibration is fitted on: a source that was kept out of training.

    Attributes:
        scores: (N,) raw scores, higher = more likely manipulated.
        labels: (N,) 0 = real, 1 = fake.
        groups: (N,) identity of each item; a real picture and its pseudo-fakes carry the same.
        population: who they are, in a sentence for the report.
        covariates: name to (N,) values, NaN where not measured. They help only if they are distributed alike in both
            classes; where fakes are merely softer or smaller than the real items, the confound becomes evidence.
        equal_identities: whether each identity counts equally in each class, however many items it has.
    """

    scores: npt.ArrayLike
    labels: npt.ArrayLike
    groups: npt.ArrayLike
    population: str
    covariates: Covariates = field(default_factory=dict)
    equal_identities: bool = True

    def checked(self) -> tuple[DoubleArray, BoolArray, DoubleArray, int]:
        """Scores, fake, weights (all (N,)) and the number of independent identities; raises `DataError`."""
        scores, fake = both_classes(self.scores, self.labels)
        n_identities = independent_identities(self.groups, fake)
        weights = (
            identity_weights(self.groups, fake) if self.equal_identities else np.ones(len(fake))
        )
        return scores, fake, weights, n_identities
