"""A third-party detector: mean brightness of the face. It proves nothing about manipulation."""

from dataclasses import dataclass

import numpy as np

from likeness.types import Evidence, TrackScore

INFO = {
    "summary": "Mean brightness of the face",
    "cue": "brightness",
    "question": "blended",
    "kinds": ["face_swap"],
    "needs": ["face"],
    "paper": "none",
    "licence": "Apache-2.0",
    "weights_licence": "no weights",
    "known_failures": ["everything: it is an example"],
    "default": False,
}
WEIGHTS = {}


@dataclass(frozen=True)
class Config:
    gain: float = 1.0


def build(config):
    return Brightness(config)


class Brightness:
    def __init__(self, config):
        self.config = config

    def analyse(self, clip, tracks):
        if not tracks:
            return Evidence("brightness", "brightness", "blended", "not_applicable", note="no face")
        found = [self._score(clip, track) for track in tracks]
        top = max(found, key=lambda t: t.score)
        return Evidence(
            "brightness",
            "brightness",
            "blended",
            "scored",
            score=top.score,
            track_id=top.track_id,
            tracks=tuple(found),
        )

    def _score(self, clip, track):
        means = []
        for frame, box in zip(
            clip.frames.at(track.frame_indices.tolist()), track.boxes_px, strict=True
        ):
            x0, y0, x1, y1 = np.clip(box, 0, None).astype(int)
            means.append(self.config.gain * frame.image[y0:y1, x0:x1].mean())
        return TrackScore(
            track.track_id, float(np.mean(means)), track.frame_indices, np.array(means, np.float32)
        )
