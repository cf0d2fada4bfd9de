"""Models with If, Loop and Scan for tests/e2e/conformance.py, at random sizes: name, model, inputs.

As a program it writes some of them into a folder, as seeds for fuzzing: subgraphs.py tests/fuzz/seeds/fuzz_model

Each shows something else: values from one and two graphs around, branches of different shapes, carried values that
grow, conditions that depend on data, no iteration at all, loops in loops, axes and directions, weights that several
bodies share.
"""

from __future__ import annotations

import pathlib
import random
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, parser

HEADER = '<ir_version: 8, opset_import: ["" : 17]>\n'

CHOICE = """
choice (float[A, B] x, bool c) => (y, z) {
  w = Exp(x)
  one = Constant<value = float {1.0}>()
  y, z = If(c)<
    then_branch = then () => (float[M, N] a, float[P, Q] b) { a = Add(w, one)  b = Concat<axis = 0>(x, w) },
    else_branch = other () => (float[M, N] d, float[P, Q] e) { d = Transpose(w)  e = Identity(x) }>
}"""

NESTED_CHOICE = """
nested (float[A, B] x, bool c, bool d) => (y) {
  w = Tanh(x)
  s = If(c)<
    then_branch = then () => (float[M, N] p) {
      v = Mul(w, x)
      p = If(d)<then_branch = inner () => (float[M, N] q) { q = Add(v, w) },
                else_branch = other () => (float[M, N] r) { r = Sub(v, x) }>
    },
    else_branch = other () => (float[M, N] t) { t = Neg(w) }>
  y = Relu(s)
}"""

FIXED_CHOICE = """
fixed (float[A, B] x) => (y, z) {
  w = Exp(x)
  shape = Shape(x)
  zero = Constant<value = int64 {0}>()
  rows = Gather<axis = 0>(shape, zero)
  two = Constant<value = int64 {2}>()
  many = Greater(rows, two)
  yes = Constant<value = bool {1}>()
  y = If(many)<
    then_branch = then () => (float[M, N] p) { p = Add(w, x) },
    else_branch = other () => (float[M, N] q) { q = Concat<axis = 1>(w, x) }>
  z = If(yes)<
    then_branch = then2 () => (float[M, N] r) {
      r = If(yes)<then_branch = deep () => (float[M, N] u) { u = Mul(w, x) }, else_branch = no () => (float[M, N] v) { v = Identity(x) }>
    },
    else_branch = other2 () => (float[M, N] s) { s = Neg(w) }>
}"""

COUNTED = """
counted (float[A, B] x, int64 trips) => (last, all) {
  step = Constant<value = float {0.5}>()
  last, all = Loop(trips, , x)<body = body (int64 i, bool c, float[A, B] v) => (bool again, float[A, B] next, float[A, B] out) {
    again = Identity(c)
    f = Cast<to = 1>(i)
    g = Mul(f, step)
    next = Add(v, g)
    out = Mul(next, x)
  }>
}"""

GROWING = """
growing (float[A, B] x, int64 trips) => (last, sizes) {
  last, sizes = Loop(trips, , x)<body = body (int64 i, bool c, float[R, B] v) => (bool again, float[S, B] next, int64[2] size) {
    again = Identity(c)
    next = Concat<axis = 0>(v, x)
    size = Shape(next)
  }>
}"""

WHILE = """
halving (float[A, B] x, float bound) => (last, count, sums) {
  zero = Constant<value = int64 {0}>()
  yes = Constant<value = bool {1}>()
  last, count, sums = Loop(, yes, x, zero)<
    body = body (int64 i, bool c, float[A, B] v, int64 n) => (bool again, float[A, B] next, int64 m, float s) {
      half = Constant<value = float {0.5}>()
      one = Constant<value = int64 {1}>()
      next = Mul(v, half)
      m = Add(n, one)
      s = ReduceSum<keepdims = 0>(next)
      a = Abs(next)
      top = ReduceMax<keepdims = 0>(a)
      again = Greater(top, bound)
    }>
}"""

