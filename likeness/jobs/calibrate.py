"""The use case `calibrate`: from raw scores to bounded llrs, fused per question, on people kept out of training.

Detectors of single pictures are calibrated on one source and fused on others. Cues over time are calibrated on clips of the
fusion's people. A cue that tells no kind of fake from the real ones stays an illustration without an llr. What was scored
before is not scored again (see `score_store`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from likeness.data.known_faces import known_faces
from likeness.data.manifest import Item, read_items
from likeness.data.mixture import ENGINE
from likeness.errors import DataError, OutputError
from likeness.jobs.calibrate_fit import (
    LEAST_AUC,
    auc_rows,
    best_auc,
    fit_all,
    fit_stills,
    groups_of,
    labels_of,
    own_calibration,
    sample_of,
    without_own_training,
)
from likeness.jobs.calibrate_own import settle
from likeness.jobs.calibrate_tables import held_out_llrs, leave_one_out, real_clip_rows
from likeness.jobs.clip_material import ClipPlan
from likeness.jobs.cross_fitting import cross_fitted
from likeness.jobs.detect import candidates, fitted_on, measuring_detectors
from likeness.jobs.judge import DOMAIN_COVARIATES, Calibration
from likeness.jobs.measuring import CLEAN, TEST_SEED, Scored, score_pair
from likeness.jobs.measuring_clips import clip_work
from likeness.jobs.score_store import ScoreStore, work_key
from likeness.jobs.scored_items import Work, score_all
from likeness.scoring import (
    CalibrationSample,
    DecisionThresholds,
    DomainGate,
    PlattCalibration,
    cllr,
    ece,
    min_cllr,
    probability_from_llr,
)
from likeness.types import DoubleArray, IndexArray, Progress

STEPS = (CLEAN, "jpeg_75", "h264_crf23", "resize_050")
"""Deployed media are rarely first copies: calibration sees each still as it is and through three common steps."""
TRAINING_SOURCE = "utkface"
POPULATION = (
    "Detectors of single pictures: {score_ids} UTKFace identities kept out of training, and their self-blends. Cues over "
    "time and fusion: {clip_ids} people in clips (actors of MEAD, portrait videos) with self-blends, unsteady ones and "
    "landmark swaps, clean and through H.264; the fusion also {still_ids} FFHQ pictures, about which no detector is asked that "
    "was trained on them. Whole synthetic faces: StyleGAN1 against FFHQ only."
)


@dataclass(frozen=True)
class CalibrateOptions:
    """What to fit, on what.

    Attributes:
        role_file: CSV that corrects the roles of unlabelled identities.
        detectors: names; empty = every default detector that measures something, and candidates that earn their place.
        stills: at most this many stills of the training source; None = all.
        clips_per_person: at most this many clips of one person.
        plan: what is made of every clip.
        store: folder for scores that need not be measured again; None = none.
        faces: folder for found faces; None = none.
    """

    role_file: Path | None = None
    detectors: tuple[str, ...] = ()
    stills: int | None = None
    clips_per_person: int = 2
    plan: ClipPlan = field(default_factory=ClipPlan)
    store: Path | None = Path("runs/scores")
    faces: Path | None = Path("runs/faces")


@dataclass(frozen=True)
class CalibrationReport:
    """What came out, beside the file.

    Attributes:
        figures: Cllr, Cllr minus min-Cllr and ECE on identities held out from each fit (five folds), by name.
        cues: raw AUC of each detector on each kind of fake.
        left_out: the fusion without each detector in turn.
        reals: real clips with their llr, with and without the cues; the highest first.
        illustrations: detector -> its best AUC, for those that earned no llr.
    """

    figures: dict[str, float]
    cues: list[dict[str, Any]]
    left_out: list[dict[str, Any]]
    reals: list[dict[str, Any]]
    illustrations: dict[str, float]


def calibrate(
    data: Path,
    out: Path,
    options: CalibrateOptions | None = None,
    progress: Progress | None = None,
) -> CalibrationReport:
    """Fit calibration and fusion of the detectors and write them.

    Args:
        data: folder with manifest.csv and splits.csv.
        out: JSON file to write.
        options: see `CalibrateOptions`.
        progress: see `likeness.types.Progress`.

    Raises:
        DataError: the folder holds no items with role `calibrate`, or a detector scored none of them.
        OutputError: the file cannot be written.
    """
    options = options or CalibrateOptions()
    asked = options.detectors or (*measuring_detectors(), *candidates())
    names, reached = settle([n for n in asked if fitted_on(n) != "none"])
    own, other, clips = _scores(data, names, options, progress)
    cues = auc_rows(names, [*own, *other, *clips])
    weak = {
        name: round(best_auc(name, cues), 4)
        for name in names
        if own_calibration(name) is None and best_auc(name, cues) < LEAST_AUC
    }
    earned = [name for name in names if name not in weak]
    stills = fit_stills(earned, own)
    fusion_items = [*other, *clips]
    fitted = fit_all(earned, stills, fusion_items)
    figures = {f"{n}: resamples in which it lowers Cllr": share for n, share in reached.items()}
    _report_stills(figures, earned, own)
    _report(figures, "file", held_out_llrs(earned, stills, fusion_items), fusion_items)
    calibration = Calibration(
        tag="fusion-4",
        detectors=fitted.detectors,
        fusion=fitted.fusion,
        gate=_gate([*own, *fusion_items]),
        thresholds=DecisionThresholds(none_needs=("blended", "synthesised")),
        population=_population(own, other, clips),
        illustrations=weak,
    )
    _write(out, calibration)
    return CalibrationReport(
        figures,
        cues,
        leave_one_out(earned, stills, fusion_items),
        real_clip_rows(earned, stills, fusion_items),
        weak,
    )


def _scores(
    data: Path, names: Sequence[str], options: CalibrateOptions, progress: Progress | None
) -> tuple[list[Scored], list[Scored], list[Scored]]:
    """Stills of the training source, stills of other sources, and clips of the fusion's people."""
    items = read_items(data, options.role_file)
    own = [i for i in items if i.source == TRAINING_SOURCE and i.role == "calibrate"]
    own = [own[int(i)] for i in _evenly(len(own), options.stills)]
    other = fusion_stills(items)
    clips = fusion_clips(items, options.clips_per_person)
    if not own or not other or not clips:
        raise DataError(
            f"{data}: expected items with role 'calibrate' of {TRAINING_SOURCE} and of other sources, clips among them"
        )
    store = ScoreStore(options.store)
    every: dict[str, tuple[str, dict[str, Any]]] = {n: (n, {}) for n in names}
    single = {n: w for n, w in every.items() if fitted_on(n) == "stills"}
    rows = []
    for what, chosen in (("training source", own), ("other sources", other)):
        works = still_works(data, chosen, options.faces, progress)
        scored = score_all(works, single, store, progress, f"scoring {what}")
        flat = [row for found in scored for row in found]
        rows.append(without_own_training(names, flat, chosen))
    works = [clip_work(data, item, items, options.plan) for item in clips]
    scored = score_all(works, every, store, progress, "scoring clips")
    return rows[0], rows[1], [row for found in scored for row in found]


