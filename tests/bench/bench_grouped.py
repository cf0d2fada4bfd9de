#!/usr/bin/env python3
"""Layers beside onnxruntime, one thread: models of one node with plain tensors on both sides. Depthwise and grouped
convolutions, first and small ones, products with few columns or rows, normalizations.

Outputs are compared before anything is timed; what is off by more than --bound of the output's range gets WRONG in place of
its figures. Both sides take turns; a round's time is its fastest run, the table's ratio the median of the rounds'. The exit
status is 1 where an output is wrong, or, with --most, where a ratio is above it.

bench_grouped.py LIMNER [KIND...] [--only TEXT] [--rounds N] [--most RATIO] [--cpu LEVEL]
"""

from __future__ import annotations

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import common
import compare
import runs


@dataclass(frozen=True)
class Layer:
    """One node of the input x and of weights; and what it is called in the table."""

    text: str
    node: onnx.NodeProto
    x: tuple[int, ...]
    weights: dict[str, np.ndarray] = field(default_factory=dict)

    def save(self, path: pathlib.Path) -> None:
        graph = helper.make_graph(
            [self.node], "layer", [helper.make_tensor_value_info("x", TensorProto.FLOAT, self.x)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
            [numpy_helper.from_array(weight, name) for name, weight in self.weights.items()])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)


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
LAYERS = {"depthwise": DEPTHWISE, "grouped": GROUPED, "first": FIRST, "products": PRODUCTS, "norms": NORMS}


class Peer:
    """onnxruntime with one thread."""

    def __init__(self, model: pathlib.Path, x: np.ndarray) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.binding = self.session.io_binding()
        self.binding.bind_cpu_input("x", x)
        self.binding.bind_output("y")

    def output(self) -> np.ndarray:
        self.session.run_with_iobinding(self.binding)
        return self.binding.copy_outputs_to_cpu()[0]

    def fastest(self, count: int) -> float:
        times = []
        for _ in range(count):
            begin = time.perf_counter()
            self.session.run_with_iobinding(self.binding)
            times.append(time.perf_counter() - begin)
        return min(times) * 1e3


def limner(options: argparse.Namespace, model: pathlib.Path, count: int) -> tuple[float, float]:
    """The fastest run of the model, and of its slowest node by itself, in ms."""
    words = [options.limner, "bench", model, "--threads", 1, "--runs", count, "--json"] + (["--cpu", options.cpu] if options.cpu else [])
    times = []
    for more in ([], ["--profile"]):
        done = subprocess.run([str(word) for word in words + more], check=False, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(done.stderr.strip())
        times.append(json.loads(done.stdout))
    node = max(one["min_ms"] for one in times[1]["nodes"])
    return times[0]["min_ms"], node


def measure(options: argparse.Namespace, layer: Layer, folder: pathlib.Path) -> tuple[list[str], float]:
    """A row of the table, and the ratio; infinite where the output is wrong."""
    model = folder / "layer.onnx"
    layer.save(model)
    x = np.random.default_rng(common.SEED).random(layer.x, dtype=np.float32)
    peer = Peer(model, x)
    words = ["--cpu", options.cpu] if options.cpu else []
    output = runs.output_of(options.limner, model, runs.save_feeds({"x": x}, folder), words, folder / "y.npy")
    apart = compare.difference(output, peer.output()).largest
    if not compare.within(apart, options.bound):
        return [layer.text, "WRONG", "", "", "", f"{apart:.1e}"], float("inf")
    rounds = [(peer.fastest(options.runs), *limner(options, model, options.runs)) for _ in range(options.rounds)]
    ratio = statistics.median(own / other for other, own, _ in rounds)
    best = [min(column) for column in zip(*rounds)]
    return [layer.text, f"{best[1]:.3f}", f"{best[2]:.3f}", f"{best[0]:.3f}", f"{ratio:.2f}", f"{apart:.1e}"], ratio


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("limner")
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(LAYERS)}; all by default")
    parser.add_argument("--only", default="", help="layers whose name has this in it")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--runs", type=int, default=30, help="of each side in a round")
    parser.add_argument("--bound", type=float, default=1e-5)
    parser.add_argument("--most", type=float, help="fail where a ratio is above")
    parser.add_argument("--cpu", help="limner's instructions")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = [measure(options, layer, pathlib.Path(folder)) for kind in options.kinds or LAYERS for layer in LAYERS[kind]
                if options.only in layer.text]
    print(common.table(["layer", "limner, ms", "its slowest node", "onnxruntime, ms", "limner / onnxruntime", "largest difference"],
                       [row for row, _ in rows]))
    if any(ratio > (options.most or sys.float_info.max) for _, ratio in rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
