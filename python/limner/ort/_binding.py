"""IOBinding: inputs and outputs that are given once for many runs."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from limner._arrays import over
from limner.ort._types import name_of
from limner.ort._values import OrtValue, check_device


class _Session(Protocol):
    """What a binding asks of the session that it belongs to."""

    def get_inputs(self) -> list[Any]: ...

    def get_overridable_initializers(self) -> list[Any]: ...

    def _run_values(self, output_names: Sequence[str] | None, inputs: Mapping[str, OrtValue], run_options: Any, targets: Mapping[str, OrtValue | None]) -> list[OrtValue]: ...


def _at(pointer: int, shape: Sequence[int], type_name: str) -> np.ndarray[Any, Any]:
    """The caller's memory, which the caller keeps alive."""
    dtype = np.dtype(np.uint16 if type_name == "bfloat16" else type_name)
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    memory = (ctypes.c_char * max(size, 1)).from_address(pointer)
    return over(memory, shape, dtype)


class IOBinding:
    """Everything lies in the processor's memory."""

    def __init__(self, session: _Session) -> None:
        self._session = session
        self._inputs: dict[str, OrtValue] = {}
        self._targets: dict[str, OrtValue | None] = {}  # None: memory of the run's own
        self._outputs: list[OrtValue] = []

    def _check(self, name: str) -> None:
        if name not in {node.name for node in [*self._session.get_inputs(), *self._session.get_overridable_initializers()]}:
            raise RuntimeError(f"the model has no input called {name}")

    def bind_cpu_input(self, name: str, arr_on_cpu: np.ndarray[Any, Any]) -> None:
        self._check(name)
        self._inputs[name] = OrtValue.ortvalue_from_numpy(arr_on_cpu)

    def bind_input(self, name: str, device_type: str, device_id: int, element_type: Any, shape: Sequence[int], buffer_ptr: int) -> None:
        check_device(device_type)
        self._check(name)
        type_name = name_of(element_type)
        self._inputs[name] = OrtValue(_at(buffer_ptr, shape, type_name), type_name)

    def bind_ortvalue_input(self, name: str, ortvalue: OrtValue) -> None:
        self._check(name)
        self._inputs[name] = ortvalue

    def bind_output(self, name: str, device_type: str = "cpu", device_id: int = 0, element_type: Any = None, shape: Sequence[int] | None = None, buffer_ptr: int | None = None) -> None:
        """Without a pointer the run has memory of its own for the output."""
        if buffer_ptr is None:
            self._targets[name] = None
            return
        check_device(device_type)
        if element_type is None or shape is None:
            raise ValueError("memory for an output needs element_type and shape")
        type_name = name_of(element_type)
        self._targets[name] = OrtValue(_at(buffer_ptr, shape, type_name), type_name)

    def bind_ortvalue_output(self, name: str, ortvalue: OrtValue) -> None:
        self._targets[name] = ortvalue

    def clear_binding_inputs(self) -> None:
        self._inputs.clear()

    def clear_binding_outputs(self) -> None:
        self._targets.clear()
        self._outputs = []

    def synchronize_inputs(self) -> None:
        """Nothing is under way."""

    def synchronize_outputs(self) -> None:
        """Nothing is under way."""

    def get_outputs(self) -> list[OrtValue]:
        return list(self._outputs)

    def get_outputs_as_ortvaluevector(self) -> list[OrtValue]:
        return list(self._outputs)

    def copy_outputs_to_cpu(self) -> list[np.ndarray[Any, Any]]:
        return [value.numpy() for value in self._outputs]

    def _run(self, run_options: Any) -> None:
        if not self._targets:
            raise RuntimeError("no output is bound")
        try:
            self._outputs = self._session._run_values(list(self._targets), self._inputs, run_options, self._targets)
        except RuntimeError:
            raise
        except Exception as error:
            raise RuntimeError(str(error)) from error


SessionIOBinding = IOBinding
