"""Losses between pictures, each a mean over the batch, and their weighted sum by configuration.

All take (N, 3, H, W) float32 in [0, 1]. Any weight may be 0; what has weight 0 is not computed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from likeness.errors import ConfigError

_C1, _C2 = 0.01**2, 0.03**2
Features = Callable[[torch.Tensor], Sequence[torch.Tensor]]
"""Feature maps (N, C, H, W) of pictures, from a frozen network that was trained to reconstruct faces."""


@dataclass(frozen=True)
class LossConfig:
    """Weights of the parts of a loss.

    Attributes:
        l1: mean absolute error.
        l2: mean squared error.
        dssim: (1 - SSIM) / 2 of the lightness, over boxes; colour is left to l1 and l2.
        edge: mean absolute error of horizontal and vertical differences.
        eyes: how much more the error counts in the eyes, 0 = as much as elsewhere; for l1 and l2.
        mouth: the same for the mouth.
        outside: how much the error counts outside the face oval, 0 = nothing, 1 = as much as inside.
        mask: mean absolute error of the mask that the network draws.
        adversarial: a patch discriminator's least-squares loss.
        adversarial_from: step from which it counts; the discriminator learns from the start.
        adversarial_ramp: steps over which it then grows to its weight.
        perceptual: distance of the features of a reconstruction encoder.
        box: side of the boxes of dssim in pixels at 128 px; scaled to other sizes.
    """

    l1: float = 1.0
    l2: float = 0.0
    dssim: float = 1.0
    edge: float = 0.0
    eyes: float = 2.0
    mouth: float = 1.0
    outside: float = 0.1
    mask: float = 0.1
    adversarial: float = 0.0
    adversarial_from: int = 10_000
    adversarial_ramp: int = 5_000
    perceptual: float = 0.0
    box: int = 8

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 0:
                raise ConfigError(f"losses: {name}: expected 0 or more, got {value}")
        if self.box < 2:
            raise ConfigError(f"losses: box: expected 2 or more pixels, got {self.box}")

    def adversarial_weight(self, step: int) -> float:
        """The weight of the adversarial part at a step."""
        done = (step - self.adversarial_from) / max(1, self.adversarial_ramp)
        return self.adversarial * min(1.0, max(0.0, done))


def picture_loss(
    drawn: torch.Tensor,
    wanted: torch.Tensor,
    areas: torch.Tensor,
    config: LossConfig,
    features: Features | None = None,
) -> dict[str, torch.Tensor]:
    """The weighted parts, by name; their sum is the loss.

    Args:
        drawn: (N, 3 or 4, S, S) in [0, 1]: RGB and perhaps a mask.
        wanted: (N, 3, S, S) in [0, 1].
        areas: (N, 3, S, S) in [0, 1]: face oval, eyes, mouth.
        config: the weights.
        features: for the perceptual part.
    """
    face = areas[:, :1]
    importance = config.outside + (1.0 - config.outside) * face
    # What counts little outside is replaced by what is wanted there, so that no part has to know of masks.
    picture = wanted + (drawn[:, :3] - wanted) * importance
    parts: dict[str, torch.Tensor] = {}
    if config.l1 or config.l2:
        focus = 1.0 + config.eyes * areas[:, 1:2] + config.mouth * areas[:, 2:3]
        error = picture - wanted
        if config.l1:
            parts["l1"] = config.l1 * (error.abs() * focus).mean()
        if config.l2:
            parts["l2"] = config.l2 * (error.square() * focus).mean()
    if config.dssim:
        box = max(2, round(config.box * wanted.shape[-1] / 128))
        parts["dssim"] = config.dssim * dssim(lightness(picture), lightness(wanted), box)
    if config.edge:
        parts["edge"] = config.edge * edge(picture, wanted)
    if config.mask and drawn.shape[1] > 3:
        parts["mask"] = config.mask * (drawn[:, 3:] - face).abs().mean()
    if config.perceptual:
        if features is None:
            raise ConfigError(
                "losses: perceptual needs a trained reconstruction encoder: set perceptual_from to a run folder"
            )
        parts["perceptual"] = config.perceptual * perceptual(picture, wanted, features)
    return parts


def dssim(drawn: torch.Tensor, wanted: torch.Tensor, box: int = 8) -> torch.Tensor:
    """(1 - SSIM) / 2 over boxes that overlap by half, 0 = equal, 1 = opposite.

    The structural similarity of Wang et al. 2004 with the square windows of their earlier index in place of Gaussian ones:
    a quarter of the arithmetic.
    """
    with _exactly(drawn):
        boxes = _boxes(wanted, box)

        def mean(x: torch.Tensor) -> torch.Tensor:
            return boxes.T @ (
                x @ boxes
            )  # as matrix products: several times faster on a CPU than pooling

        a, b = mean(drawn), mean(wanted)
        with torch.no_grad():
            of_wanted = mean(wanted * wanted) - b * b
        aa, bb, ab = a * a, b * b, a * b
        spread = mean(drawn * drawn) - aa + of_wanted
        common = mean(drawn * wanted) - ab
        similarity = (2 * ab + _C1) * (2 * common + _C2) / ((aa + bb + _C1) * (spread + _C2))
        return (1.0 - similarity.mean()) / 2


def lightness(images: torch.Tensor) -> torch.Tensor:
    """(N, 3, H, W) RGB -> (N, 1, H, W): the weighted sum of ITU-R BT.601."""
    weights = images.new_tensor([[0.299, 0.587, 0.114]])
    with _exactly(images):
        return (weights @ images.flatten(2)).unflatten(2, images.shape[2:])


def _exactly(like: torch.Tensor) -> torch.autocast:
    """No autocast: in bfloat16, variances as differences of squares are noise."""
    return torch.autocast(like.device.type, enabled=False)


def _boxes(like: torch.Tensor, box: int) -> torch.Tensor:
    """(S, boxes) columns that average over boxes along an axis of side S, overlapping by half."""
    side, stride = like.shape[-1], max(1, box // 2)
    at = torch.arange(side, device=like.device)[:, None]
    start = torch.arange(0, side - box + 1, stride, device=like.device)[None]
    return ((at >= start) & (at < start + box)).to(like.dtype) / box


def edge(drawn: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Mean absolute error of the differences between neighbouring pixels, both directions."""
    error = drawn - wanted
    across = (error[..., :, 1:] - error[..., :, :-1]).abs().mean()
    down = (error[..., 1:, :] - error[..., :-1, :]).abs().mean()
    return across + down


def perceptual(drawn: torch.Tensor, wanted: torch.Tensor, features: Features) -> torch.Tensor:
    """Mean over the stages of the absolute difference of features, relative to their size."""
    with torch.no_grad():
        goals = [f.float() for f in features(wanted)]
    total = drawn.new_zeros(())
    for found, goal in zip(features(drawn), goals, strict=True):
        total = total + (found.float() - goal).abs().mean() / (goal.abs().mean() + 1e-6)
    return total / len(goals)


def discriminator_loss(real: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
    """Least squares (Mao et al. 2017): real patches towards 1, drawn ones towards 0."""
    return ((real - 1).square().mean() + drawn.square().mean()) / 2


def deceiving_loss(drawn: torch.Tensor) -> torch.Tensor:
    """Least squares: drawn patches towards 1, as their maker wants them."""
    return (drawn - 1).square().mean()


def total(parts: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Sum of the parts; raises `ConfigError` if every weight is 0."""
    if not parts:
        raise ConfigError("losses: every weight is 0; nothing would be learned")
    return torch.stack([p.reshape(()) for p in parts.values()]).sum()
