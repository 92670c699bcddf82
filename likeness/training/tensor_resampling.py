"""Shrinking, enlarging, moving and smoothing of whole batches as products of matrices, every picture by another amount.

All these are linear and separable: a picture becomes `rows @ picture @ columns^T` with a matrix of a few weights per line. So one
batched product does what would otherwise be a loop over pictures of different sizes; graphics processors do it fastest of all.
Weights and borders are those of the OpenCV calls that the engine on the CPU makes.
"""

from __future__ import annotations

import torch

Tensor = torch.Tensor
_CUBIC = -0.75  # of OpenCV's bicubic interpolation
LINEAR_LOSS = 0.125
"""Levels that OpenCV's linear change of size of eight-bit pictures loses on average by its whole-number arithmetic."""


def separably(pictures: Tensor, rows: Tensor, columns: Tensor | None = None) -> Tensor:
    """Resample every picture along both axes.

    Args:
        pictures: (n, C, H, W) float32.
        rows: (n, H', H) weights.
        columns: (n, W', W) weights; None = `rows`.

    Returns:
        (n, C, H', W') float32.
    """
    columns = rows if columns is None else columns
    return rows[:, None] @ pictures @ columns[:, None].transpose(2, 3)


def levels(pictures: Tensor) -> Tensor:
    """Rounded to whole levels within 0-255, as eight-bit pictures are, in place."""
    return pictures.round_().clamp_(0.0, 255.0)


def resampled(pictures: Tensor, factor: Tensor) -> Tensor:
    """Shrink (n, C, S, S) levels by area to `factor` (n,) of their size and enlarge again cubically; factors of 1 and more do nothing."""
    size = pictures.shape[-1]
    small = levels(separably(pictures, shrinking(factor, size)))
    changed = levels(separably(small, enlarging(factor, size)))
    return torch.where((factor >= 1.0)[:, None, None, None], pictures, changed)


def shrinking(factor: Tensor, size: int) -> Tensor:
    """(n, m, size) weights that shrink by area to round(size * factor) lines, m = the most of these; lines beyond are 0."""
    small = _small(factor, size)
    most = int(small.max())
    line = torch.arange(most, device=factor.device, dtype=torch.float32)[None, :, None]
    scale = (size / small)[:, None, None]
    pixel = torch.arange(size, device=factor.device, dtype=torch.float32)
    shared = torch.minimum((line + 1) * scale, pixel + 1) - torch.maximum(line * scale, pixel)
    return shared.clamp_(min=0.0) / scale * (line < small[:, None, None])


def enlarging(factor: Tensor, size: int, cubic: bool = True) -> Tensor:
    """(n, size, m) weights that enlarge round(size * factor) lines to `size`, cubically or linearly; see `shrinking`."""
    small = _small(factor, size)
    line = torch.arange(size, device=factor.device, dtype=torch.float32)
    place = (line + 0.5) * (small / size)[:, None] - 0.5
    return _interpolating(place, small, int(small.max()), cubic)


def linear_shrinking(factor: Tensor, size: int) -> Tensor:
    """(n, m, size) weights of a linear change of size to round(size * factor) lines; see `shrinking`."""
    small = _small(factor, size)
    line = torch.arange(int(small.max()), device=factor.device, dtype=torch.float32)
    place = (line + 0.5) * (size / small)[:, None] - 0.5
    whole = torch.full_like(small, size)
    return _interpolating(place, whole, size, cubic=False) * (line < small[:, None])[..., None]


def moving(scale: Tensor, shift: Tensor, size: int) -> Tensor:
    """(n, size, size) weights of a cubic move: place i of the result shows place (i - shift) / scale, mirrored at the borders."""
    line = torch.arange(size, device=scale.device, dtype=torch.float32)
    place = (line - shift[:, None]) / scale[:, None]
    whole = torch.full_like(scale, size)
    return _interpolating(place, whole, size, cubic=True, mirrored=True)


def smoothing(sigma: Tensor, size: Tensor, most: int, reach: Tensor) -> Tensor:
    """(n, most, most) weights of a Gaussian over the first `size` lines, cut off at `reach` lines and mirrored at the borders.

    Args:
        sigma: (n,) in lines.
        size: (n,) lines in use.
        most: lines of the matrix.
        reach: (n,) half width of the kernel; 0 leaves everything as it is.
    """
    line = torch.arange(most, device=sigma.device)
    far = int(reach.max())
    step = torch.arange(-far, far + 1, device=sigma.device)
    kernel = torch.exp(-0.5 * (step / sigma[:, None]) ** 2) * (step.abs() <= reach[:, None])
    kernel = kernel / kernel.sum(1, keepdim=True)
    index = _mirror(line[None, :, None] + step, size[:, None, None])
    used = (line < size[:, None])[..., None]
    return _spread(index, kernel[:, None, :] * used, most)


def gauss_reach(sigma: Tensor) -> Tensor:
    """Half width of the kernel that OpenCV takes for eight-bit pictures where none is asked for."""
    return torch.div(((6.0 * sigma + 1.0).round().long() | 1), 2, rounding_mode="floor")


def _small(factor: Tensor, size: int) -> Tensor:
    return (size * factor).round().clamp(min=2.0)


def _interpolating(
    place: Tensor, size: Tensor, most: int, cubic: bool, mirrored: bool = False
) -> Tensor:
    """(n, L, most) weights that read (n, L) places of pictures with (n,) lines."""
    base = torch.floor(place)
    part = (place - base)[..., None]
    step = (
        torch.arange(-1, 3, device=place.device) if cubic else torch.arange(2, device=place.device)
    )
    index = base.long()[..., None] + step
    count = size.long()[:, None, None]
    index = _mirror(index, count) if mirrored else torch.minimum(index.clamp(min=0), count - 1)
    away = (part - step).abs()
    return _spread(index, _bicubic(away) if cubic else (1.0 - away).clamp(min=0.0), most)


def _bicubic(away: Tensor) -> Tensor:
    near = ((_CUBIC + 2.0) * away - (_CUBIC + 3.0)) * away**2 + 1.0
    far = _CUBIC * (((away - 5.0) * away + 8.0) * away - 4.0)
    return torch.where(away <= 1.0, near, torch.where(away < 2.0, far, torch.zeros_like(away)))


def _mirror(index: Tensor, size: Tensor) -> Tensor:
    """Places outside 0..size-1 folded back, the outermost line not repeated."""
    period = (2 * (size - 1)).clamp(min=1).long()
    folded = torch.remainder(index, period)
    return torch.minimum(folded, period - folded)


def _spread(index: Tensor, weight: Tensor, most: int) -> Tensor:
    """Weights (n, L, K) put at the columns `index` of (n, L, most); those of one column are added."""
    out = torch.zeros(*index.shape[:2], most, device=weight.device)
    return out.scatter_add_(2, index.clamp(0, most - 1), weight.expand(index.shape).contiguous())
