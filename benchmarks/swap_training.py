"""Training of the face-swap autoencoders on two cores: faces per second and held-out quality against time.

    python benchmarks/swap_training.py --data FOLDER                 # pair A, 4 runs of 20 minutes, one after the other
    python benchmarks/swap_training.py --data FOLDER --minutes 1     # the same in small

Only people whose data-set terms allow synthesis for research: pair A is MEAD W009 (source) and W011 (target), pair B is the
GRID speaker (source) and MEAD M030 (target), pair C the other way round (its footage has role `test`), pairs D
and E are W011 into M030 and M030 into W009, on whose swaps the fusion is fitted. Whole clips are held out, the same for every network: two emotions of a MEAD
actor, ten sentences of the speaker. Quality is DSSIM inside the face oval of held-out faces at 64 px, whatever a network
draws, mean of both identities. Time is processor time of the run over `--threads`, measurements included, so that other
work on the machine takes nothing from either network: with one thread it is what one idle core needs. A run is stopped and
resumed at a tenth, a quarter and a half of its time, and its folder kept as it was then. `nearer_to_source` is the share of
swapped held-out faces that dlib's identity network puts nearer to the source. Nothing generated is written.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from likeness import media, registry
from likeness.apps.benching import write_rows
from likeness.data.face_sets import FaceSet
from likeness.data.identity_embedding import DlibEmbedder
from likeness.faces import FaceModels, align
from likeness.faces.geometry import transform
from likeness.generators import _autoencoder_measuring as measuring
from likeness.generators._autoencoder_run import load_network
from likeness.jobs.detect import find_tracks
from likeness.jobs.train import read_recipe
from likeness.provenance import require_consent
from likeness.training.hooks import RunHooks
from likeness.training.run_folder import read_metrics
from likeness.types import Consent

HERE = Path(__file__).parent
HELD_EMOTIONS, HELD_SENTENCES = ("happy", "sad"), 10
PAIRS = {
    "A": ("mead/W009", "mead/W011"),
    "B": ("grid_s1/", "mead/M030"),
    "C": ("mead/M030", "grid_s1/"),
    "D": ("mead/W011", "mead/M030"),
    "E": ("mead/M030", "mead/W009"),
}
RUNS = ("light:bfloat16", "light:float32", "original:bfloat16", "original:float32")
AT = (0.1, 0.25, 0.5, 1.0)  # of the training time: 2, 5, 10 and 20 minutes of 20
SPOILT = ("srab1s", "pbio7a")  # clips of the speaker whose colours are broken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=20.0, help="of each run")
    parser.add_argument("--pair", choices=sorted(PAIRS), default="A")
    parser.add_argument("--run", action="append", help=f"of {', '.join(RUNS)}; repeat; default all")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--faces", type=int, default=0, help="at most this many of each identity")
    parser.add_argument("--keep", type=Path, help="keep the run folders here")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "swap_training.csv")
    arguments = parser.parse_args()
    import cv2
    import torch

    torch.set_num_threads(arguments.threads)
    cv2.setNumThreads(1)
    pair = [people(arguments.data, who, arguments.faces) for who in PAIRS[arguments.pair]]
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as temporary:
        for run in arguments.run or RUNS:
            folder = (arguments.keep or Path(temporary)) / run.replace(":", "_")
            rows += measured(run, pair, arguments.minutes, folder)
            write_rows(arguments.out, [{"pair": arguments.pair, **row} for row in rows])
    for row in rows:
        print("  ".join(f"{key}={value}" for key, value in row.items()))


def people(data: Path, who: str, most: int) -> tuple[FaceSet, tuple[str, ...]]:
    """Every frame of a person's clips as crops of 160 px, and the names of the files that are held out."""
    folder, _, prefix = who.partition("/")
    clips = (data / "video/real" / folder).iterdir()
    files = sorted(p for p in clips if p.name.startswith(prefix) and p.stem not in SPOILT)
    if folder == "mead":
        held = tuple(f.name for f in files if any(e in f.name for e in HELD_EMOTIONS))
    else:
        held = tuple(f.name for f in files[-HELD_SENTENCES:])
    models = FaceModels()
    parts = [crops_of(path, models) for path in files]
    images, points, matrices, rows = ([x for part in parts for x in part[i]] for i in range(4))
    terms = Consent(who, "dataset_terms", "research", date(9999, 12, 31), "0" * 64, True, True)
    faces = FaceSet(
        np.stack(images), np.stack(points), np.stack(matrices), tuple(rows), terms, 160, 0.25
    )
    return thinned(faces, held, most), held


