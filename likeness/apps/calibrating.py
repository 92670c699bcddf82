"""`likeness calibrate`: fit, print, write the tables."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from likeness.apps.benching import write_rows
from likeness.apps.progress import console, shown_progress
from likeness.jobs.calibrate import CalibrateOptions, CalibrationReport, calibrate

_SHOWN_CLIPS = 10


def run_calibrate(
    data: Path, out: Path, role_file: Path | None, figures: Path | None, tables: Path | None
) -> None:
    """Fit and write `out`; figures and tables are CSVs."""
    with shown_progress() as progress:
        report = calibrate(data, out, CalibrateOptions(role_file=role_file), progress)
    show(report)
    if figures:
        rows = [{"figure": k, "value": round(v, 4)} for k, v in report.figures.items()]
        write_rows(figures, rows)
    if tables:
        write_rows(tables / "cues_auc.csv", report.cues)
        write_rows(tables / "cues_left_out.csv", report.left_out)
        write_rows(tables / "cues_real_clips.csv", report.reals)


def show(report: CalibrationReport) -> None:
    """Print what a person has to see before shipping the file."""
    say = partial(console().print, soft_wrap=True)
    for key, value in report.figures.items():
        say(f"{key:48} {value:.4f}")
    for name, best in report.illustrations.items():
        say(f"{name:48} best AUC {best:.3f}: stays an illustration")
    say(
        "\nFusion, held out by identity        AUC    Cllr   min   clips: AUC   Cllr   highest real"
    )
    for row in report.left_out:
        cells = [row.get(k) for k in ("auc", "cllr", "min_cllr", "clips_auc", "clips_cllr")]
        shown = "  ".join("  -  " if c is None else f"{c:.3f}" for c in cells)
        say(f"without {row['left_out']:30} {shown}  {row.get('clips_highest_real')}")
    say("\nReal clips nearest to an alarm      llr   without cues")
    for row in report.reals[:_SHOWN_CLIPS]:
        say(f"{row['path']:52} {row['step']:12} {row['llr']:+.2f}  {row['llr_without_cues']:+.2f}")
