"""What random_graphs.py composes graphs of: a rule draws a node's inputs and attributes for one operator or a family.

A rule gets the drawing (`Drawing` of random_graphs.py) and returns (operator, inputs, attributes, outputs, exact):
inputs are values, arrays that become constants, or None; exact says how the result's rounding is:
  EXACT   as exact as the inputs are (moves numbers, or adds few of them)
  ROUNDS  another program may round otherwise
Rules that jump (Round, ArgMax, Less, ...) draw their inputs among exact values only: there, rounding would decide.
"""

from __future__ import annotations

import numpy as np

EXACT, ROUNDS = True, False
FLOATS = ("float32", "float64", "float16")
INTS = ("int32", "int64", "uint8", "int8", "uint32")
NUMBERS = FLOATS + INTS
ANY = NUMBERS + ("bool",)


def ints(*values) -> np.ndarray:
    return np.array(values, np.int64)


def some_axis(d, value, extra=0):
    rank = value.rank + extra
    return d.rng.randrange(-rank, rank)


# ---- elementwise ----
SMOOTH = {"Sigmoid": {}, "Tanh": {}, "Exp": {}, "Sqrt": {}, "Log": {}, "Erf": {}, "Softplus": {}, "Softsign": {}, "Sin": {}, "Cos": {}, "Atan": {},
          "Asinh": {}, "Sinh": {}, "Selu": {}, "Mish": {}, "HardSwish": {}, "Reciprocal": {}, "Gelu": {"approximate": ("none", "tanh")},
          "Elu": {"alpha": (0.5, 1.5)}, "Celu": {"alpha": (0.5, 1.5)}, "LeakyRelu": {"alpha": (0.01, 0.5)},
          "HardSigmoid": {"alpha": (0.1, 0.3), "beta": (0.4, 0.6)}}
PLAIN = {"Abs": NUMBERS, "Neg": FLOATS + ("int32", "int64", "int8"), "Relu": FLOATS, "Identity": ANY}
JUMPS = {"Floor": FLOATS, "Ceil": FLOATS, "Round": FLOATS, "Sign": NUMBERS, "Not": ("bool",), "ThresholdedRelu": FLOATS, "IsNaN": FLOATS}


def smooth(d):
    op = d.choice(SMOOTH)
    attributes = {k: d.choice(v) for k, v in SMOOTH[op].items() if d.rng.random() < 0.7}
    return op, [d.value(FLOATS)], attributes, 1, ROUNDS


def plain(d):
    op = d.choice(PLAIN)
    return op, [d.value(PLAIN[op])], {}, 1, EXACT


def jump(d):
    op = d.choice(JUMPS)
    return op, [d.value(JUMPS[op], exact=True)], {}, 1, EXACT


def clip(d):
    x = d.value(NUMBERS)
    low, high = sorted(d.rng.randint(-4, 4) if x.dtype.kind != "u" else d.rng.randint(0, 9) for _ in range(2))
    bounds = [np.array(v, x.dtype) if d.rng.random() < 0.8 else None for v in (low, high)]
    return "Clip", [x, *bounds], {}, 1, EXACT


ARITHMETIC = {"Add": EXACT, "Sub": EXACT, "Mul": EXACT, "Div": ROUNDS, "Max": EXACT, "Min": EXACT, "Sum": EXACT, "Mean": ROUNDS, "Pow": ROUNDS}


def arithmetic(d):
    op = d.choice(ARITHMETIC)
    x = d.value(FLOATS if op in ("Sum", "Mean", "Pow") else FLOATS + ("int32", "int64"))
    y = d.partner(x)
    if op == "Div" and x.dtype.kind in "iu":
        y = np.where(np.asarray(d.numbers(d.shape_with(x), x.dtype)) < 0, -3, 2).astype(x.dtype)
    if op == "Pow":
        y = np.array(d.choice((0.0, 1.0, 2.0, 3.0)), x.dtype)
    inputs = [x, y] if op in ("Div", "Sub", "Pow") or d.rng.random() < 0.5 else [y, x]
    if op in ("Max", "Min", "Sum", "Mean") and d.rng.random() < 0.4:
        inputs.append(x)
    return op, inputs, {}, 1, ARITHMETIC[op]


def compare(d):
    op = d.choice(("Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual"))
    x = d.value(("float32", "float64", "int32", "int64"), exact=True)
    return op, [x, d.partner(x, exact=True)], {}, 1, EXACT


