#!/usr/bin/env python3
"""Write the templates that ``limner convert --template NAME`` pours checkpoints into.

A template is a network of ``graphs.py`` whose weights are graph inputs without values, named as PyTorch names them. Sizes
that a checkpoint settles (widths) are names, so that one template serves every width; batch size, height and width stay
dynamic. Needs only the packages ``onnx`` and ``numpy``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
from onnx import TensorProto, helper

OPSET = 17
LEAK = 0.2
CONNECTIONS = 4
Size = int | str


@dataclass(frozen=True)
class Template:
    """One file: the function that builds it, and what limner's commands may want to know of its pictures."""

    build: Callable[[Builder, int], None]
    inputs: tuple[onnx.ValueInfoProto, ...]
    output: onnx.ValueInfoProto
    doc: str


class Builder:
    """Collects nodes, and weights as inputs. Methods that add a node take and return names of values."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.ValueInfoProto] = []
        self.constants: list[TensorProto] = []
        self.known: dict[str, str] = {}

    def weight(self, name: str, *shape: Size) -> str:
        """A float32 input that the checkpoint's key ``name`` will fill."""
        self.weights.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return name

    def constant(self, name: str, dtype: int, values: Sequence[float], dims: Sequence[int]) -> str:
        """A named initializer, stored once."""
        if name not in self.known:
            self.known[name] = name
            self.constants.append(helper.make_tensor(name, dtype, dims, values))
        return name

    def add(self, operator: str, name: str, *inputs: str, **attributes: object) -> str:
        """A node with one output, which is named after the node."""
        self.nodes.append(helper.make_node(operator, inputs, [f"{name}.out"], name, **attributes))
        return f"{name}.out"

    def convolution(self, x: str, name: str, inputs: Size, outputs: Size, kernel: int,
                    stride: int = 1, pad: int = 0, dilation: int = 1, bias: bool = True) -> str:
        """Conv from ``inputs`` to ``outputs`` channels."""
        operands = [x, self.weight(f"{name}.weight", outputs, inputs, kernel, kernel)]
        if bias:
            operands.append(self.weight(f"{name}.bias", outputs))
        return self.add("Conv", name, *operands, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4,
                        dilations=[dilation] * 2)

    def up_convolution(self, x: str, name: str, inputs: Size, outputs: Size, kernel: int,
                       stride: int, output_padding: int = 0) -> str:
        """ConvTranspose with a pad of 1."""
        weight = self.weight(f"{name}.weight", inputs, outputs, kernel, kernel)
        return self.add("ConvTranspose", name, x, weight, self.weight(f"{name}.bias", outputs), kernel_shape=[kernel] * 2,
                        strides=[stride] * 2, pads=[1] * 4, output_padding=[output_padding] * 2)

    def batch_norm(self, x: str, name: str, channels: Size) -> str:
        """BatchNormalization with PyTorch's eps."""
        parts = [self.weight(f"{name}.{part}", channels) for part in ("weight", "bias", "running_mean", "running_var")]
        return self.add("BatchNormalization", name, x, *parts, epsilon=1e-5)

    def vectors(self, weight: str, axis: int, channels: Size) -> tuple[str, str]:
        """Ones and zeros, as many as ``weight`` has entries along an axis; made once for each number of channels."""
        if f"ones.{channels}" not in self.known:
            size = self.add("Shape", f"channels.{channels}", weight, start=axis, end=axis + 1)
            for name, value in (("ones", 1.0), ("zeros", 0.0)):
                one = helper.make_tensor("value", TensorProto.FLOAT, [1], [value])
                self.known[f"{name}.{channels}"] = self.add("ConstantOfShape", f"{name}.{channels}", size, value=one)
        return self.known[f"ones.{channels}"], self.known[f"zeros.{channels}"]

    def instance_norm(self, x: str, name: str, weight: str, axis: int, channels: Size) -> str:
        """InstanceNormalization without learned scale and shift after the layer of ``weight``."""
        return self.add("InstanceNormalization", name, x, *self.vectors(weight, axis, channels), epsilon=1e-5)

    def reflect(self, x: str, name: str, size: int) -> str:
        """Pad both spatial axes by reflection."""
        pads = self.constant(f"reflection.{size}", TensorProto.INT64, [0, 0, size, size] * 2, [8])
        return self.add("Pad", name, x, pads, mode="reflect")

    def linear(self, x: str, name: str, size: Size) -> str:
        """Gemm over rows: the weight stays [out, in], as PyTorch stores it."""
        return self.add("Gemm", name, x, self.weight(f"{name}.weight", size, size), self.weight(f"{name}.bias", size), transB=1)

    def finish(self, template: Template, name: str) -> onnx.ModelProto:
        """The model; the last node's output becomes the graph's and takes its name."""
        self.nodes[-1].output[0] = template.output.name
        inputs = [*template.inputs, *self.weights]
        graph = helper.make_graph(self.nodes, name, inputs, [template.output], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8,
                                  producer_name="limner-templates", doc_string=template.doc)
        return model


