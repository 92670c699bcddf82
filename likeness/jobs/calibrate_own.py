"""The fusion of a question whose detectors bring calibrations of their own, because nobody else has fakes of their kind.

The material of `calibrate` holds blends and swaps. Fitted on those, detectors of whole synthetic pictures would be asked about fakes
that they are not about. So each keeps, beside its weights, what it gave to pictures of its own kind that it had not
learned from; where several kept the same pictures, their fusion is fitted on those.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from likeness import registry, weights
from likeness.errors import DataError, WeightsError
from likeness.jobs.cross_fitting import cross_fitted
from likeness.scoring import (
    CalibrationSample,
    FusionSample,
    PavCalibration,
    PlattCalibration,
    QuestionFusion,
    cllr,
    paired_bootstrap,
)
from likeness.scoring.held_out import HeldOutScore, held_out_from_dict
from likeness.types import DoubleArray, IndexArray, Question

HELD_OUT = "held_out.json"
EARNS = 0.9
"""Share of resamples of the identities in which a further detector has to lower Cllr."""
_RESAMPLES = 1000
Calibrated = Mapping[str, tuple[str, PlattCalibration | PavCalibration]]


@dataclass(frozen=True)
class OwnScores:
    """What the detectors of one question gave to pictures that none of them had learned from.

    Attributes:
        scores: detector -> (N,) raw scores; NaN = not applicable.
        labels: (N,) 0 = real, 1 = fake.
        groups: (N,) identities.
    """

    scores: Mapping[str, DoubleArray]
    labels: npt.NDArray[np.int64]
    groups: npt.NDArray[np.str_]

    def rows(self, rows: IndexArray) -> OwnScores:
        """Some of them."""
        scores = {name: values[rows] for name, values in self.scores.items()}
        return OwnScores(scores, self.labels[rows], self.groups[rows])


def own_scores(members: Sequence[str]) -> OwnScores | None:
    """Pictures that all members kept scores of; None where one of them kept none.

    Raises:
        WeightsError: what one of them kept is damaged, or they do not agree on labels.
    """
    kept = [_kept(name) for name in members if weights.has(name, HELD_OUT)]
    if len(kept) < len(members):
        return None
    paths = [path for path in kept[0] if all(path in other for other in kept[1:])]
    told = [[kept_rows[path][1:] for path in paths] for kept_rows in kept]
    if any(other != told[0] for other in told[1:]):
        raise WeightsError(
            f"{HELD_OUT} of {', '.join(members)}: they differ in labels or identities"
        )
    scores = {
        name: np.array([rows[path].score for path in paths], np.float64)  # None becomes NaN
        for name, rows in zip(members, kept, strict=True)
    }
    labels, groups = zip(*told[0], strict=True) if paths else ((), ())
    return OwnScores(scores, np.array(labels, np.int64), np.array(groups, np.str_))


def fit_own(
    question: Question, members: Sequence[str], detectors: Calibrated, kept: OwnScores
) -> QuestionFusion:
    """The fusion of several detectors with calibrations of their own, bounded by the largest of their `max_llr`.

    Raises:
        DataError: too few pictures in common, or of one class.
    """
    population = f"{detectors[members[0]][1].population}; scores of pictures not learned from"
    fitted = _fit(question, {n: detectors[n][1] for n in members}, kept, population)
    return replace(fitted, cap=max(_cap(name) for name in members))


def earned(question: Question, base: Sequence[str], candidate: str) -> float:
    """Share of resamples of the identities in which a candidate lowers the Cllr of the question; 0 where it cannot be told.

    All llrs come from calibrations and fusions that saw nothing of the identity, and are bounded alike: a higher bound earns nothing.
    """
    kept = own_scores([*base, candidate])
    if kept is None or len(set(kept.labels.tolist())) < 2:
        return 0.0
    cap = max(_cap(name) for name in (*base, candidate))
    try:
        without, with_it = (
            np.clip(_held_out_llrs(question, names, kept), -cap, cap)
            for names in (base, [*base, candidate])
        )
        compared = paired_bootstrap(
            cllr, (without, with_it), kept.labels, kept.groups, n=_RESAMPLES
        )
    except DataError:  # too few pictures for a fit without each of them
        return 0.0
    return compared.share_first_higher or 0.0


def settle(names: Sequence[str]) -> tuple[list[str], dict[str, float]]:
    """Names without the candidates that do not earn their place, and what each candidate reached.

    A candidate is a detector whose `INFO` says so: it brings a calibration of its own, and joins others of its question.
    """
    kept = list(names)
    reached: dict[str, float] = {}
    for name in names:
        info = registry.part("detectors", name).info
        if not info.get("candidate"):
            continue
        same = [n for n in kept if n != name and _question(n) == info["question"]]
        reached[name] = earned(info["question"], same, name) if same else 0.0
        if reached[name] < EARNS:
            kept.remove(name)
    return kept, reached


def _fit(
    question: Question,
    calibrations: Mapping[str, PlattCalibration | PavCalibration],
    kept: OwnScores,
    population: str,
) -> QuestionFusion:
    llrs = {name: _llrs(c, kept.scores[name]) for name, c in calibrations.items()}
    if len(calibrations) == 1:
        ((name, known),) = calibrations.items()
        return QuestionFusion.single(question, name, known.n_identities, population)
    return QuestionFusion.fit(question, FusionSample(llrs, kept.labels, kept.groups, population))


def _held_out_llrs(question: Question, members: Sequence[str], kept: OwnScores) -> DoubleArray:
    """(N,) llrs of each picture from fits that saw nothing of its identity; 0 where no detector applies."""
    llr = partial(_held_out, question, members, kept)
    return np.nan_to_num(cross_fitted(kept.groups, llr))


def _held_out(
    question: Question, members: Sequence[str], kept: OwnScores, rows: IndexArray, test: IndexArray
) -> DoubleArray:
    part, other = kept.rows(rows), kept.rows(test)
    fitted = {name: _platt(part, name) for name in members}
    fusion = _fit(question, fitted, part, "held out")
    return fusion.llr({name: _llrs(c, other.scores[name]) for name, c in fitted.items()})


def _platt(kept: OwnScores, name: str) -> PlattCalibration:
    known = np.isfinite(kept.scores[name])
    sample = CalibrationSample(
        kept.scores[name][known], kept.labels[known], kept.groups[known], "held out"
    )
    return PlattCalibration.fit(sample)


def _llrs(calibration: PlattCalibration | PavCalibration, scores: DoubleArray) -> DoubleArray:
    out = np.full(len(scores), np.nan)
    known = np.isfinite(scores)
    if known.any():
        out[known] = calibration.llr(scores[known])
    return out


def _kept(name: str) -> dict[str, HeldOutScore]:
    return held_out_from_dict(weights.load_json(weights.path_of(name, HELD_OUT)))


def _question(name: str) -> str:
    return str(registry.part("detectors", name).info["question"])


def _cap(name: str) -> float:
    return float(registry.part("detectors", name).info.get("max_llr", float("inf")))
