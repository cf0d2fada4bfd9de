"""limner.ort beside onnxruntime: each call is made with both, and results, types and classes of errors are compared.

What differs on purpose is in `Different`, and in docs/python.md.
"""

from __future__ import annotations

import copy
import json
import os
import pathlib
import pickle
import subprocess
import sys
import tempfile
import threading
import unittest
import warnings
from collections.abc import Callable
from typing import Any

import models
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import limner.ort

SIDES = (onnxruntime, limner.ort)
onnxruntime.set_default_logger_severity(4)
X = np.array([[1, -2, 3], [-4, 5, -6]], np.float32)
ROOT = pathlib.Path(__file__).resolve().parents[2]


def plain(value: Any) -> Any:
    """value as something that == can compare: arrays by type, shape and numbers to six digits."""
    if isinstance(value, np.ndarray):
        numbers = np.round(value.astype(np.float64), 5).tolist() if value.dtype.kind in "fV" else value.tolist()
        return ("array", value.dtype.name, value.shape, numbers)
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if hasattr(value, "name") and hasattr(value, "type") and hasattr(value, "shape") and not callable(value.shape):
        return (value.name, value.type, list(value.shape))
    if hasattr(value, "numpy") and hasattr(value, "data_type"):
        return ("OrtValue", value.data_type(), plain(value.numpy()))
    return value


def outcome(action: Callable[[], Any]) -> Any:
    """What an action returns, or the name of the class that it raises."""
    try:
        return plain(action())
    except Exception as error:  # noqa: BLE001 (that is what is compared)
        return f"raises {type(error).__name__}"


class Beside(unittest.TestCase):
    maxDiff = None

    def same(self, action: Callable[[Any], Any], name: str = "") -> Any:
        with self.subTest(name), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs, ours = (outcome(lambda side=side: action(side)) for side in SIDES)
            self.assertEqual(ours, theirs)
            return ours
        return None

    def same_for(self, cases: dict[str, Any], action: Callable[[Any, Any], Any]) -> None:
        for name, case in cases.items():
            self.same(lambda side, case=case: action(side, case), name)


def session(side: Any, model: onnx.ModelProto, **options: Any) -> Any:
    return side.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"], **options)


RELU = models.single("Relu")


