"""Generators of whole faces, from a tiny training run to drawn pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from likeness import registry, testing  # noqa: E402
from likeness.data.aligned_faces import AlignedFaces  # noqa: E402
from likeness.detectors.gan_discriminator import Config as DetectorConfig  # noqa: E402
from likeness.detectors.gan_discriminator import build as build_detector  # noqa: E402
from likeness.errors import ConfigError, ShapeError, UsageError, WeightsError  # noqa: E402
from likeness.generators import _synthesis_training as synthesis_training  # noqa: E402
from likeness.generators._synthesis_settings import resolve  # noqa: E402
from likeness.generators._synthesis_watching import advice  # noqa: E402
from likeness.training.hooks import RunHooks  # noqa: E402
from likeness.training.run_folder import read_about, read_metrics  # noqa: E402
from likeness.types import GenerateRequest  # noqa: E402

TABLES = {
    "generator": "light_gan",
    "network": {"latent": 12, "widths": [8, 8, 8, 8, 8]},
    "discriminator": {"width": 4},
    "training": {
        "steps": 3,
        "minutes": 0,
        "batch": 4,
        "measured": 16,
        "precision": "float32",
        "rate_generator": 0.1,  # from a start that draws grey: three steps have to be seen
    },
}


def portraits(settings, data, role, progress=None) -> AlignedFaces:
    """The NASA portrait's face in 64 changes of light, in place of a data folder."""
    face = testing.portrait_crop().image[::3, ::3].astype(np.float32)
    rng = np.random.default_rng(len(role))
    light = rng.uniform(0.4, 1.2, (64, 1, 1, 3))
    images = np.clip(face * light, 0, 255).astype(np.uint8)
    names = tuple(f"{role}_{i}" for i in range(64))
    points = np.zeros((64, 478, 2), np.float32)
    return AlignedFaces(
        images, points, names, ("drawn",) * 64, names, ("own",) * 64, f"{role:0<64}"
    )


def trained(out: Path, **changes) -> tuple[dict, list[tuple[int, ...]]]:
    shown: list[tuple[int, ...]] = []
    hooks = RunHooks(
        allow=lambda _: None, encode=lambda image: shown.append(image.shape) or b"marked"
    )
    training = {**TABLES["training"], **changes}
    figures = registry.load("generators", "light_gan").training_on_data(
        {**TABLES, "training": training}, Path("nowhere"), out, hooks
    )
    return figures, shown


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("gan") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthesis_training, "cut_faces", portraits)
        figures, shown = trained(out)
    assert shown == [(1126, 1024, 3)]
    assert 0 <= figures["accuracy_held_out"] <= 1
    return out


def test_a_run_says_what_it_learned_from_and_what_came_out(run: Path) -> None:
    about = read_about(run)
    assert about["learned_from"]["faces"] == 64
    assert about["learned_from"]["licences"] == ["own"]
    row = read_metrics(run)[-1]
    wanted = {"swd", "kernel_distance", "diversity", "copied", "memorised", "accuracy_drawn"}
    assert row["step"] == 3
    assert wanted <= set(row)
    assert about["figures"]["onnx_difference"] < 1e-4
    assert (run / "previews" / "step_000000003.png").read_bytes() == b"marked"