def crops_of(path: Path, models: FaceModels) -> tuple[list, list, list, list]:
    """Crops, landmarks, matrices and rows of the longest track of a clip."""
    clip = media.open_clip(path)
    track = max(find_tracks(clip, len(clip.frames), None, models), key=lambda t: len(t.boxes_px))
    at = {int(frame): i for i, frame in enumerate(track.frame_indices)}
    found: tuple[list, list, list, list] = ([], [], [], [])
    for frame in clip.frames:
        if frame.index in at:
            landmarks = track.landmarks_px[at[frame.index]]
            crop = align(frame.image, landmarks, 160, 0.25)
            found[0].append(crop.image)
            found[1].append(transform(landmarks, crop.matrix).astype(np.float32))
            found[2].append(crop.matrix)
            found[3].append({"file": path.name, "frame_index": frame.index, "time_s": frame.time_s})
    return found


def thinned(faces: FaceSet, held: tuple[str, ...], most: int) -> FaceSet:
    """All held-out faces, and of the others at most `most`, evenly spread."""
    is_held = np.isin(faces.values("file"), held)
    learn = np.flatnonzero(~is_held)
    if most and len(learn) > most:
        learn = learn[np.linspace(0, len(learn) - 1, most).astype(int)]
    return faces.take(np.sort(np.concatenate([learn, np.flatnonzero(is_held)])))


def measured(
    run: str, pair: list[tuple[FaceSet, tuple[str, ...]]], minutes: float, folder: Path
) -> list[dict[str, Any]]:
    """Train one network in stages and give its figures at each."""
    name, _, precision = run.partition(":")
    recipe = read_recipe(HERE.parent / "recipes" / f"swap_{name}.toml")
    module = registry.load("generators", str(recipe["generator"]))
    threads = torch_threads()
    hooks = RunHooks(
        allow=lambda consents: require_consent(consents, "research", date.today()),
        say=lambda text: print(f"{run}: {text}", flush=True),
        clock=lambda: time.process_time() / threads,
    )
    (source, _), (target, _) = pair
    rows = []
    for share in AT:
        training = dict(recipe["training"]) | {
            "minutes": minutes * share,
            "precision": precision,
            "held_out_files": [f for _, held in pair for f in held],
            "measure_every_s": 1e9,  # a measurement of the classic network takes seconds itself
            "checkpoint_every_s": 600,
        }
        began = time.monotonic(), time.process_time()
        figures = module.training({**recipe, "training": training}, source, target, folder, hooks)
        wall, used = time.monotonic() - began[0], time.process_time() - began[1]
        row = read_metrics(folder)[-1]
        rows.append(
            {"run": run, "threads": threads, "minutes": round(row["seconds"] / 60, 2)}
            | figures_of(row)
            | {
                "waited_share": round(figures["waited_share"], 4),
                "cores_had": round(used / wall, 2),
                "nearer_to_source": nearer(folder, pair),
            }
        )
        shutil.copytree(folder, folder.with_name(f"{folder.name}_at_{share:g}"))
    return rows


def torch_threads() -> int:
    """Threads inside one operator, as `main` set them."""
    import torch

    return int(torch.get_num_threads())


def figures_of(row: dict[str, Any]) -> dict[str, Any]:
    """What is published of a measurement."""
    names = ("step", "images_per_s", "dssim", "dssim_source", "dssim_target", "landmark_error")
    return {name: row[name] for name in names}


def nearer(folder: Path, pair: list[tuple[FaceSet, tuple[str, ...]]]) -> float:
    """Share of 48 swapped held-out faces that are nearer to the source's mean embedding."""
    embed = DlibEmbedder()
    (source, held_source), (target, held) = pair
    centres = []
    for faces, names in ((source, held_source), (target, held)):
        learned = faces.take(~np.isin(faces.values("file"), names))
        some = learned.take(np.linspace(0, len(learned) - 1, 16).astype(int))
        centres.append(measuring.embeddings(some.images, some.landmarks_px, embed).mean(axis=0))
    shown = measuring.held_out(target.take(np.isin(target.values("file"), held)), 0.8)
    swapped = measuring.set_in(load_network(folder), "source", shown, shown.rows)
    found = measuring.embeddings(swapped, shown.landmarks_px, embed)
    share = measuring.identity_figures(found, (centres[0], centres[1]))["nearer_to_source"]
    return round(share, 4)


if __name__ == "__main__":
    main()
