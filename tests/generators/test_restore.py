"""The generator `restore`: its contract, what strength means, what it refuses, and that its training can be killed."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from likeness import registry, testing, weights
from likeness.errors import ConfigError, UsageError, WeightsError
from likeness.types import FaceCrop, GenerateRequest
from tests.generators.drawn_faces import face_set
from tests.generators.tiny_restorer import SIZE_PX, write_tiny


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("restorer"))


@pytest.fixture(scope="module")
def lifting(tmp_path_factory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("lifting"), lift=0.2)


@pytest.fixture(scope="module")
def target() -> FaceCrop:
    found = testing.portrait_request("restore").target
    assert found is not None
    return replace(found, image=(found.image // 2).astype(np.uint8))  # so that nothing is clipped


def restored(model: Path, target: FaceCrop, **options) -> FaceCrop:
    made = registry.build("generators", "restore", {"model": str(model), "threads": 1, **options})
    return made.generate(GenerateRequest(target=target))


def test_it_keeps_the_contract(model: Path) -> None:
    testing.check_generator("restore", {"model": str(model), "threads": 1})


def test_strength_mixes_from_the_input_bit_for_bit_to_the_whole(lifting: Path, target) -> None:
    before = target.image[96, 96].astype(int)
    lifts = []
    for strength in (0.0, 0.5, 1.0):
        lifts.append((restored(lifting, target, strength=strength).image[96, 96] - before).mean())
    assert np.array_equal(restored(lifting, target, strength=0.0).image, target.image)
    assert lifts[1] == pytest.approx(25.5, abs=3) and lifts[2] == pytest.approx(51, abs=3)


def test_a_large_crop_keeps_its_own_detail_and_gets_what_was_added(lifting: Path, portrait) -> None:
    """The network sees 64 px; a crop of 300 px must not come back as soft as those."""
    from likeness.faces import align, find_faces
    from likeness.faces.geometry import transform

    points = find_faces(portrait).landmarks_px[0]
    crop = align((portrait // 2).astype(np.uint8), points, 300)
    crop = replace(crop, landmarks_px=transform(points, crop.matrix).astype(np.float32))
    made = restored(lifting, crop, strength=0.4)
    middle = (slice(110, 190), slice(110, 190))
    gap = made.image[middle].astype(int) - crop.image[middle]
    assert np.abs(gap - 20).max() <= 2


def test_without_landmarks_the_margin_is_taken_on_trust(lifting: Path, target) -> None:
    blind = replace(target, landmarks_px=None)
    made = restored(lifting, blind)
    assert made.landmarks_px is None and (made.image[96, 96] > target.image[96, 96]).all()


def test_small_crops_are_served_too(lifting: Path, target) -> None:
    small = FaceCrop(target.image[::4, ::4].copy(), target.mask[::4, ::4].copy(), target.matrix)
    assert (restored(lifting, small).image[24, 24] > small.image[24, 24]).all()


def test_impossible_requests_are_refused(model: Path, tmp_path: Path) -> None:
    made = registry.build("generators", "restore", {"model": str(model)})
    with pytest.raises(UsageError, match="target"):
        made.generate(GenerateRequest())
    with pytest.raises(ConfigError, match="strength"):
        registry.build("generators", "restore", {"model": str(model), "strength": 1.5})
    with pytest.raises(WeightsError, match="likeness train"):
        registry.build("generators", "restore", {"model": str(tmp_path)})
    with pytest.raises(WeightsError, match=r"components\.safetensors"):
        registry.build("generators", "restore", {"model": str(model), "dictionaries": True})


def test_a_graph_of_something_else_is_refused(tmp_path: Path) -> None:
    other = weights.FOLDER / "boundary" / "network.onnx"
    shutil.copyfile(other, tmp_path / "network.onnx")
    with pytest.raises(WeightsError, match="not a restoration network"):
        registry.build("generators", "restore", {"model": str(tmp_path)})
    (tmp_path / "network.onnx").write_bytes(b"nothing")
    with pytest.raises(WeightsError):
        registry.build("generators", "restore", {"model": str(tmp_path)})


RECIPE = {
    "generator": "restore",
    "network": {"width": 8, "growth": 4, "blocks": 1, "dense": 1, "layers": 2, "polish": 4, "size_px": SIZE_PX},
    "training": {
        "steps": 6, "batch": 2, "part_px": 32, "held_out_share": 0.3, "checkpoint_every_s": 1e6, "scale": [0.5, 0.9],
    },
    "losses": {"perceptual": 0.1, "adversarial": 0.01, "adversarial_from": 2, "adversarial_ramp": 1},
    "components": {"entries": 0},
}  # fmt: skip


def drawn_faces():
    from likeness.data.aligned_faces import AlignedFaces

    faces = face_set(0, 24)
    words = tuple("x" for _ in range(24))
    people = tuple(f"person {i}" for i in range(24))
    images, points = np.ascontiguousarray(faces.images), faces.landmarks_px.astype(np.float32)
    return AlignedFaces(images, points, people, words, words, words, "0" * 64)


def run(out: Path, recipe: dict, stop_after: int | None = None) -> dict[str, float]:
    from likeness.generators._restore_settings import resolve
    from likeness.generators._restore_training import train_on_faces
    from likeness.training.hooks import RunHooks

    done = []

    def stop() -> bool:
        done.append(1)
        return stop_after is not None and len(done) >= stop_after

    hooks = RunHooks(allow=lambda _: None, stop=stop)
    return train_on_faces(resolve(recipe), drawn_faces(), out, hooks)


def test_a_run_that_was_stopped_ends_with_the_same_bits(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole", RECIPE)
    run(tmp_path / "parts", RECIPE, stop_after=3)
    parts = run(tmp_path / "parts", RECIPE)
    assert whole["step"] == parts["step"] == 6 and whole["psnr_db"] == parts["psnr_db"]
    first, second = (
        weights.load_arrays(tmp_path / name / "network.safetensors")[0]
        for name in ("whole", "parts")
    )
    assert all(np.array_equal(first[k], second[k]) for k in first)
    made = registry.build("generators", "restore", {"model": str(tmp_path / "whole")})
    assert made.network.size_px == SIZE_PX


def test_a_run_of_other_settings_is_not_continued(tmp_path: Path) -> None:
    run(tmp_path, RECIPE, stop_after=2)
    with pytest.raises(WeightsError, match="run"):
        run(tmp_path, {**RECIPE, "wear": {"noise": 3.0}})


def test_training_learns(tmp_path: Path) -> None:
    """Faces that are only ever blurred: after some steps they come out sharper than they went in."""
    training = {
        **RECIPE["training"],
        "steps": 60,
        "learning_rate": 3e-3,
        "average": 0.0,
        "batch": 4,
    }
    wear = {"clean": 0.0, "halved": 1.0}
    figures = run(tmp_path, {**RECIPE, "training": training, "losses": {}, "wear": wear})
    assert figures["psnr_db"] > figures["psnr_before_db"]


def test_recipes_say_what_is_wrong() -> None:
    from likeness.generators._restore_settings import resolve

    for recipe, words in (
        ({"trainning": {}}, "trainning"),
        ({"training": {"stepz": 3}}, "steps"),
        ({"network": {"size_px": 190}}, "multiple"),
        ({"training": {"part_px": 30}}, "multiple"),
        ({"training": {"batch": 0}}, "batch"),
    ):
        with pytest.raises(ConfigError, match=words):
            resolve(recipe)
