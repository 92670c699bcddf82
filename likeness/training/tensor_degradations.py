"""Random degradation of whole batches as tensor operations: `data.degradations.random_degradation`, every pair by its own amounts.

Both members of a pair get the same parameters and the same noise. JPEG is what a coder makes of a picture, block by block: conversion to
luma and halved chroma, cosine transform, rounding by the tables of a quality, and back; nothing is written or read. Video coding
(H.264) predicts from picture to picture and is not possible here, and the mixture has no gamma, as the one on the CPU has none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from likeness.training import tensor_resampling as resampling
from likeness.training.tensor_resampling import levels, resampled, separably

Tensor = torch.Tensor
_BLOCK = 8
# ITU-T T.81, annex K: the example tables that coders scale by quality, row by row.
_LUMA = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
_CHROMA = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99,
    47, 66, 99, 99, 99, 99, 99, 99, *(99,) * 32,
)  # fmt: skip
_TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
_TO_RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))


@dataclass(frozen=True)
class TensorDegradations:
    """What B pairs go through, in this order; all on the CPU.

    Attributes:
        first_jpeg: (B,) int64 quality of a coding on a shifted block grid; 0 = none.
        grid: (B, 2) int64 that shift, x and y, in pixels.
        blur_px: (B,) sigma; 0 = none.
        resize: (B,) factor of the detour; 1 = none.
        noise: (B,) sigma in levels; 0 = none.
        noise_seed: of the field, one for the batch.
        jpeg: (B,) int64 quality of the last coding; 0 = none.
    """

    first_jpeg: Tensor
    grid: Tensor
    blur_px: Tensor
    resize: Tensor
    noise: Tensor
    noise_seed: int
    jpeg: Tensor

    @torch.no_grad()
    def __call__(self, members: Tensor) -> Tensor:
        """(B, M, 3, S, S) uint8 RGB in and out: M pictures that are treated alike."""
        x = members.float()
        for some in _where(self.first_jpeg > 0):
            x[some] = _shifted_jpeg(x[some], self.first_jpeg[some], self.grid[some])
        for some in _where(self.blur_px > 0):
            x[some] = _each(x[some], blurred, self.blur_px[some])
        for some in _where(self.resize < 1):
            x[some] = _each(x[some], resampled, self.resize[some])
        for some in _where(self.noise > 0):
            generator = torch.Generator(x.device).manual_seed(self.noise_seed)
            shape = (len(some), 1, *x.shape[2:])
            field = torch.randn(shape, generator=generator, device=x.device)
            x[some] = levels(x[some] + field * self.noise[some].to(x.device).view(-1, 1, 1, 1, 1))
        for some in _where(self.jpeg > 0):
            x[some] = _each(x[some], jpeg, self.jpeg[some])
        return x.byte()


def draw_degradations(generator: torch.Generator, count: int) -> TensorDegradations:
    """Draw `count` as `random_degradation` does: double JPEG p .3, blur p .3, resize p .5, noise p .3, JPEG 30-100 p .7.

    Args:
        generator: on the CPU.
        count: of pairs.
    """
    happens = torch.rand((count, 5), generator=generator) < torch.tensor([0.3, 0.3, 0.5, 0.3, 0.7])
    amounts = torch.rand((count, 3), generator=generator)
    quality = torch.randint(30, 101, (count, 2), generator=generator)
    return TensorDegradations(
        first_jpeg=quality[:, 0] * happens[:, 0],
        grid=torch.randint(0, 8, (count, 2), generator=generator),
        blur_px=(0.2 + 1.3 * amounts[:, 0]) * happens[:, 1],
        resize=torch.where(happens[:, 2], 0.4 + 0.6 * amounts[:, 1], 1.0),
        noise=(0.5 + 5.5 * amounts[:, 2]) * happens[:, 3],
        noise_seed=int(torch.randint(0, 2**62, (), generator=generator)),
        jpeg=quality[:, 1] * happens[:, 4],
    )


def blurred(pictures: Tensor, sigma: Tensor) -> Tensor:
    """(n, C, S, S) levels after a Gaussian of (n,) pixels each."""
    size = pictures.shape[-1]
    whole = torch.full_like(sigma, size)
    kernel = resampling.smoothing(sigma, whole, size, resampling.gauss_reach(sigma))
    return levels(separably(pictures, kernel))


def jpeg(pictures: Tensor, quality: Tensor) -> Tensor:
    """What JPEG coding with halved chroma (4:2:0) leaves of (n, 3, H, W) levels at (n,) qualities of 1-100."""
    height, width = pictures.shape[-2:]
    below, beside = -height % 16, -width % 16
    x = torch.nn.functional.pad(pictures, (0, beside, 0, below), mode="replicate")
    ycc = _mixed(x, _TO_YCC).round_()
    luma, chroma = ycc[:, :1], ycc[:, 1:]
    # the coder rounds quarters down and three quarters up in turn
    bias = torch.tensor([0.25, 0.5], device=x.device).repeat(x.shape[-1] // 4)
    halved = torch.floor(torch.nn.functional.avg_pool2d(chroma, 2) + bias)
    luma = _coded(luma - 128.0, _tables(_LUMA, quality)).add_(128.0)
    halved = _coded(halved, _tables(_CHROMA, quality)).clamp_(-128.0, 127.0)
    chroma = torch.nn.functional.interpolate(halved, scale_factor=2.0, mode="bilinear").round_()
    back = torch.cat([levels(luma), chroma], 1)
    return levels(_mixed(back, _TO_RGB))[..., :height, :width]


def _where(wanted: Tensor) -> list[Tensor]:
    """The rows of a mask, in a list that is empty where there are none."""
    rows = wanted.nonzero()[:, 0]
    return [rows] if len(rows) else []


def _each(members: Tensor, change: object, amount: Tensor) -> Tensor:
    """Pictures of (n, M, 3, S, S) changed, all members of a row by the same amount."""
    assert callable(change)
    flat = members.flatten(0, 1)
    amounts = amount.to(members.device).repeat_interleave(members.shape[1])
    changed: Tensor = change(flat, amounts)
    return changed.view_as(members)


def _shifted_jpeg(members: Tensor, quality: Tensor, grid: Tensor) -> Tensor:
    """Coded with mirrored lines above and to the left, so that blocks begin elsewhere, and cut to size again."""
    size = members.shape[-1]
    line = torch.arange(size + _BLOCK - 1)
    taken = (line - grid[..., None]).abs().clamp(max=size - 1).to(members.device)  # (n, 2, S + 7)
    number = torch.arange(len(members), device=members.device)[:, None, None]
    padded = members.flatten(1, 2).permute(0, 2, 3, 1)
    padded = padded[number, taken[:, 1, :, None], taken[:, 0, None, :]]
    padded = padded.permute(0, 3, 1, 2).unflatten(1, members.shape[1:3])
    coded = _each(padded, jpeg, quality).flatten(1, 2).permute(0, 2, 3, 1)
    kept = torch.arange(size)[None, None] + grid[..., None]
    kept = kept.to(members.device)
    cut = coded[number, kept[:, 1, :, None], kept[:, 0, None, :]]
    return cut.permute(0, 3, 1, 2).unflatten(1, members.shape[1:3])


def _mixed(pictures: Tensor, weights: tuple[tuple[float, ...], ...]) -> Tensor:
    matrix = torch.tensor(weights, device=pictures.device)
    return (matrix @ pictures.flatten(2)).view_as(pictures)


def _tables(base: tuple[int, ...], quality: Tensor) -> Tensor:
    """(n, 64) steps of a quality, as the Independent JPEG Group scales them."""
    scale = torch.where(quality < 50, 5000 // quality.clamp(min=1), 200 - 2 * quality)
    table = torch.tensor(base, device=quality.device)
    return ((table * scale[:, None] + 50) // 100).clamp(1, 255).float()


def _coded(planes: Tensor, tables: Tensor) -> Tensor:
    """(n, C, H, W) planes after transform, rounding to (n, 64) steps and back, in whole levels."""
    count, channels, height, width = planes.shape
    transform = _cosines(planes.device)
    down, across = height // _BLOCK, width // _BLOCK
    blocks = planes.view(count, channels, down, _BLOCK, across, _BLOCK).transpose(3, 4)
    values = blocks.reshape(count, -1, _BLOCK * _BLOCK) @ transform.T
    values = values / tables[:, None]
    # coders round halves away from zero; pictures that were coded before have many of them
    values = torch.floor(values.abs() + 0.5).copysign(values) * tables[:, None]
    blocks = (values @ transform).view(count, channels, down, across, _BLOCK, _BLOCK)
    return blocks.transpose(3, 4).reshape(planes.shape).round_()


def _cosines(device: torch.device) -> Tensor:
    """(64, 64) orthonormal cosine transform of a block, both directions at once."""
    place = torch.arange(_BLOCK, dtype=torch.float64)
    line = torch.cos((2 * place + 1) * place[:, None] * math.pi / (2 * _BLOCK)) * 0.5
    line[0] = math.sqrt(1 / _BLOCK)
    return torch.kron(line, line).float().to(device)
