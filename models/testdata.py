"""ONNX test folders: inputs drawn from a seed, outputs by onnxruntime, stored as TensorProto files."""

from __future__ import annotations

from collections.abc import MutableSequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

from cases import Sizes, Value

TRACES = ("stack_trace", "class_hierarchy", "fx_node", "namespace", "graph_signature")


def concrete(shape: tuple[int | str, ...], sizes: Sizes) -> list[int]:
    """The shape with its letters replaced by numbers."""
    return [sizes[size] if isinstance(size, str) else size for size in shape]


def draw_input(value: Value, sizes: Sizes, rng: np.random.Generator) -> np.ndarray:
    """An array of the value's shape and type, uniform in ``low`` to ``high`` (``high`` itself left out)."""
    shape = concrete(value.shape, sizes)
    if np.issubdtype(np.dtype(value.dtype), np.integer):
        return rng.integers(int(value.low), int(value.high), shape).astype(value.dtype)
    return rng.uniform(value.low, value.high, shape).astype(value.dtype)


def reference_session(model: Path) -> onnxruntime.InferenceSession:
    """onnxruntime on the processor with graph optimisations off, so that it computes the file's nodes as they stand."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def write_tensor(path: Path, name: str, array: np.ndarray) -> None:
    """Store one named tensor as a TensorProto file."""
    path.write_bytes(numpy_helper.from_array(np.asarray(array, order="C"), name).SerializeToString())


def write_data_set(folder: Path, inputs: dict[str, np.ndarray], outputs: dict[str, np.ndarray]) -> None:
    """Store ``input_K.pb`` and ``output_K.pb`` in the order given, which is the graph's."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind, arrays in (("input", inputs), ("output", outputs)):
        for k, (name, array) in enumerate(arrays.items()):
            write_tensor(folder / f"{kind}_{k}.pb", name, array)


def drop_traces(model: onnx.ModelProto) -> None:
    """Drop what an exporter notes about its own run: stack traces name files of the machine, the rest outweighs the model."""
    model.graph.ClearField("doc_string")
    keep_short(model.graph.metadata_props)
    for node in model.graph.node:
        node.ClearField("doc_string")
        keep_short(node.metadata_props)


def keep_short(properties: MutableSequence[onnx.StringStringEntryProto]) -> None:
    """Keep the properties that are not one of ``TRACES``."""
    kept = [entry for entry in properties if entry.key.rpartition(".")[2] not in TRACES]
    del properties[:]
    properties.extend(kept)
