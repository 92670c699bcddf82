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
from likeness.detectors._cnn_generated_figures_training import (
    HeldOut,
    at_level,
    audit_figures,
    compressed,
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
from likeness.errors import ConfigError, OutputError
from likeness.networks.cnn_generated import Committee, GeneratedNet
from likeness.registry import config_from
from likeness.scoring.calibration import PlattCalibration
from likeness.scoring.domain import DomainGate
from likeness.scoring.metrics import auc, cllr, min_cllr
from likeness.scoring.sample import CalibrationSample
from likeness.training.exporting import export
from likeness.types import DoubleArray, ImageArray, Progress

_COPIES = 3


def train(
    recipe: Mapping[str, Any], data: Path, out: Path, progress: Progress | None = None
) -> dict[str, float]:
    """Train, calibrate on held-out scores of the train half, and write network, fingerprints and calibration."""
    config = config_from(TrainingConfig, recipe.get("training", {}), "recipe [training]")
    torch.set_num_threads(config.threads)
    gathered = gather(data, config, progress)
    held_out = hold_out(gathered, config, progress)
    calibration = _calibration(gathered, held_out.scores, config)
    figures = {
        **held_out_figures(gathered, held_out, calibration),
        "identities": float(calibration.n_identities),
        "llr_bound": calibration.bound,
    }
    network = Committee(held_out.networks).eval()
    figures |= twin_figures(gathered, (*held_out.networks, network), config)
    figures |= audit_figures(gathered, config)
    if config.final_evaluation:
        figures |= _test_figures(data, network, calibration, config)
    table = spectra(gathered, config)
    prints = Fingerprints.fit(*table)
    figures |= naming_figures(*table)
    gate, sides = domain(gathered.pictures, config)
    sample = np.concatenate([_patches(p, config, n) for n, p in enumerate(gathered.pictures[:4])])
    facts = {"features": VERSION, "tag": next(iter(WEIGHTS)), "config": json.dumps(asdict(config))}
    figures["onnx_difference"] = export(out, network, {"images": sample}, ("logit",), facts)
    arrays = {**gate.to_arrays("gate."), **prints.to_arrays("prints.")}
    stored = {
        "calibration": calibration.to_dict(),
        "side_px": sides,
        "figures": {k: round(v, 5) for k, v in figures.items()},
        "training": asdict(config),
    }
    try:
        weights.save_arrays(out / ARRAYS, arrays, {**facts, "names": json.dumps(prints.names)})
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
    result = learn(network, gathered.without(fold), draws, run, progress)
    assert result.average is not None
    return result.average.eval()


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
    pictures: Sequence[Picture], config: TrainingConfig
) -> tuple[DomainGate, tuple[int, int]]:
    """The gate round the calibration's photographs, and the sides in px of pictures that it holds for."""
    rows, groups = [], []
    for n, picture in enumerate(p for p in pictures if p.label == 0):
        for copy in range(_COPIES):
            image = compressed(picture.image, config, n + copy * len(pictures))
            patches = cut(image, whole(image))
            if patches is not None and len(patches.images):
                rows.append(qualities(image, patches))
                groups.append(picture.group)
    sides = np.percentile([min(p.image.shape[:2]) for p in pictures], [5, 95])
    gate = DomainGate.fit(np.stack(rows), groups, config.seed)
    return gate, (round(float(sides[0]) / 1.5), round(float(sides[1]) * 1.5))


def _calibration(
    gathered: Gathered, scores: DoubleArray, config: TrainingConfig
) -> PlattCalibration:
    known = np.flatnonzero(np.isfinite(scores))
    labels = np.array([p.label for p in gathered.pictures])[known]
    population = (
        f"{int((labels == 0).sum())} {config.real} photographs against {int(labels.sum())} pictures of "
        f"{config.fake}, held out by fold, 256 px, JPEG {config.quality[0]}-{config.quality[1]}"
    )
    groups = [gathered.pictures[n].group for n in known]
    return PlattCalibration.fit(CalibrationSample(scores[known], labels, groups, population))


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
