"""A moving average of a model's weights, which is steadier than the model."""

from __future__ import annotations

import copy

import torch


def frozen_copy(model: torch.nn.Module) -> torch.nn.Module:
    """A copy that is not trained, for evaluation."""
    average = copy.deepcopy(model).eval()
    return average.requires_grad_(False)


@torch.no_grad()
def follow(average: torch.nn.Module, model: torch.nn.Module, decay: float) -> None:
    """Move the average towards the model; counters and other whole numbers are copied."""
    pairs = list(zip(average.state_dict().values(), model.state_dict().values(), strict=True))
    moving = [(a, m) for a, m in pairs if a.is_floating_point()]
    torch._foreach_lerp_([a for a, _ in moving], [m for _, m in moving], 1.0 - decay)
    for a, m in pairs:
        if not a.is_floating_point():
            a.copy_(m)
