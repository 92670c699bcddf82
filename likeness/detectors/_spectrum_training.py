"""Training of `spectrum`: one generator against the photographs it learned from, and periodic grids drawn on those.

All classes go through one pipeline: the same face finder and margins, tiles that are never resized, and one more JPEG
compression whose quality is drawn from one distribution for all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from likeness import weights
from likeness.data.face_shards import write_whole
from likeness.data.known_faces import KnownFace, known_faces, load_images
from likeness.data.manifest import read_items, select_items
from likeness.detectors._spectrum_features import (
    VERSION,
    bands,
    face_square,
    face_tiles,
    features,
)
from likeness.detectors.spectrum import WEIGHTS
from likeness.errors import DataError, OutputError
from likeness.media import jpeg_round_trip
from likeness.registry import config_from
from likeness.scoring.calibration import PlattCalibration
from likeness.scoring.domain import DomainGate
from likeness.scoring.held_out import HeldOutScore, held_out_to_dict
from likeness.scoring.metrics import auc, cllr, min_cllr
from likeness.scoring.models import LinearModel
from likeness.scoring.sample import CalibrationSample
from likeness.types import ImageArray, Progress

HELD_OUT = "held_out.json"
MODELS = ("lr", "svm_linear", "svm_rbf", "kmeans")


@dataclass(frozen=True)
class TrainingConfig:
    """What a recipe may set under [training].

    Attributes:
        real: data source of the photographs.
        fake: data source of the generated faces.
        copies: compressions of each picture.
        quality: lowest and highest JPEG quality that is drawn.
        grid_share: weight, among fakes, of photographs with a periodic grid drawn on them; 0 = none.
        regularisation: C of the logistic regression.
        variant: `plain` or `residual` features.
        folds: of the out-of-fold scores.
        final_evaluation: also score the `test` half, once, when everything is decided.
        seed: fixes every draw.
        cache: folder for found faces; empty = none.
    """

    real: str = "ffhq256"
    fake: str = "stylegan1_256"
    copies: int = 4
    quality: tuple[int, int] = (60, 95)
    grid_share: float = 0.3
    regularisation: float = 0.003
    variant: str = "plain"
    folds: int = 5
    final_evaluation: bool = False
    seed: int = 1
    cache: str = "runs/faces"


@dataclass(frozen=True)
class Examples:
    """Rows of the table: features (N, 119), labels, which picture, whether a grid was drawn, side of the face square."""

    x: npt.NDArray[np.float32]
    y: npt.NDArray[np.int64]
    picture: npt.NDArray[np.int64]
    grid: npt.NDArray[np.bool_]
    side_px: npt.NDArray[np.float64]

    def per_picture(
        self, logits: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Scores, labels and ids of the pictures without a grid: the first copy stands for the picture."""
        plain = np.flatnonzero(~self.grid)
        ids, first = np.unique(self.picture[plain], return_index=True)
        return logits[plain[first]], self.y[plain[first]], ids


def train(
    recipe: Mapping[str, Any], data: Path, out: Path, progress: Progress | None = None
) -> dict[str, float]:
    """Fit, calibrate on out-of-fold scores of the train half, and write weights and calibration."""
    config = config_from(TrainingConfig, recipe.get("training", {}), "recipe [training]")
    learn = examples(data, config, "train", progress)
    figures = {
        f"auc_out_of_fold_{name}": auc(*learn.per_picture(out_of_fold(learn, config, name))[:2])
        for name in MODELS
    }
    logits = out_of_fold(learn, config, "lr")
    scores, labels, ids = learn.per_picture(logits)
    calibration = PlattCalibration.fit(
        CalibrationSample(
            scores,
            labels,
            ids,
            f"{int((labels == 0).sum())} {config.real} photographs against {int(labels.sum())} faces of "
            f"{config.fake}, one each, out-of-fold, 256 px, JPEG {config.quality[0]}-{config.quality[1]}",
        )
    )
    model = LinearModel.from_sklearn(fit(learn, config, "lr"))
    llrs = calibration.llr(scores)
    figures |= {
        "cllr_out_of_fold": cllr(llrs, labels),
        "min_cllr_out_of_fold": min_cllr(scores, labels),
        "identities": float(calibration.n_identities),
        "llr_bound": calibration.bound,
    }
    figures |= _grid_auc(learn, logits, "auc_out_of_fold_grid")
    if config.final_evaluation:
        final = examples(data, config, "test", progress)
        test_scores, test_labels, _ = final.per_picture(model.logit(final.x))
        figures |= {
            "auc_test": auc(test_scores, test_labels),
            "cllr_test": cllr(calibration.llr(test_scores), test_labels),
            "min_cllr_test": min_cllr(test_scores, test_labels),
        }
        figures |= _grid_auc(final, model.logit(final.x), "auc_test_grid")
    plain = ~learn.grid
    gate = DomainGate.fit(bands(learn.x[plain]), learn.picture[plain])
    _write(out, config, (model, gate, calibration), learn, figures)
    write_held_out(data, config, out / HELD_OUT)
    return figures


