"""The use case `restore` on the NASA portrait: consent, identity, marks, modes, the sheet, and restored swaps."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from likeness import media
from likeness.errors import ConsentError, IdentityError, MediaError, OutputError, UsageError
from likeness.faces import FaceModels, track_faces
from likeness.jobs import restore as restore_job
from likeness.jobs.restore import RestoreOptions, restore
from likeness.jobs.restore_compare import compare, psnr_db, ssim
from likeness.jobs.restore_faces import (
    LARGEST_SHIFT,
    laid_over,
    require_same_people,
    restored_faces,
)
from likeness.jobs.restore_modes import MODES
from likeness.jobs.swap_frames import crop_with_landmarks
from likeness.jobs.swap_options import SwapOptions, SwapPermit
from likeness.jobs.swap_restored import Restored, restorer_of, told_of_restorer, with_restoration
from likeness.provenance.consent import read_consent, write_consent
from likeness.provenance.consent_files import store_reference
from likeness.provenance.keys import KeyStore
from likeness.types import Consent, FaceCrop, Frame, GenerateRequest
from tests.generators.tiny_restorer import write_tiny
from tests.media.drawn_media import encode_picture, encode_video

TODAY = date(2026, 11, 22)


class Lifter:
    """A restorer whose work can be recognised: everything 20 levels lighter; or somebody else's face."""

    tag = "lifter-1"

    def __init__(self, how: str = "lift") -> None:
        self.how = how

    def generate(self, request: GenerateRequest) -> FaceCrop:
        target = request.target
        assert target is not None
        lifted = np.clip(target.image.astype(int) + 20, 0, 255).astype(np.uint8)
        other = np.random.default_rng(0).integers(0, 255, target.image.shape).astype(np.uint8)
        return replace(target, image=lifted if self.how == "lift" else other)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, portrait) -> Path:
    pytest.importorskip("dlib")
    root = tmp_path_factory.mktemp("restore")
    small = np.ascontiguousarray(portrait[0:300, 90:390])
    (root / "old.png").write_bytes(encode_picture(small, "PNG"))
    (root / "empty.png").write_bytes(encode_picture(portrait[300:, :200], "PNG"))
    (root / "clip.mp4").write_bytes(encode_video([small] * 3))
    reference, _ = store_reference(root, "ref.png", encode_picture(portrait, "PNG"))
    record = Consent(
        "portrait", "public_domain", "research", date(2027, 1, 1), "0" * 64, True, True, (reference,)
    )  # fmt: skip
    write_consent(record, root / "portrait.consent.toml")
    KeyStore.create(root / "keys")
    return root


@pytest.fixture(scope="module")
def permit(folder: Path) -> SwapPermit:
    record = read_consent(folder / "portrait.consent.toml")
    return SwapPermit((record,), "research", TODAY, KeyStore(folder / "keys"))


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("restorer"), 96)


def test_a_picture_is_restored_marked_and_reported(folder, permit, model) -> None:
    out = folder / "better.png"
    done = restore(folder / "old.png", out, permit, RestoreOptions(strength=0.6, model=model))
    assert done.written.watermark is not None and done.written.watermark.found
    assert len(done.shifts) == 1 and done.shifts[0] < LARGEST_SHIFT
    facts = json.loads(done.report.read_text("utf-8"))
    assert "invented" in facts["limits"] and "identifies nobody" in facts["limits"]
    assert facts["mode"] == "restore" and facts["identity_distance"] == [round(done.shifts[0], 4)]
    clip = media.open_clip(out)
    assert clip.size_wh == (300, 300)
    clip.frames.close()


def test_super_resolution_doubles_the_picture(folder, permit, model) -> None:
    out = folder / "large.png"
    restore(folder / "old.png", out, permit, RestoreOptions(mode="superres", model=model))
    clip = media.open_clip(out)
    assert clip.size_wh == (600, 600)
    clip.frames.close()


def test_somebody_else_is_never_written(folder, permit, monkeypatch) -> None:
    monkeypatch.setattr(restore_job, "build_restorer", lambda options: Lifter("other"))
    out = folder / "other.png"
    with pytest.raises(IdentityError, match="no longer be the same person"):
        restore(folder / "old.png", out, permit)
    assert not out.exists() and not out.with_name("other.png.report.json").exists()


def test_the_limit_lets_no_number_pass_that_is_none() -> None:
    require_same_people([0.0, LARGEST_SHIFT])
    for shifts in ([0.1, LARGEST_SHIFT + 0.01], [float("nan")]):
        with pytest.raises(IdentityError, match=f"face {len(shifts)}"):
            require_same_people(shifts)


def test_no_record_no_restoration(folder, permit, model) -> None:
    options, out = RestoreOptions(model=model), folder / "n.png"
    for poor in (
        replace(permit, records=()),
        replace(permit, purpose="art"),
        replace(permit, today=date(2028, 1, 1)),
    ):
        with pytest.raises(ConsentError):
            restore(folder / "old.png", out, poor, options)
    unseen = replace(permit.records[0], consent=replace(permit.records[0].consent, references=()))
    with pytest.raises(ConsentError, match="references"):
        restore(folder / "old.png", out, replace(permit, records=(unseen,)), options)
    assert not out.exists()


