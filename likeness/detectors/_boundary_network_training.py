"""Training of the boundary network: batches and loss."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from likeness.data.packs import CropPack
from likeness.detectors._boundary_crop import CELL_PX, SIZE_PX
from likeness.detectors._boundary_pack import cells
from likeness.networks.boundary import VIEWS, BoundaryNet
from likeness.training import FitConfig, FitResult, epoch_indices, fit
from likeness.training.feeding import Batches
from likeness.types import FloatArray, Progress

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


def correlation(drawn: FloatArray, wanted: FloatArray) -> float:
    """Mean over crops of Pearson's correlation between two (N, S, S) maps; flat ones count as 0."""
    a = drawn.reshape(len(drawn), -1) - drawn.mean(axis=(1, 2))[:, None]
    b = wanted.reshape(len(wanted), -1) - wanted.mean(axis=(1, 2))[:, None]
    size = np.sqrt((a**2).sum(1) * (b**2).sum(1))
    return float(np.mean((a * b).sum(1) / np.maximum(size, 1e-9)))
