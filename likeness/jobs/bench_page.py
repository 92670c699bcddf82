"""A benchmark's results as the page that shows them: which tables, which words, what is warned of."""

from __future__ import annotations

from collections.abc import Sequence

from likeness.jobs.bench_page_ladder import ladder_part
from likeness.jobs.bench_page_people import alarms_part, bins_part, controls_part, figure_text
from likeness.jobs.bench_results import BenchResults
from likeness.jobs.bench_rows import BenchRow, Line
from likeness.jobs.measuring import CLEAN
from likeness.report.bench_html import BenchHead
from likeness.report.bench_parts import (
    BenchFace,
    BenchPlot,
    BenchSection,
    BenchTable,
    Cell,
    FaceRow,
    Figure,
    Heat,
)

AUDIT_WARNING = (
    "Size, colour and sharpness alone tell these classes apart (audit AUC {auc:.2f}, limit 0.60): do not read these figures "
    "as detection."
)
_BASE = (
    "Intervals are 95 %, by bootstrap over people or clips, never over frames; there is none where a class has fewer than ten.",
    "Thresholds, weights and calibration were fixed before; nothing was fitted on these files but what is called fitted here.",
)


def bench_head(results: BenchResults, data: str, commit: str) -> BenchHead:
    """The top of the page."""
    detectors = list(dict.fromkeys(row.detector for row in results.rows))
    facts = [
        ("Data", f"{data} ({results.layout})"),
        ("Role of the files", results.role),
        ("Frozen pseudo-fakes", results.frozen),
        ("Measured at", commit),
    ]
    return BenchHead(", ".join(detectors), facts, [*results.notes, *_BASE], detectors)


def bench_sections(results: BenchResults) -> list[BenchSection]:
    """Every part of the page; those without figures are empty."""
    return [
        _overview(results),
        ladder_part(results.rows, results.areas),
        _coverage(results),
        controls_part(results.controls),
        alarms_part(results.alarms),
        bins_part(results.bins),
        _matrix(results),
        _gallery(results),
    ]


_COLUMNS = (
    "Detector",
    "Level",
    "AUC",
    "TPR at FPR 1 %",
    "Cllr",
    "min Cllr",
    "ECE",
    "Answered at 10 % risk",
    "Right where 80 % sure",
    "Items",
)


def _filled(
    columns: Sequence[str], rows: Sequence[Sequence[Cell]]
) -> tuple[list[str], list[list[Cell]]]:
    """Without the columns in which no row has anything: a phone and a page are narrow."""
    kept = [i for i in range(len(columns)) if any(row[i] != "–" for row in rows)]
    return [columns[i] for i in kept], [[row[i] for i in kept] for row in rows]


def _overview(results: BenchResults) -> BenchSection:
    tables = []
    clean = [r for r in results.rows if r.step == CLEAN]
    for name in dict.fromkeys(r.test_set for r in clean):
        rows = [r for r in clean if r.test_set == name]
        first = rows[0]
        audit = "Leakage audit: not measured, it needs ten people."
        if first.audit_auc is not None:
            audit = f"Leakage audit: size, colour and sharpness of the crops alone reach {first.audit_auc:.3f}"
            audit += (
                "."
                if first.file_audit_auc is None
                else f", the raw files {first.file_audit_auc:.3f}."
            )
        warning = ""
        if first.audit_passes is False and first.audit_auc is not None:
            warning = AUDIT_WARNING.format(auc=first.audit_auc)
        tables.append(
            BenchTable(*_filled(_COLUMNS, [_overview_row(r) for r in rows]), name, audit, warning)
        )
    text = (
        "AUC is the chance that a fake outscores a real item; the dashed line is chance. Cllr is the cost of the likelihood "
        "ratios: 0 is perfect, 1 is what saying nothing costs. TPR at FPR 1 % is given from 300 real people on. An answer is "
        "sure where the likelier class has 80 % or more at even odds, by the likelihood ratio or, without one, by the "
        "network's own word. Of clips, several frames together stand above the same frames one by one."
    )
    return BenchSection("Test sets", text, tables)


def _overview_row(row: BenchRow) -> list[Cell]:
    if row.score_metrics is None:
        return [row.detector, _level(row), Figure(None), *["–"] * 6, "not scored"]
    scores, llrs = row.score_metrics, row.llr_metrics
    auc = scores.intervals.get("auc")
    llr = llrs.values if llrs else {}
    people = f"{scores.n_real_groups} + {scores.n_fake_groups}"
    if scores.n_real_groups == scores.n_fake_groups:
        people = str(scores.n_real_groups)
    items = f"{scores.n_real} + {scores.n_fake}"
    if row.level != "image" or auc is None:
        items += f" of {people} groups"
    if row.coverage < 1:
        items += f" ({100 * row.coverage:.0f} % scored)"
    return [
        row.detector,
        _level(row),
        Figure(scores.values["auc"], auc.low if auc else None, auc.high if auc else None),
        figure_text(scores.values.get("tpr_at_fpr_1pct")),
        figure_text(llr.get("cllr")),
        figure_text(llr.get("min_cllr")),
        figure_text(llr.get("ece")),
        figure_text(llr.get("coverage_at_risk_10pct")),
        _confident(row),
        items,
    ]


