#!/usr/bin/env python3
"""Build the networks at any width as ONNX files with seeded weights, without PyTorch.

Batch size, height and width stay dynamic. Needs only the packages ``onnx`` and ``numpy``; for benchmarks and tests at
full size, where the weights need no meaning but the arithmetic must stay in range.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LEAK = 0.2
CONNECTIONS = 4
OLDEST_OPSET = 9


@dataclass(frozen=True)
class Scale:
    """How large a network is: ``bottleneck`` matters to plain and keyvalue, ``blocks`` to edge and inpaint."""

    width: int = 64
    bottleneck: int = 4000
    blocks: int = 8

    def widths(self) -> list[int]:
        """The channels of the plain encoder's four strided stages."""
        return [self.width << k for k in range(4)]


class Builder:
    """Collects nodes and seeded weights. Methods that add a node take and return names of values."""

    def __init__(self, opset: int, seed: int) -> None:
        self.opset = opset
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[TensorProto] = []

    def store(self, name: str, array: np.ndarray) -> str:
        """Add an initializer."""
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def normal(self, name: str, shape: Sequence[int], deviation: float) -> str:
        """Add a float32 initializer drawn from a normal distribution round zero."""
        return self.store(name, self.rng.standard_normal(shape, dtype=np.float32) * np.float32(deviation))

    def uniform(self, name: str, length: int, low: float, high: float) -> str:
        """Add a float32 vector drawn uniformly from ``low`` to ``high``."""
        return self.store(name, self.rng.uniform(low, high, length).astype(np.float32))

    def add(self, operator: str, name: str, *inputs: str, **attributes: object) -> str:
        """Add a node with one output, which is named after the node."""
        self.nodes.append(helper.make_node(operator, inputs, [f"{name}.out"], name, **attributes))
        return f"{name}.out"

    def convolution(self, x: str, name: str, inputs: int, outputs: int, kernel: int,
                    stride: int = 1, pad: int = 0, dilation: int = 1, bias: bool = True) -> str:
        """Conv ``[N, inputs, H, W]`` to ``[N, outputs, H', W']`` with weights ``[outputs, inputs, kernel, kernel]``."""
        shape = (outputs, inputs, kernel, kernel)
        operands = [x, self.normal(f"{name}.weight", shape, math.sqrt(2 / (inputs * kernel**2)))]
        if bias:
            operands.append(self.normal(f"{name}.bias", [outputs], 0.1))
        return self.add("Conv", name, *operands, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4,
                        dilations=[dilation] * 2, group=1)

    def up_convolution(self, x: str, name: str, inputs: int, outputs: int, kernel: int,
                       stride: int, output_padding: int = 0) -> str:
        """ConvTranspose with a pad of 1 and weights ``[inputs, outputs, kernel, kernel]``."""
        deviation = math.sqrt(2 * stride**2 / (inputs * kernel**2))
        weight = self.normal(f"{name}.weight", (inputs, outputs, kernel, kernel), deviation)
        bias = self.normal(f"{name}.bias", [outputs], 0.1)
        return self.add("ConvTranspose", name, x, weight, bias, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[1] * 4,
                        output_padding=[output_padding] * 2, dilations=[1, 1], group=1)

    def batch_norm(self, x: str, name: str, channels: int) -> str:
        """BatchNormalization with statistics away from 0 and 1, so that leaving it out would show."""
        return self.add(
            "BatchNormalization", name, x, self.uniform(f"{name}.weight", channels, 0.6, 1.4),
            self.normal(f"{name}.bias", [channels], 0.2), self.normal(f"{name}.running_mean", [channels], 0.2),
            self.uniform(f"{name}.running_var", channels, 0.5, 2.0), epsilon=1e-5)

    def instance_norm(self, x: str, name: str, channels: int) -> str:
        """InstanceNormalization with scale 1 and shift 0."""
        scale = self.store(f"{name}.scale", np.ones(channels, np.float32))
        shift = self.store(f"{name}.shift", np.zeros(channels, np.float32))
        return self.add("InstanceNormalization", name, x, scale, shift, epsilon=1e-5)

    def reflect(self, x: str, name: str, size: int) -> str:
        """Pad both spatial axes by reflection: an attribute before opset 11, then an input."""
        pads = [0, 0, size, size] * 2
        if self.opset < 11:
            return self.add("Pad", name, x, mode="reflect", pads=pads)
        return self.add("Pad", name, x, self.store(f"{name}.pads", np.array(pads, np.int64)), mode="reflect")

    def unsqueeze_last(self, x: str, name: str) -> str:
        """Append an axis to a tensor of three: an attribute before opset 13, then an input."""
        if self.opset < 13:
            return self.add("Unsqueeze", name, x, axes=[3])
        return self.add("Unsqueeze", name, x, self.store(f"{name}.axes", np.array([3], np.int64)))

    def linear(self, x: str, name: str, features: int) -> str:
        """MatMul and Add over the last axis, from ``features`` to ``features``."""
        weight = self.normal(f"{name}.weight", (features, features), math.sqrt(2 / features))
        product = self.add("MatMul", f"{name}.product", x, weight)
        return self.add("Add", name, product, self.normal(f"{name}.bias", [features], 0.1))

    def finish(self, inputs: list[onnx.ValueInfoProto], output: onnx.ValueInfoProto) -> onnx.ModelProto:
        """The model; the last node's output becomes the graph's and takes its name."""
        self.nodes[-1].output[0] = output.name
        graph = helper.make_graph(self.nodes, output.name, inputs, [output], self.weights)
        opsets = [helper.make_opsetid("", self.opset)]
        version = max(4, helper.find_min_ir_version_for(opsets))
        return helper.make_model(graph, opset_imports=opsets, ir_version=version, producer_name="limner-models")


