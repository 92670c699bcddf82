"""Importing the package and asking for help stay quick: heavy imports are lazy.

Processor time is measured, so that a busy machine changes nothing: both are single-threaded and read little.
"""

from __future__ import annotations

import os
import subprocess
import sys
from statistics import median

HEAVY = "numpy cv2 scipy onnxruntime torch av sklearn typer rich pydantic PIL"


def _seconds(code: str) -> float:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def _import_ms(statement: str) -> float:
    """Median time of an import within a fresh interpreter, net of starting it."""
    code = f"import time; t = time.process_time(); {statement}; print(time.process_time() - t)"
    return 1000 * median(_seconds(code) for _ in range(5))


def test_import_is_light() -> None:
    code = f"import sys, likeness; print(*[m for m in '{HEAVY}'.split() if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not done.stdout.strip()
    assert _import_ms("import likeness") < 150


def _child_seconds() -> float:
    times = os.times()
    return times.children_user + times.children_system


def test_help_takes_less_than_half_a_second() -> None:
    times = []
    for _ in range(5):
        start = _child_seconds()
        command = [sys.executable, "-m", "likeness.apps.cli", "--help"]
        subprocess.run(command, check=True, capture_output=True)
        times.append(_child_seconds() - start)
    assert min(times) < 0.5


def test_detection_runs_without_torch_and_scikit_learn() -> None:
    code = (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('torch', 'sklearn', 'onnx', 'dlib'):\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "import likeness\n"
        "from likeness.jobs.demo import portrait_path\n"
        "verdict = likeness.detect(portrait_path())\n"
        "assert any(e.status == 'scored' for e in verdict.evidence), verdict.evidence\n"
        "assert not any(e.status == 'failed' for e in verdict.evidence), verdict.evidence\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_public_names_exist_and_are_sorted() -> None:
    import likeness

    assert list(likeness.__all__) == sorted(likeness.__all__)
    for name in likeness.__all__:
        assert getattr(likeness, name) is not None
