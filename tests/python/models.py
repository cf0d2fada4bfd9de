"""Small models for the tests of the Python package, made with onnx."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT


def value(name: str, element_type: int = FLOAT, shape=None) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, element_type, shape)


def model(nodes, inputs, outputs, initializers=(), opset: int = 17, **more) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, "graph", inputs, outputs, list(initializers))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8, **more)


def single(op: str, element_type: int = FLOAT, shape=("N", 3), opset: int = 17, **attributes) -> onnx.ModelProto:
    """x -> op -> y"""
    node = helper.make_node(op, ["x"], ["y"], **attributes)
    return model([node], [value("x", element_type, shape)], [value("y", element_type, shape)], opset=opset)


def scaled(factor: float) -> onnx.ModelProto:
    """y = factor * x, with the factor as a weight."""
    node = helper.make_node("Mul", ["x", "w"], ["y"])
    weight = numpy_helper.from_array(np.array([factor], np.float32), "w")
    return model([node], [value("x", shape=["N", 3])], [value("y", shape=["N", 3])], [weight])


def with_default() -> onnx.ModelProto:
    """y = x + w, z = x * w, where w has a default value."""
    nodes = [helper.make_node("Add", ["x", "w"], ["y"]), helper.make_node("Mul", ["x", "w"], ["z"])]
    weight = numpy_helper.from_array(np.array([1, 2, 3], np.float32), "w")
    return model(nodes, [value("x", shape=["N", 3]), value("w", shape=[3])], [value("y", shape=["N", 3]), value("z", shape=["N", 3])], [weight])


def picture_network(seed: int = 0, channels: int = 16) -> onnx.ModelProto:
    """Two convolutions, a transposed one and a Tanh: image [N,3,H,W] -> picture."""
    random = np.random.default_rng(seed)

    def weight(name: str, *shape: int) -> onnx.TensorProto:
        return numpy_helper.from_array((random.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32), name)

    nodes = [
        helper.make_node("Conv", ["image", "a"], ["1"], name="down", pads=[1] * 4, strides=[2, 2]),
        helper.make_node("LeakyRelu", ["1"], ["2"], alpha=0.1),
        helper.make_node("Conv", ["2", "b"], ["3"], name="middle", pads=[1] * 4),
        helper.make_node("Relu", ["3"], ["4"]),
        helper.make_node("ConvTranspose", ["4", "c"], ["5"], name="up", pads=[1] * 4, strides=[2, 2]),
        helper.make_node("Tanh", ["5"], ["picture"]),
    ]
    weights = [weight("a", channels, 3, 3, 3), weight("b", channels, channels, 3, 3), weight("c", channels, 3, 4, 4)]
    return model(nodes, [value("image", shape=["N", 3, "H", "W"])], [value("picture", shape=["N", 3, "H", "W"])], weights)


def long_running(count: int = 400, size: int = 512) -> onnx.ModelProto:
    """Products of matrices, one after the other."""
    weight = numpy_helper.from_array((np.random.default_rng(1).standard_normal((size, size)) / np.sqrt(size)).astype(np.float32), "w")
    nodes = [helper.make_node("MatMul", [f"v{i}" if i else "x", "w"], [f"v{i + 1}"]) for i in range(count)]
    return model(nodes, [value("x", shape=[size, size])], [value(f"v{count}", shape=[size, size])], [weight])
