from __future__ import annotations

import dataclasses
import io

import pytest
from rich.console import Console

from likeness.report import Failure, ReportItem, render_terminal, verdict_panel

from .conftest import clip_verdict


def printed(renderable, width: int = 100, color: bool = False) -> str:
    out = io.StringIO()
    Console(
        file=out, width=width, force_terminal=color, color_system="truecolor" if color else None
    ).print(renderable)
    return out.getvalue()


def test_a_batch_says_every_verdict_in_words(batch):
    text = printed(render_terminal(batch))
    for word in ("Manipulation likely", "Inconclusive", "No manipulation found", "Not examined"):
        assert text.count(word) >= 2  # in the panel and in the summary
    assert "4 files: 1 manipulation likely" in text
    assert "moderate support for manipulation" in text
    assert "It does not mean that the file is real." in " ".join(text.replace("│", " ").split())
    assert "Not applicable: The file carries no sound." in text
    short = printed(render_terminal(batch, detail=False))
    assert "Limits" not in short and "Manipulation likely" in short


def test_one_result_needs_no_summary(clip_item):
    assert "1 file:" not in printed(render_terminal([clip_item]))
    assert "1 file:" in printed(render_terminal([clip_item], detail=False))


@pytest.mark.parametrize("width", [40, 50, 64, 100, 160])
def test_nothing_is_cut_off(batch, width: int):
    text = printed(render_terminal(batch), width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert "…" not in text
    letters = "".join(text.replace("│", "").split())
    assert "residual_statistics" in letters
    assert "Theweightsmesonet/meso4.safetensorsarenotinthisinstallation." in letters or width >= 70


def test_names_cannot_command_the_terminal():
    name = "a\x1b[2J\x1b]0;title\x07[bold red]b[/bold red]\u202egpj.exe"
    verdict = dataclasses.replace(clip_verdict(name), reasons=("x\x1b[31mred", "[link=http://e]y"))
    items = [ReportItem(name, verdict), ReportItem(name, error=Failure("E", name, 3))]
    text = printed(render_terminal(items), width=200)
    assert "\x1b" not in text and "\x07" not in text and "\u202e" not in text
    assert "\\u001b[2J" in text and "[bold red]b[/bold red]" in text
    coloured = printed(verdict_panel(items[0]), width=200, color=True)
    assert "\x1b[2J" not in coloured and "\x1b]" not in coloured
