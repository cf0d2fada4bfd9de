#!/usr/bin/env python3
"""Export the networks to ONNX with PyTorch and store onnxruntime's outputs beside them.

Each export becomes a test folder ``DIR/NAME/`` with ``model.onnx`` and ``test_data_set_K/{input,output}_*.pb``.
Needs the packages of ``requirements.txt``; ``--help`` and ``list`` need none of them.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import shutil
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cases import ONNXRUNTIME, TORCHSCRIPT, Case, Value, full_cases, small_cases

if TYPE_CHECKING:
    import numpy as np
    import onnx
    from torch import Tensor, nn

TOLERANCE = 1e-3


def build_network(case: Case) -> nn.Module:
    """The case's module, seeded and in evaluation mode."""
    from networks import initialise

    module, _, name = case.network.partition(".")
    return initialise(getattr(importlib.import_module(module), name)(**case.options), case.seed)


def draw_inputs(case: Case, index: int) -> dict[str, np.ndarray]:
    """The inputs of data set ``index``, by name."""
    import numpy as np

    from testdata import draw_input

    rng = np.random.default_rng([case.seed, index])
    return {value.name: draw_input(value, case.sizes[index], rng) for value in case.inputs}


def to_tensors(inputs: dict[str, np.ndarray]) -> tuple[Tensor, ...]:
    """The inputs as PyTorch tensors, in order."""
    import torch

    return tuple(torch.from_numpy(array) for array in inputs.values())


def evaluate(network: nn.Module, inputs: tuple[Tensor, ...]) -> list[np.ndarray]:
    """The network's outputs as a list, also where it returns one tensor."""
    import torch

    with torch.no_grad():
        outputs = network(*inputs)
    return [output.numpy() for output in ([outputs] if isinstance(outputs, torch.Tensor) else outputs)]


def output_names(case: Case, count: int) -> list[str]:
    """The outputs' names, numbered where the case gives none."""
    return [value.name for value in case.outputs] or [f"output_{k}" for k in range(count)]


def letters(value: Value) -> dict[int, str]:
    """The axes whose size is a letter."""
    return {axis: size for axis, size in enumerate(value.shape) if isinstance(size, str)}


def export_torchscript(case: Case, network: nn.Module, example: tuple[Tensor, ...], outputs: list[str], path: Path) -> None:
    """Export by the older exporter; without folding, batch norms stay nodes and weights are computed in the graph."""
    import torch

    mode = torch.onnx.TrainingMode
    training = mode.TRAINING if case.training else mode.EVAL if case.fold else mode.PRESERVE
    axes = {value.name: letters(value) for value in (*case.inputs, *case.outputs)} if case.dynamic else None
    torch.onnx.export(
        network, example, path, dynamo=False, opset_version=case.opset, training=training, do_constant_folding=case.fold,
        input_names=[value.name for value in case.inputs], output_names=outputs, dynamic_axes=axes,
        keep_initializers_as_inputs=case.weights_are_inputs)


def export_dynamo(case: Case, network: nn.Module, example: tuple[Tensor, ...], outputs: list[str], path: Path) -> None:
    """Export by the newer exporter, with external data if the case leaves that to the exporter."""
    import torch

    shapes = tuple(letters(value) for value in case.inputs) if case.dynamic else None
    torch.onnx.export(
        network, example, path, dynamo=True, opset_version=case.opset, dynamic_shapes=shapes, optimize=case.fold,
        input_names=[value.name for value in case.inputs], output_names=outputs,
        external_data=case.external == "exporter", verbose=False)


def save_model(model: onnx.ModelProto, path: Path, external: str) -> None:
    """Write the model, with ``external`` "one file" or "a file each" for its weights, which all may read."""
    import onnx
    from onnx.external_data_helper import set_external_data

    if external == "one file":
        onnx.external_data_helper.convert_model_to_external_data(model, location="weights.bin", size_threshold=0)
    elif external == "a file each":
        for k, tensor in enumerate(model.graph.initializer):
            set_external_data(tensor, f"weights_{k}.bin")
    onnx.save_model(model, path)
    for file in path.parent.glob("weights*.bin"):
        file.chmod(0o644)


