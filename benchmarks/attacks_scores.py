"""What detectors give for one face in changed pictures: asked often by `attacks.py`, so nothing is asked in vain."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from likeness import media
from likeness.detectors import noise_residual
from likeness.detectors._cue import look
from likeness.jobs.bench_detectors import FUSED, build_measured, needs_neighbours
from likeness.jobs.bench_rows import Judge
from likeness.jobs.judge import shipped_calibration
from likeness.jobs.measuring import Scored, usable_score
from likeness.scoring import Interval, auc, bootstrap_groups, covariates_of
from likeness.types import Clip, Detector, FaceTrack, ImageArray

COPIES = 5
Score = Callable[[ImageArray], float | None]
Scores = Callable[[ImageArray], Mapping[str, float | None]]


@dataclass(frozen=True)
class Face:
    """A real picture, its frozen pseudo-fake, and the face in both."""

    real: ImageArray
    fake: ImageArray
    track: FaceTrack
    group: str
    seed: int


class Panel:
    """Detectors, and `fused` of those that a picture can tell something to."""

    def __init__(self, names: Sequence[str]) -> None:
        self.judge = Judge({n: (n, {}) for n in names}, shipped_calibration())
        self.built: dict[str, Detector] = {}
        asked = [n for n in names if n != FUSED]
        asked += [n for n in members() if FUSED in names and n not in asked]
        for name in asked:
            self.built[name] = build_measured(name, {})

    def of(self, face: Face, names: Sequence[str]) -> Scores:
        """For other pictures of the same size with the face in the same place: name -> score, None where there is none."""
        covariates = covariates_of(face.track, 1)
        asked = [n for n in self.built if n in names or (FUSED in names and n in members())]

        def scores(image: ImageArray) -> Mapping[str, float | None]:
            clip = media.clip_from_frames([image])
            found = {n: score_of(self.built[n], clip, face.track) for n in asked}
            row = Scored(0, face.group, "clean", "", found, covariates)
            known = self.judge.with_fused([row])[0].scores if FUSED in names else found
            return {n: known.get(n) for n in names}

        return scores

    def one(self, face: Face, name: str) -> Score:
        """The same of a single name."""
        scores = self.of(face, [name])
        return lambda image: scores(image)[name]


def score_of(detector: Detector, clip: Clip, track: FaceTrack) -> float | None:
    """What `analyse` gives, without the maps that `noise_residual` draws for people: they cost four times its score."""
    if isinstance(detector, noise_residual.NoiseResidual):
        found = look(clip, (track,), detector.config.frames, noise_residual.measure)
        return detector.model.track_score(found[0]).score if found else None
    return usable_score(detector.analyse(clip, (track,)))


def members() -> list[str]:
    """Detectors that the shipped fusion listens to in a single picture."""
    return [n for n in weights_of_fusion() if not needs_neighbours(n)]


def weights_of_fusion() -> dict[str, float]:
    """Detector -> what one unit of its raw score adds to the fused llr of its question; only those that add something."""
    calibration = shipped_calibration()
    found = {}
    for question in calibration.fusion.questions:
        for name, weight in zip(question.detectors, question.weights, strict=True):
            low, high = calibration.detectors[name][1].llr([-0.5, 0.5])
            if weight > 0:
                found[name] = float(weight * (high - low))
    return found


def known(score: Score, image: ImageArray) -> float:
    """The score; a picture that is not scored any more counts as one that says nothing."""
    return settled(score(image))


def settled(score: float | None) -> float:
    """The same of a score that was asked already."""
    return 0.0 if score is None else score


def table(scores: Scores, image: ImageArray) -> dict[str, float]:
    """Every detector's score of one picture, see `known`."""
    return {name: settled(score) for name, score in scores(image).items()}


def rescored(scores: Scores, image: ImageArray, seed: int) -> dict[str, float]:
    """Mean of every detector over copies that were resized, shifted and compressed at random."""
    found = [table(scores, copy) for copy in copies(image, seed)]
    return {name: float(np.mean([f[name] for f in found])) for name in found[0]}


def copies(image: ImageArray, seed: int) -> list[ImageArray]:
    """`COPIES` pictures of the same size; whoever attacks does not know how they were made."""
    import cv2

    rng = np.random.default_rng([seed, 7])
    height, width = image.shape[:2]
    made = []
    for _ in range(COPIES):
        factor = rng.uniform(0.85, 1.0)
        small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        copy = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
        shift = np.array([[1, 0, rng.uniform(-1, 1)], [0, 1, rng.uniform(-1, 1)]])
        copy = cv2.warpAffine(
            copy, shift, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
        )
        made.append(media.jpeg_round_trip(copy, int(rng.integers(80, 96))))
    return made


def separation(
    reals: Sequence[float], fakes: Sequence[float], groups: Sequence[str]
) -> tuple[float, float | None, float | None]:
    """AUC and its 95 % interval over people; None where there are fewer than ten."""
    labels = [0] * len(reals) + [1] * len(fakes)
    scores = [*reals, *fakes]
    found = bootstrap_groups(auc, scores, labels, [*groups, *groups], n=500)
    ends = (found.low, found.high) if isinstance(found, Interval) else (None, None)
    low, high = (None if end is None else round(end, 4) for end in ends)
    return round(auc(scores, labels), 4), low, high
