"""The contract of parts as an executable suite; shipped, so that third parties can run it over their own.

from likeness.testing import check_detector, check_generator
check_detector("my_detector")
check_generator("my_generator")
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np

from likeness import faces, media, registry
from likeness.data import PseudoFakeConfig, make_pseudo_fake
from likeness.data.known_faces import renumbered, take_rows
from likeness.errors import ContractError, LikenessError
from likeness.faces.geometry import transform
from likeness.jobs.demo import moved, portrait_path
from likeness.jobs.detect import find_tracks
from likeness.report import evidence_from_dict, evidence_to_dict
from likeness.scoring.claims import MARKS
from likeness.types import (
    QUESTIONS,
    Clip,
    Detector,
    Evidence,
    FaceCrop,
    FaceTrack,
    GenerateRequest,
    Generator,
    ImageArray,
    same_value,
)

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
    check_claims(name, detector.analyse(clip, tracks))
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


def check_generator(name: str, options: Mapping[str, Any] | None = None) -> None:
    """Run the whole contract over one generator; raises `ContractError` at the first breach.

    Args:
        name: as `likeness generators` lists it.
        options: configuration to build it with (a trained model, for those that need one).
    """
    check_metadata(name, "generators")
    check_listing_is_light("generators")
    check_refuses(name, registry.build("generators", name, options))
    request = portrait_request(name)
    check_generates(name, registry.build("generators", name, options), request)
    check_repeats(name, registry.build("generators", name, options), request)


def portrait_request(name: str, seed: int = 7) -> GenerateRequest:
    """What a generator says that it needs (`INFO["needs"]`), of the NASA portrait; the target is the mirrored one."""
    needs = registry.part("generators", name).info["needs"]
    crops = {}
    for role, image in (("source", portrait()), ("target", mirrored(portrait()))):
        _, (track,) = portrait_clip(image=image)
        crop = faces.align(image, track.landmarks_px[0], 192)
        points = transform(track.landmarks_px[0].astype(np.float64), crop.matrix)
        crops[role] = replace(crop, landmarks_px=points.astype(np.float32))
    wanted = {role: crop for role, crop in crops.items() if role in needs}
    return GenerateRequest(**wanted, seed=seed)


def mirrored(image: ImageArray) -> ImageArray:
    """(H, W, 3) the picture left to right."""
    return np.ascontiguousarray(image[:, ::-1])


def check_refuses(name: str, generator: Generator) -> None:
    """A request without what it needs is refused with an error of the project's own, never answered or crashed on."""
    whole = portrait_request(name)
    for role in ("source", "target"):
        if getattr(whole, role) is None:
            continue
        try:
            generator.generate(replace(whole, **{role: None}))  # type: ignore[arg-type]
        except LikenessError as error:
            _expect(role in str(error), name, f"the refusal names what is missing, got {error}")
        except Exception as error:
            raise ContractError(
                f"{name} breaks the contract: a request without {role} is refused with a LikenessError, got "
                f"{type(error).__name__}: {error}"
            ) from error
        else:
            raise ContractError(f"{name} breaks the contract: a request without {role} is refused")


def check_generates(name: str, generator: Generator, request: GenerateRequest) -> None:
    """The crop belongs to the target (same size, matrix and landmarks) and what went in is unaltered."""
    before = deepcopy(request)
    crop = generator.generate(request)
    _expect(isinstance(crop, FaceCrop), name, f"it makes a FaceCrop, got {type(crop).__name__}")
    _expect(request == before, name, "source and target are left as they were")
    target = request.target
    if target is None:
        return
    _expect(crop.image.shape == target.image.shape, name, "the crop has the target's size")
    _expect(np.array_equal(crop.matrix, target.matrix), name, "the crop has the target's matrix")
    _expect(crop.matrix.dtype == np.float64, name, "the matrix stays float64")
    same = crop.landmarks_px is None or same_value(crop.landmarks_px, target.landmarks_px)
    _expect(same, name, "the landmarks, where there are any, are the target's")
    _expect(bool((crop.mask > 0.5).any()), name, "the mask covers something of the portrait's face")
    for role in ("source", "target"):
        given = getattr(request, role)
        if given is not None:
            apart = not np.shares_memory(crop.image, given.image)
            _expect(apart, name, f"the result has pixels of its own, not the {role}'s")


def check_repeats(name: str, generator: Generator, request: GenerateRequest) -> None:
    """The same request gives the same crop, whatever was asked in between and however many go together."""
    first = generator.generate(request)
    if request.target is not None:
        other = replace(request, target=_darker(request.target), seed=request.seed + 1)
        generator.generate(other)
    again = generator.generate(request)
    _expect(first == again, name, "the same request and seed give the same crop")
    batch = getattr(generator, "generate_batch", None)
    if batch is None:
        return
    together = batch([request, request, request])
    _expect(len(together) == 3, name, f"a batch of 3 gives 3 crops, got {len(together)}")
    gap = max(int(np.abs(crop.image.astype(np.int16) - first.image).max()) for crop in together)
    _expect(
        gap <= 1, name, f"a crop is the same at any place of a batch, got {gap} grey levels off"
    )


def _darker(crop: FaceCrop) -> FaceCrop:
    return replace(crop, image=(crop.image // 2).astype(np.uint8))


def check_metadata(name: str, kind: registry.Kind = "detectors") -> None:
    """INFO is complete and in the project's words."""
    info = registry.part(kind, name).info
    _expect(
        info["question"] in QUESTIONS,
        name,
        f"question is one of {QUESTIONS}, got {info['question']!r}",
    )
    for key in ("summary", "cue", "paper", "licence", "weights_licence"):
        _expect(bool(str(info[key]).strip()), name, f"INFO[{key!r}] says something")
    for key in ("kinds", "known_failures"):
        _expect(len(info[key]) > 0, name, f"INFO[{key!r}] names at least one")


def check_listing_is_light(kind: registry.Kind = "detectors") -> None:
    """Listing parts imports none of them and nothing heavy."""
    code = (
        f"import sys; from likeness import registry; registry.parts('{kind}'); "
        "print(*[m for m in sys.modules if m.split('.')[0] in "
        f"{HEAVY!r} or m.startswith('likeness.{kind}.')])"
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


def check_claims(name: str, evidence: Evidence) -> None:
    """What a file says of itself is read by one detector, which measures nothing: claims and ratios never come together."""
    if name == MARKS:
        _expect(evidence.llr is None, name, f"claims have no llr, got {evidence.llr}")
        _expect(not evidence.tracks, name, "claims are about the file, not about faces")
    else:
        _expect(not evidence.claims, name, f"only {MARKS} makes claims, got {evidence.claims}")


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
