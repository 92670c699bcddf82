"""What the watermark survives, how often it is seen where it is not, how it looks, and what it costs.

    python benchmarks/watermark.py stills --data FOLDER            attacks on pictures of 512 px and more; PSNR and SSIM
    python benchmarks/watermark.py stills --data FOLDER --small    the same on faces of 200 and 256 px
    python benchmarks/watermark.py clips --data FOLDER             attacks on two seconds of video
    python benchmarks/watermark.py unmarked --data FOLDER          every real face and clip; goes on where it was stopped
    python benchmarks/watermark.py speed                           frames per second at 720p beside an H.264 encode

Every payload is drawn anew. Rates count pictures, but frames of one person are much alike: their intervals (Clopper and
Pearson) are too narrow by what one person's frames share; the column `people` says how many there are. SSIM is
skimage's, on luma, with its standard uniform 7x7 window, and beside it with the Gaussian one of the paper.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import cv2
import numpy as np

from likeness import media
from likeness.apps.benching import write_rows
from likeness.apps.progress import shown_progress
from likeness.data.degradations import degrade
from likeness.data.manifest import Item, read_items
from likeness.jobs.demo import portrait_path
from likeness.provenance.watermark import Embedder, find_watermark
from likeness.provenance.watermark.search import coded_bit_errors
from likeness.scoring import clopper_pearson
from likeness.types import ImageArray

RESULTS = Path(__file__).parent / "results"
SEED = 20261122
FPS, CLIP_S, SEARCHED = 25.0, 2.0, 16
DEVELOPED_ON = ("005735", "006930", "015248", "016387", "020167")
"""CelebA-HQ pictures that the watermark was tuned on: left out of the stills. So were frames of d0, d3, d9, d10, d12, whose
people are counted in a group of their own."""
TUNED_PEOPLE = ("d0", "d3", "d9", "d10", "d12")
Attack = Callable[[list[ImageArray], np.random.Generator], list[ImageArray]]


def scaled(factor: float) -> Attack:
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC

    def apply(images: list[ImageArray], rng: np.random.Generator) -> list[ImageArray]:
        height, width = images[0].shape[:2]
        wh = (round(width * factor), round(height * factor))
        return [cv2.resize(image, wh, interpolation=method) for image in images]

    return apply


def cropped(kept: float) -> Attack:
    """Keep this share of width and of height, at a random place that all frames share."""

    def apply(images: list[ImageArray], rng: np.random.Generator) -> list[ImageArray]:
        height, width = images[0].shape[:2]
        h, w = round(height * kept), round(width * kept)
        y, x = rng.integers(0, height - h + 1), rng.integers(0, width - w + 1)
        return [np.ascontiguousarray(image[y : y + h, x : x + w]) for image in images]

    return apply


def levels(contrast: float, brightness: float) -> Attack:
    table = np.clip(np.rint((np.arange(256) - 127.5) * contrast + 127.5 + 255 * brightness), 0, 255)
    return lambda images, rng: [cv2.LUT(image, table.astype(np.uint8)) for image in images]


def jpeg(quality: int) -> Attack:
    return lambda images, rng: [media.jpeg_round_trip(image, quality) for image in images]


def h264(crf: int) -> Attack:
    return lambda images, rng: media.h264_round_trip(images, FPS, crf)


def chain(images: list[ImageArray], rng: np.random.Generator) -> list[ImageArray]:
    return degrade(images, "social_chain")


def after(*attacks: Attack) -> Attack:
    def apply(images: list[ImageArray], rng: np.random.Generator) -> list[ImageArray]:
        for attack in attacks:
            images = attack(images, rng)
        return images

    return apply


ATTACKS: dict[str, Attack] = {
    "none": lambda images, rng: images,
    "jpeg 90": jpeg(90),
    "jpeg 75": jpeg(75),
    "jpeg 50": jpeg(50),
    "jpeg 30": jpeg(30),
    "scale 0.5": scaled(0.5),
    "scale 0.75": scaled(0.75),
    "scale 1.5": scaled(1.5),
    "crop 20 % of each side": cropped(0.8),
    "crop 20 % of the area": cropped(0.8**0.5),
    "h264 crf 23": h264(23),
    "h264 crf 28": h264(28),
    "h264 crf 33": h264(33),
    "brightness +20 %": levels(1.0, 0.2),
    "brightness -20 %": levels(1.0, -0.2),
    "contrast +20 %": levels(1.2, 0.0),
    "contrast -20 %": levels(0.8, 0.0),
    "mirrored": lambda images, rng: [np.ascontiguousarray(image[:, ::-1]) for image in images],
    "social chain of the ladder": chain,
    "crop 20 % + jpeg 50": after(cropped(0.8), jpeg(50)),
    "scale 0.5 + jpeg 50": after(scaled(0.5), jpeg(50)),
    "crop 20 % + scale 0.75 + h264 28": after(cropped(0.8), scaled(0.75), h264(28)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("stills", "clips", "unmarked", "speed"))
    parser.add_argument("--data", type=Path)
    parser.add_argument("--small", action="store_true", help="stills of 200 and 256 px")
    parser.add_argument("--limit", type=int, help="at most so many items")
    arguments = parser.parse_args()
    if arguments.data is None and arguments.what != "speed":
        parser.error("--data is needed")
    cv2.setNumThreads(1)
    if arguments.what == "unmarked":
        unmarked(arguments.data, arguments.limit)
    elif arguments.what == "speed":
        speed()
    else:
        source = {"stills": small_stills if arguments.small else stills, "clips": clips}
        name = "stills_small" if arguments.small else arguments.what
        attacks(name, list(source[arguments.what](arguments.data))[: arguments.limit])


# What is marked: (set, person, frames)


def stills(folder: Path) -> Iterator[tuple[str, str, list[ImageArray]]]:
    """CelebA-HQ one by one; of each person of the films of 480 px and more 15 frames; the portrait of scikit-image."""
    yield "NASA portrait", "nasa", [picture(portrait_path())]
    for item in real(folder, "celebahq1024"):
        if Path(item.path).stem not in DEVELOPED_ON:
            yield "CelebA-HQ", item.group, [picture(item.file(folder))]
    for item in real(folder, "portraits", "speakers"):
        clip = media.open_clip(item.file(folder))
        stem = Path(item.path).stem
        for frame in clip.frames.at(np.linspace(0, len(clip.frames) - 1, 15).astype(int)):
            small = min(frame.image.shape[:2]) < 512
            name = (
                "frames below 512 px"
                if small
                else "frames, tuned on"
                if stem in TUNED_PEOPLE
                else "frames"
            )
            yield name, item.group, [frame.image]


def small_stills(folder: Path) -> Iterator[tuple[str, str, list[ImageArray]]]:
    for item in (*real(folder, "ffhq256")[::2], *real(folder, "utkface")[::88]):
        yield item.source, item.group, [picture(item.file(folder))]


def clips(folder: Path) -> Iterator[tuple[str, str, list[ImageArray]]]:
    """Two seconds of every portrait and speaker, and of some of the small films."""
    wanted = (
        *real(folder, "portraits", "speakers"),
        *real(folder, "grid_s1")[::9],
        *real(folder, "mead")[::6],
    )
    for item in wanted:
        clip = media.open_clip(item.file(folder))
        first = min(20, len(clip.frames) // 4)
        frames = [f.image for f in clip.frames.at(range(first, first + int(CLIP_S * FPS)))]
        small = min(frames[0].shape[:2]) < 480
        tuned = Path(item.path).stem in TUNED_PEOPLE
        yield (
            f"{item.source} (small)" if small else "tuned on" if tuned else "clips",
            item.group,
            frames,
        )


def real(folder: Path, *sources: str) -> list[Item]:
    return [item for item in read_items(folder) if item.label == 0 and item.source in sources]


def picture(path: Path) -> ImageArray:
    return next(iter(media.open_clip(path).frames)).image


# Attacks


def attacks(name: str, items: list[tuple[str, str, list[ImageArray]]]) -> None:
    rng = np.random.default_rng(SEED)
    rows, looks = [], []
    with shown_progress() as progress:
        for done, (kind, person, frames) in enumerate(items):
            payload = int(rng.integers(2**64, dtype=np.uint64))
            height, width = frames[0].shape[:2]
            embedder = Embedder((width, height), payload)
            marked = [embedder.embed(frame) for frame in frames]
            looks.append({"set": kind, **look(frames[0], marked[0])})
            for attack, apply in ATTACKS.items():
                got = apply(marked, rng)
                every = max(1, len(got) // SEARCHED)
                finding = find_watermark(got[::every])
                rows.append(
                    {
                        "set": kind,
                        "person": person,
                        "attack": attack,
                        "bits_right": 1 - coded_bit_errors(finding, payload),
                        "found": finding.found,
                        "exact": finding.payload == payload,
                        "wrong": finding.payload not in (None, payload),
                        "z": finding.z,
                        "log10_fp": finding.log10_false_positive,
                    }
                )
            progress("marked", done + 1, len(items))
    for kind in dict.fromkeys(row["set"] for row in rows):
        report_looks(kind, [row for row in looks if row["set"] == kind])
    summary = list(summarised(rows))
    write_rows(RESULTS / f"watermark_{name}.csv", summary)
    write_rows(RESULTS / f"watermark_{name}_looks.csv", looks_rows(looks))


def look(before: ImageArray, after_: ImageArray) -> dict[str, float]:
    from skimage.metrics import structural_similarity as ssim

    error = float(np.mean((before.astype(np.float64) - after_) ** 2))
    lumas = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (before, after_)]
    gaussian = ssim(*lumas, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
    return {
        "psnr_db": 10 * np.log10(255**2 / error),
        "ssim": ssim(*lumas),
        "ssim_gaussian": gaussian,
    }


def report_looks(kind: str, rows: list[dict]) -> None:
    print(f"\n{kind}: {len(rows)} marked")
    for key in ("psnr_db", "ssim", "ssim_gaussian"):
        values = [row[key] for row in rows]
        print(
            f"  {key:14} lowest {min(values):.4f}  median {median(values):.4f}  highest {max(values):.4f}"
        )


def looks_rows(looks: list[dict]) -> list[dict]:
    return [
        {"set": kind, "what": key, "items": len(values), "lowest": round(min(values), 4),
         "median": round(median(values), 4), "highest": round(max(values), 4)}
        for kind in dict.fromkeys(row["set"] for row in looks)
        for key in ("psnr_db", "ssim", "ssim_gaussian")
        if (values := [row[key] for row in looks if row["set"] == kind])
    ]  # fmt: skip


def summarised(rows: list[dict]) -> Iterator[dict]:
    """One row per set and attack, printed on the way."""
    for kind in dict.fromkeys(row["set"] for row in rows):
        print(
            f"\n{kind:34} bits right   found (95 %)           exact (95 %)           wrong  lowest z"
        )
        for attack in ATTACKS:
            here = [row for row in rows if (row["set"], row["attack"]) == (kind, attack)]
            found, exact = (sum(row[key] for row in here) for key in ("found", "exact"))
            rates = {"found": (found, *clopper_pearson(found, len(here))),
                     "exact": (exact, *clopper_pearson(exact, len(here)))}  # fmt: skip
            bits = float(np.mean([row["bits_right"] for row in here]))
            shown = "   ".join(
                f"{n / len(here):6.1%} [{low:6.1%}, {high:6.1%}]" for n, low, high in rates.values()
            )
            wrong = sum(row["wrong"] for row in here)
            print(
                f"  {attack:32} {bits:10.4f}   {shown}   {wrong:3}    {min(r['z'] for r in here):.1f}"
            )
            yield {
                "set": kind, "attack": attack, "items": len(here), "people": len({r["person"] for r in here}),
                "bits_right": round(bits, 4), "found": round(found / len(here), 4),
                "found_low": round(rates["found"][1], 4), "found_high": round(rates["found"][2], 4),
                "exact": round(exact / len(here), 4), "exact_low": round(rates["exact"][1], 4),
                "exact_high": round(rates["exact"][2], 4), "wrong": wrong,
                "z_lowest": round(min(r["z"] for r in here), 2), "z_median": round(median(r["z"] for r in here), 2),
                "log10_fp_highest": round(max(r["log10_fp"] for r in here), 1),
            }  # fmt: skip


# Unmarked media


def unmarked(folder: Path, limit: int | None) -> None:
    """Search every real face and clip; one line per file in a log, which a later run reads and continues."""
    log = Path("runs") / "watermark_unmarked.csv"
    log.parent.mkdir(exist_ok=True)
    done = set()
    if log.is_file():
        with log.open(newline="") as file:
            done = {row["path"] for row in csv.DictReader(file)}
    items = [i for i in read_items(folder) if i.label == 0 and i.kind in ("face", "video")][:limit]
    with shown_progress() as progress, log.open("a", newline="") as file:
        writer = csv.writer(file)
        if not done:
            writer.writerow(("path", "source", "kind", "found", "z", "log10_fp"))
        for number, item in enumerate(items):
            if item.path not in done:
                finding = find_watermark(sampled(folder, item))
                writer.writerow(
                    (item.path, item.source, item.kind, int(finding.found), round(finding.z, 4),
                     round(finding.log10_false_positive, 4))
                )  # fmt: skip
                file.flush()
            progress("unmarked", number + 1, len(items))
    with log.open(newline="") as file:
        rows = list(csv.DictReader(file))
    summary = list(unmarked_summary(rows))
    for row in summary:
        print("  ".join(f"{key}={value}" for key, value in row.items()))
    write_rows(RESULTS / "watermark_unmarked.csv", summary)


def sampled(folder: Path, item: Item) -> Iterable[ImageArray]:
    clip = media.open_clip(item.file(folder))
    for frame in clip.frames.at(media.sample(clip, media.Sampling("evenly", SEARCHED))):
        yield frame.image


def unmarked_summary(rows: list[dict[str, str]]) -> Iterator[dict]:
    """Found, the largest statistic, and how the bound holds: the share of files at or below each stated probability."""
    from likeness.provenance.watermark.search import hypotheses

    for kind in ("face", "video"):
        here = [row for row in rows if row["kind"] == kind]
        if not here:
            continue
        found = sum(int(row["found"]) for row in here)
        z = np.array([float(row["z"]) for row in here])
        stated = np.array([float(row["log10_fp"]) for row in here])
        yield {
            "kind": kind, "files": len(here), "found": found,
            "upper_95": round(clopper_pearson(found, len(here))[1], 6),
            "z_median": round(float(np.median(z)), 2), "z_highest": round(float(z.max()), 2),
            "threshold": round(hypotheses().threshold(), 2),
            **{f"stated_below_{p:g}": int(np.sum(stated <= np.log10(p))) for p in (0.5, 0.1, 0.01)},
        }  # fmt: skip


# Speed


def speed(runs: int = 5) -> None:
    """The portrait on 720p, moved from frame to frame; stages alternate, so that a drifting machine hits all alike."""
    size_wh = (1280, 720)
    base = cv2.resize(picture(portrait_path()), size_wh, interpolation=cv2.INTER_CUBIC)
    frames = [np.roll(base, 3 * i, axis=1) for i in range(50)]
    embedder = Embedder(size_wh, 1)
    stages: dict[str, Callable[[], object]] = {
        "embed, 1 thread": lambda: [embedder.embed(frame) for frame in frames],
        "embed, 2 threads": lambda: in_threads(embedder, frames),
        "  of which the mask, 1 thread": lambda: [embedder._mask(frame, None) for frame in frames],
        "H.264 encode and decode alone (crf 23)": lambda: media.h264_round_trip(frames, FPS, 23),
        "whiten for the search": lambda: [whiten_one(frame) for frame in frames],
        "search of one unmarked picture": lambda: find_watermark(frames[:1]),
        "build an embedder": lambda: Embedder(size_wh, 1),
    }
    counts = {"search of one unmarked picture": 1, "build an embedder": 1}
    times: dict[str, list[float]] = {name: [] for name in stages}
    for run in range(runs + 1):
        for name, call in stages.items():
            start = time.perf_counter()
            call()
            if run:
                times[name].append((time.perf_counter() - start) / counts.get(name, len(frames)))
    rows = []
    for name, values in times.items():
        rows.append({"what": name, "ms": round(1e3 * median(values), 2), "low": round(1e3 * min(values), 2),
                     "high": round(1e3 * max(values), 2), "per_second": round(1 / median(values), 1)})  # fmt: skip
        print("  ".join(f"{key}={value}" for key, value in rows[-1].items()))
    write_rows(RESULTS / "watermark_speed.csv", rows)


def in_threads(embedder: Embedder, frames: list[ImageArray]) -> list[ImageArray]:
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(embedder.embed, frames))


def whiten_one(frame: ImageArray) -> object:
    from likeness.provenance.watermark.whitening import whiten

    return whiten(frame)


if __name__ == "__main__":
    main()
