"""Verdicts as plain dictionaries and back: the versioned JSON of the project, `likeness-report-1.schema.json`.

From the first release on, any change of shape is a new version number. `claims`, `readings` and `curves` joined before it and
are therefore optional: reports without them are still read. Reading back gives equal nouns, with one exception that is made on purpose: the 478
landmarks per frame are a biometric template, so they leave the program only when asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np

import likeness
from likeness.errors import DataError, ShapeError, UsageError
from likeness.report.encoding import (
    array_from_json,
    array_to_json,
    list_from_json,
    list_to_json,
    number_from_json,
    number_to_json,
)
from likeness.report.items import Failure, ReportItem
from likeness.report.measured import (
    curve_from_dict,
    curve_to_dict,
    reading_from_dict,
    reading_to_dict,
)
from likeness.report.tracks import track_from_dict, track_to_dict
from likeness.types import Claim, Evidence, Heatmap, Span, TrackScore, Verdict

SCHEMA_NAME: Final = "likeness-report/1"
Json = dict[str, Any]
T = TypeVar("T")


def json_schema() -> Json:
    """The JSON Schema (draft 2020-12) that every report of this version fulfils."""
    path = Path(__file__).with_name("likeness-report-1.schema.json")
    schema: Json = json.loads(path.read_text(encoding="utf-8"))
    return schema


def report_to_dict(results: Sequence[ReportItem], created: str, *, landmarks: bool = False) -> Json:
    """A whole report, ready for `json`.

    Args:
        results: one item per file, in the order asked.
        created: ISO 8601 time of the examination; handed in, so that the same input gives the same bytes.
        landmarks: also write the 478 landmarks of every frame.

    Raises:
        UsageError: `created` is no ISO time.
    """
    return {
        "schema": SCHEMA_NAME,
        "generated_by": f"likeness {likeness.__version__}",
        "created": iso_time(created),
        "results": [_item_to_dict(item, landmarks) for item in results],
    }


def report_from_dict(report: Mapping[str, Any]) -> tuple[ReportItem, ...]:
    """Items of a report that `report_to_dict` made; pictures are not part of it.

    Raises:
        DataError: another version, or a field that is missing or of the wrong kind.
    """
    if report.get("schema") != SCHEMA_NAME:
        raise DataError(f"report: expected schema {SCHEMA_NAME!r}, got {report.get('schema')!r}")
    return _read("results", lambda: tuple(_item_from_dict(r) for r in report["results"]))


def report_json(report: Mapping[str, Any]) -> str:
    """The report as text: indented, but lists of numbers on one line each; ends with a line feed."""
    text = json.dumps(report, ensure_ascii=False, allow_nan=False, indent=1)
    if not _is_utf8(text):  # a file name that is no Unicode
        text = json.dumps(report, ensure_ascii=True, allow_nan=False, indent=1)
    # A JSON string never holds a raw line feed, so what starts with "[" and a line feed is no string.
    return re.sub(r"\[\n[\s\d.,eE+\-nul]*\]", lambda m: _one_line(m.group()), text) + "\n"


def verdict_to_dict(verdict: Verdict, path: str | None = None, *, landmarks: bool = False) -> Json:
    """One verdict as an entry of `results`.

    Args:
        verdict: the answer.
        path: the path as the person wrote it; the verdict's name if None.
        landmarks: also write the landmarks of every frame.
    """
    return {
        "path": verdict.name if path is None else path,
        "name": verdict.name,
        "sha256": verdict.sha256,
        "verdict": {
            "label": verdict.label,
            "llr": number_to_json(verdict.llr),
            "question_llrs": {k: number_to_json(v) for k, v in verdict.question_llrs.items()},
            "reasons": list(verdict.reasons),
        },
        "tracks": [track_to_dict(t, landmarks=landmarks) for t in verdict.tracks],
        "evidence": [evidence_to_dict(e) for e in verdict.evidence],
        "limits": list(verdict.limits),
        "population": verdict.population,
        "facts": {k: number_to_json(v) for k, v in verdict.facts.items()},
        "versions": dict(verdict.versions),
    }


def verdict_from_dict(result: Mapping[str, Any]) -> Verdict:
    """Inverse of `verdict_to_dict`; landmarks that were not written come back as NaN.

    Raises:
        DataError: a field is missing or of the wrong kind.
    """

    def build() -> Verdict:
        answer = result["verdict"]
        return Verdict(
            name=result["name"],
            sha256=result["sha256"],
            label=answer["label"],
            llr=number_from_json(answer["llr"]),
            reasons=tuple(answer["reasons"]),
            question_llrs={k: number_from_json(v) for k, v in answer["question_llrs"].items()},
            evidence=tuple(evidence_from_dict(e) for e in result["evidence"]),
            tracks=tuple(track_from_dict(t) for t in result["tracks"]),
            limits=tuple(result["limits"]),
            population=result["population"],
            facts={k: number_from_json(v) for k, v in result["facts"].items()},
            versions=dict(result["versions"]),
        )

    return _read("verdict", build)


def evidence_to_dict(evidence: Evidence) -> Json:
    """One detector's finding as JSON; arrays come back equal to the bit."""
    return {
        "detector": evidence.detector,
        "weights": evidence.weights,
        "cue": evidence.cue,
        "question": evidence.question,
        "status": evidence.status,
        "score": number_to_json(evidence.score),
        "llr": number_to_json(evidence.llr),
        "track_id": number_to_json(evidence.track_id),
        "note": evidence.note,
        "tracks": [_track_score_to_dict(t) for t in evidence.tracks],
        "spans": [_span_to_dict(s) for s in evidence.spans],
        "heatmaps": [_heatmap_to_dict(h) for h in evidence.heatmaps],
        "claims": [_claim_to_dict(c) for c in evidence.claims],
        "readings": [reading_to_dict(r) for r in evidence.readings],
        "curves": [curve_to_dict(c) for c in evidence.curves],
    }


