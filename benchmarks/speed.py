"""Speed of decoding, of decoding with faces, and of the whole `detect`, in one run.

    python benchmarks/speed.py --data FOLDER

Every stage starts from the file each time (nothing is cached between runs); stages alternate, so that a drifting machine
hits all alike. Ratios and medians count, not single absolute times.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from likeness import faces, media
from likeness.apps.benching import write_rows
from likeness.detectors import _residual_features as features
from likeness.jobs.demo import portrait_path
from likeness.jobs.detect import DetectOptions, Examiner, find_tracks, measuring_detectors
from likeness.testing import portrait_clip

CLIPS = ("video/real/portraits/d13.mp4", "video/real/grid_s1/lbwk8n.mpg")
PICTURES = ("faces/real/celebahq1024/015248.jpg",)
HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "speed.csv")
    arguments = parser.parse_args()
    rows = []
    examiner = Examiner(DetectOptions())
    for name in CLIPS:
        rows += clip_rows(arguments.data / name, examiner, arguments.runs)
    for name in (*CLIPS, *PICTURES):
        rows.append(cost_of_marks(arguments.data / name, examiner, arguments.runs))
    rows += crop_rows(arguments.runs)
    rows.append(cold_start(arguments.data, arguments.runs))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows.append({"what": "peak memory of this process", "value": round(peak_mb), "unit": "MB"})
    for row in rows:
        print("  ".join(f"{key}={value}" for key, value in row.items()))
    write_rows(arguments.out, rows)


def clip_rows(path: Path, examiner: Examiner, runs: int) -> list[dict]:
    """Decode every frame to RGB; decode and find faces as `detect` does; the whole of `detect`."""
    frames = examiner.options.frames
    stages: dict[str, Callable[[], object]] = {
        "decode only (every frame, RGB)": lambda: sum(1 for _ in media.open_clip(path).frames),
        "decode + faces": lambda: find_tracks(media.open_clip(path), frames, None, examiner.models),
        "whole detect": lambda: examiner.examine(path),
    }
    times: dict[str, list[float]] = {stage: [] for stage in stages}
    for run in range(runs + 1):
        for stage, call in stages.items():
            start = time.perf_counter()
            call()
            if run:  # the first round warms files and models up
                times[stage].append(time.perf_counter() - start)
    clip = media.open_clip(path)
    base = median(times["decode only (every frame, RGB)"])
    return [
        {
            "what": f"{path.name} {stage}",
            "value": round(median(values), 3),
            "unit": "s",
            "low": round(min(values), 3),
            "high": round(max(values), 3),
            "ratio_to_decode": round(
                median(np.divide(values, times["decode only (every frame, RGB)"])), 2
            ),
            "times_faster_than_playback": round(clip.duration_s / median(values), 1),
            "frames": len(clip.frames),
            "decode_fps": round(len(clip.frames) / base),
        }
        for stage, values in times.items()
    ]


def cost_of_marks(path: Path, examiner: Examiner, runs: int) -> dict:
    """What reading the marks adds to `detect` on an ordinary file: paired runs with and without, warm."""
    without = Examiner(DetectOptions(detectors=measuring_detectors()))
    ratios = []
    for run in range(runs + 1):
        seconds = []
        for each in (without, examiner):
            start = time.perf_counter()
            each.examine(path).clip.frames.close()
            seconds.append(time.perf_counter() - start)
        if run:
            ratios.append(seconds[1] / seconds[0])
    return {
        "what": f"{path.name} whole detect against detect without marks",
        "value": round(median(ratios), 3),
        "unit": "times",
        "low": round(min(ratios), 3),
        "high": round(max(ratios), 3),
    }


def crop_rows(runs: int) -> list[dict]:
    """Statistics of aligned crops per second, on one core and scaled to two by running two processes at once."""
    code = (
        "import time, cv2\n"
        "cv2.setNumThreads(1)\n"
        "from likeness.testing import portrait_clip\n"
        "from likeness.detectors import _residual_features as f\n"
        "from likeness.faces import align\n"
        "clip, (track,) = portrait_clip()\n"
        "image = next(iter(clip.frames)).image\n"
        "points = track.landmarks_px[0]\n"
        "crop = align(image, points, f.SIZE_PX, f.MARGIN); patch = f.native_patch(image, points)\n"
        "f.of_crop(crop.image, crop.mask, patch)\n"
        "start = time.perf_counter()\n"
        "for _ in range(400): f.of_crop(crop.image, crop.mask, patch)\n"
        "print(400 / (time.perf_counter() - start))\n"
    )
    rates = []
    for _ in range(runs):
        pair = [
            subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        rates.append(sum(float(process.communicate()[0]) for process in pair))
    aligned = align_rate()
    return [
        {"what": "statistics, crops per second, 2 processes", "value": round(median(rates)), "unit": "1/s",
         "low": round(min(rates)), "high": round(max(rates))},
        {"what": "align to 160 px, crops per second, 1 thread", "value": round(aligned), "unit": "1/s"},
    ]  # fmt: skip


def align_rate() -> float:
    """Crops per second of the alignment alone."""
    clip, (track,) = portrait_clip()
    image = next(iter(clip.frames)).image
    start = time.perf_counter()
    for _ in range(200):
        faces.align(image, track.landmarks_px[0], features.SIZE_PX, features.MARGIN)
    return 200 / (time.perf_counter() - start)


def cold_start(data: Path, runs: int) -> dict:
    """`likeness detect photo.jpg` from nothing to the answer, in a fresh process."""
    photo = next((data / "faces/real/ffhq256").glob("*.jpg"), portrait_path())
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        command = [sys.executable, "-m", "likeness.apps.cli", "detect", str(photo)]
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return {
        "what": "cold start of likeness detect photo.jpg",
        "value": round(median(times), 2),
        "unit": "s",
        "low": round(min(times), 2),
        "high": round(max(times), 2),
    }


if __name__ == "__main__":
    main()
