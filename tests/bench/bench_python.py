#!/usr/bin/env python3
"""limner in Python beside onnxruntime in Python: the same lines with one import changed, alternating rounds, medians.

Each round is a process of its own: the import, the load with the first run, and runs. Three rows: onnxruntime, limner.ort
under the same lines, and limner.Session. Networks are those of models/graphs.py with seeded weights; all compute in
float32. Before anything is timed the outputs are compared with onnxruntime's: one that is off by more than --bound gets
WRONG in place of its figures, and the exit status is 1. `make bench-python` sets the Python up.
"""

from __future__ import annotations

import argparse
import importlib.util
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

KEYS = ("median_ms", "min_ms", "first_ms", "import_ms", "peak_mb")


# ---- in a process of its own ----

def start_by_ort(module: str, path: str, threads: int):
    """What a user of onnxruntime writes."""
    ort = importlib.import_module(module)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda feeds: session.run(None, feeds)[0]


def start_session(module: str, path: str, threads: int):
    session = importlib.import_module(module).Session(path, threads=threads)
    return lambda feeds: session.run(feeds)[0]


ENGINES = {compare.REFERENCE: (start_by_ort, "onnxruntime"), "limner.ort": (start_by_ort, "limner.ort"), "limner": (start_session, "limner")}


def work(job: dict) -> dict:
    """One round."""
    start, module = ENGINES[job["engine"]]
    feeds = common.feeds(job["inputs"])
    began = time.perf_counter()
    importlib.import_module(module)
    imported = time.perf_counter()
    run = start(module, job["path"], job["threads"])
    output = run(feeds)
    first = time.perf_counter()
    if job["output"]:
        np.save(job["output"], output)
    times = []
    for turn in range(1 + job["runs"]):  # the first is not counted
        started = time.perf_counter()
        run(feeds)
        times += [time.perf_counter() - started] if turn else []
    figures = {"import_ms": (imported - began) * 1e3, "first_ms": (first - imported) * 1e3, "peak_mb": common.memory_mb("VmHWM")}
    return figures | ({"median_ms": statistics.median(times) * 1e3, "min_ms": min(times) * 1e3} if times else {})


# ---- the table ----

def round_of(engine: str, path: pathlib.Path, inputs: common.Inputs, threads: int, runs: int, output: pathlib.Path | None = None) -> dict:
    job = {"engine": engine, "path": str(path), "inputs": inputs, "threads": threads, "runs": runs, "output": str(output) if output else None}
    done = subprocess.run([sys.executable, __file__, "--worker", json.dumps(job)], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{engine} fails:\n{done.stderr}")
    figures: dict = json.loads(done.stdout.splitlines()[-1])
    return figures


def verdict_of(path: pathlib.Path, inputs: common.Inputs, threads: int, bound: float) -> compare.Verdict:
    outputs = {}
    with tempfile.TemporaryDirectory() as folder:
        for engine in ENGINES:
            file = pathlib.Path(folder, f"{engine}.npy")
            round_of(engine, path, inputs, threads, 0, file)
            outputs[engine] = np.load(file)
    return compare.judge(outputs, bound)


def measure(options: argparse.Namespace, path: pathlib.Path, inputs: common.Inputs, threads: int, engines: list[str]) -> dict[str, dict[str, float]]:
    """Medians over rounds in which the engines take turns."""
    rounds: dict[str, list[dict]] = {engine: [] for engine in engines}
    for turn in range(options.rounds):
        for i in range(len(engines)):
            engine = engines[(turn + i) % len(engines)]
            rounds[engine].append(round_of(engine, path, inputs, threads, options.runs))
    return {engine: {key: statistics.median(figures[key] for figures in results) for key in KEYS} for engine, results in rounds.items()}


def installed_mb(package: str) -> float:
    """What the package takes on the disk, with the libraries that its wheel brings."""
    spec = importlib.util.find_spec(package)
    home = pathlib.Path(spec.origin).parent if spec and spec.origin else pathlib.Path()
    folders = [home, home.with_name(f"{package}.libs")]
    return sum(file.stat().st_size for folder in folders for file in folder.rglob("*") if file.is_file() and file.suffix != ".pyc") / 1e6


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=str(common.ROOT / "build/bench"), help="folder of the models (default build/bench)")
    parser.add_argument("--network", action="append", choices=common.NETWORKS, help="default: all but keyvalue (606 MB)")
    parser.add_argument("--threads", default="1,2", help="default %(default)s")
    parser.add_argument("--size", type=int, default=256, help="height and width, default %(default)s")
    parser.add_argument("--rounds", type=int, default=5, help="processes of each, default %(default)s")
    parser.add_argument("--runs", type=int, default=10, help="runs a process, default %(default)s")
    parser.add_argument("--small", action="store_true", help="networks of few channels: what the way from Python costs")
    parser.add_argument("--bound", type=float, default=compare.BOUND, help="largest difference from onnxruntime's output, over its range, default %(default)s")
    parser.add_argument("--json", help="also write the figures to this file")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser.parse_args()


def row(network: str, threads: int, engine: str, results: dict, verdict: compare.Verdict) -> list[str]:
    figures, mine = results.get(engine), results.get("limner")
    cells = ["WRONG"] * 5
    if figures:
        against = f"{figures['median_ms'] / mine['median_ms']:.2f}" if mine else ""
        cells = [f"{figures['median_ms']:.4g}", against, f"{figures['first_ms']:.0f}", f"{figures['import_ms']:.0f}", f"{figures['peak_mb']:.0f}"]
    return [network, str(threads), engine, *cells, f"{verdict.differences[engine]:.0e}"]


def main() -> int:
    options = parse()
    if options.worker:
        print(json.dumps(work(json.loads(options.worker))))
        return 0
    scale = common.Scale(8, 16, 2) if options.small else None
    rows, figures, wrong = [], [], False
    for name in options.network or common.USUAL:
        path = common.make_model(name, pathlib.Path(options.models).resolve(), scale)
        inputs = common.inputs_of(name, 1, options.size)
        for threads in map(int, options.threads.split(",")):
            verdict = verdict_of(path, inputs, threads, options.bound)
            results = measure(options, path, inputs, threads, [engine for engine in ENGINES if engine not in verdict.wrong])
            rows += [row(name, threads, engine, results, verdict) for engine in ENGINES]
            figures.append({"network": name, "threads": threads, "engines": results, **verdict.json()})
            wrong = wrong or bool(verdict.wrong)
            for engine, reason in verdict.wrong.items():
                print(f"{engine} is WRONG, {name}, {threads} threads: {reason}", file=sys.stderr, flush=True)
    print(common.table(["network", "threads", "package", "median ms", "time / limner's", "load + first run ms", "import ms", "peak MB", "difference"], rows))
    sizes = {package: installed_mb(package) for package in ("onnxruntime", "limner")}
    print("\nInstalled: " + ", ".join(f"{package} {size:.1f} MB" for package, size in sizes.items()) + ".")
    if options.json:
        text = json.dumps({"machine": common.machine(), "installed_mb": sizes, "size": options.size, "rounds": options.rounds, "runs": options.runs, "figures": figures}, indent=1)
        pathlib.Path(options.json).write_text(text + "\n", encoding="utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
