"""What would change this answer: the very file once more, compressed, shrunk, blurred and re-encoded in memory.

A verdict that turns with a little compression is weaker than its ratio says, and one that a copy from a messenger would have
hidden says how much its absence there is worth. Both ends are measured alike: the file as it is goes through the same frames
and the same detectors as its degraded copies, without the marks beside the pixels, so that nothing but the step differs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from likeness import media
from likeness.errors import ConfigError, DataError
from likeness.jobs.detect import DetectOptions, Examiner, Source
from likeness.types import Clip, DoubleArray, ImageArray, Label, Progress, Verdict

if TYPE_CHECKING:  # whoever only shows a result needs no OpenCV
    from likeness.data.degradations import Step

FORMAT: Final = "likeness-robustness/1"
FAMILIES: Final = ("jpeg", "resize", "blur", "h264")
"""What happens to files that people pass on, in the order in which it is shown."""
_SEED = 0
_CLEAN = "clean"


@dataclass(frozen=True)
class RobustnessOptions:
    """What to try, and how much of a clip.

    Attributes:
        detect: how the file and its copies are examined.
        families: kinds of degradation, see `likeness.data.degradations.LADDER`.
        dense_frames: at most so many frames of a clip are taken, in stretches of neighbours.
        decoded_bytes: bytes that they may occupy as RGB (256 MiB); about three times as much is needed while a copy is made.
    """

    detect: DetectOptions = field(default_factory=DetectOptions)
    families: tuple[str, ...] = FAMILIES
    dense_frames: int = 120
    decoded_bytes: int = 256 << 20


@dataclass(frozen=True)
class Rescored:
    """The answer about one copy.

    Attributes:
        step: name of the ladder's step; `clean` is the file as it is.
        family, severity, amount: see `likeness.data.degradations.Step`.
        label: what the decision table says.
        llr: fused log10 likelihood ratio; None where nothing could be fused.
        faces: how many were found.
        reason: the weightiest reason of the label; empty without one.
    """

    step: str
    family: str
    severity: int
    amount: float
    label: Label
    llr: float | None
    faces: int
    reason: str = ""


@dataclass(frozen=True)
class Robustness:
    """The answer about the file and about every copy.

    Attributes:
        name, sha256: which file.
        frames: how many of its frames were used.
        of_frames: how many it has.
        clean: the file as it is, measured on those frames.
        steps: its copies, in the order of the ladder.
        note: why there are none; empty where there are.
    """

    name: str
    sha256: str
    frames: int
    of_frames: int
    clean: Rescored | None
    steps: tuple[Rescored, ...] = ()
    note: str = ""

    def families(self) -> dict[str, tuple[Rescored, ...]]:
        """Steps per family, the mildest first."""
        found: dict[str, list[Rescored]] = {}
        for step in self.steps:
            found.setdefault(step.family, []).append(step)
        return {f: tuple(sorted(s, key=lambda r: r.severity)) for f, s in found.items()}

    def flips(self) -> dict[str, Rescored | None]:
        """Per family the mildest step with another label than the file as it is; None where the label stays."""
        if self.clean is None:
            return {}
        label = self.clean.label
        return {
            family: next((s for s in steps if s.label != label), None)
            for family, steps in self.families().items()
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain dict for JSON."""
        return {
            "format": FORMAT,
            "name": self.name,
            "sha256": self.sha256,
            "frames": self.frames,
            "of_frames": self.of_frames,
            "clean": None if self.clean is None else asdict(self.clean),
            "steps": [asdict(step) for step in self.steps],
            "flips": {f: s.step if s else None for f, s in self.flips().items()},
            "note": self.note,
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Robustness:
        """Inverse of `to_dict`; raises `DataError` for anything else."""
        if stored.get("format") != FORMAT:
            raise DataError(f"robustness: expected format {FORMAT}, got {stored.get('format')!r}")
        try:
            return cls(
                name=str(stored["name"]),
                sha256=str(stored["sha256"]),
                frames=int(stored["frames"]),
                of_frames=int(stored["of_frames"]),
                clean=None if stored["clean"] is None else Rescored(**stored["clean"]),
                steps=tuple(Rescored(**step) for step in stored["steps"]),
                note=str(stored["note"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"robustness: damaged or incomplete ({error})") from error


def robustness(
    source: Source, options: RobustnessOptions | None = None, progress: Progress | None = None
) -> Robustness:
    """Examine a file as it is and through every step of the chosen families.

    Args:
        source: path, bytes, binary file object, or a clip that is already open.
        options: see `RobustnessOptions`.
        progress: called once per copy; what it raises ends the work.

    Returns:
        Labels and ratios; for a recording of sound alone nothing but a note.

    Raises:
        MediaError: the file cannot be read; `LimitError` if it is too large.
        ConfigError: an unknown family.

    Example:
        >>> result = robustness("portrait.jpg")                   # doctest: +SKIP
        >>> {f: s.step if s else None for f, s in result.flips().items()}   # doctest: +SKIP
        {'jpeg': 'jpeg_50', 'resize': None, 'blur': 'blur_1', 'h264': 'h264_crf40'}
    """
    options = options or RobustnessOptions()
    steps = ladder_steps(options.families)
    clip = source if isinstance(source, Clip) else media.open_clip(source, options.detect.limits)
    try:
        if clip.kind == "audio":
            note = "a recording of sound alone: there are no pictures to compress, shrink or blur"
            return Robustness(clip.name, clip.sha256, 0, 0, None, note=note)
        images, times_s = _frames(clip, options)
    finally:
        if not isinstance(source, Clip):  # whoever opened it closes it
            clip.frames.close()
    examiner = Examiner(options.detect)
    answers = []
    for done, step in enumerate(steps):
        if progress is not None:
            progress("copies of the file", done, len(steps))
        answers.append(_rescore(examiner, step, images, times_s))
    return Robustness(
        clip.name, clip.sha256, len(images), len(clip.timestamps_s), answers[0], tuple(answers[1:])
    )


def ladder_steps(families: Sequence[str]) -> tuple[Step, ...]:
    """The untouched step, then those of the ladder that belong to `families`, family by family, the mildest first."""
    from likeness.data.degradations import LADDER

    known = {step.family for step in LADDER if step.severity}
    for family in families:
        if family not in known:
            raise ConfigError(
                f"unknown family {family!r}; expected some of {', '.join(sorted(known))}"
            )
    of_family = [[s for s in LADDER if s.family == family] for family in families]
    clean = [s for s in LADDER if s.name == _CLEAN]
    return (*clean, *(s for steps in of_family for s in sorted(steps, key=lambda s: s.severity)))


def _frames(clip: Clip, options: RobustnessOptions) -> tuple[list[ImageArray], DoubleArray]:
    """Frames in memory with their own times, so that cues over time see the same motion."""
    width, height = clip.size_wh
    fit = max(2, options.decoded_bytes // max(1, width * height * 3))
    sampling = media.Sampling("stretches", min(options.dense_frames, fit))
    frames = list(clip.frames.at(media.sample(clip, sampling)))
    return [f.image for f in frames], np.array([f.time_s for f in frames], np.float64)


def _rescore(
    examiner: Examiner, step: Step, images: Sequence[ImageArray], times_s: DoubleArray
) -> Rescored:
    from likeness.data.degradations import degrade

    changed = images if step.name == _CLEAN else degrade(images, step, _SEED)
    clip = media.clip_from_frames(changed, name=step.name, times_s=times_s)
    verdict: Verdict = examiner.examine(clip).verdict
    return Rescored(
        step.name,
        step.family,
        step.severity,
        step.amount,
        verdict.label,
        verdict.llr,
        len(verdict.tracks),
        verdict.reasons[0] if verdict.reasons else "",
    )