def picture(name: str, channels: int, sizes: str = "") -> onnx.ValueInfoProto:
    """A float32 value ``[N, channels, H, W]``; ``sizes`` is appended to the letters of height and width."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", channels, f"H{sizes}", f"W{sizes}"])


# ---- the plain Generator ----

STAGES: list[Size] = ["stage1", "stage2", "stage3", "stage4"]
CODE = "code"


def normalised(b: Builder, x: str, name: str, index: int, channels: Size) -> str:
    """BatchNormalization and LeakyRelu after the layer ``name.index``."""
    return b.add("LeakyRelu", f"{name}.{index + 2}", b.batch_norm(x, f"{name}.{index + 1}", channels), alpha=LEAK)


def encode(b: Builder, x: str) -> str:
    """``[N, 3, H, W]`` to ``[N, code, ceil(H/16), ceil(W/16)]``."""
    widths: list[Size] = [3, *STAGES]
    for k, (inputs, outputs) in enumerate(zip(widths, widths[1:])):
        x = b.convolution(x, f"encoder.{3 * k}", inputs, outputs, kernel=3, stride=2, pad=1)
        x = normalised(b, x, "encoder", 3 * k, outputs)
    return normalised(b, b.convolution(x, "encoder.12", STAGES[-1], CODE, kernel=1), "encoder", 12, CODE)


def decode(b: Builder, x: str) -> None:
    """``[N, code, h, w]`` to ``[N, 3, 16h, 16w]`` in -1..1."""
    widths: list[Size] = [CODE, *reversed(STAGES)]
    for k, (inputs, outputs) in enumerate(zip(widths, widths[1:])):
        x = b.up_convolution(x, f"decoder.{3 * k}", inputs, outputs, kernel=3, stride=2, output_padding=1)
        x = normalised(b, x, "decoder", 3 * k, outputs)
    b.add("Tanh", "decoder.13", b.up_convolution(x, "decoder.12", STAGES[0], 3, kernel=3, stride=1))


def connect(b: Builder, x: str) -> str:
    """Send places of ``[N, code, h, w]`` through the key and value maps that ``mask`` ``[N, h, w]`` names: rows of places."""
    places = b.add("Transpose", "to_places", x, perm=[0, 2, 3, 1])
    rows = b.add("Flatten", "to_rows", places, axis=3)
    chosen = b.add("Flatten", "mask_rows", "mask", axis=3)
    for i in range(CONNECTIONS):
        value = b.linear(b.linear(rows, f"edge_connect_keys.{i}", CODE), f"edge_connect_values.{i}", CODE)
        here = b.add("Equal", f"is_{i}", chosen, b.constant(f"index_{i}", TensorProto.INT64, [i], []))
        rows = b.add("Where", f"connect_{i}", here, value, rows)
    places = b.add("Reshape", "from_rows", rows, b.add("Shape", "places", places))
    return b.add("Transpose", "to_map", places, perm=[0, 3, 1, 2])


def build_generator(b: Builder, blocks: int) -> None:
    """The plain Generator."""
    decode(b, encode(b, "picture"))


def build_keyvalue(b: Builder, blocks: int) -> None:
    """The key/value variant."""
    decode(b, connect(b, encode(b, "picture")))


# ---- EdgeConnect ----

WIDTHS: list[Size] = ["width1", "width2", "width4"]


def rectified(b: Builder, x: str, name: str, axis: int, channels: Size) -> str:
    """InstanceNormalization and Relu after the layer ``name``, whose weight counts output channels along ``axis``."""
    return b.add("Relu", f"{name}.relu", b.instance_norm(x, f"{name}.norm", f"{name}.weight", axis, channels))


def residual_block(b: Builder, x: str, name: str, bias: bool) -> str:
    """x + two reflected 3x3 convolutions, the first dilated by 2."""
    channels = WIDTHS[2]
    y = b.convolution(b.reflect(x, f"{name}.0", 2), f"{name}.1", channels, channels, kernel=3, dilation=2, bias=bias)
    y = b.reflect(rectified(b, y, f"{name}.1", 0, channels), f"{name}.4", 1)
    y = b.convolution(y, f"{name}.5", channels, channels, kernel=3, bias=bias)
    return b.add("Add", f"{name}.sum", x, b.instance_norm(y, f"{name}.5.norm", f"{name}.5.weight", 0, channels))


def edge_connect(b: Builder, x: str, inputs: int, outputs: int, blocks: int, bias: bool) -> str:
    """The body of both EdgeConnect generators; ``bias`` is that of the residual blocks."""
    x = b.convolution(b.reflect(x, "encoder.0", 3), "encoder.1", inputs, WIDTHS[0], kernel=7)
    x = rectified(b, x, "encoder.1", 0, WIDTHS[0])
    for index, channels, wider in ((4, WIDTHS[0], WIDTHS[1]), (7, WIDTHS[1], WIDTHS[2])):
        x = b.convolution(x, f"encoder.{index}", channels, wider, kernel=4, stride=2, pad=1)
        x = rectified(b, x, f"encoder.{index}", 0, wider)
    for k in range(blocks):
        x = residual_block(b, x, f"middle.{k}.conv_block", bias)
    for index, channels, narrower in ((0, WIDTHS[2], WIDTHS[1]), (3, WIDTHS[1], WIDTHS[0])):
        x = b.up_convolution(x, f"decoder.{index}", channels, narrower, kernel=4, stride=2)
        x = rectified(b, x, f"decoder.{index}", 1, narrower)
    return b.convolution(b.reflect(x, "decoder.6", 3), "decoder.7", WIDTHS[0], outputs, kernel=7)


def build_edge(b: Builder, blocks: int) -> None:
    """EdgeConnect's edge model; its spectral norm is worked out when a checkpoint is poured in."""
    b.add("Sigmoid", "sigmoid", edge_connect(b, "gray_edge_mask", 3, 1, blocks, bias=False))


