"""What the parts of the cues that are shown and not weighed can tell: ears, cast shadows, compression history, round blobs.

    python benchmarks/cue_parts.py --data FOLDER

Only files of the roles train, select and calibrate are looked at. AUC = how often a fake has the higher number than a real
one (for shadows: the lower agreement); coverage = share of the pictures on which the part says anything. `alarms` = share of
real ones beyond what the part calls unusual, `found` = the same of fakes. Fakes: pseudo-fakes as training draws them, faces
whose nose and mouth are mirrored (for shadows), a rectangle pasted afresh into a picture that was compressed before (for the
history), and StyleGAN1's pictures. One row per part and kind of fake goes to the CSV file.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from likeness import media
from likeness.apps.benching import write_rows
from likeness.apps.progress import shown_progress
from likeness.data.known_faces import KnownFace, known_faces
from likeness.data.manifest import Item, read_items
from likeness.data.pairs import make_pair
from likeness.detectors import _eyes_ears as ears
from likeness.detectors import _noise_blobs as blobs
from likeness.detectors import _noise_history as history
from likeness.detectors import _skin_shadows as shadows
from likeness.detectors._skin_measures import measured
from likeness.faces.patch import group_mask
from likeness.faces.regions import LIPS_OUTER, NOSE
from likeness.media.coded_luma import coded_luma
from likeness.scoring import clopper_pearson
from likeness.scoring.metrics import auc
from likeness.types import FaceTrack, ImageArray

HERE = Path(__file__).parent
SEED = 5
SAVED = (70, 80, 90, 95)
"""The stills of the data folder were saved at 75 before."""


@dataclass(frozen=True)
class Shown:
    """One picture: its pixels, its face, and the JPEG file that it would be."""

    image: ImageArray
    track: FaceTrack
    quality: int = 90


Number = Callable[[Shown], float | None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--role-file", type=Path, default=Path("recipes/utkface_roles.csv"))
    parser.add_argument(
        "--stills", type=int, default=150, help="of utkface, roles select and calibrate"
    )
    parser.add_argument("--out", type=Path, default=HERE / "results" / "cue_parts.csv")
    arguments = parser.parse_args()
    items = [i for i in read_items(arguments.data, arguments.role_file) if i.role != "test"]
    rows: list[dict[str, object]] = []
    with shown_progress() as progress:
        for done, row in enumerate(measured_rows(arguments, items)):
            rows.append(row)
            write_rows(arguments.out, rows)
            progress("rows", done + 1, 22)
            print("  ".join(f"{v}" for v in row.values()))


def measured_rows(
    arguments: argparse.Namespace, items: Sequence[Item]
) -> Iterator[dict[str, object]]:
    folder: Path = arguments.data
    own = [i for i in items if i.source == "utkface" and i.role in ("select", "calibrate")]
    places = np.unique(np.linspace(0, len(own) - 1, arguments.stills).astype(int))
    utk = faces_of(folder, [own[int(k)] for k in places])
    ffhq = [opened(folder, k) for k in faces_of(folder, _of(items, "ffhq256"))]
    gan = [opened(folder, k) for k in faces_of(folder, _of(items, "stylegan1_256"))]
    pairs = [make_pair(folder, k, SEED) for k in utk]
    real = [Shown(p.real[0], p.track) for p in pairs]
    fake = [Shown(p.fake[0], p.track) for p in pairs]
    for k, name in enumerate(ears.NAMES):
        yield row(name, ("ffhq256", "stylegan1_256"), ear(k), (ffhq, gan))
        yield row(name, ("utkface", "pseudo_fake"), ear(k), (real, fake))
    for k, name in enumerate(shadows.NAMES):
        limit = -shadows.USUAL[k][0]
        flipped = [mirrored_middle(s) for s in (*ffhq, *real)]
        sides = ((*ffhq, *real), flipped)
        yield row(name, ("ffhq256+utkface", "nose mirrored"), shadow(k), sides, limit)
        yield row(name, ("utkface", "pseudo_fake"), shadow(k), (real, fake), limit)
        yield row(name, ("ffhq256", "stylegan1_256"), shadow(k), (ffhq, gan), limit)
    limit = blobs.USUAL[1]
    yield row(blobs.NAME, ("utkface", "stylegan1_256"), blob, (real, gan), limit)
    yield row(blobs.NAME, ("ffhq256 (its own range)", "stylegan1_256"), blob, (ffhq, gan), limit)
    for quality in SAVED:  # a third of the pictures: every one is compressed many times
        saved = [[replace(s, quality=quality) for s in side[::3]] for side in (real, fake)]
        label = f"pseudo_fake saved at {quality}"
        yield row("history: face against rest", ("utkface", label), apart, saved)
        yield from lit_rows(utk[::3], folder, quality)


def _of(items: Sequence[Item], source: str) -> list[Item]:
    return [i for i in items if i.source == source]


def faces_of(folder: Path, items: Sequence[Item]) -> list[KnownFace]:
    return known_faces(folder, items, Path("runs/faces"))


def opened(folder: Path, known: KnownFace) -> Shown:
    return Shown(next(iter(media.open_clip(known.item.file(folder)).frames)).image, known.track)


def ear(k: int) -> Number:
    def number(shown: Shown) -> float | None:
        track = shown.track
        frontal = abs(track.pose_deg[0, 0]) <= ears.MOST_YAW_DEG
        if not frontal or track.quality.eye_distance_px[0] < ears.LEAST_EYES_PX:
            return None
        found = ears.of_face(shown.image, track.landmarks_px[0])
        return None if found is None else float(found.values[k])

    return number


def shadow(k: int) -> Number:
    """The lower the agreement, the odder."""

    def number(shown: Shown) -> float | None:
        pose = shown.track.pose_deg[0]
        found = measured(shown.image, shown.track.landmarks_px[0], pose)
        cast = None if found is None else shadows.shadows_of(found.crop, found.where, pose)
        return None if cast is None else -cast.agreement[k]

    return number


def mirrored_middle(shown: Shown) -> Shown:
    """The same face with nose and mouth mirrored: their shadows then lie on the other side."""
    points = shown.track.landmarks_px[0].astype(np.float64)
    height, width = shown.image.shape[:2]
    mask = group_mask(points, NOSE + LIPS_OUTER, (width, height), 1.25)[..., None]
    centre = float(points[list(NOSE), 0].mean())
    columns = np.clip(np.rint(2 * centre - np.arange(width)).astype(int), 0, width - 1)
    mixed = mask * shown.image[:, columns] + (1.0 - mask) * shown.image
    return replace(shown, image=np.rint(mixed).astype(np.uint8))


def blob(shown: Shown) -> float | None:
    found = blobs.find_blobs(shown.image)
    return None if found is None else found.strongest


def found_history(image: ImageArray, quality: int) -> history.History | None:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(image).save(out, "JPEG", quality=quality)
    coded = coded_luma(media.open_clip(out.getvalue()).raw, 10_000_000)
    return None if coded is None else history.block_history(coded.luma, coded.table)


def apart(shown: Shown) -> float | None:
    found = found_history(shown.image, shown.quality)
    if found is None:
        return None
    left, top, right, bottom = np.maximum(shown.track.boxes_px[0] / 8.0, 0).astype(int)
    face = np.zeros(found.ratios.shape, bool)
    face[top:bottom, left:right] = True
    return history.apart(found, face) if face.any() and not face.all() else None


def lit_rows(faces: Sequence[KnownFace], folder: Path, quality: int) -> Iterator[dict[str, object]]:
    """A rectangle put in afresh: share of pictures that light up at all, untouched and spliced, and where."""
    whole, spliced, inside = [], [], []
    for known in faces:
        image = opened(folder, known).image
        rows, columns = image.shape[0] // 8, image.shape[1] // 8
        part = np.zeros((rows, columns), bool)
        part[rows // 3 : 2 * rows // 3, columns // 3 : 2 * columns // 3] = True
        fresh = np.roll(image, (3, 3), (0, 1))  # off the grid: as if it came from elsewhere
        pixels = np.kron(part, np.ones((8, 8), bool))[..., None]
        cut = image[: rows * 8, : columns * 8]
        mixed = np.where(pixels, fresh[: rows * 8, : columns * 8], cut)
        odd = [found_history(i, quality) for i in (cut, mixed)]
        lit = [None if f is None else history.odd_part(f) for f in odd]
        if lit[0] is None or lit[1] is None:
            continue
        whole.append(float((lit[0] > 0.5).any()))
        spliced.append(float((lit[1] > 0.5).any()))
        inside.append(auc(lit[1].ravel(), part.ravel().astype(int)))
    low, high = clopper_pearson(int(sum(whole)), len(whole))
    yield {
        "part": "history: map",
        "real": f"utkface, saved again at {quality}",
        "fake": f"its middle ninth pasted off the grid, {quality}",
        "n_real": len(whole),
        "n_fake": len(spliced),
        "coverage": 1.0,
        "auc": round(float(np.mean(inside)), 4),
        "alarms": round(float(np.mean(whole)), 4),
        "alarms_low": round(low, 4),
        "alarms_high": round(high, 4),
        "found": round(float(np.mean(spliced)), 4),
    }


def row(
    part: str,
    names: tuple[str, str],
    number: Number,
    shown: Sequence[Sequence[Shown]],
    limit: float | None = None,
) -> dict[str, object]:
    """AUC, coverage and, beyond a limit, alarms and finds of one part."""
    found = [[number(s) for s in side] for side in shown]
    real, fake = ([v for v in side if v is not None] for side in found)
    asked = sum(len(side) for side in found)
    labels = np.repeat([0, 1], [len(real), len(fake)])
    both = bool(real) and bool(fake)
    alarms = sum(v > limit for v in real) if limit is not None else 0
    low, high = clopper_pearson(alarms, len(real)) if limit is not None and real else (None, None)
    return {
        "part": part,
        "real": names[0],
        "fake": names[1],
        "n_real": len(real),
        "n_fake": len(fake),
        "coverage": round((len(real) + len(fake)) / max(asked, 1), 4),
        "auc": round(auc(np.array([*real, *fake]), labels), 4) if both else None,
        "alarms": None if limit is None or not real else round(alarms / len(real), 4),
        "alarms_low": None if low is None else round(low, 4),
        "alarms_high": None if high is None else round(high, 4),
        "found": None
        if limit is None or not fake
        else round(sum(v > limit for v in fake) / len(fake), 4),
    }


if __name__ == "__main__":
    main()
