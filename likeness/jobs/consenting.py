"""Everyone who is generated over must be a person of a consent record: faces are compared with the references.

This compares a face with the few pictures that its record names, as one compares a visitor with the photograph on a
pass. It does not look anybody up, embeddings stay in memory, and a match is no proof of identity: look-alikes pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from likeness import faces
from likeness.errors import ConsentError
from likeness.jobs.consent_records import reference_face
from likeness.provenance.consent import ConsentRecord
from likeness.provenance.consent_files import read_reference
from likeness.types import (
    Clip,
    DoubleArray,
    FaceTrack,
    FloatArray,
    ImageArray,
    IndexArray,
    check_array,
)

MATCH_DISTANCE: Final = 0.48
"""Largest distance of dlib's embeddings that counts as the same person; `benchmarks/consent_match.py` chooses it."""
STRETCHES: Final = 3
FRAMES_PER_STRETCH: Final = 3

Embed = Callable[[ImageArray, FloatArray], FloatArray]
"""A picture (H, W, 3) uint8 RGB and the landmarks (478, 2) float32 of a face in it; gives (D,) float32."""


@dataclass(frozen=True)
class KnownPerson:
    """A person of a record.

    Attributes:
        name: the record's file, for messages.
        embeddings: (R, D) float32, one row for each reference.
    """

    name: str
    embeddings: FloatArray


@dataclass(frozen=True)
class PersonMatch:
    """Whose consent covers a face track.

    Attributes:
        track_id: the track.
        person: position of the person among those that were given.
        distance: to the nearest of their references, in the stretch of the track where it is largest.
    """

    track_id: int
    person: int
    distance: float


def require_people(
    clip: Clip,
    tracks: Sequence[FaceTrack],
    records: Sequence[ConsentRecord],
    embed: Embed | None = None,
    models: faces.FaceModels | None = None,
) -> tuple[PersonMatch, ...]:
    """Stop unless every track shows a person of one of the records.

    Args:
        clip: the footage.
        tracks: the faces that are to be generated over; others need no consent.
        records: read and allowed (`require_consent`) already; those without references cover no face.
        embed: dlib's network by default, which comes with the extra `create`.
        models: loaded face networks.

    Returns:
        A match for each track, in their order.

    Raises:
        ConsentError: a track matches nobody; says which one and by how much. Or a reference is missing or altered.
        MissingExtraError: the extra `create` is not installed.
    """
    if not tracks:
        return ()
    if embed is None:
        from likeness.data.identity_embedding import DlibEmbedder

        embed = DlibEmbedder()
    people = known_people(records, embed, models)
    return match_people(track_embeddings(clip, tracks, embed), people, tracks)


def known_people(
    records: Sequence[ConsentRecord], embed: Embed, models: faces.FaceModels | None = None
) -> tuple[KnownPerson, ...]:
    """Embed the references of the records that have some; hashes are checked on the way.

    Raises:
        ConsentError: a reference is missing, was altered, or does not show exactly one face.
    """
    models = models or faces.FaceModels()
    people = []
    for record in records:
        rows = []
        for reference in record.consent.references:
            data = read_reference(record.path.parent, reference, record.name)
            face = reference_face(data, reference.file, record.name, models)
            rows.append(embed(face.image, face.landmarks_px))
        if rows:
            people.append(KnownPerson(record.name, np.stack(rows).astype(np.float32)))
    return tuple(people)


