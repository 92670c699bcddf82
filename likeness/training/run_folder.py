"""What a training run says of itself in its folder; read without torch.

run.json       settings, consent records, hashes of what was learned from, figures
metrics.csv    figures on what was held out, one row per measurement
checkpoints/   see `likeness.training`
model.onnx     what using the trained model needs; its hash stands in run.json
previews/      marked pictures, if the caller handed in an encoder
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from likeness.data.face_shards import write_whole
from likeness.errors import WeightsError

ABOUT, METRICS, CHECKPOINTS, PREVIEWS = "run.json", "metrics.csv", "checkpoints", "previews"
GRAPH = "model.onnx"
_MOST_BYTES = 64 << 20


def write_about(out: Path, facts: Mapping[str, Any]) -> None:
    """Write run.json, whole or not at all."""
    write_whole(out / ABOUT, (json.dumps(facts, indent=1, sort_keys=True) + "\n").encode())


def read_about(run: Path) -> dict[str, Any]:
    """Read run.json.

    Raises:
        WeightsError: there is none, or it is damaged.
    """
    path = run / ABOUT
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise WeightsError(f"{path}: larger than {_MOST_BYTES} bytes")
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise WeightsError(
            f"{run} holds no readable training run ({error}); make one with `likeness train`"
        ) from error
    if not isinstance(facts, dict):
        raise WeightsError(f"{path}: expected the facts of a training run")
    return facts


def write_metrics(out: Path, rows: list[dict[str, Any]]) -> None:
    """Write metrics.csv, whole or not at all."""
    names = list(dict.fromkeys(key for row in rows for key in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(out / METRICS, text.getvalue().encode())


def read_metrics(out: Path) -> list[dict[str, Any]]:
    """The rows that are there already, numbers as numbers; none if there is no file."""
    try:
        text = (out / METRICS).read_text(encoding="utf-8")
    except OSError:
        return []
    return [{k: _number(v) for k, v in row.items()} for row in csv.DictReader(io.StringIO(text))]


def _number(text: str | None) -> Any:
    try:
        return float(text or "")
    except ValueError:
        return text
