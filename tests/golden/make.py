"""Writes the cases in this folder: tiny networks, an input each, and what ONNX Runtime 1.32 (CPU) made of it.

    VENV/bin/pip install numpy onnx onnxruntime==1.32.0 && VENV/bin/python tests/golden/make.py

A case is a folder in the layout of ONNX's own backend tests: model.onnx and test_data_set_0/{input,output}_N.pb. Cases
that start with int8_ must come out bit for bit, those with f32_ within a relative 1e-5. Everything is seeded, so that running
this again writes the same files. s8 activations run with session.qdqisint8allowed, as they do on ARM.
"""

import pathlib
import shutil

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

HERE = pathlib.Path(__file__).resolve().parent
MICROSOFT = "com.microsoft"
node = helper.make_node


class Case:
    """A graph under construction. Constants get names as they come."""

    def __init__(self, name, opset=13):
        self.name, self.opset = name, opset
        self.random = np.random.default_rng(sum(name.encode()))
        self.nodes, self.constants, self.inputs, self.outputs = [], {}, {}, []
        self.count = 0

    def constant(self, value, kind=None):
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(value, kind)
        return name

    def op(self, kind, *inputs, outputs=1, domain="", **attributes):
        names = [f"t{self.count + i}" for i in range(outputs)]
        self.count += outputs
        self.nodes.append(node(kind, list(inputs), names, name=f"{kind}_{self.count}", domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def input(self, *shape, spread=1.0):
        name = f"input{len(self.inputs)}"
        self.inputs[name] = (self.random.standard_normal(shape) * spread).astype(np.float32)
        return name

    def output(self, tensor):
        self.outputs.append(tensor)

    def bytes(self, shape, kind=np.int8):
        info = np.iinfo(kind)
        return self.random.integers(info.min, info.max + 1, shape).astype(kind)

    def params(self, scale, zero, kind):
        return self.constant(scale, np.float32), self.constant(zero, kind)

    def quantise(self, tensor, params):
        return self.op("QuantizeLinear", tensor, *params)

    def dequantise(self, tensor, params, **attributes):
        return self.op("DequantizeLinear", tensor, *params, **attributes)

    def both(self, tensor, params):
        return self.dequantise(self.quantise(tensor, params), params)

    def write(self):
        graph = helper.make_graph(
            self.nodes, self.name,
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, v.shape) for n, v in self.inputs.items()],
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in self.outputs],
            [numpy_helper.from_array(v, n) for n, v in self.constants.items()])
        opsets = [helper.make_opsetid("", self.opset)]
        if any(n.domain == MICROSOFT for n in self.nodes):
            opsets.append(helper.make_opsetid(MICROSOFT, 1))
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="tests/golden/make.py")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = 1
        options.add_session_config_entry("session.qdqisint8allowed", "1")
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        values = session.run(self.outputs, self.inputs)
        for info, value in zip(graph.output, values):
            shape = info.type.tensor_type.shape
            for length in value.shape:
                shape.dim.add().dim_value = length
        model.graph.CopyFrom(graph)
        folder = HERE / self.name
        data = folder / "test_data_set_0"
        data.mkdir(parents=True)
        (folder / "model.onnx").write_bytes(model.SerializeToString())
        for kind, tensors in (("input", self.inputs.values()), ("output", values)):
            for i, value in enumerate(tensors):
                (data / f"{kind}_{i}.pb").write_bytes(numpy_helper.from_array(value).SerializeToString())
        for value in values:
            assert len(np.unique(value)) > 3, f"{self.name} says too little"


CASES = []


def case(build):
    CASES.append(build)
    return build


def conv(c, x, kind, weights, zero, outputs, x_params=None, y_params=None, bias=True, **attributes):
    """A QLinearConv of float input x, dequantised again."""
    x_params = x_params or c.params(0.02, 110 if kind == np.uint8 else -18, kind)
    y_params = y_params or c.params(0.11, 121 if kind == np.uint8 else -7, kind)
    scale = 0.001 + 0.01 * c.random.random(outputs)
    inputs = [c.quantise(x, x_params), *x_params, c.constant(weights), c.constant(scale, np.float32),
              c.constant(np.broadcast_to(zero, outputs), weights.dtype), *y_params]
    if bias:
        inputs.append(c.constant(c.random.integers(-3000, 3000, outputs), np.int32))
    return c.dequantise(c.op("QLinearConv", *inputs, **attributes), y_params)


