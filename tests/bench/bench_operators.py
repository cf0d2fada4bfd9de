#!/usr/bin/env python3
"""Operators of one pass over their data beside onnxruntime, one thread: models of one node, both in this process.

Outputs are compared before anything is timed: what is off by more than --bound of the largest number, or of whole numbers at
all, gets WRONG in place of its figures. Both sides take turns; a round's time is its fastest run, the table's ratio the median
of the rounds'. The table is sorted, the worst first. The exit status is 1 where an output is wrong, or, with --most, where a
ratio is above it.

bench_operators.py LIBRARY [--only TEXT] [--rounds N] [--most RATIO] [--cpu LEVEL]
"""

from __future__ import annotations

import argparse
import pathlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import onnx
import onnxruntime
from onnx import helper

import common
import compare
import library

COUNT = 1 << 20
PICTURE = (1, 64, 128, 128)
OPSET = 20


@dataclass(frozen=True)
class Case:
    operator: str
    inputs: tuple[np.ndarray, ...]
    attributes: dict[str, object] = field(default_factory=dict)
    constants: tuple[np.ndarray, ...] = ()  # inputs behind the others
    words: str = ""
    output: np.dtype = np.dtype(np.float32)

    def text(self) -> str:
        shapes = ", ".join(f"{array.dtype}{list(array.shape)}" for array in self.inputs)
        return f"{self.operator}{' ' if self.words else ''}{self.words} of {shapes}"

    def save(self, path: pathlib.Path) -> dict[str, np.ndarray]:
        """The node as a model; returns what it is fed with."""
        feeds = {f"x{i}": array for i, array in enumerate(self.inputs)}
        fixed = {f"c{i}": array for i, array in enumerate(self.constants)}
        node = helper.make_node(self.operator, [*feeds, *fixed], ["y"], **self.attributes)
        kind = helper.np_dtype_to_tensor_dtype
        graph = helper.make_graph(
            [node], "case", [helper.make_tensor_value_info(name, kind(array.dtype), array.shape) for name, array in feeds.items()],
            [helper.make_tensor_value_info("y", kind(self.output), None)],
            [onnx.numpy_helper.from_array(array, name) for name, array in fixed.items()])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9), path)
        return feeds


random = np.random.default_rng(common.SEED)


def floats(low: float, high: float, *shape: int) -> np.ndarray:
    return random.uniform(low, high, shape or (COUNT,)).astype(np.float32)


def whole(low: int, high: int, dtype: type, *shape: int) -> np.ndarray:
    return random.integers(low, high, shape or (COUNT,)).astype(dtype)


def of_elements() -> list[Case]:
    """Functions of one element."""
    ranges = {"Atan": 8, "Sin": 6, "Cos": 6, "Tan": 6, "Asin": 1, "Acos": 1, "Sinh": 6, "Cosh": 6, "Asinh": 8, "Atanh": 0.99, "Erf": 3,
              "Exp": 8, "Tanh": 4, "Sigmoid": 8, "Gelu": 6, "Softplus": 8, "Mish": 6, "Selu": 6, "Elu": 6, "Celu": 6, "HardSwish": 6,
              "HardSigmoid": 6, "Softsign": 6, "LeakyRelu": 6, "Relu": 6, "ThresholdedRelu": 6, "Abs": 6, "Neg": 6, "Floor": 6, "Ceil": 6,
              "Round": 6, "Sign": 6, "Reciprocal": 6, "Shrink": 6}
    cases = [Case(name, (floats(-most, most),)) for name, most in ranges.items()]
    cases += [Case(name, (floats(low, 8),)) for name, low in {"Log": 0.01, "Sqrt": 0, "Acosh": 1}.items()]
    cases.append(Case("Gelu", (floats(-6, 6),), {"approximate": "tanh"}, words="by tanh"))
    cases.append(Case("Clip", (floats(-6, 6),), constants=(np.float32(-2), np.float32(3))))
    return cases


