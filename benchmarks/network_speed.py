"""Faces a second of the networks that ship, in onnxruntime, against the residual statistics on the same crops.

    python benchmarks/network_speed.py

One face of the NASA portrait with noise of its own in every crop. A face is both crop scales of `self_blended` together.
Rounds alternate; what is printed is the median over rounds, with the lowest and the highest, and the time of each over that of
the residual statistics.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from likeness import registry, testing, weights
from likeness.apps.benching import write_rows
from likeness.detectors._boundary_crop import SIZE_PX
from likeness.detectors._face_network import FaceNetwork
from likeness.detectors._residual_features import of_face
from likeness.detectors._self_blended_crop import crops_of
from likeness.detectors.boundary import GRAPH, Network

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faces", type=int, default=32, help="in a batch")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=0, help="of onnxruntime; 0 = one per core")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "network_speed.csv")
    arguments = parser.parse_args()
    rows = measured(arguments.faces, arguments.rounds, arguments.threads)
    for row in rows:
        print("  ".join(f"{key}={value}" for key, value in row.items()))
    write_rows(arguments.out, rows)


def measured(faces: int, rounds: int, threads: int) -> list[dict[str, object]]:
    """Rows of all works, measured in turn."""
    calls = works(faces, threads)
    times: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 2):
        for name, work in calls.items():
            start = time.perf_counter()
            work()
            if number > 1:  # the first two warm up
                times[name].append(time.perf_counter() - start)
    base = median(times["residual_statistics, features"])
    return [
        {
            "what": name,
            "faces_per_s": round(faces / median(spent), 1),
            "low": round(faces / max(spent), 1),
            "high": round(faces / min(spent), 1),
            "times_of_residual_statistics": round(median(spent) / base, 3),
            "batch": faces,
            "threads": threads,
        }
        for name, spent in times.items()
    ]


def works(faces: int, threads: int) -> dict[str, Callable[[], object]]:
    """What is timed: cutting, the networks on cut crops, and one face at a time as `detect` does it."""
    image, landmarks = testing.portrait(), testing.portrait_clip()[1][0].landmarks_px[0]
    rng = np.random.default_rng(0)
    pair = np.stack([crop.image for crop in crops_of(image, landmarks)])
    noise = rng.integers(-8, 9, (faces, *pair.shape))
    pairs = np.clip(pair + noise, 0, 255).astype(np.uint8)
    tight = np.ascontiguousarray(pairs[:, 0, :SIZE_PX, :SIZE_PX])
    blended: FaceNetwork = registry.build("detectors", "self_blended", {"threads": threads}).network
    boundary = Network.load(weights.path_of("boundary", GRAPH), threads)
    return {
        "residual_statistics, features": lambda: [of_face(image, landmarks) for _ in pairs],
        "self_blended, network": lambda: blended(pairs),
        "self_blended, cut and network": lambda: blended(
            np.stack([[c.image for c in crops_of(image, landmarks)] for _ in pairs])
        ),
        "self_blended, a face at a time": lambda: [blended(one[None]) for one in pairs],
        "boundary, network": lambda: boundary(tight),
    }


if __name__ == "__main__":
    main()
