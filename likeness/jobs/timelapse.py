"""The previews of a training run as a film: how the faces came to be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from likeness import media
from likeness.provenance import KeyStore, Making, write_marked
from likeness.provenance.writing_frames import GeneratedFrame
from likeness.provenance.writing_target import WriteOptions
from likeness.training.run_folder import PREVIEWS

FILE = "timelapse.mp4"
FPS = 4.0
HOLD = 8
"""Frames for which the last preview stands still: two seconds."""
MOST = 600


def write_timelapse(run: Path, making: Making, keys: KeyStore) -> Path | None:
    """Write the previews of a run, in the order of their steps, to `timelapse.mp4` in its folder.

    The previews are marked files already; the film is marked as one more work of the same job.

    Args:
        run: a run folder.
        making: as of the previews.
        keys: who signs.

    Returns:
        The film; None where there are fewer than two previews of one size.

    Raises:
        ConsentError: a record does not allow it any more.
        MediaError: a preview cannot be read.
    """
    shown = sorted((run / PREVIEWS).glob("step_*.png"))
    shown = shown[-1:] if not shown else _same_size(shown)
    if len(shown) < 2:
        return None
    step = -(-len(shown) // MOST)
    write_marked(
        _frames([*shown[:-1:step], shown[-1]]),
        run / FILE,
        making,
        keys,
        WriteOptions(fps=FPS),
    )
    return run / FILE


def _same_size(paths: Sequence[Path]) -> list[Path]:
    """Those of the last one's size: settings may have changed between two parts of a run."""
    sizes = [_opened(path)[1] for path in paths]
    return [path for path, size in zip(paths, sizes, strict=True) if size == sizes[-1]]


def _opened(path: Path) -> tuple[media.Clip, tuple[int, int]]:
    clip = media.open_clip(path)
    return clip, clip.size_wh


def _frames(paths: Sequence[Path]) -> Iterator[GeneratedFrame]:
    for number, path in enumerate([*paths, *[paths[-1]] * HOLD]):
        clip, _ = _opened(path)
        (frame,) = clip.frames
        clip.frames.close()
        yield GeneratedFrame(frame.image, number / FPS)
