from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from likeness.report import Picture
from likeness.report.axis import time_axis
from likeness.report.film import DRAWN_FACES, SLOTS, drawn_faces, film, film_frames, slot_count
from likeness.types import FaceTrack, Span, Verdict

from .conftest import make_track, still_verdict
from .many_cues import cue_evidence, cue_verdict

JPEG = b"\xff\xd8\xff"


def pictures(verdict: Verdict, track: FaceTrack) -> list[tuple[str, Picture]]:
    rows = film_frames(verdict)[track.track_id]
    return [
        (f"p{row}", Picture(JPEG, "image/jpeg", (0, 0, 40, 30), int(track.frame_indices[row]), 0))
        for row in rows
    ]


def laid_out(track: FaceTrack, evidence=()):
    verdict = cue_verdict([track])
    times = {int(i): float(t) for i, t in zip(track.frame_indices, track.times_s, strict=True)}
    axis = time_axis([track])
    return film(pictures(verdict, track), times, evidence, axis, slot_count([track]))


@pytest.mark.parametrize("frames", [2, 3, 10, 24, 25, 240])
def test_slots_are_filled_in_order_and_each_picture_lies_in_its_slot(frames: int):
    track = make_track(0, frames)
    made = laid_out(track)
    count = min(SLOTS, frames)
    assert len(made.slots) == count
    axis = time_axis([track])
    for i, slot in enumerate(made.slots):
        assert slot.ref is not None
        at = float(axis.x(slot.time_s)) * count / 100
        assert i <= at <= i + 1 + 1e-9
        if frames == 240:  # so dense that the frame nearest to the middle lies near it
            assert abs(at - i - 0.5) < 0.06
    assert sum(s.chosen for s in made.slots) == 1
    assert [len(cells) for _, cells in made.strips] == [min(12, count), min(8, count)]


def test_no_picture_is_shown_where_the_face_was_not_seen():
    track = make_track(0, 240, gap=slice(80, 160))
    made = laid_out(track)
    blank = [i for i, s in enumerate(made.slots) if s.ref is None]
    assert blank == list(range(8, 16))
    assert all(made.slots[i].words == "not seen or not examined" for i in blank)
    assert not any(made.slots[i].chosen for i in blank)
    assert any(c.ref is None for c in dict(made.strips)["narrow"])


def test_a_slot_says_which_cues_show_and_the_strongest_moment_is_chosen():
    track = make_track(0, 120)
    evidence = cue_evidence([track])
    made = laid_out(track, evidence)
    length = track.times_s[-1]
    for slot in made.slots:
        inside = 0.3 * length <= slot.time_s <= 0.55 * length
        assert ("boundary" in slot.words) == inside
    (chosen,) = (s for s in made.slots if s.chosen)
    strongest = next(e for e in evidence if e.detector == "boundary").tracks[0]
    best = strongest.frame_indices[strongest.frame_scores.argmax()] / 25
    assert abs(chosen.time_s - best) <= length / SLOTS
    other = dataclasses.replace(
        next(e for e in evidence if e.detector == "boundary"), spans=(Span(0, 99, 1.0, 7),)
    )
    assert all(s.words == "no cue stands out" for s in laid_out(track, [other]).slots)


def test_faces_with_the_strongest_evidence_are_drawn_and_a_still_has_no_film():
    tracks = [make_track(k, 30) for k in range(9)]
    verdict = cue_verdict(list(reversed(tracks)))  # the factory makes the first the strongest
    assert [t.track_id for t in drawn_faces(verdict)] == [8, 7, 6, 5, 4, 3]
    frames = film_frames(verdict)
    assert len(frames) == DRAWN_FACES and all(len(rows) == SLOTS for rows in frames.values())
    assert film_frames(still_verdict()) == {}
    assert film_frames(dataclasses.replace(verdict, tracks=())) == {}


def test_pictures_of_unknown_frames_are_left_out():
    track = make_track(0, 5)
    stray = Picture(JPEG, "image/jpeg", (0, 0, 4, 3), 9999, 0)
    assert film([("p", stray)], {0: 0.0}, (), time_axis([track]), 5) is None
    assert np.isfinite(track.times_s).all()
