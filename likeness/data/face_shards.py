"""Shards of a face set: the faces of one source file, in one safetensors file that is named by its own hash."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from likeness.errors import DataError, OutputError
from likeness.types import (
    LANDMARK_COUNT,
    DoubleArray,
    FloatArray,
    ImageArray,
    IndexArray,
    check_array,
)

SHARDS = "shards"
_NAME = re.compile(r"[0-9a-f]{32}\.safetensors")
_MOST_BYTES = 8 << 30


@dataclass(frozen=True, eq=False)
class Shard:
    """M faces of one source file.

    Attributes:
        images: (M, S, S, 3) uint8 RGB.
        landmarks_px: (M, 478, 2) float32 in crop pixels.
        matrices: (M, 2, 3) float64 frame to crop.
        embeddings: (M, D) float32; D = 0 where they were not computed.
        thumbs: JPEG of each face for the contact sheet (`media.encode_original`); empty if there are none.
    """

    images: ImageArray
    landmarks_px: FloatArray
    matrices: DoubleArray
    embeddings: FloatArray
    thumbs: tuple[bytes, ...] = field(default=())

    def __post_init__(self) -> None:
        count = len(self.images)
        check_array("Shard.images", self.images, (count, None, None, 3), np.uint8)
        check_array("Shard.landmarks_px", self.landmarks_px, (count, LANDMARK_COUNT, 2), np.float32)
        check_array("Shard.matrices", self.matrices, (count, 2, 3), np.float64)
        check_array("Shard.embeddings", self.embeddings, (count, None), np.float32)
        if self.thumbs and len(self.thumbs) != count:
            raise DataError(f"Shard.thumbs: expected {count}, got {len(self.thumbs)}")

    def __len__(self) -> int:
        return len(self.images)

    @classmethod
    def joined(cls, shards: Sequence[Shard], size_px: int) -> Shard:
        """Several shards as one; none makes an empty one of crops of `size_px`."""
        if not shards:
            return cls(
                np.zeros((0, size_px, size_px, 3), np.uint8),
                np.zeros((0, LANDMARK_COUNT, 2), np.float32),
                np.zeros((0, 2, 3)),
                np.zeros((0, 0), np.float32),
            )
        widths = {s.embeddings.shape[1] for s in shards}
        whole = len(widths) == 1  # faces with and without embeddings: none are handed out
        return cls(
            np.concatenate([s.images for s in shards]),
            np.concatenate([s.landmarks_px for s in shards]),
            np.concatenate([s.matrices for s in shards]),
            np.concatenate([s.embeddings[:, : None if whole else 0] for s in shards]),
        )


def write_shard(folder: Path, shard: Shard) -> str:
    """Write a shard into the set `folder`.

    Returns:
        Its file name: the first 32 hex digits of the hash of its content. Equal content is one file.

    Raises:
        OutputError: it cannot be written.
    """
    from safetensors.numpy import save

    arrays: dict[str, Any] = {
        "images": np.ascontiguousarray(shard.images),
        "landmarks_px": np.ascontiguousarray(shard.landmarks_px),
        "matrices": np.ascontiguousarray(shard.matrices),
    }
    if shard.embeddings.shape[1]:
        arrays["embeddings"] = np.ascontiguousarray(shard.embeddings)
    if shard.thumbs:
        arrays["thumb_bytes"] = np.frombuffer(b"".join(shard.thumbs), np.uint8)
        arrays["thumb_ends"] = np.cumsum([len(t) for t in shard.thumbs]).astype(np.int64)
    content = save(arrays)
    name = hashlib.sha256(content).hexdigest()[:32] + ".safetensors"
    path = folder / SHARDS / name
    if not path.is_file():
        write_whole(path, content)
    return name


def read_shard(folder: Path, name: str, size_px: int, rows: Sequence[int] | None = None) -> Shard:
    """Read a shard, or only some of its rows (in the order given).

    Raises:
        DataError: no such shard, its content is not what its name says, or its arrays do not fit.
    """
    arrays = _arrays(folder, name)
    try:
        images = arrays["images"]
        count = len(images)
        index = np.arange(count) if rows is None else np.asarray(rows, np.int64)
        if len(index) and (index.min() < 0 or index.max() >= count):
            raise DataError(f"{SHARDS}/{name}: has {count} faces, the manifest asks for another")
        check_array("images", images, (count, size_px, size_px, 3), np.uint8)
        embeddings = arrays.get("embeddings", np.zeros((count, 0), np.float32))
        return Shard(
            images[index],
            arrays["landmarks_px"][index],
            arrays["matrices"][index],
            embeddings[index],
        )
    except (KeyError, IndexError, TypeError) as error:
        raise DataError(f"{SHARDS}/{name}: not a shard of a face set: {error}") from error


def read_thumbs(folder: Path, name: str, rows: Sequence[int]) -> list[bytes]:
    """The stored JPEG of some faces of a shard; an empty list where none are stored.

    Raises:
        DataError: as `read_shard`.
    """
    arrays = _arrays(folder, name)
    if "thumb_ends" not in arrays or "thumb_bytes" not in arrays:
        return []
    ends: IndexArray = arrays["thumb_ends"]
    content = arrays["thumb_bytes"].tobytes()
    starts = np.concatenate([[0], ends[:-1]])
    if len(rows) and max(rows) >= len(ends):
        raise DataError(f"{SHARDS}/{name}: has {len(ends)} pictures, the manifest asks for another")
    return [content[int(starts[i]) : int(ends[i])] for i in rows]


def _arrays(folder: Path, name: str) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    if not _NAME.fullmatch(name):
        raise DataError(f"{name[:80]!r}: not the name of a shard")
    path = folder / SHARDS / name
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DataError(f"{path}: larger than {_MOST_BYTES} bytes")
        content = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path}: the manifest names it, but it cannot be read: {error.strerror}"
        ) from error
    if hashlib.sha256(content).hexdigest()[:32] != path.stem:
        raise DataError(f"{path}: damaged: its content is not what its name says")
    try:
        return dict(load(content))
    except (SafetensorError, ValueError, KeyError) as error:
        raise DataError(f"{path}: not a safetensors file: {error}") from error


def remove_other_shards(folder: Path, used: Collection[str]) -> None:
    """Remove shards that no row names any more, and what an interrupted run left behind."""
    below = folder / SHARDS
    if not below.is_dir():
        return
    stale = [p for p in below.iterdir() if _NAME.fullmatch(p.name) and p.name not in used]
    for path in (*stale, *below.glob(".*.partial"), *folder.glob(".*.partial")):
        path.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file completely or not at all: beside its place, to the disk, then one rename.

    Raises:
        OutputError: it cannot be written; nothing is left behind.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
