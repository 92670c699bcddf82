"""Convert MediaPipe's face models (.tflite) to ONNX files that plain onnxruntime runs.

The models ship, under Apache-2.0, inside the MediaPipe wheel. The wheel only has to be unpacked,
not installed:

    pip download --no-deps mediapipe==0.10.21 && unzip -q mediapipe-*.whl -d mediapipe-wheel
    pip install tflite onnx numpy
    python recipes/convert_face_models.py \\
        --mediapipe-dir mediapipe-wheel/mediapipe --out likeness/weights/faces

Activations run NCHW: one transpose at the input (the graphs take NHWC pictures, as MediaPipe's do)
and one where a grid is flattened at an output, none in between. The batch dimension is dynamic.
Weights that a 16-bit float holds exactly are stored so, with a Cast that onnxruntime folds when it
loads the file; all others stay 32-bit, so nothing is rounded. The three custom operators of the
attention mesh (crop matrix from landmarks, bilinear crop, landmark projection) are written in
standard operators, and its six outputs are merged into MediaPipe's 478 points.
"""

import argparse
import hashlib
from pathlib import Path

import numpy as np
import onnx
import tflite
from flatbuffers import flexbuffers
from onnx import TensorProto, helper, numpy_helper

OPSET, IR_VERSION = 17, 8
CAST_FROM = 512  # smaller constants are kept 32-bit: a Cast each would cost more than it saves
OPS = {v: k for k, v in vars(tflite.BuiltinOperator).items() if isinstance(v, int)}
DTYPES = {
    tflite.TensorType.FLOAT32: np.float32,
    tflite.TensorType.FLOAT16: np.float16,
    tflite.TensorType.INT32: np.int32,
}
# file name -> source, outputs {name: (source tensor, shape after the batch, apply a sigmoid)}
MODELS = {
    "face_detector": (
        "face_detection/face_detection_full_range_sparse.tflite",
        {"boxes": ("Identity", (2304, 16), False), "scores": ("Identity_1", (2304,), False)},
    ),
    "face_detector_short": (
        "face_detection/face_detection_short_range.tflite",
        {"boxes": ("regressors", (896, 16), False), "scores": ("classificators", (896,), False)},
    ),
    "face_mesh": (
        "face_landmark/face_landmark.tflite",
        {"landmarks": ("conv2d_21", (468, 3), False), "presence": ("conv2d_31", (), True)},
    ),
    "face_mesh_attention": (
        "face_landmark/face_landmark_with_attention.tflite",
        {"landmarks": (None, (478, 3), False), "presence": ("conv_faceflag", (), True)},
    ),
    "iris": (
        "iris_landmark/iris_landmark.tflite",
        {
            "contour": ("output_eyes_contours_and_brows", (71, 3), False),
            "iris": ("output_iris", (5, 3), False),
        },
    ),
}


def densify(shape, values, sparsity):
    """Expand one of TFLite's block-sparse tensors into a dense array."""
    order, block_map = sparsity.TraversalOrderAsNumpy(), sparsity.BlockMapAsNumpy()
    position, coords = np.zeros(1, np.int64), np.zeros((1, 0), np.int64)
    blocks = []
    for level in range(sparsity.DimMetadataLength()):
        meta = sparsity.DimMetadata(level)
        if meta.Format() == tflite.DimensionType.DENSE:
            size = meta.DenseSize()
            if level >= len(shape):
                blocks.append(size)
            index = np.tile(np.arange(size), len(position))
            coords = np.repeat(coords, size, axis=0)
            position = np.repeat(position, size) * size + index
        else:
            starts = index_vector(meta.ArraySegmentsType(), meta.ArraySegments())
            indices = index_vector(meta.ArrayIndicesType(), meta.ArrayIndices())
            count = starts[position + 1] - starts[position]
            coords = np.repeat(coords, count, axis=0)
            position = np.concatenate([np.arange(starts[p], starts[p + 1]) for p in position])
            index = indices[position]
        coords = np.concatenate([coords, index[:, None]], axis=1)
    full = np.zeros((len(position), len(shape)), np.int64)
    for level, axis in enumerate(order):
        if axis < len(shape):
            full[:, axis] = coords[:, level]
        else:
            block = axis - len(shape)
            axis = block_map[block]
            full[:, axis] = full[:, axis] * blocks[block] + coords[:, level]
    dense = np.zeros(shape, values.dtype)
    dense[tuple(full.T)] = values[position]
    return dense


