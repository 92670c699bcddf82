"""Two networks for whole generated pictures: one that tells them from photographs, one that redraws photographs.

`GeneratedNet` sees nothing but what fixed high-pass filters leave of a patch: no colour, no brightness, no face. After
CNNDetection (Wang et al., CVPR 2020) in its training, and after the constrained first layers of media forensics in
what it looks at. `Redrawer` is a small autoencoder with one decoder per way of upsampling; what it draws carries the traces
of that way, so that photographs can be given the traces of many generators.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn
from torch.nn import functional

from likeness.networks.autoencoder_blocks import Upscale, initialise, leaky
from likeness.networks.convolutions import block, he_normal

PATCH_PX = 96
"""Side of the patches that it takes."""
UPSAMPLINGS = ("transposed", "nearest", "shuffle", "bilinear")
"""Transposed convolution of 3 pixels and stride 2 (uneven overlap: a checkerboard), nearest neighbour and convolution,
pixel shuffle, bilinear and convolution (the smoothest)."""
_REACH = (
    6.0  # levels at which the high-pass values begin to saturate: edges of the scene say nothing
)


class HighPass(nn.Module):
    """First and second differences of luma, second differences of chroma; nothing in it is trained."""

    filters: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        tones = torch.tensor(
            [[0.299, 0.587, 0.114], [-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]]
        )  # ITU-R BT.601
        slope = torch.tensor([[0.0, 0, 0], [0, -1, 1], [0, 0, 0]])
        bend = torch.tensor([[0.0, 0, 0], [1, -2, 1], [0, 0, 0]]) / 2
        grain = torch.tensor([[1.0, -2, 1], [-2, 4, -2], [1, -2, 1]]) / 4
        pairs = [(0, kernel) for kernel in (slope, slope.T, bend, bend.T, grain)]
        pairs += [(tone, kernel) for tone in (1, 2) for kernel in (bend, bend.T)]
        filters = torch.stack([tones[i][:, None, None] * kernel for i, kernel in pairs])
        self.register_buffer("filters", filters, persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, S, S, 3) uint8 RGB -> (N, 9, S - 2, S - 2) in (-1, 1)."""
        rgb = images.permute(0, 3, 1, 2).float()
        with torch.autocast(images.device.type, enabled=False):  # bfloat16 has 8 bits, as pixels do
            return torch.tanh(functional.conv2d(rgb, self.filters) / _REACH)


class GeneratedNet(nn.Module):
    """Says of patches whether a generator drew them.

    Args:
        widths: channels of the three stages, each half as fine as the one before.
        dropout: share of the pooled numbers that are dropped in training.
        seed: of the He initialisation.
    """

    def __init__(
        self, widths: tuple[int, int, int] = (24, 32, 48), dropout: float = 0.3, seed: int = 0
    ) -> None:
        super().__init__()
        a, b, c = widths
        self.high_pass = HighPass()
        self.stages = nn.Sequential(
            block(4 * 9, a), block(a, b, 2), block(b, b), block(b, c, 2), block(c, c)
        )
        self.dropout = nn.Dropout(dropout)
        self.pooled = nn.Linear(2 * c, 1)
        he_normal(self, seed)
        nn.init.zeros_(self.pooled.weight)
        nn.init.zeros_(self.pooled.bias)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 96, 96, 3) uint8 RGB, un-resized -> (N,) logits of "generated"."""
        # Every second pixel into channels: four times less arithmetic, and the network sees a period of 2 at once.
        fine = functional.pixel_unshuffle(self.high_pass(images), 2)
        deep = self.stages(fine).float()
        mean = deep.mean(dim=(2, 3))
        spread = torch.sqrt((deep * deep).mean(dim=(2, 3)) - mean * mean + 1e-3)
        logit: torch.Tensor = self.pooled(self.dropout(torch.cat([mean, spread], 1)))[:, 0]
        return logit


class Committee(nn.Module):
    """Several networks that saw different parts of the material; says the mean of their logits."""

    def __init__(self, members: Iterable[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 96, 96, 3) uint8 RGB, un-resized -> (N,) logits of "generated"."""
        return torch.stack([member(images) for member in self.members]).mean(0)


class Redrawer(nn.Module):
    """Draws a photograph again, through a code of two thirds of its size, with every way of upsampling.

    Args:
        width: channels at the picture's own size.
        code: channels of the code, at half of the side.
        seed: of the initialisation.
    """

    def __init__(self, width: int = 16, code: int = 8, seed: int = 0) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 2 * width, 4, stride=2, padding=1)
        self.second = nn.Conv2d(2 * width, code, 3, padding=1)
        self.decoders = nn.ModuleDict({k: _decoder(k, code, width) for k in UPSAMPLINGS})
        initialise(self, seed)

    def forward(self, images: torch.Tensor, upsampling: str) -> torch.Tensor:
        """Draw pictures again.

        Args:
            images: (N, 3, H, W) RGB in [0, 1], sides even.
            upsampling: one of `UPSAMPLINGS`.

        Returns:
            (N, 3, H, W), about in [0, 1].
        """
        drawn: torch.Tensor = self.decoders[upsampling](self.second(leaky(self.first(images))))
        return drawn


def _decoder(upsampling: str, code: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(code, 2 * width, 3, padding=1),
        nn.LeakyReLU(0.1),
        _upscale(upsampling, 2 * width, width),
        nn.Conv2d(width, 3, 3, padding=1),
    )


def _upscale(upsampling: str, inputs: int, outputs: int) -> nn.Module:
    if upsampling == "shuffle":
        return Upscale(inputs, outputs)
    if upsampling == "transposed":
        up = nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)
        return nn.Sequential(up, nn.LeakyReLU(0.1))
    larger = nn.Upsample(scale_factor=2, mode=upsampling)
    return nn.Sequential(larger, nn.Conv2d(inputs, outputs, 3, padding=1), nn.LeakyReLU(0.1))
