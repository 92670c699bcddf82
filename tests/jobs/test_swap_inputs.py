"""What footage `swap` takes and refuses: rates, rotation, sound, several people, too few faces, a full disk."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from likeness import media
from likeness.data import identity_embedding
from likeness.errors import ConsentError, DataError, OutputError, UsageError
from likeness.faces import FaceModels, track_faces
from likeness.jobs import swap_training
from likeness.jobs.demo import moved
from likeness.jobs.swap import SwapOptions, SwapPermit, merge_config, swap
from likeness.jobs.swap_people import chosen_person, people_in
from likeness.jobs.swap_place import check_before_training
from likeness.jobs.swap_training import PairPlan, train_people
from likeness.provenance.consent import read_consent, write_consent
from likeness.provenance.consent_files import store_reference
from likeness.provenance.keys import KeyStore
from likeness.types import Consent
from tests.media.drawn_media import encode_picture, encode_video

TODAY = date(2026, 11, 22)
TIMES_MS = [0, 40, 120, 160, 500]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, portrait) -> Path:
    """Clips of the portrait, a record of its person, and keys."""
    root = tmp_path_factory.mktemp("inputs")
    (root / "ada.png").write_bytes(encode_picture(portrait, "PNG"))
    tint = np.rint(portrait * np.array([0.6, 0.9, 1.0])).astype(np.uint8)
    (root / "tinted.png").write_bytes(encode_picture(tint, "PNG"))
    frames = [np.ascontiguousarray(f[40:280, 120:360]) for f in moved(portrait, 5)]
    (root / "clip.mp4").write_bytes(encode_video(frames, sound=True))
    (root / "fast.mp4").write_bytes(encode_video(frames, rate=50))
    (root / "varying.mkv").write_bytes(encode_video(frames[:5], "matroska", pts=TIMES_MS))
    (root / "turned.mp4").write_bytes(turned(encode_video([np.rot90(f).copy() for f in frames])))
    reference, _ = store_reference(root, "ref.png", encode_picture(portrait, "PNG"))
    record = Consent(
        "ada", "public_domain", "research", date(2027, 1, 1), "0" * 64, True, True, (reference,)
    )
    write_consent(record, root / "ada.toml")
    KeyStore.create(root / "keys")
    return root


@pytest.fixture
def everybody_alike(monkeypatch) -> None:
    """Embeddings that cost nothing, for tests that are not about who is who."""
    for module in (identity_embedding, swap_training):
        monkeypatch.setattr(module, "DlibEmbedder", lambda: lambda *_: np.ones(4, np.float32))


def turned(mp4: bytes) -> bytes:
    """The same file with a display matrix in its track header: a quarter turn clockwise."""
    place = mp4.rindex(b"tkhd") + 4 + 40
    numbers = (0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
    matrix = b"".join(n.to_bytes(4, "big", signed=True) for n in numbers)
    return mp4[:place] + matrix + mp4[place + 36 :]


@pytest.fixture(scope="module")
def permit(folder: Path) -> SwapPermit:
    return SwapPermit(
        (read_consent(folder / "ada.toml"),), "research", TODAY, KeyStore(folder / "keys")
    )


def swapped(folder: Path, permit: SwapPermit, name: str, out: str, **changes):
    """The result, opened, and what `swap` returned."""
    given = {"sources": (folder / "ada.png",), "detectors": False, "threads": 1, **changes}
    done = swap(folder / name, folder / out, permit, SwapOptions(**given))
    return media.open_clip(folder / out), done


def sound_packets(path: Path) -> list[bytes]:
    import av

    with av.open(str(path)) as file:
        return [bytes(p) for p in file.demux(audio=0) if p.size]


@pytest.mark.usefixtures("everybody_alike")
def test_sound_is_copied_packet_by_packet_and_a_clip_without_stays_without(
    folder: Path, permit: SwapPermit
) -> None:
    swapped(folder, permit, "clip.mp4", "loud.mp4")
    assert len(sound_packets(folder / "clip.mp4")) > 30
    assert sound_packets(folder / "loud.mp4") == sound_packets(folder / "clip.mp4")
    # Source at 25, target at 50 frames a second, without sound.
    quiet, done = swapped(
        folder, permit, "fast.mp4", "quiet.mp4", sources=(folder / "ada.png", folder / "clip.mp4")
    )
    assert quiet.audio is None and quiet.fps == pytest.approx(50)
    assert np.allclose(quiet.timestamps_s, np.arange(5) / 50, atol=1e-3)
    assert done.figures.swapped == 5


@pytest.mark.usefixtures("everybody_alike")
def test_frames_of_a_varying_rate_keep_their_times(folder: Path, permit: SwapPermit) -> None:
    result, done = swapped(folder, permit, "varying.mkv", "v.mp4")
    assert np.allclose(result.timestamps_s, np.array(TIMES_MS) / 1000, atol=1e-3)
    assert done.figures.swapped == 5


@pytest.mark.usefixtures("everybody_alike")
def test_a_rotated_clip_comes_out_upright(folder: Path, permit: SwapPermit) -> None:
    before = media.open_clip(folder / "turned.mp4")
    assert before.facts["rotation_applied"] != "none"
    result, done = swapped(folder, permit, "turned.mp4", "t.mp4", last=2)
    assert done.figures.swapped == 2  # the face was found, so it stood upright
    assert result.facts["rotation_applied"] == "none" and result.size_wh == before.size_wh
    for old, new in zip(before.frames, result.frames, strict=True):
        upright, aside = (
            np.abs(old.image.astype(int) - new_image).mean()
            for new_image in (new.image, np.rot90(new.image))
        )
        assert upright < aside / 3


@pytest.mark.usefixtures("everybody_alike")
def test_a_range_is_merged_again_and_the_rest_stays(folder: Path, permit: SwapPermit) -> None:
    tinted = (folder / "tinted.png",)
    plain, first = swapped(folder, permit, "clip.mp4", "p.mp4", crf=0, sources=tinted)
    touch = ((2, 4, merge_config(["colour=none", "erode=0.2"])),)
    again, second = swapped(
        folder, permit, "clip.mp4", "q.mp4", crf=0, sources=tinted, touch_ups=touch
    )
    changed = [
        float((np.abs(a.image.astype(int) - b.image) > 16).mean())
        for a, b in zip(plain.frames, again.frames, strict=True)
    ]
    # Another job has another number in its watermark, which alone changes every frame a little.
    assert min(changed[2:4]) > 0.02 > 50 * max(changed[:2])
    assert changed[4] < changed[3] / 3  # colours fade over to it
    assert second.figures.settings["touch_up.1"] == "2:4 erode=0.2 colour=none"
    assert "touch_up.1" not in first.figures.settings


def test_several_people_are_listed_and_one_is_asked_for(portrait) -> None:
    """dlib takes the mirrored portrait for the same person, so embeddings are handed in."""
    half = portrait[:, 60:400]
    clip = media.clip_from_frames([np.ascontiguousarray(np.hstack([half, half[:, ::-1]]))])
    tracks = track_faces(clip, [0], models=FaceModels(1))

    def embed(_image, points):
        return np.full(4, float(points[:, 0].mean() > 340), np.float32)

    people = people_in(clip, tracks, embed)
    with pytest.raises(UsageError, match=r"got 2.*--person(?s:.*)1: 1 faces(?s:.*)2: 1 faces"):
        chosen_person(people, None, "pair.png")
    assert chosen_person(people, 2, "pair.png") is people[1]
    with pytest.raises(UsageError, match="1 to 2"):
        chosen_person(people, 3, "pair.png")


@pytest.mark.usefixtures("everybody_alike")
def test_too_few_faces_say_whose_how_many_and_what_is_missing(
    folder: Path, permit: SwapPermit, tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    plan = PairPlan((folder / "ada.png",), (folder / "clip.mp4",), tmp_path / "run", 1.0)
    with pytest.raises(DataError, match=r"^source: .*at least 100 .* got 1; missing: .*looking"):
        train_people(plan, permit)


@contextmanager
def room(bytes_left: int) -> Iterator[None]:
    """No file may grow beyond this: what a full disk does, as far as a process can do it to itself."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_left, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.usefixtures("everybody_alike")
