"""Training of the self-blending network: which pairs come next, and the loss."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from likeness.detectors._self_blended_twins import KINDS
from likeness.detectors._self_blended_views_training import STEP, Seen, mirrored
from likeness.networks.multiscale_patch import MultiscalePatchNet
from likeness.networks.self_blended import SelfBlendedNet
from likeness.training.feeding import Batches
from likeness.types import DoubleArray, FloatArray, IndexArray

Network = SelfBlendedNet | MultiscalePatchNet
PERIOD = 100
"""Steps between two tables of which kinds of pairs come how often."""
CAP = 3.0
"""How much more often than the average the hardest kind of pair comes, and the easiest less often."""
_TERCILES = 3
BINS = len(KINDS) * _TERCILES * 2
RANK_SHARE, _MAP_SHARE, _SMOOTH, _FOLLOW = 0.5, 0.5, 0.02, 0.98


@dataclass(frozen=True)
class Batch:
    """B pairs.

    Attributes:
        views: (2B, 2, 73, 40, 40) bfloat16 or float32; B real faces, then their fakes in the same order.
        maps: (2B, 2, 20, 20) float32 mask and boundary; zero for real faces.
        bins: (B,) int64 kind of each pair, see `bins_of`.
    """

    views: torch.Tensor
    maps: torch.Tensor
    bins: torch.Tensor


@dataclass(frozen=True)
class Curriculum:
    """From obvious to subtle, then more of what is hard.

    Attributes:
        steps: optimiser steps of the whole run.
        pairs: pairs of a batch.
        obvious: share of the steps in which only the more obvious half of the pairs is seen; over as many steps again the
            others come in, most obvious first.
        by_loss: whether pairs then come by the loss of their kind.
    """

    steps: int
    pairs: int
    obvious: float = 0.15
    by_loss: bool = True

    def weights(
        self, number: int, rank: FloatArray, bins: IndexArray, table: DoubleArray
    ) -> DoubleArray:
        """(P,) how likely each pair is in batch `number`.

        Args:
            number: of the batch.
            rank: (P,) place of each pair by how obvious it is, 0 = subtlest, 1 = most obvious.
            bins: (P,) kind of each pair.
            table: (BINS,) how often each kind comes.
        """
        done = number / max(1, self.steps)
        if done < 2 * self.obvious:
            least = 0.5 * min(1.0, 2.0 - done / self.obvious)
            shares = (rank >= least).astype(np.float64)
        else:
            shares = table[bins] if self.by_loss else np.ones(len(bins))
        return np.asarray(shares / shares.sum(), np.float64)


class Learner(nn.Module):
    """The network, and what the run has to remember of its losses: a checkpoint holds both.

    Args:
        network: to be trained.
        drop_share: of the hard-positive adversary (0 = none); see `SelfBlendedNet.read`.
    """

    step: torch.Tensor
    losses: torch.Tensor
    tables: torch.Tensor

    def __init__(self, network: Network, drop_share: float = 0.0) -> None:
        super().__init__()
        self.network, self.drop_share = network, drop_share
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))
        self.register_buffer("losses", torch.full((BINS,), math.log(2.0), dtype=torch.float64))
        self.register_buffer("tables", torch.ones((2, BINS), dtype=torch.float64))

    def table(self, number: int) -> DoubleArray:
        """(BINS,) how often each kind comes in batch `number`.

        It was fixed a whole period earlier, so that batches may be prepared ahead and a resumed run draws the same.
        """
        period = number // PERIOD
        return np.asarray(
            self.tables[(period - 1) % 2].cpu().numpy().copy() if period > 1 else np.ones(BINS)
        )

    @torch.no_grad()
    def remember(self, bins: torch.Tensor, losses: torch.Tensor) -> None:
        """Follow the loss of each kind; called once per step with (B,) kinds and losses."""
        for k in torch.unique(bins).tolist():
            mean = losses[bins == k].double().mean()
            self.losses[k] = _FOLLOW * self.losses[k] + (1 - _FOLLOW) * mean
        self.step += 1
        if int(self.step) % PERIOD == 0:
            relative = self.losses / self.losses.mean()
            self.tables[(int(self.step) // PERIOD) % 2] = relative.clamp(1 / CAP, CAP)


def bins_of(seen: Seen) -> IndexArray:
    """(P,) int64: kind of pseudo-fake, how obvious within the kind (in thirds), and whether it was degraded."""
    thirds = np.zeros(len(seen), np.int64)
    for kind in range(len(KINDS)):
        rows = np.flatnonzero(seen.kinds == kind)
        order = np.argsort(np.argsort(seen.change[rows], kind="stable"), kind="stable")
        thirds[rows] = _TERCILES * order // max(1, len(rows))
    return np.asarray((seen.kinds * _TERCILES + thirds) * 2 + seen.degraded, np.int64)


def batches_of(seen: Seen, learner: Learner, plan: Curriculum) -> Batches:
    """Batches by number; a pair is mirrored or not, both members alike."""
    bins = bins_of(seen)
    order = np.argsort(np.argsort(seen.change, kind="stable"), kind="stable")
    rank = (order / max(1, len(seen) - 1)).astype(np.float32)

    def batches(number: int, rng: np.random.Generator) -> Batch:
        shares = plan.weights(number, rank, bins, learner.table(number))
        count = min(plan.pairs, int(np.count_nonzero(shares)))
        rows = np.sort(rng.choice(len(seen), count, replace=False, p=shares))
        return batch_of(seen, rows, rng.random(count) < 0.5, bins)

    return batches


def batch_of(
    seen: Seen, rows: IndexArray, mirror: npt.NDArray[np.bool_], bins: IndexArray
) -> Batch:
    """The pairs at these rows, some of them mirrored."""
    small = np.array(seen.views[rows])  # (B, member, scale, 40, 40, 73)
    maps = np.zeros((2, *seen.maps[rows].shape), np.float32)
    maps[1] = seen.maps[rows] / np.float32(255)
    for i in np.flatnonzero(mirror):
        small[i] = mirrored(small[i])
        maps[1, i] = maps[1, i, ..., ::-1]
    ordered = torch.from_numpy(small).transpose(0, 1).flatten(0, 1).permute(0, 1, 4, 2, 3)
    views = ordered.to(torch.bfloat16).mul_(STEP)
    return Batch(views, torch.from_numpy(maps).flatten(0, 1), torch.from_numpy(bins[rows]))


def loss(learner: Learner, batch: Batch) -> torch.Tensor:
    """Cross entropy of the label, half a ranking of every fake above its own real face, half the maps."""
    share = learner.drop_share if learner.training and int(learner.step) % 2 else 0.0
    drawn, logit = learner.network.read(as_computed(batch.views), share)
    drawn = drawn.float()
    label, ranked = label_losses(logit.float())
    if learner.training:
        learner.remember(batch.bins, label.detach())
    fakes = slice(len(label), None)
    of_maps = nn.functional.binary_cross_entropy_with_logits(drawn, batch.maps)
    overlap = _dice(torch.sigmoid(drawn[fakes]), batch.maps[fakes])
    return 0.5 * label.mean() + RANK_SHARE * ranked + _MAP_SHARE * (of_maps + overlap)


def label_losses(logit: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Of (2B,) logits, real faces first: (B,) cross entropy of each pair, and how far fakes stand above their own reals."""
    softplus = nn.functional.softplus
    real, fake = logit.chunk(2)
    label = softplus(real) - _SMOOTH * real + softplus(-fake) + _SMOOTH * fake
    return label, softplus(real - fake).mean()


