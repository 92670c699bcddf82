"""Detector `blink`: does the person blink as people do? A weak and dated cue, shown and never weighed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, lgamma, log

import numpy as np

from likeness.detectors._blink_events import Lids, gapped, look_at_lids
from likeness.detectors._cue import evidence, stretches
from likeness.types import (
    Clip,
    Curve,
    Evidence,
    FaceTrack,
    IndexArray,
    Reading,
    Span,
    TrackScore,
)

INFO = {
    "summary": "Counts blinks and compares rate, duration and completeness with people's; a weak, dated cue",
    "cue": "blinking (weak, dated)",
    "question": "reenacted",
    "kinds": ["face_swap", "reenactment"],
    "needs": ["face", "eight seconds of video"],
    "inputs": ["video"],
    "paper": "Li, Chang and Lyu 2018, In Ictu Oculi; opening of the eyes after Soukupova and Cech 2016; human ranges of "
    "Bentivoglio et al. 1997, Doughty 2001, Ousler et al. 2014",
    "licence": "Apache-2.0",
    "weights_licence": "has no weights",
    "strength_pair": None,
    "fitted_on": "none",
    "known_failures": [
        "fakes since about 2019 blink: a usual rate says nothing",
        "people who read, stare or act may not blink for ten seconds and more",
        "glasses that reflect, half-shut eyes and a low camera hide blinks",
        "under 20 frames per second quick blinks fall between two frames",
        "blinks of a face swap that is painted over open eyes only count as those of the target",
    ],
}
WEIGHTS: dict[str, str] = {}
_PART = "blink"
LEAST_EXAMINED_S = 7.5  # eight seconds, less what lost frames take
LONGEST_STEP_S = 0.105  # ten frames per second
MOST_YAW_DEG, MOST_PITCH_DEG = 30.0, 25.0
LEAST_EYES_PX = 36.0
# Of the open level, 5th to 95th percentile: a filmed or coded still picture measured 0.03 to 0.05, the calmest of 30 real clips
# 0.08.
LEAST_SPREAD = 0.06

# People blink 17 times a minute at rest, 26 in conversation, 4.5 while reading (Bentivoglio et al. 1997, 150 people). A gamma
# distribution of rates with mean 17 and shape 1.5 has nine in ten of its people between 2 and 44 a minute.
_PEOPLE_PER_S, _PEOPLE_SHAPE = 17.0 / 60.0, 1.5
_UNBLINKING_PER_S = 1.0 / 60.0  # the fakes that the cue was found on
_MOST_SCORE = 3.0
RATE_PER_MIN = (1.4, 32.5)  # Doughty 2001: from reading to conversation, 95 %
DURATION_MS = (100.0, 400.0)  # In Ictu Oculi and the physiology that it cites
OPEN_EYES = (0.07, 0.42)  # nine real people (30 clips), each person counted alike; blinks included
COMPLETE = 0.7  # share of the own open level; the mesh never shows the lids quite together


@dataclass(frozen=True)
class Config:
    """Options of the detector.

    Attributes:
        least_s: seconds that have to be examined, all stretches together.
    """

    least_s: float = LEAST_EXAMINED_S


def build(config: Config) -> Blinking:
    """Build the detector."""
    return Blinking(config)


class Blinking:
    """See `INFO`. Score: log odds of the number of blinks between a face that hardly blinks and people, see `blink_logit`.

    Duration, completeness and whether both eyes close together are shown and do not move the score: about half of healthy
    people's blinks are incomplete (Ousler et al. 2014).
    """

    def __init__(self, config: Config) -> None:
        self.config = config

    def analyse(self, clip: Clip, tracks: Sequence[FaceTrack]) -> Evidence:
        """Count the blinks of every face that was watched for long enough; `not_applicable` otherwise."""
        seen = [(track, look_at_lids(track, readable_runs(track))) for track in tracks]
        reasons = [why_not(track, lids, self.config.least_s) for track, lids in seen]
        judged = [pair for pair, reason in zip(seen, reasons, strict=True) if not reason]
        if not judged:
            note = reasons[0] if len(reasons) == 1 else _why_none(clip, reasons)
            return evidence(_PART, INFO, status="not_applicable", note=note)
        scores = [_track_score(track, lids) for track, lids in judged]
        top = int(np.argmax([score.score for score in scores]))
        return evidence(
            _PART,
            INFO,
            status="scored",
            score=scores[top].score,
            track_id=scores[top].track_id,
            tracks=tuple(scores),
            spans=tuple(span for track, lids in judged for span in _spans(track, lids)),
            note=_sentence(judged[top][1]),
            readings=tuple(r for track, lids in judged for r in readings_of(track.track_id, lids)),
            curves=tuple(_curve(track.track_id, lids) for track, lids in judged),
        )


def readable_runs(track: FaceTrack) -> list[IndexArray]:
    """Stretches of neighbouring rows in which the eyes are large enough and look towards the camera."""
    turned = np.abs(track.pose_deg)
    good = (
        (turned[:, 0] <= MOST_YAW_DEG)
        & (turned[:, 1] <= MOST_PITCH_DEG)
        & (track.quality.eye_distance_px >= LEAST_EYES_PX)
    )
    runs = []
    for run in stretches(track, LONGEST_STEP_S):
        kept = run[good[run]]
        runs += np.split(kept, np.flatnonzero(np.diff(kept) > 1) + 1)
    return [run for run in runs if len(run) > 4]


def why_not(track: FaceTrack, lids: Lids, least_s: float) -> str:
    """Why the blinks of a face cannot be counted; empty if they can."""
    if len(track) < 2:
        return "a single picture shows no blinking"
    if lids.examined_s < least_s:
        return (
            f"the eyes could be watched for {lids.examined_s:.1f} seconds at ten frames per second or more, with the face "
            f"towards the camera and large enough; blinks are counted from {least_s:.0f} seconds"
        )
    if lids.spread < LEAST_SPREAD:
        return "the lids do not move at all: a still picture does not blink"
    return ""


def blink_logit(count: int, seconds: float) -> float:
    """Log odds of this many blinks in this time: a face that hardly blinks (Poisson, one a minute) against people.

    People's rates are spread as a gamma distribution, which makes their counts negative binomial. Held within 3 either way.
    """
    rate = _UNBLINKING_PER_S * seconds
    unblinking = count * log(rate) - rate - lgamma(count + 1)
    scale = _PEOPLE_SHAPE / _PEOPLE_PER_S
    people = (
        lgamma(count + _PEOPLE_SHAPE)
        - lgamma(_PEOPLE_SHAPE)
        - lgamma(count + 1)
        + _PEOPLE_SHAPE * log(scale / (scale + seconds))
        + count * log(seconds / (scale + seconds))
    )
    return float(np.clip(unblinking - people, -_MOST_SCORE, _MOST_SCORE))


def readings_of(track_id: int, lids: Lids) -> tuple[Reading, ...]:
    """What was counted, in words and units; without a blink there is only the rate."""
    rate = 60.0 * len(lids.blinks) / lids.examined_s
    found = [Reading("blinks", rate, "per minute", RATE_PER_MIN, track_id)]
    if lids.blinks:
        durations = [1000.0 * (b.end_s - b.start_s) for b in lids.blinks]
        whole = [b.depth >= COMPLETE for b in lids.blinks]
        found += [
            Reading(
                "duration of a blink", float(np.median(durations)), "ms", DURATION_MS, track_id
            ),
            Reading(
                "blinks that close the eye", 100.0 * float(np.mean(whole)), "%", None, track_id
            ),
            Reading(
                "closing of one eye against the other",
                100.0 * float(np.median([b.evenness for b in lids.blinks])),
                "%",
                None,
                track_id,
            ),
        ]
    return tuple(found)


def _track_score(track: FaceTrack, lids: Lids) -> TrackScore:
    score = round(blink_logit(len(lids.blinks), lids.examined_s), 9)
    return TrackScore(track.track_id, score, np.zeros(0, np.int64), np.zeros(0, np.float32))


def _spans(track: FaceTrack, lids: Lids) -> tuple[Span, ...]:
    """The blinks; their score is how far the eyes closed, 0 to 1."""
    return tuple(Span(b.start_s, b.end_s, b.depth, track.track_id) for b in lids.blinks)


def _curve(track_id: int, lids: Lids) -> Curve:
    times, values = gapped(lids)
    return Curve("opening of the eyes over their width", times, values, "", OPEN_EYES, track_id)


def _why_none(clip: Clip, reasons: Sequence[str]) -> str:
    if clip.kind != "video":
        return "a single picture shows no blinking"
    return (
        f"no face could be watched for long enough: {reasons[0]}"
        if reasons
        else "no face to examine"
    )


def _sentence(lids: Lids) -> str:
    count, seconds = len(lids.blinks), lids.examined_s
    if not count:
        chance = exp(_PEOPLE_SHAPE * log(1.0 / (1.0 + seconds * _PEOPLE_PER_S / _PEOPLE_SHAPE)))
        return (
            f"the person does not blink in {seconds:.0f} seconds, as about one in {1.0 / chance:.0f} people would not; "
            "a weak hint, since recent fakes do blink"
        )
    times = "once" if count == 1 else f"{count} times"
    return f"the person blinks {times} in {seconds:.0f} seconds (shaded); recent fakes blink as well, so this says little"
