"""The use case `detect`: one file in, one verdict out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, BinaryIO

from likeness import faces, media, registry
from likeness.errors import LikenessError
from likeness.jobs.ahead import ahead
from likeness.jobs.judge import judge, shipped_calibration
from likeness.scoring.claims import MARKS
from likeness.types import (
    Clip,
    Detector,
    Evidence,
    FaceTrack,
    Frame,
    FrameSource,
    Progress,
    Verdict,
)

MARK_FRAMES = 32
"""More frames make a watermark no surer, and all of a long clip would cost more than the rest of the examination."""
AT_A_TIME = 2
"""Detectors that work side by side: the machines in mind have two cores, and what they hold in memory adds up."""
DECODED_AHEAD = 8
"""Frames that may wait for the face networks: bounds the memory."""
Source = str | Path | bytes | BinaryIO | Clip


@dataclass(frozen=True)
class DetectOptions:
    """What to run and how closely to look.

    Attributes:
        detectors: names; empty = every one that is part of the default set (see `default_detectors`).
        options: configuration per detector, such as {"mesonet": {"weights": "Meso4_DF.h5"}}.
        frames: at most this many frames of a face are scored by detectors that judge single frames, evenly spread.
        dense_frames: at most this many frames of a clip are examined at all, in stretches of neighbours of about two
            seconds (see `likeness.media.Sampling`), so that cues over time see motion; never fewer than `frames`.
            0 = only `frames`, evenly spread: faster, and blind over time.
        limits: what is refused as too large.
        keys: folder of the key store whose certificates are trusted when content credentials are read; it is never made
            here. None or a folder without a store: nobody is trusted.
    """

    detectors: tuple[str, ...] = ()
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    frames: int = 32
    dense_frames: int = 240
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
        # Frame after frame, decoding keeps the other core busy: threads that wait for work in a spin would only take it away.
        self.models_in_video = faces.FaceModels(threads=1)

    def examine(self, source: Source, progress: Progress | None = None) -> Examination:
        """Like `detect`, and keeps the clip open for the report's pictures."""
        clip = source if isinstance(source, Clip) else media.open_clip(source, self.options.limits)
        options = self.options
        models = self.models_in_video if clip.kind == "video" else self.models
        tracks = find_tracks(clip, options.frames, progress, models, options.dense_frames)
        evidence = run_detectors(self.detectors, clip, tracks)
        return Examination(judge(clip, tracks, evidence, self.calibration), clip)


def default_detectors() -> tuple[str, ...]:
    """Detectors that take part without being asked for: all but those that ship no weights."""
    return tuple(
        name for name, part in registry.parts("detectors").items() if part.info.get("default", True)
    )


def measuring_detectors() -> tuple[str, ...]:
    """The default detectors that measure something: those that can be calibrated, fused and compared."""
    return tuple(name for name in default_detectors() if name != MARKS)


def candidates() -> tuple[str, ...]:
    """Detectors outside the default set that join a fusion if `calibrate` finds that they earn it."""
    parts = registry.parts("detectors").items()
    return tuple(
        name
        for name, part in parts
        if part.info.get("candidate") and not part.info.get("default", True)
    )


def build_detectors(options: DetectOptions) -> dict[str, Detector]:
    """Build the detectors by name; an error in what was asked for is raised before any file is opened."""
    names = options.detectors or tuple(dict.fromkeys((*default_detectors(), *options.options)))
    for name in options.options:
        registry.part("detectors", name)
    return {name: registry.build("detectors", name, _options_of(name, options)) for name in names}


def fitted_on(name: str) -> str:
    """What a detector needs to be calibrated on: `stills`, `clips` (it needs neighbouring frames) or `none` (no llr)."""
    return str(registry.part("detectors", name).info.get("fitted_on", "stills"))


def _options_of(name: str, options: DetectOptions) -> dict[str, Any]:
    """What was asked for; whoever judges single frames scores no more than `frames`, and marks learn whom to trust."""
    asked = dict(options.options.get(name, {}))
    if name == MARKS:
        keys = "" if options.keys is None else str(options.keys)
        return {"keys": keys, "frames": min(options.frames, MARK_FRAMES), **asked}
    if fitted_on(name) == "stills" and options.frames < DetectOptions.frames:
        config = registry.load("detectors", name).Config
        own = next((f.default for f in fields(config) if f.name == "frames"), None)
        if isinstance(own, int):
            return {"frames": min(own, options.frames), **asked}
    return asked


def find_tracks(
    clip: Clip,
    frames: int,
    progress: Progress | None = None,
    models: faces.FaceModels | None = None,
    dense_frames: int = 0,
) -> tuple[FaceTrack, ...]:
    """Faces of the clip; none is a normal outcome.

    Args:
        clip: what was opened.
        frames: at most this many frames are examined, evenly spread.
        progress: see `likeness.types.Progress`.
        models: loaded networks.
        dense_frames: see `DetectOptions`; 0 = evenly spread frames only.
    """
    if clip.kind == "audio":
        return ()
    sampling = media.Sampling("evenly", frames)
    if dense_frames:
        sampling = media.Sampling("stretches", max(frames, dense_frames))
    indices = media.sample(clip, sampling)
    decoding = replace(clip, frames=_Ahead(clip.frames)) if len(indices) > 1 else clip
    return faces.track_faces(decoding, indices, progress, models=models)


class _Ahead:
    """Frames that are decoded in a thread of their own while the one before is looked at."""

    def __init__(self, frames: FrameSource) -> None:
        self._frames = frames

    def __len__(self) -> int:
        return len(self._frames)

    def __iter__(self) -> Iterator[Frame]:
        return ahead(iter(self._frames), DECODED_AHEAD)

    def at(self, indices: Iterable[int]) -> Iterator[Frame]:
        return ahead(self._frames.at(indices), DECODED_AHEAD)

    def close(self) -> None:
        self._frames.close()


def run_detectors(
    detectors: Mapping[str, Detector], clip: Clip, tracks: Sequence[FaceTrack]
) -> list[Evidence]:
    """Every detector's finding, in their order; two of them work at a time, each on its own."""
    with ThreadPoolExecutor(AT_A_TIME, "likeness-detector") as pool:
        waiting = [pool.submit(run_detector, n, d, clip, tracks) for n, d in detectors.items()]
        return [future.result() for future in waiting]


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
