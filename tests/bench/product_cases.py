"""Products of matrices as networks have them: constant right sides, both sides computed, in batches, transposed, of integers; and recurrent layers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from operator_cases import MICROSOFT, Case, floats

SEED = np.random.default_rng(3)


def size_text(*dims: tuple[int, ...]) -> str:
    return " by ".join("x".join(map(str, d)) for d in dims)


def constant() -> Iterator[Case]:
    """With a constant right side."""
    for m, k, n in ((1024, 8, 1024), (1024, 64, 8), (1024, 64, 16), (1024, 256, 24), (4096, 96, 48), (4096, 48, 96), (3136, 32, 96), (196, 384, 384),
                    (49, 768, 768), (1024, 32, 1024), (256, 64, 512), (49, 33, 65), (1024, 64, 1), (1024, 256, 4), (1, 512, 512), (1, 1280, 1000), (1, 2048, 2048), (2, 512, 512), (4, 512, 512),
                    (8, 768, 768), (1, 64, 10), (16, 64, 256)):
        yield Case("MatMul", f"{size_text((m, k), (k, n))}, constant", {"x": floats(m, k)}, {}, {"w": floats(k, n)})


def batched() -> Iterator[Case]:
    """Both sides computed, and a right side that all of the batch share."""
    for a, b in (((3, 49, 32), (3, 32, 49)), ((3, 49, 49), (3, 49, 32)), ((192, 49, 32), (192, 32, 49)), ((192, 49, 49), (192, 49, 32)),
                 ((12, 64, 64), (12, 64, 64)), ((6, 197, 64), (6, 64, 197)), ((6, 197, 197), (6, 197, 64)), ((12, 197, 64), (12, 64, 197)), ((8, 16, 24), (8, 24, 16)),
                 ((256, 16, 32), (256, 32, 16)), ((64, 4, 64), (64, 64, 4)), ((8, 64, 64), (64, 64)), ((1, 8, 100, 32), (4, 1, 32, 100)), ((64, 1, 32), (64, 32, 100)),
                 ((64, 100, 32), (64, 32, 1)), ((100, 3, 3), (100, 3, 3)), ((1, 8, 256, 64), (1, 8, 64, 256)), ((1, 8, 256, 256), (1, 8, 256, 64)),
                 ((1, 1, 4096, 64), (1, 1, 64, 77)), ((8, 1024, 40), (8, 40, 77)), ((8, 32, 1024), (8, 1024, 32)), ((4, 48, 4096), (4, 4096, 48)), ((256, 256), (256, 256)),
                 ((1024, 64), (64, 16)), ((512, 512), (512, 512))):
        yield Case("MatMul", size_text(a, b), {"a": floats(*a), "b": floats(*b)})
    for a, b in (((192, 49, 32), (192, 49, 32)), ((12, 64, 64), (12, 64, 64)), ((6, 197, 64), (6, 197, 64)), ((256, 16, 32), (256, 16, 32)), ((8, 32, 1024), (8, 32, 1024))):
        yield Case("FusedMatMul", f"{size_text(a, b)}, b transposed", {"a": floats(*a), "b": floats(*b)}, {"transB": 1, "alpha": 0.125}, domain=MICROSOFT)
    for a, b in (((64, 3, 49, 32), (1, 3, 32, 49)), ((6, 64, 197), (6, 64, 197))):
        if a[-2:] != b[-2:]:
            yield Case("MatMul", f"{size_text(a, b)}, constant left", {"b": floats(64, *b[1:])}, {}, {"a": floats(*a)}, ("a", "b"))
        else:
            yield Case("FusedMatMul", f"{size_text(a, b)}, a transposed", {"a": floats(*a), "b": floats(*b)}, {"transA": 1}, domain=MICROSOFT)


def general() -> Iterator[Case]:
    """Gemm."""
    for m, k, n in ((1024, 64, 16), (1024, 16, 64), (64, 256, 10), (1, 512, 256), (16, 16, 16), (256, 256, 256), (4, 512, 128)):
        for constant_side in (True, False):
            for a, b in ((0, 0), (0, 1), (1, 0), (1, 1)):
                x, w, c = floats(*((k, m) if a else (m, k))), floats(*((n, k) if b else (k, n))), floats(n)
                feeds, constants = ({"x": x}, {"w": w, "c": c}) if constant_side else ({"x": x, "w": w, "c": c}, {})
                yield Case("Gemm", f"{m}x{k}x{n}{', a transposed' * a}{', b transposed' * b}{', constant' * constant_side}", feeds, {"transA": a, "transB": b}, constants)


def integers() -> Iterator[Case]:
    """Of 8 bits."""
    for a, b, kept in (((64, 64), (64, 64), True), ((1024, 64), (64, 16), True), ((12, 64, 64), (12, 64, 64), False), ((192, 49, 32), (192, 32, 49), False), ((6, 197, 64), (6, 64, 197), False)):
        left, right = SEED.integers(0, 256, a).astype(np.uint8), SEED.integers(-128, 128, b).astype(np.int8)
        feeds, constants = ({"a": left}, {"b": right}) if kept else ({"a": left, "b": right}, {})
        yield Case("MatMulInteger", f"{size_text(a, b)}{', constant' * kept}", feeds, {}, constants | {"az": np.uint8(120), "bz": np.int8(0)}, ("a", "b", "az", "bz"))


def recurrent() -> Iterator[Case]:
    for operator, gates in (("LSTM", 4), ("GRU", 3), ("RNN", 1)):
        for hidden, steps, batch, directions in ((64, 50, 1, 1), (64, 50, 8, 1), (64, 50, 8, 2), (128, 50, 1, 2), (48, 80, 1, 2), (256, 20, 1, 1), (256, 20, 8, 1), (32, 20, 32, 1)):
            yield Case(operator, f"hidden {hidden}, {steps} steps, batch {batch}, {directions} directions", {"x": floats(steps, batch, hidden)},
                       {"hidden_size": hidden, "direction": "bidirectional" if directions == 2 else "forward"},
                       {"w": floats(directions, gates * hidden, hidden) / np.float32(hidden), "r": floats(directions, gates * hidden, hidden) / np.float32(hidden),
                        "b": floats(directions, 2 * gates * hidden)}, ("x", "w", "r", "b"), opset=14)


FAMILIES = {"constant": constant, "batched": batched, "general": general, "integers": integers, "recurrent": recurrent}
