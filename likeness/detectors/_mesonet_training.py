"""Training of MesoNet on a crop pack, as published: mean squared error, Adam, batches of 75, a stepped learning rate."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from likeness import weights
from likeness.data import CropPack
from likeness.detectors._mesonet_weights import ARCHITECTURES, weight_shapes
from likeness.errors import ConfigError, DataError
from likeness.networks.mesonet import MesoNet
from likeness.registry import config_from
from likeness.scoring.metrics import auc
from likeness.training import FitConfig, epoch_indices, fit
from likeness.types import ImageArray, IndexArray, Progress

CROP_PX = 256


@dataclass(frozen=True)
class TrainingConfig:
    """What a recipe may set under [training].

    Attributes:
        pack: folder of a `CropPack`: absolute, relative to the working directory (if it exists there) or to the data folder.
        architecture: `meso4` or `mesoinception4`.
        steps: optimiser steps.
        batch: crops per step.
        learning_rate: at the start; a tenth after every `decay_steps`, never below `lowest_rate`.
        decay_steps: see above.
        lowest_rate: see above.
        held_out_share: share of the identities that is kept out for the figures.
        seed: fixes initialisation, batches, augmentation and dropout.
        checkpoint_every_steps: see `likeness.training.FitConfig`.
        device: of torch.
    """

    pack: str
    architecture: str = "meso4"
    steps: int = 4000
    batch: int = 75
    learning_rate: float = 1e-3
    decay_steps: int = 1000
    lowest_rate: float = 1e-6
    held_out_share: float = 0.1
    seed: int = 0
    checkpoint_every_steps: int = 250
    device: str = "cpu"


def train(
    recipe: Mapping[str, Any], data: Path, out: Path, progress: Progress | None = None
) -> dict[str, float]:
    """Train, write `ARCHITECTURE.safetensors` into `out` and measure on held-out identities."""
    config = config_from(TrainingConfig, recipe.get("training", {}), "recipe [training]")
    if config.architecture not in ARCHITECTURES:
        raise ConfigError(
            f"architecture: expected one of {ARCHITECTURES}, got {config.architecture!r}"
        )
    pack = CropPack.load(pack_folder(config.pack, data))
    learn, check = split(pack, config)
    resolved = json.dumps(asdict(config), sort_keys=True)
    model = MesoNet(config.architecture, config.seed).to(config.device)  # type: ignore[arg-type]

    def batches(step: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        rows = learn[epoch_indices(step, len(learn), config.batch, config.seed)]
        crops = np.stack([augment(pack.images[row], rng) for row in rows])
        real = torch.from_numpy(1.0 - pack.labels[rows].astype(np.float32))
        return to_input(crops, config.device), real.to(config.device)

    result = fit(
        model,
        lambda net, batch: torch.nn.functional.mse_loss(torch.sigmoid(net(batch[0])), batch[1]),
        batches,
        FitConfig(
            steps=config.steps,
            out=out / "checkpoints",
            optimiser=torch.optim.Adam,
            learning_rate=lambda step: max(
                config.learning_rate * 0.1 ** (step // config.decay_steps), config.lowest_rate
            ),
            seed=config.seed,
            checkpoint_every_steps=config.checkpoint_every_steps,
            run=hashlib.sha256((resolved + fingerprint(pack)).encode()).hexdigest()[:16],
        ),
        progress,
    )
    figures = {
        "auc_held_out": auc(-logits_of_real(model, pack, check, config.device), pack.labels[check]),
        "loss": result.loss,
        "crops": float(len(learn)),
    }
    state = {k: v.cpu().numpy() for k, v in model.state_dict().items()}
    arrays = {name: state[name] for name in weight_shapes(config.architecture)}
    facts = {
        "architecture": config.architecture,
        "config": resolved,
        "figures": json.dumps(figures),
    }
    weights.save_arrays(out / f"{config.architecture}.safetensors", arrays, facts)
    return figures


def pack_folder(pack: str, data: Path) -> Path:
    """Where the pack lies: in the working directory, where `recipes/mesonet_pack.py` puts it, or else below the data folder."""
    return Path(pack) if Path(pack).is_dir() else data / pack


def fingerprint(pack: CropPack) -> str:
    """Hex digest of what a pack holds, so that a run never resumes on other data."""
    digest = hashlib.sha256(np.ascontiguousarray(pack.labels).tobytes())
    for texts in (pack.groups, pack.recipes):
        digest.update("\n".join(texts).encode())
    digest.update(np.ascontiguousarray(pack.images[:: max(1, len(pack) // 64)]).tobytes())
    return digest.hexdigest()


def split(pack: CropPack, config: TrainingConfig) -> tuple[IndexArray, IndexArray]:
    """Rows to learn from and rows of held-out identities; raises `DataError` if either lacks a class."""
    if pack.images.shape[1] != CROP_PX:
        raise DataError(f"pack: expected crops of {CROP_PX} px, got {pack.images.shape[1]}")
    names = sorted(set(pack.groups))
    order = np.random.default_rng(config.seed).permutation(len(names))
    held = {names[i] for i in order[: max(1, round(config.held_out_share * len(names)))]}
    is_held = np.array([g in held for g in pack.groups], dtype=bool)
    learn, check = np.flatnonzero(~is_held), np.flatnonzero(is_held)
    for name, rows in (("training", learn), ("held-out", check)):
        if set(pack.labels[rows].tolist()) != {0, 1}:
            raise DataError(
                f"pack: the {name} identities need real and fake crops; make a larger pack"
            )
    return learn, check


def augment(image: ImageArray, rng: np.random.Generator) -> ImageArray:
    """Light, as published: zoom up to 10 %, rotation up to 10 degrees, mirror, brightness and hue a little."""
    import cv2

    size = image.shape[0]
    matrix = cv2.getRotationMatrix2D(
        (size / 2 - 0.5, size / 2 - 0.5), float(rng.uniform(-10, 10)), float(rng.uniform(0.9, 1.1))
    )
    out = cv2.warpAffine(
        np.ascontiguousarray(image), matrix, (size, size), borderMode=cv2.BORDER_REFLECT_101
    )
    if rng.random() < 0.5:
        out = out[:, ::-1]
    hsv = cv2.cvtColor(np.ascontiguousarray(out), cv2.COLOR_RGB2HSV).astype(np.int16)
    hsv[..., 0] = (hsv[..., 0] + round(float(rng.uniform(-5, 5)))) % 180
    hsv[..., 2] = np.clip(hsv[..., 2] * rng.uniform(0.8, 1.2), 0, 255)
    return np.asarray(cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB))


def to_input(crops: ImageArray, device: str) -> torch.Tensor:
    """(N, 256, 256, 3) uint8 to (N, 3, 256, 256) float32 in [0, 1]."""
    return torch.from_numpy(crops).to(device).permute(0, 3, 1, 2).float() / 255


def logits_of_real(model: MesoNet, pack: CropPack, rows: IndexArray, device: str) -> np.ndarray:
    """(len(rows),) float32; leaves the model in evaluation mode."""
    model.eval()
    with torch.inference_mode():
        parts = [
            model(to_input(np.ascontiguousarray(pack.images[rows[i : i + 64]]), device))
            .cpu()
            .numpy()
            for i in range(0, len(rows), 64)
        ]
    return np.concatenate(parts)
