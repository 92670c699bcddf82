"""The use case `swap` on what the package carries: the NASA portrait, moved, doubled and mirrored."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from likeness import media
from likeness.errors import (
    ConfigError,
    ConsentError,
    MediaError,
    OutputError,
    UsageError,
    WeightsError,
)
from likeness.faces import FaceModels, align, track_faces
from likeness.faces.merge_options import MergeConfig
from likeness.jobs.demo import moved
from likeness.jobs.swap import SwapOptions, SwapPermit, merge_config, swap
from likeness.jobs.swap_frames import FramesPlan, Replacement, swapped_frames, why_not
from likeness.jobs.swap_making import job_number
from likeness.jobs.swap_people import joined_track
from likeness.jobs.swap_quality import QualityWatch
from likeness.jobs.swap_source import best_source, crop_size
from likeness.provenance.consent import read_consent, write_consent
from likeness.provenance.consent_files import store_reference
from likeness.provenance.keys import KeyStore
from likeness.types import Clip, Consent, FaceCrop, FaceTrack, GenerateRequest
from tests.media.drawn_media import encode_picture, encode_sound, encode_video

TODAY = date(2026, 11, 22)


class Inverter:
    """A generator whose work can be recognised: the target's face with its brightness halved."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def generate(self, request: GenerateRequest) -> FaceCrop:
        return self.generate_batch([request])[0]

    def generate_batch(self, requests):
        self.batches.append(len(requests))
        return [replace(r.target, image=(r.target.image // 2).astype(np.uint8)) for r in requests]


@pytest.fixture(scope="module")
def clip_and_track(portrait) -> tuple[Clip, FaceTrack]:
    clip = media.clip_from_frames(moved(portrait, 20), 25.0)
    (track,) = track_faces(clip, range(20), models=FaceModels(1))
    return clip, track


PLAIN = MergeConfig(colour="none", sharpness=0, grain=0, colour_fade_s=0, mask_fade_s=0)


def plan_for(track: FaceTrack, **changes) -> FramesPlan:
    return FramesPlan((Replacement(track, Inverter(), None, 128),), merge=PLAIN, **changes)


def test_every_frame_comes_out_in_order_and_the_chosen_ones_are_swapped(clip_and_track) -> None:
    clip, track = clip_and_track
    frames = list(swapped_frames(clip, plan_for(track, first=4, last=13)))
    assert [f.frame.index for f in frames] == list(range(20))
    originals = [f.image for f in clip.frames]
    for swapped, original in zip(frames, originals, strict=True):
        inside = 4 <= swapped.frame.index < 13
        assert bool(swapped.faces) == inside
        assert np.array_equal(swapped.frame.image, original) != inside
        assert swapped.reason == ("" if inside else "outside the chosen frames")
        assert np.array_equal(swapped.before, original)
    assert frames[5].frame.sha256 == ""


def test_frames_without_the_person_are_untouched_and_say_why(clip_and_track, portrait) -> None:
    clip, track = clip_and_track
    keep = np.array([i not in (7, 8, 9) for i in range(len(track))])
    seen = replace_rows(track, keep)
    frames = list(swapped_frames(clip, plan_for(seen)))
    assert [f.frame.index for f in frames if not f.faces] == [7, 8, 9]
    assert frames[8].reason == "the person is not seen"
    assert np.array_equal(frames[8].frame.image, moved(portrait, 20)[8])


def replace_rows(track: FaceTrack, keep: np.ndarray) -> FaceTrack:
    quality = replace(track.quality, **{k: v[keep] for k, v in vars(track.quality).items()})
    arrays = {k: v[keep] for k, v in vars(track).items() if isinstance(v, np.ndarray)}
    return replace(track, **arrays, quality=quality)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: {"pose_deg": t.pose_deg + np.float32([80, 0, 0])}, "turned away"),
        (lambda t: {"boxes_px": t.boxes_px + np.float32([470, 0, 470, 0])}, "outside the picture"),
        (
            lambda t: {
                "quality": replace(t.quality, eye_distance_px=t.quality.eye_distance_px * 0 + 3)
            },
            "too small",
        ),
        (lambda t: {"bridged": np.ones(len(t), bool)}, "hidden"),
    ],
)
def test_a_face_that_cannot_be_swapped_says_why(clip_and_track, change, words: str) -> None:
    clip, track = clip_and_track
    poor = replace(track, **change(track))
    assert words in why_not(poor, 3, plan_for(poor), clip.size_wh)
    assert why_not(track, 3, plan_for(track), clip.size_wh) == ""


