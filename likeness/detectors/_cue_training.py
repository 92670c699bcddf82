"""Fit a cue's few weights on real stills and pseudo-fakes of them; shared by the cues that judge single frames."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from likeness import media
from likeness.data.known_faces import KnownFace, known_faces
from likeness.data.manifest import read_items, select_items
from likeness.data.mixture import PseudoFakeConfig, Shares
from likeness.data.pairs import item_seed, make_pair, roughen_pair
from likeness.detectors._cue import CueModel, Measure, spread
from likeness.registry import config_from
from likeness.scoring.metrics import auc
from likeness.scoring.models import LinearModel
from likeness.types import DoubleArray, FaceTrack, ImageArray, Progress

SOFT = PseudoFakeConfig(Shares(0.0, 0.0, 0.0, 1.0), target_p=0.0, warp_size_px=(32, 128))
"""Faces of 32 to 128 px in the place of sharper ones, never the other way round."""


@dataclass(frozen=True)
class TrainingConfig:
    """What a recipe may set under [training].

    Attributes:
        source: data source of the real faces.
        faces: at most this many of them, evenly spread over the list; 0 = all.
        degraded_share: share of pairs that are degraded (both members alike).
        soft_share: share of pairs whose fake has a face that was drawn small and warped back, as generators of fixed size
            leave it (Li and Lyu 2019); the others are what the engine draws by default.
        seed: fixes every draw.
        regularisation: C of the logistic regression.
        role_file: CSV that corrects the roles of unlabelled identities; empty = none.
        cache: folder for found faces; empty = none.
    """

    source: str = "utkface"
    faces: int = 1500
    degraded_share: float = 0.7
    soft_share: float = 0.0
    seed: int = 1
    regularisation: float = 0.1
    role_file: str = ""
    cache: str = "runs/faces"


@dataclass(frozen=True)
class Cue:
    """What is fitted.

    Attributes:
        measure: a function at the top of a module, see `likeness.detectors._cue.Measure`.
        names: of the numbers.
        version: of the way they are measured.
        tag: of the weights.
        file: name of the weights.
    """

    measure: Measure
    names: Sequence[str]
    version: str
    tag: str
    file: str


def train_cue(
    cue: Cue, recipe: Mapping[str, Any], data: Path, out: Path, progress: Progress | None = None
) -> dict[str, float]:
    """Fit on role `train`, measure on role `select`, write the weights; returns the figures."""
    config = config_from(TrainingConfig, recipe.get("training", {}), "recipe [training]")
    real, fake = pair_values(cue.measure, config, data, "train", progress)
    model = fit(cue, real, fake, config.regularisation)
    check_real, check_fake = pair_values(cue.measure, config, data, "select", progress)
    labels = np.repeat([0, 1], [len(check_real), len(check_fake)])
    figures = {
        "auc_select": auc(model.logit(np.concatenate([check_real, check_fake])), labels),
        "pairs": float(len(real)),
        "pairs_select": float(len(check_real)),
    }
    resolved = json.dumps(asdict(config), sort_keys=True)
    words = {
        "config": resolved,
        "config_hash": hashlib.sha256(resolved.encode()).hexdigest()[:16],
        "figures": json.dumps({k: round(v, 4) for k, v in figures.items()}),
    }
    model.save(out / cue.file, cue.version, words)
    return figures


def fit(cue: Cue, real: DoubleArray, fake: DoubleArray, regularisation: float) -> CueModel:
    """Logistic regression on the numbers of (N, K) real and (N, K) fake faces; `usual` comes from the real ones."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    labels = np.repeat([0, 1], [len(real), len(fake)])
    fitted = make_pipeline(
        StandardScaler(), LogisticRegression(C=regularisation, max_iter=1000)
    ).fit(np.concatenate([real, fake]), labels)
    usual = np.percentile(real, [5, 95], axis=0).T
    return CueModel(
        tuple(cue.names), LinearModel.from_sklearn(fitted), np.ascontiguousarray(usual), cue.tag
    )


def pair_values(
    measure: Measure, config: TrainingConfig, data: Path, role: str, progress: Progress | None
) -> tuple[DoubleArray, DoubleArray]:
    """((N, K), (N, K)) numbers of real faces and of their twins; a pair with one member that cannot be judged is left out."""
    items = read_items(data, Path(config.role_file) if config.role_file else None)
    every = select_items(items, source=config.source, role=role)
    chosen = [every[i] for i in spread(len(every), config.faces or len(every))]
    cache = Path(config.cache) if config.cache else None
    faces = known_faces(data, chosen, cache, progress=progress)
    one: Callable[[KnownFace], Any] = partial(_pair, measure, data, config)
    reals, fakes = [], []
    with ProcessPoolExecutor(max_workers=2, mp_context=get_context("spawn")) as pool:
        for done, (real, fake) in enumerate(pool.map(one, faces, chunksize=16)):
            if real is not None and fake is not None:
                reals.append(real)
                fakes.append(fake)
            if progress:
                progress(f"pairs for {role}", done + 1, len(faces))
    return np.stack(reals), np.stack(fakes)


def _pair(
    measure: Measure, data: Path, config: TrainingConfig, face: KnownFace
) -> tuple[npt.NDArray[Any] | None, npt.NDArray[Any] | None]:
    import cv2

    cv2.setNumThreads(1)  # one process per core already
    rng = np.random.default_rng([*item_seed(face, config.seed), 7])
    soft = SOFT if rng.random() < config.soft_share else None
    pair = make_pair(data, face, config.seed, soft)
    if rng.random() < config.degraded_share:
        pair = roughen_pair(pair, rng)
    return _values(measure, pair.real[0], pair.track), _values(measure, pair.fake[0], pair.track)


def _values(measure: Measure, image: ImageArray, track: FaceTrack) -> npt.NDArray[Any] | None:
    (frame,) = media.clip_from_frames([image]).frames
    values = measure(frame, track, 0)
    return values if values is not None and np.isfinite(values).all() else None