def picture(name: str, channels: int, sizes: str = "") -> onnx.ValueInfoProto:
    """A float32 value ``[N, channels, H, W]``; ``sizes`` is appended to the letters of height and width."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", channels, f"H{sizes}", f"W{sizes}"])


def normalised_stage(b: Builder, x: str, name: str, index: int, channels: int) -> str:
    """BatchNormalization and LeakyRelu after the layer ``name.index``."""
    x = b.batch_norm(x, f"{name}.{index + 1}", channels)
    return b.add("LeakyRelu", f"{name}.{index + 2}", x, alpha=LEAK)


def plain_encoder(b: Builder, x: str, scale: Scale) -> str:
    """``[N, 3, H, W]`` to ``[N, bottleneck, ceil(H/16), ceil(W/16)]``."""
    widths = [3, *scale.widths()]
    for k, (inputs, outputs) in enumerate(zip(widths, widths[1:])):
        x = b.convolution(x, f"encoder.{3 * k}", inputs, outputs, kernel=3, stride=2, pad=1)
        x = normalised_stage(b, x, "encoder", 3 * k, outputs)
    x = b.convolution(x, "encoder.12", widths[-1], scale.bottleneck, kernel=1)
    return normalised_stage(b, x, "encoder", 12, scale.bottleneck)


def plain_decoder(b: Builder, x: str, scale: Scale) -> str:
    """``[N, bottleneck, h, w]`` to ``[N, 3, 16h, 16w]`` in -1..1."""
    widths = [scale.bottleneck, *reversed(scale.widths())]
    for k, (inputs, outputs) in enumerate(zip(widths, widths[1:])):
        x = b.up_convolution(x, f"decoder.{3 * k}", inputs, outputs, kernel=3, stride=2, output_padding=1)
        x = normalised_stage(b, x, "decoder", 3 * k, outputs)
    return b.add("Tanh", "decoder.13", b.up_convolution(x, "decoder.12", scale.width, 3, kernel=3, stride=1))


def connect(b: Builder, x: str, mask: str, bottleneck: int) -> str:
    """Send places of ``[N, bottleneck, h, w]`` through the key and value maps that ``mask`` ``[N, h, w]`` names."""
    x = b.add("Transpose", "to_places", x, perm=[0, 2, 3, 1])
    for i in range(CONNECTIONS):
        value = b.linear(b.linear(x, f"edge_connect_keys.{i}", bottleneck), f"edge_connect_values.{i}", bottleneck)
        chosen = b.add("Equal", f"is_{i}", mask, b.store(f"index_{i}", np.array(i, np.int64)))
        x = b.add("Where", f"connect_{i}", b.unsqueeze_last(chosen, f"is_{i}_column"), value, x)
    return b.add("Transpose", "to_map", x, perm=[0, 3, 1, 2])


def build_plain(b: Builder, scale: Scale) -> onnx.ModelProto:
    """The plain Generator: ``picture`` in -1..1 to ``repaired`` in -1..1."""
    plain_decoder(b, plain_encoder(b, "picture", scale), scale)
    return b.finish([picture("picture", 3)], picture("repaired", 3, "_out"))


def build_keyvalue(b: Builder, scale: Scale) -> onnx.ModelProto:
    """The key/value variant: ``picture`` and ``mask`` over the encoder's output grid to ``repaired``."""
    plain_decoder(b, connect(b, plain_encoder(b, "picture", scale), "mask", scale.bottleneck), scale)
    mask = helper.make_tensor_value_info("mask", TensorProto.INT64, ["N", "h", "w"])
    return b.finish([picture("picture", 3), mask], picture("repaired", 3, "_out"))


def rectified(b: Builder, x: str, name: str, channels: int) -> str:
    """InstanceNormalization and Relu."""
    return b.add("Relu", f"{name}.relu", b.instance_norm(x, f"{name}.norm", channels))


