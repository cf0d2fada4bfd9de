"""No memory in the Python package: the n-th allocation of limner's own code fails, for every n. Each time there is a
MemoryError, or the right result where what failed was not needed, and the session works as before.
"""

from __future__ import annotations

import ctypes
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Callable
from typing import Any

HERE = pathlib.Path(__file__).resolve().parent
SHIM = "LIMNER_REFUSE"


def again_with_shim() -> None:
    """This program once more, in the same process, with refuse.c before the C library."""
    shim = pathlib.Path(tempfile.mkdtemp()) / "refuse.so"
    subprocess.run(["gcc", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", HERE / "refuse.c", "-o", shim], check=True)
    os.environ |= {SHIM: str(shim), "LD_PRELOAD": str(shim)}
    os.execv(sys.executable, [sys.executable, *sys.argv])


if __name__ == "__main__" and SHIM not in os.environ:
    again_with_shim()

import models  # noqa: E402
import numpy as np  # noqa: E402
import onnx  # noqa: E402
from onnx import TensorProto, helper  # noqa: E402

import limner  # noqa: E402
import limner.ort  # noqa: E402
from limner.ort.capi.onnxruntime_pybind11_state import Fail  # noqa: E402

X = np.array([[1, -2, 3], [-4, 5, -6]], np.float32)
WORDS = np.array(["some", "words"], object)


def strings() -> onnx.ModelProto:
    node = helper.make_node("StringConcat", ["x", "x"], ["y"])
    return models.model([node], [models.value("x", TensorProto.STRING, ["N"])], [models.value("y", TensorProto.STRING, ["N"])], opset=20)


def sequences() -> onnx.ModelProto:
    """y = the sequence x, its first item once more at the end."""
    of_floats = helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, None))
    nodes = [helper.make_node("Constant", [], ["zero"], value_int=0), helper.make_node("SequenceAt", ["x", "zero"], ["item"]),
             helper.make_node("SequenceInsert", ["x", "item"], ["y"])]
    return models.model(nodes, [helper.make_value_info("x", of_floats)], [helper.make_value_info("y", of_floats)])


def run_once(model: Any, feed: Any) -> Any:
    with limner.Session(model, threads=1) as session:
        return session.run({"x": feed})["y"]


@unittest.skipUnless(SHIM in os.environ, "runs as a program")
class Refusals(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.shim = ctypes.CDLL(os.environ[SHIM])
        cls.shim.refuse_stop.restype = ctypes.c_long

    def attempt(self, operation: Callable[[], Any], call: int, all_after: bool) -> tuple[Any, int]:
        """What comes out, or the MemoryError; and how many allocations there were."""
        self.shim.refuse_start(ctypes.c_long(call), int(all_after))
        try:
            result = operation()
        except MemoryError as error:
            result = error
        finally:
            calls = self.shim.refuse_stop()
        return result, calls

    def refuse(self, operation: Callable[[], Any]) -> None:
        expected, calls = operation(), self.attempt(operation, 0, False)[1]
        self.assertGreater(calls, 0)
        failures = 0
        for call in range(1, calls + 1):
            for all_after in (False, True):
                with self.subTest(call=call, of=calls, all_after=all_after):
                    result, _ = self.attempt(operation, call, all_after)
                    failures += isinstance(result, MemoryError)
                    if not isinstance(result, MemoryError):
                        np.testing.assert_equal(result, expected)
                    np.testing.assert_equal(operation(), expected)
        self.assertGreater(failures, 0)

    def test_sessions(self) -> None:
        model = models.single("Relu").SerializeToString()
        self.refuse(lambda: run_once(model, X))

    def test_strings(self) -> None:
        model = strings().SerializeToString()
        self.refuse(lambda: run_once(model, WORDS))

    def test_sequences(self) -> None:
        model = sequences().SerializeToString()
        self.refuse(lambda: run_once(model, [X, X[0]]))

    def test_runs_of_one_session(self) -> None:
        with limner.Session(models.single("Relu"), threads=1) as session:
            self.refuse(lambda: session.run({"x": X})["y"])
            self.refuse(lambda: session.plan({"x": (5, 3)})["arena_bytes"])

    def test_arrays_of_others(self) -> None:
        self.refuse(lambda: np.from_dlpack(limner._limner.tensor(X)).copy())
        with limner.Session(models.single("Relu"), threads=1) as session:
            self.refuse(lambda: session.run({"x": X[:, ::-1]})["y"])

    def test_another_model(self) -> None:
        one, other = models.scaled(2), models.scaled(3)

        def swap() -> Any:
            with limner.Session(one, threads=1) as session:
                before = session.run({"x": X})["y"].copy()
                try:
                    session.swap(other)
                except MemoryError:
                    np.testing.assert_equal(session.run({"x": X})["y"], before)
                    raise
                return session.run({"x": X})["y"].copy()

        self.refuse(swap)

    def test_in_place_of_onnxruntime(self) -> None:
        model = models.single("Relu").SerializeToString()
        options = limner.ort.SessionOptions()
        options.intra_op_num_threads = 1

        def run() -> Any:
            try:
                return limner.ort.InferenceSession(model, options).run(None, {"x": X})[0]
            except Fail as error:  # as onnxruntime names it
                self.assertIn("memory", str(error))
                raise MemoryError from error

        self.refuse(run)


if __name__ == "__main__":
    unittest.main()
