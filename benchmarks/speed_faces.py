"""Cost of the face room on this machine: processor time, so that other work on it matters less.

python benchmarks/speed_faces.py [CLIP ...]     # the portrait is always measured
"""

import csv
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from skimage import data

from likeness.faces import FaceModels, align, find_faces, track_faces
from likeness.faces.finding import mesh_on, mesh_square
from likeness.faces.quality import face_quality
from likeness.media import open_clip
from likeness.types import Frame


def cost_ms(work: Callable[[], object], repeats: int) -> float:
    """Median processor time of one call in milliseconds."""
    work()
    spent = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return 1e3 * float(np.median(spent))


class _Decoded:
    """Frames that are decoded already, so that decoding is not measured."""

    def __init__(self, frames: list[Frame]) -> None:
        self.frames = {f.index: f for f in frames}

    def at(self, indices: list[int]):
        return (self.frames[i] for i in indices)


def main(clips: list[Path]) -> None:
    cv2.setNumThreads(1)
    models = FaceModels(1)
    portrait = data.astronaut()
    landmarks = find_faces(portrait, models=models).landmarks_px[0]
    big = cv2.resize(portrait, None, fx=2.77, fy=2.77, interpolation=cv2.INTER_CUBIC)
    square = mesh_square(landmarks)
    rows = [
        ("find_faces, 512 px still", cost_ms(lambda: find_faces(portrait, models=models), 5)),
        ("mesh of one face", cost_ms(lambda: mesh_on(portrait, [square], models), 20)),
        ("quality of one face", cost_ms(lambda: face_quality(portrait, landmarks[None]), 20)),
        ("align, face of 92 px", cost_ms(lambda: align(portrait, landmarks), 100)),
        ("align, face of 256 px", cost_ms(lambda: align(big, landmarks * 2.77), 100)),
    ]
    for path in clips:
        clip = open_clip(path)
        indices = np.arange(0, len(clip.frames), max(1, round(clip.fps / 2))).tolist()
        start = time.process_time()
        frames = list(clip.frames.at(indices))
        decode = time.process_time() - start
        held = replace(clip, frames=_Decoded(frames))
        start = time.process_time()
        track_faces(held, indices, models=models)
        follow = time.process_time() - start
        rows.append((f"{path.name}: decode, 2 frames a second, whole clip", 1e3 * decode))
        rows.append((f"{path.name}: track_faces on them, whole clip", 1e3 * follow))
        rows.append((f"{path.name}: track_faces, one frame", 1e3 * follow / len(indices)))
    out = csv.writer(sys.stdout)
    out.writerow(("what", "processor_ms"))
    out.writerows((name, f"{ms:.2f}") for name, ms in rows)


if __name__ == "__main__":
    main([Path(p) for p in sys.argv[1:]])
