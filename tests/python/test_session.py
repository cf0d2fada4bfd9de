"""limner.Session: what goes in, what comes out, what keeps what alive, and how it behaves among threads and processes."""

from __future__ import annotations

import array
import contextlib
import ctypes
import gc
import io
import mmap
import multiprocessing
import os
import pathlib
import pickle
import resource
import sys
import tempfile
import threading
import time
import unittest
from unittest import mock

import ml_dtypes
import models
import numpy as np
import onnx
from onnx import TensorProto, helper

import limner

X = np.array([[1, -2, 3], [-4, 5, -6]], np.float32)
RELU = np.maximum(X, 0)
SMALL = pathlib.Path(__file__).resolve().parents[2] / "models/small"
SANITIZED = "libasan" in os.environ.get("LD_PRELOAD", "")
TYPES = {
    "float32": TensorProto.FLOAT,
    "uint8": TensorProto.UINT8,
    "int8": TensorProto.INT8,
    "uint16": TensorProto.UINT16,
    "int16": TensorProto.INT16,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
    "bool": TensorProto.BOOL,
    "float16": TensorProto.FLOAT16,
    "float64": TensorProto.DOUBLE,
    "uint32": TensorProto.UINT32,
    "uint64": TensorProto.UINT64,
    "bfloat16": TensorProto.BFLOAT16,
}


def relu() -> limner.Session:
    return limner.Session(models.single("Relu"))


class OnlyDlpack:
    """An array that is no buffer, as tensors of other packages are; `versions` as packages before DLPack 1.0."""

    def __init__(self, held: np.ndarray, versions: bool = True) -> None:
        self.held, self.versions = held, versions

    def __dlpack__(self, **options):
        if options and not self.versions:
            raise TypeError("no such keyword")
        return self.held.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.held.__dlpack_device__()


