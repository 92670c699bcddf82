"""What the small networks of detectors are made of."""

from __future__ import annotations

import torch
from torch import nn


def block(inputs: int, outputs: int, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    """Convolution, batch normalisation, ReLU; (N, inputs, h, w) -> (N, outputs, h / stride, w / stride)."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def he_normal(
    network: nn.Module, seed: int, kinds: tuple[type[nn.Module], ...] = (nn.Conv2d,)
) -> None:
    """Initialisation of He et al. (ICCV 2015) for every layer of these kinds, in their order; biases become zero."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, kinds):
            weight, bias = module.weight, module.bias
            assert isinstance(weight, torch.Tensor)
            nn.init.kaiming_normal_(weight, nonlinearity="relu", generator=generator)
            if isinstance(bias, torch.Tensor):
                nn.init.zeros_(bias)


class Shipped(nn.Module):
    """A network that draws and says, as it is shipped: what it draws as values in [0, 1], what it says as logits."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *seen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What the network takes -> (N, ..., h, w) in [0, 1] and (N,) logits."""
        drawn, logit = self.network(*seen)
        return torch.sigmoid(drawn), logit
