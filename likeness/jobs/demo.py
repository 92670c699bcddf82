"""The use case `demo`: the main job on what the package and its dependencies carry.

The NASA portrait of scikit-image, a pseudo-fake made of it, and a short clip of each, made by moving the picture. The
manipulated pictures stay in memory; where the report shows them they carry credentials, a watermark and a visible label.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from importlib.resources import files
from pathlib import Path

import numpy as np

from likeness import media
from likeness.data import PseudoFakeConfig, make_pseudo_fake
from likeness.jobs.detect import Examination, Examiner, find_tracks
from likeness.jobs.reporting import report_item
from likeness.provenance import Ingredient, KeyStore, Making, encode_marked
from likeness.report import ReportItem
from likeness.types import Clip, Consent, Frame, ImageArray, Progress

FAKE_LABEL = "PSEUDO-FAKE made by Likeness"
MOVED_LABEL = "Portrait moved by Likeness"
SEED = 4  # an example that shows something; how often blends are caught stands in benchmarks/
CLIP_FRAMES = 50
TERMS = (
    "Portrait of an astronaut, NASA Great Images database (https://flic.kr/p/r9qvLn), as shipped by scikit-image: "
    "no known copyright restrictions, released into the public domain."
)
_JOB_ID = int.from_bytes(b"demo")
_MAKERS = {FAKE_LABEL: "pseudo-fake", MOVED_LABEL: "moving portrait"}


@dataclass(frozen=True)
class DemoCase:
    """One of the four examinations.

    Attributes:
        title: what it is, for people.
        manipulated: whether it was.
        examination: what came out.
        item: the same for the report.
    """

    title: str
    manipulated: bool
    examination: Examination
    item: ReportItem


def demo(keys: KeyStore, today: date, progress: Progress | None = None) -> list[DemoCase]:
    """Examine the untouched and the manipulated portrait, as a still and as a clip.

    Args:
        keys: sign the pictures of the report that came from no file.
        today: the day that stands in their credentials.
        progress: see `Progress`.
    """
    examiner = Examiner()
    original = media.open_clip(portrait_path())
    image = next(iter(original.frames)).image
    fake = pseudo_fake(image)
    cases = [_case(examiner, "portrait, untouched", original, None, progress)]
    for title, clip, label in (
        ("portrait, pseudo-fake", media.clip_from_frames([fake]), FAKE_LABEL),
        ("clip, untouched", _moving(image, "clip, untouched"), MOVED_LABEL),
        ("clip, pseudo-fake", _moving(fake, "clip, pseudo-fake"), FAKE_LABEL),
    ):
        made = Made(label, making(_MAKERS[label], original.sha256, today), keys)
        cases.append(_case(examiner, title, clip, made, progress))
    return cases


def making(generator: str, portrait_sha256: str, today: date) -> Making:
    """What the credentials of the demonstration's pictures say; the portrait's terms stand for its consent."""
    terms = Consent(
        subject="the astronaut of the NASA portrait",
        basis="public_domain",
        purpose="research",
        expires=today,
        document_sha256=hashlib.sha256(TERMS.encode()).hexdigest(),
        adult=True,
        no_sexual_use=True,
    )
    return Making(
        generator=generator,
        digital_source="compositeWithTrainedAlgorithmicMedia",
        consents=(terms,),
        purpose="research",
        today=today,
        job_id=_JOB_ID,
        ingredients=(Ingredient("astronaut.png", portrait_sha256, "image/png"),),
    )


def portrait_path() -> Path:
    """The NASA portrait (public domain) that scikit-image ships: 512x512, one frontal face."""
    return Path(str(files("skimage.data") / "astronaut.png"))


def pseudo_fake(image: ImageArray) -> ImageArray:
    """A self-blend of the main face, the same on every run."""
    (track,) = find_tracks(media.clip_from_frames([image]), 1)
    config = PseudoFakeConfig(ratios=(1.0,)).only("self_blend_full")
    return make_pseudo_fake(image, track.landmarks_px[0], np.random.default_rng(SEED), config).image


def moved(image: ImageArray, count: int) -> list[ImageArray]:
    """`count` frames of a picture that sways and zooms a little, (H, W, 3) each."""
    return list(_moved(image, count))


def _moved(image: ImageArray, count: int) -> Iterator[ImageArray]:
    import cv2

    h, w = image.shape[:2]
    for phase in np.linspace(0.0, 2.0 * np.pi, count, endpoint=False):
        zoom = 1.04 + 0.02 * np.sin(phase)
        matrix = cv2.getRotationMatrix2D((w / 2.0, h / 2.0), float(np.sin(phase)), float(zoom))
        matrix[:, 2] += (6.0 * np.sin(phase), 4.0 * np.sin(2.0 * phase))
        yield cv2.warpAffine(
            image, matrix, (w, h), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
        )


def _moving(image: ImageArray, title: str) -> Clip:
    return media.clip_from_frames(moved(image, CLIP_FRAMES), 25.0, title)


@dataclass(frozen=True)
class Made:
    """How a case that came from no file is shown."""

    label: str
    making: Making
    keys: KeyStore


def _case(
    examiner: Examiner, title: str, clip: Clip, made: Made | None, progress: Progress | None
) -> DemoCase:
    examination = examiner.examine(clip, progress)
    if made is None:
        return DemoCase(title, False, examination, report_item(title, examination))
    item = report_item(title, examination, partial(_encode, made), made.label)
    return DemoCase(title, made.label == FAKE_LABEL, examination, item)


def _encode(made: Made, frame: Frame, box: tuple[float, float, float, float]) -> tuple[bytes, str]:
    x0, y0, x1, y1 = (int(v) for v in box)
    cut = np.ascontiguousarray(frame.image[y0:y1, x0:x1])
    return encode_marked(cut, made.making, made.keys), "image/png"
