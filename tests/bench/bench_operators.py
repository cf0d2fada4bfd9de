#!/usr/bin/env python3
"""Operators beside onnxruntime: models of one node, both in this process, with their inputs and outputs in place.

Outputs are compared before anything is timed, relative to the largest number of the output; integers must be equal. Where
they differ by more than --bound, the operator in double precision (onnx's reference evaluator)
says which side errs: WRONG in place of figures is limner's fault. Both sides take turns, and the ratio is that of their fastest
runs, by the clock of the thread, so that what else the machine does counts little. With --threads a last column has
limner's time with two threads over that with one, by the clock on the wall. The exit status is 1 where an output is wrong,
or, with --most, where a ratio is above it.

bench_operators.py LIBRARY [--family NAME] [--only TEXT] [--rounds N] [--most RATIO] [--above RATIO] [--threads]
"""

from __future__ import annotations

import argparse
import pathlib
import sys
import time

import numpy as np
import onnx.reference
import onnxruntime

import common
import library
import operator_cases
import pass_cases
import product_cases

FAMILIES = operator_cases.FAMILIES | pass_cases.FAMILIES | product_cases.FAMILIES
LEVELS = {"auto": 0, "portable": 1, "avx2": 2, "avx512": 3}
ROUND_SECONDS = 0.004  # of each side, about


class Peer:
    """onnxruntime with one thread."""

    def __init__(self, model: bytes, feeds: dict[str, np.ndarray]) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.binding = self.session.io_binding()
        for name, array in feeds.items():
            self.binding.bind_cpu_input(name, array)
        for output in self.session.get_outputs():
            self.binding.bind_output(output.name)

    def results(self) -> list[np.ndarray]:
        self.session.run_with_iobinding(self.binding)
        return self.binding.copy_outputs_to_cpu()

    def fastest(self, count: int) -> float:
        times = []
        for _ in range(count):
            begin = time.thread_time()
            self.session.run_with_iobinding(self.binding)
            times.append(time.thread_time() - begin)
        return min(times)


def apart(own: np.ndarray, other: np.ndarray) -> float:
    """The largest difference over the largest number; of integers and bools, 0 or infinity."""
    if own.shape != other.shape:
        return float("inf")
    if own.dtype.kind != "f":
        return 0.0 if np.array_equal(own, other) else float("inf")
    finite = np.isfinite(other)
    if not np.array_equal(own[~finite], other[~finite], equal_nan=True) or not np.isfinite(own[finite]).all():
        return float("inf")
    size = float(np.abs(other[finite]).max(initial=0)) or 1.0
    return float(np.abs(own[finite].astype(float) - other[finite]).max(initial=0)) / size


def farthest(own: list[np.ndarray], other: list[np.ndarray]) -> float:
    return max(apart(a, b) for a, b in zip(own, other))


def in_double(case: operator_cases.Case) -> list[np.ndarray] | None:
    """The outputs computed in double precision, where onnx can."""
    wide = case.wide()
    try:
        return onnx.reference.ReferenceEvaluator(onnx.load_from_string(wide.model())).run(None, wide.feeds)
    except Exception:  # pylint: disable=broad-except # it knows onnx's own operators alone, and not all of them in double precision
        return None


def difference(case: operator_cases.Case, own: list[np.ndarray], other: list[np.ndarray], bound: float) -> float:
    """How far limner's outputs are off: from onnxruntime's, or, where those are farther off than limner's, from double precision."""
    if len(own) != len(other) or any(a.dtype != b.dtype for a, b in zip(own, other)):
        return float("inf")
    between = farthest(own, other)
    exact = in_double(case) if between > bound else None
    if exact is None:
        return between
    ours, theirs = farthest(own, exact), farthest(other, exact)
    return ours if ours <= theirs else between


def measure(options: argparse.Namespace, case: operator_cases.Case) -> tuple[list[str], float]:
    feeds = {name: library.aligned(array) for name, array in case.feeds.items()}
    model = case.model()
    try:
        peer = Peer(model, feeds)
        expected = peer.results()
    except Exception as error:  # pylint: disable=broad-except # of onnxruntime's own kinds
        return [case.text(), f"onnxruntime: {str(error)[:60]}", "", "", "", ""], 0.0
    sessions = [library.Session(options.loaded, model, feeds, case.outputs, threads, LEVELS[options.cpu]) for threads in (1, 2)]
    own = [session.results() for session in sessions]
    off = difference(case, own[0], expected, options.bound)
    if any(not np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in zip(*own, strict=True)):
        return [case.text(), "DIFFERENT with 2 threads", "", "", "", ""], float("inf")
    if not off <= options.bound:
        return [case.text(), "WRONG", "", "", "", f"{off:.1e}"], float("inf")
    one, two = sessions
    count = max(1, min(200, int(ROUND_SECONDS / max(peer.fastest(2), one.fastest(2)))))
    rounds = [(peer.fastest(count), one.fastest(count)) for _ in range(options.rounds)]
    walls = [(one.fastest(count, time.perf_counter), two.fastest(count, time.perf_counter)) for _ in range(options.rounds if options.threads else 0)]
    for session in sessions:
        session.close()
    best = [min(column) * 1e3 for column in zip(*rounds)]
    ratio = best[1] / best[0]
    shared = f"{min(wall[1] for wall in walls) / min(wall[0] for wall in walls):.2f}" if walls else ""
    return [case.text(), f"{best[1]:.3f}", f"{best[0]:.3f}", f"{ratio:.2f}", shared, f"{off:.0e}"], ratio


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", type=pathlib.Path)
    parser.add_argument("--family", action="append", choices=FAMILIES, help="default: all")
    parser.add_argument("--only", default="", help="cases whose text has this")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--bound", type=float, default=1e-4)
    parser.add_argument("--most", type=float, default=float("inf"), help="fail where a ratio is above")
    parser.add_argument("--above", type=float, default=0.0, help="print the cases whose ratio is above this")
    parser.add_argument("--threads", action="store_true", help="measure two threads, too")
    parser.add_argument("--cpu", choices=LEVELS, default="auto", help="limner's instructions")
    options = parser.parse_args()
    options.loaded = library.load(options.library.resolve())
    worst = 0.0
    rows = []
    for family in options.family or FAMILIES:
        for case in FAMILIES[family]():
            if options.only in case.text():
                row, ratio = measure(options, case)
                worst = max(worst, ratio)
                rows += [row] if ratio > options.above or not ratio else []
    print(common.table(["case", "limner, ms", "onnxruntime, ms", "limner / onnxruntime", "two threads / one", "difference"], rows))
    return 1 if worst > options.most or worst == float("inf") else 0


if __name__ == "__main__":
    sys.exit(main())
