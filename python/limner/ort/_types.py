"""Names of element types: 'tensor(float)' in onnxruntime, 'float32' in limner and NumPy; and ONNX's numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

_NUMBERS = {
    "float32": 1,
    "uint8": 2,
    "int8": 3,
    "uint16": 4,
    "int16": 5,
    "int32": 6,
    "int64": 7,
    "string": 8,
    "bool": 9,
    "float16": 10,
    "float64": 11,
    "uint32": 12,
    "uint64": 13,
    "bfloat16": 16,
}
_NAMES = {number: name for name, number in _NUMBERS.items()}
_WORDS = {"float32": "float", "float64": "double"}


def tensor_type(name: str) -> str:
    """'tensor(float)' for 'float32'; what is no tensor is written so already."""
    if "(" in name:
        return name
    return f"tensor({_WORDS.get(name, name)})"


def element_name(onnx_type: str) -> str:
    """'float32' for 'seq(tensor(float))': limner's name of what stands innermost."""
    inner = onnx_type.rsplit("(", 1)[-1].rstrip(")").split(",")[-1].strip()
    return next((name for name, word in _WORDS.items() if word == inner), inner)


def number_of(name: str) -> int:
    return _NUMBERS.get(name, 0)


def name_of(element_type: Any) -> str:
    """limner's name for a NumPy type, or for ONNX's number."""
    if isinstance(element_type, int):
        if element_type not in _NAMES:
            raise ValueError(f"{element_type} is no element type that limner knows")
        return _NAMES[element_type]
    return str(np.dtype(element_type).name)
