"""The use case `swap`: one person's face in the place of another's, consented, marked and measured.

Order: consent, then the place that is written to, then people and their records, and only then the first generated pixel.
Frames stream through; the report is made of figures that were taken on the way and of a few frames that were kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from likeness import faces, media, registry
from likeness.errors import ConfigError, UsageError
from likeness.faces.merging import MergeConfig
from likeness.faces.smoothing import SmoothingConfig
from likeness.jobs.consenting import Embed, KnownPerson, known_people
from likeness.jobs.swap_cast import (
    Cast,
    Caster,
    build_generator,
    cast_exchange,
    cast_model,
    cast_sources,
)
from likeness.jobs.swap_frames import FramesPlan, SwappedFrame, swapped_frames
from likeness.jobs.swap_model import TrainedPair, read_trained_pair
from likeness.jobs.swap_quality import QualityWatch
from likeness.jobs.swap_report import SwapReport, write_swap_report
from likeness.provenance.consent import ConsentRecord, require_consent
from likeness.provenance.keys import KeyStore
from likeness.provenance.making import Ingredient, Making
from likeness.provenance.writing import Written, write_marked
from likeness.provenance.writing_frames import GeneratedFrame
from likeness.provenance.writing_target import Target, WriteOptions, check_target
from likeness.report.swap_figures import SwapFigures
from likeness.types import Clip, Consent, FactValue, Frame, Progress, Purpose


@dataclass(frozen=True)
class SwapPermit:
    """Who may be swapped, and what for.

    Attributes:
        records: a consent record for everyone who is generated or generated over; their references lie beside them.
        purpose: every record must allow it.
        today: the day on which they must hold.
        keys: of this installation; they sign the result.
    """

    records: tuple[ConsentRecord, ...]
    purpose: Purpose
    today: date
    keys: KeyStore


@dataclass(frozen=True)
class SwapOptions:
    """How to swap.

    Attributes:
        generator: name of the generator; with a trained run it is known already.
        options: its configuration.
        model: folder of a training run, or a graph of one; None for generators without training.
        sources: pictures and clips of the person whose face is given; none: two people of the target exchange faces.
        person: which person of the target is replaced, 1 = the one with most faces.
        first, last: frames to swap, from first up to, but not including, last; all others stay as they are.
        merge: see `MergeConfig`.
        touch_ups: (first, end, settings): frames that are merged with other settings.
        smoothing: of the landmarks over time.
        seed: of the generators and the grain.
        threads: of the networks; 0 = one per physical core.
        detectors: whether the report asks our own detectors about the unmarked frames.
        crf, preset: of the encoder, see `WriteOptions`.
        limits: of the files.
    """

    generator: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    model: Path | None = None
    sources: tuple[Path, ...] = ()
    person: int | None = None
    first: int = 0
    last: int | None = None
    merge: MergeConfig = field(default_factory=MergeConfig)
    touch_ups: tuple[tuple[int, int, MergeConfig], ...] = ()
    smoothing: SmoothingConfig = field(default_factory=SmoothingConfig)
    seed: int = 0
    threads: int = 0
    detectors: bool = True
    crf: int = 18
    preset: str = "veryfast"
    limits: media.Limits = field(default_factory=media.Limits)

    def __post_init__(self) -> None:
        if self.first < 0 or (self.last is not None and self.last <= self.first):
            raise UsageError(
                f"--frames: expected A:B with 0 <= A < B, got {self.first}:{self.last}"
            )
        if self.model is not None and self.sources:
            raise UsageError(
                "a trained model holds its source already: give --model or --source, not both"
            )


@dataclass(frozen=True)
class Swap:
    """What came out.

    Attributes:
        written: the marked file.
        figures: its quality.
        html, json: the reports.
    """

    written: Written
    figures: SwapFigures
    html: Path
    json: Path


def swap(
    target: Path,
    out: Path,
    permit: SwapPermit,
    options: SwapOptions | None = None,
    progress: Progress | None = None,
) -> Swap:
    """Swap a face in a picture or clip.

    Args:
        target: the footage that receives a face.
        out: where the result goes; its suffix decides the format, reports lie beside it.
        permit: consent, purpose, day and keys.
        options: see `SwapOptions`.
        progress: see `likeness.types.Progress`.

    Raises:
        ConsentError: no records, or one that does not cover this; or a face that matches none of them.
        MediaError: a file cannot be read, or shows no face.
        UsageError: several people and none chosen, or settings that make no sense.
        WeightsError: the model is missing, foreign or damaged.
        OutputError: the place cannot be written, or the disk is full; nothing is left behind.
        MarkError: a mark was not found in the result; nothing is left behind.
        MissingExtraError: identity embeddings are not installed.
    """
    options = options or SwapOptions()
    pair = read_trained_pair(options.model, options.generator) if options.model else None
    records = permit.records
    given = [r.consent for r in records]
    trained = pair.consents if pair else ()
    consents = (*given, *(c for c in trained if c not in given))
    require_consent(consents, permit.purpose, permit.today, permit.keys.maker_public_key())
    name, settings = _generator_of(options, pair)
    with ExitStack() as stack:
        clip = _opened(target, options, stack)
        sources = [_opened(path, options, stack) for path in options.sources]
        making = _making((clip, sources), (name, settings, pair), permit, options, consents)
        write = WriteOptions(
            audio_from=clip if clip.kind == "video" and clip.audio is not None else None,
            fps=clip.fps or None,
            crf=options.crf,
            preset=options.preset,
            progress=progress,
        )
        place = check_target(out, clip.size_wh, making, permit.keys, write)
        _check_kind(clip, place, options)
        kit = _kit(permit, options, pair)
        cast = _cast(kit, clip, sources, (name, settings), options, progress)
        plan = FramesPlan(
            cast.replacements,
            options.first,
            options.last,
            options.merge,
            options.touch_ups,
            options.seed,
        )
        watch = QualityWatch(clip, plan)
        seconds: dict[str, float] = {}
        stream = swapped_frames(clip, plan, seconds)
        written = write_marked(watched(stream, watch), out, making, permit.keys, write)
        trained_mean = pair.source_mean if pair else None
        mean = cast.source_mean if trained_mean is None else trained_mean
        figures = watch.figures(kit.embed, mean, kit.models, _told(making, options))
        figures = replace(figures, seconds=seconds)
        if options.detectors:
            if progress is not None:
                progress("asking the detectors", 0, None)
            figures = replace(figures, **watch.ask_detectors(clip.fps))  # type: ignore[arg-type]
        report = SwapReport(
            clip, out, making, permit.keys, place.permission.visible_label or "", cast.source_crop
        )
        html, json = write_swap_report(report, figures, watch.samples)
    return Swap(written, figures, html, json)


def _opened(path: Path, options: SwapOptions, stack: ExitStack) -> Clip:
    clip = media.open_clip(path, options.limits)
    stack.callback(clip.frames.close)
    if clip.kind == "audio":
        raise UsageError(f"{path.name}: expected a picture or video, got a recording")
    return clip


def _generator_of(options: SwapOptions, pair: TrainedPair | None) -> tuple[str, dict[str, Any]]:
    """Name and configuration of the generator."""
    if pair is not None:
        return pair.generator, {**options.options, "model": str(options.model)}
    name = options.generator or "landmark_swap"
    if registry.part("generators", name).info.get("trainable") and "model" not in options.options:
        raise UsageError(
            f"the generator {name} needs a trained model: give --model RUN, or train one from --source with --minutes"
        )
    return name, dict(options.options)


def _check_kind(clip: Clip, place: Target, options: SwapOptions) -> None:
    if place.kind != clip.kind:
        raise UsageError(
            f"{place.path.name}: the target {clip.name} is a {clip.kind}, the result's name is that of a {place.kind}"
        )
    count = len(clip.frames)
    if options.first >= count:
        raise UsageError(
            f"--frames: {clip.name} has {count} frames, got a start at {options.first}"
        )


def _making(
    footage: tuple[Clip, Sequence[Clip]],
    generator: tuple[str, Mapping[str, Any], TrainedPair | None],
    permit: SwapPermit,
    options: SwapOptions,
    consents: Sequence[Consent],
) -> Making:
    clip, sources = footage
    name, settings, pair = generator
    parts = [Ingredient(clip.name, clip.sha256, _media_type(clip), "target")]
    parts += [Ingredient(s.name, s.sha256, _media_type(s), "source") for s in sources]
    told: dict[str, FactValue] = {f"merge.{k}": v for k, v in asdict(options.merge).items()}
    told |= {k: v for k, v in settings.items() if k != "model"}
    told |= {"first_frame": options.first, "last_frame": options.last, "seed": options.seed}
    return Making(
        generator=name,
        digital_source="compositeWithTrainedAlgorithmicMedia",
        consents=tuple(consents),
        purpose=permit.purpose,
        today=permit.today,
        job_id=job_number([p.sha256 for p in parts], told, permit.today),
        ingredients=tuple(parts),
        weights=pair.weights if pair else "",
        settings=told,
    )


def job_number(hashes: Sequence[str], settings: Mapping[str, FactValue], today: date) -> int:
    """64 bits that name the job: the same inputs, settings and day give the same number."""
    text = repr((list(hashes), sorted(settings.items()), today.isoformat()))
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:8], "big")


def _media_type(clip: Clip) -> str:
    return clip.raw.media_type if clip.raw is not None else "application/octet-stream"


def _kit(permit: SwapPermit, options: SwapOptions, pair: TrainedPair | None) -> Caster:
    from likeness.data.identity_embedding import DlibEmbedder

    models = faces.FaceModels(options.threads)
    embed: Embed = DlibEmbedder()
    known: tuple[KnownPerson, ...] = known_people(permit.records, embed, models)
    if pair is not None:
        known += pair.people
    return Caster(models, embed, known, options.smoothing, options.limits)


def _cast(
    kit: Caster,
    clip: Clip,
    sources: Sequence[Clip],
    generator: tuple[str, Mapping[str, Any]],
    options: SwapOptions,
    progress: Progress | None,
) -> Cast:
    last = len(clip.frames) if options.last is None else min(options.last, len(clip.frames))
    people = kit.people(clip, range(options.first, last), progress)
    if options.model is not None:
        return cast_model(kit, clip, people, options.person, build_generator(*generator))
    if sources:
        return cast_sources(kit, clip, people, sources, options.person, build_generator(*generator))
    pair = [build_generator(*generator) for _ in range(2)]
    return cast_exchange(kit, clip, people, options.person, pair)


def watched(
    frames: Iterator[SwappedFrame], watch: QualityWatch
) -> Iterator[GeneratedFrame | Frame]:
    """Frames on their way to the writer, with the face marked out for a stronger watermark."""
    for swapped in frames:
        watch.see(swapped)
        if not swapped.faces:
            yield swapped.frame
            continue
        emphasis = np.zeros(swapped.before.shape[:2], np.float32)
        for face in swapped.faces:
            x0, y0, x1, y1 = face.merged.box
            part = emphasis[y0:y1, x0:x1]
            np.maximum(part, np.clip(face.merged.alpha, 0.0, 1.0), out=part)
        yield GeneratedFrame(swapped.frame.image, swapped.frame.time_s, emphasis)


def _told(making: Making, options: SwapOptions) -> dict[str, FactValue]:
    told: dict[str, FactValue] = {"generator": making.generator, **making.settings}
    told["touch_ups"] = len(options.touch_ups)
    return told


def merge_config(texts: Sequence[str], base: MergeConfig | None = None) -> MergeConfig:
    """Settings given as KEY=VALUE over others. Raises `ConfigError` with the nearest key."""
    given: dict[str, Any] = asdict(base or MergeConfig())
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"merge: expected KEY=VALUE, got {text!r}")
        given[key.strip()] = value.strip()
    return registry.config_from(MergeConfig, given, "merge")