class Running(Beside):
    def test_what_is_fed(self) -> None:
        readonly = X.copy()
        readonly.setflags(write=False)
        feeds = {
            "as it is": {"x": X},
            "transposed": {"x": np.arange(6, dtype=np.float32).reshape(3, 2).T},
            "backwards": {"x": X[:, ::-1]},
            "broadcast": {"x": np.broadcast_to(X[:1], (4, 3))},
            "Fortran": {"x": np.asfortranarray(X)},
            "read-only": {"x": readonly},
            "empty": {"x": X[:0]},
            "lists": {"x": X.tolist()},
            "lists of whole numbers": {"x": [[1, 2, -3]]},
            "float64": {"x": X.astype(np.float64)},
            "float16": {"x": X.astype(np.float16)},
            "int32": {"x": X.astype(np.int32)},
            "bool": {"x": X > 0},
            "objects": {"x": X.astype(object)},
            "strings": {"x": X.astype(str)},
            "rank": {"x": X[0]},
            "size": {"x": X[:, :2]},
            "number": {"x": 1.0},
            "NumPy number": {"x": np.float32(1)},
            "None": {"x": None},
            "str": {"x": "a"},
            "bytes": {"x": b"abc"},
            "memoryview": {"x": memoryview(X)},
            "other name": {"q": X},
            "further name": {"x": X, "q": X},
            "nothing": {},
            "list as feed": [X],
            "no feed": None,
        }
        self.same_for(feeds, lambda side, feed: session(side, RELU).run(None, feed))

    def test_what_is_asked_for(self) -> None:
        names = {"none": None, "empty": [], "one": ["y"], "tuple": ("z",), "order": ["z", "y"], "twice": ["z", "z"], "str": "y", "unknown": ["q"]}
        self.same_for(names, lambda side, name: session(side, models.with_default()).run(name, {"x": X}))
        self.same(lambda side: session(side, models.with_default()).run(["z"], {"x": X, "w": np.zeros(3, np.float32)}))

    def test_element_types(self) -> None:
        types = {n: getattr(TensorProto, n) for n in ("FLOAT", "UINT8", "INT8", "UINT16", "INT16", "INT32", "INT64", "BOOL", "FLOAT16", "DOUBLE", "UINT32", "UINT64")}

        def action(side: Any, number: int) -> Any:
            made = session(side, models.single("Identity", number, ["N"]))
            given = np.array([0, 1, 1]).astype(helper.tensor_dtype_to_np_dtype(number))
            return made.get_inputs(), made.get_outputs(), made.run(None, {"x": given})

        self.same_for(types, action)

    def test_shapes(self) -> None:
        for name, shape, given in (
            ("scalar", [], np.array(-3, np.float32)),
            ("undeclared", None, X),
            ("names", [None, "H"], X),
            ("fixed", [2, 3], X),
            ("not the fixed ones", [2, 3], X[:1]),
            ("zero", [0, 3], X[:0]),
        ):
            self.same(lambda side, s=shape, g=given: (session(side, models.single("Relu", shape=s)).get_inputs(), session(side, models.single("Relu", shape=s)).run(None, {"x": g})), name)

    def test_strings_and_sequences(self) -> None:
        words = np.array(["a", "ä€", ""])
        strings = models.single("Identity", TensorProto.STRING, ["N"])
        feeds = {"str": words, "objects": words.astype(object), "list": words.tolist(), "numbers": X[0], "rank": words[None]}
        self.same_for(feeds, lambda side, feed: (session(side, strings).get_inputs(), session(side, strings).run(None, {"x": feed})))
        kind = helper.make_tensor_sequence_value_info
        nodes = [helper.make_node("SequenceInsert", ["s", "x"], ["t"])]
        inserts = models.model(nodes, [kind("s", models.FLOAT, None), models.value("x", shape=None)], [kind("t", models.FLOAT, None)])
        given = {"empty": [], "one": [X], "two": [X[:1], X.T.copy()], "other type": [X.astype(np.int64)]}
        self.same_for(given, lambda side, feed: session(side, inserts).run(None, {"s": feed, "x": X}))
        self.same(lambda side: [node.type for node in [*session(side, inserts).get_inputs(), *session(side, inserts).get_outputs()]])

    def test_run_options(self) -> None:
        def terminated(side: Any) -> Any:
            options = side.RunOptions()
            options.terminate = True
            first = outcome(lambda: session(side, RELU).run(None, {"x": X}, options))
            options.terminate = False
            return first, session(side, RELU).run(None, {"x": X}, options)

        self.same(terminated, "terminate")
        self.same(lambda side: session(side, RELU).run(None, {"x": X}, 3), "no options")
        fields = ("log_severity_level", "log_verbosity_level", "logid", "only_execute_path_to_fetches", "terminate")
        self.same(lambda side: [getattr(side.RunOptions(), name) for name in fields], "defaults")
        for name, value in (("foo", 3), ("terminate", "x"), ("logid", "me"), ("log_severity_level", 2), ("log_severity_level", "x")):
            self.same(lambda side, n=name, v=value: setattr(side.RunOptions(), n, v), name)
        self.same(lambda side: side.RunOptions().get_run_config_entry("missing"), "no entry")

    def test_terminate_from_another_thread(self) -> None:
        for side in SIDES:
            with self.subTest(side.__name__):
                made, options = session(side, models.long_running(3000)), side.RunOptions()
                timer = threading.Timer(0.1, lambda: setattr(options, "terminate", True))
                timer.start()
                with self.assertRaises(side.capi.onnxruntime_pybind11_state.Fail):
                    made.run(None, {"x": np.ones((512, 512), np.float32)}, options)
                timer.join()

    def test_run_async(self) -> None:
        def action(side: Any, feed: Any) -> Any:
            done, told = threading.Event(), []
            session(side, RELU).run_async(None, feed, lambda *words: (told.extend(words), done.set()), "mine")
            self.assertTrue(done.wait(20))
            return told[0], told[1], bool(told[2])

        self.same_for({"right": {"x": X}, "wrong type": {"x": X.astype(np.int32)}, "missing": {}}, action)

    def test_threads(self) -> None:
        for side in SIDES:
            made, wrong = session(side, models.picture_network()), []
            image = np.ones((1, 3, 32, 32), np.float32)
            expected = made.run(None, {"image": image})[0].tobytes()

            def work(made: Any = made, image: Any = image, expected: Any = expected, wrong: Any = wrong) -> None:
                wrong.extend(i for i in range(5) if made.run(None, {"image": image})[0].tobytes() != expected)

            threads = [threading.Thread(target=work) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(wrong, [], side.__name__)

    def test_networks(self) -> None:
        image = np.random.default_rng(5).random((2, 3, 40, 48), np.float32)
        theirs, ours = (session(side, models.picture_network()).run(None, {"image": image})[0] for side in SIDES)
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
        for folder in ("inpaint-dynamo20", "unet-dynamo20", "edge-torchscript17", "keyvalue-dynamo20"):
            model = ROOT / "models/small" / folder / "model.onnx"
            read = lambda path: numpy_helper.to_array(onnx.TensorProto.FromString(path.read_bytes()))  # noqa: E731
            inputs = [read(path) for path in sorted(model.parent.glob("test_data_set_0/input_*.pb"))]
            both = [side.InferenceSession(str(model)) for side in SIDES]
            feed = {node.name: array for node, array in zip(both[0].get_inputs(), inputs)}
            for theirs, ours in zip(*(made.run(None, feed) for made in both)):
                np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)