def test_a_finished_run_goes_on_where_it_was(run: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(synthesis_training, "cut_faces", portraits)
    trained(tmp_path / "parts", steps=2)
    trained(tmp_path / "parts", steps=3)
    whole, parts = (
        (d / "generator" / "network.safetensors").read_bytes() for d in (run, tmp_path / "parts")
    )
    assert whole == parts
    assert [row["step"] for row in read_metrics(tmp_path / "parts")] == [2, 3]


def test_the_contract_holds_for_a_trained_one(run: Path) -> None:
    testing.check_generator("light_gan", {"model": str(run)})


def test_faces_depend_on_their_own_latent_only(run: Path) -> None:
    made = registry.build("generators", "light_gan", {"model": str(run), "batch": 2})
    latents = np.stack([made.latent_of(seed) for seed in (1, 2, 3)])
    assert latents.dtype == np.float32
    assert made.size_px == 64
    together = made.draw(latents)
    assert together.shape == (3, 64, 64, 3)
    alone = made.draw(latents[2:])
    assert int(np.abs(together[2].astype(int) - alone[0]).max()) <= 1
    assert np.array_equal(made.generate(GenerateRequest(seed=3)).image, alone[0])


def test_truncation_goes_towards_one_face(run: Path) -> None:
    made = registry.build("generators", "light_gan", {"model": str(run)})
    latents = np.stack([made.latent_of(seed) for seed in range(4)])
    spread = [
        float(made.draw(latents, t).astype(float).std(axis=0).mean()) for t in (0.0, 0.5, 1.0)
    ]
    assert spread[0] == 0.0
    assert spread[0] < spread[1] < spread[2]
    halved = registry.build("generators", "light_gan", {"model": str(run), "truncation": 0.5})
    assert np.array_equal(halved.draw(latents), made.draw(latents, 0.5))


def test_what_cannot_be_drawn_is_refused(run: Path) -> None:
    made = registry.build("generators", "light_gan", {"model": str(run)})
    with pytest.raises(ShapeError):
        made.draw(np.zeros((1, 5), np.float32))
    with pytest.raises(UsageError, match="finite"):
        made.draw(np.full((1, 12), np.nan, np.float32))
    with pytest.raises(UsageError, match="seed"):
        made.latent_of(-1)
    with pytest.raises(ConfigError, match="truncation"):
        registry.build("generators", "light_gan", {"truncation": 3.0})


def test_another_generators_model_is_refused(run: Path) -> None:
    with pytest.raises(WeightsError, match="light_gan"):
        registry.build("generators", "dcgan", {"model": str(run)})
    with pytest.raises(WeightsError, match="not a generator"):
        graph = run / "discriminator" / "network.onnx"
        registry.build("generators", "light_gan", {"model": str(graph)})


def test_its_discriminator_is_a_detector_that_keeps_the_contract(run: Path) -> None:
    testing.check_detector("gan_discriminator", {"weights": str(run)})


def test_the_detector_scores_drawn_faces_as_the_discriminator_sees_them(run: Path) -> None:
    found = build_detector(DetectorConfig(weights=str(run))).analyse(*testing.portrait_clip())
    assert found.status == "scored"
    with pytest.raises(WeightsError, match="not a discriminator"):
        build_detector(DetectorConfig(weights=str(run / "generator" / "network.onnx")))


def test_recipes_of_the_project_can_be_read() -> None:
    import tomllib

    for name in ("dcgan", "gan_faces"):
        text = (Path(__file__).parents[2] / "recipes" / f"{name}.toml").read_text(encoding="utf-8")
        table = tomllib.loads(text)
        module = registry.load("generators", table["generator"])
        assert resolve(table["generator"], table, module.DEFAULTS).training.minutes > 0


def test_a_wrong_key_of_a_recipe_is_named() -> None:
    with pytest.raises(ConfigError, match="batches"):
        resolve("dcgan", {"training": {"batches": 3}}, {})
    with pytest.raises(ConfigError, match="losses"):
        resolve("dcgan", {"losses": {}}, {})


def test_the_identity_of_a_run_does_not_hold_its_length() -> None:
    a, b, c = (
        resolve("dcgan", {"training": t}, {})
        for t in ({"minutes": 1}, {"minutes": 2}, {"batch": 3})
    )
    assert a.identity() == b.identity() != c.identity()
    assert json.loads(a.identity())["generator"] == "dcgan"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"memorised": 1.0}, "copies"),
        ({"diversity_nearest": 0.1}, "same few"),
        ({"accuracy_drawn": 1.0, "accuracy_held_out": 1.0}, "lower its rate"),
        ({}, "75%"),
    ],
)
def test_advice_says_what_goes_wrong(changes: dict[str, float], words: str) -> None:
    row = {
        "memorised": 0.0,
        "diversity_nearest": 1.0,
        "accuracy_drawn": 0.7,
        "accuracy_held_out": 0.8,
    }
    assert words in advice(row | changes)
