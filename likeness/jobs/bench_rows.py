"""Measured scores to figures: one row per detector, test set, step and level."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from likeness.errors import DataError
from likeness.jobs.bench_detectors import FUSED, gives_logits, is_external
from likeness.jobs.calibrate_fit import Fitted, own_calibration, weights_tag
from likeness.jobs.judge import Calibration
from likeness.jobs.measuring import CLEAN, Scored, Wanted
from likeness.scoring import (
    Interval,
    MetricsReport,
    PavCalibration,
    PlattCalibration,
    auc,
    bootstrap_groups,
    report_metrics,
)
from likeness.types import DoubleArray

Level = Literal["image", "track", "video"]
RESAMPLES, RESAMPLES_LADDER = 1000, 200
LEAST_ITEMS = 8
"""Of each class, for a figure of a part of a set."""


@dataclass(frozen=True)
class BenchRow:
    """One detector on one test set at one step and level.

    Attributes:
        detector: label in the table.
        test_set: name of the set.
        step: step of the ladder.
        level: image (a still, or single frames of a clip), track (the main face of a clip) or video (all of its faces).
        coverage: share of the items that the detector scored.
        score_metrics: of the raw scores; None where nothing was scored.
        llr_metrics: of the calibrated llrs; None where uncalibrated.
        audit_auc: what size, colour and sharpness alone reach on the same crops; None if not measured.
        audit_passes: whether that stays at or below 0.6; a figure without it carries a warning.
        file_audit_auc: what size, JPEG tables, metadata and names of the raw files alone reach; it informs only, because
            detectors see crops. None where the fakes are made of the reals in memory.
        of_frames: whether these are single frames of clips.
    """

    detector: str
    test_set: str
    step: str
    level: Level
    coverage: float
    score_metrics: MetricsReport | None
    llr_metrics: MetricsReport | None
    audit_auc: float | None = None
    audit_passes: bool | None = None
    file_audit_auc: float | None = None
    of_frames: bool = False

    @property
    def confident(self) -> MetricsReport | None:
        """Who says how sure it is: the calibrated llrs, or a network by its own probability; None where nobody does."""
        report = self.llr_metrics or self.score_metrics
        return report if report and "confident_share" in report.values else None

    @property
    def confident_items(self) -> int | None:
        """Items whose likelier class has a probability of 80 % or more; None where nobody says how sure it is."""
        report = self.confident
        share = report.values["confident_share"] if report else None
        if report is None or share is None:
            return None
        return round(share * (report.n_real + report.n_fake))

    def flat(self) -> dict[str, Any]:
        """One row of a CSV."""
        row: dict[str, Any] = {
            "detector": self.detector,
            "test_set": self.test_set,
            "step": self.step,
            "level": self.level,
            "coverage": round(self.coverage, 4),
            "audit_auc": self.audit_auc,
            "audit_passes": self.audit_passes,
            "file_audit_auc": self.file_audit_auc,
            "of_frames": self.of_frames,
            "confident_items": self.confident_items,
        }
        for prefix, report in (("", self.score_metrics), ("llr_", self.llr_metrics)):
            for key, value in (report.to_row() if report else {}).items():
                row[prefix + key] = round(value, 4) if isinstance(value, float) else value
        return row


@dataclass(frozen=True)
class Line:
    """One figure of a side table, with its 95 % interval where there is an honest one.

    Attributes:
        keys: what it is about, column name to text.
        value: the figure; None where it cannot be given.
        low, high: of the interval.
        n_real, n_fake: items behind it.
        facts: further columns.
    """

    keys: Mapping[str, str]
    value: float | None
    low: float | None
    high: float | None
    n_real: int
    n_fake: int
    facts: Mapping[str, Any] = field(default_factory=dict)

    def flat(self, name: str = "auc") -> dict[str, Any]:
        """One row of a CSV; `name` is what the figure is."""
        figures = {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}
        rounded = {k: None if v is None else round(v, 4) for k, v in figures.items()}
        return {**self.keys, **rounded, "n_real": self.n_real, "n_fake": self.n_fake, **self.facts}


@dataclass(frozen=True)
class Judge:
    """How raw scores become llrs: by what ships, for detectors with the shipped weights."""

    wanted: Wanted
    calibration: Calibration

    def llrs(self, label: str, scores: Sequence[float]) -> DoubleArray | None:
        """(N,) llrs; None where the label has no calibration."""
        name, options = self.wanted[label]
        if name == FUSED:
            return np.array(scores, np.float64)
        known = None if options or is_external(name) else self._calibration(name)
        return None if known is None else np.asarray(known.llr(scores), np.float64)

    def kind(self, label: str) -> Literal["logit", "score"]:
        """What the label's raw scores are: a network's logit is asked for its own probability where there are no llrs."""
        name, options = self.wanted[label]
        if not gives_logits(name, options):
            return "score"
        return "logit" if options or self._calibration(name) is None else "score"

    def with_fused(self, scored: Sequence[Scored]) -> list[Scored]:
        """The same with the file's llr under every label of `fused`, as `detect` would give it for the main face."""
        labels = [label for label, (name, _) in self.wanted.items() if name == FUSED]
        if not labels or not scored:
            return list(scored)
        usable = [
            replace(s, scores={n: v for n, v in s.scores.items() if self._fits(n)}) for s in scored
        ]
        llrs = Fitted(self.calibration.detectors, self.calibration.fusion).llrs(usable)
        found = [None if np.isnan(v) else float(v) for v in llrs]
        return [
            replace(s, scores={**s.scores, **dict.fromkeys(labels, v)})
            for s, v in zip(scored, found, strict=True)
        ]

    def _calibration(self, name: str) -> PlattCalibration | PavCalibration | None:
        """That of the shipped fusion, or one that a detector ships for itself and no fusion listens to."""
        known = self.calibration.detectors.get(name) or own_calibration(name)
        return known[1] if known is not None and known[0] == weights_tag(name) else None

    def _fits(self, name: str) -> bool:
        """Whether the calibration was made for the weights that ship."""
        known = self.calibration.detectors.get(name)
        return known is not None and known[0] == weights_tag(name)


