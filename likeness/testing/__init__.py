"""The contract of parts as an executable suite; shipped, so that third parties can run it over their own.

from likeness.testing import check_detector, check_generator
check_detector("my_detector")
check_generator("my_generator")
"""

from __future__ import annotations

from likeness.testing.detectors import (
    STRENGTHS,
    check_claims,
    check_detector,
    check_deterministic,
    check_not_applicable,
    check_order,
    check_over_time,
    check_serialises,
    check_strength,
)
from likeness.testing.drawn import (
    mirrored,
    portrait,
    portrait_clip,
    portrait_crop,
    portrait_request,
)
from likeness.testing.generators import (
    check_generates,
    check_generator,
    check_refuses,
    check_repeats,
    check_synthesises,
)
from likeness.testing.parts import check_listing_is_light, check_metadata

__all__ = [
    "STRENGTHS",
    "check_claims",
    "check_detector",
    "check_deterministic",
    "check_generates",
    "check_generator",
    "check_listing_is_light",
    "check_metadata",
    "check_not_applicable",
    "check_order",
    "check_over_time",
    "check_refuses",
    "check_repeats",
    "check_serialises",
    "check_strength",
    "check_synthesises",
    "mirrored",
    "portrait",
    "portrait_clip",
    "portrait_crop",
    "portrait_request",
]
