"""The contact sheet of a face set: which faces were kept, which were dropped for what, and what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from likeness.data.curation import REASONS, sorted_rows
from likeness.data.face_sets import MINIMUM_FACES, RECOMMENDED_FACES, WORKING_FACES
from likeness.data.face_shards import read_thumbs
from likeness.report.contact_sheet import SheetFace, SheetGroup, SheetTable, render_contact_sheet
from likeness.report.writing import write_html
from likeness.types import FactValue

if TYPE_CHECKING:
    from likeness.jobs.extract import Extraction, ExtractOptions

KEPT_SHOWN = 120
DROPPED_SHOWN = 12
Row = Mapping[str, FactValue]


def write_sheet(path: Path, folder: Path, extraction: Extraction, options: ExtractOptions) -> None:
    """Write the sheet; its size is bounded whatever the size of the set.

    Raises:
        OutputError: it cannot be written.
    """
    html = render_contact_sheet(
        f"Face set {folder.name}",
        summary_lines(extraction),
        extraction.warnings,
        sheet_tables(extraction),
        sheet_groups(folder, extraction, options.sort, (KEPT_SHOWN, DROPPED_SHOWN)),
    )
    write_html(path, html)


def sheet_groups(
    folder: Path, extraction: Extraction, sort: str, most: tuple[int, int]
) -> list[SheetGroup]:
    """The faces with their pictures: those that are kept first, then those that were dropped, by reason.

    Args:
        folder: of the set.
        extraction: what a run did.
        sort: order of the kept ones, a key of `curation.SORT_KEYS`.
        most: how many are shown of the kept ones, and of each reason; evenly spread ones.
    """
    own = [r for r in extraction.curated.rows if r.get("shard")]
    kept = sorted_rows([r for r in own if r["kept"]], sort)
    groups = [_group(folder, "Kept", f"Ordered by {sort}, ascending.", kept, most[0])]
    for name, words in REASONS.items():
        hit = [r for r in own if name in str(r["reason"]).split("+")]
        if hit:
            groups.append(
                _group(folder, f"Dropped: {name}", f"{words}.".capitalize(), hit, most[1])
            )
    return groups


def sheet_tables(extraction: Extraction) -> list[SheetTable]:
    """Why faces were dropped, and which turns, tilts, mouths and eyes the kept ones show."""
    return [_reasons_table(extraction), *_coverage_tables(extraction)]


def summary_lines(extraction: Extraction) -> list[str]:
    """The set in a few sentences."""
    rows = extraction.curated.rows
    kept = [r for r in rows if r["kept"]]
    files = len({r["sha256"] for r in rows})
    lines = [
        f"{extraction.curated.kept} of {len(rows)} faces kept, from {files} files; at least {MINIMUM_FACES} are needed, "
        f"{WORKING_FACES} work, {RECOMMENDED_FACES} or more are recommended"
    ]
    if kept:
        native = np.array([float(r["native_px"] or 0) for r in kept])
        low, middle, high = np.percentile(native, (5, 50, 95))
        lines.append(f"native face pixels: median {middle:.0f}, 5-95 % {low:.0f} to {high:.0f}")
    for axis, (low, high) in extraction.coverage.spread.items():
        lines.append(f"{axis}: 5-95 % {low:.0f} to {high:.0f} degrees")
    lacks = "; ".join(extraction.coverage.missing) or "nothing"
    lines.append(f"missing (fewer than 5 faces): {lacks}")
    return lines


def _reasons_table(extraction: Extraction) -> SheetTable:
    curated = extraction.curated
    rows = [
        (f"{name} ({words})", str(curated.dropped[name]), str(curated.only[name]))
        for name, words in REASONS.items()
    ]
    return SheetTable("Dropped", ("reason", "faces", "for this alone"), rows)


def _coverage_tables(extraction: Extraction) -> list[SheetTable]:
    found = extraction.coverage
    mouths = list(found.counts["mouth"])
    cross = [
        (yaw, *(str(found.together[yaw, mouth]) for mouth in mouths)) for yaw in found.counts["yaw"]
    ]
    single = [
        (f"{axis}: {name}", str(count))
        for axis in ("pitch", "eyes")
        for name, count in found.counts[axis].items()
    ]
    return [
        SheetTable("Turn and mouth, kept faces", ("", *mouths), cross),
        SheetTable("Tilt and eyes, kept faces", ("", "faces"), single),
    ]


def _group(folder: Path, title: str, note: str, rows: Sequence[Row], most: int) -> SheetGroup:
    places = np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int))
    shown = [rows[i] for i in places] if len(rows) else []
    wanted: dict[str, list[int]] = {}
    for row in shown:
        wanted.setdefault(str(row["shard"]), []).append(int(row["shard_row"] or 0))
    pictures = {
        (name, at): jpeg
        for name, numbers in wanted.items()
        for at, jpeg in zip(numbers, read_thumbs(folder, name, numbers), strict=False)
    }
    faces = [
        SheetFace(jpeg, str(row["face_id"]), _caption(row), _origin(row))
        for row in shown
        if (jpeg := pictures.get((str(row["shard"]), int(row["shard_row"] or 0))))
    ]
    return SheetGroup(title, note, faces, len(rows))


def _caption(row: Row) -> str:
    return (
        f"yaw {_fixed(row['yaw_deg'], 0)}, {_fixed(row['native_px'], 0)} px, "
        f"sharp {_fixed(row['sharpness'], 2)}"
    )


def _origin(row: Row) -> str:
    return f"{row['file']} at {_fixed(row['time_s'], 2)} s"


def _fixed(value: FactValue, digits: int) -> str:
    if not isinstance(value, (int, float)):
        return "?"
    return f"{round(value, digits) + 0.0:.{digits}f}"  # without a sign before nothing
