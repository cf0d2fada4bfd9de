#!/usr/bin/env python3
"""Depthwise and grouped convolutions beside onnxruntime, one thread: models of one node with plain tensors on both sides.

beside.py says how. The exit status is 1 where an output is wrong, or, with --most, where a ratio is above it.

bench_grouped.py LIMNER [--rounds N] [--most RATIO] [--cpu LEVEL]
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto, helper, numpy_helper

import beside
import common


@dataclass(frozen=True)
class Grouped:
    """A convolution of `groups` groups; one channel a group where it is depthwise."""

    kernel: int
    channels: int
    height: int
    width: int
    stride: int = 1
    dilation: int = 1
    groups: int = 0  # 0: depthwise
    outputs: int = 0  # 0: as many as inputs

    def text(self) -> str:
        words = [f"{self.kernel}x{self.kernel} on {self.channels}x{self.height}x{self.width}"]
        words += [f"stride {self.stride}"] if self.stride > 1 else []
        words += [f"dilation {self.dilation}"] if self.dilation > 1 else []
        words += [f"{self.groups} groups"] if self.groups else []
        words += [f"{self.outputs} outputs"] if self.outputs else []
        return ", ".join(words)


LAYERS = [Grouped(3, 64, 30, 40), Grouped(3, 256, 8, 10), Grouped(5, 128, 20, 20), Grouped(3, 96, 112, 112, stride=2),
          Grouped(7, 96, 56, 56), Grouped(3, 32, 256, 256), Grouped(9, 64, 64, 64), Grouped(9, 180, 64, 64),
          Grouped(3, 64, 64, 64, dilation=2), Grouped(31, 64, 32, 32), Grouped(3, 32, 64, 64, outputs=64),
          Grouped(3, 128, 56, 56, groups=32), Grouped(3, 256, 28, 28, groups=32), Grouped(3, 64, 56, 56, groups=16, stride=2)]


def case_of(layer: Grouped) -> beside.Case:
    """The layer as a model, with seeded weights."""
    random = np.random.default_rng(common.SEED)
    groups, outputs = layer.groups or layer.channels, layer.outputs or layer.channels
    weight = random.standard_normal((outputs, layer.channels // groups, layer.kernel, layer.kernel)).astype(np.float32)
    pad = layer.dilation * (layer.kernel - 1) // 2
    node = helper.make_node("Conv", ["x", "w", "b"], ["y"], group=groups, pads=[pad] * 4, strides=[layer.stride] * 2,
                            dilations=[layer.dilation] * 2)
    graph = helper.make_graph(
        [node], "layer", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, layer.channels, layer.height, layer.width])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(weight / layer.kernel, "w"),
         numpy_helper.from_array(random.standard_normal(outputs).astype(np.float32), "b")])
    x = np.random.default_rng(common.SEED).random((1, layer.channels, layer.height, layer.width), dtype=np.float32)
    return beside.Case(layer.text(), helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), {"x": x})


if __name__ == "__main__":
    beside.main(__doc__, map(case_of, LAYERS), "Conv")
