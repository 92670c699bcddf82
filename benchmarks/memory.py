"""Peak memory of a long video: do ten minutes of 1080p stay under 1.5 GB?

    python benchmarks/memory.py [--minutes 10] [--size 1920x1080]

Draws the clip into a temporary folder (ten seconds of a moving pattern, H.264, 30 Hz, repeated), then, each in a process of its own, samples 64 frames
five times and walks through all frames, and prints peak memory and time. Exit code 1 above the limit. Nothing is written
into the project except the CSV.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

LIMIT_MB = 1536
WHERE = Path(__file__).parent / "results" / "memory.csv"


def draw(path: Path, minutes: float, size_wh: tuple[int, int]) -> None:
    """Ten seconds in which everything moves, encoded once and repeated packet by packet."""
    import av

    seconds = 10
    with av.open(path, "w") as file:
        options = {"preset": "veryfast", "crf": "26", "g": "150", "bf": "2"}
        stream = file.add_stream("libx264", rate=30, options=options)
        (stream.width, stream.height), stream.pix_fmt = size_wh, "yuv420p"
        packets = [
            p for frame in moving_frames(seconds * 30, size_wh) for p in stream.encode(frame)
        ]
        packets += stream.encode(None)
        known = [(bytes(p), p.pts, p.dts, p.is_keyframe, p.time_base) for p in packets]
        for turn in range(int(minutes * 60 / seconds)):
            for content, pts, dts, key, base in known:
                packet = av.Packet(content)
                shift = int(turn * seconds / base)
                packet.pts, packet.dts, packet.time_base = pts + shift, dts + shift, base
                packet.is_keyframe, packet.stream = key, stream
                file.mux(packet)


def moving_frames(count: int, size_wh: tuple[int, int]) -> Iterator[Any]:
    """Frames of a drifting pattern, drawn as planes of yuv420p to spare the conversion."""
    import av

    width, height = size_wh
    y, x = np.mgrid[0 : height * 2, 0 : width * 2]
    plane = (128 + 60 * np.sin(x / 37) + 50 * np.cos(y / 23)).astype(np.uint8)
    for i in range(count):
        dx, dy = (3 * i) % width, (2 * i) % height
        colour = np.full((height // 2, width), 128 + i // 30, np.uint8)
        planes = np.concatenate([plane[dy : dy + height, dx : dx + width], colour])
        yield av.VideoFrame.from_ndarray(np.ascontiguousarray(planes), format="yuv420p")


def measure(task: str, path: Path, pipe: object) -> None:
    from likeness.media import Sampling, open_clip, sample

    start = time.monotonic()
    clip = open_clip(path)
    count = 0
    if task == "open":
        count = len(clip.frames)
    elif task == "sample 64 frames, five times":
        for _ in range(5):
            count = sum(1 for _ in clip.frames.at(sample(clip, Sampling("evenly", 64))))
    elif (
        task == "sample 600 frames, twice"
    ):  # more than the cache holds: goes to the temporary file
        for _ in range(2):
            count = sum(1 for _ in clip.frames.at(sample(clip, Sampling("evenly", 600))))
    else:
        count = sum(1 for _ in clip.frames)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    pipe.send((task, count, peak, time.monotonic() - start))  # type: ignore[attr-defined]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--out", type=Path, default=WHERE)
    args = parser.parse_args()
    width, height = (int(v) for v in args.size.split("x"))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.mp4"
        draw(path, args.minutes, (width, height))
        print(
            f"{args.minutes:g} min of {args.size}, {path.stat().st_size / 1e6:.0f} MB", flush=True
        )
        for task in (
            "open",
            "sample 64 frames, five times",
            "sample 600 frames, twice",
            "walk through all frames",
        ):
            here, there = multiprocessing.Pipe()
            process = multiprocessing.get_context("spawn").Process(
                target=measure, args=(task, path, there)
            )
            process.start()
            there.close()
            rows.append(here.recv())
            process.join()
            print("{:<30} {:>6} frames  peak {:>6.0f} MB  {:>7.1f} s".format(*rows[-1]), flush=True)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    with args.out.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["clip", "task", "frames", "peak_mb", "seconds"])
        out.writerows(
            [f"{args.minutes:g} min {args.size}", t, n, f"{p:.0f}", f"{s:.1f}"]
            for t, n, p, s in rows
        )
    return 1 if max(row[2] for row in rows) > LIMIT_MB else 0


if __name__ == "__main__":
    sys.exit(main())
