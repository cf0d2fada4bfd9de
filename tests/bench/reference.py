"""The networks of models/graphs.py in double precision, on numpy alone.

Every operator follows the text of the ONNX specification: a convolution is one matrix product a tap of its window. Only
what the networks use is here; anything else is an error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import onnx
from onnx import helper, numpy_helper

Attributes = dict[str, object]
Arrays = dict[str, np.ndarray]


def taps(weight: np.ndarray, attributes: Attributes) -> list[tuple[np.ndarray, int, int]]:
    """Of each place of the window: the matrix of weights, and the distance from the window's first row and column."""
    down, across = attributes.get("dilations", [1, 1])
    return [(weight[:, :, ky, kx], ky * down, kx * across) for ky in range(weight.shape[2]) for kx in range(weight.shape[3])]


def every(start: int, step: int, count: int) -> slice:
    return slice(start, start + step * (count - 1) + 1, step)


def windows(inputs: list[np.ndarray], attributes: Attributes) -> tuple[np.ndarray, np.ndarray, list[int], list[int]]:
    """Input, weight, strides and pads of a convolution that this file can compute."""
    if attributes.get("group", 1) != 1 or attributes.get("auto_pad", "NOTSET") not in ("NOTSET", b"NOTSET"):
        raise NotImplementedError("groups and auto_pad")
    return inputs[0], inputs[1], attributes.get("strides", [1, 1]), attributes.get("pads", [0] * 4)


def add_bias(y: np.ndarray, inputs: list[np.ndarray]) -> np.ndarray:
    return y + inputs[2].reshape(1, -1, 1, 1) if len(inputs) > 2 else y


def convolution(inputs: list[np.ndarray], attributes: Attributes) -> np.ndarray:
    x, weight, strides, pads = windows(inputs, attributes)
    x = np.pad(x, ((0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3])))
    places = taps(weight, attributes)
    rows, columns = ((x.shape[2 + d] - 1 - places[-1][1 + d]) // strides[d] + 1 for d in (0, 1))
    y = np.zeros((len(x), len(weight), rows * columns))
    for matrix, top, left in places:
        seen = x[:, :, every(top, strides[0], rows), every(left, strides[1], columns)]
        y += matrix @ seen.reshape(*seen.shape[:2], -1)
    return add_bias(y.reshape(*y.shape[:2], rows, columns), inputs)


def up_convolution(inputs: list[np.ndarray], attributes: Attributes) -> np.ndarray:
    x, weight, strides, pads = windows(inputs, attributes)
    places, more = taps(weight, attributes), attributes.get("output_padding", [0, 0])
    sizes = [(x.shape[2 + d] - 1) * strides[d] + places[-1][1 + d] + 1 + more[d] for d in (0, 1)]
    y = np.zeros((len(x), weight.shape[1], *sizes))
    for matrix, top, left in places:
        spread = matrix.T @ x.reshape(*x.shape[:2], -1)
        y[:, :, every(top, strides[0], x.shape[2]), every(left, strides[1], x.shape[3])] += spread.reshape(len(x), -1, *x.shape[2:])
    return add_bias(y[:, :, pads[0]:sizes[0] - pads[2], pads[1]:sizes[1] - pads[3]], inputs)


def by_channel(parameters: list[np.ndarray]) -> list[np.ndarray]:
    return [parameter.reshape(1, -1, 1, 1) for parameter in parameters]


def batch_normalization(inputs: list[np.ndarray], attributes: Attributes) -> np.ndarray:
    scale, bias, mean, variance = by_channel(inputs[1:])
    return (inputs[0] - mean) / np.sqrt(variance + attributes["epsilon"]) * scale + bias


def instance_normalization(inputs: list[np.ndarray], attributes: Attributes) -> np.ndarray:
    x, (scale, bias) = inputs[0], by_channel(inputs[1:])
    mean, variance = x.mean(axis=(2, 3), keepdims=True), x.var(axis=(2, 3), keepdims=True)
    return (x - mean) / np.sqrt(variance + attributes["epsilon"]) * scale + bias


def pad(inputs: list[np.ndarray], attributes: Attributes) -> np.ndarray:
    amounts = [int(n) for n in (inputs[1] if len(inputs) > 1 else attributes["pads"])]
    if attributes["mode"] != b"reflect":
        raise NotImplementedError("pads that do not reflect")
    rank = len(amounts) // 2
    return np.pad(inputs[0], list(zip(amounts[:rank], amounts[rank:])), mode="reflect")


def unsqueeze(inputs: list[np.ndarray], attributes: Attributes) -> np.ndarray:
    return np.expand_dims(inputs[0], tuple(int(n) for n in (inputs[1] if len(inputs) > 1 else attributes["axes"])))


OPERATORS: dict[str, Callable[[list[np.ndarray], Attributes], np.ndarray]] = {
    "Add": lambda inputs, _: inputs[0] + inputs[1],
    "BatchNormalization": batch_normalization,
    "Conv": convolution,
    "ConvTranspose": up_convolution,
    "Div": lambda inputs, _: inputs[0] / inputs[1],
    "Equal": lambda inputs, _: inputs[0] == inputs[1],
    "InstanceNormalization": instance_normalization,
    "LeakyRelu": lambda inputs, attributes: np.where(inputs[0] < 0, attributes["alpha"] * inputs[0], inputs[0]),
    "MatMul": lambda inputs, _: inputs[0] @ inputs[1],
    "Pad": pad,
    "Relu": lambda inputs, _: np.maximum(inputs[0], 0),
    "Sigmoid": lambda inputs, _: 1 / (1 + np.exp(-inputs[0])),
    "Tanh": lambda inputs, _: np.tanh(inputs[0]),
    "Transpose": lambda inputs, attributes: inputs[0].transpose(attributes["perm"]),
    "Unsqueeze": unsqueeze,
    "Where": lambda inputs, _: np.where(*inputs),
}


def widen(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float64) if array.dtype == np.float32 else array


def evaluate(model: onnx.ModelProto, feeds: Arrays) -> Arrays:
    """The outputs of the model, every float in double precision from the first node to the last."""
    weights = {weight.name: weight for weight in model.graph.initializer}
    values = {name: widen(array) for name, array in feeds.items()}
    wanted = [output.name for output in model.graph.output]
    readers = Counter([*wanted, *(name for node in model.graph.node for name in node.input)])
    for node in model.graph.node:
        inputs = [widen(numpy_helper.to_array(weights[name])) if name in weights else values[name] for name in node.input]
        attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        values[node.output[0]] = OPERATORS[node.op_type](inputs, attributes)
        readers.subtract(node.input)
        values = {name: array for name, array in values.items() if readers[name] > 0}
    return {name: values[name] for name in wanted}
