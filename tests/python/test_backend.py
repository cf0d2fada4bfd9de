"""onnx's own runner of backend tests over limner.backend.

A case that limner does not run is skipped with limner's own words for why; each is printed. Two lists hold that to what
is known: what tests/e2e/onnx-nodes.txt names must run, and backend-known.txt names what fails, with the reason.
"""

from __future__ import annotations

import collections
import io
import pathlib
import sys
import unittest
import warnings

import numpy as np
import onnx.backend.test
from onnx import TensorProto, helper

import limner
import limner.backend
import models

HERE = pathlib.Path(__file__).resolve().parent
MUST_RUN = HERE.parent / "e2e/onnx-nodes.txt"
KNOWN = HERE / "backend-known.txt"


class Asked(limner.backend.LimnerBackend):
    """Says that it runs everything, so that prepare() tells why it does not."""

    @classmethod
    def is_compatible(cls, model, device="CPU", **unused) -> bool:
        return True


class Runner(onnx.backend.test.BackendTest):
    """onnx's, which allows halves an error of a thousandth: two steps are 1/512."""

    @classmethod
    def assert_similar_outputs(cls, ref_outputs, outputs, rtol, atol, model_dir=None) -> None:
        if isinstance(outputs, np.ndarray) and outputs.ndim == 0:  # an item of a sequence, whose length is asked for
            ref_outputs, outputs = ref_outputs[None], outputs[None]
        given = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        halves = any(isinstance(array, np.ndarray) and array.dtype == np.float16 for array in given)
        super().assert_similar_outputs(ref_outputs, outputs, max(rtol, 2**-9) if halves else rtol, atol, model_dir)


def cases() -> unittest.TestSuite:
    """Those for the processor whose models are in the onnx package ("Real" ones are downloaded)."""
    runner = Runner(Asked, __name__)
    suite = unittest.TestSuite()
    for kind, case in runner.test_cases.items():
        if "Real" not in kind:
            suite.addTests(case(name) for name in dir(case) if name.startswith("test_") and name.endswith("_cpu"))
    return suite


def name_of(case: unittest.TestCase) -> str:
    return case.id().rsplit(".", 1)[1].removesuffix("_cpu")


def known() -> dict[str, str]:
    lines = [line for line in KNOWN.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return {name: reason.strip() for name, reason in (line.split(":", 1) for line in lines)}


class OnnxsOwn(unittest.TestCase):
    def test_all(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = unittest.TextTestRunner(stream=io.StringIO(), verbosity=0).run(cases())
        skipped = {name_of(case): reason for case, reason in result.skipped}
        wrong = {name_of(case): text for case, text in [*result.failures, *result.errors]}
        self.report(result.testsRun, skipped)
        reasons = known()
        for name in sorted(wrong.keys() & reasons.keys()):
            print(f"fails, as is known: {name}: {reasons[name]}")
        for name in sorted(reasons.keys() - wrong.keys()):
            print(f"no longer fails: {name}; take it from {KNOWN.name}")
        self.assertEqual({name: wrong[name] for name in wrong.keys() - reasons.keys()}, {})
        # The command decodes pictures for ImageDecoder; the package has no decoders.
        must = {name for name in MUST_RUN.read_text(encoding="utf-8").split() if not name.startswith("test_image_decoder_")}
        self.assertEqual(sorted(must & skipped.keys()), [])
        self.assertGreater(result.testsRun - len(skipped), 500)

    def report(self, count: int, skipped: dict[str, str]) -> None:
        print(f"onnx {onnx.__version__}: {count} backend tests, {len(skipped)} of them of what limner does not run:")
        grouped = collections.defaultdict(list)
        for name, reason in sorted(skipped.items()):
            grouped[reason.splitlines()[0]].append(name)
        for reason, names in sorted(grouped.items()):
            print(f"  {reason}: {', '.join(names)}")


class TheInterface(unittest.TestCase):
    x = np.array([[1, -2, 3]], np.float32)

    def test_prepare_and_run(self) -> None:
        prepared = limner.backend.prepare(models.single("Relu"), threads=1)
        for given in ([self.x], (self.x,), self.x, {"x": self.x}):
            output = prepared.run(given)
            np.testing.assert_array_equal(output.y, [[1, 0, 3]])
            self.assertEqual(len(output), 1)
        np.testing.assert_array_equal(limner.backend.run_model(models.single("Neg"), [self.x])[0], -self.x)

    def test_run_node(self) -> None:
        node = helper.make_node("Concat", ["a", "b"], ["c"], axis=0)
        for given in ([self.x, self.x], {"a": self.x, "b": self.x}):
            self.assertEqual(limner.backend.run_node(node, given)[0].shape, (2, 3))
        typed = limner.backend.run_node(node, [self.x, self.x], outputs_info=[(np.float32, (2, 3))], opset_version=13)
        self.assertEqual(typed.c.shape, (2, 3))

    def test_what_it_supports(self) -> None:
        self.assertTrue(limner.backend.supports_device("CPU"))
        self.assertFalse(limner.backend.supports_device("CUDA:1"))
        self.assertTrue(limner.backend.is_compatible(models.single("Relu")))
        self.assertFalse(limner.backend.is_compatible(models.single("Foo")))
        with self.assertRaises(NotImplementedError) as caught:
            limner.backend.prepare(models.single("Foo"))
        self.assertIsInstance(caught.exception, unittest.SkipTest)
        with self.assertRaises(limner.InvalidArgument):
            limner.backend.run_model(models.single("Relu", TensorProto.DOUBLE), [self.x])


if __name__ == "__main__":
    unittest.main(argv=sys.argv)
