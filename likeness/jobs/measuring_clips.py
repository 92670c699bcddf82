"""What detectors give for real clips and their manipulated twins, over neighbouring frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from likeness.data.known_faces import main_face
from likeness.data.manifest import Item
from likeness.data.mixture import ENGINE
from likeness.faces import FaceModels
from likeness.jobs.clip_material import ClipCase, ClipPlan, clip_cases
from likeness.jobs.measuring import Scored, usable_score
from likeness.jobs.score_store import work_key
from likeness.jobs.scored_items import Work
from likeness.scoring import covariates_of
from likeness.types import Detector

MATERIAL = "clip-material-1"
"""Goes up when clips are made or looked at in another way, so that kept scores are not mistaken for new ones."""


def clip_work(folder: Path, item: Item, partners: Sequence[Item], plan: ClipPlan) -> Work:
    """All cases of one clip as one piece of work."""
    made = [*plan.makers, plan.landmark_swap, plan.steps, plan.frames, plan.stretch_s, plan.seed]
    models = [(m.name, m.folder, m.group) for m in plan.models if m.takes(item)]
    key = work_key("clip", item.sha256, [MATERIAL, ENGINE, item.path, *made, *models])
    return Work(key, partial(score_clip, folder, item, tuple(partners), plan))


def score_clip(
    folder: Path,
    item: Item,
    partners: Sequence[Item],
    plan: ClipPlan,
    detectors: Mapping[str, Detector],
) -> list[Scored]:
    """Every case of one clip in which a face was found, through all detectors.

    The quality of the face is that of the main face as it was found in the case's own frames.
    """
    return [
        scored
        for case in clip_cases(folder, item, partners, plan, FaceModels(1))
        for scored in _scored(case, detectors)
    ]


def _scored(case: ClipCase, detectors: Mapping[str, Detector]) -> list[Scored]:
    track = main_face(case.tracks)
    if track is None:
        return []
    scores = {n: usable_score(d.analyse(case.clip, case.tracks)) for n, d in detectors.items()}
    covariates = covariates_of(track, 1)
    item = case.item
    row = Scored(case.label, item.group, case.step, item.path, scores, covariates)
    return [row.of_clip(case.kind)]
