"""Our own trained weights and their loader: safetensors (arrays) and ONNX (networks), each with a card beside it.

Nothing is downloaded and nothing is unpickled.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from likeness.errors import WeightsError

FOLDER = Path(__file__).parent


def path_of(part: str, file: str) -> Path:
    """Path of a shipped file; raises `WeightsError` if the package lacks it."""
    path = FOLDER / part / file
    if not path.is_file():
        raise WeightsError(
            f"the weights {part}/{file} are not in this installation; reinstall the package, "
            f"or train them with the recipe that recipes/README.md names"
        )
    return path


def has(part: str, file: str) -> bool:
    """Whether a file is shipped."""
    return (FOLDER / part / file).is_file()


def load_arrays(path: Path) -> tuple[dict[str, npt.NDArray[Any]], dict[str, str]]:
    """Arrays and metadata of a safetensors file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="numpy") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path.name}: not a readable safetensors file ({error})") from error


def save_arrays(
    path: Path, arrays: Mapping[str, npt.NDArray[Any]], metadata: Mapping[str, str]
) -> None:
    """Write a safetensors file atomically (temporary file, then rename).

    The same arrays and metadata give the same bytes, so that files can be compared by their hashes.
    """
    from safetensors.numpy import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".partial")
    save_file(
        {k: np.ascontiguousarray(v) for k, v in arrays.items()}, str(temporary), dict(metadata)
    )
    _sort_metadata(temporary)
    temporary.chmod(0o644)  # the library writes 0600, which an installed package must not have
    temporary.replace(path)


def _sort_metadata(path: Path) -> None:
    """The library writes metadata in the order of a hash map, another one in every call: put it in that of its keys."""
    with path.open("r+b") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        metadata = dict(sorted(header.get("__metadata__", {}).items()))
        text = json.dumps(
            {**header, "__metadata__": metadata}, ensure_ascii=False, separators=(",", ":")
        ).encode()
        if metadata and len(text) <= length:
            file.seek(8)
            file.write(text.ljust(length))


def load_json(path: Path) -> dict[str, Any]:
    """A JSON file that ships with weights (calibration, anchors)."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path.name}: not readable as JSON ({error})") from error


def runtime() -> Any:
    """The module onnxruntime, silenced.

    Its official builds (1.31) otherwise write a device number below the home folder and report sessions and error
    messages to their maker as soon as they are imported. Only the environment turns that off, and only beforehand.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    return onnxruntime


def session(path: Path, threads: int = 0) -> Any:
    """An onnxruntime session on the CPU.

    Args:
        path: ONNX file.
        threads: threads inside one operator; 0 = one per physical core.
    """
    ort = runtime()
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own classes share no public base
        raise WeightsError(f"{path.name}: onnxruntime cannot load it ({error})") from error
