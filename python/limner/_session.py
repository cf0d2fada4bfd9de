"""limner.Session."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any, NamedTuple, Union

from limner import _limner
from limner._arrays import as_input, as_output, as_target
from limner._outputs import Outputs
from limner._pool import Lease, Pool
from limner._profile import Profile

CPUS = ("auto", "portable", "avx2", "avx512")
Source = Union[str, "os.PathLike[str]", bytes, bytearray, memoryview, mmap.mmap, IO[bytes], _limner.Model, Any]


class Value(NamedTuple):
    """An input or output as the model declares it.

    type: 'float32', 'string', ..., or as ONNX writes it, 'seq(tensor(float))', for what is no tensor; shape: sizes, names of free sizes, None for those without a name; None when the
    model declares no shape. optional: an input that has a default value.
    """

    name: str
    type: str
    shape: tuple[int | str | None, ...] | None
    optional: bool


def _read(source: Source) -> Any:
    """source as a path, or as bytes that nobody changes."""
    if isinstance(source, (bytes, mmap.mmap)):
        return source
    if isinstance(source, (bytearray, memoryview)):
        return bytes(source)
    if isinstance(source, (str, os.PathLike)):
        return os.fsdecode(source)
    if hasattr(source, "SerializeToString"):
        return source.SerializeToString()
    if hasattr(source, "read"):
        return bytes(source.read())
    raise TypeError(f"a model is a path, bytes, a binary file or an onnx.ModelProto, not {type(source).__name__}")


def _load(source: Source, folder: Any, limits: dict[str, int] | None) -> tuple[_limner.Model, str | bytes | None]:
    """The model, and what can load it again in another process; None where nothing can."""
    if isinstance(source, _limner.Model):
        return source, None
    read = _read(source)
    model = _limner.Model(read, folder, limits)
    return model, os.path.abspath(read) if isinstance(read, str) else bytes(read)


class Session:
    """Runs a model, from any number of threads.

    model: a path, bytes, an open binary file, an mmap, an onnx.ModelProto, or the `model` of another Session, which
    then share the weights. Weights stay in a file that is given as a path: do not change it while in use.

    threads: at most; 0 is one for each processor that the process may use. cpu: 'auto', 'portable', 'avx2' or
    'avx512'. exact: direct sums only, smaller rounding errors, slower. low_memory: as little memory as can be, slower.
    cache: a file that stores packed weights, so that the next start is short (`save_cache` writes it). profile: time
    every node (`profile()`). plans: how many sets of input shapes are kept ready; 0 is 4. keep_bytes: the most
    activations that stay from run to run; 0 is all. folder: where external data of a model in memory lies. limits: a
    dict of model_bytes, tensor_bytes, arena_bytes, nodes, loop_iterations.

    Raises FileError, InvalidModel, Unsupported, LimitExceeded, OutOfMemory or InvalidArgument.

    Threads that run at the same time use a C session each, which are made when they are needed and stay; they share
    the weights. A session goes to other processes by fork and by pickle: by its path, or with its bytes.
    """

    def __init__(
        self,
        model: Source,
        *,
        threads: int = 0,
        cpu: str = "auto",
        exact: bool = False,
        low_memory: bool = False,
        cache: str | os.PathLike[str] | None = None,
        profile: bool = False,
        plans: int = 0,
        keep_bytes: int = 0,
        folder: str | os.PathLike[str] | None = None,
        limits: Mapping[str, int] | None = None,
    ) -> None:
        if cpu not in CPUS:
            raise _limner.InvalidArgument(f"cpu is {cpu!r}, expected one of {', '.join(CPUS)}")
        self._options: dict[str, Any] = {
            "threads": threads,
            "cpu": cpu,
            "exact": exact,
            "low_memory": low_memory,
            "cache": cache,
            "profile": profile,
            "plans": plans,
            "keep_bytes": keep_bytes,
            "folder": folder,
            "limits": None if limits is None else dict(limits),
        }
        loaded, self._origin = _load(model, folder, self._options["limits"])
        core = {name: value for name, value in self._options.items() if name not in ("cpu", "folder")}
        self._pool = Pool(loaded, {**core, "cpu": CPUS.index(cpu)})
        self._describe()

    def _describe(self) -> None:
        self._inputs = tuple(Value(*row) for row in self._pool.model.inputs)
        self._outputs = tuple(Value(*row) for row in self._pool.model.outputs)
        self._types = {value.name: value.type for value in self._inputs}

    # ---- running ----

    def run(
        self,
        *inputs: Any,
        outputs: str | Sequence[str] | None = None,
        out: Mapping[str, Any] | None = None,
        copy: bool = True,
    ) -> Outputs:
        """Runs the model once: session.run({"image": a, "mask": b}) or session.run(a, b), in the order of `inputs`.

        Inputs are NumPy arrays, buffers, or what has __dlpack__ (tensors of PyTorch, ...), of the declared type and
        shape; they are read where they lie if they are dense. Numbers and lists become arrays of the declared type.
        outputs: a name or names, in the order to return; None is all. out: arrays that outputs are written to, by name,
        dense and of the right type and shape. They are returned in the outputs' places.

        Strings are arrays of str, a sequence is a list, a map a dict, an optional value None or what it has.

        Returns Outputs, a list that takes names, too: NumPy arrays with memory of their own. With copy=False they lie
        read-only in the memory of the run, which stays theirs while one of them is alive.

        Raises InvalidArgument, ShapeError, LimitExceeded, OutOfMemory, or Cancelled after cancel().
        """
        pairs = self._pair(inputs)
        names = self._names(outputs)
        wanted = [(name, None if out is None or name not in out else as_target(out[name])) for name in names]
        if out is not None and (unknown := [name for name in out if name not in names]):
            raise _limner.InvalidArgument(f"out has {unknown[0]!r}, which is none of the outputs asked for")
        core = self._pool.take()
        if not copy:
            return Outputs(map(as_output, core.run(pairs, wanted, Lease(self._pool, core))), names)
        try:
            values = core.run(pairs, wanted, None)
        finally:
            self._pool.give(core)
        return Outputs(map(as_output, values), names)

    def _pair(self, inputs: Sequence[Any]) -> list[tuple[str | None, Any]]:
        types = self._types
        if len(inputs) == 1 and isinstance(inputs[0], Mapping):
            return [(name, as_input(value, types.get(name, ""))) for name, value in inputs[0].items()]
        if len(inputs) > len(self._inputs):
            raise _limner.InvalidArgument(f"{len(inputs)} inputs are given, the model has {len(self._inputs)}")
        return [(value.name, as_input(given, value.type)) for value, given in zip(self._inputs, inputs)]

    def _names(self, outputs: str | Sequence[str] | None) -> tuple[str, ...]:
        if outputs is None:
            return tuple(value.name for value in self._outputs)
        return (outputs,) if isinstance(outputs, str) else tuple(outputs)

    def plan(self, shapes: Mapping[str, Iterable[int]] | Iterable[int]) -> dict[str, Any]:
        """Plans for these input shapes, so that the first run with them is as short as later ones.

        shapes: by the inputs' names, or that of the only input. Returns macs, arena_bytes, weight_bytes and steps.
        """
        by_name = shapes if isinstance(shapes, Mapping) else {self._inputs[0].name: shapes}
        rows = [(name, self._types.get(name, "float32"), tuple(shape)) for name, shape in by_name.items()]
        core = self._pool.take()
        try:
            return core.plan(rows)
        finally:
            self._pool.give(core)

    def cancel(self) -> None:
        """Ends the runs that are going on in other threads; they raise Cancelled."""
        self._pool.cancel()

    # ---- the model ----

    def swap(self, model: Source) -> None:
        """Puts another model in, with inputs and outputs of the same names and types. Runs that are going on end with
        the old one; when anything fails, the session goes on with it."""
        loaded, origin = _load(model, self._options["folder"], self._options["limits"])
        self._pool.swap(loaded)
        self._origin = origin
        self._describe()

    @property
    def model(self) -> _limner.Model:
        """The loaded model, for another Session that shares its weights."""
        return self._pool.model

    @property
    def inputs(self) -> tuple[Value, ...]:
        """What a run must be given comes first, inputs with default values after them."""
        return self._inputs

    @property
    def outputs(self) -> tuple[Value, ...]:
        return self._outputs

    @property
    def metadata(self) -> dict[str, str]:
        """The model's metadata_props."""
        return self._pool.model.metadata

    @property
    def info(self) -> dict[str, Any]:
        """ir_version, model_version, producer_name, producer_version, domain, doc, graph_name, node_count,
        optimized_count, parameters, file_bytes."""
        return self._pool.model.info

    @property
    def opsets(self) -> dict[str, int]:
        return self._pool.model.opsets

    # ---- what it took ----

    def profile(self) -> Profile:
        """The steps of the last plan that ran, with their times; empty before the first run. Needs profile=True."""
        return Profile(self._pool.last.profile())

    def trim(self) -> None:
        """Gives the activations of earlier runs back to the system. The next run takes what it needs again."""
        self._pool.trim()

    def save_cache(self) -> None:
        """Writes packed weights to the file `cache`, if it lacks any. Call it after the first run."""
        core = self._pool.take()
        try:
            core.save_cache()
        finally:
            self._pool.give(core)

    @property
    def held_bytes(self) -> int:
        """Activations and copies of inputs that idle C sessions hold."""
        return sum(core.info["held_bytes"] for core in tuple(self._pool.idle))

    @property
    def threads(self) -> int:
        return self._pool.last.threads

    @property
    def cpu(self) -> str:
        """The instruction set in use."""
        return self._pool.last.cpu

    @property
    def note(self) -> str:
        """What was odd with inputs of the last run and no reason to refuse them; '' for nothing."""
        return self._pool.last.note

    @property
    def cache_note(self) -> str:
        """Why the file `cache` cannot be used; '' for no reason."""
        return self._pool.last.cache_note

    # ---- as a thing of Python ----

    def close(self) -> None:
        """Lets the memory go as soon as no run and no output needs it. Later runs raise ValueError."""
        self._pool.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *unused: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        if self._origin is None:
            raise TypeError("a Session of another's model cannot be pickled")
        return _again, (type(self), self._origin, self._options)

    def __repr__(self) -> str:
        def text(values: Iterable[Value]) -> str:
            return ", ".join(f"{v.name}: {v.type}{'' if v.shape is None else list(v.shape)}" for v in values)

        return f"<limner.Session ({text(self._inputs)}) -> ({text(self._outputs)})>"


def _again(kind: type[Session], origin: Any, options: dict[str, Any]) -> Session:
    return kind(origin, **options)
