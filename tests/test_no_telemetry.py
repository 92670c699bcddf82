"""Nothing leaves the machine and nothing is left in the home folder: libraries that report to their makers are silenced."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_onnxruntime_keeps_no_device_number(tmp_path: Path) -> None:
    code = "from likeness import weights; weights.runtime().get_available_providers()"
    env = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    env.pop("ORT_DISABLE_TELEMETRY", None)
    subprocess.run([sys.executable, "-c", code], check=True, env=env)
    assert not list(tmp_path.iterdir())


def test_nobody_imports_it_past_that() -> None:
    found = [
        path.relative_to(ROOT).as_posix()
        for path in sorted((ROOT / "likeness").rglob("*.py"))
        if re.search(r"^\s*(?:import|from) onnxruntime", path.read_text("utf-8"), re.MULTILINE)
    ]
    assert found == ["likeness/weights/__init__.py"]
