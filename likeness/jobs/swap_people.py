"""Who is in the footage, and who of them is meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from likeness.data.curation_identity import Sighted, people_of
from likeness.errors import ConsentError, MediaError, UsageError
from likeness.jobs.consenting import (
    MATCH_DISTANCE,
    Embed,
    KnownPerson,
    match_people,
    track_embeddings,
)
from likeness.jobs.extract_faces import embedded_rows, where_seen
from likeness.types import Clip, FaceQuality, FaceTrack, FloatArray

MOST_PEOPLE = 8
_LEAST_SHARE = 0.1  # of the frames that the most seen person has: less is a passer-by


@dataclass(frozen=True, eq=False)
class Person:
    """One person of a clip.

    Attributes:
        number: 1 = the one with most faces.
        track: all frames in which they are seen, from one or several tracks.
        tracks: these tracks.
        embeddings: (M, D) float32 identity embeddings of some frames.
        where: when and where they are seen, in words.
    """

    number: int
    track: FaceTrack
    tracks: tuple[FaceTrack, ...]
    embeddings: FloatArray
    where: str

    @property
    def mean(self) -> FloatArray:
        """(D,) float32 mean embedding."""
        return np.asarray(self.embeddings.mean(axis=0), np.float32)


def people_in(clip: Clip, tracks: Sequence[FaceTrack], embed: Embed) -> list[Person]:
    """The people of a clip, the one with most faces first; short glimpses of others are left out.

    Args:
        clip: the footage.
        tracks: every face of it.
        embed: identity embeddings; tracks of one person become one.

    Raises:
        MediaError: no face at all.
    """
    tracks = [t for t in tracks if _seen(t)]
    if not tracks:
        raise MediaError(
            f"{clip.name}: expected a face, found none; faces must be at least about 40 px wide in video, 24 px in "
            "pictures, and be seen from the front or half from the side"
        )
    embeddings = _embedded(clip, tracks, embed)
    sighted = [Sighted(clip.name, _seen(t), e) for t, e in zip(tracks, embeddings, strict=True)]
    found = []
    for group in people_of(sighted):
        own = tuple(tracks[i] for i in group)
        found.append((joined_track(own), own, np.concatenate([embeddings[i] for i in group])))
    found.sort(key=lambda item: -_seen(item[0]))
    most = _seen(found[0][0])
    kept = [item for item in found if _seen(item[0]) >= _LEAST_SHARE * most][:MOST_PEOPLE]
    return [
        Person(number, track, own, rows, where_seen(track, clip.size_wh[0]))
        for number, (track, own, rows) in enumerate(kept, start=1)
    ]


def chosen_person(people: Sequence[Person], number: int | None, what: str) -> Person:
    """The only person, or the one that was asked for.

    Raises:
        UsageError: several and none chosen, or a number that there is not.
    """
    if number is not None:
        if not 1 <= number <= len(people):
            raise UsageError(
                f"--person: expected 1 to {len(people)} (people in {what}), got {number}"
            )
        return people[number - 1]
    if len(people) > 1:
        raise UsageError(
            f"{what}: expected one person, got {len(people)}; say with --person which one is replaced:\n"
            + described(people)
        )
    return people[0]


def described(people: Sequence[Person]) -> str:
    """One line for each person."""
    return "\n".join(f"  {p.number}: {_seen(p.track)} faces, {p.where}" for p in people)


def require_covered(
    clip: Clip, person: Person, people: Sequence[KnownPerson], embed: Embed
) -> KnownPerson:
    """Stop unless every track of a person matches one of the records; returns whom the record is about.

    Raises:
        ConsentError: a track matches nobody, or its tracks match different people.
    """
    matches = match_people(track_embeddings(clip, person.tracks, embed), people, person.tracks)
    found = sorted({m.person for m in matches})
    if len(found) != 1:
        names = " and like ".join(people[i].name for i in found)
        raise ConsentError(
            f"references: person {person.number} of {clip.name} ({person.where}) looks like {names} "
            "at different times; cut the clip, or choose frames with --frames"
        )
    return people[found[0]]


def likely_meant(people: Sequence[Person], known: Sequence[KnownPerson]) -> Sequence[Person]:
    """Of several people the only one who looks like a record's references, if there is exactly one; else all of them."""
    matched = [
        p for p in people
        if any(_distance(p, k) <= MATCH_DISTANCE for k in known)
    ]  # fmt: skip
    return matched if len(matched) == 1 else people


def _distance(person: Person, known: KnownPerson) -> float:
    return float(np.linalg.norm(known.embeddings - person.mean, axis=1).min())


def joined_track(tracks: Sequence[FaceTrack]) -> FaceTrack:
    """Several tracks of one person as one; where two have a frame, the surer sighting counts."""
    if len(tracks) == 1:
        return tracks[0]
    order = np.concatenate([t.frame_indices for t in tracks])
    sure = np.concatenate([t.confidence for t in tracks])
    by_frame = np.lexsort((-sure, order))
    rows = by_frame[np.concatenate([[True], np.diff(order[by_frame]) > 0])]

    def taken(name: str) -> npt.NDArray[np.generic]:
        return np.asarray(np.concatenate([getattr(t, name) for t in tracks])[rows])

    quality = {
        f.name: np.concatenate([getattr(t.quality, f.name) for t in tracks])[rows]
        for f in fields(FaceQuality)
    }
    arrays = {
        f.name: taken(f.name) for f in fields(FaceTrack) if f.name not in ("track_id", "quality")
    }
    return replace(tracks[0], **arrays, quality=FaceQuality(**quality))  # type: ignore[arg-type]


def _embedded(clip: Clip, tracks: Sequence[FaceTrack], embed: Embed) -> list[FloatArray]:
    """Embeddings of a few frames of each track, in one pass over the clip."""
    moments: dict[int, list[tuple[int, int]]] = {}
    for number, track in enumerate(tracks):
        for row in embedded_rows(track):
            moments.setdefault(int(track.frame_indices[row]), []).append((number, row))
    found: list[list[FloatArray]] = [[] for _ in tracks]
    for frame in clip.frames.at(sorted(moments)):
        for number, row in moments[frame.index]:
            found[number].append(embed(frame.image, tracks[number].landmarks_px[row]))
    return [np.stack(rows).astype(np.float32) for rows in found]


def _seen(track: FaceTrack) -> int:
    return int((~track.bridged).sum())