def write_held_out(data: Path, config: TrainingConfig, out: Path) -> None:
    """Out-of-fold scores of the pictures of the train half, for whoever fuses this detector with another."""
    learn = examples(data, config, "train")
    scores, labels, ids = learn.per_picture(out_of_fold(learn, config, "lr"))
    faces = _faces(data, config, "train")
    rows = []
    for score, label, place in zip(scores.tolist(), labels.tolist(), ids.tolist(), strict=True):
        item = faces[place].item
        # A generator is one group in the manifest; its pictures are independent draws.
        rows.append((item.path, HeldOutScore(score, label, item.path if label else item.group)))
    write_whole(out, (json.dumps(held_out_to_dict(rows), indent=0) + "\n").encode())


def examples(
    data: Path, config: TrainingConfig, role: str, progress: Progress | None = None
) -> Examples:
    """Features of all compressions of the pictures of one role, and of one grid per photograph."""
    faces = _faces(data, config, role, progress)
    rows: list[tuple[Any, ...]] = []
    for number, face in enumerate(faces):
        rng = np.random.default_rng(np.random.SeedSequence(config.seed, spawn_key=(number,)))
        rows += _rows_of(data, face, config, rng, number)
        if progress:
            progress(f"spectra of {role}", number + 1, len(faces))
    if {label for _, label, _, grid, _ in rows if not grid} != {0, 1}:
        raise DataError(
            f"spectrum: expected {role} pictures of {config.real} and of {config.fake} in {data.name}"
        )
    x, y, picture, grid, side = zip(*rows, strict=True)
    return Examples(
        np.stack(x), np.array(y), np.array(picture), np.array(grid), np.array(side, float)
    )


def _faces(
    data: Path, config: TrainingConfig, role: str, progress: Progress | None = None
) -> list[KnownFace]:
    items = select_items(read_items(data), source=(config.real, config.fake), role=role)
    cache = Path(config.cache) if config.cache else None
    return known_faces(data, items, cache, frames=1, progress=progress)


def add_grid(image: ImageArray, period_px: int, level: float, diagonal: bool = False) -> ImageArray:
    """Draw the periodic pattern that a generator's upsampling leaves.

    Args:
        image: (H, W, 3) uint8 RGB.
        period_px: of the pattern along both axes.
        level: amplitude in 8-bit levels; 0 leaves the picture as it is.
        diagonal: product instead of sum of the two waves (a checkerboard).
    """
    y, x = (np.cos(2 * np.pi * np.arange(n) / period_px) for n in image.shape[:2])
    wave = 2 * np.outer(y, x) if diagonal else y[:, None] + x[None]
    return np.clip(image + level * wave[..., None], 0, 255).round().astype(np.uint8)