def test_a_disk_that_takes_no_more_leaves_the_old_file(folder: Path, permit: SwapPermit) -> None:
    place = folder / "full"
    place.mkdir()
    (place / "o.mp4").write_bytes(b"old")
    with room(20_000), pytest.raises(OutputError, match="larger than is allowed"):
        swapped(folder, permit, "clip.mp4", "full/o.mp4")
    assert [p.name for p in place.iterdir()] == ["o.mp4"]
    assert (place / "o.mp4").read_bytes() == b"old"


def test_the_place_is_checked_before_the_training(folder: Path, permit: SwapPermit) -> None:
    clip, options = folder / "clip.mp4", SwapOptions(sources=(folder / "ada.png",))
    check_before_training(clip, folder / "fine.mp4", permit, options)
    for name, error, words in (
        ("missing/o.mp4", OutputError, "folder"),
        ("o.xyz", OutputError, "xyz"),
        ("o.png", UsageError, "is a video"),
    ):
        with pytest.raises(error, match=words):
            check_before_training(clip, folder / name, permit, options)
    with pytest.raises(ConsentError, match="expires"):
        late = replace(permit, today=date(2028, 1, 1))
        check_before_training(clip, folder / "fine.mp4", late, options)
    assert not (folder / "fine.mp4").exists()


