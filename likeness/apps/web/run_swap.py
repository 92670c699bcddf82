"""A worker's swap: the same job as `likeness swap`, with its result, its report and its figures as files of the page."""

from __future__ import annotations

import json
from datetime import date
from html import escape
from typing import Any

from likeness.apps.web.kinds import Outcome, Task, Tell
from likeness.apps.web.studio_people import QUALITY, TRAINED, Pair
from likeness.apps.web.studio_runs import Workplace, workplace
from likeness.errors import DataError
from likeness.jobs.swap import Swap, SwapOptions, SwapPermit, swap
from likeness.provenance.consent import require_consent
from likeness.report import wording
from likeness.report.swap_report import detector_row, figure_rows
from likeness.types import Progress

MOST_SOURCES = 12
"""Files of the source that a generator without training may choose its picture from."""
_LOOKED, _WRITTEN = 0.3, 0.85


def run(task: Task, tell: Tell) -> Outcome:
    """Swap; the marked result is `after.mp4` or `after.png`, its report `report.html`, its figures `quality.json`.

    Options: `pair`; `target`, a file of the target's footage; `generator`, `trained` for the pair's own model or the name
    of one that needs no training; `detectors`, whether our own detectors are asked about the unmarked frames.

    Raises:
        DataError: the records do not cover it, a face matches none of them, or a mark is missing; nothing is left.
    """
    names: dict[str, str] = {}
    with workplace(task, names) as place:
        pair = place.store.pair(str(task.options["pair"]))
        footage = {f.file: f for f in pair.target.footage}
        names.update({f.file: f.name for p in (pair.source, pair.target) for f in p.footage})
        about = footage.get(str(task.options["target"]))
        if about is None:
            raise DataError("the clip that was to receive the face is no longer here")
        after = "after.png" if about.picture else "after.mp4"
        tell(0.0, "Opening the footage.")
        permit = _permit(place, pair)
        done = swap(
            pair.target.folder / "footage" / about.file,
            place.temporary / after,
            permit,
            _options(task, pair),
            _frames(tell),
        )
        _keep(task, done, names, _label(permit))
    return Outcome(summary=f"{done.figures.swapped} of {done.figures.frames} frames swapped.")


def _permit(place: Workplace, pair: Pair) -> SwapPermit:
    records = [place.record(pair.source)]
    if pair.target.id != pair.source.id:
        records.append(place.record(pair.target))
    return SwapPermit(tuple(records), records[0].consent.purpose, date.today(), place.keys)


def _label(permit: SwapPermit) -> str:
    """Words that the records ask for on every frame; empty if none."""
    consents = [r.consent for r in permit.records]
    key = permit.keys.maker_public_key()
    return require_consent(consents, permit.purpose, permit.today, key).visible_label or ""


def _options(task: Task, pair: Pair) -> SwapOptions:
    generator = str(task.options["generator"])
    detectors = bool(task.options.get("detectors", True))
    if generator == TRAINED:
        return SwapOptions(model=pair.run, detectors=detectors, limits=task.limits)
    return SwapOptions(
        generator, sources=pair.source.clips[:MOST_SOURCES], detectors=detectors, limits=task.limits
    )


def _frames(tell: Tell) -> Progress:
    """Faces are looked for in the target, then in the sources; then frames are swapped, written and read again."""
    frames = 0

    def progress(what: str, done: int, total: int | None) -> None:
        nonlocal frames
        if what == "faces" and total:
            frames = frames or total
            tell(_LOOKED * done / total, f"Looking for faces: {done} of {total} frames.")
        elif what == "asking the detectors":
            tell(_WRITTEN, "Asking the detectors about the unmarked frames.")
        else:
            share = min(1.0, done / max(1, frames))
            sentence = f"{what.capitalize()}: {done} of {frames} frames."
            tell(_LOOKED + (_WRITTEN - _LOOKED) * share, sentence)

    return progress


def _keep(task: Task, done: Swap, names: dict[str, str], label: str) -> None:
    """Result and report under the names that results have, and the figures in the words of the report."""
    done.written.path.rename(task.folder / done.written.path.name)
    html = done.html.read_text("utf-8")
    for ours, theirs in names.items():
        html = html.replace(ours, escape(wording.plain(theirs)))
    (task.folder / "report.html").write_text(html, "utf-8")
    (task.folder / "report.json").write_bytes(done.json.read_bytes())
    quality = {**_quality(done), "label": label}
    (task.folder / QUALITY).write_text(json.dumps(quality, allow_nan=False), "utf-8")


def _quality(done: Swap) -> dict[str, Any]:
    f = done.figures
    return {
        "after": done.written.path.name,
        "frames": f.frames,
        "swapped": f.swapped,
        "watermark": bool(done.written.watermark and done.written.watermark.found),
        "rows": [list(row) for row in figure_rows(f)],
        "skipped": [
            [reason, count, f.first_not_swapped.get(reason)]
            for reason, count in sorted(f.not_swapped.items(), key=lambda item: -item[1])
        ],
        "detectors": [detector_row(d) for d in f.detectors],
        "label_before": f.label_before,
        "label_after": f.label_after,
    }
