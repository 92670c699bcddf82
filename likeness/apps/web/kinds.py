"""What a worker can be asked to do: names of jobs and the functions that do them.

A job runs in a process of its own. It gets a `Task`, tells how far it is, writes its files into `task.folder` and returns an
`Outcome`. A `LikenessError` that it raises fails the job with that sentence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from likeness.errors import UsageError
from likeness.media import Limits

Tell = Callable[[float, str], None]
"""Called as tell(fraction, sentence): how far the job is, 0 to 1, and what it does now."""


@dataclass(frozen=True)
class Task:
    """What a job gets.

    Attributes:
        job_id: its number.
        kind: what is asked.
        source: the uploaded file.
        folder: an empty folder for the files of the result (`[a-z0-9-]+.json|html|pdf|png|jpg|webp|csv|mp4`).
        shown_name: stands for the file's name in everything that is written. It is a random word; whoever shows a result
            puts the name in that the person gave, since another person's file may have the same content.
        options: what was asked for besides.
        limits: what the file may cost.
        keys: folder of the key store that says whom to trust; None = nobody.
        file_name: what the person called the file. Only kinds in `SHOW_NAME` may write it: their results are not shared
            between files of the same content.
        examined: result folder of a finished examination of the same file; None if there is none.
        studio: folder of the studio; None where the workbench runs without it.
    """

    job_id: str
    kind: str
    source: Path
    folder: Path
    shown_name: str
    options: dict[str, Any]
    limits: Limits
    keys: Path | None
    file_name: str = ""
    examined: Path | None = None
    studio: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """What the history shows of a finished job.

    Attributes:
        label: label of the verdict; empty where there is none.
        llr: of the verdict.
        summary: one plain sentence.
    """

    label: str = ""
    llr: float | None = None
    summary: str = ""


Run = Callable[[Task, Tell], Outcome]
KINDS = ("detect", "robustness", "pdf")
SHOW_NAME = frozenset({"pdf"})
STUDIO_KINDS = ("consent", "extract", "pair", "train", "swap", "synthesise")
"""Lined up by the pages of the studio only: they are no kinds that a request may name."""
NEEDS_TORCH = frozenset({"train"})
"""They map far more address space than they use: only their resident memory is watched."""


def run_of(kind: str) -> Run:
    """The function that does a kind of job; imported only in the worker."""
    if kind == "detect":
        from likeness.apps.web import run_detect

        return run_detect.run
    if kind == "robustness":
        from likeness.apps.web import run_robustness

        return run_robustness.run
    if kind == "pdf":
        from likeness.apps.web import run_pdf

        return run_pdf.run
    if kind in STUDIO_KINDS:
        from likeness.apps.web import studio_runs

        return studio_runs.run_of(kind)
    raise UsageError(f"no kind of job is called {kind!r}")
