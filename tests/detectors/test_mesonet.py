"""MesoNet: foreign weights, an independent forward pass, the crop, aggregation, training."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from likeness import weights
from likeness.detectors import mesonet
from likeness.detectors._mesonet_weights import ARCHITECTURES, load_weights, weight_shapes
from likeness.detectors.mesonet import Config, build, crop_matrix, warp_crop
from likeness.errors import ConfigError, ShapeError, WeightsError
from likeness.types import Clip, FaceQuality, FaceTrack, Frame

KERAS = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}
BRANCHES = (
    "a",
    "b1",
    "b2",
    "c1",
    "c2",
    "d1",
    "d2",
)  # the order in which the published code makes them


def random_arrays(architecture: str, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    out = {}
    for name, shape in weight_shapes(architecture).items():
        spread = 1 / np.sqrt(np.prod(shape[1:])) if len(shape) > 1 else 0.1
        out[name] = rng.normal(0, spread, shape).astype(np.float32)
        if name.startswith("bn") and name.endswith(("weight", "running_var")):
            out[name] = np.abs(out[name]) + 0.5
    return out


def conv_names(architecture: str) -> list[str]:
    first = [f"conv{i}.{b}" for i in (1, 2) for b in BRANCHES]
    return (first if architecture == "mesoinception4" else ["conv1", "conv2"]) + ["conv3", "conv4"]


def keras_layers(
    architecture: str, arrays: dict[str, np.ndarray], first: int
) -> dict[str, dict[str, np.ndarray]]:
    """Keras's own view: layer name to its arrays in Keras's layout; numbering starts at `first`."""
    layers: dict[str, dict[str, np.ndarray]] = {}
    for i, name in enumerate(conv_names(architecture)):
        layers[f"conv2d_{first + i}"] = {
            "kernel": arrays[f"{name}.weight"].transpose(2, 3, 1, 0),
            "bias": arrays[f"{name}.bias"],
        }
    for i in range(4):
        layers[f"batch_normalization_{first + i}"] = {
            KERAS[k]: arrays[f"bn{i + 1}.{k}"] for k in KERAS
        }
    for i in range(2):
        layers[f"dense_{first + i}"] = {
            "kernel": arrays[f"dense{i + 1}.weight"].T,
            "bias": arrays[f"dense{i + 1}.bias"],
        }
    return layers


def write_h5(path, layers):
    with h5py.File(path, "w") as file:
        for name, arrays in layers.items():
            for key, array in arrays.items():
                file[f"{name}/{name}/{key}:0"] = array
        file.create_group("flatten_2")
        file.create_group("leaky_re_lu_1")
    return path


@pytest.fixture
def h5(tmp_path):
    def make(architecture="meso4", first=5, change=None):
        layers = keras_layers(architecture, random_arrays(architecture), first)
        if change:
            change(layers)
        return write_h5(tmp_path / f"{architecture}.h5", layers)

    return make


def crops(n: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, 256, 256, 3), dtype=np.uint8)


# --- an independent forward pass: channels last, straight from Keras's arrays -------------------------------------------


def conv(x, layer, dilation=1):
    kernel = layer["kernel"].astype(np.float64)
    side = kernel.shape[0]
    pad = dilation * (side // 2)
    padded = np.pad(x, ((pad, pad), (pad, pad), (0, 0)))
    out = np.zeros((*x.shape[:2], kernel.shape[3])) + layer["bias"]
    for dy in range(side):
        for dx in range(side):
            y0, x0 = dy * dilation, dx * dilation
            out += padded[y0 : y0 + x.shape[0], x0 : x0 + x.shape[1]] @ kernel[dy, dx]
    return np.maximum(out, 0)


def norm_pool(x, layer, pool):
    x = (
        layer["gamma"] * (x - layer["moving_mean"]) / np.sqrt(layer["moving_variance"] + 1e-3)
        + layer["beta"]
    )
    h, w, c = x.shape
    return x.reshape(h // pool, pool, w // pool, pool, c).max((1, 3))


def keras_p_real(architecture, layers, image, first):
    convs = iter(range(first, first + 16))

    def next_conv(x, dilation=1):
        return conv(x, layers[f"conv2d_{next(convs)}"], dilation)

    x = image.astype(np.float64) / 255
    for i, pool in enumerate((2, 2, 2, 4)):
        if architecture == "mesoinception4" and i < 2:
            x = np.concatenate(
                [
                    next_conv(x),
                    next_conv(next_conv(x)),
                    next_conv(next_conv(x), 2),
                    next_conv(next_conv(x), 3),
                ],
                -1,
            )
        else:
            x = next_conv(x)
        x = norm_pool(x, layers[f"batch_normalization_{first + i}"], pool)
    x = x.reshape(-1)
    d1, d2 = layers[f"dense_{first}"], layers[f"dense_{first + 1}"]
    x = x @ d1["kernel"] + d1["bias"]
    x = np.where(x > 0, x, 0.1 * x) @ d2["kernel"] + d2["bias"]
    return float(1 / (1 + np.exp(-x[0])))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("first", [1, 8])  # 8: conv2d_10 comes after conv2d_9, not after conv2d_1
def test_keras_files_give_what_keras_gives(h5, architecture, first):
    detector = build(Config(weights=str(h5(architecture, first))))
    images = crops(2)
    layers = keras_layers(architecture, random_arrays(architecture), first)
    expected = [1 - keras_p_real(architecture, layers, image, first) for image in images]
    actual = 1 / (1 + np.exp(-detector.score_crops(images).astype(np.float64)))
    assert np.abs(actual - expected).max() < 1e-5
    assert np.ptp(expected) > 1e-4 and detector.tag.startswith(f"{architecture}:")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_safetensors_and_h5_agree(h5, tmp_path, architecture):
    path = tmp_path / "own.safetensors"
    weights.save_arrays(path, random_arrays(architecture), {})
    a, b = (build(Config(weights=str(p))).score_crops(crops(2)) for p in (path, h5(architecture)))
    np.testing.assert_array_equal(a, b)


def test_graphs_hold_no_weights():
    sizes = [weights.path_of("mesonet", f"{a}.onnx").stat().st_size for a in ARCHITECTURES]
    assert max(sizes) < 16_000  # one dense kernel alone has 65,536 bytes
    assert [sum(map(np.prod, weight_shapes(a).values())) for a in ARCHITECTURES] == [28_073, 28_725]


# --- hostile files ------------------------------------------------------------------------------------------------------


def drop(layers):
    del layers["dense_6"]


def reshape(layers):
    layers["conv2d_5"]["kernel"] = layers["conv2d_5"]["kernel"].reshape(3, 3, 8, 3)


def rename(layers):
    layers["conv2d_5"]["core"] = layers["conv2d_5"].pop("kernel")


def extra(layers):
    layers["lstm_1"] = {"kernel": np.zeros((2, 2), np.float32)}


def spoil(layers):
    layers["dense_5"]["bias"] = np.full(16, np.nan, np.float32)


def text(layers):
    layers["dense_5"]["bias"] = np.array([b"x"] * 16)


@pytest.mark.parametrize("change", [drop, reshape, rename, extra, spoil, text])
def test_other_arrays_are_refused(h5, change):
    with pytest.raises(WeightsError, match=r"meso4\.h5|expected"):
        load_weights(h5(change=change))


def link_out(file):
    file["dense_5/dense_5/bias:0"] = h5py.ExternalLink("/etc/hostname", "x")


def link_soft(file):
    file["dense_5/dense_5/bias:0"] = h5py.SoftLink("/dense_6/dense_6/bias:0")


def cycle(file):
    file["dense_5/dense_5/loop"] = file["dense_5"]


def bomb(file):
    file.create_dataset(
        "dense_5/dense_5/bias:0", (2**40,), "f4", chunks=(2**16,), compression="gzip"
    )


def sparse(file):
    file.create_dataset("dense_5/dense_5/bias:0", (2**30,), "f4")


def virtual(file):
    layout = h5py.VirtualLayout((16,), "f4")
    layout[:] = h5py.VirtualSource("/tmp/other.h5", "x", (16,))
    file.create_virtual_dataset("dense_5/dense_5/bias:0", layout)


def elsewhere(file):
    file.create_dataset("dense_5/dense_5/bias:0", (16,), "f4", external=[("/etc/passwd", 0, 64)])


@pytest.mark.parametrize("change", [link_out, link_soft, cycle, bomb, sparse, virtual, elsewhere])
def test_hostile_hdf5_is_refused(h5, change):
    path = h5()
    with h5py.File(path, "a") as file:
        del file["dense_5/dense_5/bias:0"]
        change(file)
    with pytest.raises(WeightsError):
        load_weights(path)


def test_damaged_and_foreign_files_are_refused(h5, tmp_path):
    data = h5().read_bytes()
    rng = np.random.default_rng(0)
    for i, content in enumerate((b"", b"no weights", data[: len(data) // 2], rng.bytes(5000))):
        for suffix in (".h5", ".safetensors"):
            path = tmp_path / f"bad{i}{suffix}"
            path.write_bytes(content)
            with pytest.raises(WeightsError):
                load_weights(path)
    large = tmp_path / "large.h5"
    with large.open("wb") as file:
        file.truncate(17 * 2**20)
    for path in (large, tmp_path / "absent.h5", tmp_path / "weights.pkl"):
        with pytest.raises(WeightsError):
            load_weights(path)


def test_flipped_bytes_never_crash(h5):
    path = h5()
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(0)
    for _ in range(60):
        broken = bytearray(data)
        for place in rng.integers(0, 12_000, 8):
            broken[place] = rng.integers(256)
        path.write_bytes(broken)
        try:
            architecture, arrays = load_weights(path)
        except WeightsError:
            continue
        assert {k: v.shape for k, v in arrays.items()} == weight_shapes(architecture)


def test_the_wrong_architecture_says_which_one_it_is(h5):
    with pytest.raises(WeightsError, match="architecture = 'meso4'"):
        build(Config(weights=str(h5()), architecture="mesoinception4"))


# --- crop and aggregation -----------------------------------------------------------------------------------------------


def landmarks(centre=(150.0, 140.0), size=60.0, turn_deg=0.0) -> np.ndarray:
    """478 points of which the groups of the crop are where a face has them."""
    points = np.zeros((478, 2))
    for group, place in (
        (mesonet._RIGHT_EYE, (-0.5, -0.4)),
        (mesonet._LEFT_EYE, (0.5, -0.4)),
        (mesonet._MOUTH, (0, 0.6)),
        (mesonet._NOSE, (0, 0)),
    ):
        points[list(group)] = place
    t = np.radians(turn_deg)
    points = points * size @ np.array([[np.cos(t), np.sin(t)], [-np.sin(t), np.cos(t)]]) + centre
    return points.astype(np.float32)


def track(frames: int, bridged=(), **face) -> FaceTrack:
    ones = np.ones(frames, np.float32)
    points = np.stack([landmarks(**face)] * frames)
    box = np.concatenate([points.min(1), points.max(1)], axis=1)
    flags = np.zeros(frames, bool)
    flags[list(bridged)] = True
    return FaceTrack(
        0, np.arange(frames), np.arange(frames) / 25, box, points, np.zeros((frames, 3), np.float32), ones,
        FaceQuality(ones, ones, ones, ones, np.ones((frames, 2), np.float32)), flags,
    )  # fmt: skip


class Pictures(list):
    def at(self, indices):
        return (self[i] for i in sorted(set(indices)))


def clip(frames: int) -> Clip:
    images = np.random.default_rng(3).integers(0, 256, (frames, 280, 300, 3), dtype=np.uint8)
    source = Pictures(Frame(image, i, i / 25) for i, image in enumerate(images))
    return Clip("drawn", "video", source, 25.0, np.arange(frames) / 25, (300, 280))


@pytest.mark.parametrize("turn_deg", [0.0, 25.0, -70.0])
def test_the_crop_is_that_of_the_paper(turn_deg):
    points = landmarks(turn_deg=turn_deg)
    matrix = crop_matrix(points)
    placed = points @ matrix[:, :2].T + matrix[:, 2]
    np.testing.assert_allclose(placed[mesonet._NOSE[0]], [128, 128], atol=1e-3)
    right, left, mouth = (
        placed[g[0]] for g in (mesonet._RIGHT_EYE, mesonet._LEFT_EYE, mesonet._MOUTH)
    )
    assert abs(right[1] - left[1]) < 1e-3 and left[0] > right[0] and mouth[1] > left[1]
    np.testing.assert_allclose(left[0] - right[0], 256 / (2.2 * 1.3), atol=1e-3)


def test_strong_reductions_do_not_alias_and_keep_the_place():
    image = np.zeros((1200, 1200, 3), np.uint8)
    image[::2] = 255
    fine = warp_crop(image, crop_matrix(landmarks((600, 600), 400)))
    assert fine[8:-8, 8:-8].std() < 16  # bilinear alone: above 60
    _, x = np.mgrid[:1200, :1200]
    ramp = np.repeat((x * 255 / 1199)[..., None], 3, 2).astype(np.uint8)
    matrix = crop_matrix(landmarks((600, 600), 300))
    middle = warp_crop(ramp, matrix)[128, 128, 0]
    assert abs(int(middle) - 600 * 255 / 1199) <= 1.5


def test_score_is_the_mean_logit_of_seen_frames(h5):
    path = str(h5())
    detector = build(Config(weights=path, frames=4))
    evidence = detector.analyse(clip(9), [track(9, bridged=[0, 8])])
    found = evidence.tracks[0]
    assert found.frame_indices.tolist() == [1, 3, 5, 7] and evidence.llr is None
    assert evidence.score == pytest.approx(found.frame_scores.mean())
    again = build(Config(weights=path, frames=4)).analyse(clip(9), [track(9, bridged=[0, 8])])
    assert again == evidence
    share = build(Config(weights=path, rule="share_above_half")).analyse(clip(9), [track(9)])
    assert share.score == (share.tracks[0].frame_scores > 0).mean()


def test_batch_size_and_order_change_no_score(h5):
    detector = build(Config(weights=str(h5("mesoinception4"))))
    images = crops(19)
    whole = detector.score_crops(images)
    np.testing.assert_array_equal(whole, [detector.score_crops(i[None])[0] for i in images])
    np.testing.assert_array_equal(whole[::-1], detector.score_crops(images[::-1].copy()))


def test_expected_outcomes_are_values(h5):
    nothing = build(Config()).analyse(clip(1), [track(1)])
    assert nothing.status == "not_applicable" and "--weights" in nothing.note
    detector = build(Config(weights=str(h5())))
    assert detector.analyse(clip(1), []).status == "not_applicable"
    assert detector.analyse(clip(2), [track(2, bridged=[0, 1])]).status == "not_applicable"


def test_misuse_is_an_error(h5):
    with pytest.raises(WeightsError, match="without weights"):
        build(Config()).score_crops(crops(1))
    with pytest.raises(ConfigError, match="frames"):
        build(Config(frames=0))
    with pytest.raises(ShapeError):
        build(Config(weights=str(h5()))).score_crops(crops(1).astype(np.float32))


def test_training_on_a_pack_gives_weights_that_detect(tmp_path):
    pytest.importorskip("torch")
    from likeness.data import CropPack

    rng = np.random.default_rng(0)
    labels = np.arange(12) % 2
    images = rng.integers(0, 256, (12, 256, 256, 3), dtype=np.uint8)
    images[labels == 1] //= 4  # dark = fake
    groups = tuple(f"p{i // 2}" for i in range(12))
    CropPack(images, labels, groups, ("drawn",) * 12, np.arange(12) // 2, ("{}",) * 12).save(
        tmp_path / "pack"
    )
    settings = {"pack": "pack", "steps": 6, "batch": 6, "held_out_share": 0.3, "decay_steps": 100}
    figures = mesonet.training({"training": settings}, tmp_path, tmp_path / "out")
    assert set(figures) == {"auc_held_out", "loss", "crops"} and figures["crops"] == 8
    detector = build(Config(weights=str(tmp_path / "out" / "meso4.safetensors")))
    assert np.isfinite(detector.score_crops(images)).all()
    with pytest.raises(ConfigError, match="did you mean 'steps'"):
        mesonet.training({"training": {**settings, "step": 6}}, tmp_path, tmp_path / "out")


@pytest.mark.parametrize("name", ["Meso4_DF", "MesoInception_DF"])
def test_the_authors_files_call_photographs_real(data_dir, name):
    path = data_dir.parent / "peers" / "mesonet" / f"{name}.h5"
    if not path.is_file():
        pytest.skip(f"no {name}.h5 beside the data")
    from likeness.data import read_items, select_items
    from likeness.media import open_clip

    items = select_items(read_items(data_dir), source="ffhq256", role="train")[:12]
    images = np.stack([next(iter(open_clip(i.file(data_dir)).frames)).image for i in items])
    assert (build(Config(weights=str(path))).score_crops(images) < 0).mean() > 0.8
