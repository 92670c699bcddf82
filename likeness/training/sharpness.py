"""Looking around before a step: the gradient of the worst place nearby leads to flatter minima than that of the place itself.

Sharpness-aware minimisation (Foret et al., ICLR 2021) costs a second pass per step; used in the last steps only, it finds nearly as
flat a minimum (Zhou et al., ICLR 2025).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def worst_nearby(model: torch.nn.Module, radius: float) -> Iterator[None]:
    """Move the parameters by `radius` along their gradients; afterwards they and all buffers are as they were, to the bit.

    Gradients that are worked out inside stay. Parameters without a gradient do not move.
    """
    moved: list[torch.Tensor] = [p for p in model.parameters() if p.grad is not None]
    slopes = [p.grad for p in moved if p.grad is not None]
    kept = [t.detach().clone() for t in (*moved, *model.buffers())]
    norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(slopes))).clamp_min(1e-12)
    with torch.no_grad():
        torch._foreach_add_(moved, [slope * (radius / norm) for slope in slopes])
    try:
        yield
    finally:
        with torch.no_grad():
            for place, value in zip((*moved, *model.buffers()), kept, strict=True):
                place.copy_(value)  # statistics and counters follow the real step alone
