"""`extract`: consent first, nobody else's face on disk, adding files is the same as having had them all."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from likeness.data import face_rows
from likeness.data.curation_identity import SAME_PERSON
from likeness.data.face_sets import read_face_set, read_manifest
from likeness.errors import ConsentError, DataError, MissingExtraError, UsageError
from likeness.jobs import extract_run
from likeness.jobs.consenting import MATCH_DISTANCE
from likeness.jobs.extract import SHEET, Extraction, ExtractOptions, Permit, extract
from likeness.jobs.extract_cutting import Cutting
from likeness.provenance.consent import read_consent, write_consent
from likeness.provenance.consent_files import store_reference
from likeness.provenance.keys import KeyStore
from likeness.types import Consent, FloatArray, ImageArray
from tests.media.drawn_media import encode_video

TODAY = date(2026, 6, 1)
TERMS = Consent(
    "the astronaut", "dataset_terms", "research", date(2027, 1, 1), "1" * 64, True, True
)
Portrait = np.ndarray


def by_colour() -> Callable[[ImageArray, FloatArray], FloatArray]:
    """Stands for dlib: whoever is lit blue is another person."""

    def embed(image: ImageArray, landmarks_px: FloatArray) -> FloatArray:
        x0, y0 = landmarks_px.min(axis=0).astype(int)
        x1, y1 = landmarks_px.max(axis=0).astype(int)
        red, _, blue = image[max(y0, 0) : y1, max(x0, 0) : x1].reshape(-1, 3).mean(axis=0)
        return np.array([1.0, 0.0] if red > blue else [0.0, 1.0], np.float32)

    return embed


@pytest.fixture
def permit(tmp_path_factory: pytest.TempPathFactory) -> Permit:
    folder = tmp_path_factory.mktemp("consent")
    write_consent(TERMS, folder / "ada.consent.toml")
    record = read_consent(folder / "ada.consent.toml")
    return Permit(record, "research", TODAY, KeyStore.create(folder / "keys"))


@pytest.fixture(autouse=True)
def _no_dlib(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "data_dir" not in request.fixturenames:
        monkeypatch.setattr(extract_run, "DlibEmbedder", by_colour)


def view(portrait: Portrait, turn: float = 0.0, gain: tuple[float, ...] = (1, 1, 1)) -> np.ndarray:
    """The astronaut's head, turned in the picture, wider with every degree, and lit in a colour, 240 px."""
    matrix = cv2.getRotationMatrix2D((225.0, 125.0), turn, 1.0)
    matrix[:, 2] -= (225.0, 125.0)
    matrix[0] *= 1.0 + turn / 100.0
    matrix[:, 2] += (120.0, 120.0)
    image = cv2.warpAffine(portrait, matrix, (240, 240), borderMode=cv2.BORDER_REFLECT)
    return np.clip(image * np.array(gain), 0, 255).astype(np.uint8)


def blue(image: np.ndarray) -> np.ndarray:
    return np.clip(image * np.array([0.75, 0.9, 1.1]), 0, 255).astype(np.uint8)


def clip(path: Path, portrait: Portrait, start: int, count: int = 4) -> Path:
    """A clip of a head that leans a little further in every frame."""
    frames = [view(portrait, 3.0 * (start + i) - 12) for i in range(count)]
    path.write_bytes(encode_video(frames, options={"crf": "12"}))
    return path


def picture(path: Path, image: np.ndarray) -> Path:
    Image.fromarray(image).save(path)
    return path


def decided(done: Extraction) -> dict[str, tuple[object, object]]:
    return {str(r["face_id"]): (r["kept"], r["reason"]) for r in done.curated.rows}


def test_a_clip_and_a_picture_become_a_set(
    tmp_path: Path, portrait: Portrait, permit: Permit
) -> None:
    files = [clip(tmp_path / "a.mp4", portrait, 0), picture(tmp_path / "p.png", view(portrait, 20))]
    done = extract(files, tmp_path / "ada", permit)
    assert len(done.curated.rows) == 5 and done.curated.kept == 5
    stored = read_face_set(tmp_path / "ada")
    assert stored.images.shape == (5, 160, 160, 3)
    assert stored.consent == TERMS
    ids = set(stored.values("consent_id"))
    assert ids == {permit.keys.consent_id(TERMS)} and "astronaut" not in next(iter(ids))
    manifest = (tmp_path / "ada" / "manifest.csv").read_text()
    assert "astronaut" not in manifest and str(tmp_path) not in manifest
    inside = stored.landmarks_px
    assert inside.min() > 0 and inside.max() < 160
    assert np.abs(stored.values("roll_deg")).max() > 10  # the picture's; its crop is upright:
    assert np.abs(inside[:, 33, 1] - inside[:, 263, 1]).max() < 8
    with pytest.raises(DataError, match=r"at least 100 .* got 5"):
        done.require_enough()