def logic(d):
    x = d.value(("bool",))
    return d.choice(("And", "Or", "Xor")), [x, d.partner(x)], {}, 1, EXACT


def where(d):
    x = d.value(ANY)
    return "Where", [d.numbers(d.shape_with(x), np.dtype(bool)), x, d.partner(x)], {}, 1, EXACT


def prelu(d):
    x = d.value(FLOATS)
    slope = d.numbers(d.shape_under(x), x.dtype)
    return "PRelu", [x, slope], {}, 1, ROUNDS


def cast(d):
    import onnx

    to = np.dtype(d.choice(("float32", "float64", "int32", "int64", "bool", "float16")))
    x = d.value(ANY, exact=to.kind in "iub")
    return "Cast", [x], {"to": onnx.helper.np_dtype_to_tensor_dtype(to)}, 1, EXACT


# ---- reductions ----
REDUCTIONS = {"ReduceSum": EXACT, "ReduceMean": ROUNDS, "ReduceMax": EXACT, "ReduceMin": EXACT, "ReduceProd": ROUNDS, "ReduceL1": EXACT, "ReduceL2": ROUNDS,
              "ReduceSumSquare": ROUNDS, "ReduceLogSumExp": ROUNDS}


def reduction(d):
    op = d.choice(REDUCTIONS)
    x = d.value(("float32", "float64") if REDUCTIONS[op] is ROUNDS else ("float32", "int32", "int64"), empty=False)
    axes = d.rng.sample(range(x.rank), d.rng.randint(0, x.rank)) if x.rank else []
    attributes = {"keepdims": d.rng.randint(0, 1)}
    inputs = [x]
    if axes and d.opset >= (13 if op == "ReduceSum" else 18):
        inputs.append(ints(*axes))
    elif axes:
        attributes["axes"] = axes
    return op, inputs, attributes, 1, REDUCTIONS[op]


def arg(d):
    x = d.value(("float32", "int32"), rank=1, exact=True, empty=False)
    attributes = {"axis": some_axis(d, x), "keepdims": d.rng.randint(0, 1)}
    if d.opset >= 12:
        attributes["select_last_index"] = d.rng.randint(0, 1)
    return d.choice(("ArgMax", "ArgMin")), [x], attributes, 1, EXACT


def soft(d):
    x = d.value(FLOATS, rank=1)
    return d.choice(("Softmax", "LogSoftmax")), [x], {"axis": some_axis(d, x)}, 1, ROUNDS


def cumulative(d):
    x = d.value(("float32", "float64", "int32", "int64"), rank=1)
    return "CumSum", [x, np.array(some_axis(d, x), np.int64)], {"exclusive": d.rng.randint(0, 1), "reverse": d.rng.randint(0, 1)}, 1, EXACT


def top_k(d):
    x = d.value(("float32", "int64"), rank=1, exact=True, empty=False)
    axis = some_axis(d, x)
    return "TopK", [x, ints(d.rng.randint(1, x.shape[axis]))], {"axis": axis, "largest": d.rng.randint(0, 1), "sorted": 1}, 2, EXACT


# ---- movement ----
def reshape(d):
    x = d.value(ANY)
    sizes, left = [], x.size
    for prime in d.factors(left):
        sizes.append(prime)
    d.rng.shuffle(sizes)
    while len(sizes) > 4:
        sizes.append(sizes.pop() * sizes.pop())
    if x.size and sizes and d.rng.random() < 0.4:
        sizes[d.rng.randrange(len(sizes))] = -1
    if not x.size:
        sizes = list(x.shape)
    return "Reshape", [x, ints(*sizes)], {}, 1, EXACT


def transpose(d):
    x = d.value(ANY)
    return "Transpose", [x], {"perm": d.rng.sample(range(x.rank), x.rank)} if x.rank and d.rng.random() < 0.8 else {}, 1, EXACT


def concat(d):
    x = d.value(ANY, rank=1)
    axis = some_axis(d, x)
    others = []
    for _ in range(d.rng.randint(0, 2)):
        shape = list(x.shape)
        shape[axis] = d.rng.randint(0, 3)
        others.append(d.numbers(shape, x.dtype))
    inputs = [x, *others]
    d.rng.shuffle(inputs)
    return "Concat", inputs, {"axis": axis}, 1, EXACT


def split(d):
    x = d.value(ANY, rank=1, empty=False)
    axis = some_axis(d, x)
    length = x.shape[axis]
    cut = d.rng.randint(0, length)
    if d.opset < 13:
        return "Split", [x], {"axis": axis, "split": [cut, length - cut]}, 2, EXACT
    return "Split", [x, ints(cut, length - cut)], {"axis": axis}, 2, EXACT


