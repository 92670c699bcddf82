"""Speed of a swap, stage by stage, against decoding and encoding the same clip without one.

    python benchmarks/swap_speed.py --data FOLDER [--model RUN] [--height 480]

The target clip is a `mead` clip scaled to the height that is asked for and repeated; source and target are consenting
subjects of the data set. Stages run side by side in a swap, so their times do not add up to the whole; alone, each is
measured in one thread. The baseline (decode, re-encode with the same settings) runs in the same process, alternating.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from statistics import median

import cv2
import numpy as np

from likeness import faces, media
from likeness.apps.benching import write_rows
from likeness.faces.smoothing import smooth_track
from likeness.jobs.swap import watched
from likeness.jobs.swap_cast import build_generator
from likeness.jobs.swap_frames import FramesPlan, Replacement, swapped_frames
from likeness.jobs.swap_model import read_trained_pair
from likeness.jobs.swap_people import Person
from likeness.jobs.swap_quality import QualityWatch
from likeness.jobs.swap_source import best_source, crop_size
from likeness.provenance import GeneratedFrame, KeyStore, Making, WriteOptions, write_marked
from likeness.types import Consent, Frame

SOURCE = "video/real/mead/W009_front_neutral_level1_001.mp4"
TARGET = "video/real/mead/W011_front_happy_level3_001.mp4"
HERE = Path(__file__).parent
TODAY = date(2026, 11, 22)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument(
        "--model", type=Path, help="run folder of likeness train; default: landmark_swap"
    )
    parser.add_argument("--height", type=int, default=480)
    parser.add_argument(
        "--share", type=float, default=0.6, help="side of the mead picture over the frame's height"
    )
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "swap_speed.csv")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measured(arguments, Path(folder))
    for row in rows:
        print("  ".join(f"{key}={value}" for key, value in row.items()))
    write_rows(arguments.out, rows)


def measured(arguments: argparse.Namespace, folder: Path) -> list[dict]:
    """All stages, alternating, medians over the runs."""
    keys = KeyStore.create(folder / "keys")
    making = bench_making()
    path = folder / "target.mp4"
    scaled_clip(arguments, path, making, keys)
    models = faces.FaceModels(arguments.threads)
    plan, generator = bench_plan(arguments, path, models)
    every_frame = replace(plan, merge=replace(plan.merge, refit_s=0.0))
    stages: dict[str, Callable[[], object]] = {
        "decode": lambda: sum(1 for _ in opened(path)),
        "re-encode, baseline": lambda: reencode(path, folder / "plain.mp4"),
        "faces (every frame)": lambda: track(path, models),
        "decode + infer + merge": lambda: sum(
            1 for _ in swapped_frames(media.open_clip(path), plan)
        ),
        "mark + encode + sign + verify": lambda: write(
            opened(path), folder / "marked.mp4", making, keys
        ),
        "whole conversion": lambda: convert(path, folder / "out.mp4", plan, making, keys),
    }
    times: dict[str, list[float]] = {stage: [] for stage in stages}
    spent: dict[str, list[float]] = {}
    for run in range(arguments.runs + 1):
        for stage, call in stages.items():
            start = time.perf_counter()
            call()
            if run:  # the first round warms files and models up
                times[stage].append(time.perf_counter() - start)
        seconds = spent_by_thread(path, plan)
        seconds["merge, fitted on every frame"] = spent_by_thread(path, every_frame)["merge"]
        if run:
            for stage, value in seconds.items():
                spent.setdefault(stage, []).append(value)
    clip = media.open_clip(path)
    count, size = len(clip.frames), f"{clip.size_wh[0]}x{clip.size_wh[1]}"
    base = median(times["re-encode, baseline"])
    rows = [figure(name, values, count, size, base, generator) for name, values in times.items()]
    rows += [
        figure(f"of it {name} (its thread)", values, count, size, base, generator)
        for name, values in spent.items()
    ]
    both = np.add(times["faces (every frame)"], times["whole conversion"]).tolist()
    return [*rows, figure("faces + whole conversion", both, count, size, base, generator)]


def spent_by_thread(path: Path, plan: FramesPlan) -> dict[str, float]:
    """Seconds that each stage of one conversion worked, each in its own thread."""
    seconds: dict[str, float] = {}
    for _ in swapped_frames(media.open_clip(path), plan, seconds):
        pass
    return seconds


def figure(
    name: str, values: list[float], count: int, size: str, base: float, generator: str
) -> dict:
    """One row: frames per second and how many times the baseline's time."""
    return {
        "what": name,
        "fps": round(count / median(values), 1),
        "low": round(count / max(values), 1),
        "high": round(count / min(values), 1),
        "ms_per_frame": round(1000 * median(values) / count, 1),
        "times_of_baseline": round(median(values) / base, 2),
        "frames": count,
        "size": size,
        "generator": generator,
    }


