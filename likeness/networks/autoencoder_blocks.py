"""What the face-swap autoencoders share: the upscaling block, and how two identities pass through one network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

Side = Literal["source", "target"]
SIDES: tuple[Side, Side] = ("source", "target")
SLOPE = 0.1


class Upscale(nn.Module):
    """Convolution to `factor`² times the channels, LeakyReLU, pixel-shuffle: (N, C, H, W) -> (N, outputs, fH, fW).

    Args:
        inputs: channels in.
        outputs: channels out.
        factor: how much larger the picture becomes.
    """

    def __init__(self, inputs: int, outputs: int, factor: int = 2) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs * factor**2, 3, padding=1)
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return unfold(leaky(self.conv(x)), self.factor)


class Residual(nn.Module):
    """Two 3x3 convolutions beside a shortcut; the size stays."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) -> the same."""
        return functional.leaky_relu(x + self.second(leaky(self.first(x))), 0.2)


class SwapNetwork(nn.Module, ABC):
    """Base of the autoencoders: one encoder for two identities, and a way to decode each.

    Attributes:
        input_px: side of the pictures that go in.
        output_px: side of the pictures that come out.
        has_mask: whether a fourth channel says where the face is.
    """

    input_px: int
    output_px: int
    has_mask: bool

    @abstractmethod
    def stages(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Feature maps of the encoder, (N, C, H, W) each, fine to coarse; for perceptual losses."""

    @abstractmethod
    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 3, input_px, input_px) RGB in [0, 1] -> what both decoders start from."""

    @abstractmethod
    def decode(self, code: torch.Tensor, side: Side) -> torch.Tensor:
        """-> (N, 3 or 4, output_px, output_px) in [0, 1]: RGB, then the mask if there is one."""

    def forward(
        self, source: torch.Tensor, target: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Each identity through the encoder (in one pass) and its own decoder."""
        count = len(source)
        code = self.encode(torch.cat([source, target]))
        return self.decode(code[:count], "source"), self.decode(code[count:], "target")

    def start_from(self, side: Side, mean: torch.Tensor) -> None:
        """Begin at the mean face of a side, (4, output_px, output_px) in [0, 1]; networks without a place for it don't."""


class SwapHalf(nn.Module):
    """What is left for using a network: encoder and source decoder; a target's crop in, the source's face out."""

    def __init__(self, network: SwapNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 3, input_px, input_px) -> (N, 3 or 4, output_px, output_px)."""
        return self.network.decode(self.network.encode(images), "source")


def unfold(x: torch.Tensor, factor: int) -> torch.Tensor:
    """(N, f²C, H, W) -> (N, C, fH, fW): channels become pixels (Shi et al. 2016).

    The order of channels is (row, column, C), so that with channels last in memory it is one copy of long runs: four to
    eight times faster on a CPU than torch's own order.
    """
    channels, height, width = (int(n) for n in x.shape[1:])
    inner = channels // factor**2
    blocks = x.permute(0, 2, 3, 1).reshape(-1, height, width, factor, factor, inner)
    rows = blocks.permute(0, 1, 3, 2, 4, 5)
    return rows.reshape(-1, height * factor, width * factor, inner).permute(0, 3, 1, 2)


def leaky(x: torch.Tensor) -> torch.Tensor:
    """LeakyReLU with the slope of the classic network."""
    return functional.leaky_relu(x, SLOPE)


def initialise(network: nn.Module, seed: int) -> None:
    """He-uniform weights and zero biases, from a generator of its own."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_uniform_(module.weight, nonlinearity="relu", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
