"""Pseudo-fakes made in batches on the training device: `data.pseudo_fakes` as tensor operations.

Kinds, ranges and order of operations are those of the engine on the CPU, which stays the reference and makes every test set; pictures are
rounded to eight bits where it rounds them. Draws differ, so the two agree in distribution, not picture by picture. H.264 cannot be
coded on tensors: what is learnt about video comes from the engine on the CPU alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from likeness.data.mixture import PseudoFakeConfig
from likeness.errors import DataError
from likeness.training import tensor_resampling as resampling
from likeness.training.tensor_donors import fitted, matched
from likeness.training.tensor_draws import CROSS, FULL, PART, WARP, Draws, draw
from likeness.training.tensor_faces import Donors, TensorFaces
from likeness.training.tensor_masks import draw_masks, in_frame
from likeness.training.tensor_resampling import levels, separably

Tensor = torch.Tensor
_LEAST_ALIGNED = 0.3  # as in `data.kinds`


@dataclass(frozen=True)
class TensorPairs:
    """B pairs on the faces' device.

    Attributes:
        real: (B, 3, S, S) uint8 RGB: equal to the fake wherever the mask is 0. Where the background was changed it is changed too.
        fake: (B, 3, S, S) uint8 RGB.
        mask: (B, S, S) float32 in [0, 1], where the source lies, before the blend ratio.
        kind: (B,) int64 on the CPU, places in `mixture.KINDS`.
    """

    real: Tensor
    fake: Tensor
    mask: Tensor
    kind: Tensor


def tensor_pairs(
    faces: TensorFaces,
    rows: Tensor,
    seed: int,
    config: PseudoFakeConfig | None = None,
    donors: Donors | None = None,
) -> TensorPairs:
    """Make pseudo-fakes of some faces, each with its real partner.

    Args:
        faces: on any device.
        rows: (B,) int64 on the CPU, which of them; a face may come several times.
        seed: of all chance; the same seed gives the same pairs on one device.
        config: shares and ranges; None = `PseudoFakeConfig()`.
        donors: the people that give their faces in cross-identity blends, one for each pair (see
            `pseudo_fakes.nearest_donors`), of the same or of other faces; None = no such blends.

    Raises:
        ConfigError: nothing but cross_identity is asked for and there are no donors.
        DataError: a donor's source does not cover synthesis.

    Example:
        >>> pairs = tensor_pairs(faces, torch.arange(32), seed=0)  # doctest: +SKIP
        >>> pairs.real.shape, pairs.mask.shape  # doctest: +SKIP
    """
    config = config or PseudoFakeConfig()
    if donors is not None and not bool(donors[0].may_donate[donors[1]].all()):
        raise DataError(
            "donors: the terms of a face's source do not cover synthesis; see MAY_DONATE"
        )
    generator = torch.Generator().manual_seed(seed)
    drawn = draw(generator, len(rows), config, faces.images.device, donors is not None)
    return blended(faces, rows, drawn, config, donors)


@torch.no_grad()
def blended(
    faces: TensorFaces,
    rows: Tensor,
    drawn: Draws,
    config: PseudoFakeConfig,
    donors: Donors | None = None,
) -> TensorPairs:
    """The pairs of what was drawn: a function of its arguments, row by row."""
    here = rows.to(faces.images.device)
    original, boxes = faces.images[here].float(), faces.boxes[here]
    changed = original.clone()
    some = drawn.rows(FULL, PART)
    changed[some] = _sharpened(
        _recoloured(original[some], drawn, some), drawn, some, config.strength
    )
    some = drawn.rows(WARP)
    soft = _warp_blurred(original[some], drawn, (some, faces.size_px[here[some]]), config.strength)
    changed[some] = _recoloured(soft, drawn, some)
    swap = drawn.target.to(here.device)[:, None, None, None]
    source, background = torch.where(swap, original, changed), torch.where(swap, changed, original)
    move = _move(boxes, drawn)
    source, background = _moved(source, background, move, drawn)
    outlines = faces.outlines[here, drawn.shapes.family]
    mask = in_frame(*draw_masks(outlines, boxes, drawn.shapes), boxes, move, original.shape[-1])
    some = drawn.rows(CROSS)
    if len(some) and donors is not None:
        shapes = drawn.shapes.at(some.to(here.device))
        mask[some], given = fitted(
            faces.at(here[some]), donors[0].at(donors[1][some]), shapes, mask[some]
        )
        light = drawn.relit[some], faces.size_px[here[some]]
        source[some], background[some] = matched(
            given, background[some], mask[some], light, config.match_softness
        )
    mask = (mask * _window(boxes, original.shape[-1])).clamp_(0.0, 1.0)
    share = (mask * drawn.ratio[:, None, None])[:, None]
    fake = levels(background + share * (source - background))
    return TensorPairs(background.byte(), fake.byte(), mask, drawn.kind)


def _recoloured(pictures: Tensor, drawn: Draws, rows: Tensor) -> Tensor:
    maps = drawn.colour[rows]
    flat = maps[..., :3] @ pictures.flatten(2) + maps[..., 3:]
    return levels(flat.view_as(pictures))


def _sharpened(pictures: Tensor, drawn: Draws, rows: Tensor, strength: float) -> Tensor:
    """Down- and upscaled by 2 or 4, or sharpened, as `data.blends.apply_sharpness_gap` does."""
    functional, size = torch.nn.functional, pictures.shape[-1]
    out = pictures.clone()
    for step in (2, 4):
        some = (drawn.downscale[rows] == step).nonzero()[:, 0]
        line = torch.arange(size // step, device=out.device) * size // (size // step)
        small = pictures[some][:, :, line][:, :, :, line]
        large = functional.interpolate(small, (size, size), mode="bilinear")
        out[some] = levels(large - resampling.LINEAR_LOSS)
    some = (drawn.downscale[rows] == 0).nonzero()[:, 0]
    sharp = pictures[some]
    around = functional.avg_pool2d(functional.pad(sharp, (1, 1, 1, 1), mode="reflect"), 3, 1)
    alpha = drawn.sharpen[rows[some]][:, None, None, None]
    out[some] = levels(sharp + 9.0 * alpha * (sharp - around))
    return _faded(out, pictures, strength)


def _warp_blurred(
    pictures: Tensor, drawn: Draws, which: tuple[Tensor, Tensor], strength: float
) -> Tensor:
    """As `data.blends.warp_blur`: shrunk (or enlarged) linearly to the aligned size, blurred 5x5, brought back linearly."""
    if not len(pictures):
        return pictures
    rows, size_px = which
    size = pictures.shape[-1]
    factor = (drawn.aligned_px[rows] / size_px).clamp(_LEAST_ALIGNED, 2.0)
    small = separably(pictures, resampling.linear_shrinking(factor, size))
    small = levels(small - resampling.LINEAR_LOSS)
    sigma, reach = torch.full_like(factor, 1.1), torch.full_like(factor, 2).long()
    smooth = resampling.smoothing(sigma, (size * factor).round(), small.shape[-1], reach)
    soft = separably(levels(separably(small, smooth)), resampling.enlarging(factor, size, False))
    return _faded(levels(soft - resampling.LINEAR_LOSS), pictures, strength)


def _faded(changed: Tensor, original: Tensor, strength: float) -> Tensor:
    return changed if strength >= 1.0 else levels(original + strength * (changed - original))


def _move(boxes: Tensor, drawn: Draws) -> tuple[Tensor, Tensor]:
    """(B,) scale and (B, 2) shift of the sources in the frame: about the centres of the face crops."""
    size = boxes[:, 2:] - boxes[:, :2]
    centre = boxes[:, :2] + (size - 1.0) / 2.0
    return drawn.scale, (1.0 - drawn.scale)[:, None] * centre + drawn.shift * size


def _moved(
    source: Tensor, background: Tensor, move: tuple[Tensor, Tensor], drawn: Draws
) -> tuple[Tensor, Tensor]:
    """Sources moved and scaled; half of the backgrounds by a fraction of a pixel, which softens them as much."""
    size, some = source.shape[-1], drawn.rows(FULL, PART)
    scale, shift = move[0][some], move[1][some]
    rows = resampling.moving(scale, shift[:, 1], size)
    source[some] = levels(
        separably(source[some], rows, resampling.moving(scale, shift[:, 0], size))
    )
    some = drawn.background.any(1).nonzero()[:, 0]
    shift = drawn.background[some]
    scale = torch.ones(len(some), device=source.device)
    rows = resampling.moving(scale, shift[:, 1], size)
    columns = resampling.moving(scale, shift[:, 0], size)
    background[some] = levels(separably(background[some], rows, columns))
    return source, background


def _window(boxes: Tensor, size: int) -> Tensor:
    """(B, S, S): 1 inside the face crops, falling to 0 over their outer 4 % where the frame goes on."""
    line = torch.arange(size, device=boxes.device, dtype=torch.float32)[None, :, None]
    low, high = boxes[:, None, :2], boxes[:, None, 2:]
    edge = (0.04 * (high - low)).clamp(min=2.0)
    from_low = torch.where(low > 0, (line - low) / edge, torch.ones_like(line))
    from_high = torch.where(high < size, (high - 1 - line) / edge, torch.ones_like(line))
    ramp = torch.minimum(from_low, from_high).clamp(0.0, 1.0)
    inside = (line >= low) & (line < high)
    ramp = ramp * inside
    return ramp[:, None, :, 0] * ramp[:, :, None, 1]
