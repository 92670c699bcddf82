from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from likeness.report.axis import TimeAxis, time_axis, time_ticks
from likeness.report.timeline import Row, Timeline, timeline
from likeness.types import Curve, Evidence, FaceTrack, Span, TrackScore

from .conftest import clip_verdict, make_track
from .many_cues import cue_evidence


def times_of(*tracks: FaceTrack) -> dict[int, float]:
    return {
        int(i): float(t) for k in tracks for i, t in zip(k.frame_indices, k.times_s, strict=True)
    }


def draw(track: FaceTrack | None, evidence, *others: FaceTrack) -> Timeline | None:
    tracks = [t for t in (track, *others) if t is not None]
    return timeline(track, evidence, times_of(*tracks), time_axis(tracks))


def one(values, *, llr: float | None = None, track: FaceTrack | None = None) -> Evidence:
    values = np.float32(values)
    frames = (track or make_track(0, len(values))).frame_indices
    score = TrackScore(0, 1.0, frames, values, llr)
    return Evidence("d", "c", "blended", "scored", score=1.0, llr=llr, tracks=(score,))


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path)]


def test_the_pen_is_lifted_where_the_face_was_not_seen():
    verdict = clip_verdict()
    drawn = draw(verdict.tracks[0], verdict.evidence)
    (row,) = drawn.rows  # the other detectors scored no frame of this face
    (strip,) = row.strips
    assert strip.line.count("M") == 2  # one gap, so two strokes
    assert strip.area.count("Z") == 2
    assert strip.dots.count("M") == 37
    ((start, width),) = drawn.gaps
    ((span_start, span_width),) = row.spans
    assert start == pytest.approx(100 * 3.4 / 8.2, abs=0.1)
    assert start + width == pytest.approx(100 * 4.6 / 8.2, abs=0.1)
    assert span_start == pytest.approx(100 * 2.4 / 8.2, abs=0.1)
    assert span_width == pytest.approx(100 * 3.2 / 8.2, abs=0.1)
    assert "37 frames" in strip.words and row.spans_words == "2.40 s to 5.60 s"


def test_absence_before_and_after_is_shown():
    first, second = clip_verdict().tracks
    drawn = draw(second, clip_verdict().evidence, first)
    assert drawn.gaps[0][0] == 0 and drawn.gaps[0][1] == pytest.approx(100 * 2.4 / 8.2, abs=0.1)
    assert sum(drawn.gaps[-1]) == pytest.approx(100)
    assert drawn.rows[0].spans == ()


def test_up_is_towards_manipulation_and_odd_numbers_lift_the_pen():
    drawn = draw(make_track(0, 6), [one([0, 1, np.nan, 3, np.inf, 2])])
    (strip,) = drawn.rows[0].strips
    ys = [y for _, y in points(strip.line)]
    assert len(ys) == 4 and ys[0] > ys[1] > ys[3] > ys[2]
    assert all(0 <= y <= 100 for y in ys)
    assert strip.line.count("M") == 3
    assert "nan" not in strip.line + strip.range + strip.words


def test_only_a_calibrated_cue_is_filled_and_coloured_and_noise_stays_small():
    track, noise = make_track(0, 12), np.linspace(-0.1, 0.1, 12)
    for llr, tone in ((1.2, "likely"), (-1.2, "none"), (0.05, "open")):
        row = draw(track, [one(noise, llr=llr)]).rows[0]
        assert row.tone == tone and row.strips[0].area
        ys = [y for _, y in points(row.strips[0].line)]
        assert np.ptp(ys) < 5 and row.strips[0].zero == pytest.approx(50)
    bare = draw(track, [one(noise)]).rows[0]
    assert bare.tone == "plain" and bare.strips[0].area == ""
    assert np.ptp([y for _, y in points(bare.strips[0].line)]) > 80  # in its own unit


def curve(values, track_id: int | None = 0, name: str = "opening", usual=(0.2, 0.4)) -> Curve:
    t = make_track(0, len(values)).times_s
    return Curve(name, t, np.float32(values), "mm", usual, track_id)


def with_curves(*curves: Curve, spans: tuple[Span, ...] = ()) -> Evidence:
    return dataclasses.replace(one([]), curves=curves, spans=spans)


