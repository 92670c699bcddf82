"""DCGAN: the generator and discriminator of Radford, Metz and Chintala, "Unsupervised Representation Learning with Deep
Convolutional Generative Adversarial Networks", ICLR 2016, at their 64 px and in the sizes that everybody repeats: 100 latent
numbers, 64 channels at the widest picture, 3,576,704 and 2,765,568 parameters.

Its transposed convolutions of 4x4 with stride 2 leave a grid in the spectrum of what they draw, which is one of the things
that this network is here to show.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

SIZE_PX = 64
_STEPS = 4  # doublings from 4 to 64 px


class DcganGenerator(nn.Module):
    """Latents to faces by transposed convolutions, batch normalisation and ReLU.

    Args:
        latent: numbers that a face is drawn from.
        width: channels at 32 px; twice as many at each halving.
        seed: of the initialisation, N(0, 0.02).
    """

    def __init__(self, latent: int = 100, width: int = 64, seed: int = 0) -> None:
        super().__init__()
        self.latent, self.size_px = latent, SIZE_PX
        widths = [width * 2 ** (_STEPS - 1 - i) for i in range(_STEPS)]
        layers: list[nn.Module] = [nn.ConvTranspose2d(latent, widths[0], 4, 1, 0, bias=False)]
        for a, b in pairwise(widths):
            layers += [nn.BatchNorm2d(a), nn.ReLU(inplace=True)]
            layers += [nn.ConvTranspose2d(a, b, 4, 2, 1, bias=False)]
        layers += [nn.BatchNorm2d(widths[-1]), nn.ReLU(inplace=True)]
        layers += [nn.ConvTranspose2d(widths[-1], 3, 4, 2, 1, bias=False)]
        self.layers = nn.Sequential(*layers)
        _initialise(self, seed)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """(N, latent) -> (N, 3, 64, 64) RGB in [-1, 1]."""
        drawn: torch.Tensor = torch.tanh(self.layers(latents[:, :, None, None]))
        return drawn


class DcganDiscriminator(nn.Module):
    """Faces to one logit: strided convolutions, batch normalisation and leaky ReLU.

    Args:
        width: channels at 32 px; twice as many at each halving.
        seed: of the initialisation, N(0, 0.02).
    """

    def __init__(self, width: int = 64, seed: int = 0) -> None:
        super().__init__()
        self.size_px = SIZE_PX
        widths = [width * 2**i for i in range(_STEPS)]
        layers: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
        for a, b in pairwise(widths):
            layers += [nn.Conv2d(a, b, 4, 2, 1, bias=False), nn.BatchNorm2d(b), nn.LeakyReLU(0.2)]
        layers += [nn.Conv2d(widths[-1], 1, 4, 1, 0, bias=False)]
        self.layers = nn.Sequential(*layers)
        _initialise(self, seed)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 3, 64, 64) RGB in [-1, 1] -> (N,) logits, higher = recorded."""
        logits: torch.Tensor = self.layers(images).flatten()
        return logits

    def studied(
        self, images: torch.Tensor, real: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits of (augmented) recorded faces and what it is to pay beside: nothing."""
        return self(images), real.new_zeros(())


def _initialise(network: nn.Module, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02, generator=generator)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02, generator=generator)
            nn.init.zeros_(module.bias)
