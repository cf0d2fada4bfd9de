"""OrtValue and OrtDevice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from limner import InvalidArgument, Tensor, _limner
from limner._arrays import as_input, as_output, over
from limner.ort._types import element_name, name_of, number_of, tensor_type

_DEVICES = {"cpu": 0, "cuda": 1, "dml": 1, "npu": 2, "cann": 2, "webgpu": 4, "gpu": 1}


def check_device(device_type: str) -> None:
    """Only the processor's memory can be had."""
    if device_type.lower() not in _DEVICES:
        raise Exception(f"limner knows no device of type {device_type}")  # noqa: TRY002 (onnxruntime's class)
    if device_type.lower() != "cpu":
        raise RuntimeError(f"limner has no memory on devices of type {device_type}, only on the processor")


class OrtDevice:
    def __init__(self, name: str = "cpu", device_id: int = 0) -> None:
        self._name, self._id = name, device_id

    @staticmethod
    def make(name: str, device_id: int, vendor_id: int = -1) -> OrtDevice:
        if name.lower() not in _DEVICES:
            raise Exception(f"limner knows no device of type {name}")  # noqa: TRY002
        return OrtDevice(name.lower(), device_id)

    def device_type(self) -> int:
        return _DEVICES[self._name]

    def device_id(self) -> int:
        return self._id

    def device_mem_type(self) -> int:
        return 0

    def device_vendor_id(self) -> int:
        return 0


