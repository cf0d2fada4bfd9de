"""Checkpoints of PyTorch and others: what is in them, and turning them into models."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Union

import numpy as np

from limner import _limner
from limner._arrays import _plain_name
from limner._picture_options import Path, file_name, python_words, words_of

Checkpoint = Union[Path, Mapping[str, Any]]


# ---- dictionaries of tensors as files ----

_SAFETENSORS = {"float32": "F32", "float64": "F64", "float16": "F16", "bfloat16": "BF16", "bool": "BOOL"}
_SAFETENSORS.update({f"{kind}{bits}": f"{kind[0].upper()}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)})


def _array_of(name: str, value: Any) -> np.ndarray[Any, Any]:
    if hasattr(value, "detach"):  # PyTorch's; NumPy has no bfloat16 of its own
        value = value.detach().cpu()
        value = value.float() if str(value.dtype) == "torch.bfloat16" else value
    array = np.asarray(value)
    if array.dtype.name not in _SAFETENSORS:
        raise _limner.InvalidArgument(f"{name} has elements of type {array.dtype.name}, which no weight has")
    return array.astype(array.dtype.newbyteorder("="), order="C", copy=False)


def _write(tensors: Mapping[str, Any], file: Any) -> None:
    """A safetensors file, in the order of the dictionary."""
    arrays = {name: _array_of(name, value) for name, value in tensors.items()}
    header: dict[str, Any] = {}
    end = 0
    for name, array in arrays.items():
        header[name] = {"dtype": _SAFETENSORS[array.dtype.name], "shape": array.shape, "data_offsets": [end, end := end + array.nbytes]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little") + text)
    for array in arrays.values():
        file.write(array.tobytes())
    file.flush()


@contextlib.contextmanager
def _as_file(checkpoint: Checkpoint) -> Iterator[tuple[bytes, str]]:
    """A file for the library, and what it is called here."""
    if not isinstance(checkpoint, Mapping):
        with python_words():
            yield file_name(checkpoint), os.fspath(checkpoint)
        return
    with tempfile.NamedTemporaryFile(suffix=".safetensors") as file, python_words(file.name, "the dictionary"):
        _write(checkpoint, file)
        yield os.fsencode(file.name), "the dictionary"


# ---- keys ----


class Key(NamedTuple):
    """A tensor of a checkpoint.

    path: all keys that lead to it, joined by dots; key: the path below the chosen dictionary; type: 'float32', ...;
    nbytes: of its elements side by side.
    """

    path: str
    key: str
    type: str
    shape: tuple[int, ...]
    nbytes: int


class Keys(list[Key]):
    """The tensors of a checkpoint, as `limner keys` lists them.

    format: 'pytorch zip', 'safetensors', ...; dictionary: the chosen one, '' for all of the file; model: the dictionary
    in which the model is likely to be, None when that is not clear; opaque: (path, what it is) of values that are no
    tensors that limner reads.
    """

    def __init__(self, found: Mapping[str, Any]) -> None:
        super().__init__(Key(row["path"], row["key"], _plain_name(row["type"]), tuple(row["shape"]), row["bytes"]) for row in found["tensors"])
        self.format: str = found["format"]
        self.dictionary: str = found["dictionary"]
        self.model: str | None = found.get("model", found["dictionary"])
        self.opaque: list[tuple[str, str]] = [(row["path"], row["what"]) for row in found["opaque"]]
        self.elements: int = found["elements"]
        self.nbytes: int = found["bytes"]


def keys(checkpoint: Checkpoint, key: str | None = None, *, verify: bool = False) -> Keys:
    """The tensors of a checkpoint: PyTorch's .pth, .pt, .ckpt, safetensors, .npz. Nothing in the file is ever run.

    checkpoint: a path, or a dictionary of arrays or tensors. key: only the tensors below it, as "generator" or
    "state_dict.netG". verify: compare a zip file's storages with their checksums.

    Raises FileError, InvalidArgument for what is no checkpoint or has no such key, LimitExceeded.
    """
    with _as_file(checkpoint) as (path, _):
        return Keys(json.loads(_limner.keys(path, key, verify)))


# ---- conversions ----


class ConversionError(_limner.InvalidArgument):
    """Things that could not be settled; nothing is written. problems: a text for each; report: as of Conversion."""

    def __init__(self, report: dict[str, Any]) -> None:
        super().__init__("\n".join(report["problems"]))
        self.problems: list[str] = report["problems"]
        self.report = report

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.report,)


class Conversion:
    """A checkpoint as a model.

    model: an ONNX file as bytes, which a Session takes; None when it was written to output. output: that path, or
    None. report: what became of every weight, as `limner convert --json` has it. left_over: keys that nothing takes.
    """

    def __init__(self, model: bytes | None, output: Path | None, report: dict[str, Any]) -> None:
        self.model, self.output, self.report = model, output, report

    @property
    def left_over(self) -> list[str]:
        left: list[str] = self.report["left_over"]
        return left

    def __repr__(self) -> str:
        where = f"{len(self.model)} bytes" if self.model is not None else os.fspath(self.output or "")
        return f"<limner.Conversion of {self.report['checkpoint']}: {len(self.report['initializers'])} weights, {len(self.left_over)} keys left over, {where}>"


def convert(
    checkpoint: Checkpoint,
    template: Path,
    *,
    output: Path | None = None,
    map: Path | None = None,
    key: str | None = None,
    prefix: str | None = None,
    eps: float | None = None,
    by_order: bool = False,
    half: bool = False,
    external: bool = False,
    template_dir: Path | None = None,
) -> Conversion:
    """Pours a checkpoint's weights into an ONNX model, whose own weights do not matter: `limner convert`.

    checkpoint: a path, or a dictionary of arrays or tensors (a module's state_dict()). template: a path, or the name of
    one that comes with limner (generator, generator-keyvalue, edge-connect-edge, edge-connect-inpaint). output: the
    file to write; without it the model stays in memory. external: weights beside output. The others are the command's:
    docs/converting.md.

    Raises ConversionError for what could not be settled, FileError, InvalidModel, InvalidArgument.
    """
    if external and output is None:
        raise _limner.InvalidArgument("external is for a model that is written: output is missing")
    options = {"template": template, "map": map, "key": key, "prefix": prefix, "eps": eps, "by_order": by_order, "half": half, "template_dir": template_dir}
    with _as_file(checkpoint) as (path, name):
        text, model = _limner.convert(path, words_of(options), None if output is None else file_name(output), external)
    report = {**json.loads(text), "checkpoint": name}
    if report["problems"]:
        raise ConversionError(report)
    return Conversion(model, output, report)
