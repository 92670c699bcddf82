"""Masks of pseudo-fakes for whole batches on any device: hulls drawn, deformed and softened as `data.masks` does one by one.

A hull is never worked out: it is the intersection of half-planes, one for every direction, each touching the outermost point. What a
line of pixels shares with it is an interval, so the edge is anti-aliased exactly along the line.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from likeness.data import masks
from likeness.training.tensor_resampling import separably, smoothing
from likeness.types import FloatArray

Tensor = torch.Tensor
FAMILIES = (*masks.FULL_FAMILIES, *masks.PARTS)
INNER = FAMILIES.index("inner")
MASK_PX = (192, 256)
"""A mask is drawn at a side within this range, whatever the face's size: see `data.masks`."""
POINTS = 104
"""Of a family at most; shorter lists are filled up."""
_PAD = 16
_CANVAS = MASK_PX[1] + 2 * _PAD
_DIRECTIONS = 256
_FINER = 2  # lines of the raster per line of pixels
NODES = 74
"""Of the deformation, along each side."""
_FIELD_SIGMA, _FIELD_GAIN = 1.75, 12.5
_LINE_PX = 0.6  # OpenCV draws the outline itself as well, about a pixel wide


@dataclass(frozen=True)
class Shapes:
    """What chance decides about B masks, on the device of the faces.

    Attributes:
        family: (B,) int64 places in `FAMILIES`.
        kept: (B, POINTS) bool points of the family that are used.
        amount: (B,) standard deviation of the outline's jitter as a share of the face's size.
        elastic: (B,) strength of the elastic deformation.
        linear: (B, 2, 2), phases: (B, 3), gains: (B, 3), shift: (B, 2) of the jitter, in units of `amount`.
        side: (B,) side at which the mask is drawn.
        radii: (B, 2) int64 of erosion and feather.
        sigma: (B,) of the feather.
        field: (B, 2, 74, 74) white noise in [-1, 1].
    """

    family: Tensor
    kept: Tensor
    amount: Tensor
    elastic: Tensor
    linear: Tensor
    phases: Tensor
    gains: Tensor
    shift: Tensor
    side: Tensor
    radii: Tensor
    sigma: Tensor
    field: Tensor

    def at(self, rows: Tensor) -> Shapes:
        """Those of some rows."""
        return Shapes(**{name: value[rows] for name, value in vars(self).items()})


def outlines_of(landmarks_px: FloatArray) -> FloatArray:
    """(N, 8, POINTS, 2) float32 points of every family for (N, 478, 2) landmarks; `piece_table` says what is filled."""
    out = np.zeros((len(landmarks_px), len(FAMILIES), POINTS, 2), np.float32)
    for i, landmarks in enumerate(landmarks_px):
        for k, family in enumerate(FAMILIES):
            points = np.concatenate(masks.hull_points(landmarks, family))
            out[i, k, : len(points)] = points
    return out


def piece_table() -> Tensor:
    """(8, POINTS) int64: which convex piece of its family a point belongs to; -1 = filled up."""
    table = torch.full((len(FAMILIES), POINTS), -1)
    for k, family in enumerate(FAMILIES):
        pieces = masks.hull_points(np.zeros((478, 2), np.float32), family)
        numbers = [j for j, piece in enumerate(pieces) for _ in piece]
        table[k, : len(numbers)] = torch.tensor(numbers)
    return table


def draw_masks(outlines: Tensor, boxes: Tensor, shapes: Shapes) -> tuple[Tensor, Tensor]:
    """Draw, deform and soften B regions.

    Args:
        outlines: (B, POINTS, 2) points of each one's family, in the frame's pixels.
        boxes: (B, 4) xyxy of the face crops in the frame.
        shapes: see `Shapes`.

    Returns:
        (B, 288, 288) float32 masks in [0, 1] on a canvas of their own, and (B, 2, 2) factor and offset per axis (x, y) that take
        the frame's pixels to the canvas.
    """
    piece = piece_table().to(outlines.device)[shapes.family].where(shapes.kept, -1)
    points = _jittered(outlines, piece >= 0, shapes)
    size = boxes[:, 2:] - boxes[:, :2]
    small = (size * (shapes.side / size.amax(1))[:, None]).round().clamp(min=1.0)
    factor = small / size
    points = (points - boxes[:, None, :2]) * factor[:, None] + _PAD
    inside = _inside(small + 2 * _PAD)
    mask = _deformed(_raster(points, piece), shapes)
    to_canvas = torch.stack([factor, (0.5 - boxes[:, :2]) * factor - 0.5 + _PAD], dim=2)
    return _softened(mask, inside, shapes), to_canvas


