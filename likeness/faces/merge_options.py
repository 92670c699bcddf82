"""How a face is merged, and what one frame hands to the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from likeness.errors import ConfigError
from likeness.faces.mask_shape import MaskShape
from likeness.faces.smoothing import Fading
from likeness.types import FloatArray

MergeColour = Literal["none", "mean_std_lab", "mkl", "histogram", "blur_ratio", "seamless"]
MergeMask = Literal["product", "learned", "hull"]


@dataclass(frozen=True)
class MergeConfig:
    """How a face is merged; lengths are shares of the face's width, times are in seconds.

    Attributes:
        mask: what is pasted: the generated crop's own mask (`learned`), the oval of the target's landmarks (`hull`), or
            only where both agree (`product`).
        erode: taken off the outline all round; negative grows it.
        erode_top, erode_bottom, erode_left, erode_right: taken off further at that edge of the upright face.
        feather: softness of the rim (standard deviation).
        occluders: whether what passes in front of the face is left alone; see `occluders.UsualFace`. Not with `hull`.
        colour: see `colour.fit_colour`; `seamless` is `mean_std_lab` and then the membrane of `membrane.fit_membrane`.
        colour_strength: 0 leaves the colours, 1 fits them in full.
        sharpness: 0 leaves it, 1 matches it in full.
        grain: 0 adds none, 1 as much as the target has more of.
        colour_fade_s, mask_fade_s, detail_fade_s: how slowly each follows; 0 = every frame for itself.
        refit_s: how old a fit of colour, membrane, sharpness or grain may be; what fades over many frames need not be fitted on
            each. 0 = on every frame, as for whatever does not fade.
        seed: of the grain.
    """

    mask: MergeMask = "product"
    erode: float = 0.0
    erode_top: float = 0.02
    erode_bottom: float = 0.0
    erode_left: float = 0.0
    erode_right: float = 0.0
    feather: float = 0.035
    occluders: bool = False
    colour: MergeColour = "seamless"
    colour_strength: float = 1.0
    sharpness: float = 1.0
    grain: float = 1.0
    colour_fade_s: float = 0.4
    mask_fade_s: float = 0.08
    detail_fade_s: float = 0.4
    refit_s: float = 0.06
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("colour_strength", "sharpness", "grain"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ConfigError(f"merge: {name} is within 0-1, got {getattr(self, name)}")
        for name in ("colour_fade_s", "mask_fade_s", "detail_fade_s"):
            if not 0.0 <= getattr(self, name) <= 10.0:
                raise ConfigError(f"merge: {name} is within 0-10 s, got {getattr(self, name)}")
        if not 0.0 <= self.refit_s <= 1.0:
            raise ConfigError(f"merge: refit_s is within 0-1 s, got {self.refit_s}")
        if self.occluders and self.mask == "hull":
            raise ConfigError("merge: occluders need mask = product or learned, got hull")
        self.shape()

    def shape(self) -> MaskShape:
        """The outline's part of it."""
        return MaskShape(
            self.erode,
            self.erode_top,
            self.erode_bottom,
            self.erode_left,
            self.erode_right,
            self.feather,
        )


@dataclass
class MergeState:
    """What one frame hands to the next, for one person of one clip; start with an empty one."""

    fading: dict[str, Fading] = field(default_factory=dict)
    fitted: dict[str, tuple[float, FloatArray | float]] = field(default_factory=dict)

    def follow(
        self, name: str, value: FloatArray | float, now_s: float, time_s: float
    ) -> FloatArray:
        """The faded value of that name."""
        if name not in self.fading:
            self.fading[name] = Fading(time_s)
        return np.asarray(self.fading[name].follow(value, now_s), np.float32)

    def fit(
        self, name: str, now_s: float, oldest_s: float, anew: Callable[[], FloatArray | float]
    ) -> FloatArray | float:
        """The last fit of that name, made anew where it is older than that, or where time ran backwards."""
        when, fit = self.fitted.get(name, (now_s - 2.0 * oldest_s - 1.0, 0.0))
        if not 0.0 <= now_s - when < oldest_s:
            fit = anew()
            self.fitted[name] = (now_s, fit)
        return fit
