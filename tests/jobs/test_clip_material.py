"""Clips for calibrating cues over time: real, manipulated, in memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from likeness import media, testing
from likeness.data.manifest import Item, read_items
from likeness.data.unsteady import make_unsteady
from likeness.jobs import clip_material, clip_swaps
from likeness.jobs.clip_material import ClipPlan, Footage, case_seed, clip_cases, steady, stepped
from likeness.jobs.clip_swaps import SwapModel, may_swap, source_for
from likeness.types import same_value


def item(path: str, group: str, role: str = "calibrate", sha256: str = "0" * 12) -> Item:
    source = path.split("/")[-2]
    return Item(path, "video", 0, source, group, "terms", sha256, role)


@pytest.fixture(scope="module")
def footage() -> Footage:
    """Six frames of the portrait, in two stretches with a gap."""
    clip, tracks = testing.portrait_clip(6)
    images = tuple(frame.image for frame in clip.frames)
    times = np.array([0.0, 0.04, 0.08, 2.0, 2.04, 2.08])
    return Footage(images, 25.0, times, None, tracks)


@pytest.mark.parametrize("maker", [steady, make_unsteady])
def test_fakes_differ_from_their_partners_in_the_face_only(footage: Footage, maker) -> None:
    (track,) = footage.tracks
    reals, fakes = clip_material._made(footage, track, maker, [1, 2])
    assert len(reals) == len(fakes) == 6
    for real, fake, box in zip(reals, fakes, track.boxes_px, strict=True):
        changed = np.argwhere((real != fake).any(axis=2))
        assert len(changed) > 100
        low, high = changed.min(axis=0)[::-1], changed.max(axis=0)[::-1]
        margin = 0.35 * (box[2] - box[0])
        assert (low > box[:2] - margin).all() and (high < box[2:] + margin).all()
    again = clip_material._made(footage, track, maker, [1, 2])
    assert all((a == b).all() for a, b in zip(again[1], fakes, strict=True))


def test_the_steady_fake_is_the_same_draw_in_every_frame(footage: Footage) -> None:
    images, landmarks = [footage.images[0]] * 2, footage.tracks[0].landmarks_px[[0, 0]]
    _, (one, two) = steady(images, landmarks, np.random.default_rng(3))
    assert (one == two).all()
    _, (one, two) = make_unsteady(images, landmarks, np.random.default_rng(3))
    assert (one != two).any()


def test_frames_without_the_face_stay_as_they_are(footage: Footage) -> None:
    (track,) = footage.tracks
    hidden = replace(track, bridged=np.arange(6) == 2)
    reals, fakes = clip_material._made(footage, hidden, steady, [1])
    assert fakes[2] is footage.images[2] and reals[2] is footage.images[2]
    assert (fakes[1] != footage.images[1]).any()


def test_compression_keeps_count_and_size_and_loses_detail(footage: Footage) -> None:
    assert stepped(footage.images, 25.0, "clean") == list(footage.images)
    coded = stepped(footage.images, 25.0, "h264_crf28")
    assert [c.shape for c in coded] == [i.shape for i in footage.images]
    assert np.abs(coded[0].astype(int) - footage.images[0]).mean() > 0.5


def test_other_pictures_get_the_times_and_the_sound(footage: Footage) -> None:
    class Sound:
        sample_rate_hz = 8000

        def samples(self) -> np.ndarray:
            return np.zeros(8, np.float32)

    sound = Sound()
    clip = replace(footage, audio=sound).clip(footage.images, "name")
    assert clip.audio is sound and clip.fps == 25.0
    assert clip.timestamps_s.tolist() == footage.times_s.tolist()
    assert clip.sha256 == "" and clip.raw is None


def test_draws_depend_on_the_clip_and_on_what_is_made() -> None:
    one, two = item("a/mead/x.mp4", "x"), item("a/mead/y.mp4", "x", sha256="1" * 12)
    seeds = [tuple(case_seed(i, kind, 7)) for i in (one, two) for kind in ("steady", "unsteady")]
    assert len(set(seeds)) == 4
    assert case_seed(one, "steady", 7) == case_seed(one, "steady", 7)


def test_only_people_whose_terms_allow_it_are_swapped() -> None:
    people = [item("v/mead/a.mp4", "a"), item("v/mead/b.mp4", "b"), item("v/portraits/c.mp4", "c")]
    assert [may_swap(p) for p in people] == [True, True, False]
    assert not may_swap(item("v/grid_s1/srab1s.mpg", "grid_s1"))
    assert source_for(people[2], people) is None
    giver = source_for(people[0], people)
    assert giver is not None and giver.group == "b"
    assert source_for(people[0], [people[0], people[2]]) is None


def test_somebody_of_another_role_gives_a_face_only_if_nobody_else_can() -> None:
    target = item("v/grid_s1/t.mpg", "grid_s1", "test")
    others = [item("v/mead/a.mp4", "a", "calibrate"), item("v/mead/b.mp4", "b", "test")]
    assert source_for(target, others).group == "b"
    assert source_for(target, others[:1]).group == "a"


def test_a_trained_swap_is_used_on_clips_that_it_did_not_see(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(
        '{"generator": "autoencoder_light", "settings": {"training": {"held_out_files": ["kept.mp4"]}}}'
    )
    model = SwapModel.read("late", tmp_path, "a")
    assert model.generator == "autoencoder_light"
    assert model.takes(item("v/mead/kept.mp4", "a"))
    assert not model.takes(item("v/mead/seen.mp4", "a"))
    assert not model.takes(item("v/mead/kept.mp4", "b"))
    assert clip_swaps.swap_by_model(model, item("v/mead/seen.mp4", "a"), None) == []


def test_a_real_clip_gives_every_case_with_faces_found_anew(data_dir: Path) -> None:
    items = [i for i in read_items(data_dir) if i.kind == "video" and i.role == "calibrate"]
    mead = next(i for i in items if i.source == "mead")
    plan = ClipPlan(makers={"pseudo_fake": steady}, frames=12, stretch_s=0.16, steps=("clean",))
    cases = {c.kind: c for c in clip_cases(data_dir, mead, items, plan)}
    assert (
        {"real", "pseudo_fake", "landmark_swap"}
        <= set(cases)
        <= {*("real", "pseudo_fake", "pseudo_fake_real", "landmark_swap")}
    )
    assert [cases[k].label for k in ("real", "pseudo_fake", "landmark_swap")] == [0, 1, 1]
    real, swapped = cases["real"], cases["landmark_swap"]
    assert len(real.clip.frames) == 12 and same_value(
        real.clip.timestamps_s, swapped.clip.timestamps_s
    )
    gaps = np.diff(real.clip.timestamps_s)
    assert (gaps > 0.2).sum() == 2  # three stretches
    assert len(real.tracks) == len(swapped.tracks) == 1
    moved = np.abs(real.tracks[0].landmarks_px - swapped.tracks[0].landmarks_px)
    assert 0.05 < moved.mean() < 10.0  # another face in the same place
    assert media.sample(real.clip, media.Sampling("stretches", 240)).tolist() == list(range(12))
