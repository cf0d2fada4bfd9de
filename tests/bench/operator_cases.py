"""Models of one operator, as networks have them, with what goes in."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

MICROSOFT = "com.microsoft"
SEED = np.random.default_rng(1)


@dataclass
class Case:
    """A node; constants are part of the model, feeds go in."""

    operator: str
    note: str
    feeds: dict[str, np.ndarray]
    attributes: dict[str, object] = field(default_factory=dict)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    order: tuple[str, ...] = ()  # of the inputs; () : feeds, then constants
    outputs: int = 1
    domain: str = ""
    opset: int = 20

    def text(self) -> str:
        return f"{self.operator} {self.note}"

    def wide(self) -> Case:
        """The same in double precision."""
        def widened(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            return {name: array.astype(np.float64) if array.dtype == np.float32 else array for name, array in arrays.items()}
        return dataclasses.replace(self, feeds=widened(self.feeds), constants=widened(self.constants))

    def model(self) -> bytes:
        names = [f"y{i}" for i in range(self.outputs)]
        node = helper.make_node(self.operator, list(self.order or [*self.feeds, *self.constants]), names, "node", domain=self.domain, **self.attributes)
        inputs = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape) for name, array in self.feeds.items()]
        graph = helper.make_graph([node], "case", inputs, [onnx.ValueInfoProto(name=name) for name in names],
                                  [numpy_helper.from_array(array, name) for name, array in self.constants.items()])
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()


def floats(*dims: int) -> np.ndarray:
    return SEED.standard_normal(dims, dtype=np.float32)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def topk() -> Iterator[Case]:
    for rows, size, k in ((1, 1000, 1), (100, 1000, 5), (64, 1000, 100), (1, 8400, 300), (4, 25200, 1000), (1, 100000, 1), (1, 100000, 100), (1, 100000, 1000),
                          (16, 1000, 1000), (1, 268569, 1000), (900, 91, 1)):
        yield Case("TopK", f"{k} of {rows}x{size}", {"x": floats(rows, size)}, constants={"k": ints(k)}, outputs=2)
    yield Case("TopK", "smallest 100 of 4x10000", {"x": floats(4, 10000)}, {"largest": 0}, {"k": ints(100)}, outputs=2)
    yield Case("TopK", "10 of 1x1000x400, axis 1", {"x": floats(1, 1000, 400)}, {"axis": 1}, {"k": ints(10)}, outputs=2)
    yield Case("TopK", "4 of 4x16x6400, axis 1", {"x": floats(4, 16, 6400)}, {"axis": 1}, {"k": ints(4)}, outputs=2)
    yield Case("TopK", "300 of ReLU'd 1x8400", {"x": np.maximum(floats(1, 8400) - 1, 0)}, constants={"k": ints(300)}, outputs=2)


def boxes(count: int, batch: int = 1) -> np.ndarray:
    low = SEED.random((batch, count, 2), dtype=np.float32) * 600
    return np.concatenate([low, low + SEED.random((batch, count, 2), dtype=np.float32) * 60 + 4], 2)


def suppression() -> Iterator[Case]:
    for count, classes, most, threshold in ((1000, 1, 1000, 0.05), (8400, 1, 300, 0.25), (25200, 1, 300, 0.5), (8400, 80, 100, 0.9), (1000, 80, 200, 0.5),
                                            (25200, 80, 20, 0.99), (1000, 1, 1000, 0.0)):
        yield Case("NonMaxSuppression", f"{count} boxes, {classes} classes, {most} at most, scores from {threshold}",
                   {"boxes": boxes(count), "scores": SEED.random((1, classes, count), dtype=np.float32)},
                   constants={"most": ints(most), "iou": np.array([0.5], np.float32), "score": np.array([threshold], np.float32)})


def regions() -> Iterator[Case]:
    for mode, ratio, count, side, size in (("avg", 2, 100, 7, 50), ("avg", 0, 100, 7, 50), ("max", 2, 100, 7, 50), ("max", 0, 100, 7, 50), ("avg", 2, 1000, 7, 50),
                                           ("avg", 2, 100, 14, 100), ("avg", 0, 300, 7, 25)):
        corners = SEED.random((count, 2), dtype=np.float32) * size * 8
        rois = np.concatenate([corners, corners + SEED.random((count, 2), dtype=np.float32) * size * 6 + 8], 1)
        yield Case("RoiAlign", f"{mode}, ratio {ratio}, {count} regions of 256x{size}x{size}, {side}x{side}",
                   {"x": floats(1, 256, size, size), "rois": rois, "batch": np.zeros(count, np.int64)},
                   {"mode": mode, "sampling_ratio": ratio, "output_height": side, "output_width": side, "spatial_scale": 1 / 16})


def deformed() -> Iterator[Case]:
    for channels, outputs, size, kernel, masked, groups in ((64, 64, 64, 3, True, 1), (64, 64, 64, 3, False, 1), (256, 256, 25, 3, True, 1), (128, 128, 40, 3, True, 8),
                                                            (32, 32, 64, 5, True, 1), (64, 64, 128, 1, True, 1), (64, 27, 64, 3, True, 1)):
        taps = kernel * kernel
        feeds = {"x": floats(1, channels, size, size), "offset": floats(1, 2 * groups * taps, size, size) * 2}
        constants = {"w": floats(outputs, channels, kernel, kernel) / channels, "b": floats(outputs)}
        if masked:
            feeds["mask"] = SEED.random((1, groups * taps, size, size), dtype=np.float32)
        yield Case("DeformConv", f"{kernel}x{kernel}, {channels} to {outputs} of {size}x{size}, {groups} offset groups{', mask' if masked else ''}", feeds,
                   {"pads": [kernel // 2] * 4, "offset_group": groups}, constants, ("x", "w", "offset", "b", *(["mask"] if masked else [])), opset=19)


def attention() -> Iterator[Case]:
    for rows, past, heads, own, size in ((1, 511, 12, 12, 64), (1, 2047, 12, 12, 64), (1, 4095, 12, 12, 64), (1, 2047, 32, 8, 128), (64, 0, 12, 12, 64), (256, 0, 12, 12, 64),
                                         (1024, 0, 12, 12, 64), (256, 0, 32, 8, 64), (197, 0, 6, 6, 64), (49, 0, 3, 3, 32)):
        feeds = {"q": floats(1, heads, rows, size), "k": floats(1, own, rows, size), "v": floats(1, own, rows, size)}
        order = ("q", "k", "v")
        if past:
            feeds |= {"pk": floats(1, own, past, size), "pv": floats(1, own, past, size)}
            order = ("q", "k", "v", "", "pk", "pv")
        yield Case("Attention", f"{rows} rows beside {past}, {heads} heads on {own} of {size}", feeds, {"is_causal": int(not past)}, order=order,
                   outputs=3 if past else 1, opset=23)
    for rows, heads, size in ((64, 12, 64), (256, 12, 64), (512, 12, 64)):
        width = heads * size
        yield Case("Attention", f"com.microsoft, {rows} rows, {heads} heads of {size}", {"x": floats(1, rows, width)}, {"num_heads": heads},
                   {"w": floats(width, 3 * width) / np.float32(width ** 0.5), "b": floats(3 * width)}, domain=MICROSOFT)
        yield Case("MultiHeadAttention", f"{rows} rows, {heads} heads of {size}", {name: floats(1, rows, width) for name in "qkv"}, {"num_heads": heads}, domain=MICROSOFT)
    yield Case("MultiHeadAttention", "1 row beside 1024, 12 heads of 64", {"q": floats(1, 1, 768), "k": floats(1, 1024, 768), "v": floats(1, 1024, 768)},
               {"num_heads": 12}, domain=MICROSOFT)
    for rows, past, heads, own, size, extra in ((1, 511, 12, 12, 64, {}), (1, 2047, 32, 8, 128, {}), (1, 4095, 32, 8, 64, {}), (256, 0, 32, 8, 64, {}),
                                                (1, 4095, 32, 8, 64, {"local_window_size": 512}), (1024, 0, 8, 2, 64, {"local_window_size": 128})):
        total = rows + past
        yield Case("GroupQueryAttention", f"{rows} rows beside {past}, {heads} heads on {own} of {size} {extra or ''}",
                   {"q": floats(1, rows, heads * size), "k": floats(1, rows, own * size), "v": floats(1, rows, own * size),
                    "pk": floats(1, own, max(past, 0), size), "pv": floats(1, own, past, size)},
                   {"num_heads": heads, "kv_num_heads": own, **extra},
                   {"l": np.array([total - 1], np.int32), "t": np.array(total, np.int32)}, ("q", "k", "v", "pk", "pv", "l", "t"), 3, MICROSOFT)


def grids() -> Iterator[Case]:
    for mode, padding, channels, size, places in (("linear", "zeros", 64, 64, 64), ("linear", "border", 64, 64, 64), ("linear", "reflection", 64, 64, 64),
                                                  ("nearest", "zeros", 64, 64, 64), ("nearest", "border", 64, 64, 64), ("nearest", "reflection", 64, 64, 64),
                                                  ("cubic", "zeros", 16, 64, 64), ("cubic", "border", 16, 64, 64), ("cubic", "reflection", 16, 64, 64),
                                                  ("linear", "zeros", 3, 256, 256), ("linear", "border", 3, 256, 256), ("linear", "zeros", 32, 80, 20)):
        for aligned in (0, 1):
            yield Case("GridSample", f"{mode}, {padding}, {'aligned, ' if aligned else ''}{channels}x{size}x{size} to {places}x{places}",
                       {"x": floats(1, channels, size, size), "grid": (SEED.random((1, places, places, 2), dtype=np.float32) * 2.4 - 1.2)},
                       {"mode": mode, "padding_mode": padding, "align_corners": aligned})


def resized() -> Iterator[Case]:
    for mode, channels, size, scale, more in (
            ("nearest", 64, 64, 2.0, {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}), ("nearest", 64, 64, 2.0, {}), ("nearest", 64, 64, 1.7, {}),
            ("nearest", 64, 64, 0.5, {}), ("linear", 64, 64, 2.0, {}), ("linear", 64, 64, 2.0, {"coordinate_transformation_mode": "align_corners"}),
            ("linear", 64, 64, 4.0, {}), ("linear", 64, 64, 1.37, {}), ("linear", 64, 64, 0.5, {}), ("linear", 64, 64, 0.43, {}), ("linear", 3, 256, 2.0, {}),
            ("linear", 64, 64, 0.5, {"antialias": 1}), ("cubic", 16, 64, 2.0, {}), ("cubic", 16, 64, 0.43, {}), ("cubic", 16, 64, 1.37, {}),
            ("cubic", 16, 64, 0.5, {"antialias": 1}), ("linear", 256, 7, 8.0, {}), ("nearest", 256, 20, 2.0, {})):
        note = ", ".join(str(value) for value in more.values())
        yield Case("Resize", f"{mode}, {channels}x{size}x{size} by {scale} {note}", {"x": floats(1, channels, size, size)}, {"mode": mode, **more},
                   {"scales": np.array([1, 1, scale, scale], np.float32)}, ("x", "", "scales"), opset=19)


def sums() -> Iterator[Case]:
    for equation, *dims in (("bhid,bhjd->bhij", (1, 8, 256, 64), (1, 8, 256, 64)), ("bhij,bhjd->bhid", (1, 8, 256, 256), (1, 8, 256, 64)),
                            ("bnd,de->bne", (1, 256, 384), (384, 384)), ("bqhd,bkhd->bhqk", (1, 256, 8, 64), (1, 256, 8, 64)), ("bhqk,bkhd->bqhd", (1, 8, 256, 256), (1, 256, 8, 64)),
                            ("bhwc,hkc->bhwk", (8, 14, 14, 64), (14, 14, 64)), ("bhwc,wkc->bhwk", (8, 14, 14, 64), (14, 14, 64)), ("bchw,bnc->bnhw", (1, 256, 40, 40), (1, 80, 256)),
                            ("bqc,bchw->bqhw", (1, 100, 256), (1, 256, 64, 64)), ("nhwc->nchw", (1, 64, 64, 64)), ("ij,ij->i", (1000, 256), (1000, 256)),
                            ("i,j->ij", (1000,), (1000,)), ("nkctv,kvw->nctw", (1, 3, 64, 75, 25), (3, 25, 25)), ("bij,bjk->bik", (4, 100, 100), (4, 100, 100))):
        yield Case("Einsum", f"{equation} {dims}", {name: floats(*d) for name, d in zip("ab", dims)}, {"equation": equation})


def rows() -> Iterator[Case]:
    for operator in ("Softmax", "LogSoftmax"):
        for dims, axis in (((64, 1000), -1), ((1, 21, 128, 128), 1), ((1, 4, 16, 8400), 1), ((1, 16, 4, 8400), 1), ((8, 197, 197), -1), ((1, 256, 32, 32), 1), ((12, 100, 64), 1), ((1000, 2), -1), ((4000, 9), -1),
                           ((1, 8400, 80), -1)):
            yield Case(operator, f"{dims} over {axis}", {"x": floats(*dims)}, {"axis": axis})
    for width in (64, 96, 192, 384, 768, 1024, 4096):
        count = 262144 // width
        scale, bias = floats(width), floats(width)
        yield Case("LayerNormalization", f"{count} rows of {width}", {"x": floats(1, count, width)}, {"axis": -1}, {"s": scale, "b": bias}, opset=17)
        yield Case("RMSNormalization", f"{count} rows of {width}", {"x": floats(1, count, width)}, {"axis": -1}, {"s": scale}, opset=23)
        yield Case("SkipLayerNormalization", f"{count} rows of {width}", {"x": floats(1, count, width), "z": floats(1, count, width)}, {}, {"s": scale, "b": bias}, domain=MICROSOFT)
        yield Case("SkipSimplifiedLayerNormalization", f"{count} rows of {width}", {"x": floats(1, count, width), "z": floats(1, count, width)}, {}, {"s": scale}, domain=MICROSOFT)


def moves() -> Iterator[Case]:
    for perm, dims in (((0, 2, 1, 3), (1, 256, 12, 64)), ((0, 2, 1, 3), (8, 197, 3, 32)), ((0, 2, 3, 1), (1, 64, 80, 80)), ((0, 2, 3, 1), (1, 3, 256, 256)), ((0, 3, 1, 2), (1, 80, 80, 64)),
                       ((0, 3, 1, 2), (1, 256, 256, 3)), ((0, 1, 3, 2), (1, 12, 256, 64)), ((0, 2, 1), (1, 256, 1600)), ((2, 0, 1), (32, 100, 256)), ((2, 0, 3, 1, 4), (1, 197, 3, 12, 64)),
                       ((0, 1, 3, 2, 4, 5), (1, 8, 7, 8, 7, 96)), ((0, 1, 3, 2, 4, 5), (1, 64, 64, 2, 2, 48)), ((3, 2, 1, 0), (16, 32, 16, 32)), ((0, 4, 2, 5, 1, 3), (1, 2, 32, 2, 32, 64)), ((0, 1, 4, 2, 5, 3), (1, 16, 2, 2, 64, 64)),
                       ((0, 1, 3, 4, 2), (1, 3, 85, 40, 40))):
        yield Case("Transpose", f"{perm} of {dims}", {"x": floats(*dims)}, {"perm": perm})
    for axis, dims in ((1, (1, 64, 64, 64)), (-1, (1, 8400, 40)), (1, (1, 1, 256)), (2, (1, 8, 512, 64))):
        yield Case("Concat", f"two {dims} at {axis}", {"a": floats(*dims), "b": floats(*dims)}, {"axis": axis})
    yield Case("Split", "1x64x64x64 into 2", {"x": floats(1, 64, 64, 64)}, {"axis": 1, "num_outputs": 2}, outputs=2)
    yield Case("Split", "1x8400x84 into 4, 80", {"x": floats(1, 8400, 84)}, {"axis": 2}, {"s": ints(4, 80)}, outputs=2)
    yield Case("Split", "256x2304 into 3", {"x": floats(256, 2304)}, {"axis": 1, "num_outputs": 3}, outputs=3)
    for note, dims, start, end, axes, steps in (("channels", (1, 64, 64, 64), 0, 32, 1, 1), ("columns by 2", (1, 16, 128, 128), 0, 128, 3, 2), ("rows by 2", (1, 16, 128, 128), 0, 128, 2, 2),
                                                ("columns backwards", (1, 16, 128, 128), -1, -1000, 3, -1), ("the last columns", (1, 16, 128, 128), 4, 124, 3, 1), ("4 of 85", (1, 8400, 85), 0, 4, 2, 1), ("1 of 85", (1, 8400, 85), 4, 5, 2, 1)):
        yield Case("Slice", f"{note} of {dims}", {"x": floats(*dims)}, {}, {"s": ints(start), "e": ints(end), "a": ints(axes), "t": ints(steps)})
    for mode in ("constant", "reflect", "edge", "wrap"):
        yield Case("Pad", f"{mode} 1, 1x64x64x64", {"x": floats(1, 64, 64, 64)}, {"mode": mode}, {"p": ints(0, 0, 1, 1, 0, 0, 1, 1)})
        yield Case("Pad", f"{mode} 3, 1x3x256x256", {"x": floats(1, 3, 256, 256)}, {"mode": mode}, {"p": ints(0, 0, 3, 3, 0, 0, 3, 3)})
    for dims, shape in (((1, 64, 1, 1), (1, 64, 64, 64)), ((1, 1, 64, 64), (1, 64, 64, 64)), ((256, 1), (256, 512)), ((1, 8, 1, 512, 64), (1, 8, 4, 512, 64)), ((1, 100, 1), (1, 100, 4))):
        yield Case("Expand", f"{dims} to {shape}", {"x": floats(*dims)}, {}, {"s": ints(*shape)})
    for dims, repeats in (((1, 64, 32, 32), (1, 1, 2, 2)), ((1, 1, 64, 64), (1, 16, 1, 1)), ((1, 256), (300, 1)), ((8400, 1), (1, 4)), ((100, 3), (1, 50))):
        yield Case("Tile", f"{dims} {repeats} times", {"x": floats(*dims)}, {}, {"r": ints(*repeats)})
    for dims, axis in (((1, 64, 64), 1), ((1, 256, 256), 2), ((1, 32, 32, 256), 1), ((1000, 100), 1), ((1, 100000), 1)):
        yield Case("CumSum", f"{dims} over {axis}", {"x": floats(*dims)}, {}, {"a": np.array(axis, np.int64)})


def picks() -> Iterator[Case]:
    for operator in ("ArgMax", "ArgMin"):
        for dims, axis in (((1, 21, 128, 128), 1), ((1, 8400, 80), 2), ((100, 1000), 1), ((1, 100000), 1), ((1, 19, 256, 256), 1), ((256, 100), 0), ((8400, 4), 1)):
            yield Case(operator, f"{dims} over {axis}", {"x": floats(*dims)}, {"axis": axis, "keepdims": 0})
    places = np.stack(np.meshgrid(np.arange(64), np.arange(0, 64, 2), indexing="ij"), -1).astype(np.int64)
    yield Case("ScatterND", "64x64x96, every second", {"x": floats(64, 64, 96), "i": places, "u": floats(64, 32, 96)})
    single = np.stack([SEED.permutation(65536) for _ in range(1)], -1).astype(np.int64)[:30000]
    yield Case("ScatterND", "30000 of 65536", {"x": floats(65536), "i": single, "u": floats(30000)})
    yield Case("ScatterND", "8400x4, columns", {"x": floats(8400, 4), "i": np.stack([np.arange(8400), np.full(8400, 2)], -1).astype(np.int64), "u": floats(8400)})
    yield Case("ScatterElements", "100x1000 over 1", {"x": floats(100, 1000), "i": SEED.integers(0, 1000, (100, 300)), "u": floats(100, 300)}, {"axis": 1})
    yield Case("GatherND", "30000 of 256x256", {"x": floats(256, 256), "i": SEED.integers(0, 256, (30000, 2))})
    yield Case("GatherElements", "1x300x4 of 1x8400x4", {"x": floats(1, 8400, 4), "i": SEED.integers(0, 8400, (1, 300, 4))}, {"axis": 1})
    yield Case("Gather", "300 of 8400x256", {"x": floats(8400, 256), "i": SEED.integers(0, 8400, (300,))}, {"axis": 0})
    yield Case("Gather", "columns of 1000x256", {"x": floats(1000, 256), "i": SEED.integers(0, 256, (128,))}, {"axis": 1})
    for share in (0.01, 0.5):
        yield Case("NonZero", f"{share} of 1x80x8400 bools", {"x": SEED.random((1, 80, 8400)) < share})
    yield Case("NonZero", "0.5 of 65536 floats", {"x": np.maximum(floats(65536), 0)})
    yield Case("NonZero", "0.1 of 512x512 int64", {"x": (SEED.random((512, 512)) < 0.1).astype(np.int64)})
    yield Case("Where", "1x64x64x64 all alike", {"c": SEED.random((1, 64, 64, 64)) < 0.5, "a": floats(1, 64, 64, 64), "b": floats(1, 64, 64, 64)})
    yield Case("Where", "mask of 1x1x256x256, number, 1x12x256x256", {"c": SEED.random((1, 1, 256, 256)) < 0.5, "b": floats(1, 12, 256, 256)}, {}, {"a": np.array(-1e4, np.float32)}, ("c", "a", "b"))
    yield Case("Where", "rows of 256x1, 256x512", {"c": SEED.random((256, 1)) < 0.5, "a": floats(256, 512), "b": floats(1, 512)})
    yield Case("Where", "int64 8400x4", {"c": SEED.random((8400, 4)) < 0.5, "a": SEED.integers(0, 9, (8400, 4)), "b": SEED.integers(0, 9, (8400, 4))})
    for count, depth, axis in ((1000, 80, -1), (4096, 21, 1), (65536, 19, 0), (8400, 2, -1)):
        yield Case("OneHot", f"{count} of {depth}, axis {axis}", {"i": SEED.integers(0, depth, (1, count))}, {"axis": axis}, {"d": np.array(depth, np.int64), "v": np.array([0, 1], np.float32)})


def signals() -> Iterator[Case]:
    for size in (64, 256, 480, 512, 1024, 509, 2048, 400):
        count = max(65536 // size, 1)
        for note, width, more in (("complex", 2, {}), ("real", 1, {}), ("half", 1, {"onesided": 1}), ("inverse", 2, {"inverse": 1})):
            yield Case("DFT", f"{note}, {count} of {size}", {"x": floats(1, count, size, width)}, {"axis": 2, **more}, opset=17)
    yield Case("DFT", "columns, 128x128", {"x": floats(1, 128, 128, 2)}, {"axis": 1}, opset=17)
    for frame, step in ((512, 128), (400, 160), (1024, 256), (480, 240), (509, 127)):
        yield Case("STFT", f"16000 numbers, {frame} by {step}", {"x": floats(1, 16000, 1)}, {"onesided": 1}, {"s": np.array(step, np.int64), "w": np.hanning(frame).astype(np.float32)}, opset=17)


FAMILIES = {"topk": topk, "suppression": suppression, "regions": regions, "deformed": deformed, "attention": attention, "grids": grids, "resized": resized, "sums": sums, "rows": rows,
            "moves": moves, "picks": picks, "signals": signals}