@case
def convolutions():
    c = Case("int8_conv_per_channel")
    c.output(conv(c, c.input(1, 5, 7, 9), np.uint8, c.bytes((11, 5, 3, 3)), 0, 11, strides=[2, 1], pads=[1, 0, 1, 2]))
    yield c
    c = Case("int8_conv_pointwise")
    c.output(conv(c, c.input(1, 19, 5, 6), np.uint8, c.bytes((37, 19, 1, 1)), 0, 37))
    yield c
    c = Case("int8_conv_unsigned_weights")
    weights = c.bytes((6, 4, 3, 3), np.uint8)
    c.output(conv(c, c.input(1, 4, 6, 6), np.uint8, weights, c.bytes(6, np.uint8), 6, pads=[1, 1, 1, 1]))
    yield c
    c = Case("int8_conv_signed_activations")
    c.output(conv(c, c.input(1, 4, 6, 6), np.int8, c.bytes((6, 4, 3, 3)), 0, 6, pads=[1, 1, 1, 1]))
    yield c
    c = Case("int8_conv_depthwise")
    c.output(conv(c, c.input(1, 9, 8, 8), np.uint8, c.bytes((9, 1, 3, 3)), 0, 9, group=9, strides=[2, 2], pads=[1] * 4))
    yield c
    c = Case("int8_conv_grouped_dilated")
    c.output(conv(c, c.input(1, 6, 9, 9), np.uint8, c.bytes((8, 3, 3, 2)), 0, 8, group=2, dilations=[2, 3], pads=[2] * 4))
    yield c
    c = Case("int8_conv_extreme_weights")  # The products overflow 16 bits where kernels add them in pairs.
    weights = np.full((4, 16, 1, 1), -128, np.int8)
    weights[1] = 127
    x = c.input(1, 16, 4, 4, spread=8.0)
    c.output(conv(c, x, np.uint8, weights, 0, 4, x_params=c.params(0.02, 0, np.uint8), y_params=c.params(5, 60, np.uint8)))
    yield c


@case
def elementwise():
    for kind, a_zero, b_zero, y_zero in ((np.uint8, 120, 131, 117), (np.int8, -3, 10, 5)):
        c = Case(f"int8_add_{np.dtype(kind).name}")
        a, b, y = c.params(0.021, a_zero, kind), c.params(0.033, b_zero, kind), c.params(0.04, y_zero, kind)
        x0, x1 = c.quantise(c.input(1, 4, 6, 6), a), c.quantise(c.input(1, 4, 6, 6), b)
        c.output(c.dequantise(c.op("QLinearAdd", x0, *a, x1, *b, *y, domain=MICROSOFT), y))
        yield c
    for name, scale in (("", 0.013), ("_ties", 0.0625)):  # 2⁻⁴: many products lie midway between two results
        c = Case(f"int8_mul{name}")
        a, b, y = c.params(0.03125, 101, np.uint8), c.params(0.0625, 131, np.uint8), c.params(scale, 117, np.uint8)
        x0, x1 = c.quantise(c.input(1, 4, 6, 6), a), c.quantise(c.input(1, 4, 1, 1), b)
        c.output(c.dequantise(c.op("QLinearMul", x0, *a, x1, *b, *y, domain=MICROSOFT), y))
        yield c
    c = Case("int8_concat")
    a, b, y = c.params(0.02, 100, np.uint8), c.params(0.05, 128, np.uint8), c.params(0.04, 90, np.uint8)
    x0, x1 = c.quantise(c.input(1, 3, 5, 5), a), c.quantise(c.input(1, 4, 5, 5), b)
    x2 = c.quantise(c.input(1, 2, 5, 5), y)
    c.output(c.dequantise(c.op("QLinearConcat", *y, x0, *a, x1, *b, x2, *y, domain=MICROSOFT, axis=1), y))
    yield c
    for op, y_params, attributes in (("Sigmoid", (1 / 256, 0), {}), ("LeakyRelu", (0.02, 60), {"alpha": 0.1})):
        for kind in (np.uint8, np.int8):
            c = Case(f"int8_{op.lower()}_{np.dtype(kind).name}")
            shift = 0 if kind == np.uint8 else -128
            x, y = c.params(0.04, 128 + shift, kind), c.params(y_params[0], y_params[1] + shift, kind)
            q = c.quantise(c.input(1, 3, 8, 8, spread=2.0), x)
            c.output(c.dequantise(c.op(f"QLinear{op}", q, *x, *y, domain=MICROSOFT, **attributes), y))
            yield c


