"""A patch discriminator: says of every patch of a face whether it was recorded or drawn (Isola et al. 2017).

It serves as a loss while an autoencoder is trained and is thrown away afterwards; it is no detector of manipulation, and no
detector ever takes its place.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class PatchDiscriminator(nn.Module):
    """Convolutions of 4x4 with stride 2, then one of 3x3 to a score for each patch.

    Args:
        widths: channels of the strided convolutions.
        seed: of the initialisation.
    """

    def __init__(self, widths: tuple[int, ...] = (32, 64, 128), seed: int = 0) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, 4, stride=2, padding=1)
            for a, b in zip((3, *widths), widths, strict=False)
        )
        self.score = nn.Conv2d(widths[-1], 1, 3, padding=1)
        generator = torch.Generator().manual_seed(seed)
        for module in (*self.convs, self.score):
            nn.init.normal_(module.weight, 0.0, 0.02, generator=generator)
            nn.init.zeros_(module.bias)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 3, S, S) RGB in [0, 1] -> (N, 1, S/8, S/8); 1 = recorded, 0 = drawn."""
        x = 2.0 * images - 1.0
        for conv in self.convs:
            x = functional.leaky_relu(conv(x), 0.2)
        score: torch.Tensor = self.score(x)
        return score
