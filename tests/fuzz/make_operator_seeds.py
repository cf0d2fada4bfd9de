#!/usr/bin/env python3
"""tests/fuzz/seeds/fuzz_model/operator-*.onnx: a small model of every operator of com.microsoft that the tests know, and of
quantized ones, for the fuzzer and for tests/onnx/test_damaged.c: the smallest of some cases of tests/e2e. Each name of a
folder of ONNX's node tests adds its model.

    build/venv/bin/python tests/fuzz/make_operator_seeds.py
"""

from __future__ import annotations

import pathlib
import sys
import warnings

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

import contrib_cases  # noqa: E402
import contrib_forms  # noqa: E402
import onnx.backend.test.loader  # noqa: E402

NODE_TESTS = ("flexattention_score_mod", "flexattention_prob_mod", "qlinearconv", "qlinearmatmul_2D_uint8_float32", "convinteger_with_padding", "matmulinteger", "dynamicquantizelinear", "quantizelinear_blocked_symmetric", "dequantizelinear_uint4")


def main() -> int:
    smallest: dict[str, bytes] = {}
    for seed in range(12):
        for module in (contrib_cases, contrib_forms):
            for name, model, _ in module.cases(seed):
                data = model.SerializeToString()
                if name not in smallest or len(data) < len(smallest[name]):
                    smallest[name] = data
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for case in onnx.backend.test.loader.load_model_tests(kind="node"):
            if case.model and case.name.removeprefix("test_") in NODE_TESTS:
                smallest[case.name.removeprefix("test_")] = case.model.SerializeToString()
    folder = ROOT / "tests/fuzz/seeds/fuzz_model"
    for old in folder.glob("operator-*.onnx"):
        old.unlink()
    for name, data in sorted(smallest.items()):
        (folder / f"operator-{name}.onnx").write_bytes(data)
    print(f"{len(smallest)} models, {sum(map(len, smallest.values()))} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
