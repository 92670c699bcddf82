"""Twins of photographs: drawn again by a small autoencoder, so that they differ in the traces of upsampling alone.

A network that is taught one generator knows one generator. Twins add four ways of upsampling, and lattices drawn on
photographs a fifth kind. A redrawn picture is softer than its photograph; the photograph is softened to match, because
otherwise sharpness is what is learned.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from likeness.detectors._cnn_generated_levelling import alike
from likeness.networks.cnn_generated import PATCH_PX, UPSAMPLINGS, Redrawer
from likeness.training import FitConfig, fit
from likeness.training.schedules import rise_and_fall
from likeness.types import ImageArray, Progress


@dataclass(frozen=True)
class Twin:
    """A photograph, and what was drawn of it or in its place.

    Attributes:
        real: (H, W, 3) uint8 RGB.
        fake: of the same size.
        kind: way of upsampling, or the generator.
        group: identity.
    """

    real: ImageArray
    fake: ImageArray
    kind: str
    group: str

    def alike(self) -> Twin:
        """Both stored alike and brought to the same light, contrast, colour and sharpness."""
        real, fake = alike(self.real, self.fake)
        return replace(self, real=real, fake=fake)


@dataclass(frozen=True)
class RedrawConfig:
    """How the redrawer learns.

    Attributes:
        steps: of one decoder each, in turns.
        batch: crops of 96 px per step.
        learning_rate: highest.
        seed: of everything.
        out: folder of the checkpoints.
        run: see `likeness.training.FitConfig`.
    """

    steps: int
    batch: int
    learning_rate: float
    seed: int
    out: Path
    run: str


def train_redrawer(
    pictures: Sequence[ImageArray], config: RedrawConfig, progress: Progress | None = None
) -> Redrawer:
    """Learn to draw photographs again.

    Args:
        pictures: (H, W, 3) uint8 RGB each, sides of 96 px or more.
        config: see `RedrawConfig`.
        progress: see `likeness.types.Progress`.
    """
    network = Redrawer(seed=config.seed)

    def batches(number: int, rng: np.random.Generator) -> tuple[torch.Tensor, str]:
        rows = rng.integers(0, len(pictures), config.batch)
        crops = np.stack([_crop(pictures[i], rng) for i in rows])
        return _tensor(crops), UPSAMPLINGS[number % len(UPSAMPLINGS)]

    fit(
        network,
        _loss,
        batches,
        FitConfig(
            steps=config.steps,
            out=config.out,
            optimiser=lambda parameters: torch.optim.Adam(parameters, betas=(0.9, 0.99)),
            learning_rate=lambda step: rise_and_fall(step, config.steps, config.learning_rate),
            seed=config.seed,
            checkpoint_every_steps=0,
            checkpoint_every_s=60,
            clip_norm=1.0,
            run=config.run,
            precision="bfloat16",
        ),
        progress,
    )
    return network.eval()


def twins_of(
    network: Redrawer,
    pictures: Sequence[tuple[ImageArray, str]],
    kinds: Callable[[int], Sequence[str]],
) -> list[Twin]:
    """Redraw photographs.

    Args:
        network: trained.
        pictures: photographs and their identities.
        kinds: ways of upsampling of the n-th.
    """
    found = []
    for number, (picture, group) in enumerate(pictures):
        height, width = (side // 2 * 2 for side in picture.shape[:2])
        picture = np.ascontiguousarray(picture[:height, :width])
        for kind in kinds(number):
            found.append(Twin(picture, redrawn(network, picture, kind), kind, group).alike())
    return found


def redrawn(network: Redrawer, picture: ImageArray, kind: str) -> ImageArray:
    """A picture, sides even, drawn again in one way of upsampling."""
    with torch.inference_mode():
        drawn = network(_tensor(picture[None]), kind)[0].permute(1, 2, 0).numpy()
    return np.clip(np.rint(drawn * 255), 0, 255).astype(np.uint8)


def quality_db(twins: Sequence[Twin]) -> float:
    """Mean peak signal to noise ratio of the twins in dB."""
    errors = [float(np.mean((t.real.astype(float) - t.fake) ** 2)) for t in twins]
    return float(np.mean([10 * math.log10(255**2 / max(e, 1e-3)) for e in errors]))


def lattice(
    image: ImageArray, rng: np.random.Generator, levels: tuple[float, float] = (1.0, 8.0)
) -> ImageArray:
    """Add one small random tile over and over, as uneven upsampling does: period 2, 3 or 4 px, amplitude in levels."""
    period = int(rng.choice([2, 2, 3, 4]))
    tile = rng.normal(size=(period, period))
    tile *= rng.uniform(*levels) / np.abs(tile - tile.mean()).max()
    height, width = image.shape[:2]
    drawn = np.tile(tile - tile.mean(), (-(-height // period), -(-width // period)))
    changed = image + drawn[:height, :width, None]
    return np.clip(np.rint(changed), 0, 255).astype(np.uint8)


def _loss(network: Redrawer, batch: tuple[torch.Tensor, str]) -> torch.Tensor:
    """Mean absolute error of the picture and, so that it is not too soft, of its differences."""
    wanted, kind = batch
    error = network(wanted, kind).float() - wanted
    across, down = error[..., 1:] - error[..., :-1], error[..., 1:, :] - error[..., :-1, :]
    return error.abs().mean() + across.abs().mean() + down.abs().mean()


def _crop(picture: ImageArray, rng: np.random.Generator) -> ImageArray:
    y, x = (int(rng.integers(0, side - PATCH_PX + 1)) for side in picture.shape[:2])
    crop = picture[y : y + PATCH_PX, x : x + PATCH_PX]
    return crop[:, ::-1] if rng.random() < 0.5 else crop


def _tensor(images: ImageArray) -> torch.Tensor:
    return torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).float() / 255
