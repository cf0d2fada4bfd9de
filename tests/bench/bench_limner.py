#!/usr/bin/env python3
"""limner alone: every network and every layer of it, beside what this machine can do at most.

Three tables. Networks: time, start and memory, and each layer with GFLOP/s, share of the multiply-add peak and share of
the memory bandwidth. Kernels: each kind of convolution of the networks with 64 channels or more on both sides by itself,
direct sums only, at every instruction set. Product: a matrix product beside PyTorch's (MKL) or numpy's (OpenBLAS). Peaks
are measured in between, in the same minutes. Before anything is timed, outputs are compared: networks and kernels by default
with --exact and with onnxruntime (networks where memory allows), products with numpy's in double precision. What is off
by more than --bound gets WRONG in place of its figures, and the exit status is 1. `make bench` sets everything up;
docs/performance.md says what the figures mean.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np

import common
import compare
import engines
import layers
import runs
import sizes
from compare import EXACT, LIMNER, REFERENCE

TABLES = ("networks", "kernels", "product")
PRODUCT = (512, 2304, 4000)


class Machine:
    """Peaks for a number of threads: the best that was ever seen, measured again before everything that is compared."""

    def __init__(self, program: str) -> None:
        self.program = program
        self.best: dict[int, dict[str, float]] = {}

    def look(self, threads: int) -> None:
        done = subprocess.run([self.program, str(threads)], check=True, capture_output=True, text=True)
        best = self.best.setdefault(threads, {})
        for name, value in json.loads(done.stdout).items():
            best[name] = max(best.get(name, 0), value)

    def peak(self, threads: int, level: str) -> float:
        return self.best[threads].get(level, 0)

    def levels(self) -> list[str]:
        best = next(iter(self.best.values()))
        return [level for level in ("avx512", "avx2") if best[level] > 0]


def limner(options: argparse.Namespace, model: pathlib.Path, *words: object) -> dict:
    command = [options.limner, "bench", model, "--profile", "--json", "--runs", options.runs, *words]
    done = subprocess.run([str(word) for word in command], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stderr.strip()}")
    return json.loads(done.stdout)


# ---- what is wrong has no figures ----

def run_words(threads: int, cpu: str | None) -> list[str]:
    return ["--threads", str(threads), *(["--cpu", cpu] if cpu else [])]


def outputs_of(options: argparse.Namespace, model: pathlib.Path, feeds: dict[str, np.ndarray], words: list[str]) -> dict[str, np.ndarray]:
    """limner's, by default and by direct sums."""
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        files = runs.save_feeds(feeds, place)
        return {name: runs.output_of(options.limner, model, files, [*words, *more], place / "out.npy")
                for name, more in ((LIMNER, []), (EXACT, ["--exact"]))}


def peer_output(model: pathlib.Path, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """onnxruntime's, where it is installed."""
    return {REFERENCE: np.asarray(engines.ENGINES[REFERENCE].start(model, 1, feeds)())} if common.version("onnxruntime") else {}


def is_wrong(options: argparse.Namespace, what: str, outputs: dict[str, np.ndarray]) -> bool:
    """Says so, too."""
    verdict = compare.judge(outputs, options.bound)
    for name, reason in verdict.wrong.items():
        print(f"{what}: {name} is WRONG: {reason}", file=sys.stderr, flush=True)
    return bool(verdict.wrong)


def time_cells(measured: dict, macs: float, peak: float, digits: int) -> list[str]:
    """Milliseconds, GFLOP/s and share of the peak."""
    if measured["wrong"]:
        return ["WRONG"] * 3
    reached = speed(macs, measured["min_ms"])
    return [f"{measured['min_ms']:.{digits}f}", f"{reached:.1f}", percent(reached, peak)]


def best_nodes(results: list[dict]) -> list[dict]:
    """The nodes of one model with the fastest time that each had in any round."""
    return [dict(nodes[0], min_ms=min(node["min_ms"] for node in nodes))
            for nodes in zip(*(result["nodes"] for result in results))]


def speed(macs: float, milliseconds: float) -> float:
    """GFLOP/s."""
    return 2 * macs / milliseconds / 1e6 if milliseconds else 0.0


def percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f} %" if whole else ""


# ---- networks ----

