"""Nodes of onnxruntime's own operators (com.microsoft), and recurrent layers, for tests/e2e/conformance.py: name, model, inputs.

Sizes and forms are random; onnxruntime, whose operators they are, says what is right.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

CONTRIB = "com.microsoft"


class Cases:
    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)

    def size(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def coin(self) -> bool:
        return bool(self.rng.integers(0, 2))

    def floats(self, *shape: int) -> np.ndarray:
        return self.rng.standard_normal(shape).astype(np.float32)

    def model(self, op: str, names: list[str], feeds: dict, weights: dict, outputs: list[str], domain: str = CONTRIB, types: dict | None = None, **attributes):
        """A node whose inputs are `names`: fed, weights, or "" for none. Outputs are floats, but for those in `types`."""
        node = helper.make_node(op, names, outputs, domain=domain, **attributes)
        graph = helper.make_graph(
            [node],
            op,
            [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape) for n, v in feeds.items()],
            [helper.make_tensor_value_info(o, (types or {}).get(o, onnx.TensorProto.FLOAT), None) for o in outputs if o],
            [numpy_helper.from_array(v, n) for n, v in weights.items()],
        )
        imports = [helper.make_opsetid("", 17), helper.make_opsetid(CONTRIB, 1)]
        return op, helper.make_model(graph, opset_imports=imports, ir_version=8), feeds

    def gelu(self):
        width = self.size(1, 300)
        feeds = {"x": 3 * self.floats(self.size(1, 3), self.size(1, 9), width)}
        for op in ("Gelu", "QuickGelu"):
            yield self.model(op, ["x"], feeds, {}, ["y"])
        for op in ("BiasGelu", "FastGelu"):
            yield self.model(op, ["x", "b"], feeds, {"b": self.floats(width)}, ["y"])

    def skip_norm(self):
        batch, rows, width = self.size(1, 3), self.size(1, 9), self.size(2, 300)
        feeds = {"x": self.floats(batch, rows, width), "s": self.floats(*([batch] if self.coin() else []), rows, width)}
        if feeds["s"].ndim == 2 and self.coin():
            feeds["s"] = feeds["s"][None]
        weights = {n: self.floats(width) for n in "gbc"}
        beta = "b" if self.coin() else ""
        for op, names in (("SkipLayerNormalization", ["x", "s", "g", beta, "c"]), ("SkipSimplifiedLayerNormalization", ["x", "s", "g", "c"])):
            used = {n: weights[n] for n in names if n in weights}
            yield self.model(op, names, feeds, used, ["y", "", "", "t"], epsilon=1e-5)
        yield self.model("SimplifiedLayerNormalization", ["x", "g"], {"x": feeds["x"]}, {"g": weights["g"]}, ["y"], domain="", epsilon=1e-5)

    def products(self):
        m, k, n = self.size(1, 40), self.size(1, 40), self.size(1, 40)
        left, right = self.coin(), self.coin()
        a = self.floats(*[2] * self.coin(), *((k, m) if left else (m, k)))
        b = self.floats(*((n, k) if right else (k, n)))
        split = ({"a": a}, {"b": b}) if self.coin() else ({"a": a, "b": b}, {})
        yield self.model("FusedMatMul", ["a", "b"], *split, ["y"], transA=int(left), transB=int(right), alpha=0.5)
        activation = self.rng.choice(["Relu", "LeakyRelu", "Tanh", "Sigmoid"])
        slope = {"activation_alpha": 0.25} if activation == "LeakyRelu" else {}
        yield self.model("FusedGemm", ["p", "q", "c"], {"p": self.floats(m, k)}, {"q": self.floats(k, n), "c": self.floats(n)}, ["y"], activation=str(activation), beta=2.0, **slope)

    def convolution(self):
        channels, outputs = int(self.rng.choice([3, 16, 20])), int(self.rng.choice([4, 16, 32]))
        feeds = {"x": self.floats(self.size(1, 2), channels, self.size(3, 20), self.size(3, 20))}
        weights = {"w": 0.2 * self.floats(outputs, channels, 3, 3), "b": self.floats(outputs)}
        activation = str(self.rng.choice(["Relu", "LeakyRelu", "Tanh", "Sigmoid", "Clip", "HardSigmoid"]))
        numbers = {"LeakyRelu": [0.25], "Clip": [-0.5, 0.75], "HardSigmoid": [0.25, 0.4]}.get(activation)
        attributes = {"activation": activation, "pads": [1, 1, 1, 1], **({"activation_params": numbers} if numbers else {})}
        yield self.model("FusedConv", ["x", "w", "b"], feeds, weights, ["y"], **attributes)
        x = feeds["x"].shape
        yield self.model("FusedConv", ["x", "w", "b", "z"], {**feeds, "z": self.floats(x[0], outputs, x[2], x[3])}, weights, ["y"], **attributes)

    def attention(self):
        batch, heads, rows, keys, size = self.size(1, 2), self.size(1, 4), self.size(1, 20), self.size(1, 40), 4 * self.size(1, 8)
        past = self.size(1, 6) if self.coin() else 0
        feeds = {"q": self.floats(batch, rows, heads * size), "k": self.floats(batch, keys, heads * size), "v": self.floats(batch, keys, heads * size)}
        names, outputs = ["q", "k", "v", "", "", ""], ["y"]
        if self.coin():
            names[3], feeds["b"] = "b", self.floats(3 * heads * size)
        if self.coin():
            seen = self.rng.random((batch, keys + past)) < 0.7
            seen[:, 0] = True
            names[4], feeds["m"] = "m", seen.astype(np.int32)
        if self.coin():
            names[5], feeds["a"] = "a", self.floats(self.size(1, 2) if batch == 2 else 1, heads, rows, keys + past)
        if past:
            feeds |= {"pk": self.floats(batch, heads, past, size), "pv": self.floats(batch, heads, past, size)}
            names, outputs = [*names, "pk", "pv"], ["y", "present_key", "present_value"]
        yield self.model("MultiHeadAttention", names, feeds, {}, outputs, num_heads=heads)

    def rotary(self):
        batch, heads, rows, half = self.size(1, 2), self.size(1, 3), self.size(1, 6), self.size(1, 8)
        tables = {"c": self.floats(20, half), "s": self.floats(20, half)}
        places = np.array([3], np.int64) if self.coin() else self.rng.integers(0, 20, (batch, rows)).astype(np.int64)
        feeds = {"x": self.floats(batch, rows, heads * 2 * half), "p": places}
        yield self.model("RotaryEmbedding", ["x", "p", "c", "s"], feeds, tables, ["y"], interleaved=int(self.coin()))

    def recurrent(self):
        op = str(self.rng.choice(["RNN", "LSTM", "GRU"]))
        gates = {"RNN": 1, "LSTM": 4, "GRU": 3}[op]
        steps, batch, inputs, hidden = self.size(1, 8), self.size(1, 20), self.size(1, 20), self.size(1, 40)
        direction = str(self.rng.choice(["forward", "reverse", "bidirectional"]))
        sides = 2 if direction == "bidirectional" else 1
        feeds = {"x": self.floats(steps, batch, inputs)}
        weights = {"w": 0.3 * self.floats(sides, gates * hidden, inputs), "r": 0.3 * self.floats(sides, gates * hidden, hidden), "b": 0.3 * self.floats(sides, 2 * gates * hidden)}
        names = ["x", "w", "r", "b", "", ""]
        if self.coin():
            names[4], feeds["l"] = "l", self.rng.integers(1, steps + 1, batch).astype(np.int32)
        if self.coin():
            names[5], feeds["h"] = "h", self.floats(sides, batch, hidden)
        attributes = {"hidden_size": hidden, "direction": direction}
        if op == "GRU":
            attributes["linear_before_reset"] = int(self.coin())
        if op == "LSTM":
            attributes["input_forget"] = int(self.coin())
        if self.coin():
            attributes["clip"] = 0.75
        yield self.model(op, names, feeds, weights, ["y", "y_h"], domain="", **attributes)


def cases(seed: int):
    """Some cases of every kind."""
    made = Cases(seed)
    for kind in (made.gelu, made.skip_norm, made.products, made.convolution, made.attention, made.rotary, made.recurrent):
        yield from kind()
