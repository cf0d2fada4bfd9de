"""The other engines: how each reads a model, runs it in float32 with so many threads, and hands its output back."""

from __future__ import annotations

import contextlib
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from common import Inputs, version

Run = Callable[[], object]  # one run; its output as an array


class CannotRun(Exception):
    """Why an engine has no figures for a network."""


@dataclass(frozen=True)
class Engine:
    package: str  # on PyPI; the version is read from it
    module: str  # imported before the clock starts
    start: Callable[[pathlib.Path, int, dict], Run]
    convert: Callable[[pathlib.Path, pathlib.Path, Inputs], pathlib.Path] | None = None  # None: reads ONNX files


def call(command: list[object], folder: pathlib.Path) -> None:
    """Runs a converter; CannotRun with its last words when it fails."""
    done = subprocess.run([str(word) for word in command], cwd=folder, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        words = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise CannotRun(f"{pathlib.Path(str(command[0])).name} fails: {words[-1] if words else done.returncode}")


def beside_python(program: str) -> pathlib.Path:
    """A program that a package of this Python environment brought along."""
    path = pathlib.Path(sys.executable).with_name(program)
    if not path.exists():
        raise CannotRun(f"{path} is missing")
    return path


# ---- onnxruntime ----

def start_onnxruntime(model: pathlib.Path, threads: int, feeds: dict) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, feeds)[0]


# ---- OpenVINO ----

def start_openvino(model: pathlib.Path, threads: int, feeds: dict) -> Run:
    import openvino

    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    request = openvino.Core().compile_model(str(model), "CPU", settings).create_infer_request()
    return lambda: request.infer(feeds)[0]


# ---- MNN ----

def convert_mnn(model: pathlib.Path, folder: pathlib.Path, inputs: Inputs) -> pathlib.Path:
    path = folder / f"{model.stem}.mnn"
    if not path.exists():
        half = path.with_suffix(".part")
        call([beside_python("mnnconvert"), "-f", "ONNX", "--modelFile", model, "--MNNModel", half, "--bizCode", "bench"],
             folder)
        if not half.exists():
            raise CannotRun("mnnconvert writes no file")
        half.rename(path)
    return path


def start_mnn(model: pathlib.Path, threads: int, feeds: dict) -> Run:
    import MNN
    import numpy as np

    interpreter = MNN.Interpreter(str(model))
    session = interpreter.createSession({"backend": "CPU", "numThread": threads, "precision": "high", "memory": "normal"})
    inputs = interpreter.getSessionInputAll(session)
    host = {}
    for name, array in feeds.items():
        array = array if array.dtype == np.float32 else array.astype(np.int32)
        kind = MNN.Halide_Type_Float if array.dtype == np.float32 else MNN.Halide_Type_Int
        interpreter.resizeTensor(inputs[name], array.shape)
        host[name] = MNN.Tensor(array.shape, kind, array, MNN.Tensor_DimensionType_Caffe)
    interpreter.resizeSession(session)
    output = interpreter.getSessionOutput(session)
    result = np.empty(output.getShape(), np.float32)
    copy = MNN.Tensor(output.getShape(), MNN.Halide_Type_Float, result, MNN.Tensor_DimensionType_Caffe)

    def run() -> object:
        for name, tensor in host.items():
            inputs[name].copyFrom(tensor)
        if interpreter.runSession(session) != 0:
            raise CannotRun("the session does not run")
        output.copyToHostTensor(copy)
        return np.array(copy.getNumpyData())

    return run


# ---- ncnn ----

def convert_ncnn(model: pathlib.Path, folder: pathlib.Path, inputs: Inputs) -> pathlib.Path:
    """pnnx fixes sizes, so a file is for one size; batches are run picture by picture."""
    dims = ["[" + ",".join(map(str, [1, *dims[1:]])) + "]" + ("i64" if kind == "int64" else "")
            for dims, kind in inputs.values()]
    place = folder / f"{model.stem}-{next(iter(inputs.values()))[0][-1]}"
    path = place / f"{model.stem}.ncnn.param"
    if not path.exists():
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        (place / model.name).symlink_to(model.resolve())
        call([beside_python("pnnx"), model.name, f"inputshape={','.join(dims)}", "fp16=0"], place)
        if not path.exists():
            raise CannotRun("pnnx writes no file for ncnn")
        for name in (f"{model.stem}.pnnx.bin", f"{model.stem}.pnnx.onnx", f"{model.stem}.pnnxsim.onnx"):
            with contextlib.suppress(FileNotFoundError):
                (place / name).unlink()
    return path


def start_ncnn(model: pathlib.Path, threads: int, feeds: dict) -> Run:
    import ncnn
    import numpy as np

    net = ncnn.Net()
    net.opt.num_threads = threads
    for half in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage", "use_bf16_packed"):
        setattr(net.opt, half, False)
    if net.load_param(str(model)) != 0 or net.load_model(str(model.with_suffix(".bin"))) != 0:
        raise CannotRun("ncnn does not load what pnnx wrote")

    def run_picture(k: int) -> object:
        with net.create_extractor() as extractor:
            for i, array in enumerate(feeds.values()):
                extractor.input(f"in{i}", ncnn.Mat(np.ascontiguousarray(array[k])))
            code, output = extractor.extract("out0")
            if code != 0:
                raise CannotRun("ncnn does not run what pnnx wrote")
            return np.array(output)

    batch = next(iter(feeds.values())).shape[0]
    return lambda: np.stack([run_picture(k) for k in range(batch)])


ENGINES = {
    "onnxruntime": Engine("onnxruntime", "onnxruntime", start_onnxruntime),
    "OpenVINO": Engine("openvino", "openvino", start_openvino),
    "MNN": Engine("MNN", "MNN", start_mnn, convert_mnn),
    "ncnn": Engine("ncnn", "ncnn", start_ncnn, convert_ncnn),
}


def versions() -> dict[str, str | None]:
    return {name: version(engine.package) for name, engine in ENGINES.items()}
