"""Detectors on faces that our own generators draw, none of which any of them was trained on.

    python benchmarks/synthesis_detection.py --data DATA [--model NAME=RUN ...]

Real faces of roles select and calibrate against drawn ones of the same size, enlarged alike and coded at the same JPEG quality,
as in `likeness bench --matrix`. There a detector that says of itself that a picture lies outside what it knows has no figure;
here its raw score counts all the same, and the share of pictures on which it would have spoken stands beside it. For every
generator there is a control: one half of the real faces against the other. Nothing of role `test` is read. Writes
benchmarks/results/synthesis_detection.csv.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from likeness import registry
from likeness.apps.benching import write_rows
from likeness.data.known_faces import known_faces
from likeness.data.manifest import read_items, select_items
from likeness.jobs.bench_matrix import matrix_lines
from likeness.jobs.bench_models import drawing_run
from likeness.jobs.bench_synthesis import face_cells, face_generators, score_faces
from likeness.jobs.measuring import usable_score
from likeness.types import Clip, Detector, Evidence, FaceTrack

HERE = Path(__file__).parent
DETECTORS = ("cnn_generated", "spectrum")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", action="append", default=[], help="NAME=RUN; repeat")
    parser.add_argument("--detector", action="append", default=[])
    parser.add_argument("--only", action="append", default=[], help="generators by name")
    parser.add_argument("--role-file", type=Path, default=HERE.parent / "recipes/utkface_roles.csv")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "synthesis_detection.csv")
    arguments = parser.parse_args()
    items = select_items(
        read_items(arguments.data, arguments.role_file),
        source="utkface",
        role=["select", "calibrate"],
        kind="face",
        label=0,
    )
    step = max(1, len(items) // arguments.count)
    known = known_faces(arguments.data, items[::step][: arguments.count], Path("runs/faces"))
    runs = [run for text in arguments.model if (run := drawing_run(text)) is not None]
    generators = face_generators({n: (part, folder) for n, part, folder in runs})
    generators = [g for g in generators if not arguments.only or g.name in arguments.only]
    labels = arguments.detector or DETECTORS
    detectors = {name: Regardless(registry.build("detectors", name)) for name in labels}
    scored = []
    for generator in generators:
        for number, face in enumerate(known):
            one = (face,), (generator, number)
            scored += score_faces(arguments.data, *one, detectors)
            if (number + 1) % 10 == 0:
                print(f"{generator.name} {number + 1}/{len(known)}", flush=True)
    rows: list[dict[str, Any]] = []
    for cell in face_cells(scored):
        reals = [s for s in cell.scored if not s.label]
        halves = [replace(s, label=n % 2) for n, s in enumerate(reals)]
        control = replace(cell, generator=f"{cell.generator}: real, two halves", scored=(*halves,))
        for line in (*matrix_lines([cell], labels), *matrix_lines([control], labels)):
            spoke = detectors[line.keys["detector"]].spoke
            kept = sum(spoke) / max(1, len(spoke))
            rows.append({**line.flat("auc"), "in_domain_all": round(kept, 4)})
    for row in rows:
        print("  ".join(f"{key}={value}" for key, value in row.items()))
    write_rows(arguments.out, rows)


class Regardless:
    """A detector whose score counts even where it says that it means nothing there; counts how often that is."""

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
        self.spoke: list[bool] = []

    def analyse(self, clip: Clip, tracks: Sequence[FaceTrack]) -> Evidence:
        """As the detector, without what it says of its domain."""
        found = self.detector.analyse(clip, tracks)
        self.spoke.append(usable_score(found) is not None)
        return replace(found, tracks=())


if __name__ == "__main__":
    main()
