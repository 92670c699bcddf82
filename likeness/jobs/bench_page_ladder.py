"""The part of a benchmark's page that shows how figures hold while pictures get worse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from likeness.data.degradations import LADDER
from likeness.jobs.bench_page_people import figure_text
from likeness.jobs.bench_rows import BenchRow, Line
from likeness.jobs.measuring import CLEAN
from likeness.report.bench_parts import BenchPlot, BenchSection, BenchTable, Cell, Figure, Heat

GOAL = 0.7
"""Share of AUC - 0.5 that should be left on average."""
_ORDER = [step.name for step in LADDER]
_MORE = (
    ("cllr", "Cllr"),
    ("coverage_at_risk_10pct", "share that can be answered at 10 % risk"),
    ("tpr_at_fpr_1pct", "TPR at FPR 1 %"),
)
Values = Mapping[str, Mapping[str, float]]
"""Detector -> step -> figure."""


def ladder_part(rows: Sequence[BenchRow], areas: Sequence[Line]) -> BenchSection:
    """What is left, curves over severity, and every step with all of its figures, folded away."""
    if not areas:
        return BenchSection("Degradation ladder")
    tables, plots = [_left_table(areas)], []
    for name in dict.fromkeys(row.test_set for row in rows):
        own = [row for row in rows if row.test_set == name and not row.of_frames]
        aucs = values_of(own, "auc")
        plots += list(_family_plots(name, aucs))
        heat: list[list[Cell]] = [
            [s, *(Heat(v.get(s)) for v in aucs.values())] for s in steps_of(aucs)
        ]
        tables.append(BenchTable(("Step", *aucs), heat, f"{name}: AUC at every step", open=False))
        tables += list(_more_tables(name, own))
    text = "AUC against severity (0 = clean, 5 = worst); fakes and reals go through the same degradation with the same noise."
    return BenchSection("Degradation ladder", text, tables, plots)


def values_of(rows: Sequence[BenchRow], measure: str) -> dict[str, dict[str, float]]:
    """Detector -> step -> a measure of `scoring.report_metrics`; of llrs where it is one of them."""
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        report = row.score_metrics
        if report is not None and measure not in report.values:
            report = row.llr_metrics
        value = report.values.get(measure) if report else None
        if value is not None:
            found.setdefault(row.detector, {}).setdefault(row.step, float(value))
    return found


def steps_of(values: Values) -> list[str]:
    """Steps that somebody was measured on, in the ladder's order."""
    return [s for s in _ORDER if any(s in found for found in values.values())]


def _left_table(areas: Sequence[Line]) -> BenchTable:
    columns = (
        "Detector",
        "Test set",
        "Clean AUC",
        "Mean AUC over the ladder",
        "Share of AUC − 0.5 that is left",
        "Mean area under the curves",
        "Items",
    )
    rows: list[list[Cell]] = []
    for line in areas:
        left = line.facts["share_left"]
        rows.append(
            [
                line.keys["detector"],
                line.keys["test_set"],
                Figure(line.facts["clean_auc"]),
                Figure(line.value),
                "–" if left is None else Figure(left, middle=GOAL),
                figure_text(line.facts.get("area_all")),
                f"{line.n_real} + {line.n_fake}",
            ]
        )
    note = (
        "The goal is a share of 0.7, the dashed line; there is none where the clean AUC is 0.55 or less, or not told from "
        "chance. Area: AUC over severity per kind of degradation, averaged over kinds. All sets: the mean over those with at "
        "least eight items of each class whose leakage audit did not fail."
    )
    return BenchTable(columns, rows, "What is left", note)


def _more_tables(name: str, rows: Sequence[BenchRow]) -> Iterator[BenchTable]:
    for measure, words in _MORE:
        values = values_of(rows, measure)
        body: list[list[Cell]] = [
            [step, *(figure_text(found.get(step)) for found in values.values())]
            for step in steps_of(values)
        ]
        if body:
            yield BenchTable(("Step", *values), body, f"{name}: {words} at every step", open=False)


def _family_plots(name: str, aucs: Values) -> Iterator[BenchPlot]:
    families = dict.fromkeys(s.family for s in LADDER if s.severity)
    for family in families:
        steps = [s for s in LADDER if s.family == family]
        if len(steps) < 2 or family == "gamma":  # gamma has no order of severity
            continue
        lines = []
        for detector, found in aucs.items():
            points = [(s.severity, found[s.name]) for s in steps if s.name in found]
            points = [(0, found[CLEAN]), *points] if CLEAN in found else points
            if len(points) > 1:
                lines.append((detector, [float(x) for x, _ in points], [y for _, y in points]))
        if lines:
            low = min(0.4, *(y for _, _, ys in lines for y in ys))
            yield BenchPlot(
                f"{name}: {family}",
                ("severity", "AUC"),
                (0, 5),
                (round(low - 0.05, 1), 1),
                lines,
                0.5,
            )
