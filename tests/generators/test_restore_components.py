"""Component dictionaries: parts are laid upright, averages are of many people, and detail goes where it belongs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from likeness.data.restoration_pairs import WearConfig
from likeness.errors import DataError, WeightsError
from likeness.faces.geometry import transform
from likeness.generators._restore_components import (
    COMPONENTS,
    ComponentDictionaries,
    Dictionary,
    key_of,
    part_shape,
    upright,
    window,
)
from likeness.generators._restore_components_training import fit_components, placement
from likeness.generators._restore_settings import ComponentFit
from tests.generators.drawn_faces import LANDMARKS


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_component_lies_where_it_is_wanted(component) -> None:
    matrix = component.matrix(LANDMARKS.astype(np.float64), 1.0)
    found = transform(LANDMARKS[list(component.points)].astype(np.float64), matrix)
    wanted = np.array(component.places) * component.size_wh - 0.5
    assert np.allclose(found, wanted)
    assert (np.linalg.det(matrix[:, :2]) < 0) == component.mirrored


def test_both_eyes_look_alike_upright(portrait) -> None:
    face = portrait.astype(np.float32) / 255
    right, left = (
        key_of(upright(face, c.matrix(LANDMARKS.astype(np.float64), 1.0), c, 1.0))
        for c in COMPONENTS[:2]
    )
    assert right @ left > 0.6
    assert abs(float(right.mean())) < 1e-6 and np.linalg.norm(right) == pytest.approx(1.0, abs=1e-5)


def dictionaries(lift: float = 0.1) -> ComponentDictionaries:
    known = {}
    for component in COMPONENTS:
        shape = part_shape(component, 1.0)
        size = key_of(np.zeros((*shape, 3), np.float32)).size
        keys = np.ones((1, size), np.float32) / np.float32(size**0.5)
        details = np.full((1, *shape), lift, np.float32)
        known[component.name] = Dictionary(keys, details, np.ones(1, np.float32), (-1.0, -0.5))
    return ComponentDictionaries(known, 1.0)


def test_detail_is_added_in_the_components_alone(portrait) -> None:
    face = portrait.astype(np.float32) / 255 * np.float32(0.8)
    added = dictionaries().added(face, LANDMARKS.astype(np.float64)) - face
    for point in (1, 13):  # tip of the nose, upper lip
        x, y = LANDMARKS[point].round().astype(int)
        assert added[y, x].mean() > 0.05
    x, y = LANDMARKS[10].round().astype(int)  # forehead
    assert np.abs(added[y, x]).max() == 0.0 and np.abs(added[:5]).max() == 0.0


def test_doubt_adds_nothing() -> None:
    known = Dictionary(np.eye(3, dtype=np.float32)[:2], np.ones((2, 4, 4), np.float32), np.ones(2, np.float32), (0.5, 0.9))  # fmt: skip
    assert known.match(np.float32([0.1, 0.4, 0.0])) == (1, 0.0)
    assert known.match(np.float32([1.0, 0.0, 0.0])) == (0, 1.0)
    assert window((8, 6)).max() <= 1.0 and window((40, 40))[20, 20] == 1.0


def test_they_are_read_back_and_damaged_ones_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "components.safetensors"
    dictionaries(0.125).save(path, {"run": "x"})
    again = ComponentDictionaries.load(path, 192)
    assert again.by_name["nose"].details[0, 3, 3] == 0.125
    with pytest.raises(WeightsError, match="192 px"):
        ComponentDictionaries.load(path, 256)
    path.write_bytes(b"nothing")
    with pytest.raises(WeightsError):
        ComponentDictionaries.load(path, 192)


def test_what_is_always_missing_is_learned_and_needs_many_people(portrait) -> None:
    """A network that darkens: its dictionaries lighten, with a gain near 1; three people are too few for any average."""
    from likeness.faces.geometry import align_matrix, warp

    matrix = align_matrix(LANDMARKS, 96, 0.0)
    face = warp(portrait, matrix, 96)
    points = transform(LANDMARKS.astype(np.float64), matrix).astype(np.float32)
    count = 40
    faces = (np.stack([face] * count), np.stack([points] * count), [f"p{i}" for i in range(count)])

    def darken(images: np.ndarray) -> np.ndarray:
        return np.clip(images.astype(np.float32) / np.float32(255) - np.float32(0.1), 0, 1)

    config = ComponentFit(entries=1, wears=1)
    known = fit_components(faces, darken, 192, WearConfig(1.0, 0.0), config)
    for name in ("eye", "nose", "mouth"):
        entry = known.by_name[name]
        assert len(entry.keys) == 1 and entry.details[0].mean() > 0.05
        assert 0.5 < entry.gains[0] <= 1.0
    few = (faces[0], faces[1], ["a", "b", "c", "a"] * 10)
    with pytest.raises(DataError, match="people"):
        fit_components(few, darken, 192, WearConfig(1.0, 0.0), config)


def test_the_placement_has_a_quarter_more_on_each_side() -> None:
    moved = transform(np.array([[-0.5, -0.5], [159.5, 159.5]]), placement(160, 192))
    assert np.allclose(moved, [[31.5, 31.5], [159.5, 159.5]])
