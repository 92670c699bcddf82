"""`likeness detectors`, `likeness generators` and `likeness doctor`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.markup import escape
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table

from likeness import registry
from likeness.apps.progress import console
from likeness.scoring.claims import MARKS


def show_parts(kind: registry.Kind) -> None:
    """A short block per part: it must be readable in 80 columns."""
    for name, part in registry.parts(kind).items():
        info = part.info
        asked = "" if info.get("default", True) else " · runs only when asked for"
        console().print(f"[bold]{name}[/bold]  {_office(kind, name, info)}{asked}")
        console().print(Padding(escape(str(info["summary"])), (0, 0, 0, 2)))
        for key in ("needs", "paper", "licence", "weights_licence"):
            line = f"{key.replace('_', ' ')}: {_words(info[key])}"
            console().print(Padding(escape(line), (0, 0, 0, 2)), style="dim", highlight=False)
        failures = info["known_failures"]
        more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        line = f"known failures: {failures[0]}{more}"
        console().print(Padding(escape(line), (0, 0, 1, 2)), style="dim", highlight=False)
    console().print(f"One in full: likeness {kind} NAME")


def _office(kind: registry.Kind, name: str, info: Mapping[str, Any]) -> str:
    """What the part is there for, in two or three words."""
    if kind == "generators":
        return f"makes: {_words(info['kinds'])}"
    if name == MARKS:
        return "answers: nothing of its own, it reads claims"
    return f"answers: {info['question']}"


def show_part(kind: registry.Kind, name: str) -> None:
    """Everything about one part."""
    info = registry.part(kind, name).info
    lines = [str(info["summary"]), ""]
    for key in ("question", "kinds", "needs", "paper", "licence", "weights_licence"):
        lines.append(f"{key.replace('_', ' '):16}{_words(info[key])}")
    lines += ["", "Known failures:", *(f"- {failure}" for failure in info["known_failures"])]
    console().print(
        Panel(escape("\n".join(lines)), title=name, title_align="left", highlight=False)
    )


def show_doctor() -> None:
    """What is installed and what is missing; exits 1 if something detection needs is broken."""
    from likeness.jobs.doctor import doctor, installed_mb

    checks = doctor()
    table = Table(title="Installation", title_justify="left")
    for column in ("what", "state", "detail"):
        table.add_column(column, overflow="fold")
    for check in checks:
        table.add_row(check.name, check.state, escape(check.detail))
    console().print(table)
    console().print(f"Installed packages of this environment: {installed_mb():.0f} MB")
    if any(check.state == "broken" for check in checks):
        raise SystemExit(1)


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
