"""The original's sound into a new container: the same packets bit by bit, at the same place beside the picture."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from types import TracebackType
from typing import Any

from likeness.errors import OutputError
from likeness.media.container import open_container, sound_stream, video_stream
from likeness.media.hostile import parsing
from likeness.media.limits import Limits
from likeness.media.sniff import HEAD_BYTES, sniff
from likeness.media.source import ByteSource
from likeness.types import Clip

# What players understand inside MP4; libav would write more, which then plays nowhere.
_MP4 = frozenset({"aac", "mp3", "mp3float", "mp2", "mp2float", "ac3", "eac3", "opus", "libopus", "alac", "flac"})  # fmt: skip
_MOV = _MP4 - {"opus", "libopus", "flac"} | {
    "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_s32be", "pcm_f32le", "pcm_f32be",
    "pcm_u8", "pcm_s8", "pcm_alaw", "pcm_mulaw", "adpcm_ima_qt", "adpcm_ms",
}  # fmt: skip
_CARRIES = {"mp4": _MP4, "mov": _MOV, "matroska": None}  # Matroska takes every codec that is read
_WORDS = {"mp4": "MP4", "mov": "QuickTime (.mov)", "matroska": "Matroska (.mkv)"}
_LOOK_AHEAD = 200  # packets in which the first picture and the first sound of a file must show up


class AudioCopy:
    """Sound packets of a clip's file, in order, on the clip's own clock.

    Attributes:
        codec: name of the coded sound.
        video_start_s: when the picture starts on the output's clock; 0 unless the sound starts before it.

    Raises:
        OutputError: the clip has no file or no sound, or `container` cannot carry its codec; says which can.
    """

    def __init__(self, clip: Clip, container: str = "mp4") -> None:
        if clip.raw is None or clip.audio is None:
            raise OutputError(
                f"{clip.name}: expected a clip with sound that was opened from a file, got "
                f"{'one without sound' if clip.raw is not None else 'one that was made in memory'}"
            )
        self._name = clip.name
        self._container: Any = None
        self._stream: Any = None
        # Whoever opened the clip has set limits for it already.
        limits = Limits(file_bytes=clip.raw.size_bytes, decode_seconds=86_400.0)
        self._source = ByteSource(clip.raw.open(), clip.name, limits)
        try:
            if self._source.sha256 != clip.sha256:
                raise OutputError(f"{clip.name}: the file changed while it was used; open it again")
            self._format = sniff(self._source.read_at(0, HEAD_BYTES))
            self._first_packets()
            self._check(container)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> AudioCopy:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def add_to(self, output: Any) -> Any:
        """A stream in an open `av` output container, made after the original's."""
        return output.add_stream_from_template(self._stream)

    def packets(self) -> Iterator[tuple[float, Any]]:
        """(time of the packet in seconds, packet), time stamps shifted to the output's clock.

        Raises:
            MediaError: the file breaks off or cannot be parsed.
        """
        base = Fraction(self._stream.time_base)
        shift = round(self._origin_s / base)
        following: int | None = None
        with parsing(self._name, "sound"):
            for packet in self._container.demux(self._stream):
                if packet.size == 0:
                    continue
                pts = packet.pts if packet.pts is not None else packet.dts
                pts = following if pts is None else pts - shift
                if pts is None:
                    pts = 0
                packet.pts = packet.dts = pts
                following = pts + (packet.duration or 0)
                yield float(pts * base), packet

    def close(self) -> None:
        """Let go of the file."""
        if self._container is not None:
            self._container.close()
            self._container = None
        self._source.close()

    def _first_packets(self) -> None:
        """Open, and learn when picture and sound start.

        The output's clock starts where the file's playback does: at 0, or where its first stream starts if that is later
        (MPEG streams start anywhere). Sound before 0 is an encoder's run-in, which the container hides again.
        """
        assert self._format is not None
        container = open_container(self._source, self._format)
        try:
            with parsing(self._name, "sound"):
                sound, video = sound_stream(container), video_stream(container, self._source)
                streams = [s for s in (sound, video) if s is not None]
                first: dict[str, Fraction] = {}
                for number, packet in enumerate(container.demux(streams)):
                    if packet.size and not packet.is_discard and packet.pts is not None:
                        time = packet.pts * Fraction(packet.stream.time_base)
                        kind = packet.stream.type
                        first[kind] = min(first.get(kind, time), time)
                    if number >= _LOOK_AHEAD:
                        break
        finally:
            container.close()
        if sound is None:
            raise OutputError(f"{self._name}: expected sound to copy, got a file without")
        sound_s = first.get("audio", Fraction(0))
        video_s = first.get("video", sound_s)
        self._origin_s = min(video_s, max(sound_s, Fraction(0)))
        self.video_start_s = float(video_s - self._origin_s)
        self._container = open_container(self._source, self._format)
        self._stream = sound_stream(self._container)

    def _check(self, container: str) -> None:
        self.codec = self._stream.codec_context.codec.name
        allowed = _CARRIES[container]
        if allowed is None or self.codec in allowed:
            return
        others = [
            _WORDS[c] for c, codecs in _CARRIES.items() if codecs is None or self.codec in codecs
        ]
        raise OutputError(
            f"{self._name}: {_WORDS[container]} cannot carry its sound ({self.codec}) unchanged; "
            f"write {' or '.join(others)}, or leave the sound out"
        )
