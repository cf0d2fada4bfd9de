"""Takes the small networks that are to be committed: small.py FROM TO [--kilobytes N]

FROM is what `export.py small` made. Names of values become short and those of nodes go, which changes no operator and halves a file
of many nodes. A network whose folder is larger than N kilobytes (default: 260) stays out, unless it has an operator that no
other one has.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import onnx

LARGEST_ANYHOW = 4 << 20


def graphs_of(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """The graph and those in its nodes."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            inner = [attribute.g] if attribute.type == onnx.AttributeProto.GRAPH else attribute.graphs
            for found in inner:
                yield from graphs_of(found)


def operators(model: onnx.ModelProto) -> set[str]:
    """The operators of a model, with the attributes that choose among algorithms."""
    found = set()
    for graph in graphs_of(model.graph):
        for node in graph.node:
            kinds = sorted(f"{a.name}={a.s.decode()}" for a in node.attribute if a.type == onnx.AttributeProto.STRING)
            found.add(" ".join([node.domain, node.op_type, *kinds]))
    return found


class Names:
    """Short names, the same for the same name; inputs and outputs of the model stay as they are."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.short = {"": ""} | {value.name: value.name for value in [*model.graph.input, *model.graph.output]}

    def of(self, name: str) -> str:
        if name not in self.short:
            self.short[name] = f"v{len(self.short)}"
        return self.short[name]


def shorten(model: onnx.ModelProto) -> None:
    """Short names everywhere; what a reader can infer goes."""
    names = Names(model)
    for graph in graphs_of(model.graph):
        graph.ClearField("value_info")
        for value in [*graph.initializer, *graph.input, *graph.output]:
            value.name = names.of(value.name)
        for node in graph.node:
            node.name = ""
            node.ClearField("metadata_props")
            node.ClearField("doc_string")
            node.input[:] = [names.of(name) for name in node.input]
            node.output[:] = [names.of(name) for name in node.output]
    model.ClearField("metadata_props")


def folder_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def shortened(source: Path, target: Path) -> onnx.ModelProto | None:
    """A copy of the folder with short names; None: it would be too large."""
    if folder_bytes(source) > 2 * LARGEST_ANYHOW:
        return None
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    model = onnx.load(target / "model.onnx")
    if not model.functions:
        shorten(model)
        onnx.checker.check_model(model)
        onnx.save(model, target / "model.onnx")
    return model


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--kilobytes", type=int, default=260)
    arguments = parser.parse_args()
    records = json.loads((arguments.source / "records.json").read_text())
    kept, large = Counter(), {}
    for key, record in sorted(records.items()):
        target = arguments.target / key
        if "failed" in record:
            continue
        model = shortened(arguments.source / key, target)
        if model is None:
            continue
        if folder_bytes(target) > arguments.kilobytes << 10:
            large[key] = operators(model)
            continue
        kept.update(operators(model))
    for key in sorted(large, key=lambda key: folder_bytes(arguments.target / key)):
        alone = sorted(large[key] - set(kept))
        if alone and folder_bytes(arguments.target / key) <= LARGEST_ANYHOW:
            print(f"{key} is kept for {', '.join(alone)}")
            kept.update(large[key])
        else:
            shutil.rmtree(arguments.target / key)
    print(f"{folder_bytes(arguments.target) / 1e6:.1f} MB, {len(kept)} forms of operators")
    return 0


if __name__ == "__main__":
    sys.exit(main())
