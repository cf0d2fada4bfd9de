"""onnxruntime's exceptions, and which of them stands for which fault of limner."""

from __future__ import annotations

import os
import re

import limner


class _Fault(Exception):
    """Of a code and a word, which begin the message as in onnxruntime."""

    code = 1
    word = "FAIL"

    @classmethod
    def of(cls, message: object) -> _Fault:
        return cls(f"[ONNXRuntimeError] : {cls.code} : {cls.word} : {message}")


class Fail(_Fault):
    pass


class InvalidArgument(_Fault):
    code, word = 2, "INVALID_ARGUMENT"


class NoSuchFile(_Fault):
    code, word = 3, "NO_SUCHFILE"


class NoModel(_Fault):
    code, word = 4, "NO_MODEL"


class EngineError(_Fault):
    code, word = 5, "ENGINE_ERROR"


class RuntimeException(_Fault):
    code, word = 6, "RUNTIME_EXCEPTION"


class InvalidProtobuf(_Fault):
    code, word = 7, "INVALID_PROTOBUF"


class ModelLoaded(_Fault):
    code, word = 8, "MODEL_LOADED"


class NotImplemented(_Fault):  # noqa: A001 (onnxruntime's name)
    code, word = 9, "NOT_IMPLEMENTED"


class InvalidGraph(_Fault):
    code, word = 10, "INVALID_GRAPH"


class EPFail(_Fault):
    code, word = 11, "EP_FAIL"


_GRAPH = 7  # ModelProto.graph


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 64:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    raise IndexError


def _fields(data: bytes) -> list[int] | None:
    """The numbers of the outermost fields of a protobuf message; None where it is none."""
    found, at = [], 0
    try:
        while at < len(data):
            key, at = _varint(data, at)
            kind = key & 7
            if kind == 0:
                _, at = _varint(data, at)
            elif kind == 2:
                size, at = _varint(data, at)
                at += size
            elif kind in (1, 5):
                at += 8 if kind == 1 else 4
            else:
                return None
            found.append(key >> 3)
    except IndexError:
        return None
    return found if at == len(data) and 0 not in found else None


def _damage(source: str | bytes) -> type[_Fault]:
    """Of a model that breaks the specification: is it no protobuf, has it no graph, or is the graph wrong?"""
    data = source
    if isinstance(data, str):
        if os.path.isdir(data):
            return InvalidProtobuf
        with open(data, "rb") as file:
            data = file.read()
    fields = _fields(data)
    if fields is None:
        return InvalidProtobuf
    return Fail if _GRAPH in fields else InvalidArgument


class _NoOperator(InvalidGraph, NotImplemented):
    """onnxruntime knows all of ONNX, so an operator that it lacks is none. Here it may be one that is not run."""


_NoOperator.__name__ = _NoOperator.__qualname__ = "InvalidGraph"

# onnxruntime has several classes where limner has one: which it is can be seen from what is said.
_WORDS: tuple[tuple[str, type[_Fault]], ...] = (
    (r"operators? (is|are) not supported", _NoOperator),
    (r"attribute .* is not known", InvalidGraph),
    (r"the model uses ONNX operator set", Fail),
    (r"is no input, initializer or node output", InvalidArgument),
)


def of_load(error: limner.Error, source: str | bytes) -> _Fault:
    """What onnxruntime would raise in place of error, which came from loading source."""
    kind: type[_Fault] = Fail
    if isinstance(error, limner.FileError):
        missing = isinstance(source, str) and not os.path.exists(source)
        kind = NoSuchFile if missing else InvalidProtobuf if isinstance(source, str) and os.path.isdir(source) else Fail
    elif isinstance(error, limner.InvalidModel):
        kind = _damage(source)
    elif isinstance(error, limner.Unsupported):
        kind = NotImplemented
    elif isinstance(error, limner.InvalidArgument):
        kind = InvalidArgument
    said = [named for words, named in _WORDS if re.search(words, str(error))]
    return (said[0] if said and kind in (Fail, NotImplemented) else kind).of(error)


def of_run(error: limner.Error) -> _Fault:
    """The same of a run. Shapes that the model does not declare are found before it."""
    if isinstance(error, limner.Cancelled):
        return Fail.of(f"{error} (terminate was set)")
    if isinstance(error, limner.InvalidArgument):
        return InvalidArgument.of(error)
    if isinstance(error, limner.Unsupported):
        return NotImplemented.of(error)
    return Fail.of(error)