@case
def pools():
    x_params, y_params = (0.02, 120, np.uint8), (0.013, 117, np.uint8)
    for name, op, attributes in (
            ("global_average_pool", "QLinearGlobalAveragePool", {"channels_last": 0}),
            ("average_pool", "QLinearAveragePool", dict(kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)),
            ("average_pool_padding_counted", "QLinearAveragePool",
             dict(kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1], count_include_pad=1))):
        c = Case(f"int8_{name}")
        x, y = c.params(*x_params), c.params(*y_params)
        c.output(c.dequantise(c.op(op, c.quantise(c.input(1, 5, 7, 9), x), *x, *y, domain=MICROSOFT, **attributes), y))
        yield c
    c = Case("int8_max_pool")
    x = c.params(*x_params)
    pool = c.op("MaxPool", c.quantise(c.input(1, 5, 7, 9), x), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 0, 0],
                ceil_mode=1)
    c.output(c.dequantise(pool, x))
    yield c


@case
def softmaxes():
    for name, shape, axis, opset, kind, scale in (
            ("last", (1, 12, 5), -1, 13, np.uint8, 1 / 256), ("channels", (1, 7, 4, 4), 1, 13, np.uint8, 1 / 256),
            ("flattened", (2, 3, 4), 1, 11, np.uint8, 1 / 256), ("signed", (1, 12, 2), -1, 13, np.int8, 1 / 255),
            ("ties", (1, 40, 4), -1, 13, np.uint8, 1 / 254)):
        c = Case(f"int8_softmax_{name}")
        low = np.iinfo(kind).min
        x, y = c.params(0.05 if name != "ties" else 1.0, 128 + low, kind), c.params(scale, low, kind)
        q = c.quantise(c.input(*shape, spread=2.0 if name != "ties" else 0.7), x)
        c.output(c.dequantise(c.op("QLinearSoftmax", q, *x, *y, domain=MICROSOFT, axis=axis, opset=opset), y))
        yield c


@case
def products():
    for op in ("QLinearMatMul", "QGemm"):
        c = Case(f"int8_{op.lower()}")
        x, w = c.params(0.02, 120, np.uint8), c.params(0.01 + 0.01 * c.random.random(13), np.zeros(13), np.int8)
        y = c.params(0.05, 100, np.uint8)
        inputs = [c.quantise(c.input(4, 21), x), *x, c.constant(c.bytes((21, 13))), *w]
        if op == "QGemm":
            inputs.append(c.constant(c.random.integers(-3000, 3000, 13), np.int32))
        c.output(c.dequantise(c.op(op, *inputs, *y, domain=MICROSOFT if op == "QGemm" else ""), y))
        yield c


def qdq_conv(c, x, x_scale, outputs, channels, kernel=1, float_bias=False, **attributes):
    """Conv on dequantised weights. x is dequantised already."""
    scale = (0.004 + 0.004 * c.random.random(outputs)).astype(np.float32)
    zeros = c.constant(np.zeros(outputs), np.int8)
    weights = c.bytes((outputs, channels, kernel, kernel))
    w = c.op("DequantizeLinear", c.constant(weights), c.constant(scale), zeros, axis=0)
    if float_bias:
        b = c.constant(c.random.standard_normal(outputs), np.float32)
    else:
        b = c.op("DequantizeLinear", c.constant(c.random.integers(-3000, 3000, outputs), np.int32),
                 c.constant(np.float32(x_scale) * scale), c.constant(np.zeros(outputs), np.int32), axis=0)
    return c.op("Conv", x, w, b, **attributes)


