"""The panel about marks: three facts for credentials, what can be forged, and that absence says nothing."""

from __future__ import annotations

import dataclasses
import json

import pytest
from jsonschema import Draft202012Validator

from likeness.errors import DataError
from likeness.report import (
    ReportItem,
    evidence_from_dict,
    evidence_to_dict,
    json_schema,
    render_html,
    render_terminal,
    report_from_dict,
    report_json,
    report_to_dict,
)
from likeness.report.wording import MARK_ABSENT, MEANS, MEANS_VOUCHED
from likeness.scoring.claims import FORGEABLE, MARKS
from likeness.types import Claim, Evidence

from .conftest import CREATED, PART_INFO, clip_verdict, no_face_verdict
from .test_terminal import printed

INFO = {"summary": "reads marks", "paper": "C2PA 2.x", "known_failures": ["marks can be forged"]}
CREDENTIALS = Claim(
    "credentials",
    "generated",
    True,
    "Content credentials that fit the file say that it was generated.",
    {
        "integrity": "the file is as it was when it was signed",
        "trust": "the signer is on your trust list",
        "issuer": "Ada & Sons <root>",
        "job": "000000000000002a",
    },
)
WATERMARK = Claim(
    "watermark",
    "generated",
    False,
    "A watermark of this toolkit says that the picture was generated.",
    {"payload": "000000000000002a", "log10 false positive": -31.25, "mirrored": False},
)
METADATA = Claim("metadata", "generated", False, "The metadata (PNG text) name \x1b[31mPaintBot.")


def finding(*claims, status=None, note="found marks"):
    status = status or ("scored" if claims else "not_applicable")
    score = 2.0 if status == "scored" else None
    return Evidence(
        MARKS, "own words", "synthesised", status, score=score, note=note, claims=claims
    )


def item(*claims, verdict=None, label="inconclusive", **more):
    base = verdict or clip_verdict()
    found = finding(*claims, **more)
    verdict = dataclasses.replace(base, label=label, evidence=(found, *base.evidence))
    return ReportItem("a.png", verdict, part_info={**PART_INFO, MARKS: INFO})


def words(html: str) -> str:
    return " ".join(html.split())


def test_claims_go_through_json_and_fulfil_the_schema():
    marked = item(CREDENTIALS, WATERMARK, METADATA)
    report = json.loads(report_json(report_to_dict([marked], CREATED)))
    Draft202012Validator(json_schema()).validate(report)
    (back,) = report_from_dict(report)
    assert back.verdict.evidence[0] == marked.verdict.evidence[0]
    assert report["results"][0]["evidence"][0]["claims"][0]["decides"] is True
    report["results"][0]["evidence"][0]["claims"][0]["says"] = "real"
    assert not Draft202012Validator(json_schema()).is_valid(report)


def test_reports_from_before_claims_are_still_read():
    old = evidence_to_dict(finding(note="nothing"))
    del old["claims"]
    assert evidence_from_dict(old) == finding(note="nothing")
    report = report_to_dict([item()], CREATED)
    for evidence in report["results"][0]["evidence"]:
        del evidence["claims"]
    Draft202012Validator(json_schema()).validate(json.loads(report_json(report)))


def test_a_report_cannot_make_a_watermark_decide():
    value = evidence_to_dict(finding(WATERMARK))
    value["claims"][0]["decides"] = True
    with pytest.raises(DataError, match="decides"):
        evidence_from_dict(value)


def test_html_shows_every_mark_with_its_facts_and_standing():
    page = words(render_html([item(CREDENTIALS, WATERMARK, METADATA)], CREATED))
    assert page.count("Verified and trusted; it decides") == 1
    assert page.count("A claim; it can be forged and decides nothing") == 2
    assert "the file is as it was when it was signed" in page
    assert "Ada &amp; Sons &lt;root&gt;" in page
    assert "−31.25" in page or "-31.25" in page
    assert FORGEABLE in page and "marks can be forged" in page
    assert "\x1b" not in page and "\\u001b[31mPaintBot" in page
    assert MEANS_VOUCHED in page and "rests on the signed credentials" in page


def test_marks_are_not_among_the_measurements():
    page = words(render_html([item(WATERMARK)], CREATED))
    assert f"<code>{MARKS}</code>" not in page
    assert "2 of 4 detectors could score this file" in page
    assert MEANS["inconclusive"] in page and MEANS_VOUCHED not in page
    text = printed(render_terminal([item(WATERMARK)]))
    assert "(uncalibrated)" in text  # spectrum's, one row of the table
    assert not any(MARKS in line.lower() and "uncalibrated" in line for line in text.splitlines())


def test_absence_is_unknown():
    nothing = item(note="no marks were found; that says nothing either way")
    page = words(render_html([nothing], CREATED))
    for sentence in MARK_ABSENT.values():
        assert sentence in page
    assert FORGEABLE not in page
    assert "No marks were found; that says nothing either way." in page
    text = printed(render_terminal([nothing]))
    assert "no marks were found; that says nothing either way" in text


def test_marks_that_were_not_looked_for_have_no_panel():
    bare = ReportItem("a.png", no_face_verdict(), part_info=PART_INFO)
    assert "what the file says of itself" not in render_html([bare], CREATED)
    assert "Marks" not in printed(render_terminal([bare]))


def test_marks_that_could_not_be_read_say_so():
    broken = item(status="failed", note="this detector broke down: boom")
    assert "could not be read: this detector broke down: boom" in words(
        render_html([broken], CREATED)
    )
    assert "this detector broke down: boom" in printed(render_terminal([broken]), 200)


@pytest.mark.parametrize("width", [40, 64, 100])
def test_the_terminal_tells_the_same(width):
    text = printed(render_terminal([item(CREDENTIALS, WATERMARK, METADATA)]), width)
    letters = "".join(text.replace("│", "").split())
    for sentence in (
        "Verified and trusted; it decides"[1:],
        CREDENTIALS.text,
        "issuer: Ada & Sons <root>"[1:],
        WATERMARK.text,
        FORGEABLE,
    ):
        assert "".join(sentence.split()) in letters
    assert "\x1b" not in text
