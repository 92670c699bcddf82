"""What pseudo-fakes are drawn from: the shares of the kinds and the ranges of every gap, with a hash that names them.

The defaults are the published ranges of self-blended images (Shiohara and Yamasaki 2022) in a mixture of four kinds.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace

import numpy as np

from likeness.errors import ConfigError

ENGINE = 1
"""Raised whenever the same seed and configuration give another picture: a frozen test set names it."""

KINDS = ("self_blend_full", "self_blend_part", "cross_identity", "warp_blur")


@dataclass(frozen=True)
class Shares:
    """How often each kind is drawn; relative weights. Cross-identity counts only where a donor is given."""

    self_blend_full: float = 0.45
    self_blend_part: float = 0.15
    cross_identity: float = 0.10
    warp_blur: float = 0.10


@dataclass(frozen=True)
class ColourRanges:
    """Half-widths of the uniform colour gaps and the probability of each group.

    `shift` in 8-bit levels, `hue_deg` in degrees, the others as shares. The published hue, saturation and value range of
    0.3 is in 8-bit units, which nobody sees; it is kept so that the default is what was published.
    """

    shift: float = 20.0
    shift_p: float = 0.3
    hue_deg: float = 0.6
    saturation: float = 0.3 / 255
    value: float = 0.3 / 255
    hsv_p: float = 0.3
    brightness: float = 0.1
    contrast: float = 0.1
    contrast_p: float = 0.3


@dataclass(frozen=True)
class PseudoFakeConfig:
    """What is drawn from.

    Attributes:
        shares: of the kinds.
        colour: gaps between source and background.
        sharpen_alpha: range of the sharpening that stands in for down- and upscaling half of the time.
        target_p: probability that the background copy is changed instead of the source.
        translate: largest shift of source and mask, as a share of the face crop's width and height.
        scale: smallest scale; the largest is its inverse.
        ratios: blend ratios, drawn evenly.
        outline_jitter: deformation of the hulls as a share of the face's size.
        warp_size_px: side of the square to which warp blur aligns a face.
        relight_p: probability that a donor's face also takes the light of the target.
        match_softness: deal the softness of every interpolation to both halves evenly.
        strength: 0-1, scales every gap; 0 gives back the real picture. For curves, not for training.
    """

    shares: Shares = field(default_factory=Shares)
    colour: ColourRanges = field(default_factory=ColourRanges)
    sharpen_alpha: tuple[float, float] = (0.2, 0.5)
    target_p: float = 0.5
    translate: tuple[float, float] = (0.03, 0.015)
    scale: float = 0.95
    ratios: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0, 1.0, 1.0)
    outline_jitter: float = 0.02
    warp_size_px: tuple[int, int] = (64, 256)
    relight_p: float = 0.5
    match_softness: bool = True
    strength: float = 1.0

    def __post_init__(self) -> None:
        shares = asdict(self.shares).values()
        if min(shares) < 0 or sum(shares) <= 0:
            raise ConfigError(f"shares must be 0 or more and not all 0, got {self.shares}")
        if not 0.0 <= self.strength <= 1.0:
            raise ConfigError(f"strength must lie in [0, 1], got {self.strength}")
        if not self.ratios or not all(0.0 < r <= 1.0 for r in self.ratios):
            raise ConfigError(f"ratios must lie in (0, 1], got {self.ratios}")
        if not 0.0 < self.scale <= 1.0:
            raise ConfigError(f"scale must lie in (0, 1], got {self.scale}")

    def config_hash(self) -> str:
        """16 hex digits of the configuration and the engine's version: the name of a frozen test set."""
        text = json.dumps({"engine": ENGINE, **asdict(self)}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def only(self, kind: str) -> PseudoFakeConfig:
        """The same configuration, drawing one kind."""
        if kind not in KINDS:
            raise ConfigError(f"unknown kind {kind!r}; expected one of {', '.join(KINDS)}")
        return replace(self, shares=Shares(**{k: float(k == kind) for k in KINDS}))


def draw_kind(rng: np.random.Generator, shares: Shares, has_donor: bool) -> str:
    """One of `KINDS`; cross_identity only where there is a donor.

    Raises:
        ConfigError: nothing but cross_identity is asked for and there is no donor.
    """
    weights = np.array([getattr(shares, kind) for kind in KINDS])
    if not has_donor:
        weights[KINDS.index("cross_identity")] = 0.0
    if weights.sum() <= 0:
        raise ConfigError("only cross_identity is asked for: pass a donor")
    return str(rng.choice(KINDS, p=weights / weights.sum()))
