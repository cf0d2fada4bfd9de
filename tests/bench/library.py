"""liblimner.so through its C functions: what a run of a model costs without Python around it."""

from __future__ import annotations

import ctypes
import pathlib
import time
from collections.abc import Callable

import numpy as np
from onnx import helper

MAX_RANK = 8


class Tensor(ctypes.Structure):
    """limner_tensor."""

    _fields_ = [("name", ctypes.c_char_p), ("type", ctypes.c_int), ("rank", ctypes.c_int), ("dims", ctypes.c_int64 * MAX_RANK),
                ("data", ctypes.c_void_p), ("bytes", ctypes.c_size_t)]


class Error(ctypes.Structure):
    """limner_error."""

    _fields_ = [("status", ctypes.c_int), ("message", ctypes.c_char * 4096)]


class Options(ctypes.Structure):
    """The first fields of limner_options."""

    _fields_ = [("size", ctypes.c_size_t), ("threads", ctypes.c_int), ("cpu", ctypes.c_int)]


def aligned(array: np.ndarray) -> np.ndarray:
    """A copy at a whole cache line, as both sides' own memory is."""
    room = np.empty(array.nbytes + 64, np.uint8)
    start = -room.ctypes.data % 64
    copy = room[start:start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


class Session:
    """A session, bound to its inputs; outputs stay where the session has them."""

    def __init__(self, library: ctypes.CDLL, model: bytes, feeds: dict[str, np.ndarray], outputs: int, threads: int, level: int) -> None:
        self.library, self.model, self.feeds, self.error = library, model, feeds, Error()
        loaded, self.session = ctypes.c_void_p(), ctypes.c_void_p()
        self.check(library.limner_model_load_memory(model, ctypes.c_size_t(len(model)), None, None, ctypes.byref(loaded), ctypes.byref(self.error)))
        options = Options(ctypes.sizeof(Options), threads, level)
        code = library.limner_session_create(loaded, ctypes.byref(options), ctypes.byref(self.session), ctypes.byref(self.error))
        library.limner_model_close(loaded)
        self.check(code)
        self.inputs = (Tensor * max(len(feeds), 1))()
        for tensor, (name, array) in zip(self.inputs, feeds.items()):
            tensor.name, tensor.type, tensor.rank = name.encode(), helper.np_dtype_to_tensor_dtype(array.dtype), array.ndim
            tensor.dims[:array.ndim] = array.shape
            tensor.data, tensor.bytes = array.ctypes.data, array.nbytes
        self.outputs = (Tensor * outputs)()

    def check(self, code: int) -> None:
        if code != 0:
            raise RuntimeError(self.error.message.decode())

    def run(self) -> None:
        for tensor in self.outputs:
            tensor.data, tensor.bytes = None, 0
        self.check(self.library.limner_session_run(self.session, self.inputs, ctypes.c_size_t(len(self.feeds)), self.outputs,
                                                   ctypes.c_size_t(len(self.outputs)), ctypes.byref(self.error)))

    def results(self) -> list[np.ndarray]:
        self.run()
        arrays = []
        for tensor in self.outputs:
            kind = helper.tensor_dtype_to_np_dtype(tensor.type)
            bytes_ = ctypes.string_at(tensor.data, tensor.bytes) if tensor.bytes else b""
            arrays.append(np.frombuffer(bytes_, kind).reshape(tensor.dims[:tensor.rank]))
        return arrays

    def fastest(self, count: int, clock: Callable[[], float] = time.thread_time) -> float:
        """Seconds of the fastest of so many runs."""
        times = []
        for _ in range(count):
            begin = clock()
            self.run()
            times.append(clock() - begin)
        return min(times)

    def close(self) -> None:
        self.library.limner_session_close(self.session)


def load(path: pathlib.Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(path))
    library.limner_session_close.argtypes = library.limner_model_close.argtypes = [ctypes.c_void_p]
    library.limner_session_close.restype = library.limner_model_close.restype = None
    return library
