"""Random inputs for a model of unknown purpose, by what it declares: sizes for what is free, numbers that an input of that name may be."""

from __future__ import annotations

import dataclasses

import numpy as np
import onnx

# Sizes to try for sides of pictures and for lengths, until onnxruntime runs the model.
SIDES = (64, 96, 224, 320, 640, 32, 128, 48)
LENGTHS = (16, 512, 40, 160, 1600, 16000, 1, 2, 76, 256, 3, 4)
CHANNELS = (1, 3, 4)
DTYPES = {
    "float": np.float32,
    "double": np.float64,
    "float16": np.float16,
    "bool": np.bool_,
    "string": np.object_,
    **{f"{sign}int{bits}": np.dtype(f"{sign}int{bits}").type for sign in ("", "u") for bits in (8, 16, 32, 64)},
}
WORDS = ("a", "picture", "of", "two", "Größe", "")


@dataclasses.dataclass
class Try:
    """Sizes for what a model leaves open."""

    batch: int
    side: int
    length: int


def tries(second: bool) -> list[Try]:
    """In the order of trying; a second data set has another batch and other sizes, where the model lets it."""
    sides, lengths = (SIDES[1:] + SIDES[:1], LENGTHS[1:] + LENGTHS[:1]) if second else (SIDES, LENGTHS)
    pairs = [(s, lengths[0]) for s in sides] + [(sides[0], n) for n in lengths] + [(64, n) for n in LENGTHS]
    batches = (2, 1, 4) if second else (1, 4)
    return [Try(batch, side, length) for batch in batches for side, length in pairs]


def is_picture(shape: list) -> bool:
    return len(shape) == 4 and (shape[1] in CHANNELS or shape[3] in CHANNELS or not isinstance(shape[1], int))


def side_axes(shape: list) -> tuple[int, ...]:
    channels_last = shape[3] in CHANNELS and shape[1] not in CHANNELS
    return (1, 2) if channels_last else (2, 3)


def is_state(shape: list, axis: int) -> bool:
    """Layers, batch, width: what a recurrent layer remembers."""
    return len(shape) == 3 and axis == 1 and isinstance(shape[0], int) and shape[0] > 1 and isinstance(shape[2], int)


def free_size(shape: list, axis: int, sizes: Try) -> int:
    if (axis == 0 and len(shape) > 1) or is_state(shape, axis):
        return sizes.batch
    if not is_picture(shape):
        return sizes.length
    return sizes.side if axis in side_axes(shape) else 3


def resolve(inputs, sizes: Try) -> dict[str, list[int]]:
    """The shape of every input; a name stands for one size throughout."""
    named: dict[str, int] = {}
    shapes = {}
    for value in inputs:
        shape = list(value.shape)
        for axis, size in enumerate(shape):
            if isinstance(size, int) and size > 0:
                continue
            shape[axis] = free_size(list(value.shape), axis, sizes)
            if isinstance(size, str):
                shape[axis] = named.setdefault(size, shape[axis])
        shapes[value.name] = shape
    return shapes


def tables(model: onnx.ModelProto) -> dict[str, int]:
    """How many rows the table has that an input of integers is looked up in."""
    sizes = {t.name: list(t.dims) for t in model.graph.initializer}
    origin = {n.output[0]: n.input[0] for n in model.graph.node if n.op_type in ("Cast", "Identity", "Unsqueeze", "Reshape") and n.input}
    found: dict[str, int] = {}
    for node in model.graph.node:
        if node.op_type == "Gather" and node.input[0] in sizes:
            axis = next((a.i for a in node.attribute if a.name == "axis"), 0)
            name = node.input[1]
            while name in origin:
                name = origin[name]
            found[name] = min(sizes[node.input[0]][axis], found.get(name, 1 << 30))
    return found


def integers(name: str, shape: list[int], rng, rows: int, sizes: Try) -> np.ndarray:
    lower = name.lower()
    if lower in ("sr", "sample_rate", "sampling_rate"):
        return np.full(shape, 16000)
    if "mask" in lower:
        return np.ones(shape)
    if "len" in lower:
        return np.full(shape, sizes.length)
    return rng.integers(0, rows, shape)


def values(value, shape: list[int], rng, rows: int, sizes: Try, second: bool) -> np.ndarray:
    kind = value.type.removeprefix("tensor(").removesuffix(")")
    dtype = DTYPES[kind]
    if kind == "string":
        return np.array([rng.choice(WORDS) for _ in range(int(np.prod(shape)))], dtype).reshape(shape)
    if kind == "bool":
        return rng.integers(0, 2, shape).astype(dtype)
    if kind in ("float", "double", "float16"):
        return (rng.standard_normal(shape) if second else rng.random(shape)).astype(dtype)
    if kind in ("uint8", "int8"):
        return rng.integers(0, 128 if kind == "int8" else 256, shape).astype(dtype)
    return integers(value.name, shape, rng, rows, sizes).astype(dtype)


def make(inputs, known: dict[str, int], sizes: Try, second: bool) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7 + second)
    shapes = resolve(inputs, sizes)
    return {v.name: np.asarray(values(v, shapes[v.name], rng, known.get(v.name, 10), sizes, second)) for v in inputs}
