"""The classic face-swap autoencoder: a shared encoder, one decoder for each identity, 64 pixels in and out.

The network of the first deepfakes (2017), rebuilt from its published dimensions: with `depth=4` 82,062,470 parameters and
1.90 G multiply-accumulates to swap one image. It is the baseline that ours is measured against.
"""

from __future__ import annotations

import itertools

import torch
from torch import nn

from likeness.networks.autoencoder_blocks import Side, SwapNetwork, Upscale, initialise, leaky

_SHARES = (1 / 8, 1 / 4, 1 / 2, 1, 1)


class OriginalAutoencoder(SwapNetwork):
    """Encoder of 5x5 convolutions with stride 2, two dense layers and one upscaling; decoders of three upscalings.

    Args:
        depth: convolutions of the encoder, 4 (the classic) or 5.
        code: units of the narrow dense layer.
        width: channels of the widest layers, 1024 (the classic); all others in proportion.
        seed: of the He-uniform initialisation.
    """

    input_px = 64
    output_px = 64
    has_mask = False

    def __init__(self, depth: int = 4, code: int = 1024, width: int = 1024, seed: int = 0) -> None:
        super().__init__()
        channels = (3, *(round(width * share) for share in _SHARES[:depth]))
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, 5, stride=2, padding=2) for a, b in itertools.pairwise(channels)
        )
        side = self.input_px >> depth
        self.narrow = nn.Linear(channels[-1] * side * side, code)
        self.wide = nn.Linear(code, 4 * 4 * width)
        self.upscale = Upscale(width, width // 2)
        self.width = width
        self.decoders = nn.ModuleDict({side: _decoder(width) for side in ("source", "target")})
        initialise(self, seed)

    def stages(self, images: torch.Tensor) -> list[torch.Tensor]:
        """See `SwapNetwork`."""
        found = []
        for conv in self.convs:
            images = leaky(conv(images))
            found.append(images)
        return found

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 3, 64, 64) -> (N, 512, 8, 8)."""
        flat = self.stages(images)[-1].flatten(1)
        return self.upscale(self.wide(self.narrow(flat)).view(-1, self.width, 4, 4))

    def decode(self, code: torch.Tensor, side: Side) -> torch.Tensor:
        """-> (N, 3, 64, 64)."""
        return torch.sigmoid(self.decoders[side](code).float())


def _decoder(width: int) -> nn.Sequential:
    widths = [width // 2, width // 4, width // 8, width // 16]
    upscales = [Upscale(a, b) for a, b in itertools.pairwise(widths)]
    return nn.Sequential(*upscales, nn.Conv2d(widths[-1], 3, 5, padding=2))
