"""Real faces of a data folder, upright, of one size and cut alike: what generators of faces learn from.

Pictures of role `test` are never cut. What a person would throw away at a glance is left out: turned, blurred, covered and
cut-off faces, and pictures without colour. Printed watermarks are not seen.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from likeness.data.known_faces import KnownFace, known_faces, load_images
from likeness.data.manifest import Item, read_items, select_items
from likeness.errors import DataError, OutputError
from likeness.types import (
    LANDMARK_COUNT,
    DoubleArray,
    FloatArray,
    ImageArray,
    Progress,
    check_array,
)

NOTICE = "real faces of a data set, for training generators under its terms, never to be published"
_FORMAT = 1
_TEXTS = ("groups", "sources", "paths", "licences")
_FORBIDDEN = "test"


@dataclass(frozen=True)
class FaceCut:
    """Which faces, and how they are cut.

    Attributes:
        size_px: side of the crops.
        margin: share of the mesh box that is added on each side, see `likeness.faces.align_matrix`; 0 = the face, brow to
            chin, fills the crop.
        sources: collections of the data folder.
        role_file: CSV that corrects the roles of unlabelled identities; empty = none.
        turned_deg: largest yaw and pitch.
        sharpness: least `FaceQuality.sharpness`.
        visible: least `FaceQuality.visible`.
        outside: largest share of the crop that lies outside the picture (it is filled by reflection).
        chroma: least mean absolute difference of red and blue from green in grey levels: leaves out pictures without colour.
    """

    size_px: int = 192
    margin: float = 0.0
    sources: tuple[str, ...] = ("utkface", "ffhq256")
    role_file: str = ""
    turned_deg: tuple[float, float] = (24.0, 18.0)
    sharpness: float = 1.4
    visible: float = 0.8
    outside: float = 0.14
    chroma: float = 8.0


@dataclass(frozen=True)
class FaceStores:
    """Folders that keep what was worked out before.

    Attributes:
        faces: found faces, see `likeness.data.known_faces`; None = they are found again.
        packs: crops; a folder whose name holds a hash of all that decides what is in it.
    """

    faces: Path | None = Path("runs/faces")
    packs: Path = Path("runs/packs")


@dataclass(frozen=True, eq=False)
class AlignedFaces:
    """N real faces cut alike.

    Attributes:
        images: (N, S, S, 3) uint8 RGB; a memory map.
        landmarks_px: (N, 478, 2) float32 in crop pixels.
        groups: identity of each.
        sources: collection of each.
        paths: file of each, relative to the data folder.
        licences: terms of each.
        sha256: hex hash of the files and of how they were cut: the same hash, the same pictures.
    """

    images: ImageArray
    landmarks_px: FloatArray
    groups: tuple[str, ...]
    sources: tuple[str, ...]
    paths: tuple[str, ...]
    licences: tuple[str, ...]
    sha256: str

    def __post_init__(self) -> None:
        check_array("AlignedFaces.images", self.images, (None, None, None, 3), np.uint8)
        count, size = self.images.shape[:2]
        check_array("AlignedFaces.images", self.images, (count, size, size, 3), np.uint8)
        wanted = (count, LANDMARK_COUNT, 2)
        check_array("AlignedFaces.landmarks_px", self.landmarks_px, wanted, np.float32)
        for name in _TEXTS:
            if len(getattr(self, name)) != count:
                raise DataError(
                    f"AlignedFaces.{name}: expected {count}, got {len(getattr(self, name))}"
                )

    def __len__(self) -> int:
        return len(self.images)

    @property
    def size_px(self) -> int:
        """Side of the crops."""
        return int(self.images.shape[1])

    def shrunk(self, size_px: int) -> ImageArray:
        """(N, size_px, size_px, 3) uint8 RGB of all faces, by area.

        Raises:
            DataError: larger than the faces were cut.
        """
        import cv2

        if not 1 <= size_px <= self.size_px:
            raise DataError(f"faces of {self.size_px} px cannot be shrunk to {size_px} px")
        if size_px == self.size_px:
            return np.array(self.images)
        out = np.empty((len(self), size_px, size_px, 3), np.uint8)
        for row, image in enumerate(self.images):
            out[row] = cv2.resize(image, (size_px, size_px), interpolation=cv2.INTER_AREA)
        return out


def aligned_faces(
    data: Path,
    roles: Sequence[str],
    cut: FaceCut = FaceCut(),
    stores: FaceStores = FaceStores(),
    progress: Progress | None = None,
) -> AlignedFaces:
    """The faces of these roles, cut alike, from the store if they were cut before.

    Args:
        data: folder with manifest.csv and splits.csv.
        roles: `train`, `select` or `calibrate`.
        cut: which and how.
        stores: see `FaceStores`.
        progress: see `likeness.types.Progress`.

    Raises:
        DataError: role `test`, a damaged manifest, or no face left.
        OutputError: the store cannot be written.

    Example:
        >>> faces = aligned_faces(Path("../shared/data"), ["train"])  # doctest: +SKIP
        >>> faces.images.shape  # doctest: +SKIP
        (4471, 192, 192, 3)
    """
    if _FORBIDDEN in roles or not roles:
        raise DataError(f"nothing is made of pictures of role {_FORBIDDEN!r}; got roles {roles}")
    if not 16 <= cut.size_px <= 512:
        raise DataError(f"size_px: expected 16-512, got {cut.size_px}")
    items = _items(data, roles, cut)
    digest = hashlib.sha256("".join(item.sha256 for item in items).encode())
    digest.update(json.dumps({"format": _FORMAT, **asdict(cut)}, sort_keys=True).encode())
    name = digest.hexdigest()
    place = stores.packs / f"aligned-{cut.size_px}-{name[:16]}"
    if not place.is_dir():
        known = known_faces(data, items, stores.faces, progress=progress)
        _write(place, name, data, cut, known, progress)
    return _read(place, name)


def _items(data: Path, roles: Sequence[str], cut: FaceCut) -> list[Item]:
    items = read_items(data, Path(cut.role_file) if cut.role_file else None)
    chosen = [
        item
        for source in cut.sources
        for item in select_items(items, source=source, role=list(roles), kind="face", label=0)
    ]
    if not chosen:
        raise DataError(f"no pictures of {', '.join(cut.sources)} with role {', '.join(roles)}")
    return chosen


def _good(known: KnownFace, cut: FaceCut) -> bool:
    quality, pose = known.track.quality, np.abs(known.track.pose_deg[0])
    return bool(
        pose[0] <= cut.turned_deg[0]
        and pose[1] <= cut.turned_deg[1]
        and quality.sharpness[0] >= cut.sharpness
        and quality.visible[0] >= cut.visible
    )


def _crops(
    data: Path, cut: FaceCut, known: Sequence[KnownFace]
) -> Iterator[tuple[KnownFace, ImageArray, FloatArray] | None]:
    """One of each face in order; None where it is left out."""
    from likeness.faces.geometry import align_matrix, transform, warp

    for face in known:
        points = face.track.landmarks_px[0].astype(np.float64)
        matrix = align_matrix(points, cut.size_px, cut.margin)
        image = load_images(data, face)[0] if _good(face, cut) else None
        if image is None or _outside(matrix, image.shape[:2], cut.size_px) > cut.outside:
            yield None
            continue
        crop = warp(image, matrix, cut.size_px)
        wide = crop.astype(np.int16)
        if np.abs(wide[..., (0, 2)] - wide[..., 1:2]).mean() < cut.chroma:
            yield None
            continue
        yield face, crop, transform(points, matrix).astype(np.float32)


def _outside(matrix: DoubleArray, height_width: tuple[int, ...], size_px: int) -> float:
    """Share of a crop that lies outside its picture."""
    from likeness.faces.geometry import invert, transform

    at = (np.arange(24) + 0.5) / 24 * size_px - 0.5
    grid = np.stack(np.meshgrid(at, at), axis=-1)
    x, y = np.moveaxis(transform(grid, invert(matrix)), -1, 0)
    height, width = height_width
    inside = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    return float(1.0 - inside.mean())


def _write(
    place: Path,
    name: str,
    data: Path,
    cut: FaceCut,
    known: Sequence[KnownFace],
    progress: Progress | None,
) -> None:
    """All of it or nothing."""
    kept: list[KnownFace] = []
    images, landmarks = [], []
    for done, made in enumerate(_crops(data, cut, known)):
        if made is not None:
            kept.append(made[0])
            images.append(made[1])
            landmarks.append(made[2])
        if progress:
            progress("cutting faces", done + 1, len(known))
    if not kept:
        raise DataError(f"none of {len(known)} faces is good enough to learn from; see FaceCut")
    about = {
        "format": _FORMAT,
        "notice": NOTICE,
        "sha256": name,
        "cut": asdict(cut),
        "found": len(known),
        "groups": [k.item.group for k in kept],
        "sources": [k.item.source for k in kept],
        "paths": [k.item.path for k in kept],
        "licences": [k.item.licence for k in kept],
    }
    part: Path | None = None
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
        np.save(part / "images.npy", np.stack(images), allow_pickle=False)
        np.save(part / "landmarks.npy", np.stack(landmarks), allow_pickle=False)
        (part / "faces.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
        part.chmod(0o755)
        if not place.is_dir():  # another process may have been faster
            part.rename(place)
    except OSError as error:
        raise OutputError(f"{place} cannot be written: {error}") from error
    finally:
        if part is not None:
            shutil.rmtree(part, ignore_errors=True)


def _read(place: Path, name: str) -> AlignedFaces:
    try:
        about = json.loads((place / "faces.json").read_text(encoding="utf-8"))
        images: npt.NDArray[Any] = np.load(place / "images.npy", mmap_mode="r", allow_pickle=False)
        landmarks = np.load(place / "landmarks.npy", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{place}: damaged ({error}); remove it and it is made again") from error
    if not isinstance(about, dict) or about.get("sha256") != name or about.get("notice") != NOTICE:
        raise DataError(f"{place}: not the faces that were asked for; remove it")
    texts: dict[str, Any] = {key: tuple(str(v) for v in about.get(key, ())) for key in _TEXTS}
    return AlignedFaces(images, landmarks, sha256=name, **texts)
