"""Real clips and manipulated twins of them, in memory: what cues over time are calibrated and measured on.

Of every clip a few stretches of neighbouring frames are decoded once. Out of them come the real clip, pseudo-fakes of its
main face, and swaps by the toolkit's own generators, merged as users get them; each also after H.264, real and fake alike.
Faces are found anew in every one of them, because cues look at landmarks too. Nothing is written: these pictures are
generated, unmarked, and vanish with the process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from likeness import faces, media
from likeness.data.known_faces import main_face, seen_rows
from likeness.data.manifest import Item
from likeness.data.pseudo_fakes import make_pseudo_fake
from likeness.data.unsteady import make_unsteady
from likeness.errors import LikenessError
from likeness.faces.smoothing import smooth_track
from likeness.jobs.clip_swaps import SwapModel, swap_by_landmarks, swap_by_model
from likeness.types import AudioSource, Clip, DoubleArray, FaceTrack, FloatArray, ImageArray

CLEAN = "clean"
STEPS: Mapping[str, int | None] = {CLEAN: None, "h264_crf28": 28}
"""Step -> constant rate factor; None = as it is."""
REAL = "real"
SEED = 20260201
"""With the hash of a clip it fixes every draw."""
Maker = Callable[
    [Sequence[ImageArray], FloatArray, np.random.Generator],
    tuple[Sequence[ImageArray], Sequence[ImageArray]],
]
"""Called as maker(T frames, (T, 478, 2) landmarks, rng) -> real partners and fakes, T pictures each."""


def steady(
    images: Sequence[ImageArray], landmarks_px: FloatArray, rng: np.random.Generator
) -> tuple[list[ImageArray], list[ImageArray]]:
    """The same pseudo-fake in every frame: one draw for the whole clip."""
    draw = int(rng.integers(2**63))
    made = [
        make_pseudo_fake(image, points, np.random.default_rng(draw))
        for image, points in zip(images, landmarks_px, strict=True)
    ]
    return [m.real for m in made], [m.image for m in made]


@dataclass(frozen=True)
class ClipPlan:
    """What is made of every clip; everything in it can be sent to another process.

    Attributes:
        makers: name -> maker of pseudo-fakes (a function at the top of a module).
        landmark_swap: whether people whose terms allow it are swapped by `landmark_swap`.
        models: trained swaps to apply.
        steps: names of `STEPS`.
        frames: at most so many frames of a clip.
        stretch_s: length of a stretch of neighbours, in seconds.
        seed: of every draw.
    """

    makers: Mapping[str, Maker] = field(
        default_factory=lambda: {"pseudo_fake": steady, "unsteady": make_unsteady}
    )
    landmark_swap: bool = True
    models: tuple[SwapModel, ...] = ()
    steps: tuple[str, ...] = tuple(STEPS)
    frames: int = 64
    stretch_s: float = 1.28
    seed: int = SEED


@dataclass(frozen=True)
class ClipCase:
    """One clip to examine.

    Attributes:
        item: the real clip that it was made of.
        kind: `real`; the name of a maker, and that name with `_real` for the real half of a pseudo-fake whose background
            was changed too; `landmark_swap`; the name of a model.
        step: name of `STEPS`.
        label: 0 = real, 1 = manipulated.
        clip: the frames with their own times, and the sound of the file.
        tracks: the faces as they were found in these very frames.
    """

    item: Item
    kind: str
    step: str
    label: int
    clip: Clip
    tracks: tuple[FaceTrack, ...]


@dataclass(frozen=True)
class Footage:
    """What was decoded of a file: pictures, rate, times, sound, and the faces found in them."""

    images: tuple[ImageArray, ...]
    fps: float
    times_s: DoubleArray
    audio: AudioSource | None
    tracks: tuple[FaceTrack, ...]

    def clip(self, images: Sequence[ImageArray], name: str) -> Clip:
        """Other pictures with the same times and sound."""
        return media.clip_from_frames(images, self.fps, name, self.times_s, self.audio)


def clip_cases(
    folder: Path,
    item: Item,
    partners: Sequence[Item],
    plan: ClipPlan,
    models: faces.FaceModels | None = None,
) -> Iterator[ClipCase]:
    """Every case of one clip, one after the other; only one of them is in memory at a time.

    Args:
        folder: the data folder.
        item: a video.
        partners: items among which `landmark_swap` finds somebody whose face is given; see `clip_swaps.source_for`.
        plan: what is made.
        models: loaded networks.

    Raises:
        MediaError: the file cannot be read.
    """
    models = models or faces.FaceModels(1)
    footage = read_footage(item.file(folder), plan, models)
    for kind, label, images in _variants(folder, footage, item, partners, (plan, models)):
        for step in plan.steps:
            pictures = stepped(images, footage.fps, step)
            clip = footage.clip(pictures, f"{item.path} {kind} {step}")
            untouched = kind == REAL and STEPS[step] is None
            tracks = footage.tracks if untouched else track_all(clip, models)
            yield ClipCase(item, kind, step, label, clip, tracks)


def read_footage(path: Path, plan: ClipPlan, models: faces.FaceModels) -> Footage:
    """Decode a few stretches of a file and find the faces in them."""
    clip = media.open_clip(path)
    try:
        indices = media.sample(clip, media.Sampling("stretches", plan.frames, plan.stretch_s))
        frames = list(clip.frames.at(indices))
        audio = _heard(clip)
    finally:
        clip.frames.close()
    images = tuple(frame.image for frame in frames)
    times = np.array([frame.time_s for frame in frames], np.float64)
    fps = float(1.0 / np.median(np.diff(times))) if len(times) > 1 else clip.fps
    held = media.clip_from_frames(images, fps, path.name, times)
    return Footage(images, fps, times, audio, track_all(held, models))


def track_all(clip: Clip, models: faces.FaceModels) -> tuple[FaceTrack, ...]:
    """The faces of all frames of a clip."""
    return faces.track_faces(clip, range(len(clip.frames)), models=models)


def stepped(images: Sequence[ImageArray], fps: float, step: str) -> list[ImageArray]:
    """The pictures after a step of `STEPS`."""
    crf = STEPS[step]
    return list(images) if crf is None else media.h264_round_trip(images, fps, crf)


def case_seed(item: Item, kind: str, seed: int) -> list[int]:
    """Seed material that depends on the clip's content and on what is made, not on their order."""
    return [seed, int(item.sha256[:12] or "0", 16), *kind.encode()]


