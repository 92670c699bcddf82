"""What a report is made of: one `ReportItem` per file that was asked about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from likeness.errors import LikenessError, ShapeError
from likeness.types import Verdict

_MAGIC = {"image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG\r\n\x1a\n"}


@dataclass(frozen=True)
class Failure:
    """Why a file has no verdict.

    Attributes:
        type: name of the error's class.
        message: its one line.
        exit_code: what the command line ends with because of it.
    """

    type: str
    message: str
    exit_code: int

    @classmethod
    def of(cls, error: Exception) -> Failure:
        """The failure that `error` stands for; its message on one line."""
        code = error.exit_code if isinstance(error, LikenessError) else 1
        message = " ".join(str(error).split()) or type(error).__name__
        return cls(type(error).__name__, message, code)


@dataclass(frozen=True)
class LlrScale:
    """The scale that log10 likelihood ratios are read on; `None` where it is not known.

    Attributes:
        bound: largest |llr| that the calibration set can support.
        likely_from: llr from which the decision table says `manipulation_likely`.
        none_below: llr up to which it says `no_manipulation_found`.
    """

    bound: float | None = None
    likely_from: float | None = None
    none_below: float | None = None


@dataclass(frozen=True)
class Picture:
    """One already encoded picture of a frame or of a part of it.

    Attributes:
        data: the bytes, as `media.encode_original` or `provenance` encoded them.
        media_type: "image/jpeg" or "image/png".
        box_px: the part of the frame that it shows, xyxy in frame pixels; heatmaps are laid over it by these.
        frame_index: the frame.
        track_id: the face it was cut for; None for the whole picture.
        generated_label: words to show beside generated pixels; None for pixels of the examined file.
    """

    data: bytes = field(repr=False)
    media_type: str
    box_px: tuple[float, float, float, float]
    frame_index: int
    track_id: int | None = None
    generated_label: str | None = None

    def __post_init__(self) -> None:
        magic = _MAGIC.get(self.media_type)
        if magic is None or not self.data.startswith(magic):
            raise ShapeError("Picture.data", f"bytes of {' or '.join(_MAGIC)}", self.media_type)
        x0, y0, x1, y1 = self.box_px
        if not (x1 > x0 and y1 > y0):
            raise ShapeError("Picture.box_px", "xyxy with x0 < x1 and y0 < y1", str(self.box_px))


@dataclass(frozen=True, eq=False)
class ReportItem:
    """One file of the report: a verdict or a failure, never both.

    Attributes:
        path: what was asked for, as the person wrote it. Shown, never opened.
        verdict: the answer.
        error: why there is none.
        pictures: thumbnails of the faces and, for findings about the whole picture, of frames.
        film: small pictures of the faces over time, as many as `film_frames` asks for; the timeline shows them.
        part_info: `INFO` literals of the detectors by name, for the paper and the known failures.
        scale: calibration bound and decision thresholds.
    """

    path: str
    verdict: Verdict | None = None
    error: Failure | None = None
    pictures: tuple[Picture, ...] = ()
    film: tuple[Picture, ...] = ()
    part_info: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    scale: LlrScale = LlrScale()

    def __post_init__(self) -> None:
        if (self.verdict is None) == (self.error is None):
            raise ShapeError(
                f"ReportItem {self.path!r}", "a verdict or an error", "both or neither"
            )
