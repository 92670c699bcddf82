"""Every cue alone and all of them fused, on clips and stills that were manipulated in memory, and on the real ones.

    python benchmarks/cues.py --data FOLDER --role test --model late=RUN:mead_M030

(a) pseudo-fakes, steady and unsteady, of clips, and pseudo-fakes of stills; (b) swaps: `landmark_swap` and trained runs, each
clean and through H.264 at CRF 28; (c) false alarms on the real clips of every source. Each case goes through the detectors
and the decision of `detect`; faces are found anew in its frames. `fused` is the file's llr, `residual_statistics alone` the
file's llr where only that detector and `spectrum` speak. A swap is compared with the real clips of its own sources at the
same step. Every case is a line in --cases as soon as it is measured, and a case that stands there is not measured again:
delete the file when detectors or weights changed. Intervals are over people; where fewer than ten people carry a class they
are over clips, which is too narrow: the column says which.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from cues_tables import ALONE, FUSED, alarm_rows, compared_rows, cue_rows

from likeness import media
from likeness.apps.benching import write_rows
from likeness.apps.progress import shown_progress
from likeness.data.degradations import degrade
from likeness.data.known_faces import KnownFace, known_faces
from likeness.data.manifest import Item, read_items
from likeness.data.pairs import make_pair
from likeness.faces import FaceModels
from likeness.jobs.calibrate import fusion_clips
from likeness.jobs.clip_material import REAL, ClipPlan, clip_cases
from likeness.jobs.clip_swaps import SwapModel
from likeness.jobs.detect import DetectOptions, Examiner, run_detector
from likeness.jobs.judge import Calibration, judge, read_calibration
from likeness.jobs.measuring import TEST_SEED, usable_score
from likeness.scoring.claims import MARKS
from likeness.types import Clip, FaceTrack

HERE = Path(__file__).parent
BASE = ("residual_statistics", "spectrum")
STILL_STEPS = ("clean", "jpeg_75")


@dataclass(frozen=True)
class Task:
    """One clip, or one still, of which all cases are made in another process."""

    folder: Path
    item: Item
    partners: tuple[Item, ...]
    plan: ClipPlan
    known: KnownFace | None = None
    what: str = "clips"


def main() -> None:
    arguments = parsed()
    items = read_items(arguments.data, arguments.role_file)
    models = tuple(model_of(text) for text in arguments.model)
    tasks = tasks_of(arguments, items, ClipPlan(models=models))
    rows = measured(tasks, arguments)
    found = [*cue_rows(rows), *compared_rows(rows), *alarm_rows(rows)]
    write_rows(arguments.out, found)
    for row in found:
        shown = ("set", "kind", "step", "cue", "auc", "auc_low", "auc_high", "cllr", "coverage")
        print("  ".join(f"{row[k]}" for k in shown if row.get(k) is not None))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--role", choices=("calibrate", "test"), default="calibrate")
    parser.add_argument("--role-file", type=Path, default=Path("recipes/utkface_roles.csv"))
    parser.add_argument("--model", action="append", default=[], help="NAME=RUN:GROUP, repeat")
    parser.add_argument("--limit", type=int, default=1000, help="clips of one person")
    parser.add_argument("--stills", type=int, default=200, help="stills of one source")
    parser.add_argument("--swaps-only", action="store_true", help="of --role test: no test files")
    parser.add_argument("--detector", action="append", default=[], help="only these; repeat")
    parser.add_argument("--calibration", type=Path, help="instead of the shipped one")
    parser.add_argument("--cases", type=Path, default=Path("runs/cues_cases.jsonl"))
    parser.add_argument("--out", type=Path, default=HERE / "results" / "cues.csv")
    return parser.parse_args()


def model_of(text: str) -> SwapModel:
    name, _, rest = text.partition("=")
    folder, _, group = rest.rpartition(":")
    if not (name and folder and group):
        raise SystemExit(f"--model: expected NAME=RUN:GROUP, got {text!r}")
    return SwapModel.read(name, Path(folder), group)


def tasks_of(arguments: argparse.Namespace, items: Sequence[Item], plan: ClipPlan) -> list[Task]:
    """Clips with the role and stills with it; for a test also the clips that a model was trained for.

    People whom the calibration knows are no test: their swaps stand in a set of their own.
    """
    folder, role = arguments.data, arguments.role
    clips = fusion_clips(items, arguments.limit, role)
    if arguments.swaps_only:
        clips = []
    tasks = [Task(folder, i, tuple(items), plan) for i in clips]
    if role == "test":
        only = replace(plan, makers={}, landmark_swap=False)
        fitted = fusion_clips(items, len(items), "calibrate")
        held_out = [i for i in fitted if any(m.takes(i) for m in plan.models)]
        targets = [
            i
            for group in dict.fromkeys(i.group for i in held_out)
            for i in [i for i in held_out if i.group == group][: arguments.limit]
        ]
        tasks += [Task(folder, i, (), only, what="clips of calibration people") for i in targets]
    faces = [i for i in items if i.kind == "face" and i.role == role and i.label == 0]
    if arguments.swaps_only:
        faces = []
    for source in sorted({i.source for i in faces}):
        own = [i for i in faces if i.source == source]
        places = np.unique(np.linspace(0, len(own) - 1, arguments.stills).astype(int))
        known = known_faces(folder, [own[int(k)] for k in places], Path("runs/faces"))
        tasks += [Task(folder, k.item, (), plan, k, "stills") for k in known]
    return tasks


def measured(tasks: Sequence[Task], arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """The rows of all tasks: those that stand in the file of cases, and the others."""
    path: Path = arguments.cases
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = path.read_text().splitlines() if path.is_file() else []
    kept: dict[str, list[dict[str, Any]]] = dict(json.loads(line) for line in lines)
    todo = [t for t in tasks if key_of(t) not in kept]
    setup = (tuple(arguments.detector), arguments.calibration)
    with (
        shown_progress() as progress,
        path.open("a") as file,
        ProcessPoolExecutor(2, get_context("spawn"), start, setup) as pool,
    ):
        waiting = {pool.submit(cases, task): task for task in todo}
        for done, future in enumerate(as_completed(waiting)):
            key = key_of(waiting[future])
            kept[key] = future.result()
            file.write(json.dumps([key, kept[key]]) + "\n")
            file.flush()
            progress("clips and stills", done + 1, len(todo))
    return [row for task in tasks for row in kept[key_of(task)]]


def key_of(task: Task) -> str:
    models = [m.name for m in task.plan.models if m.takes(task.item)]
    return " ".join([task.item.path, *models])


WORKER: dict[str, Any] = {}


def start(detectors: tuple[str, ...], calibration: Path | None) -> None:
    """Build everything once per process."""
    import cv2

    cv2.setNumThreads(1)
    examiner = Examiner(DetectOptions(detectors=detectors))
    examiner.detectors.pop(MARKS, None)
    if calibration is not None:
        examiner.calibration = read_calibration(calibration)
    WORKER["examiner"] = examiner


def cases(task: Task) -> list[dict[str, Any]]:
    """Every case of one clip or still as a row."""
    models = FaceModels(1)
    rows = []
    if task.known is not None:
        return list(still_cases(task, task.known))
    for case in clip_cases(task.folder, task.item, task.partners, task.plan, models):
        rows.append(looked_at(task, (case.kind, case.step, case.label), case.clip, case.tracks))
    return rows


def still_cases(task: Task, known: KnownFace) -> Iterator[dict[str, Any]]:
    """A still and its pseudo-fake; the place of the face is known."""
    pair = make_pair(task.folder, known, TEST_SEED)
    for step in STILL_STEPS:
        for label, pictures in enumerate((pair.real, pair.fake)):
            clip = media.clip_from_frames(degrade(list(pictures), step, TEST_SEED))
            kind = "pseudo_fake" if label else REAL
            yield looked_at(task, (kind, step, label), clip, (pair.track,))


def looked_at(
    task: Task, what: tuple[str, str, int], clip: Clip, tracks: tuple[FaceTrack, ...]
) -> dict[str, Any]:
    """Through all detectors and the decision of `detect`."""
    examiner: Examiner = WORKER["examiner"]
    found = [run_detector(n, d, clip, tracks) for n, d in examiner.detectors.items()]
    calibration: Calibration = examiner.calibration
    verdict = judge(clip, tracks, found, calibration)
    base = judge(clip, tracks, [e for e in found if e.detector in BASE], calibration)
    kind, step, label = what
    return {
        "path": task.item.path,
        "source": task.item.source,
        "person": task.item.group,
        "set": task.what,
        **{"kind": kind, "step": step, "label": label},
        "verdict": verdict.label,
        "llrs": {e.detector: e.llr for e in verdict.evidence}
        | {FUSED: verdict.llr, ALONE: base.llr},
        "scores": {e.detector: usable_score(e) for e in found}
        | {FUSED: verdict.llr, ALONE: base.llr},
    }


if __name__ == "__main__":
    main()
