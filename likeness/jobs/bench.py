"""The use case `bench`: measure detectors on data they never saw, the leakage audit on top."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from likeness.data.audit import leakage_audit
from likeness.data.degradations import LADDER
from likeness.data.known_faces import KnownFace, known_faces
from likeness.data.manifest import Item, read_items
from likeness.data.nuisance import file_features
from likeness.errors import DataError
from likeness.jobs.judge import detector_llrs, shipped_calibration
from likeness.jobs.measuring import CLEAN, Scored, Wanted, measure, measuring_pool
from likeness.jobs.testsets import TestSet, test_sets
from likeness.scoring.summary import MetricsReport, report_metrics
from likeness.types import Progress

RESAMPLES, RESAMPLES_LADDER = 1000, 200
MIN_FILES = 20


@dataclass(frozen=True)
class BenchOptions:
    """What to measure.

    Attributes:
        detectors: label in the table -> (name, configuration), so that one detector can run with several weights.
        ladder: whether every step of the degradation ladder is measured too.
        role: role of the files; test unless you are choosing between models.
        limit: at most this many items of a source; None = all.
        role_file: CSV that corrects the roles of unlabelled identities.
        cache: folder for found faces.
    """

    detectors: Wanted
    ladder: bool = False
    role: str = "test"
    limit: int | None = None
    role_file: Path | None = None
    cache: Path | None = Path("runs/faces")


@dataclass(frozen=True)
class BenchRow:
    """One detector on one test set at one step.

    Attributes:
        detector: label in the table.
        test_set: name of the set.
        step: step of the ladder.
        coverage: share of the items that the detector scored.
        score_metrics: of the raw scores; None where nothing was scored.
        llr_metrics: of the calibrated llrs; None where uncalibrated.
        audit_auc: what size, colour and sharpness alone reach on the same crops; None if not measured.
        audit_passes: whether that stays at or below 0.6; a figure without it carries a warning.
        file_audit_auc: what size, JPEG tables, metadata and names of the raw files alone reach; it informs only, because
            detectors see crops. None where the fakes are made of the reals in memory.
    """

    detector: str
    test_set: str
    step: str
    coverage: float
    score_metrics: MetricsReport | None
    llr_metrics: MetricsReport | None
    audit_auc: float | None = None
    audit_passes: bool | None = None
    file_audit_auc: float | None = None

    def flat(self) -> dict[str, Any]:
        """One row of a CSV."""
        row: dict[str, Any] = {
            "detector": self.detector,
            "test_set": self.test_set,
            "step": self.step,
            "coverage": round(self.coverage, 4),
            "audit_auc": self.audit_auc,
            "audit_passes": self.audit_passes,
            "file_audit_auc": self.file_audit_auc,
        }
        for prefix, report in (("", self.score_metrics), ("llr_", self.llr_metrics)):
            for key, value in (report.to_row() if report else {}).items():
                row[prefix + key] = round(value, 4) if isinstance(value, float) else value
        return row


def bench(data: Path, options: BenchOptions, progress: Progress | None = None) -> list[BenchRow]:
    """Measure every detector on every test set of a data folder.

    Args:
        data: folder with manifest.csv and splits.csv.
        options: see `BenchOptions`.
        progress: see `likeness.types.Progress`.

    Returns:
        Rows by test set, step and detector.

    Raises:
        DataError: the folder breaks its promise or holds no test set.
    """
    items = read_items(data, options.role_file)
    sets = test_sets(items, options.role)
    if not sets:
        raise DataError(
            f"{data}: no real pictures or clips with role {options.role!r} in splits.csv"
        )
    steps = tuple(s.name for s in LADDER) if options.ladder else (CLEAN,)
    rows: list[BenchRow] = []
    with measuring_pool(data, steps, options.detectors) as pool:
        for test_set in sets:
            scored = list(_run_set(pool, data, test_set, options, progress))
            audits = (*_audit(scored), _file_audit(data, test_set))
            rows += _rows(test_set, scored, options, audits)
    return rows


def _run_set(
    pool: ProcessPoolExecutor,
    data: Path,
    test_set: TestSet,
    options: BenchOptions,
    progress: Progress | None,
) -> Iterator[Scored]:
    reals = _found(data, test_set.reals, options, progress)
    fakes = _found(data, test_set.fakes, options, progress)
    total = len(reals) + len(fakes)
    measured = measure(pool, [*reals, *fakes], alone=bool(test_set.fakes))
    for done, scored in enumerate(measured):
        if progress:
            progress(test_set.name, done + 1, total)
        yield from scored


def _found(
    data: Path, items: Sequence[Item], options: BenchOptions, progress: Progress | None
) -> list[KnownFace]:
    chosen = items[: options.limit] if options.limit else items
    return known_faces(data, chosen, options.cache, progress=progress) if chosen else []


def _rows(
    test_set: TestSet,
    scored: Sequence[Scored],
    options: BenchOptions,
    audits: tuple[float | None, bool | None, float | None],
) -> Iterator[BenchRow]:
    for step in dict.fromkeys(s.step for s in scored):
        here = [s for s in scored if s.step == step]
        for label, (name, _) in options.detectors.items():
            kept = [s for s in here if s.scores[label] is not None]
            coverage = len(kept) / max(len(here), 1)
            measured = len({s.label for s in kept}) == 2
            yield BenchRow(
                label,
                test_set.name,
                step,
                coverage,
                _metrics(kept, [float(s.scores[label] or 0.0) for s in kept], "score")
                if measured
                else None,
                _llr_metrics(name, label, kept) if measured else None,
                *audits,
            )


def _metrics(kept: Sequence[Scored], values: Sequence[float], kind: Any) -> MetricsReport:
    resamples = RESAMPLES if kept[0].step == CLEAN else RESAMPLES_LADDER
    return report_metrics(
        np.array(values),
        np.array([s.label for s in kept]),
        np.array([s.group for s in kept]),
        kind=kind,
        n=resamples,
    )


def _llr_metrics(name: str, label: str, kept: Sequence[Scored]) -> MetricsReport | None:
    if label != name:  # weights of one's own have no calibration
        return None
    llrs = detector_llrs(shipped_calibration(), name, [float(s.scores[label] or 0.0) for s in kept])
    return None if llrs is None else _metrics(kept, llrs.tolist(), "llr")


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


def _file_audit(data: Path, test_set: TestSet) -> float | None:
    items = [*test_set.reals, *test_set.fakes]
    if not test_set.fakes or len(items) < MIN_FILES:
        return None
    result = leakage_audit(
        np.stack([file_features(item.file(data)) for item in items]),
        np.array([item.label for item in items]),
        np.array([item.group for item in items]),
    )
    return round(result.auc, 4)