def track_embeddings(
    clip: Clip, tracks: Sequence[FaceTrack], embed: Embed
) -> dict[int, FloatArray]:
    """Embed each track in a few places.

    A track is cut into stretches of equal length, and the mean over a stretch counts: a single frame may be blurred or
    grimace, and a track that slips to somebody else half-way shall not hide behind its first half.

    Args:
        clip: the footage.
        tracks: faces of it.
        embed: see `Embed`.

    Returns:
        For each track (S, D) float32, S <= `STRETCHES` rows; none for a track that was never really seen.

    Raises:
        MediaError: a frame cannot be decoded.
    """
    chosen = {t.track_id: chosen_positions(t) for t in tracks}
    wanted: dict[int, list[tuple[FaceTrack, int]]] = {}
    for track in tracks:
        for position in np.concatenate([*chosen[track.track_id], np.zeros(0, np.int64)]).tolist():
            wanted.setdefault(int(track.frame_indices[position]), []).append((track, position))
    found: dict[tuple[int, int], FloatArray] = {}
    for frame in clip.frames.at(sorted(wanted)):
        for track, position in wanted[frame.index]:
            landmarks_px = np.ascontiguousarray(track.landmarks_px[position])
            found[track.track_id, position] = embed(frame.image, landmarks_px)
    out = {}
    for track_id, stretches in chosen.items():
        groups = [
            [found[track_id, p] for p in s.tolist() if (track_id, p) in found] for s in stretches
        ]
        means = [np.mean(group, axis=0, dtype=np.float64) for group in groups if group]
        out[track_id] = np.array(means, np.float32) if means else np.zeros((0, 0), np.float32)
    return out


def chosen_positions(track: FaceTrack) -> list[IndexArray]:
    """Positions in the track that are compared, by stretch: frames on which it was seen, the most frontal first."""
    seen = np.flatnonzero(~track.bridged).astype(np.int64)
    turned = np.abs(track.pose_deg[:, :2]).sum(axis=1)
    parts = [p for p in np.array_split(seen, STRETCHES) if len(p)]
    return [np.sort(p[np.argsort(turned[p], kind="stable")][:FRAMES_PER_STRETCH]) for p in parts]


def match_people(
    seen: Mapping[int, FloatArray],
    people: Sequence[KnownPerson],
    tracks: Sequence[FaceTrack] = (),
    distance: float = MATCH_DISTANCE,
) -> tuple[PersonMatch, ...]:
    """Find the person of each track.

    Args:
        seen: what `track_embeddings` returned.
        people: what `known_people` returned.
        tracks: to say in an error when a track is seen.
        distance: largest that counts as the same person.

    Returns:
        A match for each track, in their order.

    Raises:
        ConsentError: a track matches nobody; says which one and by how much.
    """
    times = {t.track_id: t.times_s for t in tracks}
    out = []
    for track_id, rows in seen.items():
        place = _place(track_id, times.get(track_id))
        if not people:
            raise ConsentError(f"{place} has no consent: references: none of the records has one")
        if not len(rows):
            raise ConsentError(
                f"{place} has no consent: it is never seen well enough to be compared with the references"
            )
        distances = [track_distance(rows, person.embeddings) for person in people]
        best = int(np.argmin(distances))
        if not distances[best] <= distance:  # so that NaN is no match
            raise ConsentError(
                f"{place} has no consent: references: nearest is {people[best].name} at distance "
                f"{distances[best]:.2f}, a match is at most {distance:.2f}; if it is that person, add another "
                f"picture of them to the record"
            )
        out.append(PersonMatch(track_id, best, distances[best]))
    return tuple(out)


def track_distance(rows: FloatArray, references: FloatArray) -> float:
    """Distance of a track to a person: in every stretch to the nearest reference, and of those the largest.

    Args:
        rows: (S, D) float32, S > 0, one row for each stretch.
        references: (R, D) float32, R > 0.
    """
    check_array("track_distance.rows", rows, (None, None), np.float32)
    check_array("track_distance.references", references, (None, rows.shape[1]), np.float32)
    apart = rows[:, None, :].astype(np.float64) - references[None, :, :]
    return float(np.linalg.norm(apart, axis=-1).min(axis=1).max())


def _place(track_id: int, times_s: DoubleArray | None) -> str:
    if times_s is None or not len(times_s) or times_s[-1] <= times_s[0]:
        return f"face track {track_id}"
    return f"face track {track_id} ({times_s[0]:.1f}-{times_s[-1]:.1f} s)"
