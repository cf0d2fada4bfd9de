"""Folders on disks and in stores, by pyarrow's file systems, and rows with what went wrong."""

from __future__ import annotations

import importlib
import os
import posixpath
from collections.abc import Iterable, Sequence
from typing import Any, Union

import limner

Where = Union[str, "os.PathLike[str]"]
Batch = dict[str, Any]

# Stores in which an object is there when it is whole; elsewhere files are renamed into their places.
_STORES = ("s3", "gcs", "abfs")


def needed(name: str) -> Any:
    """A module that limner does without elsewhere."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(f'limner.ray needs {name}: pip install "ray[data]"') from error


def place(where: Where, filesystem: Any) -> tuple[Any, str]:
    """The file system of a path or URI, and the path in it. With a filesystem, the path is one of its own."""
    text = os.fspath(where)
    if filesystem is not None:
        return filesystem, text.split("://", 1)[-1].rstrip("/")
    if "://" not in text:
        text = os.path.abspath(text)
    system, path = needed("pyarrow.fs").FileSystem.from_uri(text)
    return system, path.rstrip("/")


def list_files(system: Any, path: str, *, deep: bool = False) -> list[str]:
    """Paths of files in a folder, sorted; hidden ones aside. None in a folder that is not there."""
    fs = needed("pyarrow.fs")
    found = system.get_file_info(fs.FileSelector(path, allow_not_found=True, recursive=deep))
    return sorted(info.path for info in found if info.type == fs.FileType.File and not info.base_name.startswith("."))


def read_file(system: Any, path: str) -> bytes:
    with system.open_input_stream(path) as stream:
        return bytes(stream.read())


def write_file(system: Any, path: str, data: bytes) -> None:
    """The file is whole or not there. Two that write the same file at once do not disturb each other."""
    aside = path if system.type_name in _STORES else f"{posixpath.dirname(path)}/.limner-{os.urandom(8).hex()}"
    if aside != path:
        system.create_dir(posixpath.dirname(path), recursive=True)
    with system.open_output_stream(aside) as stream:
        stream.write(data)
    if aside != path:
        system.move(aside, path)


# ---- names ----


def stem_of(path: str) -> str:
    """A file's name without its ending."""
    return posixpath.splitext(posixpath.basename(path))[0]


def check_key(key: str) -> None:
    """Keys become names of files; those of archives are a stranger's."""
    parts = key.split("/")
    if not key or "\0" in key or any(part in ("", ".", "..") or part.startswith(".limner-") for part in parts):
        raise limner.InvalidArgument(f"{key!r} cannot be the name of a result")


# ---- rows ----


def passes(error: BaseException) -> bool:
    """Whether the same may go well another time, or elsewhere: what is 75 among the exit statuses of `limner`."""
    if isinstance(error, (MemoryError, TimeoutError, ConnectionError, limner.TryAgain, limner.Cancelled)):
        return True
    # An OSError of Python or pyarrow without a reason of its own is one of a store.
    return isinstance(error, OSError) and not isinstance(
        error, (limner.FileError, FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError, FileExistsError)
    )


def words(error: BaseException) -> str:
    return str(error) or type(error).__name__


def column(cells: Sequence[Any]) -> Any:
    """Cells as they are, whatever they are."""
    np = importlib.import_module("numpy")
    made = np.empty(len(cells), object)
    for i, cell in enumerate(cells):
        made[i] = cell
    return made


def batch_of(rows: Sequence[dict[str, Any]], names: Iterable[str]) -> Batch:
    made: Batch = {name: column([row[name] for row in rows]) for name in names}
    return flags(made)


def flags(batch: Batch) -> Batch:
    """The columns that say what went wrong, in types that do not depend on whether anything did."""
    np = importlib.import_module("numpy")
    batch["error"] = np.array(list(batch["error"]), dtype=np.str_)
    batch["try_again"] = np.array(list(batch["try_again"]), dtype=np.bool_)
    return batch
