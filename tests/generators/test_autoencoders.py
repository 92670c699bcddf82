"""The autoencoder generators from two face sets to a swapped crop."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from likeness import registry, testing, weights  # noqa: E402
from likeness.errors import ConfigError, ConsentError, DataError, UsageError, WeightsError  # noqa: E402
from likeness.generators import _autoencoder_measuring as measuring  # noqa: E402
from likeness.generators import autoencoder_light as light  # noqa: E402
from likeness.training.checkpoints import latest  # noqa: E402
from likeness.training.hooks import RunHooks  # noqa: E402
from likeness.types import FaceCrop, GenerateRequest  # noqa: E402
from tests.generators.drawn_faces import (  # noqa: E402
    HD,
    LIGHT,
    ORIGINAL,
    TRAINING,
    face_set,
    target_crop,
)

SCRIPT = """
import sys, time
from pathlib import Path
import torch
torch.set_num_threads(1)
from tests.generators import test_autoencoders as t
def slow(what, done, total):
    print(done, flush=True)
t.run(Path(sys.argv[1]), hooks=t.hooks(progress=slow), checkpoint_every_s=0.01, steps=t.KILLED_STEPS)
"""
KILLED_STEPS = 16


def hooks(**changes) -> RunHooks:
    return RunHooks(**{"allow": lambda consents: None, **changes})


def run(out: Path, hooks: RunHooks, network=LIGHT, tables=None, **training):
    settings = {"network": network, "training": {**TRAINING, **training}, **(tables or {})}
    return light.training(settings, face_set(0), face_set(1), out, hooks)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    marked = []

    def encode(image):
        marked.append(image)
        return b"marked"

    said = []
    figures = run(
        out, hooks(encode=encode, say=said.append, embed=lambda i, p: i.mean(axis=(0, 1))), steps=8
    )
    return out, figures, marked, said


def test_a_run_leaves_everything_that_using_and_judging_it_needs(trained):
    out, figures, _, said = trained
    names = {p.name for p in out.iterdir()}
    assert names == {
        "run.json",
        "metrics.csv",
        "checkpoints",
        "previews",
        "model.safetensors",
        "model.onnx",
    }
    about = json.loads((out / "run.json").read_text())
    assert about["generator"] == "autoencoder_light"
    assert [c["subject"] for c in about["consents"]] == ["Eileen Collins"] * 2
    assert (
        about["face_sets"]["source"]["faces"] == 24
        and about["face_sets"]["source"]["held_out"] == 4
    )
    assert about["settings"]["network"] == LIGHT
    assert about["figures"]["dssim"] == figures["dssim"]
    assert np.array(about["error_map"]["target"]).shape == (16, 16)
    rows = list(csv.DictReader(io.StringIO((out / "metrics.csv").read_text())))
    assert rows[-1]["step"] == "8" and 0 < float(rows[-1]["dssim"]) < 1
    assert {"landmark_error", "nearer_to_source", "l1_eyes_source", "images_per_s"} <= set(rows[-1])
    assert figures["onnx_difference"] < 1e-3
    assert "DSSIM" in said[-1]
    arrays, told = weights.load_arrays(out / "model.safetensors")
    assert told["format"] == "likeness-swap-1" and "decoders.source.0.conv.weight" in arrays


def test_previews_leave_through_the_encoder_only(trained, tmp_path):
    out, _, marked, _ = trained
    assert [p.read_bytes() for p in (out / "previews").iterdir()] == [b"marked"]
    assert marked[0].shape == (5 * 96, 4 * 96, 3) and marked[0].dtype == np.uint8
    run(tmp_path, hooks())
    assert not (tmp_path / "previews").exists()
    pictures = {".png", ".jpg", ".jpeg", ".webp", ".npy"}
    assert not [p for p in tmp_path.rglob("*") if p.suffix in pictures]


def test_figures_are_written_as_tensorboard_events_when_asked_for(tmp_path):
    events = pytest.importorskip("tensorboardX.proto.event_pb2")
    from likeness.training.run_folder import read_metrics

    run(tmp_path, hooks(), tensorboard=True)
    (file,) = (tmp_path / "tensorboard").iterdir()
    data, told = file.read_bytes(), {}
    while data:  # length, its checksum, the event, its checksum
        size = int.from_bytes(data[:8], "little")
        event = events.Event.FromString(data[12 : 12 + size])
        told |= {(event.step, v.tag): v.simple_value for v in event.summary.value}
        data = data[16 + size :]
    rows = read_metrics(tmp_path)
    rows = read_metrics(tmp_path)
    assert rows
    for row in rows:
        assert told[int(row["step"]), "dssim"] == pytest.approx(row["dssim"], rel=1e-5)


def test_a_swap_draws_the_source_decoder_into_the_targets_crop(trained):
    out, *_ = trained
    generator = registry.build("generators", "autoencoder_light", {"model": str(out)})
    target = target_crop(96)
    made = generator.generate(GenerateRequest(target=target))
    assert made.image.shape == target.image.shape and np.array_equal(made.matrix, target.matrix)
    assert np.array_equal(made.landmarks_px, target.landmarks_px)
    assert made.mask[:9].max() == 0 and np.array_equal(
        made.image[:9], target.image[:9]
    )  # beyond the coverage
    assert made.mask[48, 48] > 0.5
    assert generator.generate(GenerateRequest(target=target, seed=5)) == made
    # eight steps give about the mean face of the source, whose tint is warm; the target's would be cool
    inside = made.mask > 0.9
    red, _, blue = made.image[inside].mean(axis=0)
    assert red > blue * 1.2


def test_the_exported_half_is_the_networks_source_side(trained):
    from likeness.generators._autoencoder_run import load_network

    out, *_ = trained
    network = load_network(out)
    images = np.random.default_rng(0).random((3, 3, 32, 32)).astype(np.float32)
    with torch.inference_mode():
        code = network.encode(torch.from_numpy(images))
        source, target = (network.decode(code, s).numpy() for s in ("source", "target"))
    drawn = weights.session(out / "model.onnx").run(None, {"images": images})[0]
    assert np.abs(drawn - source).max() < 1e-4
    assert np.abs(drawn - target).max() > 0.05


def test_batches_and_single_crops_agree(trained):
    out, *_ = trained
    generator = registry.build("generators", "autoencoder_light", {"model": str(out), "batch": 2})
    requests = [GenerateRequest(target=target_crop(s)) for s in (96, 160, 64)]
    together = generator.generate_batch(requests)
    for request, made in zip(requests, together, strict=True):
        alone = generator.generate(request)
        assert np.abs(alone.image.astype(int) - made.image).max() <= 1
    assert generator.generate_batch([]) == []


def test_a_crop_of_another_margin_is_drawn_in_the_same_place(trained):
    """The face lands on the face, whatever the crop shows around it."""
    out, *_ = trained
    generator = registry.build("generators", "autoencoder_light", {"model": str(out)})
    centres = []
    for margin in (0.25, 0.6):
        target = target_crop(160, margin)
        made = generator.generate(GenerateRequest(target=target))
        y, x = np.nonzero(made.mask > 0.5)
        centre = np.array([x.mean(), y.mean()])
        eyes = np.linalg.norm(target.landmarks_px[33] - target.landmarks_px[263])
        area = np.sqrt((made.mask > 0.5).sum()) / eyes
        centres.append([*((centre - target.landmarks_px[1]) / eyes), area])
    assert np.allclose(centres[0], centres[1], atol=0.06)


def test_it_keeps_the_contract_of_generators(trained):
    testing.check_generator("autoencoder_light", {"model": str(trained[0])})


def test_a_target_is_needed_and_landmarks_are_not(trained):
    out, *_ = trained
    generator = registry.build("generators", "autoencoder_light", {"model": str(out)})
    with pytest.raises(UsageError, match="target"):
        generator.generate(GenerateRequest())
    bare = target_crop(96, landmarks=False)
    full = target_crop(96)
    made = generator.generate(GenerateRequest(target=bare))
    assert np.array_equal(made.image, generator.generate(GenerateRequest(target=full)).image)


@pytest.mark.parametrize(
    "name,network",
    [
        ("autoencoder_original", ORIGINAL),
        ("autoencoder_hd", {**HD, "arrangement": "df"}),
        ("autoencoder_hd", {**HD, "arrangement": "liae"}),
    ],
)
def test_the_other_networks_train_and_swap(tmp_path, name, network):
    module = registry.load("generators", name)
    settings = {"network": network, "training": {**TRAINING, "steps": 2}}
    figures = module.training(settings, face_set(0), face_set(1), tmp_path, hooks())
    assert figures["step"] == 2
    made = registry.build("generators", name, {"model": str(tmp_path)}).generate(
        GenerateRequest(target=target_crop())
    )
    assert isinstance(made, FaceCrop) and made.mask.max() > 0.3
    with pytest.raises(
        WeightsError, match=f"expected a model of autoencoder_light, got one of {name}"
    ):
        registry.build("generators", "autoencoder_light", {"model": str(tmp_path)})


def test_sigkill_and_resume_give_the_same_weights(tmp_path):
    torch.set_num_threads(1)
    run(tmp_path / "whole", hooks(), steps=KILLED_STEPS)
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "killed")],
        stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    for line in process.stdout:
        if int(line) == 7:
            process.send_signal(signal.SIGKILL)
            break
    assert process.wait() == -signal.SIGKILL
    checkpoint = latest(tmp_path / "killed" / "checkpoints")
    assert checkpoint is not None and 0 < int(checkpoint.name[5:]) < KILLED_STEPS
    run(tmp_path / "killed", hooks(), steps=KILLED_STEPS)
    first, second = (
        weights.load_arrays(tmp_path / n / "model.safetensors")[0] for n in ("whole", "killed")
    )
    assert first.keys() == second.keys()
    assert all(np.array_equal(v, second[k]) for k, v in first.items())


def test_a_longer_run_goes_on_and_other_settings_do_not(tmp_path):
    run(tmp_path, hooks())
    assert run(tmp_path, hooks(), steps=6)["step"] == 6
    with pytest.raises(WeightsError, match="another run"):
        run(tmp_path, hooks(), steps=6, learning_rate=0.1)


def test_nothing_is_trained_without_consent(tmp_path):
    def refuse(consents):
        assert len(consents) == 2
        raise ConsentError("expires: expected a day to come")

    with pytest.raises(ConsentError):
        run(tmp_path / "out", hooks(allow=refuse))
    assert not (tmp_path / "out").exists()


def test_too_few_faces_and_unlike_margins_are_refused(tmp_path):
    from dataclasses import replace

    settings = {"network": LIGHT, "training": TRAINING}
    with pytest.raises(DataError, match=r"target: expected at least 16 faces .* got 8"):
        light.training(settings, face_set(0), face_set(1, 8), tmp_path, hooks())
    with pytest.raises(DataError, match="different margins"):
        light.training(settings, face_set(0), replace(face_set(1), margin=0.4), tmp_path, hooks())
    with pytest.raises(DataError, match="0 to measure on"):
        run(tmp_path, hooks(), held_out_files=["other.mp4"])


@pytest.mark.parametrize(
    "tables,message",
    [
        ({"losses": {"l3": 1.0}}, "l3"),
        ({"warps": {}}, "unknown table or key 'warps'"),
        ({"losses": {"perceptual": 1.0}}, "perceptual_from"),
    ],
)
def test_recipes_with_mistakes_are_refused(tmp_path, tables, message):
    with pytest.raises(ConfigError, match=message):
        run(tmp_path, hooks(), tables=tables)
    with pytest.raises(ConfigError, match="unexpected keyword"):
        run(tmp_path, hooks(), network={"widht": 3})


def test_every_part_of_the_loss_can_be_trained_with(tmp_path, trained):
    tables = {
        "losses": {
            "l1": 0.5, "l2": 0.5, "dssim": 1, "edge": 0.1, "mask": 0.1, "perceptual": 0.1,
            "adversarial": 0.1, "adversarial_from": 2, "adversarial_ramp": 1,
        }
    }  # fmt: skip
    figures = run(
        tmp_path, hooks(), tables=tables, perceptual_from=str(trained[0]), precision="bfloat16"
    )
    assert np.isfinite(figures["dssim"])
    state = weights.load_arrays(next((tmp_path / "checkpoints").iterdir()) / "tensors.safetensors")[
        0
    ]
    assert "model/discriminator.score.weight" in state
    assert not [k for k in weights.load_arrays(tmp_path / "model.safetensors")[0] if "discr" in k]


def test_the_adversarial_part_teaches_the_network_and_not_the_judge():
    from likeness.generators._autoencoder_loss import Pair, SwapLoss
    from likeness.networks.patch_discriminator import PatchDiscriminator
    from likeness.training.losses import LossConfig

    class Painter(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.paint = torch.nn.Parameter(torch.full((1, 3, 32, 32), 0.2))

        def forward(self, source, target):
            return source * 0 + self.paint, target * 0 + self.paint

    nothing = dict.fromkeys(("l1", "l2", "dssim", "edge", "mask"), 0.0)
    pictures = torch.rand(2, 3, 32, 32)
    batch = {
        "inputs": (pictures,) * 2,
        "targets": (pictures,) * 2,
        "regions": (torch.ones(2, 3, 32, 32),) * 2,
        "step": 9,
    }
    grads = {}
    for weight in (0.0, 1.0):
        pair = Pair(Painter(), PatchDiscriminator((4, 4, 4)))
        SwapLoss(LossConfig(**nothing, adversarial=weight, adversarial_from=0, adversarial_ramp=1))(
            pair, batch
        ).backward()
        grads[weight] = (pair.network.paint.grad, pair.discriminator.score.weight.grad)
    assert grads[0.0][0] is None or not grads[0.0][0].any()
    assert grads[1.0][0].any()
    assert torch.equal(grads[0.0][1], grads[1.0][1])


@pytest.mark.parametrize(
    "values,words",
    [
        ([0.2, 0.1], "too early"),
        ([0.2, 0.15, 0.12, 0.1, 0.09], "still improving"),
        ([0.2, 0.1, 0.0999, 0.0998, 0.0998], "can stop: only"),
        ([0.2, 0.1, 0.11, 0.12, 0.11], "got no better in the last 6 minutes"),
    ],
)
def test_the_advice_is_in_plain_words(values, words):
    rows = [{"seconds": 120.0 * i, "step": 300.0 * i, "dssim": v} for i, v in enumerate(values)]
    assert words in measuring.advice(rows)
    early = [{**r, "step": r["step"] / 10} for r in rows]
    assert "too early" in measuring.advice(early)


def test_held_out_faces_are_the_last_of_each_file_or_whole_files():
    faces = face_set(0)
    learn, held = measuring.split_rows(faces, 0.2, ())
    assert held.tolist() == [10, 11, 22, 23] and len(learn) == 20
    learn, held = measuring.split_rows(faces, 0.2, ("somewhere/clip1.mp4",))
    assert held.tolist() == list(range(12, 24))


def test_dssim_agrees_with_scikit_image():
    from skimage.metrics import structural_similarity

    rng = np.random.default_rng(0)
    a = rng.random((64, 64, 3)).astype(np.float32)
    b = np.clip(a + rng.normal(0, 0.2, a.shape), 0, 1).astype(np.float32)
    _, similar = structural_similarity(
        a,
        b,
        channel_axis=2,
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    ours = measuring.dssim_map(*(torch.from_numpy(x).permute(2, 0, 1)[None] for x in (a, b)))[0]
    assert np.allclose(
        ours.permute(1, 2, 0).numpy()[8:-8, 8:-8], (1 - similar[8:-8, 8:-8]) / 2, atol=1e-4
    )


@pytest.mark.parametrize("content", [b"", b"no graph", None])
def test_damaged_and_foreign_models_are_refused(tmp_path, content):
    path = tmp_path / "model.onnx"
    if content is None:  # a graph of ours, but of a detector
        path.write_bytes(weights.path_of("faces", "face_detector.onnx").read_bytes())
    else:
        path.write_bytes(content)
    with pytest.raises(WeightsError):
        registry.build("generators", "autoencoder_light", {"model": str(tmp_path)})
    with pytest.raises(WeightsError, match="no trained model"):
        registry.build("generators", "autoencoder_light")
