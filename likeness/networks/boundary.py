"""The blending-boundary network: where in a face crop does one picture end and another begin?

After the idea of Face X-ray (Li et al., CVPR 2020): a blend of two pictures by a mask M leaves 4M(1-M) as the line along
which noise, sharpness or colour change. This one is small enough to be trained and run on a CPU: fixed filters turn the crop
into maps of local energy, a quarter of its size, and only what reads those maps is trained. What it sees is relative to
the crop's own average, so that a soft or a noisy picture is not suspicious for being soft or noisy.
"""

from __future__ import annotations

import torch
from torch import nn

from likeness.networks.convolutions import block, he_normal

SIZE_PX = 160
"""Side of the crops that it takes."""
MAP = 40
"""Side of the map that it draws: a cell is four pixels wide."""
TONES, ENERGIES = 3, 10
VIEWS = TONES + ENERGIES


class FixedViews(nn.Module):
    """Luma, chroma and the energy of their finest detail, cell by cell; nothing in it is trained."""

    filters: torch.Tensor
    halved: torch.Tensor
    box4: torch.Tensor
    box2: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        tones = torch.tensor(
            [[0.299, 0.587, 0.114], [-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]]
        )  # ITU-R BT.601
        here = torch.tensor([[0.0, 0, 0], [0, 1, 0], [0, 0, 0]])
        slope = torch.tensor([[0.0, 0, 0], [-1, 0, 1], [0, 0, 0]]) / 2
        bend = torch.tensor([[0.0, 0, 0], [1, -2, 1], [0, 0, 0]])
        grain = torch.tensor([[1.0, -2, 1], [-2, 4, -2], [1, -2, 1]]) / 2
        fine = [(0, kernel) for kernel in (slope, slope.T, bend, bend.T, grain)]
        fine += [(1, here - 1 / 9), (2, here - 1 / 9)]
        pairs = [(i, here) for i in range(TONES)] + fine
        filters = torch.stack([tones[i][:, None, None] * kernel for i, kernel in pairs])
        self.register_buffer("filters", filters, persistent=False)
        halved = torch.stack([bend, bend.T, grain])[:, None]
        self.register_buffer("halved", halved.contiguous(), persistent=False)
        self.register_buffer("box4", torch.full((len(pairs), 1, 4, 4), 1 / 16), persistent=False)
        self.register_buffer("box2", torch.full((3, 1, 2, 2), 1 / 4), persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, S, S, 3) uint8 RGB -> (N, 13, S/4, S/4): three tones in levels, ten logs of energy."""
        conv, pad = nn.functional.conv2d, nn.functional.pad
        rgb = pad(images.permute(0, 3, 1, 2).float(), (1, 1, 1, 1), mode="replicate")
        x = conv(rgb, self.filters)
        sized = torch.cat([x[:, :TONES], x[:, TONES:].abs()], 1)
        cells = conv(sized, self.box4, stride=4, groups=len(self.box4))
        half = conv(x[:, :1], self.box2[:1], stride=2)
        wider = conv(pad(half, (1, 1, 1, 1), mode="replicate"), self.halved).abs()
        energy = torch.cat([cells[:, TONES:], conv(wider, self.box2, stride=2, groups=3)], 1)
        return torch.cat([cells[:, :TONES], torch.log(energy + 0.2)], 1)


class BoundaryNet(nn.Module):
    """Draws the boundary and says in one number whether there is any.

    Args:
        seed: of the He initialisation.
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.views = FixedViews()
        self.fine = nn.Sequential(block(VIEWS, 24), block(24, 32))
        self.coarse = nn.Sequential(block(32, 48, 2), block(48, 48))
        self.from_fine, self.from_coarse = nn.Conv2d(32, 16, 1), nn.Conv2d(48, 16, 1)
        self.joint = nn.Sequential(nn.BatchNorm2d(16), nn.ReLU(), block(16, 16))
        self.drawn = nn.Conv2d(16, 1, 1)
        self.dropout = nn.Dropout(0.2)
        self.pooled = nn.Linear(2 * 48 + 2, 1)
        he_normal(self, seed)
        nn.init.zeros_(self.pooled.weight)
        nn.init.zeros_(self.pooled.bias)
        assert self.drawn.bias is not None
        nn.init.constant_(self.drawn.bias, -2.0)  # about the share of a face that is boundary

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Look at crops.

        Args:
            images: (N, 160, 160, 3) uint8 RGB, cut by `faces.align` with the margin of the detector.

        Returns:
            (N, 40, 40) logits of the boundary, and (N,) logits of "blended".
        """
        return self.read(self.views(images))

    def read(self, views: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """As `forward`, of (N, 13, 40, 40) views: what is trained."""
        relative = views - views.mean(dim=(2, 3), keepdim=True)
        tones, energies = relative[:, :TONES] / 32.0, relative[:, TONES:]
        fine = self.fine(torch.cat([tones, energies], 1))
        deep = self.coarse(fine)
        up = nn.functional.interpolate(self.from_coarse(deep), scale_factor=2.0, mode="nearest")
        drawn = self.drawn(self.joint(self.from_fine(fine) + up))[:, 0]
        line = torch.sigmoid(drawn).flatten(1)
        pooled = torch.cat(
            [deep.mean(dim=(2, 3)), deep.amax(dim=(2, 3)), line.mean(1, True), line.amax(1, True)],
            1,
        )
        return drawn, self.pooled(self.dropout(pooled))[:, 0]
