"""Takes the small networks that are to be committed: small.py FROM TO [--megabytes N]

FROM is what `export.py small` made. Names of values become short and those of nodes go, which changes no operator and halves a file
of many nodes. Networks that bring a form of an operator come first, then others, small ones before large ones, until N megabytes
are full.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import onnx

LARGEST = 2 << 20


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


def shortened(source: Path, target: Path) -> set[str] | None:
    """A copy of the folder with short names; its operators. None: it is too large."""
    if folder_bytes(source) > 2 * LARGEST:
        return None
    shutil.copytree(source, target)
    model = onnx.load(target / "model.onnx")
    if not model.functions:
        shorten(model)
        onnx.checker.check_model(model)
        onnx.save(model, target / "model.onnx")
    if folder_bytes(target) > LARGEST:
        shutil.rmtree(target)
        return None
    return operators(model)


def chosen(forms: dict[str, set[str]], sizes: dict[str, int], limit: int) -> set[str]:
    """Small ones first: those that bring a form of an operator, then others while there is space."""
    kept, known, total = set(), set(), 0
    order = sorted(forms, key=lambda key: sizes[key])
    for useful in (True, False):
        for key in order:
            if key in kept or total + sizes[key] > limit or (useful and forms[key] <= known):
                continue
            kept.add(key)
            known |= forms[key]
            total += sizes[key]
    for key in order:
        if forms[key] - known:
            print(f"{key} is left out, with {', '.join(sorted(forms[key] - known))}")
    return kept


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--megabytes", type=float, default=15.5)
    arguments = parser.parse_args()
    records = json.loads((arguments.source / "records.json").read_text())
    shutil.rmtree(arguments.target, ignore_errors=True)
    forms = {}
    for key, record in sorted(records.items()):
        found = None if "failed" in record else shortened(arguments.source / key, arguments.target / key)
        if found:
            forms[key] = found
    sizes = {key: folder_bytes(arguments.target / key) for key in forms}
    kept = chosen(forms, sizes, int(arguments.megabytes * 1e6))
    for key in set(forms) - kept:
        shutil.rmtree(arguments.target / key)
    print(f"{len(kept)} folders, {folder_bytes(arguments.target) / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
