#!/usr/bin/env python3
"""Prove ``limner convert`` on what goes wrong silently if it goes wrong: networks made to mislead it.

Each case exports a network with some weights, and converts a checkpoint with others into that export. Either the result gives
PyTorch's output, or the conversion is refused: a case says which, and with which words. Needs ``requirements.txt``.
"""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

import networks
from networks import initialise
from testdata import drop_traces, reference_session

TOLERANCE = 1e-4
State = dict[str, Tensor]
CONV = {"kernel_size": 3, "padding": 1}


class Mixed(nn.Module):
    """Weight norms of both kinds, a slope for each channel, a group norm, linear layers without and with bias, a bare batch norm."""

    def __init__(self) -> None:
        super().__init__()
        self.c = parametrizations.weight_norm(nn.Conv2d(3, 5, 1))
        self.p = nn.PReLU(5)
        self.g = nn.GroupNorm(1, 5)
        self.l = nn.Linear(5, 5, bias=False)
        self.q = nn.Linear(5, 5)
        self.d = nn.utils.weight_norm(nn.Conv2d(5, 5, 1))
        self.bn = nn.BatchNorm2d(5, affine=False)
        self.last = nn.Linear(5, 7)

    def forward(self, x: Tensor) -> Tensor:
        y = self.q(self.l(self.g(self.p(self.c(x))).permute(0, 2, 3, 1))).permute(0, 3, 1, 2)
        return self.last(self.bn(torch.tanh(self.d(y))).mean((2, 3)))


class Misordered(nn.Module):
    """Batch norms defined after both layers, so that the second one precedes the first norm."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, **CONV)
        self.conv2 = nn.Conv2d(4, 4, **CONV)
        self.bn1 = nn.BatchNorm2d(4)
        self.bn2 = nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))


class Unused(nn.Module):
    """A batch norm after a layer in the definition, which the network never calls."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, **CONV)
        self.bn1 = nn.BatchNorm2d(4)
        self.conv2 = nn.Conv2d(4, 4, **CONV)
        self.bn2 = nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn2(self.conv2(torch.relu(self.conv1(x))))


class Block(nn.Module):
    """A residual block whose shortcut is computed first and defined last."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, bias=False, **CONV)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, bias=False, **CONV)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, bias=False, **CONV), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        short = self.shortcut(x)
        return torch.relu(self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x))))) + short)


class Residual(nn.Module):
    """Three blocks of the same width."""

    def __init__(self) -> None:
        super().__init__()
        self.layer1 = nn.Sequential(Block(3, 4), Block(4, 4))
        self.layer2 = nn.Sequential(Block(4, 4))

    def forward(self, x: Tensor) -> Tensor:
        return self.layer2(self.layer1(x))


class Grouped(nn.Module):
    """Batch norms after grouped convolutions, transposed and not, and after a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 6, groups=3, **CONV), nn.BatchNorm2d(6), nn.ReLU(),
            nn.ConvTranspose2d(6, 8, 4, stride=2, padding=1, groups=2), nn.BatchNorm2d(8), nn.ReLU(),
            nn.Conv2d(8, 8, groups=8, **CONV), nn.BatchNorm2d(8))
        self.head = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Linear(8, 8))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x).mean((2, 3)))


class SideBySide(nn.Module):
    """Two lists of layers of one shape, taken in turns, with neither bias nor norm to tell them apart."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.ModuleList(nn.Linear(3, 3, bias=False) for _ in range(3))
        self.second = nn.ModuleList(nn.Linear(3, 3, bias=False) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        x = x.permute(0, 2, 3, 1)
        for one, other in zip(self.first, self.second):
            x = torch.tanh(other(one(x)))
        return x.permute(0, 3, 1, 2)


class Twelve(nn.Module):
    """A list long enough for its keys to be in another order when they are sorted as text."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(*(nn.Linear(3, 3, bias=False) for _ in range(12)))

    def forward(self, x: Tensor) -> Tensor:
        x = x.permute(0, 2, 3, 1)
        for layer in self.body:
            x = torch.tanh(layer(x))
        return x.permute(0, 3, 1, 2)


