"""`likeness detect`: several files and folders, one report."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from likeness.apps.cli import FAIL_ON_EXIT
from likeness.apps.config_folder import keys_folder
from likeness.apps.progress import console, shown_progress
from likeness.errors import LikenessError, MediaError, UsageError
from likeness.report import (
    ReportItem,
    render_html,
    render_terminal,
    report_json,
    report_to_dict,
    write_html,
    write_json,
)
from likeness.types import Label, Progress


@dataclass(frozen=True)
class DetectRequest:
    """The command line of `detect`."""

    files: tuple[str, ...]
    report: Path | None
    json: str | None
    detectors: tuple[str, ...]
    options: tuple[str, ...]
    weights: Path | None
    frames: int
    fail_on: str | None
    sign: bool = False


def run_detect(request: DetectRequest) -> int:
    """Examine every file; returns the exit code."""
    if request.fail_on is not None and request.fail_on not in get_args(Label):
        raise UsageError(
            f"--fail-on: expected one of {', '.join(get_args(Label))}, got {request.fail_on!r}"
        )
    if request.sign and not _written(request):
        raise UsageError("--sign needs --report or --json with the name of a file")
    paths = list(expand(request.files))
    with shown_progress() as progress:
        items = _examine_all(request, paths, progress)
    created = datetime.now(UTC).isoformat(timespec="seconds")
    if request.json == "-":
        sys.stdout.write(report_json(report_to_dict(items, created)))
    else:
        console().print(render_terminal(items))
        if request.json:
            write_json(report_to_dict(items, created), Path(request.json))
    if request.report:
        write_html(request.report, render_html(items, created))
        if request.json != "-":
            console().print(f"Report: {request.report}", soft_wrap=True)
    if request.sign:
        _sign(request)
    return _exit_code(items, request.fail_on)


def expand(files: tuple[str, ...]) -> Iterator[str]:
    """Files as they are, folders as the files below them, sorted; hidden files are passed over."""
    for name in files:
        path = Path(name)
        if path.is_dir():
            below = sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
            if not below:
                yield name  # reported as a folder without files
            yield from map(str, below)
        else:
            yield name


def _written(request: DetectRequest) -> list[Path]:
    """The report files that were asked for."""
    json = request.json if request.json not in (None, "-") else None
    return [Path(path) for path in (request.report, json) if path]


def _sign(request: DetectRequest) -> None:
    from likeness.apps.verifying import sign_files

    sign_files(_written(request))


def _examine_all(request: DetectRequest, paths: list[str], progress: Progress) -> list[ReportItem]:
    from likeness.jobs.detect import DetectOptions, Examiner
    from likeness.jobs.reporting import failed_item, report_item

    options = DetectOptions(
        detectors=request.detectors,
        options=_options(request),
        frames=request.frames,
        keys=_trusted_keys(),
    )
    examiner = Examiner(options)  # a wrong option is said before the first file, not once per file
    items = []
    for done, name in enumerate(paths):
        if len(paths) > 1:
            progress("files", done, len(paths))
        try:
            if Path(name).is_dir():
                raise MediaError(
                    f"{name}: a folder without files; expected pictures, videos or recordings"
                )
            examination = examiner.examine(Path(name), progress)
            items.append(report_item(name, examination))
            examination.clip.frames.close()
        except LikenessError as error:
            items.append(failed_item(name, error))
    return items


def _trusted_keys() -> Path | None:
    """The user's key store if there is one; looking at a file makes none."""
    try:
        folder = keys_folder()
    except UsageError:  # nobody's home: nobody is trusted
        return None
    return folder if folder.is_dir() else None


def _options(request: DetectRequest) -> dict[str, dict[str, Any]]:
    """`DETECTOR.KEY=VALUE` and --weights as a configuration per detector."""
    out: dict[str, dict[str, Any]] = {}
    for text in request.options:
        key, equals, value = text.partition("=")
        owner, dot, name = key.partition(".")
        if not (equals and dot and owner and name):
            raise UsageError(f"--option: expected DETECTOR.KEY=VALUE, got {text!r}")
        out.setdefault(owner, {})[name] = value
    if request.weights:
        if len(request.detectors) != 1:
            raise UsageError("--weights needs exactly one --detector that they are for")
        out.setdefault(request.detectors[0], {})["weights"] = str(request.weights)
    return out


def _exit_code(items: list[ReportItem], fail_on: str | None) -> int:
    failed = [item.error.exit_code for item in items if item.error is not None]
    if failed:
        return max(failed)
    hit = any(item.verdict is not None and item.verdict.label == fail_on for item in items)
    return FAIL_ON_EXIT if hit else 0