@case
def patterns():
    for kind in (np.uint8, np.int8):
        low, name = int(np.iinfo(kind).min), np.dtype(kind).name
        c = Case(f"int8_qdq_conv_relu_{name}")
        x = c.both(c.input(1, 4, 6, 6), c.params(0.02, 120 + low, kind))
        y = c.op("Relu", qdq_conv(c, x, 0.02, 8, 4, 3, pads=[1] * 4))
        c.output(c.both(y, c.params(0.03, low, kind)))
        yield c
        c = Case(f"int8_qdq_silu_{name}")
        params = c.params(0.03, 110 + low, kind)
        x = c.both(qdq_conv(c, c.both(c.input(1, 4, 6, 6), c.params(0.02, 120 + low, kind)), 0.02, 8, 4), params)
        gate = c.both(c.op("Sigmoid", x), c.params(1 / 256, low, kind))
        c.output(c.both(c.op("Mul", x, gate), c.params(0.02, 20 + low, kind)))
        yield c
    c = Case("int8_qdq_float_bias")
    x = c.both(c.input(1, 4, 6, 6), c.params(0.02, 120, np.uint8))
    c.output(c.both(qdq_conv(c, x, 0.02, 8, 4, float_bias=True), c.params(0.05, 100, np.uint8)))
    yield c
    c = Case("int8_qdq_moves")  # one scale throughout: bytes move, and the convolution before the Reshape is integer
    params = c.params(0.05, 100, np.uint8)
    x = c.both(c.input(1, 4, 6, 6), c.params(0.02, 120, np.uint8))
    x = c.both(c.op("Reshape", qdq_conv(c, x, 0.02, 8, 4), c.constant([1, 2, 4, 6, 6], np.int64)), params)
    x = c.both(c.op("Transpose", x, perm=[0, 2, 1, 3, 4]), params)
    x = c.both(c.op("Reshape", x, c.constant([1, 8, 6, 6], np.int64)), params)
    a, b = c.op("Split", x, c.constant([5, 3], np.int64), outputs=2, axis=1)
    c.output(c.both(c.op("Slice", c.both(a, params), *(c.constant(v, np.int64) for v in ([1], [6], [2], [2]))), params))
    c.output(c.both(c.op("Resize", c.both(b, params), "", c.constant([1, 1, 2, 2], np.float32), mode="nearest",
                         coordinate_transformation_mode="asymmetric", nearest_mode="floor"), params))
    yield c
    c = Case("int8_qdq_requantise")  # another scale behind a move: through floats, so rounded anew
    x = c.both(c.input(1, 4, 6, 6), c.params(0.02, 120, np.uint8))
    x = c.op("Gather", x, c.constant([3, 1], np.int64), axis=1)
    c.output(c.both(x, c.params(0.017, 90, np.uint8)))
    yield c
    c = Case("int8_qdq_constant_operands")
    x = c.both(c.input(1, 4, 6, 6), c.params(0.02, 120, np.uint8))
    for op in ("Add", "Mul"):
        constant = c.dequantise(c.constant(c.bytes((1, 4, 1, 1), np.uint8)), c.params(0.011, 100, np.uint8))
        x = c.both(c.op(op, x, constant), c.params(0.03, 110, np.uint8))
    c.output(x)
    yield c
    c = Case("int8_qdq_softmax_channels")
    x = c.both(c.input(1, 7, 4, 5, spread=2.0), c.params(0.05, 120, np.uint8))
    c.output(c.both(c.op("Softmax", x, axis=1), c.params(1 / 255, 0, np.uint8)))
    yield c
    c = Case("int8_qdq_resize_linear")
    x = c.both(c.input(1, 4, 5, 6), c.params(0.02, 120, np.uint8))
    x = c.op("Resize", x, "", c.constant([1, 1, 2, 2], np.float32), mode="linear")
    c.output(c.both(x, c.params(0.02, 120, np.uint8)))
    yield c


