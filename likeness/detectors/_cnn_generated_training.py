"""Training of `cnn_generated`: three networks, each for the scores that it is held out of, and all three to ship.

Calibration, domain and fingerprints follow from the same held-out pictures.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from likeness import weights
from likeness.data.face_shards import write_whole
from likeness.data.manifest import read_items
from likeness.detectors._cnn_generated_calibrating_training import (
    calibration_figures,
    drawn_sample,
    held_out_scores,
    native_sample,
)
from likeness.detectors._cnn_generated_drawn_training import SYNTHESISERS
from likeness.detectors._cnn_generated_figures_training import (
    HeldOut,
    at_level,
    audit_figures,
    compressed,
    drawn_figures,
    held_out_figures,
    naming_figures,
    spectra,
    twin_figures,
)
from likeness.detectors._cnn_generated_fingerprint import Fingerprints
from likeness.detectors._cnn_generated_material_training import (
    FOLDS,
    Gathered,
    TrainingConfig,
    gather,
    pictures_of,
)
from likeness.detectors._cnn_generated_model import ARRAYS, CALIBRATION, VERSION
from likeness.detectors._cnn_generated_network_training import (
    Draws,
    Picture,
    fit_config,
    learn,
    score,
)
from likeness.detectors._cnn_generated_patches import cut, qualities, whole
from likeness.detectors.cnn_generated import WEIGHTS
from likeness.errors import ConfigError, OutputError, WeightsError
from likeness.networks.cnn_generated import Committee, GeneratedNet
from likeness.registry import config_from
from likeness.scoring.calibration import PlattCalibration
from likeness.scoring.domain import DomainGate
from likeness.scoring.held_out import held_out_to_dict
from likeness.scoring.metrics import auc, cllr, min_cllr
from likeness.scoring.sample import CalibrationSample
from likeness.training.checkpoints import latest
from likeness.training.exporting import export
from likeness.types import ImageArray, Progress

HELD_OUT = "held_out.json"
_COPIES = 3


def train(
    recipe: Mapping[str, Any], data: Path, out: Path, progress: Progress | None = None
) -> dict[str, float]:
    """Train, calibrate on held-out scores of the train half, and write network, fingerprints and calibration."""
    config = config_from(TrainingConfig, recipe.get("training", {}), "recipe [training]")
    torch.set_num_threads(config.threads)
    gathered = gather(data, config, progress)
    held_out = hold_out(gathered, config, progress)
    calibration = _calibration(gathered, held_out, config)
    figures = {
        **held_out_figures(gathered, held_out, calibration),
        "identities": float(calibration.n_identities),
        "llr_bound": calibration.bound,
    }
    network = Committee(held_out.networks).eval()
    figures |= twin_figures(gathered, (*held_out.networks, network), config)
    figures |= drawn_figures(gathered, (*held_out.networks, network), config)
    figures |= calibration_figures(gathered, held_out, calibration, config)
    figures |= audit_figures(gathered, config)
    if config.final_evaluation:
        figures |= _test_figures(data, network, calibration, config)
    table = spectra(gathered, config)
    prints = Fingerprints.fit(*table)
    figures |= naming_figures(*table)
    gates, sides = domain(gathered, config)
    sample = np.concatenate([_patches(p, config, n) for n, p in enumerate(gathered.pictures[:4])])
    facts = {"features": VERSION, "tag": next(iter(WEIGHTS)), "config": json.dumps(asdict(config))}
    figures["onnx_difference"] = export(out, network, {"images": sample}, ("logit",), facts)
    arrays = prints.to_arrays("prints.")
    for prefix, gate in gates.items():
        arrays |= gate.to_arrays(prefix)
    facts["gates"] = json.dumps(list(gates))
    stored = {
        "calibration": calibration.to_dict(),
        "side_px": sides,
        "figures": {k: round(v, 5) for k, v in figures.items()},
        "training": asdict(config),
    }
    try:
        weights.save_arrays(out / ARRAYS, arrays, {**facts, "names": json.dumps(prints.names)})
        kept = held_out_to_dict(held_out_scores(data, config, held_out))
        write_whole(out / HELD_OUT, (json.dumps(kept, indent=0) + "\n").encode())
        write_whole(out / CALIBRATION, (json.dumps(stored, indent=1) + "\n").encode())
    except OSError as error:
        raise OutputError(f"cannot write weights into {out}: {error}") from error
    return figures


def trained(
    gathered: Gathered, fold: int, config: TrainingConfig, progress: Progress | None = None
) -> torch.nn.Module:
    """The averaged network of a fold; goes on from its last checkpoint."""
    name = f"fold{fold}"
    run = fit_config(
        config.steps,
        config.learning_rate,
        config.seed + fold + 1,
        Path(config.run) / name,
        config.digest(name),
    )
    draws = Draws(batch=config.batch, twin_share=config.twin_share, quality=config.quality)
    network = GeneratedNet(seed=config.seed + fold + 1)
    if config.start:
        begin(network, Path(config.start) / name)
    result = learn(network, gathered.without(fold), draws, run, progress)
    assert result.average is not None
    return result.average.eval()


def begin(network: GeneratedNet, run: Path) -> None:
    """Take the averaged weights of an earlier run of the same fold, which saw neither its pictures nor what it leaves out.

    Raises:
        WeightsError: there is no such run, or it is one of another network.
    """
    found = latest(run)
    if found is None:
        raise WeightsError(f"start: {run} holds no checkpoint of an earlier run")
    arrays, _ = weights.load_arrays(found / "tensors.safetensors")
    prefix = "average/"
    state = {
        k[len(prefix) :]: torch.from_numpy(v) for k, v in arrays.items() if k.startswith(prefix)
    }
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise WeightsError(f"start: {run} is a run of another network") from error


def hold_out(
    gathered: Gathered, config: TrainingConfig, progress: Progress | None = None
) -> HeldOut:
    """Train the networks of the folds and score every picture with the one that did not see it."""
    if not 1 <= config.networks <= FOLDS:
        raise ConfigError(f"networks: expected 1 to {FOLDS}, got {config.networks}")
    networks = tuple(trained(gathered, fold, config, progress) for fold in range(config.networks))
    scores = np.full((2, len(gathered.pictures)), np.nan)
    for n, (picture, fold) in enumerate(zip(gathered.pictures, gathered.folds, strict=True)):
        if fold >= len(networks):
            continue
        for row, found in enumerate((True, False)):
            image = picture.image if found else at_level(picture, n)
            scores[row, n] = score(networks[fold], compressed(image, config, n))
    return HeldOut(networks, scores[0], scores[1])


def domain(
    gathered: Gathered, config: TrainingConfig
) -> tuple[dict[str, DomainGate], tuple[int, int]]:
    """Gates round the calibration's photographs, one for each way in which they were made, and the sides in px."""
    own = [(p.image, p.group) for p in gathered.pictures if p.label == 0]
    gates = {"gate.": _gate(own, config)}
    if config.calibrate_drawn:
        small = {t.group: (t.real, t.group) for t in gathered.found if t.kind in SYNTHESISERS}
        gates["gate_small."] = _gate(list(small.values()), config)
    sides = np.percentile([min(p.image.shape[:2]) for p in gathered.pictures], [5, 95])
    return gates, (round(float(sides[0]) / 1.5), round(float(sides[1]) * 1.5))


