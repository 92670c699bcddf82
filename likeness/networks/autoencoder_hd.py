"""Larger face-swap autoencoders for a GPU, 256 pixels: `df` with two decoders, `liae` with one decoder and two codes.

`df` is the classic arrangement. In `liae` one decoder draws everybody; who appears lies in the code: every identity has the
common half, and only the target has a half of its own. The source is drawn from the common half twice, and a swap is the
target's picture drawn that way, so that light and expression, which both share, carry over better.
"""

from __future__ import annotations

import itertools
from typing import Literal

import torch
from torch import nn

from likeness.networks.autoencoder_blocks import (
    SIDES,
    Residual,
    Side,
    SwapNetwork,
    Upscale,
    initialise,
    leaky,
    unfold,
)

Arrangement = Literal["df", "liae"]


class HdAutoencoder(SwapNetwork):
    """See the module.

    Args:
        arrangement: `df` or `liae`.
        size_px: side of input and output, a multiple of 32.
        encoder: channels of the first convolution; each of the next three has twice as many.
        code: units of the narrow dense layer.
        inter: channels after the wide dense layer.
        decoder: channels of the last upscaling; each before it has twice as many.
        seed: of the initialisation.
    """

    has_mask = True

    def __init__(
        self,
        arrangement: Arrangement = "liae",
        size_px: int = 256,
        encoder: int = 64,
        code: int = 256,
        inter: int = 256,
        decoder: int = 48,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.input_px = self.output_px = size_px
        self.arrangement = arrangement
        channels = (3, encoder, 2 * encoder, 4 * encoder, 8 * encoder)
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, 5, stride=2, padding=2) for a, b in itertools.pairwise(channels)
        )
        side = size_px // 32
        names = ("common",) if arrangement == "df" else ("common", "own")
        self.inters = nn.ModuleDict(
            {n: _Inter(channels[-1] * (2 * side) ** 2, code, inter, side) for n in names}
        )
        inputs = inter * len(names)
        drawers = SIDES if arrangement == "df" else ("both",)
        self.decoders = nn.ModuleDict({n: _Decoder(inputs, decoder) for n in drawers})
        initialise(self, seed)

    def stages(self, images: torch.Tensor) -> list[torch.Tensor]:
        """See `SwapNetwork`."""
        found = []
        for conv in self.convs:
            images = leaky(conv(images))
            found.append(images)
        return found

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 3, S, S) -> (N, D): each picture flat, with its scale taken out."""
        flat = self.stages(images)[-1].flatten(1)
        return flat * torch.rsqrt(flat.square().mean(dim=1, keepdim=True) + 1e-6)

    def decode(self, code: torch.Tensor, side: Side) -> torch.Tensor:
        """-> (N, 4, S, S): RGB and mask."""
        common = self.inters["common"](code)
        if self.arrangement == "df":
            return torch.sigmoid(self.decoders[side](common).float())
        first = common if side == "source" else self.inters["own"](code)
        return torch.sigmoid(self.decoders["both"](torch.cat([first, common], dim=1)).float())


class _Inter(nn.Module):
    def __init__(self, inputs: int, code: int, channels: int, side: int) -> None:
        super().__init__()
        self.narrow, self.wide = nn.Linear(inputs, code), nn.Linear(code, channels * side * side)
        self.upscale = Upscale(channels, channels)
        self.channels, self.side = channels, side

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, D) -> (N, channels, S/16, S/16)."""
        wide = self.wide(self.narrow(x)).view(-1, self.channels, self.side, self.side)
        return self.upscale(wide)


class _Decoder(nn.Module):
    """Three upscalings with residual blocks; the picture and the mask unfold twofold from a last convolution each."""

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        widths = (inputs, 4 * channels, 2 * channels, channels)
        blocks: list[nn.Module] = []
        for a, b in itertools.pairwise(widths):
            blocks += [Upscale(a, b), Residual(b)]
        self.blocks = nn.Sequential(*blocks)
        self.picture = nn.Conv2d(channels, 3 * 4, 3, padding=1)
        self.mask = nn.Conv2d(channels, 4, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, S/16, S/16) -> (N, 4, S, S) before the sigmoid."""
        x = self.blocks(x)
        return torch.cat([unfold(self.picture(x), 2), unfold(self.mask(x), 2)], dim=1)
