"""What detectors give for real clips and their manipulated twins, over neighbouring frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from likeness.data.known_faces import main_face
from likeness.data.manifest import Item
from likeness.data.mixture import ENGINE
from likeness.errors import MediaError
from likeness.faces import FaceModels
from likeness.jobs.clip_material import REAL, ClipCase, ClipPlan, clip_cases
from likeness.jobs.measuring import Scored, parts_of, usable_score
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


def file_work(folder: Path, item: Item, plan: ClipPlan) -> Work:
    """One clip as it is, real or fake, as one piece of work."""
    settings = [MATERIAL, item.path, item.label, plan.steps, plan.frames, plan.stretch_s]
    key = work_key("clip as it is", item.sha256, settings)
    return Work(key, partial(score_file, folder, item, plan))


def score_file(
    folder: Path, item: Item, plan: ClipPlan, detectors: Mapping[str, Detector]
) -> list[Scored]:
    """One clip as it is through the plan's steps; nothing where it cannot be read."""
    alone = replace(plan, makers={}, landmark_swap=False, models=())
    scored = score_clip(folder, item, (), alone, detectors)
    kind = item.source if item.label else REAL
    return [replace(s, label=item.label, kind=kind) for s in scored]


def score_clip(
    folder: Path,
    item: Item,
    partners: Sequence[Item],
    plan: ClipPlan,
    detectors: Mapping[str, Detector],
) -> list[Scored]:
    """Every case of one clip in which a face was found, through all detectors; nothing where it cannot be read.

    The quality of the face is that of the main face as it was found in the case's own frames.
    """
    try:
        return [
            scored
            for case in clip_cases(folder, item, partners, plan, FaceModels(1))
            for scored in _scored(case, detectors)
        ]
    except MediaError:
        return []


def _scored(case: ClipCase, detectors: Mapping[str, Detector]) -> list[Scored]:
    track = main_face(case.tracks)
    if track is None:
        return []
    found = {n: d.analyse(case.clip, case.tracks) for n, d in detectors.items()}
    scores = {n: usable_score(e) for n, e in found.items()}
    covariates = covariates_of(track, 1)
    item, parts = case.item, parts_of(found, track.track_id)
    row = Scored(case.label, item.group, case.step, item.path, scores, covariates, parts=parts)
    return [row.of_clip(case.kind)]