class Loading(Beside):
    def test_sources(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "model.onnx")
            onnx.save(RELU, path)
            for name, content in (("garbage", b"garbage garbage"), ("empty", b""), ("cut", RELU.SerializeToString()[:-10])):
                pathlib.Path(folder, name).write_bytes(content)
            sources = {
                "path": path,
                "PathLike": pathlib.Path(path),
                "bytes": RELU.SerializeToString(),
                "missing": os.path.join(folder, "missing.onnx"),
                "folder": folder,
                **{f"{name} file": os.path.join(folder, name) for name in ("garbage", "empty", "cut")},
                "garbage": b"garbage garbage",
                "empty": b"",
                "cut": RELU.SerializeToString()[:-10],
                "int": 5,
                "None": None,
                "bytearray": bytearray(RELU.SerializeToString()),
            }
            self.same_for(sources, lambda side, source: side.InferenceSession(source).run(None, {"x": X}))

    def test_models_that_are_wrong(self) -> None:
        one = [models.value("x", shape=[1])], [models.value("y", shape=[1])]
        node = helper.make_node
        wrong = {
            "unknown operator": models.single("Foo"),
            "unknown domain": models.single("Foo", domain="bar"),
            "input of a node": models.model([node("Relu", ["z"], ["y"])], *one),
            "two types": models.model([node("Add", ["x", "z"], ["y"])], [*one[0], models.value("z", TensorProto.INT64, [1])], one[1]),
            "two sizes": models.model([node("Add", ["x", "z"], ["y"])], [models.value("x", shape=[2]), models.value("z", shape=[3])], one[1]),
            "later operator set": models.model([node("Relu", ["x"], ["y"])], *one, opset=99),
            "unknown attribute": models.single("Relu", foo=3),
            "two definitions": models.model([node("Relu", ["x"], ["y"])] * 2, *one),
            "no such output": models.model([node("Relu", ["x"], ["y"])], one[0], [models.value("q", shape=[1])]),
            "no nodes": models.model([], one[0], [models.value("x", shape=[1])]),
        }
        self.same_for(wrong, lambda side, model: bool(session(side, model)))

    def test_free_dimensions(self) -> None:
        def action(side: Any, given: Any) -> Any:
            options = side.SessionOptions()
            options.add_free_dimension_override_by_name("N", 2)
            options.add_free_dimension_override_by_denotation("DATA_BATCH", 5)
            made = session(side, RELU, sess_options=options)
            return made.get_inputs(), made.get_outputs(), outcome(lambda: made.run(None, {"x": given}))

        self.same_for({"fits": X, "does not": X[:1]}, action)

    def test_session_options(self) -> None:
        fields = ("enable_cpu_mem_arena", "enable_mem_pattern", "enable_mem_reuse", "enable_profiling", "inter_op_num_threads", "intra_op_num_threads",
                  "log_severity_level", "log_verbosity_level", "logid", "optimized_model_filepath", "profile_file_prefix", "use_deterministic_compute", "use_per_session_threads")
        for field in fields:
            self.same(lambda side, f=field: getattr(side.SessionOptions(), f), field)
            for value in (1, -1, True, "text", None):
                self.same(lambda side, f=field, v=value: setattr(side.SessionOptions(), f, v), f"{field} = {value!r}")
        self.same(lambda side: setattr(side.SessionOptions(), "foo", 1))
        for field in ("graph_optimization_level", "execution_mode"):
            self.same(lambda side, f=field: getattr(side.SessionOptions(), f).name, field)
            self.same(lambda side, f=field: setattr(side.SessionOptions(), f, 1), f"{field} = 1")
        for kind in ("GraphOptimizationLevel", "ExecutionMode", "ExecutionOrder"):
            self.same(lambda side, k=kind: {name: int(level) for name, level in getattr(side, k).__members__.items()}, kind)

        def entries(side: Any) -> Any:
            options = side.SessionOptions()
            options.graph_optimization_level = side.GraphOptimizationLevel.ORT_DISABLE_ALL
            options.execution_mode = side.ExecutionMode.ORT_PARALLEL
            options.add_session_config_entry("a", "b")
            made = session(side, RELU, sess_options=options)
            return options.get_session_config_entry("a"), made.get_session_options() is not None, made.run(None, {"x": X})

        self.same(entries, "entries")
        self.same(lambda side: side.SessionOptions().get_session_config_entry("missing"), "no entry")

    def test_providers(self) -> None:
        data = RELU.SerializeToString()
        providers = {
            "none": None,
            "empty": [],
            "the processor": ["CPUExecutionProvider"],
            "with options": [("CPUExecutionProvider", {"a": "b"})],
            "one that is not there": ["CUDAExecutionProvider", "CPUExecutionProvider"],
            "twice": ["CPUExecutionProvider"] * 2,
            "unknown": ["Foo"],
            "str": "CPUExecutionProvider",
        }
        self.same_for(providers, lambda side, given: side.InferenceSession(data, providers=given).get_providers())
        self.same(lambda side: side.InferenceSession(data, providers=["CPUExecutionProvider"], provider_options=[{}]).get_provider_options())
        self.same(lambda side: side.InferenceSession(data, unknown_option=3).run(None, {"x": X}))
        self.same(lambda side: session(side, RELU).set_providers(["CPUExecutionProvider"]))
        self.same(lambda side: session(side, RELU).set_providers(["Foo"]))
        with self.assertWarns(UserWarning):
            limner.ort.InferenceSession(data, providers=["CUDAExecutionProvider"])

    def test_what_the_model_says(self) -> None:
        model = models.with_default()
        model.producer_name, model.model_version, model.doc_string, model.domain = "somebody", 7, "words", "here"
        helper.set_model_props(model, {"a": "b", "é": "ü"})
        fields = ("custom_metadata_map", "description", "domain", "graph_name", "producer_name", "version")
        for name, given in (("full", model), ("bare", RELU)):
            self.same(lambda side, m=given: [getattr(session(side, m).get_modelmeta(), field) for field in fields], name)
        self.same(lambda side: [getattr(session(side, model), f"get_{kind}")() for kind in ("inputs", "outputs", "overridable_initializers")])
        self.same(lambda side: str(session(side, model).get_inputs()[0]))

    def test_subclasses(self) -> None:
        def action(side: Any) -> Any:
            class Sub(side.InferenceSession):
                def __init__(self, source: bytes, **options: Any) -> None:
                    super().__init__(source, **options)
                    self.extra = 1

            return Sub(RELU.SerializeToString(), providers=["CPUExecutionProvider"]).run(["y"], {"x": X})

        self.same(action)

    def test_profiling(self) -> None:
        with tempfile.TemporaryDirectory() as folder:

            def action(side: Any) -> Any:
                options = side.SessionOptions()
                options.enable_profiling = True
                options.profile_file_prefix = os.path.join(folder, side.__name__)
                made = session(side, models.picture_network(), sess_options=options)
                made.run(None, {"image": np.ones((1, 3, 16, 16), np.float32)})
                name = made.end_profiling()
                events = json.loads(pathlib.Path(name).read_text(encoding="utf-8"))
                fields = all({"cat", "pid", "tid", "dur", "ts", "ph", "name", "args"} <= event.keys() for event in events)
                return fields, any("Conv" in event["args"].get("op_name", "") for event in events), made.end_profiling(), made.get_profiling_start_time_ns() > 0

            self.same(action)
        self.same(lambda side: (session(side, RELU).end_profiling(), session(side, RELU).get_profiling_start_time_ns()))


