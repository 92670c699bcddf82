"""Names to parts. A part is one file; its name is the file's name; listing parts imports none of them.

A part's file holds, as literals at the top level, `INFO` (what it is, what it needs, its paper, its known failures), and
as code a frozen `Config`, a `WEIGHTS` table and `build(config)`. Third-party parts come in through the entry-point groups
`likeness.detectors` and `likeness.generators`. This is the only module that imports by name.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import importlib.metadata
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, Literal, TypeVar

from likeness.errors import (
    ConfigError,
    ContractError,
    MissingExtraError,
    UnknownPartError,
    UsageError,
)

Kind = Literal["detectors", "generators"]
C = TypeVar("C")
REQUIRED_INFO = (
    "summary",
    "cue",
    "question",
    "kinds",
    "needs",
    "paper",
    "licence",
    "weights_licence",
    "known_failures",
)


@dataclass(frozen=True)
class Part:
    """One part as it is listed: nothing of it has been imported.

    Attributes:
        name: the file's name.
        module: dotted path to import it by.
        path: its file.
        info: its `INFO` literal.
    """

    name: str
    module: str
    path: Path
    info: Mapping[str, Any]


def parts(kind: Kind) -> dict[str, Part]:
    """All parts of a kind by name, sorted, built-in and third-party; reads files, imports nothing."""
    return dict(_parts(kind))


def part(kind: Kind, name: str) -> Part:
    """One part; raises `UnknownPartError` with the nearest names."""
    known = _parts(kind)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3) or sorted(known)
        raise UnknownPartError(
            f"no {kind[:-1]} is called {name!r}; did you mean {' or '.join(near)}? "
            f"`likeness {kind}` lists them"
        )
    return known[name]


def load(kind: Kind, name: str) -> ModuleType:
    """Import a part's module; raises `MissingExtraError` if it needs what is not installed."""
    found = part(kind, name)
    try:
        return importlib.import_module(found.module)  # noqa: TID251 the one place
    except ModuleNotFoundError as error:
        if error.name and not error.name.startswith("likeness"):
            raise MissingExtraError(error.name, str(found.info.get("extra", "create"))) from error
        raise


def build(kind: Kind, name: str, options: Mapping[str, Any] | None = None) -> Any:
    """Import, configure and build a part."""
    module = load(kind, name)
    return module.build(config_from(module.Config, options or {}, f"{kind[:-1]} {name}"))


def config_from(cls: type[C], options: Mapping[str, Any], owner: str) -> C:
    """Build a frozen dataclass `cls` from loose options (TOML, command line).

    Args:
        cls: the dataclass; its annotations are checked and strings converted by pydantic.
        options: key to value; an unknown key is an error that names the nearest known one.
        owner: what is being configured, for the message.

    Raises:
        ConfigError: unknown key or impossible value.
    """
    known = list(getattr(cls, "__dataclass_fields__", {}))
    for key in options:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known) or 'none'}"
            raise ConfigError(f"{owner} has no option {key!r}; {hint}")
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(cls).validate_python(dict(options))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(p) for p in first["loc"])
        raise ConfigError(f"{owner}: {where}: {first['msg']}, got {first['input']!r}") from error


def function(text: str) -> tuple[Callable[..., Any], Path]:
    """Import one function of somebody else's code by its name; only what a person asked for by name belongs here.

    Args:
        text: `package.module:function`, or `path/to/file.py:function`, which is run without any change of `sys.path`.

    Returns:
        The function and the file that it comes from.

    Raises:
        UsageError: no such module, file or function; whatever the module itself raises while it loads is the cause.
    """
    module, _, name = text.rpartition(":")
    if not module or not name.isidentifier():
        raise UsageError(f"{text!r}: expected package.module:function or file.py:function")
    try:
        loaded = _from_file(Path(module)) if module.endswith(".py") else _by_name(module)
    except Exception as error:
        raise UsageError(f"{module} cannot be imported: {type(error).__name__}: {error}") from error
    found = getattr(loaded, name, None)
    if not callable(found) or not loaded.__file__:
        raise UsageError(f"{module} has no function {name!r} of its own")
    return found, Path(loaded.__file__)


def _by_name(module: str) -> ModuleType:
    return importlib.import_module(module)  # noqa: TID251 asked for by name


def _from_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@cache
def _parts(kind: Kind) -> Mapping[str, Part]:
    found: dict[str, Part] = {}
    folder = Path(__file__).parent / kind
    for path in sorted(folder.glob("*.py")):
        if not path.name.startswith("_"):
            found[path.stem] = _read(path.stem, f"likeness.{kind}.{path.stem}", path)
    for entry in importlib.metadata.entry_points(group=f"likeness.{kind}"):
        if entry.name in found:
            raise ContractError(
                f"{entry.value}: the {kind[:-1]} name {entry.name!r} is taken by {found[entry.name].module}"
            )
        found[entry.name] = _read(entry.name, entry.module, _file_of(entry))
    return MappingProxyType(dict(sorted(found.items())))


def _file_of(entry: importlib.metadata.EntryPoint) -> Path:
    stem = entry.module.replace(".", "/")
    if entry.dist is not None:
        for candidate in (f"{stem}.py", f"{stem}/__init__.py"):
            path = Path(str(entry.dist.locate_file(candidate)))
            if path.is_file():
                return path
    spec = importlib.util.find_spec(entry.module)  # editable installs; imports parent packages only
    if spec is None or spec.origin is None:
        raise ContractError(f"entry point {entry.name!r}: no file for module {entry.module!r}")
    return Path(spec.origin)


def _read(name: str, module: str, path: Path) -> Part:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(isinstance(t, ast.Name) and t.id == "INFO" for t in targets):
            info = ast.literal_eval(node.value)  # type: ignore[attr-defined]
            missing = [key for key in REQUIRED_INFO if key not in info]
            if missing:
                raise ContractError(f"{path.name}: INFO lacks {', '.join(missing)}")
            return Part(name, module, path, MappingProxyType(info))
    raise ContractError(f"{path.name}: no literal INFO = {{...}} at the top level")
