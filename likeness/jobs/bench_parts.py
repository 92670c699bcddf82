"""Figures of parts of the test sets: by pose and size, by person's group, real against real, and along the ladder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from likeness.data.attributes import attributes_of, tone_group
from likeness.data.degradations import LADDER, ladder_area
from likeness.data.manifest import Item
from likeness.jobs.bench_rows import LEAST_ITEMS, BenchRow, Judge, Line, auc_line
from likeness.jobs.measuring import CLEAN, Scored
from likeness.scoring import count_false_alarms, threshold_at_fpr

YAW_DEG = (
    (0, 15, "frontal, below 15°"),
    (15, 181, "turned, 15° and more"),
    (15, 30, "15-30°"),
    (30, 181, "30° and more"),
)
"""The second holds the two after it: few sets have enough faces in profile."""
EYES_PX = (
    (0, 32, "below 32 px"),
    (32, 48, "32-48 px"),
    (48, 64, "48-64 px"),
    (64, 96, "64-96 px"),
    (96, 1e9, "96 px and more"),
)
"""Distance between the eyes."""
ALL_SETS = "all sets"
ALL_PSEUDO_FAKES = "all pseudo-fakes"
LEAST_GAIN = 0.05
"""AUC above chance on clean pictures, from which the share that is left on worse ones means something."""
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
    """How AUC holds along the ladder: area under its curve over severity, and what is left of AUC - 0.5 on average.

    After its sets every detector has a line over all of them: AUCs are averaged step by step over those with `LEAST_ITEMS`
    of each class whose leakage audit did not fail.
    """
    curves: dict[str, dict[str, dict[str, BenchRow]]] = {}
    for row in rows:
        if row.score_metrics is not None and not row.of_frames:
            curves.setdefault(row.detector, {}).setdefault(row.test_set, {})[row.step] = row
    for detector, sets in curves.items():
        trusted = []
        for test_set, found in sets.items():
            aucs = {step.name: _auc(found[step.name]) for step in LADDER if step.name in found}
            if CLEAN not in aucs or len(aucs) < 2:
                continue
            counts = _counts(found[CLEAN])
            keys = {"detector": detector, "test_set": test_set}
            yield _area_line(keys, aucs, counts, _told_apart(found[CLEAN]))
            if min(counts) >= LEAST_ITEMS and found[CLEAN].audit_passes is not False:
                trusted.append((aucs, counts))
        if len(trusted) > 1:
            shared = [s for s in trusted[0][0] if all(s in aucs for aucs, _ in trusted)]
            mean = {s: float(np.mean([aucs[s] for aucs, _ in trusted])) for s in shared}
            items = sum(c[0] for _, c in trusted), sum(c[1] for _, c in trusted)
            line = _area_line({"detector": detector, "test_set": ALL_SETS}, mean, items)
            yield replace(line, facts={**line.facts, "sets": len(trusted)})


def _area_line(
    keys: Mapping[str, str],
    aucs: Mapping[str, float],
    counts: tuple[int, int],
    told_apart: bool = True,
) -> Line:
    left = float(np.mean([value for step, value in aucs.items() if step != CLEAN])) - 0.5
    gained = aucs[CLEAN] - 0.5
    facts = {
        "clean_auc": round(aucs[CLEAN], 4),
        "share_left": round(left / gained, 4) if told_apart and gained > LEAST_GAIN else None,
        **{f"area_{k}": round(v, 4) for k, v in ladder_area(aucs).items()},
    }
    return Line(keys, left + 0.5, None, None, *counts, facts)


def _told_apart(row: BenchRow) -> bool:
    """Whether the interval of its AUC, if it has one, lies above chance."""
    interval = row.score_metrics.intervals.get("auc") if row.score_metrics else None
    return interval is None or interval.low > 0.5


def _counts(row: BenchRow) -> tuple[int, int]:
    metrics = row.score_metrics
    return (metrics.n_real, metrics.n_fake) if metrics else (0, 0)


def _auc(row: BenchRow) -> float:
    value = row.score_metrics.values["auc"] if row.score_metrics else None
    return 0.5 if value is None else float(value)
