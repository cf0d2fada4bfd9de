#!/usr/bin/env python3
"""Write the templates that ``limner convert --template NAME`` pours checkpoints into.

A template is a network of ``graphs.py`` whose weights are graph inputs without values, called as PyTorch calls them. Sizes
that a checkpoint settles (widths) are names, so that one template serves every width; batch size, height and width stay
dynamic. Needs only the packages ``onnx`` and ``numpy``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import graphs
import onnx
from onnx import TensorProto, helper

OPSET = 17
UP_CONVOLUTIONS = ("decoder.0", "decoder.3")
GENERATOR_SIZES = {64: "stage1", 128: "stage2", 256: "stage3", 512: "stage4", 4000: "code"}
EDGE_CONNECT_SIZES = {64: "width1", 128: "width2", 256: "width4"}


@dataclass(frozen=True)
class Template:
    """A network of ``graphs.py``, the names of its widths, the range of its pictures' numbers, and a sentence about it."""

    network: str
    sizes: dict[int, str]
    range: str
    doc: str


TEMPLATES = {
    "generator": Template("plain", GENERATOR_SIZES, "Normalized_1_1", "The plain Generator: a picture in -1..1, repaired."),
    "generator-keyvalue": Template(
        "keyvalue", GENERATOR_SIZES, "Normalized_1_1",
        "The Generator with key and value maps: places of the encoder's grid whose mask is 0 to 3 go through that pair."),
    "edge-connect-edge": Template(
        "edge", EDGE_CONNECT_SIZES, "Normalized_0_1", "EdgeConnect's edge generator: gray, edges and mask in 0..1 to edges in 0..1."),
    "edge-connect-inpaint": Template(
        "inpaint", EDGE_CONNECT_SIZES, "Normalized_0_1",
        "EdgeConnect's inpaint generator: RGB and edges in 0..1 to RGB in 0..1."),
}


class TemplateBuilder(graphs.Builder):
    """Makes inputs of the weights that ``graphs.Builder`` would draw."""

    def __init__(self, template: Template) -> None:
        super().__init__(OPSET, seed=0)
        self.template = template
        self.inputs: list[onnx.ValueInfoProto] = []
        self.made: dict[str, str] = {}

    def normal(self, name: str, shape: Sequence[int], deviation: float) -> str:
        """A weight; its channels, but not its kernel, are named."""
        dims = [self.template.sizes.get(size, size) for size in shape[:2]] + list(shape[2:])
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, dims))
        return name

    def uniform(self, name: str, length: int, low: float, high: float) -> str:
        """A vector."""
        return self.normal(name, [length], 0)

    def once(self, operator: str, name: str, *inputs: str, **attributes: object) -> str:
        """The output of the node of this name, which is made the first time."""
        if name not in self.made:
            self.made[name] = self.add(operator, name, *inputs, **attributes)
        return self.made[name]

    def instance_norm(self, x: str, name: str, channels: int) -> str:
        """InstanceNormalization whose ones and zeros are as many as the weight before it has output channels."""
        layer = name.removesuffix(".norm")
        axis = 1 if layer in UP_CONVOLUTIONS else 0
        size = self.template.sizes[channels]
        length = self.once("Shape", f"{size}.length", f"{layer}.weight", start=axis, end=axis + 1)
        one, zero = (helper.make_tensor("value", TensorProto.FLOAT, [1], [value]) for value in (1, 0))
        scale = self.once("ConstantOfShape", f"{size}.ones", length, value=one)
        shift = self.once("ConstantOfShape", f"{size}.zeros", length, value=zero)
        return self.add("InstanceNormalization", name, x, scale, shift, epsilon=1e-5)

    def reflect(self, x: str, name: str, size: int) -> str:
        """Pad by reflection, with one list of pads for each size."""
        if f"pads.{size}" not in self.made:
            pads = helper.make_tensor(f"reflection.{size}", TensorProto.INT64, [8], [0, 0, size, size] * 2)
            self.weights.append(pads)
            self.made[f"pads.{size}"] = pads.name
        return self.add("Pad", name, x, self.made[f"pads.{size}"], mode="reflect")

    def linear(self, x: str, name: str, features: int) -> str:
        """Gemm over places, since its weight may stay [out, in], as PyTorch stores it."""
        rows = self.add("Flatten", f"{name}.rows", x, axis=3)
        weight = self.normal(f"{name}.weight", (features, features), 0)
        product = self.add("Gemm", name, rows, weight, self.normal(f"{name}.bias", [features], 0), transB=1)
        return self.add("Reshape", f"{name}.places", product, self.once("Shape", "places", x))

    def finish(self, inputs: list[onnx.ValueInfoProto], output: onnx.ValueInfoProto) -> onnx.ModelProto:
        """The model, its weights listed after its true inputs."""
        model = super().finish([*inputs, *self.inputs], output)
        model.producer_name = "limner-templates"
        model.doc_string = self.template.doc
        helper.set_model_props(model, {"Image.NominalPixelRange": self.template.range})
        return model


def build(name: str, blocks: int = 8) -> onnx.ModelProto:
    """The named template; ``blocks`` are EdgeConnect's residual blocks."""
    template = TEMPLATES[name]
    return graphs.NETWORKS[template.network](TemplateBuilder(template), graphs.Scale(blocks=blocks))


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "templates", metavar="DIR",
                        help="folder to write to (default: templates)")
    parser.add_argument("--blocks", type=int, default=8, help="residual blocks of EdgeConnect's networks (default 8)")
    parser.add_argument("--only", choices=sorted(TEMPLATES), help="one of them")
    chosen = parser.parse_args(arguments)
    chosen.out.mkdir(parents=True, exist_ok=True)
    for name in TEMPLATES:
        if chosen.only in (None, name):
            model = build(name, chosen.blocks)
            onnx.checker.check_model(model, full_check=True)
            (chosen.out / f"{name}.onnx").write_bytes(model.SerializeToString(deterministic=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
