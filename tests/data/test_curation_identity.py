"""Whose faces these are: the record's person, or the one with most faces, and never a silent guess between two."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.data.curation_identity import Sighted, is_mixed, matching, people_of, tracks_of_person
from likeness.errors import UsageError


def sighted(person: int, faces: int, seed: int = 0, spread: float = 0.02) -> Sighted:
    rng = np.random.default_rng(100 * person + seed)
    centre = np.zeros(128, np.float32)
    centre[person] = 0.6
    moments = centre + rng.normal(0, spread, (5, 128)).astype(np.float32)
    return Sighted(f"{person}-{seed}.mp4", faces, moments.astype(np.float32), "0:00-0:09, left")


def test_one_person_in_several_clips_is_one() -> None:
    tracks = [sighted(1, 30, 1), sighted(1, 20, 2), sighted(1, 25, 3)]
    assert people_of(tracks) == [[0, 1, 2]]
    assert tracks_of_person(tracks, None) == [0, 1, 2]


def test_a_passer_by_is_dropped_without_asking() -> None:
    tracks = [sighted(1, 100), sighted(2, 8), sighted(1, 50, 1)]
    assert tracks_of_person(tracks, None) == [0, 2]


def test_two_people_are_never_guessed_between() -> None:
    tracks = [sighted(1, 100), sighted(2, 60)]
    with pytest.raises(UsageError, match=r"got 2.*--person") as caught:
        tracks_of_person(tracks, None)
    assert "person 1: 100 faces, 1-0.mp4 0:00-0:09, left" in str(caught.value)
    assert tracks_of_person(tracks, None, person=2) == [1]
    with pytest.raises(UsageError, match="expected 1 to 2"):
        tracks_of_person(tracks, None, person=3)


def test_references_decide_whoever_has_more_faces() -> None:
    tracks = [sighted(1, 100), sighted(2, 5)]
    known = sighted(2, 1, seed=9).mean[None]
    assert tracks_of_person(tracks, known) == [1]
    assert tracks_of_person(tracks, sighted(3, 1).mean[None]) == []
    with pytest.raises(UsageError, match="--person"):
        tracks_of_person(tracks, known, person=1)


def test_a_track_near_the_middle_of_the_matches_counts_too() -> None:
    step = np.zeros(128, np.float32)
    step[1] = 1.0
    known = np.zeros((1, 128), np.float32)
    at = [0.45, 0.9, 1.4]  # the second is beyond reach of the reference, within that of the first
    tracks = [Sighted("a", 10, (step * v)[None]) for v in at]
    assert matching(tracks, known) == [0, 1]


def test_a_track_that_holds_two_people_is_noticed() -> None:
    one, other = sighted(1, 5).embeddings, sighted(2, 5).embeddings
    assert not is_mixed(sighted(1, 5))
    assert is_mixed(Sighted("a", 5, np.concatenate([one[:3], other[:2]])))


def test_no_track_is_nobody() -> None:
    assert people_of([]) == []
    assert tracks_of_person([], None) == []
