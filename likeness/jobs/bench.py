"""The use case `bench`: measure detectors on data they never saw, the leakage audit on top.

What was scored before is not scored again: scores are kept by the content of the file, what was shown of it, and what the
detector is made of. A run that was stopped goes on where it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from likeness.data.audit import leakage_audit
from likeness.data.degradations import LADDER
from likeness.data.frozen_fakes import frozen_name
from likeness.data.known_faces import KnownFace, known_faces
from likeness.data.layouts import Layout, evenly, read_layout, with_hashes
from likeness.data.manifest import Item
from likeness.data.mixture import ENGINE
from likeness.data.nuisance import file_features
from likeness.errors import DataError
from likeness.jobs.bench_detectors import (
    FUSED,
    build_measured,
    is_external,
    needs_neighbours,
)
from likeness.jobs.bench_gallery import mistakes
from likeness.jobs.bench_matrix import (
    Cell,
    clip_cells,
    left_out_lines,
    matrix_lines,
    still_cells,
)
from likeness.jobs.bench_parts import (
    ALL_PSEUDO_FAKES,
    alarm_lines,
    area_lines,
    bin_lines,
    control_lines,
)
from likeness.jobs.bench_results import BenchOptions, BenchResults, RiskCurve
from likeness.jobs.bench_rows import BenchRow, Judge, checked, set_rows
from likeness.jobs.bench_synthesis import face_cells, face_works
from likeness.jobs.clip_material import ClipPlan
from likeness.jobs.judge import shipped_calibration
from likeness.jobs.measuring import CLEAN, TEST_SEED, Scored, Wanted, score_item, score_pair
from likeness.jobs.measuring_clips import clip_work, file_work
from likeness.jobs.score_store import ScoreStore, work_key
from likeness.jobs.scored_items import Work, score_all
from likeness.jobs.testsets import TestSet, test_sets
from likeness.scoring import risk_coverage
from likeness.types import Progress

MIN_FILES = 20
CURVE_POINTS = 80
FACES = 400
"""Real stills at most that drawn faces of the matrix are told from."""


@dataclass(frozen=True)
class _Run:
    """What every part of a run needs."""

    layout: Layout
    options: BenchOptions
    judge: Judge
    asked: Wanted
    store: ScoreStore
    progress: Progress | None
    faces: dict[str, KnownFace] = field(default_factory=dict)

    def scored(self, works: Sequence[Work], asked: Wanted, what: str) -> list[Scored]:
        found = score_all(works, asked, self.store, self.progress, what, self.options.processes)
        silent: dict[str, float | None] = {n: None for n in self.asked if n not in asked}
        rows = [replace(s, scores={**silent, **s.scores}) for own in found for s in own]
        return self.judge.with_fused(rows)


def bench(data: Path, options: BenchOptions, progress: Progress | None = None) -> BenchResults:
    """Measure every detector on every test set of a data folder.

    Args:
        data: folder in any layout that `likeness.data.layouts.read_layout` knows.
        options: see `BenchOptions`.
        progress: see `likeness.types.Progress`.

    Raises:
        DataError: the folder breaks its promise or holds no test set.
        UsageError: an unknown detector or function.
    """
    layout = read_layout(data, options.role_file)
    sets = test_sets(layout.items, options.role, layout.matched)
    if not sets:
        raise DataError(
            f"{data}: no real pictures or clips with role {options.role!r} ({layout.name})"
        )
    calibration = shipped_calibration()
    wanted = checked(options.detectors)
    judge = Judge(wanted, calibration)
    members = [n for q in calibration.fusion.questions for n in q.detectors]
    asked = {label: w for label, w in wanted.items() if w[0] != FUSED}
    if len(asked) < len(wanted):
        asked |= {n: (n, {}) for n in members if n not in asked}
    for name, own in asked.values():
        if own or is_external(name):  # said here, and not by a process that cannot start
            build_measured(name, own)
    run = _Run(layout, options, judge, asked, ScoreStore(options.store), progress)
    measured = {s.name: _run_set(run, s) for s in sets}
    made = [*_run_clips(run), *_run_faces(run)] if options.matrix else []
    return _results(run, sets, measured, made)


def _run_set(run: _Run, test_set: TestSet) -> list[Scored]:
    """Stills as they are, eight frames of the main face of clips; real items with their pseudo-fakes, or against fakes."""
    folder, options = run.layout.folder, run.options
    asked = {label: w for label, w in run.asked.items() if not needs_neighbours(w[0])}
    chosen = [*_chosen(run, test_set.reals), *_chosen(run, test_set.fakes)]
    known = known_faces(folder, chosen, options.cache, progress=run.progress)
    run.faces.update({k.item.path: k for k in known})
    call = score_item if test_set.fakes else score_pair
    what = "item" if test_set.fakes else "frozen pair"
    parts: list[tuple[str, ...]] = [(CLEAN,)]
    if options.ladder:
        parts.append(tuple(s.name for s in LADDER if s.name != CLEAN))
    works = [
        Work(_key(what, k, steps), partial(call, folder, k, steps))
        for steps in parts
        for k in known
    ]
    return run.scored(works, asked, test_set.name)


def _key(what: str, known: KnownFace, steps: Sequence[str]) -> str:
    item = known.item
    settings = ["bench-1", ENGINE, frozen_name(), TEST_SEED, item.path, item.group, item.label]
    return work_key(what, item.sha256, [*settings, *steps])


def _chosen(run: _Run, items: Sequence[Item]) -> list[Item]:
    """At most `limit` of every source, hashed."""
    sources = dict.fromkeys(i.source for i in items)
    picked = [
        i for s in sources for i in evenly([i for i in items if i.source == s], run.options.limit)
    ]
    return with_hashes(run.layout.folder, picked)


def _run_clips(run: _Run) -> list[Scored]:
    """Neighbouring frames of clips: manipulated by every generator in memory, and fake files as they are."""
    folder, options, items = run.layout.folder, run.options, run.layout.items
    plan = ClipPlan(models=options.models, frames=options.clip_frames)
    clips = [i for i in items if i.kind == "video" and i.role == options.role]
    reals = _chosen(run, [i for i in clips if not i.label])
    works = [clip_work(folder, item, items, plan) for item in reals]
    works += [file_work(folder, item, plan) for item in _chosen(run, [i for i in clips if i.label])]
    return run.scored(works, run.asked, "clips of the matrix")


def _run_faces(run: _Run) -> list[Scored]:
    """Drawn faces against the real stills that were measured already."""
    asked = {label: w for label, w in run.asked.items() if not needs_neighbours(w[0])}
    stills = [k for k in run.faces.values() if k.item.kind == "face" and not k.item.label]
    chosen = {i.path for i in evenly([k.item for k in stills], FACES)}
    known = [k for k in stills if k.item.path in chosen]
    works = face_works(run.layout.folder, known, run.options.faces)
    return run.scored(works, asked, "drawn faces of the matrix")


def _results(
    run: _Run, sets: Sequence[TestSet], measured: Mapping[str, list[Scored]], made: list[Scored]
) -> BenchResults:
    judge, items = run.judge, {i.path: i for i in run.layout.items}
    labels = list(judge.wanted)
    clips, drawn = [s for s in made if s.clip], [s for s in made if not s.clip]
    cells: list[Cell] = [*still_cells(measured), *clip_cells(clips, items), *face_cells(drawn)]
    rows: list[BenchRow] = []
    for test_set in sets:
        audits = (*_audit(measured[test_set.name]), _file_audit(run, test_set))
        rows += set_rows(test_set.name, measured[test_set.name], judge, audits)
    own = {s.name: measured[s.name] for s in sets if not s.fakes}
    reals = {s.path: s for found in own.values() for s in found if not s.label and s.step == CLEAN}
    return BenchResults(
        run.layout.name,
        run.options.role,
        frozen_name(),
        run.layout.notes,
        tuple(rows),
        areas=tuple(area_lines(rows)),
        controls=tuple(control_lines(list(reals.values()), items, labels)),
        alarms=tuple(a for n, found in own.items() for a in alarm_lines(n, found, items, judge)),
        bins=tuple(b for n, found in _binned(measured, own) for b in bin_lines(n, found, labels)),
        matrix=tuple(matrix_lines(cells, labels)) if run.options.matrix else (),
        left_out=tuple(left_out_lines(cells, list(run.asked))) if run.options.matrix else (),
        curves=tuple(c for n, found in measured.items() for c in _curves(n, found, judge)),
        mistakes=mistakes(run.layout.folder, measured, run.faces, judge, run.options.gallery),
    )


def _binned(
    measured: Mapping[str, list[Scored]], own: Mapping[str, list[Scored]]
) -> list[tuple[str, list[Scored]]]:
    """Every set, and all pseudo-fakes together: a single source rarely has enough turned faces."""
    pooled = [s for found in own.values() for s in found]
    return [*measured.items(), *([(ALL_PSEUDO_FAKES, pooled)] if len(own) > 1 else [])]


def _curves(test_set: str, scored: Sequence[Scored], judge: Judge) -> list[RiskCurve]:
    curves = []
    for label in judge.wanted:
        kept = [s for s in scored if s.step == CLEAN and s.scores.get(label) is not None]
        llrs = judge.llrs(label, [float(s.scores[label] or 0.0) for s in kept])
        if llrs is None or len({s.label for s in kept}) < 2:
            continue
        coverage, risk = risk_coverage(llrs, [s.label for s in kept])
        points = np.unique(np.linspace(0, len(coverage) - 1, CURVE_POINTS).astype(int))
        pair = (coverage[points].tolist(), risk[points].tolist())
        curves.append(RiskCurve(label, test_set, tuple(pair[0]), tuple(pair[1])))
    return curves


def _audit(scored: Sequence[Scored]) -> tuple[float | None, bool | None]:
    clean = [s for s in scored if s.step == CLEAN and s.nuisance]
    if len({s.label for s in clean}) < 2 or len({s.group for s in clean}) < 10:
        return None, None
    result = leakage_audit(
        np.array([s.nuisance for s in clean]),
        np.array([s.label for s in clean]),
        np.array([s.group for s in clean]),
    )
    return round(result.auc, 4), bool(result.passes)


def _file_audit(run: _Run, test_set: TestSet) -> float | None:
    """What the raw files give away; of the items that were measured."""
    items = [*_chosen(run, test_set.reals), *_chosen(run, test_set.fakes)]
    if not test_set.fakes or len(items) < MIN_FILES:
        return None
    result = leakage_audit(
        np.stack([file_features(item.file(run.layout.folder)) for item in items]),
        np.array([item.label for item in items]),
        np.array([item.group for item in items]),
    )
    return round(result.auc, 4)
