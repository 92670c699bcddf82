"""Fit `flicker` on real clips and their unsteady pseudo-fakes, both also after H.264; measured by leaving out a person at a time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from likeness import media
from likeness.data.known_faces import main_face
from likeness.data.manifest import Item, read_items, select_items
from likeness.data.unsteady import make_unsteady
from likeness.detectors import _flicker_measures as measures
from likeness.detectors._cue import CueModel
from likeness.detectors._cue_training import Cue, fit
from likeness.faces import FaceModels, TrackingConfig, track_faces
from likeness.registry import config_from
from likeness.scoring.metrics import auc
from likeness.types import DoubleArray, FaceTrack, ImageArray, Progress


@dataclass(frozen=True)
class TrainingConfig:
    """What a recipe may set under [training].

    Attributes:
        sources: of real clips; only their role `calibrate` is used.
        clips_per_person: at most so many of each.
        frames: of each clip, from its `skip`-th on.
        skip: frames left out at the start.
        crfs: H.264 qualities that both members of a pair also go through.
        seed: fixes every draw.
        regularisation: C of the logistic regression.
    """

    sources: tuple[str, ...] = ("mead", "portraits")
    clips_per_person: int = 4
    frames: int = 48
    skip: int = 10
    crfs: tuple[int, ...] = (23, 28)
    seed: int = 1
    regularisation: float = 0.1


@dataclass(frozen=True)
class Sample:
    """One clip in one version: (W, K) numbers of its windows."""

    person: str
    crf: int
    fake: bool
    values: DoubleArray


def train(
    recipe: Mapping[str, Any], data: Path, out: Path, progress: Progress | None = None
) -> dict[str, float]:
    """Measure all clips, fit on all people, write the weights; the figures are of people who were left out."""
    settings = {
        k: tuple(v) if isinstance(v, list) else v for k, v in recipe.get("training", {}).items()
    }
    config = config_from(TrainingConfig, settings, "recipe [training]")
    items = _items(data, config)
    samples: list[Sample] = []
    models = FaceModels(threads=1)
    for done, item in enumerate(items):
        samples += _measured(data / item.path, item, config, models)
        if progress:
            progress("clips", done + 1, len(items))
    figures = left_out(samples, config)
    resolved = json.dumps(asdict(config), sort_keys=True)
    words = {
        "config": resolved,
        "config_hash": hashlib.sha256(resolved.encode()).hexdigest()[:16],
        "figures": json.dumps({k: round(v, 4) for k, v in figures.items()}),
    }
    _fitted(samples, config).save(out / _cue().file, measures.VERSION, words)
    return figures


def left_out(samples: list[Sample], config: TrainingConfig) -> dict[str, float]:
    """AUC of clips (mean logit of their windows) per compression, each person scored by a model of all others."""
    scores: dict[int, tuple[list[float], list[int]]] = {}
    people = sorted({sample.person for sample in samples})
    for person in people:
        model = _fitted([s for s in samples if s.person != person], config)
        for sample in (s for s in samples if s.person == person):
            score = float(model.logit(sample.values).mean())
            for key in (sample.crf, -1):
                scores.setdefault(key, ([], []))[0].append(score)
                scores[key][1].append(int(sample.fake))
    named = {-1: "auc_left_out", 0: "auc_left_out_clean"}
    figures = {named.get(k, f"auc_left_out_crf{k}"): auc(*scores[k]) for k in sorted(scores)}
    return {**figures, "people": float(len(people)), "clips": float(len(samples))}


def _fitted(samples: list[Sample], config: TrainingConfig) -> CueModel:
    real, fake = (
        np.concatenate([s.values for s in samples if s.fake == kind]) for kind in (False, True)
    )
    return fit(_cue(), real, fake, config.regularisation)


def _cue() -> Cue:
    return Cue(
        lambda *_: None, measures.NAMES, measures.VERSION, "flicker-1", "flicker.safetensors"
    )


def _items(data: Path, config: TrainingConfig) -> list[Item]:
    every = read_items(data)
    chosen: list[Item] = []
    for source in config.sources:
        people: dict[str, int] = {}
        for item in select_items(every, source=source, role="calibrate", label=0):
            people[item.group] = people.get(item.group, 0) + 1
            if people[item.group] <= config.clips_per_person:
                chosen.append(item)
    return chosen


def _measured(path: Path, item: Item, config: TrainingConfig, models: FaceModels) -> list[Sample]:
    """Every version of one clip; clips in which the face is lost or not judged give fewer or none."""
    clip = media.open_clip(path)
    frames = [
        frame.image for frame in clip.frames.at(range(config.skip, config.skip + config.frames))
    ]
    find = partial(_track, fps=clip.fps, models=models)
    track = find(frames)
    clip.frames.close()
    if track is None:
        return []
    rng = np.random.default_rng([config.seed, int(item.sha256[:12], 16)])
    reals, fakes = make_unsteady(frames, track.landmarks_px, rng, step_s=1.0 / clip.fps)
    samples = []
    for fake, images in ((False, reals), (True, fakes)):
        same = all(np.array_equal(a, b) for a, b in zip(images, frames, strict=True))
        seen = track if same else find(images)
        if seen is None:
            continue
        for crf, version in _versions(images, clip.fps, config):
            values = _windows(version, clip.fps, seen)
            if len(values):
                samples.append(Sample(item.group, crf, fake, values))
    return samples


def _versions(
    images: list[ImageArray], fps: float, config: TrainingConfig
) -> Iterator[tuple[int, list[ImageArray]]]:
    yield 0, images
    for crf in config.crfs:
        yield crf, media.h264_round_trip(images, fps, crf)


def _track(images: list[ImageArray], fps: float, models: FaceModels) -> FaceTrack | None:
    """The main face if it is seen in every frame."""
    clip = media.clip_from_frames(images, fps)
    found = track_faces(clip, range(len(images)), config=TrackingConfig(threads=1), models=models)
    track = main_face(found)
    if track is None or len(track) < len(images) or bool(track.bridged.any()):
        return None
    return track


def _windows(images: list[ImageArray], fps: float, track: FaceTrack) -> DoubleArray:
    found, _ = measures.look_over_time(media.clip_from_frames(images, fps), track)
    return np.zeros((0, len(measures.NAMES))) if found is None else found.seen.values
