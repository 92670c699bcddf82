"""Differentiable augmentation: Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training", NeurIPS 2020.

The discriminator sees recorded and drawn faces only after the same kinds of random changes, and the generator's gradient
passes through them; so a few thousand faces are not learned by heart, and the changes do not show in what is drawn.
"""

from __future__ import annotations

import torch

from likeness.errors import ConfigError

KINDS = ("color", "translation", "cutout")


def augmented(images: torch.Tensor, kinds: tuple[str, ...] = KINDS) -> torch.Tensor:
    """Change every picture at random; draws from torch's own random numbers.

    Args:
        images: (N, 3, S, S) RGB in [-1, 1].
        kinds: of `KINDS`, applied in their order.

    Returns:
        (N, 3, S, S); colours may leave [-1, 1].

    Raises:
        ConfigError: an unknown kind.
    """
    unknown = set(kinds) - set(KINDS)
    if unknown:
        raise ConfigError(f"augment: unknown {', '.join(sorted(unknown))}; known: {KINDS}")
    if "color" in kinds:
        images = _coloured(images)
    if "translation" in kinds:
        images = _moved(images)
    return _cut(images) if "cutout" in kinds else images


def _coloured(images: torch.Tensor) -> torch.Tensor:
    """Brightness by up to a half, saturation times 0-2, contrast times 0.5-1.5."""
    brightness, saturation, contrast = torch.rand(3, len(images), 1, 1, 1, device=images.device)
    x = images + (brightness - 0.5)
    grey = x.mean(dim=1, keepdim=True)
    x = grey + (x - grey) * (2.0 * saturation)
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (x - mean) * (contrast + 0.5)


def _moved(images: torch.Tensor, share: float = 0.125) -> torch.Tensor:
    """Shifted by up to an eighth of the side; what comes in is black."""
    count, _, height, width = images.shape
    most = int(height * share + 0.5)
    shift = torch.randint(-most, most + 1, (2, count, 1, 1), device=images.device)
    y = torch.arange(height, device=images.device)[None, :, None] + shift[0] + 1
    x = torch.arange(width, device=images.device)[None, None, :] + shift[1] + 1
    padded = torch.nn.functional.pad(images, (1, 1, 1, 1)).permute(0, 2, 3, 1)
    rows = torch.arange(count, device=images.device)[:, None, None]
    return padded[rows, y.clamp(0, height + 1), x.clamp(0, width + 1)].permute(0, 3, 1, 2)


def _cut(images: torch.Tensor, share: float = 0.5) -> torch.Tensor:
    """A square of half the side, anywhere, becomes grey."""
    count, _, height, width = images.shape
    side = int(height * share + 0.5)
    offset = 1 - side % 2
    centre = torch.randint(0, height + offset, (2, count, 1, 1), device=images.device)
    y = torch.arange(height, device=images.device)[None, :, None] - centre[0] + side // 2
    x = torch.arange(width, device=images.device)[None, None, :] - centre[1] + side // 2
    kept = ~((y >= 0) & (y < side) & (x >= 0) & (x < side))
    return images * kept[:, None].to(images.dtype)
