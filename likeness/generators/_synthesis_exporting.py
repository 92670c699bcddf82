"""The two networks of a run as they are shipped: what draws faces, and what judged them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import nn

from likeness.generators._face_synthesis import FORMAT
from likeness.training.exporting import GRAPH, export

GENERATOR, DISCRIMINATOR = "generator", "discriminator"


class Drawing(nn.Module):
    """(N, D) latents -> (N, 3, S, S) RGB in [0, 1]."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return (0.5 + 0.5 * self.network(latents)).clamp(0.0, 1.0)


class Judging(nn.Module):
    """(N, 3, S, S) RGB in [0, 1] -> (N,) logits, higher = drawn by the generator: as detectors score."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """See the class."""
        logits: torch.Tensor = -self.network(2.0 * images - 1.0)
        return logits


def export_pair(
    out: Path, name: str, generator: nn.Module, discriminator: nn.Module, told: Mapping[str, str]
) -> dict[str, float]:
    """Write both as safetensors and graphs below `out`; returns the largest differences between graph and network.

    Args:
        out: the run folder.
        name: of the generator's part, kept in the graphs.
        generator: the averaged one; both are left on the CPU in evaluation mode.
        discriminator: of the same run.
        told: kept beside the arrays.
    """
    rng = np.random.default_rng(0)
    size, latent = int(generator.size_px), int(generator.latent)  # type: ignore[arg-type]
    facts = {**told, "generator": name, "format": FORMAT}
    drawing, judging = Drawing(generator), Judging(discriminator)
    latents = rng.standard_normal((8, latent), np.float32)
    images = rng.random((8, 3, size, size), np.float32)
    differences = {
        "onnx_difference": export(
            out / GENERATOR, drawing, {"latents": latents}, ["images"], facts
        ),
        "onnx_difference_discriminator": export(
            out / DISCRIMINATOR, judging, {"images": images}, ["logits"], facts
        ),
    }
    for part in (GENERATOR, DISCRIMINATOR):
        _name(out / part / GRAPH, {"generator": name, "format": FORMAT})
    return differences


def _name(graph: Path, told: Mapping[str, str]) -> None:
    """Say in a graph whose it is."""
    import onnx

    model = onnx.load_model(str(graph))
    for key, value in told.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    partial = graph.with_name(f"{graph.name}.partial")
    onnx.save_model(model, str(partial))
    partial.replace(graph)
