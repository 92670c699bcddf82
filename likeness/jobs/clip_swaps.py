"""Swaps of a clip in memory, with the merge that users get: for calibrating and measuring detectors, never for writing.

Only people whose data-set terms cover synthesis for research are ever source or target.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from likeness import faces, media, registry
from likeness.data.known_faces import main_face, seen_rows
from likeness.data.manifest import Item
from likeness.errors import UsageError
from likeness.jobs.swap_frames import MARGIN, FramesPlan, Replacement, swapped_frames
from likeness.jobs.swap_people import Person
from likeness.jobs.swap_source import best_source, crop_size
from likeness.training.run_folder import read_about
from likeness.types import Clip, FaceTrack, ImageArray

SWAPPABLE = ("mead", "grid_s1")
"""Sources whose terms cover synthesis for research and whose people are known."""
SPOILT = ("srab1s", "pbio7a")
"""Clips of GRID with damaged frames."""
SOURCE_FRAMES = 48
Target = tuple[Clip, FaceTrack]
"""A clip and the steadied track of the face that is replaced."""


@dataclass(frozen=True)
class SwapModel:
    """A trained swap.

    Attributes:
        name: what it is called in tables.
        folder: the training run, as text so that it travels between processes.
        generator: name of the part.
        group: identity in whose clips it puts its source's face.
        held_out: file names that its training did not see; empty = not known.
    """

    name: str
    folder: str
    generator: str
    group: str
    held_out: tuple[str, ...] = ()

    @classmethod
    def read(cls, name: str, folder: Path, group: str) -> SwapModel:
        """Read a run folder; raises `WeightsError` if it is none."""
        about = read_about(folder)
        training = about.get("settings", {}).get("training", {})
        held = tuple(str(n) for n in training.get("held_out_files", ()))
        return cls(name, str(folder), str(about.get("generator", "")), group, held)

    def takes(self, item: Item) -> bool:
        """Whether the clip shows its target and was kept out of its training."""
        known = not self.held_out or Path(item.path).name in self.held_out
        return item.group == self.group and known and may_swap(item)


def may_swap(item: Item) -> bool:
    """Whether the people of a clip may be source or target."""
    return (
        item.kind == "video"
        and item.label == 0
        and item.source in SWAPPABLE
        and Path(item.path).stem not in SPOILT
    )


def source_for(item: Item, partners: Sequence[Item]) -> Item | None:
    """Who gives the face for a clip: another person, of the same role where there is one, picked by the clip's content."""
    if not may_swap(item):
        return None
    others = [p for p in partners if may_swap(p) and p.group != item.group]
    others = [p for p in others if p.role == item.role] or others
    if not others:
        return None
    ordered = sorted(others, key=lambda p: p.path)
    return ordered[int(item.sha256[:12] or "0", 16) % len(ordered)]


def swap_by_landmarks(
    folder: Path,
    item: Item,
    partners: Sequence[Item],
    target: Target,
    models: faces.FaceModels,
) -> list[ImageArray]:
    """The frames of a clip with another person's face by `landmark_swap`; empty where nobody may give theirs."""
    source = source_for(item, partners)
    if source is None:
        return []
    footage = media.open_clip(source.file(folder))
    try:
        indices = media.sample(footage, media.Sampling("evenly", SOURCE_FRAMES))
        track = main_face(faces.track_faces(footage, indices, models=models))
        if track is None or bool(track.bridged.all()):
            return []
        seen = seen_rows(track)
        giver = Person(1, seen, (seen,), np.zeros((0, 1), np.float32), "")
        crop = best_source([(footage, giver)], target[1])
    finally:
        footage.frames.close()
    generator = registry.build("generators", "landmark_swap")
    return _swapped(target, Replacement(target[1], generator, crop, crop_size(target[1])))


def swap_by_model(model: SwapModel, item: Item, target: Target) -> list[ImageArray]:
    """The frames of a clip after a trained swap; empty where the clip is none of its own.

    Raises:
        UsageError: the run names no generator.
        WeightsError: the run holds no usable model.
    """
    if not model.takes(item):
        return []
    if not model.generator:
        raise UsageError(f"{model.folder}: names no generator in its run.json")
    generator = registry.build("generators", model.generator, {"model": model.folder})
    margin = float(getattr(getattr(generator, "facts", None), "margin", MARGIN))
    who = Replacement(target[1], generator, None, crop_size(target[1], margin), margin)
    return _swapped(target, who)


def _swapped(target: Target, who: Replacement) -> list[ImageArray]:
    """All frames; empty if the face was swapped in none of them."""
    made = list(swapped_frames(target[0], FramesPlan((who,))))
    return [m.frame.image for m in made] if any(m.faces for m in made) else []
