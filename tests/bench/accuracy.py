#!/usr/bin/env python3
"""How far limner's outputs are from those of the same network in double precision, and whether their bits ever change.

Makes the networks of models/graphs.py, evaluates them in float64 (reference.py), and runs limner at every level that the
processor has, by default and with --exact. Fails when the relative L2 error is above the bound of either, or when a
repeated run, another number of threads or a row of a batch gives other bits. Different levels may differ. `make accuracy`
runs it at full width.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

import common
import numpy as np
import onnx
import reference

sys.path.insert(0, str(common.ROOT / "models"))

import graphs  # noqa: E402

BOUNDS = {"default": 1e-5, "exact": 1e-6}
WORDS: dict[str, list[str]] = {"default": [], "exact": ["--exact"]}
THREADS = (1, 2, 3)
BATCH = 3
FLAGS = {"avx2": ("avx2", "fma"), "avx512": ("avx512f", "avx512dq", "avx512bw", "avx512vl")}
SMALL = graphs.Scale(width=24, bottleneck=200, blocks=2)  # channels that are no whole blocks, too


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


def make_model(network: str, small: bool, folder: pathlib.Path) -> pathlib.Path:
    """The file of the network; at full width that of the benchmarks."""
    if not small:
        return common.make_model(network, folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{network}-small.onnx"
    graphs.save(graphs.build(network, SMALL), path, external=False)
    return path


def feeds_of(case: Case) -> dict[str, np.ndarray]:
    """One picture and what belongs to it, always the same."""
    return common.feeds(common.inputs_of(case.network, 1, case.height, case.width))


class Limner:
    """Runs of one case."""

    def __init__(self, program: str, model: pathlib.Path, output: str, feeds: dict[str, np.ndarray], folder: pathlib.Path) -> None:
        self.program, self.model, self.output, self.folder = program, model, output, folder
        for name, array in feeds.items():
            for rows in (1, BATCH):
                np.save(self.file(name, rows), np.repeat(array, rows, axis=0))
        self.names = list(feeds)

    def file(self, name: str, rows: int) -> pathlib.Path:
        return self.folder / f"{name}-{rows}.npy"

    def run(self, words: list[str], threads: int, rows: int = 1) -> np.ndarray:
        """The output for `rows` times the same picture, by a process of its own."""
        result = self.folder / "result.npy"
        command = [self.program, "run", str(self.model), "--threads", str(threads), "--output", f"{self.output}={result}", *words]
        command += [word for name in self.names for word in ("--input", f"{name}={self.file(name, rows)}")]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)}\n{done.stderr.strip()}")
        return np.load(result)


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
    path = make_model(case.network, options.small, pathlib.Path(options.models))
    model, feeds = onnx.load(path), feeds_of(case)
    output = model.graph.output[0].name
    started = time.monotonic()
    expected = reference.evaluate(model, feeds)[output]
    print(f"{case.network} {case.height}x{case.width}: float64 took {time.monotonic() - started:.1f} s", file=sys.stderr)
    limner = Limner(options.limner, path, output, feeds, folder)
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
    parser.add_argument("--small", action="store_true", help="narrow networks of few blocks, small pictures: seconds")
    parser.add_argument("--models", default=str(common.ROOT / "build/bench"), help="folder of the models (default build/bench)")
    parser.add_argument("--network", action="append", choices=common.NETWORKS, help="default: all; at full width all but keyvalue")
    parser.add_argument("--cpu", action="append", choices=("portable", "avx2", "avx512"), help="default: all of this processor")
    parser.add_argument("--size", action="append", type=size, metavar="HxW", help="of the picture; may be given several times")
    parser.add_argument("--exact-bound", type=float, default=BOUNDS["exact"], help="relative L2 error of --exact, default %(default)s")
    parser.add_argument("--json", help="also write the figures to this file")
    return parser.parse_args()


def main() -> int:
    options = parse()
    networks = options.network or (common.NETWORKS if options.small else common.USUAL)
    sizes = options.size or ([(68, 52)] if options.small else [(128, 128), (100, 76)])
    results: list[Result] = []
    for case in (Case(network, *size) for network in networks for size in sizes):
        with tempfile.TemporaryDirectory() as folder:
            results += measure(options, case, pathlib.Path(folder))
    print(common.table(["network", "picture", "instructions", "algorithms", "relative L2 error", "bound", "largest error",
                        "same bits"], [row_of(result) for result in results]))
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps([vars(result) | {"case": vars(result.case)} for result in results], indent=1))
    wrong = sum(bool(result.changed) or not result.within() for result in results)
    print(f"\n{len(results)} measured, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