NESTED_LOOPS = """
nested_loops (float[A, B] x, int64 outer, int64 inner) => (last, all) {
  e = Exp(x)
  last, all = Loop(outer, , x)<body = body (int64 i, bool c, float[A, B] v) => (bool again, float[A, B] next, float[K, A, B] parts) {
    again = Identity(c)
    w = Tanh(v)
    next, parts = Loop(inner, , v)<body = deep (int64 j, bool d, float[A, B] u) => (bool on, float[A, B] more, float[A, B] part) {
      on = Identity(d)
      f = Cast<to = 1>(j)
      g = Add(u, f)
      more = Mul(g, w)
      part = Sub(more, e)
    }>
  }>
}"""

SCAN = """
scan (float[A, B, C] x, float[D, E] s, float[A, B, C] t) => (last, y, z) {
  last, y, z = Scan<num_scan_inputs = 2, scan_input_axes = [AXIS, AXIS], scan_input_directions = [IN0, IN1],
                    scan_output_axes = [OUT0, OUT1], scan_output_directions = [DIR0, DIR1],
                    body = body (float[P, Q] v, float[P, Q] a, float[P, Q] b) => (float[P, Q] next, float[P, Q] m, float[Q, P] n) {
    m = Mul(a, b)
    next = Add(v, m)
    n = Transpose(next)
  }>(s, x, t)
}"""

SCAN_8 = """
scan_8 (float[N, B] s, float[N, A, B] x, float[N, A, B] t) => (last, y) {
  last, y = Scan<num_scan_inputs = 2, directions = [IN0, IN1],
                 body = body (float[B] v, float[B] a, float[B] b) => (float[B] next, float[B] m) {
    m = Mul(a, b)
    next = Add(v, m)
  }>(, s, x, t)
}"""

CHOICE_IN_LOOP = """
choice_in_loop (float[A, B] x, int64 trips) => (last, all) {
  last, all = Loop(trips, , x)<body = body (int64 i, bool c, float[A, B] v) => (bool again, float[A, B] next, float[A, B] part) {
    again = Identity(c)
    one = Constant<value = int64 {1}>()
    two = Constant<value = int64 {2}>()
    odd = Mod(i, two)
    is_odd = Equal(odd, one)
    next = If(is_odd)<then_branch = then () => (float[A, B] p) { p = Tanh(v) },
                      else_branch = other () => (float[A, B] q) { q = Add(v, x) }>
    part = Identity(next)
  }>
}"""


CARRIED = """
carried (float[A, B] x, int64 trips) => (last, m, same, first, second)
  <float[B, B] k = {WEIGHTS}> {
  w = Neg(x)
  u = Exp(x)
  last, m, same, first, second, all = Loop(trips, , x, k, u, w, x)<body = body (int64 i, bool c, float[A, B] v, float[B, B] n, float[A, B] s, float[A, B] p, float[A, B] q)
      => (bool again, float[A, B] next, float[B, B] n, float[A, B] s, float[A, B] q, float[A, B] p, float[A, B] part) {
    again = Identity(c)
    product = MatMul(v, n)
    next = Add(product, s)
    part = Identity(s)
  }>
}"""


def floats(rng: random.Random, *shape: int) -> np.ndarray:
    return np.random.default_rng(rng.randrange(2**32)).uniform(-1, 1, shape).astype(np.float32)


def parsed(text: str, opset: int = 17) -> onnx.ModelProto:
    return parser.parse_model(HEADER.replace("17", str(opset)) + text)


def sized(text: str, a: int, b: int) -> onnx.ModelProto:
    """With sizes in place of A and B: where no iteration runs, onnxruntime takes named sizes for 0."""
    return parsed(text.replace("[A, B]", f"[{a}, {b}]"))


def scans(rng: random.Random):
    axis = rng.choice([0, 0, 1, 2, -1])
    dims = [rng.randint(1, 5) for _ in range(3)]
    piece = [d for i, d in enumerate(dims) if i != axis % 3]
    text = SCAN.replace("AXIS", str(axis))
    for name, choices in (("IN0", (0, 1)), ("IN1", (0, 1)), ("OUT0", (0, 1, 2, -1)), ("OUT1", (0, 1, -2)), ("DIR0", (0, 1)),
                          ("DIR1", (0, 1))):
        text = text.replace(name, str(rng.choice(choices)))
    return parsed(text), {"x": floats(rng, *dims), "s": floats(rng, *piece), "t": floats(rng, *dims)}


