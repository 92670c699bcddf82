"""The engine of a swap: a clip's frames in, the same frames with other faces out, as a stream.

Two threads work ahead of whoever takes the frames: one decodes, cuts and generates (in batches), one merges. Nothing that
grows with the clip is kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from likeness.errors import ContractError
from likeness.faces import align
from likeness.faces.geometry import transform
from likeness.faces.merge_options import MergeConfig, MergeState
from likeness.faces.merging import Merged, merge
from likeness.faces.occluders import UsualFace
from likeness.jobs.ahead import ahead
from likeness.types import (
    Clip,
    FaceCrop,
    FaceTrack,
    Frame,
    GenerateRequest,
    Generator,
    ImageArray,
)

BATCH = 8
_AHEAD = 2  # batches that may wait between two threads: bounds the memory, about 50 MB at 1080p
MARGIN = 0.25
MOST_TURNED_DEG = 75.0
LEAST_EYES_PX = 8.0
LONGEST_BRIDGE = 5  # frames in which the face was not seen and its place is interpolated
_LOOKS = 60  # frames from which the usual look of a face is learned
SHORTEST_PART = 0.25  # of the face inside the picture


@dataclass(frozen=True)
class Replacement:
    """One person of the clip and who takes their place.

    Attributes:
        track: the person, at every frame; smoothed as wanted.
        generator: what makes the faces.
        source: the identity, for generators that are shown one; None for trained pairs.
        size_px: side of the crops that the generator gets.
        margin: of the crops, see `faces.align`.
        usual: what the face looks like in this clip; None: nothing is known of what passes in front of it.
    """

    track: FaceTrack
    generator: Generator
    source: FaceCrop | None = None
    size_px: int = 256
    margin: float = MARGIN
    usual: UsualFace | None = None


@dataclass(frozen=True)
class FramesPlan:
    """What happens to which frames.

    Attributes:
        replacements: who is replaced.
        first, last: the first frame to swap and the one after the last; None = to the end.
        merge: settings of the merge.
        touch_ups: (first, end, settings): frames from first up to, but not including, end are merged with other settings.
        seed: handed to the generators.
    """

    replacements: tuple[Replacement, ...]
    first: int = 0
    last: int | None = None
    merge: MergeConfig = field(default_factory=MergeConfig)
    touch_ups: tuple[tuple[int, int, MergeConfig], ...] = ()
    seed: int = 0

    def config_at(self, index: int) -> MergeConfig:
        """Settings of one frame; the last touch-up that covers it counts."""
        for first, end, config in reversed(self.touch_ups):
            if first <= index < end:
                return config
        return self.merge


@dataclass(frozen=True)
class SwappedFace:
    """One face of one frame: what was cut out, what was generated, and what of it was pasted where."""

    target: FaceCrop
    generated: FaceCrop
    merged: Merged


@dataclass(frozen=True)
class SwappedFrame:
    """One frame of the result.

    Attributes:
        frame: its picture after the swap; index and time are the input's. Without a hash: these pixels are generated.
        before: (H, W, 3) uint8 RGB, the input's picture.
        faces: what was swapped in it.
        reason: why nothing was; empty where something was.
    """

    frame: Frame
    before: ImageArray
    faces: tuple[SwappedFace, ...]
    reason: str = ""


Seconds = dict[str, float]
_T = TypeVar("_T")


def swapped_frames(
    clip: Clip, plan: FramesPlan, seconds: Seconds | None = None
) -> Iterator[SwappedFrame]:
    """Swap a clip, frame by frame in display order; every frame comes out, swapped or not.

    Args:
        clip: the target footage.
        plan: see `FramesPlan`.
        seconds: where time went is added up here under decode, infer and merge; stages run side by side.

    Yields:
        `SwappedFrame`; the picture of a frame in which nothing was swapped is the decoded one, bit for bit.

    Raises:
        MediaError: the clip cannot be decoded.
        ContractError: a generator changed the size or the matrix of a crop.
    """
    spent = seconds if seconds is not None else {}
    made = ahead(_generated(clip, plan, spent), _AHEAD)
    yield from ahead(_merged(made, plan, spent), _AHEAD * BATCH)


def why_not(track: FaceTrack, index: int, plan: FramesPlan, size_wh: tuple[int, int]) -> str:
    """Why a face is not swapped at a frame; empty if it is."""
    if index < plan.first or (plan.last is not None and index >= plan.last):
        return "outside the chosen frames"
    row = int(np.searchsorted(track.frame_indices, index))
    if row >= len(track) or track.frame_indices[row] != index:
        return "the person is not seen"
    if track.bridged[row] and _bridge_length(track, row) > LONGEST_BRIDGE:
        return "the person is hidden"
    if float(track.quality.eye_distance_px[row]) < LEAST_EYES_PX:
        return f"the face is too small (eyes under {LEAST_EYES_PX:g} px apart)"
    if abs(float(track.pose_deg[row, 0])) > MOST_TURNED_DEG:
        return f"the face is turned away (over {MOST_TURNED_DEG:g} degrees)"
    x0, y0, x1, y1 = (float(v) for v in track.boxes_px[row])
    inside = max(0.0, min(x1, size_wh[0]) - max(x0, 0)) * max(0.0, min(y1, size_wh[1]) - max(y0, 0))
    if inside < SHORTEST_PART * (x1 - x0) * (y1 - y0):
        return "the face is mostly outside the picture"
    return ""


def _bridge_length(track: FaceTrack, row: int) -> int:
    low = high = row
    while low > 0 and track.bridged[low - 1]:
        low -= 1
    while high + 1 < len(track) and track.bridged[high + 1]:
        high += 1
    return high - low + 1


@dataclass(frozen=True)
class _Made:
    """A frame with the crops that were generated for it: (replacement, target, generated)."""

    frame: Frame
    crops: tuple[tuple[int, FaceCrop, FaceCrop], ...]
    reason: str


def _generated(clip: Clip, plan: FramesPlan, spent: Seconds) -> Iterator[list[_Made]]:
    """Decode, cut and generate, a batch of frames at a time."""
    frames = iter(clip.frames)
    while batch := _timed(spent, "decode", partial(_next, frames, BATCH)):
        yield _timed(spent, "infer", partial(_generate, batch, plan))


def _next(frames: Iterator[Frame], count: int) -> list[Frame]:
    return list(islice(frames, count))


def _generate(frames: Sequence[Frame], plan: FramesPlan) -> list[_Made]:
    crops: list[list[tuple[int, FaceCrop, FaceCrop]]] = [[] for _ in frames]
    reasons: list[list[str]] = [[] for _ in frames]
    for number, who in enumerate(plan.replacements):
        places, targets = [], []
        for place, frame in enumerate(frames):
            size_wh = (frame.image.shape[1], frame.image.shape[0])
            reason = why_not(who.track, frame.index, plan, size_wh)
            reasons[place].append(reason)
            if not reason:
                places.append(place)
                targets.append(target_crop(frame, who))
        for place, target, made in zip(
            places, targets, _call(who, targets, plan.seed), strict=True
        ):
            crops[place].append((number, target, made))
    return [
        _Made(frame, tuple(found), "" if found else (why[0] if why else "nobody is replaced"))
        for frame, found, why in zip(frames, crops, reasons, strict=True)
    ]


def target_crop(frame: Frame, who: Replacement) -> FaceCrop:
    """The person's face cut out of a frame in which the track has it, with landmarks."""
    row = int(np.searchsorted(who.track.frame_indices, frame.index))
    return crop_with_landmarks(frame, who.track.landmarks_px[row], who.size_px, who.margin)