def network_is_wrong(options: argparse.Namespace, network: str, model: pathlib.Path, threads: int) -> bool:
    """limner beside onnxruntime, or beside itself where that needs too much memory."""
    case = sizes.Case(network, None, options.batch, options.size, options.size, (), True)
    feeds = common.feeds(case.inputs())
    peer, reason = sizes.onnxruntime_output(model, case, feeds)
    outputs = outputs_of(options, model, feeds, run_words(threads, options.cpu)) | ({} if peer is None else {REFERENCE: peer})
    if peer is None:
        print(f"{network}: beside {EXACT} alone, without {REFERENCE}: {reason}", file=sys.stderr, flush=True)
    return is_wrong(options, f"{network}, {threads} threads", outputs)


def measure_network(options: argparse.Namespace, machine: Machine, network: str, threads: int) -> dict:
    model = common.make_model(network, pathlib.Path(options.models))
    if network_is_wrong(options, network, model, threads):
        return {"network": network, "threads": threads, "wrong": True}
    shapes = common.shape_options(common.inputs_of(network, options.batch, options.size))
    results = []
    for _ in range(options.rounds):
        machine.look(threads)
        results.append(limner(options, model, *shapes, *run_words(threads, options.cpu)))
    figures = {key: statistics.median(result[key] for result in results) for key in ("median_ms", "first_ms", "peak_rss_mb")}
    return {"network": network, "threads": threads, "wrong": False, "cpu": results[0]["cpu"], "macs": results[0]["macs"],
            "min_ms": min(result["min_ms"] for result in results), **figures, "nodes": best_nodes(results)}


def print_networks(measured: list[dict], machine: Machine) -> None:
    header = ["network", "threads", "median ms", "best ms", "GFLOP/s", "of the peak", "load + first run ms", "peak MB"]
    print("\n## Networks\n")
    print(common.table(header, [[m["network"], str(m["threads"]), *network_cells(m, machine)] for m in measured]))
    for m in measured:
        if not m["wrong"]:
            print_layers(m, machine)


def network_cells(m: dict, machine: Machine) -> list[str]:
    if m["wrong"]:
        return ["WRONG"] * 6
    reached = speed(m["macs"], m["min_ms"])
    return [f"{m['median_ms']:.1f}", f"{m['min_ms']:.1f}", f"{reached:.1f}", percent(reached, machine.peak(m["threads"], m["cpu"])),
            f"{m['first_ms']:.0f}", f"{m['peak_rss_mb']:.0f}"]


def print_layers(measured: dict, machine: Machine) -> None:
    threads, total = measured["threads"], sum(node["min_ms"] for node in measured["nodes"])
    print(f"\n### {measured['network']}, {threads} thread{'s' if threads > 1 else ''}, {measured['cpu']}\n")
    rows = []
    for node in measured["nodes"]:
        flops, bytes_rate = speed(node["macs"], node["min_ms"]), node["bytes"] / node["min_ms"] / 1e6 if node["min_ms"] else 0
        rows.append([node["name"], node["operator"], "x".join(map(str, node["shape"])), f"{node['min_ms']:.3f}",
                     percent(node["min_ms"], total), f"{flops:.1f}" if flops else "",
                     percent(flops, machine.peak(threads, measured["cpu"])) if flops else "", f"{bytes_rate:.1f}",
                     percent(bytes_rate, machine.peak(threads, "triad"))])
    print(common.table(["layer", "operator", "output", "ms", "of the run", "GFLOP/s", "of the peak", "GB/s", "of the bandwidth"], rows))


# ---- kernels ----

def measure_kernels(options: argparse.Namespace, machine: Machine) -> list[dict]:
    folder = pathlib.Path(options.models)
    kinds: dict = {}
    for network in options.network or common.USUAL:
        inputs = common.inputs_of(network, options.batch, options.size)
        kinds.update(dict.fromkeys(layers.wide_layers(common.make_model(network, folder), inputs)))
    measured = []
    machine.look(1)
    for layer in kinds:
        model = layers.save_layer(layer, folder / "layers")
        feeds = common.feeds({"x": ([1, layer.inputs, layer.height, layer.width], "float32")})
        peer = peer_output(model, feeds)
        for level in machine.levels():
            about = {"layer": layer.text(), "input": [layer.height, layer.width], "cpu": level}
            wrong = is_wrong(options, f"{layer.text()}, {level}", outputs_of(options, model, feeds, run_words(1, level)) | peer)
            measured.append({**about, "wrong": wrong, **({} if wrong else best_kernel(options, machine, model, level))})
    return measured


