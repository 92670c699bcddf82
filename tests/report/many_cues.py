"""A dozen cues with frame scores, spans, curves, readings and maps on given faces, made of the nouns alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from likeness.types import (
    Curve,
    Evidence,
    FaceTrack,
    Heatmap,
    Question,
    Reading,
    Span,
    TrackScore,
    Verdict,
)

# name, cue, question, llr of the first face (None: an illustration), sentence
CUES: tuple[tuple[str, str, Question, float | None, str], ...] = (
    ("boundary", "colour and texture step along the face contour", "blended", 1.7,
     "Along the jaw the skin changes its tone within two pixels, where real skin changes slowly."),
    ("blur_mismatch", "sharpness of the face against its surroundings", "blended", 0.9,
     "The face is softer than the hair and the neck at the same depth."),
    ("flicker", "unrest of the face against the background", "reenacted", 0.55,
     "The face jitters more than the picture around it after the motion is taken out."),
    ("noise_residual", "noise level of the face against the rest", "blended", -0.15,
     "The noise of the face is as strong as that of the rest of the picture."),
    ("skin_tone", "tone and light of the face against the neck", "blended", -0.4,
     "The light falls on face and neck from the same side."),
    ("mouth", "mouth opening against speech", "reenacted", -0.62,
     "The lips open when the voice is loud."),
    ("residual_statistics", "local statistics of noise residuals", "blended", 0.31,
     "Residuals inside the face differ a little from those around it."),
    ("blink", "lid movement over time", "reenacted", None,
     "Four blinks in ten seconds, each complete; a weak and dated cue."),
    ("eyes", "iris colour and highlights, left against right", "synthesised", None,
     "Both irises show a highlight at the same place."),
)  # fmt: skip
UNFIT = (
    ("head_pose", "pose of the whole face against its centre", "The head is turned by more than 40 degrees."),
    ("occlusion", "hands and objects that cross the face", "Nothing crosses the face."),
    ("spectrum", "azimuthal power spectrum", "The picture's size is none that the calibration knows."),
)  # fmt: skip
INFO = {
    name: {
        "summary": cue,
        "paper": "A. Author, On " + cue + " (2020)",
        "known_failures": [f"{name} fails on make-up.", f"{name} fails below 64 px."],
        "fitted_on": "none" if name in ("blink", "eyes") else "clips",
    }
    for name, cue, *_ in (*CUES, *UNFIT)
}


def cue_evidence(tracks: Sequence[FaceTrack]) -> tuple[Evidence, ...]:
    """Findings of all cues about `tracks`; each later face weaker than the one before it."""
    scored = [
        _finding(number, cue, tracks, np.random.default_rng(number))
        for number, cue in enumerate(CUES)
    ]
    unfit = [Evidence(n, cue, "blended", "not_applicable", note=why) for n, cue, why in UNFIT]
    broken = Evidence(
        "mesonet", "mesoscopic appearance", "blended", "failed", note="Weights missing."
    )
    return (*unfit, *scored, broken)


def cue_verdict(tracks: Sequence[FaceTrack]) -> Verdict:
    """A verdict over all cues."""
    return Verdict(
        name="interview.mp4",
        sha256="ab" * 32,
        label="manipulation_likely",
        llr=1.9,
        reasons=("Along the jaw of face 1 the skin changes its tone within two pixels.",),
        question_llrs={"blended": 1.9, "reenacted": 0.1},
        evidence=cue_evidence(tracks),
        tracks=tuple(tracks),
        limits=("Calibrated on still portraits and clips of 20 people.",),
        population="portraits of calibrate and their pseudo-fakes",
        facts={"codec": "h264", "fps": 25.0},
        versions={"likeness": "0.1.0"},
    )


def _finding(
    number: int,
    cue: tuple[str, str, Question, float | None, str],
    tracks: Sequence[FaceTrack],
    rng: np.random.Generator,
) -> Evidence:
    name, words, question, llr, note = cue
    scores = tuple(
        _score(t, number, None if llr is None else llr - 0.4 * place, rng)
        for place, t in enumerate(tracks)
    )
    first = tracks[0]
    t = first.times_s
    length = float(t[-1] - t[0])
    spans: tuple[Span, ...] = ()
    if llr is not None and llr > 0.5:
        spans = (
            Span(float(t[0]) + 0.3 * length, float(t[0]) + 0.55 * length, 2.5, first.track_id),
        )
    timed = name in ("flicker", "mouth", "blink")
    return Evidence(
        detector=name,
        cue=words,
        question=question,
        status="scored",
        weights=f"{name}-1",
        score=scores[0].score,
        llr=llr,
        track_id=first.track_id,
        tracks=scores,
        spans=spans,
        heatmaps=() if timed or len(first) < 2 else _maps(first, rng),
        note=note,
        readings=_readings(name, tracks, rng),
        curves=_curves(name, first, rng) if timed else (),
    )


def _score(
    track: FaceTrack, number: int, llr: float | None, rng: np.random.Generator
) -> TrackScore:
    seen = np.flatnonzero(~track.bridged)
    if number in (5, 8):  # one number for the whole face
        return TrackScore(track.track_id, 0.4, np.empty(0, np.int64), np.empty(0, np.float32), llr)
    rows = seen if number % 2 else seen[np.unique(np.linspace(0, len(seen) - 1, 32).astype(int))]
    middle = np.linspace(-1, 1, len(rows))
    values = (llr or 0.0) * (0.4 + 2.2 * np.exp(-((middle / 0.3) ** 2))) + rng.normal(
        0, 0.3, len(rows)
    )
    return TrackScore(
        track.track_id,
        float(values.mean()),
        track.frame_indices[rows],
        values.astype(np.float32),
        llr,
        True,
    )


def _readings(
    name: str, tracks: Sequence[FaceTrack], rng: np.random.Generator
) -> tuple[Reading, ...]:
    strong = name in ("boundary", "blur_mismatch")
    readings = []
    for track in tracks[:2]:
        pull = 1.6 if strong and track is tracks[0] else 0.0
        readings += [
            Reading(f"width of the edge in {name}", float(1.1 + pull + 0.2 * rng.random()), "px", (0.8, 1.6), track.track_id),
            Reading(f"{name} of the left against the right", float(0.9 + 0.1 * rng.random()), "", (0.7, 1.2), track.track_id),
            Reading(f"lag of {name}", float(-12 + rng.normal()), "ms", None, track.track_id),
        ]  # fmt: skip
    return tuple(readings)


def _curves(name: str, track: FaceTrack, rng: np.random.Generator) -> tuple[Curve, ...]:
    t = track.times_s.astype(np.float64)
    wave = 0.3 + 0.08 * np.sin(5 * t) + rng.normal(0, 0.02, len(t))
    wave[(np.arange(len(t)) % 37) < 2] = 0.05
    wave[track.bridged] = np.nan
    values = wave.astype(np.float32)
    mine = Curve(f"opening in {name}", t, values, "", (0.2, 0.38), track.track_id)
    if name != "mouth":
        return (mine,)
    loud = np.abs(np.sin(5 * t)).astype(np.float32)
    return (mine, Curve("loudness of the voice", t, loud, "dB", None, None))


def _maps(track: FaceTrack, rng: np.random.Generator) -> tuple[Heatmap, ...]:
    maps = []
    for row in (len(track) // 3, 2 * len(track) // 3):
        x0, y0, x1, y1 = (float(v) for v in track.boxes_px[row])
        corners = np.float32([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
        v, u = np.mgrid[0:1:20j, 0:1:20j]
        cu, cv = rng.uniform(0.3, 0.7, 2)
        values = np.exp(-(((u - cu) / 0.25) ** 2) - ((v - cv) / 0.2) ** 2).astype(np.float32)
        maps.append(Heatmap(values, int(track.frame_indices[row]), track.track_id, corners))
    return tuple(maps)
