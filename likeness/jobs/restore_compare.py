"""The sheet of `restore --compare`: what every mode makes of a picture, side by side and with figures, as one marked picture."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from likeness import media
from likeness.errors import UsageError
from likeness.jobs.restore import (
    Bench,
    RestoreOptions,
    build_restorer,
    making_of,
    on_bench,
    repaired,
    require_permitted,
)
from likeness.jobs.restore_faces import LARGEST_SHIFT, identity_shifts
from likeness.jobs.restore_modes import MODES
from likeness.jobs.swap_options import SwapPermit
from likeness.provenance.writing import Written, write_marked
from likeness.provenance.writing_frames import GeneratedFrame
from likeness.provenance.writing_target import WriteOptions, check_target
from likeness.types import FactValue, FloatArray, ImageArray, Progress

PANEL_PX = 320
_LINE_PX = 20
_ACROSS = 4
_PAPER, _GRAIN = 150.0, 14.0  # levels of the paper that the whole picture lies on


@dataclass(frozen=True)
class ModeFigures:
    """What a mode did to a picture.

    Attributes:
        mode: its name.
        psnr_db: peak signal-to-noise ratio to the yardstick; inf where nothing differs.
        ssim: structural similarity to it.
        shift: largest identity distance of its faces to the input.
        refused: whether a face would be somebody else's: it is not shown.
    """

    mode: str
    psnr_db: float
    ssim: float
    shift: float
    refused: bool


@dataclass(frozen=True)
class Comparison:
    """What came out.

    Attributes:
        written: the marked sheet.
        figures: one for each mode, in the order of the sheet.
        yardstick: what they are measured against: the input, or the name of the reference.
    """

    written: Written
    figures: tuple[ModeFigures, ...]
    yardstick: str


def compare(
    picture: Path,
    out: Path,
    permit: SwapPermit,
    options: RestoreOptions | None = None,
    reference: Path | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Put a picture through every mode and write a sheet.

    Args:
        picture: a still picture with at least one face.
        out: where the sheet goes.
        permit: as for `likeness.jobs.restore.restore`.
        options: as for `restore`; the mode is the one that is shown as a whole, below the close-ups of all.
        reference: a clean picture of the same scene and shape; figures are then measured against it, not the input.
        progress: see `likeness.types.Progress`.

    Raises:
        UsageError: the reference has another shape.
        ConsentError, MediaError, WeightsError, OutputError, MarkError, MissingExtraError: as `restore`. A mode that would show
            somebody else is named on the sheet and not shown.
    """
    options = options or RestoreOptions()
    require_permitted(permit)
    with ExitStack() as stack:
        bench = on_bench(picture, permit, options.limits, stack)
        clean = _reference(reference, bench, options.limits, stack)
        restorer = build_restorer(options)
        told: dict[str, FactValue] = {
            "sheet": "every mode",
            "strength": options.strength,
            "dictionaries": options.dictionaries,
        }
        told["weights"] = str(getattr(restorer, "tag", ""))
        making = making_of(bench.clip, permit, told)
        write = WriteOptions(progress=progress)
        count = len(MODES) + 1 + (clean is not None)
        check_target(out, _sheet_wh(bench.clip.size_wh, count), making, permit.keys, write)
        cells = [_cell(bench.image, bench, ["input"])]
        found: list[ModeFigures] = []
        shown = bench.image
        for name in MODES:
            if progress is not None:
                progress("restoring", len(found), len(MODES))
            made, figures = _tried(bench, name, restorer, replace(options, mode=name), clean)
            found.append(figures)
            cells.append(_cell(made, bench, _words(figures)))
            shown = made if name == options.mode else shown
        if clean is not None:
            cells.append(_cell(clean, bench, ["reference"]))
        sheet, emphasis = _sheet(cells, shown)
        frame = GeneratedFrame(sheet, 0.0, emphasis)
        written = write_marked([frame], out, making, permit.keys, write)
    return Comparison(written, tuple(found), reference.name if reference else "the input")


def psnr_db(image: ImageArray, wanted: ImageArray) -> float:
    """Peak signal-to-noise ratio of two pictures of one size; inf for equal ones."""
    error = float(np.square(image.astype(np.float64) - wanted).mean())
    return 10.0 * float(np.log10(255.0**2 / error)) if error else float("inf")


def ssim(image: ImageArray, wanted: ImageArray) -> float:
    """Structural similarity of the lightness (Wang et al. 2004, Gaussian windows), 1 = equal."""
    import cv2
    from skimage.metrics import structural_similarity

    greys = [cv2.cvtColor(i, cv2.COLOR_RGB2GRAY) for i in (image, wanted)]
    measure: Any = structural_similarity
    return float(measure(*greys, gaussian_weights=True, sigma=1.5, data_range=255))


def _reference(
    path: Path | None, bench: Bench, limits: media.Limits, stack: ExitStack
) -> ImageArray | None:
    if path is None:
        return None
    clip = media.open_clip(path, limits)
    stack.callback(clip.frames.close)
    (width, height), (own_w, own_h) = clip.size_wh, bench.clip.size_wh
    if clip.kind != "image" or (width, height) not in ((own_w, own_h), (2 * own_w, 2 * own_h)):
        raise UsageError(
            f"--reference {path.name}: expected a picture of {own_w}x{own_h} pixels (or twice that), got a {clip.kind} of "
            f"{width}x{height}"
        )
    return next(iter(clip.frames)).image


