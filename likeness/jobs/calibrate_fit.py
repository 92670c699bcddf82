"""The fits behind `calibrate`: which cues earn a likelihood ratio, their calibrations, and the fusion of all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from likeness import registry, weights
from likeness.data.manifest import Item
from likeness.errors import DataError
from likeness.jobs.calibrate_own import fit_own, own_scores
from likeness.jobs.detect import fitted_on
from likeness.jobs.judge import DOMAIN_COVARIATES
from likeness.jobs.measuring import Scored
from likeness.scoring import (
    CalibrationSample,
    FileCalibration,
    FileFusion,
    FusionSample,
    PavCalibration,
    PlattCalibration,
    QuestionFusion,
    auc,
    calibration_from_dict,
)
from likeness.types import DoubleArray, Question

COVARIATES = ("log_eye_distance", *DOMAIN_COVARIATES)
LEAST_AUC = 0.6
"""A cue that reaches it on no kind of fake stays an illustration."""
LEAST_ITEMS = 8
"""Of each class, for an AUC that counts."""
STILLS_POPULATION = "UTKFace, calibrate, with self-blends"
CLIPS_POPULATION = (
    "clips of MEAD and portraits, with steady and unsteady self-blends and landmark swaps"
)
FUSION_POPULATION = (
    "MEAD, portraits and FFHQ, with self-blends, unsteady self-blends and landmark swaps"
)
Calibrated = Mapping[str, tuple[str, PlattCalibration | PavCalibration]]
"""Detector -> (weights tag it holds for, calibration)."""


@dataclass(frozen=True)
class Fitted:
    """What was fitted: a calibration per detector, and the fusion of them."""

    detectors: Calibrated
    fusion: FileFusion

    def llrs(self, scored: Sequence[Scored]) -> DoubleArray:
        """(N,) file-level llrs of items of one face; NaN where no detector applies."""
        maxima = maxima_of(self.fusion.questions, self.detectors, scored)
        known = np.isfinite(maxima)
        out = np.full(len(scored), np.nan)
        out[known] = self.fusion.file.llr(maxima[known], np.ones(int(known.sum())))
        return out


def own_calibration(name: str) -> tuple[str, PlattCalibration | PavCalibration] | None:
    """What a detector ships for itself, because there are no fakes of its kind in other sources; None if nothing."""
    if not weights.has(name, "calibration.json"):
        return None
    stored = weights.load_json(weights.path_of(name, "calibration.json"))
    return weights_tag(name), calibration_from_dict(stored["calibration"])


def weights_tag(name: str) -> str:
    """Tag of the weights that a detector uses unless told otherwise; empty for one that has none."""
    return str(next(iter(registry.load("detectors", name).WEIGHTS), ""))


def without_own_training(
    names: Sequence[str], scored: Sequence[Scored], items: Sequence[Item]
) -> list[Scored]:
    """The items without the scores of detectors that were trained on them, as their `INFO["trained_on"]` says.

    What a detector gives for its own training pictures says nothing of what it gives for others.
    """
    learnt = {
        name: frozenset(registry.part("detectors", name).info.get("trained_on", ()))
        for name in names
    }
    part = {item.path: f"{item.source}:{item.role}" for item in items}
    return [
        replace(
            s,
            scores={
                n: None if part.get(s.path) in learnt.get(n, ()) else v for n, v in s.scores.items()
            },
        )
        for s in scored
    ]


def fit_stills(
    names: Sequence[str], scored: Sequence[Scored]
) -> dict[str, tuple[str, PlattCalibration | PavCalibration]]:
    """Calibrations of the detectors that judge single pictures, on a source that none of the fusion's people are in."""
    found: dict[str, tuple[str, PlattCalibration | PavCalibration]] = {}
    for name in names:
        own = own_calibration(name)
        if own is not None:
            found[name] = own
        elif fitted_on(name) == "stills":
            sample = sample_of(name, scored, STILLS_POPULATION)
            found[name] = (weights_tag(name), PlattCalibration.fit(sample))
    return found


def fit_clips(
    names: Sequence[str], scored: Sequence[Scored]
) -> dict[str, tuple[str, PlattCalibration | PavCalibration]]:
    """Calibrations of the cues over time, on clips."""
    clips = [s for s in scored if s.clip]
    return {
        name: (
            weights_tag(name),
            PlattCalibration.fit(sample_of(name, clips, CLIPS_POPULATION)),
        )
        for name in names
        if fitted_on(name) == "clips"
    }


def sample_of(name: str, scored: Sequence[Scored], population: str) -> CalibrationSample:
    """The items that a detector scored; raises `DataError` where a class is missing."""
    kept = [s for s in scored if s.scores.get(name) is not None]
    if len({s.label for s in kept}) < 2:
        raise DataError(f"{name}: expected scores of real and fake items, got {len(kept)} scores")
    scores = np.array([s.scores[name] for s in kept], np.float64)
    return CalibrationSample(scores, labels_of(kept), groups_of(kept), population)


