"""Networks of our own that encode a contract: they take their numbers apart as it says, and a wrong range, mean, order,
polarity or layout shows in the picture. What they should be fed is built here, and run by onnxruntime."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

SHIFT = 8  # rows that the networks look up
TYPES = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "uint8": TensorProto.UINT8, "bool": TensorProto.BOOL, "double": TensorProto.DOUBLE}


# ---- contracts ----

@dataclasses.dataclass
class Contract:
    """What a network expects. `inputs` are groups of planes; options are how limner is told of it."""

    options: list[str] = dataclasses.field(default_factory=list)
    inputs: list[list[str]] = dataclasses.field(default_factory=lambda: [["rgb"], ["mask"]])
    low: float = 0
    high: float = 1
    out_low: float = 0
    out_high: float = 1
    mean: tuple[float, ...] = (0, 0, 0)
    deviation: tuple[float, ...] = (1, 1, 1)
    order: str = "rgb"
    nhwc: bool = False
    mask_zero: float = 0
    mask_one: float = 1
    known_is_one: bool = False
    hole: str | float = "white"
    types: tuple[str, ...] = ("float32", "float32", "float32")
    out_type: str = "float32"
    size: tuple[int, int] | None = None
    ranks: tuple[int, ...] = (4, 4, 4)  # of inputs: without a batch, and a mask without channels


def planes_of(group: list[str]) -> list[str]:
    """Single planes, rgb as three."""
    return [plane for word in group for plane in (["r", "g", "b"] if word == "rgb" else [word])]


class Builder:
    """Nodes and initializers of a graph."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.count = 0

    def constant(self, value: np.ndarray) -> str:
        name = f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(value, name))
        return name

    def add(self, kind: str, *inputs: str, outputs: int = 1, **attributes: object) -> list[str]:
        self.count += 1
        names = [f"v{self.count}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names

    def linear(self, x: str, factor: np.ndarray | float, offset: np.ndarray | float) -> str:
        """x * factor + offset, for channels or all."""
        shape = lambda v: np.asarray(v, np.float32).reshape((1, -1, 1, 1)) if np.ndim(v) else np.asarray(v, np.float32)  # noqa: E731
        return self.add("Add", self.add("Mul", x, self.constant(shape(factor)))[0], self.constant(shape(offset)))[0]


def taps(channels: int, above: float, here: float) -> np.ndarray:
    """Weights that look SHIFT rows up, and at the place itself."""
    kernel = np.zeros((channels, 1, 2 * SHIFT + 1, 1), np.float32)
    kernel[:, 0, 0, 0] = above
    kernel[:, 0, SHIFT, 0] = here
    return kernel


def without(contract: Contract, i: int) -> list[int]:
    """The axes that input i does not have."""
    return {4: [], 3: [0], 2: [0, 3] if contract.nhwc else [0, 1]}[contract.ranks[i]]


def network(contract: Contract, path: Path) -> Path:
    """A model that decodes its inputs by the contract, and adds up the light's square and the mask, SHIFT rows above and here."""
    b = Builder()
    values, found = [], {}
    for i, group in enumerate(contract.inputs):
        planes = planes_of(group)
        height, width = contract.size or ("h", "w")
        if group == ["noise"]:
            values.append(helper.make_tensor_value_info(f"in{i}", TensorProto.FLOAT, [1, 16]))
            found["noise"] = b.add("ReduceMean", f"in{i}", axes=[1], keepdims=0)[0]
            continue
        shape = [1, height, width, len(planes)] if contract.nhwc else [1, len(planes), height, width]
        left_out = without(contract, i)
        values.append(helper.make_tensor_value_info(f"in{i}", TYPES[contract.types[i]], [d for axis, d in enumerate(shape) if axis not in left_out]))
        x = b.add("Cast", f"in{i}", to=TensorProto.FLOAT)[0]
        x = b.add("Unsqueeze", x, axes=left_out)[0] if left_out else x
        if contract.nhwc:
            x = b.add("Transpose", x, perm=[0, 3, 1, 2])[0]
        parts = b.add("Split", x, outputs=len(planes), axis=1) if len(planes) > 1 else [x]
        found |= dict(zip(planes, parts, strict=True))
    colours = [found[p] for p in (("b", "g", "r") if contract.order == "bgr" else ("r", "g", "b"))] if "r" in found else [found["gray"]] * 3
    if contract.order == "bgr" and "r" in found:  # the planes are named by their places: the first is what "r" stands for
        colours = [found["b"], found["g"], found["r"]]
    mean, deviation = (np.asarray(v, float)[::-1] if contract.order == "bgr" else np.asarray(v, float) for v in (contract.mean, contract.deviation))
    light = b.linear(b.add("Concat", *colours, axis=1)[0], deviation / (contract.high - contract.low), (mean - contract.low) / (contract.high - contract.low))
    squared = b.linear(b.add("Mul", light, light)[0], (1, 0.9, 0.8), 0)  # no range is like another, no colour like another
    result = b.add("Conv", squared, b.constant(taps(3, 0.65, 0.1)), group=3, pads=[SHIFT, 0, SHIFT, 0])[0]
    if "mask" in found:
        span = contract.mask_one - contract.mask_zero
        mask = b.linear(found["mask"], (-1 if contract.known_is_one else 1) / span, (1 if contract.known_is_one else 0) - (-1 if contract.known_is_one else 1) * contract.mask_zero / span)
        result = b.add("Add", result, b.add("Conv", mask, b.constant(taps(1, 0.1, 0.12)), pads=[SHIFT, 0, SHIFT, 0])[0])[0]
    if "ones" in found:
        result = b.add("Mul", result, found["ones"])[0]
    if contract.order == "bgr":
        result = b.add("Concat", *b.add("Split", result, outputs=3, axis=1)[::-1], axis=1)[0]
    if "gray" in found:
        result = b.add("Split", result, outputs=3, axis=1)[0]
    result = b.linear(result, contract.out_high - contract.out_low, contract.out_low)
    if contract.out_type == "uint8":
        result = b.add("Clip", result, b.constant(np.float32(0)), b.constant(np.float32(255)))[0]
        result = b.add("Floor", b.linear(result, 1, 0.5))[0]
    if contract.nhwc:
        result = b.add("Transpose", result, perm=[0, 2, 3, 1])[0]
    b.nodes.append(helper.make_node("Cast", [result], ["out"], to=TYPES[contract.out_type]))
    output = helper.make_tensor_value_info("out", TYPES[contract.out_type], [None] * 4)
    graph = helper.make_graph(b.nodes, "contract", values, [output], b.initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=8)
    onnx.save(model, path)
    return path


# ---- what a network is fed, built here ----

def feed(contract: Contract, rgb: np.ndarray, hole: np.ndarray) -> dict[str, np.ndarray]:
    """rgb 0..1 [h,w,3], hole as booleans; both already of the size that the network gets."""
    light = rgb.astype(np.float64)
    numbers = contract.low + light * (contract.high - contract.low)
    model_order = numbers[..., ::-1] if contract.order == "bgr" else numbers
    normal = (model_order - np.asarray(contract.mean)) / np.asarray(contract.deviation)
    fill = {"white": 1.0, "black": 0.0, "gray": 0.5}.get(contract.hole, contract.hole)
    if contract.hole == "mean":
        fill = light[~hole].mean(0)
    if contract.hole == "zero":
        normal[hole] = 0
    elif contract.hole != "keep":
        value = contract.low + np.broadcast_to(np.asarray(fill, float), 3) * (contract.high - contract.low)
        value = value[::-1] if contract.order == "bgr" else value
        normal[hole] = (value - np.asarray(contract.mean)) / np.asarray(contract.deviation)
    gray = contract.low + (light @ [0.299, 0.587, 0.114]) * (contract.high - contract.low)
    if contract.hole not in ("keep", "zero"):
        gray[hole] = contract.low + float(np.mean(fill)) * (contract.high - contract.low)
    one = ~hole if contract.known_is_one else hole
    single = {"r": normal[..., 0], "g": normal[..., 1], "b": normal[..., 2], "gray": gray, "mask": np.where(one, contract.mask_one, contract.mask_zero),
              "ones": np.ones(hole.shape)}
    out = {}
    for i, group in enumerate(contract.inputs):
        if group == ["noise"]:
            out[f"in{i}"] = np.zeros((1, 16), np.float32)
            continue
        stack = np.stack([single[p] for p in planes_of(group)], -1 if contract.nhwc else 0)[None].squeeze(tuple(without(contract, i)))
        kind = contract.types[i]
        out[f"in{i}"] = np.rint(stack).clip(0, 255).astype(np.uint8) if kind == "uint8" else stack > 0.5 if kind == "bool" else stack.astype(kind)
    return out


def run_there(path: Path, contract: Contract, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """onnxruntime's result as light [h,w,3]."""
    out = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, inputs)[0].astype(np.float64)
    out = out[0] if contract.nhwc else out[0].transpose(1, 2, 0)
    out = (out - contract.out_low) / (contract.out_high - contract.out_low)
    return np.repeat(out, 3, 2) if out.shape[2] == 1 else out[..., ::-1] if contract.order == "bgr" else out


def composed(rgb: np.ndarray, hole: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Bytes: painted where there is a hole."""
    return np.where(hole[..., None], np.clip(light * 255, 0, 255), rgb * 255.0)
