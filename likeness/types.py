"""The nouns of the project and its two protocols: numpy and the standard library only.

Every array is checked for shape and dtype when a noun is built, so that a wrong array is noticed where it is made and
not three rooms later. Nouns are frozen and compare by value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from typing import Any, BinaryIO, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from likeness.errors import ShapeError

FloatArray = npt.NDArray[np.float32]
DoubleArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.int64]
ImageArray = npt.NDArray[np.uint8]

MediaKind = Literal["image", "video", "audio"]
Status = Literal["scored", "not_applicable", "failed"]
Label = Literal["manipulation_likely", "inconclusive", "no_manipulation_found"]
Question = Literal["blended", "synthesised", "reenacted"]
QUESTIONS: tuple[Question, ...] = ("blended", "synthesised", "reenacted")
Basis = Literal[
    "own_likeness", "written_consent", "dataset_terms", "public_domain", "synthetic_person"
]
Purpose = Literal["research", "education", "journalism", "art", "production"]
ClaimSource = Literal["credentials", "watermark", "metadata"]
ClaimContent = Literal["generated", "edited", "captured", "unstated"]
LANDMARK_COUNT = 478


def check_array(name: str, value: Any, shape: tuple[int | None, ...], dtype: type) -> None:
    """Raise `ShapeError` unless `value` is an array of `dtype` whose shape fits (None = any size)."""
    expected = (
        f"{np.dtype(dtype).name} array of shape {tuple('*' if s is None else s for s in shape)}"
    )
    if not isinstance(value, np.ndarray):
        raise ShapeError(name, expected, type(value).__name__)
    fits = len(value.shape) == len(shape) and all(
        s is None or s == n for s, n in zip(shape, value.shape, strict=True)
    )
    if not fits or value.dtype != np.dtype(dtype):
        raise ShapeError(name, expected, f"{value.dtype.name} array of shape {value.shape}")


def same_value(a: Any, b: Any) -> bool:
    """Equality that looks into arrays (NaN equals NaN), sequences, mappings and nouns."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        both = isinstance(a, np.ndarray) and isinstance(b, np.ndarray)
        return both and a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(same_value(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(same_value(a[k], b[k]) for k in a)
    if isinstance(a, float) and isinstance(b, float) and a != a and b != b:
        return True
    return bool(a == b)


class _Value:
    """Value equality for frozen dataclasses that hold arrays."""

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        names = [f.name for f in fields(self) if f.compare]  # type: ignore[arg-type]
        return all(same_value(getattr(self, n), getattr(other, n)) for n in names)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, eq=False)
class Frame(_Value):
    """One decoded picture.

    Attributes:
        image: (H, W, 3) uint8 RGB, upright (rotation and EXIF orientation already applied).
        index: position in the clip in display order, from 0.
        time_s: presentation time in seconds from the first frame.
        sha256: hash of the input file that the frame was decoded from; empty for pixels that came from no file
            (drawn, degraded or generated): such a frame may not be written as an original.
    """

    image: ImageArray
    index: int
    time_s: float
    sha256: str = ""

    def __post_init__(self) -> None:
        check_array("Frame.image", self.image, (None, None, 3), np.uint8)


class FrameSource(Protocol):
    """Lazy access to the frames of a clip behind one shared decode cache."""

    def __len__(self) -> int:
        """Number of frames."""
        ...

    def __iter__(self) -> Iterator[Frame]:
        """All frames in display order; streaming, nothing is kept that does not fit the cache."""
        ...

    def at(self, indices: Iterable[int]) -> Iterator[Frame]:
        """The frames at `indices`, yielded in ascending order, each once; damaged ones are left out."""
        ...

    def close(self) -> None:
        """Let go of the file and of the cache; nothing can be read afterwards."""
        ...


@runtime_checkable
class AudioSource(Protocol):
    """Lazy access to sound."""

    sample_rate_hz: int

    def samples(self) -> FloatArray:
        """(N,) float32 mono in [-1, 1]."""
        ...


FactValue = str | int | float | bool | None


@runtime_checkable
class RawFile(Protocol):
    """The bytes of the file that a clip was opened from."""

    size_bytes: int
    media_type: str

    def open(self) -> BinaryIO:
        """A new read-only seekable file over the very bytes whose hash is `Clip.sha256`; the caller closes it."""
        ...

    def sidecar(self) -> bytes | None:
        """Content credentials that lie beside it as `name.ext.c2pa`; None if there are none. At most 16 MiB + 1 byte."""
        ...


@dataclass(frozen=True, eq=False)
class Clip(_Value):
    """One opened item: a picture is a clip of one frame, a recording is a clip of none.

    Attributes:
        name: what a person calls it: the file's name, or a word for bytes and drawn clips. Never used as a path.
        kind: image, video or audio.
        frames: lazy frames, see `FrameSource`.
        fps: mean frame rate in Hz; 0 for pictures and sound.
        timestamps_s: (T,) float64 presentation times, true for variable frame rate.
        size_wh: width and height in pixels of the upright frames; (0, 0) for sound only.
        audio: sound, or None.
        sha256: hex hash of the file's bytes; empty for clips that were made in memory.
        facts: container facts for the report (codec, bitrate, JPEG quality, ...), in display order.
        raw: the file's bytes, for what is written beside the pixels (credentials, metadata); None for clips that were
            made in memory.
    """

    name: str
    kind: MediaKind
    frames: FrameSource = field(compare=False)
    fps: float
    timestamps_s: DoubleArray
    size_wh: tuple[int, int]
    audio: AudioSource | None = field(default=None, compare=False)
    sha256: str = ""
    facts: Mapping[str, FactValue] = field(default_factory=dict)
    raw: RawFile | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        check_array("Clip.timestamps_s", self.timestamps_s, (None,), np.float64)

    @property
    def duration_s(self) -> float:
        """Playing time in seconds: last timestamp plus one frame; 0 for pictures and sound only."""
        if self.kind != "video" or len(self.timestamps_s) == 0:
            return 0.0
        return float(self.timestamps_s[-1]) + (1.0 / self.fps if self.fps > 0 else 0.0)


@dataclass(frozen=True, eq=False)
class FaceQuality(_Value):
    """Quality of one face over time; every array is (T,) float32 unless said otherwise.

    Attributes:
        eye_distance_px: pixels between the eye centres in the frame.
        sharpness: log10 variance of the Laplacian of the face at 128 px; higher = sharper.
        jpeg_quality: estimated compression of the face as a JPEG-equivalent quality, 1-100.
        visible: share of the face box inside the frame and not hidden, 0-1.
        eye_aspect_ratio: (T, 2) right and left eye opening over width (Soukupova and Cech 2016); about 0.2 = closed.
    """

    eye_distance_px: FloatArray
    sharpness: FloatArray
    jpeg_quality: FloatArray
    visible: FloatArray
    eye_aspect_ratio: FloatArray

    def __post_init__(self) -> None:
        for name in ("eye_distance_px", "sharpness", "jpeg_quality", "visible"):
            check_array(f"FaceQuality.{name}", getattr(self, name), (None,), np.float32)
        check_array("FaceQuality.eye_aspect_ratio", self.eye_aspect_ratio, (None, 2), np.float32)


@dataclass(frozen=True, eq=False)
class FaceTrack(_Value):
    """One person over time, at the T frames that were examined.

    Attributes:
        track_id: number within the clip, from 0, in order of first appearance.
        frame_indices: (T,) int64 ascending positions in the clip.
        times_s: (T,) float64 their presentation times.
        boxes_px: (T, 4) float32 xyxy of the face (hull of the landmarks, forehead included).
        landmarks_px: (T, 478, 2) float32 in frame pixels, MediaPipe mesh order (468 mesh + 10 iris points).
        pose_deg: (T, 3) float32 yaw, pitch, roll in degrees; positive yaw = the face turns to the image's right,
            positive pitch = it looks up, positive roll = it leans clockwise in the image.
        confidence: (T,) float32 face presence probability, 0-1.
        quality: see `FaceQuality`.
        bridged: (T,) bool, True where the face was not seen and its place was interpolated.
    """

    track_id: int
    frame_indices: IndexArray
    times_s: DoubleArray
    boxes_px: FloatArray
    landmarks_px: FloatArray
    pose_deg: FloatArray
    confidence: FloatArray
    quality: FaceQuality
    bridged: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        check_array("FaceTrack.frame_indices", self.frame_indices, (None,), np.int64)
        t = len(self.frame_indices)
        check_array("FaceTrack.times_s", self.times_s, (t,), np.float64)
        check_array("FaceTrack.boxes_px", self.boxes_px, (t, 4), np.float32)
        check_array("FaceTrack.landmarks_px", self.landmarks_px, (t, LANDMARK_COUNT, 2), np.float32)
        check_array("FaceTrack.pose_deg", self.pose_deg, (t, 3), np.float32)
        check_array("FaceTrack.confidence", self.confidence, (t,), np.float32)
        check_array("FaceTrack.quality.visible", self.quality.visible, (t,), np.float32)
        check_array("FaceTrack.bridged", self.bridged, (t,), np.bool_)

    def __len__(self) -> int:
        return len(self.frame_indices)


@dataclass(frozen=True, eq=False)
class FaceCrop(_Value):
    """An aligned face: what detectors, trainers and generators exchange.

    Attributes:
        image: (S, S, 3) uint8 RGB.
        mask: (S, S) float32 in [0, 1]; 1 where the face is.
        matrix: (2, 3) float64 affine that takes frame pixels to crop pixels; its inverse pastes back.
        landmarks_px: (478, 2) float32 in crop pixels, MediaPipe mesh order; None where they are not known.
    """

    image: ImageArray
    mask: FloatArray
    matrix: DoubleArray
    landmarks_px: FloatArray | None = None

    def __post_init__(self) -> None:
        check_array("FaceCrop.image", self.image, (None, None, 3), np.uint8)
        size = self.image.shape[0]
        check_array("FaceCrop.image", self.image, (size, size, 3), np.uint8)
        check_array("FaceCrop.mask", self.mask, (size, size), np.float32)
        check_array("FaceCrop.matrix", self.matrix, (2, 3), np.float64)
        if self.landmarks_px is not None:
            check_array("FaceCrop.landmarks_px", self.landmarks_px, (LANDMARK_COUNT, 2), np.float32)
        if self.mask.size and not (self.mask.min() >= 0.0 and self.mask.max() <= 1.0):
            raise ShapeError(
                "FaceCrop.mask", "values in [0, 1]", f"[{self.mask.min()}, {self.mask.max()}]"
            )


@dataclass(frozen=True, eq=False)
class Heatmap(_Value):
    """Where in one frame the evidence lies.

    Attributes:
        values: (h, w) float32 in [0, 1]; higher = more of the cue. Row 0 is the top of the crop.
        frame_index: frame that it belongs to.
        track_id: face that it belongs to; None for the whole picture.
        corners_px: (4, 2) float32 where the map's corners lie in the frame: top-left, top-right, bottom-right,
            bottom-left (crops may be rotated).
    """

    values: FloatArray
    frame_index: int
    track_id: int | None
    corners_px: FloatArray

    def __post_init__(self) -> None:
        check_array("Heatmap.values", self.values, (None, None), np.float32)
        check_array("Heatmap.corners_px", self.corners_px, (4, 2), np.float32)


@dataclass(frozen=True, eq=False)
class TrackScore(_Value):
    """What one detector found on one face.

    Attributes:
        track_id: the face; None for a finding about the whole picture.
        score: aggregated raw score (logit unless the detector says otherwise); higher = more likely manipulated.
        frame_indices: (F,) int64 frames that were scored.
        frame_scores: (F,) float32 raw score of each.
        llr: calibrated log10 likelihood ratio of `score`; None if uncalibrated.
        in_domain: whether the face looks like those the calibration knows; None if not checked.
    """

    track_id: int | None
    score: float
    frame_indices: IndexArray
    frame_scores: FloatArray
    llr: float | None = None
    in_domain: bool | None = None

    def __post_init__(self) -> None:
        check_array("TrackScore.frame_indices", self.frame_indices, (None,), np.int64)
        check_array(
            "TrackScore.frame_scores", self.frame_scores, (len(self.frame_indices),), np.float32
        )


@dataclass(frozen=True)
class Span:
    """A stretch of time in which a cue shows, in seconds; `score` is its mean raw score."""

    start_s: float
    end_s: float
    score: float
    track_id: int | None = None


@dataclass(frozen=True)
class Claim:
    """What a file says of its own making: a signed manifest, a watermark or a line of metadata.

    Attributes:
        source: where it stands.
        says: that the media were generated, edited, or captured by a camera; unstated where it speaks of none of them.
        decides: True only for content credentials whose hash verifies and whose signer is trusted. Everything else can
            be forged or copied: it is shown and never decides.
        text: one plain sentence for the reader.
        details: what was read, in display order.
    """

    source: ClaimSource
    says: ClaimContent
    decides: bool
    text: str
    details: Mapping[str, FactValue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.decides and self.source != "credentials":
            raise ShapeError("Claim.decides", "False for a watermark or metadata", "True")


@dataclass(frozen=True, eq=False)
class Evidence(_Value):
    """One detector's finding about one clip.

    Attributes:
        detector: name of the part.
        weights: tag of the weights that were used; empty if it has none.
        cue: the cue in the field's words.
        question: which of the fusion's questions it speaks to.
        status: scored, not_applicable (an expected outcome; `note` says why) or failed (`note` says what broke).
        score: raw score of the strongest face; higher = more likely manipulated. None unless scored.
        llr: its calibrated log10 likelihood ratio; None if uncalibrated.
        track_id: the strongest face; None for the whole picture.
        tracks: the finding per face.
        spans: stretches of time in which the cue shows.
        heatmaps: where it shows.
        note: one plain sentence.
        claims: what the file says of its own making, see `Claim`; only the detector `marks` makes them.
    """

    detector: str
    cue: str
    question: Question
    status: Status
    weights: str = ""
    score: float | None = None
    llr: float | None = None
    track_id: int | None = None
    tracks: tuple[TrackScore, ...] = ()
    spans: tuple[Span, ...] = ()
    heatmaps: tuple[Heatmap, ...] = ()
    note: str = ""
    claims: tuple[Claim, ...] = ()

    def __post_init__(self) -> None:
        if (self.status == "scored") != (self.score is not None):
            raise ShapeError(
                f"Evidence.score of {self.detector}",
                "a number exactly when status is 'scored'",
                f"status {self.status!r} with score {self.score!r}",
            )
        if self.score is not None and not np.isfinite(self.score):
            raise ShapeError(
                f"Evidence.score of {self.detector}", "a finite number", str(self.score)
            )


@dataclass(frozen=True, eq=False)
class Verdict(_Value):
    """The answer about one file.

    Attributes:
        name: what was examined.
        sha256: hash of its bytes.
        label: manipulation_likely, inconclusive or no_manipulation_found; never "real".
        llr: fused log10 likelihood ratio (file level); None where there is nothing to fuse.
        reasons: plain sentences that carry the label, the weightiest first.
        question_llrs: fused llr per question that was answered.
        evidence: every detector's finding, scored or not.
        tracks: the faces.
        limits: what this answer cannot carry, in plain sentences.
        population: who the calibration was fitted on.
        facts: the file's facts.
        versions: package, weights and calibration tags.
    """

    name: str
    sha256: str
    label: Label
    llr: float | None
    reasons: tuple[str, ...]
    question_llrs: Mapping[str, float] = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
    tracks: tuple[FaceTrack, ...] = ()
    limits: tuple[str, ...] = ()
    population: str = ""
    facts: Mapping[str, FactValue] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reference:
    """A picture of the person of a consent record: its file name beside the record, and its hash."""

    file: str
    sha256: str


@dataclass(frozen=True)
class Consent:
    """That a person agreed to, or terms allow, the generation of their likeness: record-keeping, no proof of identity.

    Attributes:
        subject: who, in words that the record's keeper understands; never written into an output.
        basis: why it is allowed.
        purpose: what for; a job with another purpose is refused.
        expires: last day on which it holds.
        document_sha256: hash of the signed letter or of the terms; of the picture itself for a synthetic person.
        adult: attests that the person is of age; False is refused.
        no_sexual_use: attests that sexual use is excluded; False is refused.
        references: pictures of the person; faces that are generated over must match one.
        subject_key: the person's Ed25519 public key, base64; empty where the record is not signed by them.
        signature: Ed25519 signature, base64: over a synthetic person's record by the toolkit's own key.
    """

    subject: str
    basis: Basis
    purpose: Purpose
    expires: date
    document_sha256: str
    adult: bool
    no_sexual_use: bool
    references: tuple[Reference, ...] = ()
    subject_key: str = ""
    signature: str = ""


@dataclass(frozen=True, eq=False)
class GenerateRequest(_Value):
    """What a generator gets: any of a source identity, a target crop and a seed."""

    source: FaceCrop | None = None
    target: FaceCrop | None = None
    seed: int = 0


class Detector(Protocol):
    """Looks for one cue of manipulation. Nothing to inherit; see `likeness.testing.check_detector`."""

    def analyse(self, clip: Clip, tracks: Sequence[FaceTrack]) -> Evidence:
        """Examine `clip`; expected outcomes are values (`not_applicable`), broken promises are exceptions."""
        ...


class Generator(Protocol):
    """Makes one face crop."""

    def generate(self, request: GenerateRequest) -> FaceCrop:
        """Make a crop for `request`, deterministic for its seed."""
        ...


Progress = Callable[[str, int, int | None], None]
"""Called as progress(what, done, total): what is being done, how many are done, how many in all (None = unknown)."""