def test_every_second_frame_gives_half_the_faces(
    tmp_path: Path, portrait: Portrait, permit: Permit
) -> None:
    file = clip(tmp_path / "a.mp4", portrait, 0)
    half = ExtractOptions(cutting=Cutting(every=2))
    done = extract([file], tmp_path / "ada", permit, half)
    assert [r["frame_index"] for r in done.curated.rows] == [0, 2]
    # A closer look at the same file replaces the coarse one; a coarser look adds nothing.
    assert len(extract([file], tmp_path / "ada", permit).curated.rows) == 4
    again = extract([file], tmp_path / "ada", permit, half)
    assert len(again.curated.rows) == 4 and again.skipped == (str(file),)


def test_adding_files_ends_where_having_them_all_ends(
    tmp_path: Path, portrait: Portrait, permit: Permit, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [
        clip(tmp_path / "a.mp4", portrait, 0),
        clip(tmp_path / "b.mp4", portrait, 5),
        picture(tmp_path / "c.png", view(portrait, 0, (0.9, 0.9, 0.9))),
    ]
    whole = extract(files, tmp_path / "whole", permit)
    for order in (files[::-1],):
        out = tmp_path / f"grown-{order[0].stem}"
        for file in order:
            grown = extract([file], out, permit)
        assert decided(grown) == decided(whole)
        assert (out / "manifest.csv").read_bytes() == (
            tmp_path / "whole" / "manifest.csv"
        ).read_bytes()
    looked: list[str] = []
    honest = extract_run.FaceCutter.look

    def spy(self: extract_run.FaceCutter, path: Path, progress: object = None) -> object:
        looked.append(path.name)
        return honest(self, path)

    monkeypatch.setattr(extract_run.FaceCutter, "look", spy)
    new = clip(tmp_path / "d.mp4", portrait, 9)
    copy = tmp_path / "copy of a.mp4"
    copy.write_bytes(files[0].read_bytes())
    done = extract([*files, copy, new], tmp_path / "whole", permit)
    assert looked == ["d.mp4"]
    assert len(done.skipped) == 4


def test_consent_is_checked_before_anything_is_opened(tmp_path: Path, permit: Permit) -> None:
    missing = [tmp_path / "missing.mp4"]
    with pytest.raises(ConsentError, match="expires"):
        extract(missing, tmp_path / "ada", replace(permit, today=date(2028, 1, 1)))
    with pytest.raises(ConsentError, match="purpose"):
        extract(missing, tmp_path / "ada", replace(permit, purpose="art"))
    assert not (tmp_path / "ada").exists()


def test_a_set_belongs_to_one_person(tmp_path: Path, portrait: Portrait, permit: Permit) -> None:
    file = picture(tmp_path / "p.png", view(portrait))
    extract([file], tmp_path / "ada", permit)
    other = replace(permit.record, consent=replace(TERMS, subject="somebody else"))
    with pytest.raises(ConsentError, match="another person"):
        extract([file], tmp_path / "ada", replace(permit, record=other))
    with pytest.raises(UsageError, match="160 px"):
        extract([file], tmp_path / "ada", permit, ExtractOptions(cutting=Cutting(size_px=192)))
    with pytest.raises(UsageError, match="new folder"):
        extract([file], tmp_path, permit)


def test_nobody_elses_pixels_are_stored(tmp_path: Path, portrait: Portrait, permit: Permit) -> None:
    files = [clip(tmp_path / "a.mp4", portrait, 0, 6)]
    files.append(picture(tmp_path / "z.png", blue(view(portrait))))
    done = extract(files, tmp_path / "ada", permit)
    (other,) = [r for r in done.curated.rows if r["reason"] == "other_person"]
    assert other["file"] == "z.png" and not other.get("shard") and not other["kept"]
    assert other.get("yaw_deg") is None and other.get("skin_a") is None
    assert len(read_face_set(tmp_path / "ada", kept_only=False)) == 6
    assert (
        base64.b64encode(files[1].read_bytes()[:60]).decode()
        not in (tmp_path / "ada" / SHEET).read_text()
    )


def test_two_people_have_to_be_told_apart(
    tmp_path: Path, portrait: Portrait, permit: Permit
) -> None:
    files = [
        picture(tmp_path / "1.png", view(portrait)),
        picture(tmp_path / "2.png", view(portrait, 10)),
        picture(tmp_path / "3.png", blue(view(portrait))),
    ]
    with pytest.raises(UsageError, match=r"got 2.*--person[\s\S]*person 2: 1 faces, 3.png"):
        extract(files, tmp_path / "ada", permit)
    assert not (tmp_path / "ada").exists()
    done = extract(files, tmp_path / "ada", permit, ExtractOptions(person=2))
    assert [r["file"] for r in done.curated.rows if r["kept"]] == ["3.png"]
    # The set now says who it is: the same command goes on, and looks for that person.
    more = picture(tmp_path / "4.png", blue(view(portrait, -12)))
    done = extract([*files, more], tmp_path / "ada", permit, ExtractOptions(person=2))
    assert [r["file"] for r in done.curated.rows if r["kept"]] == ["3.png", "4.png"]


def with_reference(permit: Permit, image: np.ndarray) -> Permit:
    import io

    data = io.BytesIO()
    Image.fromarray(image).save(data, "PNG")
    folder = permit.record.path.parent
    reference, _ = store_reference(folder, "me.png", data.getvalue())
    consent = replace(TERMS, basis="written_consent", references=(reference,))
    write_consent(consent, folder / "me.consent.toml", replace=True)
    return replace(permit, record=read_consent(folder / "me.consent.toml"))


def test_the_records_reference_says_who_it_is(
    tmp_path: Path, portrait: Portrait, permit: Permit
) -> None:
    files = [
        picture(tmp_path / "1.png", view(portrait)),
        picture(tmp_path / "2.png", view(portrait, 10)),
        picture(tmp_path / "3.png", blue(view(portrait))),
    ]
    named = with_reference(permit, blue(view(portrait, -8)))
    done = extract(files, tmp_path / "ada", named)
    assert [r["file"] for r in done.curated.rows if r["kept"]] == ["3.png"]
    with pytest.raises(ConsentError, match=r"nobody in these files.*1\.41"):
        extract(files[:2], tmp_path / "bob", named)
    assert not (tmp_path / "bob").exists()
    with pytest.raises(ConsentError, match="references"):
        empty = np.zeros((64, 64, 3), np.uint8)
        extract(files, tmp_path / "eve", with_reference(permit, empty))


def test_a_face_beside_another_is_left_out_of_the_set(
    tmp_path: Path, portrait: Portrait, permit: Permit
) -> None:
    one = view(portrait)
    near = np.concatenate([view(portrait, 20)[:, 65:175], blue(one)[:, 65:175]], axis=1)
    far = np.concatenate([view(portrait, 25), np.zeros_like(one), blue(one)], axis=1)
    files = [picture(tmp_path / f"{i}.png", view(portrait, 3.0 * i)) for i in range(4)]
    files += [picture(tmp_path / "near.png", near), picture(tmp_path / "far.png", far)]
    done = extract(files, tmp_path / "ada", permit, ExtractOptions(person=1))
    reasons = {r["file"]: r["reason"] for r in done.curated.rows if r["reason"] != "other_person"}
    assert reasons["near.png"] == "face_in_crop" and reasons["far.png"] == ""
    curation = replace(ExtractOptions().curation, drop_shared_frames=True)
    done = extract([], tmp_path / "ada", permit, ExtractOptions(curation=curation))
    reasons = {r["file"]: r["reason"] for r in done.curated.rows if r["reason"] != "other_person"}
    assert reasons["far.png"] == "shared_frame"


def test_a_bad_file_does_not_stop_the_others(
    tmp_path: Path, portrait: Portrait, permit: Permit
) -> None:
    words = tmp_path / "words.mp4"
    words.write_text("no film")
    done = extract(
        [words, tmp_path / "none.mp4", picture(tmp_path / "p.png", view(portrait))],
        tmp_path / "ada",
        permit,
    )
    assert done.curated.kept == 1
    assert [Path(name).name for name in done.failed] == ["none.mp4", "words.mp4"]


def test_no_face_is_an_error_and_leaves_nothing(tmp_path: Path, permit: Permit) -> None:
    grey = picture(tmp_path / "grey.png", np.full((200, 200, 3), 128, np.uint8))
    with pytest.raises(DataError, match="no face"):
        extract([grey], tmp_path / "ada", permit)
    assert not (tmp_path / "ada").exists()


def test_a_kill_in_the_middle_leaves_the_old_set_whole(
    tmp_path: Path, portrait: Portrait, permit: Permit, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "ada"
    first = clip(tmp_path / "a.mp4", portrait, 0)
    second = clip(tmp_path / "b.mp4", portrait, 5)
    extract([first], out, permit)
    before = (out / "manifest.csv").read_bytes()
    whole = extract([first, second], tmp_path / "whole", permit)

    def killed(path: Path, content: bytes) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(face_rows, "write_whole", killed)
        with pytest.raises(KeyboardInterrupt):
            extract([second], out, permit)
    assert (out / "manifest.csv").read_bytes() == before
    assert len(read_face_set(out, kept_only=False)) == 4
    assert decided(extract([second], out, permit)) == decided(whole)


def test_a_long_run_saves_on_its_way(
    tmp_path: Path, portrait: Portrait, permit: Permit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extract_run, "SAVE_EVERY", 3)
    files = [clip(tmp_path / f"{n}.mp4", portrait, 3 * n) for n in range(3)]
    honest, cut = extract_run.FaceCutter.cut, []

    def broken(self: extract_run.FaceCutter, looked: object, own: object) -> object:
        cut.append(looked)
        if len(cut) == 3:
            raise KeyboardInterrupt
        return honest(self, looked, own)

    monkeypatch.setattr(extract_run.FaceCutter, "cut", broken)
    with pytest.raises(KeyboardInterrupt):
        extract(files, tmp_path / "ada", permit)
    assert {r["file"] for r in read_manifest(tmp_path / "ada").rows} == {"0.mp4", "1.mp4"}


def test_what_is_decided_by_hand_is_remembered(
    tmp_path: Path, portrait: Portrait, permit: Permit
) -> None:
    file = clip(tmp_path / "a.mp4", portrait, 0)
    done = extract([file], tmp_path / "ada", permit)
    name = str(done.curated.rows[2]["face_id"])
    extract([], tmp_path / "ada", permit, ExtractOptions(by_hand={name: False}))
    done = extract([clip(tmp_path / "b.mp4", portrait, 7)], tmp_path / "ada", permit)
    assert decided(done)[name] == (False, "by_hand")


def test_the_sheet_is_one_light_file_of_original_pixels(
    tmp_path: Path, portrait: Portrait, permit: Permit
) -> None:
    extract([clip(tmp_path / "<b>&.mp4", portrait, 0)], tmp_path / "ada", permit)
    html = (tmp_path / "ada" / SHEET).read_text()
    assert "<script" not in html and "://" not in html
    assert "<b>&" not in html and "&lt;b&gt;&amp;" in html
    pictures = re.findall(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)", html)
    assert len(pictures) == 4
    assert all(base64.b64decode(p)[:2] == b"\xff\xd8" for p in pictures)
    assert len(html) < 200_000


def test_without_dlib_the_extra_is_named(
    tmp_path: Path, portrait: Portrait, permit: Permit, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    from likeness.data.identity_embedding import DlibEmbedder

    monkeypatch.setattr(extract_run, "DlibEmbedder", DlibEmbedder)
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(MissingExtraError, match=r"likeness\[create\]"):
        extract([picture(tmp_path / "p.png", view(portrait))], tmp_path / "ada", permit)


def test_a_set_and_a_swap_agree_on_who_is_who() -> None:
    assert SAME_PERSON == MATCH_DISTANCE


def test_real_people_are_told_apart(tmp_path: Path, data_dir: Path, permit: Permit) -> None:
    pytest.importorskip("dlib")
    mead = data_dir / "video" / "real" / "mead"
    source = [mead / f"W009_front_{mood}_level3_001.mp4" for mood in ("happy", "fear")]
    other = mead / "W011_front_happy_level3_001.mp4"
    coarse = ExtractOptions(cutting=Cutting(every=40), threads=1)
    with pytest.raises(UsageError, match="--person"):
        extract([*source, other], tmp_path / "w009", permit, coarse)
    done = extract(source, tmp_path / "w009", permit, coarse)
    assert done.curated.kept >= 4
    done = extract([other], tmp_path / "w009", permit, coarse)
    assert {r["reason"] for r in done.curated.rows if r["file"] == other.name} == {"other_person"}
