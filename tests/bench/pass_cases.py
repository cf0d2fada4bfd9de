"""Operators of one pass over their data, a million elements each, as models of one node."""

from __future__ import annotations

import numpy as np
from onnx import helper

import common
import operator_cases

COUNT = 1 << 20
PICTURE = (1, 64, 128, 128)

random = np.random.default_rng(common.SEED)


def case(operator: str, inputs: tuple[np.ndarray, ...], attributes: dict[str, object] | None = None, constants: tuple[np.ndarray, ...] = (), words: str = "") -> operator_cases.Case:
    """A node with these inputs, and constants behind them."""
    shapes = ", ".join(f"{array.dtype}{list(array.shape)}" for array in inputs)
    note = f"{words} of {shapes}" if words else f"of {shapes}"
    return operator_cases.Case(operator, note, {f"x{i}": array for i, array in enumerate(inputs)}, attributes or {},
                               {f"c{i}": np.asarray(array) for i, array in enumerate(constants)})


def floats(low: float, high: float, *shape: int) -> np.ndarray:
    return random.uniform(low, high, shape or (COUNT,)).astype(np.float32)


def whole(low: int, high: int, dtype: type, *shape: int) -> np.ndarray:
    return random.integers(low, high, shape or (COUNT,)).astype(dtype)


def of_elements() -> list[operator_cases.Case]:
    """Functions of one element."""
    ranges = {"Atan": 8, "Sin": 6, "Cos": 6, "Tan": 6, "Asin": 1, "Acos": 1, "Sinh": 6, "Cosh": 6, "Asinh": 8, "Atanh": 0.99, "Erf": 3,
              "Exp": 8, "Tanh": 4, "Sigmoid": 8, "Gelu": 6, "Softplus": 8, "Mish": 6, "Selu": 6, "Elu": 6, "Celu": 6, "HardSwish": 6,
              "HardSigmoid": 6, "Softsign": 6, "LeakyRelu": 6, "Relu": 6, "ThresholdedRelu": 6, "Abs": 6, "Neg": 6, "Floor": 6, "Ceil": 6,
              "Round": 6, "Sign": 6, "Reciprocal": 6, "Shrink": 6}
    cases = [case(name, (floats(-most, most),)) for name, most in ranges.items()]
    cases += [case(name, (floats(low, 8),)) for name, low in {"Log": 0.01, "Sqrt": 0, "Acosh": 1}.items()]
    cases.append(case("Gelu", (floats(-6, 6),), {"approximate": "tanh"}, words="by tanh"))
    cases.append(case("Clip", (floats(-6, 6),), constants=(np.float32(-2), np.float32(3))))
    return cases


def of_pairs() -> list[operator_cases.Case]:
    """Functions of two broadcasting elements."""
    cases = [case("Pow", (floats(0.1, 4), floats(-3, 3)))]
    cases += [case("Pow", (floats(0.1, 4),), constants=(np.float32(power),), words=f"by {power}") for power in (2, 3, 0.5, 2.2)]
    cases += [case("Mod", (floats(-50, 50), floats(1, 9)), {"fmod": 1})]
    cases += [case("Mod", (whole(-500, 500, kind), whole(1, 90, kind))) for kind in (np.int32, np.int64)]
    small, row, column = (COUNT,), (64, 1 << 14), (1 << 14, 64)
    for kind in (np.float32, np.int32, np.int64, np.uint8):
        pair = (whole(0, 100, kind, *row), whole(1, 9, kind, *row))
        spread = (pair[0], whole(1, 9, kind, row[1]))
        channels = (whole(0, 100, kind, *PICTURE), whole(1, 9, kind, 64, 1, 1))
        lines = (whole(0, 100, kind, *column), whole(1, 9, kind, column[0], 1))
        one = (pair[0], whole(2, 3, kind, 1))
        for name in ("Add", "Mul", "Sub", "Div"):
            cases.append(case(name, pair))
        cases += [case("Add", inputs) for inputs in (spread, channels, lines, one)]
        cases += [case("Mul", channels)]
        for name in ("Greater", "Equal"):
            cases += [case(name, inputs) for inputs in ((pair, lines, one) if kind != np.uint8 or name == "Equal" else ())]
        choice = whole(0, 2, np.bool_, *row)
        cases += [case("Where", (choice, *pair)), case("Where", (choice, *one)),
                  case("Where", (whole(0, 2, np.bool_, column[0], 1), lines[0], whole(1, 9, kind, *column)))]
    cases += [case(name, (whole(0, 2, np.bool_, *small), whole(0, 2, np.bool_, *small))) for name in ("And", "Xor")]
    cases += [case(name, (floats(-6, 6), floats(-6, 6))) for name in ("Max", "Min")]
    cases += [case("Max", (floats(-6, 6, *PICTURE), floats(-6, 6, 64, 1, 1))), case("PRelu", (floats(-6, 6, *PICTURE), floats(0, 1, 64, 1, 1)))]
    return cases