def fit_all(names: Sequence[str], stills: Calibrated, scored: Sequence[Scored]) -> Fitted:
    """Cues over time, one fusion per question, and the calibration of the maximum over them, on files of one face.

    Args:
        names: what takes part.
        stills: calibrations that were fitted on other people.
        scored: items of the fusion's people.
    """
    detectors = {name: stills[name] for name in names if name in stills}
    detectors |= fit_clips(names, scored)
    by_question: dict[Question, list[str]] = {}
    for name in names:
        by_question.setdefault(registry.part("detectors", name).info["question"], []).append(name)
    questions = tuple(
        _fit_question(question, members, detectors, scored)
        for question, members in by_question.items()
    )
    maxima = maxima_of(questions, detectors, scored)
    known = np.flatnonzero(np.isfinite(maxima))
    kept = [scored[i] for i in known]
    sample = CalibrationSample(maxima[known], labels_of(kept), groups_of(kept), FUSION_POPULATION)
    fusion = FileFusion(questions, FileCalibration.fit(sample, np.ones(len(kept))))
    return Fitted(detectors, fusion)


def _fit_question(
    question: Question, members: Sequence[str], detectors: Calibrated, scored: Sequence[Scored]
) -> QuestionFusion:
    shipped = [name for name in members if own_calibration(name) is not None]
    if len(members) == 1 and shipped:  # there are no fakes of its kind outside its training source
        (name,) = members
        cap = registry.part("detectors", name).info.get("max_llr", float("inf"))
        known = detectors[name][1]
        return QuestionFusion.single(
            question, name, known.n_identities, known.population, float(cap)
        )
    kept = own_scores(members) if len(shipped) == len(members) else None
    if kept is not None:  # nor for any of them: on what each kept of its own kind
        return fit_own(question, members, detectors, kept)
    sample = FusionSample(
        {name: llrs_of(detectors[name][1], name, scored) for name in members},
        labels_of(scored),
        groups_of(scored),
        FUSION_POPULATION,
        covariates_table(scored),
    )
    return QuestionFusion.fit(question, sample)


def maxima_of(
    questions: Sequence[QuestionFusion], detectors: Calibrated, scored: Sequence[Scored]
) -> DoubleArray:
    """(N,) strongest question of each file; NaN where no question is answered."""
    per_question = np.stack(
        [
            q.llr(
                {name: llrs_of(detectors[name][1], name, scored) for name in q.detectors},
                covariates_table(scored),
            )
            for q in questions
        ]
    )
    nothing = np.isnan(per_question).all(axis=0)
    strongest = np.where(np.isnan(per_question), -np.inf, per_question).max(axis=0)
    return np.asarray(np.where(nothing, np.nan, strongest))


def llrs_of(
    calibration: PlattCalibration | PavCalibration, name: str, scored: Sequence[Scored]
) -> DoubleArray:
    """(N,) llrs, NaN where the detector did not apply."""
    out = np.full(len(scored), np.nan)
    given = [i for i, s in enumerate(scored) if s.scores.get(name) is not None]
    if given:
        out[given] = calibration.llr([float(scored[i].scores[name] or 0.0) for i in given])
    return out


def auc_rows(names: Sequence[str], scored: Sequence[Scored]) -> list[dict[str, Any]]:
    """Raw AUC of each detector against each kind of fake at each step: one row each, only where it can count.

    Stills go by their source, clips together; fakes are told from the real items of their own sources only.
    """
    rows = []
    for clips, kind, step in dict.fromkeys((s.clip, s.kind, s.step) for s in scored if s.label):
        here = [s for s in scored if s.clip == clips and s.step == step]
        homes = dict.fromkeys(_folder(s) for s in here if s.kind == kind)
        for among in [list(homes)] if clips else [[home] for home in homes]:
            near = [s for s in here if _folder(s) in among and (s.kind == kind or not s.label)]
            row = {"source": " ".join(among), "clips": clips, "kind": kind, "step": step}
            rows += [{"detector": n, **row, **found} for n in names if (found := _auc(n, near))]
    return rows


def _auc(name: str, scored: Sequence[Scored]) -> dict[str, Any]:
    """AUC and number of items; empty where a class has too few."""
    kept = [s for s in scored if s.scores.get(name) is not None]
    labels = labels_of(kept)
    if min(int(labels.sum()), int((1 - labels).sum())) < LEAST_ITEMS:
        return {}
    value = auc([float(s.scores[name] or 0.0) for s in kept], labels)
    return {"n": len(kept), "auc": round(value, 4)}


def _folder(scored: Scored) -> str:
    return scored.path.rpartition("/")[0]


def best_auc(name: str, rows: Sequence[Mapping[str, Any]]) -> float:
    """The highest AUC of a detector over what was measured; 0 where nothing counts."""
    return max((float(r["auc"]) for r in rows if r["detector"] == name), default=0.0)


def covariates_table(scored: Sequence[Scored]) -> dict[str, list[float]]:
    """Covariate -> (N,) values."""
    return {c: [s.covariates[c] for s in scored] for c in COVARIATES}


def labels_of(scored: Sequence[Scored]) -> npt.NDArray[np.int64]:
    """(N,) labels."""
    return np.array([s.label for s in scored], np.int64)


def groups_of(scored: Sequence[Scored]) -> npt.NDArray[np.str_]:
    """(N,) identities."""
    return np.array([s.group for s in scored])
