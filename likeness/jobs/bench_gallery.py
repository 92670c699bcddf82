"""The most confident mistakes of a benchmark, as pictures.

Only pixels of the user's files are shown. A missed pseudo-fake is shown by the picture that it was made of: the fake itself
lived in memory and was never marked, so it leaves in no file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from likeness import media
from likeness.data.known_faces import KnownFace
from likeness.errors import MediaError
from likeness.jobs.bench_rows import Judge
from likeness.jobs.measuring import CLEAN, Scored

PICTURE_PX = 160
Sort = Literal["false alarm", "missed fake", "missed pseudo-fake"]


@dataclass(frozen=True)
class Mistake:
    """One item that a detector was surely wrong about.

    Attributes:
        detector: its label.
        test_set: where.
        sort: a real item with a high score, or a fake with a low one.
        value: its llr, or its score where there is no llr.
        is_llr: which of the two.
        rank: share of the other class's items in the set that look less like it; 1 = worse than all of them.
        path: of the item.
        jpeg: its face as it is in the file, or empty where it cannot be read again.
    """

    detector: str
    test_set: str
    sort: Sort
    value: float
    is_llr: bool
    rank: float
    path: str
    jpeg: bytes = b""


def mistakes(
    folder: Path,
    measured: Mapping[str, Sequence[Scored]],
    faces: Mapping[str, KnownFace],
    judge: Judge,
    most: int,
) -> tuple[Mistake, ...]:
    """The `most` worst false alarms and misses of each detector over all sets, clean; none where nothing was scored."""
    found: list[Mistake] = []
    for label in judge.wanted if most else ():
        every = [m for name, rows in measured.items() for m in _of_set(label, name, rows, judge)]
        for wrong in (True, False):
            own = [m for m in every if (m.sort == "false alarm") is wrong]
            own.sort(key=lambda m: (-m.rank, -abs(m.value), m.path))
            found += own[:most]
    return tuple(_with_picture(folder, m, faces.get(m.path)) for m in found)


def _of_set(label: str, test_set: str, scored: Sequence[Scored], judge: Judge) -> Iterator[Mistake]:
    kept = [s for s in scored if s.step == CLEAN and s.scores.get(label) is not None]
    if len({s.label for s in kept}) < 2:
        return
    scores = np.array([float(s.scores[label] or 0.0) for s in kept])
    fake = np.array([s.label == 1 for s in kept])
    llrs = judge.llrs(label, scores.tolist())
    values = scores if llrs is None else llrs
    made = {
        s.path for s in kept if s.label == 0
    }  # a fake of the same path was made of it in memory
    for one, score, value in zip(kept, scores, values, strict=True):
        sort: Sort = "false alarm"
        rank = float((scores[fake] < score).mean())
        if one.label:
            sort = "missed pseudo-fake" if one.path in made else "missed fake"
            rank = float((scores[~fake] > score).mean())
        if rank > 0.5:
            yield Mistake(label, test_set, sort, float(value), llrs is not None, rank, one.path)


def _with_picture(folder: Path, mistake: Mistake, known: KnownFace | None) -> Mistake:
    if known is None:
        return mistake
    track = known.track
    row = len(track) // 2
    x0, y0, x1, y1 = (float(v) for v in track.boxes_px[row])
    half = 0.75 * max(x1 - x0, y1 - y0)
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    try:
        clip = media.open_clip(known.item.file(folder))
        (frame,) = clip.frames.at([int(track.frame_indices[row])])
        clip.frames.close()
        jpeg = media.encode_original(frame, PICTURE_PX, (x - half, y - half, x + half, y + half))
    except (MediaError, ValueError):
        return mistake
    return replace(mistake, jpeg=jpeg)
