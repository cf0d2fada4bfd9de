"""onnxruntime's other name for the same."""

from limner.ort.capi.onnxruntime_pybind11_state import *  # noqa: F403
from limner.ort.capi.onnxruntime_pybind11_state import __all__ as __all__
