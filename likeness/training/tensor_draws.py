"""What chance decides about a batch of pseudo-fakes: the ranges of `PseudoFakeConfig`, drawn for all of them at once.

Numbers are drawn on the CPU, so that one seed means the same gaps on every device; only the noise of the elastic deformation is
drawn on the device, and is the same there each time.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from likeness.data.masks import FULL_FAMILIES, PARTS
from likeness.data.mixture import KINDS, PseudoFakeConfig
from likeness.errors import ConfigError
from likeness.training.tensor_masks import (
    INNER,
    MASK_PX,
    NODES,
    POINTS,
    Shapes,
    piece_table,
)

Tensor = torch.Tensor
FULL, PART, CROSS, WARP = range(len(KINDS))


@dataclass(frozen=True)
class Draws:
    """What was drawn for B pairs; `kind` and what follows from it are known on the CPU, the rest lies on the device.

    Attributes:
        kind: (B,) int64 on the CPU, places in `KINDS`.
        target: (B,) bool on the CPU: the background copy is changed, not the source.
        colour: (B, 3, 4) affine maps of RGB.
        downscale: (B,) int64 on the CPU: 2, 4 or 0 for sharpening.
        sharpen: (B,) alpha of the sharpening.
        aligned_px: (B,) side of the square of warp blur.
        shift: (B, 2) of the source, as a share of the face crop's width and height.
        scale: (B,) of the source.
        background: (B, 2) shift of the background in pixels; 0 = stays.
        relit: (B,) bool on the CPU.
        ratio: (B,) of the blend.
        shapes: of the masks.
    """

    kind: Tensor
    target: Tensor
    colour: Tensor
    downscale: Tensor
    sharpen: Tensor
    aligned_px: Tensor
    shift: Tensor
    scale: Tensor
    background: Tensor
    relit: Tensor
    ratio: Tensor
    shapes: Shapes

    def rows(self, *kinds: int) -> Tensor:
        """Places of the pairs of these kinds."""
        wanted = torch.zeros(len(self.kind), dtype=torch.bool)
        for kind in kinds:
            wanted |= self.kind == kind
        return wanted.nonzero()[:, 0]


def draw(
    generator: torch.Generator,
    count: int,
    config: PseudoFakeConfig,
    device: torch.device | str = "cpu",
    has_donors: bool = True,
) -> Draws:
    """Draw everything for `count` pairs.

    Args:
        generator: on the CPU; the same state gives the same draws on one device.
        count: of pairs.
        config: shares and ranges.
        device: where the pictures are.
        has_donors: without donors no cross-identity blends are drawn.

    Raises:
        ConfigError: nothing but cross_identity is asked for and there are no donors.
    """
    chance = _Chance(generator)
    strength = config.strength
    kind = _kinds(chance, count, config, has_donors)
    colour = _colour(chance, count, config)
    scale = 1.0 + (chance.within((count,), config.scale, 1.0 / config.scale) - 1.0) * strength
    moved = torch.tensor(config.translate) * strength
    shift = chance.within((count, 2), -1.0, 1.0) * moved
    nudge = chance.within((count, 2), -0.5, 0.5) * strength
    nudged = (chance.unit(count) >= 0.5) & config.match_softness
    downscale = 2 ** chance.whole((count,), 1, 2) * (chance.unit(count) < 0.5)
    ratio = torch.tensor(config.ratios)[chance.whole((count,), 0, len(config.ratios) - 1)]
    warped = torch.where((kind == CROSS) | (kind == WARP), 0.0, 1.0)
    drawn = Draws(
        kind=kind,
        target=chance.unit(count) < config.target_p,
        colour=colour,
        downscale=downscale,
        sharpen=chance.within((count,), *config.sharpen_alpha),
        aligned_px=chance.whole((count,), *config.warp_size_px).float(),
        shift=shift * warped[:, None],
        scale=torch.where(warped > 0, scale, 1.0),
        background=nudge * (warped * nudged)[:, None],
        relit=chance.unit(count) < config.relight_p,
        ratio=torch.where(kind == CROSS, ratio * strength, ratio),
        shapes=_shapes(chance, kind, config, device),
    )
    on_device = ("colour", "sharpen", "aligned_px", "shift", "scale", "background", "ratio")
    moved_over = {name: getattr(drawn, name).to(device) for name in on_device}
    return Draws(**(vars(drawn) | moved_over))


class _Chance:
    """Uniform and normal numbers from one generator."""

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator

    def unit(self, *shape: int) -> Tensor:
        return torch.rand(shape, generator=self.generator)

    def within(self, shape: tuple[int, ...], low: float, high: float) -> Tensor:
        return low + (high - low) * self.unit(*shape)

    def whole(self, shape: tuple[int, ...], low: int, high: int) -> Tensor:
        """Whole numbers from `low` to `high`, both included."""
        return torch.randint(low, high + 1, shape, generator=self.generator)

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self.generator)


def _kinds(chance: _Chance, count: int, config: PseudoFakeConfig, has_donors: bool) -> Tensor:
    weights = torch.tensor([getattr(config.shares, kind) for kind in KINDS])
    if not has_donors:
        weights[CROSS] = 0.0
    if float(weights.sum()) <= 0:
        raise ConfigError("only cross_identity is asked for: pass donors")
    return torch.multinomial(weights, count, replacement=True, generator=chance.generator)


def _shapes(
    chance: _Chance, kind: Tensor, config: PseudoFakeConfig, device: torch.device | str
) -> Shapes:
    count = len(kind)
    whole = chance.whole((count,), 0, len(FULL_FAMILIES) - 1)
    part = len(FULL_FAMILIES) + chance.whole((count,), 0, len(PARTS) - 1)
    family = torch.where(kind == PART, part, whole).where(kind != WARP, torch.tensor(INNER))
    strength = torch.where(kind == WARP, 1.0, config.strength)
    noise = torch.Generator(device).manual_seed(int(chance.whole((), 0, 2**62)))
    field = torch.rand((count, 2, NODES, NODES), generator=noise, device=device) * 2.0 - 1.0
    shapes = {
        "family": family,
        "kept": _kept(chance, kind, family),
        "amount": config.outline_jitter * strength,
        "elastic": strength,
        "linear": chance.normal(count, 2, 2),
        "phases": chance.within((count, 3), 0.0, 2 * torch.pi),
        "gains": chance.normal(count, 3),
        "shift": chance.normal(count, 2),
        "side": chance.whole((count,), *MASK_PX).float(),
        "radii": chance.whole((count, 2), 2, 12),
        "sigma": chance.whole((count,), 5, 45).float(),
    }
    return Shapes(field=field, **{name: value.to(device) for name, value in shapes.items()})


def _kept(chance: _Chance, kind: Tensor, family: Tensor) -> Tensor:
    """(B, POINTS) bool: all points, but 35-80 % of those of the inner face for warp blur."""
    filled = piece_table()[family] >= 0
    keys = chance.unit(len(kind), POINTS).where(filled, torch.tensor(2.0))
    share = chance.within((len(kind),), 0.35, 0.8)
    count = (filled.sum(1) * share).long()
    rank = keys.argsort(1).argsort(1)
    return torch.where((kind == WARP)[:, None], rank < count[:, None], filled)


def _colour(chance: _Chance, count: int, config: PseudoFakeConfig) -> Tensor:
    """(count, 3, 4): shift, hue, saturation and value, brightness and contrast as one affine map, as `data.blends` does."""
    ranges, strength = config.colour, config.strength
    happens = chance.unit(count, 3) < torch.tensor(
        [ranges.shift_p, ranges.hsv_p, ranges.contrast_p]
    )
    limits = torch.tensor([ranges.hue_deg, ranges.saturation, ranges.value])
    hue, saturation, value = (
        strength * chance.within((count, 3), -1.0, 1.0) * limits * happens[:, 1:2]
    ).T
    limits = torch.tensor([ranges.brightness, ranges.contrast])
    brightness, contrast = (
        strength * chance.within((count, 2), -1.0, 1.0) * limits * happens[:, 2:]
    ).T
    shift = strength * chance.within((count, 3), -1.0, 1.0) * ranges.shift * happens[:, :1]
    luma = torch.tensor([0.299, 0.587, 0.114]).expand(3, 3)
    grey = luma * -saturation[:, None, None] + torch.eye(3) * (1.0 + saturation)[:, None, None]
    matrix = _hue_matrices(hue) @ grey * (1.0 + contrast)[:, None, None]
    offset = 255.0 * (value * (1.0 + contrast) + brightness - contrast / 2)
    return torch.cat([matrix, (offset[:, None] + shift)[..., None]], 2)


def _hue_matrices(angle_deg: Tensor) -> Tensor:
    """(n, 3, 3) rotations of RGB about the grey axis."""
    a = 3**-0.5
    cross = torch.tensor([[0.0, -a, a], [a, 0.0, -a], [-a, a, 0.0]])
    angle = torch.deg2rad(angle_deg)[:, None, None]
    return angle.cos() * torch.eye(3) + angle.sin() * cross + (1.0 - angle.cos()) / 3.0
