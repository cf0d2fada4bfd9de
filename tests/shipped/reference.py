"""Runs one model in onnxruntime on random inputs and keeps both as a test folder: reference.py MODEL FOLDER. A process of its own.

Prints one JSON object: what onnxruntime refuses, or the operator sets, shapes and the time of the first data set.
"""

from __future__ import annotations

import copy
import json
import pathlib
import sys
import time

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

import feeds

BUDGET_SECONDS = 1.0
MOST_RUNS = 10
NUDGES = {np.dtype(np.float32): 1e-6, np.dtype(np.float64): 1e-6, np.dtype(np.float16): 2.0**-11}  # what sums of many products in another order differ by; of halves, what one is rounded by
STEP_NUDGE = 1e-6
DRAWS = 3
STEPS = ("DynamicQuantize", "QuantizeLinear")  # how operators begin that round to 8 bits
SHORT = 8


def message(problem: Exception) -> str:
    return str(problem).strip().splitlines()[0][:300]


def session_of(path: str | bytes, optimized: bool = True) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    if not optimized:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def attempt(session, known, second: bool):
    """(inputs, outputs) for the first sizes that run; raises what the last one said."""
    problem: Exception = RuntimeError("no sizes")
    for sizes in feeds.tries(second):
        given = feeds.make(session.get_inputs(), known, sizes, second)
        try:
            return given, session.run(None, given)
        except Exception as refused:  # onnxruntime's exceptions have no common class
            problem = refused
    raise problem


def typed(kind: str, value):
    """Maps with numbers of their declared type: onnxruntime gives those of Python, which are of double precision."""
    if "map(" not in kind:
        return value
    dtype = feeds.DTYPES[kind.split("tensor(")[-1].rstrip(")")]
    if dtype is np.object_:
        return value
    maps = [{key: dtype(number) for key, number in item.items()} for item in (value if isinstance(value, list) else [value])]
    return maps if isinstance(value, list) else maps[0]


def file_of(name: str, value) -> bytes:
    if isinstance(value, np.ndarray) or np.isscalar(value):
        return numpy_helper.from_array(np.asarray(value), name).SerializeToString()
    if isinstance(value, dict):
        return numpy_helper.from_dict(value, name).SerializeToString()
    if value and isinstance(value[0], dict):
        sequence = onnx.SequenceProto(name=name, elem_type=onnx.SequenceProto.MAP)
        sequence.map_values.extend(numpy_helper.from_dict(item, name) for item in value)
        return sequence.SerializeToString()
    return numpy_helper.from_list([np.asarray(item) for item in value], name).SerializeToString()


def keep(folder: pathlib.Path, session, number: int, given, outputs) -> None:
    place = folder / f"test_data_set_{number}"
    place.mkdir(parents=True, exist_ok=True)
    for i, value in enumerate(session.get_inputs()):
        (place / f"input_{i}.pb").write_bytes(file_of(value.name, given[value.name]))
    for i, value in enumerate(session.get_outputs()):
        (place / f"output_{i}.pb").write_bytes(file_of(value.name, typed(value.type, outputs[i])))


def part(one, other) -> float:
    """The largest difference of floats as a part of the largest number."""
    if not isinstance(one, np.ndarray) or one.dtype.kind != "f" or not one.size:
        return 0.0
    if one.shape != other.shape:
        return 0.0
    largest = np.abs(one[np.isfinite(one)].astype(np.float64)).max(initial=0) or 1.0
    return float(np.nan_to_num(np.abs(one.astype(np.float64) - other.astype(np.float64)), posinf=0).max() / largest)


def changed(one, other) -> float:
    """The share of integers, booleans or texts that differ."""
    if not isinstance(one, np.ndarray) or one.dtype.kind == "f" or not one.size or one.shape != other.shape:
        return 0.0
    return float((one != other).mean())


def nudged(value: np.ndarray, rng) -> np.ndarray:
    if value.dtype not in NUDGES:
        return value
    moved = value.astype(np.float64) * (1 + NUDGES[value.dtype] * rng.choice((-1, 1), value.shape))
    return np.asarray(moved.astype(value.dtype))


def nudged_weights(model: onnx.ModelProto, rng) -> bytes:
    """The model with its float weights moved by a rounding or two, but for short ones, which may be sizes."""
    moved = onnx.ModelProto()
    moved.CopyFrom(model)
    for tensor in moved.graph.initializer:
        if tensor.data_type in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16) and np.prod(tensor.dims) > SHORT:
            tensor.CopyFrom(numpy_helper.from_array(nudged(numpy_helper.to_array(tensor), rng), tensor.name))
    return moved.SerializeToString()


def nudged_steps(model: onnx.ModelProto, seed: int) -> bytes:
    """The model with the numbers that it makes 8-bit steps of while it runs moved by a rounding or two each: where one lies between two steps, either is right."""
    moved = onnx.ModelProto()
    moved.CopyFrom(model)
    del moved.graph.node[:]
    for i, node in enumerate(model.graph.node):
        if node.op_type.startswith(STEPS):
            draw, product = f"nudge {i}", f"nudged {i}"
            moved.graph.node.append(helper.make_node("RandomUniformLike", node.input[:1], [draw], low=1 - STEP_NUDGE, high=1 + STEP_NUDGE, seed=float(seed + i)))
            moved.graph.node.append(helper.make_node("Mul", [node.input[0], draw], [product]))
            node = copy.deepcopy(node)
            node.input[0] = product
        moved.graph.node.append(node)
    return moved.SerializeToString()


def wobble(session, path: str, model: onnx.ModelProto, sets) -> list[tuple[float, float]]:
    """How far onnxruntime's own outputs of each set move, and which share of those that are no floats changes, when its optimizations are off, or what goes in or is rounded to 8 bits moves by a rounding or two."""
    rng = np.random.default_rng(5)
    others = [session_of(path, optimized=False)]
    if not any(t.external_data for t in model.graph.initializer):
        others += [session_of(nudged_weights(model, rng)) for _ in range(DRAWS)]
        if any(node.op_type.startswith(STEPS) for node in model.graph.node):
            others += [session_of(nudged_steps(model, 1000 * draw)) for draw in range(DRAWS)]
    moved = []
    for given, outputs in sets:
        results = [other.run(None, given) for other in others]
        results.append(session.run(None, {name: nudged(value, rng) for name, value in given.items()}))
        pairs = [pair for result in results for pair in zip(outputs, result, strict=True)]
        moved.append((max(part(*pair) for pair in pairs), max(changed(*pair) for pair in pairs)))
    return moved


def milliseconds(session, given) -> float:
    best, spent, runs = 1e9, 0.0, 0
    while runs < MOST_RUNS and (spent < BUDGET_SECONDS or runs < 2):
        start = time.perf_counter()
        session.run(None, given)
        took = time.perf_counter() - start
        best, spent, runs = min(best, took), spent + took, runs + 1
    return 1000 * best


def main() -> dict:
    path, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    onnxruntime.set_default_logger_severity(4)
    try:
        model = onnx.load(path, load_external_data=False)
        session = session_of(path)
        known = feeds.tables(model)
        sets = [attempt(session, known, second) for second in (False, True)]
    except Exception as refused:
        return {"refused": message(refused)}
    for number, (given, outputs) in enumerate(sets):
        keep(folder, session, number, given, outputs)
    return {
        "opsets": {o.domain: o.version for o in model.opset_import},
        "shapes": {name: list(value.shape) for name, value in sets[0][0].items()},
        "ms": milliseconds(session, sets[0][0]),
        "wobble": wobble(session, path, model, sets),
    }


if __name__ == "__main__":
    print(json.dumps(main()))