def slice_(d):
    x = d.value(ANY, rank=1)
    axes = d.rng.sample(range(x.rank), d.rng.randint(1, x.rank))
    starts, ends, steps = [], [], []
    for axis in axes:
        starts.append(d.rng.randint(-x.shape[axis] - 1, x.shape[axis] + 1))
        steps.append(d.rng.choice([1, 1, 2, 3, -1, -2]))
        far = 2**63 - 1 if steps[-1] > 0 else -1000  # the other way round, onnxruntime takes everything
        ends.append(d.rng.choice([d.rng.randint(-x.shape[axis] - 1, x.shape[axis] + 1), far]))
    return "Slice", [x, ints(*starts), ints(*ends), ints(*axes), ints(*steps)], {}, 1, EXACT


def squeeze(d):
    x = d.value(ANY)
    ones = [i for i, size in enumerate(x.shape) if size == 1]
    if ones and d.rng.random() < 0.5:
        axes, op = d.rng.sample(ones, d.rng.randint(1, len(ones))), "Squeeze"
    else:
        axes, op = [some_axis(d, x, 1)], "Unsqueeze"
    return (op, [x, ints(*axes)], {}, 1, EXACT) if d.opset >= 13 else (op, [x], {"axes": [a % (x.rank + (op == "Unsqueeze")) for a in axes]}, 1, EXACT)


def flatten(d):
    x = d.value(ANY, rank=1)
    return "Flatten", [x], {"axis": d.rng.randint(0, x.rank)}, 1, EXACT


def expand(d):
    x = d.value(ANY)
    shape = [size if size != 1 or d.rng.random() < 0.4 else d.rng.randint(0, 3) for size in x.shape]
    if d.rng.random() < 0.4:
        shape = [d.rng.randint(1, 2), *shape]
    return "Expand", [x, ints(*shape)], {}, 1, EXACT


def tile(d):
    x = d.value(ANY, rank=1)
    return "Tile", [x, ints(*(d.rng.choice((1, 1, 2, 3, 0)) for _ in x.shape))], {}, 1, EXACT


def gather(d):
    x = d.value(ANY, rank=1, empty=False)
    axis = some_axis(d, x)
    size = x.shape[axis]
    if d.rng.random() < 0.4:
        shape = [d.rng.randint(1, s) if i != axis % x.rank else d.rng.randint(0, 3) for i, s in enumerate(x.shape)]
        return "GatherElements", [x, d.indices(shape, size)], {"axis": axis}, 1, EXACT
    return "Gather", [x, d.indices(d.small_shape(2), size)], {"axis": axis}, 1, EXACT


def gather_nd(d):
    x = d.value(ANY, rank=1, empty=False)
    depth = d.rng.randint(1, x.rank)
    count = d.small_shape(1)
    index = np.stack([d.indices(count, x.shape[i]) for i in range(depth)], -1)
    return "GatherND", [x, index], {}, 1, EXACT


def scatter_nd(d):
    x = d.value(("float32", "int64", "int32"), rank=1, empty=False)
    depth = d.rng.randint(1, x.rank)
    cells = [np.unravel_index(i, x.shape[:depth]) for i in d.rng.sample(range(int(np.prod(x.shape[:depth]))), 1)]
    return "ScatterND", [x, np.array(cells, np.int64), d.numbers([len(cells), *x.shape[depth:]], x.dtype)], {}, 1, EXACT


def scatter_elements(d):
    x = d.value(("float32", "int64", "int32"), rank=1, empty=False)
    axis = some_axis(d, x)
    shape = list(x.shape)
    shape[axis] = d.rng.randint(1, x.shape[axis])
    order = np.array(d.rng.sample(range(x.shape[axis]), shape[axis]), np.int64)
    broadcast = [1] * x.rank
    broadcast[axis] = shape[axis]
    index = np.broadcast_to(order.reshape(broadcast), shape).copy()
    attributes = {"axis": axis}
    if d.opset >= 18 and d.rng.random() < 0.5:
        attributes["reduction"] = d.choice(("add", "max", "min"))
    return "ScatterElements", [x, index, d.numbers(shape, x.dtype)], attributes, 1, EXACT