def test_bad_input_is_a_clear_error_each(folder, permit, model) -> None:
    options = RestoreOptions(model=model)
    for name, out, kind, words in (
        ("clip.mp4", "x.png", UsageError, "swap --restore"),
        ("empty.png", "x.png", MediaError, "found none"),
        ("nowhere.png", "x.png", MediaError, "nowhere"),
        ("old.png", "x.gif", OutputError, "gif"),
        ("old.png", "old.png", OutputError, "old.png"),
    ):
        with pytest.raises(kind, match=words):
            restore(folder / name, folder / out, permit, options)
    tight = replace(options, mode="superres", limits=media.Limits(image_pixels=200_000))
    with pytest.raises(MediaError, match="the result"):
        restore(folder / "old.png", folder / "x.png", permit, tight)
    assert not (folder / "x.png").exists()
    with pytest.raises(UsageError, match="--mode"):
        RestoreOptions(mode="magic")
    with pytest.raises(UsageError, match="--strength"):
        RestoreOptions(strength=1.2)


def test_the_sheet_shows_every_mode_with_figures(folder, permit, model) -> None:
    """Of a picture so soft that it could hardly carry a watermark of its own."""
    import cv2

    out = folder / "sheet.png"
    sharp = next(iter(media.open_clip(folder / "old.png").frames)).image
    (folder / "soft.png").write_bytes(encode_picture(cv2.GaussianBlur(sharp, (0, 0), 3.0), "PNG"))
    done = compare(
        folder / "soft.png", out, permit, RestoreOptions(model=model), folder / "old.png"
    )
    assert [f.mode for f in done.figures] == list(MODES) and done.yardstick == "old.png"
    assert done.written.watermark is not None and done.written.watermark.found
    assert all(f.shift < LARGEST_SHIFT and 0 < f.ssim <= 1 for f in done.figures)
    assert psnr_db(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8, 3), np.uint8)) == float("inf")
    with pytest.raises(UsageError, match="--reference"):
        compare(folder / "old.png", out, permit, RestoreOptions(model=model), folder / "ref.png")


def test_similarity_of_equal_pictures_is_one(portrait) -> None:
    assert ssim(portrait, portrait) == pytest.approx(1.0)
    assert ssim(portrait, portrait[::-1].copy()) < 0.9


@pytest.fixture(scope="module")
def seen(portrait):
    clip = media.clip_from_frames([portrait])
    (track,) = track_faces(clip, [0], models=FaceModels(1))
    return portrait, track


def test_what_was_added_is_laid_over_the_face_alone(seen) -> None:
    image, track = seen
    dark = (image // 2).astype(np.uint8)
    made, (face,) = restored_faces(dark, [track], Lifter())
    nose = face.landmarks_px[1].round().astype(int)
    assert (made[nose[1], nose[0]] == dark[nose[1], nose[0]] + 20).all()
    outside = face.alpha == 0
    assert outside.mean() > 0.5 and np.array_equal(made[outside], dark[outside])


def test_nothing_added_changes_no_bit(seen) -> None:
    image, track = seen
    before = crop_with_landmarks(Frame(image, 0, 0.0), track.landmarks_px[0], 160)
    made, _ = laid_over(image, before, before)
    assert np.array_equal(made, image)


def test_faces_of_an_enlarged_picture_are_found_again(seen) -> None:
    image, track = seen
    large = np.repeat(np.repeat(image // 2, 2, axis=0), 2, axis=1).astype(np.uint8)
    made, (face,) = restored_faces(large, [track], Lifter(), 2)
    nose = face.landmarks_px[1].round().astype(int)
    assert np.allclose(face.landmarks_px / 2, track.landmarks_px[0], atol=0.5)
    assert (made[nose[1], nose[0]].astype(int) - large[nose[1], nose[0]] >= 19).all()


def test_a_swap_is_restored_before_it_is_merged(seen) -> None:
    image, track = seen
    target = crop_with_landmarks(Frame(image, 0, 0.0), track.landmarks_px[0], 96)

    class Inner:
        def generate(self, request: GenerateRequest) -> FaceCrop:
            grey = np.full_like(request.target.image, 100)
            return replace(
                request.target, image=grey, mask=request.target.mask * 0.5, landmarks_px=None
            )

    made = Restored(Inner(), Lifter()).generate(GenerateRequest(target=target))
    assert (made.image == 120).all() and made.mask.max() == pytest.approx(0.5)
    assert made.landmarks_px is None and np.array_equal(made.matrix, target.matrix)


def test_without_being_asked_a_swap_is_left_as_it_is() -> None:
    assert restorer_of(SwapOptions()) is None
    assert told_of_restorer(SwapOptions(), None) == {}
    marker = object()
    assert with_restoration([marker], None) == (marker,)
    told = told_of_restorer(SwapOptions(restore=0.5), Lifter())
    assert told == {"restore.strength": 0.5, "restore.weights": "lifter-1"}
    with pytest.raises(UsageError, match="restore"):
        SwapOptions(restore=2.0)