@pytest.mark.usefixtures("everybody_alike")
def test_a_published_mpeg_clip_keeps_its_sound(data_dir: Path, tmp_path: Path) -> None:
    """MPEG-1 layer 2 sound into MP4, through the whole of `swap`."""
    clip = media.open_clip(data_dir / "video/real/grid_s1/bbal9a.mpg")
    shown = next(iter(clip.frames.at([20])))
    reference, _ = store_reference(tmp_path, "ref.png", encode_picture(shown.image, "PNG"))
    record = Consent(
        "grid s1", "dataset_terms", "research", date(2027, 1, 1), "0" * 64, True, True, (reference,)
    )
    write_consent(record, tmp_path / "s1.toml")
    permit = SwapPermit(
        (read_consent(tmp_path / "s1.toml"),), "research", TODAY, KeyStore.create(tmp_path / "keys")
    )
    options = SwapOptions(sources=(tmp_path / "ref.png",), detectors=False, threads=1, last=6)
    swap(data_dir / "video/real/grid_s1/bbal9a.mpg", tmp_path / "o.mp4", permit, options)
    assert sound_packets(tmp_path / "o.mp4") == sound_packets(
        data_dir / "video/real/grid_s1/bbal9a.mpg"
    )


def test_two_real_people_in_one_clip(data_dir: Path, tmp_path: Path) -> None:
    """W009 beside W011: without records nobody is meant, with one record its person is, and the other is not touched."""
    pytest.importorskip("dlib")
    mead = data_dir / "video/real/mead"
    left, right = (
        list(media.open_clip(mead / f"{n}_front_neutral_level1_001.mp4").frames.at(range(4)))
        for n in ("W009", "W011")
    )
    both = [np.hstack([a.image, b.image]) for a, b in zip(left, right, strict=True)]
    (tmp_path / "both.mp4").write_bytes(encode_video(both, options={"crf": "10"}))
    records = []
    for name, frame in (("W009", left[0]), ("W011", right[0])):
        reference, _ = store_reference(tmp_path, f"{name}.png", encode_picture(frame.image, "PNG"))
        terms = Consent(
            name, "dataset_terms", "research", date(2027, 1, 1), "0" * 64, True, True, (reference,)
        )
        write_consent(terms, tmp_path / f"{name}.toml")
        records.append(read_consent(tmp_path / f"{name}.toml"))
    keys = KeyStore.create(tmp_path / "keys")
    both_known = SwapPermit(tuple(records), "research", TODAY, keys)
    options = SwapOptions(sources=(tmp_path / "W009.png",), detectors=False, threads=1)
    with pytest.raises(UsageError, match=r"got 2; say with --person"):
        swap(tmp_path / "both.mp4", tmp_path / "o.mp4", both_known, options)
    one_known = replace(both_known, records=(records[0],))
    for number in (1, 2):  # which of the two is 1 depends on their tracks; only one is covered
        try:
            swap(
                tmp_path / "both.mp4", tmp_path / f"{number}.mp4", one_known,
                replace(options, person=number),
            )  # fmt: skip
        except ConsentError as error:
            assert "references: nearest is W009.toml" in str(error)
    assert len(list(tmp_path.glob("?.mp4"))) == 1