def _level(row: BenchRow) -> str:
    """Level in the reader's words; a clip is several frames of its main face together."""
    if row.of_frames:
        return "frames"
    return "picture" if row.level == "image" else "clip"


def _confident(row: BenchRow) -> str:
    """Share of right answers among the confident ones, and how many those are; its interval stands in the CSV."""
    report = row.confident
    value = report.values["confident_accuracy"] if report else None
    if report is None or value is None:
        return "–" if report is None else "none is"
    interval = report.intervals.get("confident_accuracy")
    ends = f" ({100 * interval.low:.0f} to {100 * interval.high:.0f})" if interval else ""
    return f"{100 * value:.0f} %{ends} of {row.confident_items}"


def _coverage(results: BenchResults) -> BenchSection:
    plots = []
    for name in dict.fromkeys(c.test_set for c in results.curves):
        lines = [(c.detector, c.coverage, c.risk) for c in results.curves if c.test_set == name]
        axes = ("share that is answered, the surest first", "share of wrong answers")
        plots.append(BenchPlot(name, axes, (0, 1), (0, 0.6), lines, 0.1, True, True))
    text = "Share of wrong answers among those given; the dashed line is one in ten. Only calibrated detectors have such a curve."
    return BenchSection("Risk and coverage", text if plots else "", (), plots)


def _matrix(results: BenchResults) -> BenchSection:
    tables = []
    own = [line for line in results.matrix if line.facts["main"]]
    if own:
        note = (
            "Clips are judged by all of their faces, sets of files by eight frames of the main face; drawn faces (faces) "
            "and the real ones that they are told from are of one size and quality."
        )
        tables.append(_matrix_table(own, "", note))
    for level, title in (("track", "Main faces of clips"), ("image", "Single frames of clips")):
        own = [x for x in results.matrix if x.keys["level"] == level and not x.facts["main"]]
        if own:
            tables.append(_matrix_table(own, title, ""))
    if results.left_out:
        tables.append(_left_out_table(results.left_out))
    text = (
        "AUC of each detector on the fakes of each generator, told from the real items of the sources that they were made of. "
        "The fakes live in memory and are never written. Below 0.45 a detector calls the fakes more genuine."
    )
    return BenchSection("Generators against detectors", text if tables else "", tables)


def _matrix_table(lines: Sequence[Line], title: str, note: str) -> BenchTable:
    detectors = list(dict.fromkeys(line.keys["detector"] for line in lines))
    found = {(x.keys["generator"], x.keys["step"], x.keys["detector"]): x for x in lines}
    rows: list[list[Cell]] = []
    for generator, step in dict.fromkeys((g, s) for g, s, _ in found):
        cells = [found.get((generator, step, d)) for d in detectors]
        some = next(c for c in cells if c is not None)
        heats = [Heat(None) if c is None else Heat(c.value, _interval(c)) for c in cells]
        rows.append([generator, step, f"{some.n_real} + {some.n_fake}", *heats])
    return BenchTable(("Generator", "Step", "Items", *detectors), rows, title, note, open=not title)


def _left_out_table(lines: Sequence[Line]) -> BenchTable:
    found = {(x.keys["generator"], x.keys["fitted_on"]): x for x in lines}
    rows: list[list[Cell]] = []
    for generator in dict.fromkeys(g for g, _ in found):
        pair = [found.get((generator, f)) for f in ("all generators", "all others")]
        figures = [Figure(x.value, x.low, x.high) if x else Figure(None) for x in pair]
        some = next(x for x in pair if x is not None)
        rows.append([generator, *figures, f"{some.n_real} + {some.n_fake}"])
    columns = ("Generator", "Fitted on all generators", "Fitted without it", "Items")
    note = "AUC of a calibration and fusion of the measured detectors that is fitted here, always on other people."
    return BenchTable(columns, rows, "Leave one generator out", note)


def _interval(line: Line) -> str:
    return "" if line.low is None else f"{line.low:.2f} to {line.high:.2f}"


def _gallery(results: BenchResults) -> BenchSection:
    rows = []
    for detector in dict.fromkeys(m.detector for m in results.mistakes):
        for title, wrong in (("false alarms", True), ("misses", False)):
            own = [
                m
                for m in results.mistakes
                if m.detector == detector and (m.sort == "false alarm") is wrong
            ]
            faces = [
                BenchFace(
                    m.jpeg,
                    f"{'llr' if m.is_llr else 'score'} {m.value:+.2f}",
                    f"{m.sort}; {'above' if wrong else 'below'} {100 * m.rank:.0f} % of the {'fakes' if wrong else 'real items'} of {m.test_set}",
                    m.path,
                )
                for m in own
            ]
            if faces:
                rows.append(FaceRow(f"{detector}: {title}", faces))
    text = (
        "Pixels of the measured files only. A missed pseudo-fake is shown by the untouched picture that it was made of: "
        "unmarked fakes never leave memory."
    )
    return BenchSection("The most confident mistakes", text if rows else "", faces=rows)