class Values(Beside):
    def test_what_they_say(self) -> None:
        def action(side: Any, given: Any) -> Any:
            value = side.OrtValue.ortvalue_from_numpy(given)
            facts = ("device_name", "shape", "data_type", "element_type", "has_value", "is_tensor", "is_sparse_tensor", "is_tensor_sequence", "tensor_size_in_bytes")
            return [getattr(value, fact)() for fact in facts], value.numpy()

        given = {"plain": X, "transposed": X.T, "scalar": np.array(3), "empty": X[:0], "half": X.astype(np.float16), "list": [1], "strings": X.astype(str)}
        self.same_for(given, action)
        self.same(lambda side: side.OrtValue.ortvalue_from_numpy(X).data_ptr() == X.ctypes.data)
        for device in ("cpu", "cuda", "foo"):
            self.same(lambda side, d=device: side.OrtValue.ortvalue_from_numpy(X, d, 0), device)

    def test_making_and_changing(self) -> None:
        for kind in (np.float32, np.int64, 1, 7, TensorProto.BFLOAT16):
            self.same(lambda side, k=kind: [f(side.OrtValue.ortvalue_from_shape_and_type([2, 3], k)) for f in (lambda v: v.shape(), lambda v: v.data_type())], str(kind))

        def update(side: Any, given: Any) -> Any:
            value = side.OrtValue.ortvalue_from_shape_and_type([2, 3], np.float32)
            value.update_inplace(given)
            return value

        self.same_for({"fits": X, "more": np.ones((3, 3), np.float32)}, update)
        bits = np.zeros(2, np.uint16)
        self.same(lambda side: side.OrtValue.ortvalue_from_numpy_with_onnx_type(bits, TensorProto.BFLOAT16).data_type())
        self.same(lambda side: side.OrtValue.ortvalue_from_numpy_with_onnx_type(bits, TensorProto.BFLOAT16).numpy())

    def test_dlpack(self) -> None:
        self.same(lambda side: side.OrtValue.from_dlpack(X.copy()))
        self.same(lambda side: side.OrtValue.from_dlpack(X.copy().__dlpack__()))
        self.same(lambda side: side.OrtValue.from_dlpack("text"))
        self.same(lambda side: np.from_dlpack(side.OrtValue.ortvalue_from_numpy(X.copy())))
        self.same(lambda side: side.OrtValue.ortvalue_from_numpy(X.copy()).__dlpack_device__())
        held = X.copy()
        self.same(lambda side: side.OrtValue.from_dlpack(held).data_ptr() == held.ctypes.data)

    def test_runs(self) -> None:
        def action(side: Any, names: Any) -> Any:
            return session(side, RELU).run_with_ort_values(names, {"x": side.OrtValue.ortvalue_from_numpy(X)})

        self.same_for({"named": ["y"], "all": None, "unknown": ["q"]}, action)
        self.same(lambda side: session(side, RELU).run_with_ort_values(["y"], {"x": X}))
        self.same(lambda side: session(side, RELU).run(["y"], {"x": side.OrtValue.ortvalue_from_numpy(X)}))

    def test_sequences_and_strings(self) -> None:
        kind = helper.make_tensor_sequence_value_info
        twice = models.model([helper.make_node("SequenceConstruct", ["x", "x"], ["s"])], [models.value("x", shape=None)], [kind("s", models.FLOAT, None)])
        length = models.model([helper.make_node("SequenceLength", ["s"], ["n"])], [kind("s", models.FLOAT, None)], [models.value("n", TensorProto.INT64, [])])
        facts = ("data_type", "element_type", "has_value", "is_tensor", "is_tensor_sequence", "shape", "numpy", "data_ptr", "device_name", "tensor_size_in_bytes")

        def sequence(side: Any) -> Any:
            value = session(side, twice).run_with_ort_values(None, {"x": side.OrtValue.ortvalue_from_numpy(X)})[0]
            return [outcome(getattr(value, fact)) for fact in facts], session(side, length).run(None, {"s": value})

        def words(side: Any) -> Any:
            text = session(side, models.single("Identity", TensorProto.STRING, ["N"]))
            binding = text.io_binding()
            binding.bind_output("y")
            refused = outcome(lambda: binding.bind_cpu_input("x", np.array(["a"])))
            return refused, text.run(None, {"x": np.array(["a", "b"])})

        self.same(sequence)
        self.same(words)

    def test_devices(self) -> None:
        self.same(lambda side: [f() for f in (side.OrtDevice.make("cpu", 0).device_type, side.OrtDevice.make("cpu", 0).device_id)])
        self.same(lambda side: side.OrtDevice.make("foo", 0))