def test_a_short_bridge_is_swapped_and_a_long_one_is_not(clip_and_track) -> None:
    clip, track = clip_and_track
    bridged = np.zeros(20, bool)
    bridged[[2, 3, 8, 9, 10, 11, 12, 13, 14]] = True
    hidden = replace(track, bridged=bridged)
    reasons = [why_not(hidden, i, plan_for(hidden), clip.size_wh) for i in range(20)]
    assert not any(reasons[:8]) and all(reasons[8:15]) and not any(reasons[15:])


def test_a_touch_up_changes_its_frames_alone(clip_and_track) -> None:
    clip, track = clip_and_track
    other = replace(PLAIN, erode=0.2)
    plain = [f.frame.image for f in swapped_frames(clip, plan_for(track))]
    touched = [
        f.frame.image for f in swapped_frames(clip, plan_for(track, touch_ups=((6, 9, other),)))
    ]
    changed = [i for i in range(20) if not np.array_equal(plain[i], touched[i])]
    assert changed == [6, 7, 8]


def test_generators_get_batches(clip_and_track) -> None:
    clip, track = clip_and_track
    plan = plan_for(track)
    list(swapped_frames(clip, plan))
    assert max(plan.replacements[0].generator.batches) == 8
    assert sum(plan.replacements[0].generator.batches) == 20


def test_two_people_of_one_frame_are_both_swapped(portrait) -> None:
    half = portrait[:, 60:400]
    both = np.ascontiguousarray(np.hstack([half, half[:, ::-1]]))
    clip = media.clip_from_frames([both])
    tracks = track_faces(clip, [0], models=FaceModels(1))
    assert len(tracks) == 2
    plan = FramesPlan(tuple(Replacement(t, Inverter(), None, 128) for t in tracks), merge=PLAIN)
    (swapped,) = swapped_frames(clip, plan)
    assert len(swapped.faces) == 2
    for track in tracks:
        x, y = track.landmarks_px[0, 1].round().astype(int)
        assert swapped.frame.image[y, x].sum() < 0.6 * both[y, x].sum()


def test_an_error_of_a_generator_is_not_swallowed(clip_and_track) -> None:
    clip, track = clip_and_track

    class Broken:
        def generate(self, request):
            raise WeightsError("no weights")

    plan = FramesPlan((Replacement(track, Broken(), None, 128),))
    with pytest.raises(WeightsError):
        list(swapped_frames(clip, plan))


def test_the_watch_measures_what_went_by(clip_and_track) -> None:
    clip, track = clip_and_track
    plan = plan_for(track, first=2)
    watch = QualityWatch(clip, plan)
    for swapped in swapped_frames(clip, plan):
        watch.see(swapped)
    figures = watch.figures(
        lambda image, points: points[:64].ravel() / 500, np.zeros(128, np.float32)
    )
    assert (figures.frames, figures.swapped) == (20, 18)
    assert figures.not_swapped == {"outside the chosen frames": 2}
    assert figures.sampled == len(watch.samples) > 10
    assert max(figures.pose_error_deg) < 3.0
    assert figures.expression_error < 0.03
    assert figures.seam_delta_e > 5  # half as bright is a seam
    assert 0.2 < figures.flicker_ratio < 1.2
    assert figures.distance_to_source > figures.distance_to_target
    assert figures.nearer_to_source == 0.0


