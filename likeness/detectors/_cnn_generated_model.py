"""What `cnn_generated` loads: the network in onnxruntime, its calibration, its domain, and fingerprints of generators."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from likeness import weights
from likeness.detectors._cnn_generated_fingerprint import Fingerprints
from likeness.detectors._cnn_generated_patches import PATCH_PX
from likeness.errors import WeightsError
from likeness.scoring.calibration import Calibration, calibration_from_dict
from likeness.scoring.domain import DomainGate
from likeness.types import DoubleArray, FloatArray, ImageArray, check_array

ARRAYS, CALIBRATION = "fingerprints.safetensors", "calibration.json"
VERSION = "residual-96-1"


@dataclass(frozen=True)
class Model:
    """Network, calibration, domain and fingerprints.

    Attributes:
        session: the network in onnxruntime.
        gates: which residuals count as inside the calibration's domain: inside one of them is inside.
        prints: of the generators that are known.
        calibration: of the score.
        side_px: shortest and longest side of the region inside the calibration's domain.
        tag: what reports call the weights.
    """

    session: Any
    gates: tuple[DomainGate, ...]
    prints: Fingerprints
    calibration: Calibration
    side_px: tuple[float, float]
    tag: str

    @classmethod
    def load(cls, path: Path) -> Model:
        """Read the graph and the two files beside it; raises `WeightsError`."""
        arrays, metadata = weights.load_arrays(path.with_name(ARRAYS))
        if metadata.get("features") != VERSION:
            raise WeightsError(
                f"{ARRAYS}: expected features {VERSION}, got {metadata.get('features')!r}; retrain "
                f"with recipes/cnn_generated.toml"
            )
        stored = weights.load_json(path.with_name(CALIBRATION))
        session = weights.session(path, threads=1)
        inputs = [(i.name, i.type, i.shape[1:]) for i in session.get_inputs()]
        if inputs != [("images", "tensor(uint8)", [PATCH_PX, PATCH_PX, 3])]:
            raise WeightsError(
                f"{path.name}: not a network of cnn_generated; train one with its recipe"
            )
        try:
            low, high = (float(v) for v in stored["side_px"])
            gates = [str(g) for g in json.loads(metadata.get("gates", '["gate."]'))]
            names = [str(n) for n in json.loads(metadata["names"])]
            calibration = calibration_from_dict(stored["calibration"])
        except (KeyError, TypeError, ValueError) as error:
            raise WeightsError(f"{CALIBRATION}: damaged or incomplete ({error})") from error
        return cls(
            session,
            tuple(DomainGate.from_arrays(arrays, prefix) for prefix in gates),
            Fingerprints.from_arrays(arrays, "prints.", names),
            calibration,
            (low, high),
            metadata.get("tag", path.stem),
        )

    def inside(self, residual: DoubleArray) -> bool:
        """Whether (4,) `qualities` of a picture lie in the calibration's domain."""
        return any(bool(gate.inside(residual[None])[0]) for gate in self.gates)

    def logits(self, patches: ImageArray) -> FloatArray:
        """(K, 96, 96, 3) uint8 RGB, un-resized -> (K,) float32 logits of "generated"."""
        check_array("patches", patches, (None, PATCH_PX, PATCH_PX, 3), np.uint8)
        return np.round(self.session.run(["logit"], {"images": patches})[0], 4)
