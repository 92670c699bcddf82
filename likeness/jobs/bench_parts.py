"""Figures of parts of the test sets: by pose and size, by person's group, real against real, and along the ladder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from likeness.data.attributes import attributes_of, tone_group
from likeness.data.degradations import LADDER, ladder_area
from likeness.data.manifest import Item
from likeness.jobs.bench_rows import BenchRow, Judge, Line, auc_line
from likeness.jobs.measuring import CLEAN, Scored
from likeness.scoring import count_false_alarms, threshold_at_fpr

YAW_DEG = ((0, 15, "frontal, below 15°"), (15, 30, "15-30°"), (30, 181, "30° and more"))
EYES_PX = (
    (0, 32, "below 32 px"),
    (32, 48, "32-48 px"),
    (48, 64, "48-64 px"),
    (64, 96, "64-96 px"),
    (96, 1e9, "96 px and more"),
)
"""Distance between the eyes."""
OVERALL_FPR = 0.10
"""Where the decision table's threshold is hardly ever reached, groups are compared where one real item in ten raises an alarm."""


def bin_lines(test_set: str, scored: Sequence[Scored], labels: Sequence[str]) -> Iterator[Line]:
    """AUC by head pose and by size of the face, clean."""
    clean = [s for s in scored if s.step == CLEAN]
    parts = (("head pose", "abs_yaw", YAW_DEG), ("face size", "log_eye_distance", EYES_PX))
    for what, covariate, bins in parts:
        for low, high, name in bins:
            here = [s for s in clean if low <= _natural(s, covariate) < high]
            for label in labels:
                line = auc_line({"test_set": test_set, "by": what, "bin": name}, here, label)
                if line:
                    yield line


def _natural(scored: Scored, covariate: str) -> float:
    value = scored.covariates.get(covariate, float("nan"))
    return float(np.exp(value)) if covariate.startswith("log_") else float(value)


def alarm_lines(
    test_set: str, scored: Sequence[Scored], items: Mapping[str, Item], judge: Judge
) -> Iterator[Line]:
    """False alarms on real items by age, sex and skin tone, as people; beside them the fakes of the same group that are found.

    Two thresholds, both fixed for the whole set: the decision table's where there are llrs, and the one that a tenth of all
    its real items reach.
    """
    clean = [s for s in scored if s.step == CLEAN]
    for label in judge.wanted:
        kept = [s for s in clean if s.scores.get(label) is not None]
        if len({s.label for s in kept}) < 2:
            continue
        values = np.array([float(s.scores[label] or 0.0) for s in kept])
        labels = np.array([s.label for s in kept])
        llrs = judge.llrs(label, values.tolist())
        cuts = [("a tenth of all", values, threshold_at_fpr(values, labels, OVERALL_FPR))]
        if llrs is not None:
            likely = judge.calibration.thresholds.likely_llr
            cuts.append((f"llr {likely:+.1f}", llrs, likely))
        for (by, group), rows in _people(kept, items).items():
            for name, numbers, threshold in cuts:
                found = count_false_alarms(
                    numbers[rows], labels[rows], [kept[i].group for i in rows], threshold
                )
                keys = {"detector": label, "test_set": test_set, "by": by, "group": group}
                rate, caught = found.people, found.detected
                facts = {"people": rate.total, "alarms": rate.count, "found": caught.share}
                yield Line(
                    {**keys, "threshold": name},
                    rate.share,
                    rate.low,
                    rate.high,
                    found.items.total,
                    caught.total,
                    facts,
                )


def _people(kept: Sequence[Scored], items: Mapping[str, Item]) -> dict[tuple[str, str], list[int]]:
    """(attribute, group) -> rows, everybody first; a fake belongs to the group of the picture that it was made of."""
    tones = {s.path: tone_group(s.covariates) for s in kept if s.label == 0}
    groups: dict[tuple[str, str], list[int]] = {("everybody", "all"): list(range(len(kept)))}
    for row, scored in enumerate(kept):
        known = attributes_of(items[scored.path])
        tone = tones.get(scored.path)
        for by, group in {**known, **({"skin tone": tone} if tone else {})}.items():
            groups.setdefault((by, group), []).append(row)
    reals = {k: v for k, v in groups.items() if any(kept[i].label == 0 for i in v)}
    return dict(sorted(reals.items(), key=lambda entry: (entry[0][0] != "everybody", entry[0])))


def control_lines(
    scored: Sequence[Scored], items: Mapping[str, Item], labels: Sequence[str]
) -> Iterator[Line]:
    """Real items of one source against those of another, and two halves of one source; 0.5 is what nothing but chance gives.

    Args:
        scored: real items of all sets, clean; each only once.
        items: path -> item.
        labels: of the detectors.
    """
    sources: dict[str, list[Scored]] = {}
    for one in scored:
        sources.setdefault(items[one.path].source, []).append(replace(one, label=0))
    for name, rows in sources.items():
        halves = [(replace(s, label=int(_half(s.group)))) for s in rows]
        yield from _control((f"{name}, one half", f"{name}, other half"), halves, labels)
    for first, second in combinations(sources, 2):
        both = [*sources[first], *(replace(s, label=1) for s in sources[second])]
        yield from _control((first, second), both, labels)


def _half(group: str) -> bool:
    import hashlib

    return hashlib.sha256(group.encode()).digest()[0] < 128


def _control(
    names: tuple[str, str], rows: Sequence[Scored], labels: Sequence[str]
) -> Iterator[Line]:
    for label in labels:
        line = auc_line({"source_a": names[0], "source_b": names[1]}, rows, label)
        if line:
            inside = None
            if line.low is not None and line.high is not None:
                inside = line.low <= 0.5 <= line.high
            yield replace(line, facts={"contains_half": inside})


def area_lines(rows: Sequence[BenchRow]) -> Iterator[Line]:
    """How AUC holds along the ladder: area under its curve over severity, and what is left of AUC - 0.5 on average."""
    curves: dict[tuple[str, str], dict[str, BenchRow]] = {}
    for row in rows:
        if row.score_metrics is not None and not row.of_frames:
            curves.setdefault((row.detector, row.test_set), {})[row.step] = row
    order = [step.name for step in LADDER]
    for (detector, test_set), found in curves.items():
        aucs = {step: _auc(found[step]) for step in order if step in found}
        others = [value for step, value in aucs.items() if step != CLEAN]
        if CLEAN not in aucs or not others:
            continue
        left = float(np.mean(others)) - 0.5
        gained = aucs[CLEAN] - 0.5
        facts = {
            "clean_auc": round(aucs[CLEAN], 4),
            "share_left": round(left / gained, 4) if gained > 0.02 else None,
            **{f"area_{k}": round(v, 4) for k, v in ladder_area(aucs).items()},
        }
        metrics = found[CLEAN].score_metrics
        counts = (metrics.n_real, metrics.n_fake) if metrics else (0, 0)
        keys = {"detector": detector, "test_set": test_set}
        yield Line(keys, left + 0.5, None, None, *counts, facts)


def _auc(row: BenchRow) -> float:
    value = row.score_metrics.values["auc"] if row.score_metrics else None
    return 0.5 if value is None else float(value)
