"""Face sets: one person's aligned original faces, with a row of facts for each, their landmarks and the consent record.

A set is a folder:

    set.json        what it is: crop size, margin, consent record, settings, the source files that were examined
    manifest.csv    one row per face that was found, kept or not, with the reason
    shards/         one safetensors file per source file, named by the hash of its content, never changed once written

`manifest.csv` names the shards, so replacing it (one rename) replaces the set; a run that is killed leaves the old set
whole. Pixels, landmarks and embeddings of other people than the set's are never stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from likeness.data.face_rows import (
    COLUMNS,
    MANIFEST,
    Manifest,
    Row,
    is_face_set,
    read_manifest,
    write_manifest,
)
from likeness.data.face_shards import Shard, read_shard, write_shard
from likeness.errors import DataError
from likeness.provenance.consent_form import consent_to_dict as consent_as_dict
from likeness.types import (
    LANDMARK_COUNT,
    Consent,
    DoubleArray,
    FactValue,
    FloatArray,
    ImageArray,
    check_array,
)

__all__ = [
    "COLUMNS",
    "MINIMUM_FACES",
    "RECOMMENDED_FACES",
    "WORKING_FACES",
    "FaceSet",
    "Manifest",
    "Row",
    "consent_as_dict",
    "is_face_set",
    "read_face_set",
    "read_manifest",
    "require_enough",
    "too_few",
    "write_face_set",
    "write_manifest",
]

MINIMUM_FACES = 100
"""Fewer kept faces than this are refused."""
WORKING_FACES = 300
"""A few hundred faces of different poses train a usable model."""
RECOMMENDED_FACES = 1000
"""What is recommended; thousands are normal."""


@dataclass(frozen=True, eq=False)
class FaceSet:
    """N aligned faces of one person, original pixels.

    Attributes:
        images: (N, S, S, 3) uint8 RGB.
        landmarks_px: (N, 478, 2) float32 in crop pixels, MediaPipe mesh order.
        matrices: (N, 2, 3) float64, frame pixels to crop pixels.
        rows: a row of the manifest for each, see `COLUMNS`; the kept flag and the reason are among them.
        consent: the record of the person.
        size_px: S.
        margin: as in `likeness.faces.align`.
        consent_id: salted hash of the subject, as every row carries it.
        embeddings: (N, 128) float32 identity embeddings, or None where they were not computed.
        about: further facts of the set: settings, examined files, hash.
    """

    images: ImageArray
    landmarks_px: FloatArray
    matrices: DoubleArray
    rows: tuple[Row, ...]
    consent: Consent
    size_px: int
    margin: float
    consent_id: str = ""
    embeddings: FloatArray | None = None
    about: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        count, size = len(self.rows), self.size_px
        check_array("FaceSet.images", self.images, (count, size, size, 3), np.uint8)
        check_array(
            "FaceSet.landmarks_px", self.landmarks_px, (count, LANDMARK_COUNT, 2), np.float32
        )
        check_array("FaceSet.matrices", self.matrices, (count, 2, 3), np.float64)
        if self.embeddings is not None:
            check_array("FaceSet.embeddings", self.embeddings, (count, None), np.float32)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def sha256(self) -> str:
        """Hex hash of the manifest as it was read, which names the content of every shard; empty for sets in memory."""
        return str(self.about.get("sha256", ""))

    def values(self, column: str) -> npt.NDArray[Any]:
        """(N,) one column of the rows; missing numbers are NaN."""
        kind = COLUMNS.get(column, str)
        if kind is float:
            return np.array([_number(row.get(column)) for row in self.rows], np.float64)
        return np.array([row.get(column) for row in self.rows])

    def take(self, rows: npt.ArrayLike) -> FaceSet:
        """The faces at `rows` (indices or a boolean mask), in that order."""
        chosen = np.asarray(rows)
        index = np.arange(len(self))[chosen if chosen.size else chosen.astype(np.int64)]
        return replace(
            self,
            images=self.images[index],
            landmarks_px=self.landmarks_px[index],
            matrices=self.matrices[index],
            rows=tuple(self.rows[i] for i in index),
            embeddings=None if self.embeddings is None else self.embeddings[index],
        )


def require_enough(face_set: FaceSet, missing: Sequence[str] = ()) -> None:
    """Refuse a set that is too small to train on.

    Args:
        face_set: kept faces only.
        missing: what the set lacks, in words, for the message (see `coverage.Coverage.missing`).

    Raises:
        DataError: fewer than `MINIMUM_FACES` faces.
    """
    if len(face_set) < MINIMUM_FACES:
        raise DataError(too_few(len(face_set), missing))


def too_few(kept: int, missing: Sequence[str] = ()) -> str:
    """The message for a set of `kept` faces that is below the minimum."""
    lacks = f"; missing: {', '.join(missing)}" if missing else ""
    return (
        f"expected at least {MINIMUM_FACES} usable faces ({WORKING_FACES} work, {RECOMMENDED_FACES} or more are "
        f"recommended), got {kept}{lacks}; add clips of the same person or examine more frames (--every 1)"
    )


def write_face_set(folder: str | Path, face_set: FaceSet) -> Path:
    """Write a whole set that lies in memory; replaces a set that is there already.

    Raises:
        OutputError: the folder cannot be written.
    """
    folder = Path(folder)
    embeddings = face_set.embeddings
    shard = write_shard(
        folder,
        Shard(
            images=face_set.images,
            landmarks_px=face_set.landmarks_px,
            matrices=face_set.matrices,
            embeddings=np.zeros((len(face_set), 0), np.float32)
            if embeddings is None
            else embeddings,
        ),
    )
    rows: list[Row] = [
        {
            "kept": True,
            "reason": "",
            "face_id": f"{i:06d}",
            "consent_id": face_set.consent_id,
            **row,
            "shard": shard,
            "shard_row": i,
        }
        for i, row in enumerate(face_set.rows)
    ]
    about = {"size_px": face_set.size_px, "margin": face_set.margin} | {
        k: v for k, v in face_set.about.items() if k != "sha256"
    }
    write_manifest(folder, rows, about | {"consent_id": face_set.consent_id}, face_set.consent)
    return folder


def read_face_set(folder: str | Path, kept_only: bool = True) -> FaceSet:
    """Read a set with its pixels.

    Args:
        folder: what `likeness extract -o` wrote.
        kept_only: leave out what the filters dropped.

    Raises:
        DataError: no face set, a damaged one, or shards that are not the ones that the manifest names.

    Example:
        >>> faces = read_face_set("faces/ada")        # doctest: +SKIP
        >>> faces.images.shape, faces.rows[0]["yaw_deg"]  # doctest: +SKIP
        ((412, 160, 160, 3), -3.1)
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    wanted = [r for r in manifest.rows if r["shard"] and (r["kept"] or not kept_only)]
    size = int(manifest.about["size_px"])
    parts: dict[str, list[int]] = {}
    for row in wanted:
        parts.setdefault(str(row["shard"]), []).append(_index(row["shard_row"]))
    read = {name: read_shard(folder, name, size, rows) for name, rows in parts.items()}
    cursor = dict.fromkeys(parts, 0)
    order = np.zeros(len(wanted), np.int64)
    start = dict(zip(read, np.cumsum([0] + [len(s) for s in read.values()]), strict=False))
    for i, row in enumerate(wanted):
        name = str(row["shard"])
        order[i] = start[name] + cursor[name]
        cursor[name] += 1
    shard = Shard.joined(list(read.values()), size)
    return FaceSet(
        images=shard.images[order],
        landmarks_px=shard.landmarks_px[order],
        matrices=shard.matrices[order],
        rows=tuple(wanted),
        consent=manifest.consent,
        size_px=size,
        margin=float(manifest.about["margin"]),
        consent_id=str(manifest.about.get("consent_id", "")),
        embeddings=shard.embeddings[order] if shard.embeddings.shape[1] else None,
        about={**manifest.about, "sha256": manifest.sha256},
    )


def _number(value: FactValue) -> float:
    return float(value) if isinstance(value, (int, float)) else float("nan")


def _index(value: FactValue) -> int:
    if not isinstance(value, int) or value < 0:
        raise DataError(f"{MANIFEST}: shard_row must be a number from 0, got {value!r}")
    return value