class Binding(Beside):
    def test_inputs_and_outputs(self) -> None:
        def action(side: Any, fill: Callable[[Any, Any], Any]) -> Any:
            made = session(side, RELU)
            binding = made.io_binding()
            extra = fill(side, binding)
            made.run_with_iobinding(binding)
            return binding.copy_outputs_to_cpu(), binding.get_outputs(), plain(extra)

        def arrays(side: Any, binding: Any) -> Any:
            binding.bind_cpu_input("x", X)
            binding.bind_output("y")

        def pointers(side: Any, binding: Any) -> Any:
            room = np.zeros((2, 3), np.float32)
            binding.bind_input("x", "cpu", 0, np.float32, X.shape, X.ctypes.data)
            binding.bind_output("y", "cpu", 0, np.float32, room.shape, room.ctypes.data)
            return room

        def values(side: Any, binding: Any) -> Any:
            room = side.OrtValue.ortvalue_from_shape_and_type([2, 3], np.float32)
            binding.bind_ortvalue_input("x", side.OrtValue.ortvalue_from_numpy(X))
            binding.bind_ortvalue_output("y", room)
            binding.synchronize_inputs()
            binding.synchronize_outputs()
            return room

        def small(side: Any, binding: Any) -> Any:
            binding.bind_cpu_input("x", X)
            binding.bind_ortvalue_output("y", side.OrtValue.ortvalue_from_shape_and_type([5, 3], np.float32))

        def mistyped(side: Any, binding: Any) -> Any:
            binding.bind_cpu_input("x", X.astype(np.float64))
            binding.bind_output("y")

        def cleared(side: Any, binding: Any) -> Any:
            arrays(side, binding)
            binding.clear_binding_inputs()

        cases = {
            "arrays": arrays,
            "pointers": pointers,
            "values": values,
            "wrong room": small,
            "wrong type": mistyped,
            "inputs cleared": cleared,
            "no output": lambda side, binding: binding.bind_cpu_input("x", X),
            "nothing": lambda side, binding: None,
            "unknown input": lambda side, binding: binding.bind_cpu_input("q", X),
            "unknown output": lambda side, binding: (binding.bind_cpu_input("x", X), binding.bind_output("q")),
            "no device": lambda side, binding: (binding.bind_cpu_input("x", X), binding.bind_output("y", "cuda")),
        }
        self.same_for(cases, action)

    def test_memory_is_written_each_time(self) -> None:
        made, room = session(limner.ort, RELU), np.zeros((2, 3), np.float32)
        binding = made.io_binding()
        binding.bind_output("y", "cpu", 0, np.float32, room.shape, room.ctypes.data)
        for given in (X, -X):
            binding.bind_cpu_input("x", given)
            made.run_with_iobinding(binding)
            np.testing.assert_array_equal(room, np.maximum(given, 0))


