#!/usr/bin/env python3
"""Random graphs, limner beside onnxruntime: random_graphs.py LIMNER [--graphs N] [--seed S] [--keep FOLDER]

A graph grows node by node by the rules of graph_rules.py; onnxruntime runs each node as it comes, so that the next one
knows its shapes. Then limner runs the whole, with every value that nobody reads as an output. A disagreement is made
smaller, as long as it stays one, and kept as a test folder with the command that repeats it. A graph that limner
refuses as not supported is counted, and named with --verbose. Where onnx's reference evaluator sides with limner, the
disagreement is counted apart.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import pathlib
import pickle
import random
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

import graph_rules

ROOT = pathlib.Path(__file__).resolve().parents[2]
onnxruntime.set_default_logger_severity(4)
LARGEST = {"f": 1e4, "i": 2**20, "u": 2**20}


class Value:
    """What a node made: its name, how it is, and whether rounding had a part in it."""

    def __init__(self, name: str, array: np.ndarray, exact: bool):
        self.name, self.array, self.exact = name, array, exact
        self.shape, self.dtype, self.rank, self.size = array.shape, array.dtype, array.ndim, array.size


class Drawing:
    """A graph that grows, and what rules draw from."""

    def __init__(self, seed: int):
        self.rng = random.Random(seed)
        self.opset = self.rng.choice((11, 12, 13, 14, 16, 17, 18, 19, 20, 21, 22))
        self.around = self.rng.choice((None, None, branches, loop))
        self.is_fixed = self.rng.random() < 0.3
        self.values: list[Value] = []
        self.nodes, self.inputs, self.constants = [], {}, {}

    def choice(self, of):
        return self.rng.choice(tuple(of))

    def small_shape(self, most_rank=4):
        return [self.rng.choice((0, 1, 1, 2, 3, 4, 5)) if self.rng.random() < 0.9 else 7 for _ in range(self.rng.randint(0, most_rank))]

    def numbers(self, shape, dtype) -> np.ndarray:
        """Numbers of few digits: sums of them are exact."""
        dtype = np.dtype(dtype)
        count = int(np.prod(shape))
        if dtype == bool:
            return np.array([self.rng.random() < 0.5 for _ in range(count)], dtype).reshape(shape)
        low = 0 if dtype.kind == "u" else -12
        values = [self.rng.randint(low, 12) for _ in range(count)]
        return (np.array(values, np.float64) / (4 if dtype.kind == "f" else 1)).astype(dtype).reshape(shape)

    def indices(self, shape, size) -> np.ndarray:
        return np.array([self.rng.randint(-size, size - 1) for _ in range(int(np.prod(shape)))], np.int64).reshape(shape)

    def factors(self, number):
        found, prime = [], 2
        while number > 1:
            while number % prime == 0:
                found.append(prime)
                number //= prime
            prime += 1
        return found

    def fresh(self, array: np.ndarray) -> Value:
        """A new input of the graph, or a constant of it."""
        name = f"x{len(self.inputs) + len(self.constants)}"
        (self.inputs if self.rng.random() < 0.6 else self.constants)[name] = array
        return Value(name, array, True)

    def value(self, dtypes, rank=0, most_rank=5, exact=False, empty=True) -> Value:
        """One that there is, if it fits, else a new one."""
        fits = [v for v in self.values if v.dtype.name in dtypes and rank <= v.rank <= most_rank and (v.exact or not exact) and (v.size or empty)]
        if fits and self.rng.random() < 0.85:
            return self.rng.choice(fits[-6:])
        shape = self.small_shape(min(most_rank, 4))
        shape += [self.rng.randint(1, 4) for _ in range(rank - len(shape))]
        if not empty:
            shape = [max(1, size) for size in shape]
        return self.fresh(self.numbers(shape, np.dtype(self.choice(dtypes))))

    def image(self, channels=None, even=False) -> Value:
        fits = [v for v in self.values if v.dtype == np.float32 and v.rank == 4 and v.size and (channels is None or v.shape[1] == channels)
                and not (even and (v.shape[2] % 2 or v.shape[3] % 2))]
        if fits and self.rng.random() < 0.85:
            return self.rng.choice(fits[-6:])
        spatial = [self.rng.randint(1, 9) * (2 if even else 1) for _ in range(2)]
        return self.fresh(self.numbers([self.rng.randint(1, 2), channels or self.choice((1, 2, 3, 4, 8, 16, 17)), *spatial], np.float32))

    def shape_under(self, x):
        """One that broadcasts to x's."""
        shape = [size if self.rng.random() < 0.7 else 1 for size in x.shape]
        return shape[self.rng.randint(0, len(shape)):] if self.rng.random() < 0.3 else shape

    def shape_with(self, x):
        """One that broadcasts with x's."""
        shape = [size if size != 1 or self.rng.random() < 0.6 else self.rng.randint(1, 3) for size in self.shape_under(x)]
        return [2, *shape] if len(shape) == len(x.shape) and len(shape) < 4 and self.rng.random() < 0.1 else shape

    def partner(self, x, exact=False):
        fits = [v for v in self.values if v.dtype == x.dtype and v.shape == x.shape and (v.exact or not exact)]
        return self.rng.choice(fits) if fits and self.rng.random() < 0.5 else self.numbers(self.shape_with(x), x.dtype)


