"""Bounded attacks on detectors, measurement only: how far each falls, and what re-scoring at random recovers.

    python benchmarks/attacks.py --data DATA --limit 12 boundary self_blended residual_statistics fused

Frozen pseudo-fakes of real pictures are changed by at most 2 or 4 levels of 255 per pixel so that a detector finds them less
suspicious; the reals stay as they are. Nothing of it is written: changed pictures live in memory, and the CSV holds figures.

- `pgd` (Madry et al., ICLR 2018) on detectors with a network: ten steps along the sign of its logit's gradient, through the
  cut of the face; on `fused`, along those of its networks, each with its weight in the fusion. The figure is that of the whole
  detector, measured as `detect` measures it, on the rounded picture.
- `search` on any detector: random squares of random signs, kept where the score falls (after Square Attack, Andriushchenko
  et al., ECCV 2020); it sees scores only.
- `noise`: signs at random, as large as the attack's: what a change of that size does by itself.

Pictures that were made against `fused` are shown to every detector that is named, so that its rows (`attacked` = fused) say how
far each falls when the fusion is attacked. Re-scoring takes the mean score over a few copies, each resized, shifted and
compressed at random; whoever attacks does not know how. Its cost on pictures that nobody attacked stands in the row too.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from attacks_networks import NETWORKS, Network, load_network
from attacks_scores import Face, Panel, Score, known, members, rescored, separation, settled

from likeness.apps.benching import write_rows
from likeness.apps.progress import shown_progress
from likeness.data.frozen_fakes import frozen_pair
from likeness.data.known_faces import known_faces
from likeness.data.layouts import evenly, read_layout
from likeness.jobs.bench_detectors import FUSED
from likeness.types import ImageArray

HERE = Path(__file__).parent
LEVELS = (2, 4)
STEPS = 10


def main() -> None:
    import cv2

    cv2.setNumThreads(1)
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
    parser.add_argument("--limit", type=int, default=12, help="faces")
    parser.add_argument("--queries", type=int, default=40, help="of the search, per face")
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
    """Rows per attack and size: of the attacked detector, and where that is `fused` of every other one that is named."""
    watched = [name]
    if name == FUSED:  # its members too, named or not: they are asked anyway
        watched = list(dict.fromkeys([FUSED, *members(), *arguments.detectors]))
    panel = Panel(watched)
    askers = {f.group: panel.of(f, watched) for f in faces}
    usable = [f for f in faces if None not in (panel.one(f, name)(i) for i in (f.real, f.fake))]
    before = [_seen(askers[f.group], f, (f.real, f.fake)) for f in usable]
    network = load_network(name) if name in NETWORKS else None
    kinds = ("noise", *(("pgd",) if network else ()), "search")
    for kind in (k for k in kinds if not arguments.attack or k in arguments.attack):
        for level in arguments.levels or LEVELS:
            after = []
            for done, face in enumerate(usable):
                given = (network, arguments.queries)
                image = attacked(kind, panel.one(face, name), face, level, given)
                after += [_seen(askers[face.group], face, (image,))]
                progress(f"{name}: {kind} {level}/255", done + 1, len(usable))
            for detector in watched:
                about = {"attacked": name, "detector": detector, "attack": kind, "levels": level}
                row = figures(detector, usable, before, after)
                if row is not None:
                    yield {**about, **row, "recovered": recovered({**about, **row})}


Seen = list[tuple[dict[str, float | None], dict[str, float]]]
"""For each picture of a face what every detector gives, and the mean over its changed copies."""


def _seen(scores: Any, face: Face, images: Sequence[ImageArray]) -> Seen:
    return [(dict(scores(i)), rescored(scores, i, face.seed)) for i in images]


def figures(
    detector: str, faces: Sequence[Face], before: Sequence[Seen], after: Sequence[Seen]
) -> dict[str, Any] | None:
    """What an attack did to a detector, on the faces that it scored before; None where these are fewer than three."""
    rows = [i for i, b in enumerate(before) if None not in (b[0][0][detector], b[1][0][detector])]
    if len(rows) < 3:
        return None
    groups = [faces[i].group for i in rows]
    real, fake = ([settled(before[i][k][0][detector]) for i in rows] for k in (0, 1))
    real_again, fake_again = ([before[i][k][1][detector] for i in rows] for k in (0, 1))
    hit = [settled(after[i][0][0][detector]) for i in rows]
    again = [after[i][0][1][detector] for i in rows]
    row: dict[str, Any] = {"faces": len(rows)}
    for name, pair in (
        ("auc_clean", (real, fake)),
        ("auc_attacked", (real, hit)),
        ("auc_clean_rescored", (real_again, fake_again)),
        ("auc_attacked_rescored", (real_again, again)),
    ):
        row[name], row[f"{name}_low"], row[f"{name}_high"] = separation(*pair, groups)
    row["fall_of_score"] = round(float(np.mean(np.subtract(fake, hit))), 4)
    return row


def recovered(row: dict[str, Any]) -> float | None:
    """Share of an attack's fall that re-scoring takes back; none where there was hardly a fall."""
    fall = row["auc_clean"] - row["auc_attacked"]
    if row["attack"] == "noise" or fall < 0.1:
        return None
    return round((row["auc_attacked_rescored"] - row["auc_attacked"]) / fall, 3)


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
