"""limner beside onnxruntime on models of one output, one thread: outputs are compared before anything is timed, and what is off by more
than a bound gets WRONG in place of its figures. Both sides take turns; a round's time is its fastest run, the table's ratio the median of
the rounds'."""

from __future__ import annotations

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime

import common
import compare
import runs


@dataclass(frozen=True)
class Case:
    """A model with an output "y", and what it is fed with."""

    text: str
    model: onnx.ModelProto
    feeds: dict[str, np.ndarray]


class Peer:
    """onnxruntime with one thread."""

    def __init__(self, model: pathlib.Path, feeds: dict[str, np.ndarray]) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.binding = self.session.io_binding()
        for name, value in feeds.items():
            self.binding.bind_cpu_input(name, value)
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


def limner(options: argparse.Namespace, model: pathlib.Path, more: list[str]) -> dict:
    """What `limner bench` says."""
    words = [options.limner, "bench", model, "--threads", 1, "--runs", options.runs, "--json", *options.words, *more]
    done = subprocess.run([str(word) for word in words], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr.strip())
    return json.loads(done.stdout)


def times(options: argparse.Namespace, model: pathlib.Path) -> list[float]:
    """The fastest run of the model, and of its slowest node by itself, in ms."""
    nodes = limner(options, model, ["--profile"])["nodes"]
    return [limner(options, model, [])["min_ms"], max(one["min_ms"] for one in nodes)]


def is_same(actual: np.ndarray, expected: np.ndarray, bound: float) -> tuple[bool, str]:
    """Integers of 8 bits, which were rounded, may be one step off."""
    if expected.dtype.kind in "iu" and (actual.shape, actual.dtype) == (expected.shape, expected.dtype):
        steps = int(np.abs(actual.astype(np.int64) - expected.astype(np.int64)).max(initial=0))
        return steps <= (expected.dtype.itemsize == 1), f"{steps} steps"
    apart = compare.difference(actual, expected).largest
    return compare.within(apart, bound), f"{apart:.1e}"


def measure(options: argparse.Namespace, case: Case, folder: pathlib.Path) -> tuple[list[str], float]:
    """A row of the table, and the ratio; infinite where the output is wrong."""
    model = folder / "model.onnx"
    onnx.save(case.model, model)
    peer = Peer(model, case.feeds)
    output = runs.output_of(options.limner, model, runs.save_feeds(case.feeds, folder), options.words, folder / "y.npy")
    same, apart = is_same(output, peer.output(), options.bound)
    if not same:
        return [case.text, "WRONG", "", "", "", apart], float("inf")
    rounds = [[peer.fastest(options.runs), *times(options, model)] for _ in range(options.rounds)]
    ratio = statistics.median(own / other for other, own, *_ in rounds)
    peers, *own = [f"{min(column):.3f}" for column in zip(*rounds)]
    return [case.text, *own, peers, f"{ratio:.2f}", apart], ratio


def main(about: str, cases: Iterable[Case]) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("limner")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--runs", type=int, default=30, help="of each side in a round")
    parser.add_argument("--bound", type=float, default=1e-5)
    parser.add_argument("--most", type=float, default=sys.float_info.max, help="fail where a ratio is above")
    parser.add_argument("--only", default="", help="rows whose text has this")
    parser.add_argument("--cpu", help="limner's instructions")
    options = parser.parse_args()
    options.words = ["--cpu", options.cpu] if options.cpu else []
    with tempfile.TemporaryDirectory() as folder:
        rows = [measure(options, case, pathlib.Path(folder)) for case in cases if options.only in case.text]
    print(common.table(["layer", "limner, ms", "its slowest node", "onnxruntime, ms", "limner / onnxruntime",
                        "largest difference"], [row for row, _ in rows]))
    if any(ratio > options.most for _, ratio in rows):
        sys.exit(1)
