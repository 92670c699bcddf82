"""A tiny restoration network that was never trained but does something that can be recognised."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from likeness.networks.restoration import RestorationNet, ShippedRestoration
from likeness.training.exporting import export

SIZE_PX = 64


def write_tiny(out: Path, size_px: int = SIZE_PX, seed: int = 0, lift: float = 0.0) -> Path:
    """A run folder with a network that adds `lift` to every pixel, or small random detail where it is 0."""
    out.mkdir(parents=True, exist_ok=True)
    network = RestorationNet(width=8, growth=4, blocks=1, dense=1, layers=2, polish=4, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    last = network.polish[-1]
    assert isinstance(last, torch.nn.Conv2d) and last.bias is not None
    if lift:
        torch.nn.init.constant_(last.bias, lift)
    else:
        torch.nn.init.normal_(last.weight, 0.0, 0.05, generator=generator)
    sample = np.random.default_rng(0).random((2, 3, size_px, size_px), np.float32)
    export(out, ShippedRestoration(network), {"images": sample}, ["restored"], {"format": "tiny"})
    return out
