#!/usr/bin/env python3
"""limner beside other engines on the full-size networks: alternating rounds, medians, ratios, memory, start.

Makes the models with models/graphs.py (onnx and numpy; seeded weights) and runs every engine that is installed in the
calling Python (onnxruntime, openvino), each round in a process of its own. `make bench-peers` sets the Python up.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import resource
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
NETWORKS = {"plain": 3, "inpaint": 4, "edge": 3}


def make_model(network: str, folder: pathlib.Path) -> pathlib.Path:
    path = folder / f"{network}.onnx"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, ROOT / "models/graphs.py", network, "-o", path], check=True)
    return path


def feed(shape: list[int]):
    import numpy as np

    return np.random.default_rng(1).random(shape, dtype=np.float32)


def start_onnxruntime(model: str, threads: int, shape: list[int]):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    inputs = {session.get_inputs()[0].name: feed(shape)}
    return lambda: session.run(None, inputs)


def start_openvino(model: str, threads: int, shape: list[int]):
    import openvino

    core = openvino.Core()
    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(model, "CPU", settings)
    request, data = compiled.create_infer_request(), feed(shape)
    return lambda: request.infer([data])


WORKERS = {"onnxruntime": start_onnxruntime, "openvino": start_openvino}


def work(engine: str, model: str, threads: int, shape: list[int], runs: int) -> None:
    """One round of a peer, in this process: prints the figures that `limner bench --json` prints."""
    started = time.perf_counter()
    run = WORKERS[engine](model, threads, shape)
    run()
    first = time.perf_counter() - started
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"first_ms": first * 1e3, "median_ms": statistics.median(times) * 1e3, "min_ms": min(times) * 1e3,
                      "peak_rss_mb": peak}))


def command(engine: str, options: argparse.Namespace, model: pathlib.Path, threads: int, shape: list[int]) -> list[str]:
    text = "x".join(map(str, shape))
    if engine == "limner":
        return [options.limner, "bench", str(model), "--shape", text, "--threads", str(threads), "--runs", str(options.runs), "--json"]
    return [sys.executable, __file__, "--worker", engine, "--model", str(model), "--threads", str(threads), "--shape", text,
            "--runs", str(options.runs)]


def measure(options: argparse.Namespace, engines: list[str], network: str, threads: int) -> dict[str, dict[str, float]]:
    """Medians over the rounds of each figure of each engine, the engines taking turns."""
    model = make_model(network, pathlib.Path(options.models))
    shape = [options.batch, NETWORKS[network], options.size, options.size]
    rounds: dict[str, list[dict]] = {engine: [] for engine in engines}
    for _ in range(options.rounds):
        for engine in engines:
            done = subprocess.run(command(engine, options, model, threads, shape), check=True, capture_output=True, text=True)
            rounds[engine].append(json.loads(done.stdout.strip().splitlines()[-1]))
    keys = ("median_ms", "min_ms", "first_ms", "peak_rss_mb")
    return {engine: {key: statistics.median(r[key] for r in results) for key in keys} for engine, results in rounds.items()}


def report(network: str, threads: int, results: dict[str, dict[str, float]]) -> None:
    best = min((r["median_ms"] for e, r in results.items() if e != "limner"), default=None)
    for engine, r in results.items():
        ratio = f"{r['median_ms'] / results['limner']['median_ms']:.2f}"
        print(f"| {network} | {threads} | {engine} | {r['median_ms']:.0f} | {r['min_ms']:.0f} | {ratio} | {r['first_ms']:.0f} | "
              f"{r['peak_rss_mb']:.0f} |", flush=True)
    if best:
        print(f"<!-- {network}, {threads} threads: the best peer takes {best / results['limner']['median_ms']:.2f} times limner's time -->")


def installed(engine: str) -> bool:
    return subprocess.run([sys.executable, "-c", f"import {engine}"], check=False, capture_output=True).returncode == 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("limner", nargs="?", default=str(ROOT / "build/limner"))
    parser.add_argument("--models", default=str(ROOT / "build/bench"), help="folder of the models (default build/bench)")
    parser.add_argument("--network", action="append", choices=sorted(NETWORKS), help="default: all")
    parser.add_argument("--threads", default="1,2", help="default %(default)s")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--runs", type=int, default=10, help="runs a round")
    parser.add_argument("--json", help="also write the figures to this file")
    parser.add_argument("--worker", choices=sorted(WORKERS), help=argparse.SUPPRESS)
    parser.add_argument("--model", help=argparse.SUPPRESS)
    parser.add_argument("--shape", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    options = parse()
    if options.worker:
        work(options.worker, options.model, int(options.threads), [int(v) for v in options.shape.split("x")], options.runs)
        return 0
    engines = ["limner"] + [engine for engine in WORKERS if installed(engine)]
    print("| network | threads | engine | median ms | best ms | time / limner's | load + first run ms | peak MB |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    figures = []
    for network in options.network or NETWORKS:
        for threads in map(int, options.threads.split(",")):
            results = measure(options, engines, network, threads)
            report(network, threads, results)
            figures.append({"network": network, "threads": threads, "size": options.size, "batch": options.batch, "engines": results})
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(figures, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
