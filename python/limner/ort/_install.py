"""install(): limner.ort under the name of onnxruntime."""

from __future__ import annotations

import importlib.machinery
import sys
import types

from limner.ort import _errors

# Modules of onnxruntime that programs import from, below its name.
_MODULES = ("capi", "capi._pybind_state", "capi.onnxruntime_pybind11_state", "capi.onnxruntime_inference_collection")


def install() -> None:
    """`import onnxruntime` gives limner.ort in this process from now on, installed or not.

    Call it before anything imports onnxruntime: what was imported earlier keeps the module that it has.
    """
    face = sys.modules["limner.ort"]
    contents = {name: getattr(face, name) for name in face.__all__}
    contents.update((kind.__name__, kind) for kind in _errors.CLASSES)
    for name in [name for name in sys.modules if name == "onnxruntime" or name.startswith("onnxruntime.")]:
        del sys.modules[name]
    sys.modules["onnxruntime"] = face
    for name in _MODULES:
        full = f"onnxruntime.{name}"
        module = types.ModuleType(full, face.__doc__)
        module.__spec__ = importlib.machinery.ModuleSpec(full, None, is_package=name == "capi")
        module.__dict__.update(contents)
        if name == "capi":
            module.__path__ = []
            face.capi = module  # type: ignore[attr-defined]
        else:
            setattr(sys.modules["onnxruntime.capi"], name.split(".")[1], module)
        sys.modules[full] = module