class Sources(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = self.enterContext(tempfile.TemporaryDirectory())
        self.path = os.path.join(self.folder, "model.onnx")
        self.bytes = models.single("Relu").SerializeToString()
        pathlib.Path(self.path).write_bytes(self.bytes)

    def test_every_kind(self) -> None:
        with open(self.path, "rb") as file, open(self.path, "rb") as mapped:
            mapping = mmap.mmap(mapped.fileno(), 0, access=mmap.ACCESS_READ)
            sources = [self.path, pathlib.Path(self.path), self.bytes, bytearray(self.bytes), memoryview(self.bytes), file, io.BytesIO(self.bytes), mapping, models.single("Relu")]
            for source in sources:
                with self.subTest(type(source).__name__):
                    np.testing.assert_array_equal(limner.Session(source).run(X)[0], RELU)

    def test_memory_is_held(self) -> None:
        """The model lies in bytes that nobody else holds."""
        session = limner.Session(bytes(bytearray(models.scaled(3).SerializeToString())))
        gc.collect()
        np.testing.assert_array_equal(session.run(X)[0], 3 * X)

    def test_a_changed_bytearray_changes_nothing(self) -> None:
        source = bytearray(models.scaled(3).SerializeToString())
        session = limner.Session(source)
        source[:] = bytes(len(source))
        np.testing.assert_array_equal(session.run(X)[0], 3 * X)

    def test_external_data(self) -> None:
        model = models.picture_network()
        onnx.save(model, os.path.join(self.folder, "external.onnx"), save_as_external_data=True, location="weights.bin", size_threshold=0)
        skeleton = pathlib.Path(self.folder, "external.onnx").read_bytes()
        image = np.ones((1, 3, 8, 8), np.float32)
        expected = limner.Session(models.picture_network()).run(image)[0]
        np.testing.assert_array_equal(limner.Session(skeleton, folder=self.folder).run(image)[0], expected)
        with self.assertRaises(limner.Error):
            limner.Session(skeleton)

    def test_shared_model(self) -> None:
        first = limner.Session(models.scaled(3))
        second = limner.Session(first.model, threads=1)
        self.assertIs(first.model, second.model)
        np.testing.assert_array_equal(second.run(X)[0], 3 * X)

    def test_faults(self) -> None:
        cases = [
            ("/nowhere/model.onnx", limner.FileError, OSError, "No such file"),
            (b"these are words", limner.InvalidModel, ValueError, "not an ONNX model"),
            (self.bytes[:-9], limner.InvalidModel, ValueError, "cut off"),
            (models.single("Foo"), limner.Unsupported, NotImplementedError, "Foo"),
            (5, TypeError, TypeError, "int"),
            (None, TypeError, TypeError, "NoneType"),
        ]
        for source, kind, also, words in cases:
            with self.subTest(words), self.assertRaisesRegex(kind, words) as caught:
                limner.Session(source)
            self.assertIsInstance(caught.exception, also)
            if kind is not TypeError:
                self.assertIsInstance(caught.exception, limner.Error)

    def test_faults_that_pass(self) -> None:
        """No file can be opened: an error of files that says that another try may do better."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(self.bytes)
            file.flush()
            before = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
            try:
                with self.assertRaisesRegex(limner.TryAgain, "Too many open files") as caught:
                    limner.Session(file.name)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, before)
            self.assertIsInstance(caught.exception, limner.FileError)
            self.assertIsInstance(caught.exception, OSError)
            self.assertEqual(caught.exception.status, "try again")
            limner.Session(file.name)

    def test_options_and_limits(self) -> None:
        model = models.picture_network()
        for options, words in (({"cpu": "z80"}, "z80"), ({"threads": -1}, "threads"), ({"limits": {"nodes": 2}}, "limit")):
            with self.subTest(words), self.assertRaisesRegex(limner.Error, words):
                limner.Session(model, **options)
        for limits in ({"bananas": 3}, {"nodes": -3}, 7):
            with self.assertRaises((TypeError, ValueError)):
                limner.Session(model, limits=limits)
        session = limner.Session(model, threads=3, cpu="portable", exact=True, low_memory=True, plans=2, keep_bytes=1)
        self.assertEqual((session.threads, session.cpu), (3, "portable"))
        with self.assertRaises(limner.LimitExceeded):
            limner.Session(model, limits={"arena_bytes": 100}).run(np.ones((1, 3, 64, 64), np.float32))


class Inputs(unittest.TestCase):
    def test_ways_to_give_them(self) -> None:
        session = limner.Session(models.with_default())
        y = X + np.array([1, 2, 3], np.float32)
        for given in (({"x": X},), (X,), ({"x": X, "w": [1, 2, 3]},), (X, np.array([1, 2, 3], np.float32))):
            np.testing.assert_array_equal(session.run(*given)["y"], y)
        np.testing.assert_array_equal(session.run(X, np.zeros(3, np.float32), outputs="z")[0], 0 * X)

    def test_layouts(self) -> None:
        base = np.arange(-12, 12, dtype=np.float32).reshape(4, 6)
        cases = {
            "transposed": base[:3, :4].T,
            "Fortran": np.asfortranarray(base[:, :3]),
            "every second": base[::2, ::2],
            "backwards": base[::-1, 2::-1],
            "broadcast": np.broadcast_to(base[0, :3], (5, 3)),
            "empty": base[:0, :3],
            "big-endian": base[:, :3].astype(">f4"),
            "odd address": np.frombuffer(b"\0" + base[:, :3].tobytes(), np.uint8)[1:].view(np.float32).reshape(4, 3),
        }
        readonly = base[:, :3].copy()
        readonly.setflags(write=False)
        cases["read-only"] = readonly
        session = relu()
        for name, given in cases.items():
            for way, wrapped in (("array", given), ("memoryview", memoryview(given) if given.dtype.isnative else given)):
                with self.subTest(name, way=way):
                    np.testing.assert_array_equal(session.run(wrapped)[0], np.maximum(given, 0))

    def test_dlpack(self) -> None:
        session = relu()
        for versions in (True, False):
            for given in (X, X.T.copy().T, X[:, ::-1], X[:0]):
                with self.subTest(versions=versions, strides=given.strides):
                    np.testing.assert_array_equal(session.run(OnlyDlpack(given, versions))[0], np.maximum(given, 0))

    def test_dlpack_is_given_back(self) -> None:
        held = np.ones((2, 3), np.float32)
        count = sys.getrefcount(held)
        session = relu()
        session.run(OnlyDlpack(held))
        with contextlib.suppress(limner.Error):
            session.run(OnlyDlpack(held[0]))
        self.assertEqual(sys.getrefcount(held), count)

    def test_other_things(self) -> None:
        session = relu()
        np.testing.assert_array_equal(session.run([[1, -2, 3], [-4, 5.0, -6]])[0], RELU)
        flat = limner.Session(models.single("Identity", TensorProto.UINT8, ["N"]))
        self.assertEqual(flat.run(b"abc")[0].tobytes(), b"abc")
        self.assertEqual(flat.run(bytearray(b"abc"))[0].tobytes(), b"abc")
        doubles = limner.Session(models.single("Identity", TensorProto.DOUBLE, ["N"]))
        self.assertEqual(doubles.run(array.array("d", [1, 2]))[0].tolist(), [1, 2])
        scalar = limner.Session(models.single("Neg", shape=[]))
        for given in (3, 3.0, np.float32(3), np.array(3, np.float32)):
            self.assertEqual(scalar.run(given)[0].tolist(), -3)

    def test_a_tensor_of_another_run(self) -> None:
        tensor = limner._limner.tensor(X)
        np.testing.assert_array_equal(relu().run(tensor)[0], RELU)

    def test_types(self) -> None:
        for name, number in TYPES.items():
            with self.subTest(name):
                session = limner.Session(models.single("Identity", number, ["N"]))
                self.assertEqual(session.inputs[0].type, name)
                given = np.array([0, 1, 1, 0]).astype(ml_dtypes.bfloat16 if name == "bfloat16" else name)
                returned = session.run(given)[0]
                self.assertEqual(returned.dtype, given.dtype)
                self.assertEqual(returned.tobytes(), given.tobytes())
                self.assertEqual(session.run(given[::2])[0].tobytes(), given[::2].tobytes())

    def test_small_types(self) -> None:
        """Those of ml_dtypes in a byte, and several to a byte: any count, and every value."""
        for name in ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "int4", "uint4", "float4_e2m1fn", "int2", "uint2"):
            dtype = np.dtype(getattr(ml_dtypes, name))
            number = helper.np_dtype_to_tensor_dtype(dtype)
            session = limner.Session(models.single("Identity", number, ["N", "M"], opset=25))
            self.assertEqual(session.inputs[0].type, name)
            for shape in ((2, 3), (1, 1), (3, 5), (0, 2)):
                given = np.resize(np.arange(-8, 8), shape).astype(dtype)
                returned = session.run(given)[0]
                self.assertEqual((returned.dtype, returned.shape), (dtype, shape))
                np.testing.assert_array_equal(returned.astype(np.float32), given.astype(np.float32))

    def test_bfloat16_without_ml_dtypes(self) -> None:
        session = limner.Session(models.single("Identity", TensorProto.BFLOAT16, ["N"]))
        given = np.array([1, 2], ml_dtypes.bfloat16)
        with mock.patch.dict(sys.modules, {"ml_dtypes": None}):
            tensor = session.run(given)[0]
        self.assertIsInstance(tensor, limner.Tensor)
        self.assertEqual((tensor.type, tensor.shape, tensor.name), ("bfloat16", (2,), "y"))
        self.assertEqual(bytes(tensor), given.tobytes())
        np.testing.assert_array_equal(session.run(tensor)[0], given)

    def test_faults(self) -> None:
        session = relu()
        cases = [
            (({},), limner.InvalidArgument, 'input "x" is missing'),
            (({"q": X},), limner.InvalidArgument, 'no input "q"'),
            (({"x": X, "q": X},), limner.InvalidArgument, 'no input "q"'),
            ((X, X), limner.InvalidArgument, "2 inputs"),
            ((X.astype(np.float64),), limner.InvalidArgument, "double, expected float"),
            ((X[0],), limner.ShapeError, r"\[3\]"),
            ((X[:, :2],), limner.ShapeError, r"\[2,2\]"),
            ((np.ones((1,) * 9, np.float32),), limner.InvalidArgument, "9 dimensions"),
            ((X.astype(np.complex64),), limner.InvalidArgument, "complex64"),
            ((X.astype(str),), limner.InvalidArgument, "string"),
            ((X.astype(object),), limner.InvalidArgument, "float, expected str"),
            ((np.zeros(2, "datetime64[s]"),), limner.InvalidArgument, "datetime"),
            (([[1, "a", 2]],), limner.InvalidArgument, "numbers"),
            ((object(),), TypeError, "object"),
            ((None,), TypeError, "NoneType"),
        ]
        for given, kind, words in cases:
            with self.subTest(words), self.assertRaisesRegex(kind, words):
                session.run(*given)
        np.testing.assert_array_equal(session.run(X)[0], RELU)  # it goes on

    def test_numbers_that_do_not_fit(self) -> None:
        small = limner.Session(models.single("Identity", TensorProto.UINT8, ["N"]))
        self.assertEqual(small.run([0, 255])[0].tolist(), [0, 255])
        for given in ([256], [-1], [1.5]):
            with self.subTest(given), self.assertRaises(limner.InvalidArgument):
                small.run(given)


class OtherValues(unittest.TestCase):
    """Strings, sequences and optional values."""

    def test_strings(self) -> None:
        session = limner.Session(models.single("Identity", TensorProto.STRING, ["N", 2]))
        self.assertEqual(session.inputs[0].type, "string")
        words = [["a", "b\0c"], ["ä€𝄞", ""]]
        for given in (words, np.array(words), np.array(words, object), np.array([[w.encode() for w in row] for row in words], object)):
            returned = session.run(given)[0]
            self.assertEqual((returned.dtype, returned.shape, returned.tolist()), (np.dtype(object), (2, 2), words))
        self.assertEqual(session.run(words, copy=False)[0].tolist(), words)
        self.assertEqual(session.run(np.empty((0, 2), object))[0].shape, (0, 2))
        for bad, kind in (([["a", 3]], limner.InvalidArgument), (X, limner.InvalidArgument), ([["a"]], limner.ShapeError)):
            with self.subTest(bad), self.assertRaises(kind):
                session.run(bad)
        self.assertEqual(limner.Session(models.single("Identity", TensorProto.STRING, [])).run("word")[0].tolist(), "word")

    def test_sequences(self) -> None:
        kind = helper.make_tensor_sequence_value_info
        nodes = [helper.make_node("SequenceInsert", ["s", "x"], ["t"]), helper.make_node("SequenceLength", ["t"], ["n"])]
        model = models.model(nodes, [kind("s", models.FLOAT, None), models.value("x", shape=None)], [kind("t", models.FLOAT, None), models.value("n", TensorProto.INT64, [])])
        session = limner.Session(model)
        self.assertEqual([v.type for v in session.inputs], ["seq(tensor(float))", "float32"])
        for before in ([], [X], [X[:1], X.T]):
            for copy in (True, False):
                after, count = session.run(before, X, copy=copy)
                self.assertEqual(count, len(before) + 1)
                for one, two in zip(after, [*before, X], strict=True):
                    np.testing.assert_array_equal(one, two)
        session.run([0 * X], X)
        gc.collect()
        np.testing.assert_array_equal(after[-1], X)
        for bad in (X, [X.astype(np.int32)], [[["a"]]], None):
            with self.subTest(type(bad)), self.assertRaises((limner.Error, TypeError)):
                session.run(bad, X)

    def test_optionals(self) -> None:
        inner = helper.make_tensor_type_proto(models.FLOAT, None)
        given = helper.make_value_info("o", helper.make_optional_type_proto(inner))
        model = models.model([helper.make_node("OptionalHasElement", ["o"], ["has"])], [given], [models.value("has", TensorProto.BOOL, [])], opset=18)
        session = limner.Session(model)
        self.assertEqual(session.inputs[0].type, "optional(tensor(float))")
        self.assertEqual([bool(session.run({"o": value})[0]) for value in (None, X)], [False, True])


class Results(unittest.TestCase):
    def test_names_and_order(self) -> None:
        session = limner.Session(models.with_default())
        both = session.run(X)
        self.assertEqual(both.names, ("y", "z"))
        self.assertIs(both["z"], both[1])
        self.assertEqual(session.run(X, outputs=["z", "y"]).names, ("z", "y"))
        np.testing.assert_array_equal(session.run(X, outputs=["z", "y"])[0], both["z"])
        self.assertEqual(list(both.dict()), ["y", "z"])
        self.assertEqual(pickle.loads(pickle.dumps(both)).names, both.names)
        with self.assertRaises(KeyError):
            both["q"]
        with self.assertRaisesRegex(limner.InvalidArgument, 'no output "q"'):
            session.run(X, outputs="q")

    def test_outputs_own_their_memory(self) -> None:
        session = relu()
        first = session.run(X)[0]
        session.run(-X)
        session.trim()
        del session
        gc.collect()
        np.testing.assert_array_equal(first, RELU)
        first[0, 0] = 7  # it is the caller's
        self.assertEqual(first[0, 0], 7)

    def test_views_keep_what_they_lie_in(self) -> None:
        session = limner.Session(models.picture_network())
        image = np.random.default_rng(2).random((1, 3, 32, 32), np.float32)
        expected = session.run(image)[0]
        views = [session.run(image, copy=False)[0] for _ in range(3)]
        other = session.run(0 * image, copy=False)[0]
        part = views.pop()[0, 1, ::2]
        session.trim()
        session.close()
        del session, other
        gc.collect()
        for view in views:
            np.testing.assert_array_equal(view, expected)
            with self.assertRaises(ValueError):
                view[0] = 1
        np.testing.assert_array_equal(part, expected[0, 1, ::2])

    def test_views_give_the_session_back(self) -> None:
        session = relu()
        for _ in range(3):
            view = session.run(X, copy=False)[0]
            del view
        self.assertEqual(len(session._pool.idle), 1)

    def test_views_of_inputs_and_weights(self) -> None:
        """Outputs that are an input as it is, or a weight, are views of memory that must stay, too."""
        nodes = [helper.make_node("Identity", ["x"], ["y"]), helper.make_node("Identity", ["w"], ["z"])]
        weight = onnx.numpy_helper.from_array(np.arange(5, dtype=np.float32), "w")
        model = models.model(nodes, [models.value("x", shape=[4])], [models.value("y", shape=[4]), models.value("z", shape=[5])], [weight])
        y, z = limner.Session(model).run(np.arange(4, dtype=np.float32), copy=False)
        gc.collect()
        junk = [np.full(4, 9, np.float32) for _ in range(100)]
        self.assertEqual((y.tolist(), z.tolist()), ([0, 1, 2, 3], [0, 1, 2, 3, 4]))
        del junk

    def test_views_are_inputs(self) -> None:
        session = relu()
        view = session.run(X, copy=False)[0]
        np.testing.assert_array_equal(session.run(view)[0], RELU)

    def test_memory_of_the_caller(self) -> None:
        session = limner.Session(models.with_default())
        room = np.zeros((2, 3), np.float32)
        y, z = session.run(X, out={"z": room})
        self.assertIs(z, room)
        np.testing.assert_array_equal(room, X * np.array([1, 2, 3], np.float32))
        np.testing.assert_array_equal(y, X + np.array([1, 2, 3], np.float32))
        for bad, kind in (
            (np.zeros((2, 2), np.float32), limner.InvalidArgument),
            (np.zeros((3, 2), np.float32), limner.ShapeError),
            (np.zeros((2, 3), np.int32), limner.ShapeError),
            (np.zeros((3, 2), np.float32).T, limner.InvalidArgument),
        ):
            with self.subTest(shape=bad.shape, dtype=bad.dtype), self.assertRaises(kind):
                session.run(X, out={"z": bad})
        readonly = np.zeros((2, 3), np.float32)
        readonly.setflags(write=False)
        with self.assertRaises((ValueError, BufferError)):
            session.run(X, out={"z": readonly})
        with self.assertRaises(limner.InvalidArgument):
            session.run(X, outputs="y", out={"z": room})

    def test_dlpack(self) -> None:
        tensor = limner._limner.tensor(X)
        over = np.from_dlpack(tensor)
        del tensor
        gc.collect()
        np.testing.assert_array_equal(over, X)
        view = limner.Session(models.single("Relu"))._pool.take().run([("x", X)], None, object())[0]
        self.assertTrue(view.readonly)
        with self.assertRaises(BufferError):
            view.__dlpack__()  # before 1.0 nothing could be read-only
        locked = np.from_dlpack(view)
        del view
        gc.collect()
        np.testing.assert_array_equal(locked, RELU)
        self.assertFalse(locked.flags.writeable)
        capsule = limner._limner.tensor(X).__dlpack__(max_version=(1, 0))
        del capsule  # nobody takes it

    def test_dlpack_to_torch(self) -> None:
        try:
            import torch
        except ImportError:
            self.skipTest("PyTorch is not installed")
        session = relu()
        np.testing.assert_array_equal(session.run(torch.from_numpy(X))[0], RELU)
        self.assertEqual(torch.from_dlpack(limner._limner.tensor(X)).tolist(), X.tolist())
        half = limner.Session(models.single("Identity", TensorProto.BFLOAT16, ["N"]))
        returned = half.run(torch.tensor([1.0, 2.0], dtype=torch.bfloat16))[0]
        self.assertEqual(returned.astype(np.float32).tolist(), [1, 2])

    def test_empty_outputs(self) -> None:
        self.assertEqual(relu().run(X[:0])[0].shape, (0, 3))
        self.assertEqual(relu().run(X[:0], copy=False)[0].shape, (0, 3))


class Threads(unittest.TestCase):
    def test_eight_threads_have_the_same_bits(self) -> None:
        session = limner.Session(models.picture_network(), threads=2)
        random = np.random.default_rng(3)
        images = [random.random((1, 3, size, size), np.float32) for size in (16, 24, 32, 40)]
        expected = [session.run(image)[0].tobytes() for image in images]
        wrong: list[object] = []

        def work(seed: int) -> None:
            try:
                for i in range(12):
                    k = (seed + i) % len(images)
                    if session.run(images[k], copy=i % 3 != 0)[0].tobytes() != expected[k]:
                        wrong.append((seed, i))
            except Exception as error:  # noqa: BLE001
                wrong.append(error)

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
        self.assertLessEqual(len(session._pool.idle), 9)

    def test_others_go_on_while_it_computes(self) -> None:
        session = limner.Session(models.long_running(100), threads=1)
        x = np.ones((512, 512), np.float32)
        session.run(x)
        done = threading.Event()
        thread = threading.Thread(target=lambda: (session.run(x), done.set()))
        ticks = 0
        thread.start()
        while not done.is_set():
            time.sleep(0.001)
            ticks += 1
        thread.join()
        self.assertGreater(ticks, 3)

    def test_cancel(self) -> None:
        session = limner.Session(models.long_running(2000), threads=1)
        x = np.ones((512, 512), np.float32)
        caught: list[BaseException] = []

        def work() -> None:
            try:
                session.run(x)
            except limner.Cancelled as error:
                caught.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        while thread.is_alive():
            session.cancel()
            time.sleep(0.002)
        self.assertEqual(len(caught), 1)
        session.cancel()  # nothing runs: nothing happens

    def test_one_core_session_is_for_one_thread(self) -> None:
        core = limner._limner.Session(limner._limner.Model(models.long_running(200).SerializeToString()))
        x = np.ones((512, 512), np.float32)
        faults = []

        def work() -> None:
            try:
                core.run([("x", x)], None, None)
            except RuntimeError as error:
                faults.append(str(error))

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(faults), 1)


class Processes(unittest.TestCase):
    def test_pickle_by_path(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "model.onnx")
            onnx.save(models.scaled(3), path)
            packed = pickle.dumps(limner.Session(path, threads=1, exact=True))
            self.assertLess(len(packed), 500)
            again = pickle.loads(packed)
        self.assertEqual(again.threads, 1)
        np.testing.assert_array_equal(again.run(X)[0], 3 * X)

    def test_pickle_with_bytes(self) -> None:
        again = pickle.loads(pickle.dumps(limner.Session(models.scaled(3))))
        np.testing.assert_array_equal(again.run(X)[0], 3 * X)
        with self.assertRaises(TypeError):
            pickle.dumps(limner.Session(again.model))

    def test_fork_after_a_run(self) -> None:
        session = limner.Session(models.picture_network(), threads=2)
        image = np.random.default_rng(4).random((1, 3, 64, 64), np.float32)
        expected = session.run(image)[0].tobytes()
        child = os.fork()
        if child == 0:
            same = session.run(image)[0].tobytes() == expected
            fresh = limner.Session(models.scaled(3)).run(X)[0]
            os._exit(0 if same and np.array_equal(fresh, 3 * X) else 1)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
        self.assertEqual(session.run(image)[0].tobytes(), expected)

    @unittest.skipIf(SANITIZED, "a pool's processes end without looking for leaks")
    def test_a_pool_of_processes(self) -> None:
        session = limner.Session(models.scaled(3))
        for method in ("fork", "spawn"):
            with self.subTest(method), multiprocessing.get_context(method).Pool(2) as pool:
                for result in pool.map(session.run, [X, 2 * X]):
                    self.assertEqual(result.names, ("y",))


class TheModel(unittest.TestCase):
    def test_swap(self) -> None:
        session = limner.Session(models.scaled(3))
        view = session.run(X, copy=False)[0]
        session.run(X)  # a second core session
        session.swap(models.scaled(5))
        np.testing.assert_array_equal(view, 3 * X)
        del view
        for _ in range(3):
            np.testing.assert_array_equal(session.run(X)[0], 5 * X)
        with self.assertRaises(limner.Error):
            session.swap(models.single("Relu", TensorProto.DOUBLE))
        with self.assertRaises(limner.InvalidModel):
            session.swap(b"words that are no model")
        np.testing.assert_array_equal(session.run(X)[0], 5 * X)
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(session)).run(X)[0], 5 * X)

    def test_swap_while_others_run(self) -> None:
        session = limner.Session(models.scaled(2))
        wrong: list[object] = []
        stop = threading.Event()

        def work() -> None:
            while not stop.is_set():
                factor = session.run(X)[0][0, 0]
                if factor not in (2, 4):
                    wrong.append(factor)

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for i in range(20):
            session.swap(models.scaled(4 if i % 2 == 0 else 2))
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_what_it_declares(self) -> None:
        model = models.with_default()
        model.producer_name, model.model_version, model.doc_string = "somebody", 7, "words"
        helper.set_model_props(model, {"key": "value", "é": "ü"})
        session = limner.Session(model)
        self.assertEqual(session.inputs, (("x", "float32", ("N", 3), False), ("w", "float32", (3,), True)))
        self.assertEqual([v.name for v in session.outputs], ["y", "z"])
        self.assertEqual(session.metadata, {"key": "value", "é": "ü"})
        self.assertEqual((session.info["producer_name"], session.info["model_version"], session.info["doc"]), ("somebody", 7, "words"))
        self.assertEqual(session.opsets, {"": 17})
        self.assertIn("x: float32['N', 3]", repr(session))
        unknown = limner.Session(models.single("Relu", shape=None))
        self.assertEqual((unknown.inputs[0].shape, limner.Session(models.single("Relu", shape=[None, "H"])).inputs[0].shape), (None, (None, "H")))

    def test_plan_trim_and_profile(self) -> None:
        session = limner.Session(models.picture_network(), profile=True)
        self.assertEqual(list(session.profile()), [])
        plan = session.plan({"image": (1, 3, 32, 32)})
        self.assertGreater(plan["macs"], 0)
        self.assertEqual(session.plan((1, 3, 32, 32)), plan)
        image = np.ones((1, 3, 32, 32), np.float32)
        session.run(image)
        self.assertGreater(session.held_bytes, 0)
        session.trim()
        self.assertEqual(session.held_bytes, 0)
        profile = session.profile()
        self.assertEqual({step.runs for step in profile}, {1})
        self.assertIn("Conv", str(profile))
        self.assertIn("<table>", profile._repr_html_())
        self.assertAlmostEqual(profile.milliseconds, sum(step.mean for step in profile))
        for bad in ({"image": (1, 3)}, {"q": (1,)}, {"image": (1,) * 9}):
            with self.subTest(bad), self.assertRaises(ValueError):
                session.plan(bad)

    def test_cache(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            cache = pathlib.Path(folder, "weights")
            session = limner.Session(models.picture_network(), cache=cache)
            image = np.ones((1, 3, 32, 32), np.float32)
            expected = session.run(image)[0]
            session.save_cache()
            self.assertTrue(cache.exists())
            again = limner.Session(models.picture_network(), cache=cache)
            np.testing.assert_array_equal(again.run(image)[0], expected)
            self.assertEqual(again.cache_note, "")

    def test_note(self) -> None:
        nodes = [helper.make_node("Relu", ["a"], ["c"]), helper.make_node("Relu", ["b"], ["d"])]
        model = models.model(nodes, [models.value("a", shape=["N"]), models.value("b", shape=["N"])], [models.value("c"), models.value("d")])
        session = limner.Session(model)
        session.run(np.ones(2, np.float32), np.ones(3, np.float32))
        self.assertIn("one name", session.note)

    def test_close(self) -> None:
        with relu() as session:
            view = session.run(X, copy=False)[0]
        with self.assertRaises(ValueError):
            session.run(X)
        np.testing.assert_array_equal(view, RELU)

    def test_operators(self) -> None:
        self.assertIn("Conv", {row[0] for row in limner.operators()})

    def test_stored_outputs(self) -> None:
        """What onnxruntime computed for one of the stored models."""
        folder = SMALL / "inpaint-dynamo20"
        session = limner.Session(folder / "model.onnx")
        read = lambda path: onnx.numpy_helper.to_array(onnx.TensorProto.FromString(path.read_bytes()))  # noqa: E731
        for data in sorted(folder.glob("test_data_set_*")):
            inputs = [read(path) for path in sorted(data.glob("input_*.pb"))]
            for output, path in zip(session.run(*inputs), sorted(data.glob("output_*.pb"))):
                np.testing.assert_allclose(output, read(path), rtol=1e-3, atol=1e-4)


class TheBinding(unittest.TestCase):
    def test_nothing_leaks(self) -> None:
        """References to what is given and to the module's types are as many after as before."""
        session, x = relu(), X.copy()
        kinds = [x, limner.Tensor, limner._limner.Session, session._pool.last]

        def loop() -> None:
            for _ in range(50):
                session.run({"x": x})
                session.run({"x": x}, copy=False)
                session.run(x, out={"y": np.zeros((2, 3), np.float32)})
                for bad in (x[0], x.astype(np.float64), None):
                    with contextlib.suppress(limner.Error, TypeError):
                        session.run(bad)
                with contextlib.suppress(limner.Error):
                    limner.Session(b"words")

        loop()
        gc.collect()
        before = [sys.getrefcount(kind) for kind in kinds]
        loop()
        gc.collect()
        after = [sys.getrefcount(kind) for kind in kinds]
        for one, two in zip(before, after):
            self.assertLess(abs(two - one), 8)

    def test_buffers_without_strides(self) -> None:
        """ctypes leaves them out."""
        grid = ((ctypes.c_float * 3) * 2)(*map(tuple, X.tolist()))
        np.testing.assert_array_equal(relu().run(grid)[0], RELU)

    def test_a_target_may_be_any_buffer(self) -> None:
        room = (ctypes.c_float * 6)()
        core = limner._limner.Session(limner._limner.Model(models.single("Relu", shape=[6]).SerializeToString()))
        core.run([(None, X.reshape(6))], [("y", room)], None)
        self.assertEqual(list(room), RELU.reshape(6).tolist())

    def test_wrong_calls(self) -> None:
        core = relu()._pool.take()
        for arguments in ((), (1, None, None), ([1], None, None), ([("x",)], None, None), ([(1, X)], None, None), ([("x", X)], [3], None)):
            with self.subTest(arguments), self.assertRaises((TypeError, SystemError)):
                core.run(*arguments)
        for cls in (limner.Tensor, limner._limner.Session):
            with self.assertRaises(TypeError):
                cls()


if __name__ == "__main__":
    unittest.main()
