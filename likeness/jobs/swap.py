"""The use case `swap`: one person's face in the place of another's, consented, marked and measured.

Order: consent, then the place that is written to, then people and their records, and only then the first generated pixel.
Frames stream through; the report is made of figures that were taken on the way and of a few frames that were kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from likeness import faces, registry
from likeness.errors import ConfigError, UsageError
from likeness.faces.merge_options import MergeConfig
from likeness.jobs.consenting import Embed, KnownPerson, known_people
from likeness.jobs.swap_cast import (
    Cast,
    Caster,
    build_generator,
    cast_exchange,
    cast_model,
    cast_sources,
)
from likeness.jobs.swap_frames import FramesPlan, SwappedFrame, learned_usual, swapped_frames
from likeness.jobs.swap_making import facts_of_job
from likeness.jobs.swap_model import (
    TrainedPair,
    known_with_run,
    read_trained_pair,
    require_usable,
)
from likeness.jobs.swap_options import SwapOptions, SwapPermit
from likeness.jobs.swap_place import checked_place, opened, write_options
from likeness.jobs.swap_quality import QualityWatch
from likeness.jobs.swap_report import SwapReport, remove_old_report, write_swap_report
from likeness.jobs.swap_restored import restorer_of, told_of_restorer, with_restoration
from likeness.provenance.consent import require_consent
from likeness.provenance.making import Making
from likeness.provenance.writing import Written, write_marked
from likeness.provenance.writing_frames import GeneratedFrame
from likeness.report.swap_figures import SwapFigures
from likeness.types import Clip, FactValue, FloatArray, Frame, Progress

__all__ = ["Swap", "SwapOptions", "SwapPermit", "merge_config", "swap", "watched"]


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
        clip = opened(target, options, stack)
        sources = [opened(path, options, stack) for path in options.sources]
        restorer = restorer_of(options)
        told_settings = _told(settings, options) | told_of_restorer(options, restorer)
        making = Making(
            generator=name,
            digital_source="compositeWithTrainedAlgorithmicMedia",
            consents=consents,
            purpose=permit.purpose,
            today=permit.today,
            weights=pair.weights if pair else "",
            **facts_of_job((clip, sources), told_settings, permit.today),
        )
        write = write_options(clip, options, progress)
        place = checked_place(out, (clip, options), making, permit.keys, write)
        kit = _kit(permit, options, pair)
        cast = _cast(kit, clip, sources, (name, settings), options, progress)
        replacements = with_restoration(cast.replacements, restorer)
        if any(c.occluders for c in (options.merge, *(t[2] for t in options.touch_ups))):
            replacements = tuple(replace(r, usual=learned_usual(clip, r)) for r in replacements)
        plan = FramesPlan(
            replacements,
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
        remove_old_report(out)
        told: dict[str, FactValue] = {"generator": name, **making.settings}
        mean = _mean_of_source(cast, kit, pair, permit)
        figures = watch.figures(kit.embed, mean, kit.models, told)
        figures = replace(figures, seconds=seconds)
        report = SwapReport(
            clip, out, making, permit.keys, place.permission.visible_label or "", cast.source_crop
        )
        html, json = write_swap_report(report, figures, watch.samples)
        if options.detectors:  # last, so that a broken one costs no more than its own figures
            if progress is not None:
                progress("asking the detectors", 0, None)
            figures = replace(figures, **watch.ask_detectors(clip.fps))  # type: ignore[arg-type]
            html, json = write_swap_report(report, figures, watch.samples)
    return Swap(written, figures, html, json)


def _generator_of(options: SwapOptions, pair: TrainedPair | None) -> tuple[str, dict[str, Any]]:
    """Name and configuration of the generator."""
    if pair is not None:
        return pair.generator, {**options.options, "model": str(options.model)}
    name = options.generator or "landmark_swap"
    if registry.part("generators", name).info.get("trainable"):
        raise UsageError(
            f"the generator {name} needs a trained model: give --model RUN, or train one from --source with --minutes"
        )
    return name, dict(options.options)


def _told(settings: Mapping[str, Any], options: SwapOptions) -> dict[str, FactValue]:
    """The settings that the credentials and the report name."""
    told: dict[str, FactValue] = {f"merge.{k}": v for k, v in asdict(options.merge).items()}
    told |= {k: v for k, v in settings.items() if k != "model"}
    for number, (first, end, merge) in enumerate(options.touch_ups, start=1):
        changed = {k: v for k, v in asdict(merge).items() if v != told[f"merge.{k}"]}
        told[f"touch_up.{number}"] = " ".join(
            [f"{first}:{end}", *(f"{k}={v}" for k, v in changed.items())]
        )
    return told | {
        "first_frame": options.first,
        "last_frame": options.last,
        "seed": options.seed,
    }


def _kit(permit: SwapPermit, options: SwapOptions, pair: TrainedPair | None) -> Caster:
    from likeness.data.identity_embedding import DlibEmbedder

    models = faces.FaceModels(options.threads)
    embed: Embed = DlibEmbedder()
    known: tuple[KnownPerson, ...] = known_people(permit.records, embed, models)
    if pair is not None:
        known = known_with_run(known, permit.records, pair)
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
        trained = build_generator(*generator)
        require_usable(trained, str(options.model))
        return cast_model(kit, clip, people, options.person, trained)
    if sources:
        return cast_sources(kit, clip, people, sources, options.person, build_generator(*generator))
    pair = [build_generator(*generator) for _ in range(2)]
    return cast_exchange(kit, clip, people, options.person, pair)


def _mean_of_source(
    cast: Cast, kit: Caster, pair: TrainedPair | None, permit: SwapPermit
) -> FloatArray | None:
    """Mean embedding of the identity that is given; of a trained one, its face set's or its record's references'."""
    if pair is None or pair.source_mean is not None:
        return cast.source_mean if pair is None else pair.source_mean
    records = [r for r in permit.records if r.consent.references]
    for record, person in zip(records, kit.known, strict=False):
        if record.consent == pair.consents[0]:
            return np.asarray(person.embeddings.mean(axis=0), np.float32)
    return None


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


def merge_config(texts: Sequence[str], base: MergeConfig | None = None) -> MergeConfig:
    """Settings given as KEY=VALUE over others. Raises `ConfigError` with the nearest key."""
    given: dict[str, Any] = asdict(base or MergeConfig())
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"merge: expected KEY=VALUE, got {text!r}")
        given[key.strip()] = value.strip()
    return registry.config_from(MergeConfig, given, "merge")
