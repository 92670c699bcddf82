"""On what `cnn_generated` is calibrated: pictures as they are found, each scored by networks that saw neither it nor its generator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from likeness.data.manifest import read_items
from likeness.detectors._cnn_generated_drawn_training import SYNTHESISERS
from likeness.detectors._cnn_generated_figures_training import HeldOut, compressed, unaware
from likeness.detectors._cnn_generated_material_training import (
    Gathered,
    TrainingConfig,
    own_items,
)
from likeness.detectors._cnn_generated_network_training import score
from likeness.networks.cnn_generated import Committee
from likeness.scoring.calibration import PlattCalibration
from likeness.scoring.held_out import HeldOutScore
from likeness.scoring.metrics import auc, cllr, min_cllr
from likeness.scoring.sample import CalibrationSample


def native_sample(
    gathered: Gathered, held_out: HeldOut, config: TrainingConfig
) -> CalibrationSample:
    """Photographs and generated pictures of the data, held out by fold."""
    known = np.flatnonzero(np.isfinite(held_out.scores))
    labels = np.array([p.label for p in gathered.pictures])[known]
    population = (
        f"{int((labels == 0).sum())} {config.real} photographs against {int(labels.sum())} pictures of "
        f"{config.fake}, held out by fold, 256 px, JPEG {config.quality[0]}-{config.quality[1]}"
    )
    groups = [gathered.pictures[n].group for n in known]
    return CalibrationSample(held_out.scores[known], labels, groups, population)


def held_out_scores(
    data: Path, config: TrainingConfig, held_out: HeldOut
) -> list[tuple[str, HeldOutScore]]:
    """Path and score of every picture of the train half, for whoever fuses this detector with another."""
    chosen = own_items(read_items(data, config.role_file or None), config, "train")
    return [
        (
            item.path,
            HeldOutScore(
                float(score) if np.isfinite(score) else None,
                item.label,
                item.path if item.label else item.group,
            ),
        )
        for item, score in zip(chosen, held_out.scores, strict=True)
    ]


def drawn_sample(
    gathered: Gathered,
    held_out: HeldOut,
    config: TrainingConfig,
    kinds: Sequence[str] = SYNTHESISERS,
    seen: bool = False,
) -> CalibrationSample:
    """Faces of our own generators and photographs on the same path, as they are.

    Args:
        gathered: see `Gathered`.
        held_out: the networks.
        config: see `TrainingConfig`.
        kinds: generators.
        seen: by all networks together; otherwise by the one that never saw the generator.
    """
    together = Committee(held_out.networks).eval()
    scores, labels, groups = [], [], []
    for kind in kinds:
        apart = unaware(kind, (*held_out.networks, together))
        network = together if seen or apart is None else apart
        for n, pair in enumerate(t for t in gathered.found if t.kind == kind):
            for label, image in enumerate((pair.real, pair.fake)):
                value = score(network, compressed(image, config, n))
                if np.isfinite(value):
                    scores.append(value)
                    labels.append(label)
                    groups.append(pair.group if not label else f"{kind} {n}")
    population = f"faces of {' and '.join(kinds)} against photographs on the same path"
    return CalibrationSample(np.array(scores), np.array(labels), np.array(groups), population)


def calibration_figures(
    gathered: Gathered, held_out: HeldOut, calibration: PlattCalibration, config: TrainingConfig
) -> dict[str, float]:
    """What the calibration costs on faces of our own generators, of which it may know nothing; false alarms among photographs."""
    figures: dict[str, float] = {}
    for kind in dict.fromkeys(t.kind for t in gathered.found):
        for name, seen in ((kind, True), (f"{kind}_left_out", False)):
            sample = drawn_sample(gathered, held_out, config, (kind,), seen)
            scores, labels = np.asarray(sample.scores), np.asarray(sample.labels)
            llrs = calibration.llr(scores)
            figures[f"cllr_{name}"] = cllr(llrs, labels)
            figures[f"min_cllr_{name}"] = min_cllr(scores, labels)
            figures[f"auc_{name}_found"] = auc(scores, labels)
            figures[f"alarms_{name}"] = float(np.mean(llrs[labels == 0] > 0.5))
    return figures