def build_inpaint(b: Builder, blocks: int) -> None:
    """EdgeConnect's inpaint model."""
    x = b.add("Tanh", "tanh", edge_connect(b, "rgb_edge", 4, 3, blocks, bias=True))
    x = b.add("Add", "shift", x, b.constant("one", TensorProto.FLOAT, [1.0], []))
    b.add("Div", "halve", x, b.constant("two", TensorProto.FLOAT, [2.0], []))


MASK = helper.make_tensor_value_info("mask", TensorProto.INT64, ["N", "h", "w"])
TEMPLATES = {
    "generator": Template(build_generator, (picture("picture", 3),), picture("repaired", 3, "_out"),
                          "The plain Generator: a picture in -1..1, repaired."),
    "generator-keyvalue": Template(build_keyvalue, (picture("picture", 3), MASK), picture("repaired", 3, "_out"),
                                   "The Generator with key and value maps: places of the encoder's grid whose mask is 0 to 3 "
                                   "go through that pair."),
    "edge-connect-edge": Template(build_edge, (picture("gray_edge_mask", 3),), picture("edges", 1),
                                  "EdgeConnect's edge generator: gray, edges and mask in 0..1 to edges in 0..1."),
    "edge-connect-inpaint": Template(build_inpaint, (picture("rgb_edge", 4),), picture("painted", 3),
                                     "EdgeConnect's inpaint generator: RGB and edges in 0..1 to RGB in 0..1."),
}


def build(name: str, blocks: int = 8) -> onnx.ModelProto:
    """The named template."""
    builder = Builder()
    TEMPLATES[name].build(builder, blocks)
    return builder.finish(TEMPLATES[name], name)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "templates", metavar="DIR", help="where to (default: templates)")
    parser.add_argument("--blocks", type=int, default=8, help="residual blocks of EdgeConnect's networks (default 8)")
    parser.add_argument("--only", choices=sorted(TEMPLATES), help="one of them")
    chosen = parser.parse_args(arguments)
    chosen.out.mkdir(parents=True, exist_ok=True)
    for name in TEMPLATES:
        if chosen.only in (None, name):
            model = build(name, chosen.blocks)
            onnx.checker.check_model(model, full_check=True)
            (chosen.out / f"{name}.onnx").write_bytes(model.SerializeToString(deterministic=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
