"""The coverage report says in words what is not there."""

from __future__ import annotations

import pytest

from likeness.data.coverage import MOUTH, PITCH, YAW, coverage, overlap


def rows(yaw: float, pitch: float = 0.0, mouth: float = 0.0, count: int = 10) -> list[dict]:
    return [
        {
            "kept": True,
            "yaw_deg": yaw,
            "pitch_deg": pitch,
            "mouth_opening": mouth,
            "eye_opening": 0.3,
        }
        for _ in range(count)
    ]


def test_a_full_set_misses_nothing() -> None:
    full = [
        row
        for low, high in YAW.values()
        for down, up in PITCH.values()
        for mouth in (0.0, 0.2, 0.7)
        for row in rows((low + high) / 2, (down + up) / 2, mouth)
    ]
    blinks = [{**row, "eye_opening": 0.05} for row in rows(0.0)]
    found = coverage(full + blinks)
    assert found.missing == ()
    assert found.faces == len(full) + 10
    assert sum(found.together.values()) == found.faces
    assert found.lines()[-1].endswith("nothing")


def test_what_is_missing_is_said_in_words() -> None:
    found = coverage(rows(0.0, mouth=0.0, count=20) + rows(20.0, mouth=0.2, count=20))
    assert "turned to the left of the picture" in found.missing
    assert "turned to the right of the picture" not in found.missing
    assert "mouth wide open" in found.missing
    assert "mouth closed while turned to the right of the picture" in found.missing


def test_dropped_faces_do_not_count() -> None:
    assert coverage([{**r, "kept": False} for r in rows(0.0)]).faces == 0
    assert set(MOUTH) <= set(coverage([]).missing)


def test_overlap_is_the_share_of_the_second_that_the_first_covers() -> None:
    wide = rows(-20.0) + rows(0.0) + rows(20.0)
    narrow = rows(0.0)
    assert overlap(wide, narrow) == 1.0
    assert overlap(narrow, wide) == pytest.approx(1 / 3)
    assert overlap([], narrow) == overlap(narrow, []) == 0.0
