"""The contract of parts as an executable suite; shipped, so that third parties can run it over their own.

from likeness.testing import check_detector
check_detector("my_detector")
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from likeness import media, registry
from likeness.data import PseudoFakeConfig, make_pseudo_fake
from likeness.data.known_faces import renumbered, take_rows
from likeness.errors import ContractError
from likeness.jobs.demo import moved, portrait_path
from likeness.jobs.detect import find_tracks
from likeness.report import evidence_from_dict, evidence_to_dict
from likeness.types import QUESTIONS, Clip, Detector, Evidence, FaceTrack, ImageArray

HEAVY = ("torch", "cv2", "onnxruntime", "av", "sklearn", "scipy", "h5py", "PIL", "jinja2")
STRENGTHS = (0.0, 1.0)
DRAWS = 8


def check_detector(name: str, options: Mapping[str, Any] | None = None) -> None:
    """Run the whole contract over one detector; raises `ContractError` at the first breach.

    Args:
        name: as `likeness detectors` lists it.
        options: configuration to build it with (weights, for those that ship none).
    """
    check_metadata(name)
    check_listing_is_light()
    detector = registry.build("detectors", name, options)
    check_not_applicable(name, detector)
    clip, tracks = portrait_clip(frames=3)
    check_deterministic(name, detector, clip, tracks)
    check_serialises(name, detector.analyse(clip, tracks))
    check_order(name, detector)
    check_strength(name, detector)


def portrait_clip(
    frames: int = 1, image: ImageArray | None = None
) -> tuple[Clip, tuple[FaceTrack, ...]]:
    """A drawn clip of the NASA portrait (or of `image`) and its faces."""
    picture = portrait() if image is None else image
    images = [picture] if frames == 1 else moved(picture, frames)
    clip = media.clip_from_frames(images)
    return clip, find_tracks(clip, frames)


def portrait() -> ImageArray:
    """(512, 512, 3) uint8 RGB: the NASA portrait that scikit-image ships."""
    return next(iter(media.open_clip(portrait_path()).frames)).image


def check_metadata(name: str) -> None:
    """INFO is complete and in the project's words."""
    info = registry.part("detectors", name).info
    _expect(
        info["question"] in QUESTIONS,
        name,
        f"question is one of {QUESTIONS}, got {info['question']!r}",
    )
    for key in ("summary", "cue", "paper", "licence", "weights_licence"):
        _expect(bool(str(info[key]).strip()), name, f"INFO[{key!r}] says something")
    for key in ("kinds", "known_failures"):
        _expect(len(info[key]) > 0, name, f"INFO[{key!r}] names at least one")


