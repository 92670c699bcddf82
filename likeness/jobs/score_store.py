"""Scores that were measured before, kept beside the runs: measuring again costs only what is new.

One file of JSON lines per detector, named by what the detector is made of (its code and its weights), and one for what was
seen of the faces. A score is found again by a key that says what was shown. Scores hold no pixels. Whoever changes how faces
are found or how pseudo-fakes are made deletes the folder.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import likeness
from likeness import registry, weights
from likeness.errors import OutputError
from likeness.jobs.bench_detectors import external_table, is_external

FACES = "faces"
_PACKAGE = Path(likeness.__file__).parent


class ScoreStore:
    """Rows by (table, key); a table is a detector's name with its fingerprint, or `FACES`.

    Args:
        folder: where the files lie; made on the first write. None = nothing is kept.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._tables: dict[str, dict[str, Any]] = {}

    def get(self, table: str, key: str) -> Any | None:
        """What was kept, or None."""
        return self._table(table).get(key)

    def put(self, table: str, key: str, value: Any) -> None:
        """Keep a JSON value; raises `OutputError` if it cannot be written."""
        self._table(table)[key] = value
        if self._folder is None:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with (self._folder / f"{table}.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps([key, value]) + "\n")
        except OSError as error:
            raise OutputError(f"cannot write {self._folder}: {error.strerror}") from error

    def _table(self, table: str) -> dict[str, Any]:
        if table not in self._tables:
            self._tables[table] = dict(self._read(table))
        return self._tables[table]

    def _read(self, table: str) -> Iterator[tuple[str, Any]]:
        path = None if self._folder is None else self._folder / f"{table}.jsonl"
        if path is None or not path.is_file():
            return
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                key, value = json.loads(line)
            except ValueError:  # the run that wrote it was stopped
                continue
            yield str(key), value


def detector_table(name: str, options: Mapping[str, Any]) -> str:
    """Name of the table of one detector: changes with its code, its weights and its configuration."""
    if is_external(name):
        return external_table(name)
    part = registry.part("detectors", name)
    digest = hashlib.sha256(json.dumps(dict(options), sort_keys=True, default=str).encode())
    for path in sorted({part.path, *_private_modules(part.path)}):
        digest.update(path.read_bytes())
    brought = [Path(v) for v in options.values() if isinstance(v, str) and Path(v).is_file()]
    for path in [*sorted((weights.FOLDER / name).glob("*")), *brought]:
        if path.suffix in (".safetensors", ".onnx", ".h5"):
            digest.update(path.read_bytes())
    return f"{name}-{digest.hexdigest()[:12]}"


def work_key(what: str, sha256: str, settings: Sequence[Any]) -> str:
    """Key of one item under certain settings."""
    text = json.dumps([what, sha256, *settings], default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _private_modules(path: Path) -> set[Path]:
    """Files of `likeness.detectors._*` that a detector's file imports, directly or through one another."""
    found: set[Path] = set()
    waiting = [path]
    while waiting:
        for name in _imported(waiting.pop()):
            file = _PACKAGE.parent / Path(*name.split(".")).with_suffix(".py")
            if file.is_file() and file not in found:
                found.add(file)
                waiting.append(file)
    return found


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
            "likeness.detectors"
        ):
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
