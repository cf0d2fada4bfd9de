#!/usr/bin/env python3
"""How far limner's outputs are from what they should be, and whether their bits ever change. Two tables:

Double precision: makes the networks of models/graphs.py, evaluates them in float64 (reference.py), and runs limner at every
level that the processor has, by default and with --exact. Fails when the relative L2 error is above the bound of either, or
when a repeated run, another number of threads or a row of a batch gives other bits. Different levels may differ.

Sizes: the same networks at the sizes of real pictures, where other algorithms are chosen; by default beside --exact and,
where memory allows, beside onnxruntime (sizes.py). Fails when a difference is above its bound.

`make accuracy` runs both at full width.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import sys
import tempfile
import time
from dataclasses import dataclass

import numpy as np
import onnx

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import common, compare, reference, runs, sizes  # noqa: E402

TABLES = ("double", "sizes")
BOUNDS = {"default": 1e-5, "exact": 1e-6}
WORDS: dict[str, list[str]] = {"default": [], "exact": ["--exact"]}
THREADS = (1, 2, 3)
BATCH = 3
FLAGS = {"avx2": ("avx2", "fma"), "avx512": ("avx512f", "avx512dq", "avx512bw", "avx512vl")}


@dataclass(frozen=True)
class Case:
    """A network and the size of a picture."""

    network: str
    height: int
    width: int


@dataclass(frozen=True)
class Result:
    """One case at one level by one set of algorithms."""

    case: Case
    level: str
    algorithms: str
    bound: float    # of the error
    error: float    # L2 of the difference over L2 of the reference
    largest: float  # the largest difference over the largest number of the reference
    changed: list[str]  # what gave other bits

    def within(self) -> bool:
        return self.error <= self.bound  # False for NaN


def levels() -> list[str]:
    """The instruction sets of this processor by the names of --cpu."""
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    known = next((set(line.split()) for line in lines if line.startswith("flags")), set())
    return ["portable", *(level for level, flags in FLAGS.items() if known.issuperset(flags))]


def feeds_of(case: Case) -> dict[str, np.ndarray]:
    """One picture and what belongs to it, always the same."""
    return common.feeds(common.inputs_of(case.network, 1, case.height, case.width))


class Limner:
    """Runs of one case."""

    def __init__(self, program: str, model: pathlib.Path, feeds: dict[str, np.ndarray], folder: pathlib.Path) -> None:
        self.program, self.model, self.folder = program, model, folder
        for name, array in feeds.items():
            for rows in (1, BATCH):
                np.save(self.file(name, rows), np.repeat(array, rows, axis=0))
        self.names = list(feeds)

    def file(self, name: str, rows: int) -> pathlib.Path:
        return self.folder / f"{name}-{rows}.npy"

    def run(self, words: list[str], threads: int, rows: int = 1) -> np.ndarray:
        """The output for `rows` times the same picture, by a process of its own."""
        files = {name: self.file(name, rows) for name in self.names}
        return runs.output_of(self.program, self.model, files, ["--threads", str(threads), *words], self.folder / "result.npy")


def same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def changes(limner: Limner, words: list[str], first: np.ndarray) -> list[str]:
    """What gives other bits than the first run, which had one thread and one picture."""
    changed = [] if same(limner.run(words, 1), first) else ["another run"]
    changed += [f"{threads} threads" for threads in THREADS[1:] if not same(limner.run(words, threads), first)]
    batch = limner.run(words, 2, BATCH)
    return changed + [f"row {row} of a batch" for row in range(BATCH) if not same(batch[row:row + 1], first)]


def compare(limner: Limner, case: Case, expected: np.ndarray, level: str, algorithms: str, bound: float) -> Result:
    words = ["--cpu", level, *WORDS[algorithms]]
    actual = limner.run(words, 1)
    if actual.shape != expected.shape:
        sys.exit(f"{case.network}: limner's output is {actual.shape}, the reference's {expected.shape}")
    difference = actual - expected
    return Result(case, level, algorithms, bound, float(np.linalg.norm(difference) / np.linalg.norm(expected)),
                  float(np.abs(difference).max() / np.abs(expected).max()), changes(limner, words, actual))


def measure(options: argparse.Namespace, case: Case, folder: pathlib.Path) -> list[Result]:
    """The case at all levels."""
    path = common.make_model(case.network, pathlib.Path(options.models), sizes.NARROW if options.small else None)
    model, feeds = onnx.load(path), feeds_of(case)
    output = model.graph.output[0].name
    started = time.monotonic()
    expected = reference.evaluate(model, feeds)[output]
    print(f"{case.network} {case.height}x{case.width}: float64 took {time.monotonic() - started:.1f} s", file=sys.stderr)
    limner = Limner(options.limner, path, feeds, folder)
    bounds = {**BOUNDS, "exact": options.exact_bound}
    return [compare(limner, case, expected, level, algorithms, bound)
            for level in options.cpu or levels() for algorithms, bound in bounds.items()]


def row_of(result: Result) -> list[str]:
    bits = "yes" if not result.changed else f"NO: {', '.join(result.changed)}"
    return [result.case.network, f"{result.case.height}x{result.case.width}", result.level, result.algorithms,
            f"{result.error:.2e}", f"{result.bound:.0e}{'' if result.within() else ' BROKEN'}",
            f"{result.largest:.2e}", bits]


def size(text: str) -> tuple[int, int]:
    """HEIGHTxWIDTH."""
    height, width = map(int, text.split("x"))
    return height, width


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("limner", nargs="?", default=str(common.ROOT / "build/limner"))
    parser.add_argument("--small", action="store_true", help="narrow networks of few blocks, small pictures: a minute")
    parser.add_argument("--only", action="append", choices=TABLES, help="default: both tables")
    parser.add_argument("--models", default=str(common.ROOT / "build/bench"), help="folder of the models (default build/bench)")
    parser.add_argument("--network", action="append", choices=common.NETWORKS,
                        help="default: all; in double precision at full width all but keyvalue")
    parser.add_argument("--cpu", action="append", choices=("portable", "avx2", "avx512"), help="default: all of this processor")
    parser.add_argument("--size", action="append", type=size, metavar="HxW", help="of the picture; may be given several times")
    parser.add_argument("--exact-bound", type=float, default=BOUNDS["exact"], help="relative L2 error of --exact, default %(default)s")
    parser.add_argument("--json", help="also write the figures to this file")
    return parser.parse_args()


def measure_double(options: argparse.Namespace) -> list[Result]:
    """The first table."""
    networks = options.network or (common.NETWORKS if options.small else common.USUAL)
    pictures = options.size or ([(68, 52)] if options.small else [(128, 128), (100, 76)])
    results: list[Result] = []
    for case in (Case(network, *picture) for network in networks for picture in pictures):
        with tempfile.TemporaryDirectory() as folder:
            results += measure(options, case, pathlib.Path(folder))
    print(common.table(["network", "picture", "instructions", "algorithms", "relative L2 error", "bound", "largest error",
                        "same bits"], [row_of(result) for result in results]))
    return results


def measure_sizes(options: argparse.Namespace) -> list[sizes.Result]:
    """The second table."""
    known = options.cpu or levels()
    cases = sizes.cases(options.small, options.network or common.NETWORKS, options.size, known)
    results, skipped = sizes.measure(options.limner, pathlib.Path(options.models), cases)
    print(f"\n{common.table(sizes.HEADER, [result.row() for result in results])}")
    for what in skipped:
        print(f"skipped: {what}")
    return results


def main() -> int:
    options = parse()
    wanted = options.only or TABLES
    exact = measure_double(options) if "double" in wanted else []
    beside = measure_sizes(options) if "sizes" in wanted else []
    if options.json:
        figures = [vars(result) | {"case": vars(result.case)} for result in exact] + [result.json() for result in beside]
        pathlib.Path(options.json).write_text(json.dumps(figures, indent=1))
    wrong = sum(bool(result.changed) or not result.within() for result in exact) + sum(not result.right() for result in beside)
    print(f"\n{len(exact) + len(beside)} measured, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
