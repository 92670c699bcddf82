"""The use case `restore`: a worn picture of people who agreed, cleaned up or with likely detail, marked as generated.

What a network draws into a face is what faces usually look like, not what this one looked like. Therefore a result is marked and
consented like any generated picture, says so in its report, and is refused where it would show somebody else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from likeness import faces, media, registry
from likeness.errors import MediaError, UsageError
from likeness.faces import repair
from likeness.generators.restore import LIMITS
from likeness.jobs.consenting import Embed, require_people
from likeness.jobs.restore_faces import (
    LARGEST_SHIFT,
    RestoredFace,
    identity_shifts,
    require_same_people,
    restored_faces,
)
from likeness.jobs.restore_modes import MODES, Mode
from likeness.jobs.swap_making import facts_of_job
from likeness.jobs.swap_options import SwapPermit
from likeness.provenance.consent import require_consent
from likeness.provenance.making import Making
from likeness.provenance.writing import Written, write_marked
from likeness.provenance.writing_frames import GeneratedFrame
from likeness.provenance.writing_target import WriteOptions, check_target
from likeness.report.writing import write_json
from likeness.types import Clip, FaceTrack, FactValue, FloatArray, Generator, ImageArray, Progress

LEAST_EYES_PX = 8.0
"""Faces whose eyes are closer together are left as they are."""
MOST_FACES = 16


@dataclass(frozen=True)
class RestoreOptions:
    """How to restore.

    Attributes:
        mode: see `likeness.jobs.restore_modes.MODES`.
        strength: share of the change that is made, 0-1.
        dictionaries: whether averaged detail of eyes, nose and mouth is added.
        model: run folder of a restorer of one's own; None = the shipped one.
        threads: of the networks; 0 = one per physical core.
        limits: of the file.
    """

    mode: str = "restore"
    strength: float = 1.0
    dictionaries: bool = False
    model: Path | None = None
    threads: int = 0
    limits: media.Limits = field(default_factory=media.Limits)

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise UsageError(f"--mode: expected one of {', '.join(MODES)}, got {self.mode!r}")
        if not 0.0 <= self.strength <= 1.0:
            raise UsageError(f"--strength: expected a share within 0-1, got {self.strength}")


@dataclass(frozen=True)
class Restoration:
    """What came out.

    Attributes:
        written: the marked file.
        shifts: identity distance between input and result, one for each face.
        report: the JSON beside it.
    """

    written: Written
    shifts: tuple[float, ...]
    report: Path


@dataclass(frozen=True)
class Bench:
    """A picture on the bench: opened, its people found and covered by records.

    Attributes:
        clip: the picture.
        image: (H, W, 3) uint8 RGB.
        tracks: its faces.
        embed: identity embeddings.
    """

    clip: Clip
    image: ImageArray
    tracks: tuple[FaceTrack, ...]
    embed: Embed


def restore(
    picture: Path,
    out: Path,
    permit: SwapPermit,
    options: RestoreOptions | None = None,
    progress: Progress | None = None,
) -> Restoration:
    """Restore a picture.

    Args:
        picture: a still picture with at least one face.
        out: where the result goes; a report in JSON lies beside it.
        permit: consent, purpose, day and keys; everyone in the picture needs a record with a reference.
        options: see `RestoreOptions`.
        progress: see `likeness.types.Progress`.

    Raises:
        ConsentError: no records, or one that does not cover this, or a face that matches none of them.
        MediaError: the file cannot be read, or shows no face.
        UsageError: no still picture.
        IdentityError: a face would no longer be the same person's; nothing was written.
        WeightsError: no restorer.
        OutputError: the place cannot be written; nothing is left behind.
        MarkError: a mark was not found in the result; nothing is left behind.
        MissingExtraError: identity embeddings are not installed.
    """
    options = options or RestoreOptions()
    mode = MODES[options.mode]
    require_permitted(permit)
    with ExitStack() as stack:
        bench = on_bench(picture, permit, options.limits, stack)
        restorer = build_restorer(options)
        making = making_of(bench.clip, permit, told_of(options, restorer))
        write = WriteOptions(progress=progress)
        size_wh = (bench.clip.size_wh[0] * mode.factor, bench.clip.size_wh[1] * mode.factor)
        options.limits.check_picture(f"{out.name} (the result)", size_wh, False)
        check_target(out, size_wh, making, permit.keys, write)
        before, after, found = repaired(bench, mode, restorer, options.strength)
        shifts = identity_shifts(before, after, found, bench.embed)
        require_same_people(shifts)
        frame = GeneratedFrame(after, 0.0, emphasis_of(found, after))
        written = write_marked([frame], out, making, permit.keys, write)
        report = out.with_name(f"{out.name}.report.json")
        write_json(_report(bench.clip, written, options, mode, shifts), report)
    return Restoration(written, shifts, report)


def require_permitted(permit: SwapPermit) -> None:
    """Raise `ConsentError` unless the records cover the purpose today."""
    consents = [r.consent for r in permit.records]
    require_consent(consents, permit.purpose, permit.today, permit.keys.maker_public_key())


def on_bench(picture: Path, permit: SwapPermit, limits: media.Limits, stack: ExitStack) -> Bench:
    """Open a picture and check that everybody in it is covered.

    Raises:
        UsageError: no still picture, or too many faces.
        MediaError: unreadable, or without a face.
        ConsentError: somebody is covered by no record.
        MissingExtraError: identity embeddings are not installed.
    """
    from likeness.data.identity_embedding import DlibEmbedder

    clip = media.open_clip(picture, limits)
    stack.callback(clip.frames.close)
    if clip.kind != "image":
        raise UsageError(
            f"{picture.name}: expected a still picture, got a {clip.kind}; faces of a swap are restored with: "
            "likeness swap --restore"
        )
    embed = DlibEmbedder()
    models = faces.FaceModels()
    tracks = [
        t
        for t in faces.track_faces(clip, [0], models=models)
        if not t.bridged[0] and float(t.quality.eye_distance_px[0]) >= LEAST_EYES_PX
    ]
    if not tracks:
        raise MediaError(
            f"{picture.name}: expected a face with eyes at least {LEAST_EYES_PX:g} px apart, found none"
        )
    if len(tracks) > MOST_FACES:
        raise UsageError(f"{picture.name}: expected at most {MOST_FACES} faces, got {len(tracks)}")
    require_people(clip, tracks, permit.records, embed, models)
    image = next(iter(clip.frames)).image
    return Bench(clip, image, tuple(tracks), embed)


def build_restorer(options: RestoreOptions) -> Generator:
    """The generator `restore` at full strength: the share is applied to the whole picture."""
    settings: dict[str, Any] = {"dictionaries": options.dictionaries, "threads": options.threads}
    if options.model is not None:
        settings["model"] = str(options.model)
    made: Generator = registry.build("generators", "restore", settings)
    return made


def told_of(options: RestoreOptions, restorer: Generator) -> dict[str, FactValue]:
    """What credentials and report say of how it was made."""
    mode = MODES[options.mode]
    told: dict[str, FactValue] = {"mode": options.mode, "method": mode.method}
    told |= {"strength": options.strength, "dictionaries": options.dictionaries}
    if mode.network:
        told["weights"] = str(getattr(restorer, "tag", ""))
    return told


def making_of(clip: Clip, permit: SwapPermit, told: Mapping[str, FactValue]) -> Making:
    """How a restored picture is described to those who get it."""
    return Making(
        generator="restore",
        digital_source="compositeWithTrainedAlgorithmicMedia",
        consents=tuple(r.consent for r in permit.records),
        purpose=permit.purpose,
        today=permit.today,
        weights=str(told.get("weights", "")),
        **facts_of_job((clip, ()), told, permit.today),
    )


def repaired(
    bench: Bench, mode: Mode, restorer: Generator, strength: float
) -> tuple[ImageArray, ImageArray, tuple[RestoredFace, ...]]:
    """The picture before and after a mode, of one size, and its faces."""
    before = repair.enlarged(bench.image, mode.factor) if mode.factor > 1 else bench.image
    after = mode.whole(before)
    changed, found = restored_faces(before, bench.tracks, restorer, mode.factor)
    if mode.network:  # it has seen worn faces, not such that a filter has smoothed
        share = emphasis_of(found, before)[..., None]
        mixed = after + share * (changed.astype(np.float32) - after)
        after = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
    if strength < 1.0:
        mixed = before + np.float32(strength) * (after.astype(np.float32) - before)
        after = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
    return before, after, found


def emphasis_of(found: Sequence[RestoredFace], image: ImageArray) -> FloatArray:
    """(H, W) float32: where the watermark shall be stronger."""
    emphasis = np.zeros(image.shape[:2], np.float32)
    for face in found:
        np.maximum(emphasis, face.alpha, out=emphasis)
    return emphasis


def _report(
    clip: Clip, written: Written, options: RestoreOptions, mode: Mode, shifts: Sequence[float]
) -> dict[str, Any]:
    return {
        "format": 1,
        "input": clip.name,
        "input_sha256": clip.sha256,
        "result": written.path.name,
        "mode": options.mode,
        "method": mode.method,
        "strength": options.strength,
        "dictionaries": options.dictionaries,
        "identity_distance": [round(s, 4) for s in shifts],
        "identity_distance_limit": LARGEST_SHIFT,
        "limits": LIMITS,
    }
