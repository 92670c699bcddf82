"""What each part of `self_blended`'s training is worth: short runs that differ in one thing, on the same pairs and batches.

    python benchmarks/self_blended_ablation.py --data DATA --steps 500
    python benchmarks/self_blended_ablation.py --data DATA --steps 500 plain adversary

Judged on pairs of held-out people (role `select`), half of them degraded. The difference from `plain` comes with an interval: both
networks see the same pairs, and pairs are drawn again by person. A run that was stopped goes on from its last checkpoint.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from likeness import weights
from likeness.apps.benching import write_rows
from likeness.apps.progress import shown_progress
from likeness.detectors import _self_blended_network_training as network
from likeness.detectors._self_blended_training import (
    Lesson,
    Prepared,
    TrainingConfig,
    prepared,
    taught,
)
from likeness.networks.self_blended import BLOCK, TONES, SelfBlendedNet
from likeness.registry import config_from
from likeness.scoring import auc

HERE = Path(__file__).parent
RECIPE = Path("recipes/self_blended.toml")
_DETAIL = slice(TONES, -BLOCK)
_PHASE = slice(-BLOCK, None)
_RESAMPLES = 400


class Blinded(SelfBlendedNet):
    """The network without some of its views."""

    def __init__(self, seed: int, hidden: slice) -> None:
        super().__init__(seed)
        self.hidden = hidden

    def read(
        self, views: torch.Tensor, drop_share: float = 0.0
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See `SelfBlendedNet.read`."""
        views = views.clone()
        views[:, :, self.hidden] = 0.0
        return super().read(views, drop_share)


@dataclass(frozen=True)
class Variant:
    """One thing that is different.

    Attributes:
        changes: of the recipe.
        build: makes the network of a seed.
    """

    changes: dict[str, Any] = field(default_factory=dict)
    build: Callable[[int], SelfBlendedNet] = SelfBlendedNet


VARIANTS = {
    "plain": Variant(),
    "adversary": Variant({"drop_share": 1 / 3}),
    "late_sam": Variant({"flat": 0.05, "flat_share": 0.25}),
    "no_curriculum": Variant({"obvious": 0.0, "by_loss": False}),
    "no_phase": Variant(build=lambda seed: Blinded(seed, _PHASE)),
    "no_high_pass": Variant(build=lambda seed: Blinded(seed, _DETAIL)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("variants", nargs="*", default=list(VARIANTS), help=", ".join(VARIANTS))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--faces", type=int, default=800, help="people that it is judged on")
    parser.add_argument("--runs", type=Path, default=Path("runs/ablation"))
    parser.add_argument("--out", type=Path, default=HERE / "results" / "self_blended_ablation.csv")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    recipe = tomllib.loads(RECIPE.read_text(encoding="utf-8"))["training"]
    config = config_from(TrainingConfig, recipe, "recipe [training]")
    config = replace(config, steps=arguments.steps, select_faces=arguments.faces)
    rows: list[dict[str, Any]] = []
    if arguments.out.is_file():
        with arguments.out.open(encoding="utf-8") as file:
            rows = [r for r in csv.DictReader(file) if r["variant"] not in arguments.variants]
    with shown_progress() as progress:
        on = prepared(config, arguments.data, progress)
        plain: Scores | None = None
        for name in dict.fromkeys(["plain", *arguments.variants]):
            found = scores_of(name, on, arguments.runs, progress)
            plain = plain or found
            row = figures(name, arguments.steps, found, plain, on)
            rows.append(row)
            write_rows(arguments.out, rows)
            print("  ".join(f"{k} {v}" for k, v in row.items()), flush=True)


@dataclass(frozen=True)
class Scores:
    """Logits of the held-out pairs, and the minutes that it took to learn."""

    real: np.ndarray
    fake: np.ndarray
    minutes: float


def scores_of(name: str, on: Prepared, runs: Path, progress: Any) -> Scores:
    """Train a variant and look at the held-out pairs with its averaged network."""
    variant = VARIANTS[name]
    config = replace(on.config, run=str(runs / f"{name}-{on.config.steps}"), **variant.changes)
    net = variant.build(config.seed).to(memory_format=torch.channels_last)
    learner = network.Learner(net, config.drop_share)
    with tempfile.TemporaryDirectory() as folder:
        found = taught(
            Lesson(learner, network.loss, "maps"),
            replace(on, config=config),
            Path(folder),
            progress,
        )
        net = variant.build(config.seed)
        arrays, _ = weights.load_arrays(Path(folder) / "network.safetensors")
        state = {k: torch.from_numpy(v.copy()) for k, v in arrays.items()}
        net.load_state_dict(state, strict=False)
    real, fake = network.logits_of(net, on.check, np.arange(len(on.check)))
    return Scores(real, fake, found["minutes"])


def figures(name: str, steps: int, found: Scores, plain: Scores, on: Prepared) -> dict[str, Any]:
    """AUC of the parts, and the difference from `plain` with its interval."""
    degraded = on.check.degraded
    rng = np.random.default_rng(0)
    differences = []
    for _ in range(_RESAMPLES):
        rows = rng.integers(0, len(degraded), len(degraded))
        differences.append(area(found, rows) - area(plain, rows))
    low, high = np.quantile(differences, (0.025, 0.975))
    every = np.arange(len(degraded))
    return {
        "variant": name,
        "steps": steps,
        "pairs": len(degraded),
        "minutes": round(found.minutes, 1),
        "auc": round(area(found, every), 4),
        "auc_clean": round(area(found, every[~degraded]), 4),
        "auc_degraded": round(area(found, every[degraded]), 4),
        "against_plain": round(area(found, every) - area(plain, every), 4),
        "against_plain_low": round(float(low), 4),
        "against_plain_high": round(float(high), 4),
    }


def area(found: Scores, rows: np.ndarray) -> float:
    values = np.concatenate([found.real[rows], found.fake[rows]]).astype(float)
    return auc(values, np.repeat([0, 1], len(rows)))


if __name__ == "__main__":
    main()
