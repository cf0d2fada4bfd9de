"""The networks at the sizes of real pictures: limner by default beside --exact and beside onnxruntime.

What is chosen for a layer depends on its channels and on the picture's size, so both must be those of real use. Narrow
networks, which `make check` runs, are here in two kinds: one with channels that are no whole blocks, and one whose encoder
and decoder have their true channels round a small middle.
"""

from __future__ import annotations

import dataclasses
import gc
import pathlib
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import onnx

import common
import engines
import runs
from compare import EXACT, REFERENCE, Difference, difference, within
from layers import shapes_of

NARROW = common.Scale(width=24, bottleneck=200, blocks=2)
TRUE_WIDTHS = common.Scale(width=64, bottleneck=200, blocks=1)
SIZES = ((256, 256), (384, 384), (512, 512), (640, 640), (1024, 1024), (300, 404), (768, 1024))
BATCH, BATCH_SIZE = 8, (256, 256)
THREADS = (1, 2)
SMALL_TRUE = {"plain": SIZES, "inpaint": ((256, 256), (300, 404), (384, 384))}  # sizes of networks of true widths
SMALL_OTHERS = {NARROW: ((256, 256), (300, 404)), TRUE_WIDTHS: ((512, 512),)}  # sizes at levels that are not the best
SIDES = {"plain": 1, "keyvalue": 1, "inpaint": 4, "edge": 4}  # of a picture: multiples of this
BOUND = Difference(error=1e-5, largest=1e-4)

HEADER = ["network", "pictures", "instructions", "threads", "beside", "relative L2 error", "bound", "largest error / range", "bound"]


@dataclass(frozen=True)
class Case:
    """A network, the pictures that go in, and the instruction sets to run it with."""

    network: str
    scale: common.Scale | None  # None: full width
    batch: int
    height: int
    width: int
    levels: tuple[str, ...]
    peers: bool  # onnxruntime, too

    def name(self) -> str:
        return self.network if self.scale is None else f"{self.network}, {self.scale.width} channels"

    def pictures(self) -> str:
        size = f"{self.height}x{self.width}"
        return size if self.batch == 1 else f"{self.batch} of {size}"

    def threads(self, level: str) -> tuple[int, ...]:
        """How many are tried; of narrow networks at a level that is not the best only two, to save time."""
        return THREADS if self.scale is None or level == self.levels[-1] else THREADS[-1:]

    def inputs(self) -> common.Inputs:
        return common.inputs_of(self.network, self.batch, self.height, self.width)


@dataclass(frozen=True)
class Result:
    """limner by default beside a reference."""

    case: Case
    level: str
    threads: int
    reference: str
    found: Difference

    def right(self) -> bool:
        return within(self.found.error, BOUND.error) and within(self.found.largest, BOUND.largest)

    def row(self) -> list[str]:
        row = [self.case.name(), self.case.pictures(), self.level, str(self.threads), self.reference]
        for value, bound in ((self.found.error, BOUND.error), (self.found.largest, BOUND.largest)):
            row += [f"{value:.2e}", f"{bound:.0e}{'' if within(value, bound) else ' BROKEN'}"]
        return row

    def json(self) -> dict[str, object]:
        return dataclasses.asdict(self) | {"bound": dataclasses.asdict(BOUND), "right": self.right()}


def legal(network: str, size: tuple[int, int]) -> tuple[int, int]:
    """The nearest size that the network takes."""
    height, width = (max(1, round(side / SIDES[network])) * SIDES[network] for side in size)
    return height, width


def cases(small: bool, networks: Sequence[str], pictures: Sequence[tuple[int, int]] | None, levels: Sequence[str]) -> Iterator[Case]:
    """What is measured: one picture of each size and a batch."""
    for network in networks:
        for scale in (NARROW, TRUE_WIDTHS) if small else (None,):
            chosen = SMALL_TRUE.get(network, ()) if scale == TRUE_WIDTHS else SIZES
            for size in (pictures or chosen) if chosen else ():
                some = levels if scale is None or size in SMALL_OTHERS[scale] else levels[-1:]
                yield Case(network, scale, 1, *legal(network, size), tuple(some), not small)
            if chosen and not pictures:
                yield Case(network, scale, BATCH, *BATCH_SIZE, tuple(levels[-1:] if small else levels), not small)


# ---- onnxruntime ----

def unfolded(node: onnx.NodeProto, shapes: dict[str, list[int]]) -> int:
    """Numbers of the matrix that a transposed convolution of one picture goes through."""
    if node.op_type != "ConvTranspose":
        return 0
    return int(np.prod(shapes[node.input[1]][1:]) * np.prod(shapes[node.input[0]][2:]))


def onnxruntime_bytes(model: pathlib.Path, inputs: common.Inputs) -> int:
    """About what onnxruntime takes: weights twice, the largest node's values three times, and a matrix (it took 70 to 90 % of that)."""
    graph = onnx.load(model)
    shapes = shapes_of(graph, inputs)
    weights = {weight.name for weight in graph.graph.initializer}
    values = max(sum(int(np.prod(shapes[name])) for name in [*node.input, *node.output] if name not in weights)
                 for node in graph.graph.node)
    matrix = max(unfolded(node, shapes) for node in graph.graph.node)
    return 2 * model.stat().st_size + 4 * (3 * values + matrix)


def onnxruntime_output(model: pathlib.Path, case: Case, feeds: dict[str, np.ndarray]) -> tuple[np.ndarray | None, str]:
    """onnxruntime's output, or why there is none."""
    if common.version("onnxruntime") is None:
        return None, "not installed"
    needed, available = onnxruntime_bytes(model, case.inputs()), common.available_bytes()
    if needed > available:
        return None, f"it needs about {needed >> 20} MB, of which {available >> 20} are available"
    output = engines.ENGINES[REFERENCE].start(model, max(THREADS), feeds)()
    gc.collect()
    return np.asarray(output), ""


# ---- the measuring ----

def beside(case: Case, level: str, outputs: dict[int, np.ndarray], reference: str, expected: np.ndarray) -> list[Result]:
    return [Result(case, level, threads, reference, difference(output, expected)) for threads, output in outputs.items()]


def measure_case(program: str, model: pathlib.Path, case: Case, folder: pathlib.Path) -> tuple[list[Result], str]:
    """The case at its levels; and what was left out."""
    feeds = common.feeds(case.inputs())
    files = runs.save_feeds(feeds, folder)

    def output(level: str, threads: int, *words: str) -> np.ndarray:
        return runs.output_of(program, model, files, ["--cpu", level, "--threads", str(threads), *words], folder / "result.npy")

    peer, reason = onnxruntime_output(model, case, feeds) if case.peers else (None, "")
    results: list[Result] = []
    for level in case.levels:
        outputs = {threads: output(level, threads) for threads in case.threads(level)}
        results += beside(case, level, outputs, EXACT, output(level, max(THREADS), "--exact"))
        results += [] if peer is None else beside(case, level, outputs, REFERENCE, peer)
    return results, reason and f"{case.name()}, {case.pictures()}, beside {REFERENCE}: {reason}"


def measure(program: str, models: pathlib.Path, wanted: Iterator[Case]) -> tuple[list[Result], list[str]]:
    """All cases; and what was left out of them."""
    results: list[Result] = []
    skipped: list[str] = []
    for case in wanted:
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            found, reason = measure_case(program, common.make_model(case.network, models, case.scale), case, pathlib.Path(folder))
        results += found
        skipped += [reason] if reason else []
        print(f"{case.name()}, {case.pictures()}: {time.monotonic() - started:.1f} s", file=sys.stderr)
    return results, skipped
