"""What `extract` costs, what each filter drops per source, and whether the filters see what they are for.

    python benchmarks/extract.py --data FOLDER [--every 5] [--degraded 20]

Sources: mead W009, W011 and M030 and grid_s1, the only people of the data whose terms cover synthesis. Each becomes a face
set in a temporary folder that is removed. Then, per source, kept faces are spoilt on purpose (blur, light, colour, things in
front of the face) and the row says which share the filter drops; `untouched` are the same faces as they are: none fails, for
they were kept. What the filters drop of all faces is in the rows `share dropped`. What lies in front of the face is put on a few faces of a set at a time, as it would be in one.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import cv2
import numpy as np

from likeness.apps.benching import write_rows
from likeness.data.curation import REASONS, CurationConfig, failed_filters
from likeness.data.curation_measures import light_and_colour, mesh_colours, unlike_share
from likeness.data.face_sets import FaceSet, read_face_set
from likeness.faces import hull_mask, regions
from likeness.faces.quality import sharpness, visible_share
from likeness.jobs.extract import Extraction, ExtractOptions, Permit, extract
from likeness.jobs.extract_cutting import Cutting
from likeness.provenance.consent import read_consent, write_consent
from likeness.provenance.keys import KeyStore
from likeness.types import Consent, FloatArray, ImageArray

HERE = Path(__file__).parent
SOURCES = {"W009": "mead", "W011": "mead", "M030": "mead", "grid_s1": "grid_s1"}
MEASURES = ("native_px", "yaw_deg", "pitch_deg", "sharpness", "contrast", "unevenness", "tint")
MEASURES += ("visible", "unlike", "mouth_opening", "eye_opening")
Spoil = Callable[[ImageArray, FloatArray, np.random.Generator], ImageArray]


def _scaled(gain: float | np.ndarray) -> Spoil:
    return lambda image, *_: np.clip(image * gain, 0, 255).astype(np.uint8)


def _motion(length: int) -> Spoil:
    return lambda image, *_: cv2.filter2D(image, -1, np.ones((1, length)) / length)


def _bar(image: ImageArray, points: FloatArray, _: np.random.Generator) -> ImageArray:
    out, y = image.copy(), int(points[1, 1])
    cv2.rectangle(out, (0, y - 14), (image.shape[1], y + 6), (20, 20, 20), -1)
    return out


def _disc(image: ImageArray, points: FloatArray, _: np.random.Generator) -> ImageArray:
    middle = points[list(regions.LIPS_OUTER)].mean(axis=0) + np.array([0, 8])
    width = float(np.ptp(points[list(regions.FACE_OVAL), 0]))
    return cv2.circle(
        image.copy(), (int(middle[0]), int(middle[1])), int(0.17 * width), (60,) * 3, -1
    )


def _hand(place: tuple[int, ...]) -> Spoil:
    """Four fingers of the skin's own colour, shaded, over the points `place`: a drawing, no hand."""

    def spoil(image: ImageArray, points: FloatArray, rng: np.random.Generator) -> ImageArray:
        size = image.shape[0]
        cheek = hull_mask(points[list(regions.CHEEKS)], (size, size)) > 0.5
        colour = np.median(image[cheek], axis=0) * rng.uniform(0.85, 1.1)
        width, height = np.ptp(points[list(regions.FACE_OVAL)], axis=0)
        centre, alpha = points[list(place)].mean(axis=0), np.zeros((size, size), np.float32)
        for finger in range(4):
            x = float(centre[0] + (finger - 1.5) * 0.1 * width)
            box = ((x, float(centre[1])), (0.11 * width, 0.42 * height), rng.uniform(-20, 20))
            cv2.ellipse(alpha, box, 1.0, -1)
        alpha = cv2.GaussianBlur(alpha, (0, 0), 1)[..., None]
        shade = 1 - 0.18 * np.abs(np.sin(np.arange(size) / (0.05 * width) * np.pi / 2))
        return np.clip(image * (1 - alpha) + alpha * colour * shade[None, :, None], 0, 255).astype(
            np.uint8
        )

    return spoil


SPOILT: dict[str, tuple[str, Spoil]] = {
    "Gaussian blur, sigma 1 px of 160": ("blurred", lambda i, *_: cv2.GaussianBlur(i, (0, 0), 1)),
    "Gaussian blur, sigma 2 px": ("blurred", lambda i, *_: cv2.GaussianBlur(i, (0, 0), 2)),
    "motion blur, 5 px": ("blurred", _motion(5)),
    "motion blur, 9 px": ("blurred", _motion(9)),
    "light x 0.3": ("badly_lit", _scaled(0.3)),
    "light x 0.5": ("badly_lit", _scaled(0.5)),
    "light x 2 (burnt)": ("badly_lit", _scaled(2.0)),
    "one half x 0.3": (
        "badly_lit",
        lambda i, *_: _scaled(np.where(np.arange(i.shape[1]) < 80, 1.0, 0.3)[None, :, None])(i),
    ),
    "green x 0.8, blue x 0.6": ("tinted", _scaled(np.array([1.0, 0.8, 0.6]))),
    "grey": ("tinted", lambda i, *_: np.repeat(i.mean(2, keepdims=True).astype(np.uint8), 3, 2)),
    "black bar": ("cut_off_or_covered", _bar),
    "grey disc at the mouth": ("cut_off_or_covered", _disc),
    "drawn hand over an eye": ("cut_off_or_covered", _hand((33, 133))),
    "drawn hand over the mouth": ("cut_off_or_covered", _hand(tuple(regions.LIPS_OUTER))),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--every", type=int, default=5)
    parser.add_argument("--degraded", type=int, default=20, help="faces spoilt per source and way")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "extract.csv")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        for person in SOURCES:
            rows += of_person(person, Path(folder), arguments)
    write_rows(arguments.out, rows)
    for row in rows:
        print(f"{row['source']:8} {row['figure']:60} {row['value']}")


