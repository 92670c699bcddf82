"""What every part has to say of itself, detector or generator."""

from __future__ import annotations

import subprocess
import sys

from likeness import registry
from likeness.errors import ContractError
from likeness.types import QUESTIONS

HEAVY = ("torch", "cv2", "onnxruntime", "av", "sklearn", "scipy", "h5py", "PIL", "jinja2")
FITTED_ON = ("stills", "clips", "none")


def check_metadata(name: str, kind: registry.Kind = "detectors") -> None:
    """INFO is complete and in the project's words."""
    info = registry.part(kind, name).info
    expect(
        info["question"] in QUESTIONS,
        name,
        f"question is one of {QUESTIONS}, got {info['question']!r}",
    )
    for key in ("summary", "cue", "paper", "licence", "weights_licence"):
        expect(bool(str(info[key]).strip()), name, f"INFO[{key!r}] says something")
    for key in ("kinds", "known_failures"):
        expect(len(info[key]) > 0, name, f"INFO[{key!r}] names at least one")
    fitted = info.get("fitted_on", "stills")
    expect(fitted in FITTED_ON, name, f"fitted_on is one of {FITTED_ON}, got {fitted!r}")


def check_listing_is_light(kind: registry.Kind = "detectors") -> None:
    """Listing parts imports none of them and nothing heavy."""
    code = (
        f"import sys; from likeness import registry; registry.parts('{kind}'); "
        "print(*[m for m in sys.modules if m.split('.')[0] in "
        f"{HEAVY!r} or m.startswith('likeness.{kind}.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    expect(done.returncode == 0, "registry", f"parts can be listed: {done.stderr.strip()[-300:]}")
    expect(
        not done.stdout.strip(),
        "registry",
        f"listing imports nothing heavy, got {done.stdout.strip()}",
    )


def expect(holds: bool, name: str, rule: str) -> None:
    """Raise `ContractError` unless the rule holds."""
    if not holds:
        raise ContractError(f"{name} breaks the contract: {rule}")
