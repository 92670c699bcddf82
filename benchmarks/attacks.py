"""Bounded attacks on detectors, measurement only: how far each falls, and what re-scoring at random recovers.

    python benchmarks/attacks.py --data DATA --limit 24 boundary residual_statistics fused

Frozen pseudo-fakes of real pictures are changed by at most 2 or 4 levels of 255 per pixel so that a detector finds them less
suspicious; the reals stay as they are. Nothing of it is written: changed pictures live in memory, and the CSV holds figures.

- `pgd` (Madry et al., ICLR 2018) on detectors with a network: ten steps along the sign of its logit's gradient, through the
  cut of the face; on `fused`, along those of all its networks. The figure is that of the whole detector, measured as `detect`
  measures it, on the rounded picture.
- `search` on any detector: random squares of random signs, kept where the score falls (after Square Attack, Andriushchenko
  et al., ECCV 2020); it sees scores only.
- `noise`: signs at random, as large as the attack's: what a change of that size does by itself.

Re-scoring takes the mean score over a few copies, each resized, shifted and compressed at random; whoever attacks does not know
how. Its cost on pictures that nobody attacked stands in the row too.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from attacks_networks import NETWORKS, Network, load_network

from likeness import media
from likeness.apps.benching import write_rows
from likeness.apps.progress import shown_progress
from likeness.data.frozen_fakes import frozen_pair
from likeness.data.known_faces import known_faces
from likeness.data.layouts import evenly, read_layout
from likeness.jobs.bench_detectors import FUSED, build_measured
from likeness.jobs.bench_rows import Judge
from likeness.jobs.judge import shipped_calibration
from likeness.jobs.measuring import Scored, usable_score
from likeness.scoring import auc, covariates_of
from likeness.types import FaceTrack, ImageArray

HERE = Path(__file__).parent
LEVELS = (2, 4)
STEPS = 10
COPIES = 5
Score = Callable[[ImageArray], float | None]


@dataclass(frozen=True)
class Face:
    """A real picture, its frozen pseudo-fake, and the face in both."""

    real: ImageArray
    fake: ImageArray
    track: FaceTrack
    group: str
    seed: int


def main() -> None:
    arguments = parsed()
    faces = faces_of(arguments)
    rows: list[dict[str, Any]] = []
    with shown_progress() as progress:
        for name in arguments.detectors:
            for row in measured(name, faces, arguments, progress):
                rows.append(row)
                write_rows(arguments.out, rows)  # a run that is stopped has what it measured
                print("  ".join(f"{k} {v}" for k, v in row.items()), flush=True)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("detectors", nargs="+", help="detectors, or fused")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--role", default="select")
    parser.add_argument("--role-file", type=Path, default=Path("recipes/utkface_roles.csv"))
    parser.add_argument("--source", default="utkface")
    parser.add_argument("--limit", type=int, default=24, help="faces")
    parser.add_argument("--queries", type=int, default=60, help="of the search, per face")
    parser.add_argument("--levels", type=int, action="append", help="of 255; repeat")
    parser.add_argument("--attack", action="append", help="noise, pgd or search; repeat")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "attacks.csv")
    return parser.parse_args()


def faces_of(arguments: argparse.Namespace) -> list[Face]:
    """Stills of one source and role, each with its frozen pseudo-fake."""
    items = read_layout(arguments.data, arguments.role_file).items
    own = [
        i
        for i in items
        if i.kind == "face"
        and i.label == 0
        and i.role == arguments.role
        and i.source == arguments.source
    ]
    found = known_faces(arguments.data, evenly(own, arguments.limit), Path("runs/faces"))
    pairs = [(k, frozen_pair(arguments.data, k)) for k in found]
    return [
        Face(p.real[0], p.fake[0], p.track, k.item.group, int(k.item.sha256[:12], 16))
        for k, p in pairs
    ]


def measured(
    name: str, faces: Sequence[Face], arguments: argparse.Namespace, progress: Any
) -> Iterator[dict[str, Any]]:
    """A row per attack and size, on the faces that the detector scores."""
    ask = asker(name)
    usable = [f for f in faces if ask(f)(f.real) is not None and ask(f)(f.fake) is not None]
    scores = [ask(f) for f in usable]
    reals = [known(s, f.real) for s, f in zip(scores, usable, strict=True)]
    plain = [known(s, f.fake) for s, f in zip(scores, usable, strict=True)]
    reals_again = [rescored(s, f.real, f.seed) for s, f in zip(scores, usable, strict=True)]
    plain_again = [rescored(s, f.fake, f.seed) for s, f in zip(scores, usable, strict=True)]
    network = load_network(name) if name in NETWORKS else None
    kinds = ("noise", *(("pgd",) if network else ()), "search")
    for kind in (k for k in kinds if not arguments.attack or k in arguments.attack):
        for level in arguments.levels or LEVELS:
            changed = []
            for done, (score, face) in enumerate(zip(scores, usable, strict=True)):
                changed.append(attacked(kind, score, face, level, (network, arguments.queries)))
                progress(f"{name}: {kind} {level}/255", done + 1, len(usable))
            after = [known(s, i) for s, i in zip(scores, changed, strict=True)]
            again = [
                rescored(s, i, f.seed) for s, i, f in zip(scores, changed, usable, strict=True)
            ]
            row = {
                "detector": name,
                "attack": kind,
                "levels": level,
                "faces": len(usable),
                "auc_clean": separation(reals, plain),
                "auc_attacked": separation(reals, after),
                "auc_clean_rescored": separation(reals_again, plain_again),
                "auc_attacked_rescored": separation(reals_again, again),
                "fall_of_score": round(float(np.mean(np.subtract(plain, after))), 4),
            }
            yield {**row, "recovered": recovered(row)}


def separation(reals: Sequence[float], fakes: Sequence[float]) -> float:
    labels = [0] * len(reals) + [1] * len(fakes)
    return round(auc([*reals, *fakes], labels), 4)


def recovered(row: dict[str, Any]) -> float | None:
    """Share of an attack's fall that re-scoring takes back; none where there was hardly a fall."""
    fall = row["auc_clean"] - row["auc_attacked"]
    if row["attack"] == "noise" or fall < 0.05:
        return None
    return round((row["auc_attacked_rescored"] - row["auc_attacked"]) / fall, 3)


