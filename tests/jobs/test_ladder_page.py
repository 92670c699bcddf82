"""The page of the ladder says what the CSV files say, and leaves out what is too small to say."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import ladder_page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "ladder.md"


def row(detector: str, step: str, auc: float, **more: object) -> dict[str, str]:
    given = {
        "detector": detector,
        "test_set": "people pseudo-fakes",
        "step": step,
        "level": "image",
        "of_frames": False,
        "audit_auc": 0.52,
        "audit_passes": True,
        "n_real": 40,
        "n_fake": 40,
        "n_real_groups": 40,
        "auc": auc,
        "auc_low": "",
        "auc_high": "",
        "llr_cllr": "",
        "llr_coverage_at_risk_10pct": "",
        "tpr_at_fpr_1pct": "",
    }
    return {k: str(v) for k, v in {**given, **more}.items()}


def cells(table: str, head: str) -> list[str]:
    (line,) = [x for x in table.splitlines() if x.startswith(f"| {head} |")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_steps_carry_all_four_measures_and_what_is_left() -> None:
    more = {"llr_cllr": 0.5, "llr_coverage_at_risk_10pct": 0.8, "tpr_at_fpr_1pct": 0.25}
    rows = [
        row("a", "clean", 0.9, **more),
        row("a", "blur_3", 0.6, llr_cllr=0.97),
        row("a", "jpeg_95", 0.8),
        row("b", "clean", 0.51),
        row("b", "jpeg_95", 0.49),
        row("c", "clean", 1.0, n_real=1),
    ]
    table = ladder_page.steps(rows)
    assert cells(table, "AUC")[1:] == ["a", "b"]  # c has one item
    assert cells(table, "**share left**")[1:] == ["**0.50**", "-"]
    assert table.index("| jpeg_95 |") < table.index("| blur_3 |")  # the ladder's order
    assert "| clean | 0.50 |" in table and "| blur_3 | 0.97 |" in table
    assert "| clean | 80% |" in table and "| clean | 25% |" in table
    assert "40 + 40 items" in table and "leakage audit 0.52." in table


def test_a_set_that_fails_its_audit_says_so() -> None:
    table = ladder_page.steps([row("a", "clean", 0.9, audit_auc=0.7, audit_passes=False)])
    assert "leakage audit 0.70: **fails**" in table


def test_sure_answers_of_frames_stand_beside_those_of_clips() -> None:
    sure = {"confident_accuracy": 0.7, "confident_share": 0.5, "confident_items": 40}
    rows = [
        row("mesonet:x", "clean", 0.7, level="track", **sure),
        row("mesonet:x", "clean", 0.6, of_frames=True, **sure),
        row("a", "clean", 0.9, llr_confident_share=0.25, llr_confident_accuracy=0.95),
        row("mesonet:y", "clean", 0.5, confident_share=0.0, confident_items=0),
        row("a", "jpeg_95", 0.9, **sure),
    ]
    lines = ladder_page.confident([{"confident_items": "20", **r} for r in rows]).splitlines()[2:]
    assert ["frames together" in lines[0], "single frames" in lines[1]] == [True, True]
    assert "40 (50%) | its own word" in lines[0]
    assert "0.950" in lines[2] and "likelihood ratio" in lines[2]
    assert "| none is sure | 0 (0%) |" in lines[3] and len(lines) == 4


def test_every_table_has_its_place_in_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE.read_text())
    rows = [row("a", "clean", 0.9), row("a", "blur_1", 0.7)]
    with (tmp_path / "run_rows.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    given = ["ladder_page.py", "--run", str(tmp_path / "run"), "--page", str(page)]
    for _ in range(2):  # a page that was filled can be filled again
        monkeypatch.setattr(sys, "argv", given)
        ladder_page.main()
    text = page.read_text()
    assert all(text.count(f"<!-- table: {name} -->") == 1 for name in ladder_page.TABLES)
    assert text.count("| blur_1 | 0.70 |") == 1
    assert "Not measured yet." in text  # the run has no bins