def set_rows(
    test_set: str, scored: Sequence[Scored], judge: Judge, audits: tuple[Any, Any, Any]
) -> Iterator[BenchRow]:
    """All rows of a test set: per step and detector the items, and where they are clips the single frames."""
    clips = any(s.parts for s in scored)
    for step in dict.fromkeys(s.step for s in scored):
        here = [s for s in scored if s.step == step]
        for label in judge.wanted:
            level: Level = "track" if clips else "image"
            yield _row(label, test_set, here, level, judge, audits)
            frames = frames_of(here, label) if clips else []
            if frames:
                yield _row(label, test_set, frames, "image", judge, audits)


def _row(
    label: str,
    test_set: str,
    here: Sequence[Scored],
    level: Level,
    judge: Judge,
    audits: tuple[Any, Any, Any],
) -> BenchRow:
    of_frames = level == "image" and any(s.parts for s in here)
    kept = [s for s in here if s.scores[label] is not None]
    coverage, step = len(kept) / max(len(here), 1), here[0].step
    if len({s.label for s in kept}) < 2:
        return BenchRow(label, test_set, step, level, coverage, None, None, *audits)
    values = [float(s.scores[label] or 0.0) for s in kept]
    llrs = None if of_frames else judge.llrs(label, values)  # calibrated for items, not frames
    return BenchRow(
        label,
        test_set,
        step,
        level,
        coverage,
        _metrics(kept, values, judge.kind(label)),
        None if llrs is None else _metrics(kept, llrs.tolist(), "llr"),
        *audits,
        of_frames,
    )


def frames_of(scored: Sequence[Scored], label: str) -> list[Scored]:
    """Every scored frame as an item of its own, with its clip's group."""
    return [
        replace(s, scores={label: value})
        for s in scored
        if label in s.parts
        for value in s.parts[label].frames
    ]


def _metrics(kept: Sequence[Scored], values: Sequence[float], kind: Any) -> MetricsReport:
    resamples = RESAMPLES
    if kept[0].step != CLEAN:
        # A dozen measures of llrs on every step would cost more than the detectors.
        resamples = 0 if kind == "llr" else RESAMPLES_LADDER
    return report_metrics(
        np.array(values), labels_of(kept), groups_of(kept), kind=kind, n=resamples
    )


def auc_line(
    keys: Mapping[str, str], scored: Sequence[Scored], label: str, **facts: Any
) -> Line | None:
    """AUC of a detector on some items; None where a class has fewer than `LEAST_ITEMS` that it scored."""
    kept = [s for s in scored if s.scores.get(label) is not None]
    labels = labels_of(kept)
    n_real, n_fake = int((labels == 0).sum()), int(labels.sum())
    if min(n_real, n_fake) < LEAST_ITEMS:
        return None
    values = np.array([float(s.scores[label] or 0.0) for s in kept])
    interval = bootstrap_groups(auc, values, labels, groups_of(kept), n=500)
    low, high = (interval.low, interval.high) if isinstance(interval, Interval) else (None, None)
    return Line({"detector": label, **keys}, auc(values, labels), low, high, n_real, n_fake, facts)


def labels_of(scored: Sequence[Scored]) -> npt.NDArray[np.int64]:
    """(N,) labels."""
    return np.array([s.label for s in scored], np.int64)


def groups_of(scored: Sequence[Scored]) -> npt.NDArray[np.str_]:
    """(N,) identities."""
    return np.array([s.group for s in scored], np.str_)


def checked(wanted: Wanted) -> Wanted:
    """The same; raises `DataError` where nothing is to be measured."""
    if not wanted:
        raise DataError("no detector to measure; `likeness detectors` lists them")
    return wanted
