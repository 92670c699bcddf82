"""Verdicts built from the nouns alone: a clip with two faces, a picture, a file without a face, a file that fails."""

from __future__ import annotations

import io

import numpy as np
import pytest

from likeness.errors import MediaError
from likeness.report import Failure, LlrScale, Picture, ReportItem
from likeness.types import (
    Evidence,
    FaceQuality,
    FaceTrack,
    Heatmap,
    Span,
    TrackScore,
    Verdict,
)

CREATED = "2026-03-04T10:15:00+00:00"
PART_INFO = {
    "residual_statistics": {
        "summary": "statistics of noise residuals inside and around the face",
        "paper": {
            "title": "Detecting Deepfakes with Self-Blended Images",
            "year": 2022,
            "url": "https://arxiv.org/abs/2204.08376",
        },
        "known_failures": [
            "Faces below 64 px between the eyes carry too little residual.",
            "Strong recompression (H.264 CRF 35 and above) removes what it looks for.",
        ],
        "weights_licence": "non-commercial: terms of the training faces",
    },
    "spectrum": {
        "summary": "azimuthally averaged power spectrum",
        "paper": "Durall et al., Unmasking DeepFakes with simple Features (2019)",
        "known_failures": ["Resizing moves the cut-off that it reads."],
    },
}
SCALE = LlrScale(bound=2.5, likely_from=1.0, none_below=-0.5)


def make_track(track_id: int, t: int, *, first: int = 0, gap: slice | None = None) -> FaceTrack:
    rng = np.random.default_rng(track_id)
    frames = np.arange(first, first + 5 * t, 5, dtype=np.int64)
    x0 = 150 + 60 * track_id + rng.normal(0, 2, t)
    boxes = np.stack([x0, np.full(t, 20.0), x0 + 150, np.full(t, 220.0)], 1).astype(np.float32)
    bridged = np.zeros(t, bool)
    if gap is not None:
        bridged[gap] = True
    pose = np.cumsum(rng.normal(0, 1.5, (t, 3)), 0).astype(np.float32)
    pose[bridged] = np.nan
    return FaceTrack(
        track_id=track_id,
        frame_indices=frames,
        times_s=frames / 25.0,
        boxes_px=boxes,
        landmarks_px=rng.uniform(0, 512, (t, 478, 2)).astype(np.float32),
        pose_deg=pose,
        confidence=rng.uniform(0.9, 1.0, t).astype(np.float32),
        quality=FaceQuality(
            eye_distance_px=rng.normal(62, 1, t).astype(np.float32),
            sharpness=rng.normal(2.1, 0.1, t).astype(np.float32),
            jpeg_quality=np.full(t, 78, np.float32),
            visible=np.ones(t, np.float32),
            eye_aspect_ratio=rng.uniform(0.1, 0.3, (t, 2)).astype(np.float32),
        ),
        bridged=bridged,
    )


def make_heatmap(track: FaceTrack, row: int, *, turn: float = 0.0, size: int = 16) -> Heatmap:
    x0, y0, x1, y1 = track.boxes_px[row]
    centre = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    half = (y1 - y0) / 2
    corners = np.array([[-half, -half], [half, -half], [half, half], [-half, half]])
    c, s = np.cos(turn), np.sin(turn)
    corners = corners @ np.array([[c, s], [-s, c]]) + centre
    v, u = np.mgrid[0 : 1 : size * 1j, 0 : 1 : size * 1j]
    values = np.exp(-(((u - 0.5) / 0.28) ** 2) - ((v - 0.66) / 0.16) ** 2)
    return Heatmap(
        values.astype(np.float32),
        int(track.frame_indices[row]),
        track.track_id,
        corners.astype(np.float32),
    )


def make_track_score(track: FaceTrack, level: float, llr: float | None) -> TrackScore:
    rng = np.random.default_rng(100 + track.track_id)
    seen = track.frame_indices[~track.bridged]
    swell = 1.8 * np.exp(-(((seen - seen.mean()) / (0.2 * np.ptp(seen) + 1)) ** 2))
    scores = (level + swell + rng.normal(0, 0.3, len(seen))).astype(np.float32)
    return TrackScore(track.track_id, float(scores.mean()), seen, scores, llr, True)


