from __future__ import annotations

import math
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from skimage import data

from likeness.data.known_faces import KnownFace
from likeness.data.manifest import Item
from likeness.detectors import _self_blended_network_training as network
from likeness.detectors import _self_blended_tensor_training as tensors
from likeness.detectors import _self_blended_tensor_views_training as views
from likeness.detectors._self_blended_crop import crops_of, phase_only
from likeness.detectors._self_blended_views_training import STEP, views_of
from likeness.errors import DataError
from likeness.faces import find_faces
from likeness.networks.self_blended import FixedViews, SelfBlendedNet
from likeness.training import FitConfig, fit
from likeness.training.tensor_faces import TensorFaces, framed


@pytest.fixture(scope="module")
def framed_face():
    torch.set_num_threads(1)
    image = data.astronaut()
    return framed(image, find_faces(image).landmarks_px[0], 192)


@pytest.fixture(scope="module")
def material(framed_face):
    image, landmarks = framed_face
    both = np.stack([image, np.ascontiguousarray(image // 2 + 60)])
    faces = TensorFaces.of(both, np.stack([landmarks] * 2), ["utkface", "utkface"])
    return tensors.TensorMaterial([faces], [torch.tensor([1, 0])], faces)


def test_crops_and_views_are_those_of_the_cpu(framed_face):
    image, landmarks = framed_face
    wanted = np.stack([crop.image for crop in crops_of(image, landmarks)])
    matrices = views.crop_matrices(torch.from_numpy(landmarks)[None])
    picture = torch.from_numpy(image).permute(2, 0, 1)[None, None]
    crops = views.crops_of_tensors(picture, matrices)[0, 0]
    assert np.abs(crops.permute(0, 2, 3, 1).numpy() - wanted).mean() < 0.3
    same = torch.from_numpy(wanted).permute(0, 3, 1, 2).float()
    assert np.abs(views.phase_of(same).numpy() - phase_only(wanted)).max() < 1e-2
    filters = FixedViews().eval()
    seen = views.views_of_tensors(filters, same).permute(0, 2, 3, 1).numpy() / STEP
    assert np.abs(seen - views_of(filters, wanted)).max() <= 1.01


def test_a_few_steps_on_tensor_batches(material, tmp_path):
    learner = network.Learner(SelfBlendedNet(0))
    plan = network.Curriculum(steps=3, pairs=3, obvious=0.4)
    batches = tensors.tensor_batches_of(material, learner, plan, reference=12)
    batch = batches(2, np.random.default_rng(0))
    assert batch.views.shape == (6, 2, 73, 40, 40) and batch.views.dtype == torch.bfloat16
    assert batch.maps.shape == (6, 2, 20, 20) and batch.maps[:3].abs().max() == 0
    assert 0.2 < batch.maps[3:].max() <= 1 and batch.bins.shape == (3,)
    assert batch.bins.min() >= 0 and batch.bins.max() < network.BINS
    again = batches(2, np.random.default_rng(0))
    assert torch.equal(batch.views, again.views) and torch.equal(batch.maps, again.maps)
    before = [p.detach().clone() for p in learner.parameters()]
    config = FitConfig(
        steps=3, out=tmp_path, optimiser=torch.optim.AdamW, learning_rate=lambda step: 1e-3
    )
    result = fit(learner, network.loss, batches, config)
    assert result.step == 3 and math.isfinite(result.loss)
    assert any(not torch.equal(a, b) for a, b in zip(before, learner.parameters(), strict=True))


def test_every_kind_comes(material):
    found = tensors.candidates_of(material, 40, np.random.default_rng(1))
    assert set(found.kinds) == set(range(len(tensors.MADE)))
    assert found.crops.shape == (40, 2, 2, 3, 160, 160) and 0.2 < found.degraded.mean() < 0.8
    assert (found.change > 0).mean() > 0.9


def test_faces_of_a_folder_come_with_donors_of_their_own_size(tmp_path):
    image = data.astronaut()
    pictures = {"a": image[:200, 130:330], "b": image[10:210, 120:320], "c": image[:256, 100:356]}
    faces = []
    for name, picture in pictures.items():
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.ascontiguousarray(picture[..., ::-1]))
        landmarks = find_faces(picture).landmarks_px[:1]
        track = SimpleNamespace(landmarks_px=landmarks, frame_indices=np.zeros(1, np.int64))
        source = "ffhq256" if name == "c" else "utkface"
        item = Item(f"{name}.png", "face", 0, source, name, "terms", "ab" * 6, "train")
        faces.append(KnownFace(item, track))
    found = tensors.material_of(tmp_path, faces, 0)
    assert [f.images.shape[-1] for f in found.faces] == [200, 256]
    assert found.givers is found.faces[0] and found.donors[0].tolist() == [1, 0]
    assert np.array_equal(found.faces[0].images[0].permute(1, 2, 0).numpy(), pictures["a"])
    assert not found.faces[1].may_donate.any()


def test_faces_without_donors_are_refused(material):
    with pytest.raises(DataError, match="donors"):
        tensors.TensorMaterial(material.faces, [], material.givers)
