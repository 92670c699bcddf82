"""What `noise_residual` shows of a whole picture, with a face or without: illustrations that take no part in the score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from likeness.detectors import _noise_blobs as blobs
from likeness.detectors import _noise_history as history
from likeness.detectors import _noise_maps as maps
from likeness.media.coded_luma import CodedLuma, coded_luma
from likeness.types import Clip, DoubleArray, FloatArray, Frame, Heatmap, Reading

GHOSTS = "JPEG ghosts: how much stronger on the face than elsewhere"
ODD_PART = "share of the picture that was compressed another number of times than the rest"
APART = "history of compression: face against the rest (0 = alike, 2 = one once, the other twice)"
_CELL = 8.0
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class WholePicture:
    """Of one frame.

    Attributes:
        heatmaps: of the whole picture: noise; for stills JPEG ghosts, compression history and round blobs, where there are any.
        readings: numbers beside them.
        words: what to add to the sentence about the face; empty where nothing is odd.
    """

    heatmaps: tuple[Heatmap, ...] = ()
    readings: tuple[Reading, ...] = ()
    words: str = ""


def whole_picture(clip: Clip, index: int, box_px: DoubleArray | None = None) -> WholePicture:
    """Look at one frame of a clip.

    Args:
        clip: the clip; a still with its file is read for its compression too.
        index: the frame.
        box_px: (4,) xyxy of the face that the readings are about; None without one.
    """
    for frame in clip.frames.at([index] if len(clip.frames) else []):
        noise = maps.picture_map(frame.image)
        shown = () if noise is None else (maps.as_heatmap(noise, index, None, maps.NOISE),)
        if clip.kind != "image":
            return WholePicture(shown)
        parts = (_ghosts(frame, box_px), _histories(clip, frame, box_px), _blobs(frame))
        return WholePicture(
            (*shown, *(h for part in parts for h in part.heatmaps)),
            tuple(r for part in parts for r in part.readings),
            "".join(part.words for part in parts),
        )
    return WholePicture()


def _ghosts(frame: Frame, box_px: DoubleArray | None) -> WholePicture:
    found = maps.ghost_map(frame.image)
    if found is None:
        return WholePicture()
    heatmap = maps.as_heatmap(found, frame.index, None, "JPEG ghosts")
    values = heatmap.values  # rounded as it is shown
    face = _cells_of(box_px, values.shape)
    gap = () if face is None else (float(values[face].mean() - values[~face].mean()),)
    readings = tuple(Reading(GHOSTS, float(np.float32(v))) for v in gap)
    return WholePicture((heatmap,), readings)


def _histories(clip: Clip, frame: Frame, box_px: DoubleArray | None) -> WholePicture:
    """Once or twice compressed, block by block, read from the file as it is coded."""
    coded = coded_luma(clip.raw, maps.MOST_GHOST_PIXELS)
    found = None if coded is None else history.block_history(coded.luma, coded.table)
    if coded is None or found is None or found.modes < history.FEWEST_MODES:
        return WholePicture()
    odd = history.odd_part(found)
    share = float((odd > 0.5).mean())
    readings = [Reading(ODD_PART, float(np.float32(share)))]
    values, corner = _upright(odd, coded)
    drawn = maps.as_heatmap(values, frame.index, None, "compressed once or twice", corner)
    shown = (drawn,) if share > 0.0 else ()
    face = _cells_of(box_px, values.shape, corner)
    if face is not None:
        apart = history.apart(_turned(found, coded), face)
        readings += [] if apart is None else [Reading(APART, float(np.float32(apart)))]
    return WholePicture(shown, tuple(readings), _ODD if share > 0.0 else "")


_ODD = "; a part of the picture was compressed another number of times than the rest, as after putting something in"


def _blobs(frame: Frame) -> WholePicture:
    found = blobs.find_blobs(frame.image)
    if found is None:
        return WholePicture()
    reading = Reading(blobs.NAME, found.strongest, blobs.UNIT, blobs.USUAL)
    if found.strongest <= blobs.USUAL[1]:
        return WholePicture((), (reading,))
    height, width = frame.image.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    heatmap = Heatmap(found.map, frame.index, None, corners - np.float32(0.5), "round blobs")
    return WholePicture((heatmap,), (reading,))


def _upright(values: FloatArray, coded: CodedLuma) -> tuple[FloatArray, tuple[int, int]]:
    """The map turned as the picture is, and where its left upper corner then lies: the grid begins at the coded corner."""
    turned = coded.orientation
    rows, columns = coded.luma.shape
    over = (columns % 8, rows % 8)
    over = over[::-1] if turned.transpose else over
    corner = (over[0] if turned.mirror_x else 0, over[1] if turned.mirror_y else 0)
    return np.asarray(_turn(values, coded), np.float32), corner


def _turn(values: npt.NDArray[np.floating], coded: CodedLuma) -> npt.NDArray[np.floating]:
    turned = coded.orientation
    values = values.T if turned.transpose else values
    values = values[:, ::-1] if turned.mirror_x else values
    return np.ascontiguousarray(values[::-1] if turned.mirror_y else values)


def _turned(found: history.History, coded: CodedLuma) -> history.History:
    ratios, weight = (np.asarray(_turn(v, coded), np.float64) for v in (found.ratios, found.weight))
    return history.History(ratios, weight, found.modes)


def _cells_of(
    box_px: DoubleArray | None, shape: Sequence[int], corner: tuple[int, int] = (0, 0)
) -> Mask | None:
    """(R, C) bool cells of 8 px that the face's box covers; None where that is none or all."""
    if box_px is None:
        return None
    moved = np.asarray(box_px, np.float64) - np.array([*corner, *corner])
    left, top, right, bottom = np.maximum((moved / _CELL).astype(int), 0)
    face = np.zeros(tuple(shape), np.bool_)
    face[top:bottom, left:right] = True
    return face if face.any() and not face.all() else None
