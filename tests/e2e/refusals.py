#!/usr/bin/env python3
"""No memory in models of every operator: for each that limner knows, the smallest of the models that other tests have left in
build/check, or one made here, is run by test_refusals_models, which refuses its allocations one after the other. An
operator of no model is a failure.
"""

from __future__ import annotations

import argparse
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import onnx
from onnx import helper, numpy_helper, parser

import onnx_nodes

ROOT = pathlib.Path(__file__).resolve().parents[2]
LEFT_BY = {"onnx-nodes": "onnx_nodes.py", "values": "values.py", "live": "conformance.py"}
OWN = "refusals"


MICROSOFT = "com.microsoft"
SCALE, ZERO = np.float32(0.1), np.uint8(3)
BYTES, FLOATS = np.arange(32, dtype=np.uint8).reshape(1, 2, 4, 4), np.linspace(0, 1, 32, dtype=np.float32).reshape(1, 2, 4, 4)
ROWS = FLOATS.reshape(1, 4, 8)
MATRIX, BYTE_MATRIX = FLOATS.reshape(4, 8), BYTES.reshape(8, 4)
# What no other test's models have: operator, domain and version; inputs, of which the first is the graph's; attributes.
MODELS = [
    ("Affine", "", 1, [FLOATS], {"alpha": 2.0, "beta": 1.0}),
    ("Crop", "", 1, [FLOATS], {"border": [1, 1, 1, 1]}),
    ("GlobalLpPool", "", 2, [FLOATS], {"p": 2}),
    ("ImageScaler", "", 1, [FLOATS], {"scale": 2.0, "bias": [1.0, 2.0]}),
    ("MaxRoiPool", "", 1, [FLOATS, np.float32([[0, 0, 0, 3, 3]])], {"pooled_shape": [2, 2]}),
    ("ParametricSoftplus", "", 1, [FLOATS], {"alpha": 2.0, "beta": 1.0}),
    ("ScaledTanh", "", 1, [FLOATS], {"alpha": 2.0, "beta": 1.0}),
    ("Bernoulli", "", 15, [FLOATS], {"seed": 1.0}),
    ("Multinomial", "", 7, [MATRIX], {"seed": 1.0, "sample_size": 3}),
    ("RandomNormalLike", "", 1, [FLOATS], {"seed": 1.0}),
    ("RandomUniformLike", "", 1, [FLOATS], {"seed": 1.0}),
    ("RandomNormal", "", 1, [], {"seed": 1.0, "shape": [4, 5]}),
    ("RandomUniform", "", 1, [], {"seed": 1.0, "shape": [4, 5]}),
    ("LayerNormalization", MICROSOFT, 1, [FLOATS, np.ones(4, np.float32)], {}),
    ("SimplifiedLayerNormalization", MICROSOFT, 1, [FLOATS, np.ones(4, np.float32)], {}),
    ("BiasAdd", MICROSOFT, 1, [ROWS, np.ones(8, np.float32), ROWS], {}),
    ("BiasDropout", MICROSOFT, 1, [ROWS, np.ones(8, np.float32)], {}),
    ("BiasSplitGelu", MICROSOFT, 1, [ROWS, np.ones(8, np.float32)], {}),
    ("GroupNorm", MICROSOFT, 1, [FLOATS, np.ones(4, np.float32), np.ones(4, np.float32)], {"groups": 2, "activation": 0}),
    ("NhwcConv", MICROSOFT, 1, [FLOATS, np.ones((2, 1, 1, 4), np.float32)], {}),
    ("QLinearReduceMean", MICROSOFT, 1, [BYTES, SCALE, ZERO, SCALE, ZERO], {"axes": [2], "keepdims": 1}),
    ("GridSample", MICROSOFT, 1, [FLOATS, np.zeros((1, 3, 3, 2), np.float32)], {}),
    ("QuantizeLinear", MICROSOFT, 1, [FLOATS, SCALE, ZERO], {}),
    ("DequantizeLinear", MICROSOFT, 1, [BYTES, SCALE, ZERO], {}),
    ("DynamicQuantizeMatMul", MICROSOFT, 1, [MATRIX, BYTE_MATRIX, SCALE, ZERO], {}),
    ("MatMulIntegerToFloat", MICROSOFT, 1, [BYTES.reshape(4, 8), BYTE_MATRIX, SCALE, SCALE, ZERO, ZERO], {}),
    ("SkipGroupNorm", MICROSOFT, 1, [FLOATS, np.ones(4, np.float32), np.ones(4, np.float32), np.ones((1, 4), np.float32)], {"groups": 2, "activation": 0}),
    ("NhwcMaxPool", MICROSOFT, 1, [BYTES], {"kernel_shape": [2, 2]}),
    ("QLinearAdd", MICROSOFT, 1, [BYTES, SCALE, ZERO, BYTES, SCALE, ZERO, SCALE, ZERO], {}),
    ("QLinearMul", MICROSOFT, 1, [BYTES, SCALE, ZERO, BYTES, SCALE, ZERO, SCALE, ZERO], {}),
    ("QLinearConcat", MICROSOFT, 1, [SCALE, ZERO, BYTES, SCALE, ZERO, BYTES, SCALE, ZERO], {"axis": 1}),
    ("QLinearAveragePool", MICROSOFT, 1, [BYTES, SCALE, ZERO, SCALE, ZERO], {"kernel_shape": [2, 2]}),
    ("QLinearGlobalAveragePool", MICROSOFT, 1, [BYTES, SCALE, ZERO, SCALE, ZERO], {}),
    ("QLinearLeakyRelu", MICROSOFT, 1, [BYTES, SCALE, ZERO, SCALE, ZERO], {"alpha": 0.1}),
    ("QLinearSigmoid", MICROSOFT, 1, [BYTES, SCALE, ZERO, SCALE, ZERO], {}),
    ("QLinearSoftmax", MICROSOFT, 1, [BYTES, SCALE, ZERO, SCALE, ZERO], {"opset": 13}),
]  # fmt: skip
# More than a node, in ONNX's own words; the first input is FLOATS.
TEXTS = [
    """<ir_version: 9, opset_import: ["" : 13, "ai.onnx.preview.training" : 1]>
    g (float[1,2,4,4] i0) => (float[1,2,4,4] y, float[1,2,4,4] d) {
        y = Mul(i0, i0)
        d = ai.onnx.preview.training.Gradient <xs = ["i0"], y = "y"> (i0)
    }""",
]


