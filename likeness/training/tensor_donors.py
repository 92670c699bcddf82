"""Another person's face in the place of this one, as tensor operations: fitted by landmarks, matched in sharpness, colour and light."""

from __future__ import annotations

from dataclasses import replace

import torch

from likeness.training import tensor_resampling as resampling
from likeness.training.tensor_faces import TensorFaces
from likeness.training.tensor_masks import INNER, Shapes, draw_masks, in_frame, piece_table
from likeness.training.tensor_resampling import levels, resampled, separably

Tensor = torch.Tensor
_FACTORS = (1.0, 0.85, 0.7, 0.55, 0.4, 0.3)  # as in `data.blends.match_sharpness`
_LEAST_COVERED = 0.98
_EDGE = 9


def fitted(
    faces: TensorFaces, donors: TensorFaces, shapes: Shapes, mask: Tensor
) -> tuple[Tensor, Tensor]:
    """Donors' pictures laid over these faces.

    Args:
        faces: n that receive.
        donors: n that give; their frames may be of another size.
        shapes: (n) of the masks, for those whose region the donor does not cover: they get the inner face with the same draws.
        mask: (n, S, S) the masks as drawn.

    Returns:
        (n, S, S) masks where the donors' pictures reach, and (n, 3, S, S) their pictures in levels.
    """
    size = mask.shape[-1]
    linear, offset = _affine(donors.landmarks_px, faces.landmarks_px)
    line = torch.arange(size, device=mask.device, dtype=torch.float32)
    place = torch.stack(torch.meshgrid(line, line, indexing="xy"), 2).flatten(0, 1)
    place = (place[None] - offset[:, None]) @ torch.linalg.inv(linear).transpose(1, 2)
    grid = (place * (2.0 / (donors.images.shape[-1] - 1)) - 1.0).unflatten(1, (size, size))
    sample = torch.nn.functional.grid_sample
    given = donors.images.float()
    source = sample(given, grid, mode="bicubic", padding_mode="reflection", align_corners=True)
    share = _well_inside(sample(torch.ones_like(given[:, :1]), grid, align_corners=True))
    inner = _inner_masks(faces, shapes, size)
    enough = (mask * share).sum((1, 2)) >= _LEAST_COVERED * mask.sum((1, 2))
    return torch.where(enough[:, None, None], mask, inner) * share, levels(source)


def matched(
    source: Tensor,
    background: Tensor,
    mask: Tensor,
    light: tuple[Tensor, Tensor],
    match_softness: bool,
) -> tuple[Tensor, Tensor]:
    """Give source and background one sharpness, then the source the background's colours and, where wished, its light.

    Args:
        source: (n, 3, S, S) float32 levels.
        background: (n, 3, S, S) float32 levels.
        mask: (n, S, S) in [0, 1].
        light: (n,) bool which are relit, and (n,) sizes of the faces in pixels.
        match_softness: whether the sharper of the two is softened.

    Returns:
        Source and background, changed.
    """
    original = background
    inside = (mask > 0.5).float()[:, None]
    if match_softness:
        mine, theirs = (sharpness(_grey(picture), inside) for picture in (background, source))
        theirs_sharper = (theirs > mine)[:, None, None, None]
        sharper = torch.where(theirs_sharper, source, background)
        softer = _softened(sharper, torch.minimum(mine, theirs), inside)
        source = torch.where(theirs_sharper, softer, source)
        background = torch.where(theirs_sharper, background, softer)
    source = _recoloured(source, original, inside)
    relit = light[0].to(source.device)[:, None, None, None]
    return torch.where(relit, _relit(source, original, light[1] / 4.0), source), background


def sharpness(grey: Tensor, inside: Tensor) -> Tensor:
    """(n,) variance of the Laplacian of (n, 1, S, S) levels inside a (n, 1, S, S) mask of zeros and ones."""
    padded = torch.nn.functional.pad(grey, (1, 1, 1, 1), mode="reflect")
    edges = padded[..., 1:-1, :-2] + padded[..., 1:-1, 2:] + padded[..., :-2, 1:-1]
    edges = edges + padded[..., 2:, 1:-1] - 4.0 * grey
    return _moments(edges, inside)[1][:, 0] ** 2


