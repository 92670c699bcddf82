"""`likeness bench`: a table in the terminal, a page, and CSVs whose rows say at which commit they were measured."""

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

from likeness import registry
from likeness.apps.progress import console, shown_progress
from likeness.data.layouts import read_layout
from likeness.errors import OutputError, UsageError
from likeness.jobs.bench import bench
from likeness.jobs.bench_detectors import FUSED, is_external
from likeness.jobs.bench_models import drawing_run, read_model
from likeness.jobs.bench_page import bench_head, bench_sections
from likeness.jobs.bench_results import BenchOptions, BenchResults
from likeness.jobs.bench_rows import BenchRow
from likeness.jobs.bench_synthesis import FaceGenerator, face_generators
from likeness.jobs.clip_swaps import SwapModel
from likeness.report import write_html
from likeness.report.bench_html import render_bench_html

AUDIT_WARNING = (
    "WARNING: size, colour and sharpness alone tell these classes apart (audit AUC above 0.6): "
    "do not read the figures below as detection"
)
TABLES = ("areas", "controls", "alarms", "bins", "matrix", "left_out")
"""Side tables that become a CSV each, by their name in `BenchResults`."""


@dataclass(frozen=True)
class BenchRequest:
    """The command line of `bench`."""

    detectors: tuple[str, ...]
    data: Path
    out: Path | None
    ladder: bool
    matrix: bool
    models: tuple[str, ...]
    weights: tuple[str, ...]
    role: str
    limit: int | None
    clip_frames: int
    gallery: int
    processes: int
    scores: Path
    role_file: Path


def run_bench(request: BenchRequest) -> None:
    """Measure, print, write."""
    role_file = usable_role_file(request.role_file, request.data)
    options = BenchOptions(
        detectors=_labelled(request),
        ladder=request.ladder,
        matrix=request.matrix,
        role=request.role,
        limit=request.limit,
        clip_frames=request.clip_frames,
        models=_models(request, role_file),
        faces=_face_generators(request),
        role_file=role_file,
        store=request.scores,
        processes=request.processes,
        gallery=request.gallery if request.out and request.out.suffix != ".csv" else 0,
    )
    with shown_progress() as progress:
        results = bench(request.data, options, progress)
    console().print(
        "95 %: bootstrap over groups, - where a class has fewer than ten. "
        "cov10: share that can be answered before one answer in ten is wrong. "
        "sure: share of right answers among those with 80 % or more, and how many."
    )
    for name in dict.fromkeys(row.test_set for row in results.rows):
        _show(name, [row for row in results.rows if row.test_set == name])
    if request.out:
        for path in write_results(request.out, results, request.data):
            console().print(f"Written: {path}", soft_wrap=True)


def usable_role_file(path: Path, data: Path) -> Path | None:
    """The file, where it is there and speaks of files of this data folder; the one that ships is of one data set."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            first = next(csv.DictReader(file), {})
    except OSError:
        return None
    named = first.get("path") or ""
    return path if named and (data / named).is_file() else None


def write_results(out: Path, results: BenchResults, data: Path) -> list[Path]:
    """Write the rows as one `.csv`; or a page, `bench.html` in a folder or an `.html` of its own, with its CSVs beside it.

    Returns:
        What was written.

    Raises:
        OutputError: something cannot be written.
    """
    rows = [row.flat() for row in results.rows]
    if out.suffix == ".csv":
        write_rows(out, rows)
        return [out]
    page = out if out.suffix == ".html" else out / "bench.html"
    tables = {"rows": rows}
    for name in TABLES:
        figure = {"areas": "mean_auc", "alarms": "share"}.get(name, "auc")
        tables[name] = [line.flat(figure) for line in getattr(results, name)]
    tables["mistakes"] = [
        {k: v for k, v in vars(m).items() if k != "jpeg"} for m in results.mistakes
    ]
    written = []
    for name, found in tables.items():
        if found:
            written.append(page.with_name(f"{page.stem}_{name}.csv"))
            write_rows(written[-1], found)
    created = datetime.now(UTC).isoformat(timespec="seconds")
    head = bench_head(results, data.resolve().name, commit())
    write_html(page, render_bench_html(head, bench_sections(results), created))
    return [page, *written]


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
    """Label -> (detector, configuration); a detector with weights of its own has a row for each of them."""
    labelled: dict[str, tuple[str, dict[str, Any]]] = {}
    brought: dict[str, list[str]] = {}
    for text in request.weights:
        name, sign, file = text.partition("=")
        if not sign or name not in request.detectors:
            if len(request.detectors) != 1:
                raise UsageError("--weights: with several detectors give DETECTOR=FILE")
            name, file = request.detectors[0], text
        brought.setdefault(name, []).append(file)
    for name in request.detectors:
        for file in brought.get(name, []):
            labelled[f"{name}:{Path(file).stem}"] = (name, {"weights": file})
        if name not in brought:
            labelled[name] = (name, {})
        if not is_external(name) and name != FUSED:
            registry.part(
                "detectors", name
            )  # a name that nobody knows is said before anything is read
    return labelled


def _models(request: BenchRequest, role_file: Path | None) -> tuple[SwapModel, ...]:
    if not request.models:
        return ()
    if not request.matrix:
        raise UsageError("--model: trained swaps are measured by --matrix only; give both")
    items = read_layout(request.data, role_file).items
    return tuple(read_model(t, items) for t in request.models if drawing_run(t) is None)


def _face_generators(request: BenchRequest) -> tuple[FaceGenerator, ...]:
    """What draws whole faces: the installed ones, and those of --model."""
    if not request.matrix:
        return ()
    runs = [run for text in request.models if (run := drawing_run(text)) is not None]
    return tuple(face_generators({name: (part, folder) for name, part, folder in runs}))


def _show(name: str, rows: Sequence[BenchRow]) -> None:
    first = rows[0]
    audit = "not measured" if first.audit_auc is None else f"{first.audit_auc:.3f}"
    files = "" if first.file_audit_auc is None else f"; raw files {first.file_audit_auc:.3f}"
    title = f"{name}  (leakage audit of the crops {audit}{files})"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in ("step", "detector", "AUC", "95 %", "Cllr", "ECE", "cov10", "sure", "n"):
        table.add_column(column, no_wrap=column != "detector", overflow="fold")
    for row in rows:
        table.add_row(*_cells(row))
    if first.audit_passes is False:
        console().print(AUDIT_WARNING, style="bold")
    console().print(table)


def _cells(row: BenchRow) -> list[str]:
    name = f"{row.detector}, frames" if row.of_frames else row.detector
    if row.score_metrics is None:
        return [row.step, name, "not scored", *[""] * 6]
    values, intervals = row.score_metrics.values, row.score_metrics.intervals
    interval = intervals.get("auc")
    llr = row.llr_metrics.values if row.llr_metrics else {}
    return [
        row.step,
        name,
        _figure(values.get("auc")),
        f"{interval.low:.3f}-{interval.high:.3f}" if interval else "-",
        _figure(llr.get("cllr")),
        _figure(llr.get("ece")),
        _figure(llr.get("coverage_at_risk_10pct")),
        _sure(row),
        f"{row.score_metrics.n_real}+{row.score_metrics.n_fake}",
    ]


def _sure(row: BenchRow) -> str:
    value = row.confident.values["confident_accuracy"] if row.confident else None
    return "-" if value is None else f"{value:.2f}/{row.confident_items}"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
