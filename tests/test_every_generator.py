"""The contract over every generator that is installed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from likeness import registry, testing
from likeness.errors import ContractError, WeightsError

NAMES = sorted(registry.parts("generators"))


def _needs_model(name: str) -> bool:
    return "model" in registry.part("generators", name).info["needs"]


@pytest.mark.parametrize("name", NAMES)
def test_contract(name: str) -> None:
    if _needs_model(name):
        pytest.skip(
            f"{name} ships no model: its own tests train a tiny one and run the contract over it"
        )
    testing.check_generator(name)


@pytest.mark.parametrize("name", NAMES)
def test_metadata_is_complete(name: str) -> None:
    testing.check_metadata(name, "generators")


def test_listing_generators_is_light() -> None:
    testing.check_listing_is_light("generators")


@pytest.mark.parametrize("name", [n for n in NAMES if _needs_model(n)])
def test_without_its_model_a_generator_says_so(name: str) -> None:
    with pytest.raises(WeightsError, match="likeness train"):
        registry.build("generators", name)


class _Broken:
    """The landmark swap with one promise broken."""

    def __init__(self, how: str) -> None:
        self.inner, self.how, self.calls = registry.build("generators", "landmark_swap"), how, 0

    def generate(self, request):
        self.calls += 1
        if self.how == "answers anything" and (request.source is None or request.target is None):
            return testing.portrait_request("landmark_swap").target
        if self.how == "crashes" and request.target is None:
            raise AttributeError("target")
        crop = self.inner.generate(request)
        if self.how == "drifts":
            return replace(crop, image=np.roll(crop.image, self.calls, axis=0))
        if self.how == "moves":
            return replace(crop, matrix=crop.matrix + 1.0)
        if self.how == "shrinks":
            return replace(crop, image=crop.image[::2, ::2].copy(), mask=crop.mask[::2, ::2].copy())
        if self.how == "scribbles":
            request.target.image[:4] = 0
        if self.how == "empties":
            return replace(crop, mask=np.zeros_like(crop.mask))
        return crop


@pytest.mark.parametrize(
    ("how", "check", "words"),
    [
        ("drifts", testing.check_repeats, "same request"),
        ("moves", testing.check_generates, "target's matrix"),
        ("shrinks", testing.check_generates, "target's size"),
        ("scribbles", testing.check_generates, "left as they were"),
        ("empties", testing.check_generates, "covers something"),
    ],
)
def test_the_contract_notices(how: str, check, words: str) -> None:
    request = testing.portrait_request("landmark_swap")
    with pytest.raises(ContractError, match=words):
        check("landmark_swap", _Broken(how), request)


@pytest.mark.parametrize(
    ("how", "words"), [("answers anything", "refused"), ("crashes", "AttributeError")]
)
def test_the_contract_notices_a_request_that_should_be_refused(how: str, words: str) -> None:
    with pytest.raises(ContractError, match=words):
        testing.check_refuses("landmark_swap", _Broken(how))
