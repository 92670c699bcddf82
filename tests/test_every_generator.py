"""The contract over every generator that is installed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from likeness import registry, testing
from likeness.errors import ContractError, UsageError, WeightsError
from likeness.types import FaceCrop

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


class _BrokenSynthesis:
    """A drawn whole face with one promise of such generators broken."""

    def __init__(self, how: str) -> None:
        self.how = how

    def generate(self, request):
        if request.source is not None or request.target is not None:
            if self.how == "crashes":
                raise AttributeError("source")
            if self.how != "takes anything":
                raise UsageError("a whole face needs no source and no target")
        seed = 0 if self.how == "knows one face" else request.seed
        image = np.random.default_rng(seed).integers(0, 256, (32, 32, 3)).astype(np.uint8)
        if self.how == "is flat":
            image[:] = request.seed * 9
        mask = np.full((32, 32), 0.5 if self.how == "leaves out" else 1.0, np.float32)
        return FaceCrop(image, mask, np.eye(2, 3) * (2.0 if self.how == "lies elsewhere" else 1.0))


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("knows one face", "another face"),
        ("is flat", "flat colour"),
        ("leaves out", "mask 1"),
        ("lies elsewhere", "identity matrix"),
        ("takes anything", "with a source"),
        ("crashes", "AttributeError"),
    ],
)
def test_the_contract_of_whole_faces_notices(how: str, words: str) -> None:
    with pytest.raises(ContractError, match=words):
        testing.check_synthesises("drawn", _BrokenSynthesis(how))


def test_the_contract_of_whole_faces_lets_a_sound_one_pass() -> None:
    testing.check_synthesises("drawn", _BrokenSynthesis("not at all"))
