"""The loss of both identities' faces together, with the discriminator's own and the features of an earlier run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from likeness.errors import ConfigError
from likeness.generators._autoencoder_run import load_network
from likeness.networks.autoencoder_blocks import SIDES, SwapNetwork
from likeness.networks.patch_discriminator import PatchDiscriminator
from likeness.training.losses import (
    Features,
    LossConfig,
    deceiving_loss,
    discriminator_loss,
    picture_loss,
    total,
)


class Pair(nn.Module):
    """What is trained together: the autoencoder, and the discriminator where there is one."""

    def __init__(self, network: SwapNetwork, discriminator: PatchDiscriminator | None) -> None:
        super().__init__()
        self.network = network
        self.discriminator = discriminator


class SwapLoss:
    """The loss of both identities' faces; the discriminator's own loss is part of the sum, with its own gradients.

    Args:
        config: the weights.
        features: for the perceptual part.
    """

    def __init__(self, config: LossConfig, features: Features | None = None) -> None:
        self.config, self.features = config, features

    def __call__(self, pair: Pair, batch: Mapping[str, Any]) -> torch.Tensor:
        """Called by the loop as loss_fn(model, batch)."""
        drawn = pair.network(batch["inputs"][0], batch["inputs"][1])
        parts: dict[str, torch.Tensor] = {}
        for side, picture, wanted, areas in zip(
            SIDES, drawn, batch["targets"], batch["regions"], strict=True
        ):
            # losses are quicker with each channel in one piece
            picture = picture.to(torch.float32, memory_format=torch.contiguous_format)
            found = picture_loss(picture, wanted, areas, self.config, self.features)
            if pair.discriminator is not None:
                found |= self._adversarial(
                    pair.discriminator, picture, (wanted, areas), batch["step"]
                )
            parts |= {f"{side}/{name}": value for name, value in found.items()}
        return total(parts)

    def _adversarial(
        self,
        judge: PatchDiscriminator,
        drawn: torch.Tensor,
        real: tuple[torch.Tensor, torch.Tensor],
        step: int,
    ) -> dict[str, torch.Tensor]:
        wanted, areas = real
        picture = wanted + (drawn[:, :3] - wanted) * areas[:, :1]
        found = {"judge": discriminator_loss(judge(wanted), judge(picture.detach())).float()}
        weight = self.config.adversarial_weight(step)
        if weight:
            fixed = {
                k: v.detach() for k, v in judge.named_parameters()
            }  # only the network learns from this
            verdict = torch.func.functional_call(judge, fixed, (picture,))
            found["adversarial"] = weight * deceiving_loss(verdict).float()
        return found


def features_of(run: str, losses: LossConfig) -> Features | None:
    """The encoder of an earlier run, frozen."""
    if not losses.perceptual:
        return None
    if not run:
        raise ConfigError("losses: perceptual needs [training] perceptual_from = a run folder")
    network = load_network(Path(run))
    network.requires_grad_(False)

    def features(images: torch.Tensor) -> list[torch.Tensor]:
        size = (network.input_px, network.input_px)
        smaller = nn.functional.interpolate(images, size, mode="bilinear", antialias=True)
        return network.stages(smaller)

    return features