def _tried(
    bench: Bench, name: str, restorer: object, options: RestoreOptions, clean: ImageArray | None
) -> tuple[ImageArray, ModeFigures]:
    """What a mode makes of the picture, and its figures."""
    mode = MODES[name]
    before, after, faces = repaired(bench, mode, restorer, options.strength)  # type: ignore[arg-type]
    yardstick = _sized(clean, (after.shape[1], after.shape[0])) if clean is not None else before
    shift = max(identity_shifts(before, after, faces, bench.embed))
    refused = not shift <= LARGEST_SHIFT
    figures = ModeFigures(name, psnr_db(after, yardstick), ssim(after, yardstick), shift, refused)
    return (before if refused else after), figures


def _words(figures: ModeFigures) -> list[str]:
    if figures.refused:
        return [figures.mode, "refused:", f"identity {figures.shift:.2f}", "input shown"]
    return [
        figures.mode,
        f"PSNR {figures.psnr_db:.1f} dB",
        f"SSIM {figures.ssim:.3f}",
        f"identity {figures.shift:.2f}",
    ]


def _sheet_wh(size_wh: tuple[int, int], cells: int) -> tuple[int, int]:
    wide = _ACROSS * PANEL_PX
    return wide, -(-cells // _ACROSS) * PANEL_PX + _whole_px(size_wh)


def _whole_px(size_wh: tuple[int, int]) -> int:
    """Height of the panel with the whole picture, which is shown at its own size or reduced."""
    shown = _reduced_wh(size_wh)
    return max(shown[1] + 2 * _LINE_PX, PANEL_PX)


def _reduced_wh(size_wh: tuple[int, int]) -> tuple[int, int]:
    """Never enlarged: an enlarged soft picture is so smooth that no watermark holds in it."""
    scale = min(1.0, (_ACROSS - 1) * PANEL_PX / size_wh[0], 2 * _ACROSS * PANEL_PX / size_wh[1])
    return max(1, round(size_wh[0] * scale)), max(1, round(size_wh[1] * scale))


def _sheet(cells: Sequence[ImageArray], image: ImageArray) -> tuple[ImageArray, FloatArray]:
    """Close-ups in rows, below them one picture as a whole on paper, and where the watermark shall be stronger.

    A watermark drowns in pictures that repeat, and a worn picture may be too smooth to hold one: the grain of the paper, which is
    there once and is always there, carries it.
    """
    filled = [*cells, *[cells[0]] * (-len(cells) % _ACROSS)]
    rows = [np.concatenate(filled[i : i + _ACROSS], axis=1) for i in range(0, len(filled), _ACROSS)]
    height, width = image.shape[:2]
    wide, tall = _ACROSS * PANEL_PX, _whole_px((width, height))
    grain = np.random.default_rng(0).normal(_PAPER, _GRAIN, (tall, wide, 1))
    whole = np.broadcast_to(np.clip(np.rint(grain), 0, 255), (tall, wide, 3)).astype(np.uint8)
    shown = _sized(image, _reduced_wh((width, height)))
    left, top = (wide - shown.shape[1]) // 2, (tall - shown.shape[0]) // 2
    whole[top : top + shown.shape[0], left : left + shown.shape[1]] = shown
    sheet = np.ascontiguousarray(np.concatenate([*rows, whole], axis=0))
    emphasis = np.zeros(sheet.shape[:2], np.float32)
    emphasis[-tall:] = 1.0
    return sheet, emphasis


def _cell(image: ImageArray, bench: Bench, words: Sequence[str]) -> ImageArray:
    """(PANEL_PX, PANEL_PX, 3): the largest face close up, with words on it."""
    import cv2

    height, width = image.shape[:2]
    boxes = np.stack([t.boxes_px[0] for t in bench.tracks]) * (height / bench.image.shape[0])
    x0, y0, x1, y1 = boxes[np.argmax((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))]
    side = min(height, width, max(16, round(1.3 * float(max(x1 - x0, y1 - y0)))))
    left = int(np.clip((x0 + x1 - side) / 2, 0, width - side))
    top = int(np.clip((y0 + y1 - side) / 2, 0, height - side))
    close = _sized(image[top : top + side, left : left + side], (PANEL_PX, PANEL_PX)).copy()
    for number, line in enumerate(words):
        place = (8, _LINE_PX * (number + 1))
        for colour, thick in (((0, 0, 0), 3), ((255, 255, 255), 1)):
            cv2.putText(
                close, line, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, thick, cv2.LINE_AA
            )
    return close


def _sized(image: ImageArray, size_wh: tuple[int, int]) -> ImageArray:
    import cv2

    smaller = size_wh[0] < image.shape[1]
    how = cv2.INTER_AREA if smaller else cv2.INTER_LANCZOS4
    return np.asarray(cv2.resize(image, size_wh, interpolation=how), np.uint8)
