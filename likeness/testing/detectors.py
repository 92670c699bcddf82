"""The contract of detectors."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from likeness import media, registry
from likeness.data.known_faces import renumbered, take_rows
from likeness.report import evidence_from_dict, evidence_to_dict
from likeness.scoring.claims import MARKS
from likeness.testing.drawn import (
    CLIP_FRAMES,
    Drawn,
    blends,
    grids,
    portrait,
    portrait_clip,
    unsteady,
)
from likeness.testing.parts import check_listing_is_light, check_metadata, expect
from likeness.types import Clip, Detector, Evidence, FaceTrack

STRENGTHS = (0.0, 1.0)


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
    check_over_time(name, detector)
    check_strength(name, detector)


def check_not_applicable(name: str, detector: Detector) -> None:
    """Without faces a detector of faces says so; one of whole pictures may score. Neither raises."""
    blank = media.clip_from_frames([np.full((96, 96, 3), 128, np.uint8)])
    evidence = detector.analyse(blank, ())
    needs_face = any("face" in need for need in registry.part("detectors", name).info["needs"])
    if needs_face:
        expect(
            evidence.status == "not_applicable",
            name,
            f"not_applicable without faces, got {evidence.status}",
        )
        expect(bool(evidence.note), name, "a note says why it does not apply")


def check_deterministic(
    name: str, detector: Detector, clip: Clip, tracks: Sequence[FaceTrack]
) -> None:
    """The same clip gives the same evidence, and the evidence carries the detector's name."""
    first, second = detector.analyse(clip, tracks), detector.analyse(clip, tracks)
    expect(first == second, name, "two runs on one clip give equal evidence")
    expect(first.detector == name, name, f"evidence names its detector, got {first.detector!r}")


def check_serialises(name: str, evidence: Evidence) -> None:
    """Evidence goes through JSON and comes back equal."""
    text = json.dumps(evidence_to_dict(evidence), allow_nan=False)
    expect(
        evidence_from_dict(json.loads(text)) == evidence,
        name,
        "evidence comes back equal from JSON",
    )


def check_claims(name: str, evidence: Evidence) -> None:
    """What a file says of itself is read by one detector, which measures nothing: claims and ratios never come together."""
    if name == MARKS:
        expect(evidence.llr is None, name, f"claims have no llr, got {evidence.llr}")
        expect(not evidence.tracks, name, "claims are about the file, not about faces")
    else:
        expect(not evidence.claims, name, f"only {MARKS} makes claims, got {evidence.claims}")


def check_order(name: str, detector: Detector) -> None:
    """Neither what was examined before nor how many frames go together changes a score."""
    one, tracks = portrait_clip()
    alone = detector.analyse(one, tracks).score
    other, other_tracks = portrait_clip(frames=5, image=np.ascontiguousarray(portrait()[:, ::-1]))
    detector.analyse(other, other_tracks)
    after = detector.analyse(one, tracks).score
    expect(_close(alone, after), name, f"file order changes no score, got {alone} and {after}")
    # One sighting four times over: tracking the copies would move the landmarks by fractions of a pixel.
    still = media.clip_from_frames([portrait()] * 4)
    repeated = detector.analyse(
        still, [renumbered(take_rows(tracks[0], np.zeros(4, np.int64)))]
    ).tracks
    if alone is not None and repeated:
        scores = repeated[0].frame_scores
        expect(
            bool(np.allclose(scores, scores[0], atol=1e-4)),
            name,
            f"a frame scores the same at any place of a batch, got {scores.tolist()}",
        )


def check_over_time(name: str, detector: Detector) -> None:
    """A cue over time (`INFO["fitted_on"]` is "clips") needs neighbours: no answer about a picture, the same one about a clip."""
    if registry.part("detectors", name).info.get("fitted_on", "stills") != "clips":
        return
    for frames in (1, 2):
        status = detector.analyse(*portrait_clip(frames)).status
        expect(
            status == "not_applicable", name, f"{frames} frames are too few for it, got {status}"
        )
    clip, tracks = portrait_clip(CLIP_FRAMES)
    check_deterministic(name, detector, clip, tracks)
    check_serialises(name, detector.analyse(clip, tracks))


def check_strength(name: str, detector: Detector) -> None:
    """The score rises with the strength of the manipulation that the detector says it looks for.

    `INFO["strength_pair"]` names the drawn pair: "blend" (self-blends of the portrait), "grid" (a periodic pattern, as
    upsampling leaves), "unsteady" (a clip of the portrait with a blended face that wanders from frame to frame, for cues
    over time) or None for detectors without weights of their own, which promise nothing.
    """
    kind = registry.part("detectors", name).info.get("strength_pair")
    if kind is None:
        return
    maker = {"blend": blends, "grid": grids, "unsteady": unsteady}.get(str(kind))
    expect(maker is not None, name, f"strength_pair is blend, grid, unsteady or None, got {kind!r}")
    assert maker is not None
    means = [float(np.mean(_scores(name, detector, maker(strength)))) for strength in STRENGTHS]
    expect(
        means[1] > means[0],
        name,
        f"the score rises with manipulation strength, got {means} for {STRENGTHS}",
    )


def _scores(name: str, detector: Detector, drawn: Sequence[Drawn]) -> list[float]:
    scores = []
    for clip, tracks in drawn:
        score = detector.analyse(clip, tracks).score
        expect(score is not None, name, "the portrait is scored")
        scores.append(float(score or 0.0))
    return scores


def _close(a: float | None, b: float | None) -> bool:
    return (a is None and b is None) or (a is not None and b is not None and abs(a - b) < 1e-5)
