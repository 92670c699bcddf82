"""The parts of a benchmark's page that are about people: real against real, false alarms by group, pose and size."""

from __future__ import annotations

from collections.abc import Sequence

from likeness.jobs.bench_rows import Line
from likeness.report.bench_parts import BenchSection, BenchTable, Cell, Figure

LEAST_PEOPLE = 5
"""Of a group on the page; smaller ones stand in the CSV."""


def controls_part(lines: Sequence[Line]) -> BenchSection:
    """Real sources against one another."""
    rows: list[list[Cell]] = []
    for line in lines:
        inside = line.facts["contains_half"]
        verdict = {True: "contains 0.5", False: "does not contain 0.5", None: "no interval"}[inside]
        rows.append(
            [
                f"{line.keys['source_a']} / {line.keys['source_b']}",
                line.keys["detector"],
                Figure(line.value, line.low, line.high),
                verdict,
                f"{line.n_real} + {line.n_fake}",
            ]
        )
    failing = sum(line.facts["contains_half"] is False for line in lines)
    warnings = []
    if failing:
        warnings.append(
            f"In {failing} of {len(lines)} comparisons a detector tells real sources apart: what it measures there is the "
            "source. A figure that compares fakes with real items of another source cannot be trusted for it."
        )
    text = "Nothing here is manipulated. A detector that measures manipulation gives 0.5; two halves of one source check the harness."
    table = BenchTable(("Sources", "Detector", "AUC", "Interval", "Items"), rows)
    tables = (table,) if rows else ()
    return BenchSection("Real against real", text if rows else "", tables, warnings=warnings)


def alarms_part(lines: Sequence[Line]) -> BenchSection:
    """Whom false alarms hit."""
    tables = []
    sets = dict.fromkeys(
        (x.keys["test_set"], x.keys["threshold"], x.keys["detector"]) for x in lines
    )
    for test_set, threshold, detector in sets:
        own = [
            line
            for line in lines
            if (line.keys["test_set"], line.keys["threshold"], line.keys["detector"])
            == (test_set, threshold, detector)
        ]
        large = [line for line in own if line.facts["people"] >= LEAST_PEOPLE]
        if not any(line.keys["by"] != "everybody" for line in large):
            continue
        rows: list[list[Cell]] = [
            [
                f"{line.keys['by']}: {line.keys['group']}",
                Figure(line.value, line.low, line.high, (0.0, 0.6), own[0].value, percent=True),
                f"{line.facts['alarms']} of {line.facts['people']}",
                "–" if line.facts["found"] is None else f"{100 * line.facts['found']:.0f} %",
            ]
            for line in large
        ]
        title = f"{detector} on {test_set}, threshold: {threshold}"
        columns = (
            "Group",
            "People with a false alarm",
            "Count",
            "Fakes of the group that are found",
        )
        tables.append(BenchTable(columns, rows, title, open=threshold.startswith("a tenth")))
    text = (
        "Share of real people who would be called manipulated; the dashed line is the rate of everybody. Intervals are exact "
        "(Clopper-Pearson): groups whose intervals overlap are not shown to differ; those of fewer than five people are left out here. Age and sex are the labels of the data "
        "set; skin tone is measured (typology angle of the face's skin) and holds exposure and light as well."
    )
    return BenchSection("False alarms by group", text if tables else "", tables)


def bins_part(lines: Sequence[Line]) -> BenchSection:
    """By head pose and size of the face."""
    tables = []
    for test_set in dict.fromkeys(line.keys["test_set"] for line in lines):
        rows: list[list[Cell]] = [
            [
                f"{line.keys['by']}: {line.keys['bin']}",
                line.keys["detector"],
                Figure(line.value, line.low, line.high),
                f"{line.n_real} + {line.n_fake}",
            ]
            for line in lines
            if line.keys["test_set"] == test_set
        ]
        tables.append(BenchTable(("Faces", "Detector", "AUC", "Items"), rows, test_set))
    text = "Turned faces are where fakes show and detectors fail. Size is the distance between the eyes. Clean step; a bin needs eight items of each class. In all pseudo-fakes together every fake has its own real beside it."
    return BenchSection("Head pose and size of the face", text if tables else "", tables)


def figure_text(value: float | None) -> str:
    """Three decimals, or a dash."""
    return "–" if value is None else f"{value:.3f}"
