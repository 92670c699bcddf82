"""Checkpoints as folders of one safetensors and one JSON file, that appear whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from likeness.errors import OutputError, WeightsError

KEEP = 2
_TENSORS, _FACTS = "tensors.safetensors", "state.json"


def latest(out: Path) -> Path | None:
    """The newest finished checkpoint in a folder; None if there is none."""
    return max(_finished(out), default=None)


def write(
    out: Path,
    step: int,
    model: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    identity: Mapping[str, Any],
) -> Path:
    """Write the checkpoint of `step` (steps done) and remove all but the last two."""
    from safetensors.torch import save

    tensors, scalars = _split(optimiser.state_dict()["state"])
    tensors |= {f"model/{k}": v for k, v in model.state_dict().items()}
    tensors |= {f"random/{k}": v for k, v in _random_states().items()}
    groups = [{k: v for k, v in g.items() if k != "params"} for g in optimiser.param_groups]
    facts = {"step": step, **identity, "groups": groups, "scalars": scalars}
    final = out / f"step_{step:09d}"
    partial = out / f"{final.name}.partial"
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        _write(
            partial / _TENSORS,
            save({k: v.detach().cpu().clone().contiguous() for k, v in tensors.items()}),
        )
        _write(partial / _FACTS, json.dumps(facts, indent=1).encode())
        if final.exists():
            shutil.rmtree(final)
        partial.rename(final)
    except OSError as error:
        raise OutputError(f"cannot write a checkpoint into {out}: {error.strerror}") from error
    for old in sorted(_finished(out))[:-KEEP]:
        shutil.rmtree(old, ignore_errors=True)
    return final


def restore(
    checkpoint: Path,
    model: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    identity: Mapping[str, Any],
) -> int:
    """Put a checkpoint back into model, optimiser and torch's random state; returns the steps done.

    Raises:
        WeightsError: damaged, of another model, or of a run with another identity.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        facts = json.loads((checkpoint / _FACTS).read_text(encoding="utf-8"))
        tensors = load_file(str(checkpoint / _TENSORS))
        other = {k: facts.get(k) for k in identity}
        if other != dict(identity):
            raise WeightsError(
                f"{checkpoint.name} belongs to another run: expected {dict(identity)}, got {other}; "
                f"choose an empty folder"
            )
        model.load_state_dict(_below(tensors, "model/"))
        state = _join(_below(tensors, "optimiser/"), facts["scalars"])
        params = [g["params"] for g in optimiser.state_dict()["param_groups"]]
        groups = [{**g, "params": p} for g, p in zip(facts["groups"], params, strict=True)]
        optimiser.load_state_dict({"state": state, "param_groups": groups})
        torch.set_rng_state(tensors["random/cpu"])
        if "random/cuda" in tensors and torch.cuda.is_available():
            torch.cuda.set_rng_state(tensors["random/cuda"])
        return int(facts["step"])
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise WeightsError(
            f"{checkpoint.name}: damaged or of another model ({error}); remove it to go on from the one before"
        ) from error


def _finished(out: Path) -> Iterator[Path]:
    return (p for p in out.glob("step_*") if p.is_dir() and p.suffix != ".partial")


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _random_states() -> dict[str, torch.Tensor]:
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def _split(
    state: Mapping[int, Mapping[str, Any]],
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Optimiser state as named tensors and, for the rest, JSON values."""
    tensors, scalars = {}, {}
    for index, entries in state.items():
        for key, value in entries.items():
            if isinstance(value, torch.Tensor):
                tensors[f"optimiser/{index}/{key}"] = value
            else:
                scalars[f"{index}/{key}"] = value
    return tensors, scalars


def _join(tensors: Mapping[str, Any], scalars: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    state: dict[int, dict[str, Any]] = {}
    for name, value in (*tensors.items(), *scalars.items()):
        index, _, key = name.partition("/")
        state.setdefault(int(index), {})[key] = value
    return state


def _below(tensors: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