def fit(table: Examples, config: TrainingConfig, name: str = "lr") -> Any:
    """A scikit-learn pipeline of scaler and model, fitted on every row; each class gets the same weight."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = _models(config)[name]
    share = np.where(
        table.grid, config.grid_share, np.where(table.y == 1, 1 - config.grid_share, 1.0)
    )
    kind = 2 * table.y + table.grid
    weight = share / np.bincount(kind, minlength=4)[kind] * len(table.y)
    weighted = (
        {} if name == "kmeans" else {f"{type(model).__name__.lower()}__sample_weight": weight}
    )
    return make_pipeline(StandardScaler(), model).fit(table.x, table.y, **weighted)


def out_of_fold(table: Examples, config: TrainingConfig, name: str) -> npt.NDArray[np.float64]:
    """(N,) scores of every row from a model that saw no copy of its picture."""
    order = np.random.default_rng(config.seed).permutation(np.unique(table.picture))
    fold = np.empty(int(order.max()) + 1, np.int64)
    fold[order] = np.arange(len(order)) % config.folds
    scores = np.empty(len(table.y))
    for k in range(config.folds):
        held = fold[table.picture] == k
        part = Examples(*(getattr(table, f)[~held] for f in Examples.__dataclass_fields__))
        scores[held] = _score(fit(part, config, name), table.x[held], part)
    return scores


def _models(config: TrainingConfig) -> dict[str, Any]:
    from sklearn.cluster import KMeans
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import SVC

    c = config.regularisation
    return {
        "lr": LogisticRegression(C=c, max_iter=5000),
        "svm_linear": SVC(kernel="linear", C=c),
        "svm_rbf": SVC(
            C=6.37, gamma="scale"
        ),  # the published gamma .86 belongs to unscaled features
        "kmeans": KMeans(2, n_init=10, random_state=config.seed),
    }


def _score(pipeline: Any, x: npt.NDArray[np.float32], learned: Examples) -> npt.NDArray[np.float64]:
    if hasattr(pipeline, "decision_function"):
        return np.asarray(pipeline.decision_function(x), float)
    distance = pipeline.transform(
        x
    )  # k-means: which cluster holds more fakes is read off the training rows
    cluster = pipeline.predict(learned.x)
    rates = [learned.y[cluster == k].mean() for k in range(2)]
    return np.asarray((distance[:, 0] - distance[:, 1]) * np.sign(rates[1] - rates[0]), float)


def _rows_of(
    data: Path, face: KnownFace, config: TrainingConfig, rng: np.random.Generator, number: int
) -> Sequence[tuple[Any, ...]]:
    image, box = load_images(data, face)[0], face.track.boxes_px[0]
    side = face_square(box, (image.shape[1], image.shape[0]))[2]
    low, high = config.quality
    qualities = [int(q) for q in rng.integers(low, high + 1, config.copies)]
    pictures = [(image, q, face.item.label, False) for q in qualities]
    if face.item.label == 0 and config.grid_share > 0:
        gridded = add_grid(
            image,
            int(rng.choice([2, 3, 4, 6])),
            float(rng.uniform(1.5, 8.0)),
            bool(rng.random() < 0.5),
        )
        pictures.append((gridded, qualities[0], 1, True))
    rows = []
    for picture, quality, label, grid in pictures:
        tiles = face_tiles(jpeg_round_trip(picture, quality), box)
        if tiles is not None:
            x = features(tiles[None], config.variant)[0]
            rows.append((x, label, number, grid, side))
    return rows


def _grid_auc(table: Examples, logits: npt.NDArray[np.float64], name: str) -> dict[str, float]:
    """Photographs with a grid against all photographs; nothing if no grid was drawn."""
    rows = table.grid | (table.y == 0)
    return {name: auc(logits[rows], table.y[rows])} if table.grid.any() else {}


def _write(
    out: Path,
    config: TrainingConfig,
    fitted: tuple[LinearModel, DomainGate, PlattCalibration],
    learn: Examples,
    figures: Mapping[str, float],
) -> None:
    """The calibration last: weights without one are merely uncalibrated."""
    model, gate, calibration = fitted
    arrays = {**model.to_arrays("linear."), **gate.to_arrays("gate.")}
    tag = next(iter(WEIGHTS))
    sides = np.percentile(learn.side_px, [5, 95])
    rounded = {k: round(v, 4) for k, v in figures.items()}
    stored = {
        "calibration": calibration.to_dict(),
        "side_px": [round(float(sides[0]) / 1.5), round(float(sides[1]) * 1.5)],
        "figures": rounded,
        "training": asdict(config),
    }
    facts = {
        "features": VERSION,
        "tag": tag,
        "variant": config.variant,
        "config": json.dumps(asdict(config)),
    }
    try:
        weights.save_arrays(out / WEIGHTS[tag], arrays, facts)
        partial = out / "calibration.json.partial"
        partial.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
        partial.replace(out / "calibration.json")
    except OSError as error:
        raise OutputError(f"cannot write weights into {out}: {error}") from error
