"""Checkpoints as folders of one safetensors and one JSON file, that appear whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from likeness.errors import OutputError, WeightsError

KEEP = 2
_TENSORS, _FACTS = "tensors.safetensors", "state.json"


@dataclass
class TrainingState:
    """Everything that a run is at one moment, apart from torch's random state.

    Attributes:
        model: as it is trained.
        optimiser: of its parameters.
        average: moving average of the model's weights; None where none is kept.
        step: optimiser steps done.
        seconds: training time, summed over all processes that worked on the run.
        rollbacks: how often the run went back to a checkpoint because its loss was no number.
    """

    model: torch.nn.Module
    optimiser: torch.optim.Optimizer
    average: torch.nn.Module | None = None
    step: int = 0
    seconds: float = 0.0
    rollbacks: int = 0


def latest(out: Path) -> Path | None:
    """The newest finished checkpoint in a folder; None if there is none."""
    return max(_finished(out), default=None)


def write(out: Path, state: TrainingState, identity: Mapping[str, Any]) -> Path:
    """Write the checkpoint of `state.step` and remove all but the last two."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    tensors, scalars = _split(state.optimiser.state_dict()["state"])
    tensors |= {f"model/{k}": v for k, v in state.model.state_dict().items()}
    tensors |= {f"random/{k}": v for k, v in _random_states().items()}
    if state.average is not None:
        tensors |= {f"average/{k}": v for k, v in state.average.state_dict().items()}
    groups = [{k: v for k, v in g.items() if k != "params"} for g in state.optimiser.param_groups]
    facts = {
        "step": state.step,
        **identity,
        "seconds": state.seconds,
        "rollbacks": state.rollbacks,
        "groups": groups,
        "scalars": scalars,
    }
    final = out / f"step_{state.step:09d}"
    partial, replaced = (out / f"{final.name}.{word}.partial" for word in ("new", "old"))
    try:
        for left in out.glob("*.partial"):  # by a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        partial.mkdir(parents=True)
        whole = {k: _stored(v) for k, v in tensors.items()}
        save_file(whole, str(partial / _TENSORS))
        _to_disk(partial / _TENSORS)
        _write(partial / _FACTS, json.dumps(facts, indent=1).encode())
        if final.exists():  # a folder that is being removed must not pass for a checkpoint
            final.rename(replaced)
        partial.rename(final)
        shutil.rmtree(replaced, ignore_errors=True)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(partial, ignore_errors=True)  # a full disk stays usable
        why = getattr(error, "strerror", None) or str(error)
        raise OutputError(f"cannot write a checkpoint into {out}: {why}") from error
    for old in sorted(_finished(out))[:-KEEP]:
        shutil.rmtree(old, ignore_errors=True)
    return final


def restore(checkpoint: Path, state: TrainingState, identity: Mapping[str, Any]) -> None:
    """Put a checkpoint back into `state` and torch's random state.

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
        state.model.load_state_dict(_below(tensors, "model/"))
        if state.average is not None:
            state.average.load_state_dict(_below(tensors, "average/"))
        entries = _join(_below(tensors, "optimiser/"), facts["scalars"])
        params = [g["params"] for g in state.optimiser.state_dict()["param_groups"]]
        groups = [{**g, "params": p} for g, p in zip(facts["groups"], params, strict=True)]
        state.optimiser.load_state_dict({"state": entries, "param_groups": groups})
        _lay_out_like_parameters(state.optimiser)
        torch.set_rng_state(tensors["random/cpu"])
        if "random/cuda" in tensors and torch.cuda.is_available():
            torch.cuda.set_rng_state(tensors["random/cuda"])
        state.step = int(facts["step"])
        state.seconds = float(facts.get("seconds", 0.0))
        state.rollbacks = int(facts.get("rollbacks", 0))
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


def _stored(tensor: torch.Tensor) -> torch.Tensor:
    """A copy that lies dense in memory: parameters may be channels-last, and a state may share storage."""
    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)


def _lay_out_like_parameters(optimiser: torch.optim.Optimizer) -> None:
    """Moments in the memory order of their parameter: fused optimisers walk through both side by side."""
    for group in optimiser.param_groups:
        for parameter in group["params"]:
            for key, value in optimiser.state.get(parameter, {}).items():
                if isinstance(value, torch.Tensor) and value.shape == parameter.shape:
                    placed = torch.empty_like(parameter, dtype=value.dtype, requires_grad=False)
                    optimiser.state[parameter][key] = placed.copy_(value)


def _to_disk(path: Path) -> None:
    with path.open("rb") as file:
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
