"""The use case `doctor`: what is installed, what is missing, and what it would cost to add."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from dataclasses import dataclass
from pathlib import Path

from likeness import registry, weights
from likeness.scoring.claims import MARKS

# Rounded estimates of what each extra unpacks to (Linux x86-64, Python 3.11, CPU build of torch); only the sum of core,
# create and dev was measured: 1,862 MB.
EXTRA_MB = {"create": 1000, "web": 40, "cluster": 350, "heif": 15, "dev": 200}
EXTRA_USE = {
    "create": "training",
    "web": "likeness serve, the workbench in a browser",
    "cluster": "nothing yet: reserved for many machines",
    "heif": "HEIC and HEIF pictures",
    "dev": "tests, lint, types",
}


@dataclass(frozen=True)
class Check:
    """One line of the answer.

    Attributes:
        name: what was looked at.
        state: ok, missing (works without) or broken (does not work without).
        detail: version, or what to do.
    """

    name: str
    state: str
    detail: str


def doctor() -> list[Check]:
    """Look at the installation; changes nothing and reaches nothing outside the machine."""
    return [*_core(), *_extras(), *_weights(), _machine()]


def _core() -> list[Check]:
    checks = []
    for name in sorted(_required("")):
        version = _version(name)
        checks.append(
            Check(name, "ok", version)
            if version
            else Check(name, "broken", f"pip install {name}; detection needs it")
        )
    return checks


def _extras() -> list[Check]:
    checks = []
    for extra, use in EXTRA_USE.items():
        missing = sorted(n for n in _required(extra) if not _version(n))
        if not missing:
            checks.append(Check(f"extra {extra}", "ok", use))
        else:
            detail = f"{use}; lacks {', '.join(missing)}; pip install 'likeness[{extra}]' adds about {EXTRA_MB[extra]} MB"
            checks.append(Check(f"extra {extra}", "missing", detail))
    return checks


def _weights() -> list[Check]:
    checks = []
    for name, part in registry.parts("detectors").items():
        if name == MARKS or not _has_weights(name):  # there is nothing to be missing
            continue
        folder = weights.FOLDER / name
        files = [f for f in folder.glob("*") if f.suffix in (".safetensors", ".onnx")]
        trained = any(f.suffix == ".safetensors" for f in files)
        if trained:
            size = sum(f.stat().st_size for f in files) / 1e6
            checks.append(Check(f"weights {name}", "ok", f"{size:.1f} MB"))
        elif part.info.get("default", True):
            checks.append(Check(f"weights {name}", "broken", "reinstall the package"))
        else:
            checks.append(
                Check(f"weights {name}", "missing", "none are shipped; give --weights FILE")
            )
    return checks


def _has_weights(name: str) -> bool:
    """Whether a detector's file names any weights; some cues measure with fixed numbers."""
    part = registry.part("detectors", name)
    return not part.info.get("default", True) or bool(registry.load("detectors", name).WEIGHTS)


def _machine() -> Check:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Check(
        "machine", "ok", f"Python {platform.python_version()}, {platform.machine()}, {cores} cores"
    )


def _required(extra: str) -> set[str]:
    """Distribution names that the package's metadata asks for under one extra ("" = the core)."""
    names = set()
    for line in importlib.metadata.requires("likeness") or []:
        requirement, _, marker = (p.strip() for p in line.partition(";"))
        of_extra = f"extra == '{extra}'" in marker or f'extra == "{extra}"' in marker
        if of_extra if extra else "extra ==" not in marker:
            name = requirement
            for stop in "<>=!~[ (":
                name = name.split(stop)[0]
            if name != "likeness":
                names.add(name)
    return names


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def installed_mb() -> float:
    """Size of the installed packages of this environment in MB."""
    site = Path(weights.__file__).parents[2]
    roots = {Path(str(d.locate_file(""))) for d in importlib.metadata.distributions()} or {site}
    total = 0
    for root in roots:
        if root.name == "site-packages":
            total += sum(f.stat().st_size for f in root.rglob("*") if f.is_file())
    return total / 1e6
