"""Decoding a video frame by frame: sequential, in display order, from the nearest safe place."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

from likeness.errors import LikenessError
from likeness.media.container import check_size, open_container, prepare_decoder, video_stream
from likeness.media.hostile import parsing
from likeness.media.orientation import UPRIGHT, Orientation, from_display_matrix
from likeness.media.packets import PacketScan
from likeness.media.sniff import Format
from likeness.media.source import ByteSource
from likeness.types import ImageArray

_SEEK_COST = 12  # frames that a seek costs: the reorder buffer and the decoder threads fill again
_DAMAGED_PIXELS = (
    200_000_000  # a hundred frames of 1080p: a recording that starts in mid-stream has fewer
)
_ITU601, _ITU709 = 5, 1  # swscale's names for the colour matrices
_UNSPECIFIED = 2


class VideoDecoder:
    """Frames of one video by index.

    Attributes:
        decoded: frames that came out of the decoder so far, wanted or passed over.
        converted: frames that were turned into RGB so far.
        damaged: indices that were asked for and cannot be decoded.
        errors: packets that the decoder refused.
        resized: frames whose size differed from the first one and that were scaled to it.
        orientation: how frames are turned to be upright (known after the first frame).
        size_wh: coded size of the first frame; (0, 0) before.
    """

    def __init__(self, source: ByteSource, format: Format) -> None:
        from av.video.reformatter import VideoReformatter

        self.decoded = self.converted = self.errors = self.resized = 0
        self.damaged: set[int] = set()
        self.orientation: Orientation = UPRIGHT
        self.size_wh = (0, 0)
        self._source, self._format = source, format
        self._scan: PacketScan | None = None
        self._container: Any = None
        self._stream: Any = None
        self._packets: Any = None
        self._ready: deque[Any] = deque()
        self._ordinal = (
            0  # frames since the start of the stream; an index where packets do not tell
        )
        self._place = 0  # no frame below this index is still to come
        self._may_seek = True
        self._whole = 0
        self._damaged_pixels = 0
        self._reformatter = VideoReformatter()

    def use(self, scan: PacketScan) -> None:
        """Number frames by the stamps of `scan` from now on."""
        self._scan = scan
        self.rewind()

    def rewind(self) -> None:
        """Open the file again: the next frame is the first."""
        self._drop()
        self._container = open_container(self._source, self._format)
        self._stream = video_stream(self._container, self._source)
        prepare_decoder(self._stream, self._source)
        self._packets = self._container.demux(self._stream)
        self._ready.clear()
        self._ordinal = self._place = 0

    @property
    def hopeless(self) -> bool:
        """Whether so much came out damaged that decoding on is a waste: large made-up frames cost seconds each."""
        pixels = self._damaged_pixels
        return pixels > _DAMAGED_PIXELS and pixels > 10 * self._whole * self._area()

    def next_frame(self) -> tuple[int, Any] | None:
        """The next frame in display order as (index, `av` frame), or None at the end (or where it is hopeless)."""
        if self._container is None:
            self.rewind()
        while not self.hopeless:
            while self._ready:
                frame = self._ready.popleft()
                index = self._number(frame)
                if index is not None:
                    self._place = index + 1
                    return index, frame
            if not self._decode_packet():
                return None
        return None

    def frame_at(self, index: int) -> Any | None:
        """The `av` frame at `index`, or None if it is damaged."""
        with parsing(self._source.name, "video"), self._source.stopwatch.running():
            self._source.stopwatch.check()
            if not self.hopeless:
                self._go_near(index)
            while (found := self.next_frame()) is not None:
                number, frame = found
                if number == index:
                    if frame.is_corrupt:
                        break
                    return frame
                if number > index:
                    self._ready.appendleft(frame)  # comes again when it is asked for
                    self._ordinal -= 1
                    self._place = number
                    break
                self._source.stopwatch.check()
        self.damaged.add(index)
        return None

    def image_at(self, index: int) -> ImageArray | None:
        """(H, W, 3) uint8 RGB, upright, or None if the frame is damaged."""
        frame = self.frame_at(index)
        if frame is None:
            return None
        with parsing(self._source.name, "video"), self._source.stopwatch.running():
            return self.to_rgb(frame)

    def luma_at(self, index: int, size_wh: tuple[int, int]) -> ImageArray | None:
        """(h, w) uint8 brightness, scaled and not turned: cheap, for finding cuts."""
        frame = self.frame_at(index)
        if frame is None:
            return None
        with parsing(self._source.name, "video"):
            small = frame.reformat(width=size_wh[0], height=size_wh[1], format="gray", threads=1)
            return np.asarray(small.to_ndarray(), np.uint8)

    def to_rgb(self, frame: Any) -> ImageArray:
        """(H, W, 3) uint8 RGB, upright, of a decoded frame.

        The colour matrix is the coded one; untagged video counts as BT.709 from 1280 wide or 577 high on and as
        BT.601 below, as players do. High dynamic range is not tone-mapped.
        """
        check_size(self._source, frame)
        if self.size_wh == (0, 0):
            self.remember(frame)
        if (frame.width, frame.height) != self.size_wh:
            self.resized += 1
        matrix = None
        if int(frame.colorspace) == _UNSPECIFIED:
            matrix = _ITU709 if frame.width >= 1280 or frame.height > 576 else _ITU601
        picture = self._reformatter.reformat(
            frame, *self.size_wh, "rgb24", src_colorspace=matrix, threads=1
        )
        self.converted += 1
        return self.orientation.apply(np.asarray(picture.to_ndarray(), np.uint8))

    def remember(self, frame: Any) -> None:
        """Take size and orientation from the first frame."""
        self.size_wh = (frame.width, frame.height)
        self._source.limits.check_picture(self._source.name, self.size_wh, moving=True)
        data = frame.side_data.get("DISPLAYMATRIX")
        self.orientation = UPRIGHT if data is None else from_display_matrix(bytes(data))

    def close(self) -> None:
        """Release decoder, container and file."""
        self._drop()
        self._source.close()

    def _drop(self) -> None:
        if self._container is not None:
            self._packets.close()
            self._ready.clear()
            self._container.close()
            self._container = self._packets = self._stream = None

    def _number(self, frame: Any) -> int | None:
        ordinal, self._ordinal = self._ordinal, self._ordinal + 1
        if self._scan is None or self._scan.pts is None:
            return ordinal
        if frame.pts is None:
            return None
        index = int(np.searchsorted(self._scan.pts, frame.pts))
        known = index < len(self._scan.pts) and self._scan.pts[index] == frame.pts
        return index if known else None

    def _decode_packet(self) -> bool:
        try:
            packet = next(self._packets)
        except StopIteration:
            return False
        except (LikenessError, MemoryError):
            raise
        except Exception:  # the container breaks off here: what was read is what there is
            self.errors += 1
            return False
        try:
            frames = packet.decode()
        except (LikenessError, MemoryError):
            raise
        except Exception:
            self.errors += 1
            self._source.stopwatch.check()
            return True
        self.decoded += len(frames)
        self._ready.extend(frames)
        for frame in frames:
            self._whole += not frame.is_corrupt
            self._damaged_pixels += frame.width * frame.height * frame.is_corrupt
        return True

    def _area(self) -> int:
        return max(1, self.size_wh[0] * self.size_wh[1])

    def _go_near(self, index: int) -> None:
        if self._container is None:
            self.rewind()
        key = self._key_before(index)
        behind = index < self._place
        if key is not None and (behind or self._scan.keys[key] > self._place + _SEEK_COST):  # type: ignore[union-attr]
            self._seek(key)
        elif behind:
            self.rewind()

    def _key_before(self, index: int) -> int | None:
        if self._scan is None or not self._may_seek or len(self._scan.keys) == 0:
            return None
        key = int(np.searchsorted(self._scan.keys, index, side="right")) - 1
        return key if key > 0 else None  # the first key is what rewinding gives

    def _seek(self, key: int) -> None:
        """Start decoding at a key frame; where the container lands elsewhere, never try again."""
        assert self._scan is not None and self._scan.pts is not None
        wanted = int(self._scan.pts[self._scan.keys[key]])
        try:
            self._packets.close()
            self._container.seek(wanted, stream=self._stream)
            self._packets = self._container.demux(self._stream)
            packet = next(self._packets)
            if packet.pts != wanted or not packet.is_keyframe:
                raise ValueError("landed elsewhere")
            self._ready = deque(packet.decode())
        except (LikenessError, MemoryError):
            raise
        except Exception:
            self._may_seek = False
            self.rewind()
            return
        self.decoded += len(self._ready)
        self._place = int(self._scan.keys[key])
