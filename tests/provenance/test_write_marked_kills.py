"""A short run of the benchmark that kills `write_marked` at random moments."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "write_marked_kills.py"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="forks, and looks into /proc")
def test_nothing_unmarked_is_left(tmp_path: Path):
    table = tmp_path / "kills.csv"
    command = [sys.executable, BENCHMARK, "--kills", "6", "--no-fallback", "--out", table]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = list(csv.DictReader(table.open()))
    assert sum(int(row["kills"]) for row in rows) == 6
    assert all(int(row["bad"]) == 0 for row in rows)
