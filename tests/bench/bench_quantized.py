#!/usr/bin/env python3
"""Quantized and recurrent operators beside onnxruntime, one thread: models of a node or two. beside.py says how.

The exit status is 1 where an output is wrong, or, with --most, where a ratio is above it.

bench_quantized.py LIMNER [--only TEXT] [--rounds N] [--most RATIO] [--cpu LEVEL]
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import beside
import common

Arrays = dict[str, np.ndarray]
RANDOM = np.random.default_rng(common.SEED)


def floats(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape, dtype=np.float32)


def bytes_of(kind: type, *shape: int) -> np.ndarray:
    return RANDOM.integers(*((-128, 128) if kind is np.int8 else (0, 256)), shape).astype(kind)


def case(text: str, nodes: list[onnx.NodeProto], feeds: Arrays, weights: Arrays, kind: int = TensorProto.FLOAT) -> beside.Case:
    graph = helper.make_graph(
        nodes, "layer", [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape) for n, v in feeds.items()],
        [helper.make_tensor_value_info("y", kind, None)], [numpy_helper.from_array(np.asarray(v), n) for n, v in weights.items()])
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return beside.Case(text, helper.make_model(graph, opset_imports=imports, ir_version=8), feeds)


def type_of(kind: type) -> int:
    return helper.np_dtype_to_tensor_dtype(np.dtype(kind))


def convolution(kind: type, inputs: int, outputs: int, kernel: int, size: int, stride: int = 1, group: int = 1) -> beside.Case:
    zero = kind(3)
    weights = {"xs": np.float32(0.02), "xz": zero, "w": bytes_of(np.int8, outputs, inputs // group, kernel, kernel),
               "ws": RANDOM.uniform(0.001, 0.01, outputs).astype(np.float32), "wz": np.zeros(outputs, np.int8),
               "ys": np.float32(1.5), "yz": zero, "b": RANDOM.integers(-900, 900, outputs).astype(np.int32)}
    node = helper.make_node("QLinearConv", ["x", *weights], ["y"], pads=[kernel // 2] * 4, strides=[stride] * 2, group=group)
    name = f"QLinearConv {'s8s8' if kind is np.int8 else 'u8s8'} {'depthwise ' if group > 1 else ''}{kernel}x{kernel}"
    return case(f"{name}, {inputs} -> {outputs} on {size}x{size}{f', stride {stride}' if stride > 1 else ''}", [node],
                {"x": bytes_of(kind, 1, inputs, size, size)}, weights, type_of(kind))


def convolutions() -> Iterator[beside.Case]:
    for kind in (np.uint8, np.int8):
        for channels, size, stride in ((32, 112, 1), (96, 112, 2), (192, 28, 1), (576, 14, 1)):
            yield convolution(kind, channels, channels, 3, size, stride, channels)
        for inputs, outputs, size in ((32, 64, 56), (144, 24, 56), (192, 64, 28), (96, 576, 14)):
            yield convolution(kind, inputs, outputs, 1, size)
        yield convolution(kind, 64, 64, 3, 56)
        yield convolution(kind, 3, 32, 3, 224, 2)


def products() -> Iterator[beside.Case]:
    for rows, depth, columns in ((1, 768, 768), (1, 768, 3072), (1, 3072, 768), (64, 768, 768)):
        b, shape = bytes_of(np.int8, depth, columns), f"{rows}x{depth}x{columns}"
        scales = {"bs": RANDOM.uniform(0.001, 0.01, columns).astype(np.float32), "bz": np.zeros(columns, np.int8)}
        a, az = bytes_of(np.uint8, rows, depth), np.uint8(120)
        yield case(f"MatMulInteger {shape}", [helper.make_node("MatMulInteger", ["a", "b", "az", "bz"], ["y"])], {"a": a},
                   {"b": b, "az": az, "bz": np.int8(0)}, TensorProto.INT32)
        names = ["a", "as", "az", "b", "bs", "bz", "ys", "yz"]
        yield case(f"QLinearMatMul {shape}", [helper.make_node("QLinearMatMul", names, ["y"])], {"a": a},
                   {"as": np.float32(0.02), "az": az, "b": b, **scales, "ys": np.float32(2), "yz": az}, TensorProto.UINT8)
        yield case(f"DynamicQuantizeMatMul {shape}",
                   [helper.make_node("DynamicQuantizeMatMul", ["a", "b", "bs", "bz"], ["y"], domain="com.microsoft")],
                   {"a": floats(rows, depth)}, {"b": b, **scales})
        spelled = [helper.make_node("DynamicQuantizeLinear", ["a"], ["q", "s", "z"]),
                   helper.make_node("MatMulInteger", ["q", "b", "z"], ["i"]), helper.make_node("Cast", ["i"], ["f"], to=1),
                   helper.make_node("Mul", ["s", "bs"], ["t"]), helper.make_node("Mul", ["f", "t"], ["y"])]
        yield case(f"DynamicQuantizeLinear, MatMulInteger {shape}", spelled, {"a": floats(rows, depth)},
                   {"b": b, "bs": np.float32(0.01)})
    for rows, depth, columns in ((1, 1024, 1024), (1, 2048, 2048), (64, 1024, 1024)):
        blocks = depth // 32
        weights = {"b": bytes_of(np.uint8, columns, blocks, 16), "s": RANDOM.uniform(0.01, 0.02, columns * blocks).astype(np.float32)}
        for zeros in (False, True):
            names = ["a", "b", "s"] + ["z"] * zeros
            held = weights | ({"z": bytes_of(np.uint8, columns * blocks // 2)} if zeros else {})
            node = helper.make_node("MatMulNBits", names, ["y"], domain="com.microsoft", K=depth, N=columns, bits=4, block_size=32)
            yield case(f"MatMulNBits {rows}x{depth}x{columns}{', zero points' if zeros else ''}", [node], {"a": floats(rows, depth)}, held)


def steps() -> Iterator[beside.Case]:
    for shape in ((1, 768), (64, 768), (512, 768)):
        nodes = [helper.make_node("DynamicQuantizeLinear", ["x"], ["y", "s", "z"])]
        yield case(f"DynamicQuantizeLinear {shape}", nodes, {"x": floats(*shape)}, {}, TensorProto.UINT8)
    for kind in (np.uint8, np.int8):
        for shape, axis in (((1, 64, 56, 56), None), ((1, 64, 56, 56), 1), ((256, 768), 1)):
            count = () if axis is None else (shape[axis],)
            terms = {"s": RANDOM.uniform(0.01, 0.02, count).astype(np.float32), "z": np.full(count, 3, kind)}
            words = f"{np.dtype(kind)} {shape}{'' if axis is None else f', axis {axis}'}"
            for operator, x, result in (("QuantizeLinear", floats(*shape), type_of(kind)),
                                        ("DequantizeLinear", bytes_of(kind, *shape), TensorProto.FLOAT)):
                more = {} if axis is None else {"axis": axis}
                yield case(f"{operator} {words}", [helper.make_node(operator, ["x", *terms], ["y"], **more)], {"x": x}, terms, result)


def around() -> Iterator[beside.Case]:
    for kind in (np.uint8, np.int8):
        shape = (1, 64, 56, 56)
        a, b, zero = bytes_of(kind, *shape), bytes_of(kind, *shape), kind(3)
        terms = {"s": np.float32(0.02), "z": zero, "t": np.float32(0.04), "v": zero}
        unary, name = ["a", "s", "z", "t", "v"], np.dtype(kind)
        for operator, names, feeds, more in (
                ("QLinearAdd", ["a", "s", "z", "b", "t", "v", "t", "z"], {"a": a, "b": b}, {}),
                ("QLinearMul", ["a", "s", "z", "b", "t", "v", "t", "z"], {"a": a, "b": b}, {}),
                ("QLinearSigmoid", unary, {"a": a}, {}), ("QLinearLeakyRelu", unary, {"a": a}, {"alpha": 0.1}),
                ("QLinearGlobalAveragePool", unary, {"a": a}, {}),
                ("QLinearConcat", ["t", "v", "a", "s", "z", "b", "t", "v"], {"a": a, "b": b}, {"axis": 1})):
            used = {n: v for n, v in terms.items() if n in names}
            node = helper.make_node(operator, names, ["y"], domain="com.microsoft", **more)
            yield case(f"{operator} {name} {shape}", [node], feeds, used, type_of(kind))


def layers() -> Iterator[beside.Case]:
    for operator, gates in (("LSTM", 4), ("GRU", 3), ("RNN", 1)):
        for hidden, length, batch in ((64, 200, 1), (256, 50, 1), (512, 20, 1), (64, 50, 8), (256, 20, 8), (512, 20, 8)):
            weights = {"w": floats(1, gates * hidden, hidden) / hidden, "r": floats(1, gates * hidden, hidden) / hidden,
                       "b": floats(1, 2 * gates * hidden)}
            node = helper.make_node(operator, ["x", "w", "r", "b"], ["y"], hidden_size=hidden)
            yield case(f"{operator} hidden {hidden}, {length} steps, batch {batch}", [node], {"x": floats(length, batch, hidden)}, weights)


def cases() -> Iterator[beside.Case]:
    for some in (convolutions, products, steps, around, layers):
        yield from some()


if __name__ == "__main__":
    beside.main(__doc__, cases())
