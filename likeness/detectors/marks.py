"""Marks: what a file says of its own making. Content credentials, our watermark, and the traces that known generators leave.

Marks are claims, not measurements: this detector gives no likelihood ratio and takes no part in the fusion. Which claim
decides and which is only shown is written in `likeness.scoring.claims` and in the decision table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from likeness import media
from likeness.detectors import _marks_claims as words
from likeness.errors import ConfigError, KeyStoreError, LikenessError
from likeness.scoring.claims import MARKS
from likeness.types import Claim, Clip, Evidence, FaceTrack, IndexArray

INFO = {
    "summary": "Reads content credentials (C2PA), this toolkit's watermark and the metadata traces of known generators; "
    "only credentials that verify and whose signer is trusted decide, everything else is shown as a claim",
    "cue": "what the file says of its own making",
    "question": "synthesised",
    "kinds": ["face_swap", "face_synthesis", "reenactment", "lip_sync", "attribute_editing"],
    "needs": ["file"],
    "inputs": ["image", "video", "audio"],
    "paper": "Coalition for Content Provenance and Authenticity, C2PA Technical Specification 2.x; watermark after Cox et al., "
    "Secure spread spectrum watermarking for multimedia, IEEE Trans. Image Processing 6 (1997)",
    "licence": "Apache-2.0",
    "weights_licence": "none: it has no weights",
    "known_failures": [
        "marks can be stripped: a screenshot, a re-upload or one command removes credentials and metadata; that none was "
        "found says nothing",
        "marks can be forged: anyone can write metadata, sign with a certificate of their own making, or stamp real footage "
        "with our watermark, whose pattern is public, to discredit it",
        "a trusted signer can be wrong, lie, or lose the key; trust is the reader's choice, not a fact about the file",
        "the watermark does not survive rotation, perspective, heavy cropping, or being filmed from a screen",
        "only this toolkit's watermark is looked for; those of other makers, and all marks in sound, are not",
        "credentials that are kept on a server are not fetched",
        "credentials of a camera do not show that a scene is genuine: a screen can be photographed",
    ],
    "strength_pair": None,
}
WEIGHTS: dict[str, str] = {}


@dataclass(frozen=True)
class Config:
    """Options.

    Attributes:
        keys: folder of the key store, whose certificates are trusted; empty or without a store: nobody is trusted.
        frames: at most this many frames of a clip are combined to find a watermark.
    """

    keys: str = ""
    frames: int = 16  # as the published figures were measured


def build(config: Config) -> Marks:
    """The detector; a key store is opened when the first file that carries credentials needs it."""
    if config.frames < 1:
        raise ConfigError(f"detector marks: frames: expected 1 or more, got {config.frames}")
    return Marks(config)


@dataclass(frozen=True)
class _Found:
    """What one reader gave: its claims and what has to be said beside them."""

    claims: tuple[Claim, ...] = ()
    note: str = ""


class Marks:
    """See `INFO`. Score: the rank of the strongest claim, see `_marks_claims.rank`; never a measurement."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._anchors: tuple[str, str] | None = None

    def analyse(self, clip: Clip, tracks: Sequence[FaceTrack]) -> Evidence:
        """Read every mark; `not_applicable` where none says that the media were generated or edited."""
        found = [
            self._read(self._credentials, "content credentials", clip, tracks),
            self._read(self._watermark, "the watermark", clip, tracks),
            self._read(self._metadata, "metadata", clip, tracks),
        ]
        claims = words.compared(tuple(c for f in found for c in f.claims))
        score = max((words.rank(c) for c in claims), default=0.0)
        notes = [words.summary(claims), *(f.note for f in found if f.note)]
        return Evidence(
            detector=MARKS,
            cue=str(INFO["cue"]),
            question="synthesised",
            status="scored" if score else "not_applicable",
            score=score or None,
            note="; ".join(notes),
            claims=claims,
        )

    def _read(self, reader: Any, what: str, clip: Clip, tracks: Sequence[FaceTrack]) -> _Found:
        """One reader's findings; what it cannot read is said and keeps no other reader from speaking."""
        try:
            found: _Found = reader(clip, tracks)
            return found
        except (LikenessError, OSError) as error:
            return _Found(note=f"{what} could not be read ({words.short(str(error))})")

    def _credentials(self, clip: Clip, tracks: Sequence[FaceTrack]) -> _Found:
        if clip.raw is None:
            return _Found(note="there is no file to carry credentials or metadata")
        from likeness.provenance.credentials_scan import find_traces
        from likeness.provenance.reading import read_credentials

        with clip.raw.open() as file:
            traces = find_traces(file)  # ordinary files end here and open no key store
            beside = None if traces.manifest else clip.raw.sidecar()
            if not traces.manifest and beside is None:
                return _Found(note=_elsewhere(traces.remote))
            anchors, problem = self._trusted()
            credentials = read_credentials(file, clip.raw.media_type, anchors, beside)
        if not credentials.present:
            return _Found(note=_elsewhere(credentials.remote))
        return _Found(words.credentials_claims(credentials, bool(anchors)), problem)

    def _watermark(self, clip: Clip, tracks: Sequence[FaceTrack]) -> _Found:
        if clip.kind == "audio":
            return _Found(note="watermarks in sound are not looked for")
        from likeness.provenance.watermark import can_carry, find_watermark

        reason = can_carry(clip.size_wh, clip.kind)
        if reason:
            return _Found(note="the picture is too small to carry our watermark")
        indices = frames_to_read(clip, tracks, self.config.frames)
        images = [frame.image for frame in clip.frames.at(indices)]
        if not images:
            return _Found(note="no frame could be decoded to look for a watermark")
        finding = find_watermark(images)
        return _Found((words.watermark_claim(finding, clip.kind),) if finding.found else ())

    def _metadata(self, clip: Clip, tracks: Sequence[FaceTrack]) -> _Found:
        if clip.raw is None:
            return _Found()
        from likeness.provenance.metadata import read_metadata

        with clip.raw.open() as file:
            return _Found(words.metadata_claims(read_metadata(file)))

    def _trusted(self) -> tuple[str, str]:
        """Trust anchors as PEM, and why there are none where a key store is there but cannot be read."""
        if self._anchors is None:
            self._anchors = _anchors(self.config.keys)
        return self._anchors


def frames_to_read(clip: Clip, tracks: Sequence[FaceTrack], limit: int) -> IndexArray:
    """(K,) int64 ascending: frames that finding faces has decoded already, else evenly spread ones; at most `limit`."""
    seen = [track.frame_indices for track in tracks]
    indices = (
        np.unique(np.concatenate(seen))
        if seen
        else media.sample(clip, media.Sampling("evenly", limit))
    )
    if len(indices) <= limit:
        return indices
    return indices[np.linspace(0, len(indices) - 1, limit).round().astype(np.int64)]


def _elsewhere(address: str) -> str:
    if not address:
        return ""
    return f"the file names credentials that are kept elsewhere and were not fetched ({words.short(address)})"


def _anchors(keys: str) -> tuple[str, str]:
    from likeness.provenance.keys import KeyStore, store_exists

    if not keys or not store_exists(Path(keys)):
        return "", ""
    try:
        return KeyStore(Path(keys)).trust_anchors_pem(), ""
    except KeyStoreError as error:
        return "", f"nobody is trusted, because the key store cannot be used ({error})"