def of_pairs() -> list[Case]:
    """Functions of two broadcasting elements."""
    cases = [Case("Pow", (floats(0.1, 4), floats(-3, 3)))]
    cases += [Case("Pow", (floats(0.1, 4),), constants=(np.float32(power),), words=f"by {power}") for power in (2, 3, 0.5, 2.2)]
    cases += [Case("Mod", (floats(-50, 50), floats(1, 9)), {"fmod": 1})]
    cases += [Case("Mod", (whole(-500, 500, kind), whole(1, 90, kind)), output=np.dtype(kind)) for kind in (np.int32, np.int64)]
    small, row, column = (COUNT,), (64, 1 << 14), (1 << 14, 64)
    for kind in (np.float32, np.int32, np.int64, np.uint8):
        pair = (whole(0, 100, kind, *row), whole(1, 9, kind, *row))
        spread = (pair[0], whole(1, 9, kind, row[1]))
        channels = (whole(0, 100, kind, *PICTURE), whole(1, 9, kind, 64, 1, 1))
        lines = (whole(0, 100, kind, *column), whole(1, 9, kind, column[0], 1))
        one = (pair[0], whole(2, 3, kind, 1))
        for name in ("Add", "Mul", "Sub", "Div"):
            cases.append(Case(name, pair, output=np.dtype(kind)))
        cases += [Case("Add", inputs, output=np.dtype(kind)) for inputs in (spread, channels, lines, one)]
        cases += [Case("Mul", channels, output=np.dtype(kind))]
        for name in ("Greater", "Equal"):
            cases += [Case(name, inputs, output=np.dtype(bool)) for inputs in ((pair, lines, one) if kind != np.uint8 or name == "Equal" else ())]
        choice = whole(0, 2, np.bool_, *row)
        cases += [Case("Where", (choice, *pair), output=np.dtype(kind)), Case("Where", (choice, *one), output=np.dtype(kind)),
                  Case("Where", (whole(0, 2, np.bool_, column[0], 1), lines[0], whole(1, 9, kind, *column)), output=np.dtype(kind))]
    cases += [Case(name, (whole(0, 2, np.bool_, *small), whole(0, 2, np.bool_, *small)), output=np.dtype(bool)) for name in ("And", "Xor")]
    cases += [Case(name, (floats(-6, 6), floats(-6, 6))) for name in ("Max", "Min")]
    cases += [Case("Max", (floats(-6, 6, *PICTURE), floats(-6, 6, 64, 1, 1))), Case("PRelu", (floats(-6, 6, *PICTURE), floats(0, 1, 64, 1, 1)))]
    return cases


def of_casts() -> list[Case]:
    pairs = [("float32", "uint8"), ("uint8", "float32"), ("float32", "int64"), ("int64", "float32"), ("float32", "int32"),
             ("int32", "float32"), ("bool", "float32"), ("float32", "bool"), ("float32", "float16"), ("float16", "float32"),
             ("float32", "float64"), ("float64", "float32"), ("int64", "int32"), ("int32", "int64"), ("uint8", "int32"), ("float32", "int8"),
             ("int8", "float32"), ("bool", "int64"), ("int64", "bool"), ("float64", "int64"), ("int64", "float64")]
    cases = []
    for source, target in pairs:
        values = whole(0, 2 if source == "bool" else 100, np.dtype(source).type)
        cases.append(Case("Cast", (values,), {"to": helper.np_dtype_to_tensor_dtype(np.dtype(target))}, words=f"to {target}", output=np.dtype(target)))
    return cases


def of_reductions() -> list[Case]:
    names = ("ReduceMax", "ReduceMin", "ReduceSum", "ReduceMean", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp")
    shapes = {"over H,W": (PICTURE, (2, 3)), "over rows of 64": ((1, 1 << 14, 64), (2,)), "over channels": (PICTURE, (1,)),
              "over H": (PICTURE, (2,)), "over all": ((COUNT,), (0,)), "over rows of 4": ((1 << 18, 4), (1,))}
    cases = []
    for name in names:
        for words, (shape, axes) in shapes.items():
            values = np.copysign(1, floats(-1, 1, *shape)) if name == "ReduceProd" else floats(0.1, 2, *shape)
            cases.append(Case(name, (values,), {"keepdims": 0}, (np.array(axes, np.int64),), words=words))
    for kind in (np.int32, np.int64, np.uint8, np.int8):
        for name in ("ReduceMax", "ReduceSum") if kind in (np.int32, np.int64) else ("ReduceMax",):
            cases += [Case(name, (whole(0, 100, kind, *shape),), {"keepdims": 0}, (np.array(axes, np.int64),), words=words, output=np.dtype(kind))
                      for words, (shape, axes) in list(shapes.items())[:3]]
    cases += [Case(name, (floats(-1, 1, *shape),), {"axis": axis}, words=f"along {axis}", output=np.dtype(np.int64))
              for name in ("ArgMax", "ArgMin") for shape, axis in (((1 << 14, 64), 1), (PICTURE, 1))]
    cases += [Case("CumSum", (floats(-1, 1, *column),), constants=(np.int64(axis),), words=f"along {axis}") for column, axis in (((1 << 14, 64), 1), ((1 << 14, 64), 0))]
    return cases


def of_indices() -> list[Case]:
    cases = []
    shape = (1024, 1024)
    for axis in (0, 1):
        for kind in (np.int64, np.int32):
            index = whole(0, 1024, kind, *shape)
            cases.append(Case("GatherElements", (floats(-1, 1, *shape), index), {"axis": axis}, words=f"along {axis}"))
        index = random.permuted(np.tile(np.arange(1024)[:, None] if axis == 0 else np.arange(1024), (1, 1024) if axis == 0 else (1024, 1)), axis=axis)
        cases.append(Case("ScatterElements", (floats(-1, 1, *shape), index, floats(-1, 1, *shape)), {"axis": axis}, words=f"along {axis}"))
    cases.append(Case("ScatterElements", (floats(-1, 1, *shape), whole(0, 1024, np.int64, *shape), floats(-1, 1, *shape)), {"axis": 1, "reduction": "add"}, words="adding"))
    places = np.stack([whole(0, 1024, np.int64), whole(0, 1024, np.int64)], 1)
    cases.append(Case("GatherND", (floats(-1, 1, *shape), places), words="of numbers"))
    cases.append(Case("GatherND", (floats(-1, 1, *shape), whole(0, 1024, np.int64, 1024, 1)), words="of rows"))
    unique = np.stack(np.unravel_index(random.permutation(COUNT), shape), 1)
    cases.append(Case("ScatterND", (floats(-1, 1, *shape), unique, floats(-1, 1)), words="of numbers"))
    cases.append(Case("ScatterND", (floats(-1, 1, *shape), random.permutation(1024)[:, None], floats(-1, 1, *shape)), words="of rows"))
    cases += [Case("Gather", (floats(-1, 1, *shape), whole(0, 1024, np.int64, 1024)), {"axis": axis}, words=f"along {axis}") for axis in (0, 1)]
    return cases


def of_pictures() -> list[Case]:
    cases = []
    shapes = (PICTURE, (1, 32, 512, 512), (1, 256, 28, 28))
    for shape in shapes:
        for name in ("AveragePool", "MaxPool"):
            for kernel, stride, pad in ((3, 1, 1), (3, 2, 1), (2, 2, 0), (3, 1, 0), (5, 1, 2)):
                more = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [pad] * 4}
                cases.append(Case(name, (floats(-1, 1, *shape),), more, words=f"{kernel}x{kernel} stride {stride} pad {pad}"))
        cases += [Case(name, (floats(-1, 1, *shape),)) for name in ("GlobalAveragePool", "GlobalMaxPool")]
    cases.append(Case("AffineGrid", (floats(-1, 1, 1, 2, 3),), constants=(np.array([1, 3, 724, 724], np.int64),)))
    cases.append(Case("AffineGrid", (floats(-1, 1, 1, 3, 4),), constants=(np.array([1, 3, 70, 70, 70], np.int64),), words="of cubes"))
    return cases