def finish_model(case: Case, path: Path) -> onnx.ModelProto:
    """Drop traces of the machine, set the old IR version where the case asks for it, and move weights out of the file."""
    import onnx

    from testdata import drop_traces

    model = onnx.load(path, load_external_data=False)
    drop_traces(model)
    if case.weights_are_inputs:
        model.ir_version = 3
    save_model(model, path, case.external)
    onnx.checker.check_model(path, full_check=True)
    return model


def largest_difference(outputs: list[np.ndarray], expected: list[np.ndarray]) -> float:
    """The largest difference of any element between onnxruntime's outputs and PyTorch's; shapes must agree."""
    differences = []
    for ours, theirs in zip(outputs, expected, strict=True):
        if ours.shape != theirs.shape:
            raise ValueError(f"onnxruntime returns {list(ours.shape)}, PyTorch {list(theirs.shape)}")
        differences.append(abs(ours.astype("float64") - theirs.astype("float64")).max())
    return float(max(differences))


def write_model(case: Case, network: nn.Module, path: Path) -> tuple[onnx.ModelProto, list[str]]:
    """Export the network to ``path``; returns the model and its outputs' names."""
    example = to_tensors(draw_inputs(case, 0))
    names = output_names(case, len(evaluate(network, example)))
    export = export_torchscript if case.exporter == TORCHSCRIPT else export_dynamo
    export(case, network, example, names, path)
    network.eval()
    model = finish_model(case, path)
    opset = next(entry.version for entry in model.opset_import if not entry.domain)
    if opset != case.opset:
        raise ValueError(f"the exporter wrote opset {opset}, not {case.opset}")
    return model, names


def write_data(case: Case, network: nn.Module, names: list[str], folder: Path) -> float:
    """Write every data set of a test folder; returns how far onnxruntime is from PyTorch, 0 where it cannot run the model."""
    from testdata import reference_session, write_data_set

    session = reference_session(folder / "model.onnx") if case.reference == ONNXRUNTIME else None
    worst = 0.0
    for index in range(len(case.sizes)):
        inputs = draw_inputs(case, index)
        expected = evaluate(network, to_tensors(inputs))
        outputs = session.run(names, inputs) if session else expected
        write_data_set(folder / f"test_data_set_{index}", inputs, dict(zip(names, outputs)))
        worst = max(worst, largest_difference(outputs, expected))
    return worst


def export_case(case: Case, folder: Path) -> str:
    """Write one test folder; returns a line about it. Raises what the exporter raises, or ValueError on a wrong export."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    network = build_network(case)
    model, names = write_model(case, network, folder / "model.onnx")
    worst = write_data(case, network, names, folder)
    if worst > TOLERANCE:
        raise ValueError(f"onnxruntime and PyTorch differ by {worst:.2g}")
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return f"{len(model.graph.node)} nodes, {size} bytes, {worst:.1e} from PyTorch"


def export_all(cases: Iterable[Case], out: Path, only: str) -> int:
    """Export the cases whose names hold ``only``; a failure removes the folder and is reported; returns their number."""
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    failures = 0
    for case in cases:
        if only not in case.name:
            continue
        folder = out / case.name
        try:
            print(f"{case.name}: {export_case(case, folder)}", flush=True)
        except Exception as error:
            failures += 1
            shutil.rmtree(folder, ignore_errors=True)
            reason = str(error).partition("\n")[0]
            print(f"{case.name}: FAILED: {type(error).__name__}: {reason}", file=sys.stderr, flush=True)
    return failures


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    help_of: dict[str, Any] = {
        "full": "the networks at full width (about 3.5 GB)",
        "small": "the narrow networks and operator families that the tests use (some MB)",
    }
    for command, text in help_of.items():
        sub = commands.add_parser(command, help=text, description=f"Export {text}.")
        sub.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the test folders")
        sub.add_argument("--only", default="", metavar="TEXT", help="only names that hold TEXT")
    commands.add_parser("list", help="print the name, exporter and opset of every export")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    chosen = parse_arguments(arguments)
    if chosen.command == "list":
        for group, cases in (("full", full_cases()), ("small", small_cases())):
            for case in cases:
                print(group, case.name, case.network, case.exporter, case.opset)
        return 0
    cases = full_cases() if chosen.command == "full" else small_cases()
    return 1 if export_all(cases, chosen.out, chosen.only) else 0


if __name__ == "__main__":
    sys.exit(main())