class TheModule(Beside):
    def test_functions(self) -> None:
        self.same(lambda side: side.get_device())
        self.same(lambda side: (side.__version__, side.get_version_string()))
        self.same(lambda side: "CPUExecutionProvider" in side.get_available_providers())
        for severity in (0, 4, 7, -1):
            self.same(lambda side, s=severity: side.set_default_logger_severity(s), str(severity))
        onnxruntime.set_default_logger_severity(4)
        self.same(lambda side: [side.set_seed(3), side.set_default_logger_verbosity(0), side.disable_telemetry_events()])
        self.assertEqual([name for name in limner.ort.__all__ if not hasattr(limner.ort, name)], [])

    def test_install(self) -> None:
        """In a process of its own, before and after onnxruntime was imported."""
        program = """
import sys
if sys.argv[1] == 'after': import onnxruntime
import limner.ort
limner.ort.install()
import onnxruntime as ort
import importlib.util
from onnxruntime import InferenceSession, SessionOptions, GraphOptimizationLevel
from onnxruntime.capi import _pybind_state as C
from onnxruntime.capi.onnxruntime_pybind11_state import NoSuchFile, InvalidArgument, Fail, InvalidProtobuf, NotImplemented
from onnxruntime.capi.onnxruntime_inference_collection import OrtValue
assert ort is limner.ort and InferenceSession is limner.ort.InferenceSession and C.NodeArg is limner.ort.NodeArg
assert importlib.util.find_spec('onnxruntime') and importlib.util.find_spec('onnxruntime.capi')
try:
    ort.InferenceSession('/nowhere')
except NoSuchFile as error:
    print('no such file', ort.capi.onnxruntime_pybind11_state.NoSuchFile is NoSuchFile)
"""
        for when in ("before", "after"):
            done = subprocess.run([sys.executable, "-c", program, when], check=False, capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "no such file True\n", ""), when)


