"""Crop packs: aligned face crops, real and fake, in one folder of plain arrays, for training detectors.

A pack is the one way in which generated faces leave memory without a mark. Therefore crops are small (256 px at most), every
pack says what it is, and it is made for training detectors only.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from likeness.errors import DataError, OutputError
from likeness.types import ImageArray, IndexArray, check_array

NOTICE = "fake crops for training detectors, never to be published"
MAX_SIZE_PX = 256
_FORMAT = 1
_TEXTS = ("groups", "sources", "recipes")


@dataclass(frozen=True, eq=False)
class CropPack:
    """N crops with all that training and audits need to know about them.

    Attributes:
        images: (N, S, S, 3) uint8 RGB, S at most 256; a memory map where the pack was loaded.
        labels: (N,) int64, 0 = real, 1 = fake.
        groups: identity of each crop; splits and bootstraps go by it.
        sources: collection of each crop.
        pair_ids: (N,) int64; a fake and its real partner share one.
        recipes: JSON of what was drawn for each crop; "{}" for untouched ones.
        masks: (N, S, S) uint8, 255 where the source of a blend lies; None if not kept.
    """

    images: ImageArray
    labels: IndexArray
    groups: tuple[str, ...]
    sources: tuple[str, ...]
    pair_ids: IndexArray
    recipes: tuple[str, ...]
    masks: npt.NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        check_array("CropPack.images", self.images, (None, None, None, 3), np.uint8)
        count, size = self.images.shape[:2]
        check_array("CropPack.images", self.images, (count, size, size, 3), np.uint8)
        check_array("CropPack.labels", self.labels, (count,), np.int64)
        check_array("CropPack.pair_ids", self.pair_ids, (count,), np.int64)
        if self.masks is not None:
            check_array("CropPack.masks", self.masks, (count, size, size), np.uint8)
        if size > MAX_SIZE_PX:
            raise DataError(
                f"crops of a pack are at most {MAX_SIZE_PX} px, got {size}: align to a smaller size"
            )
        for name in _TEXTS:
            if len(getattr(self, name)) != count:
                raise DataError(
                    f"CropPack.{name}: expected {count} entries, got {len(getattr(self, name))}"
                )
        if not np.isin(self.labels, (0, 1)).all():
            raise DataError("CropPack.labels: expected 0 (real) and 1 (fake) only")

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: npt.ArrayLike) -> CropPack:
        """The crops at `rows` (indices or a boolean mask), read into memory."""
        index = np.arange(len(self))[np.asarray(rows)]
        return CropPack(
            images=np.ascontiguousarray(self.images[index]),
            labels=self.labels[index],
            pair_ids=self.pair_ids[index],
            masks=None if self.masks is None else np.ascontiguousarray(self.masks[index]),
            **{name: tuple(getattr(self, name)[i] for i in index) for name in _TEXTS},
        )

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Rows (real, fake) of every fake whose real partner is in the pack."""
        real = {int(p): i for i, p in enumerate(self.pair_ids) if self.labels[i] == 0}
        for row in np.flatnonzero(self.labels == 1):
            partner = real.get(int(self.pair_ids[row]))
            if partner is not None:
                yield partner, int(row)

    def save(self, folder: str | Path) -> Path:
        """Write the pack into a new folder: all of it or nothing.

        Raises:
            OutputError: the folder exists already or cannot be written.
        """
        folder = Path(folder)
        if folder.exists():
            raise OutputError(f"{folder} exists; remove it or choose another name for the pack")
        texts = {name: list(getattr(self, name)) for name in _TEXTS}
        about: dict[str, Any] = {"format": _FORMAT, "notice": NOTICE, "count": len(self)}
        about |= {"size_px": self.images.shape[1], "fakes": int(self.labels.sum()), **texts}
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        except OSError as error:
            raise OutputError(f"{folder} cannot be written: {error}") from error
        try:
            for name, array in self._arrays().items():
                np.save(part / f"{name}.npy", array, allow_pickle=False)
            (part / "pack.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
            part.chmod(0o755)
            part.rename(folder)
        except OSError as error:
            raise OutputError(f"{folder} cannot be written: {error}") from error
        finally:
            shutil.rmtree(part, ignore_errors=True)
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> CropPack:
        """Open a pack; pictures and masks stay on disk until they are read.

        Raises:
            DataError: no pack, a damaged one, or one without its notice.
        """
        folder = Path(folder)
        try:
            about = json.loads((folder / "pack.json").read_text(encoding="utf-8"))
            names = ["images", "labels", "pair_ids"]
            names += ["masks"] if (folder / "masks.npy").is_file() else []
            arrays: dict[str, Any] = {
                n: np.load(folder / f"{n}.npy", mmap_mode="r", allow_pickle=False) for n in names
            }
        except (OSError, ValueError, EOFError) as error:
            raise DataError(f"{folder} holds no readable crop pack: {error}") from error
        if (
            not isinstance(about, dict)
            or about.get("format") != _FORMAT
            or about.get("notice") != NOTICE
        ):
            raise DataError(
                f"{folder / 'pack.json'}: expected format {_FORMAT} with the notice {NOTICE!r}"
            )
        texts: dict[str, Any] = {}
        for name in _TEXTS:
            value = about.get(name)
            if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
                raise DataError(f"{folder / 'pack.json'}: {name} must be a list of strings")
            texts[name] = tuple(value)
        arrays |= {n: np.array(arrays[n]) for n in ("labels", "pair_ids")}
        return cls(**arrays, **texts)

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        arrays: dict[str, npt.NDArray[Any]] = {
            "images": self.images,
            "labels": self.labels,
            "pair_ids": self.pair_ids,
        }
        return arrays if self.masks is None else {**arrays, "masks": self.masks}