def bench_plan(
    arguments: argparse.Namespace, path: Path, models: faces.FaceModels
) -> tuple[FramesPlan, str]:
    """Who is replaced by what, and the generator's name."""
    target = smooth_track(track(path, models))
    if arguments.model:
        pair = read_trained_pair(arguments.model)
        options = {"model": str(arguments.model), "threads": arguments.threads}
        generator = build_generator(pair.generator, options)
        return FramesPlan(
            (Replacement(target, generator, None, crop_size(target)),)
        ), pair.generator
    source = media.open_clip(arguments.data / SOURCE)
    shown = faces.track_faces(source, range(0, len(source.frames), 4), models=models)[0]
    person = Person(1, shown, (shown,), np.zeros((1, 128), np.float32), "")
    crop = best_source([(source, person)], target)
    generator = build_generator("landmark_swap", {})
    return FramesPlan((Replacement(target, generator, crop, crop_size(target)),)), "landmark_swap"


def opened(path: Path) -> Iterator[Frame]:
    """Frames of a freshly opened clip."""
    return iter(media.open_clip(path).frames)


def track(path: Path, models: faces.FaceModels):
    """The face of the clip at every frame."""
    clip = media.open_clip(path)
    return faces.track_faces(clip, range(len(clip.frames)), models=models)[0]


def convert(path: Path, out: Path, plan: FramesPlan, making: Making, keys: KeyStore) -> None:
    """What `likeness swap` does once the faces are known, figures on the way included."""
    clip = media.open_clip(path)
    watch = QualityWatch(clip, plan)
    write(watched(swapped_frames(clip, plan), watch), out, making, keys)


def write(frames, out: Path, making: Making, keys: KeyStore) -> None:
    write_marked(frames, out, making, keys, WriteOptions(fps=25.0))


def reencode(path: Path, out: Path) -> None:
    """Decode and encode without marks or faces: the floor. Benchmarks only; nothing generated is in it."""
    from likeness.media.writing import VideoSettings, VideoWriter

    clip = media.open_clip(path)
    settings = VideoSettings(WriteOptions.crf, WriteOptions.preset)
    with out.open("w+b") as file, VideoWriter(file, clip.size_wh, 25.0, "mp4", settings) as writer:
        for frame in clip.frames:
            writer.write(frame.image, frame.time_s)
        writer.finish()


def scaled_clip(arguments: argparse.Namespace, out: Path, making: Making, keys: KeyStore) -> None:
    """The target clip set into a frame of 16:9 and played to and fro until it is long enough."""
    images = [f.image for f in media.open_clip(arguments.data / TARGET).frames]
    there = [framed(i, arguments.height, arguments.share) for i in images]
    order = [*range(len(there)), *range(len(there) - 2, 0, -1)]
    count = round(arguments.seconds * 25)
    write(
        (GeneratedFrame(there[order[n % len(order)]], n / 25.0) for n in range(count)),
        out,
        making,
        keys,
    )


def framed(image: np.ndarray, height: int, share: float) -> np.ndarray:
    """A picture scaled to a share of the height, its edges drawn out to a frame of 16:9 ."""
    side = round(height * share)
    scaled = cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC)
    width = round(height * 16 / 9 / 2) * 2
    left, top = (width - side) // 2, (height - side) // 2
    return cv2.copyMakeBorder(
        scaled, top, height - side - top, left, width - side - left, cv2.BORDER_REPLICATE
    )


def bench_making() -> Making:
    """Consent as the data set's terms give it."""
    people = tuple(
        Consent(name, "dataset_terms", "research", date(2099, 1, 1), "0" * 64, True, True)
        for name in ("mead W009", "mead W011")
    )
    return Making(
        "landmark_swap", "compositeWithTrainedAlgorithmicMedia", people, "research", TODAY, 1
    )


if __name__ == "__main__":
    main()