class Different(unittest.TestCase):
    """What limner does otherwise, on purpose."""

    def test_big_endian_numbers_are_read_as_numbers(self) -> None:
        given = X.astype(">f4")
        np.testing.assert_array_equal(session(limner.ort, RELU).run(None, {"x": given})[0], np.maximum(X, 0))
        theirs = session(onnxruntime, RELU).run(None, {"x": given})[0]
        self.assertFalse(np.array_equal(theirs, np.maximum(X, 0)), "onnxruntime reads them, too, now: move this to Running")

    def test_an_array_of_another_type_is_no_update(self) -> None:
        value = limner.ort.OrtValue.ortvalue_from_numpy(X.copy())
        with self.assertRaises(RuntimeError):
            value.update_inplace(X.astype(np.float64))

    def test_what_cannot_be_done_is_said(self) -> None:
        options = limner.ort.SessionOptions()
        options.optimized_model_filepath = "/tmp/model.onnx"
        for action in (
            lambda: session(limner.ort, RELU, sess_options=options),
            lambda: limner.ort.SessionOptions().register_custom_ops_library("x.so"),
            lambda: limner.ort.SessionOptions().add_initializer("w", None),
        ):
            with self.assertRaises(limner.ort._errors.NotImplemented):
                action()

    def test_limners_own_options(self) -> None:
        options = limner.ort.SessionOptions()
        options.intra_op_num_threads = 3
        for key, value in (("limner.cpu", "portable"), ("limner.exact", "1"), ("limner.low_memory", "1")):
            options.add_session_config_entry(key, value)
        made = session(limner.ort, RELU, sess_options=options)
        self.assertEqual((made.limner_session.threads, made.limner_session.cpu), (3, "portable"))

    def test_sessions_can_be_pickled(self) -> None:
        again = pickle.loads(pickle.dumps(session(limner.ort, RELU)))
        np.testing.assert_array_equal(again.run(None, {"x": X})[0], np.maximum(X, 0))
        with self.assertRaises(TypeError):
            pickle.dumps(session(onnxruntime, RELU))

    def test_options_can_be_copied(self) -> None:
        options = limner.ort.SessionOptions()
        options.logid = "me"
        self.assertEqual(copy.copy(options).logid, "me")
        self.assertEqual(pickle.loads(pickle.dumps(options)).logid, "me")


if __name__ == "__main__":
    unittest.main()
