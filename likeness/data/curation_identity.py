"""Whose faces these are: one person out of tracks of several, by identity embeddings.

Embeddings come in as numbers (King 2017, dlib: 128 of them, Euclidean); computing them is the caller's business. A track is
one face followed over time and counts as a whole, unless its own embeddings disagree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from likeness.data.identity import cluster_embeddings
from likeness.errors import UsageError
from likeness.types import FloatArray

SAME_PERSON = 0.48
"""Distance below which two tracks are one person: the one at which `jobs.consenting` lets a record cover a face."""
SECOND_PERSON_SHARE = 0.2
"""A second person with at least so many faces, relative to the first, has to be told apart by the user."""
_MIXED_SHARE = 0.25  # of a track's embeddings: more strangers than this and the track is two people


@dataclass(frozen=True, eq=False)
class Sighted:
    """One track as identity sees it.

    Attributes:
        file: name of the file it is in.
        faces: how many faces it has.
        embeddings: (M, D) float32 of some of them, M >= 1.
        where: when and where it is seen, in words.
    """

    file: str
    faces: int
    embeddings: FloatArray
    where: str = ""

    @property
    def mean(self) -> FloatArray:
        """(D,) float32 mean embedding."""
        return np.asarray(self.embeddings.mean(axis=0), np.float32)


def people_of(tracks: Sequence[Sighted]) -> list[list[int]]:
    """Indices of the tracks of each person, the person with most faces first."""
    if not tracks:
        return []
    clusters = cluster_embeddings(np.stack([t.mean for t in tracks]), SAME_PERSON)
    people: dict[int, list[int]] = {}
    for index, cluster in enumerate(clusters.tolist()):
        people.setdefault(cluster, []).append(index)
    return sorted(
        people.values(), key=lambda p: (-sum(tracks[i].faces for i in p), tracks[p[0]].file, p[0])
    )


def tracks_of_person(
    tracks: Sequence[Sighted], known: FloatArray | None, person: int | None = None
) -> list[int]:
    """Which tracks show the set's person.

    Args:
        tracks: every track of the new files.
        known: (R, D) float32 embeddings of the person: of the record's references or of a set that exists; None where
            there are none: then it is the person with most faces.
        person: 1 = the person with most faces, 2 = the next; only without `known`.

    Returns:
        Indices of the person's tracks; none is possible only with `known`.

    Raises:
        UsageError: several people and none chosen, or a number that there is not.
    """
    if known is not None and len(known):
        if person is not None:
            raise UsageError(
                "--person: the record's references (or the set) say who it is; leave it out"
            )
        return matching(tracks, known)
    people = people_of(tracks)
    if person is not None:
        if not 1 <= person <= len(people):
            raise UsageError(f"--person: expected 1 to {len(people)}, got {person}")
        return people[person - 1]
    if not people:
        return []
    most = _faces(tracks, people[0])
    rivals = [p for p in people[1:] if _faces(tracks, p) >= SECOND_PERSON_SHARE * most]
    if rivals:
        raise UsageError(
            f"expected one person, got {1 + len(rivals)}; say with --person which one the record is about:\n"
            + "\n".join(described(tracks, p, n + 1) for n, p in enumerate([people[0], *rivals]))
        )
    return people[0]


def matching(tracks: Sequence[Sighted], known: FloatArray) -> list[int]:
    """Tracks near one of the known embeddings, and then those near the mean of what was found (turned faces)."""
    near = [i for i, t in enumerate(tracks) if nearest(t, known) < SAME_PERSON]
    if not near:
        return []
    weights = np.array([tracks[i].faces for i in near], np.float64)
    centre = np.average(np.stack([tracks[i].mean for i in near]), axis=0, weights=weights)
    again = [
        i for i, t in enumerate(tracks) if float(np.linalg.norm(t.mean - centre)) < SAME_PERSON
    ]
    return sorted({*near, *again})


def nearest(track: Sighted, known: FloatArray) -> float:
    """Distance of a track's mean embedding to the nearest of (R, D) known ones."""
    return float(np.linalg.norm(known - track.mean, axis=1).min())


def is_mixed(track: Sighted) -> bool:
    """Whether a track's own embeddings show that it holds two people."""
    if len(track.embeddings) < 3:
        return False
    middle = np.median(track.embeddings, axis=0)
    far = np.linalg.norm(track.embeddings - middle, axis=1) > SAME_PERSON
    return float(far.mean()) > _MIXED_SHARE


def described(tracks: Sequence[Sighted], person: Sequence[int], number: int) -> str:
    """One line that lets a user tell who it is: how many faces, in which files, where in the picture."""
    shown = sorted(person, key=lambda i: -tracks[i].faces)[:3]
    places = "; ".join(f"{tracks[i].file} {tracks[i].where}".strip() for i in shown)
    more = f" and {len(person) - len(shown)} more tracks" if len(person) > len(shown) else ""
    return f"  person {number}: {_faces(tracks, person)} faces, {places}{more}"


def _faces(tracks: Sequence[Sighted], person: Sequence[int]) -> int:
    return sum(tracks[i].faces for i in person)
