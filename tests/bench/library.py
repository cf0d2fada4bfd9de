"""limner's shared library in this process, through ctypes: models of one output, run where the inputs lie."""

from __future__ import annotations

import ctypes
import pathlib

import numpy as np
import onnx

MAX_RANK = 8
CPUS = {"auto": 0, "portable": 1, "avx2": 2, "avx512": 3}


class Error(ctypes.Structure):
    _fields_ = [("status", ctypes.c_int), ("message", ctypes.c_char * 4096)]


class Tensor(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("type", ctypes.c_int), ("rank", ctypes.c_int), ("dims", ctypes.c_int64 * MAX_RANK),
                ("data", ctypes.c_void_p), ("bytes", ctypes.c_size_t)]


class Options(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("threads", ctypes.c_int), ("cpu", ctypes.c_int), ("exact", ctypes.c_int),
                ("profile", ctypes.c_int), ("plans", ctypes.c_int), ("limits", ctypes.c_void_p), ("low_memory", ctypes.c_int),
                ("cache", ctypes.c_char_p), ("keep_bytes", ctypes.c_size_t), ("image_decoder", ctypes.c_void_p),
                ("image_context", ctypes.c_void_p)]


def tensor_of(name: str, array: np.ndarray) -> Tensor:
    """A view of the array, which must outlive it."""
    kind = onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
    return Tensor(name.encode(), kind, array.ndim, (ctypes.c_int64 * MAX_RANK)(*array.shape), array.ctypes.data, array.nbytes)


class Session:
    """A model with its inputs, which stay where they are."""

    def __init__(self, library: pathlib.Path, model: pathlib.Path, feeds: dict[str, np.ndarray], threads: int, cpu: str) -> None:
        self.library = ctypes.CDLL(str(library.resolve()))
        self.error = Error()
        self.feeds = feeds  # so that they live
        handle, self.session = ctypes.c_void_p(), ctypes.c_void_p()
        options = Options(size=ctypes.sizeof(Options), threads=threads, cpu=CPUS[cpu])
        self.check(self.library.limner_model_load(str(model).encode(), None, ctypes.byref(handle), ctypes.byref(self.error)))
        self.check(self.library.limner_session_create(handle, ctypes.byref(options), ctypes.byref(self.session), ctypes.byref(self.error)))
        self.library.limner_model_close(handle)
        self.inputs = (Tensor * len(feeds))(*(tensor_of(name, array) for name, array in feeds.items()))
        self.outputs = (Tensor * 1)()
        self.call = (self.session, self.inputs, ctypes.c_size_t(len(feeds)), self.outputs, ctypes.c_size_t(1), ctypes.byref(self.error))

    def check(self, status: int) -> None:
        if status:
            raise RuntimeError(self.error.message.decode())

    def run(self) -> None:
        self.check(self.library.limner_session_run(*self.call))

    def output(self) -> np.ndarray:
        """A copy of the last run's."""
        tensor = self.outputs[0]
        data = ctypes.string_at(tensor.data, tensor.bytes) if tensor.bytes else b""
        return np.frombuffer(data, onnx.helper.tensor_dtype_to_np_dtype(tensor.type)).reshape(tensor.dims[:tensor.rank])

    def close(self) -> None:
        self.library.limner_session_close(self.session)