def clip_verdict(name: str = "interview_take2.mp4") -> Verdict:
    first, second = make_track(0, 42, gap=slice(18, 23)), make_track(1, 20, first=60)
    strong, weak = make_track_score(first, 1.2, 1.62), make_track_score(second, -1.6, -0.34)
    residual = Evidence(
        detector="residual_statistics",
        cue="local statistics of noise residuals",
        question="blended",
        status="scored",
        weights="residual_statistics-1",
        score=strong.score,
        llr=1.62,
        track_id=0,
        tracks=(strong, weak),
        spans=(Span(2.4, 5.6, 2.4, 0),),
        heatmaps=(make_heatmap(first, 12, turn=0.15), make_heatmap(first, 26)),
        note="Residuals around the mouth of face 1 differ from the rest of the picture.",
    )
    spectrum = Evidence(
        detector="spectrum",
        cue="azimuthal power spectrum",
        question="synthesised",
        status="scored",
        weights="spectrum-1",
        score=-0.4,
        llr=None,
        tracks=(TrackScore(None, -0.4, np.arange(0, 210, 30), np.full(7, -0.4, np.float32)),),
        note="The spectrum falls off as it does in camera footage.",
    )
    lips = Evidence(
        detector="lip_sync",
        cue="lips against speech",
        question="reenacted",
        status="not_applicable",
        note="The file carries no sound.",
    )
    broken = Evidence(
        detector="mesonet",
        cue="mesoscopic appearance",
        question="blended",
        status="failed",
        note="The weights mesonet/meso4.safetensors are not in this installation.",
    )
    return Verdict(
        name=name,
        sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        label="manipulation_likely",
        llr=1.58,
        reasons=(
            "Noise residuals inside face 1 differ from those around it between 2.4 s and 5.6 s.",
            "The finding is sustained over 3.2 s and holds in 16 of 37 examined frames.",
            "The spectrum detector, which asks another question, found nothing; it cannot speak against blending.",
        ),
        question_llrs={"blended": 1.62, "synthesised": -0.12},
        evidence=(residual, spectrum, lips, broken),
        tracks=(first, second),
        limits=(
            "Calibrated on still portraits; video compression beyond H.264 CRF 30 was not part of it.",
            "Says nothing about the voice.",
            "Two detectors of four could speak.",
        ),
        population="312 identities of celebahq1024 and their pseudo-fakes, degraded by the ladder of 2026-02",
        facts={
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "container": "mov,mp4,m4a",
            "codec": "h264",
            "frames": 210,
            "fps": 25.0,
            "duration_s": 8.4,
            "bitrate_bps": 1_250_000,
            "jpeg_quality": None,
            "rotated": False,
            "double_compressed": float("nan"),
        },
        versions={"likeness": "0.1.0", "calibration": "file-1", "face_mesh": "v2"},
    )


def still_verdict() -> Verdict:
    track = make_track(0, 1)
    score = TrackScore(0, -1.25, np.array([0]), np.array([-1.25], np.float32), -0.93, True)
    residual = Evidence(
        detector="residual_statistics",
        cue="local statistics of noise residuals",
        question="blended",
        status="scored",
        weights="residual_statistics-1",
        score=-1.25,
        llr=-0.93,
        track_id=0,
        tracks=(score,),
        heatmaps=(make_heatmap(track, 0),),
        note="Residuals are alike inside and around the face.",
    )
    return Verdict(
        name="portrait.jpg",
        sha256="ab" * 32,
        label="no_manipulation_found",
        llr=-0.93,
        reasons=("One detector ran and found nothing unusual.",),
        question_llrs={"blended": -0.93},
        evidence=(residual,),
        tracks=(track,),
        limits=("One still picture: no cue over time.",),
        population="312 identities of celebahq1024",
        facts={"codec": "jpeg", "jpeg_quality": 92},
        versions={"likeness": "0.1.0"},
    )


def no_face_verdict() -> Verdict:
    return Verdict(
        name="street.jpg",
        sha256="cd" * 32,
        label="inconclusive",
        llr=None,
        reasons=("No face was found, and every detector that ran needs one.",),
        evidence=(
            Evidence(
                "residual_statistics",
                "local statistics of noise residuals",
                "blended",
                "not_applicable",
                note="There is no face to examine.",
            ),
        ),
    )


def jpeg_of(image: np.ndarray) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(image).save(out, "JPEG", quality=88)
    return out.getvalue()


def pictures_of(verdict: Verdict, image: np.ndarray, rows: tuple[int, ...]) -> tuple[Picture, ...]:
    found = []
    for track in verdict.tracks:
        for row in rows:
            if row >= len(track):
                continue
            x0, y0, x1, y1 = (round(float(v)) for v in track.boxes_px[row])
            x0, y0, x1, y1 = max(0, x0 - 45), max(0, y0 - 20), min(512, x1 + 45), min(512, y1 + 20)
            data = jpeg_of(image[y0:y1, x0:x1])
            frame = int(track.frame_indices[row])
            found.append(Picture(data, "image/jpeg", (x0, y0, x1, y1), frame, track.track_id))
    return tuple(found)


@pytest.fixture(scope="session")
def clip_item(portrait: np.ndarray) -> ReportItem:
    verdict = clip_verdict()
    pictures = pictures_of(verdict, portrait, (0, 12, 26, 41))
    return ReportItem(
        "footage/interview_take2.mp4",
        verdict,
        pictures=pictures,
        part_info=PART_INFO,
        scale=SCALE,
    )


@pytest.fixture(scope="session")
def still_item(portrait: np.ndarray) -> ReportItem:
    verdict = still_verdict()
    pictures = pictures_of(verdict, portrait, (0,))
    return ReportItem("portrait.jpg", verdict, pictures=pictures, part_info=PART_INFO, scale=SCALE)


@pytest.fixture(scope="session")
def no_face_item() -> ReportItem:
    return ReportItem("street.jpg", no_face_verdict(), part_info=PART_INFO, scale=SCALE)


@pytest.fixture(scope="session")
def failed_item() -> ReportItem:
    error = Failure.of(MediaError("notes.txt: expected a picture, video or recording, got text"))
    return ReportItem("notes.txt", error=error)


@pytest.fixture(scope="session")
def batch(clip_item, still_item, no_face_item, failed_item) -> tuple[ReportItem, ...]:
    return (clip_item, still_item, no_face_item, failed_item)
