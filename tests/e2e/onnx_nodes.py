#!/usr/bin/env python3
"""ONNX's own backend tests, from the installed onnx package: its node tests, and the models of the suites that lie beside
them (simple, light, pytorch-operator, pytorch-converted), which import operator sets from 1 on.

tests/e2e/onnx-nodes.txt and tests/e2e/onnx-suites.txt list the cases that must pass. A case of a list that fails, or one
that passes without being listed, makes this test fail; `--update` writes the lists anew (read the difference before you
commit it).
"""

from __future__ import annotations

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import warnings

import numpy as np
import onnx
from onnx import numpy_helper

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIST = ROOT / "tests/e2e/onnx-nodes.txt"
SUITE_LIST = ROOT / "tests/e2e/onnx-suites.txt"
DATA = pathlib.Path(onnx.__file__).parent / "backend/test/data"
SUITES = ("simple", "pytorch-operator", "pytorch-converted")


def named(value, name: str):
    """The tensor, or what was given as one already, under the name."""
    if isinstance(value, onnx.TensorProto):
        copy = onnx.TensorProto()
        copy.CopyFrom(value)
        copy.name = name
        return copy
    return numpy_helper.from_array(np.asarray(value), name)


def map_proto(value: dict, name: str, declared: onnx.TypeProto.Map) -> onnx.MapProto:
    texts = declared.key_type == onnx.TensorProto.STRING
    result = onnx.MapProto(name=name, key_type=declared.key_type)
    if texts:
        result.string_keys.extend(key.encode() for key in value)
    else:
        result.keys.extend(value)
    kind = declared.value_type.tensor_type.elem_type
    items = [onnx.helper.make_tensor("", kind, [], [v]) for v in value.values()]
    result.values.elem_type = onnx.SequenceProto.TENSOR
    result.values.tensor_values.extend(items)
    return result


def proto(value, name: str, declared: onnx.TypeProto):
    """The value as the message that the declared type asks for."""
    kind = declared.WhichOneof("value")
    if kind == "optional_type":
        optional = onnx.OptionalProto(name=name)
        if value is not None:
            of = declared.optional_type.elem_type.WhichOneof("value")
            field = "sequence_value" if of == "sequence_type" else "tensor_value"
            optional.elem_type = onnx.OptionalProto.SEQUENCE if of == "sequence_type" else onnx.OptionalProto.TENSOR
            getattr(optional, field).CopyFrom(proto(value, "", declared.optional_type.elem_type))
        return optional
    if kind == "sequence_type":
        items = [proto(v, "", declared.sequence_type.elem_type) for v in value]
        sequence = onnx.SequenceProto(name=name)
        maps = declared.sequence_type.elem_type.HasField("map_type")
        sequence.elem_type = onnx.SequenceProto.MAP if maps else onnx.SequenceProto.TENSOR
        (sequence.map_values if maps else sequence.tensor_values).extend(items)
        return sequence
    if kind == "map_type":
        return map_proto(value, name, declared.map_type)
    return named(value, name)


def write_case(folder: pathlib.Path, case) -> None:
    """The case as a test folder."""
    folder.mkdir(parents=True)
    onnx.save(case.model, folder / "model.onnx")
    for number, (inputs, outputs) in enumerate(case.data_sets):
        data = folder / f"test_data_set_{number}"
        data.mkdir()
        for kind, values, infos in (("input", inputs, case.model.graph.input), ("output", outputs, case.model.graph.output)):
            for i, (value, info) in enumerate(zip(values, infos)):
                (data / f"{kind}_{i}.pb").write_bytes(proto(value, info.name, info.type).SerializeToString())


def domain_of(name: str) -> str:
    return "" if name == "ai.onnx" else name


def supported_operators(limner: str) -> set[tuple[str, str]]:
    table = json.loads(subprocess.run([limner, "ops", "--json"], check=True, capture_output=True, text=True).stdout)
    rows = table["operators"] if isinstance(table, dict) else table
    return {(domain_of(row["domain"]), row["operator"]) for row in rows}


