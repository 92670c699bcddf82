"""The self-blending network: is a part of this face from another picture, and which part?

Small on purpose: it learns from a few thousand real faces on a CPU. Fixed filters in one convolution turn a 160 px crop into
maps a quarter of its size in which no fine detail is lost: neighbouring pixels become channels (space to depth). All of
them are relative to the crop's own average, so that a soft or noisy picture is not suspicious for being soft or noisy. Two crop
scales go through the same layers, after Silent-Face's multi-scale anti-spoofing.
"""

from __future__ import annotations

import torch
from torch import nn

from likeness.networks.convolutions import block, he_normal

SIZE_PX = 160
SCALES = 2
CELL_PX = 4
"""Side of the block of pixels that becomes one cell of channels."""
MAP = 20
"""Side of the maps that it draws: an eighth of the crop."""
REACH = 4.0
"""Views are cut off there, in units of their own scale; so they fit in eight bits."""
FILTERS = 3
BLOCK = CELL_PX * CELL_PX
TONES, ENERGIES = 3, 2 * FILTERS
VIEWS = TONES + ENERGIES + FILTERS * BLOCK + BLOCK
WIDTHS = (32, 64, 128, 192)
_NOISE = 0.25  # levels; the least average residual that a crop is measured by


class FixedViews(nn.Module):
    """Tones, energies of fine detail, the detail itself pixel by pixel, and the phase; nothing in it is trained."""

    luma: torch.Tensor
    tones: torch.Tensor
    fine: torch.Tensor
    coarse: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        luma = torch.tensor([0.299, 0.587, 0.114])
        tones = torch.stack(
            [luma, torch.tensor([-0.169, -0.331, 0.5]), torch.tensor([0.5, -0.419, -0.081])]
        )  # ITU-R BT.601
        self.register_buffer("luma", luma[None, :, None, None].contiguous(), persistent=False)
        patch = torch.full((1, 1, CELL_PX, CELL_PX), 1 / BLOCK)
        self.register_buffer("tones", tones[:, :, None, None] * patch, persistent=False)
        self.register_buffer("fine", _as_blocks(_kernels(), CELL_PX), persistent=False)
        self.register_buffer("coarse", _as_blocks(_kernels(), CELL_PX // 2), persistent=False)

    def forward(self, images: torch.Tensor, phase: torch.Tensor) -> torch.Tensor:
        """(N, 160, 160, 3) uint8 RGB and (N, 160, 160) phase -> (N, 73, 40, 40) within +-4."""
        conv, pad = nn.functional.conv2d, nn.functional.pad
        rgb = images.permute(0, 3, 1, 2).float()
        tones = conv(rgb, self.tones, stride=CELL_PX)
        tones = (tones - tones.mean(dim=(2, 3), keepdim=True)) / 32.0
        luma = conv(rgb, self.luma)
        half = nn.functional.avg_pool2d(luma, 2)
        detail = conv(pad(luma, (2, 2, 2, 2), mode="replicate"), self.fine, stride=CELL_PX)
        wider = conv(pad(half, (2, 2, 2, 2), mode="replicate"), self.coarse, stride=CELL_PX // 2)
        sizes = [_per_filter(detail), _per_filter(wider)]
        energy = torch.log(torch.cat(sizes, 1) + _NOISE)
        energy = energy - energy.mean(dim=(2, 3), keepdim=True)
        average = sizes[0].mean(dim=(2, 3), keepdim=True) + _NOISE
        detail = detail / torch.repeat_interleave(average, BLOCK, dim=1) / 2.0
        depth = nn.functional.pixel_unshuffle(phase[:, None], CELL_PX)
        return torch.cat([tones, energy, detail, depth], 1).clamp(-REACH, REACH)


class SelfBlendedNet(nn.Module):
    """Says in one logit whether a face is blended and draws the mask of the blend and its boundary.

    Args:
        seed: of the He initialisation.
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        first, second, third, last = WIDTHS
        self.views = FixedViews()
        self.stem = block(VIEWS, first, kernel=1)
        self.fine = nn.Sequential(
            block(first, first), block(first, second, 2), block(second, second)
        )
        self.middle = nn.Sequential(block(second, third, 2), block(third, third))
        self.deep = block(third, last, 2)
        self.from_fine, self.from_middle = nn.Conv2d(second, 16, 1), nn.Conv2d(third, 16, 1)
        self.joint = nn.Sequential(nn.BatchNorm2d(16), nn.ReLU(), block(16, 16))
        self.drawn = nn.Conv2d(16, 2, 1)
        self.dropout = nn.Dropout(0.2)
        self.label = nn.Linear(SCALES * 2 * last + 4, 1)
        he_normal(self, seed)
        nn.init.zeros_(self.label.weight)
        nn.init.zeros_(self.label.bias)
        assert self.drawn.bias is not None
        nn.init.constant_(self.drawn.bias, -1.5)  # about the share of a crop that is covered

    def forward(
        self, images: torch.Tensor, phase: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Look at faces.

        Args:
            images: (N, 2, 160, 160, 3) uint8 RGB, each face at both scales, the tight one first.
            phase: (N, 2, 160, 160) float32, see `_self_blended_crop.phase_only`.

        Returns:
            (N, 2, 20, 20) logits of mask and boundary in the tight crop, and (N,) logits of "blended".
        """
        views = self.views(images.flatten(0, 1), phase.flatten(0, 1))
        return self.read(views.unflatten(0, (-1, SCALES)))

    def read(
        self, views: torch.Tensor, drop_share: float = 0.0
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """As `forward`, of (N, 2, 73, 40, 40) views: what is trained.

        `drop_share` hides that share of the deepest cells, those that speak most for a blend: a hard-positive adversary after
        A-Fast-RCNN (Wang et al., CVPR 2017) that needs no network of its own, as the label is linear in the cells.
        """
        fine = self.fine(self.stem(views.flatten(0, 1)))
        middle = self.middle(fine)
        deep = self.deep(middle)
        if drop_share > 0.0:
            deep = self._hidden(deep, drop_share)
        drawn = self._maps(fine[::SCALES], middle[::SCALES])
        lines = torch.sigmoid(drawn).flatten(2)
        pooled = torch.cat([deep.mean(dim=(2, 3)), deep.amax(dim=(2, 3))], 1)
        pooled = torch.cat(
            [pooled.unflatten(0, (-1, SCALES)).flatten(1), lines.mean(2), lines.amax(2)], 1
        )
        return drawn, self.label(self.dropout(pooled))[:, 0]

    def _maps(self, fine: torch.Tensor, middle: torch.Tensor) -> torch.Tensor:
        up = nn.functional.interpolate(self.from_middle(middle), scale_factor=2.0, mode="nearest")
        drawn: torch.Tensor = self.drawn(self.joint(self.from_fine(fine) + up))
        return drawn

    def _hidden(self, deep: torch.Tensor, share: float) -> torch.Tensor:
        """The cells without those whose average feature speaks most for a blend."""
        last = WIDTHS[-1]
        weights = self.label.weight.detach()[0, : SCALES * 2 * last].view(SCALES, 2, last)[:, 0]
        cells = deep.detach().float().unflatten(0, (-1, SCALES))
        says = torch.einsum("nscyx,sc->nsyx", cells, weights).flatten(0, 1).flatten(1)
        count = int(share * says.shape[1])
        kept = torch.ones_like(says).scatter_(1, says.topk(count, dim=1).indices, 0.0)
        return deep * kept.view(len(deep), 1, *deep.shape[2:]).to(deep.dtype)


def _kernels() -> torch.Tensor:
    """(3, 5, 5) high-pass filters of steganalysis (Fridrich and Kodovsky 2012), each divided by its largest weight.

    All are symmetric from left to right, so that a mirrored picture has the mirrored residuals.
    """
    square = torch.tensor(
        [
            [-1.0, 2, -2, 2, -1],
            [2, -6, 8, -6, 2],
            [-2, 8, -12, 8, -2],
            [2, -6, 8, -6, 2],
            [-1, 2, -2, 2, -1],
        ]
    )
    across = torch.zeros(5, 5)
    across[2, 1:4] = torch.tensor([1.0, -2.0, 1.0])
    return torch.stack([square / 12.0, across / 2.0, across.T / 2.0])


def _as_blocks(kernels: torch.Tensor, side: int) -> torch.Tensor:
    """(F * side^2, 1, side + 4, side + 4): one strided convolution that filters and moves pixels into channels."""
    reach = side + 4
    moved = torch.zeros(len(kernels), side, side, reach, reach)
    for y in range(side):
        for x in range(side):
            moved[:, y, x, y : y + 5, x : x + 5] = kernels
    return moved.reshape(-1, 1, reach, reach)


def _per_filter(detail: torch.Tensor) -> torch.Tensor:
    """Mean absolute residual of every cell, one map per filter."""
    return detail.abs().unflatten(1, (FILTERS, -1)).mean(dim=2)
