"""`likeness extract` and `likeness pair-report`: clips to a curated face set, and what two sets promise together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from likeness.apps.config_folder import keys_folder
from likeness.apps.detecting import expand
from likeness.apps.progress import console, shown_progress
from likeness.errors import UsageError

if TYPE_CHECKING:
    from likeness.data.curation import CurationConfig
    from likeness.jobs.extract_cutting import Cutting


@dataclass(frozen=True)
class ExtractRequest:
    """The command line of `extract`."""

    files: tuple[str, ...]
    consent: Path
    out: Path
    every: int | None
    size: int | None
    person: int | None
    purpose: str | None
    drop_shared_frames: bool
    keep: tuple[str, ...]
    drop: tuple[str, ...]
    sort: str
    threshold: tuple[str, ...]


def run_extract(request: ExtractRequest) -> int:
    """Extract, show the counts, and return the exit code: 3 where a file failed or the set is too small."""
    from typing import cast

    from likeness.jobs.extract import SHEET, ExtractOptions, Permit, extract
    from likeness.jobs.extract_sheet import summary_lines
    from likeness.provenance.consent import read_consent
    from likeness.provenance.keys import open_or_create
    from likeness.types import Purpose

    keys = open_or_create(keys_folder())
    record = read_consent(request.consent, keys.maker_public_key())
    purpose = cast(Purpose, request.purpose or record.consent.purpose)
    permit = Permit(record, purpose, date.today(), keys)
    options = ExtractOptions(
        cutting=_cutting(request),
        curation=_curation(request),
        person=request.person,
        by_hand=dict.fromkeys(request.keep, True) | dict.fromkeys(request.drop, False),
        sort=request.sort,
    )
    paths = [Path(name) for name in expand(request.files)]
    with shown_progress() as progress:
        done = extract(paths, request.out, permit, options, progress)
    show = console()
    for line in summary_lines(done):
        show.print(line, soft_wrap=True, markup=False, highlight=False)
    dropped = ", ".join(f"{name} {count}" for name, count in done.curated.dropped.items() if count)
    show.print(f"dropped: {dropped or 'none'}", soft_wrap=True, markup=False, highlight=False)
    for line in done.warnings:
        show.print(f"warning: {line}", soft_wrap=True, markup=False, highlight=False)
    if done.skipped:
        show.print(f"held already: {len(done.skipped)} files", markup=False, highlight=False)
    for name, error in done.failed.items():
        show.print(f"failed: {name}: {error}", soft_wrap=True, markup=False, highlight=False)
    show.print(f"Contact sheet: {request.out / SHEET}", soft_wrap=True, markup=False)
    done.require_enough()
    return max((error.exit_code for error in done.failed.values()), default=0)


def run_pair_report(source: Path, target: Path) -> None:
    """Show what two face sets promise together."""
    from likeness.data.face_sets import read_face_set
    from likeness.data.pair_report import pair_report

    report = pair_report(read_face_set(source), read_face_set(target))
    for line in report.lines():
        console().print(line, soft_wrap=True, markup=False, highlight=False)


def _cutting(request: ExtractRequest) -> Cutting:
    """What was asked for, or what the set that is there has."""
    from likeness.data.face_sets import is_face_set, read_manifest
    from likeness.jobs.extract_cutting import Cutting

    about = read_manifest(request.out).about if is_face_set(request.out) else {}
    size = request.size or int(about.get("size_px", Cutting.size_px))
    every = request.every or Cutting.every
    return Cutting(every=every, size_px=size, margin=float(about.get("margin", Cutting.margin)))


def _curation(request: ExtractRequest) -> CurationConfig:
    """Thresholds given as NAME=NUMBER over the defaults."""
    from dataclasses import fields, replace

    from likeness.data.curation import CurationConfig

    known = [f.name for f in fields(CurationConfig) if f.name != "drop_shared_frames"]
    changed: dict[str, float] = {}
    for text in request.threshold:
        name, _, value = text.partition("=")
        if name not in known:
            raise UsageError(f"--threshold: expected one of {', '.join(known)}, got {name!r}")
        try:
            changed[name] = float(value)
        except ValueError:
            raise UsageError(f"--threshold: expected NAME=NUMBER, got {text!r}") from None
    config = replace(CurationConfig(), **changed)  # type: ignore[arg-type]
    return replace(config, drop_shared_frames=request.drop_shared_frames)