def run_node(node, feeds, opset):
    """Its outputs by onnxruntime, or None where that refuses it."""
    inputs = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape) for name, array in feeds.items()]
    outputs = [onnx.ValueInfoProto(name=name) for name in node.output]
    return run_model(model_of([node], inputs, outputs, {}, opset), feeds)


def model_of(nodes, inputs, outputs, constants, opset):
    graph = helper.make_graph(nodes, "random", inputs, outputs, [numpy_helper.from_array(a, n) for n, a in constants.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def run_model(model, feeds):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"]).run(None, feeds)
    except Exception:  # whatever it says: then there is nothing to compare with
        return None


def is_tame(array) -> bool:
    if array.dtype.kind not in LARGEST or not array.size:
        return array.size <= 4096
    return array.size <= 4096 and bool(np.all(np.isfinite(array))) and float(np.max(np.abs(array.astype(np.float64)))) <= LARGEST[array.dtype.kind]


def grow(drawing: Drawing, operators) -> None:
    op, inputs, attributes, outputs, exact = drawing.choice(graph_rules.RULES)(drawing)
    if op not in operators:
        return
    feeds, names, all_exact = {}, [], exact
    for value in inputs:
        if value is None:
            names.append("")
            continue
        if not isinstance(value, Value):
            value = Value(f"c{len(drawing.constants)}_{len(drawing.inputs)}", np.asarray(value), True)
            (drawing.constants if drawing.rng.random() < 0.8 else drawing.inputs)[value.name] = value.array
        names.append(value.name)
        feeds[value.name] = value.array
        all_exact = all_exact and value.exact
    number = len(drawing.nodes)
    node = helper.make_node(op, names, [f"v{number}_{i}" for i in range(outputs)], name=f"n{number}", **attributes)
    results = run_node(node, feeds, drawing.opset)
    if results is None or not all(is_tame(r) for r in results):
        return
    drawing.nodes.append(node)
    drawing.values += [Value(name, result, all_exact) for name, result in zip(node.output, results)]


def subgraph(nodes, results, suffix, first_outputs=()):
    """The nodes as a graph with names of its own; what they do not make is captured. results: name -> array."""
    made = {name for node in nodes for name in node.output}
    renamed = lambda name: name + suffix if name in made else name
    inside = [helper.make_node(n.op_type, [renamed(i) for i in n.input], [renamed(o) for o in n.output], name=n.name + suffix) for n in nodes]
    for new, old in zip(inside, nodes):
        new.attribute.extend(old.attribute)
    infos = [helper.make_tensor_value_info(renamed(n), helper.np_dtype_to_tensor_dtype(a.dtype), [None] * a.ndim) for n, a in results.items()]
    return inside, [*first_outputs, *infos]


def last_half(nodes, expected):
    head, tail = nodes[:len(nodes) // 2], nodes[len(nodes) // 2:]
    return head, tail, {n: a for n, a in expected.items() if any(n in node.output for node in tail)}


def branches(nodes, expected):
    """The last half in both branches of an If."""
    head, tail, results = last_half(nodes, expected)
    graphs = {}
    for branch in ("then_branch", "else_branch"):
        inside, outputs = subgraph(tail, results, "_" + branch[:4])
        graphs[branch] = helper.make_graph(inside, branch, [], outputs)
    node = helper.make_node("If", ["condition"], list(results), name="branches", **graphs)
    return [*head, node], expected, {"condition": np.array(len(nodes) % 2 == 0)}


def loop(nodes, expected):
    """The last half, twice, in a Loop that stacks its results."""
    head, tail, results = last_half(nodes, expected)
    boolean = lambda name: helper.make_tensor_value_info(name, onnx.TensorProto.BOOL, [])
    inside, outputs = subgraph(tail, results, "_loop", [boolean("go_on_")])
    inside.append(helper.make_node("Identity", ["go_on"], ["go_on_"]))
    body = helper.make_graph(inside, "body", [helper.make_tensor_value_info("iteration", onnx.TensorProto.INT64, []), boolean("go_on")], outputs)
    node = helper.make_node("Loop", ["trips", ""], list(results), name="loop", body=body)
    return [*head, node], expected | {n: np.stack([a, a]) for n, a in results.items()}, {"trips": np.array(2, np.int64)}


def grown_apart(seed, most_nodes, operators):
    """A graph, grown in a process of its own: some nodes end onnxruntime's with a signal; None then."""
    with tempfile.TemporaryFile() as file:
        child = os.fork()
        if child == 0:
            drawing = Drawing(seed)
            for _ in range(3 * most_nodes):
                if len(drawing.nodes) < most_nodes:
                    grow(drawing, operators)
            pickle.dump(drawing, file)
            file.flush()
            os._exit(0)
        ended = os.waitpid(child, 0)[1]
        file.seek(0)
        return None if ended else pickle.load(file)


def build(nodes, drawing):
    """Model, feeds, expected outputs: what nobody reads is an output."""
    read = {name for node in nodes for name in node.input}
    made = {value.name: value for value in drawing.values}
    outputs = [name for node in nodes for name in node.output if name not in read]
    expected = {n: made[n].array for n in outputs}
    info = lambda name, array: helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), [None] * array.ndim)
    made_here = {name for node in nodes for name in node.output}
    feeds = {n: a for n, a in drawing.inputs.items() if n in read}
    # A value whose node is gone becomes an input.
    feeds |= {n: made[n].array for n in read if n in made and n not in made_here}
    constants = {n: a for n, a in drawing.constants.items() if n in read}
    if drawing.around and len(nodes) > 1:
        nodes, expected, more = drawing.around(nodes, expected)
        (constants if drawing.is_fixed else feeds).update(more)
    model = model_of(nodes, [info(n, a) for n, a in feeds.items()], [info(n, a) for n, a in expected.items()], constants, drawing.opset)
    return model, feeds, expected


def write(folder, nodes, drawing):
    model, feeds, expected = build(nodes, drawing)
    shutil.rmtree(folder, ignore_errors=True)
    data = folder / "test_data_set_0"
    data.mkdir(parents=True)
    onnx.save(model, folder / "model.onnx")
    for kind, arrays in (("input", feeds), ("output", expected)):
        for i, (name, array) in enumerate(arrays.items()):
            (data / f"{kind}_{i}.pb").write_bytes(numpy_helper.from_array(np.asarray(array), name).SerializeToString())


def disagrees(limner, folder) -> str:
    """"" or what limner says."""
    ran = subprocess.run([limner, "test", "--rtol", "1e-3", "--atol", "1e-3", str(folder)], capture_output=True, text=True, check=False)
    return "" if ran.returncode == 0 else (ran.stdout + ran.stderr).strip()


def is_refusal(words) -> bool:
    return "not supported" in words or ", supported: " in words


def shrink(limner, nodes, drawing, folder):
    """Fewer nodes, as long as limner disagrees for a like reason."""
    nodes = list(nodes)
    refused = is_refusal(disagrees(limner, folder))
    smaller = True
    while smaller:
        smaller = False
        for i in reversed(range(len(nodes))):
            fewer = nodes[:i] + nodes[i + 1:]
            if not fewer:
                break
            write(folder, fewer, drawing)
            said = disagrees(limner, folder)
            if said and is_refusal(said) == refused:
                nodes, smaller = fewer, True
    write(folder, nodes, drawing)
    return nodes


def evaluator_agrees(folder) -> bool:
    """Whether onnx's reference evaluator says what onnxruntime said."""
    from onnx.reference import ReferenceEvaluator

    load = lambda kind: [numpy_helper.to_array(onnx.load_tensor(p)) for p in sorted((folder / "test_data_set_0").glob(f"{kind}_*.pb"), key=lambda p: int(p.stem.split("_")[1]))]
    model = onnx.load(folder / "model.onnx")
    try:
        got = ReferenceEvaluator(model).run(None, {i.name: a for i, a in zip(model.graph.input, load("input"))})
        return all(g.shape == e.shape and np.allclose(g, e, rtol=1e-3, atol=1e-3, equal_nan=True) for g, e in zip(got, load("output")))
    except Exception as problem:  # it is no judge then
        print(f"    (the reference evaluator fails: {str(problem)[:100]})")
        return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("limner")
    parser.add_argument("--graphs", type=int, default=150)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--nodes", type=int, default=12)
    parser.add_argument("--keep", type=pathlib.Path, default=ROOT / "build/check/random-graphs")
    parser.add_argument("--verbose", action="store_true")
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else int(time.time()) % 1_000_000 * 1000
    table = json.loads(subprocess.run([arguments.limner, "ops", "--json"], check=True, capture_output=True, text=True).stdout)
    operators = {row["operator"] for row in table if row["domain"] == ""}
    shutil.rmtree(arguments.keep, ignore_errors=True)
    counts, wrong = collections.Counter(), 0
    drawings = {}
    for number in range(arguments.graphs):
        drawing = grown_apart(seed + number, arguments.nodes, operators)
        counts["(onnxruntime ended)"] += drawing is None
        if drawing and drawing.nodes:
            write(arguments.keep / str(seed + number), drawing.nodes, drawing)
            drawings[seed + number] = drawing
            counts.update(node.op_type for node in drawing.nodes)
    said = disagrees(arguments.limner, arguments.keep)
    for number, drawing in drawings.items():
        folder = arguments.keep / str(number)
        if not said or not (words := disagrees(arguments.limner, folder)):
            shutil.rmtree(folder)
            continue
        nodes = shrink(arguments.limner, drawing.nodes, drawing, folder)
        words = disagrees(arguments.limner, folder)
        if is_refusal(words):
            counts["(refused)"] += 1
            if arguments.verbose:
                print(f"refused: seed {number}: {words.splitlines()[0]}")
            shutil.rmtree(folder)
            continue
        agrees = evaluator_agrees(folder)
        wrong += agrees
        counts["(onnxruntime alone)"] += not agrees
        if not agrees and not arguments.verbose:
            continue
        print(f"{'WRONG' if agrees else 'onnxruntime alone'}: seed {number}, {[n.op_type for n in nodes]}: {words.splitlines()[0]}\n    again with: {arguments.limner} test {folder}")
    print(f"{len(drawings)} graphs from seed {seed}, {sum(n for op, n in counts.items() if op[0] != '(')} nodes of {sum(op[0] != '(' for op in counts)} operators: "
          f"{wrong} wrong, {counts['(refused)']} refused for a type or form, {counts['(onnxruntime alone)']} where the reference evaluator sides with limner, "
          f"{counts['(onnxruntime ended)']} that onnxruntime did not survive")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
