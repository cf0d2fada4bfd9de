"""Models of one node: the convolutions of the networks by themselves, and a matrix product."""

from __future__ import annotations

import pathlib
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, shape_inference

WIDE = 64  # channels on both sides from which on a convolution is one that kernels are made for


@dataclass(frozen=True)
class Layer:
    """A Conv or ConvTranspose and the size of what goes in."""

    operator: str
    inputs: int
    outputs: int
    kernel: int
    height: int
    width: int
    attributes: tuple[tuple[str, object], ...]

    def text(self) -> str:
        about = dict(self.attributes)
        words = [f"{self.operator} {self.inputs} -> {self.outputs}, {self.kernel}x{self.kernel}"]
        words += [f"stride {about['strides'][0]}"] if max(about.get("strides", (1,))) > 1 else []
        words += [f"dilation {about['dilations'][0]}"] if max(about.get("dilations", (1,))) > 1 else []
        return ", ".join(words)

    def file(self) -> str:
        about = dict(self.attributes)
        return f"{self.operator}-{self.inputs}-{self.outputs}-{self.kernel}-{self.height}x{self.width}-" \
               f"s{max(about.get('strides', (1,)))}-d{max(about.get('dilations', (1,)))}-p{sum(about.get('pads', (0,)))}.onnx"


def shapes_of(model: onnx.ModelProto, inputs: dict[str, tuple[list[int], str]]) -> dict[str, list[int]]:
    """The dimensions of every value for these inputs, weights included, whose numbers the model loses."""
    for value in model.graph.input:
        for dimension, size in zip(value.type.tensor_type.shape.dim, inputs[value.name][0]):
            dimension.dim_value = size
    for weight in model.graph.initializer:
        if weight.data_type == TensorProto.FLOAT:
            weight.ClearField("raw_data")  # large, and no shape depends on it
    known = shape_inference.infer_shapes(model).graph
    return {weight.name: list(weight.dims) for weight in model.graph.initializer} | {
        value.name: [d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in [*known.value_info, *known.input, *known.output]}


def wide_layers(path: pathlib.Path, inputs: dict[str, tuple[list[int], str]]) -> list[Layer]:
    """The convolutions of the model with WIDE channels or more on both sides, each kind once."""
    model = onnx.load(path)
    shapes = shapes_of(model, inputs)
    layers: dict[Layer, None] = {}
    for node in model.graph.node:
        if node.op_type not in ("Conv", "ConvTranspose"):
            continue
        attributes = {a.name: tuple(v) if isinstance(v := helper.get_attribute_value(a), list) else v for a in node.attribute}
        first, second, kernel = shapes[node.input[1]][:3]
        ends = (second, first) if node.op_type == "Conv" else (first, second)
        if min(ends) >= WIDE:
            size = shapes[node.input[0]][2:]
            layers[Layer(node.op_type, *ends, kernel, *size, tuple(sorted(attributes.items())))] = None
    return list(layers)


def save_layer(layer: Layer, folder: pathlib.Path) -> pathlib.Path:
    """The layer as a model with seeded weights and a bias."""
    path = folder / layer.file()
    if not path.exists():
        rng = np.random.default_rng(1)
        ends = (layer.outputs, layer.inputs) if layer.operator == "Conv" else (layer.inputs, layer.outputs)
        weight = rng.standard_normal((*ends, layer.kernel, layer.kernel), dtype=np.float32) / np.float32(layer.inputs)
        bias = rng.standard_normal(layer.outputs, dtype=np.float32)
        node = helper.make_node(layer.operator, ["x", "w", "b"], ["y"], "layer",
                                **{name: list(v) if isinstance(v, tuple) else v for name, v in layer.attributes})
        save(path, [node], {"x": [1, layer.inputs, layer.height, layer.width]}, 4, {"w": weight, "b": bias})
    return path


def right_side(depth: int, columns: int) -> np.ndarray:
    """Of a product, where it is part of the model."""
    return np.random.default_rng(1).standard_normal((depth, columns), dtype=np.float32)


def save_product(rows: int, depth: int, columns: int, constant: bool, folder: pathlib.Path) -> pathlib.Path:
    """A MatMul; constant: its right side is part of the model."""
    path = folder / f"MatMul-{rows}-{depth}-{columns}{'-constant' if constant else ''}.onnx"
    if not path.exists():
        inputs = {"a": [rows, depth]} | ({} if constant else {"b": [depth, columns]})
        weights = {"b": right_side(depth, columns)} if constant else {}
        save(path, [helper.make_node("MatMul", ["a", "b"], ["y"], "product")], inputs, 2, weights)
    return path


def save(path: pathlib.Path, nodes: list, inputs: dict[str, list[int]], rank: int, weights: dict[str, np.ndarray]) -> None:
    graph = helper.make_graph(
        nodes, path.stem, [helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in inputs.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * rank)],
        [numpy_helper.from_array(array, name) for name, array in weights.items()])
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
