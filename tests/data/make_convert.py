#!/usr/bin/env python3
"""Make tests/data/convert: checkpoints by PyTorch, its outputs, and templates made to mislead the converter.

``NETWORK/`` holds a checkpoint of new weights, ``INPUT.npy`` and ``expected.npy``; ``case.json`` says which exports of
models/small and which shipped template it goes into. ``cases/NAME/`` holds a template, a checkpoint, and in ``case.json`` what
must come of them. Needs models/requirements.txt; the tests themselves need no PyTorch.
"""

from __future__ import annotations

import json
import logging
import shutil
import sys
import warnings
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "models"))

import check_convert_hard as hard  # noqa: E402
import networks  # noqa: E402

OUT = HERE / "convert"
SEED = 7
WIDTHS = {"widths": (5, 7, 8, 12), "bottleneck": 17}
NARROW = {"widths": (3, 5, 8, 9), "bottleneck": 13}
HARD = {
    "untrained, unfolded": "torchscript", "untrained, twins shared": "torchscript", "mixed": "both",
    "mixed, untrained, twins shared": "dynamo", "mixed, notes lost": "torchscript", "norms misordered": "both",
    "norms misordered, with a map": "dynamo", "norm never called": "dynamo", "norm never called, with a map": "torchscript",
    "residual": "dynamo", "residual, safetensors": "torchscript", "residual, weights numbered, notes lost": "dynamo",
    "grouped": "both", "grouped, notes lost": "dynamo", "lists side by side": "torchscript",
    "lists side by side, notes lost": "dynamo", "a list of twelve, notes lost, safetensors": "torchscript",
    "newer spectral norm": "dynamo", "newer spectral norm, unfolded": "dynamo",
    "newer spectral norm into the older form, unfolded": "torchscript", "spectral and batch norm": "dynamo",
    "matrices": "torchscript", "called twice": "torchscript", "wrapped": "torchscript", "a norm missing": "dynamo",
    "a bias missing": "torchscript",
}


@dataclass(frozen=True)
class Network:
    """A checkpoint, how it is saved, and what it goes into."""

    name: str
    module: torch.nn.Module
    exports: str
    shipped: str
    inputs: dict[str, tuple[int, ...]]
    output: str
    prefix: str = ""
    wrapped: bool = False
    form: str = "zip"
    older: bool = False


NETWORKS = (
    Network("plain", networks.Generator(**WIDTHS), "plain-*", "generator", {"picture": (1, 3, 24, 20)}, "repaired",
            prefix="module.", wrapped=True),
    Network("keyvalue", networks.KeyValueGenerator(**NARROW), "keyvalue-*", "generator-keyvalue",
            {"picture": (1, 3, 24, 20), "mask": (1, 2, 2)}, "repaired", form="safetensors"),
    Network("edge", networks.EdgeGenerator(3, 1), "edge-*", "", {"gray_edge_mask": (1, 3, 16, 20)}, "edges",
            prefix="module.", wrapped=True, form="legacy"),
    Network("inpaint", networks.InpaintGenerator(3, 2), "inpaint-*", "", {"rgb_edge": (1, 4, 16, 20)}, "painted", form="legacy"),
    Network("edge-shipped", networks.EdgeGenerator(2, 8), "", "edge-connect-edge", {"gray_edge_mask": (1, 3, 16, 20)}, "edges",
            wrapped=True, form="legacy"),
    Network("edge-old", networks.EdgeGenerator(3, 1), "edge-*", "", {"gray_edge_mask": (1, 3, 16, 20)}, "edges", older=True),
    Network("inpaint-shipped", networks.InpaintGenerator(2, 8), "", "edge-connect-inpaint", {"rgb_edge": (1, 4, 16, 20)}, "painted",
            prefix="module.", wrapped=True),
)


def draw(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """An input: integers for masks, numbers in 0..1 else."""
    if name == "mask":
        return rng.integers(-1, 5, shape)
    return rng.random(shape, dtype=np.float32)


def save(network: Network, state: dict[str, torch.Tensor], folder: Path) -> str:
    """Write the checkpoint; returns its file name."""
    if network.form == "safetensors":
        from safetensors.torch import save_file

        save_file({key: value.contiguous() for key, value in state.items()}, folder / "saved.safetensors")
        return "saved.safetensors"
    held = OrderedDict((network.prefix + key, value) for key, value in state.items())
    torch.save({"iteration": 3, "generator": held} if network.wrapped else held, folder / "saved.pth",
               _use_new_zipfile_serialization=network.form == "zip")
    return "saved.pth"


@torch.no_grad()
def make_network(network: Network) -> None:
    """One folder of a real network."""
    folder = OUT / network.name
    folder.mkdir(parents=True)
    module = networks.initialise(network.module, SEED)
    rng = np.random.default_rng(SEED)
    inputs = {name: draw(name, shape, rng) for name, shape in network.inputs.items()}
    np.save(folder / "expected.npy", module(*(torch.from_numpy(array) for array in inputs.values())).numpy())
    for name, array in inputs.items():
        np.save(folder / f"{name}.npy", array)
    state = dict(module.state_dict())
    saved = save(network, hard.older_spectral(state) if network.older else state, folder)
    case = {"checkpoint": saved, "exports": network.exports, "shipped": network.shipped, "inputs": list(inputs), "output": network.output}
    (folder / "case.json").write_text(json.dumps(case) + "\n")


@torch.no_grad()
def make_case(case: hard.Case) -> None:
    """One folder of a case made to mislead."""
    words = "".join(letter if letter.isalnum() else " " for letter in case.name).split()
    folder = OUT / "cases" / "-".join([*words, case.exporter])
    folder.mkdir(parents=True)
    hard.export_template(case, folder / "template.onnx")
    network = hard.prepare((case.saved or case.network)(), seed=SEED)
    saved = hard.save_checkpoint(case, network, folder)
    x = (np.random.default_rng(3).standard_normal((1, 3, 16, 16)) * 0.5).astype(np.float32)
    told = {"checkpoint": saved.name, "options": list(case.options), "refused": case.refused, "tolerance": case.tolerance}
    if case.map:
        (folder / "weights.map").write_text(case.map)
        told["map"] = "weights.map"
    (folder / "case.json").write_text(json.dumps(told) + "\n")
    if case.refused:
        return
    if case.checkpoint is hard.half:
        network.load_state_dict({key: value.float() if value.is_floating_point() else value
                                 for key, value in hard.half(dict(network.state_dict())).items()})
    np.save(folder / "x.npy", x)
    np.save(folder / "expected.npy", network(torch.from_numpy(x)).numpy())


def main() -> None:
    """Make everything again."""
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    torch.manual_seed(SEED)
    shutil.rmtree(OUT, ignore_errors=True)
    for network in NETWORKS:
        make_network(network)
    for case in hard.CASES:
        if HARD.get(case.name) in (case.exporter, "both"):
            case.inputs = (1, 3, 16, 16)
            make_case(case)


if __name__ == "__main__":
    main()