def crop_with_landmarks(
    frame: Frame, landmarks_px: npt.NDArray[np.floating], size_px: int, margin: float = MARGIN
) -> FaceCrop:
    """`faces.align`, and the landmarks in the crop's pixels."""
    crop = align(frame.image, landmarks_px, size_px, margin)
    points = transform(np.asarray(landmarks_px, np.float64), crop.matrix).astype(np.float32)
    return replace(crop, landmarks_px=points)


def _call(who: Replacement, targets: Sequence[FaceCrop], seed: int) -> list[FaceCrop]:
    requests = [GenerateRequest(who.source, target, seed) for target in targets]
    batch = getattr(who.generator, "generate_batch", None)
    made = list(batch(requests)) if batch else [who.generator.generate(r) for r in requests]
    if len(made) != len(requests):
        raise ContractError(
            f"{type(who.generator).__name__}: expected {len(requests)} crops, got {len(made)}"
        )
    for target, crop in zip(targets, made, strict=True):
        if crop.image.shape != target.image.shape or not np.allclose(crop.matrix, target.matrix):
            raise ContractError(
                f"{type(who.generator).__name__}: expected the target's size and matrix, got "
                f"{crop.image.shape[0]} px for {target.image.shape[0]} px"
            )
    return made


def _merged(
    batches: Iterator[list[_Made]], plan: FramesPlan, spent: Seconds
) -> Iterator[SwappedFrame]:
    states: Mapping[int, MergeState] = {n: MergeState() for n in range(len(plan.replacements))}
    for batch in batches:
        for made in batch:
            if not made.crops:
                yield SwappedFrame(made.frame, made.frame.image, (), made.reason)
                continue
            yield _timed(spent, "merge", partial(_merge, made, plan, states))


def _merge(made: _Made, plan: FramesPlan, states: Mapping[int, MergeState]) -> SwappedFrame:
    frame = replace(made.frame, sha256="")
    config = plan.config_at(frame.index)
    faces = []
    for number, target, generated in made.crops:
        if config.occluders:
            generated = _without_front(plan.replacements[number], target, generated, frame.index)
        merged = merge(frame, target, generated, config, states[number])
        frame = replace(frame, image=merged.image)
        faces.append(SwappedFace(target, generated, merged))
    return SwappedFrame(frame, made.frame.image, tuple(faces))


def _without_front(who: Replacement, target: FaceCrop, generated: FaceCrop, index: int) -> FaceCrop:
    """The generated crop, its mask without what is in front of the target's face."""
    if who.usual is None:
        return generated
    row = int(np.searchsorted(who.track.frame_indices, index))
    front = who.usual.in_front(target, who.track.pose_deg[row])
    return replace(generated, mask=generated.mask * (1.0 - front))


def learned_usual(clip: Clip, who: Replacement) -> UsualFace:
    """What a person looks like in a clip, from frames all over it."""
    seen = np.flatnonzero(~who.track.bridged)
    rows = seen[np.linspace(0, len(seen) - 1, min(_LOOKS, len(seen))).round().astype(int)]
    wanted = {int(who.track.frame_indices[r]): int(r) for r in rows}
    crops, poses = [], []
    for frame in clip.frames.at(sorted(wanted)):
        crops.append(target_crop(frame, who))
        poses.append(who.track.pose_deg[wanted[frame.index]])
    return UsualFace(crops, np.array(poses, np.float32))


def _timed(spent: Seconds, stage: str, call: Callable[[], _T]) -> _T:
    start = time.perf_counter()
    result = call()
    spent[stage] = spent.get(stage, 0.0) + time.perf_counter() - start
    return result
