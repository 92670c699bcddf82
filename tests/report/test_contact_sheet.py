"""The contact sheet shows what it is given, escaped, and loads nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from html import unescape

from likeness.report.contact_sheet import SheetFace, SheetGroup, SheetTable, render_contact_sheet

JPEG = b"\xff\xd8\xff\xd9"


def sheet(text: str = "ada") -> str:
    face = SheetFace(JPEG, text, text, text)
    return render_contact_sheet(
        text,
        [text],
        [text],
        [SheetTable(text, (text, "n"), [(text, "3")])],
        [SheetGroup(text, text, [face], 7), SheetGroup("empty", "none", [], 0)],
    )


def test_all_text_is_escaped() -> None:
    html = sheet("<img src=x onerror=alert(1)>\"'&\u202e")
    assert "<img src=x" not in html and "\u202e" not in html
    assert html.count("&lt;img src=x") == 13


def test_nothing_is_loaded_and_only_its_own_style_is_allowed() -> None:
    html = unescape(sheet())
    css = re.search(r"<style>(.*?)</style>", html, re.S)
    assert css is not None
    digest = base64.b64encode(hashlib.sha256(css.group(1).encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in html and "default-src 'none'" in html
    assert re.findall(r'src="([^"]*)"', html) == [
        "data:image/jpeg;base64," + base64.b64encode(JPEG).decode()
    ]


def test_what_is_not_shown_is_counted() -> None:
    html = sheet()
    assert "ada (7)" in html and "Shown: 1, evenly spread." in html
    assert "empty (0)" in html and html.count("Shown:") == 1
