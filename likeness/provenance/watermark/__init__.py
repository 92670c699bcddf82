"""An invisible mark in the luma of generated frames: found again blindly, with a stated false-positive probability."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from likeness.provenance.watermark.embedding import Embedder as Embedder
    from likeness.provenance.watermark.embedding import can_carry as can_carry
    from likeness.provenance.watermark.search import WatermarkFinding as WatermarkFinding
    from likeness.provenance.watermark.search import find_watermark as find_watermark
    from likeness.provenance.watermark.search import why_not_carried as why_not_carried

__all__ = ["Embedder", "WatermarkFinding", "can_carry", "find_watermark", "why_not_carried"]


def __getattr__(name: str) -> Any:
    if name in ("Embedder", "can_carry"):
        from likeness.provenance.watermark import embedding

        return getattr(embedding, name)
    if name in ("WatermarkFinding", "find_watermark", "why_not_carried"):
        from likeness.provenance.watermark import search

        return getattr(search, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