def check_listing_is_light() -> None:
    """Listing parts imports none of them and nothing heavy."""
    code = (
        "import sys; from likeness import registry; registry.parts('detectors'); "
        "print(*[m for m in sys.modules if m.split('.')[0] in "
        f"{HEAVY!r} or m.startswith('likeness.detectors.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    _expect(done.returncode == 0, "registry", f"parts can be listed: {done.stderr.strip()[-300:]}")
    _expect(
        not done.stdout.strip(),
        "registry",
        f"listing imports nothing heavy, got {done.stdout.strip()}",
    )


def check_not_applicable(name: str, detector: Detector) -> None:
    """Without faces a detector of faces says so; one of whole pictures may score. Neither raises."""
    blank = media.clip_from_frames([np.full((96, 96, 3), 128, np.uint8)])
    evidence = detector.analyse(blank, ())
    needs_face = any("face" in need for need in registry.part("detectors", name).info["needs"])
    if needs_face:
        _expect(
            evidence.status == "not_applicable",
            name,
            f"not_applicable without faces, got {evidence.status}",
        )
        _expect(bool(evidence.note), name, "a note says why it does not apply")


def check_deterministic(
    name: str, detector: Detector, clip: Clip, tracks: Sequence[FaceTrack]
) -> None:
    """The same clip gives the same evidence, and the evidence carries the detector's name."""
    first, second = detector.analyse(clip, tracks), detector.analyse(clip, tracks)
    _expect(first == second, name, "two runs on one clip give equal evidence")
    _expect(first.detector == name, name, f"evidence names its detector, got {first.detector!r}")


def check_serialises(name: str, evidence: Evidence) -> None:
    """Evidence goes through JSON and comes back equal."""
    text = json.dumps(evidence_to_dict(evidence), allow_nan=False)
    _expect(
        evidence_from_dict(json.loads(text)) == evidence,
        name,
        "evidence comes back equal from JSON",
    )


def check_order(name: str, detector: Detector) -> None:
    """Neither what was examined before nor how many frames go together changes a score."""
    one, tracks = portrait_clip()
    alone = detector.analyse(one, tracks).score
    other, other_tracks = portrait_clip(frames=5, image=np.ascontiguousarray(portrait()[:, ::-1]))
    detector.analyse(other, other_tracks)
    after = detector.analyse(one, tracks).score
    _expect(_close(alone, after), name, f"file order changes no score, got {alone} and {after}")
    # One sighting four times over: tracking the copies would move the landmarks by fractions of a pixel.
    still = media.clip_from_frames([portrait()] * 4)
    repeated = detector.analyse(
        still, [renumbered(take_rows(tracks[0], np.zeros(4, np.int64)))]
    ).tracks
    if alone is not None and repeated:
        scores = repeated[0].frame_scores
        _expect(
            bool(np.allclose(scores, scores[0], atol=1e-4)),
            name,
            f"a frame scores the same at any place of a batch, got {scores.tolist()}",
        )


def check_strength(name: str, detector: Detector) -> None:
    """The score rises with the strength of the manipulation that the detector says it looks for.

    `INFO["strength_pair"]` names the drawn pair: "blend" (self-blends of the portrait), "grid" (a periodic pattern, as
    upsampling leaves) or None for detectors without weights of their own, which promise nothing.
    """
    kind = registry.part("detectors", name).info.get("strength_pair")
    if kind is None:
        return
    maker = {"blend": _blends, "grid": _grids}.get(str(kind))
    _expect(maker is not None, name, f"strength_pair is blend, grid or None, got {kind!r}")
    assert maker is not None
    means = [float(np.mean(_scores(name, detector, maker(strength)))) for strength in STRENGTHS]
    _expect(
        means[1] > means[0],
        name,
        f"the score rises with manipulation strength, got {means} for {STRENGTHS}",
    )


def _scores(name: str, detector: Detector, images: Sequence[ImageArray]) -> list[float]:
    _, tracks = portrait_clip()
    scores = []
    for image in images:
        score = detector.analyse(media.clip_from_frames([image]), tracks).score
        _expect(score is not None, name, "the portrait is scored")
        scores.append(float(score or 0.0))
    return scores


def _blends(strength: float) -> list[ImageArray]:
    _, (track,) = portrait_clip()
    config = PseudoFakeConfig(strength=strength)
    return [
        make_pseudo_fake(
            portrait(), track.landmarks_px[0], np.random.default_rng(seed), config
        ).image
        for seed in range(DRAWS)
    ]


def _grids(strength: float) -> list[ImageArray]:
    """The portrait with every second row and column lifted a little, as transposed convolutions leave it."""
    y, x = np.indices((512, 512))
    pattern = ((x % 2 == 0) & (y % 2 == 0)).astype(np.float32)[..., None] - 0.25
    lifted = portrait().astype(np.float32) + 12.0 * strength * pattern
    return [np.clip(lifted, 0, 255).round().astype(np.uint8)]


def _close(a: float | None, b: float | None) -> bool:
    return (a is None and b is None) or (a is not None and b is not None and abs(a - b) < 1e-5)


def _expect(holds: bool, name: str, rule: str) -> None:
    if not holds:
        raise ContractError(f"{name} breaks the contract: {rule}")