class _Capsule:
    """A DLPack capsule as a thing that gives it."""

    def __init__(self, capsule: Any) -> None:
        self.capsule = capsule

    def __dlpack__(self, **unused: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0


class OrtValue:
    """A tensor in the processor's memory: a NumPy array, or for types that NumPy lacks the array of its bits."""

    def __init__(self, held: Any, type_name: str | None = None) -> None:
        """held: an array, or a limner.Tensor. type_name: what the bits of an array stand for."""
        self._held = held
        self._type = held.type if isinstance(held, Tensor) else type_name or held.dtype.name
        self._array: np.ndarray[Any, Any]
        if isinstance(held, Tensor):
            made = as_output(held)
            self._array = over(held, held.shape, np.uint16) if made is held else made
        else:
            self._array = held

    def _get_c_value(self) -> OrtValue:
        return self

    def _as_input(self) -> Any:
        """As the binding takes it."""
        if self._type in (self._array.dtype.name, "string"):
            return as_input(self._array, self._type)
        return self._array, self._type

    # ---- making ----

    @classmethod
    def ortvalue_from_numpy(cls, numpy_obj: np.ndarray[Any, Any], device_type: str = "cpu", device_id: int = 0, vendor_id: int = -1) -> OrtValue:
        """Lies over the array, if it is dense."""
        check_device(device_type)
        if not isinstance(numpy_obj, np.ndarray) or numpy_obj.dtype.kind in "OSU":
            raise RuntimeError("an OrtValue is made from a NumPy array of numbers")
        return cls(np.ascontiguousarray(numpy_obj).reshape(numpy_obj.shape))

    @classmethod
    def ortvalue_from_numpy_with_onnx_type(cls, data: np.ndarray[Any, Any], onnx_element_type: int) -> OrtValue:
        """The bits of data as another type of the same size."""
        return cls(np.ascontiguousarray(data).reshape(data.shape), name_of(int(onnx_element_type)))

    @classmethod
    def ortvalue_from_shape_and_type(cls, shape: Sequence[int], element_type: Any, device_type: str = "cpu", device_id: int = 0, vendor_id: int = -1) -> OrtValue:
        check_device(device_type)
        name = name_of(element_type)
        return cls(np.zeros(tuple(shape), np.uint16 if name == "bfloat16" else np.dtype(name)), name)

    @classmethod
    def from_dlpack(cls, data: Any, is_bool_tensor: bool = False) -> OrtValue:
        """Lies over the tensor of another package, or of a capsule."""
        source = data if hasattr(data, "__dlpack__") else _Capsule(data)
        if source is not data and type(data).__name__ != "PyCapsule":
            raise TypeError(f"expected a thing with __dlpack__ or a DLPack capsule, not {type(data).__name__}")
        try:
            array = np.from_dlpack(source)
        except (BufferError, RuntimeError, TypeError):
            return cls(_limner.tensor(source))
        return cls(array.view(np.bool_) if is_bool_tensor and array.dtype == np.uint8 else array)

    # ---- giving ----

    def numpy(self) -> np.ndarray[Any, Any]:
        """A copy, as onnxruntime gives it."""
        if self._type not in (self._array.dtype.name, "string"):
            raise RuntimeError(f"NumPy has no type for {self._type}")
        return self._array.copy()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.asarray(self._array, dtype)

    def __dlpack__(self, *, stream: Any = None, **more: Any) -> Any:
        if self._array.dtype.name == self._type and self._type != "bfloat16":
            return self._array.__dlpack__(stream=stream, **more)
        if not isinstance(self._held, Tensor):
            self._held = _limner.tensor(self._as_input())
        return self._held.__dlpack__(stream=stream, **more)

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0

    def to_dlpack(self) -> Any:
        return self.__dlpack__()

    def data_ptr(self) -> int:
        return int(self._array.__array_interface__["data"][0])

    def update_inplace(self, np_arr: np.ndarray[Any, Any]) -> None:
        """Takes the bytes of an array of as many elements and the same type."""
        if np_arr.size != self._array.size or np_arr.dtype != self._array.dtype:
            raise RuntimeError(f"the OrtValue has {self._array.size} elements of {self._type}, the array {np_arr.size} of {np_arr.dtype.name}")
        np.copyto(self._array, np_arr.reshape(self._array.shape))

    # ---- what it is ----

    def device_name(self) -> str:
        return "cpu"

    def shape(self) -> list[int]:
        return list(self._array.shape)

    def data_type(self) -> str:
        return tensor_type(self._type)

    def element_type(self) -> int:
        return number_of(self._type)

    def has_value(self) -> bool:
        return True

    def is_tensor(self) -> bool:
        return True

    def is_sparse_tensor(self) -> bool:
        return False

    def is_tensor_sequence(self) -> bool:
        return False

    def tensor_size_in_bytes(self) -> int:
        return self._array.nbytes


class SequenceValue(OrtValue):
    """A sequence, an optional or a map: what run() gives for it, as a value for another run."""

    def __init__(self, value: Any, onnx_type: str) -> None:
        self._value = value
        self._onnx_type = onnx_type

    def _as_input(self) -> Any:
        return as_input(self._value, self._onnx_type)

    def data_type(self) -> str:
        return self._onnx_type

    def element_type(self) -> int:
        return number_of(element_name(self._onnx_type))

    def has_value(self) -> bool:
        return self._value is not None

    def is_tensor(self) -> bool:
        return False

    def is_tensor_sequence(self) -> bool:
        return self._onnx_type.startswith("seq(")

    def _no_tensor(self, *unused: Any, **names: Any) -> Any:
        raise RuntimeError(f"an OrtValue of type {self._onnx_type} is no tensor")

    numpy = shape = tensor_size_in_bytes = data_ptr = device_name = update_inplace = _no_tensor
    __dlpack__ = __dlpack_device__ = to_dlpack = __array__ = _no_tensor


def wrap(raw: Any, onnx_type: str) -> OrtValue:
    """What the binding gives for an output, as an OrtValue."""
    if isinstance(raw, Tensor):
        return OrtValue(raw)
    value = as_output(raw)
    return OrtValue(value, "string") if isinstance(value, np.ndarray) else SequenceValue(value, onnx_type)


def _compound(value: Any, name: str, type_name: str) -> Any:
    if isinstance(value, OrtValue):
        return value._as_input()
    for item in value if isinstance(value, list) else ():
        if isinstance(item, np.ndarray) and item.dtype.kind not in "OSUV" and tensor_type(item.dtype.name) not in type_name:
            raise RuntimeError(f"input '{name}' holds arrays of {item.dtype.name}, the model takes {type_name}")
    return as_input(value, type_name)


def feed(value: Any, name: str, type_name: str) -> Any:
    """An input of run() as the binding takes it; what onnxruntime refuses is refused."""
    if "(" in type_name:
        return _compound(value, name, type_name)
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "OSU" and type_name != "string":
            raise InvalidArgument(f"input {name} is an array of strings or objects, the model takes {type_name}")
        return as_input(value, type_name)
    if isinstance(value, OrtValue):
        return value._as_input()
    if isinstance(value, list):
        return as_input(np.array(value, dtype=object if type_name == "string" else type_name or None), type_name)
    raise RuntimeError(f"input '{name}' is a {type(value).__name__}, expected a NumPy array, a list or an OrtValue")
