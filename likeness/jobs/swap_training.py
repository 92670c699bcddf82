"""All at once: from clips of two people to a trained pair, for `likeness swap --minutes`.

The face sets and the run are kept beside the result, so that nothing is trained again when the merge is to look different.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from likeness import faces, media, registry
from likeness.data.identity_embedding import DlibEmbedder
from likeness.errors import ConfigError, DataError, UsageError
from likeness.jobs.consenting import known_people
from likeness.jobs.extract import extract
from likeness.jobs.extract_cutting import Cutting
from likeness.jobs.extract_options import ExtractOptions, Permit
from likeness.jobs.swap_cast import SOURCE_FRAMES, Caster
from likeness.jobs.swap_options import SwapPermit
from likeness.jobs.swap_people import chosen_person, likely_meant, require_covered
from likeness.jobs.train import PairTraining, TrainingPermit, TrainingReports
from likeness.jobs.train import train_pair as train_folders
from likeness.provenance.consent import ConsentRecord, require_consent
from likeness.types import Progress

LIGHT = "autoencoder_light"
MOST_FACES = 1500


@dataclass(frozen=True)
class PairPlan:
    """What is to be trained.

    Attributes:
        sources: pictures and clips of the person who gives the face.
        targets: pictures and clips of the person who receives it.
        folder: where the face sets and the run go; what is there already is used and gone on with.
        minutes: training time.
        generator: a trainable generator.
        recipe: tables of a recipe that are laid over its defaults.
        limits: of the files.
    """

    sources: tuple[Path, ...]
    targets: tuple[Path, ...]
    folder: Path
    minutes: float
    generator: str = LIGHT
    recipe: Mapping[str, Any] = field(default_factory=dict)
    limits: media.Limits = field(default_factory=media.Limits)


def train_people(
    plan: PairPlan,
    permit: SwapPermit,
    progress: Progress | None = None,
    say: Callable[[str], None] | None = None,
) -> Path:
    """Extract both people and train; returns the run folder for `SwapOptions.model`.

    Args:
        plan: what, from what, where and how long.
        permit: records, purpose, day and keys.
        progress: see `likeness.types.Progress`.
        say: gets a sentence whenever the training is measured.

    Raises:
        ConsentError: the records do not cover it.
        ConfigError: the generator is not trained, or the recipe is wrong.
        DataError: too few faces; says how many and what is missing.
        MissingExtraError: torch or identity embeddings are not installed.
    """
    consents = [r.consent for r in permit.records]
    require_consent(consents, permit.purpose, permit.today, permit.keys.maker_public_key())
    if not plan.sources or not plan.targets or plan.minutes <= 0:
        raise UsageError("training needs --source files, a target and --minutes above 0")
    if not hasattr(registry.load("generators", plan.generator), "training"):
        raise ConfigError(f"the generator {plan.generator} is not trained; leave --minutes out")
    folders = {}
    for role, files in (("source", plan.sources), ("target", plan.targets)):
        record = _record_of(files, role, permit, plan.limits)
        folder = plan.folder / role
        folder.parent.mkdir(parents=True, exist_ok=True)
        cutting = Cutting(every=_every(files, plan.limits), limits=plan.limits)
        done = extract(
            files,
            folder,
            Permit(record, permit.purpose, permit.today, permit.keys),
            ExtractOptions(cutting),
            progress,
        )
        try:
            done.require_enough()
        except DataError as error:
            raise DataError(f"{role}: {error}") from None
        folders[role] = folder
    run = plan.folder / "run"
    job = PairTraining(
        {**plan.recipe, "generator": plan.generator},
        folders["source"],
        folders["target"],
        run,
        plan.minutes,
        resume=True,
    )
    reports = TrainingReports(progress, say)
    train_folders(job, TrainingPermit(permit.purpose, permit.today, permit.keys), reports)
    return run


def _record_of(
    files: Sequence[Path], role: str, permit: SwapPermit, limits: media.Limits
) -> ConsentRecord:
    """The record of the person in the first of the files."""
    models, embed = faces.FaceModels(), DlibEmbedder()
    kit = Caster(models, embed, known_people(permit.records, embed, models), limits=limits)
    clip = kit.open(files[0])
    try:
        people = kit.people(clip, media.sample(clip, media.Sampling("evenly", SOURCE_FRAMES)))
        person = chosen_person(likely_meant(people, kit.known), None, f"{clip.name} ({role})")
        covered = require_covered(clip, person, kit.known, embed)
    finally:
        clip.frames.close()
    records = [r for r in permit.records if r.consent.references]  # in the order of kit.known
    return next(r for r, p in zip(records, kit.known, strict=True) if p is covered)


def _every(files: Sequence[Path], limits: media.Limits) -> int:
    """Every how many-th frame to examine so that about `MOST_FACES` come out."""
    frames = 0
    for path in files:
        clip = media.open_clip(path, limits)
        frames += len(clip.frames)
        clip.frames.close()
    return max(1, frames // MOST_FACES)
