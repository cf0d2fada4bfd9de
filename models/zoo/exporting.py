"""One network to one test folder: exported by either of PyTorch's exporters, outputs by onnxruntime."""

from __future__ import annotations

import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

import onnx

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from modules import prepared
from registry import Network
from testdata import draw_input, drop_traces, reference_session, write_data_set

OPSETS = {"torchscript": 17, "dynamo": 20}
# onnxruntime may differ from PyTorch by this much of the output's range before a size counts as baked in.
AGREES = {"float32": 1e-3, "float16": 1e-1}
INLINE_BYTES = 1 << 30


def axes(network: Network, free: bool) -> dict[str, dict[int, str]]:
    """Which axes of which inputs are free."""
    if not free:
        return {}
    letters = {"N"} if network.odd is None else {"N", "H", "W"}
    return {
        value.name: {axis: size for axis, size in enumerate(value.shape) if size in letters} for value in network.inputs
    }


def drawn_inputs(network: Network, sizes: dict[str, int], seed: int, half: bool) -> dict[str, np.ndarray]:
    """Inputs of a size from a seed."""
    rng = np.random.default_rng(seed)
    drawn = {value.name: draw_input(value, sizes, rng) for value in network.inputs}
    if half:
        drawn = {name: array.astype("float16") if array.dtype == "float32" else array for name, array in drawn.items()}
    return drawn


def torch_inputs(arrays: dict[str, np.ndarray]) -> tuple[torch.Tensor, ...]:
    """The arrays as tensors of their own."""
    return tuple(torch.from_numpy(array.copy()) for array in arrays.values())


def export(
    module: torch.nn.Module,
    network: Network,
    arrays: dict[str, np.ndarray],
    exporter: str,
    opset: int,
    free: bool,
    path: Path,
) -> None:
    """Write the ONNX file."""
    dynamic = axes(network, free)
    with torch.no_grad():
        count = len(module(*torch_inputs(arrays)))
    names = ["output"] if count == 1 else [f"output_{k}" for k in range(count)]
    options: dict[str, Any] = {"input_names": list(arrays), "output_names": names, "opset_version": opset}
    if exporter == "torchscript":
        options.update(dynamo=False, dynamic_axes=dynamic)
    else:
        # A batch of one or a size of one would be baked in.
        if dynamic:
            hints = tuple({axis: torch.export.Dim.AUTO for axis in dynamic[name]} for name in arrays)
            options["dynamic_shapes"] = hints
        options.update(dynamo=True, external_data=False, optimize=True, verbose=False)
    torch.onnx.export(module, torch_inputs(arrays), str(path), **options)


def tidy(path: Path) -> None:
    """Drop what the exporter notes about its own run."""
    model = onnx.load(path)
    drop_traces(model)
    for function in model.functions:
        for node in function.node:
            del node.metadata_props[:]
    if model.ByteSize() < INLINE_BYTES:
        onnx.save(model, path)


def error_of(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest difference, in parts of the largest number."""
    if ours.shape != theirs.shape:
        raise ValueError(f"onnxruntime's output is {list(ours.shape)}, PyTorch's {list(theirs.shape)}")
    if not ours.size:
        return 0.0
    ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    return float(np.abs(ours - theirs).max() / max(np.abs(theirs).max(), 1e-30))


def data_set(
    session: Any, module: torch.nn.Module, network: Network, arrays: dict[str, np.ndarray], folder: Path, limit: float
) -> float:
    """Store inputs and onnxruntime's outputs, if they are PyTorch's; the difference."""
    outputs = session.run(None, arrays)
    with torch.no_grad():
        expected = [tensor.numpy() for tensor in module(*torch_inputs(arrays))]
    error = 0.0
    for ours, theirs in zip(outputs, expected, strict=True):
        error = max(error, error_of(ours, theirs))
        step = 1 / 254 if ours.dtype == np.uint8 else 0  # a sum near a half is rounded up by one and down by the other
        if not error <= max(limit, step):
            raise ValueError(f"onnxruntime differs from PyTorch by {error:.2g} of the largest number")
    names = [output.name for output in session.get_outputs()]
    wanted = {value.name for value in session.get_inputs()}
    inputs = {name: array for name, array in arrays.items() if name in wanted}
    write_data_set(folder, inputs, dict(zip(names, outputs, strict=True)))
    return error


def short(problem: Exception) -> str:
    """A problem in one line."""
    return f"{type(problem).__name__}: {' '.join(str(problem).split())}"[:400]


def sets_of(network: Network, module: torch.nn.Module, folder: Path, full: bool, half: bool) -> dict[str, Any]:
    """The data sets of all sizes that the file has learned; the natural size is a must."""
    session = reference_session(folder / "model.onnx")
    record: dict[str, Any] = {"sizes": [], "error": 0.0, "left_out": []}
    for number, sizes in enumerate(network.sizes(full)):
        target = folder / f"test_data_set_{len(record['sizes'])}"
        try:
            arrays = drawn_inputs(network, sizes, number + 1, half)
            names = {value.name for value in session.get_inputs()}
            given = {name: array for name, array in arrays.items() if name in names}
            limit = AGREES["float16" if half else "float32"]
            error = data_set(session, module, network, given if len(given) == len(arrays) else arrays, target, limit)
        except Exception as problem:
            shutil.rmtree(target, ignore_errors=True)
            if number == 0:
                raise
            record["left_out"].append(f"{sizes['N']}x{sizes['H']}x{sizes['W']}: {short(problem)}")
            continue
        record["sizes"].append("{N}x{H}x{W}".format(**sizes))
        record["error"] = max(record["error"], error)
    return record


def make(
    network: Network, exporter: str, folder: Path, full: bool, opset: int | None = None, half: bool = False
) -> dict[str, Any]:
    """Make the folder; says which sizes it has and how far onnxruntime is from PyTorch."""
    warnings.filterwarnings("ignore")
    torch.manual_seed(0)
    module = prepared(network.build(full), network.gain, network.outputs, len(network.inputs))
    if half:
        module = module.half()
    arrays = drawn_inputs(network, network.sizes(full)[0], 1, half)
    used = opset or network.opset or OPSETS[exporter]
    problem = None
    for free in (True, False):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            export(module, network, arrays, exporter, used, free, folder / "model.onnx")
            tidy(folder / "model.onnx")
            record = sets_of(network, module, folder, full, half)
        except Exception as found:
            problem = found
            continue
        if problem:
            record["left_out"].append(f"free sizes: {short(problem)}")
        opsets = {
            entry.domain: entry.version
            for entry in onnx.load(folder / "model.onnx", load_external_data=False).opset_import
        }
        return {**record, "opset": opsets.get("", 0), "free": free}
    shutil.rmtree(folder, ignore_errors=True)
    raise problem