def start_peer(model: pathlib.Path, feeds: dict[str, np.ndarray]) -> tuple[Callable[[], None], Callable[[], np.ndarray]]:
    """onnxruntime with one thread, its output in one place."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    for name, array in feeds.items():
        binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(array))
    binding.bind_ortvalue_output("y", onnxruntime.OrtValue.ortvalue_from_numpy(session.run(None, feeds)[0]))
    return lambda: session.run_with_iobinding(binding), lambda: binding.copy_outputs_to_cpu()[0]


def fastest(run: Callable[[], None], seconds: float) -> float:
    """Of as many runs as there is time for, in ms."""
    times, end = [], time.perf_counter() + seconds
    while len(times) < 2 or time.perf_counter() < end:
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return min(times) * 1e3


def difference(mine: np.ndarray, theirs: np.ndarray) -> float:
    """The largest, over the largest number: sums of many floats are close together."""
    if mine.dtype != theirs.dtype or mine.shape != theirs.shape:
        return float("inf")
    wide = theirs.astype(np.float64)
    return compare.ratio(np.abs(mine.astype(np.float64) - wide).max(), np.abs(wide).max())


def measure(options: argparse.Namespace, case: Case, folder: pathlib.Path) -> tuple[list[str], float]:
    """A row of the table, and the ratio; infinite where the output is wrong."""
    model = folder / "case.onnx"
    feeds = case.save(model)
    peer, peer_output = start_peer(model, feeds)
    own = library.Session(options.library, model, feeds, 1, options.cpu)
    own.run()
    peer()
    mine, theirs = own.output(), peer_output()
    bound = options.bound if case.output.kind == "f" else 0
    apart = difference(mine, theirs)
    if not compare.within(apart, bound):
        own.close()
        return [case.text(), "WRONG", "", "", f"{apart:.1e}"], float("inf")
    rounds = [(fastest(own.run, options.seconds), fastest(peer, options.seconds)) for _ in range(options.rounds)]
    own.close()
    ratio = statistics.median(a / b for a, b in rounds)
    best = [min(column) for column in zip(*rounds)]
    return [case.text(), f"{best[0]:.3f}", f"{best[1]:.3f}", f"{ratio:.2f}", f"{apart:.1e}"], ratio


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", type=pathlib.Path, help="liblimner.so")
    parser.add_argument("--only", default="", help="cases whose text has one of these words, split by commas")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.01, help="of each side in a round")
    parser.add_argument("--bound", type=float, default=1e-5)
    parser.add_argument("--most", type=float, help="fail where a ratio is above")
    parser.add_argument("--cpu", default="auto", choices=library.CPUS, help="limner's instructions")
    options = parser.parse_args()
    onnxruntime.set_default_logger_severity(3)
    cases = [*of_elements(), *of_pairs(), *of_casts(), *of_reductions(), *of_indices(), *of_pictures()]
    chosen = [case for case in cases if any(word in case.text() for word in options.only.split(","))]
    with tempfile.TemporaryDirectory() as folder:
        rows = [measure(options, case, pathlib.Path(folder)) for case in chosen]
    rows.sort(key=lambda row: -row[1])
    print(common.table(["case", "limner, ms", "onnxruntime, ms", "limner / onnxruntime", "largest difference"], [row for row, _ in rows]))
    if any(ratio > (options.most or sys.float_info.max) for _, ratio in rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