def in_frame(
    canvas: Tensor, to_canvas: Tensor, boxes: Tensor, move: tuple[Tensor, Tensor], size: int
) -> Tensor:
    """(B, size, size) masks in the frame, moved, 0 outside the crops.

    Args:
        canvas: (B, 288, 288) masks.
        to_canvas: see `draw_masks`.
        boxes: (B, 4) xyxy.
        move: (B,) scale and (B, 2) shift: place p of the result shows place (p - shift) / scale.
        size: side of the frame.
    """
    scale, shift = move
    line = torch.arange(size, device=canvas.device, dtype=torch.float32)
    place = (line[None, :, None] - shift[:, None]) / scale[:, None, None]  # (B, size, 2)
    low, high = boxes[:, None, :2], boxes[:, None, 2:] - 1
    visible = (1.0 - (low - place).clamp(min=0) - (place - high).clamp(min=0)).clamp(min=0)
    place = torch.minimum(torch.maximum(place, low), high)
    place = place * to_canvas[:, None, :, 0] + to_canvas[:, None, :, 1]
    unit = place * (2.0 / (_CANVAS - 1)) - 1.0
    grid = torch.stack(
        [unit[:, None, :, 0].expand(-1, size, -1), unit[:, :, None, 1].expand(-1, -1, size)], 3
    )
    mask = torch.nn.functional.grid_sample(
        canvas[:, None], grid, mode="bilinear", padding_mode="border", align_corners=True
    )[:, 0]
    return (mask * visible[:, None, :, 0] * visible[:, :, None, 1]).clamp_(0.0, 1.0)


def _jittered(points: Tensor, used: Tensor, shapes: Shapes) -> Tensor:
    """As `data.masks.jitter_points`: a random affine of the whole, and a smooth wobble of each outline."""
    share = used[..., None].float()
    centre = (points * share).sum(1, keepdim=True) / share.sum(1, keepdim=True)
    offset = (points - centre) * share
    size = (offset.amax(1) - offset.amin(1)).amax(1)
    angle = torch.atan2(offset[..., 1], offset[..., 0])
    order = torch.arange(1, 4, device=points.device)
    waves = torch.cos(angle[..., None] * order + shapes.phases[:, None])
    amount = shapes.amount[:, None]
    wobble = 1.0 + (waves * (shapes.gains * amount)[:, None]).sum(2)
    linear = torch.eye(2, device=points.device) + shapes.linear * amount[..., None]
    moved = (offset @ linear.transpose(1, 2)) * wobble[..., None]
    return centre + moved + (shapes.shift * amount * 0.25 * size[:, None])[:, None]


def _raster(points: Tensor, piece: Tensor) -> Tensor:
    """(B, 288, 288) coverage of the union of the pieces' convex hulls; those of one piece and of several in turn."""
    several = piece.amax(1) > 0
    out = torch.zeros(len(points), _CANVAS, _CANVAS, device=points.device)
    for some, most in ((~several, 1), (several, 4)):
        rows = some.nonzero()[:, 0]
        if len(rows):
            out[rows] = _union(points[rows], piece[rows], most)
    return out


