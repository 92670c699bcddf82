"""Where a swap goes: what can be refused about the result is refused before anything is trained or generated."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from likeness import media
from likeness.errors import UsageError
from likeness.jobs.swap_options import SwapOptions, SwapPermit
from likeness.provenance.keys import KeyStore
from likeness.provenance.making import Ingredient, Making
from likeness.provenance.writing_target import Target, WriteOptions, check_target
from likeness.types import Clip, Progress


def opened(path: Path, options: SwapOptions, stack: ExitStack) -> Clip:
    """A picture or video, closed with the stack. Raises `UsageError` for a recording."""
    clip = media.open_clip(path, options.limits)
    stack.callback(clip.frames.close)
    if clip.kind == "audio":
        raise UsageError(f"{path.name}: expected a picture or video, got a recording")
    return clip


def write_options(
    clip: Clip, options: SwapOptions, progress: Progress | None = None
) -> WriteOptions:
    """How the result of a clip is written: at its frame times and with its sound."""
    return WriteOptions(
        audio_from=clip if clip.kind == "video" and clip.audio is not None else None,
        fps=clip.fps or None,
        crf=options.crf,
        preset=options.preset,
        progress=progress,
    )


def checked_place(
    out: Path,
    footage: tuple[Clip, SwapOptions],
    making: Making,
    keys: KeyStore,
    write: WriteOptions,
) -> Target:
    """`check_target`, and whether a result of this name and these frames can come of the footage.

    Raises:
        UsageError: a picture for a video or the other way round, or frames beyond the end.
        OutputError, ConsentError: see `check_target`.
    """
    clip, options = footage
    place = check_target(out, clip.size_wh, making, keys, write)
    if place.kind != clip.kind:
        raise UsageError(
            f"{out.name}: the target {clip.name} is a {clip.kind}, the result's name is that of a {place.kind}"
        )
    count = len(clip.frames)
    if options.first >= count:
        raise UsageError(
            f"--frames: {clip.name} has {count} frames, got a start at {options.first}"
        )
    return place


def check_before_training(
    target: Path, out: Path, permit: SwapPermit, options: SwapOptions
) -> None:
    """Refuse beforehand what `swap` would refuse after the training.

    Raises:
        MediaError, UsageError, OutputError, ConsentError: as `swap` does.
    """
    with ExitStack() as stack:
        clip = opened(target, options, stack)
        making = Making(
            generator=options.generator or "swap",
            digital_source="compositeWithTrainedAlgorithmicMedia",
            consents=tuple(r.consent for r in permit.records),
            purpose=permit.purpose,
            today=permit.today,
            job_id=0,
            ingredients=(Ingredient(clip.name, clip.sha256, "", "target"),),
        )
        write = write_options(clip, options)
        checked_place(out, (clip, options), making, permit.keys, write)
