"""The multi-scale patch network: three small nets, each at its own crop scale, judge a face patch by patch.

After the scheme of Silent-Face-Anti-Spoofing (Minivision, Apache-2.0): crops of several scales of one face, a small net for each,
their answers averaged, and in training an auxiliary head that has to draw the Fourier spectrum of what the net sees, so that it
cannot overlook fine detail. Written anew; input and fixed views are those of the self-blending network.
"""

from __future__ import annotations

import torch
from torch import nn

from likeness.networks.convolutions import block, he_normal
from likeness.networks.self_blended import (
    BLOCK,
    CELL_PX,
    ENERGIES,
    SCALES,
    TONES,
    VIEWS,
    FixedViews,
)

CROPS = SCALES + 1
"""The two crops, and the inner half of the tight one: eyes, nose and mouth without any border of the face."""
PATCHES = 10
"""Patches along each side of the map that is shown."""
WIDTHS = (24, 48, 96)
_INNER = slice(10, 30)


class ScaleNet(nn.Module):
    """One scale: logits of patches, and what the Fourier head draws."""

    def __init__(self) -> None:
        super().__init__()
        first, second, third = WIDTHS
        self.stem = block(VIEWS, first, kernel=1)
        self.fine = nn.Sequential(block(first, second, 2), block(second, second))
        self.deep = block(second, third, 2)
        self.dropout = nn.Dropout(0.2)
        self.patch = nn.Conv2d(third, 1, 1)
        self.spectrum = nn.Conv2d(second, 1, 1)

    def forward(self, views: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(N, 73, h, w) views -> (N, h/4, w/4) logits of patches and (N, h/2, w/2) spectrum."""
        fine = self.fine(self.stem(views))
        patches = self.patch(self.dropout(self.deep(fine)))
        return patches[:, 0], self.spectrum(fine)[:, 0]


class MultiscalePatchNet(nn.Module):
    """Says in one logit whether a face is blended, and of which patches it thinks so.

    Args:
        seed: of the He initialisation.
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.views = FixedViews()
        self.scales = nn.ModuleList(ScaleNet() for _ in range(CROPS))
        he_normal(self, seed)
        for net in self.scales:
            assert isinstance(net, ScaleNet)
            nn.init.zeros_(net.patch.weight)

    def forward(
        self, images: torch.Tensor, phase: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Look at faces.

        Args:
            images: (N, 2, 160, 160, 3) uint8 RGB, each face at both scales, the tight one first.
            phase: (N, 2, 160, 160) float32, see `_self_blended_crop.phase_only`.

        Returns:
            (N, 10, 10) logits of the patches of the tight crop, and (N,) logits of "blended".
        """
        views = self.views(images.flatten(0, 1), phase.flatten(0, 1)).unflatten(0, (-1, SCALES))
        patches, _, logit = self.looks(views)
        return patches, logit

    def read(
        self, views: torch.Tensor, drop_share: float = 0.0
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """As `forward`, of (N, 2, 73, 40, 40) views; nothing is dropped."""
        patches, _, logit = self.looks(views)
        return patches, logit

    def looks(
        self, views: torch.Tensor
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, ...], torch.Tensor]:
        """Patches of the tight crop, the spectra that were drawn, and the logit."""
        crops = crops_of(views)
        seen = [net(crop) for net, crop in zip(self.scales, crops, strict=True)]
        # Halfway between the mean and the largest patch: a blend may cover the face or only the mouth.
        pooled = [0.5 * (p.mean(dim=(1, 2)) + p.amax(dim=(1, 2))) for p, _ in seen]
        return seen[0][0], tuple(s for _, s in seen), torch.stack(pooled).mean(0)


def crops_of(views: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """(N, 2, 73, 40, 40) views of two crops -> the two, and the inner half of the first."""
    tight, wide = views[:, 0], views[:, 1]
    return tight, wide, tight[..., _INNER, _INNER]


def spectrum_of(views: torch.Tensor) -> torch.Tensor:
    """What the Fourier head has to draw: log amplitude of the high-pass residual, zero frequency in the middle.

    Args:
        views: (N, 73, h, w); the pixels of the first residual are put back in their places.

    Returns:
        (N, h/2, w/2) float32, mean 0 and deviation 1 in every crop.
    """
    start = TONES + ENERGIES
    residual = nn.functional.pixel_shuffle(views[:, start : start + BLOCK].float(), CELL_PX)[:, 0]
    size = torch.fft.fft2(residual).abs()
    side = 2 * CELL_PX
    moved = torch.fft.fftshift(size, dim=(1, 2))
    log = torch.log(nn.functional.avg_pool2d(moved[:, None], side)[:, 0] + 1.0)
    log = log - log.mean(dim=(1, 2), keepdim=True)
    scaled: torch.Tensor = log / (log.std(dim=(1, 2), keepdim=True) + 1e-3)
    return scaled
