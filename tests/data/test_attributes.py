"""What is known of the person in a picture."""

from __future__ import annotations

import math

import pytest

from likeness.data.attributes import TONES, attributes_of, tone_group
from likeness.data.manifest import Item


def item(name: str, source: str = "utkface") -> Item:
    return Item(f"faces/{name}", "face", 0, source, "g", "t", "", "test")


@pytest.mark.parametrize(
    ("name", "age", "sex"),
    [
        ("29_0_3_20170119.jpg", "0-29", "male"),
        ("30_1_0_20170119.jpg", "30-44", "female"),
        ("116_1_4_20170119.jpg", "60 and more", "female"),
        ("999_0_0_20170119.jpg", "60 and more", "male"),
    ],
)
def test_names_of_utkface_say_age_and_sex(name: str, age: str, sex: str) -> None:
    assert attributes_of(item(name)) == {"age": age, "sex": sex}


@pytest.mark.parametrize("name", ["29_2_3_2017.jpg", "portrait.jpg", "61_1_20170109.jpg"])
def test_other_names_say_nothing(name: str) -> None:
    assert attributes_of(item(name)) == {}


def test_other_data_sets_say_nothing() -> None:
    assert attributes_of(item("29_0_3_20170119.jpg", "elsewhere")) == {}


def test_every_angle_has_one_group() -> None:
    angles = [a / 2 for a in range(-180, 181)]
    groups = [tone_group({"skin_ita_deg": a}) for a in angles]
    assert groups[0] == "6 dark" and groups[-1] == "1 very light"
    assert set(groups) == {name for _, _, name in TONES}
    assert groups == sorted(groups, reverse=True)  # type: ignore[type-var]
    assert tone_group({"skin_ita_deg": math.nan}) is None and tone_group({}) is None