def test_tracks_of_one_person_become_one(clip_and_track) -> None:
    _, track = clip_and_track
    first, second = (
        replace_rows(track, np.arange(20) < 12),
        replace_rows(track, np.arange(20) >= 10),
    )
    joined = joined_track([second, first])
    assert joined.frame_indices.tolist() == list(range(20))
    assert np.array_equal(joined.landmarks_px, track.landmarks_px)


def test_the_source_is_the_picture_that_fits_the_target(clip_and_track) -> None:
    clip, track = clip_and_track

    class Named:
        def __init__(self, track):
            self.track = track

    turned = replace(
        track,
        pose_deg=track.pose_deg
        + np.linspace(-60, 60, 20, dtype=np.float32)[:, None] * np.float32([1, 0, 0]),
    )
    crop = best_source([(clip, Named(turned))], track, 96)
    assert crop.image.shape == (96, 96, 3) and crop.landmarks_px is not None
    expected = [
        align(f.image, track.landmarks_px[f.index], 96).image for f in clip.frames.at([9, 10])
    ]
    assert any(np.array_equal(crop.image, e) for e in expected)
    assert 96 <= crop_size(track) <= 512 and crop_size(track) % 16 == 0


def test_merge_settings_come_from_text() -> None:
    config = merge_config(["feather=0.08", "colour=mkl"], MergeConfig(grain=0.5))
    assert (config.feather, config.colour, config.grain) == (0.08, "mkl", 0.5)
    with pytest.raises(ConfigError, match="feather"):
        merge_config(["fether=0.1"])
    with pytest.raises(ConfigError, match="KEY=VALUE"):
        merge_config(["feather"])


def test_impossible_options_are_refused() -> None:
    with pytest.raises(UsageError, match="--frames"):
        SwapOptions(first=9, last=3)
    with pytest.raises(UsageError, match="not both"):
        SwapOptions(model=Path("run"), sources=(Path("a.mp4"),))


# From here on with records, keys and files.


@pytest.fixture(scope="module")
def folder(tmp_path_factory, portrait) -> Path:
    """Files to swap, a consent record of the portrait's person, and keys."""
    pytest.importorskip("dlib")
    root = tmp_path_factory.mktemp("swap")
    (root / "portrait.png").write_bytes(encode_picture(portrait, "PNG"))
    clip = [f[40:360, 60:420] for f in moved(portrait, 8)]
    (root / "clip.mp4").write_bytes(encode_video(clip, sound=True))
    (root / "silent.mp4").write_bytes(encode_video(clip, rate=30))
    half = portrait[:, 60:400]
    (root / "pair.png").write_bytes(
        encode_picture(np.ascontiguousarray(np.hstack([half, half[:, ::-1]])), "PNG")
    )
    (root / "empty.png").write_bytes(encode_picture(portrait[300:, :200], "PNG"))
    (root / "tone.wav").write_bytes(encode_sound(np.sin(np.arange(16000) / 9)))
    reference, _ = store_reference(root, "ref.png", encode_picture(portrait, "PNG"))
    record = Consent(
        "portrait",
        "public_domain",
        "research",
        date(2027, 1, 1),
        "0" * 64,
        True,
        True,
        (reference,),
    )
    write_consent(record, root / "portrait.consent.toml")
    KeyStore.create(root / "keys")
    return root


@pytest.fixture(scope="module")
def permit(folder: Path) -> SwapPermit:
    record = read_consent(folder / "portrait.consent.toml")
    return SwapPermit((record,), "research", TODAY, KeyStore(folder / "keys"))


def quick(**changes) -> SwapOptions:
    return SwapOptions(**{"detectors": False, "threads": 1, **changes})


