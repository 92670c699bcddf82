"""docs/walkthrough.md: the commands of its first part are run as written, one after the other."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("dlib")

from typer.testing import CliRunner

from likeness.apps.cli import app
from likeness.errors import LikenessError

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "walkthrough.md"


def commands(part: str) -> list[str]:
    """The lines of a part's shell blocks."""
    text = PAGE.read_text("utf-8")
    section = next(s for s in re.split(r"^## ", text, flags=re.M) if s.startswith(part))
    return [
        line
        for block in re.findall(r"^```sh\n(.*?)^```", section, re.M | re.S)
        for line in block.splitlines()
    ]


def run(line: str) -> tuple[int, str]:
    """Exit code and output; our own commands run in this process, which saves half a minute of start-ups."""
    words = shlex.split(line, comments=True)
    if words[0] != "likeness":
        folder = str(Path(sys.executable).parent)
        path = os.pathsep.join([folder, os.environ.get("PATH", "")])
        done = subprocess.run(["bash", "-c", line], env={**os.environ, "PATH": path}, check=False)
        return done.returncode, ""
    found = CliRunner().invoke(app, words[1:])
    if isinstance(found.exception, LikenessError):
        return found.exception.exit_code, str(found.exception)
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found.exit_code, found.output


def test_the_first_part_runs_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKENESS_CONFIG", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    said: dict[str, str] = {}
    lines = commands("One picture")
    assert len(lines) >= 10
    for line in lines:
        code, output = run(line)
        expected = re.search(r"# exits with (\d+)$", line)
        assert code == (int(expected[1]) if expected else 0), f"{line}\n{output}"
        said[line] = " ".join(output.split())
    shown = [text for line, text in said.items() if "provenance show" in line]
    job = re.search(r"job ([0-9a-f]{16})", shown[0])
    assert job is not None and "intact yes" in shown[0] and "trusted yes" in shown[0]
    assert "Content credentials none" in shown[1] and job[1] in shown[1]  # the watermark alone
    caught, passed_on = (text for line, text in said.items() if line.startswith("likeness detect"))
    assert "1 manipulation likely" in caught and "Manipulation likely" not in passed_on
    assert (tmp_path / "caught.html").is_file()
    assert json.loads((tmp_path / "swapped.png.report.json").read_text("utf-8"))["swapped"] == 1


def test_the_second_part_names_what_there_is() -> None:
    """It takes clips and half an hour (benchmarks/walkthrough.py runs it); here its words are looked up."""
    from typer.main import get_command

    root = get_command(app)
    for line in commands("Two people"):
        words = shlex.split(line)
        command: Any = root
        assert words.pop(0) == "likeness"
        while hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        known = {o for p in command.params for o in p.opts}
        assert {w for w in words if w.startswith("-")} <= known, line
    assert "--minutes 20" in "".join(commands("Two people"))
    assert (ROOT / "recipes" / "swap_light.toml").is_file()
