from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from likeness.errors import DataError
from likeness.report import (
    ReportItem,
    evidence_from_dict,
    evidence_to_dict,
    json_schema,
    report_to_dict,
)
from likeness.report.readings_view import most_unusual, reading_view, tally
from likeness.report.wording import amount
from likeness.types import Curve, Reading

from .conftest import CREATED, clip_verdict, make_track
from .many_cues import cue_verdict


def test_readings_and_curves_come_back_equal_and_fulfil_the_schema():
    verdict = cue_verdict([make_track(0, 40, gap=slice(8, 12))])
    awkward = (
        Reading("a", float(np.float32(0.1)), "px", (-float("inf"), 0.5), None),
        Reading("b <i>", -0.0, "", None, 3),
    )
    t = np.array([0.04, 0.08, 1 / 3])
    lines = (Curve("c", t, np.float32([np.nan, np.inf, 1e-45]), "dB", (0.1, 0.2), None),)
    evidence = dataclasses.replace(verdict.evidence[3], readings=awkward, curves=lines)
    verdict = dataclasses.replace(verdict, evidence=(evidence, *verdict.evidence))
    report = report_to_dict([ReportItem("x", verdict)], CREATED)
    text = json.dumps(report, allow_nan=False)
    Draft202012Validator(json_schema()).validate(json.loads(text))
    for made, kept in zip(
        json.loads(text)["results"][0]["evidence"], verdict.evidence, strict=True
    ):
        assert evidence_from_dict(made) == kept


def test_reports_from_before_them_are_still_read():
    value = evidence_to_dict(clip_verdict().evidence[0])
    assert value.pop("readings") == [] and value.pop("curves") == []
    assert evidence_from_dict(value) == clip_verdict().evidence[0]


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda e: e["readings"][0].update(usual=[1]), "evidence"),
        (lambda e: e["readings"][0].pop("value"), "value"),
        (lambda e: e["readings"][0].update(value={"float": "nan"}), "finite"),
        (lambda e: e["curves"][0]["values"].pop(), "Curve.values"),
    ],
)
def test_a_forged_reading_or_curve_is_refused(spoil, word: str):
    (evidence,) = (e for e in cue_verdict([make_track(0, 9)]).evidence if e.detector == "mouth")
    value = evidence_to_dict(evidence)
    spoil(value)
    with pytest.raises(DataError, match=word):
        evidence_from_dict(value)


@pytest.mark.parametrize(
    ("value", "place", "excess"),
    [(1.0, "inside", 0.0), (2.0, "inside", 0.0), (3.0, "above", 1.0), (0.5, "below", -0.5)],
)
def test_distance_is_counted_in_widths_of_the_usual_range(value, place, excess):
    view = reading_view("d", Reading("edge", value, "px", (1.0, 2.0), 0))
    assert view.place == place and view.excess == pytest.approx(excess)
    start, width = view.band
    assert (start <= view.mark <= start + width) == (place == "inside")
    assert view.words.endswith("usual 1 to 2 px")


def test_far_and_narrow_ranges_stay_on_the_bar():
    far = reading_view("d", Reading("edge", 1e30, "", (0.0, 1.0)))
    assert far.mark == 98.5 and far.excess > 1e29
    narrow = reading_view("d", Reading("edge", 5.0, "", (3.0, 3.0)))
    assert narrow.place == "above" and np.isfinite(narrow.excess)
    turned = reading_view("d", Reading("edge", 1.5, "", (2.0, 1.0)))
    assert turned.place == "inside"
    unknown = reading_view("d", Reading("edge", 1.5, "", (-np.inf, 1.0)))
    assert unknown.excess is None and unknown.band is None
    assert unknown.words == "usual range not known"


def test_the_farthest_come_first_and_the_tally_says_what_that_is_worth():
    readings = [
        Reading(n, v, "", (0.0, 1.0)) for n, v in zip("abcd", (1.5, -3, 0.5, 9), strict=True)
    ]
    views = [reading_view("d", r) for r in readings]
    assert [v.name for v in most_unusual(views, 2)] == ["d", "b"]
    assert tally(views).startswith("3 of 4 readings lie outside")
    assert tally(views[:1]).startswith("1 of 1 readings lies outside")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.31278, "0.313"), (-12.0, "−12"), (48211.3, "48,200"), (2e-7, "2e-07"), (0.0, "0"),
     (-0.0, "0"), (float("nan"), "undefined"), (123.4, "123")],
)  # fmt: skip
def test_amounts_have_the_digits_that_matter(value, text):
    assert amount(value) == text
