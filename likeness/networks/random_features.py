"""Features of pictures by a fixed network with random weights, for distances between sets of them.

Random convolutions tell sets of pictures apart nearly as well as learnt ones, without the preferences of what they were
learnt on (Naeem et al., ICML 2020). It is no detector, is never trained, and no detector's features take its place: a
generator that is judged by a detector's features learns what that detector misses.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from likeness.types import FloatArray, ImageArray, check_array

SIDE_PX: Final = 64
WIDTHS: Final = (32, 64, 128)
GRID: Final = 4
GRID_WIDTH: Final = 16
FEATURES: Final = 2 * sum(WIDTHS) + GRID_WIDTH * GRID**2
SEED: Final = 20181
"""The seed is a part of the measure: distances under two seeds do not compare."""
_BATCH = 64


class RandomFeatures(nn.Module):
    """Three convolutions of 5x5 with stride 2 and one of 1x1; frozen.

    Args:
        seed: of the weights.
    """

    def __init__(self, seed: int = SEED) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, 5, 2, 2) for a, b in zip((3, *WIDTHS), WIDTHS, strict=False)
        )
        self.layout = nn.Conv2d(WIDTHS[-1], GRID_WIDTH, 1)
        generator = torch.Generator().manual_seed(seed)
        for conv in (*self.convs, self.layout):  # said here: the measure must not move with others
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu", generator=generator)
            nn.init.zeros_(conv.bias)
        self.requires_grad_(False)
        self.eval()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 3, 64, 64) RGB in [0, 1] -> (N, 704): mean and log spread of every channel, and what lies where on a 4x4 grid."""
        x = 2.0 * images - 1.0
        found = []
        for conv in self.convs:
            x = functional.leaky_relu(conv(x), 0.2)
            found += [x.mean((2, 3)), x.std((2, 3)).add(0.01).log()]
        grid = functional.adaptive_avg_pool2d(self.layout(x), GRID)
        return torch.cat([*found, grid.flatten(1)], dim=1)


def random_features(images: ImageArray, network: RandomFeatures | None = None) -> FloatArray:
    """Features of a stack of pictures; larger ones are averaged down to 64 px, so that only one size is ever compared.

    Args:
        images: (N, H, W, 3) uint8 RGB.
        network: one that is kept; made anew if it is left out.

    Returns:
        (N, 704) float32.

    Raises:
        ShapeError: another shape or type.
    """
    check_array("random_features.images", images, (None, None, None, 3), np.uint8)
    network = network or RandomFeatures()
    rows = [np.zeros((0, FEATURES), np.float32)]
    with torch.inference_mode():
        for at in range(0, len(images), _BATCH):
            some = np.ascontiguousarray(images[at : at + _BATCH])
            batch = torch.from_numpy(some).permute(0, 3, 1, 2).float() / 255.0
            if batch.shape[2:] != (SIDE_PX, SIDE_PX):
                batch = functional.interpolate(
                    batch, (SIDE_PX, SIDE_PX), mode="bilinear", antialias=True
                )
            rows.append(network(batch).numpy())
    return np.concatenate(rows)
