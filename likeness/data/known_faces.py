"""The main face of every item of a data set, found once and kept in a cache."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from likeness.data.manifest import Item
from likeness.errors import MediaError
from likeness.types import FaceQuality, FaceTrack, ImageArray, Progress

if TYPE_CHECKING:
    from likeness.faces import FaceModels

_TRACK_ARRAYS = (
    "frame_indices",
    "times_s",
    "boxes_px",
    "landmarks_px",
    "pose_deg",
    "confidence",
    "bridged",
)
_QUALITY_ARRAYS = ("eye_distance_px", "sharpness", "jpeg_quality", "visible", "eye_aspect_ratio")

MIN_FACE_PX = 48
"""Smaller faces are not looked for: what is wanted is the main face of a portrait."""


@dataclass(frozen=True)
class KnownFace:
    """One item of a data set and its main face (the longest, then the largest track)."""

    item: Item
    track: FaceTrack


def known_faces(
    folder: Path,
    items: Sequence[Item],
    store: Path | None = None,
    frames: int = 8,
    progress: Progress | None = None,
) -> list[KnownFace]:
    """Find the main face of every item; items without one are left out.

    Args:
        folder: where the items' paths start.
        items: pictures and clips.
        store: folder of one small .npz per item, named by the item's hash; None = find them again.
        frames: frames of a clip that are looked at, evenly spread.
        progress: see `likeness.types.Progress`.
    """
    tracks: dict[int, FaceTrack | None] = {}
    missing = []
    for place, item in enumerate(items):
        stored = _place(store, item, frames)
        if stored and stored.is_file():
            tracks[place] = _read(stored)
        else:
            missing.append(place)
    # Starting processes takes seconds: nobody is started where everything is known.
    tracks.update(_found(folder, store, frames, [(p, items[p]) for p in missing], progress))
    kept = [(item, tracks[place]) for place, item in enumerate(items)]
    return [KnownFace(item, track) for item, track in kept if track is not None]


def _found(
    folder: Path,
    store: Path | None,
    frames: int,
    wanted: Sequence[tuple[int, Item]],
    progress: Progress | None,
) -> Iterator[tuple[int, FaceTrack | None]]:
    """(place, track) of items that were never looked at."""
    if not wanted:
        return
    find = partial(_find_one, folder, store, frames)
    # Forked workers of a process with onnxruntime threads may hang; spawned ones do not.
    with ProcessPoolExecutor(max_workers=2, mp_context=get_context("spawn")) as pool:
        looked = pool.map(find, [item for _, item in wanted], chunksize=16)
        for done, ((place, _), track) in enumerate(zip(wanted, looked, strict=True)):
            yield place, track
            if progress:
                progress("finding faces", done + 1, len(wanted))


def _place(store: Path | None, item: Item, frames: int) -> Path | None:
    return store / f"{item.sha256}-{frames}.npz" if store else None


def load_images(folder: Path, known: KnownFace) -> list[ImageArray]:
    """The pictures that the track's rows belong to, (H, W, 3) uint8 RGB each."""
    from likeness.media import open_clip

    clip = open_clip(folder / known.item.path)
    return [frame.image for frame in clip.frames.at(known.track.frame_indices.tolist())]


def main_face(tracks: Iterable[FaceTrack]) -> FaceTrack | None:
    """The track with most rows that were really seen; among equals the largest face."""
    return max(
        tracks,
        key=lambda t: (int((~t.bridged).sum()), float(np.median(t.quality.eye_distance_px))),
        default=None,
    )


def seen_rows(track: FaceTrack) -> FaceTrack:
    """The track without its bridged rows."""
    return take_rows(track, np.flatnonzero(~track.bridged))


def take_rows(track: FaceTrack, rows: npt.NDArray[np.int64]) -> FaceTrack:
    """The track at these rows only."""
    return FaceTrack(
        track_id=track.track_id,
        quality=FaceQuality(**{n: getattr(track.quality, n)[rows] for n in _QUALITY_ARRAYS}),
        **{n: getattr(track, n)[rows] for n in _TRACK_ARRAYS},
    )


def renumbered(track: FaceTrack) -> FaceTrack:
    """The track of a clip that holds exactly its frames, in order, at 25 Hz."""
    count = len(track)
    arrays: dict[str, Any] = {n: getattr(track, n) for n in _TRACK_ARRAYS}
    arrays["frame_indices"] = np.arange(count, dtype=np.int64)
    arrays["times_s"] = np.arange(count, dtype=np.float64) / 25.0
    return FaceTrack(track_id=0, quality=track.quality, **arrays)


def _find_one(folder: Path, store: Path | None, frames: int, item: Item) -> FaceTrack | None:
    stored = _place(store, item, frames)
    track = _look(folder / item.path, frames)
    if stored:
        stored.parent.mkdir(parents=True, exist_ok=True)
        _write(stored, track)
    return track


def _look(path: Path, frames: int) -> FaceTrack | None:
    from likeness.faces import TrackingConfig, track_faces
    from likeness.media import Sampling, open_clip, sample

    config = TrackingConfig(min_still_face_px=MIN_FACE_PX, threads=1)
    try:
        clip = open_clip(path)
        indices = sample(clip, Sampling("evenly", frames))
        track = main_face(track_faces(clip, indices, config=config, models=_models()))
    except MediaError:
        return None
    if track is None or bool(track.bridged.all()):
        return None
    return seen_rows(track)


@cache
def _models() -> FaceModels:
    """Loaded once per process, one thread each: the pool has a process per core."""
    from likeness.faces import FaceModels

    return FaceModels(threads=1)


def _write(path: Path, track: FaceTrack | None) -> None:
    arrays: dict[str, Any] = {}
    if track is not None:
        arrays = {n: getattr(track, n) for n in _TRACK_ARRAYS}
        arrays |= {f"quality_{n}": getattr(track.quality, n) for n in _QUALITY_ARRAYS}
    temporary = path.with_name(path.name + ".partial")
    with temporary.open("wb") as file:
        np.savez(file, **arrays)
    temporary.replace(path)


def _read(path: Path) -> FaceTrack | None:
    with np.load(path, allow_pickle=False) as stored:
        if "frame_indices" not in stored:
            return None
        quality = FaceQuality(**{n: stored[f"quality_{n}"] for n in _QUALITY_ARRAYS})
        return FaceTrack(track_id=0, quality=quality, **{n: stored[n] for n in _TRACK_ARRAYS})
