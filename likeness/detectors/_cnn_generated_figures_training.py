"""What is measured while `cnn_generated` is trained: on held-out pictures, on twins of unseen kinds, and of leakage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from likeness.data.audit import crop_features, leakage_audit
from likeness.detectors._cnn_generated_drawn_training import SMALL, SYNTHESISERS
from likeness.detectors._cnn_generated_fingerprint import Fingerprints, spectrum_of
from likeness.detectors._cnn_generated_levelling import soften
from likeness.detectors._cnn_generated_material_training import (
    FOLDS,
    LEFT_OUT,
    Gathered,
    TrainingConfig,
)
from likeness.detectors._cnn_generated_network_training import Picture, score
from likeness.detectors._cnn_generated_patches import cut, whole
from likeness.detectors._cnn_generated_redrawing_training import Twin, quality_db
from likeness.media import jpeg_round_trip
from likeness.networks.cnn_generated import UPSAMPLINGS
from likeness.scoring.calibration import PlattCalibration
from likeness.scoring.metrics import auc, cllr, min_cllr
from likeness.types import DoubleArray, FloatArray, ImageArray

_LEAST = 5


@dataclass(frozen=True)
class HeldOut:
    """Scores of pictures by networks that saw none of them.

    Attributes:
        networks: of the folds.
        scores: (N,) of the pictures as they are, compressed once more; NaN where the fold has no network.
        levelled: (N,) of the pictures after both classes were made alike in contrast, colour and sharpness.
    """

    networks: tuple[torch.nn.Module, ...]
    scores: DoubleArray
    levelled: DoubleArray


def held_out_figures(
    gathered: Gathered, held_out: HeldOut, calibration: PlattCalibration
) -> dict[str, float]:
    """AUC of pictures as they are and levelled, and what the calibration costs."""
    known = np.isfinite(held_out.scores)
    labels = np.array([p.label for p in gathered.pictures])[known]
    scores = held_out.scores[known]
    both = np.isfinite(held_out.levelled)
    level = held_out.levelled[both]
    return {
        "pictures_held_out": float(len(scores)),
        "auc_held_out": auc(scores, labels),
        "auc_held_out_levelled": auc(
            level, [gathered.pictures[n].label for n in np.flatnonzero(both)]
        ),
        "cllr_held_out": cllr(calibration.llr(scores), labels),
        "min_cllr_held_out": min_cllr(scores, labels),
    }


def twin_figures(
    gathered: Gathered, networks: Sequence[torch.nn.Module], config: TrainingConfig
) -> dict[str, float]:
    """AUC of held-out twins against their photographs: the shipped network, and the one that never saw their kind."""
    if not gathered.held_out:
        return {}
    found = {"redrawn_db": quality_db(gathered.held_out)}
    for kind in UPSAMPLINGS:
        twins = [t for t in gathered.held_out if t.kind == kind]
        found |= _two_aucs(kind, twins, networks, config)
    return found


def drawn_figures(
    gathered: Gathered, networks: Sequence[torch.nn.Module], config: TrainingConfig
) -> dict[str, float]:
    """AUC of faces of our own generators (other seeds) against photographs, both as they are and made alike."""
    figures: dict[str, float] = {}
    for kind in dict.fromkeys(t.kind for t in gathered.found):
        pairs = [t for t in gathered.found if t.kind == kind]
        figures |= _two_aucs(kind, pairs, networks, config)
        same = [t.alike() for t in pairs]
        figures |= _two_aucs(f"{kind}_alike", same, networks, config, kind)
    return figures


def unaware(kind: str, networks: Sequence[torch.nn.Module]) -> torch.nn.Module | None:
    """The network of the fold that never saw a kind; the last of `networks` is all of them together."""
    folds = [k for k, kinds in enumerate(LEFT_OUT[: len(networks) - 1]) if kind in kinds]
    return networks[folds[0]] if folds else None


def _two_aucs(
    name: str,
    pairs: Sequence[Twin],
    networks: Sequence[torch.nn.Module],
    config: TrainingConfig,
    kind: str = "",
) -> dict[str, float]:
    """Of all networks together, and of the one that never saw the kind."""
    found = {f"auc_{name}": twin_auc(pairs, networks[-1], config)}
    other = unaware(kind or name, networks)
    if other is not None:
        found[f"auc_{name}_left_out"] = twin_auc(pairs, other, config)
    return found


def twin_auc(twins: Sequence[Twin], network: torch.nn.Module, config: TrainingConfig) -> float:
    """AUC of twins against their photographs, both compressed alike."""
    real = [score(network, compressed(t.real, config, n)) for n, t in enumerate(twins)]
    fake = [score(network, compressed(t.fake, config, n)) for n, t in enumerate(twins)]
    scores = np.array(real + fake)
    labels = np.repeat([0, 1], len(twins))
    known = np.isfinite(scores)
    return auc(scores[known], labels[known])


def audit_figures(gathered: Gathered, config: TrainingConfig) -> dict[str, float]:
    """What nuisance features alone reach: on the pictures as they are, as they are learned from, and on twins."""
    pictures, found = gathered.pictures, {}
    labels = [p.label for p in pictures]
    groups = [p.group for p in pictures]
    for name in ("as_they_are", "levelled"):
        rows = []
        for n, picture in enumerate(pictures):
            found_so = name == "as_they_are"
            image = picture.image if found_so else at_level(picture, n)
            rows.append(crop_features(compressed(image, config, n)))
        found[f"audit_{name}"] = leakage_audit(np.stack(rows), labels, groups).auc
    own = dict.fromkeys(UPSAMPLINGS, "twins") | {SMALL + k: "small" for k in UPSAMPLINGS}
    for name in dict.fromkeys(own.get(t.kind, t.kind) for t in gathered.twins):
        pairs = [t for t in gathered.twins if own.get(t.kind, t.kind) == name]
        found[f"audit_{name}"] = audit_of(pairs, config)
    for name in dict.fromkeys(t.kind for t in gathered.found):
        pairs = [t for t in gathered.found if t.kind == name]
        found[f"audit_{name}_found"] = audit_of(pairs, config)
    return found


def audit_of(pairs: Sequence[Twin], config: TrainingConfig) -> float:
    """What nuisance features alone tell of pairs; NaN for fewer than five."""
    if len(pairs) < _LEAST:
        return float("nan")
    shown = [(image, n) for n, pair in enumerate(pairs) for image in (pair.real, pair.fake)]
    rows = [crop_features(compressed(image, config, n)) for image, n in shown]
    people = [pairs[n].group for _, n in shown]
    return leakage_audit(np.stack(rows), [0, 1] * len(pairs), people).auc


def naming_figures(rows: FloatArray, kinds: list[str], folds: list[int]) -> dict[str, float]:
    """Held out by fold: how often a generator is named, and how often a wrong one or a photograph is."""
    kind, fold = np.array(kinds), np.array(folds)
    named = np.full(len(kind), "", dtype=object)
    for k in range(FOLDS):
        learn_rows = np.flatnonzero(fold != k)
        part = Fingerprints.fit(rows[learn_rows], list(kind[learn_rows]), list(fold[learn_rows]))
        for i in np.flatnonzero(fold == k):
            named[i] = part.name(rows[i])
    found = {"named_photographs": float(np.mean(named[kind == ""] != "unknown"))}
    for name in sorted(set(kinds) - {""}):
        own = named[kind == name]
        found[f"named_{name}"] = float(np.mean(own == name))
        found[f"misnamed_{name}"] = float(np.mean((own != name) & (own != "unknown")))
    return found


def spectra(gathered: Gathered, config: TrainingConfig) -> tuple[FloatArray, list[str], list[int]]:
    """Spectra of all pictures and twins, the generator of each ("" = photograph), and its fold."""
    shown: list[tuple[ImageArray, str, int]] = []
    for picture, fold in zip(gathered.pictures, gathered.folds, strict=True):
        shown.append((picture.image, config.fake if picture.label else "", fold))
    for n, (twin, fold) in enumerate(zip(gathered.twins, gathered.twin_folds, strict=True)):
        own = fold if fold >= 0 else n % FOLDS
        if twin.kind in UPSAMPLINGS:
            shown += [(twin.real, "", own), (twin.fake, f"redrawn {twin.kind}", own)]
        elif twin.kind in SYNTHESISERS:
            shown += [(twin.real, "", own), (twin.fake, twin.kind, own)]
    rows, kinds, folds = [], [], []
    for n, (image, kind, fold) in enumerate(shown):
        again = compressed(image, config, n // 2)
        patches = cut(again, whole(again))
        if patches is not None and len(patches.images):
            rows.append(spectrum_of(patches.images))
            kinds.append(kind)
            folds.append(fold)
    return np.stack(rows), kinds, folds


def compressed(image: ImageArray, config: TrainingConfig, number: int) -> ImageArray:
    """One more JPEG compression, quality drawn for the n-th picture whatever its label."""
    low, high = config.quality
    rng = np.random.default_rng([config.seed, number])
    return jpeg_round_trip(np.ascontiguousarray(image), int(rng.integers(low, high + 1)))


def at_level(picture: Picture, number: int) -> ImageArray:
    sigma_px = np.random.default_rng([7, number]).uniform(*picture.level.blur_px)
    return soften(picture.level.image, sigma_px)
