#!/usr/bin/env python3
"""limner beside other engines on the full-size networks: alternating rounds, medians, ratios, memory, start.

Makes the models with models/graphs.py (onnx and numpy; seeded weights) and runs every engine that is installed in the
calling Python (onnxruntime, OpenVINO, MNN, ncnn), each round in a process of its own. All compute in float32. Engines that
are missing or cannot run a network are left out, and the reason is printed. Before anything is timed, the outputs of all
engines, limner's too, are compared with onnxruntime's (or those of limner --exact), with the same number of threads: one
that is off by more than --bound gets WRONG in place of its figures, and the exit status is 1. `make bench-peers` sets the
Python up. docs/performance.md says what the figures mean.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

import common
import compare
import engines
import runs
from compare import BEFORE, EXACT, LIMNER, REFERENCE, Verdict
from engines import ENGINES, CannotRun

KEYS = ("median_ms", "min_ms", "first_ms", "peak_mb")


# ---- in a process of its own ----

def work(job: dict) -> dict:
    """One round of a peer: the figures that `limner bench --json` prints."""
    engine = ENGINES[job["engine"]]
    importlib.import_module(engine.module)
    feeds = common.feeds(job["inputs"])
    before = common.memory_mb("VmRSS")
    started = time.perf_counter()
    run = engine.start(pathlib.Path(job["path"]), job["threads"], feeds)
    output = run()
    first = time.perf_counter() - started
    if job["output"]:
        np.save(job["output"], output)
    times = []
    for turn in range(1 + job["runs"]):  # the first is not counted, as limner's warm-up is not
        started = time.perf_counter()
        run()
        times += [time.perf_counter() - started] if turn else []
    figures = {"first_ms": first * 1e3, "peak_mb": common.memory_mb("VmHWM"), "before_mb": before}
    if times:
        figures.update(median_ms=statistics.median(times) * 1e3, min_ms=min(times) * 1e3)
    return figures


# ---- the table ----

class Network:
    """One network at one size, and the engines that can run it."""

    def __init__(self, options: argparse.Namespace, name: str) -> None:
        self.options, self.name = options, name
        self.folder = pathlib.Path(options.models).resolve()
        self.model = common.make_model(name, self.folder)
        self.inputs = common.inputs_of(name, options.batch, options.size)
        self.paths: dict[str, pathlib.Path] = {}
        self.wanted: list[str] = options.engine or list(ENGINES)
        self.reasons: dict[str, str] = {}
        self.programs: dict[str, str] = {LIMNER: options.limner} | ({BEFORE: options.before} if options.before else {})

    def leave_out(self, name: str, problem: CannotRun) -> None:
        self.paths.pop(name, None)
        self.reasons[name] = str(problem)
        print(f"{name} is left out of {self.name}: {problem}", file=sys.stderr, flush=True)

    def engines(self) -> list[str]:
        """Those of the table."""
        return [*self.programs, *(name for name in self.paths if name in self.wanted)]

    def prepare(self) -> None:
        """Converts the model for every engine, and for the reference."""
        for name in dict.fromkeys([*self.wanted, REFERENCE]):
            try:
                if common.version(ENGINES[name].package) is None:
                    raise CannotRun("not installed")
                convert = ENGINES[name].convert
                self.paths[name] = convert(self.model, self.folder, self.inputs) if convert else self.model
            except CannotRun as problem:
                self.leave_out(name, problem)

    def outputs(self, threads: int, folder: pathlib.Path) -> dict[str, np.ndarray]:
        """Those of all engines that run, and of limner; of limner --exact where it has to be the reference."""
        outputs: dict[str, np.ndarray] = {}
        for name in list(self.paths):
            try:
                self.round(name, threads, runs=0, output=folder / "out.npy")
                outputs[name] = np.load(folder / "out.npy")
            except CannotRun as problem:
                self.leave_out(name, problem)
        files = runs.save_feeds(common.feeds(self.inputs), folder)
        exact = {} if REFERENCE in outputs else {EXACT: ["--exact"]}
        for name, words in (dict.fromkeys(self.programs, []) | exact).items():
            words = [*words, "--threads", str(threads)]
            program = self.programs.get(name, self.options.limner)
            outputs[name] = runs.output_of(program, self.model, files, words, folder / "out.npy")
        return outputs

    def compare(self, threads: int) -> Verdict:
        """Which engines are wrong with so many threads."""
        with tempfile.TemporaryDirectory() as folder:
            verdict = compare.judge(self.outputs(threads, pathlib.Path(folder)), self.options.bound)
        for name, reason in verdict.wrong.items():
            print(f"{name} is WRONG, {self.name}, {threads} threads: {reason}", file=sys.stderr, flush=True)
        return verdict

    def round(self, name: str, threads: int, runs: int, output: pathlib.Path | None = None) -> dict:
        """One process: load, first run, runs."""
        if name in self.programs:
            command = [self.programs[name], "bench", str(self.model), *common.shape_options(self.inputs), "--threads",
                       str(threads), "--runs", str(runs), "--json"]
        else:
            job = {"engine": name, "path": str(self.paths[name]), "inputs": self.inputs, "threads": threads, "runs": runs,
                   "output": str(output) if output else None}
            command = [sys.executable, __file__, "--worker", json.dumps(job)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            words = done.stderr.strip().splitlines()
            raise CannotRun(words[-1] if words else f"ends with {done.returncode}")
        figures = json.loads(done.stdout.strip().splitlines()[-1])
        if name in self.programs:
            figures["peak_mb"] = figures["peak_rss_mb"]
        else:
            figures["peak_mb"] -= figures["before_mb"]  # the interpreter and the engine's libraries
        return figures

    def measure(self, threads: int, verdict: Verdict) -> dict[str, dict[str, float]]:
        """Medians over the rounds of each figure of each engine that is right, the engines taking turns."""
        rounds: dict[str, list[dict]] = {name: [] for name in self.engines() if name not in verdict.wrong}
        for turn in range(self.options.rounds):
            for name in list(rounds)[turn % len(rounds):] + list(rounds)[:turn % len(rounds)] if rounds else ():
                rounds[name].append(self.round(name, threads, self.options.runs))
        return {name: {key: statistics.median(figures[key] for figures in results) for key in KEYS}
                for name, results in rounds.items()}


def rows(network: Network, threads: int, results: dict[str, dict[str, float]], verdict: Verdict) -> list[list[str]]:
    mine, table = results.get(LIMNER), []
    for name in network.engines():
        r = results.get(name)
        figures = [f"{r['median_ms']:.0f}", f"{r['min_ms']:.0f}", f"{r['median_ms'] / mine['median_ms']:.2f}" if mine else "",
                   f"{r['first_ms']:.0f}", f"{r['peak_mb']:.0f}"] if r else ["WRONG"] * 5
        table.append([network.name, str(threads), name, *figures, f"{verdict.differences[name]:.0e}"])
    return table


HEADER = ["network", "threads", "engine", "median ms", "best ms", "time / limner's", "load + first run ms", "peak MB", "difference"]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("limner", nargs="?", default=str(common.ROOT / "build/limner"))
    parser.add_argument("--before", help="another build of the limner command, which is measured beside this one")
    parser.add_argument("--models", default=str(common.ROOT / "build/bench"), help="folder of the models (default build/bench)")
    parser.add_argument("--network", action="append", choices=common.NETWORKS, help="default: all but keyvalue (606 MB)")
    parser.add_argument("--engine", action="append", choices=sorted(ENGINES), help="a peer; default: all that are installed")
    parser.add_argument("--threads", default="1,2", help="default %(default)s")
    parser.add_argument("--size", type=int, default=256, help="height and width, default %(default)s")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5, help="processes of each engine, default %(default)s")
    parser.add_argument("--runs", type=int, default=10, help="runs a process, default %(default)s")
    parser.add_argument("--bound", type=float, default=compare.BOUND,
                        help="largest difference from the reference's output, over its range, default %(default)s")
    parser.add_argument("--json", help="also write the figures to this file")
    parser.add_argument("--plot", help="also draw them into this PNG file")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser.parse_args()


def write(options: argparse.Namespace, measured: list[dict], reasons: dict[str, dict[str, str]]) -> None:
    figures = {"machine": common.machine(), "versions": engines.versions(), "size": options.size, "batch": options.batch,
               "rounds": options.rounds, "runs": options.runs, "left_out": reasons, "figures": measured}
    if options.json:
        pathlib.Path(options.json).parent.mkdir(parents=True, exist_ok=True)
        pathlib.Path(options.json).write_text(json.dumps(figures, indent=1) + "\n")
    if options.plot:
        from plot import draw

        draw(figures, pathlib.Path(options.plot))


def print_best(name: str, threads: int, results: dict[str, dict[str, float]]) -> None:
    peers = {peer: r["median_ms"] for peer, r in results.items() if peer not in (LIMNER, BEFORE)}
    if peers and LIMNER in results:
        best = min(peers, key=peers.__getitem__)
        print(f"{name}, {threads} threads: {best} takes {peers[best] / results[LIMNER]['median_ms']:.2f} times limner's time",
              file=sys.stderr, flush=True)


def main() -> int:
    options = parse()
    if options.worker:
        try:
            print(json.dumps(work(json.loads(options.worker))))
        except CannotRun as problem:
            sys.exit(str(problem))
        return 0
    measured, table, reasons = [], [], {}
    for name in options.network or common.USUAL:
        network = Network(options, name)
        network.prepare()
        reasons[name] = network.reasons
        for threads in map(int, options.threads.split(",")):
            verdict = network.compare(threads)
            results = network.measure(threads, verdict)
            table += rows(network, threads, results, verdict)
            shown = {engine: results.get(engine, {"wrong": True}) for engine in network.engines()}
            measured.append({"network": name, "threads": threads, "engines": shown, **verdict.json()})
            print_best(name, threads, results)
    print(common.table(HEADER, table))
    write(options, measured, reasons)
    return 1 if any(row["wrong"] for row in measured) else 0


if __name__ == "__main__":
    sys.exit(main())
