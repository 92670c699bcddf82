"""Real-time factor of the whole `detect` on a 720p clip, and the share of each stage and detector.

    python benchmarks/cue_speed.py --data FOLDER

Stages run as `detect` runs them: frames are decoded while faces are found, and every detector then walks the shared cache.
Both wall time and processor time are given: on a machine with other work the wall time says more about that work. A
real-time factor of 1 means as long as the clip plays; higher is faster. Nothing is said about what the detectors found.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from likeness import media
from likeness.apps.benching import write_rows
from likeness.jobs.detect import DetectOptions, Examiner, find_tracks, run_detector
from likeness.jobs.judge import judge

CLIP = "video/real/portraits/d13.mp4"  # 720 x 1280, 30 Hz, 11.7 s
HERE = Path(__file__).parent
Spent = dict[str, tuple[float, float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--clip", default=CLIP, help="path inside the data folder")
    parser.add_argument("--detector", action="append", default=[], help="only these; repeat")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "cue_speed.csv")
    arguments = parser.parse_args()
    path = arguments.data / arguments.clip
    start = time.perf_counter()
    examiner = Examiner(DetectOptions(detectors=tuple(arguments.detector)))
    built_s = time.perf_counter() - start
    stages(path, examiner)  # loads networks and libraries
    measured = [stages(path, examiner) for _ in range(arguments.runs)]
    rows = [*table(path, measured), {"stage": "building", "wall_s": round(built_s, 3)}]
    for row in rows:
        print("  ".join(f"{key}={value}" for key, value in row.items()))
    write_rows(arguments.out, rows)


def stages(path: Path, examiner: Examiner) -> Spent:
    """Wall and processor seconds of every stage of one examination."""
    options, spent = examiner.options, Spent()
    opened = timed(spent, "opening", lambda: media.open_clip(path))
    sampling = media.Sampling("stretches", max(options.frames, options.dense_frames))
    timed(
        spent,
        "decoding alone",
        lambda: sum(1 for _ in opened.frames.at(media.sample(opened, sampling))),
    )
    opened.frames.close()
    clip = media.open_clip(path)
    tracks = timed(
        spent,
        "decoding and faces",
        lambda: find_tracks(
            clip, options.frames, None, examiner.models_in_video, options.dense_frames
        ),
    )
    evidence = []
    for name, detector in examiner.detectors.items():
        call = lambda n=name, d=detector: run_detector(n, d, clip, tracks)  # noqa: E731
        evidence.append(timed(spent, f"detector {name}", call))
    timed(spent, "judging", lambda: judge(clip, tracks, evidence, examiner.calibration))
    clip.frames.close()
    timed(spent, "whole detect", lambda: examiner.examine(path).clip.frames.close())
    return spent


def timed(spent: Spent, stage: str, call: Callable[[], Any]) -> Any:
    wall, cpu = time.perf_counter(), time.process_time()
    result = call()
    spent[stage] = (time.perf_counter() - wall, time.process_time() - cpu)
    return result


def table(path: Path, measured: list[Spent]) -> list[dict[str, Any]]:
    """One row per stage: medians over the runs, share of the whole and real-time factor."""
    clip = media.open_clip(path)
    frames = len(media.sample(clip, media.Sampling("stretches", DetectOptions.dense_frames)))
    facts = {"seconds_of_clip": round(clip.duration_s, 2), "frames_examined": frames}
    facts["size"] = "{}x{}".format(*clip.size_wh)
    clip.frames.close()
    whole = median(m["whole detect"][1] for m in measured)
    rows = []
    for stage in measured[0]:
        walls, cpus = ([m[stage][i] for m in measured] for i in range(2))
        rows.append(
            {
                "stage": stage,
                "wall_s": round(median(walls), 3),
                "wall_s_low": round(min(walls), 3),
                "processor_s": round(median(cpus), 3),
                "ms_per_frame": round(1e3 * median(cpus) / frames, 2),
                "share": round(median(cpus) / whole, 3),
                "real_time_factor": round(float(facts["seconds_of_clip"]) / median(walls), 2),
                **facts,
            }
        )
    return rows


if __name__ == "__main__":
    main()
