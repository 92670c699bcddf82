"""The use case `synthesise`: marked pictures of people who do not exist, each with a consent record, or a film between two.

Nobody is shown, so no record is needed; one is made for each picture and signed here, and later commands take it like any
other. A picture in which no face can be found is of no use to them and is passed over.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from likeness import faces
from likeness.errors import OutputError, UsageError, WeightsError
from likeness.jobs.consent_records import LEAST_EYE_DISTANCE_PX, synthetic_person
from likeness.jobs.synthesise_options import (
    MOST_PEOPLE,
    Synthesiser,
    SynthesisPermit,
    SynthesisPlan,
    between,
    drawn,
    making_of,
)
from likeness.jobs.synthesise_sheet import contact_sheet
from likeness.provenance.consent import require_consent, write_consent
from likeness.provenance.consent_files import write_whole
from likeness.provenance.making import Making
from likeness.provenance.writing import Written, write_marked
from likeness.provenance.writing_frames import GeneratedFrame
from likeness.provenance.writing_previews import encode_marked
from likeness.provenance.writing_target import WriteOptions, check_target
from likeness.types import ImageArray, Progress

FORMAT = "likeness-people-1"
MANIFEST, SHEET = "people.json", "sheet.png"
FPS = 25.0
MOST_FRAMES = 2000
_TRIES = 4  # pictures that are drawn at most, for each that is wanted
_STEP = 16


@dataclass(frozen=True)
class SyntheticPerson:
    """One of the people.

    Attributes:
        seed: that they were drawn from.
        picture: the marked PNG.
        record: the consent record beside it.
    """

    seed: int
    picture: Path
    record: Path


@dataclass(frozen=True, eq=False)
class SyntheticPeople:
    """What came out.

    Attributes:
        people: in the order of their seeds.
        passed_over: seeds whose picture shows not exactly one findable face.
        sheet: all of them in one marked picture.
        manifest: the same as JSON.
        images: (N, S, S, 3) uint8, as they were before they were marked.
    """

    people: tuple[SyntheticPerson, ...]
    passed_over: tuple[int, ...]
    sheet: Path
    manifest: Path
    images: ImageArray


def synthesise_people(
    count: int,
    seed: int,
    out: Path,
    task: tuple[Synthesiser, SynthesisPlan, SynthesisPermit],
    progress: Progress | None = None,
) -> SyntheticPeople:
    """Make a folder of people who do not exist.

    Args:
        count: how many.
        seed: of the first; the others are those that follow.
        out: the folder; new or empty.
        task: the generator, what it is asked for, and on whose behalf.
        progress: see `Progress`.

    Raises:
        UsageError: a count that makes no sense.
        ConsentError: the purpose or the day is none.
        OutputError: the folder holds something already, or cannot be written.
        WeightsError: none of the drawn pictures shows a face: the model is not trained, or not well enough.
        MarkError: a mark is missing in a finished picture.
    """
    synthesiser, plan, permit = task
    if not 1 <= count <= MOST_PEOPLE:
        raise UsageError(f"-n: expected 1 to {MOST_PEOPLE} people, got {count}")
    if seed < 0:
        raise UsageError(f"--seed: expected 0 or more, got {seed}")
    _require(making_of(plan, permit, ()), permit)
    _empty_folder(out)
    kept, images, passed = _faces_of(count, seed, (synthesiser, plan), progress)
    making = making_of(plan, permit, kept, synthesiser.tag)
    people = []
    for number, (own, image) in enumerate(zip(kept, images, strict=True)):
        people.append(_write_person(own, image, out, task))
        if progress is not None:
            progress("marking", number + 1, len(kept))
    sheet = contact_sheet(images, [f"seed {own}" for own in kept])
    write_whole(out / SHEET, encode_marked(sheet, making, permit.keys), replace=False)
    found = SyntheticPeople(tuple(people), passed, out / SHEET, out / MANIFEST, images)
    text = json.dumps(_facts(found, (synthesiser, plan, permit)), indent=2) + "\n"
    write_whole(out / MANIFEST, text.encode("utf-8"), replace=False)
    return found


def morph(
    seeds: tuple[int, int],
    frames: int,
    out: Path,
    task: tuple[Synthesiser, SynthesisPlan, SynthesisPermit],
    progress: Progress | None = None,
) -> Written:
    """Write a marked film from one person who does not exist to another, along the sphere of latents.

    Args:
        seeds: of the first and of the last frame.
        frames: how many, at 25 per second.
        out: the film; its suffix decides the format.
        task: as of `synthesise_people`.
        progress: see `Progress`.

    Raises:
        UsageError: numbers that make no sense.
        ConsentError, OutputError, MarkError: as `write_marked`.
    """
    synthesiser, plan, permit = task
    if not 2 <= frames <= MOST_FRAMES or min(seeds) < 0:
        raise UsageError(
            f"--interpolate, --frames: expected seeds of 0 or more and 2 to {MOST_FRAMES} frames, "
            f"got {seeds[0]}, {seeds[1]} and {frames}"
        )
    making = making_of(plan, permit, seeds, synthesiser.tag)
    options = WriteOptions(fps=FPS, progress=progress)
    target = check_target(out, (plan.size_px, plan.size_px), making, permit.keys, options)
    if target.kind != "video":
        raise OutputError(f"{out.name}: expected the name of a video, such as morph.mp4")
    ends = [np.asarray(synthesiser.latent_of(s), np.float32) for s in seeds]
    latents = between(ends[0], ends[1], frames)

    def pictures() -> Iterator[GeneratedFrame]:
        for at in range(0, frames, _STEP):
            images = drawn(synthesiser, latents[at : at + _STEP], plan, lambda _: None)
            for number, image in enumerate(images):
                yield GeneratedFrame(image, (at + number) / FPS)

    return write_marked(pictures(), out, making, permit.keys, options)


def shows_one_face(image: ImageArray, models: faces.FaceModels | None = None) -> bool:
    """Whether a consent record would take this picture as a reference."""
    found = faces.find_faces(image, models=models)
    return (
        len(found) == 1
        and float(faces.eye_distance_px(found.landmarks_px[0])) >= LEAST_EYE_DISTANCE_PX
    )


def _require(making: Making, permit: SynthesisPermit) -> None:
    """Before anything is drawn."""
    require_consent(making.consents, permit.purpose, permit.today, permit.keys.maker_public_key())
    permit.keys.signer()


def _empty_folder(out: Path) -> None:
    try:
        if out.is_symlink() or (out.exists() and not out.is_dir()):
            raise OutputError(f"cannot write {out}: expected a folder, got something else")
        out.mkdir(parents=True, exist_ok=True)
        taken = next((entry.name for entry in out.iterdir()), None)
    except OSError as error:
        raise OutputError(f"cannot write {out}: {error.strerror}") from None
    if taken is not None:
        raise OutputError(
            f"cannot write {out}: it holds {taken} already and is not overwritten; give a new folder with -o"
        )


def _faces_of(
    count: int, seed: int, by: tuple[Synthesiser, SynthesisPlan], progress: Progress | None
) -> tuple[list[int], ImageArray, tuple[int, ...]]:
    """Seeds and pictures that show a face, and the seeds that were passed over."""
    synthesiser, plan = by
    models = faces.FaceModels(1)
    kept: list[int] = []
    images: list[ImageArray] = []
    passed: list[int] = []
    for at in range(seed, seed + _TRIES * count, _STEP):
        seeds = range(at, min(at + _STEP, seed + _TRIES * count))
        latents = np.stack([np.asarray(synthesiser.latent_of(s), np.float32) for s in seeds])
        for own, image in zip(
            seeds, drawn(synthesiser, latents, plan, lambda _: None), strict=True
        ):
            if len(kept) == count:
                break
            if shows_one_face(image, models):
                kept.append(own)
                images.append(image)
            else:
                passed.append(own)
        if progress is not None:
            progress("drawing", len(kept), count)
        if len(kept) == count:
            break
    if not kept:
        raise WeightsError(
            f"{plan.generator}: expected faces, but none was found in {len(passed)} pictures; train longer, or give "
            "another model with --model"
        )
    return kept, np.stack(images), tuple(passed)


def _write_person(
    seed: int,
    image: ImageArray,
    out: Path,
    task: tuple[Synthesiser, SynthesisPlan, SynthesisPermit],
) -> SyntheticPerson:
    synthesiser, plan, permit = task
    picture, record = out / f"person_{seed:04d}.png", out / f"person_{seed:04d}.consent.toml"
    making = making_of(plan, permit, (seed,), synthesiser.tag)
    data = encode_marked(image, making, permit.keys)
    write_whole(picture, data, replace=False)
    consent = synthetic_person(picture, permit.purpose, permit.until, permit.keys.maker_sign)
    write_consent(consent, record)
    return SyntheticPerson(seed, picture, record)


def _facts(
    found: SyntheticPeople, task: tuple[Synthesiser, SynthesisPlan, SynthesisPermit]
) -> dict[str, object]:
    synthesiser, plan, permit = task
    return {
        "format": FORMAT,
        "what": "people who do not exist, drawn by a network; every picture is marked",
        "generator": plan.generator,
        "weights": synthesiser.tag,
        "truncation": plan.truncation,
        "drawn_px": synthesiser.size_px,
        "written_px": plan.size_px,
        "purpose": permit.purpose,
        "made": permit.today.isoformat(),
        "until": permit.until.isoformat(),
        "people": [
            {
                "seed": person.seed,
                "picture": person.picture.name,
                "sha256": hashlib.sha256(person.picture.read_bytes()).hexdigest(),
                "consent": person.record.name,
            }
            for person in found.people
        ],
        "passed_over": list(found.passed_over),
    }
