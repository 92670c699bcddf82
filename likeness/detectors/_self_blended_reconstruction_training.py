"""Faces drawn again by one of our own face-swap autoencoders: donors for reconstruction twins, in the right place pixel by pixel.

A swap of two people needs their consent, and the people who gave theirs are those that detectors are judged on. So the
network of `autoencoder_light` learns here to draw every real training face as it is, through its narrow code. What it
gives back has the softness, the smooth skin and the upsampling of a swap, and nobody else's face.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from likeness.data.eigenfaces import MARGIN
from likeness.data.known_faces import KnownFace, load_images
from likeness.faces import align
from likeness.networks.autoencoder_light import LightAutoencoder
from likeness.training import FitConfig, fit
from likeness.training.losses import dssim, edge, lightness
from likeness.training.schedules import rise_and_fall
from likeness.types import ImageArray, Progress

DRAWN_PX = 128
_BATCH, _RATE, _SEED = 32, 1.5e-3, 5


@dataclass(frozen=True)
class Reconstruction:
    """How the autoencoder learns.

    Attributes:
        steps: of the optimiser, 32 faces each; 0 = no such twins.
        code: numbers that a face is drawn from.
        seed: of initialisation and batches.
    """

    steps: int = 1200
    code: int = 256
    seed: int = _SEED

    def digest(self, faces: Sequence[KnownFace]) -> str:
        """16 hex digits of the settings and of the faces that it learns from."""
        text = json.dumps(asdict(self)) + "".join(f.item.sha256 for f in faces)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class Redrawing(nn.Module):
    """One half of the swap's network: (N, 3, 128, 128) in [0, 1] -> the same, drawn again."""

    def __init__(self, code: int, seed: int) -> None:
        super().__init__()
        self.network = LightAutoencoder(code=code, output_px=DRAWN_PX, seed=seed)
        del self.network.decoders["target"], self.network.faces["target"]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """See the class."""
        small = nn.functional.avg_pool2d(images, DRAWN_PX // self.network.input_px)
        return self.network.decode(self.network.encode(small), "source")[:, :3]


def trained(
    data: Path,
    faces: Sequence[KnownFace],
    config: Reconstruction,
    out: Path,
    progress: Progress | None = None,
) -> Redrawing:
    """Learn to draw these faces; goes on from its last checkpoint.

    Args:
        data: where the items' paths start.
        faces: real faces of role `train`.
        config: see `Reconstruction`.
        out: folder of the checkpoints.
        progress: see `likeness.types.Progress`.
    """
    network = Redrawing(config.code, config.seed)
    run = config.digest(faces)
    place = out / run
    crops: list[ImageArray] = []

    def batches(number: int, rng: np.random.Generator) -> torch.Tensor:
        if not crops:  # a run that is done needs none
            crops.append(np.stack(list(crops_of(data, faces, progress))))
        rows = np.sort(rng.integers(0, len(faces), _BATCH))
        images = _tensor(crops[0][rows])
        return torch.where(
            torch.from_numpy(rng.random((_BATCH, 1, 1, 1)) < 0.5), images.flip(3), images
        )

    fit(
        network,
        _loss,
        batches,
        FitConfig(
            steps=config.steps,
            out=place,
            optimiser=lambda parameters: torch.optim.Adam(parameters, betas=(0.5, 0.99)),
            learning_rate=lambda step: rise_and_fall(step, config.steps, _RATE),
            seed=config.seed,
            checkpoint_every_steps=0,
            checkpoint_every_s=60,
            clip_norm=1.0,
            run=run,
            precision="bfloat16",
        ),
        progress,
    )
    return network.eval()


def crops_of(
    data: Path, faces: Sequence[KnownFace], progress: Progress | None = None
) -> Iterator[ImageArray]:
    """(128, 128, 3) uint8 RGB of each face, cut as its reconstruction is laid back."""
    for done, face in enumerate(faces):
        picture = load_images(data, face)[0]
        yield align(picture, face.track.landmarks_px[0], DRAWN_PX, MARGIN).image
        if progress:
            progress("cutting faces", done + 1, len(faces))


def redrawn(
    network: Redrawing, data: Path, faces: Sequence[KnownFace], progress: Progress | None = None
) -> ImageArray:
    """(N, 128, 128, 3) uint8 RGB: every face as the network draws it."""
    out = np.empty((len(faces), DRAWN_PX, DRAWN_PX, 3), np.uint8)
    for row, crop in enumerate(crops_of(data, faces, progress)):
        with torch.inference_mode():
            drawn = network(_tensor(crop[None]))[0].permute(1, 2, 0).numpy()
        out[row] = np.clip(np.rint(drawn * 255), 0, 255)
    return out


def _loss(network: Redrawing, images: torch.Tensor) -> torch.Tensor:
    """Absolute error, structure and edges, as the swap's own training weighs them."""
    drawn = network(images).float()
    likeness = dssim(lightness(drawn), lightness(images))
    return (drawn - images).abs().mean() + likeness + edge(drawn, images)


def _tensor(images: ImageArray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 255
