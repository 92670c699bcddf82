"""`write_marked`: what leaves carries both marks, and what cannot carry them does not leave."""

from __future__ import annotations

import hashlib
import io
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from likeness import media, provenance
from likeness.errors import ConsentError, MarkError, OutputError, ShapeError
from likeness.jobs.demo import moved
from likeness.provenance import (
    GeneratedFrame,
    GeneratedSound,
    Ingredient,
    KeyStore,
    Making,
    WriteOptions,
    check_target,
    write_marked,
    write_marked_sound,
    writing,
    writing_frames,
)
from likeness.types import Consent, Reference
from tests.media.drawn_media import encode_video, numbered

TODAY = date(2026, 11, 22)
JOB = 0xFEDC_BA98_7654_3210


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyStore:
    return provenance.open_or_create(tmp_path_factory.mktemp("config") / "keys")


def making(basis: str = "written_consent", **changes: Any) -> Making:
    references = (Reference("ada.png", "1" * 64),) if basis == "written_consent" else ()
    consent = Consent(
        "Ada", basis, "research", TODAY, "0" * 64, True, True, references  # type: ignore[arg-type]
    )  # fmt: skip
    made = Making(
        "landmark_swap",
        "compositeWithTrainedAlgorithmicMedia",
        (consent,),
        "research",
        TODAY,
        JOB,
    )
    return replace(made, **changes)


def still(image: np.ndarray) -> list[GeneratedFrame]:
    return [GeneratedFrame(image)]