def as_computed(views: torch.Tensor) -> torch.Tensor:
    """Views in the precision that the run computes in."""
    return views if torch.is_autocast_enabled("cpu") or views.is_cuda else views.float()


def logits_of(network: Network, seen: Seen, rows: IndexArray) -> tuple[FloatArray, FloatArray]:
    """(P,) logits of the real faces and (P,) of the fakes."""
    network.eval()
    device = next(network.parameters()).device
    logits = []
    with torch.inference_mode(), torch.autocast(device.type, dtype=torch.bfloat16):
        for part in np.array_split(rows, math.ceil(len(rows) / 32)):
            batch = batch_of(seen, part, np.zeros(len(part), bool), np.zeros(len(seen), np.int64))
            logit = network.read(batch.views.to(device))[1]
            logits.append(logit.float().cpu().numpy().reshape(2, -1))
    both = np.concatenate(logits, axis=1)
    return both[0], both[1]


def _dice(drawn: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """1 minus the overlap of (N, 2, h, w) maps in [0, 1], on average."""
    both = (drawn * wanted).sum(dim=(2, 3))
    size = (drawn**2).sum(dim=(2, 3)) + (wanted**2).sum(dim=(2, 3))
    return (1.0 - (2.0 * both + 1.0) / (size + 1.0)).mean()
