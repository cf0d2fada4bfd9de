"""Where onnxruntime keeps its exceptions, which programs name by these paths."""

from limner.ort.capi import _pybind_state, onnxruntime_inference_collection, onnxruntime_pybind11_state

__all__ = ["_pybind_state", "onnxruntime_inference_collection", "onnxruntime_pybind11_state"]