# Their expected outputs are numpy's own random numbers: what passes, passes by chance.
RANDOM = ("test_bernoulli", "test_training_dropout")


def candidates(limner: str):
    """Cases whose every node names an operator that limner knows."""
    import onnx.backend.test.loader as loader

    operators = supported_operators(limner)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for case in loader.load_model_tests(kind="node"):
            # (A ratio of zero drops nothing: those are not random.)
            if case.name.startswith(RANDOM) and "zero_ratio" not in case.name:
                continue
            if case.model is not None and all((domain_of(n.domain), n.op_type) in operators for n in case.model.graph.node):
                yield case


def write_light(folder: pathlib.Path, model: pathlib.Path) -> None:
    """A light model as a test folder: its weights are made by its nodes, its input by ONNX's runner: 0 up to 1, evenly."""
    data = folder / "test_data_set_0"
    data.mkdir(parents=True)
    shutil.copy(model, folder / "model.onnx")
    graph = onnx.load(model).graph
    weights = {tensor.name for tensor in graph.initializer}
    for number, info in enumerate(i for i in graph.input if i.name not in weights):
        shape = [d.dim_value or 1 for d in info.type.tensor_type.shape.dim]
        count = int(np.prod(shape))
        value = (np.arange(count).reshape(shape) / count).astype(np.float32)
        (data / f"input_{number}.pb").write_bytes(numpy_helper.from_array(value, info.name).SerializeToString())
    for number, info in enumerate(graph.output):
        expected = onnx.TensorProto.FromString(model.with_name(f"{model.stem}_output_{number}.pb").read_bytes())
        (data / f"output_{number}.pb").write_bytes(named(expected, info.name).SerializeToString())


def suite_cases(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """Folders of the other suites' cases by name."""
    cases = {f"{suite}/{case.name}": case for suite in SUITES for case in sorted((DATA / suite).iterdir())}
    for model in sorted((DATA / "light").glob("*.onnx")):
        cases[f"light/{model.stem}"] = folder / model.stem
        write_light(folder / model.stem, model)
    return cases


def run_all(limner: str, cases: dict[str, pathlib.Path]) -> set[str]:
    """The names that pass."""
    return {
        name
        for name, folder in cases.items()
        if subprocess.run([limner, "test", str(folder)], check=False, capture_output=True).returncode == 0
    }


def judge(limner: str, what: str, cases: dict[str, pathlib.Path], names: pathlib.Path, update: bool) -> bool:
    """Runs the cases, and holds them to the list of those that must pass."""
    passed = run_all(limner, cases)
    if update:
        names.write_text("\n".join(sorted(passed)) + "\n")
    listed = set(names.read_text().split()) if names.exists() else set()
    print(f"onnx {onnx.__version__}: {len(cases)} {what}, {len(passed)} pass, {len(listed)} are listed")
    for name in sorted(set(cases) - passed - listed):
        print(f"not run: {name}")
    for name in sorted(listed - passed):
        print(f"FAILS: {name}; again with: {limner} test {cases.get(name, name)}")
    for name in sorted(passed - listed):
        print(f"passes, but is not in {names.name}: {name}")
    return listed == passed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("limner")
    parser.add_argument("--update", action="store_true", help="write the lists")
    arguments = parser.parse_args()
    folder = ROOT / "build/check/onnx-nodes"
    shutil.rmtree(folder, ignore_errors=True)
    nodes = {}
    for case in candidates(arguments.limner):
        write_case(folder / case.name, case)
        nodes[case.name] = folder / case.name
    good = judge(arguments.limner, "node tests of known operators", dict(sorted(nodes.items())), LIST, arguments.update)
    suites = suite_cases(folder / "light")
    good = judge(arguments.limner, "models of its suites", suites, SUITE_LIST, arguments.update) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
