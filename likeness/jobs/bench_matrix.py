"""Every generator against every detector, and a fusion fitted without each generator in turn.

Fakes are made in memory, unmarked, and vanish with the process. A generator's fakes are told from the real items of the
sources that they were made of, at the same step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from likeness.data.manifest import Item
from likeness.errors import DataError
from likeness.jobs.bench_rows import (
    LEAST_ITEMS,
    Level,
    Line,
    auc_line,
    frames_of,
    groups_of,
    labels_of,
)
from likeness.jobs.clip_material import REAL
from likeness.jobs.cross_fitting import FOLDS
from likeness.jobs.measuring import CLEAN, Scored
from likeness.scoring import CalibrationSample, FusionSample, PlattCalibration, QuestionFusion
from likeness.types import DoubleArray

HERE = "fused here"
"""The fusion that is fitted inside the benchmark."""


@dataclass(frozen=True)
class Cell:
    """One generator at one step: its fakes and the reals that they are told from."""

    generator: str
    step: str
    scored: tuple[Scored, ...]


def still_cells(sets: Mapping[str, Sequence[Scored]]) -> list[Cell]:
    """Test sets of stills and files, at their clean step; every one is a generator of its own."""
    return [
        Cell(name, CLEAN, tuple(s for s in rows if s.step == CLEAN)) for name, rows in sets.items()
    ]


def clip_cells(scored: Sequence[Scored], items: Mapping[str, Item]) -> list[Cell]:
    """Clips that were manipulated in memory, by what was made and step; reals are those of the sources that it occurs in."""
    cells = []
    for kind, step in dict.fromkeys((s.kind, s.step) for s in scored if s.label):
        fakes = [s for s in scored if s.kind == kind and s.step == step]
        homes = {items[s.path].source for s in fakes}
        reals = [
            s
            for s in scored
            if s.label == 0
            and s.step == step
            and s.kind in (REAL, f"{kind}_real")
            and items[s.path].source in homes
        ]
        cells.append(Cell(f"{kind} (clips)", step, (*_partners(reals, kind), *fakes)))
    return cells


def _partners(reals: Sequence[Scored], kind: str) -> list[Scored]:
    """One real item per clip: the half whose background was changed as in the fake, where there is one."""
    changed = {s.path for s in reals if s.kind == f"{kind}_real"}
    return [s for s in reals if s.kind != REAL or s.path not in changed]


def matrix_lines(cells: Sequence[Cell], labels: Sequence[str]) -> Iterator[Line]:
    """AUC of every detector against every generator, `main` of files; for clips also of their main faces and single frames."""
    for cell in cells:
        keys = {"generator": cell.generator, "step": cell.step}
        for label in labels:
            for place, (level, rows) in enumerate(_levels(cell.scored, label)):
                line = auc_line({**keys, "level": level}, rows, label, main=place == 0)
                if line:
                    yield line


def _levels(scored: Sequence[Scored], label: str) -> Iterator[tuple[Level, Sequence[Scored]]]:
    if not any(s.clip for s in scored):
        yield "track" if any(s.parts for s in scored) else "image", scored
        return
    yield "video", scored
    faces = [replace(s, scores={label: s.parts[label].track}) for s in scored if label in s.parts]
    if faces:
        yield "track", faces
        yield "image", frames_of(scored, label)


def left_out_lines(cells: Sequence[Cell], labels: Sequence[str]) -> Iterator[Line]:
    """A fusion of the measured detectors on each generator, fitted with it and without it.

    Five folds over identities: nobody is in the fit and in the figure, so that only the generator differs. Calibration and
    fusion are both fitted here; the shipped ones take no part.
    """
    clean = [c for c in cells if c.step == CLEAN and _enough(c.scored)]
    if len(labels) < 2 or len(clean) < 2:
        return
    for cell in clean:
        others = [s for c in clean if c is not cell for s in c.scored]
        for fitted_on, more in (("all generators", cell.scored), ("all others", ())):
            scores = _cross_fitted(cell.scored, [*others, *more], labels)
            rows = [
                replace(s, scores={HERE: None if np.isnan(v) else float(v)})
                for s, v in zip(cell.scored, scores, strict=True)
            ]
            line = auc_line({"generator": cell.generator, "fitted_on": fitted_on}, rows, HERE)
            if line:
                yield line


def _enough(scored: Sequence[Scored]) -> bool:
    labels = labels_of(scored)
    return min(int((labels == 0).sum()), int(labels.sum())) >= LEAST_ITEMS


def _cross_fitted(
    tested: Sequence[Scored], known: Sequence[Scored], labels: Sequence[str]
) -> DoubleArray:
    """(N,) fused llrs; NaN where no fit is possible."""
    names = np.unique([s.group for s in (*tested, *known)])
    draw = np.random.default_rng(0).permutation(len(names)) % FOLDS
    fold_of = dict(zip(names.tolist(), draw.tolist(), strict=True))
    out = np.full(len(tested), np.nan)
    for fold in range(FOLDS):
        rows = [i for i, s in enumerate(tested) if fold_of[s.group] == fold]
        kept = [s for s in known if fold_of[s.group] != fold]
        if rows and kept:
            out[rows] = _fused([tested[i] for i in rows], kept, labels)
    return out


def _fused(tested: Sequence[Scored], known: Sequence[Scored], labels: Sequence[str]) -> DoubleArray:
    calibrations = {}
    for label in labels:
        kept = [s for s in known if s.scores.get(label) is not None]
        if _enough(kept):
            scores = [float(s.scores[label] or 0.0) for s in kept]
            sample = CalibrationSample(scores, labels_of(kept), groups_of(kept), "benchmark")
            calibrations[label] = PlattCalibration.fit(sample)
    try:
        fusion = QuestionFusion.fit(
            "blended",
            FusionSample(
                _llrs(calibrations, known), labels_of(known), groups_of(known), "benchmark"
            ),
            damping=False,
        )
    except DataError:  # no detector scored both classes
        return np.full(len(tested), np.nan)
    return fusion.llr(_llrs(calibrations, tested))


def _llrs(
    calibrations: Mapping[str, PlattCalibration], scored: Sequence[Scored]
) -> dict[str, DoubleArray]:
    out: dict[str, DoubleArray] = {}
    for label, calibration in calibrations.items():
        given = [i for i, s in enumerate(scored) if s.scores.get(label) is not None]
        out[label] = np.full(len(scored), np.nan)
        if given:
            scores = [float(scored[i].scores[label] or 0.0) for i in given]
            out[label][given] = calibration.llr(scores)
    return out
