"""A small GAN for a few thousand faces and a CPU, after Liu et al., "Towards Faster and Stabilized GAN Training for
High-fidelity Few-shot Image Synthesis", ICLR 2021 (FastGAN).

From there: skip-layer excitation (channels of a wide picture are weighed by a narrow one), gated linear units (Dauphin et
al., ICML 2017), and a discriminator that has to keep enough of a recorded face to draw it again. Pictures grow by resizing
and convolving, against the grid of transposed convolutions (Odena et al. 2016).
The discriminator's convolutions are normalised by their largest singular value (Miyato et al., "Spectral Normalization for
Generative Adversarial Networks", ICLR 2018), and by the batch as in both models.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from likeness.errors import ConfigError

WIDTHS = (192, 96, 48, 32, 16)
"""Channels at 4, 8, 16, 32 and 64 px; wider pictures go on with the last."""
SIZES_PX = (64, 96, 128)


class LightGenerator(nn.Module):
    """Latents to faces: resize, convolve, normalise, gate.

    Args:
        size_px: 64, 96 or 128; 96 starts at 6x6 in place of 4x4.
        latent: numbers that a face is drawn from.
        widths: channels of each doubling from the start on, see `WIDTHS`.
        seed: of the initialisation.
    """

    def __init__(
        self,
        size_px: int = 64,
        latent: int = 128,
        widths: Sequence[int] = WIDTHS,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.start_px, doublings = _steps(size_px)
        self.size_px, self.latent = size_px, latent
        wide = [*widths, *[widths[-1]] * doublings][: doublings + 1]
        self.first = nn.Linear(latent, 2 * wide[0] * self.start_px**2, bias=False)
        self.first_norm = nn.BatchNorm2d(2 * wide[0])
        self.ups = nn.ModuleList(_Up(a, b) for a, b in pairwise(wide))
        # the narrowest pictures weigh the channels of those eight times as wide
        self.excite = nn.ModuleList(
            _Excitation(wide[i], wide[i + 3], self.start_px) for i in range(len(wide) - 3)
        )
        self.draw = nn.Conv2d(wide[-1], 3, 3, padding=1)
        _initialise(self, seed)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """(N, latent) -> (N, 3, size_px, size_px) RGB in [-1, 1]."""
        x = self.first(latents).unflatten(1, (-1, self.start_px, self.start_px))
        x = functional.glu(self.first_norm(x), dim=1)
        seen = [x]
        for number, up in enumerate(self.ups):
            x = up(x)
            if number >= 2:
                x = x * self.excite[number - 2](seen[number - 2])
            seen.append(x)
        return torch.tanh(self.draw(x))


class LightDiscriminator(nn.Module):
    """Faces to one logit, and recorded faces back to themselves.

    Args:
        size_px: side of the faces.
        width: channels after the first halving; twice as many at each further one, at most eight times as many.
        seed: of the initialisation.
    """

    def __init__(self, size_px: int = 64, width: int = 32, seed: int = 0) -> None:
        super().__init__()
        end_px, halvings = _steps(size_px)
        self.size_px = size_px
        widths = [width * 2 ** min(i, 3) for i in range(halvings)]
        self.first = SpectralConv2d(3, width, 4, 2, 1)
        self.downs = nn.ModuleList(_Down(a, b) for a, b in pairwise(widths))
        self.score = SpectralConv2d(widths[-1], 1, end_px)
        self.whole = _Decoder(widths[-2])
        self.part = _Decoder(widths[-3])
        _initialise(self, seed)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 3, S, S) RGB in [-1, 1] -> (N,) logits, higher = recorded."""
        logits: torch.Tensor = self.score(self._features(images)[-1]).flatten()
        return logits

    def studied(
        self, images: torch.Tensor, real: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Look at recorded faces and draw them again from the features.

        Args:
            images: (N, 3, S, S) RGB in [-1, 1], perhaps augmented.
            real: what is to be drawn: the same.

        Returns:
            (N,) logits and the mean absolute error of the whole face, drawn from the features two halvings before the
            end at four times their side, and of one of its quarters, drawn alike from a quarter of the features before.
        """
        features = self._features(images)
        logits = self.score(features[-1]).flatten()
        error = (self.whole(features[-2]) - _pooled(real, 4 * features[-2].shape[-1])).abs().mean()
        fine = features[-3]
        side, step = fine.shape[-1] // 2, real.shape[-1] // 2
        y, x = (int(v) for v in torch.randint(0, 2, (2,)))
        seen = fine[..., y * side : (y + 1) * side, x * side : (x + 1) * side]
        wanted = real[..., y * step : (y + 1) * step, x * step : (x + 1) * step]
        return logits, error + (self.part(seen) - _pooled(wanted, 4 * side)).abs().mean()

    def _features(self, images: torch.Tensor) -> list[torch.Tensor]:
        x = functional.leaky_relu(self.first(images), 0.2)
        found = [x]
        for down in self.downs:
            x = down(x)
            found.append(x)
        return found


class SpectralConv2d(nn.Conv2d):
    """A convolution whose weights, as a matrix, are divided by their largest singular value.

    One power iteration a step follows that value; in evaluation the last estimate stands.
    """

    direction: torch.Tensor

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride, padding)
        self.register_buffer(
            "direction", functional.normalize(torch.ones(self.out_channels), dim=0)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """As `torch.nn.Conv2d`."""
        matrix = self.weight.flatten(1)
        with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
            across = functional.normalize(matrix.T @ self.direction, dim=0, eps=1e-8)
            along = functional.normalize(matrix @ across, dim=0, eps=1e-8)
            if self.training:
                self.direction.copy_(along)
        with torch.autocast(x.device.type, enabled=False):
            largest = (along.detach().clone() * (matrix @ across)).sum()
        return functional.conv2d(
            x,
            self.weight / largest,
            self.bias,
            self.stride,
            self.padding,  # type: ignore[arg-type]
        )


class _Up(nn.Module):
    """(N, a, s, s) -> (N, b, 2s, 2s)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, 2 * outputs, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(2 * outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        grown = functional.interpolate(x, scale_factor=2.0, mode="nearest")
        return functional.glu(self.norm(self.conv(grown)), dim=1)


class _Excitation(nn.Module):
    """A narrow picture to a weight in [0, 1] for every channel of a wide one."""

    def __init__(self, inputs: int, outputs: int, start_px: int) -> None:
        super().__init__()
        self.start_px = start_px
        self.squeeze = nn.Conv2d(inputs, outputs, start_px)
        self.weigh = nn.Conv2d(outputs, outputs, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        factor = x.shape[-1] // self.start_px
        pooled = functional.avg_pool2d(x, factor) if factor > 1 else x
        return torch.sigmoid(self.weigh(functional.leaky_relu(self.squeeze(pooled), 0.1)))


class _Down(nn.Module):
    """(N, a, s, s) -> (N, b, s/2, s/2): two convolutions beside a shrunken copy."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.shrink = _judged(inputs, outputs, 4, 2, 1)
        self.conv = _judged(outputs, outputs, 3, 1, 1)
        self.beside = _judged(inputs, outputs, 1, 1, 0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        main = self.conv(self.shrink(x))
        return (main + self.beside(functional.avg_pool2d(x, 2))) / math.sqrt(2)


def _judged(inputs: int, outputs: int, kernel: int, stride: int, padding: int) -> nn.Sequential:
    return nn.Sequential(
        SpectralConv2d(inputs, outputs, kernel, stride, padding),
        nn.BatchNorm2d(outputs),
        nn.LeakyReLU(0.2),
    )


class _Decoder(nn.Sequential):
    """(N, channels, s, s) features -> (N, 3, 4s, 4s) RGB in [-1, 1]."""

    def __init__(self, channels: int) -> None:
        super().__init__(_Up(channels, 16), _Up(16, 8), nn.Conv2d(8, 3, 3, padding=1), nn.Tanh())


def _pooled(images: torch.Tensor, size_px: int) -> torch.Tensor:
    """Shrunk by area."""
    factor = images.shape[-1] // size_px
    return functional.avg_pool2d(images, factor) if factor > 1 else images


def _steps(size_px: int) -> tuple[int, int]:
    """Side of the narrowest picture, and doublings from there."""
    if size_px not in SIZES_PX:
        raise ConfigError(f"size_px: expected one of {SIZES_PX}, got {size_px}")
    start = 6 if size_px == 96 else 4
    return start, int(math.log2(size_px // start))


def _initialise(network: nn.Module, seed: int) -> None:
    """N(0, 0.02) as DCGAN: where layers are normalised, small weights turn fast.

    With weights of He et al. (2015) and all else alike, faces were still blurs after 9,500 pictures; with these they were
    faces after 10,600.
    """
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.normal_(module.weight, 0.0, 0.02, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        if isinstance(module, SpectralConv2d):
            start = torch.randn(module.out_channels, generator=generator)
            module.direction.copy_(functional.normalize(start, dim=0))