def still_works(
    data: Path, items: Sequence[Item], cache: Path | None, progress: Progress | None
) -> list[Work]:
    """A real item with its pseudo-fake through every step, as pieces of work."""
    return [
        Work(
            work_key("pair", known.item.sha256, [ENGINE, TEST_SEED, STEPS, known.item.path]),
            partial(score_pair, data, known, STEPS),
        )
        for known in known_faces(data, items, cache, progress=progress)
    ]


def fusion_stills(items: Sequence[Item]) -> list[Item]:
    """Real items of sources that no detector of blends was trained on; FFHQ's train half is one of them."""
    return [
        i
        for i in items
        if i.label == 0
        and i.source != TRAINING_SOURCE
        and (i.role == "calibrate" or (i.role == "train" and i.source == "ffhq256"))
        and i.kind in ("face", "video")
    ]


def fusion_clips(items: Sequence[Item], per_person: int, role: str = "calibrate") -> list[Item]:
    """Real clips with a role, evenly chosen of each person."""
    clips = [i for i in items if i.kind == "video" and i.label == 0 and i.role == role]
    chosen = []
    for group in dict.fromkeys(i.group for i in clips):
        own = sorted((i for i in clips if i.group == group), key=lambda i: i.path)
        chosen += [own[int(i)] for i in _evenly(len(own), per_person)]
    return chosen


def _evenly(count: int, most: int | None) -> IndexArray:
    if most is None or count <= most:
        return np.arange(count)
    return np.unique(np.linspace(0, count - 1, most).astype(np.int64))


def _report_stills(
    figures: dict[str, float], names: Sequence[str], scored: Sequence[Scored]
) -> None:
    """Figures of each calibration of single pictures on people that it did not see."""
    for name in names:
        if fitted_on(name) != "stills" or own_calibration(name) is not None:
            continue
        kept = [s for s in scored if s.scores.get(name) is not None]
        sample = sample_of(name, kept, TRAINING_SOURCE)
        groups = groups_of(kept)
        _report(figures, name, cross_fitted(groups, partial(_platt_held_out, sample)), kept)


def _platt_held_out(sample: CalibrationSample, rows: IndexArray, test: IndexArray) -> DoubleArray:
    scores, labels, groups = (np.asarray(v) for v in (sample.scores, sample.labels, sample.groups))
    part = CalibrationSample(scores[rows], labels[rows], groups[rows], sample.population)
    return PlattCalibration.fit(part).llr(scores[test])


def _report(
    figures: dict[str, float], name: str, llrs: DoubleArray, scored: Sequence[Scored]
) -> None:
    known = np.isfinite(llrs)
    llrs, labels = llrs[known], labels_of(scored)[known]
    figures[f"{name}: Cllr"] = cllr(llrs, labels)
    figures[f"{name}: Cllr - min Cllr"] = cllr(llrs, labels) - min_cllr(llrs, labels)
    figures[f"{name}: ECE"] = ece(probability_from_llr(llrs, 0.5), labels)


def _gate(scored: Sequence[Scored]) -> DomainGate:
    """Around the real faces as they were seen on every step, so that the steps widen the domain as they widen the fit."""
    reals = [s for s in scored if s.label == 0]
    rows = np.array([[s.covariates[name] for name in DOMAIN_COVARIATES] for s in reals])
    finite = np.isfinite(rows).all(axis=1)
    return DomainGate.fit(rows[finite], groups_of(reals)[finite])


def _population(*parts: Sequence[Scored]) -> str:
    own, other, clips = ({s.group for s in part} for part in parts)
    return POPULATION.format(score_ids=len(own), clip_ids=len(clips), still_ids=len(other - clips))


def _write(out: Path, calibration: Calibration) -> None:
    temporary = out.with_name(out.name + ".partial")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(calibration.to_dict(), indent=1) + "\n", encoding="utf-8")
        temporary.replace(out)
    except OSError as error:
        raise OutputError(f"cannot write {out}: {error.strerror}") from error