def write_models(folder: pathlib.Path) -> None:
    """A folder each, with the model and what it is fed with; nobody knows what comes out."""
    shutil.rmtree(folder, ignore_errors=True)
    for number, (kind, domain, version, arrays, attributes) in enumerate(MODELS):
        names = [f"i{place}" for place in range(len(arrays))]
        node = helper.make_node(kind, names, ["y"], domain=domain, **attributes)
        fed = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
               for name, array in list(zip(names, arrays))[:1] if array.ndim]
        constants = [numpy_helper.from_array(np.asarray(array), name) for name, array in list(zip(names, arrays))[len(fed):]]
        result = helper.make_empty_tensor_value_info("y")
        result.type.tensor_type.elem_type = onnx.TensorProto.UNDEFINED
        graph = helper.make_graph([node], "g", fed, [result], constants)
        sets = [helper.make_opsetid("", 13 if domain else version)] + ([helper.make_opsetid(domain, version)] if domain else [])
        place = folder / f"{number}-{domain}{kind}"
        place.mkdir(parents=True)
        onnx.save(helper.make_model(graph, opset_imports=sets, ir_version=9), place / "model.onnx")
        if fed:
            np.save(place / "i0.npy", arrays[0])
    for number, text in enumerate(TEXTS):
        place = folder / f"text-{number}"
        place.mkdir()
        onnx.save(parser.parse_model(text), place / "model.onnx")
        np.save(place / "i0.npy", FLOATS)


def operators_of(graph: onnx.GraphProto) -> set[tuple[str, str]]:
    """The operators of a graph and of its subgraphs."""
    found = set()
    for node in graph.node:
        found.add((onnx_nodes.domain_of(node.domain), node.op_type))
        for attribute in node.attribute:
            for inner in [*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])]:
                found |= operators_of(inner)
    return found


def folders(limner: str, own: str) -> list[pathlib.Path]:
    """Those that pass without refusals, small ones first. own: of build/check, where no other run of this script writes."""
    found = []
    write_models(ROOT / "build/check" / own)
    for name, script in {**LEFT_BY, own: ""}.items():
        models = list((ROOT / "build/check" / name).rglob("model.onnx"))
        if not models:
            sys.exit(f"build/check/{name} has no models: run tests/e2e/{script} {limner} first")
        found += models
    return [path.parent for path in sorted(found, key=lambda path: (path.stat().st_size, path))]


def passes(limner: str, folder: pathlib.Path) -> bool:
    words = ["test", folder] if (folder / "test_data_set_0").exists() else ["run", folder / "model.onnx", *folder.glob("*.npy")]
    return subprocess.run([limner, *words], check=False, capture_output=True).returncode == 0


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("limner")
    words.add_argument("program", help="test_refusals_models of any build")
    arguments = words.parse_args()
    missing = onnx_nodes.supported_operators(arguments.limner)
    chosen = []
    build = pathlib.Path(arguments.program).resolve().parent.parent.name
    for folder in folders(arguments.limner, f"{OWN}-{build}"):
        found = operators_of(onnx.load(folder / "model.onnx", load_external_data=False).graph) & missing
        if found and passes(arguments.limner, folder):
            chosen.append(folder.relative_to(ROOT))
            missing -= found
    print(f"{len(chosen)} models", flush=True)
    if missing:
        sys.exit(f"operators of no model that runs: {', '.join(sorted(f'{domain}:{name}' for domain, name in missing))}")
    return subprocess.run([arguments.program, *chosen], check=False, cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())
