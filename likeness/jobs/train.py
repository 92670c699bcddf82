"""The use case `train`: run a recipe."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from likeness import registry
from likeness.errors import ConfigError, InputError, MissingExtraError
from likeness.types import Progress


def train(
    recipe: Path, data: Path, out: Path | None = None, progress: Progress | None = None
) -> dict[str, float]:
    """Train what a recipe describes.

    Args:
        recipe: TOML file that names its part (`detector = "..."`).
        data: folder with manifest.csv and splits.csv.
        out: where weights go; default: where the recipe says (`out = "..."`).
        progress: see `likeness.types.Progress`.

    Returns:
        Figures measured on held-out identities, by name.
    """
    settings = read_recipe(recipe)
    name = settings["detector"]
    if not data.is_dir():
        raise InputError(f"{data}: expected a folder with manifest.csv; use --data FOLDER")
    module = registry.load("detectors", name)
    if not hasattr(module, "training"):
        raise ConfigError(f"{recipe.name}: the detector {name!r} is not trained, it has no weights")
    target = out or Path(str(settings.get("out", f"runs/{name}")))
    try:
        return dict(module.training(settings, data, target, progress))
    except ModuleNotFoundError as error:
        raise MissingExtraError(str(error.name), "create") from error


def read_recipe(path: Path) -> Mapping[str, Any]:
    """A recipe as a mapping; raises `ConfigError` if it is no TOML or names no detector."""
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path.name}: not a TOML recipe ({error})") from error
    if not isinstance(settings.get("detector"), str):
        raise ConfigError(f'{path.name}: expected detector = "NAME" at the top')
    return settings
