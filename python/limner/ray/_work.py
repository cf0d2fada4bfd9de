"""What the actors of map_batches are: one loaded model each, on the processors that the actor was given."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Mapping
from typing import Any

import numpy as np

import limner
from limner.ray._place import Batch, column, flags, passes, words


def _threads() -> int:
    """One for each processor that this actor or task was given; 0, which is all of them, outside of Ray."""
    ray = sys.modules.get("ray")
    if ray is None or not ray.is_initialized():
        return 0
    try:
        given = ray.get_runtime_context().get_assigned_resources()
    except AssertionError:  # this is the driver
        return 0
    return max(1, int(given.get("CPU", 1)))


class _Worker:
    """Calls _one for every row of a batch; what it raises is that row's error."""

    _made: tuple[str, ...]
    _dropped: frozenset[str]

    def _one(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        """Cells of the columns in _made."""
        raise NotImplementedError

    def _failed(self, batch: Batch, done: list[tuple[Any, ...] | None], k: int) -> Any:
        """What stands in column number k where a row failed."""
        raise NotImplementedError

    def __call__(self, batch: Batch) -> Batch:
        count = len(next(iter(batch.values())))
        errors = [str(error) for error in batch.get("error", [""] * count)]
        again = [bool(flag) for flag in batch.get("try_again", [False] * count)]
        done: list[tuple[Any, ...] | None] = [None] * count
        for i in range(count):
            if errors[i]:
                continue
            row = {name: cells[i] for name, cells in batch.items()}
            try:
                done[i] = self._one(row)
            except Exception as error:  # a bad picture is no reason to end the job
                errors[i], again[i] = words(error), passes(error)
        made = {name: cells for name, cells in batch.items() if name not in self._dropped}
        for k, name in enumerate(self._made):
            failed = self._failed(batch, done, k) if None in done else None
            made[name] = column([failed if cells is None else cells[k] for cells in done])
        return flags({**made, "error": errors, "try_again": again})


# ---- pictures ----


class _Pictures(_Worker):
    """Pictures go through files in memory, so that they are read and written as by the command. What is given is gone
    with the process, however that ends; what is written has a name, for as long as it takes to read it."""

    def __init__(self, painter: Any, columns: tuple[str, ...], result: str, into: str, keep: bool) -> None:
        self._painter, self._columns, self._result = painter, columns, result
        self._made = (into,)
        self._dropped = frozenset() if keep else frozenset(columns)
        self._memory = "/dev/shm" if os.access("/dev/shm", os.W_OK | os.X_OK) else None
        self._files: dict[str, int] = {}

    def _given(self, name: str, cell: Any) -> Any:
        """A picture as the painter takes it: an array, or a path."""
        if isinstance(cell, Mapping) and isinstance(cell.get("bytes"), bytes):
            cell = cell["bytes"]
        if not isinstance(cell, bytes):
            return cell
        if not cell:
            raise limner.InvalidArgument(f"{name} is empty")
        self._files[name] = os.memfd_create(name)
        with open(self._files[name], "wb", closefd=False) as file:
            file.write(cell)
        return self._name(name)

    def _name(self, name: str) -> str:
        return f"/proc/self/fd/{self._files[name]}"

    def _one(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        try:
            return (self._paint([self._given(name, row[name]) for name in self._columns]),)
        except Exception as error:
            self._name_files(error, row)
            raise
        finally:
            for file in self._files.values():
                os.close(file)
            self._files.clear()

    def _paint(self, given: list[Any]) -> Any:
        if self._result == "array":
            return np.asarray(self._painter(*given))
        with tempfile.TemporaryDirectory(prefix="limner-", dir=self._memory) as folder:
            path = os.path.join(folder, f"result.{self._result}")
            self._painter(*given, output=path)
            with open(path, "rb") as file:
                return file.read()

    def _name_files(self, error: Exception, row: Mapping[str, Any]) -> None:
        """In the message the row's key stands for the file in memory."""
        said = words(error)
        for name in self._files:
            said = re.sub(re.escape(self._name(name)) + r"(?!\d)", f"{row.get('key', '')} ({name})", said)
        if said != words(error):
            error.args = (said,)

    def _failed(self, batch: Batch, done: list[tuple[Any, ...] | None], k: int) -> Any:
        return np.zeros((0, 0, 3), np.uint8) if self._result == "array" else b""


class Inpaint(_Pictures):
    """Fills the holes of pictures: limner.inpaint for map_batches. The result is a picture as `limner inpaint` makes it.

        rows.map_batches(limner.ray.Inpaint, fn_constructor_kwargs={"model": "lama.onnx", "preset": "lama"},
                         batch_size=8, num_cpus=4, compute=ray.data.ActorPoolStrategy(size=16))

    model, edge: as of limner.Inpainter; paths must be there on every node. image, mask: columns that hold files' bytes,
    arrays (height, width, channels) or paths; they are left out of what comes back unless keep. result: the ending of
    the format whose bytes stand in the column `into`, or "array". threads: by default the actor's num_cpus. options:
    those of limner.inpaint.

    Rows get `into`, `error` and `try_again`. Rows that have an `error` already are passed on. A model that cannot be
    loaded raises, and ends the job.
    """

    def __init__(
        self,
        model: Any,
        *,
        edge: Any = None,
        image: str = "image",
        mask: str = "mask",
        result: str = "png",
        into: str = "result",
        keep: bool = False,
        threads: int | None = None,
        **options: Any,
    ) -> None:
        painter = limner.Inpainter(model, edge=edge, threads=_threads() if threads is None else threads, **options)
        super().__init__(painter, (image, mask), result, into, keep)


class Upscale(_Pictures):
    """Makes pictures of pictures: limner.upscale for map_batches. As Inpaint, without masks."""

    def __init__(
        self,
        model: Any,
        *,
        image: str = "image",
        result: str = "png",
        into: str = "result",
        keep: bool = False,
        threads: int | None = None,
        **options: Any,
    ) -> None:
        painter = limner.Upscaler(model, threads=_threads() if threads is None else threads, **options)
        super().__init__(painter, (image,), result, into, keep)


# ---- arrays ----


class Run(_Worker):
    """Runs a model on arrays, row by row: limner.Session for map_batches.

    model: as of limner.Session; a path must be there on every node. inputs, outputs: columns by the model's names;
    without them columns have the model's names, and all outputs are made. A cell is an input, or one without its first
    dimension when that is 1; outputs then are without theirs, too. keep: the columns of inputs stay. threads: by
    default the actor's num_cpus. options: those of limner.Session.

    Rows get the outputs, `error` and `try_again`, as with Inpaint; of rows that failed, outputs are empty arrays.
    """

    def __init__(
        self,
        model: Any,
        *,
        inputs: Mapping[str, str] | None = None,
        outputs: Mapping[str, str] | None = None,
        keep: bool = False,
        threads: int | None = None,
        **options: Any,
    ) -> None:
        self._session = limner.Session(model, threads=_threads() if threads is None else threads, **options)
        self._inputs = dict(inputs) if inputs is not None else {value.name: value.name for value in self._session.inputs if not value.optional}
        self._outputs = dict(outputs) if outputs is not None else {value.name: value.name for value in self._session.outputs}
        self._ranks = {value.name: None if value.shape is None else len(value.shape) for value in self._session.inputs}
        self._kinds = {value.name: value for value in self._session.outputs}
        self._made = tuple(self._outputs.values())
        self._dropped = frozenset() if keep else frozenset(self._inputs.values())

    def _one(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        cells = {name: np.asarray(row[column]) for name, column in self._inputs.items()}
        short = bool(cells) and all(cell.ndim + 1 == self._ranks.get(name) for name, cell in cells.items())
        made = self._session.run({name: cell[None] for name, cell in cells.items()} if short else cells, outputs=list(self._outputs))
        return tuple(array[0] if short and array.shape[:1] == (1,) else array for array in map(np.asarray, made))

    def _failed(self, batch: Batch, done: list[tuple[Any, ...] | None], k: int) -> Any:
        """An empty array of the rank that the others have."""
        example = next((cells[k] for cells in done if cells is not None), None)
        if example is not None:
            return np.zeros((0,) * example.ndim, example.dtype)
        value = self._kinds[list(self._outputs)[k]]
        rank = 1 if value.shape is None else len(value.shape)
        try:
            return np.zeros((0,) * max(1, rank - 1), value.type)
        except TypeError:
            return np.zeros((0,) * max(1, rank - 1), np.float32)
