"""What `self_blended` is judged by while it learns: figures on held-out pairs, and their curve."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from likeness.detectors import _self_blended_network_training as network
from likeness.detectors._self_blended_twins import KINDS
from likeness.detectors._self_blended_views_training import Seen
from likeness.scoring.metrics import auc
from likeness.training.loop import Moment


def figures_of(net: network.Network, check: Seen) -> dict[str, float]:
    """AUC on pairs of held-out people: of all, of degraded and of clean ones, of each kind, and fake above its own real."""
    real, fake = network.logits_of(net, check, np.arange(len(check)))

    def of(rows: Any) -> float:
        if not np.any(rows):
            return math.nan
        values = np.concatenate([real[rows], fake[rows]]).astype(np.float64)
        return auc(values, np.repeat([0, 1], int(np.sum(rows))))

    every = np.ones(len(check), bool)
    figures = {"auc_select": of(every), "auc_clean": of(~check.degraded)}
    figures |= {"auc_degraded": of(check.degraded), "ranked_select": float(np.mean(fake > real))}
    figures |= {f"auc_{kind}": of(check.kinds == k) for k, kind in enumerate(KINDS)}
    return {**figures, "mean_real": float(real.mean()), "mean_fake": float(fake.mean())}


def curve_of(path: Path, check: Seen, every: int) -> Callable[[Moment], None]:
    """Appends a line to the curve every so many steps."""
    path.parent.mkdir(parents=True, exist_ok=True)

    def watch(moment: Moment) -> None:
        if moment.step % every:
            return
        assert isinstance(moment.model, network.Learner)
        line = {"step": moment.step, "seconds": moment.seconds, "loss": moment.loss}
        figures = rounded(line | figures_of(moment.model.network, check))
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(figures) + "\n")

    return watch


def rounded(figures: Mapping[str, float]) -> dict[str, float | None]:
    """For JSON: four digits, None for what is no number."""
    return {k: round(v, 4) if math.isfinite(v) else None for k, v in figures.items()}
