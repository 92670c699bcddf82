"""The way out for generated media. So far: a visible label; credentials and watermark come with the create half."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from likeness.provenance.visible_label import encode_labelled

__all__ = ["encode_labelled"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from likeness.provenance import visible_label  # Pillow is imported when it is used

    return getattr(visible_label, name)
