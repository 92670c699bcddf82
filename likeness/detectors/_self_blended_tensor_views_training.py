"""What `self_blended` sees of tensor pairs: two crops, their phase and the fixed views, without leaving the device."""

from __future__ import annotations

import torch

from likeness.detectors._self_blended_crop import MARGINS, REACH, SIZE_PX
from likeness.detectors._self_blended_twins import MAP
from likeness.detectors._self_blended_views_training import STEP
from likeness.faces import regions
from likeness.networks.self_blended import FixedViews
from likeness.training.tensor_resampling import gauss_reach, levels, separably, smoothing

Tensor = torch.Tensor
_LEAST_SCALE = 0.95  # as in `faces.geometry.warp`


def crop_matrices(landmarks_px: Tensor) -> Tensor:
    """(n, 2, 2, 3) float32 similarities from the frame to the crop at each of `MARGINS`, as `faces.geometry.align_matrix`."""
    ends = landmarks_px[:, [*regions.RIGHT_EYE_CORNERS, *regions.LEFT_EYE_CORNERS]]
    along = ends[:, 2:].mean(1) - ends[:, :2].mean(1)
    angle = torch.atan2(along[:, 1], along[:, 0])
    cos, sin = angle.cos(), angle.sin()
    turn = torch.stack([torch.stack([cos, sin], 1), torch.stack([-sin, cos], 1)], 1)
    upright = landmarks_px[:, :468] @ turn.transpose(1, 2)
    low, high = upright.amin(1), upright.amax(1)
    matrices = []
    for margin in MARGINS:
        scale = SIZE_PX / ((high - low).amax(1) * (1.0 + 2.0 * margin))
        linear = turn * scale[:, None, None]
        offset = (SIZE_PX - 1) / 2.0 - scale[:, None] * (low + high) / 2.0
        matrices.append(torch.cat([linear, offset[..., None]], 2))
    return torch.stack(matrices, 1)


def crops_of_tensors(pictures: Tensor, matrices: Tensor) -> Tensor:
    """(n, M, 3, S, S) uint8 members through (n, 2, 2, 3) matrices: (n, M, 2, 3, 160, 160) float32 levels."""
    flat = pictures.flatten(1, 2).float()
    cut = []
    for matrix in matrices.unbind(1):
        scale = matrix[:, 0, :2].norm(dim=1)
        rest = 1.0 / scale.clamp(max=1.0)
        sigma = (0.12 * (rest**2 - 1.0)).sqrt()
        reach = torch.where(rest < 2.0, 1, gauss_reach(sigma))
        reach = reach * ((scale < _LEAST_SCALE) & (sigma > 0.15))
        size = flat.shape[-1]
        whole = torch.full_like(sigma, size)
        smooth = smoothing(sigma.clamp(min=1e-3), whole, size, reach)
        cut.append(levels(_sampled(levels(separably(flat, smooth)), matrix, "bicubic")))
    return torch.stack(cut, 1).unflatten(2, (-1, 3)).transpose(1, 2)


def maps_of(mask: Tensor, matrices: Tensor) -> Tensor:
    """(n, 2, 20, 20) float32 mask and boundary of (n, S, S) masks in the tight crop, cell by cell."""
    drawn = _sampled(mask[:, None], matrices[:, 0], "bilinear")
    drawn = torch.cat([drawn, 4.0 * drawn * (1.0 - drawn)], 1)
    return torch.nn.functional.avg_pool2d(drawn, SIZE_PX // MAP).clamp_(0.0, 1.0)


def views_of_tensors(filters: FixedViews, crops: Tensor) -> Tensor:
    """(N, 3, 160, 160) levels to (N, 73, 40, 40) float32 views, in the steps of the packs."""
    views = filters(crops.permute(0, 2, 3, 1), phase_of(crops))
    return torch.round(views / STEP) * STEP


def phase_of(crops: Tensor) -> Tensor:
    """(N, 160, 160) as `_self_blended_crop.phase_only` of (N, 3, 160, 160) levels."""
    weights = torch.tensor([0.299, 0.587, 0.114], device=crops.device)[:, None, None]
    luma = (crops * weights).sum(1)
    spectrum = torch.fft.rfft2(luma - luma.mean((1, 2), keepdim=True))
    phase = torch.fft.irfft2(spectrum / (spectrum.abs() + 1.0), s=luma.shape[1:])
    size = (phase**2).mean((1, 2), keepdim=True).sqrt() + 1e-6
    return (phase / size).clamp(-REACH, REACH)


def _sampled(pictures: Tensor, matrix: Tensor, mode: str) -> Tensor:
    """(n, C, 160, 160) of (n, C, S, S) pictures, mirrored beyond their edges with the outermost line repeated."""
    size = pictures.shape[-1]
    line = torch.arange(SIZE_PX, device=pictures.device, dtype=torch.float32)
    place = torch.stack(torch.meshgrid(line, line, indexing="xy"), 2).flatten(0, 1)
    place = (place - matrix[:, None, :, 2]) @ torch.linalg.inv(matrix[..., :2]).transpose(1, 2)
    grid = ((place + 0.5) * (2.0 / size) - 1.0).unflatten(1, (SIZE_PX, SIZE_PX))
    return torch.nn.functional.grid_sample(
        pictures, grid, mode=mode, padding_mode="reflection", align_corners=False
    )