def convolutions(rng: random.Random):
    """A refinement that runs the same convolutions again and again, as recurrent networks for pictures do."""
    channels, size, trips = rng.choice([4, 16, 24]), rng.randint(4, 12), rng.randint(0, 4)
    weights = [numpy_helper.from_array(floats(rng, channels, channels, 3, 3) / channels, f"w{i}") for i in range(2)]
    bias = numpy_helper.from_array(floats(rng, channels), "bias")
    shape = [1, channels, size, size + 1]
    info = lambda name, kind=TensorProto.FLOAT, dims=shape: helper.make_tensor_value_info(name, kind, dims)
    body = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["again"]), helper.make_node("Conv", ["v", "w0", "bias"], ["a"], pads=[1, 1, 1, 1]),
         helper.make_node("Relu", ["a"], ["b"]), helper.make_node("Conv", ["b", "w1"], ["d"], pads=[1, 1, 1, 1]),
         helper.make_node("Add", ["d", "start"], ["next"])],
        "body", [info("i", TensorProto.INT64, []), info("c", TensorProto.BOOL, []), info("v")],
        [info("again", TensorProto.BOOL, []), info("next"), info("b")])
    nodes = [helper.make_node("Conv", ["x", "w0"], ["start"], pads=[1, 1, 1, 1]),
             helper.make_node("Loop", ["trips", "", "start"], ["last", "all"], body=body, name="refine"),
             helper.make_node("Conv", ["last", "w1", "bias"], ["y"], pads=[1, 1, 1, 1])]
    graph = helper.make_graph(nodes, "g", [info("x"), info("trips", TensorProto.INT64, [])],
                              [info("y"), info("all", dims=["k", *shape])], [*weights, bias])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model, {"x": floats(rng, *shape), "trips": np.array(trips, np.int64)}


def cases(seed: int):
    """One of each."""
    rng = random.Random(seed)
    a, b = rng.randint(1, 5), rng.randint(1, 5)
    x = floats(rng, a, b)
    number = lambda low, high: np.array(rng.randint(low, high), np.int64)
    flag = lambda: np.array(rng.random() < 0.5)
    yield "choice", parsed(CHOICE), {"x": x, "c": flag()}
    yield "nested-choice", parsed(NESTED_CHOICE), {"x": x, "c": flag(), "d": flag()}
    yield "fixed-choice", parsed(FIXED_CHOICE), {"x": x}
    yield "counted", sized(COUNTED, a, b), {"x": x, "trips": number(-1, 6)}
    yield "growing", parsed(GROWING), {"x": x, "trips": number(0, 9)}
    weights = ", ".join(f"{v:.4f}" for v in floats(rng, b * b) / b)
    yield "carried", sized(CARRIED.replace("[B, B]", f"[{b}, {b}]").replace("WEIGHTS", weights), a, b), {"x": x, "trips": number(0, 5)}
    yield "while", parsed(WHILE), {"x": x, "bound": np.array(rng.choice([2.0, 0.3, 0.01, 1e-6]), np.float32)}
    yield "nested-loops", parsed(NESTED_LOOPS), {"x": x, "outer": number(1, 4), "inner": number(1, 4)}
    yield "choice-in-loop", parsed(CHOICE_IN_LOOP), {"x": x, "trips": number(1, 6)}
    yield "scan", *scans(rng)
    batch, length = rng.randint(1, 3), rng.randint(1, 4)
    text = SCAN_8.replace("IN0", str(rng.randint(0, 1))).replace("IN1", str(rng.randint(0, 1)))
    yield "scan-8", parsed(text, 8), {"s": floats(rng, batch, b), "x": floats(rng, batch, length, b), "t": floats(rng, batch, length, b)}
    yield "convolutions", *convolutions(rng)


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for seed_name, seed_model, _ in cases(1):
        if seed_model.ByteSize() < 4096:
            onnx.save(seed_model, folder / f"{seed_name}.onnx")
