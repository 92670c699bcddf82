"""The restoration network: a worn face in, the same face with what it is likely to have lost.

Dense blocks inside residual blocks after ESRGAN (Wang et al., ECCVW 2018), small enough for a CPU: the picture is folded into
channels (pixel-unshuffle, as Real-ESRGAN does for its small factors), the blocks work on the folded, small map, and what
they draw is unfolded and added to the picture. In a folded map every place inside a square has filters of its own, which
learn slowly what is the same everywhere, such as grain; a few convolutions on squares of two pixels therefore have the last
word. A picture that is to become larger is enlarged bicubically beforehand, so one network serves worn pictures of full
size and small ones alike. Untrained, it gives back what it gets.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from likeness.networks.convolutions import he_normal

_KEPT = 0.2  # share of a block's work that is added, as in ESRGAN


class DenseBlock(nn.Module):
    """Convolutions that each see everything before them (N, width, h, w); the last one's work is added to the input.

    Args:
        width: channels that go in and come out.
        growth: channels that each further convolution adds.
        layers: convolutions.
    """

    def __init__(self, width: int, growth: int, layers: int) -> None:
        super().__init__()
        outputs = [growth] * (layers - 1) + [width]
        self.convs = nn.ModuleList(
            nn.Conv2d(width + i * growth, made, 3, padding=1) for i, made in enumerate(outputs)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, width, h, w) in and out."""
        seen = [x]
        for conv in self.convs[:-1]:
            made = conv(seen[0] if len(seen) == 1 else torch.cat(seen, 1))
            seen.append(functional.leaky_relu(made, 0.2))
        added: torch.Tensor = self.convs[-1](torch.cat(seen, 1))
        return x + _KEPT * added


class ResidualBlock(nn.Module):
    """Dense blocks in a row, whose work is again added to the input."""

    def __init__(self, width: int, growth: int, layers: int, dense: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(DenseBlock(width, growth, layers) for _ in range(dense)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, width, h, w) in and out."""
        added: torch.Tensor = self.blocks(x)
        return x + _KEPT * added


class RestorationNet(nn.Module):
    """The whole of it.

    Args:
        width: channels between the blocks.
        growth: channels that a convolution inside a block adds.
        blocks: residual blocks.
        dense: dense blocks in each.
        layers: convolutions in each of those.
        fold: side of the squares of pixels that become channels.
        polish: channels of the convolutions that have the last word.
        seed: of the initialisation.

    Attributes:
        fold: sides of pictures must be multiples of it.
    """

    def __init__(
        self,
        width: int = 64,
        growth: int = 32,
        blocks: int = 2,
        dense: int = 2,
        layers: int = 4,
        fold: int = 4,
        polish: int = 32,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.fold = fold
        folded = 3 * fold * fold
        self.first = nn.Conv2d(folded, width, 3, padding=1)
        self.body = nn.Sequential(
            *(ResidualBlock(width, growth, layers, dense) for _ in range(blocks))
        )
        self.after = nn.Conv2d(width, width, 3, padding=1)
        self.last = nn.Conv2d(width, folded, 3, padding=1)
        self.polish = nn.Sequential(
            nn.Conv2d(12, polish, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(polish, polish, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(polish, 12, 3, padding=1),
        )
        he_normal(self, seed)
        for layer in (self.last, self.polish[-1]):
            nn.init.zeros_(layer.weight)  # type: ignore[arg-type]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 3, S, S) RGB in [0, 1] -> the same shape, about [0, 1]."""
        x = self.first(functional.pixel_unshuffle(images - 0.5, self.fold))
        x = functional.leaky_relu(x + self.after(self.body(x)), 0.2)
        drawn = images + functional.pixel_shuffle(self.last(x), self.fold)
        return drawn + functional.pixel_shuffle(
            self.polish(functional.pixel_unshuffle(drawn - 0.5, 2)), 2
        )


class ShippedRestoration(nn.Module):
    """The network as it is shipped: what it draws is kept within [0, 1]."""

    def __init__(self, network: RestorationNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 3, S, S) RGB in [0, 1] in and out."""
        drawn: torch.Tensor = self.network(images)
        return drawn.clamp(0.0, 1.0)


class RandomFeatures(nn.Module):
    """Fixed random convolutions whose answers are compared in a loss; nobody ever trains them, least of all to tell fakes.

    Even untrained convolutions answer to edges and textures and not to where exactly a pixel of noise lies (He et al., 2016,
    "A powerful generative model using random weights for the deep image representation").

    Args:
        widths: channels of the layers; each halves the picture.
        seed: of the weights.
    """

    def __init__(self, widths: tuple[int, ...] = (32, 64, 64), seed: int = 0) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, 4, stride=2, padding=1)
            for a, b in zip((3, *widths), widths, strict=False)
        )
        he_normal(self, seed)
        self.requires_grad_(False)

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """(N, 3, S, S) in [0, 1] -> one (N, C, h, w) for each layer."""
        answers = []
        x = 2.0 * images - 1.0
        for conv in self.convs:
            x = functional.leaky_relu(conv(x), 0.2)
            answers.append(x)
        return answers