def _heard(clip: Clip) -> AudioSource | None:
    """The sound, decoded while the file is open; none where it cannot be."""
    if clip.audio is None:
        return None
    try:
        clip.audio.samples()
    except LikenessError:
        return None
    return clip.audio


def _variants(
    folder: Path,
    footage: Footage,
    item: Item,
    partners: Sequence[Item],
    tools: tuple[ClipPlan, faces.FaceModels],
) -> Iterator[tuple[str, int, Sequence[ImageArray]]]:
    """(kind, label, pictures) of everything that is made of one clip."""
    plan, models = tools
    yield REAL, 0, footage.images
    track = main_face(footage.tracks)
    if track is None or bool(track.bridged.all()):
        return
    for name, maker in plan.makers.items():
        reals, fakes = _made(footage, track, maker, case_seed(item, name, plan.seed))
        changed = any(
            r is not o and (r != o).any() for r, o in zip(reals, footage.images, strict=True)
        )
        if changed:
            yield f"{name}_real", 0, reals
        yield name, 1, fakes
    steadied = smooth_track(track)
    real = footage.clip(footage.images, item.path)
    if plan.landmark_swap:
        swapped = swap_by_landmarks(folder, item, partners, (real, steadied), models)
        if swapped:
            yield "landmark_swap", 1, swapped
    for model in plan.models:
        swapped = swap_by_model(model, item, (real, steadied))
        if swapped:
            yield model.name, 1, swapped


def _made(
    footage: Footage, track: FaceTrack, maker: Maker, seed: Sequence[int]
) -> tuple[list[ImageArray], list[ImageArray]]:
    """Real partners and fakes of all frames; where the face was not seen, both are the frame itself."""
    seen = seen_rows(track)
    images = [footage.images[i] for i in seen.frame_indices]
    reals, fakes = maker(images, seen.landmarks_px, np.random.default_rng(list(seed)))
    both = list(footage.images), list(footage.images)
    for place, real, fake in zip(seen.frame_indices, reals, fakes, strict=True):
        both[0][place], both[1][place] = real, fake
    return both
