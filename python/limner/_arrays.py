"""Between what callers have and what the binding takes: buffers of plain numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from limner._limner import InvalidArgument, Tensor

_PLAIN = frozenset(
    np.dtype(name)
    for name in ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64")
)


def dtype_of(type_name: str) -> np.dtype[Any] | None:
    """NumPy's type for limner's; None where there is none (bfloat16 without ml_dtypes, strings)."""
    if type_name in _BITS or type_name in _PACKED:
        return _extended(type_name)
    return _BY_NAME.get(type_name)


_BY_NAME = {dtype.name: dtype for dtype in _PLAIN}


# Types of ml_dtypes: the bits of one in a byte or two, or so many of them to a byte.
_BITS = {"bfloat16": np.uint16, **dict.fromkeys(("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu"), np.uint8)}
_PACKED = {"int4": 2, "uint4": 2, "float4_e2m1fn": 2, "int2": 4, "uint2": 4}


def _extended(name: str) -> np.dtype[Any] | None:
    """ml_dtypes' type; None where that is not installed, or has none."""
    try:
        import ml_dtypes
    except ImportError:
        return None
    return np.dtype(getattr(ml_dtypes, name)) if hasattr(ml_dtypes, name) else None


def _pack(array: np.ndarray[Any, Any], per_byte: int) -> np.ndarray[Any, Any]:
    """ONNX's order: the first element in the lowest bits."""
    width = 8 // per_byte
    bits = np.zeros(-(-array.size // per_byte) * per_byte, np.uint8)
    bits[: array.size] = np.ascontiguousarray(array).view(np.uint8).ravel() & ((1 << width) - 1)
    parts = bits.reshape(-1, per_byte) << (width * np.arange(per_byte, dtype=np.uint8))
    packed: np.ndarray[Any, Any] = parts.sum(axis=1, dtype=np.uint8)
    return packed


def _unpack(tensor: Tensor, dtype: np.dtype[Any], per_byte: int) -> np.ndarray[Any, Any]:
    width = 8 // per_byte
    packed = over(tensor, (tensor.nbytes,), np.uint8)
    parts = packed[:, None] >> (width * np.arange(per_byte, dtype=np.uint8)) & ((1 << width) - 1)
    bits = parts.ravel()[: int(np.prod(tensor.shape, dtype=np.int64))].astype(np.uint8)
    if dtype.name.startswith("int"):  # the sign goes on to the whole byte
        sign = np.uint8(1 << (width - 1))
        bits = (bits ^ sign) - sign
    made: np.ndarray[Any, Any] = bits.view(dtype).reshape(tensor.shape)
    return made


def _unusual(array: np.ndarray[Any, Any]) -> Any:
    """An array whose elements are no plain numbers of this machine."""
    name = array.dtype.name
    if name in _BITS:
        return array.view(_BITS[name]), name
    if name in _PACKED:
        return _pack(array, _PACKED[name]), name, array.shape
    if array.dtype.kind in "OSUT":
        return strings(array)
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
    if "(" in type_name:
        return as_compound(value, type_name)
    if isinstance(value, np.ndarray):
        return value if value.dtype in _PLAIN else _unusual(value)
    if isinstance(value, Tensor):
        return value
    if type_name == "string":
        return strings(np.asarray(value, dtype=object))
    if isinstance(value, (bool, int, float, list, tuple)):
        return _from_numbers(value, type_name)
    if hasattr(value, "__dlpack__") or _is_buffer(value):
        return value
    array = np.asarray(value)
    if array.dtype == object:
        raise TypeError(f"expected an array, not {type(value).__name__}")
    return array if array.dtype in _PLAIN else _unusual(array)


def strings(array: np.ndarray[Any, Any]) -> Any:
    """An array of str, or of bytes that are UTF-8 as a rule."""
    items = array.ravel().tolist()
    for item in items:
        if not isinstance(item, (str, bytes)):
            raise InvalidArgument(f"an array of objects holds {type(item).__name__}, expected str")
    return items, "string", array.shape


def _inside(type_name: str) -> tuple[str, str]:
    """'seq', 'float32' of 'seq(tensor(float))'."""
    kind, inner = type_name.rstrip().split("(", 1)
    return kind, inner.removesuffix(")")


def _plain_name(type_name: str) -> str:
    """limner's name of ONNX's: 'float32' for 'tensor(float)'."""
    if not type_name.startswith("tensor("):
        return {"float": "float32", "double": "float64"}.get(type_name, type_name)
    return _plain_name(type_name[len("tensor(") : -1])


def as_compound(value: Any, type_name: str) -> Any:
    """A list for a sequence, a dict for a map, None or what it should have for an optional."""
    kind, inner = _inside(type_name)
    if kind == "tensor":
        return as_input(value, _plain_name(type_name))
    if kind == "optional":
        return ([] if value is None else [as_input(value, inner)]), "optional"
    if kind == "seq":
        if not isinstance(value, (list, tuple)):
            raise InvalidArgument(f"expected a list for {type_name}, not {type(value).__name__}")
        return [as_input(item, inner) for item in value], "sequence"
    if kind == "map" and isinstance(value, dict):
        key_type, value_type = (_plain_name(part.strip()) for part in inner.split(",", 1))
        return [as_input(list(value.keys()), key_type), as_input(list(value.values()), value_type)], "map"
    raise InvalidArgument(f"{type(value).__name__} cannot be an input of type {type_name}")


def over(memory: Any, shape: Sequence[int], dtype: Any) -> np.ndarray[Any, Any]:
    """An array over a buffer, which it keeps alive."""
    return np.ndarray(tuple(shape), dtype, memory)


def as_output(value: Any) -> Any:
    """A NumPy array over the tensor. bfloat16 and smaller numbers stay a Tensor where ml_dtypes is
    not installed. Strings are an array of
    str, a sequence is a list, a map a dict, an optional without a value None."""
    if not isinstance(value, Tensor):
        return as_compound_output(value)
    if value.type in _BITS or value.type in _PACKED:
        dtype = _extended(value.type)
        if dtype is None:
            return value
        return over(value, value.shape, _BITS[value.type]).view(dtype) if value.type in _BITS else _unpack(value, dtype, _PACKED[value.type])
    return over(value, value.shape, _BY_NAME[value.type])


def as_compound_output(value: Any) -> Any:
    if isinstance(value, list):
        return [as_output(item) for item in value]
    if not isinstance(value, tuple):
        return value
    if value[0] == "map":
        keys, values = as_output(value[1]), as_output(value[2])
        return dict(zip(keys.tolist(), values.tolist() if isinstance(values, np.ndarray) else values))
    made = np.empty(len(value[2]), dtype=object)
    made[:] = value[2]
    return made.reshape(value[1])


def as_target(array: Any) -> Any:
    """An array as memory for an output."""
    if isinstance(array, np.ndarray) and array.dtype not in _PLAIN:
        raise InvalidArgument(f"an array of {array.dtype.name} cannot be memory for an output")
    return array
