"""Training of the network of `cnn_generated`: batches, degradation, export.

Blur and JPEG are drawn with the ranges of CNNDetection (Wang et al., CVPR 2020): blur of sigma up to 3 px in a tenth of the
patches, JPEG of quality 30-100 in half; the rest are compressed at the quality range that all figures are measured in, so
that no patch shows a label by how it was stored. A twin and its photograph always get the same draws.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from likeness.data.degradations import Degradation
from likeness.detectors._cnn_generated_levelling import Levelled, soften
from likeness.detectors._cnn_generated_patches import cut, whole
from likeness.detectors._cnn_generated_redrawing_training import Twin, lattice
from likeness.errors import DataError
from likeness.networks.cnn_generated import PATCH_PX, GeneratedNet
from likeness.training import FitConfig, FitResult, fit
from likeness.training.feeding import Batches
from likeness.training.schedules import rise_and_fall
from likeness.types import ImageArray, Progress

_BLOCK = 16  # px of a block of colour in JPEG: patches are cut out of a compressed piece of the picture's own grid


@dataclass(frozen=True)
class Picture:
    """A whole picture as it was found.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        label: 0 = photograph, 1 = generated.
        group: identity, or the file's own name.
        level: the same, made alike to the other class in contrast, colour and sharpness.
    """

    image: ImageArray
    label: int
    group: str
    level: Levelled


@dataclass(frozen=True)
class Material:
    """What a network learns from: pictures of one generator and their photographic counterpart, and twins."""

    pictures: tuple[Picture, ...]
    twins: tuple[Twin, ...]


@dataclass(frozen=True)
class Draws:
    """What is drawn for a batch.

    Attributes:
        batch: patches; half of them photographs.
        twin_share: share of the batch that are twins and their photographs.
        lattice_share: share of those twins that are a lattice on the photograph instead.
        quality: JPEG qualities that all figures are measured in.
        blur_p: how often a patch is blurred, sigma up to 3 px.
        wide_jpeg_p: how often quality is drawn from 30-100 instead.
        resize_p: how often a patch takes a detour to a smaller size.
    """

    batch: int = 32
    twin_share: float = 0.4
    lattice_share: float = 0.15
    quality: tuple[int, int] = (60, 95)
    blur_p: float = 0.1
    wide_jpeg_p: float = 0.5
    resize_p: float = 0.15


def learn(
    network: GeneratedNet,
    material: Material,
    draws: Draws,
    run: FitConfig,
    progress: Progress | None = None,
) -> FitResult:
    """Train; the averaged network is in the result."""
    return fit(network, loss, batches_of(material, draws), run, progress)


def batches_of(material: Material, draws: Draws) -> Batches:
    """Batches of (N, 96, 96, 3) uint8 patches and (N,) float32 labels: pictures of both classes, then pairs of twins."""
    classes = [[p for p in material.pictures if p.label == k] for k in (0, 1)]
    pairs = round(draws.batch * draws.twin_share / 2) if material.twins else 0
    singles = draws.batch // 2 - pairs if material.pictures else 0
    if (singles and not all(classes)) or singles + pairs == 0:
        raise DataError("cnn_generated: expected photographs and generated pictures to learn from")

    def batches(number: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        images, labels = [], []
        for label, own in enumerate(classes):
            for i in rng.integers(0, max(1, len(own)), singles):
                picture = own[int(i)]
                view = View.drawn(picture.level.image, draws, rng)
                images.append(view(picture.level.image, rng.uniform(*picture.level.blur_px)))
                labels.append(label)
        for i in rng.integers(0, max(1, len(material.twins)), pairs):
            twin = material.twins[int(i)]
            seed, view = int(rng.integers(2**32)), View.drawn(twin.real, draws, rng)
            fake = twin.fake
            if rng.random() < draws.lattice_share:
                fake = lattice(twin.real, np.random.default_rng(seed))
            images += [view(twin.real), view(fake)]
            labels += [0, 1]
        return torch.from_numpy(np.stack(images)), torch.tensor(labels, dtype=torch.float32)

    return batches


@dataclass(frozen=True)
class View:
    """One patch of a picture, degraded: call it on each member of a pair."""

    corner: tuple[int, int]
    inner: tuple[int, int]
    mirrored: bool
    degradation: Degradation
    gain: float

    @classmethod
    def drawn(cls, image: ImageArray, draws: Draws, rng: np.random.Generator) -> View:
        """Draw one."""
        happens = rng.random(3) < (draws.blur_p, draws.wide_jpeg_p, draws.resize_p)
        low, high = (30, 100) if happens[1] else draws.quality
        degradation = Degradation(
            blur_px=float(rng.uniform(0.1, 3.0)) if happens[0] else 0.0,
            resize=float(rng.uniform(0.5, 1.0)) if happens[2] else 1.0,
            jpeg=int(rng.integers(low, high + 1)),
        )
        piece = PATCH_PX + _BLOCK
        room = [max(0, side - piece) // _BLOCK for side in image.shape[:2]]
        y, x = (_BLOCK * int(rng.integers(0, n + 1)) for n in room)
        inner = [
            int(rng.integers(0, min(piece, side - start) - PATCH_PX + 1))
            for side, start in zip(image.shape[:2], (y, x), strict=True)
        ]
        return cls(
            (y, x),
            (inner[0], inner[1]),
            bool(rng.random() < 0.5),
            degradation,
            float(rng.uniform(0.8, 1.05)),
        )

    def __call__(self, image: ImageArray, blur_px: float = 0.0) -> ImageArray:
        """(H, W, 3) uint8 RGB -> (96, 96, 3); blurred by sigma `blur_px` first."""
        (y, x), piece = self.corner, PATCH_PX + _BLOCK
        part = soften(np.ascontiguousarray(image[y : y + piece, x : x + piece]), blur_px)
        part = cv2.convertScaleAbs(part, alpha=self.gain, beta=128 * (1 - self.gain))
        part = self.degradation(part)
        y, x = self.inner
        patch = part[y : y + PATCH_PX, x : x + PATCH_PX]
        return np.ascontiguousarray(patch[:, ::-1] if self.mirrored else patch)


def loss(network: Any, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """Cross entropy, labels smoothed by 0.02."""
    images, labels = batch
    wanted = labels * 0.96 + 0.02
    return torch.nn.functional.binary_cross_entropy_with_logits(network(images).float(), wanted)


def fit_config(steps: int, learning_rate: float, seed: int, out: Path, run: str) -> FitConfig:
    """AdamW, a cosine, an average of the weights, bfloat16, a checkpoint a minute."""
    return FitConfig(
        steps=steps,
        out=out,
        optimiser=lambda parameters: torch.optim.AdamW(parameters, weight_decay=0.02),
        learning_rate=lambda step: rise_and_fall(step, steps, learning_rate),
        seed=seed,
        checkpoint_every_steps=0,
        checkpoint_every_s=60,
        clip_norm=5.0,
        run=run,
        precision="bfloat16",
        average=0.995,
    )


def score(network: torch.nn.Module, image: ImageArray) -> float:
    """Mean logit over the patches of a whole picture, as the detector does it; NaN without texture."""
    patches = cut(image, whole(image))
    if patches is None or not len(patches.images):
        return float("nan")
    with torch.inference_mode():
        return float(network(torch.from_numpy(patches.images)).mean())