def film(image: np.ndarray, count: int = 24) -> list[GeneratedFrame]:
    return [GeneratedFrame(picture, n / 25) for n, picture in enumerate(moved(image, count))]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def check(path: Path, keys: KeyStore, frames: int = 1, sidecar: bool = False) -> None:
    """Both marks, by reading the file again from its start."""
    beside = path.with_name(path.name + ".c2pa").read_bytes() if sidecar else None
    with path.open("rb") as file:
        found = provenance.read_credentials(file, "", keys.trust_anchors_pem(), sidecar=beside)
    assert (found.present, found.intact, found.trusted, found.job_id) == (True, True, True, JOB)
    clip = media.open_clip(path)
    assert len(clip.frames) == frames
    step = max(1, frames // 8)
    mark = provenance.find_watermark([f.image for f in clip.frames.at(range(0, frames, step))])
    assert mark.found and mark.payload == JOB


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.WebP"])
def test_a_picture(tmp_path: Path, keys: KeyStore, portrait: np.ndarray, name: str):
    written = write_marked(still(portrait), tmp_path / name, making(), keys)
    assert names(tmp_path) == {name}
    check(tmp_path / name, keys)
    (frame,) = media.open_clip(tmp_path / name).frames
    error = frame.image.astype(float) - portrait
    assert 10 * np.log10(255**2 / (error**2).mean()) > 37
    assert written.frames == 1 and written.sidecar is None
    assert written.watermark is not None and written.watermark.payload == JOB


def test_a_video_with_the_sound_of_the_original(
    tmp_path: Path, keys: KeyStore, portrait: np.ndarray
):
    original = media.open_clip(encode_video(numbered(24), sound=True))
    frames = film(portrait[:383, 64:447])  # odd sides
    times = [frame.time_s for frame in frames]
    emphasis = np.zeros((383, 383), np.float32)
    frames[3] = replace(frames[3], emphasis=emphasis)
    said: list[tuple[str, int]] = []
    options = WriteOptions(original, progress=lambda what, done, total: said.append((what, done)))
    path = tmp_path / "a.mp4"
    made = making(ingredients=(Ingredient("o.mp4", original.sha256, "video/mp4"),))
    write_marked(iter(frames), path, made, keys, options)
    check(path, keys, 24)
    clip = media.open_clip(path)
    assert clip.size_wh == (384, 384) and np.allclose(clip.timestamps_s, times, atol=1e-5)
    assert sound_packets(path.read_bytes()) == sound_packets(original.raw.open().read())
    assert ("writing frames", 24) in said and said[-1][0] == "checking the marks"
    assert names(tmp_path) == {"a.mp4"}


def sound_packets(content: bytes) -> list[str]:
    import av

    with av.open(io.BytesIO(content)) as file:
        stream = file.streams.audio[0]
        return [hashlib.sha256(bytes(p)).hexdigest() for p in file.demux(stream) if p.size]


def test_a_container_without_room_for_credentials_needs_a_sidecar(
    tmp_path: Path, keys: KeyStore, portrait: np.ndarray
):
    path = tmp_path / "a.mkv"
    with pytest.raises(OutputError, match="sidecar"):
        write_marked(film(portrait), path, making(), keys)
    assert not names(tmp_path)
    written = write_marked(film(portrait, 9), path, making(), keys, WriteOptions(sidecar=True))
    assert names(tmp_path) == {"a.mkv", "a.mkv.c2pa"} and written.sidecar == tmp_path / "a.mkv.c2pa"
    check(path, keys, 9, sidecar=True)


def test_sound_carries_credentials_only(tmp_path: Path, keys: KeyStore):
    tone = np.sin(np.arange(16_000) * 0.1).astype(np.float32) * 0.3
    path = tmp_path / "a.wav"
    written = write_marked_sound(GeneratedSound(tone, 16_000), path, making(), keys)
    assert written.watermark is None and names(tmp_path) == {"a.wav"}
    with path.open("rb") as file:
        found = provenance.read_credentials(file, "audio/wav", keys.trust_anchors_pem())
    assert found.intact and found.job_id == JOB
    back = media.open_clip(path).audio.samples()
    assert np.abs(back - tone).max() < 1e-4
    with pytest.raises(OutputError, match="visible label"):
        write_marked_sound(GeneratedSound(tone, 16_000), path, making("dataset_terms"), keys)
    with pytest.raises(OutputError, match="write_marked"):
        write_marked_sound(GeneratedSound(tone, 16_000), tmp_path / "a.png", making(), keys)
    with pytest.raises(OutputError, match="write_marked_sound"):
        write_marked(still(np.zeros((512, 512, 3), np.uint8)), path, making(), keys)


def test_research_records_put_a_label_into_the_picture(
    tmp_path: Path, keys: KeyStore, portrait: np.ndarray
):
    made = making("public_domain")
    write_marked(still(portrait), tmp_path / "a.png", made, keys)
    check(tmp_path / "a.png", keys)
    (frame,) = media.open_clip(tmp_path / "a.png").frames
    strip = frame.image[-30:].astype(float)
    assert np.median(strip) < 40 and (strip > 180).mean() > 0.02  # white words on dark
    assert np.abs(frame.image[:400].astype(float) - portrait[:400]).mean() < 3


def test_consent_comes_before_everything(tmp_path: Path, keys: KeyStore):
    def frames() -> Iterator[GeneratedFrame]:
        pytest.fail("frames were asked for")
        yield

    expired = replace(making().consents[0], expires=date(2026, 11, 21))
    for made, field in (
        (making(consents=()), "consent"),
        (making(consents=(expired,)), "expires"),
        (making(purpose="art"), "purpose"),
    ):
        with pytest.raises(ConsentError, match=field):
            write_marked(frames(), tmp_path / "no" / "such" / "folder.xyz", made, keys)
    assert not names(tmp_path)


def test_places_are_refused_before_frames_are_made(tmp_path: Path, keys: KeyStore):
    (tmp_path / "folder.mp4").mkdir()
    for path, words in (
        ("a.gif", "ends in one of"),
        ("a", "ends in one of"),
        ("folder.mp4", "is a folder"),
        ("missing/a.mp4", "does not exist"),
    ):
        with pytest.raises(OutputError, match=words):
            check_target(tmp_path / path, (512, 512), making(), keys)
    with pytest.raises(OutputError, match="watermark needs"):
        check_target(tmp_path / "a.png", (100, 512), making(), keys)
    silent = media.clip_from_frames(numbered(3))
    with pytest.raises(OutputError, match="memory"):
        check_target(tmp_path / "a.mp4", (512, 512), making(), keys, WriteOptions(silent))
    target = check_target(tmp_path / "a.mp4", (512, 512), making("dataset_terms"), keys)
    assert target.permission.visible_label and target.media_type == "video/mp4"
    assert names(tmp_path) == {"folder.mp4"}


def test_an_input_is_never_overwritten(tmp_path: Path, keys: KeyStore, portrait: np.ndarray):
    path, link = tmp_path / "a.png", tmp_path / "b.png"
    write_marked(still(portrait), path, making(), keys)
    before = path.read_bytes()
    shutil.copy(path, link)  # the same footage under another name
    part = Ingredient("a.png", hashlib.sha256(before).hexdigest(), "image/png")
    for place in (path, link):
        with pytest.raises(OutputError, match="is the input"):
            write_marked(still(portrait), place, making(ingredients=(part,)), keys)
    assert path.read_bytes() == link.read_bytes() == before


def test_frames_that_do_not_fit_leave_nothing(tmp_path: Path, keys: KeyStore, portrait: np.ndarray):
    (tmp_path / "a.mp4").write_bytes(b"old")

    def breaking() -> Iterator[GeneratedFrame]:
        yield from film(portrait, 6)
        raise ZeroDivisionError

    small = GeneratedFrame(portrait[:500], 1.0)
    for frames, error in (
        ([], OutputError),
        ([*film(portrait, 6), small], OutputError),
        ([*film(portrait, 6), *film(portrait, 2)], OutputError),
        (breaking(), ZeroDivisionError),
        ([GeneratedFrame(portrait[:100, :100])], OutputError),
    ):
        with pytest.raises(error):
            write_marked(frames, tmp_path / "a.mp4", making(), keys)
        assert names(tmp_path) == {"a.mp4"} and (tmp_path / "a.mp4").read_bytes() == b"old"
    for frames in ([], [GeneratedFrame(portrait)] * 2):
        with pytest.raises(OutputError, match="one frame"):
            write_marked(frames, tmp_path / "a.png", making(), keys)
    with pytest.raises(ShapeError):
        GeneratedFrame(portrait, 0.0, np.full((512, 512), 2, np.float32))
    assert names(tmp_path) == {"a.mp4"}


class Unmarking:
    """An embedder that forgets its work."""

    def __init__(self, size_wh: tuple[int, int], payload: int) -> None: ...

    def embed(self, image: np.ndarray, emphasis: Any = None) -> np.ndarray:
        return image


def test_a_missing_watermark_stops_everything(
    tmp_path: Path, keys: KeyStore, portrait: np.ndarray, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "a.png").write_bytes(b"old")
    real = writing_frames.watermark.Embedder
    monkeypatch.setattr(writing_frames, "watermark", type("W", (), {"Embedder": Unmarking}))
    with pytest.raises(MarkError, match="no watermark"):
        write_marked(still(portrait), tmp_path / "a.png", making(), keys)
    wrong = type("W", (), {"Embedder": lambda size, payload: real(size, payload ^ 1)})
    monkeypatch.setattr(writing_frames, "watermark", wrong)
    with pytest.raises(MarkError, match=str(JOB ^ 1)):
        write_marked(still(portrait), tmp_path / "a.png", making(), keys)
    assert names(tmp_path) == {"a.png"} and (tmp_path / "a.png").read_bytes() == b"old"


@pytest.mark.parametrize("fault", ["unsigned", "one byte", "another job"])
def test_missing_credentials_stop_everything(
    tmp_path: Path,
    keys: KeyStore,
    portrait: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
):
    real = writing.sign

    def sign(source: Any, destination: Any, media_type: str, made: Making, store: KeyStore) -> None:
        if fault == "unsigned":
            source.seek(0)
            destination.write(source.read())
            return
        made = replace(made, job_id=JOB ^ 1) if fault == "another job" else made
        real(source, destination, media_type, made, store)
        if fault == "one byte":
            destination.seek(-5000, io.SEEK_END)
            byte = destination.read(1)[0]
            destination.seek(-5000, io.SEEK_END)
            destination.write(bytes([byte ^ 1]))

    monkeypatch.setattr(writing, "sign", sign)
    with pytest.raises(MarkError, match="expected credentials"):
        write_marked(still(portrait), tmp_path / "a.png", making(), keys)
    assert not names(tmp_path)


def test_frames_that_were_lost_stop_everything(
    tmp_path: Path, keys: KeyStore, portrait: np.ndarray, monkeypatch: pytest.MonkeyPatch
):
    real = writing.VideoWriter.write

    def lossy(self: Any, image: np.ndarray, time_s: float) -> None:
        if round(time_s * 25) == 3:
            self.frames += 1
        else:
            real(self, image, time_s)

    monkeypatch.setattr(writing.VideoWriter, "write", lossy)
    with pytest.raises(MarkError, match="expected 8 frames"):
        write_marked(film(portrait, 8), tmp_path / "a.mp4", making(), keys)
    assert not names(tmp_path)


@pytest.mark.parametrize("limit", [4_096, 150_000, 420_000])
def test_a_disk_that_takes_no_more(
    tmp_path: Path, keys: KeyStore, portrait: np.ndarray, limit: int
):
    """The first two limits stop the encoder, the last one (the picture alone takes 407 kB) the signature."""
    import resource

    (tmp_path / "a.png").write_bytes(b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
    try:
        with pytest.raises(OutputError, match="larger than is allowed"):
            write_marked(still(portrait), tmp_path / "a.png", making(), keys)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert names(tmp_path) == {"a.png"} and (tmp_path / "a.png").read_bytes() == b"old"


def test_real_clips(data_dir: Path, tmp_path: Path, keys: KeyStore):
    for name, label in (("grid_s1/bbal9a.mpg", False), ("speakers/4.mp4", True)):
        clip = media.open_clip(data_dir / "video/real" / name)
        path = tmp_path / (Path(name).stem + ".mp4")
        frames = clip.frames.at(range(48))
        made = making("dataset_terms" if label else "written_consent")
        write_marked(frames, path, made, keys, WriteOptions(clip))
        check(path, keys, 48)
        assert sound_packets(path.read_bytes()) == sound_packets(clip.raw.open().read())