def test_a_clip_is_swapped_marked_and_reported(folder: Path, permit: SwapPermit) -> None:
    out = folder / "out.mp4"
    done = swap(folder / "clip.mp4", out, permit, quick(sources=(folder / "portrait.png",)))
    assert done.written.watermark is not None and done.written.watermark.found
    result = media.open_clip(out)
    assert len(result.frames) == 8 and result.audio is not None
    facts = json.loads(done.json.read_text("utf-8"))
    assert facts["schema"] == "likeness-swap-1"
    assert facts["swapped"] == 8 and facts["not_swapped"] == {}
    assert facts["nearer_to_source"] is not None and facts["distance_to_source"] < 0.4
    html = done.html.read_text("utf-8")
    assert html.count("<img") >= 4 and "://" not in html.split("<body>")[1].split("</main>")[0]
    assert "clip.mp4" in html and "Content-Security-Policy" in html
    result.frames.close()


def test_the_same_job_has_the_same_number() -> None:
    base = (["aa", "bb"], {"seed": 0, "merge.feather": 0.1}, TODAY)
    others = [
        (["bb", "aa"], base[1], TODAY),
        (base[0], {**base[1], "seed": 1}, TODAY),
        (base[0], base[1], date(2026, 11, 23)),
    ]
    assert job_number(*base) == job_number(base[0], dict(reversed(base[1].items())), TODAY)
    assert len({job_number(*case) for case in [base, *others]}) == 4
    assert 0 <= job_number(*base) < 2**64


def test_without_a_source_two_people_are_needed(folder: Path, permit: SwapPermit) -> None:
    with pytest.raises(UsageError, match="two people"):
        swap(folder / "portrait.png", folder / "x.png", permit, quick())


def test_no_record_no_swap(folder: Path, permit: SwapPermit) -> None:
    with pytest.raises(ConsentError, match="consent"):
        swap(folder / "clip.mp4", folder / "n.mp4", replace(permit, records=()), quick())
    with pytest.raises(ConsentError, match="purpose"):
        swap(folder / "clip.mp4", folder / "n.mp4", replace(permit, purpose="art"), quick())
    with pytest.raises(ConsentError, match="expires"):
        late = replace(permit, today=date(2028, 1, 1))
        swap(folder / "clip.mp4", folder / "n.mp4", late, quick())
    assert not (folder / "n.mp4").exists()


def test_bad_input_is_a_clear_error_each(folder: Path, permit: SwapPermit) -> None:
    source = (folder / "portrait.png",)
    cases = [
        ("empty.png", "o.png", quick(sources=source), MediaError, "found none"),
        ("tone.wav", "o.wav", quick(sources=source), UsageError, "recording"),
        ("clip.mp4", "o.png", quick(sources=source), UsageError, "is a video"),
        ("clip.mp4", "missing/o.mp4", quick(sources=source), OutputError, "o.mp4"),
        ("clip.mp4", "o.xyz", quick(sources=source), OutputError, "xyz"),
        ("clip.mp4", "o.mp4", quick(sources=source, first=90), UsageError, "8 frames"),
        ("clip.mp4", "o.mp4", quick(sources=source, person=3), UsageError, "1 to 1"),
        ("clip.mp4", "o.mp4", quick(model=folder), WeightsError, "likeness train"),
        (
            "clip.mp4",
            "o.mp4",
            quick(generator="autoencoder_light", sources=source),
            UsageError,
            "--model",
        ),
    ]
    for target, out, options, error, words in cases:
        with pytest.raises(error, match=words):
            swap(folder / target, folder / out, permit, options)
        assert not (folder / out).exists()


def test_a_stranger_is_not_swapped(folder: Path, permit: SwapPermit, data_dir: Path) -> None:
    stranger = data_dir / "video" / "real" / "mead" / "W011_front_neutral_level1_001.mp4"
    with pytest.raises(ConsentError, match="references"):
        swap(stranger, folder / "s.mp4", permit, quick(sources=(folder / "portrait.png",), last=6))
    with pytest.raises(ConsentError, match="references"):
        swap(folder / "portrait.png", folder / "s.png", permit, quick(sources=(stranger,)))
    assert not list(folder.glob("s.*"))
