"""`likeness bench`: a table, and rows of a CSV that say which commit they were measured at."""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from likeness.apps.progress import console, shown_progress
from likeness.errors import OutputError, UsageError
from likeness.jobs.bench import BenchOptions, BenchRow, bench

AUDIT_WARNING = (
    "WARNING: size, colour and sharpness alone tell these classes apart (audit AUC above 0.6): "
    "do not read the figures below as detection"
)


@dataclass(frozen=True)
class BenchRequest:
    """The command line of `bench`."""

    detectors: tuple[str, ...]
    data: Path
    out: Path | None
    ladder: bool
    weights: tuple[Path, ...]
    limit: int | None
    role_file: Path


def run_bench(request: BenchRequest) -> None:
    """Measure, print, write."""
    options = BenchOptions(
        detectors=_labelled(request),
        ladder=request.ladder,
        limit=request.limit,
        role_file=request.role_file if request.role_file.is_file() else None,
    )
    with shown_progress() as progress:
        rows = bench(request.data, options, progress)
    console().print(
        "95 %: bootstrap over groups, - where a class has fewer than ten. min: min Cllr. "
        "cov10: share that can be answered before one answer in ten is wrong."
    )
    for name in dict.fromkeys(row.test_set for row in rows):
        _show(name, [row for row in rows if row.test_set == name])
    if request.out:
        write_rows(request.out, [row.flat() for row in rows])
        console().print(f"Rows: {request.out}", soft_wrap=True)


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write a CSV atomically; every row says when and at which commit it was measured."""
    stamp = {"date": datetime.now(UTC).date().isoformat(), "commit": commit()}
    names = list(dict.fromkeys(key for row in rows for key in row))
    temporary = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [*names, *stamp], lineterminator="\n")
            writer.writeheader()
            writer.writerows({**row, **stamp} for row in rows)
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error


def commit() -> str:
    """Short hash of the checkout, with + if it was changed since; "unknown" outside one."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty=+"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()


def _labelled(request: BenchRequest) -> dict[str, tuple[str, dict[str, Any]]]:
    if not request.weights:
        return {name: (name, {}) for name in request.detectors}
    if len(request.detectors) != 1:
        raise UsageError("--weights needs exactly one detector that they are for")
    (name,) = request.detectors
    return {f"{name}:{path.stem}": (name, {"weights": str(path)}) for path in request.weights}


def _show(name: str, rows: Sequence[BenchRow]) -> None:
    first = rows[0]
    audit = "not measured" if first.audit_auc is None else f"{first.audit_auc:.3f}"
    files = "" if first.file_audit_auc is None else f"; raw files {first.file_audit_auc:.3f}"
    title = f"{name}  (leakage audit of the crops {audit}{files})"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in ("step", "detector", "AUC", "95 %", "Cllr", "min", "ECE", "cov10", "n"):
        table.add_column(column, no_wrap=column != "detector", overflow="fold")
    for row in rows:
        table.add_row(*_cells(row))
    if first.audit_passes is False:
        console().print(AUDIT_WARNING, style="bold")
    console().print(table)


def _cells(row: BenchRow) -> list[str]:
    if row.score_metrics is None:
        return [row.step, row.detector, "not scored", *[""] * 6]
    values, intervals = row.score_metrics.values, row.score_metrics.intervals
    interval = intervals.get("auc")
    llr = row.llr_metrics.values if row.llr_metrics else {}
    return [
        row.step,
        row.detector,
        _figure(values.get("auc")),
        f"{interval.low:.3f}-{interval.high:.3f}" if interval else "-",
        _figure(llr.get("cllr")),
        _figure(llr.get("min_cllr")),
        _figure(llr.get("ece")),
        _figure(llr.get("coverage_at_risk_10pct")),
        f"{row.score_metrics.n_real}+{row.score_metrics.n_fake}",
    ]


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
