#!/usr/bin/env python3
"""limner beside onnxruntime, live: random models, and the stored models at fresh sizes.

Every case becomes an ONNX test folder under build/check/live, its outputs computed by onnxruntime just now; then one
`limner test` runs them all. A failing folder stays where it is: `build/limner test FOLDER` runs it again.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import random
import shutil
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import contrib_cases
import contrib_forms
import subgraphs

ROOT = pathlib.Path(__file__).resolve().parents[2]
onnxruntime.set_default_logger_severity(4)


class Builder:
    """A growing chain of nodes over one float value of known shape, with further inputs as they are needed."""

    def __init__(self, rng: random.Random, shape: list[int], opset: int):
        self.rng, self.opset = rng, opset
        self.nodes, self.initializers, self.inputs, self.count = [], [], [], 0
        self.value, self.shape = "x", list(shape)
        self.inputs.append(helper.make_tensor_value_info("x", TensorProto.FLOAT, shape))
        self.feeds = {"x": self.floats(shape)}

    def floats(self, shape) -> np.ndarray:
        return np.array([self.rng.uniform(-1, 1) for _ in range(int(np.prod(shape)))], np.float32).reshape(shape)

    def weight(self, array: np.ndarray) -> str:
        name = f"w{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(array, name))
        return name

    def ints(self, values) -> str:
        return self.weight(np.array(values, np.int64))

    def add(self, op: str, inputs: list[str], shape, outputs: int = 1, **attributes) -> list[str]:
        self.count += 1
        names = [f"v{self.count}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, name=f"n{self.count}", **attributes))
        self.value, self.shape = names[0], list(shape)
        return names

    def model(self) -> onnx.ModelProto:
        output = helper.make_tensor_value_info(self.value, TensorProto.FLOAT, None)
        graph = helper.make_graph(self.nodes, "random", self.inputs, [output], self.initializers)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8)


def spatial(b: Builder) -> int:
    return len(b.shape) - 2


def conv(b: Builder) -> None:
    n, channels = spatial(b), b.shape[1]
    group = b.rng.choice([g for g in (1, 1, 1, 2, 3, channels) if channels % g == 0])
    out = group * b.rng.randint(1, 6)
    kernel = [b.rng.randint(1, 3) for _ in range(n)]
    strides = [b.rng.randint(1, 3) for _ in range(n)]
    dilations = [b.rng.randint(1, 2) for _ in range(n)]
    pads = [b.rng.randint(0, 2) for _ in range(2 * n)]
    size = [(b.shape[2 + i] + pads[i] + pads[n + i] - dilations[i] * (kernel[i] - 1) - 1) // strides[i] + 1 for i in range(n)]
    if min(size) < 1:
        return
    inputs = [b.value, b.weight(b.floats([out, channels // group, *kernel]))]
    if b.rng.random() < 0.7:
        inputs.append(b.weight(b.floats([out])))
    b.add("Conv", inputs, [b.shape[0], out, *size], kernel_shape=kernel, strides=strides, dilations=dilations, pads=pads,
          group=group)


def conv_transpose(b: Builder) -> None:
    n, channels = spatial(b), b.shape[1]
    group = b.rng.choice([g for g in (1, 1, 1, 2, 3) if channels % g == 0])
    out = b.rng.randint(1, 6)
    kernel = [b.rng.randint(1, 4) for _ in range(n)]
    strides = [b.rng.randint(1, 3) for _ in range(n)]
    dilations = [b.rng.randint(1, 2) for _ in range(n)]
    pads = [b.rng.randint(0, 1) for _ in range(2 * n)]
    extra = [b.rng.randint(0, strides[i] - 1) for i in range(n)]
    size = [(b.shape[2 + i] - 1) * strides[i] + extra[i] + dilations[i] * (kernel[i] - 1) + 1 - pads[i] - pads[n + i]
            for i in range(n)]
    if min(size) < 1 or np.prod(size) > 3000:
        return
    inputs = [b.value, b.weight(b.floats([channels, out, *kernel]))]
    if b.rng.random() < 0.7:
        inputs.append(b.weight(b.floats([out * group])))
    b.add("ConvTranspose", inputs, [b.shape[0], out * group, *size], kernel_shape=kernel, strides=strides,
          dilations=dilations, pads=pads, output_padding=extra, group=group)


def batch_norm(b: Builder) -> None:
    channels = b.shape[1]
    parameters = [b.weight(b.floats([channels])) for _ in range(3)] + [b.weight(np.abs(b.floats([channels])) + 0.1)]
    b.add("BatchNormalization", [b.value, *parameters], b.shape, epsilon=1e-3)


def instance_norm(b: Builder) -> None:
    if np.prod(b.shape[2:]) > 1:
        b.add("InstanceNormalization", [b.value, b.weight(b.floats([b.shape[1]])), b.weight(b.floats([b.shape[1]]))], b.shape)


def activation(b: Builder) -> None:
    kind = b.rng.choice(["Relu", "LeakyRelu", "Sigmoid", "Tanh", "Clip", "Abs", "Neg", "Exp", "PRelu"])
    if kind == "LeakyRelu":
        b.add(kind, [b.value], b.shape, alpha=b.rng.choice([0.01, 0.2, 0.5]))
    elif kind == "Clip":
        if b.opset >= 11:
            low, high = (b.weight(np.array(v, np.float32)) for v in (-0.3, 0.6))
            b.add(kind, [b.value, low, high], b.shape)
        else:
            b.add(kind, [b.value], b.shape, min=-0.3, max=0.6)
    elif kind == "PRelu":
        b.add(kind, [b.value, b.weight(b.floats([b.shape[1]] + [1] * spatial(b)))], b.shape)
    else:
        b.add(kind, [b.value], b.shape)


def arithmetic(b: Builder) -> None:
    other = [d if b.rng.random() < 0.6 else 1 for d in b.shape][b.rng.randint(0, len(b.shape) - 1):]
    kind = b.rng.choice(["Add", "Sub", "Mul", "Div", "Max", "Min"])
    array = b.floats(other)
    if kind == "Div":
        array = np.sign(array) * (np.abs(array) + np.float32(0.3))
    operands = [b.value, b.weight(array)]
    if kind in ("Max", "Min") and b.opset < 8:
        return
    if kind in ("Add", "Mul") and b.rng.random() < 0.5:
        operands.reverse()
    b.add(kind, operands, b.shape)


def residual(b: Builder) -> None:
    before, shape = b.value, b.shape
    activation(b)
    if b.shape == shape:
        b.add("Add", [before, b.value], shape)


def pad(b: Builder) -> None:
    n = spatial(b)
    mode = b.rng.choice(["constant", "reflect", "edge"] + (["wrap"] if b.opset >= 19 else []))
    most = [2] * n if mode in ("constant", "edge") else [min(2, d - 1) for d in b.shape[2:]]
    begin, end = [[b.rng.randint(0, m) for m in most] for _ in range(2)]
    pads = [0, 0, *begin, 0, 0, *end]
    shape = b.shape[:2] + [d + p + q for d, p, q in zip(b.shape[2:], begin, end)]
    if b.opset >= 11:
        b.add("Pad", [b.value, b.ints(pads)], shape, mode=mode)
    else:
        b.add("Pad", [b.value], shape, mode=mode, pads=pads)


def slice_(b: Builder) -> None:
    axis = b.rng.randrange(len(b.shape))
    size = b.shape[axis]
    start = b.rng.randint(0, size - 1)
    end = b.rng.randint(start + 1, size)
    shape = list(b.shape)
    shape[axis] = end - start
    if b.opset < 10:
        b.add("Slice", [b.value], shape, starts=[start], ends=[end], axes=[axis])
    else:
        step = b.rng.randint(1, 2)
        shape[axis] = (end - start + step - 1) // step
        b.add("Slice", [b.value, b.ints([start]), b.ints([end - size if end < size else 2**40]), b.ints([axis]),
                        b.ints([step])], shape)


def reverse(b: Builder) -> None:
    if b.opset >= 10:
        axis = b.rng.randrange(1, len(b.shape))
        b.add("Slice", [b.value, b.ints([-1]), b.ints([-(2**62)]), b.ints([axis]), b.ints([-1])], b.shape)


def split_concat(b: Builder) -> None:
    axis = b.rng.randrange(1, len(b.shape))
    size = b.shape[axis]
    if size < 2:
        return
    first = b.rng.randint(1, size - 1)
    shape = list(b.shape)
    if b.opset >= 13:
        parts = b.add("Split", [b.value, b.ints([first, size - first])], shape, 2, axis=axis)
    else:
        parts = b.add("Split", [b.value], shape, 2, axis=axis, split=[first, size - first])
    b.add("Concat", [parts[1], parts[0]], shape, axis=axis - len(shape) if b.opset >= 11 and b.rng.random() < 0.5 else axis)


def transpose_back(b: Builder) -> None:
    order = list(range(len(b.shape)))
    b.rng.shuffle(order)
    before = list(b.shape)
    b.add("Transpose", [b.value], [before[i] for i in order], perm=order)
    if b.rng.random() < 0.6:
        b.add("Sigmoid", [b.value], b.shape)
    b.add("Transpose", [b.value], before, perm=[order.index(i) for i in range(len(order))])


def gather(b: Builder) -> None:
    axis = b.rng.randrange(1, len(b.shape))
    size = b.shape[axis]
    low = -size if b.opset >= 11 else 0
    index = [b.rng.randint(low, size - 1) for _ in range(b.rng.randint(1, size))]
    shape = list(b.shape)
    shape[axis] = len(index)
    b.add("Gather", [b.value, b.ints(index)], shape, axis=axis)


def flatten_linear(b: Builder) -> None:
    """Dynamic glue: Shape -> Gather -> Concat -> Reshape, a product, and back."""
    before, value = list(b.shape), b.value
    inner = int(np.prod(before[2:]))
    first = b.add("Shape", [value], [len(before)])[0]
    batch = b.add("Gather", [first, b.ints([0])], [1], axis=0)[0]
    target = b.add("Concat", [batch, b.ints([before[1], -1])], [3], axis=0)[0]
    b.add("Reshape", [value, target], [before[0], before[1], inner])
    out = b.rng.randint(1, 6)
    b.add("MatMul", [b.weight(b.floats([out, before[1]])), b.value], [before[0], out, inner])
    b.add("Reshape", [b.value, b.ints([0, out, *before[2:]])], [before[0], out, *before[2:]])


def reduce_keep(b: Builder) -> None:
    axis = b.rng.randrange(1, len(b.shape))
    kind = b.rng.choice(["ReduceMean", "ReduceSum", "ReduceMax"])
    before, value, shape = list(b.shape), b.value, list(b.shape)
    shape[axis] = 1
    if b.opset >= (13 if kind == "ReduceSum" else 18):
        b.add(kind, [value, b.ints([axis])], shape, keepdims=1)
    else:
        b.add(kind, [value], shape, axes=[axis], keepdims=1)
    b.add("Sub", [value, b.value], before)


def where(b: Builder) -> None:
    if b.opset >= 9:
        before, value = list(b.shape), b.value
        zero = b.weight(np.zeros([1], np.float32))
        mask = b.add("Greater", [value, zero], before)[0]
        if b.rng.random() < 0.5:
            mask = b.add("Not", [mask], before)[0]
        b.add("Where", [mask, value, b.weight(b.floats([before[1]] + [1] * (len(before) - 2)))], before)


def pool(b: Builder) -> None:
    n = spatial(b)
    kind = b.rng.choice(["MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"])
    if kind.startswith("Global"):
        before, value = list(b.shape), b.value
        b.add(kind, [value], [*before[:2], *[1] * n])
        b.add("Sub", [value, b.value], before)
        return
    kernel = [b.rng.randint(1, 3) for _ in range(n)]
    strides = [b.rng.randint(1, 3) for _ in range(n)]
    pads = [b.rng.randint(0, kernel[i % n] - 1) for i in range(2 * n)]
    if any(b.shape[2 + i] + pads[i] + pads[n + i] < kernel[i] for i in range(n)):
        return
    size = [(b.shape[2 + i] + pads[i] + pads[n + i] - kernel[i]) // strides[i] + 1 for i in range(n)]
    attributes = {"count_include_pad": b.rng.randint(0, 1)} if kind == "AveragePool" else {}
    b.add(kind, [b.value], [*b.shape[:2], *size], kernel_shape=kernel, strides=strides, pads=pads, **attributes)


def resize(b: Builder) -> None:
    n = spatial(b)
    mode = b.rng.choice(["nearest", "linear"])
    if max(b.shape[2:]) > 40 or (mode == "linear" and n != 2):
        return
    scales = [1.0, 1.0, *[b.rng.choice([1.0, 2.0, 0.5, 3.0, 1.5]) for _ in range(n)]]
    size = [int(dim * scale) for dim, scale in zip(b.shape, scales)]
    if min(size) < 1:
        return
    given = b.weight(np.array(scales, np.float32))
    if b.opset < 10:
        if min(scales) >= 1:
            b.add("Upsample", [b.value, given], size, mode=mode)
    elif b.opset >= 13 and b.rng.random() < 0.7:
        b.add("Resize", [b.value, "", given], size, mode=mode,
              coordinate_transformation_mode=b.rng.choice(["half_pixel", "asymmetric", "pytorch_half_pixel"]))
    elif b.opset >= 13:
        b.add("Resize", [b.value, "", "", b.ints(size)], size, mode=mode, coordinate_transformation_mode="align_corners")


STEPS = [conv, conv, conv_transpose, conv_transpose, batch_norm, instance_norm, activation, activation, arithmetic, residual,
         pad, slice_, reverse, split_concat, transpose_back, gather, flatten_linear, reduce_keep, where, pool, pool, resize, resize]
OPSETS = [9, 11, 13, 17, 18, 20, 23]


def random_case(seed: int) -> Builder:
    rng = random.Random(seed)
    dims = rng.choice([1, 2, 2, 2, 3])
    shape = [rng.randint(1, 3), rng.choice([1, 2, 3, 4, 6, 17])] + [rng.randint(3, 40 if dims == 1 else 14 if dims == 2 else 6)
                                                                for _ in range(dims)]
    builder = Builder(rng, shape, rng.choice(OPSETS))
    for _ in range(rng.randint(1, 7)):
        rng.choice(STEPS)(builder)
    if not builder.nodes:
        activation(builder)
    return builder


def write_folder(folder: pathlib.Path, model: onnx.ModelProto | pathlib.Path, feeds: dict[str, np.ndarray]) -> None:
    """One test folder; the reference is computed here by onnxruntime without graph optimisations, by one thread: layers of 8 bits
    go by how sequences are shared out."""
    folder.mkdir(parents=True)
    if isinstance(model, pathlib.Path):
        for file in model.parent.iterdir():
            if file.is_file():
                os.link(file, folder / file.name) if file.stat().st_dev == folder.stat().st_dev else shutil.copy(file, folder)
    else:
        onnx.save(model, folder / "model.onnx")
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
    results = session.run(None, feeds)
    data = folder / "test_data_set_0"
    data.mkdir()
    for i, (name, array) in enumerate(feeds.items()):
        (data / f"input_{i}.pb").write_bytes(numpy_helper.from_array(array, name).SerializeToString())
    for i, (output, array) in enumerate(zip(session.get_outputs(), results)):
        (data / f"output_{i}.pb").write_bytes(numpy_helper.from_array(np.asarray(array), output.name).SerializeToString())


def fresh_feeds(path: pathlib.Path, rng: random.Random) -> dict[str, np.ndarray] | None:
    """New inputs for a stored model: its first data set's shapes with other contents, and another batch if that is free."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    stored = path.parent / "test_data_set_0"
    feeds = {}
    batch = rng.randint(1, 3)
    for i, value in enumerate(session.get_inputs()):
        array = numpy_helper.to_array(onnx.load_tensor(stored / f"input_{i}.pb"))
        shape = list(array.shape)
        if value.shape and isinstance(value.shape[0], str) and len(shape) == len(value.shape):
            shape[0] = batch
        generator = np.random.default_rng(rng.randrange(2**32))
        if array.dtype == np.float32:
            feeds[value.name] = generator.uniform(-1, 1, shape).astype(np.float32)
        elif array.size:
            feeds[value.name] = generator.choice(array.reshape(-1), shape).astype(array.dtype)
        else:
            return None
    return feeds