def asker(name: str) -> Callable[[Face], Score]:
    """For a face, a function that scores other pictures of the same size with the face in the same place."""
    calibration = shipped_calibration()
    judge = Judge({name: (name, {})}, calibration)
    members = [n for q in calibration.fusion.questions for n in q.detectors]
    built = {n: build_measured(n, {}) for n in (members if name == FUSED else [name])}

    def of_face(face: Face) -> Score:
        covariates = covariates_of(face.track, 1)

        def score(image: ImageArray) -> float | None:
            clip = media.clip_from_frames([image])
            found = {n: usable_score(d.analyse(clip, (face.track,))) for n, d in built.items()}
            row = Scored(0, face.group, "clean", "", found, covariates)
            return judge.with_fused([row])[0].scores[name]

        return score

    return of_face


def known(score: Score, image: ImageArray) -> float:
    """The score; a picture that is not scored any more counts as one that says nothing."""
    found = score(image)
    return 0.0 if found is None else found


def rescored(score: Score, image: ImageArray, seed: int) -> float:
    """Mean over copies that were resized, shifted and compressed at random."""
    import cv2

    rng = np.random.default_rng([seed, 7])
    height, width = image.shape[:2]
    found = []
    for _ in range(COPIES):
        factor = rng.uniform(0.85, 1.0)
        small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        copy = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
        shift = np.array([[1, 0, rng.uniform(-1, 1)], [0, 1, rng.uniform(-1, 1)]])
        copy = cv2.warpAffine(
            copy, shift, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
        )
        found.append(known(score, media.jpeg_round_trip(copy, int(rng.integers(80, 96)))))
    return float(np.mean(found))


def attacked(
    kind: str, score: Score, face: Face, level: int, with_: tuple[Network | None, int]
) -> ImageArray:
    """The fake, changed by at most `level` levels per pixel."""
    rng = np.random.default_rng([face.seed, level])
    network, queries = with_
    if kind == "noise":
        return moved(face.fake, rng.choice([-level, level], face.fake.shape))
    if kind == "pgd":
        assert network is not None
        found = []
        for size in (level, level / 2):  # a smaller change is within the bound too
            start = rng.uniform(-size, size, face.fake.shape)
            change = network.descend(face.fake, face.track, start, size, STEPS)
            found.append(moved(face.fake, change))
        return min(found, key=lambda image: known(score, image))
    return searched(score, face, level, queries, rng)


def searched(
    score: Score, face: Face, level: int, queries: int, rng: np.random.Generator
) -> ImageArray:
    """Random squares over the face, each of one sign per channel or of finer blocks; kept where the score falls."""
    change = rng.choice([-level, level], (1, *face.fake.shape[1:])) * np.ones(face.fake.shape)
    best_image = moved(face.fake, change)
    best = min(known(score, best_image), known(score, face.fake))
    if best != known(score, best_image):
        change, best_image = np.zeros(face.fake.shape), face.fake
    x0, y0, x1, y1 = (int(v) for v in face.track.boxes_px[0])
    height, width = face.fake.shape[:2]
    for query in range(queries):
        share = max(0.08, 0.6 * (1 - query / queries))
        side = max(4, int(share * (x1 - x0)))
        top = int(np.clip(rng.integers(y0, max(y0 + 1, y1 - side // 2)), 0, max(0, height - side)))
        left = int(np.clip(rng.integers(x0, max(x0 + 1, x1 - side // 2)), 0, max(0, width - side)))
        block = int(rng.choice([1, 2, 4, 8, side]))
        cells = -(-side // block)
        signs = rng.choice([-level, level], (cells, cells, 3)).repeat(block, 0).repeat(block, 1)
        tried = change.copy()
        window = tried[top : top + side, left : left + side]
        window[...] = signs[: window.shape[0], : window.shape[1]]
        image = moved(face.fake, tried)
        found = known(score, image)
        if found < best:
            best, change, best_image = found, tried, image
    return best_image


def moved(image: ImageArray, change: np.ndarray) -> ImageArray:
    """The picture plus a change, in whole levels."""
    return np.clip(np.rint(image + change), 0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
