"""The use case `calibrate`: from raw scores to bounded llrs, fused per question, on people kept out of training."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from likeness import registry, weights
from likeness.data.known_faces import known_faces
from likeness.data.manifest import Item, read_items
from likeness.errors import DataError, OutputError
from likeness.jobs.detect import measuring_detectors
from likeness.jobs.judge import DOMAIN_COVARIATES, Calibration
from likeness.jobs.measuring import CLEAN, Scored, measure, measuring_pool
from likeness.scoring import (
    CalibrationSample,
    DecisionThresholds,
    DomainGate,
    FileCalibration,
    FileFusion,
    FusionSample,
    PavCalibration,
    PlattCalibration,
    QuestionFusion,
    calibration_from_dict,
    cllr,
    ece,
    min_cllr,
    probability_from_llr,
)
from likeness.types import Progress, Question

STEPS = (CLEAN, "jpeg_75", "h264_crf23", "resize_050")
"""Deployed media are rarely first copies: calibration sees each pair as it is and through three common steps."""
TRAINING_SOURCE = "utkface"
FOLDS = 5
COVARIATES = ("log_eye_distance", *DOMAIN_COVARIATES)
FUSION_POPULATION = "MEAD, portraits and FFHQ, with self-blends"
Detectors = Mapping[str, tuple[str, PlattCalibration | PavCalibration]]
Rows = npt.NDArray[np.int64]
POPULATION = (
    "Detectors: {score_ids} UTKFace identities kept out of training, and their self-blends. Fusion: {fusion_ids} people of "
    "sources that no detector of blends was trained on (3 actors of MEAD, 6 portrait videos, FFHQ pictures), and their "
    "self-blends. Whole synthetic faces: StyleGAN1 against FFHQ only."
)


def calibrate(
    data: Path, out: Path, role_file: Path | None = None, progress: Progress | None = None
) -> dict[str, float]:
    """Fit calibration and fusion of the default detectors and write them.

    Args:
        data: folder with manifest.csv and splits.csv.
        out: JSON file to write.
        role_file: CSV that corrects the roles of unlabelled identities.
        progress: see `likeness.types.Progress`.

    Returns:
        Cllr minus min-Cllr and ECE on identities held out from each fit (five folds by identity), by name.
    """
    items = read_items(data, role_file)
    own = [i for i in items if i.source == TRAINING_SOURCE and i.role == "calibrate"]
    other = _fusion_items(items)
    if not own or not other:
        raise DataError(
            f"{data}: no items with role 'calibrate' of {TRAINING_SOURCE} and of other sources"
        )
    cache = Path("runs/faces")
    own_faces = known_faces(data, own, cache, progress=progress)
    other_faces = known_faces(data, other, cache, progress=progress)
    names = measuring_detectors()
    with measuring_pool(data, STEPS, {name: (name, {}) for name in names}) as pool:
        own_scored = _all(measure(pool, own_faces), len(own_faces), "training source", progress)
        other_scored = _all(measure(pool, other_faces), len(other_faces), "other sources", progress)
    figures: dict[str, float] = {}
    detectors = _detector_calibrations(names, own_scored, figures)
    fusion = _fusion(names, detectors, other_scored, figures)
    calibration = Calibration(
        tag="fusion-1",
        detectors=detectors,
        fusion=fusion,
        gate=_gate([*own_scored, *other_scored]),
        thresholds=DecisionThresholds(none_needs=("blended", "synthesised")),
        population=POPULATION.format(
            score_ids=len({f.item.group for f in own_faces}),
            fusion_ids=len({f.item.group for f in other_faces}),
        ),
    )
    _write(out, calibration)
    return figures


def _fusion_items(items: Sequence[Item]) -> list[Item]:
    """Real items of sources that no detector of blends was trained on; FFHQ's train half is one of them."""
    return [
        i
        for i in items
        if i.label == 0
        and i.source != TRAINING_SOURCE
        and (i.role == "calibrate" or (i.role == "train" and i.source == "ffhq256"))
        and i.kind in ("face", "video")
    ]


def _all(measured: Any, total: int, what: str, progress: Progress | None) -> list[Scored]:
    scored: list[Scored] = []
    for done, found in enumerate(measured):
        scored += found
        if progress:
            progress(f"scoring {what}", done + 1, total)
    return scored


def _detector_calibrations(
    names: Sequence[str], scored: Sequence[Scored], figures: dict[str, float]
) -> Detectors:
    """One per detector: fitted here for detectors of blends, read from their own weights for the others."""
    found: dict[str, tuple[str, PlattCalibration | PavCalibration]] = {}
    for name in names:
        tag = next(iter(registry.load("detectors", name).WEIGHTS))
        if registry.part("detectors", name).info["question"] != "blended":
            stored = weights.load_json(weights.path_of(name, "calibration.json"))
            found[name] = (tag, calibration_from_dict(stored["calibration"]))
            continue
        kept = [s for s in scored if s.scores[name] is not None]
        scores = np.array([s.scores[name] for s in kept], np.float64)
        labels, groups = _labels(kept), _groups(kept)

        sample = CalibrationSample(scores, labels, groups, f"{TRAINING_SOURCE}, calibrate")
        _report(figures, name, _cross_fitted(groups, partial(_platt_held_out, sample)), labels)
        found[name] = (tag, PlattCalibration.fit(sample))
    return found


def _platt_held_out(sample: CalibrationSample, rows: Rows, test: Rows) -> npt.NDArray[np.float64]:
    scores, labels, groups = (np.asarray(v) for v in (sample.scores, sample.labels, sample.groups))
    part = CalibrationSample(scores[rows], labels[rows], groups[rows], sample.population)
    return PlattCalibration.fit(part).llr(scores[test])