def make_cases(live: pathlib.Path, count: int, seed: int) -> int:
    made = 0
    for number in range(count):
        builder = random_case(seed * 100003 + number)
        write_folder(live / f"random-{number:04d}", builder.model(), builder.feeds)
        made += 1
    for number in range(count // 40):
        for name, model, feeds in subgraphs.cases(seed * 100003 + number):
            write_folder(live / f"{name}-{number:02d}", model, feeds)
            made += 1
        nodes = [*contrib_cases.cases(seed * 100003 + number), *contrib_forms.cases(seed * 100003 + number)]
        for place, (name, model, feeds) in enumerate(nodes):
            write_folder(live / f"{name}-{place}-{number:02d}", model, feeds)
            made += 1
    rng = random.Random(seed)
    for path in sorted((ROOT / "models/small").glob("*/model.onnx")):
        try:
            feeds = fresh_feeds(path, rng)
            if feeds is not None:
                write_folder(live / f"stored-{path.parent.name}", path, feeds)
                made += 1
        except Exception as error:  # onnxruntime refuses some files that the specification allows
            shutil.rmtree(live / f"stored-{path.parent.name}", ignore_errors=True)
            print(f"onnxruntime cannot run {path.parent.name}: {str(error)[:160]}")
    return made


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("limner", help="the limner command, e.g. build/limner")
    parser.add_argument("--count", type=int, default=400, help="random models (default %(default)s)")
    parser.add_argument("--seed", type=int, default=int(os.environ.get("LIMNER_TEST_SEED", "20260101"), 0))
    arguments = parser.parse_args()
    live = ROOT / "build/check/live"
    shutil.rmtree(live, ignore_errors=True)
    made = make_cases(live, arguments.count, arguments.seed)
    print(f"{made} cases against onnxruntime {onnxruntime.__version__}, seed {arguments.seed}", flush=True)
    return subprocess.run([arguments.limner, "test", str(live)], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
