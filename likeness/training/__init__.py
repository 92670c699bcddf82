"""One training loop for anything that has a loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from likeness.training.loop import FitConfig, FitResult, epoch_indices, fit

__all__ = ["FitConfig", "FitResult", "epoch_indices", "fit"]


def __getattr__(name: str) -> Any:
    """Load the loop, and with it torch, on first use."""
    if name in __all__:
        from likeness.training import loop

        return getattr(loop, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
