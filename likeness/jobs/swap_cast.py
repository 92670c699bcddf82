"""From files to a plan: open, find the people, check the records against them, and say who takes whose place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from likeness import faces, media, registry
from likeness.errors import ConsentError, MediaError, UsageError
from likeness.faces.smoothing import SmoothingConfig, smooth_track
from likeness.jobs.consenting import Embed, KnownPerson
from likeness.jobs.swap_frames import MARGIN, Replacement
from likeness.jobs.swap_people import (
    Person,
    chosen_person,
    likely_meant,
    people_in,
    require_covered,
)
from likeness.jobs.swap_source import best_source, crop_size
from likeness.types import Clip, FaceCrop, FloatArray, Generator, Progress

SOURCE_FRAMES = 48


@dataclass(frozen=True, eq=False)
class Cast:
    """Who plays whom.

    Attributes:
        replacements: for the plan.
        targets: the people who are replaced.
        source_mean: (D,) float32 mean identity embedding of the source; None where there is none.
        source_crop: the source's face as the generator is shown it; None for trained pairs.
    """

    replacements: tuple[Replacement, ...]
    targets: tuple[Person, ...]
    source_mean: FloatArray | None
    source_crop: FaceCrop | None


@dataclass(frozen=True)
class Caster:
    """What casting needs; built once.

    Attributes:
        models: networks that find faces.
        embed: identity embeddings.
        known: the people of the consent records.
        smoothing: of the landmarks.
        limits: of the files.
    """

    models: faces.FaceModels
    embed: Embed
    known: tuple[KnownPerson, ...]
    smoothing: SmoothingConfig = field(default_factory=SmoothingConfig)
    limits: media.Limits = field(default_factory=media.Limits)

    def open(self, path: Path) -> Clip:
        """A picture or video. Raises `MediaError` for a recording."""
        clip = media.open_clip(path, self.limits)
        if clip.kind == "audio":
            clip.frames.close()
            raise MediaError(f"{path.name}: expected a picture or video, got a recording")
        return clip

    def people(
        self, clip: Clip, indices: Iterable[int], progress: Progress | None = None
    ) -> list[Person]:
        """The people in a clip; see `people_in`."""
        tracks = faces.track_faces(clip, indices, progress, models=self.models)
        return people_in(clip, tracks, self.embed)

    def target(self, clip: Clip, people: Sequence[Person], person: int | None) -> Person:
        """The one who is replaced: covered by a record, with steadier landmarks.

        Raises:
            UsageError: several people and none chosen.
            ConsentError: no record covers the person.
        """
        meant = likely_meant(people, self.known) if person is None else people
        return self.covered(clip, chosen_person(meant, person, clip.name))

    def covered(self, clip: Clip, person: Person) -> Person:
        """A person of a clip whom a record covers, with steadier landmarks. Raises `ConsentError`."""
        require_covered(clip, person, self.known, self.embed)
        return replace(person, track=smooth_track(person.track, self.smoothing))


def cast_sources(
    kit: Caster,
    clip: Clip,
    people: Sequence[Person],
    sources: Sequence[Clip],
    person: int | None,
    generator: Generator,
) -> Cast:
    """One person of the clip gets the face of the person in the source files.

    Raises:
        UsageError: several people and none chosen.
        ConsentError: somebody is covered by no record, or the source files show different people.
    """
    target = kit.target(clip, people, person)
    given, shown_people = [], []
    for source in sources:
        indices = media.sample(source, media.Sampling("evenly", SOURCE_FRAMES))
        shown = kit.people(source, indices)
        found = chosen_person(likely_meant(shown, kit.known), None, source.name)
        shown_people.append(require_covered(source, found, kit.known, kit.embed))
        given.append((source, found))
    if any(p is not shown_people[0] for p in shown_people):
        names = sorted({p.name for p in shown_people})
        raise ConsentError(
            f"references: the source files show different people ({', '.join(names)}); one identity is given"
        )
    crop = best_source(given, target.track)
    mean = np.concatenate([p.embeddings for _, p in given]).mean(axis=0)
    part = Replacement(target.track, generator, crop, crop_size(target.track), MARGIN)
    return Cast((part,), (target,), np.asarray(mean, np.float32), crop)


def cast_exchange(
    kit: Caster,
    clip: Clip,
    people: Sequence[Person],
    person: int | None,
    generators: Sequence[Generator],
) -> Cast:
    """The two people of one clip exchange faces; with `person` only that one gets the other's.

    Raises:
        UsageError: not exactly two people.
        ConsentError: somebody is covered by no record.
    """
    if len(people) != 2:
        raise UsageError(
            f"{clip.name}: expected two people who exchange faces, got {len(people)}; say where the identity comes "
            "from with --source or --model"
        )
    pair = [kit.covered(clip, p) for p in people]
    wanted = pair if person is None else [chosen_person(pair, person, clip.name)]
    parts, others = [], []
    for generator, target in zip(generators, wanted, strict=False):
        other = pair[1] if target is pair[0] else pair[0]
        crop = best_source([(clip, other)], target.track)
        others.append((other, crop))
        parts.append(Replacement(target.track, generator, crop, crop_size(target.track), MARGIN))
    return Cast(tuple(parts), tuple(wanted), others[0][0].mean, others[0][1])


def cast_model(
    kit: Caster,
    clip: Clip,
    people: Sequence[Person],
    person: int | None,
    generator: Generator,
) -> Cast:
    """One person of the clip gets the face that a trained pair makes.

    Raises:
        UsageError: several people and none chosen.
        ConsentError: no record covers the person.
    """
    target = kit.target(clip, people, person)
    margin = float(getattr(getattr(generator, "facts", None), "margin", MARGIN))
    part = Replacement(target.track, generator, None, crop_size(target.track, margin), margin)
    return Cast((part,), (target,), None, None)


def build_generator(name: str, options: Mapping[str, Any]) -> Generator:
    """A generator by name. Raises what `registry.build` raises."""
    made: Generator = registry.build("generators", name, options)
    return made
