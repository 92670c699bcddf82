"""How sure a finding is: an analytic bound on false positives that counts every hypothesis that was searched.

The statistic of one hypothesis (scale, offset, flip) is

    z = sum_k a_k cos(p_k - t_k - s_k) / sqrt(sum_k a_k^2 / 2)

with magnitudes a_k >= 0 and phases p_k read from the picture, t_k drawn uniformly and independently by the key, and s_k of the
hypothesis. A picture that was made without knowledge of the key has a_k and p_k independent of t_k, whatever it shows. Each
term is then the cosine of a uniform phase, E exp(l cos U) = I0(l) <= exp(l^2 / 4), and by Chernoff P(z > t) <= exp(-t^2 / 2).
The hypotheses form a fixed finite set, whether or not all of them are visited; their number multiplies the bound (Boole).

Two statistics are looked at. `sync` sums the synchronisation waves. `whole` sums all waves with the signs of the payload that was
decoded: whichever payload that was, it is one of 2^64, so their number is counted as well. The smaller of the two bounds,
doubled, is stated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

FALSE_POSITIVE_RATE: Final = 1e-6
"""Stated false-positive probability up to which a mark counts as found."""


@dataclass(frozen=True)
class Hypotheses:
    """How large the searched set is.

    Attributes:
        sync: scales, offsets and flips at which the synchronisation waves may be summed.
        whole: scales, offsets, flips and payloads for which all waves may be summed.
    """

    sync: int
    whole: int

    def log10_false_positive(self, z_sync: float, z_whole: float | None = None) -> float:
        """log10 of the bound on the probability that an unmarked picture gives as good a match anywhere; at most 0.

        Args:
            z_sync: largest statistic of the synchronisation waves.
            z_whole: largest statistic of all waves; None where no payload was decoded.
        """
        bound = _log10_bound(z_sync, self.sync)
        if z_whole is not None:
            bound = min(bound, _log10_bound(z_whole, self.whole))
        return min(0.0, bound + math.log10(2))

    def threshold(self, rate: float = FALSE_POSITIVE_RATE) -> float:
        """The z of the synchronisation waves from which on the bound is at most `rate`."""
        return math.sqrt(2 * (math.log(2 * self.sync) - math.log(rate)))


def _log10_bound(z: float, hypotheses: int) -> float:
    return math.log10(hypotheses) - max(z, 0.0) ** 2 / 2 * math.log10(math.e)
