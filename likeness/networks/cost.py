"""What a network costs: parameters and multiply-accumulates."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


def parameters(module: nn.Module) -> int:
    """Number of trainable and fixed parameters."""
    return sum(p.numel() for p in module.parameters())


def multiply_accumulates(module: nn.Module, *inputs: torch.Tensor) -> int:
    """Multiply-accumulates of convolutions and dense layers for one call; additions of biases are not counted."""
    total = 0

    def count(layer: nn.Module, _: Any, output: torch.Tensor) -> None:
        nonlocal total
        if isinstance(layer, nn.Conv2d):
            total += output.shape[0] * output.shape[2] * output.shape[3] * layer.weight.numel()
        elif isinstance(layer, nn.Linear):
            total += output.shape[0] * layer.weight.numel()

    handles = [layer.register_forward_hook(count) for layer in module.modules()]
    try:
        with torch.no_grad():
            module(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    return total
