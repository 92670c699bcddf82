"""`likeness restore` on the command line: what it refuses, and with which exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from likeness.jobs.demo import portrait_path
from tests.apps.test_cli import run


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["-o", "x.png"], 6, "consent"),
        (["-o", "x.png", "--mode", "magic"], 2, "superres"),
        (["-o", "x.png", "--reference", "y.png"], 2, "--compare"),
        (["-o", "x.png", "--strength", "2"], 2, "strength"),
    ],
)
def test_refusals_are_one_line(tmp_path: Path, arguments: list[str], code: int, says: str) -> None:
    done = run("restore", portrait_path(), *arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert says in done.stderr and "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())
