"""Training of `multiscale_patch`: the loop, the pairs and the curve of `self_blended`, with a Fourier head beside the label."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from likeness.detectors import _self_blended_network_training as network
from likeness.detectors._self_blended_training import Lesson, TrainingConfig, prepared, taught
from likeness.networks.multiscale_patch import (
    MultiscalePatchNet,
    crops_of,
    spectrum_of,
)
from likeness.registry import config_from
from likeness.types import Progress

_FOURIER_SHARE = 0.5


def train(
    recipe: Mapping[str, Any], data: Path, out: Path, progress: Progress | None = None
) -> dict[str, float]:
    """Train on role `train`, draw the curve on role `select`, write network and graph; returns the figures."""
    config = config_from(TrainingConfig, recipe.get("training", {}), "recipe [training]")
    net = MultiscalePatchNet(config.seed).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    lesson = Lesson(network.Learner(net), loss, "patches")
    return taught(lesson, prepared(config, data, progress), out, progress)


def loss(learner: network.Learner, batch: network.Batch) -> torch.Tensor:
    """Cross entropy of the label, half a ranking of every fake above its own real face, half the spectra."""
    views = network.as_computed(batch.views)
    model = learner.network
    assert isinstance(model, MultiscalePatchNet)
    _, drawn, logit = model.looks(views)
    label, ranked = network.label_losses(logit.float())
    if learner.training:
        learner.remember(batch.bins, label.detach())
    wanted = [spectrum_of(crop) for crop in crops_of(batch.views)]
    fourier = [nn.functional.mse_loss(d.float(), w) for d, w in zip(drawn, wanted, strict=True)]
    shares = 0.5 * label.mean() + network.RANK_SHARE * ranked
    return shares + _FOURIER_SHARE * torch.stack(fourier).mean()
