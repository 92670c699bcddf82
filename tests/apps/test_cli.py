"""The command line: exit codes, one clear line per error, and a batch that survives a bad file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from likeness import report
from likeness.jobs.demo import portrait_path


def run(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "likeness.apps.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


def test_a_batch_with_a_bad_file_still_gets_its_results(tmp_path: Path) -> None:
    bad = tmp_path / "notes.mp4"
    bad.write_text("these are words, not a film")
    page, result = tmp_path / "report.html", tmp_path / "result.json"
    done = run("detect", bad, portrait_path(), "--report", page, "--json", result)
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    stored = json.loads(result.read_text())
    jsonschema.validate(stored, report.json_schema())
    first, second = stored["results"]
    assert first["error"]["exit_code"] == 3
    assert second["verdict"]["reasons"]
    assert len(second["sha256"]) == 64
    assert "<html" in page.read_text()


def test_json_to_the_terminal_is_json_alone() -> None:
    done = run("detect", portrait_path(), "--json", "-")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["results"][0]["verdict"]["label"]


def test_fail_on_has_an_exit_code_of_its_own() -> None:
    done = run("detect", portrait_path(), "--json", "-")
    label = json.loads(done.stdout)["results"][0]["verdict"]["label"]
    assert run("detect", portrait_path(), "--fail-on", label).returncode == 10
    other = "manipulation_likely" if label != "manipulation_likely" else "inconclusive"
    assert run("detect", portrait_path(), "--fail-on", other).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["detect", "x.jpg", "--fail-on", "fake"], 2, "expected one of"),
        (["detect", "x.jpg", "--detector", "spectrun"], 2, "did you mean spectrum"),
        (["detect", "x.jpg", "--option", "spectrum.frame=3"], 2, "did you mean 'frames'"),
        (["detect", "x.jpg", "--option", "nonsense"], 2, "DETECTOR.KEY=VALUE"),
        (["detect", "x.jpg", "--nonsense"], 2, "No such option"),
        (["detect", "nowhere.jpg"], 3, "nowhere.jpg"),
        (["detect", "x.jpg", "--detector", "mesonet", "--weights", "none.h5"], 3, "none.h5"),
        (["train", "nowhere.toml", "--data", "."], 3, "nowhere.toml"),
    ],
)
def test_each_error_is_one_clear_line_with_its_exit_code(
    arguments: list[str], code: int, says: str
) -> None:
    done = run(*arguments)
    assert done.returncode == code, (done.stdout, done.stderr)
    assert says in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_report_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    done = run("detect", portrait_path(), "--report", tmp_path / "no" / "such" / "folder.html")
    assert done.returncode == 4
    assert "folder does not exist" in done.stderr


def test_detectors_are_listed_and_explained() -> None:
    listed = run("detectors")
    assert listed.returncode == 0
    for name in ("mesonet", "residual_statistics", "spectrum"):
        assert name in listed.stdout
    one = run("detectors", "mesonet")
    assert "Known failures" in one.stdout
    assert run("detectors", "mesonets").returncode == 2


def test_doctor_finds_nothing_broken() -> None:
    done = run("doctor")
    assert done.returncode == 0, done.stdout
    assert "broken" not in done.stdout