def of_casts() -> list[operator_cases.Case]:
    pairs = [("float32", "uint8"), ("uint8", "float32"), ("float32", "int64"), ("int64", "float32"), ("float32", "int32"),
             ("int32", "float32"), ("bool", "float32"), ("float32", "bool"), ("float32", "float16"), ("float16", "float32"),
             ("float32", "float64"), ("float64", "float32"), ("int64", "int32"), ("int32", "int64"), ("uint8", "int32"), ("float32", "int8"),
             ("int8", "float32"), ("bool", "int64"), ("int64", "bool"), ("float64", "int64"), ("int64", "float64")]
    cases = []
    for source, target in pairs:
        values = whole(0, 2 if source == "bool" else 100, np.dtype(source).type)
        cases.append(case("Cast", (values,), {"to": helper.np_dtype_to_tensor_dtype(np.dtype(target))}, words=f"to {target}"))
    return cases


def of_reductions() -> list[operator_cases.Case]:
    names = ("ReduceMax", "ReduceMin", "ReduceSum", "ReduceMean", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp")
    shapes = {"over H,W": (PICTURE, (2, 3)), "over rows of 64": ((1, 1 << 14, 64), (2,)), "over channels": (PICTURE, (1,)),
              "over H": (PICTURE, (2,)), "over all": ((COUNT,), (0,)), "over rows of 4": ((1 << 18, 4), (1,))}
    cases = []
    for name in names:
        for words, (shape, axes) in shapes.items():
            values = np.copysign(1, floats(-1, 1, *shape)) if name == "ReduceProd" else floats(0.1, 2, *shape)
            cases.append(case(name, (values,), {"keepdims": 0}, (np.array(axes, np.int64),), words=words))
    for kind in (np.int32, np.int64, np.uint8, np.int8):
        for name in ("ReduceMax", "ReduceSum") if kind in (np.int32, np.int64) else ("ReduceMax",):
            cases += [case(name, (whole(0, 100, kind, *shape),), {"keepdims": 0}, (np.array(axes, np.int64),), words=words)
                      for words, (shape, axes) in list(shapes.items())[:3]]
    cases += [case(name, (floats(-1, 1, *shape),), {"axis": axis}, words=f"along {axis}")
              for name in ("ArgMax", "ArgMin") for shape, axis in (((1 << 14, 64), 1), (PICTURE, 1))]
    cases += [case("CumSum", (floats(-1, 1, *column),), constants=(np.int64(axis),), words=f"along {axis}") for column, axis in (((1 << 14, 64), 1), ((1 << 14, 64), 0))]
    return cases


def of_indices() -> list[operator_cases.Case]:
    cases = []
    shape = (1024, 1024)
    for axis in (0, 1):
        for kind in (np.int64, np.int32):
            index = whole(0, 1024, kind, *shape)
            cases.append(case("GatherElements", (floats(-1, 1, *shape), index), {"axis": axis}, words=f"along {axis}"))
        index = random.permuted(np.tile(np.arange(1024)[:, None] if axis == 0 else np.arange(1024), (1, 1024) if axis == 0 else (1024, 1)), axis=axis)
        cases.append(case("ScatterElements", (floats(-1, 1, *shape), index, floats(-1, 1, *shape)), {"axis": axis}, words=f"along {axis}"))
    cases.append(case("ScatterElements", (floats(-1, 1, *shape), whole(0, 1024, np.int64, *shape), floats(-1, 1, *shape)), {"axis": 1, "reduction": "add"}, words="adding"))
    places = np.stack([whole(0, 1024, np.int64), whole(0, 1024, np.int64)], 1)
    cases.append(case("GatherND", (floats(-1, 1, *shape), places), words="of numbers"))
    cases.append(case("GatherND", (floats(-1, 1, *shape), whole(0, 1024, np.int64, 1024, 1)), words="of rows"))
    unique = np.stack(np.unravel_index(random.permutation(COUNT), shape), 1)
    cases.append(case("ScatterND", (floats(-1, 1, *shape), unique, floats(-1, 1)), words="of numbers"))
    cases.append(case("ScatterND", (floats(-1, 1, *shape), random.permutation(1024)[:, None], floats(-1, 1, *shape)), words="of rows"))
    cases += [case("Gather", (floats(-1, 1, *shape), whole(0, 1024, np.int64, 1024)), {"axis": axis}, words=f"along {axis}") for axis in (0, 1)]
    return cases


def of_pictures() -> list[operator_cases.Case]:
    cases = []
    shapes = (PICTURE, (1, 32, 512, 512), (1, 256, 28, 28))
    for shape in shapes:
        for name in ("AveragePool", "MaxPool"):
            for kernel, stride, pad in ((3, 1, 1), (3, 2, 1), (2, 2, 0), (3, 1, 0), (5, 1, 2)):
                more = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [pad] * 4}
                cases.append(case(name, (floats(-1, 1, *shape),), more, words=f"{kernel}x{kernel} stride {stride} pad {pad}"))
        cases += [case(name, (floats(-1, 1, *shape),)) for name in ("GlobalAveragePool", "GlobalMaxPool")]
    cases.append(case("AffineGrid", (floats(-1, 1, 1, 2, 3),), constants=(np.array([1, 3, 724, 724], np.int64),)))
    cases.append(case("AffineGrid", (floats(-1, 1, 1, 3, 4),), constants=(np.array([1, 3, 70, 70, 70], np.int64),), words="of cubes"))
    return cases


FAMILIES = {"elements": of_elements, "pairs": of_pairs, "casts": of_casts, "reductions": of_reductions, "indices": of_indices, "pictures": of_pictures}