def _fusion(
    names: Sequence[str], detectors: Detectors, scored: Sequence[Scored], figures: dict[str, float]
) -> FileFusion:
    """Fit on everybody; measured on people of whom neither the fusion nor the file's calibration saw anything."""
    labels, groups = _labels(scored), _groups(scored)

    def held_out(rows: Rows, test: Rows) -> npt.NDArray[np.float64]:
        fitted = _fit_fusion(names, detectors, [scored[i] for i in rows])
        maxima = _maxima(fitted.questions, detectors, [scored[i] for i in test])
        return fitted.file.llr(maxima, np.ones(len(test)))

    _report(figures, "file", _cross_fitted(groups, held_out), labels)
    return _fit_fusion(names, detectors, scored)


def _fit_fusion(names: Sequence[str], detectors: Detectors, scored: Sequence[Scored]) -> FileFusion:
    """One fusion per question, then the calibration of the maximum over them, on files of one face each."""
    by_question: dict[Question, list[str]] = {}
    for name in names:
        by_question.setdefault(registry.part("detectors", name).info["question"], []).append(name)
    questions = tuple(
        _fit_question(question, members, detectors, scored)
        for question, members in by_question.items()
    )
    maxima = _maxima(questions, detectors, scored)
    sample = CalibrationSample(maxima, _labels(scored), _groups(scored), FUSION_POPULATION)
    return FileFusion(questions, FileCalibration.fit(sample, np.ones(len(scored))))


def _fit_question(
    question: Question, members: Sequence[str], detectors: Detectors, scored: Sequence[Scored]
) -> QuestionFusion:
    if (
        question != "blended"
    ):  # there are no fakes of its kind outside the detector's own training source
        (name,) = members
        cap = registry.part("detectors", name).info.get("max_llr", float("inf"))
        known = detectors[name][1]
        return QuestionFusion.single(
            question, name, known.n_identities, known.population, float(cap)
        )
    sample = FusionSample(
        {name: _llrs(detectors[name][1], name, scored) for name in members},
        _labels(scored),
        _groups(scored),
        FUSION_POPULATION,
        _covariates(scored),
    )
    return QuestionFusion.fit(question, sample)


def _maxima(
    questions: Sequence[QuestionFusion], detectors: Detectors, scored: Sequence[Scored]
) -> npt.NDArray[np.float64]:
    """(N,) strongest question of each file; a detector that does not apply there has no part in it."""
    per_question = [
        q.llr(
            {name: _llrs(detectors[name][1], name, scored) for name in q.detectors},
            _covariates(scored),
        )
        for q in questions
    ]
    return np.asarray(np.nanmax(np.stack(per_question), axis=0))


def _covariates(scored: Sequence[Scored]) -> dict[str, list[float]]:
    return {c: [s.covariates[c] for s in scored] for c in COVARIATES}


def _gate(scored: Sequence[Scored]) -> DomainGate:
    """Around the real faces as they were seen on every step, so that the steps widen the domain as they widen the fit."""
    reals = [s for s in scored if s.label == 0]
    rows = np.array([[s.covariates[name] for name in DOMAIN_COVARIATES] for s in reals])
    finite = np.isfinite(rows).all(axis=1)
    return DomainGate.fit(rows[finite], _groups(reals)[finite])


def _cross_fitted(
    groups: npt.NDArray[Any], llr: Callable[[Rows, Rows], npt.NDArray[np.float64]]
) -> npt.NDArray[np.float64]:
    """(N,) llrs of each item from a fit that saw nothing of its identity."""
    names = np.unique(groups)
    fold_of = dict(
        zip(names, np.random.default_rng(0).permutation(len(names)) % FOLDS, strict=True)
    )
    folds = np.array([fold_of[g] for g in groups])
    out = np.zeros(len(groups))
    for fold in range(FOLDS):
        out[folds == fold] = llr(np.flatnonzero(folds != fold), np.flatnonzero(folds == fold))
    return out


def _report(
    figures: dict[str, float], name: str, llrs: npt.NDArray[np.float64], labels: npt.NDArray[Any]
) -> None:
    figures[f"{name}: Cllr"] = cllr(llrs, labels)
    figures[f"{name}: Cllr - min Cllr"] = cllr(llrs, labels) - min_cllr(llrs, labels)
    figures[f"{name}: ECE"] = ece(probability_from_llr(llrs, 0.5), labels)


def _llrs(
    calibration: PlattCalibration | PavCalibration, name: str, scored: Sequence[Scored]
) -> npt.NDArray[np.float64]:
    """(N,) llrs, NaN where the detector did not apply."""
    given = np.array([s.scores[name] is not None for s in scored])
    out = np.full(len(scored), np.nan)
    if given.any():
        out[given] = calibration.llr(
            [float(s.scores[name] or 0.0) for s in scored if s.scores[name] is not None]
        )
    return out


def _labels(scored: Sequence[Scored]) -> npt.NDArray[np.int64]:
    return np.array([s.label for s in scored], np.int64)


def _groups(scored: Sequence[Scored]) -> npt.NDArray[np.str_]:
    return np.array([s.group for s in scored])


def _write(out: Path, calibration: Calibration) -> None:
    temporary = out.with_name(out.name + ".partial")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(calibration.to_dict(), indent=1) + "\n", encoding="utf-8")
        temporary.replace(out)
    except OSError as error:
        raise OutputError(f"cannot write {out}: {error.strerror}") from error
