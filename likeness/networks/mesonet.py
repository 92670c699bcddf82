"""Meso4 and MesoInception4 (Afchar et al., WIFS 2018) as torch modules, for training and for checking the ONNX graphs.

Both end, as published, in one sigmoid unit for P(real); `forward` gives its logit, so the sign of a logit here is
the opposite of a Likeness score. Names and shapes of the parameters are those of
`likeness.detectors._mesonet_weights.weight_shapes`. The flattening before the dense layers keeps Keras's order
(height, width, channel), so that weights can be exchanged in both directions without permuting the dense kernel.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

from likeness.networks.convolutions import he_normal

Architecture = Literal["meso4", "mesoinception4"]
BN_EPS = 1e-3
BN_MOMENTUM = 0.01  # torch's momentum is the weight of the new batch: Keras's 0.99


class Inception(nn.Module):
    """Four parallel branches: 1x1, 1x1 then 3x3, and 1x1 then 3x3 dilated by 2 and by 3; ReLU after every convolution.

    Args:
        inputs: input channels.
        widths: output channels (a, b, c, d) of the branches; they are concatenated in this order.
    """

    def __init__(self, inputs: int, widths: tuple[int, int, int, int]) -> None:
        super().__init__()
        a, b, c, d = widths
        self.a = nn.Conv2d(inputs, a, 1)
        self.b1, self.b2 = nn.Conv2d(inputs, b, 1), nn.Conv2d(b, b, 3, padding="same")
        self.c1, self.c2 = nn.Conv2d(inputs, c, 1), nn.Conv2d(c, c, 3, padding="same", dilation=2)
        self.d1, self.d2 = nn.Conv2d(inputs, d, 1), nn.Conv2d(d, d, 3, padding="same", dilation=3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) -> (N, a+b+c+d, H, W)."""
        relu = torch.relu
        branches = (
            relu(self.a(x)),
            relu(self.b2(relu(self.b1(x)))),
            relu(self.c2(relu(self.c1(x)))),
            relu(self.d2(relu(self.d1(x)))),
        )
        return torch.cat(branches, dim=1)


class MesoNet(nn.Module):
    """Either network of the paper.

    Args:
        architecture: `meso4` (27 977 trainable parameters) or `mesoinception4` (28 615).
        seed: of the He initialisation.
    """

    def __init__(self, architecture: Architecture = "meso4", seed: int = 0) -> None:
        super().__init__()
        if architecture == "meso4":
            self.conv1: nn.Module = nn.Conv2d(3, 8, 3, padding="same")
            self.conv2: nn.Module = nn.Conv2d(8, 8, 5, padding="same")
            widths = (8, 8)
        else:
            self.conv1 = Inception(3, (1, 4, 4, 2))
            self.conv2 = Inception(11, (2, 4, 4, 2))
            widths = (11, 12)
        self.conv3 = nn.Conv2d(widths[1], 16, 5, padding="same")
        self.conv4 = nn.Conv2d(16, 16, 5, padding="same")
        for i, width in enumerate((*widths, 16, 16), start=1):
            setattr(self, f"bn{i}", nn.BatchNorm2d(width, eps=BN_EPS, momentum=BN_MOMENTUM))
        self.dense1, self.dense2 = nn.Linear(1024, 16), nn.Linear(16, 1)
        self.dropout = nn.Dropout(0.5)
        he_normal(self, seed, (nn.Conv2d, nn.Linear))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 3, 256, 256) float32 RGB in [0, 1] -> (N,) logit of P(real)."""
        for i, pool in enumerate((2, 2, 2, 4), start=1):
            x = torch.relu(getattr(self, f"conv{i}")(x))  # an inception block is rectified already
            x = nn.functional.max_pool2d(getattr(self, f"bn{i}")(x), pool)
        x = x.permute(0, 2, 3, 1).flatten(1)
        x = nn.functional.leaky_relu(self.dense1(self.dropout(x)), 0.1)
        logit: torch.Tensor = self.dense2(self.dropout(x)).squeeze(1)
        return logit
