#!/usr/bin/env python3
"""Prove ``limner convert`` beside PyTorch: every network, saved every way, poured into every kind of template.

For each network, at small or full width, a checkpoint of new weights is saved as zip, legacy pickle and safetensors, with
and without ``module.``, plain and within ``{"iteration": ..., "generator": ...}``; it is poured into the shipped template
and into exports of other weights by both exporters, batch norms folded and not; limner and onnxruntime run what comes out;
both must give PyTorch's output within ``TOLERANCE``. Needs ``requirements.txt``. Prints a table; exit 1 when anything fails.
"""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
import tempfile
import warnings
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

import cases
import export
from networks import initialise
from testdata import reference_session

TOLERANCE = 1e-4
NEW_SEED = 7
SHIPPED = {"plain": "generator", "keyvalue": "generator-keyvalue", "edge": "edge-connect-edge", "inpaint": "edge-connect-inpaint"}
SMALL_BLOCKS = {"edge": {"width": 3, "blocks": 8}, "inpaint": {"width": 3, "blocks": 8}}
EXPORTS = ((cases.TORCHSCRIPT, 17, True), (cases.TORCHSCRIPT, 17, False), (cases.TORCHSCRIPT, 9, True),
           (cases.DYNAMO, 20, True), (cases.DYNAMO, 20, False))


@dataclass
class Trial:
    """One conversion and how far its outputs are from PyTorch's."""

    network: str
    checkpoint: str
    template: str
    limner: float | None = None
    onnxruntime: float | None = None
    problem: str = ""


def with_prefix(state: dict[str, torch.Tensor], prefix: str) -> OrderedDict[str, torch.Tensor]:
    """The state with something before every key."""
    return OrderedDict((prefix + key, value) for key, value in state.items())


def save_all(network: nn.Module, folder: Path) -> Iterator[tuple[str, Path]]:
    """Save the network in every form; yields each form's name and file."""
    from safetensors.torch import save_file

    state = network.state_dict()
    for form, prefix, wrapped in (("zip", "", False), ("zip module.", "module.", True), ("legacy", "", True),
                                  ("legacy module.", "module.", False)):
        path = folder / f"{form.replace(' ', '-').rstrip('.')}.pth"
        held = with_prefix(state, prefix)
        torch.save({"iteration": 3, "generator": held} if wrapped else held, path,
                   _use_new_zipfile_serialization=form.startswith("zip"))
        yield form + (" in generator" if wrapped else ""), path
    for prefix in ("", "module."):
        path = folder / f"{prefix or 'plain'}.safetensors"
        save_file({key: value.contiguous() for key, value in with_prefix(state, prefix).items()}, path)
        yield f"safetensors {prefix}".rstrip(), path


def templates(network: cases.Network, folder: Path) -> Iterator[tuple[str, str]]:
    """The shipped template and exports of other weights than the checkpoint's; yields each one's name and what to give."""
    yield "shipped template", SHIPPED[network.title]
    for exporter, opset, fold in EXPORTS:
        case = replace(network.case(exporter, opset, "" if fold else "unfolded", sizes=(network.square,)), fold=fold)
        path = folder / f"{case.name}.onnx"
        if not path.exists():
            export.write_model(case, export.build_network(case), path)
        yield case.name, str(path)


def run_limner(limner: str, model: Path, inputs: dict[str, np.ndarray], output: str, folder: Path) -> np.ndarray:
    """limner's output for the inputs."""
    command = [limner, "run", str(model), "--threads", "2", "--output", f"{output}={folder / 'out.npy'}"]
    for name, array in inputs.items():
        np.save(folder / f"{name}.npy", array)
        command += ["--input", f"{name}={folder / name}.npy"]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return np.load(folder / "out.npy")


def try_one(trial: Trial, limner: str, checkpoint: Path, template: str, inputs: dict[str, np.ndarray],
            expected: np.ndarray, output: str, folder: Path, options: list[str]) -> Trial:
    """Convert, run, compare."""
    model = folder / "converted.onnx"
    done = subprocess.run([limner, "convert", str(checkpoint), "--template", template, "-o", str(model), *options],
                          capture_output=True, text=True)
    if done.returncode:
        trial.problem = done.stderr.strip().splitlines()[0] if done.stderr else f"exit {done.returncode}"
        return trial
    try:
        trial.limner = float(abs(run_limner(limner, model, inputs, output, folder) - expected).max())
        trial.onnxruntime = float(abs(reference_session(model).run([output], inputs)[0] - expected).max())
    except Exception as error:
        trial.problem = str(getattr(error, "stderr", "") or error).strip().partition("\n")[0]
    return trial


def try_network(network: cases.Network, limner: str, folder: Path, options: list[str], few: bool) -> Iterator[Trial]:
    """All trials of one network; `few` tries each template with one checkpoint and each checkpoint with one template."""
    case = network.case(cases.DYNAMO, 20, sizes=(network.odd,), seed=NEW_SEED)
    model = export.build_network(case)
    inputs = export.draw_inputs(case, 0)
    expected = export.evaluate(model, export.to_tensors(inputs))[0]
    output = network.outputs[0].name
    (folder / network.title).mkdir(exist_ok=True)
    checkpoints = list(save_all(model, folder / network.title))
    for t, (template, path) in enumerate(templates(network, folder / network.title)):
        for k, (form, file) in enumerate(checkpoints):
            if few and k and t:
                continue
            yield try_one(Trial(network.title, form, template), limner, file, path, inputs, expected, output, folder, options)


def full(network: cases.Network) -> cases.Network:
    """The network at full width and a small picture."""
    grid = "h" in network.square
    sizes = cases._size(1, 64, 64, grid), cases._size(1, 100, -(-75 // network.multiple) * network.multiple, grid)
    return replace(network, options={}, square=sizes[0], odd=sizes[1])


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limner", required=True, metavar="FILE", help="the limner command")
    parser.add_argument("--full", action="store_true", help="at full width (some GB of files, some minutes)")
    parser.add_argument("--only", default="", metavar="NETWORK", help="one network")
    parser.add_argument("--folder", type=Path, help="keep the files here")
    parser.add_argument("--tolerance", type=float, default=TOLERANCE)
    parser.add_argument("options", nargs="*", help="options for limner convert, after --")
    chosen = parser.parse_args(arguments)
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(2)
    failures = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.folder or Path(temporary)
        for network in cases.NETWORKS:
            if chosen.only not in ("", network.title):
                continue
            network = full(network) if chosen.full else replace(network, options=SMALL_BLOCKS.get(network.title, network.options))
            print(f"{'network':9} {'checkpoint':28} {'template':30} {'limner':>9} {'onnxrt':>9}")
            for trial in try_network(network, chosen.limner, folder, chosen.options, chosen.full):
                good = not trial.problem and max(trial.limner, trial.onnxruntime) <= chosen.tolerance
                failures += not good
                errors = f"{trial.limner:9.1e} {trial.onnxruntime:9.1e}" if not trial.problem else trial.problem
                print(f"{trial.network:9} {trial.checkpoint:28} {trial.template:30} {errors}{'' if good else '  FAILED'}", flush=True)
    print(f"{failures} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
