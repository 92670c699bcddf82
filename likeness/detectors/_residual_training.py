"""Training of `residual_statistics`: real faces only, and pseudo-fakes made of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from likeness.data.known_faces import KnownFace, known_faces
from likeness.data.manifest import read_items, select_items
from likeness.data.pairs import item_seed, look_alikes, make_pair, roughen_pair
from likeness.detectors import _residual_features as features
from likeness.detectors.residual_statistics import WEIGHTS, Model
from likeness.registry import config_from
from likeness.scoring.metrics import auc
from likeness.scoring.models import LinearModel, TreeEnsemble
from likeness.types import Progress


@dataclass(frozen=True)
class TrainingConfig:
    """What a recipe may set under [training].

    Attributes:
        source: data source of the real faces.
        fakes_per_face: pseudo-fakes made of each training face, each with a draw of its own.
        degraded_share: share of pairs that are degraded (both members alike).
        seed: fixes every draw.
        regularisation: C of the logistic regression.
        trees: boosting rounds.
        leaves: leaves per tree.
        learning_rate: of the boosting.
        role_file: CSV that corrects the roles of unlabelled identities; empty = none.
        cache: folder for found faces; empty = none.
    """

    source: str = "utkface"
    fakes_per_face: int = 3
    degraded_share: float = 0.7
    seed: int = 1
    regularisation: float = 0.003
    trees: int = 500
    leaves: int = 15
    learning_rate: float = 0.06
    role_file: str = ""
    cache: str = "runs/faces"


@dataclass(frozen=True)
class Examples:
    """Features of pairs: row i of `real` and of `fake` belong together."""

    real: npt.NDArray[np.float32]
    fake: npt.NDArray[np.float32]
    groups: npt.NDArray[np.str_]

    def stacked(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """All rows and their labels, reals first."""
        labels = np.repeat(np.array([0, 1], np.int64), len(self.real))
        return np.concatenate([self.real, self.fake]), labels


def train(
    recipe: Mapping[str, Any], data: Path, out: Path, progress: Progress | None = None
) -> dict[str, float]:
    """Fit, measure on the `select` identities and write the weights."""
    config = config_from(TrainingConfig, recipe.get("training", {}), "recipe [training]")
    learn = examples(data, config, "train", progress)
    check = examples(data, config, "select", progress)
    linear, trees = fit(learn, config)
    tag = next(iter(WEIGHTS))
    model = Model(linear, trees, tag)
    x, labels = check.stacked()
    figures = {
        "auc_select": auc(model.logit(x), labels),
        "auc_select_linear": auc(linear.logit(x), labels),
        "auc_select_trees": auc(trees.logit(x), labels),
        "faces": float(len(set(learn.groups))),
        "pairs": float(len(learn.real)),
    }
    resolved = json.dumps(asdict(config), sort_keys=True)
    model.save(
        out / WEIGHTS[tag],
        {
            "config": resolved,
            "config_hash": hashlib.sha256(resolved.encode()).hexdigest()[:16],
            "figures": json.dumps({k: round(v, 4) for k, v in figures.items()}),
        },
    )
    return figures


def examples(
    data: Path, config: TrainingConfig, role: str, progress: Progress | None = None
) -> Examples:
    """Features of the pairs of one role."""
    items = read_items(data, Path(config.role_file) if config.role_file else None)
    chosen = select_items(items, source=config.source, role=role)
    cache = Path(config.cache) if config.cache else None
    faces = known_faces(data, chosen, cache, progress=progress)
    per_face = config.fakes_per_face if role == "train" else 1
    work = [
        (face, k, donor)
        for k in range(per_face)
        for face, donor in zip(faces, look_alikes(faces, config.seed + k), strict=True)
    ]
    one = partial(_pair_features, data, config)
    rows: list[tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]] = []
    with ProcessPoolExecutor(max_workers=2, mp_context=get_context("spawn")) as pool:
        for done, row in enumerate(pool.map(one, work, chunksize=32)):
            rows.append(row)
            if progress:
                progress(f"pairs for {role}", done + 1, len(work))
    return Examples(
        np.stack([r for r, _ in rows]),
        np.stack([f for _, f in rows]),
        np.array([face.item.group for face, _, _ in work]),
    )


def fit(learn: Examples, config: TrainingConfig) -> tuple[LinearModel, TreeEnsemble]:
    """Fit both models with scikit-learn and turn them into arrays."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, labels = learn.stacked()
    linear = make_pipeline(
        StandardScaler(), LogisticRegression(C=config.regularisation, max_iter=400)
    ).fit(x, labels)
    trees = HistGradientBoostingClassifier(
        max_iter=config.trees,
        max_leaf_nodes=config.leaves,
        learning_rate=config.learning_rate,
        l2_regularization=1.0,
        max_features=0.3,
        early_stopping=False,
        random_state=config.seed,
    ).fit(x.astype(np.float64), labels)
    return LinearModel.from_sklearn(linear), TreeEnsemble.from_sklearn(trees)


def _pair_features(
    data: Path, config: TrainingConfig, work: tuple[KnownFace, int, KnownFace]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    import cv2

    cv2.setNumThreads(1)  # one process per core already
    face, k, donor = work
    pair = make_pair(data, face, config.seed + 1000 * k, donor=donor)
    rng = np.random.default_rng([*item_seed(face, config.seed), k])
    if rng.random() < config.degraded_share:
        pair = roughen_pair(pair, rng)
    landmarks = pair.track.landmarks_px[0]
    return _features(pair.real, landmarks), _features(pair.fake, landmarks)


def _features(
    images: Sequence[npt.NDArray[np.uint8]], landmarks: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    return features.of_face(images[0], landmarks)[0]
