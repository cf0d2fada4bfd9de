#!/usr/bin/env python3
"""Depthwise and grouped convolutions beside onnxruntime, one thread: models of one node with plain tensors on both sides.

Outputs are compared before anything is timed; what is off by more than --bound of the output's range gets WRONG in place of
its figures. Both sides take turns; a round's time is its fastest run, the table's ratio the median of the rounds'. The exit
status is 1 where an output is wrong, or, with --most, where a ratio is above it.

bench_grouped.py LIMNER [--rounds N] [--most RATIO] [--cpu LEVEL]
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
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import common
import compare
import runs


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


def save_layer(layer: Grouped, path: pathlib.Path) -> None:
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
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


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
    """The fastest run of the model, and of its convolution by itself, in ms."""
    words = [options.limner, "bench", model, "--threads", 1, "--runs", count, "--json"] + (["--cpu", options.cpu] if options.cpu else [])
    times = []
    for more in ([], ["--profile"]):
        done = subprocess.run([str(word) for word in words + more], check=False, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(done.stderr.strip())
        times.append(json.loads(done.stdout))
    node = min(one["min_ms"] for one in times[1]["nodes"] if one["operator"].startswith("Conv"))
    return times[0]["min_ms"], node


def measure(options: argparse.Namespace, layer: Grouped, folder: pathlib.Path) -> tuple[list[str], float]:
    """A row of the table, and the ratio; infinite where the output is wrong."""
    model = folder / "layer.onnx"
    save_layer(layer, model)
    x = np.random.default_rng(common.SEED).random((1, layer.channels, layer.height, layer.width), dtype=np.float32)
    peer = Peer(model, x)
    words = ["--cpu", options.cpu] if options.cpu else []
    output = runs.output_of(options.limner, model, runs.save_feeds({"x": x}, folder), words, folder / "y.npy")
    apart = compare.difference(output, peer.output()).largest
    if not compare.within(apart, options.bound):
        return [layer.text(), "WRONG", "", "", "", f"{apart:.1e}"], float("inf")
    rounds = [(peer.fastest(options.runs), *limner(options, model, options.runs)) for _ in range(options.rounds)]
    ratio = statistics.median(own / other for other, own, _ in rounds)
    best = [min(column) for column in zip(*rounds)]
    return [layer.text(), f"{best[1]:.3f}", f"{best[2]:.3f}", f"{best[0]:.3f}", f"{ratio:.2f}", f"{apart:.1e}"], ratio


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("limner")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--runs", type=int, default=30, help="of each side in a round")
    parser.add_argument("--bound", type=float, default=1e-5)
    parser.add_argument("--most", type=float, help="fail where a ratio is above")
    parser.add_argument("--cpu", help="limner's instructions")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = [measure(options, layer, pathlib.Path(folder)) for layer in LAYERS]
    print(common.table(["layer", "limner, ms", "its convolution", "onnxruntime, ms", "limner / onnxruntime", "largest difference"],
                       [row for row, _ in rows]))
    if any(ratio > (options.most or sys.float_info.max) for _, ratio in rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