def residual_block(b: Builder, x: str, name: str, channels: int, bias: bool) -> str:
    """x + two reflected 3x3 convolutions, the first dilated by 2."""
    y = b.reflect(x, f"{name}.0", 2)
    y = b.convolution(y, f"{name}.1", channels, channels, kernel=3, dilation=2, bias=bias)
    y = b.reflect(rectified(b, y, f"{name}.1", channels), f"{name}.4", 1)
    y = b.convolution(y, f"{name}.5", channels, channels, kernel=3, bias=bias)
    return b.add("Add", f"{name}.sum", x, b.instance_norm(y, f"{name}.5.norm", channels))


def edge_connect_body(b: Builder, x: str, inputs: int, outputs: int, scale: Scale, bias: bool) -> str:
    """The body of both EdgeConnect generators, up to the last convolution; ``bias`` is that of the residual blocks."""
    width = scale.width
    x = b.convolution(b.reflect(x, "encoder.0", 3), "encoder.1", inputs, width, kernel=7)
    x = rectified(b, x, "encoder.1", width)
    for index, channels in ((4, width), (7, 2 * width)):
        x = b.convolution(x, f"encoder.{index}", channels, 2 * channels, kernel=4, stride=2, pad=1)
        x = rectified(b, x, f"encoder.{index}", 2 * channels)
    for k in range(scale.blocks):
        x = residual_block(b, x, f"middle.{k}.conv_block", 4 * width, bias)
    for index, channels in ((0, 4 * width), (3, 2 * width)):
        x = b.up_convolution(x, f"decoder.{index}", channels, channels // 2, kernel=4, stride=2)
        x = rectified(b, x, f"decoder.{index}", channels // 2)
    return b.convolution(b.reflect(x, "decoder.6", 3), "decoder.7", width, outputs, kernel=7)


def build_edge(b: Builder, scale: Scale) -> onnx.ModelProto:
    """EdgeConnect's edge model, spectral norm already divided out: ``gray_edge_mask`` to ``edges``, both in 0..1."""
    b.add("Sigmoid", "sigmoid", edge_connect_body(b, "gray_edge_mask", 3, 1, scale, bias=False))
    return b.finish([picture("gray_edge_mask", 3)], picture("edges", 1))


def build_inpaint(b: Builder, scale: Scale) -> onnx.ModelProto:
    """EdgeConnect's inpaint model: ``rgb_edge`` to ``painted``, both in 0..1."""
    x = b.add("Tanh", "tanh", edge_connect_body(b, "rgb_edge", 4, 3, scale, bias=True))
    x = b.add("Add", "shift", x, b.store("one", np.array(1, np.float32)))
    b.add("Div", "halve", x, b.store("two", np.array(2, np.float32)))
    return b.finish([picture("rgb_edge", 4)], picture("painted", 3))


NETWORKS: dict[str, Callable[[Builder, Scale], onnx.ModelProto]] = {
    "plain": build_plain,
    "keyvalue": build_keyvalue,
    "edge": build_edge,
    "inpaint": build_inpaint,
}


def build(network: str, scale: Scale = Scale(), opset: int = 17, seed: int = 1) -> onnx.ModelProto:
    """The named network."""
    return NETWORKS[network](Builder(opset, seed), scale)


def save(model: onnx.ModelProto, path: Path, external: bool) -> None:
    """Write one file, or with ``external`` the weights into ``NAME.data`` beside it."""
    if external:
        path.with_name(f"{path.name}.data").unlink(missing_ok=True)
        onnx.save_model(model, path, save_as_external_data=True, location=f"{path.name}.data", size_threshold=1024)
    else:
        onnx.save_model(model, path)


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", choices=sorted(NETWORKS), help="which network")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="the ONNX file to write")
    parser.add_argument("--width", type=int, default=64, help="channels of the first layer (default 64)")
    parser.add_argument("--bottleneck", type=int, default=4000, help="channels between encoder and decoder (default 4000)")
    parser.add_argument("--blocks", type=int, default=8, help="residual blocks of edge and inpaint (default 8)")
    parser.add_argument("--opset", type=int, default=17, help=f"operator set, {OLDEST_OPSET} or newer (default 17)")
    parser.add_argument("--external", action="store_true", help="put the weights into FILE.data")
    parser.add_argument("--seed", type=int, default=1, help="seed of the weights (default 1)")
    chosen = parser.parse_args(arguments)
    if chosen.opset < OLDEST_OPSET:
        parser.error(f"--opset must be {OLDEST_OPSET} or newer")
    return chosen


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    chosen = parse_arguments(arguments)
    scale = Scale(chosen.width, chosen.bottleneck, chosen.blocks)
    model = build(chosen.network, scale, chosen.opset, chosen.seed)
    save(model, chosen.output, chosen.external)
    return 0


if __name__ == "__main__":
    sys.exit(main())
