"""Between what callers have and what the binding takes: buffers of plain numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from limner._limner import InvalidArgument, Tensor, Unsupported

_PLAIN = frozenset(
    np.dtype(name)
    for name in ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64")
)


def dtype_of(type_name: str) -> np.dtype[Any] | None:
    """NumPy's type for limner's; None where there is none (bfloat16 without ml_dtypes, strings)."""
    if type_name == "bfloat16":
        return _bfloat16()
    dtype = _BY_NAME.get(type_name)
    return dtype


_BY_NAME = {dtype.name: dtype for dtype in _PLAIN}


def _bfloat16() -> np.dtype[Any] | None:
    try:
        import ml_dtypes
    except ImportError:
        return None
    dtype: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
    return dtype


def _unusual(array: np.ndarray[Any, Any]) -> Any:
    """An array whose elements are no plain numbers of this machine."""
    if array.dtype.name == "bfloat16":
        return array.view(np.uint16), "bfloat16"
    if array.dtype.kind in "OSUT":
        raise Unsupported(f"an array of {array.dtype.name} cannot be an input: this version takes no strings")
    native = array.dtype.newbyteorder("=")
    if native in _PLAIN:
        return array.astype(native)
    raise InvalidArgument(f"an array of {array.dtype.name} cannot be an input")


def _from_numbers(value: Any, type_name: str) -> np.ndarray[Any, Any]:
    """Numbers and lists of them, as the input's type, as long as that loses no more than digits."""
    made = np.asarray(value)
    wanted = dtype_of(type_name)
    if wanted is None or made.dtype == wanted:
        return made
    whole = made.dtype.kind in "biu" and wanted.kind in "iu"  # compared below
    if made.dtype.kind not in "biuf" or made.size > 0 and not whole and not np.can_cast(made.dtype, wanted, "same_kind"):
        raise InvalidArgument(f"{made.dtype.name} numbers cannot be an input of type {type_name}")
    with np.errstate(over="ignore"):
        cast = made.astype(wanted)
    if wanted.kind in "iu" and not np.array_equal(cast, made):
        raise InvalidArgument(f"numbers outside of what {type_name} holds")
    return cast


def _is_buffer(value: Any) -> bool:
    try:
        memoryview(value).release()
    except (TypeError, BufferError):
        return False
    return True


def as_input(value: Any, type_name: str) -> Any:
    """value as the binding takes it, without a copy where that can be. type_name: what the model declares."""
    if isinstance(value, np.ndarray):
        return value if value.dtype in _PLAIN else _unusual(value)
    if isinstance(value, Tensor):
        return value
    if isinstance(value, (bool, int, float, list, tuple)):
        return _from_numbers(value, type_name)
    if hasattr(value, "__dlpack__") or _is_buffer(value):
        return value
    array = np.asarray(value)
    if array.dtype == object:
        raise TypeError(f"expected an array, not {type(value).__name__}")
    return array if array.dtype in _PLAIN else _unusual(array)


def over(memory: Any, shape: Sequence[int], dtype: Any) -> np.ndarray[Any, Any]:
    """An array over a buffer, which it keeps alive."""
    return np.ndarray(tuple(shape), dtype, memory)


def as_output(value: Any) -> Any:
    """A NumPy array over the tensor. bfloat16 stays a Tensor where ml_dtypes is not installed."""
    if not isinstance(value, Tensor):
        return value
    if value.type == "bfloat16":
        dtype = _bfloat16()
        return value if dtype is None else over(value, value.shape, np.uint16).view(dtype)
    return over(value, value.shape, _BY_NAME[value.type])


def as_target(array: Any) -> Any:
    """An array as memory for an output."""
    if isinstance(array, np.ndarray) and array.dtype.name == "bfloat16":
        raise InvalidArgument("an array of bfloat16 cannot be memory for an output")
    return array
