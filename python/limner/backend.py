"""onnx.backend's interface: prepare, run_model, run_node, supports_device, is_compatible. Needs the onnx package."""

from __future__ import annotations

import unittest
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx.backend.base import Backend, BackendRep, namedtupledict

import limner


class Prepared(BackendRep):  # type: ignore[misc, unused-ignore]
    """A model that is ready to run, over a limner.Session (`session`)."""

    def __init__(self, session: limner.Session) -> None:
        self.session = session

    def run(self, inputs: Any, **unused: Any) -> tuple[Any, ...]:
        """inputs: arrays in the model's order, a dict of them by name, or a single array. A named tuple of arrays."""
        given = [inputs] if isinstance(inputs, Mapping) or not isinstance(inputs, (list, tuple)) else inputs
        try:
            outputs = self.session.run(*given)
        except limner.Unsupported as error:
            raise NotRun(str(error)) from error
        made: tuple[Any, ...] = namedtupledict("Outputs", list(outputs.names))(*outputs)
        return made


def _type_of(array: np.ndarray[Any, Any]) -> int:
    return int(onnx.helper.np_dtype_to_tensor_dtype(array.dtype))


class LimnerBackend(Backend):  # type: ignore[misc, unused-ignore]
    @classmethod
    def is_compatible(cls, model: onnx.ModelProto, device: str = "CPU", **unused: Any) -> bool:
        """Whether limner runs the model."""
        try:
            limner.Session(model)
        except (limner.Unsupported, limner.InvalidModel):
            return False
        return bool(cls.supports_device(device))

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU", **options: Any) -> Prepared:
        """options are those of limner.Session. Raises NotRun for what limner does not run, with all of it named."""
        try:
            return Prepared(limner.Session(model, **options))
        except limner.Unsupported as error:
            raise NotRun(str(error)) from error

    @classmethod
    def run_model(cls, model: onnx.ModelProto, inputs: Any, device: str = "CPU", **options: Any) -> tuple[Any, ...]:
        return cls.prepare(model, device, **options).run(inputs)

    @classmethod
    def run_node(
        cls,
        node: onnx.NodeProto,
        inputs: Any,
        device: str = "CPU",
        outputs_info: Sequence[tuple[Any, tuple[int, ...]]] | None = None,
        **options: Any,
    ) -> tuple[Any, ...]:
        """Runs one node of ONNX's own operators. outputs_info: (element type, shape) of each output, if known.
        opset_version: of the operator set; the newest by default."""
        named = [name for name in node.input if name]
        arrays = [np.asarray(inputs[name]) for name in named] if isinstance(inputs, Mapping) else [np.asarray(a) for a in inputs]
        given = [onnx.helper.make_tensor_value_info(name, _type_of(array), array.shape) for name, array in zip(named, arrays)]
        makes = [onnx.helper.make_empty_tensor_value_info(name) for name in node.output if name]
        for info, (dtype, shape) in zip(makes, outputs_info or ()):
            info.CopyFrom(onnx.helper.make_tensor_value_info(info.name, onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape))
        opset = onnx.helper.make_opsetid("", options.pop("opset_version", None) or _newest())
        graph = onnx.helper.make_graph([node], "node", given, makes)
        model = onnx.helper.make_model(graph, opset_imports=[opset])
        if outputs_info is None:
            model = onnx.shape_inference.infer_shapes(model)
        return cls.run_model(model, dict(zip(named, arrays)), device, **options)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        return device.split(":")[0] == "CPU"


class NotRun(unittest.SkipTest, NotImplementedError):
    """A model that limner does not run. Test runners count it as skipped, with this reason."""


def _newest() -> int:
    """ONNX's newest operator set that both limner and the onnx package know."""
    known = max(until for _, domain, _, until in limner.operators() if domain in ("", "ai.onnx"))
    return min(known, int(onnx.defs.onnx_opset_version()))


is_compatible = LimnerBackend.is_compatible
prepare = LimnerBackend.prepare
run_model = LimnerBackend.run_model
run_node = LimnerBackend.run_node
supports_device = LimnerBackend.supports_device

__all__ = ["LimnerBackend", "NotRun", "Prepared", "is_compatible", "prepare", "run_model", "run_node", "supports_device"]