def best_kernel(options: argparse.Namespace, machine: Machine, model: pathlib.Path, level: str) -> dict[str, float]:
    """The fastest run of the only node that multiplies."""
    best = None
    for _ in range(options.rounds):
        machine.look(1)
        nodes = limner(options, model, "--exact", *run_words(1, level))["nodes"]
        node = max(nodes, key=lambda node: node["macs"])
        best = node if best is None or node["min_ms"] < best["min_ms"] else best
    return {key: best[key] for key in ("macs", "min_ms")}


def print_kernels(measured: list[dict], machine: Machine) -> None:
    print("\n## Kernels: one thread, direct sums\n")
    print(common.table(["layer", "input", "instructions", "ms", "GFLOP/s", "of the peak"], [
        [m["layer"], "x".join(map(str, m["input"])), m["cpu"], *time_cells(m, m.get("macs", 0), machine.peak(1, m["cpu"]), 3)]
        for m in measured]))


# ---- product ----

def product_sides() -> dict[str, np.ndarray]:
    """What is multiplied; the right side is that of the model whose right side is constant."""
    rows, depth, columns = PRODUCT
    return {"a": np.random.default_rng(2).standard_normal((rows, depth), dtype=np.float32), "b": layers.right_side(depth, columns)}


def product_error(actual: np.ndarray) -> float:
    """The largest difference from the product in double precision, over its range."""
    a, b = product_sides().values()
    return compare.difference(actual, a.astype(np.float64) @ b.astype(np.float64)).largest


def library_product(library: str, threads: int, count: int) -> dict[str, float]:
    """The fastest of `count` runs, in milliseconds, in this process; and how far its output is off."""
    a, b = product_sides().values()
    product = lambda: np.matmul(a, b)
    if library == "torch":
        import torch

        torch.set_num_threads(threads)
        left, right = torch.from_numpy(a), torch.from_numpy(b)
        product = lambda: torch.matmul(left, right)
    times = []
    for _ in range(count + 1):
        started = time.perf_counter()
        result = product()
        times.append(time.perf_counter() - started)
    return {"min_ms": min(times[1:]) * 1e3, "error": product_error(np.asarray(result))}


def library_round(options: argparse.Namespace, library: str, threads: int) -> dict[str, float]:
    done = subprocess.run([sys.executable, __file__, "--product-worker", library, "--threads", str(threads), "--runs", str(options.runs)],
                          check=True, capture_output=True, text=True, env={**os.environ, "OPENBLAS_NUM_THREADS": str(threads)})
    return json.loads(done.stdout)


def limner_error(options: argparse.Namespace, model: pathlib.Path, constant: bool, threads: int) -> float:
    """How far limner's product is off, by default or with --exact."""
    sides = product_sides()
    feeds = {"a": sides["a"]} if constant else sides
    return max(product_error(output) for output in outputs_of(options, model, feeds, run_words(threads, None)).values())


def limner_rounds(options: argparse.Namespace, threads: int) -> dict[str, Callable[[], dict[str, float]]]:
    """A round of each kind of product, its output compared beforehand."""
    rounds = {}
    for constant, key in ((False, LIMNER), (True, f"{LIMNER}, right side constant")):
        model = layers.save_product(*PRODUCT, constant, pathlib.Path(options.models) / "layers")
        error = limner_error(options, model, constant, threads)
        rounds[key] = lambda model=model, error=error: limner(options, model, *run_words(threads, None)) | {"error": error}
    return rounds


def measure_product(options: argparse.Namespace, machine: Machine) -> list[dict]:
    library, name = ("torch", "PyTorch (MKL)") if common.version("torch") else ("numpy", "numpy (OpenBLAS)")
    measured = []
    for threads in map(int, options.threads.split(",")):
        rounds = limner_rounds(options, threads) | {name: lambda threads=threads: library_round(options, library, threads)}
        found: dict[str, list[dict[str, float]]] = {engine: [] for engine in rounds}
        for _ in range(options.rounds):
            machine.look(threads)
            for engine, run_round in rounds.items():
                found[engine].append(run_round())
        measured += [product_figures(options, engine, threads, results) for engine, results in found.items()]
    return measured


