"""A worker's examination of one file: the same jobs as `likeness detect`, and what its page shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from likeness import media
from likeness.apps.web.kinds import Outcome, Task, Tell
from likeness.jobs.detect import DetectOptions, Examination, Examiner
from likeness.jobs.viewing import keep, kept_item
from likeness.report import render_html, report_to_dict, write_html, write_json
from likeness.types import Clip, Detector, Evidence, FaceTrack, Progress

_OPENED, _FOUND, _EXAMINED = 0.05, 0.45, 0.9
"""How far the job is after each of its steps; finding the faces and examining them take most of the time."""


def run(task: Task, tell: Tell) -> Outcome:
    """Examine the file and write verdict, reports and pictures.

    Raises:
        MediaError: the file cannot be read; `LimitError` if it is too large.
    """
    tell(0.0, "Opening the file.")
    examiner = Examiner(DetectOptions(limits=task.limits, keys=task.keys))
    examiner.detectors = _counted(examiner.detectors, tell)
    clip = media.open_clip(task.source, task.limits, task.shown_name)
    try:
        tell(_OPENED, "Looking for faces." if clip.kind != "audio" else "Listening.")
        examination = examiner.examine(clip, _finding(tell))
        tell(_EXAMINED, "Writing the report.")
        _write(task, examination)
    finally:
        clip.frames.close()
    verdict = examination.verdict
    return Outcome(verdict.label, verdict.llr, verdict.reasons[0] if verdict.reasons else "")


@dataclass(frozen=True)
class _Counted:
    """A detector that says when it is done."""

    detector: Detector
    done: list[str]
    of: int
    tell: Tell

    def analyse(self, clip: Clip, tracks: Sequence[FaceTrack]) -> Evidence:
        try:
            return self.detector.analyse(clip, tracks)
        finally:
            self.done.append("")
            share = len(self.done) / self.of
            sentence = f"Examining: {len(self.done)} of {self.of} cues."
            self.tell(_FOUND + (_EXAMINED - _FOUND) * share, sentence)


def _counted(detectors: dict[str, Detector], tell: Tell) -> dict[str, Detector]:
    done: list[str] = []
    return {name: _Counted(part, done, len(detectors), tell) for name, part in detectors.items()}


def _finding(tell: Tell) -> Progress:
    def progress(_what: str, done: int, total: int | None) -> None:
        if total:
            share = _OPENED + (_FOUND - _OPENED) * done / total
            tell(share, f"Looking for faces: {done} of {total} frames.")

    return progress


def _write(task: Task, examination: Examination) -> None:
    """What pages show, then the reports; both are made of the same pictures."""
    keep(task.folder, task.shown_name, examination)
    created = datetime.now(UTC).isoformat(timespec="seconds")
    item = kept_item(task.folder, task.shown_name, examination.verdict)
    write_json(report_to_dict([item], created), task.folder / "report.json")
    write_html(task.folder / "report.html", render_html([item], created))