def of_person(person: str, folder: Path, arguments: argparse.Namespace) -> list[dict[str, object]]:
    """Extract one person and measure it."""
    clips = sorted((arguments.data / "video" / "real" / SOURCES[person]).iterdir())
    files = [c for c in clips if person == "grid_s1" or c.name.startswith(person)]
    consent = Consent(person, "dataset_terms", "research", date.max, "0" * 64, True, True)
    path = folder / f"{person}.consent.toml"
    write_consent(consent, path)
    keys = (
        KeyStore(folder / "keys")
        if (folder / "keys").is_dir()
        else KeyStore.create(folder / "keys")
    )
    permit = Permit(read_consent(path), "research", date.today(), keys)
    options = ExtractOptions(cutting=Cutting(every=arguments.every), threads=1)
    wall, spent = time.perf_counter(), time.process_time()
    done = extract(files, folder / person, permit, options)
    wall, spent = time.perf_counter() - wall, time.process_time() - spent
    again = time.process_time()
    extract(files, folder / person, permit, options)
    figures = {
        "faces found": len(done.curated.rows),
        "faces kept": done.curated.kept,
        "faces per second of processor time": len(done.curated.rows) / spent,
        "faces per second, wall clock": len(done.curated.rows) / wall,
        "load of the machine (1 minute)": os.getloadavg()[0],
        "second run with nothing new, processor seconds": time.process_time() - again,
        **_dropped(done),
        **_spread(done),
        **_degraded(read_face_set(folder / person), arguments.degraded),
    }
    return [
        {"source": person, "every": arguments.every, "figure": k, "value": round(float(v), 4)}
        for k, v in figures.items()
    ]


def _dropped(done: Extraction) -> dict[str, float]:
    count = len(done.curated.rows)
    return {
        f"share dropped: {name}{' alone' if counts is done.curated.only else ''}": counts[name]
        / count
        for counts in (done.curated.dropped, done.curated.only)
        for name in REASONS
    }


def _spread(done: Extraction) -> dict[str, float]:
    figures = {}
    for measure in MEASURES:
        values = [float(r[measure]) for r in done.curated.rows if r.get(measure) is not None]  # type: ignore[arg-type]
        for share in (1, 5, 50, 95, 99):
            figures[f"{measure}, percentile {share}"] = float(np.percentile(values, share))
    return figures


def _degraded(faces: FaceSet, count: int) -> dict[str, float]:
    """Share of spoilt faces that the filter in question drops, and of the same faces untouched."""
    rng = np.random.default_rng(0)
    chosen = rng.choice(len(faces), min(count, len(faces)), replace=False)
    colours = np.stack(
        [mesh_colours(i, p) for i, p in zip(faces.images, faces.landmarks_px, strict=True)]
    )
    untouched = _failures(faces, chosen, colours, lambda image, *_: image, rng)
    figures = {f"untouched: {name}": share for name, share in untouched.items()}
    for way, (name, spoil) in SPOILT.items():
        figures[f"{way}: {name}"] = _failures(faces, chosen, colours, spoil, rng)[name]
    return figures


def _failures(
    faces: FaceSet,
    chosen: np.ndarray,
    colours: FloatArray,
    spoil: Spoil,
    rng: np.random.Generator,
) -> dict[str, float]:
    rows, changed = [dict(r) for r in faces.rows], colours.copy()
    skin = np.median([(float(r["skin_a"]), float(r["skin_b"])) for r in rows], axis=0)
    for i in chosen:
        points = faces.landmarks_px[i]
        before = sharpness(faces.images[i], points)
        image = spoil(faces.images[i], points, rng)
        measured = light_and_colour(image, points)
        # The crop is softer than the frame it was cut from: what counts is how much sharpness is lost.
        lost = before - sharpness(image, points)
        tint = float(np.hypot(measured["skin_a"] - skin[0], measured["skin_b"] - skin[1]))
        rows[i] |= measured | {"tint": tint, "visible": visible_share(image, points)}
        rows[i]["sharpness"] = float(rows[i]["sharpness"]) - lost
        changed[i] = mesh_colours(image, points)
    for row, share in zip(rows, unlike_share(changed), strict=True):
        row["unlike"] = float(share)
    found = failed_filters(rows, CurationConfig())
    return {name: float(flags[chosen].mean()) for name, flags in found.items()}


if __name__ == "__main__":
    main()
