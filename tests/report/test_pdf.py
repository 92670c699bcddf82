"""The PDF report: whole, repeatable, in letters that every reader has."""

from __future__ import annotations

import re
import zlib
from dataclasses import replace

import pytest

pytest.importorskip("fpdf", reason="the PDF report needs the extra web")

from likeness.errors import UsageError
from likeness.report import ReportItem
from likeness.report.pdf import render_pdf
from likeness.report.pdf_sheet import latin
from tests.report.conftest import CREATED


def words(data: bytes) -> str:
    """Text of all pages, in the order in which it is drawn."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", data, re.S)
    text = b""
    for stream in streams:
        try:
            text += zlib.decompress(stream)
        except zlib.error:
            continue
    found = re.findall(rb"\(((?:[^()\\]|\\.)*)\)\s*Tj", text)
    joined = b" ".join(re.sub(rb"\\([()\\])", rb"\1", part) for part in found)
    return " ".join(joined.decode("latin-1").split())


def test_all_that_was_found_is_in_it(clip_item: ReportItem) -> None:
    data = render_pdf([clip_item], CREATED)
    assert data.startswith(b"%PDF-") and data.rstrip().endswith(b"%%EOF")
    text, verdict = words(data), clip_item.verdict
    assert verdict is not None
    assert "Manipulation likely" in text and "Likelihood ratio 38" in text
    for sentence in (*verdict.reasons, *verdict.limits, verdict.sha256):
        assert latin(sentence).split()[0] in text
        assert latin(sentence).split()[-1] in text
    assert "residual_statistics" in text and "Known failures" in text


def test_the_same_input_gives_the_same_bytes(still_item: ReportItem) -> None:
    first, again = (render_pdf([still_item], CREATED) for _ in range(2))
    assert first == again
    assert render_pdf([still_item], "2027-01-01T00:00:00+00:00") != first


def test_many_files_each_begin_a_page(batch: tuple[ReportItem, ...]) -> None:
    text = words(render_pdf(batch, CREATED))
    assert "Not examined" in text and "notes.txt" in text and "No face was found" in text


def test_letters_without_a_shape_are_written_as_codes(still_item: ReportItem) -> None:
    assert latin("“写” −3\u202e") == '"\\u5199" -3\\u202e'
    data = render_pdf([replace(still_item, path="写真\u202e.jpg")], CREATED)
    assert "\\u5199" in words(data).replace("\\\\", "\\")


def test_a_time_that_is_none_is_refused(still_item: ReportItem) -> None:
    with pytest.raises(UsageError, match="ISO"):
        render_pdf([still_item], "yesterday")