def test_a_curve_breaks_at_nan_and_stands_over_its_usual_range():
    values = [0.3, 0.35, np.nan, 0.3, 0.6, 0.3]
    (row,) = draw(make_track(0, 6), [with_curves(curve(values))]).rows
    (strip,) = row.strips
    assert strip.line.count("M") == 2 and strip.name == "opening"
    top, height = strip.band
    inside = [top <= y <= top + height for _, y in points(strip.line)]
    assert inside == [True, True, True, False, True]
    assert strip.range == "0.3 to 0.6 mm"
    assert "usual 0.2 to 0.4 mm" in strip.words and "20% of it outside" in strip.words
    bare = draw(make_track(0, 6), [with_curves(curve(values, usual=None))]).rows[0].strips[0]
    assert bare.band is None
    endless = with_curves(curve(values, usual=(-np.inf, 0.4)))
    assert draw(make_track(0, 6), [endless]).rows[0].strips[0].band is None


def test_a_curve_of_the_sound_stands_beside_that_of_the_face_and_alone_without_one():
    mine, sound = curve([1, 2, 3]), curve([3, 2, 1], None, "loudness")
    track = make_track(0, 3)
    (row,) = draw(track, [with_curves(mine, sound)]).rows
    assert [s.name for s in row.strips] == ["opening", "loudness"]
    both = [with_curves(mine, sound)]
    assert timeline(None, both, times_of(track), time_axis([track])) is None
    alone = timeline(None, [with_curves(sound)], times_of(track), time_axis([track]))
    assert [s.name for s in alone.rows[0].strips] == ["loudness"]


def test_spans_without_scores_have_a_row_and_one_number_has_none():
    track = make_track(0, 8)
    spans_only = with_curves(spans=(Span(0.2, 0.6, 1.0, 0),))
    single = dataclasses.replace(one([], llr=0.4), detector="single")
    drawn = draw(track, [spans_only, single])
    assert [r.detector for r in drawn.rows] == ["d"] and drawn.rows[0].strips[0].line == ""
    assert drawn.others == (("single", 0.4),)
    assert draw(track, [single]) is None
    assert draw(make_track(0, 1), [one([1.0])]) is None


def test_a_dozen_cues_share_one_axis():
    track = make_track(0, 60)
    drawn = draw(track, cue_evidence([track]))
    assert len(drawn.rows) == 8 and [n for n, _ in drawn.others] == ["eyes"]
    for row in drawn.rows:
        assert isinstance(row, Row)
        for strip in row.strips:
            xs = [x for x, _ in points(strip.line)]
            assert xs == sorted(xs) and xs[0] >= 0 and xs[-1] <= 1000


@pytest.mark.parametrize("end_s", [0.04, 0.9, 8.2, 59.0, 75.0, 3600.0])
def test_time_ticks_are_few_round_and_inside(end_s: float):
    ticks = time_ticks(end_s)
    assert 3 <= len(ticks) <= 7
    assert len({t.text for t in ticks}) == len(ticks)
    assert ticks[0].at == 0 and ticks[-1].at <= 100.001


def stretched(*starts_s: float, frames: int = 50) -> FaceTrack:
    times = np.concatenate([s + np.arange(frames) / 25 for s in starts_s])
    track = make_track(0, len(times))
    return dataclasses.replace(track, times_s=times)


def check_axis(axis: TimeAxis) -> None:
    assert axis.at[0] == 0 and axis.at[-1] == 100
    assert all(a <= b for a, b in zip(axis.at, axis.at[1:], strict=False))
    times = np.linspace(axis.times_s[0], axis.times_s[-1], 400)
    at = axis.x(times)
    assert (np.diff(at) >= 0).all()
    assert [axis.time(float(a)) for a in at] == pytest.approx(list(times), abs=1e-6)
    assert all(0 <= t.at <= 100 for t in axis.ticks) and len(axis.ticks) >= 2
    gaps = np.diff([t.at for t in axis.ticks])
    assert (gaps > 12).all()


def test_time_between_stretches_is_cut_out():
    axis = time_axis([stretched(0, 14, 31, 55)])
    check_axis(axis)
    assert len(axis.breaks) == 3
    widths = [float(np.diff(axis.x([s, s + 1.96]))[0]) for s in (0, 14, 31, 55)]
    assert max(widths) - min(widths) < 0.6 and min(widths) > 22
    assert [t.text for t in axis.ticks][:4] == ["0.0 s", "14.0 s", "31.0 s", "55.0 s"]
    drawn = draw(stretched(0, 14), [one(np.ones(100), track=stretched(0, 14))])
    assert drawn.rows[0].strips[0].line.count("M") == 2 and len(drawn.breaks) == 1


def test_evenly_spread_frames_are_not_cut():
    track = make_track(0, 32)
    for step in (0.04, 1.9, 60.0):
        axis = time_axis([dataclasses.replace(track, times_s=np.arange(32) * step)])
        assert axis.breaks == ()
        check_axis(axis)
    assert time_axis([]).breaks == ()
    check_axis(time_axis([stretched(*range(0, 400, 20))]))  # more stretches than labels fit
