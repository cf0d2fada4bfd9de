"""Nodes of onnxruntime's operators (com.microsoft) that limner writes as other operators, quantized ones, and those with
caches and packed weights, for tests/e2e/conformance.py; made as those of contrib_cases.py are."""

from __future__ import annotations

import numpy as np
from contrib_cases import Cases
from onnx import TensorProto


class Forms(Cases):
    def bytes(self, *shape: int, signed: bool = False) -> np.ndarray:
        return self.rng.integers(-128 if signed else 0, 128 if signed else 256, shape).astype(np.int8 if signed else np.uint8)

    def scale(self) -> np.ndarray:
        return np.float32(self.rng.uniform(0.01, 0.05))

    def zero(self, signed: bool) -> np.ndarray:
        return self.bytes(signed=signed)[()]

    def sizes(self, rank: int, high: int = 5) -> list[int]:
        return [self.size(1, high) for _ in range(rank)]

    def moved(self):
        x = self.floats(*self.sizes(3))
        yield self.model("Trilu", ["x", "k"], {"x": x}, {"k": np.int64(self.size(-2, 2))}, ["y"], upper=int(self.coin()))
        places = np.stack([self.rng.integers(0, d, 4) for d in x.shape[:2]], axis=-1)
        yield self.model("GatherND", ["x", "i"], {"x": x, "i": places.astype(np.int32 if self.coin() else np.int64)}, {}, ["y"])
        yield self.model("ExpandDims", ["x", "a"], {"x": x}, {"a": np.array(self.size(-4, 3), np.int32)}, ["y"])
        values = self.rng.integers(0, 4, self.size(1, 12)).astype(np.float32)
        yield self.model("Unique", ["x"], {"x": values}, {}, ["y", "i", "c"], types={"i": TensorProto.INT64, "c": TensorProto.INT64})
        pads = np.array(self.sizes(6, 2), np.int64) - 1
        mode = str(self.rng.choice(["constant", "edge"]))
        names = ["x", "p", "v"] if mode == "constant" and self.coin() else ["x", "p"]
        yield self.model("Pad", names, {"x": x}, {n: v for n, v in {"p": pads, "v": self.floats(1)}.items() if n in names}, ["y"], mode=mode)
        yield self.model("SampleOp", ["x"], {"x": x}, {}, ["y"])
        start, limit, step = np.array(1, np.float32), np.array(7.5, np.float32), np.array(0.5, np.float32)
        names = ["s", "l", "d"] if self.coin() else ["s", "l"]
        yield self.model("Range", names, {n: v for n, v in {"s": start, "l": limit, "d": step}.items() if n in names}, {}, ["y"])

    def pictures(self):
        image, grid = self.floats(2, 3, *self.sizes(2, 7)), self.rng.uniform(-1.2, 1.2, (2, *self.sizes(2, 6), 2)).astype(np.float32)
        mode = str(self.rng.choice(["bilinear", "nearest"]))
        padding = str(self.rng.choice(["zeros", "border", "reflection"]))
        yield self.model("GridSample", ["x", "g"], {"x": image, "g": grid}, {}, ["y"], mode=mode, padding_mode=padding, align_corners=int(self.coin()))
        boxes = np.sort(self.rng.uniform(-0.2, 1.2, (3, 2, 2)), axis=1).reshape(3, 4).astype(np.float32)
        feeds = {"x": image, "r": boxes, "b": np.array([0, 1, 1], np.int32), "c": np.array(self.sizes(2, 6), np.int32)}
        mode = str(self.rng.choice(["bilinear", "nearest"]))
        yield self.model("CropAndResize", list(feeds), feeds, {}, ["y"], mode=mode, extrapolation_value=0.25)
        pads = np.array(self.sizes(4, 2), np.int64) - 1
        feeds = {"x": image, "p": pads}
        weights = {"w": self.floats(3, 4, 3, 3), "b": self.floats(4)}
        yield self.model("ConvTransposeWithDynamicPads", ["x", "w", "p", "b"], feeds, weights, ["y"], strides=self.sizes(2, 2))

    def products_further(self):
        m, k, n = self.sizes(3, 30)
        wide = np.float64 if self.coin() else np.float32
        feeds = {"a": self.floats(m, k).astype(wide), "b": self.floats(n, k).astype(wide)}
        kinds = {"y": TensorProto.DOUBLE if wide is np.float64 else TensorProto.FLOAT}
        yield self.model("CDist", ["a", "b"], feeds, {}, ["y"], types=kinds, metric=str(self.rng.choice(["euclidean", "sqeuclidean"])))
        square = self.floats(*self.sizes(self.size(0, 2), 3), k, k) + 3 * np.eye(k, dtype=np.float32) * k**0.5
        yield self.model("Inverse", ["x"], {"x": square.astype(wide)}, {}, ["y"], types=kinds)
        batch = self.sizes(self.size(1, 2), 3)
        left, right, transposed = self.coin(), self.coin(), self.coin()
        a, b = self.floats(*batch, m, k), self.floats(*batch, k, n)
        a, b = np.moveaxis(a, -2, 0) if left else a, np.moveaxis(b, -2, 0) if right else b
        feeds = {"a": a.astype(wide), "b": b.astype(wide)}
        yield self.model("FusedMatMul", ["a", "b"], feeds, {}, ["y"], types=kinds, transBatchA=int(left), transBatchB=int(right), alpha=2.0)
        yield self.model("TransposeMatMul", ["a", "b"], {"a": self.floats(k, m), "b": self.floats(k, n)}, {}, ["y"], transA=1)
        del transposed
        small = {"a": self.rng.integers(-300, 300, (m, k)).astype(np.int16), "b": self.rng.integers(-300, 300, (k, n)).astype(np.int16)}
        yield self.model("MatMulInteger16", ["a", "b"], small, {}, ["y"], types={"y": TensorProto.INT32})

    def quantized_around(self):
        signed = self.coin()
        kinds = {"y": TensorProto.INT8 if signed else TensorProto.UINT8}
        zeros = {"z": self.zero(signed)} if self.coin() else {}
        z = "z" if zeros else ""
        scales = {"s": self.scale(), "t": self.scale(), "u": self.scale()}
        shape = self.sizes(4, 6)
        x = self.bytes(*shape, signed=signed)
        ends = [z, "t", z]
        weights = {"s": scales["s"], "t": scales["t"], **zeros}
        for op, attributes in (("QLinearSigmoid", {}), ("QLinearLeakyRelu", {"alpha": 0.25})):
            yield self.model(op, ["x", "s", *ends], {"x": x}, weights, ["y"], types=kinds, **attributes)
        opset = int(self.rng.choice([11, 13]))
        yield self.model("QLinearSoftmax", ["x", "s", z, "p", "q"], {"x": x}, {"s": scales["s"], "p": np.float32(1 / 256), "q": np.array(-128 if signed else 0, x.dtype), **zeros}, ["y"], types=kinds, axis=self.size(1, 3), opset=opset)
        if zeros:
            for op in ("QLinearAdd", "QLinearMul"):
                feeds = {"x": x, "w": self.bytes(*shape[self.size(0, 3) :], signed=signed)}
                yield self.model(op, ["x", "s", z, "w", "t", z, "u", z], feeds, {**scales, **zeros}, ["y"], types=kinds)
        yield self.model("QLinearGlobalAveragePool", ["x", "s", "z", "t", "z"], {"x": x}, {**weights, "z": self.zero(signed)}, ["y"], types=kinds, channels_last=int(self.coin()))
        if zeros:
            yield self.model("QLinearWhere", ["c", "x", "s", z, "w", "t", z, "u", z], {"c": self.rng.random(shape) < 0.5, "x": x, "w": self.bytes(*shape, signed=signed)}, {**scales, **zeros}, ["y"], types=kinds)
            parts = [self.bytes(shape[0], self.size(1, 4), *shape[2:], signed=signed) for _ in range(3)]
            names = [n for i in range(3) for n in (f"x{i}", "s", z)]
            yield self.model("QLinearConcat", ["t", z, *names], {f"x{i}": part for i, part in enumerate(parts)}, {"s": scales["s"], "t": scales["t"], **zeros}, ["y"], types=kinds, axis=1)
        pooled = {"x": self.bytes(2, 9, 8, 3)}
        own = {"s": scales["s"], "z": np.uint8(3), "t": scales["t"]}
        yield self.model("QLinearAveragePool", ["x", "s", "z", "t", "z"], pooled, own, ["y"], types={"y": TensorProto.UINT8}, kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 1], count_include_pad=int(self.coin()), channels_last=1)

    def quantized_products(self):
        m, k, n = self.sizes(3, 30)
        signed = self.coin()
        sides = (int(self.coin()), int(self.coin()))
        a, b = self.bytes(*((k, m) if sides[0] else (m, k))), self.bytes(*((n, k) if sides[1] else (k, n)), signed=signed)
        weights = {"s": self.scale(), "z": np.uint8(7), "t": self.scale(), "v": self.zero(signed), "c": self.rng.integers(-900, 900, n).astype(np.int32)}
        names = ["a", "s", "z", "b", "t", "v", "c" if self.coin() else ""]
        used = {key: value for key, value in weights.items() if key in names}
        yield self.model("QGemm", names, {"a": a, "b": b}, used, ["y"], transA=sides[0], transB=sides[1], alpha=0.5)
        used |= {"u": np.float32(0.4), "w": np.uint8(9)}
        yield self.model("QGemm", [*names, "u", "w"], {"a": a, "b": b}, used, ["y"], types={"y": TensorProto.UINT8}, transA=sides[0], transB=sides[1], alpha=0.5)
        columns = self.coin()
        scales = self.rng.uniform(0.01, 0.05, n if columns else ()).astype(np.float32)
        zeros = self.bytes(*((n,) if columns else ()), signed=signed)
        bias = {"d": self.floats(n)} if self.coin() else {}
        feeds, right = {"a": self.bytes(2, m, k)}, {"b": self.bytes(k, n, signed=signed), "t": scales, "v": zeros, **bias}
        yield self.model("MatMulIntegerToFloat", ["a", "b", "s", "t", "z", "v", *bias], feeds, {**right, "s": weights["s"], "z": weights["z"]}, ["y"])
        yield self.model("DynamicQuantizeMatMul", ["x", "b", "t", "v", *bias], {"x": self.floats(2, m, k)}, right, ["y"])

    def quantized_convolution(self):
        channels, outputs, group = 4, 6, int(self.rng.choice([1, 2]))
        signed, last = self.coin(), self.coin()
        x = self.bytes(2, channels, *self.sizes(2, 9))
        weights = {"s": self.scale(), "z": np.uint8(120), "w": self.bytes(outputs, channels // group, 3, 3, signed=signed), "t": self.rng.uniform(0.01, 0.02, outputs).astype(np.float32), "v": np.zeros(outputs, np.int8 if signed else np.uint8) + np.array(0 if signed else 128, np.int8 if signed else np.uint8), "u": np.float32(0.5), "y0": np.uint8(100), "b": self.rng.integers(-900, 900, outputs).astype(np.int32)}
        feeds = {"x": np.moveaxis(x, 1, -1).copy() if last else x}
        yield self.model("QLinearConv", ["x", "s", "z", "w", "t", "v", "u", "y0", "b"], feeds, weights, ["y"], types={"y": TensorProto.UINT8}, channels_last=int(last), group=group, pads=[1, 1, 1, 1])

    def quantized_layer(self):
        """What is rounded to 8 bits there is here, too: the state of all sequences together."""
        single = self.coin()
        steps, batch, inputs, hidden = 1 if single else self.size(4, 9), self.size(1, 4), self.size(1, 12), self.size(1, 12)
        sides = 2 if self.coin() else 1
        columns, signed = self.coin(), self.coin()
        weights = {"b": 0.3 * self.floats(sides, 8 * hidden)}
        for name, rows in (("w", inputs), ("r", hidden)):
            weights[name] = self.bytes(sides, rows, 4 * hidden, signed=signed)
            shape = (sides, 4 * hidden) if columns else (sides,)
            weights[name + "s"] = self.rng.uniform(0.003, 0.01, shape).astype(np.float32)
            weights[name + "z"] = np.zeros(shape, np.int8) if signed else np.full(shape, 128, np.uint8)
        feeds = {"x": self.floats(steps, batch, inputs)}
        names = ["x", "w", "r", "b", "", "", "", "", "ws", "wz", "rs", "rz"]
        if single:
            names[5], feeds["h"] = "h", (self.rng.integers(0, 256, (sides, batch, hidden)) / 255).astype(np.float32)
            feeds["h"][:, :, :1], feeds["h"][:, :, -1:] = 1, 1
        yield self.model("DynamicQuantizeLSTM", names, feeds, weights, ["y", "y_h", "y_c"], hidden_size=hidden, direction="bidirectional" if sides == 2 else "forward")

    def projections(self):
        batch, heads, rows, size, width = self.size(1, 3), self.size(1, 3), self.size(1, 9), 4 * self.size(1, 4), self.size(1, 20)
        hidden, past = heads * size, self.size(1, 5) if self.coin() else 0
        feeds = {"x": self.floats(batch, rows, width)}
        weights = {"w": 0.3 * self.floats(width, 3 * hidden), "b": self.floats(3 * hidden)}
        names, outputs, attributes = ["x", "w", "b", "", "", ""], ["y"], {"num_heads": heads, "unidirectional": int(self.coin())}
        mask = self.size(0, 5)
        ends = self.rng.integers(1, rows + past + 1, batch)
        shapes = {1: ends, 2: np.concatenate([ends, np.minimum(ends - 1, self.size(0, 2))]), 3: self.rng.random((batch, rows + past)) < 0.7, 4: self.rng.random((batch, rows, rows + past)) < 0.7, 5: np.zeros((batch if self.coin() else 1, 1))}
        if mask:
            given = shapes[mask].astype(np.int32)
            if mask in (3, 4):
                given[..., 0] = 1
            names[3], feeds["m"] = "m", given
        if past:
            names[4], feeds["p"], outputs = "p", self.floats(2, batch, heads, past, size), ["y", "present"]
        elif self.coin():
            names[5], feeds["a"] = "a", self.floats(1, heads, rows, rows + past)
        yield self.model("Attention", names, feeds, weights, outputs, **attributes)
        feeds = {**feeds, "x": self.bytes(batch, rows, width)}
        feeds.pop("a", None)
        weights = {"w": self.bytes(width, 3 * hidden, signed=True), "b": self.floats(3 * hidden), "s": self.scale(), "t": np.float32(0.004), "z": np.uint8(128), "v": np.int8(2)}
        yield self.model("QAttention", ["x", "w", "b", "s", "t", names[3], "z", "v", names[4]], feeds, weights, outputs, **attributes)

    def words(self):
        count, length, window, size, filters = self.size(1, 4), self.size(4, 9), self.size(1, 4), self.size(1, 5), self.size(1, 6)
        text = self.rng.integers(1, 20, (count, length)).astype(np.int32)
        text[np.arange(length)[None] >= self.rng.integers(1, length + 1, (count, 1))] = 0
        weights = {"w": self.floats(filters, 1, window, size), "b": self.floats(filters), "c": self.floats(20, size)}
        yield self.model("WordConvEmbedding", ["t", "w", "b", "c"], {"t": text}, weights, ["y"], embedding_size=filters, conv_window_size=window, char_embedding_size=size)

    def packed_weights(self):
        bits, block = int(self.rng.choice([2, 4, 8])), int(self.rng.choice([16, 32, 64]))
        k, n = self.size(1, 300), self.size(1, 40)
        blocks = -(-k // block)
        weights = {"b": self.bytes(n, blocks, block * bits // 8), "s": self.rng.uniform(0.01, 0.05, (n, blocks)).astype(np.float32)}
        names = ["x", "b", "s", "", "", ""]
        zeros = self.size(0, 1 if bits == 8 else 2)
        if zeros:
            names[3] = "z"
            weights["z"] = self.bytes(n, -(-blocks * bits // 8)) if zeros == 1 else self.rng.uniform(0, 2**bits, (n, blocks)).astype(np.float32)
        if self.coin():
            names[5], weights["c"] = "c", self.floats(n)
        rows = [self.size(1, 3), self.size(1, 40)] if self.coin() else [1]
        yield self.model("MatMulNBits", names, {"x": self.floats(*rows, k)}, weights, ["y"], K=k, N=n, bits=bits, block_size=block)

    def caches(self):
        batch, shared, groups, size = self.size(1, 3), self.size(1, 3), self.size(1, 3), 32
        heads, first = shared * groups, self.coin()
        rows = self.size(1, 6) if first or batch == 1 else 1
        past = 0 if first else self.size(1, 7)
        total = past + rows
        q, k, v = self.floats(batch, rows, heads * size), self.floats(batch, rows, shared * size), self.floats(batch, rows, shared * size)
        packed = self.coin()
        feeds = {"q": np.concatenate([q, k, v], axis=2)} if packed else {"q": q, "k": k, "v": v}
        names = ["q", "", ""] if packed else ["q", "k", "v"]
        names += ["pk", "pv", "n", "t"] if past else ["", "", "n", "t"]
        if past:
            feeds |= {"pk": self.floats(batch, shared, past, size), "pv": self.floats(batch, shared, past, size)}
        feeds |= {"n": np.full(batch, total - 1, np.int32), "t": np.array([total], np.int32)}
        weights = {}
        rotary = self.coin()
        if rotary:
            names += ["c", "s"]
            turned = int(self.rng.choice([size, size // 2]))
            weights = {"c": self.floats(20, turned // 2), "s": self.floats(20, turned // 2)}
        attributes = {"num_heads": heads, "kv_num_heads": shared, "do_rotary": int(rotary), "rotary_interleaved": int(self.coin())}
        if self.coin():
            attributes["local_window_size"] = self.size(1, 4)
        if self.coin():
            attributes["softcap"] = 2.0
        if self.coin():
            attributes["smooth_softmax"] = 1
        if self.coin():
            names += [""] * (11 - len(names)) + ["h"]
            weights["h"] = self.floats(heads)
        yield self.model("GroupQueryAttention", names, feeds, weights, ["y", "present_key", "present_value"], **attributes)
        room, rows = self.size(1, 6), self.size(1, 5)  # of a cache that slides, and is full: what stands behind its vectors may be anything
        total = max(rows + self.size(0, 12), room)
        feeds = {"q": self.floats(1, rows, heads * size), "k": self.floats(1, rows, shared * size), "v": self.floats(1, rows, shared * size),
                 "pk": self.floats(1, shared, room, size), "pv": self.floats(1, shared, room, size), "n": np.array([total - 1], np.int32), "t": np.array([total], np.int32)}
        yield self.model("GroupQueryAttention", list(feeds), feeds, {}, ["y", "present_key", "present_value"], num_heads=heads, kv_num_heads=shared, sliding_window_cache=1, local_window_size=room)

    def embeddings(self):
        batch, rows, width = self.size(1, 3), self.size(1, 9), self.size(2, 40)
        feeds = {"i": self.rng.integers(0, 20, (batch, rows)).astype(np.int32)}
        weights = {"w": self.floats(20, width), "p": self.floats(12, width), "g": self.floats(width), "b": self.floats(width)}
        names = ["i", "", "w", "p", "", "g", "b", "", ""]
        if self.coin():
            names[1], names[4] = "s", "sw"
            feeds["s"], weights["sw"] = self.rng.integers(0, 2, (batch, rows)).astype(np.int32), self.floats(2, width)
        if self.coin():
            names[7], feeds["m"] = "m", (np.arange(rows)[None] < self.rng.integers(1, rows + 1, (batch, 1))).astype(np.int32)
        if self.coin():
            names[8], feeds["q"] = "q", self.rng.integers(0, 12, (batch, rows)).astype(np.int32)
        yield self.model("EmbedLayerNormalization", names, feeds, weights, ["y", "mask", "sum"], types={"mask": TensorProto.INT32}, epsilon=1e-5)
        names, feeds = [*names[:8], *("sc" if n else "" for n in names[2:7]), *("z" if n else "" for n in names[2:7])], {k: v for k, v in feeds.items() if k != "q"}
        tables = {key: self.bytes(*value.shape) for key, value in weights.items()}
        yield self.model("QEmbedLayerNormalization", names, feeds, {**tables, "sc": np.float32(0.02), "z": np.uint8(128)}, ["y", "mask"], types={"mask": TensorProto.INT32}, epsilon=1e-5)


def cases(seed: int):
    """Some cases of every kind."""
    made = Forms(seed + 1)
    for kind in (
        made.moved,
        made.pictures,
        made.products_further,
        made.quantized_around,
        made.quantized_products,
        made.quantized_convolution,
        made.quantized_layer,
        made.projections,
        made.words,
        made.packed_weights,
        made.caches,
        made.embeddings,
    ):
        yield from kind()
