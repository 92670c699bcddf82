"""What the fixed filters make of twins, worked out once and kept on disk in eight bits: training then never waits for pictures."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from likeness.data.known_faces import KnownFace
from likeness.data.packs import NOTICE
from likeness.detectors._self_blended_crop import MARGINS, SCALES, SIZE_PX, phase_only
from likeness.detectors._self_blended_twins import (
    ENGINE_CONFIG,
    KINDS,
    MAP,
    REDRAWN,
    SHARES,
    SOFT,
    Drawn,
    Draws,
    Twins,
    eigenfaces_of,
    twins_of,
)
from likeness.errors import DataError
from likeness.networks.self_blended import CELL_PX, ENERGIES, REACH, TONES, VIEWS, FixedViews
from likeness.types import FloatArray, ImageArray, IndexArray, Progress

VERSION = "self-blended-views-1"
STEP = REACH / 127
"""Of the eight-bit views."""
DRAWN = "drawn.npy"
_SIDE = SIZE_PX // CELL_PX
_CHUNK = 16


@dataclass(frozen=True, eq=False)
class Seen:
    """P pairs as the network's trained part sees them.

    Attributes:
        views: (P, 2, 2, 40, 40, 73) int8 in units of `STEP`: real and fake, two scales; a memory map.
        maps: (P, 2, 20, 20) uint8 mask and boundary, 255 = 1.
        kinds: (P,) int64 places in `KINDS`.
        change: (P,) float32 mean difference of the two in levels.
        degraded: (P,) bool.
        groups: identity of each pair.
    """

    views: npt.NDArray[np.int8]
    maps: npt.NDArray[np.uint8]
    kinds: IndexArray
    change: FloatArray
    degraded: npt.NDArray[np.bool_]
    groups: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.maps)

    @classmethod
    def load(cls, folder: Path) -> Seen:
        """Open what `seen_of` wrote; raises `DataError`."""
        try:
            about = json.loads((folder / "pack.json").read_text(encoding="utf-8"))
            names = ("views", "maps", "kinds", "change", "degraded")
            arrays: dict[str, Any] = {
                n: np.load(folder / f"{n}.npy", mmap_mode="r", allow_pickle=False) for n in names
            }
        except (OSError, ValueError, EOFError) as error:
            raise DataError(f"{folder} holds no readable views: {error}") from error
        if not isinstance(about, dict) or about.get("format") != VERSION:
            raise DataError(f"{folder}: expected {VERSION}, got {about!r:.60}; remove the folder")
        arrays |= {n: np.array(arrays[n]) for n in names if n != "views"}
        return cls(**arrays, groups=tuple(about["groups"]))


@dataclass(frozen=True)
class Source:
    """What views are made with and where they lie.

    Attributes:
        folder: of all views.
        name: what identifies the autoencoder.
        draw: gives (N, 128, 128, 3) uint8 RGB, the faces as the autoencoder draws them; asked only if it is needed.
    """

    folder: Path
    name: str
    draw: Callable[[Sequence[KnownFace]], ImageArray]


def seen_of(
    data: Path,
    faces: Sequence[KnownFace],
    draws: Draws,
    source: Source,
    progress: Progress | None = None,
) -> Seen:
    """Views of the twins of these faces, from the folder if they were made before.

    The name of the subfolder holds a hash of all that decides what is in it.
    """
    folder = source.folder
    if not faces:
        raise DataError("self_blended: no faces to learn from")
    digest = hashlib.sha256("".join(f.item.sha256 for f in faces).encode())
    configs = [c.config_hash() for c in (ENGINE_CONFIG, SOFT, REDRAWN)]
    digest.update(f"{draws} {configs} {SHARES} {MARGINS} {VERSION} {source.name}".encode())
    place = folder / f"self-blended-{digest.hexdigest()[:16]}"
    if not place.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=folder))
        try:
            np.save(part / DRAWN, source.draw(faces), allow_pickle=False)
            _write(part, data, faces, draws, progress)
            part.rename(place)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return Seen.load(place)


def views_of(filters: FixedViews, crops: ImageArray) -> npt.NDArray[np.int8]:
    """(..., 160, 160, 3) uint8 crops to (..., 40, 40, 73) int8 views in units of `STEP`."""
    flat = np.ascontiguousarray(crops.reshape(-1, *crops.shape[-3:]))
    with torch.inference_mode():
        views = filters(torch.from_numpy(flat), torch.from_numpy(phase_only(flat)))
        small = torch.round(views / STEP).to(torch.int8).permute(0, 2, 3, 1)
    return np.asarray(small.numpy()).reshape(*crops.shape[:-3], _SIDE, _SIDE, VIEWS)


def mirrored(views: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """The (..., 40, 40, 73) views of the mirrored picture, without making them again.

    The four pixels of a row that share a cell are four bytes: in the other order they are the mirrored row.
    """
    turned = np.ascontiguousarray(views[..., ::-1, :])
    rows = np.ascontiguousarray(turned[..., TONES + ENERGIES :])
    turned[..., TONES + ENERGIES :] = rows.view(np.uint32).byteswap().view(np.int8)
    return turned


def _write(
    folder: Path,
    data: Path,
    faces: Sequence[KnownFace],
    draws: Draws,
    progress: Progress | None,
) -> None:
    count = len(faces) * draws.per_face
    basis = folder / "eigenfaces.safetensors"
    eigenfaces_of(data, faces).save(basis)
    shape = (count, 2, SCALES, _SIDE, _SIDE, VIEWS)
    views = np.lib.format.open_memmap(folder / "views.npy", "w+", np.int8, shape)
    maps = np.empty((count, 2, MAP, MAP), np.uint8)
    filters, facts, start = FixedViews().eval(), [], 0
    twins = twins_of(data, faces, draws, Drawn(basis, folder / DRAWN), progress)
    while some := list(islice(twins, _CHUNK)):
        views[start : start + len(some)] = views_of(filters, np.stack([t.crops for t in some]))
        maps[start : start + len(some)] = np.stack([t.maps for t in some])
        facts += [_facts(pair) for pair in some]
        start += len(some)
    views.flush()
    kinds, change, degraded, groups = zip(*facts, strict=True)
    np.save(folder / "maps.npy", maps, allow_pickle=False)
    np.save(folder / "kinds.npy", np.array(kinds, np.int64), allow_pickle=False)
    np.save(folder / "change.npy", np.array(change, np.float32), allow_pickle=False)
    np.save(folder / "degraded.npy", np.array(degraded, bool), allow_pickle=False)
    about = {"format": VERSION, "notice": NOTICE, "kinds": KINDS, "draws": str(draws)}
    text = json.dumps({**about, "count": count, "groups": groups}, indent=1)
    (folder / "pack.json").write_text(text, encoding="utf-8")
    folder.chmod(0o755)


def _facts(pair: Twins) -> tuple[int, float, bool, str]:
    return pair.kind, pair.change, pair.degraded, pair.group
