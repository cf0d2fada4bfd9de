#!/usr/bin/env python3
"""Count the operators of ONNX files: which opset, attributes, input forms and element types they come with.

Needs only the ``onnx`` package.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import onnx
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, helper


def element_type_name(number: int) -> str:
    """float, int64, bool, ... for a TensorProto element type."""
    return TensorProto.DataType.Name(number).lower() if number else "?"


def value_kinds(graph: GraphProto) -> dict[str, tuple[str, str]]:
    """For every value name: its element type and where it comes from: weight, constant, input or value."""
    kinds: dict[str, tuple[str, str]] = {}
    for value in [*graph.value_info, *graph.output]:
        kinds[value.name] = (element_type_name(value.type.tensor_type.elem_type), "value")
    for value in graph.input:
        kinds[value.name] = (element_type_name(value.type.tensor_type.elem_type), "input")
    for tensor in graph.initializer:
        kinds[tensor.name] = (element_type_name(tensor.data_type), "weight")
    for node in graph.node:
        if node.op_type in ("Constant", "ConstantOfShape"):
            kind = "constant" if node.op_type == "Constant" else "value"
            kinds[node.output[0]] = (kinds.get(node.output[0], ("?", ""))[0], kind)
    return kinds


def nodes_of(graph: GraphProto) -> Iterator[NodeProto]:
    """The graph's nodes and those of the graphs in their attributes."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in [*attribute.graphs, *([attribute.g] if attribute.type == AttributeProto.GRAPH else [])]:
                yield from nodes_of(inner)


def attribute_text(attribute: AttributeProto) -> str:
    """``name=value``, with tensors as their type and dims and long lists cut short."""
    value = helper.get_attribute_value(attribute)
    if isinstance(value, TensorProto):
        return f"{attribute.name}={element_type_name(value.data_type)}{list(value.dims)}"
    if isinstance(value, bytes):
        return f"{attribute.name}={value.decode()}"
    if isinstance(value, float):
        return f"{attribute.name}={value:g}"
    return f"{attribute.name}={value}"


def form_text(node: NodeProto, kinds: dict[str, tuple[str, str]]) -> str:
    """``(type where, ...) -> type`` for a node; an absent optional input is a dash."""
    inputs = [" ".join(kinds.get(name, ("?", "value"))) if name else "-" for name in node.input]
    outputs = [kinds.get(name, ("?",))[0] if name else "-" for name in node.output]
    if len(inputs) > 1 and len(set(inputs)) == 1 and node.op_type in ("Concat", "Sum"):
        inputs = [f"{inputs[0]}, ..."]
    return f"({', '.join(inputs)}) -> {', '.join(outputs)}"


def load_with_types(path: Path) -> ModelProto:
    """The model without its external weights, with element types inferred as far as ONNX can."""
    model = onnx.load(path, load_external_data=False)
    return onnx.shape_inference.infer_shapes(model)


def model_line(model: ModelProto) -> str:
    """Operators with their counts, most frequent first, and functions if there are any."""
    counts = Counter(f"{node.domain}:{node.op_type}" if node.domain else node.op_type for node in nodes_of(model.graph))
    text = ", ".join(f"{name} {count}" for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])))
    functions = ", ".join(function.name for function in model.functions)
    return f"{text}; functions: {functions}" if functions else text


def opset_of(model: ModelProto) -> int:
    """The version of the default operator set."""
    return next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))


def model_paths(roots: list[Path]) -> list[Path]:
    """The .onnx files that were named or lie beneath the named folders, sorted."""
    return sorted(path for root in roots for path in ([root] if root.is_file() else root.rglob("*.onnx")))


def print_models(paths: list[Path]) -> None:
    """One line for each model, under its folder's name if the file is called model.onnx."""
    print("\n# By model\n")
    for path in paths:
        model = load_with_types(path)
        name = path.parent.name if path.name == "model.onnx" else path.name
        print(f"- `{name}` (opset {opset_of(model)}, IR {model.ir_version}): {model_line(model)}")


def print_rows(rows: dict[str, set[int]]) -> None:
    """Each text with the opsets it was seen in."""
    for text, opsets in sorted(rows.items()):
        print(f"- `{text}` in {', '.join(map(str, sorted(opsets)))}")


def print_operators(paths: list[Path]) -> None:
    """For each operator every input form and attribute value seen, with the opsets it was seen in."""
    forms: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    attributes: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for path in paths:
        model = load_with_types(path)
        kinds = value_kinds(model.graph)
        for node in nodes_of(model.graph):
            forms[node.op_type][form_text(node, kinds)].add(opset_of(model))
            for attribute in node.attribute:
                attributes[node.op_type][attribute_text(attribute)].add(opset_of(model))
    print("# By operator\n\nForms are (type and origin of each input) -> output types; then attributes; each with the opsets it was seen in.")
    for operator in sorted(forms):
        print(f"\n## {operator}\n")
        print_rows(forms[operator])
        print_rows(attributes[operator])


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="ONNX files, or folders to search for them")
    chosen = parser.parse_args(arguments)
    paths = model_paths(chosen.paths)
    print_operators(paths)
    print_models(paths)
    return 0


if __name__ == "__main__":
    sys.exit(main())
