#!/usr/bin/env python3
"""Layers beside onnxruntime, one thread: models of one node with plain tensors on both sides. Depthwise and grouped
convolutions, first and small ones, products with few columns or rows, normalizations.

beside.py says how. The exit status is 1 where an output is wrong, or, with --most, where a ratio is above it.

bench_grouped.py LIMNER [--only TEXT] [--rounds N] [--most RATIO] [--cpu LEVEL]
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import beside
import common


@dataclass(frozen=True)
class Layer:
    """One node of the input x and of weights; and what it is called in the table."""

    text: str
    node: onnx.NodeProto
    x: tuple[int, ...]
    weights: dict[str, np.ndarray] = field(default_factory=dict)

    def case(self) -> beside.Case:
        graph = helper.make_graph(
            [self.node], "layer", [helper.make_tensor_value_info("x", TensorProto.FLOAT, self.x)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
            [numpy_helper.from_array(weight, name) for name, weight in self.weights.items()])
        x = np.random.default_rng(common.SEED).random(self.x, dtype=np.float32)
        return beside.Case(self.text, helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), {"x": x})


def seeded(*shape: int) -> np.ndarray:
    return np.random.default_rng(common.SEED).standard_normal(shape).astype(np.float32)


def conv(kernel: int, channels: int, height: int, width: int, *, stride: int = 1, dilation: int = 1, groups: int = 0,
         outputs: int = 0, batch: int = 1) -> Layer:
    """A convolution of `groups` groups; 0: depthwise. outputs 0: as many as inputs."""
    words = [f"{kernel}x{kernel} on {channels}x{height}x{width}"]
    words += [f"stride {stride}"] if stride > 1 else []
    words += [f"dilation {dilation}"] if dilation > 1 else []
    words += [f"{groups} groups" if groups > 1 else "1 group"] if groups else []
    words += [f"{outputs} outputs"] if outputs else []
    words += [f"batch {batch}"] if batch > 1 else []
    groups, outputs = groups or channels, outputs or channels
    node = helper.make_node("Conv", ["x", "w", "b"], ["y"], group=groups, pads=[dilation * (kernel - 1) // 2] * 4,
                            strides=[stride] * 2, dilations=[dilation] * 2)
    return Layer(", ".join(words), node, (batch, channels, height, width),
                 {"w": seeded(outputs, channels // groups, kernel, kernel) / kernel, "b": seeded(outputs)})


def product(rows: int, depth: int, columns: int) -> Layer:
    """A product with a constant right side."""
    return Layer(f"MatMul {rows}x{depth}x{columns}", helper.make_node("MatMul", ["x", "w"], ["y"]), (rows, depth),
                 {"w": seeded(depth, columns)})


def norm(operator: str, shape: tuple[int, ...], weights: int | tuple[int, ...], **attributes: int) -> Layer:
    """A normalization; weights: the shape of scale and bias."""
    weights = (weights,) if isinstance(weights, int) else weights
    about = ", ".join(f"{name} {value}" for name, value in attributes.items())
    return Layer(f"{operator} {'x'.join(map(str, shape))}, {about}",
                 helper.make_node(operator, ["x", "w", "b"], ["y"], **attributes), shape,
                 {"w": seeded(*weights), "b": seeded(*weights)})


DEPTHWISE = [conv(3, 64, 30, 40), conv(3, 256, 8, 10), conv(5, 128, 20, 20), conv(3, 96, 112, 112, stride=2),
             conv(7, 96, 56, 56), conv(3, 32, 256, 256), conv(9, 64, 64, 64), conv(9, 180, 64, 64),
             conv(3, 64, 64, 64, dilation=2), conv(31, 64, 32, 32), conv(3, 384, 14, 14), conv(3, 960, 7, 7),
             conv(5, 960, 7, 7), conv(7, 768, 7, 7), conv(7, 384, 14, 14), conv(3, 144, 56, 56, stride=2),
             conv(5, 240, 14, 14, stride=2), conv(3, 256, 16, 16, dilation=2), conv(3, 128, 14, 14, batch=8),
             conv(3, 72, 27, 35), conv(5, 120, 13, 17, batch=2)]
GROUPED = [conv(3, 32, 64, 64, groups=32, outputs=64), conv(3, 128, 56, 56, groups=32), conv(3, 256, 28, 28, groups=32),
           conv(3, 64, 56, 56, groups=16, stride=2), conv(3, 256, 28, 28, groups=16), conv(3, 256, 28, 28, groups=8),
           conv(1, 240, 28, 28, groups=3), conv(3, 512, 14, 14, groups=32)]
FIRST = [conv(3, 3, 224, 224, groups=1, outputs=16, stride=2), conv(3, 3, 224, 224, groups=1, outputs=24, stride=2),
         conv(3, 3, 224, 224, groups=1, outputs=32, stride=2), conv(3, 3, 512, 512, groups=1, outputs=16, stride=2),
         conv(7, 3, 224, 224, groups=1, outputs=64, stride=2), conv(3, 1, 256, 256, groups=1), conv(5, 1, 256, 256, groups=1),
         conv(1, 160, 7, 7, groups=1, outputs=960), conv(1, 960, 7, 7, groups=1, outputs=160),
         conv(1, 96, 14, 14, groups=1, outputs=576), conv(1, 24, 56, 56, groups=1, outputs=144)]
PRODUCTS = [product(1024, 8, 1024), product(1024, 64, 8), product(1024, 64, 16), product(1024, 256, 24),
            product(4096, 96, 48), product(1, 1280, 1000), product(4, 512, 512), product(8, 768, 768)]
NORMS = [norm("GroupNormalization", (1, 128, 64, 64), 128, num_groups=32),
         norm("GroupNormalization", (1, 64, 32, 32), 64, num_groups=8),
         norm("LayerNormalization", (1, 56, 56, 96), 96, axis=-1), norm("LayerNormalization", (1, 196, 768), 768, axis=-1),
         norm("LayerNormalization", (4, 32, 28, 28), (32, 28, 28), axis=1)]


if __name__ == "__main__":
    beside.main(__doc__, [layer.case() for layer in (*DEPTHWISE, *GROUPED, *FIRST, *PRODUCTS, *NORMS)])
