"""Write Meso4 and MesoInception4 as ONNX graphs that declare their weights and contain none.

    pip install onnx
    python recipes/export_mesonet_graphs.py --out likeness/weights/mesonet

Every weight is an initialiser whose data lie "elsewhere"; `likeness.detectors.mesonet` hands the arrays to onnxruntime
when it opens a session, so that they are packed for the processor once. A graph without its weights cannot be run.
Input: `image` (N, 256, 256, 3) uint8 RGB. Output: `logit` (N,) float32, the logit of P(real) as published.
Cost: a second. Expected result: two files of a few kilobytes whose checksums do not change from run to run.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from likeness.detectors._mesonet_weights import BN_EPS, weight_shapes

OPSET, IR_VERSION = 17, 8
DILATION = {"c2": 2, "d2": 3}


class _Graph:
    """Nodes and weight declarations as they are added."""

    def __init__(self, architecture: str) -> None:
        self.shapes = weight_shapes(architecture)
        self.nodes = []
        self.initialisers = []

    def add(self, op: str, *inputs: str, **attributes) -> str:
        out = f"{op.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [out], name=out, **attributes))
        return out

    def constant(self, value: np.ndarray) -> str:
        name = f"constant_{len(self.initialisers)}"
        self.initialisers.append(numpy_helper.from_array(value, name))
        return name

    def weight(self, name: str) -> str:
        tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=self.shapes[name])
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (
            ("location", "given-when-the-session-is-opened"),
            ("length", str(4 * int(np.prod(self.shapes[name])))),
        ):
            entry = tensor.external_data.add()
            entry.key, entry.value = key, value
        self.initialisers.append(tensor)
        return name

    def conv_relu(self, x: str, name: str, dilation: int = 1) -> str:
        side = self.shapes[f"{name}.weight"][2]
        pad = dilation * (side // 2)
        y = self.add(
            "Conv",
            x,
            self.weight(f"{name}.weight"),
            self.weight(f"{name}.bias"),
            pads=[pad] * 4,
            dilations=[dilation] * 2,
        )
        return self.add("Relu", y)

    def inception(self, x: str, name: str) -> str:
        branches = [self.conv_relu(x, f"{name}.a")]
        for branch in "bcd":
            y = self.conv_relu(x, f"{name}.{branch}1")
            branches.append(self.conv_relu(y, f"{name}.{branch}2", DILATION.get(f"{branch}2", 1)))
        return self.add("Concat", *branches, axis=1)

    def norm_pool(self, x: str, name: str, pool: int) -> str:
        keys = ("weight", "bias", "running_mean", "running_var")
        y = self.add(
            "BatchNormalization", x, *(self.weight(f"{name}.{key}") for key in keys), epsilon=BN_EPS
        )
        return self.add("MaxPool", y, kernel_shape=[pool] * 2, strides=[pool] * 2)

    def dense(self, x: str, name: str) -> str:
        weight, bias = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return self.add("Gemm", x, weight, bias, transB=1)


def export(architecture: str) -> bytes:
    """The serialised graph of one architecture."""
    graph = _Graph(architecture)
    x = graph.add("Cast", "image", to=TensorProto.FLOAT)
    x = graph.add("Div", x, graph.constant(np.float32(255)))
    x = graph.add("Transpose", x, perm=[0, 3, 1, 2])
    for i, pool in enumerate((2, 2, 2, 4), start=1):
        block = f"conv{i}.a.weight" in graph.shapes
        x = graph.inception(x, f"conv{i}") if block else graph.conv_relu(x, f"conv{i}")
        x = graph.norm_pool(x, f"bn{i}", pool)
    x = graph.add("Transpose", x, perm=[0, 2, 3, 1])  # Keras flattens height, width, channel
    x = graph.add("Flatten", x)
    x = graph.add("LeakyRelu", graph.dense(x, "dense1"), alpha=0.1)
    x = graph.dense(x, "dense2")
    x = graph.add("Squeeze", x, graph.constant(np.array([1], np.int64)))
    graph.nodes[-1].output[0] = "logit"
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            architecture,
            [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", 256, 256, 3])],
            [helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["N"])],
            graph.initialisers,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    model.producer_name = "likeness/recipes/export_mesonet_graphs.py"
    model.doc_string = "Architecture of Afchar et al., WIFS 2018; no weights inside."
    return model.SerializeToString(deterministic=True)


def main() -> None:
    """Write both graphs and print their checksums."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the .onnx files")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for architecture in ("meso4", "mesoinception4"):
        data = export(architecture)
        (args.out / f"{architecture}.onnx").write_bytes(data)
        print(f"{hashlib.sha256(data).hexdigest()}  {len(data):>6}  {architecture}.onnx")


if __name__ == "__main__":
    main()