class Spectral(nn.Module):
    """Spectral norms in their newer form."""

    def __init__(self) -> None:
        super().__init__()
        self.a = parametrizations.spectral_norm(nn.Conv2d(3, 4, **CONV))
        self.b = parametrizations.spectral_norm(nn.ConvTranspose2d(4, 6, 3))
        self.c = parametrizations.spectral_norm(nn.ConvTranspose2d(6, 6, 3, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        return self.c(torch.relu(self.b(torch.relu(self.a(x)))))


class OlderSpectral(nn.Module):
    """The same in the older form."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.utils.spectral_norm(nn.Conv2d(3, 4, **CONV))
        self.b = nn.utils.spectral_norm(nn.ConvTranspose2d(4, 6, 3))
        self.c = nn.utils.spectral_norm(nn.ConvTranspose2d(6, 6, 3, bias=False))

    forward = Spectral.forward


class SpectralNormed(nn.Module):
    """Spectral norm and batch norm on one layer."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.utils.spectral_norm(nn.Conv2d(3, 4, **CONV))
        self.n = nn.BatchNorm2d(4)
        self.b = nn.Conv2d(4, 4, **CONV)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(torch.relu(self.n(self.a(x))))


class Wrapper(nn.Module):
    """What is exported is often not what was saved."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = networks.Generator((4, 4, 4, 4), 6)

    def forward(self, x: Tensor) -> Tensor:
        return self.generator(x) * 0.5


class Matrices(nn.Module):
    """A square parameter that is no linear layer's, and one that is."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 3))
        self.bias = nn.Parameter(torch.randn(3))
        self.linear = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(torch.tanh(x.permute(0, 2, 3, 1) @ self.weight + self.bias)).permute(0, 3, 1, 2)


class Twice(nn.Module):
    """One layer called twice, and one other of its shape."""

    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.Conv2d(3, 3, **CONV)
        self.other = nn.Conv2d(3, 3, **CONV)

    def forward(self, x: Tensor) -> Tensor:
        return self.shared(torch.relu(self.other(torch.relu(self.shared(x)))))


@torch.no_grad()
def fill(network: nn.Module, seed: int) -> nn.Module:
    """New numbers for every parameter and statistic, running ones too."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in [*network.named_parameters(), *network.named_buffers()]:
        if tensor.dtype == torch.float32:
            tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5 if name.endswith("running_var") or tensor.ndim == 1
                         else torch.randn(tensor.shape, generator=generator) * 0.4)
    return network.eval()


# ---- what is done to checkpoints ----

def older_spectral(state: State) -> State:
    """Only weight, which is normalised, and weight_u, as the first versions stored them."""
    result: State = {}
    for key, value in state.items():
        if key.endswith("weight_orig"):
            u, v = state[key.replace("_orig", "_u")], state[key.replace("_orig", "_v")]
            matrix = value if u.numel() == value.shape[0] and v.numel() == value[0].numel() else value.transpose(0, 1)
            result[key.replace("_orig", "")] = value / torch.dot(u, matrix.flatten(1) @ v)
        elif not key.endswith("weight_v"):
            result[key] = value
    return result


def half(state: State) -> State:
    """Weights as bfloat16, which is all a checkpoint of half precision holds."""
    return {key: value.to(torch.bfloat16).float().to(torch.bfloat16) if value.is_floating_point() else value
            for key, value in state.items()}


def strided(state: State) -> State:
    """Weights that are views into larger storages."""
    return {key: torch.stack((value, value), dim=-1)[..., 0] if value.ndim == 4 else value for key, value in state.items()}


def prefixed(prefix: str) -> Callable[[State], State]:
    """Something before every key."""
    return lambda state: {prefix + key: value for key, value in state.items()}


def doubled(state: State) -> State:
    """Two networks in one dictionary."""
    return {**prefixed("ema.")(state), **prefixed("net.")({key: value * 2 for key, value in state.items()})}


def without(*ends: str) -> Callable[[State], State]:
    """Without some keys."""
    return lambda state: {key: value for key, value in state.items() if not key.endswith(ends)}


def with_extra(state: State) -> State:
    """Together with another network's weights."""
    return {**prefixed("generator.")(state), "discriminator.0.weight": torch.zeros(4, 3, 3, 3), "discriminator.1.running_mean": torch.zeros(4),
            "discriminator.1.running_var": torch.ones(4), "discriminator.1.weight": torch.ones(4), "discriminator.1.bias": torch.zeros(4)}


# ---- what is done to templates ----

def forget(model: onnx.ModelProto) -> None:
    """Without anything that an exporter noted: as its older versions, and simplifiers, leave a model."""
    for k, node in enumerate(model.graph.node):
        del node.metadata_props[:]
        node.name = f"n{k}"


def share_twins(model: onnx.ModelProto) -> None:
    """Equal initializers stored once and read by all, as simplifiers do; Identity nodes removed."""
    kept: dict[bytes, str] = {}
    names: dict[str, str] = {}
    for tensor in list(model.graph.initializer):
        data = bytes(str(list(tensor.dims)), "ascii") + onnx.numpy_helper.to_array(tensor).tobytes()
        names[tensor.name] = kept.setdefault(data, tensor.name)
        if names[tensor.name] != tensor.name:
            model.graph.initializer.remove(tensor)
    for node in list(model.graph.node):
        if node.op_type == "Identity":
            names[node.output[0]] = names[node.input[0]]
            model.graph.node.remove(node)
        else:
            node.input[:] = [names.get(name, name) for name in node.input]


def number_weights(model: onnx.ModelProto) -> None:
    """Every weight gets a number for a name."""
    names = {tensor.name: f"{100 + k}" for k, tensor in enumerate(model.graph.initializer)}
    for tensor in model.graph.initializer:
        tensor.name = names[tensor.name]
    for node in model.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]


@dataclass
class Case:
    """One conversion. ``refused`` is what the refusal must say; empty when it must succeed."""

    name: str
    network: Callable[[], nn.Module]
    exporter: str = "torchscript"
    refused: str = ""
    untrained: bool = False
    template: tuple[Callable[[onnx.ModelProto], None], ...] = ()
    checkpoint: Callable[[State], State] = dict
    form: str = "zip"
    options: tuple[str, ...] = ()
    map: str = ""
    saved: Callable[[], nn.Module] | None = None
    saved_part: str = ""
    fold: bool = True
    tolerance: float = TOLERANCE
    opset: int = 17
    inputs: tuple[int, ...] = field(default=(1, 3, 32, 32))


def small_generator() -> nn.Module:
    return networks.Generator((4, 4, 4, 4), 6)


def wide_generator() -> nn.Module:
    """All shapes different, but for those of the first and the last layer, which only the biases tell apart."""
    return networks.Generator((4, 5, 6, 7), 8)


def small_edge() -> nn.Module:
    return networks.EdgeGenerator(3, 2)


def both(name: str, network: Callable[[], nn.Module], **settings: object) -> list[Case]:
    """The case with both exporters."""
    return [Case(name, network, exporter, **settings) for exporter in ("torchscript", "dynamo")]


CASES = [
    *both("untrained template", small_generator, untrained=True),
    *both("untrained, unfolded", small_generator, untrained=True, fold=False),
    *both("untrained, twins shared", small_generator, untrained=True, template=(share_twins,)),
    *both("untrained, unfolded, twins shared", small_generator, untrained=True, fold=False, template=(share_twins,)),
    *both("untrained, unfolded, twins shared, notes lost", small_generator, untrained=True, fold=False, template=(share_twins, forget)),
    *both("mixed", Mixed),
    *both("mixed, untrained", Mixed, untrained=True),
    *both("mixed, untrained, twins shared", Mixed, untrained=True, template=(share_twins,)),
    *both("mixed, notes lost", Mixed, template=(forget,), refused="belong"),
    Case("norms misordered", Misordered, "torchscript", refused="which one is not clear"),
    Case("norms misordered", Misordered, "dynamo"),
    Case("norms misordered, notes lost", Misordered, "dynamo", template=(forget,), refused="which one is not clear"),
    Case("norms misordered, with a map", Misordered, "dynamo", template=(forget,),
         map="conv1.weight <- conv1.weight folded bn1\nconv1.bias <- conv1.bias folded bn1\n"
             "conv2.weight <- conv2.weight folded bn2 # the other\nconv2.bias <- conv2.bias folded bn2\n"),
    *both("norm never called", Unused, refused="seems to follow"),
    *both("norm never called, with a map", Unused, map="- <- bn1.*\n"),
    *both("residual", Residual),
    *both("residual, safetensors", Residual, form="safetensors"),
    *both("residual, weights numbered", Residual, template=(number_weights,)),
    *both("residual, weights numbered, notes lost", Residual, template=(number_weights, forget), refused="order"),
    *both("grouped", Grouped),
    *both("grouped, untrained", Grouped, untrained=True),
    *both("grouped, notes lost", Grouped, template=(forget,)),
    *both("lists side by side", SideBySide),
    *both("lists side by side, notes lost", SideBySide, template=(forget,), refused="only their order"),
    *both("a list of twelve, notes lost", Twelve, template=(forget,)),
    *both("a list of twelve, notes lost, safetensors", Twelve, template=(forget,), form="safetensors"),
    *both("generator, notes lost", small_generator, template=(forget,)),
    *both("generator, weights numbered, notes lost", small_generator, template=(number_weights, forget), refused="order"),
    *both("generator, weights numbered, notes lost, by order", small_generator, template=(number_weights, forget), options=("--by-order",)),
    *both("generator, weights numbered, notes lost, safetensors", small_generator, template=(number_weights, forget),
          form="safetensors", refused="order"),
    *both("wide generator, weights numbered, notes lost", wide_generator, template=(number_weights, forget)),
    *both("generator, weights numbered", small_generator, template=(number_weights,)),
    *both("edge, notes lost", small_edge, template=(forget,)),
    *both("edge, notes lost, safetensors", small_edge, template=(forget,), form="safetensors"),
    *both("edge, old file", small_edge, checkpoint=older_spectral),
    *both("edge, old file, unfolded", small_edge, checkpoint=older_spectral, fold=False),
    *both("edge without weight_v", small_edge, checkpoint=without("weight_v"), refused="weight_v"),
    Case("newer spectral norm", Spectral, "dynamo"),
    Case("newer spectral norm, notes lost", Spectral, "dynamo", template=(forget,)),
    Case("newer spectral norm, unfolded", Spectral, "dynamo", fold=False),
    *both("newer spectral norm into the older form", OlderSpectral, saved=Spectral),
    *both("newer spectral norm into the older form, unfolded", OlderSpectral, saved=Spectral, fold=False),
    Case("older spectral norm into the newer form", Spectral, "dynamo", saved=OlderSpectral),
    Case("older spectral norm into the newer form, unfolded", Spectral, "dynamo", saved=OlderSpectral, fold=False),
    *both("spectral and batch norm", SpectralNormed),
    *both("wrapped", Wrapper, saved_part="generator"),
    *both("wrapped both", Wrapper),
    *both("matrices", Matrices),
    *both("called twice", Twice),
    *both("bfloat16", small_generator, checkpoint=half, tolerance=0.1),
    *both("views", small_generator, checkpoint=strided),
    *both("another prefix", small_generator, checkpoint=prefixed("netG.module.")),
    *both("two networks", small_generator, checkpoint=doubled, refused="--prefix"),
    *both("two networks, prefix given", small_generator, checkpoint=doubled, options=("--prefix", "ema.")),
    *both("with a discriminator", small_generator, checkpoint=with_extra),
    *both("a bias missing", small_generator, checkpoint=without("decoder.12.bias"), refused="decoder.12.bias"),
    *both("a layer missing", small_generator, checkpoint=without("decoder.12.bias", "decoder.12.weight"), refused="decoder.12"),
    *both("a norm missing", small_generator,
          checkpoint=without("encoder.4.weight", "encoder.4.bias", "encoder.4.running_mean", "encoder.4.running_var"), refused="folded a batch norm into it"),
    *both("other widths", small_generator, saved=lambda: networks.Generator((4, 4, 4, 5), 6), refused="wants"),
    *both("half storage", small_generator, options=("--half",), tolerance=5e-3),
    *both("half storage, edge", small_edge, options=("--half",), tolerance=2e-2),
    *both("external", small_generator, options=("--external",)),
    Case("opset 7, weights as inputs", small_generator, opset=7),
    Case("opset 7, edge", small_edge, opset=7),
]


def export_template(case: Case, path: Path) -> None:
    """The template, with other weights than the checkpoint's."""
    network = case.network().eval() if case.untrained else prepare(case.network(), seed=1)
    example = torch.zeros(case.inputs)
    if case.exporter == "torchscript":
        mode = torch.onnx.TrainingMode.EVAL if case.fold else torch.onnx.TrainingMode.PRESERVE
        torch.onnx.export(network, (example,), path, dynamo=False, opset_version=case.opset, input_names=["x"], output_names=["y"],
                          do_constant_folding=case.fold, training=mode)
    else:
        torch.onnx.export(network, (example,), path, dynamo=True, opset_version=20, input_names=["x"], output_names=["y"],
                          external_data=False, verbose=False, optimize=case.fold)
    model = onnx.load(path)
    drop_traces(model)
    for change in case.template:
        change(model)
    onnx.save(model, path)


def prepare(network: nn.Module, seed: int) -> nn.Module:
    """Weights by the project's own rule where it knows the layers, any numbers else."""
    fill(network, seed)
    return initialise(network, seed) if type(network).__module__ == "networks" else network


def save_checkpoint(case: Case, network: nn.Module, folder: Path) -> Path:
    """The checkpoint, changed as the case says."""
    state = case.checkpoint(dict((network.get_submodule(case.saved_part) if case.saved_part else network).state_dict()))
    if case.form == "safetensors":
        from safetensors.torch import save_file

        save_file({key: value.contiguous() for key, value in state.items()}, folder / "saved.safetensors")
        return folder / "saved.safetensors"
    torch.save(state, folder / "saved.pth", _use_new_zipfile_serialization=case.form == "zip")
    return folder / "saved.pth"


def converted_output(case: Case, limner: str, folder: Path, x: np.ndarray) -> tuple[np.ndarray, np.ndarray] | str:
    """limner's and onnxruntime's outputs, or why it was refused."""
    options = list(case.options)
    if case.map:
        (folder / "weights.map").write_text(case.map)
        options += ["--map", str(folder / "weights.map")]
    saved = next(folder.glob("saved.*"))
    done = subprocess.run([limner, "convert", str(saved), "--template", str(folder / "template.onnx"), "-o", str(folder / "out.onnx"), *options],
                          capture_output=True, text=True)
    if done.returncode:
        return done.stderr.strip()
    np.save(folder / "x.npy", x)
    subprocess.run([limner, "run", str(folder / "out.onnx"), "--input", f"x={folder / 'x.npy'}", "--output", f"y={folder / 'y.npy'}"],
                   check=True, capture_output=True)
    return np.load(folder / "y.npy"), reference_session(folder / "out.onnx").run(["y"], {"x": x})[0]


def run_case(case: Case, limner: str, folder: Path) -> tuple[bool, str]:
    """Whether the case went as it should, and a line about it."""
    export_template(case, folder / "template.onnx")
    network = prepare((case.saved or case.network)(), seed=7)
    save_checkpoint(case, network, folder)
    x = np.random.default_rng(3).standard_normal(case.inputs).astype(np.float32) * 0.5
    with torch.no_grad():
        if case.checkpoint is half:
            network.load_state_dict({key: value.float() if value.is_floating_point() else value for key, value in half(dict(network.state_dict())).items()})
        expected = network(torch.from_numpy(x)).numpy()
    result = converted_output(case, limner, folder, x)
    if isinstance(result, str):
        wanted = bool(case.refused) and case.refused in result
        return wanted, f"refused: {result.partition(chr(10))[0]}"
    errors = [float(abs(part - expected).max()) for part in result]
    good = max(errors) <= case.tolerance and not case.refused
    return good, f"limner {errors[0]:.1e} onnxruntime {errors[1]:.1e} (largest output {abs(expected).max():.2g})"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limner", required=True, metavar="FILE", help="the limner command")
    parser.add_argument("--only", default="", metavar="TEXT", help="cases whose names hold TEXT")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave the files of the last case here")
    chosen = parser.parse_args(arguments)
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(2)
    failures = 0
    for case in CASES:
        if chosen.only not in case.name:
            continue
        with tempfile.TemporaryDirectory() as temporary:
            folder = chosen.keep or Path(temporary)
            for file in folder.glob("*"):
                file.unlink()
            try:
                good, text = run_case(case, chosen.limner, folder)
            except Exception as error:
                good, text = False, f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
        failures += not good
        print(f"{'ok    ' if good else 'FAILED'} {case.name} ({case.exporter}): {text}", flush=True)
    print(f"{failures} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
