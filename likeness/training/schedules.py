"""How the learning rate goes over a run; it depends on the step only, never on the clock."""

from __future__ import annotations

import math


def rise_and_fall(step: int, steps: int, highest: float, rise: float = 0.03) -> float:
    """Learning rate of a step: a short straight rise, then half a cosine down to a hundredth (Loshchilov and Hutter, 2017).

    Args:
        step: 0 to steps - 1.
        steps: of the run.
        highest: what it rises to.
        rise: share of the steps in which it does.
    """
    risen = min(1.0, (step + 1) / max(1.0, rise * steps))
    fall = 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))
    return highest * risen * (0.01 + 0.99 * fall)
