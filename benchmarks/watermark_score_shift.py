"""How far the watermark moves the detectors' scores on real media, beside what a re-encode and plain noise do.

    python benchmarks/watermark_score_shift.py --data FOLDER

Every real picture and clip is scored in memory by every detector but `marks`, as it is and in four versions: with the watermark
put on evenly, with the watermark stronger on the faces (as for generated media; random job numbers), with white noise in luma
of the even watermark's energy, and encoded once as JPEG of quality 95, which any editing program does. Faces are found anew
on each version, as `detect` does. llr is calibrated log10; `file` is the fused one. Goal: |delta llr| < 0.1. The mean with its sign
says in which direction: below zero, marked media look less manipulated than they are.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from likeness import media
from likeness.apps.benching import write_rows
from likeness.apps.progress import shown_progress
from likeness.data.manifest import Item, read_items
from likeness.jobs.detect import DetectOptions, Examiner, find_tracks, measuring_detectors
from likeness.jobs.judge import judge
from likeness.provenance.watermark import Embedder, can_carry
from likeness.types import FaceTrack, FloatArray, ImageArray

HERE = Path(__file__).parent
SOURCES = {
    "celebahq1024": 32,
    "ffhq256": 32,
    "utkface": 32,
    "portraits": 11,
    "speakers": 5,
    "grid_s1": 8,
    "mead": 8,
}
SEED = 20260303
FRAMES = 8
GOAL = 0.1
Scores = Mapping[str, tuple[float | None, float | None]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--limit", type=int, help="at most this many items of a source")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "watermark_score_shift.csv")
    arguments = parser.parse_args()
    chosen = choose(read_items(arguments.data), arguments.limit)
    examiner = Examiner(DetectOptions(detectors=measuring_detectors(), frames=FRAMES))
    shifts: list[dict] = []
    with shown_progress() as progress:
        for done, item in enumerate(chosen):
            shifts += measure(arguments.data, item, examiner, np.random.default_rng([SEED, done]))
            progress("items", done + 1, len(chosen))
    rows = table(shifts)
    write_rows(arguments.out, rows)
    show(rows)


def choose(items: Sequence[Item], limit: int | None) -> list[Item]:
    """Evenly spread real items of each source."""
    chosen: list[Item] = []
    for source, most in SOURCES.items():
        here = [i for i in items if i.source == source and i.label == 0]
        wanted = min(most, limit or most, len(here))
        chosen += [here[k] for k in np.linspace(0, len(here) - 1, wanted).round().astype(int)]
    return chosen


def measure(data: Path, item: Item, examiner: Examiner, rng: np.random.Generator) -> list[dict]:
    """Shifts of one item; none where no face is found or its size cannot carry the mark."""
    images = load(data / item.path)
    tracks = find_tracks(media.clip_from_frames(images), FRAMES, None, examiner.models)
    size_wh = (images[0].shape[1], images[0].shape[0])
    if not tracks or can_carry(size_wh, "image"):
        return []
    before = score(images, tracks, examiner)
    rows = []
    for change, changed in versions(images, tracks, rng).items():
        again = find_tracks(media.clip_from_frames(changed), FRAMES, None, examiner.models)
        after = score(changed, again, examiner)
        rows += [
            {
                "source": item.source,
                "item": item.path,
                "change": change,
                "detector": name,
                "psnr_db": psnr(images, changed),
                "score": difference(before[name][0], after[name][0]),
                "llr": difference(before[name][1], after[name][1]),
                "answered": (before[name][1] is not None) == (after[name][1] is not None),
            }
            for name in before
        ]
    return rows


def versions(
    images: Sequence[ImageArray], tracks: Sequence[FaceTrack], rng: np.random.Generator
) -> dict[str, list[ImageArray]]:
    """The changed pictures, by the name of the change."""
    size_wh = (images[0].shape[1], images[0].shape[0])
    embedder = Embedder(size_wh, int(rng.integers(0, 2**63)))
    even = [embedder.embed(image) for image in images]
    energy = float(
        np.mean([np.std(a.astype(np.float32) - b) for a, b in zip(images, even, strict=True)])
    )
    return {
        "watermark": even,
        "watermark_on_faces": [
            embedder.embed(i, emphasis(size_wh, tracks, n)) for n, i in enumerate(images)
        ],
        "noise_of_its_energy": [noisy(image, energy, rng) for image in images],
        "jpeg_95": [media.jpeg_round_trip(image, 95) for image in images],
    }


def noisy(image: ImageArray, deviation: float, rng: np.random.Generator) -> ImageArray:
    noise = rng.normal(0.0, deviation, image.shape[:2])[..., None]
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)


def load(path: Path) -> list[ImageArray]:
    clip = media.open_clip(path)
    images = [f.image for f in clip.frames.at(media.sample(clip, media.Sampling("evenly", FRAMES)))]
    clip.frames.close()
    return images


def emphasis(size_wh: tuple[int, int], tracks: Sequence[FaceTrack], frame: int) -> FloatArray:
    """1 on the faces, with soft edges: where a generator would have been at work."""
    import cv2

    weight = np.zeros((size_wh[1], size_wh[0]), np.float32)
    for track in tracks:
        for row in np.flatnonzero(track.frame_indices == frame):
            x0, y0, x1, y1 = (max(0, round(float(v))) for v in track.boxes_px[row])
            weight[y0:y1, x0:x1] = 1.0
    return cv2.GaussianBlur(weight, (0, 0), min(size_wh) / 20.0)


def score(images: Sequence[ImageArray], tracks: Sequence[FaceTrack], examiner: Examiner) -> Scores:
    """Raw score and llr per detector, and the fused llr of the file."""
    clip = media.clip_from_frames(list(images))
    evidence = [d.analyse(clip, tracks) for d in examiner.detectors.values()]
    verdict = judge(clip, tracks, evidence, examiner.calibration)
    found: dict[str, tuple[float | None, float | None]] = {
        e.detector: (e.score, e.llr) for e in verdict.evidence
    }
    return {**found, "file": (verdict.llr, verdict.llr)}


def difference(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before


def psnr(before: Sequence[ImageArray], after: Sequence[ImageArray]) -> float:
    error = np.mean(
        [
            np.mean((a.astype(np.float32) - b.astype(np.float32)) ** 2)
            for a, b in zip(before, after, strict=True)
        ]
    )
    return float(10 * np.log10(255.0**2 / max(float(error), 1e-9)))


def table(shifts: Sequence[dict]) -> list[dict]:
    keys = ("source", "detector", "change")
    rows = []
    for key in dict.fromkeys(tuple(s[k] for k in keys) for s in shifts):
        here = [s for s in shifts if tuple(s[k] for k in keys) == key]
        signed = [s["llr"] for s in here if s["llr"] is not None]
        llrs = np.abs(signed)
        scores = np.abs([s["score"] for s in here if s["score"] is not None])
        rows.append(
            {
                **dict(zip(keys, key, strict=True)),
                "items": len(here),
                "with_llr": len(llrs),
                "answer_lost_or_won": sum(not s["answered"] for s in here),
                "psnr_db_median": round(float(np.median([s["psnr_db"] for s in here])), 2),
                **{f"score_{k}": v for k, v in spread(scores).items()},
                **{f"llr_{k}": v for k, v in spread(llrs).items()},
                "llr_mean_signed": round(float(np.mean(signed)), 4) if signed else None,
                "llr_below_goal": round(float(np.mean(llrs < GOAL)), 4) if len(llrs) else None,
            }
        )
    return rows


def spread(values: np.ndarray) -> dict[str, float | None]:
    if not len(values):
        return {"median": None, "p95": None, "max": None}
    found = {
        "median": np.median(values),
        "p95": np.quantile(values, 0.95),
        "max": values.max(),
    }
    return {k: round(float(v), 4) for k, v in found.items()}


def show(rows: Sequence[dict]) -> None:
    print(
        "|delta llr|: median / 95 % / maximum (mean with sign); lost = an llr that only one version has"
    )
    for row in sorted(rows, key=lambda r: (r["detector"], r["source"])):
        figures = "no llr"
        if row["with_llr"]:
            figures = " / ".join(f"{row[f'llr_{k}']:.3f}" for k in ("median", "p95", "max"))
            figures += f" ({row['llr_mean_signed']:+.3f})"
        print(
            f"{row['detector']:20} {row['source']:13} {row['change']:20} {figures:32} "
            f"n={row['with_llr']:3} lost {row['answer_lost_or_won']:2} PSNR {row['psnr_db_median']:.1f} dB"
        )


if __name__ == "__main__":
    main()
