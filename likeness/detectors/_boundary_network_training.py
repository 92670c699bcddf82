"""Training of the boundary network: batches, loss, export."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from likeness import weights
from likeness.data.packs import CropPack
from likeness.detectors._boundary_crop import CELL_PX, SIZE_PX
from likeness.detectors._boundary_pack import cells
from likeness.errors import WeightsError
from likeness.networks.boundary import VIEWS, BoundaryNet, Seeing
from likeness.training import FitConfig, FitResult, epoch_indices, fit
from likeness.training.feeding import Batches
from likeness.types import FloatArray, ImageArray, Progress

TENSORS, GRAPH = "network.safetensors", "network.onnx"
TOLERANCE = 1e-3
"""Largest difference between the graph and the network, in units of the map and of the logit."""
_REACH = 2  # cells by which a pair is moved
_CHUNK = 64
_MAP_SHARE, _RANK_SHARE = 3.0, 0.5
Batch = tuple[torch.Tensor, torch.Tensor]


def learn(
    network: BoundaryNet,
    pack: CropPack,
    run: FitConfig,
    pairs: int,
    progress: Progress | None = None,
) -> FitResult:
    """Train on a pack of twins (`_boundary_pack.pack_of`) with `pairs` of them in a batch."""

    @cache
    def batches() -> Batches:  # a finished run asks for none
        return batches_of(Seen.of(pack, network, progress), pairs, run.seed)

    return fit(network, loss, lambda number, rng: batches()(number, rng), run, progress)


@dataclass(frozen=True)
class Seen:
    """What the fixed filters make of P pairs, worked out once: training then costs a third.

    Attributes:
        views: (2P, 13, 40, 40) float16; rows 2i and 2i + 1 are a real crop and its twin.
        lines: (P, 40, 40) uint8 boundaries of the twins, 255 = half and half.
    """

    views: npt.NDArray[np.float16]
    lines: npt.NDArray[np.uint8]

    @classmethod
    def of(cls, pack: CropPack, network: BoundaryNet, progress: Progress | None = None) -> Seen:
        """Of a whole pack; 40 KB a crop."""
        assert pack.masks is not None
        side, count = SIZE_PX // CELL_PX, len(pack)
        views = np.empty((count, VIEWS, side, side), np.float16)
        lines = np.empty((count // 2, side, side), np.uint8)
        for start in range(0, count, _CHUNK):
            part = slice(start, start + _CHUNK)
            images = torch.from_numpy(np.array(pack.images[part]))
            with torch.inference_mode():
                views[part] = network.views(images).numpy()
            masks = np.array(pack.masks[start + 1 : start + _CHUNK : 2])
            lines[start // 2 : start // 2 + len(masks)] = np.round(255 * cells(masks))
            if progress:
                progress("fixed views", min(start + _CHUNK, count), count)
        return cls(views, lines)


def batches_of(twins: Seen, pairs: int, seed: int) -> Batches:
    """Batches of `pairs` real views, then their twins in the same order, and the boundary of each.

    A pair is mirrored or not, and moved by up to two cells, both members alike; what comes in at the edge is mirrored.
    """
    count, side = len(twins.lines), twins.lines.shape[1]

    def batches(number: int, rng: np.random.Generator) -> Batch:
        rows = epoch_indices(number, count, pairs, seed)
        views = np.empty((2 * len(rows), VIEWS, side, side), np.float32)
        wanted = np.zeros((2 * len(rows), side, side), np.float32)
        for i, row in enumerate(rows):
            top, left = (int(v) for v in rng.integers(0, 2 * _REACH + 1, 2))
            step = -1 if rng.random() < 0.5 else 1

            def changed(array: Any, top: int = top, left: int = left, step: int = step) -> Any:
                edges = (*((0, 0),) * (array.ndim - 2), (_REACH, _REACH), (_REACH, _REACH))
                wide = np.pad(array[..., ::step], edges, "symmetric")
                return wide[..., top : top + side, left : left + side]

            views[i] = changed(twins.views[2 * row])
            views[len(rows) + i] = changed(twins.views[2 * row + 1])
            wanted[len(rows) + i] = changed(twins.lines[row]) / np.float32(255)
        return torch.from_numpy(views), torch.from_numpy(wanted)

    return batches


def loss(network: Any, batch: Batch) -> torch.Tensor:
    """Cross entropy of the map and of the logit, and half a ranking of every fake above its own real."""
    views, wanted = batch
    drawn, logit = network.read(views)
    drawn, logit = drawn.float(), logit.float()
    pairs = len(logit) // 2
    real, fake = logit[:pairs], logit[pairs:]
    softplus = torch.nn.functional.softplus
    of_map = torch.nn.functional.binary_cross_entropy_with_logits(drawn, wanted)
    of_logit = 0.5 * (softplus(real).mean() + softplus(-fake).mean())
    return _MAP_SHARE * of_map + of_logit + _RANK_SHARE * softplus(real - fake).mean()


def rate(step: int, steps: int, highest: float) -> float:
    """Learning rate of a step: a short rise, then half a cosine down to a hundredth."""
    rise = min(1.0, (step + 1) / max(1.0, 0.05 * steps))
    return highest * rise * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps))))


def export(out: Path, network: BoundaryNet, facts: dict[str, str], sample: ImageArray) -> float:
    """Write the network as safetensors and as a graph, and check one against the other.

    Args:
        out: folder of the weights.
        network: trained; left in evaluation mode.
        facts: stored beside the arrays.
        sample: (N, 160, 160, 3) uint8 crops for the check.

    Returns:
        Largest difference between onnxruntime and torch over the sample.

    Raises:
        WeightsError: they differ by more than `TOLERANCE`; no graph is left behind.
    """
    network = network.cpu().eval()
    weights.save_arrays(
        out / TENSORS, {k: v.numpy() for k, v in network.state_dict().items()}, facts
    )
    partial = out / f"{GRAPH}.partial"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch announces the end of this exporter
        torch.onnx.export(
            Seeing(network).eval(),
            (torch.zeros(2, SIZE_PX, SIZE_PX, 3, dtype=torch.uint8),),
            str(partial),
            input_names=["images"],
            output_names=["boundary", "logit"],
            dynamic_axes={name: {0: "n"} for name in ("images", "boundary", "logit")},
            opset_version=17,
            dynamo=False,
        )
    with torch.inference_mode():
        expected = Seeing(network)(torch.from_numpy(sample))
    actual = weights.session(partial).run(None, {"images": sample})
    error = max(float(np.abs(a - e.numpy()).max()) for a, e in zip(actual, expected, strict=True))
    if not error <= TOLERANCE:
        partial.unlink()
        raise WeightsError(
            f"{GRAPH}: differs from the network by {error:.4f}, at most {TOLERANCE} is allowed"
        )
    partial.replace(out / GRAPH)
    return error


def correlation(drawn: FloatArray, wanted: FloatArray) -> float:
    """Mean over crops of Pearson's correlation between two (N, S, S) maps; flat ones count as 0."""
    a = drawn.reshape(len(drawn), -1) - drawn.mean(axis=(1, 2))[:, None]
    b = wanted.reshape(len(wanted), -1) - wanted.mean(axis=(1, 2))[:, None]
    size = np.sqrt((a**2).sum(1) * (b**2).sum(1))
    return float(np.mean((a * b).sum(1) / np.maximum(size, 1e-9)))
