"""The rows of a face set, its facts and its consent record: `manifest.csv` and `set.json`, without the pixels."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from likeness.data.face_shards import remove_other_shards, write_whole
from likeness.errors import ConsentError, DataError
from likeness.provenance.consent_form import consent_from_dict, consent_to_dict
from likeness.types import Consent, FactValue

FORMAT = 1
MANIFEST = "manifest.csv"
ABOUT = "set.json"
_MOST_ROWS = 2_000_000
_MOST_BYTES = 1 << 30

COLUMNS: Mapping[str, type] = {
    "face_id": str,
    "kept": bool,
    "reason": str,
    "file": str,
    "sha256": str,
    "frame_index": int,
    "time_s": float,
    "track": int,
    "faces_in_frame": int,
    "native_px": float,
    "yaw_deg": float,
    "pitch_deg": float,
    "roll_deg": float,
    "sharpness": float,
    "brightness": float,
    "contrast": float,
    "tint": float,
    "visible": float,
    "unlike": float,
    "mouth_opening": float,
    "mouth_width": float,
    "eye_opening": float,
    "brow_height": float,
    "similarity": float,
    "confidence": float,
    "consent_id": str,
    "shard": str,
    "shard_row": int,
}
"""Columns of the manifest and their types; a set may carry more, which are read as text."""

_REQUIRED = ("face_id", "kept", "reason", "sha256", "shard", "shard_row")

Row = Mapping[str, FactValue]


@dataclass(frozen=True)
class Manifest:
    """The rows and facts of a set without its pixels.

    Attributes:
        rows: every face that was found, other people's included (these have no shard).
        about: what set.json holds.
        consent: the person's record.
        sha256: hex hash of manifest.csv.
    """

    rows: tuple[Row, ...]
    about: Mapping[str, Any]
    consent: Consent
    sha256: str


def write_manifest(
    folder: Path, rows: Sequence[Row], about: Mapping[str, Any], consent: Consent
) -> None:
    """Put a set in force: its shards are on disk already; those that no row names are removed afterwards.

    Raises:
        OutputError: the folder cannot be written.
    """
    described = {"format": FORMAT, **about, "consent": consent_to_dict(consent)}
    known = folder / ABOUT
    if not known.is_file():
        write_whole(known, _json(described))
    write_whole(folder / MANIFEST, manifest_text(rows).encode("utf-8"))
    write_whole(known, _json(described))
    remove_other_shards(folder, {str(r["shard"]) for r in rows if r.get("shard")})


def read_manifest(folder: str | Path) -> Manifest:
    """Read the rows of a set.

    Raises:
        DataError: no face set, or a damaged one.
    """
    folder = Path(folder)
    try:
        about = json.loads(_small(folder / ABOUT))
        text = _small(folder / MANIFEST)
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(
            f"{folder} holds no readable face set: {error}; make one with `likeness extract`"
        ) from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise DataError(f"{folder / ABOUT}: expected a face set of format {FORMAT}")
    size, margin = about.get("size_px"), about.get("margin")
    if not isinstance(size, int) or not isinstance(margin, (int, float)) or not 2 <= size <= 4096:
        raise DataError(
            f"{folder / ABOUT}: size_px and margin must be numbers, got {size}, {margin}"
        )
    try:
        consent = consent_from_dict(about.get("consent") or {}, str(folder / ABOUT))
    except ConsentError as error:
        raise DataError(f"{folder / ABOUT}: no readable consent record: {error}") from error
    digest = hashlib.sha256(text).hexdigest()
    return Manifest(_rows(text, folder / MANIFEST), about, consent, digest)


def is_face_set(folder: str | Path) -> bool:
    """Whether a face set lies in the folder."""
    return (Path(folder) / MANIFEST).is_file() and (Path(folder) / ABOUT).is_file()


def manifest_text(rows: Sequence[Row]) -> str:
    """The rows as CSV: the fixed columns first, then those that a set adds, numbers in their shortest form."""
    extra = sorted({key for row in rows for key in row} - set(COLUMNS))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*COLUMNS, *extra])
    for row in rows:
        writer.writerow([_text(row.get(key)) for key in (*COLUMNS, *extra)])
    return out.getvalue()


def _rows(text: bytes, path: Path) -> tuple[Row, ...]:
    try:
        reader = csv.DictReader(io.StringIO(text.decode("utf-8")), strict=True)
        missing = set(_REQUIRED) - set(reader.fieldnames or ())
        if missing:
            raise DataError(f"{path}: missing columns {', '.join(sorted(missing))}")
        rows = []
        for number, raw in enumerate(reader, start=2):
            if number > _MOST_ROWS or None in raw or None in raw.values():
                raise DataError(f"{path}:{number}: too many rows or fields")
            rows.append({k: _value(k, v, path, number) for k, v in raw.items()})
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: not a readable CSV file: {error}") from error
    return tuple(rows)


def _value(column: str, text: str, path: Path, number: int) -> FactValue:
    kind = COLUMNS.get(column, str)
    try:
        if kind is bool:
            return {"0": False, "1": True}[text]
        if kind is float:
            return float(text) if text else None
        if kind is int:
            return int(text) if text else None
    except (KeyError, ValueError) as error:
        raise DataError(
            f"{path}:{number}: {column} must be a {kind.__name__}, got {text[:40]!r}"
        ) from error
    return text


def _text(value: FactValue) -> str:
    if value is None:
        return ""
    if isinstance(value, (bool, np.bool_)):
        return "1" if value else "0"
    if isinstance(value, (float, np.floating)):
        return "" if not np.isfinite(value) else f"{float(value):.6g}"
    return str(value)


def _small(path: Path) -> bytes:
    if path.stat().st_size > _MOST_BYTES:
        raise DataError(f"{path}: larger than {_MOST_BYTES} bytes")
    return path.read_bytes()


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True, default=str) + "\n").encode("utf-8")
