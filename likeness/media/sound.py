"""Sound of a clip: decoded once, mixed to mono at its own rate."""

from __future__ import annotations

from typing import Any

import numpy as np

from likeness.errors import LikenessError, LimitError, MediaError
from likeness.media.container import open_container, sound_stream
from likeness.media.hostile import parsing
from likeness.media.sniff import Format
from likeness.media.source import ByteSource
from likeness.types import FloatArray


class SoundTrack:
    """Lazy sound of one file; satisfies `AudioSource`.

    Attributes:
        sample_rate_hz: rate of the coded sound; nothing is resampled.
        damaged_packets: packets that could not be decoded (known after `samples`).
    """

    def __init__(self, source: ByteSource, format: Format, sample_rate_hz: int) -> None:
        self.sample_rate_hz = sample_rate_hz
        self.damaged_packets = 0
        self._source, self._format = source, format
        self._samples: FloatArray | None = None

    def samples(self) -> FloatArray:
        """(N,) float32 mono in [-1, 1], read-only; channels are averaged.

        Raises:
            LimitError: longer than `Limits.seconds` or larger than `Limits.cache_bytes`.
            MediaError: nothing can be decoded.
        """
        if self._samples is None:
            blocks = self._decode(None)
            if not blocks:
                raise MediaError(
                    f"{self._source.name}: expected sound, got none that can be decoded"
                )
            self._samples = np.clip(np.concatenate(blocks), -1.0, 1.0)
            self._samples.flags.writeable = False
        return self._samples

    def probe(self) -> bool:
        """Whether anything can be decoded at all; decodes only the first block."""
        return bool(self._decode(1))

    def _decode(self, at_most: int | None) -> list[FloatArray]:
        from av.audio.resampler import AudioResampler

        blocks: list[FloatArray] = []
        self.damaged_packets = 0
        total = 0
        with parsing(self._source.name, "sound"), self._source.stopwatch.running():
            container = open_container(self._source, self._format)
            try:
                stream = sound_stream(container)
                mixer = AudioResampler(format="flt", layout="mono", rate=self.sample_rate_hz)
                for frame in self._frames(container, stream):
                    for block in self._mix(mixer, frame):
                        blocks.append(block)
                        total += block.nbytes
                    self._check(total)
                    if at_most is not None and len(blocks) >= at_most:
                        break
            finally:
                container.close()
        return [np.nan_to_num(block, posinf=1.0, neginf=-1.0) for block in blocks if block.size]

    def _mix(self, mixer: Any, frame: Any) -> list[FloatArray]:
        try:
            mixed = mixer.resample(frame)
        except ValueError:  # a damaged header changed rate or layout in mid-stream
            self.damaged_packets += 1
            return []
        return [block.to_ndarray().reshape(-1).astype(np.float32, copy=False) for block in mixed]

    def _frames(self, container: Any, stream: Any) -> Any:
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
            except (LikenessError, MemoryError):
                raise
            except Exception:  # the container breaks off here
                return
            if packet is None:
                return
            try:
                yield from packet.decode()
            except (LikenessError, MemoryError):
                raise
            except Exception:
                self.damaged_packets += 1

    def _check(self, total_bytes: int) -> None:
        limits = self._source.limits
        self._source.stopwatch.check()
        seconds = total_bytes / 4 / self.sample_rate_hz
        limits.check(self._source.name, "seconds of playing time", seconds, "seconds")
        if total_bytes > limits.cache_bytes:
            raise LimitError(
                f"{self._source.name}: expected at most {limits.cache_bytes:,} bytes of decoded sound, got more; "
                f"raise Limits(cache_bytes=...)"
            )
