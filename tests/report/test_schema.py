from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from likeness.errors import DataError, ShapeError, UsageError
from likeness.report import (
    SCHEMA_NAME,
    Failure,
    Picture,
    ReportItem,
    evidence_from_dict,
    evidence_to_dict,
    json_schema,
    report_from_dict,
    report_json,
    report_to_dict,
    verdict_from_dict,
    verdict_to_dict,
)
from likeness.types import Evidence, Heatmap, TrackScore

from .conftest import CREATED, clip_verdict


def strict_loads(text: str):
    def refuse(word: str):
        raise AssertionError(f"bare {word} in JSON")

    return json.loads(text, parse_constant=refuse)


def test_a_mixed_batch_fulfils_the_checked_in_schema(batch):
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    text = report_json(report_to_dict(batch, CREATED, landmarks=True))
    report = strict_loads(text)
    Draft202012Validator(schema).validate(report)
    assert report["schema"] == SCHEMA_NAME
    assert [("error" in r) for r in report["results"]] == [False, False, False, True]
    assert report["results"][3]["error"]["exit_code"] == 3


@pytest.mark.parametrize(
    "spoil",
    [
        lambda r: r.pop("created"),
        lambda r: r["results"][0]["verdict"].update(label="real"),
        lambda r: r["results"][0].update(score=1.0),
        lambda r: r["results"][0]["evidence"][0].update(llr="1.2"),
        lambda r: r["results"][0].update(error={"type": "x", "message": "y", "exit_code": 1}),
    ],
)
def test_the_schema_refuses_what_is_wrong(batch, spoil):
    report = json.loads(report_json(report_to_dict(batch, CREATED)))
    spoil(report)
    assert not Draft202012Validator(json_schema()).is_valid(report)


def test_verdict_comes_back_equal_through_text():
    verdict = clip_verdict()
    text = json.dumps(verdict_to_dict(verdict, landmarks=True), allow_nan=False)
    back = verdict_from_dict(strict_loads(text))
    for field in dataclasses.fields(verdict):
        if field.name == "facts":  # holds a NaN on purpose
            assert math.isnan(back.facts["double_compressed"])
            assert {**back.facts, "double_compressed": 0} == {
                **verdict.facts,
                "double_compressed": 0,
            }
        else:
            assert getattr(back, field.name) == getattr(verdict, field.name), field.name


def test_landmarks_stay_inside_unless_asked_for():
    verdict = clip_verdict()
    text = json.dumps(verdict_to_dict(verdict))
    assert "landmarks" not in text
    track = verdict_from_dict(json.loads(text)).tracks[0]
    assert np.isnan(track.landmarks_px).all()
    assert np.array_equal(track.boxes_px, verdict.tracks[0].boxes_px)
    assert np.array_equal(track.pose_deg, verdict.tracks[0].pose_deg, equal_nan=True)


def test_evidence_with_awkward_numbers_comes_back_equal():
    rng = np.random.default_rng(5)
    # Every exponent of float32, denormals, signed zero and the values that are no numbers.
    bits = rng.integers(0, 2**32, 4000, dtype=np.uint32).view(np.float32)
    scores = np.concatenate([bits, np.float32([0.0, -0.0, np.nan, np.inf, -np.inf, 0.1, 1e-45])])
    evidence = Evidence(
        detector="drawn",
        cue="any",
        question="blended",
        status="scored",
        score=np.float32(0.1),
        llr=float("nan"),
        tracks=(TrackScore(None, 0.1, np.arange(len(scores)), scores, float("-inf"), None),),
        heatmaps=(
            Heatmap(
                rng.random((7, 5)).astype(np.float32),
                3,
                None,
                rng.normal(0, 99, (4, 2)).astype(np.float32),
                "cast shadows",
            ),
            Heatmap(np.zeros((0, 0), np.float32), 3, 0, np.zeros((4, 2), np.float32)),
        ),
    )
    value = strict_loads(json.dumps(evidence_to_dict(evidence), allow_nan=False))
    back = evidence_from_dict(value)
    assert back == evidence
    negative_zero = back.tracks[0].frame_scores[4001]
    assert negative_zero == 0 and np.signbit(negative_zero)
    assert back.tracks[0].llr == float("-inf")


def test_a_report_reads_back_as_items(batch):
    items = report_from_dict(strict_loads(report_json(report_to_dict(batch, CREATED))))
    assert [i.path for i in items] == [i.path for i in batch]
    assert items[3].error == batch[3].error
    assert items[2].verdict == batch[2].verdict


def test_numbers_stay_on_one_line_and_names_of_any_bytes_survive():
    name = "\udcff [1,\t 2] \x1b[31m нет.mp4"
    item = ReportItem(name, clip_verdict(name))
    text = report_json(report_to_dict([item], CREATED))
    text.encode("utf-8")
    assert strict_loads(text)["results"][0]["path"] == name
    times = next(line for line in text.splitlines() if '"times_s"' in line)
    assert times.rstrip().endswith("],")
    tidy = report_json(report_to_dict([ReportItem("нет.mp4", clip_verdict())], CREATED))
    assert "нет.mp4" in tidy


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda d: d["values"].update(dtype="object"), "dtype"),
        (lambda d: d["values"].update(shape=[10**6, 10**6]), "shape"),
        (lambda d: d["values"].update(shape=[-1, -60]), "shape"),
        (lambda d: d["values"].update(base64="AAAA"), "bytes"),
        (lambda d: d["values"].update(base64="!!"), "base64"),
        (lambda d: d.pop("corners_px"), "corners_px"),
        (lambda d: d.update(corners_px=[[1, 2]]), "corners_px"),
    ],
)
def test_a_forged_report_is_refused_with_its_reason(spoil, word):
    value = verdict_to_dict(clip_verdict())
    spoil(value["evidence"][0]["heatmaps"][0])
    with pytest.raises(DataError, match=word):
        verdict_from_dict(value)


def test_another_version_and_a_wrong_time_are_refused(batch):
    with pytest.raises(DataError, match="likeness-report/2"):
        report_from_dict({"schema": "likeness-report/2", "results": []})
    with pytest.raises(UsageError, match="ISO 8601"):
        report_to_dict(batch, "yesterday")


def test_items_hold_one_answer_and_pictures_are_pictures():
    with pytest.raises(ShapeError, match="verdict or an error"):
        ReportItem("x")
    with pytest.raises(ShapeError, match="verdict or an error"):
        ReportItem("x", clip_verdict(), error=Failure("E", "m", 1))
    with pytest.raises(ShapeError, match="image/jpeg"):
        Picture(b"<svg onload=alert(1)>", "image/svg+xml", (0, 0, 1, 1), 0)
    with pytest.raises(ShapeError, match="image/jpeg"):
        Picture(b"<html>", "image/jpeg", (0, 0, 1, 1), 0)


def test_failure_knows_its_exit_code_and_fits_one_line():
    failure = Failure.of(DataError("first\nsecond"))
    assert failure == Failure("DataError", "first second", 3)
    assert Failure.of(ValueError()) == Failure("ValueError", "ValueError", 1)