def index_vector(kind, table):
    """Read the union of integer vectors that sparse metadata is made of."""
    vector = {1: tflite.Int32Vector, 2: tflite.Uint16Vector, 3: tflite.Uint8Vector}[kind]()
    vector.Init(table.Bytes, table.Pos)
    return vector.ValuesAsNumpy().astype(np.int64)


class _Converter:
    """Rewrites one TFLite graph as ONNX nodes, pulled from the outputs backwards."""

    def __init__(self, path):
        self.model = tflite.Model.GetRootAsModel(path.read_bytes(), 0)
        self.graph = self.model.Subgraphs(0)
        self.nodes, self.inits = [], {}
        self.producer, self.names, self.crops = {}, {}, []
        for i in range(self.graph.OperatorsLength()):
            op = self.graph.Operators(i)
            for t in op.OutputsAsNumpy():
                self.producer[int(t)] = op

    # --- reading -------------------------------------------------------------------------------
    def shape(self, t):
        return [int(v) for v in self.graph.Tensors(t).ShapeAsNumpy()]

    def kind(self, op):
        code = self.model.OperatorCodes(op.OpcodeIndex())
        name = OPS[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        return code.CustomCode().decode() if name == "CUSTOM" else name

    def options(self, op, cls):
        out = cls()
        out.Init(op.BuiltinOptions().Bytes, op.BuiltinOptions().Pos)
        return out

    def constant(self, t):
        """The value of a constant tensor (through DENSIFY and DEQUANTIZE), or None."""
        tensor = self.graph.Tensors(t)
        if t in self.producer:
            op = self.producer[t]
            if self.kind(op) not in ("DENSIFY", "DEQUANTIZE"):
                return None
            value = self.constant(op.Inputs(0))
            return None if value is None else value.astype(DTYPES[tensor.Type()])
        raw = self.model.Buffers(tensor.Buffer()).DataAsNumpy()
        if not isinstance(raw, np.ndarray):
            return None
        values = np.frombuffer(raw.tobytes(), DTYPES[tensor.Type()])
        if tensor.Sparsity() is not None:
            return densify(self.shape(t), values, tensor.Sparsity())
        return values.reshape(self.shape(t))

    # --- writing -------------------------------------------------------------------------------
    def add(self, op_type, *inputs, **attrs):
        out = f"{op_type.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op_type, list(inputs), [out], name=out, **attrs))
        return out

    def const(self, value):
        value = np.ascontiguousarray(value)
        key = (value.dtype.str, value.shape, value.tobytes())
        if key not in self.inits:
            name = f"const_{len(self.inits)}"
            half = value
            if value.dtype == np.float32 and value.size >= CAST_FROM:
                half = value.astype(np.float16)
            if half is not value and (half.astype(np.float32) == value).all():
                stored = numpy_helper.from_array(half, name + "_half")
                self.nodes.append(
                    helper.make_node("Cast", [stored.name], [name], to=TensorProto.FLOAT)
                )
            else:
                stored = numpy_helper.from_array(value, name)
            self.inits[key] = (name, stored)
        return self.inits[key][0]

    def ints(self, *values):
        return self.const(np.array(values, np.int64))

    def get(self, t):
        """The ONNX name that holds tensor t (4-d ones as NCHW), converting what it depends on."""
        if t not in self.names:
            value = self.constant(t)
            if value is not None:
                value = value.reshape(-1, 1, 1) if value.shape[:2] == (1, 1) else value
                self.names[t] = self.const(value)
            else:
                op = self.producer[t]
                self.names[t] = getattr(self, "op_" + self.kind(op).lower())(op)
        return self.names[t]

    def activate(self, name, code):
        if code == tflite.ActivationFunctionType.NONE:
            return name
        if code == tflite.ActivationFunctionType.RELU:
            return self.add("Relu", name)
        if code == tflite.ActivationFunctionType.RELU6:
            return self.add("Clip", name, self.const(np.float32(0)), self.const(np.float32(6)))
        raise ValueError(f"{name}: expected no activation, RELU or RELU6, got tflite code {code}")

    def window(self, op, options, source, kernel):
        """Strides and explicit pads of a sliding window; a PAD right before it is taken in."""
        strides = [options.StrideH(), options.StrideW()]
        size, pads = self.shape(source)[1:3], [0, 0, 0, 0]
        before = self.producer.get(source)
        if options.Padding() == tflite.Padding.SAME:
            for i in range(2):
                total = max((-(-size[i] // strides[i]) - 1) * strides[i] + kernel[i] - size[i], 0)
                pads[i], pads[i + 2] = total // 2, total - total // 2
        elif before is not None and self.kind(before) == "PAD":
            amount = self.constant(before.Inputs(1))
            if not amount[[0, 3]].any() and self.kind(op) != "MAX_POOL_2D":
                pads = [int(v) for v in (*amount[1:3, 0], *amount[1:3, 1])]
                source = before.Inputs(0)
        return self.get(source), {"strides": strides, "pads": pads}

    def convolution(self, op, options, weight, group):
        name, attrs = self.window(op, options, op.Inputs(0), weight.shape[2:])
        dilations = [options.DilationHFactor(), options.DilationWFactor()]
        inputs = [name, self.const(weight)]
        if op.InputsLength() > 2:
            inputs.append(self.const(self.constant(op.Inputs(2))))
        out = self.add("Conv", *inputs, group=group, dilations=dilations, **attrs)
        return self.activate(out, options.FusedActivationFunction())

    def op_conv_2d(self, op):
        weight = self.constant(op.Inputs(1)).transpose(0, 3, 1, 2)
        return self.convolution(op, self.options(op, tflite.Conv2DOptions), weight, 1)

    def op_depthwise_conv_2d(self, op):
        weight = self.constant(op.Inputs(1)).transpose(3, 0, 1, 2)
        group = self.shape(op.Inputs(0))[3]
        return self.convolution(op, self.options(op, tflite.DepthwiseConv2DOptions), weight, group)

    def op_max_pool_2d(self, op):
        options = self.options(op, tflite.Pool2DOptions)
        kernel = [options.FilterHeight(), options.FilterWidth()]
        name, attrs = self.window(op, options, op.Inputs(0), kernel)
        out = self.add("MaxPool", name, kernel_shape=kernel, **attrs)
        return self.activate(out, options.FusedActivationFunction())

    def op_add(self, op):
        out = self.add("Add", self.get(op.Inputs(0)), self.get(op.Inputs(1)))
        return self.activate(out, self.options(op, tflite.AddOptions).FusedActivationFunction())

    def op_mul(self, op):
        factor = self.constant(op.Inputs(1))
        if factor.shape == (1, 4, 4):  # an affine matrix, kept as in op_landmarks2transformmatrix
            factor = factor[:, :2, [0, 1, 3]].transpose(0, 2, 1)
        return self.add("Mul", self.get(op.Inputs(0)), self.const(factor))

    def op_relu(self, op):
        return self.add("Relu", self.get(op.Inputs(0)))

    def op_prelu(self, op):
        return self.add("PRelu", self.get(op.Inputs(0)), self.get(op.Inputs(1)))

    def op_pad(self, op):
        amount = self.constant(op.Inputs(1))[[0, 3, 1, 2]]
        return self.add("Pad", self.get(op.Inputs(0)), self.ints(*amount.T.ravel()))

    def op_concatenation(self, op):
        options = self.options(op, tflite.ConcatenationOptions)
        axis = options.Axis() % len(self.shape(op.Outputs(0)))
        if len(self.shape(op.Outputs(0))) == 4:
            axis = (0, 2, 3, 1)[axis]
        return self.add("Concat", *(self.get(int(t)) for t in op.InputsAsNumpy()), axis=axis)

    def op_depth_to_space(self, op):
        block = self.options(op, tflite.DepthToSpaceOptions).BlockSize()
        return self.add("DepthToSpace", self.get(op.Inputs(0)), blocksize=block, mode="DCR")

    def op_resize_bilinear(self, op):
        options = self.options(op, tflite.ResizeBilinearOptions)
        mode = "align_corners" if options.AlignCorners() else "asymmetric"
        mode = "half_pixel" if options.HalfPixelCenters() else mode
        old, new = (self.shape(t)[1:3] for t in (op.Inputs(0), op.Outputs(0)))
        scales = self.const(np.array([1, 1, new[0] / old[0], new[1] / old[1]], np.float32))
        name = self.get(op.Inputs(0))
        attrs = {"mode": "linear", "coordinate_transformation_mode": mode}
        return self.add("Resize", name, "", scales, **attrs)

    def op_reshape(self, op):
        return self.flatten(op.Inputs(0), self.shape(op.Outputs(0))[1:])

    def flatten(self, t, shape):
        """Tensor t in its original (NHWC) order, reshaped to the batch and the given sizes."""
        name, old = self.get(t), self.shape(t)
        if len(old) == 4 and old[1] * old[2] > 1:
            name = self.add("Transpose", name, perm=[0, 2, 3, 1])
        return self.add("Reshape", name, self.ints(-1, *shape))

    # --- MediaPipe's custom operators; an affine matrix is kept transposed, as (batch, 3, 2) ------
    def op_landmarks2transformmatrix(self, op):
        """The rotated box round some landmarks, as the map from crop to picture coordinates."""
        spec = flexbuffers.Loads(bytes(op.CustomOptionsAsNumpy()))
        assert spec["target_rotation_radians"] == 0
        self.crops.append((op.Outputs(0), spec["subset_idxs"]))
        xy = self.add("Slice", self.get(op.Inputs(0)), self.ints(0), self.ints(2), self.ints(2))
        left, right = (
            self.add("Gather", xy, self.ints(spec[f"{side}_rotation_idx"]), axis=1)
            for side in ("left", "right")
        )
        along = self.add("Sub", right, left)
        along = self.add("Div", along, self.add("ReduceL2", along, axes=[2]))
        turn = self.const(np.array([[0, 1], [-1, 0]], np.float32))
        to_picture = self.add("Concat", along, self.add("MatMul", along, turn), axis=1)
        points = self.add("Gather", xy, self.ints(*spec["subset_idxs"]), axis=1)
        points = self.add("MatMul", points, self.add("Transpose", to_picture, perm=[0, 2, 1]))
        high, low = (self.add(f, points, axes=[1]) for f in ("ReduceMax", "ReduceMin"))
        middle = self.add("Mul", self.add("Add", high, low), self.const(np.float32(0.5)))
        size = np.array([spec["output_width"], spec["output_height"]], np.float32)
        scale = np.array([spec["scale_x"], spec["scale_y"]], np.float32) / size
        scale = self.add("Mul", self.add("Sub", high, low), self.const(scale))
        linear = self.add("Mul", to_picture, self.add("Transpose", scale, perm=[0, 2, 1]))
        offset = self.add("MatMul", self.const(size[None] / 2), linear)
        offset = self.add("Sub", self.add("MatMul", middle, to_picture), offset)
        return self.add("Concat", linear, offset, axis=1)

    def affine(self, points, matrix):
        linear = self.add("Slice", matrix, self.ints(0), self.ints(2), self.ints(1))
        offset = self.add("Slice", matrix, self.ints(2), self.ints(3), self.ints(1))
        return self.add("Add", self.add("MatMul", points, linear), offset)

    def op_transformtensorbilinear(self, op):
        """A bilinear crop along the matrix; samples outside the pixel centres are zero."""
        high, wide = self.shape(op.Outputs(0))[1:3]
        size = np.array(self.shape(op.Inputs(0))[2:0:-1], np.float32)
        centres = np.stack(np.meshgrid(np.arange(wide), np.arange(high)), axis=-1) + 0.5
        centres = self.const(centres.reshape(1, -1, 2).astype(np.float32))
        where = self.affine(centres, self.get(op.Inputs(1)))
        grid = self.add("Mul", where, self.const(2 / size))
        grid = self.add("Sub", grid, self.const(np.float32(1)))
        grid = self.add("Reshape", grid, self.ints(-1, high, wide, 2))
        out = self.add("GridSample", self.get(op.Inputs(0)), grid, align_corners=0)
        inside = self.add("Sub", where, self.const(size / 2))
        inside = self.add("Sub", self.add("Abs", inside), self.const((size - 1) / 2))
        inside = self.add("ReduceMax", inside, axes=[2])
        inside = self.add("LessOrEqual", inside, self.const(np.float32(0)))
        inside = self.add("Cast", inside, to=TensorProto.FLOAT)
        return self.add("Mul", out, self.add("Reshape", inside, self.ints(-1, 1, high, wide)))

    def op_transformlandmarks(self, op):
        return self.affine(self.get(op.Inputs(0)), self.get(op.Inputs(1)))

    def merge(self):
        """MediaPipe's 478 points: the mesh, over it lips and eyes, after it the two irises."""
        tensor = {
            self.graph.Tensors(t).Name().decode(): t for t in range(self.graph.TensorsLength())
        }
        mesh = self.flatten(self.producer[tensor["output_mesh_identity"]].Inputs(0), (468, 3))
        parts = [self.add("Slice", mesh, self.ints(0), self.ints(2), self.ints(2))]
        for name in ("lips", "left_eye", "right_eye", "left_iris", "right_iris"):
            t = tensor["output_" + name]
            parts.append(self.get(self.producer[t].Inputs(0)))
        regions = [subset for _, subset in sorted(self.crops)]  # lips, left eye, right eye
        index, start = list(range(468)), 468
        for subset in regions:
            for i, landmark in enumerate(subset):
                index[landmark] = start + i
            start += len(subset)
        index += range(start, start + 10)
        xy = self.add("Gather", self.add("Concat", *parts, axis=1), self.ints(*index), axis=1)
        depth = [self.add("Slice", mesh, self.ints(2), self.ints(3), self.ints(2))]
        for subset in regions[1:]:  # an iris lies at the mean depth of the 16 points of its eyelid
            lid = self.add("Gather", depth[0], self.ints(*subset[:16]), axis=1)
            depth.append(self.add("ReduceMean", lid, axes=[1]))
        index = [*range(468), *[468] * 5, *[469] * 5]
        depth = self.add("Gather", self.add("Concat", *depth, axis=1), self.ints(*index), axis=1)
        return self.add("Concat", xy, depth, axis=2)

    def convert(self, name, outputs):
        source = self.graph.Inputs(0)
        _, high, wide, depth = self.shape(source)
        self.names[source] = self.add("Transpose", "image", perm=[0, 3, 1, 2])
        tensors = {self.graph.Tensors(t).Name().decode(): t for t in self.graph.OutputsAsNumpy()}
        infos = []
        for out, (tensor, shape, sigmoid) in outputs.items():
            value = self.flatten(int(tensors[tensor]), shape) if tensor else self.merge()
            self.add("Sigmoid" if sigmoid else "Identity", value)
            self.nodes[-1].output[0] = out
            infos.append(helper.make_tensor_value_info(out, TensorProto.FLOAT, ["N", *shape]))
        picture = ["N", high, wide, depth]
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, picture)],
            infos,
            [stored for _, stored in self.inits.values()],
        )
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION)
        model.producer_name = "likeness/recipes/convert_face_models.py"
        model.doc_string = "Converted from MediaPipe 0.10.21 (Google, Apache-2.0)."
        onnx.checker.check_model(model, full_check=True)
        return model


def main():
    """Write every model and print its checksum."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--mediapipe-dir", type=Path, required=True, help="has modules/ in it")
    parser.add_argument("--out", type=Path, required=True, help="folder for the .onnx files")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for name, (source, outputs) in MODELS.items():
        model = _Converter(args.mediapipe_dir / "modules" / source).convert(name, outputs)
        data = model.SerializeToString()
        (args.out / f"{name}.onnx").write_bytes(data)
        print(f"{hashlib.sha256(data).hexdigest()}  {len(data):>8}  {name}.onnx")


if __name__ == "__main__":
    main()