def _union(points: Tensor, piece: Tensor, most: int) -> Tensor:
    device = points.device
    # half a step past the axes: no direction is upright, so that each bounds every line of pixels on one side
    angle = (torch.arange(_DIRECTIONS, device=device) + 0.5) * (2 * torch.pi / _DIRECTIONS)
    across, down = torch.cos(angle), torch.sin(angle)
    reach = points @ torch.stack([across, down])  # (n, POINTS, K)
    line = (torch.arange(_CANVAS * _FINER, device=device) + 0.5) / _FINER - 0.5
    pixel = torch.arange(_CANVAS, device=device, dtype=torch.float32)
    out = torch.zeros(len(points), _CANVAS, _CANVAS, device=device)
    right = across > 0
    for number in range(most):
        own = (piece == number)[..., None]
        far = reach.masked_fill(~own, -torch.inf).amax(1) + _LINE_PX  # (n, K)
        bound = (far[:, None] - line[:, None] * down) / across
        high = bound[..., right].amin(2)[..., None]
        low = bound[..., ~right].amax(2)[..., None]
        share = torch.minimum(high, pixel + 0.5) - torch.maximum(low, pixel - 0.5)
        share = share.clamp_(0.0, 1.0).unflatten(1, (_CANVAS, _FINER)).mean(2)
        out = torch.maximum(out, share)
    return out


def _inside(size: Tensor) -> Tensor:
    """(B, 288, 288) bool: the part of the canvas that a mask of its size has."""
    line = torch.arange(_CANVAS, device=size.device)
    across, down = line < size[:, :1], line < size[:, 1:]
    return across[:, None, :] & down[:, :, None]


def _deformed(mask: Tensor, shapes: Shapes) -> Tensor:
    """As `data.masks.elastic`: smoothed noise on every fourth pixel moves the pixels."""
    count, nodes = len(mask), shapes.field.shape[-1]
    whole = torch.full((count,), nodes, device=mask.device)
    sigma = torch.full((count,), _FIELD_SIGMA, device=mask.device)
    smooth = smoothing(sigma, whole, nodes, torch.full_like(whole, 7))
    field = separably(shapes.field, smooth) * (shapes.elastic * _FIELD_GAIN)[:, None, None, None]
    field = torch.nn.functional.interpolate(field, (_CANVAS, _CANVAS), mode="bilinear")
    line = torch.arange(_CANVAS, device=mask.device, dtype=torch.float32)
    place = torch.stack([field[:, 0] + line, field[:, 1] + line[:, None]], 3)
    return torch.nn.functional.grid_sample(
        mask[:, None],
        place * (2.0 / (_CANVAS - 1)) - 1.0,
        mode="bilinear",
        padding_mode="border",
        align_corners=True,
    )[:, 0]


def _softened(mask: Tensor, inside: Tensor, shapes: Shapes) -> Tensor:
    """As `data.masks.soften`: eroded, feathered, brought back to 1; a region too small for that stays hard."""
    mask = mask * inside
    most = (mask.sum((1, 2)).sqrt() / 10.0).long().clamp(min=2)
    radii = torch.minimum(shapes.radii, most[:, None])
    core = ((mask >= 0.5) | ~inside).float()
    core = _eroded(_eroded(core, radii[:, 0]).transpose(1, 2), radii[:, 0]).transpose(1, 2)
    core = core * inside
    whole = torch.full_like(most, _CANVAS)
    soft = separably(core[:, None], smoothing(shapes.sigma, whole, _CANVAS, radii[:, 1]))[:, 0]
    soft = soft * inside
    top = soft.amax((1, 2), keepdim=True)
    empty = ~core.bool().flatten(1).any(1)[:, None, None]
    return torch.where(empty, mask, soft / top.clamp(min=1e-6)).clamp_(0.0, 1.0)


def _eroded(core: Tensor, radius: Tensor) -> Tensor:
    """Least value of the 2 radius + 1 neighbours along the lines of (B, C, C) zeros and ones; 1 beyond the canvas."""
    missing = torch.nn.functional.pad((1.0 - core).cumsum(2), (1, 0))
    line = torch.arange(_CANVAS, device=core.device)
    last = (line + radius[:, None] + 1).clamp(max=_CANVAS)
    first = (line - radius[:, None]).clamp(min=0)
    shape = (-1, _CANVAS, -1)
    found = missing.gather(2, last[:, None].expand(shape)) - missing.gather(
        2, first[:, None].expand(shape)
    )
    return (found < 0.5).float()