def _gate(photographs: Sequence[tuple[ImageArray, str]], config: TrainingConfig) -> DomainGate:
    rows, groups = [], []
    for n, (photograph, group) in enumerate(photographs):
        for copy in range(_COPIES):
            image = compressed(photograph, config, n + copy * len(photographs))
            patches = cut(image, whole(image))
            if patches is not None and len(patches.images):
                rows.append(qualities(image, patches))
                groups.append(group)
    return DomainGate.fit(np.stack(rows), groups, config.seed)


def _calibration(gathered: Gathered, held_out: HeldOut, config: TrainingConfig) -> PlattCalibration:
    sample = native_sample(gathered, held_out, config)
    if config.calibrate_drawn:
        other = drawn_sample(gathered, held_out, config)
        sample = CalibrationSample(
            np.concatenate([sample.scores, other.scores]),
            np.concatenate([sample.labels, other.labels]),
            np.concatenate([sample.groups, other.groups]),
            f"{sample.population}; {other.population}",
        )
    return PlattCalibration.fit(sample)


def _test_figures(
    data: Path, network: torch.nn.Module, calibration: PlattCalibration, config: TrainingConfig
) -> dict[str, float]:
    pictures = pictures_of(data, read_items(data, config.role_file or None), config, "test")
    labels = np.array([p.label for p in pictures])
    scores = np.array(
        [score(network, compressed(p.image, config, n)) for n, p in enumerate(pictures)]
    )
    return {
        "auc_test": auc(scores, labels),
        "cllr_test": cllr(calibration.llr(scores), labels),
        "min_cllr_test": min_cllr(scores, labels),
    }


def _patches(picture: Picture, config: TrainingConfig, number: int) -> ImageArray:
    image = compressed(picture.image, config, number)
    patches = cut(image, whole(image))
    assert patches is not None
    return patches.images
