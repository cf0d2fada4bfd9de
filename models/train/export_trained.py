#!/usr/bin/env python3
"""Exports trained checkpoints to ONNX with weights as float16, and stores onnxruntime's outputs beside them.

  export_trained.py CHECKPOINTS OUT

CHECKPOINTS holds plain.pth, edge.pth and inpaint.pth as train.py writes them. OUT gets a test folder for each
(``NAME/model.onnx``, ``NAME/test_data_set_0``) and a copy of the checkpoint. A float16 weight goes through a Cast to
float32, so that any runtime computes with float32.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from networks import EdgeGenerator, Generator, InpaintGenerator  # noqa: E402
from testdata import drop_traces, reference_session, write_data_set  # noqa: E402
from train import EDGE_WIDTH, INPAINT_WIDTH, PLAIN_BOTTLENECK, PLAIN_WIDTHS, settled  # noqa: E402

OPSET = 17
SMALLEST_HALF = 256
TOLERANCE = 5e-3
TEST_SIDE = 64
RANGES = {(-1, 1): "Normalized_1_1", (0, 1): "Normalized_0_1"}
# Each network, the names of its input and output, its input's channels, and the range of pictures in and out.
NETWORKS = {
    "plain": (lambda: Generator(PLAIN_WIDTHS, PLAIN_BOTTLENECK), "picture", "repaired", 3, (-1, 1)),
    "edge": (lambda: EdgeGenerator(EDGE_WIDTH), "gray_edge_mask", "edges", 3, (0, 1)),
    "inpaint": (lambda: InpaintGenerator(INPAINT_WIDTH), "picture_edges", "repaired", 4, (0, 1)),
}


def load(name: str, folder: Path) -> nn.Module:
    """The network with its checkpoint's weights, spectral norms worked out, in evaluation mode."""
    network = NETWORKS[name][0]()
    state = torch.load(folder / f"{name}.pth", map_location="cpu", weights_only=True)["generator"]
    network.load_state_dict({key: value.float() if value.is_floating_point() else value for key, value in state.items()})
    return settled(network)


def store(name: str, source: Path, target: Path) -> None:
    """A copy of the checkpoint that opens on machines without a GPU."""
    state = torch.load(source / f"{name}.pth", map_location="cpu", weights_only=True)
    torch.save({"iteration": state["iteration"], "generator": dict(state["generator"])}, target / f"{name}.pth")


def halve_weights(model: onnx.ModelProto) -> None:
    """Store large float32 initializers as float16, each followed by a Cast back."""
    casts = []
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.dtype == np.float32 and array.size >= SMALLEST_HALF:
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(array.astype(np.float16), f"{name}.half"))
            casts.append(helper.make_node("Cast", [f"{name}.half"], [name], f"{name}.cast", to=TensorProto.FLOAT))
    nodes = casts + list(model.graph.node)
    model.graph.ClearField("node")
    model.graph.node.extend(nodes)


def export(name: str, network: nn.Module, path: Path) -> None:
    """Write the network as ONNX with free batch, height and width."""
    _, source, result, channels, limits = NETWORKS[name]
    axes = {0: "N", 2: "H", 3: "W"}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        torch.onnx.export(network, (torch.rand(1, channels, TEST_SIDE, TEST_SIDE),), file, dynamo=False, opset_version=OPSET,
                          input_names=[source], output_names=[result],
                          dynamic_axes={source: axes, result: {axis: f"{letter}out" if axis else letter for axis, letter in axes.items()}})
        model = onnx.load(file)
    drop_traces(model)
    halve_weights(model)
    helper.set_model_props(model, {"Image.NominalPixelRange": RANGES[limits]})
    onnx.checker.check_model(model, full_check=True)
    onnx.save_model(model, path)


def write_test(name: str, network: nn.Module, folder: Path) -> float:
    """Store an input and onnxruntime's output; returns how far PyTorch's is from it."""
    _, source, result, channels, (low, high) = NETWORKS[name]
    rng = np.random.default_rng(channels)
    picture = rng.uniform(low, high, (1, channels, TEST_SIDE, TEST_SIDE)).astype(np.float32)
    picture = np.clip(picture * 0.2 + rng.uniform(low, high, (1, channels, 1, 1)).astype(np.float32), low, high)
    output = reference_session(folder / "model.onnx").run([result], {source: picture})[0]
    write_data_set(folder / "test_data_set_0", {source: picture}, {result: output})
    with torch.no_grad():
        return float(np.abs(network(torch.from_numpy(picture)).numpy() - output).max())


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args(arguments)
    warnings.filterwarnings("ignore")
    for name in NETWORKS:
        folder = options.out / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        network = load(name, options.checkpoints)
        export(name, network, folder / "model.onnx")
        far = write_test(name, network, folder)
        if far > TOLERANCE:
            raise ValueError(f"{name}: onnxruntime and PyTorch differ by {far:.2g}")
        store(name, options.checkpoints, options.out)
        print(f"{name}: {(folder / 'model.onnx').stat().st_size} bytes, {far:.1e} from PyTorch")
    return 0


if __name__ == "__main__":
    sys.exit(main())
