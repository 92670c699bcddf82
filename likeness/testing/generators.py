"""The contract of generators."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np

from likeness import registry
from likeness.errors import ContractError, LikenessError
from likeness.testing.drawn import portrait_crop, portrait_request
from likeness.testing.parts import check_listing_is_light, check_metadata, expect
from likeness.types import FaceCrop, GenerateRequest, Generator, same_value

WHOLE_FACES = "face_synthesis"
"""Kind of the generators that draw a face from a seed, where others need a source and a target."""


def check_generator(name: str, options: Mapping[str, Any] | None = None) -> None:
    """Run the whole contract over one generator; raises `ContractError` at the first breach.

    Args:
        name: as `likeness generators` lists it.
        options: configuration to build it with (a trained model, for those that need one).
    """
    check_metadata(name, "generators")
    check_listing_is_light("generators")
    if WHOLE_FACES in registry.part("generators", name).info["kinds"]:
        check_synthesises(name, registry.build("generators", name, options))
        check_repeats(name, registry.build("generators", name, options), GenerateRequest(seed=7))
        return
    check_refuses(name, registry.build("generators", name, options))
    request = portrait_request(name)
    check_generates(name, registry.build("generators", name, options), request)
    check_repeats(name, registry.build("generators", name, options), request)


def check_synthesises(name: str, generator: Generator) -> None:
    """A whole face comes from a seed alone: nobody else's picture goes in, and another seed is another person."""
    crops = [generator.generate(GenerateRequest(seed=seed)) for seed in (7, 8)]
    for crop in crops:
        expect(isinstance(crop, FaceCrop), name, f"it makes a FaceCrop, got {type(crop).__name__}")
        expect(crop.image.shape[0] >= 16, name, "the face has 16 px or more")
        expect(
            bool((crop.mask == 1.0).all()), name, "all of the picture is drawn: mask 1 everywhere"
        )
        expect(
            np.array_equal(crop.matrix, np.eye(2, 3)), name, "it lies in no frame: identity matrix"
        )
        expect(int(np.ptp(crop.image)) > 0, name, "the face is not one flat colour")
    apart = np.abs(crops[0].image.astype(np.int16) - crops[1].image).mean()
    expect(apart > 1.0, name, f"another seed gives another face, got {apart:.2f} grey levels apart")
    portrait = portrait_crop()
    _check_not_taken(name, generator, GenerateRequest(source=portrait, seed=7), "source")
    _check_not_taken(name, generator, GenerateRequest(target=portrait, seed=7), "target")


def _check_not_taken(name: str, generator: Generator, request: GenerateRequest, role: str) -> None:
    try:
        generator.generate(request)
    except LikenessError as error:
        expect(role in str(error), name, f"the refusal names what is too much, got {error}")
    except Exception as error:
        raise ContractError(
            f"{name} breaks the contract: a request with a {role}, which it does not use, is refused with a "
            f"LikenessError, got {type(error).__name__}: {error}"
        ) from error
    else:
        raise ContractError(
            f"{name} breaks the contract: a request with a {role}, which it does not use, is refused"
        )


def check_refuses(name: str, generator: Generator) -> None:
    """A request without what it needs is refused with an error of the project's own, never answered or crashed on."""
    whole = portrait_request(name)
    for role in ("source", "target"):
        if getattr(whole, role) is None:
            continue
        try:
            generator.generate(replace(whole, **{role: None}))  # type: ignore[arg-type]
        except LikenessError as error:
            expect(role in str(error), name, f"the refusal names what is missing, got {error}")
        except Exception as error:
            raise ContractError(
                f"{name} breaks the contract: a request without {role} is refused with a LikenessError, got "
                f"{type(error).__name__}: {error}"
            ) from error
        else:
            raise ContractError(f"{name} breaks the contract: a request without {role} is refused")


def check_generates(name: str, generator: Generator, request: GenerateRequest) -> None:
    """The crop belongs to the target (same size, matrix and landmarks) and what went in is unaltered."""
    before = deepcopy(request)
    crop = generator.generate(request)
    expect(isinstance(crop, FaceCrop), name, f"it makes a FaceCrop, got {type(crop).__name__}")
    expect(request == before, name, "source and target are left as they were")
    target = request.target
    if target is None:
        return
    expect(crop.image.shape == target.image.shape, name, "the crop has the target's size")
    expect(np.array_equal(crop.matrix, target.matrix), name, "the crop has the target's matrix")
    expect(crop.matrix.dtype == np.float64, name, "the matrix stays float64")
    same = crop.landmarks_px is None or same_value(crop.landmarks_px, target.landmarks_px)
    expect(same, name, "the landmarks, where there are any, are the target's")
    expect(bool((crop.mask > 0.5).any()), name, "the mask covers something of the portrait's face")
    for role in ("source", "target"):
        given = getattr(request, role)
        if given is not None:
            apart = not np.shares_memory(crop.image, given.image)
            expect(apart, name, f"the result has pixels of its own, not the {role}'s")


def check_repeats(name: str, generator: Generator, request: GenerateRequest) -> None:
    """The same request gives the same crop, whatever was asked in between and however many go together."""
    first = generator.generate(request)
    other = replace(request, seed=request.seed + 1)
    if request.target is not None:
        other = replace(other, target=_darker(request.target))
    generator.generate(other)
    again = generator.generate(request)
    expect(first == again, name, "the same request and seed give the same crop")
    batch = getattr(generator, "generate_batch", None)
    if batch is None:
        return
    together = batch([request, request, request])
    expect(len(together) == 3, name, f"a batch of 3 gives 3 crops, got {len(together)}")
    gap = max(int(np.abs(crop.image.astype(np.int16) - first.image).max()) for crop in together)
    expect(gap <= 1, name, f"a crop is the same at any place of a batch, got {gap} grey levels off")


def _darker(crop: FaceCrop) -> FaceCrop:
    return replace(crop, image=(crop.image // 2).astype(np.uint8))