@case
def floats():
    c = Case("f32_conv_batchnorm_activations")
    x = c.op("Conv", c.input(1, 3, 9, 9), c.constant(c.random.standard_normal((8, 3, 3, 3)), np.float32), strides=[2, 2],
             pads=[1] * 4)
    stats = [c.constant(v, np.float32) for v in (c.random.random(8) + 0.5, c.random.standard_normal(8),
                                                  c.random.standard_normal(8), c.random.random(8) + 0.5)]
    x = c.op("BatchNormalization", x, *stats, epsilon=1e-3)
    for op in ("Relu", "Sigmoid", "Tanh", "HardSwish", "Exp"):
        c.output(c.op(op, x))
    c.output(c.op("HardSigmoid", x, alpha=0.2, beta=0.4))
    c.output(c.op("Clip", x, c.constant(-0.5, np.float32), c.constant(2.0, np.float32)))
    c.output(c.op("PRelu", x, c.constant(c.random.random((8, 1, 1)), np.float32)))
    c.output(c.op("LeakyRelu", x, alpha=0.2))
    c.opset = 14
    yield c
    c = Case("f32_resize")
    x = c.input(1, 2, 5, 7)
    scales = c.constant([1, 1, 1.7, 2.3], np.float32)
    for transformation in ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"):
        c.output(c.op("Resize", x, "", scales, mode="linear", coordinate_transformation_mode=transformation))
        for nearest in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
            c.output(c.op("Resize", x, "", scales, mode="nearest", coordinate_transformation_mode=transformation,
                          nearest_mode=nearest))
    yield c
    c = Case("f32_squeeze_and_excite")
    x = c.input(1, 6, 5, 5)
    s = c.op("Relu", c.op("Conv", c.op("GlobalAveragePool", x), c.constant(c.random.standard_normal((3, 6, 1, 1)),
                                                                             np.float32)))
    s = c.op("HardSigmoid", c.op("Conv", s, c.constant(c.random.standard_normal((6, 3, 1, 1)), np.float32)))
    c.output(c.op("Mul", x, s))
    c.output(c.op("ReduceMean", x, axes=[2, 3], keepdims=0))
    yield c
    c = Case("f32_layout_and_arithmetic")
    x, y = c.input(1, 4, 5, 6), c.input(1, 1, 5, 1)
    for op in ("Add", "Sub", "Mul", "Div"):
        c.output(c.op(op, x, y))
    c.output(c.op("Pad", x, c.constant([0, 0, 1, 2, 0, 0, 0, 1], np.int64), c.constant(0.5, np.float32)))
    flat = c.op("Flatten", x, axis=2)
    c.output(c.op("Softmax", flat, axis=-1))
    c.output(c.op("MatMul", flat, c.constant(c.random.standard_normal((30, 7)), np.float32)))
    c.output(c.op("Gemm", flat, c.constant(c.random.standard_normal((7, 30)), np.float32),
                  c.constant(c.random.standard_normal(7), np.float32), transB=1, alpha=0.5, beta=2.0))
    c.output(c.op("Transpose", c.op("Unsqueeze", x, c.constant([2], np.int64)), perm=[4, 0, 2, 3, 1]))
    c.output(c.op("AveragePool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4, ceil_mode=1))
    c.output(c.op("MaxPool", x, kernel_shape=[2, 3], strides=[2, 2], pads=[0, 1, 1, 1]))
    yield c


@case
def dynamic():
    """Layers that are quantised while they run, as onnxruntime.quantization.quantize_dynamic writes them."""

    def layer(c, x, operator, weights, kind, per_channel, bias=True, **attributes):
        axis, shape = (0, (-1, 1, 1)) if operator == "ConvInteger" else (1, (-1,))
        channels = weights.shape[axis]
        zeros = np.zeros(channels) if kind == np.int8 else c.random.integers(90, 160, channels)
        scales = (0.5 + c.random.random(channels)) * 2e-3
        if not per_channel:
            zeros, scales = zeros[0], scales[0]
        bytes, scale, zero = c.op("DynamicQuantizeLinear", x, outputs=3)
        scales = c.constant(np.reshape(scales, shape if per_channel else ()), np.float32)
        scales = c.op("Mul", scale, scales)
        y = c.op(operator, bytes, c.constant(weights), zero, c.constant(zeros, kind), **attributes)
        y = c.op("Mul", c.op("Cast", y, to=TensorProto.FLOAT), scales)
        return c.op("Add", y, c.constant(c.random.standard_normal((channels, 1, 1) if axis == 0 else channels) * 0.1,
                                         np.float32)) if bias else y

    for kind, per_channel in ((np.uint8, False), (np.uint8, True), (np.int8, False)):
        # ONNX Runtime takes a zero point per channel in products of matrices only.
        c = Case(f"f32_dynamic_{np.dtype(kind).name}" + ("_per_channel" if per_channel else ""))
        x = c.input(1, 3, 9, 8)
        x = c.op("Relu", layer(c, x, "ConvInteger", c.bytes((16, 3, 3, 3), kind), kind, False, strides=[2, 2], pads=[1] * 4))
        x = c.op("Relu", layer(c, x, "ConvInteger", c.bytes((16, 1, 3, 3), kind), kind, False, group=16, pads=[1] * 4))
        x = layer(c, x, "ConvInteger", c.bytes((12, 16, 1, 1), kind), kind, False, bias=False)
        x = layer(c, c.op("Flatten", x), "MatMulInteger", c.bytes((240, 7), kind), kind, per_channel)
        c.output(x)
        yield c


if __name__ == "__main__":
    for folder in HERE.iterdir():
        if folder.is_dir():
            shutil.rmtree(folder)
    for build in CASES:
        for one in build():
            one.write()
    print(sum(1 for f in HERE.iterdir() if f.is_dir()), "cases,",
          sum(f.stat().st_size for f in HERE.rglob("*") if f.is_file()), "bytes")
