"""Rules that follow from file names, so that adding a part stays adding one file."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from likeness import registry

PACKAGE = Path(registry.__file__).parent
TORCH_ROOMS = ("networks", "training", "generators")


def _imports(tree: ast.AST) -> list[tuple[str, ast.AST]]:
    found: list[tuple[str, ast.AST]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, node) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [(node.module, node)]
            found += [(f"{node.module}.{alias.name}", node) for alias in node.names]
    return found


@pytest.mark.parametrize("kind", ["detectors", "generators"])
def test_parts_do_not_know_one_another(kind: str) -> None:
    folder = PACKAGE / kind
    parts = {path.stem for path in folder.glob("*.py") if not path.name.startswith("_")}
    for path in sorted(folder.glob("*.py")):
        for name, _ in _imports(ast.parse(path.read_text())):
            target = name.removeprefix(f"likeness.{kind}.").split(".")[0]
            if not name.startswith(f"likeness.{kind}.") or target not in parts:
                continue
            # A part's own side files start with _ and a word of its name: _residual_training serves residual_statistics.
            word = path.stem.lstrip("_").split("_")[0]
            assert target == path.stem or target.split("_")[0] == word, (
                f"{path.name} imports {name}"
            )


def test_torch_is_imported_only_where_training_and_generation_live() -> None:
    offenders = []
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).parts[0]
        tree = ast.parse(path.read_text())
        top_level = {id(node) for node in tree.body}
        for name, node in _imports(tree):
            if name.split(".")[0] not in ("torch", "sklearn", "onnx"):
                continue
            in_training = room in TORCH_ROOMS or "training" in path.stem
            loaded_on_import = id(node) in top_level and not path.stem.endswith("_training")
            if not in_training or (loaded_on_import and room not in TORCH_ROOMS):
                offenders.append(f"{path.relative_to(PACKAGE)}: {name}")
    assert not offenders


def test_no_pickle_and_no_shell() -> None:
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text()
        for name, _ in _imports(ast.parse(text)):
            assert name.split(".")[0] not in ("pickle", "dill", "joblib", "marshal", "shelve"), (
                f"{path.name}: {name}"
            )
        assert "shell=True" not in text, path.name
        assert "allow_pickle=True" not in text, path.name