def product_figures(options: argparse.Namespace, engine: str, threads: int, results: list[dict[str, float]]) -> dict:
    about = {"engine": engine, "threads": threads}
    errors = [result["error"] for result in results]
    if all(compare.within(error, options.bound) for error in errors):
        return {**about, "wrong": False, "min_ms": min(result["min_ms"] for result in results)}
    print(f"product, {threads} threads: {engine} is WRONG: off by {max(errors):.1e} of the range", file=sys.stderr, flush=True)
    return {**about, "wrong": True}


def print_product(measured: list[dict], machine: Machine) -> None:
    rows, depth, columns = PRODUCT
    print(f"\n## Product of {rows}x{depth} and {depth}x{columns}\n")
    macs = rows * depth * columns
    level = max(("avx512", "avx2"), key=lambda level: machine.peak(measured[0]["threads"], level) > 0)
    print(common.table(["engine", "threads", "ms", "GFLOP/s", "of the peak"], [
        [m["engine"], str(m["threads"]), *time_cells(m, macs, machine.peak(m["threads"], level), 2)] for m in measured]))


def print_machine(machine: Machine) -> None:
    about = common.machine()
    print(f"\n## Machine: {about['processor']}, {about['processors']} processors\n")
    print(common.table(["threads", "AVX2 GFLOP/s", "AVX-512 GFLOP/s", "reading GB/s", "triad GB/s"], [
        [str(threads), *(f"{best[name]:.1f}" for name in ("avx2", "avx512", "read", "triad"))]
        for threads, best in sorted(machine.best.items())]))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("limner", nargs="?", default=str(common.ROOT / "build/limner"))
    parser.add_argument("--peak", default=str(common.ROOT / "build/bench/peak"), help="the program that measures the machine")
    parser.add_argument("--models", default=str(common.ROOT / "build/bench"), help="folder of the models (default build/bench)")
    parser.add_argument("--only", action="append", choices=TABLES, help="default: all tables")
    parser.add_argument("--network", action="append", choices=common.NETWORKS, help="default: all but keyvalue (606 MB)")
    parser.add_argument("--threads", default="1,2", help="default %(default)s; the kernels' table has one thread")
    parser.add_argument("--cpu", choices=("portable", "avx2", "avx512"), help="instructions of the networks' table")
    parser.add_argument("--size", type=int, default=256, help="height and width, default %(default)s")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3, help="processes, default %(default)s")
    parser.add_argument("--runs", type=int, default=8, help="runs a process, default %(default)s")
    parser.add_argument("--bound", type=float, default=compare.BOUND,
                        help="largest difference from the reference's output, over its range, default %(default)s")
    parser.add_argument("--json", help="also write the figures to this file")
    parser.add_argument("--product-worker", choices=("torch", "numpy"), help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    options = parse()
    if options.product_worker:
        print(json.dumps(library_product(options.product_worker, int(options.threads), options.runs)))
        return 0
    machine, figures = Machine(options.peak), {}
    wanted = options.only or TABLES
    if "networks" in wanted:
        figures["networks"] = [measure_network(options, machine, network, threads) for network in options.network or common.USUAL
                               for threads in map(int, options.threads.split(","))]
    if "kernels" in wanted:
        figures["kernels"] = measure_kernels(options, machine)
    if "product" in wanted:
        figures["product"] = measure_product(options, machine)
    print_machine(machine)
    for name, show in (("networks", print_networks), ("kernels", print_kernels), ("product", print_product)):
        if name in figures:
            show(figures[name], machine)
    about = {"machine": common.machine(), "versions": {name: common.version(name) for name in ("torch", "numpy")},
             "peaks": machine.best, "size": options.size, "batch": options.batch, **figures}
    if options.json:
        pathlib.Path(options.json).parent.mkdir(parents=True, exist_ok=True)
        pathlib.Path(options.json).write_text(json.dumps(about, indent=1) + "\n")
    return 1 if any(m["wrong"] for measured in figures.values() for m in measured) else 0


if __name__ == "__main__":
    sys.exit(main())
