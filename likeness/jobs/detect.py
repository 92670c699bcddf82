"""The use case `detect`: one file in, one verdict out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from likeness import faces, media, registry
from likeness.errors import LikenessError
from likeness.jobs.judge import judge, shipped_calibration
from likeness.scoring.claims import MARKS
from likeness.types import Clip, Detector, Evidence, FaceTrack, Progress, Verdict

MARK_FRAMES = 32
"""More frames make a watermark no surer, and all of a long clip would cost more than the rest of the examination."""
Source = str | Path | bytes | BinaryIO | Clip


@dataclass(frozen=True)
class DetectOptions:
    """What to run and how closely to look.

    Attributes:
        detectors: names; empty = every one that is part of the default set (see `default_detectors`).
        options: configuration per detector, such as {"mesonet": {"weights": "Meso4_DF.h5"}}.
        frames: at most this many frames of a clip are examined, evenly spread.
        limits: what is refused as too large.
        keys: folder of the key store whose certificates are trusted when content credentials are read; it is never made
            here. None or a folder without a store: nobody is trusted.
    """

    detectors: tuple[str, ...] = ()
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    frames: int = 32
    limits: media.Limits = field(default_factory=media.Limits)
    keys: Path | None = None


@dataclass(frozen=True)
class Examination:
    """A verdict together with the open clip, for those who want to draw what was seen."""

    verdict: Verdict
    clip: Clip


def detect(
    source: Source, options: DetectOptions | None = None, progress: Progress | None = None
) -> Verdict:
    """Examine one picture, video or recording.

    Args:
        source: path, bytes, binary file object, or a clip that is already open.
        options: see `DetectOptions`.
        progress: see `likeness.types.Progress`.

    Raises:
        MediaError: the file cannot be read; `LimitError` if it is too large.
        UsageError: an unknown detector or option.
        WeightsError: weights that were asked for are missing or damaged.

    Example:
        >>> from skimage import data
        >>> from likeness.media import clip_from_frames
        >>> detect(clip_from_frames([data.astronaut()])).label
        'inconclusive'
    """
    examination = Examiner(options).examine(source, progress)
    if not isinstance(source, Clip):  # whoever opened it closes it
        examination.clip.frames.close()
    return examination.verdict


class Examiner:
    """Detectors and face models, built once and used for any number of files.

    Raises:
        UsageError: an unknown detector or option.
        WeightsError: weights that were asked for are missing or damaged.
    """

    def __init__(self, options: DetectOptions | None = None) -> None:
        self.options = options or DetectOptions()
        self.detectors = build_detectors(self.options)
        self.calibration = shipped_calibration()
        self.models = faces.FaceModels()

    def examine(self, source: Source, progress: Progress | None = None) -> Examination:
        """Like `detect`, and keeps the clip open for the report's pictures."""
        clip = source if isinstance(source, Clip) else media.open_clip(source, self.options.limits)
        tracks = find_tracks(clip, self.options.frames, progress, self.models)
        evidence = [
            run_detector(name, detector, clip, tracks) for name, detector in self.detectors.items()
        ]
        return Examination(judge(clip, tracks, evidence, self.calibration), clip)


def default_detectors() -> tuple[str, ...]:
    """Detectors that take part without being asked for: all but those that ship no weights."""
    return tuple(
        name for name, part in registry.parts("detectors").items() if part.info.get("default", True)
    )


def measuring_detectors() -> tuple[str, ...]:
    """The default detectors that measure something: those that can be calibrated, fused and compared."""
    return tuple(name for name in default_detectors() if name != MARKS)


def build_detectors(options: DetectOptions) -> dict[str, Detector]:
    """Build the detectors by name; an error in what was asked for is raised before any file is opened."""
    names = options.detectors or tuple(dict.fromkeys((*default_detectors(), *options.options)))
    for name in options.options:
        registry.part("detectors", name)
    return {name: registry.build("detectors", name, _options_of(name, options)) for name in names}


def _options_of(name: str, options: DetectOptions) -> dict[str, Any]:
    """What was asked for; the reader of marks learns whom to trust and looks at no more frames than the others."""
    asked = dict(options.options.get(name, {}))
    if name != MARKS:
        return asked
    keys = "" if options.keys is None else str(options.keys)
    return {"keys": keys, "frames": min(options.frames, MARK_FRAMES), **asked}


def find_tracks(
    clip: Clip,
    frames: int,
    progress: Progress | None = None,
    models: faces.FaceModels | None = None,
) -> tuple[FaceTrack, ...]:
    """Faces of the clip at evenly spread frames; none is a normal outcome."""
    if clip.kind == "audio":
        return ()
    indices = media.sample(clip, media.Sampling("evenly", frames))
    return faces.track_faces(clip, indices, progress, models=models)


def run_detector(
    name: str, detector: Detector, clip: Clip, tracks: Sequence[FaceTrack]
) -> Evidence:
    """Run one detector; one that breaks becomes failed evidence, never a crash of the whole answer."""
    info = registry.part("detectors", name).info
    try:
        return detector.analyse(clip, tracks)
    except LikenessError as error:
        reason = str(error)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
    return Evidence(
        detector=name,
        cue=str(info["cue"]),
        question=info["question"],
        status="failed",
        note=f"this detector broke down: {reason}",
    )
