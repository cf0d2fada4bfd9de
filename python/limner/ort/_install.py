"""install(): limner.ort under the name of onnxruntime."""

from __future__ import annotations

import importlib
import sys

# Modules of onnxruntime that programs import from, below its name.
_MODULES = ("capi", "capi._pybind_state", "capi.onnxruntime_pybind11_state", "capi.onnxruntime_inference_collection")


def install() -> None:
    """`import onnxruntime` gives limner.ort in this process from now on, installed or not.

    Call it before anything imports onnxruntime: what was imported earlier keeps the module that it has.
    """
    for name in [name for name in sys.modules if name == "onnxruntime" or name.startswith("onnxruntime.")]:
        del sys.modules[name]
    sys.modules["onnxruntime"] = sys.modules["limner.ort"]
    for name in _MODULES:
        sys.modules[f"onnxruntime.{name}"] = importlib.import_module(f"limner.ort.{name}")