def evidence_from_dict(value: Mapping[str, Any]) -> Evidence:
    """Inverse of `evidence_to_dict`.

    Raises:
        DataError: a field is missing or of the wrong kind.
    """

    def build() -> Evidence:
        plain = {k: value[k] for k in ("detector", "weights", "cue", "question", "status", "note")}
        return Evidence(
            **plain,
            score=number_from_json(value["score"]),
            llr=number_from_json(value["llr"]),
            track_id=value["track_id"],
            tracks=tuple(_track_score_from_dict(t) for t in value["tracks"]),
            spans=tuple(
                Span(**{k: number_from_json(v) for k, v in s.items()}) for s in value["spans"]
            ),
            heatmaps=tuple(_heatmap_from_dict(h) for h in value["heatmaps"]),
            claims=tuple(_claim_from_dict(c) for c in value.get("claims", ())),
            readings=tuple(reading_from_dict(r) for r in value.get("readings", ())),
            curves=tuple(curve_from_dict(c) for c in value.get("curves", ())),
        )

    return _read("evidence", build)


def iso_time(created: str) -> str:
    """`created`, unless it is no ISO 8601 time."""
    try:
        datetime.fromisoformat(created)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"created: expected an ISO 8601 time such as 2026-01-31T12:00:00+00:00, got {created!r}"
        ) from error
    return created


def _item_to_dict(item: ReportItem, landmarks: bool) -> Json:
    if item.verdict is not None:
        return verdict_to_dict(item.verdict, item.path, landmarks=landmarks)
    assert item.error is not None  # ReportItem holds exactly one of them
    error = item.error
    return {
        "path": item.path,
        "error": {"type": error.type, "message": error.message, "exit_code": error.exit_code},
    }


def _item_from_dict(result: Mapping[str, Any]) -> ReportItem:
    if "error" in result:
        return ReportItem(result["path"], error=Failure(**result["error"]))
    return ReportItem(result["path"], verdict_from_dict(result))


def _track_score_to_dict(track: TrackScore) -> Json:
    return {
        "track_id": number_to_json(track.track_id),
        "score": number_to_json(track.score),
        "llr": number_to_json(track.llr),
        "in_domain": number_to_json(track.in_domain),
        "frame_indices": list_to_json(track.frame_indices),
        "frame_scores": list_to_json(track.frame_scores),
    }


def _track_score_from_dict(value: Mapping[str, Any]) -> TrackScore:
    return TrackScore(
        track_id=value["track_id"],
        score=number_from_json(value["score"]),
        frame_indices=list_from_json(value["frame_indices"], np.int64),
        frame_scores=list_from_json(value["frame_scores"], np.float32),
        llr=number_from_json(value["llr"]),
        in_domain=value["in_domain"],
    )


def _span_to_dict(span: Span) -> Json:
    names = ("start_s", "end_s", "score", "track_id")
    return {name: number_to_json(getattr(span, name)) for name in names}


def _claim_to_dict(claim: Claim) -> Json:
    return {
        "source": claim.source,
        "says": claim.says,
        "decides": claim.decides,
        "text": claim.text,
        "details": {k: number_to_json(v) for k, v in claim.details.items()},
    }


def _claim_from_dict(value: Mapping[str, Any]) -> Claim:
    plain = {k: value[k] for k in ("source", "says", "decides", "text")}
    details = {k: number_from_json(v) for k, v in value["details"].items()}
    return Claim(**plain, details=details)


def _heatmap_to_dict(heatmap: Heatmap) -> Json:
    return {
        "frame_index": number_to_json(heatmap.frame_index),
        "track_id": number_to_json(heatmap.track_id),
        "corners_px": list_to_json(heatmap.corners_px),
        "values": array_to_json(heatmap.values),
        "name": heatmap.name,
    }


def _heatmap_from_dict(value: Mapping[str, Any]) -> Heatmap:
    return Heatmap(
        values=array_from_json(value["values"]),
        frame_index=value["frame_index"],
        track_id=value["track_id"],
        corners_px=list_from_json(value["corners_px"], np.float32, columns=2),
        name=str(value.get("name", "")),
    )


def _read(what: str, build: Callable[[], T]) -> T:
    try:
        return build()
    except KeyError as error:
        raise DataError(f"report: {what} lacks the field {error}") from error
    except (TypeError, ValueError, AttributeError, ShapeError) as error:
        raise DataError(f"report: {what} cannot be read: {error}") from error


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("[ ", "[").replace(" ]", "]")


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