def _affine(source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """(n, 2, 2) and (n, 2): least-squares affines that take (n, P, 2) points to others."""
    centre, aim = source.mean(1, keepdim=True), target.mean(1, keepdim=True)
    own, wanted = source - centre, target - aim
    gram = own.transpose(1, 2) @ own
    linear = torch.linalg.solve(gram, own.transpose(1, 2) @ wanted).transpose(1, 2)
    return linear, (aim - centre @ linear.transpose(1, 2))[:, 0]


def _well_inside(covered: Tensor) -> Tensor:
    """(n, S, S) share in [0, 1] of (n, 1, S, S) coverage that falls to 0 before the donor's picture ends."""
    reach = _EDGE // 2
    kept = -torch.nn.functional.max_pool2d(-covered, _EDGE, 1, reach)
    kept = torch.nn.functional.pad(kept, (reach,) * 4, mode="reflect")
    return torch.nn.functional.avg_pool2d(kept, _EDGE, 1)[:, 0]


def _inner_masks(faces: TensorFaces, shapes: Shapes, size: int) -> Tensor:
    """The masks of the inner faces with the same draws."""
    device, count = faces.boxes.device, len(faces)
    inner = replace(
        shapes,
        family=torch.full_like(shapes.family, INNER),
        kept=(piece_table()[INNER] >= 0).to(device).expand(count, -1),
    )
    still = torch.ones(count, device=device), torch.zeros(count, 2, device=device)
    drawn = draw_masks(faces.outlines[:, INNER], faces.boxes, inner)
    return in_frame(*drawn, faces.boxes, still, size)


def _softened(pictures: Tensor, wanted: Tensor, inside: Tensor) -> Tensor:
    """As `data.blends.match_sharpness`: tried from mild to strong until it comes no nearer."""
    grey, found = _grey(pictures), []
    for factor in _FACTORS:
        tried = resampled(grey, torch.full((len(grey),), factor, device=grey.device))
        found.append(sharpness(tried, inside))
    gaps = ((torch.stack(found, 1) + 0.1) / (wanted[:, None] + 0.1)).log().abs()
    nearer = (gaps <= gaps.cummin(1).values).long().cumprod(1).sum(1) - 1
    return resampled(pictures, torch.tensor(_FACTORS, device=grey.device)[nearer])


def _recoloured(source: Tensor, target: Tensor, inside: Tensor) -> Tensor:
    """As `data.blends.match_colour`."""
    (mean, spread), (aim, wanted) = (_moments(p, inside) for p in (source, target))
    gain = (wanted / spread.clamp(min=1.0)).clamp(0.75, 1.33)[..., None, None]
    changed = levels(gain * source + (aim[..., None, None] - gain * mean[..., None, None]))
    enough = inside.sum((1, 2, 3), keepdim=True) >= 16
    return torch.where(enough, changed, source)


def _relit(source: Tensor, target: Tensor, sigma_px: Tensor) -> Tensor:
    """As `data.blends.relight`: what is coarser than sigma is the target's."""
    size = source.shape[-1]
    factor = (4.0 / sigma_px).clamp(max=1.0)
    small = (size * factor).round().clamp(min=4.0)
    sigma = sigma_px * factor
    shrink = resampling.shrinking(small / size, size)
    smooth = resampling.smoothing(sigma, small, shrink.shape[1], resampling.gauss_reach(sigma))
    coarse = levels(separably(separably(target, shrink), smooth))
    coarse = coarse - levels(separably(separably(source, shrink), smooth))
    change = separably(coarse, resampling.enlarging(small / size, size, cubic=False))
    return levels(source + change)


def _grey(pictures: Tensor) -> Tensor:
    weights = torch.tensor([0.299, 0.587, 0.114], device=pictures.device)[:, None, None]
    return (pictures * weights).sum(1, keepdim=True).round_()


def _moments(values: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
    """(n, C) mean and standard deviation inside the mask."""
    count = inside.sum((2, 3)).clamp(min=1.0)
    mean = (values * inside).sum((2, 3)) / count
    away = (values - mean[..., None, None]) * inside
    return mean, ((away**2).sum((2, 3)) / count).sqrt()