def pad(d):
    x = d.value(("float32", "float64", "int32", "int64"), rank=1, empty=False)
    mode = d.choice(("constant", "constant", "reflect", "edge") + (("wrap",) if d.opset >= 19 else ()))
    most = [min(2, s - 1) if mode in ("reflect", "wrap") else 2 for s in x.shape]
    least = -1 if mode == "constant" else 0
    begins = [d.rng.randint(max(least, -(s // 2)), m) for s, m in zip(x.shape, most)]
    ends = [d.rng.randint(max(least, -(s // 2)), m) for s, m in zip(x.shape, most)]
    inputs = [x, ints(*begins, *ends)]
    if mode == "constant" and d.rng.random() < 0.5:
        inputs.append(np.array(d.rng.randint(-2, 2), x.dtype))
    return "Pad", inputs, {"mode": mode}, 1, EXACT


def nothing_but_shape(d):
    x = d.value(ANY)
    return d.choice(("Shape", "Size")), [x], {}, 1, EXACT


def triangle(d):
    x = d.value(NUMBERS, rank=2)
    return "Trilu", [x] + ([np.array(d.rng.randint(-2, 2), np.int64)] if d.rng.random() < 0.6 else []), {"upper": d.rng.randint(0, 1)}, 1, EXACT


def compress(d):
    x = d.value(ANY, rank=1)
    axis = some_axis(d, x)
    return "Compress", [x, d.numbers([x.shape[axis]], np.dtype(bool))], {"axis": axis}, 1, EXACT


def one_hot(d):
    depth = d.rng.randint(1, 4)
    return "OneHot", [d.indices(d.small_shape(2), depth), np.array(depth, np.int64), np.array([0, 1], np.float32)], {"axis": -1}, 1, EXACT


def non_zero(d):
    x = d.value(("float32", "int64", "bool"), rank=1, exact=True)
    return "NonZero", [x], {}, 1, EXACT


def unique(d):
    x = d.value(("float32", "int64"), rank=1, exact=True, empty=False)
    attributes = {"sorted": d.rng.randint(0, 1)}
    if d.rng.random() < 0.4:
        attributes["axis"] = some_axis(d, x)
    return "Unique", [x], attributes, 4, EXACT


def depth_space(d):
    if d.rng.random() < 0.5:
        x = d.image(channels=4 * d.rng.randint(1, 2))
        return "DepthToSpace", [x], {"blocksize": 2, "mode": d.choice(("DCR", "CRD"))}, 1, EXACT
    return "SpaceToDepth", [d.image(even=True)], {"blocksize": 2}, 1, EXACT


# ---- windows, norms, products ----
def window(d, x, kernel_most=3, pads=True):
    kernel = [d.rng.randint(1, min(kernel_most, s)) for s in x.shape[2:]]
    attributes = {"strides": [d.rng.randint(1, 3) for _ in kernel]}
    if pads and d.rng.random() < 0.6:
        attributes["pads"] = [d.rng.randint(0, k - 1) if k > 1 else 0 for k in kernel * 2]
    elif d.rng.random() < 0.3:
        attributes["auto_pad"] = d.choice(("SAME_UPPER", "SAME_LOWER", "VALID"))
    return kernel, attributes


def conv(d):
    x = d.image()
    kernel, attributes = window(d, x)
    channels = x.shape[1]
    group = d.choice([g for g in range(1, channels + 1) if channels % g == 0])
    out = group * d.rng.randint(1, 3)
    inputs = [x, d.numbers([out, channels // group, *kernel], x.dtype)]
    if d.rng.random() < 0.6:
        inputs.append(d.numbers([out], x.dtype))
    return "Conv", inputs, attributes | {"group": group, "kernel_shape": kernel}, 1, ROUNDS


def conv_transpose(d):
    x = d.image()
    kernel = [d.rng.randint(1, 3) for _ in x.shape[2:]]
    strides = [d.rng.randint(1, 2) for _ in kernel]
    attributes = {"strides": strides, "output_padding": [d.rng.randint(0, s - 1) for s in strides]}
    return "ConvTranspose", [x, d.numbers([x.shape[1], d.rng.randint(1, 3), *kernel], x.dtype)], attributes, 1, ROUNDS


def pool(d):
    x = d.image()
    kernel, attributes = window(d, x)
    op = d.choice(("MaxPool", "AveragePool", "LpPool"))
    if attributes.get("auto_pad", "").startswith("SAME"):  # onnxruntime pads by negative numbers, or refuses to
        attributes["strides"] = [min(stride, k) for stride, k in zip(attributes["strides"], kernel)]
    if op == "AveragePool":
        attributes["count_include_pad"] = d.rng.randint(0, 1)
    return op, [x], attributes | {"kernel_shape": kernel}, 1, EXACT if op == "MaxPool" else ROUNDS


def global_pool(d):
    return d.choice(("GlobalAveragePool", "GlobalMaxPool")), [d.image()], {}, 1, ROUNDS


def norm(d):
    x = d.image()
    c, op = x.shape[1], d.choice(("BatchNormalization", "InstanceNormalization", "LRN", "LayerNormalization", "GroupNormalization"))
    scale, shift = d.numbers([c], x.dtype), d.numbers([c], x.dtype)
    if op == "BatchNormalization":
        return op, [x, scale, shift, d.numbers([c], x.dtype), np.abs(d.numbers([c], x.dtype)) + np.array(0.5, x.dtype)], {}, 1, ROUNDS
    if op == "LRN":
        return op, [x], {"size": d.choice((1, 3, 5))}, 1, ROUNDS
    if op == "LayerNormalization":
        axis = d.rng.randint(-x.rank, -1)
        return op, [x, d.numbers(x.shape[axis:], x.dtype), d.numbers(x.shape[axis:], x.dtype)], {"axis": axis, "epsilon": 0.1}, 1, ROUNDS
    if op == "GroupNormalization":
        groups = d.choice([g for g in range(1, c + 1) if c % g == 0])
        return op, [x, scale, shift], {"num_groups": groups, "epsilon": 0.1}, 1, ROUNDS
    return op, [x, scale, shift], {"epsilon": 0.1}, 1, ROUNDS


def resize(d):
    x = d.image()
    mode = d.choice(("nearest", "linear", "cubic"))
    scales = [1.0, 1.0] + [d.choice((0.5, 1.0, 1.5, 2.0, 3.0)) for _ in x.shape[2:]]
    attributes = {"mode": mode, "coordinate_transformation_mode": d.choice(("half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel"))}
    return "Resize", [x, None, np.array(scales, np.float32)], attributes, 1, ROUNDS


def mat_mul(d):
    x = d.value(("float32", "float64"), rank=1)
    k = x.shape[-1]
    shape = [k, d.rng.randint(1, 5)] if d.rng.random() < 0.6 else [*x.shape[:-2], k, d.rng.randint(1, 4)] if x.rank > 2 else [k]
    return "MatMul", [x, d.numbers(shape, x.dtype)], {}, 1, ROUNDS


def gemm(d):
    x = d.value(("float32", "float64"), rank=2, most_rank=2)
    across, turned = d.rng.randint(0, 1), d.rng.randint(0, 1)
    rows, k = (x.shape[1], x.shape[0]) if across else x.shape
    n = d.rng.randint(1, 5)
    inputs = [x, d.numbers([n, k] if turned else [k, n], x.dtype)]
    if d.rng.random() < 0.6:
        inputs.append(d.numbers(d.choice(([n], [rows, n], [rows, 1], [])), x.dtype))
    return "Gemm", inputs, {"transA": across, "transB": turned, "alpha": d.choice((1.0, 0.5)), "beta": d.choice((1.0, 2.0))}, 1, ROUNDS


def einsum(d):
    x = d.value(("float32", "float64"), rank=2, most_rank=2)
    equation, shape = d.choice((("ij,jk->ik", [x.shape[1], 3]), ("ij,ij->i", x.shape), ("ij,kj->ki", [2, x.shape[1]]), ("ij,i->j", [x.shape[0]])))
    return "Einsum", [x, d.numbers(shape, x.dtype)], {"equation": equation}, 1, ROUNDS


def quantize(d):
    x = d.value(("float32",), exact=True)
    return "QuantizeLinear", [x, np.array(0.25, np.float32), np.array(d.rng.randint(0, 9), np.dtype(d.choice(("uint8", "int8"))))], {}, 1, EXACT


def dequantize(d):
    x = d.value(("uint8", "int8"))
    return "DequantizeLinear", [x, np.array(0.5, np.float32), np.array(1, x.dtype)], {}, 1, EXACT


RULES = [smooth, plain, jump, clip, arithmetic, arithmetic, compare, logic, where, prelu, cast, reduction, arg, soft, cumulative, top_k, reshape, transpose, concat,
         split, slice_, squeeze, flatten, expand, tile, gather, gather_nd, scatter_nd, scatter_elements, pad, nothing_but_shape, triangle, compress, one_hot,
         non_zero, unique, depth_space, conv, conv, conv_transpose, pool, global_pool, norm, norm, resize, mat_mul, gemm, einsum, quantize, dequantize]
