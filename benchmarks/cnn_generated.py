"""`cnn_generated` on what no network saw: every step of the ladder against `spectrum`, real sources, time.

    likeness train recipes/cnn_generated.toml --data DATA      (first; its checkpoints are read again)
    python benchmarks/cnn_generated.py --data DATA

Pictures of the `train` half are scored by the network of the fold that did not see them, `spectrum` is fitted anew on the
same folds, and both see the same pictures: compressed once more at a quality drawn whatever the label, then degraded. False
alarms are counted with the weights that ship, on real sources of roles select and calibrate. Nothing of role `test` is read.
Writes benchmarks/results/cnn_generated.csv.
"""

from __future__ import annotations

import argparse
import time
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from likeness import registry
from likeness.apps.benching import write_rows
from likeness.data.degradations import LADDER, degrade, ladder_area
from likeness.data.known_faces import known_faces
from likeness.data.manifest import read_items, select_items
from likeness.detectors import _spectrum_training as spectrum
from likeness.detectors._cnn_generated_figures_training import compressed
from likeness.detectors._cnn_generated_material_training import TrainingConfig, gather
from likeness.detectors._cnn_generated_network_training import score
from likeness.detectors._cnn_generated_training import trained
from likeness.detectors._spectrum_features import face_tiles, features
from likeness.media import clip_from_frames, open_clip
from likeness.registry import config_from
from likeness.scoring.metrics import auc
from likeness.scoring.models import LinearModel

HERE = Path(__file__).parent
RECIPE = HERE.parent / "recipes" / "cnn_generated.toml"
SEED = 20260101


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument("--weights", default="", help="another graph; empty = the shipped one")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "cnn_generated.csv")
    parser.add_argument("--skip-ladder", action="store_true")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    settings = tomllib.loads(arguments.recipe.read_text(encoding="utf-8"))["training"]
    config = config_from(TrainingConfig, settings, "recipe [training]")
    detector = registry.build("detectors", "cnn_generated", {"weights": arguments.weights})
    rows = [] if arguments.skip_ladder else ladder(arguments.data, config)
    rows += false_alarms(arguments.data, detector, config)
    rows += speed(arguments.data, detector)
    for row in rows:
        print("  ".join(f"{key}={value}" for key, value in row.items()))
    write_rows(arguments.out, rows)


def ladder(data: Path, config: TrainingConfig) -> list[dict[str, Any]]:
    """AUC on every step, of the held-out networks and of `spectrum` on the same pictures and folds."""
    gathered = gather(data, replace(config, held_out_twins=0))
    networks = [trained(gathered, fold, config) for fold in range(config.networks)]
    others = spectra(data, config, gathered.folds)
    labels = np.array([p.label for p in gathered.pictures])
    rows, curves = [], {"cnn_generated": {}, "spectrum": {}}
    for step in LADDER:
        found = np.full((2, len(labels)), np.nan)
        for n, (picture, fold) in enumerate(zip(gathered.pictures, gathered.folds, strict=True)):
            if fold >= len(networks):
                continue
            image = degrade([compressed(picture.image, config, n)], step, SEED)[0]
            found[0, n] = score(networks[fold], image)
            box = others[0][n]
            tiles = None if box is None else face_tiles(image, box)
            if tiles is not None:
                found[1, n] = others[1][fold].logit(features(tiles[None]))[0]
        for name, values in zip(curves, found, strict=True):
            known = np.isfinite(values)
            curves[name][step.name] = auc(values[known], labels[known])
            row = {"what": "ladder", "detector": name, "step": step.name, "n": int(known.sum())}
            rows.append({**row, "value": round(curves[name][step.name], 4)})
    for name, curve in curves.items():
        for family, area in ladder_area(curve).items():
            rows.append({"what": "area", "detector": name, "step": family, "value": round(area, 4)})
    return rows


def spectra(
    data: Path, config: TrainingConfig, folds: Sequence[int]
) -> tuple[list[Any], list[Any]]:
    """Box of the face in every picture, and the linear model of `spectrum` fitted without each fold."""
    items = read_items(data)
    own = [
        item
        for source in (config.real, config.fake)
        for item in select_items(items, source=source, role="train")
    ]
    fold_of = {item.path: fold for item, fold in zip(own, folds, strict=True)}
    asked = select_items(items, source=(config.real, config.fake), role="train")
    settings = spectrum.TrainingConfig(real=config.real, fake=config.fake, quality=config.quality)
    faces = known_faces(data, asked, Path(settings.cache), frames=1)
    boxes = {face.item.path: face.track.boxes_px[0] for face in faces}
    table = spectrum.examples(data, settings, "train")
    fold_of_row = np.array([fold_of[faces[n].item.path] for n in table.picture])
    models = []
    for fold in range(config.networks):
        kept = fold_of_row != fold
        part = spectrum.Examples(
            *(getattr(table, f)[kept] for f in spectrum.Examples.__dataclass_fields__)
        )
        models.append(LinearModel.from_sklearn(spectrum.fit(part, settings)))
    return [boxes.get(item.path) for item in own], models


def false_alarms(data: Path, detector: Any, config: TrainingConfig) -> list[dict[str, Any]]:
    """Share of real pictures that speak for a generator, per source: as scored, and where the detector vouches for it."""
    items = read_items(data, config.role_file or None)
    wanted = [("utkface", "select"), ("mead", "calibrate"), ("portraits", "calibrate")]
    rows = []
    for source, role in wanted:
        chosen = select_items(items, source=source, role=role, label=0)
        picked = np.unique(np.linspace(0, len(chosen) - 1, 200).astype(int))
        found = [detector.analyse(open_clip(chosen[i].file(data)), ()) for i in picked]
        scored = [e for e in found if e.status == "scored"]
        known = [e for e in scored if e.tracks[0].in_domain]
        calibration = detector.model.calibration
        llrs = calibration.llr([e.score for e in scored]) if scored else np.zeros(0)
        rows.append(
            {
                "what": "real source",
                "detector": "cnn_generated",
                "step": source,
                "n": len(found),
                "scored": len(scored),
                "in_domain": len(known),
                "value": round(float(np.mean(llrs > 0)), 4) if len(llrs) else "",
                "alarms_in_domain": sum((e.llr or 0) > 0 for e in known),
                "strong_alarms_in_domain": sum((e.llr or 0) > 0.5 for e in known),
                "mean_score": round(float(np.mean([e.score for e in scored])), 3) if scored else "",
            }
        )
    return rows


def speed(data: Path, detector: Any) -> list[dict[str, Any]]:
    """Milliseconds of one thread per picture and patches per second of the network alone."""
    items = select_items(read_items(data), source="ffhq256", role="train")[:40]
    clips = [clip_from_frames([next(iter(open_clip(i.file(data)).frames)).image]) for i in items]
    detector.analyse(clips[0], ())
    start = time.process_time()
    for clip in clips:
        detector.analyse(clip, ())
    each = (time.process_time() - start) / len(clips)
    patches = np.random.default_rng(0).integers(0, 256, (9, 96, 96, 3), np.uint8)
    detector.model.logits(patches)
    start = time.process_time()
    for _ in range(40):
        detector.model.logits(patches)
    alone = (time.process_time() - start) / 40
    row = {"what": "speed", "detector": "cnn_generated"}
    return [
        {
            **row,
            "step": "ms of processor time per picture of 256 px",
            "value": round(1e3 * each, 2),
        },
        {**row, "step": "patches of 96 px per second, network alone", "value": round(9 / alone)},
    ]


if __name__ == "__main__":
    main()
