"""InferenceSession."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import limner
from limner.ort import _errors, _providers, _trace
from limner.ort._binding import IOBinding
from limner.ort._options import RunOptions, SessionOptions
from limner.ort._types import tensor_type
from limner.ort._values import OrtValue, feed, wrap


class NodeArg(NamedTuple):
    """An input or output: sizes, names of free sizes, None for those without a name."""

    name: str
    type: str
    shape: list[int | str | None]

    def __str__(self) -> str:
        return f"NodeArg(name='{self.name}', type='{self.type}', shape={self.shape})"


class ModelMetadata(NamedTuple):
    custom_metadata_map: dict[str, str]
    description: str
    domain: str
    graph_description: str
    graph_name: str
    producer_name: str
    version: int


_NO_VERSION = (1 << 63) - 1  # onnxruntime's word for a model that has none


def _arguments(options: SessionOptions) -> dict[str, Any]:
    """What limner.Session is given."""
    entries = options._entries
    return {
        "threads": max(0, options.intra_op_num_threads),  # type: ignore[attr-defined]
        "profile": options.enable_profiling,  # type: ignore[attr-defined]
        "exact": entries.get("limner.exact") == "1",
        "low_memory": entries.get("limner.low_memory") == "1",
        "cpu": entries.get("limner.cpu", "auto"),
        "cache": entries.get("limner.cache"),
        "folder": entries.get("session.model_external_initializers_file_folder_path"),
    }


def _shape_of(given: Any) -> tuple[int, ...]:
    """Of an array as the binding takes it: bits and strings come with what they stand for, and their shape."""
    if not isinstance(given, tuple):
        return tuple(given.shape)
    return given[2] if len(given) == 3 else tuple(given[0].shape)


class InferenceSession:
    """onnxruntime's session, over a limner.Session (`limner_session`), which several threads may run at once.

    path_or_bytes: a path, or the bytes of a model. providers: every one is limner on the processor; others than
    CPUExecutionProvider are warned of. Raises NoSuchFile, InvalidProtobuf, InvalidArgument, InvalidGraph, Fail or
    NotImplemented, which lists all that limner does not run.
    """

    def __init__(
        self,
        path_or_bytes: str | bytes | os.PathLike[str],
        sess_options: SessionOptions | None = None,
        providers: Sequence[Any] | None = None,
        provider_options: Sequence[dict[Any, Any]] | None = None,
        **kwargs: Any,
    ) -> None:
        if isinstance(path_or_bytes, (str, os.PathLike)):
            self._source: str | bytes = os.fspath(path_or_bytes)
        elif isinstance(path_or_bytes, bytes):
            self._source = path_or_bytes
        else:
            raise TypeError(f"a model is a path or bytes, not {type(path_or_bytes)}")
        self._model_path = self._source if isinstance(self._source, str) else None
        self._sess_options = sess_options if sess_options is not None else SessionOptions()
        self._set_providers(providers, provider_options, int(kwargs.get("enable_fallback", 1)) == 1)
        self._load()

    def _set_providers(self, providers: Any, options: Any, fallback: bool) -> None:
        self._providers = [_providers.CPU]
        self._provider_options: dict[str, dict[str, str]] = {_providers.CPU: {}}
        try:
            _providers.check(providers, options)
        except ValueError as error:
            if not fallback:
                raise RuntimeError(str(error)) from error
            print(f"limner: {error}; {_providers.CPU} is taken")

    def _load(self) -> None:
        if self._sess_options.optimized_model_filepath:  # type: ignore[attr-defined]
            raise _errors.NotImplemented.of("limner writes no optimised models; leave optimized_model_filepath empty")
        try:
            self.limner_session = limner.Session(self._source, **_arguments(self._sess_options))
        except limner.Error as error:
            raise _errors.of_load(error, self._source) from error
        self._started = time.perf_counter_ns()
        self._traced = False
        values = self.limner_session.inputs
        self._types = {value.name: value.type for value in values}
        self._inputs_meta = [self._node(value) for value in values if not value.optional]
        self._overridable_initializers = [self._node(value) for value in values if value.optional]
        self._outputs_meta = [self._node(value) for value in self.limner_session.outputs]
        self._declared = {value.name: None if value.shape is None else self._node(value).shape for value in values}
        self._plan()

    def _plan(self) -> None:
        """Where every size is declared, what cannot run is found while loading, as in onnxruntime."""
        shapes = {node.name: node.shape for node in self._inputs_meta if self._declared[node.name] is not None}
        if len(shapes) < len(self._inputs_meta) or not all(isinstance(size, int) for shape in shapes.values() for size in shape):
            return
        if any("(" in type_name for type_name in self._types.values()):
            return
        try:
            self.limner_session.plan(shapes)  # type: ignore[arg-type]
        except limner.Error as error:
            raise _errors.of_run(error) from error

    def _node(self, value: limner.Value) -> NodeArg:
        sizes = self._sess_options._sizes
        shape = [sizes.get(size, size) if isinstance(size, str) else size for size in value.shape or ()]
        return NodeArg(value.name, tensor_type(value.type), shape)

    # ---- running ----

    def run(self, output_names: Sequence[str] | None, input_feed: Mapping[str, Any], run_options: RunOptions | None = None) -> list[Any]:
        """The outputs as NumPy arrays: those that are named, or all."""
        return [limner._arrays.as_output(value) for value in self._run(output_names, input_feed, run_options, {})]

    def run_with_ort_values(self, output_names: Sequence[str] | None, input_dict_ort_values: Mapping[str, OrtValue], run_options: RunOptions | None = None) -> list[OrtValue]:
        inputs = {name: value._get_c_value() for name, value in input_dict_ort_values.items()}
        return self._run_values(output_names, inputs, run_options, {})

    def run_with_iobinding(self, iobinding: IOBinding, run_options: RunOptions | None = None) -> None:
        iobinding._run(run_options)

    def run_async(self, output_names: Sequence[str] | None, input_feed: Mapping[str, Any], callback: Callable[[list[Any], Any, str], None], user_data: Any, run_options: RunOptions | None = None) -> None:
        """Returns at once; callback(results, user_data, error) is called in another thread, with '' for no error."""
        self._check_given(input_feed)

        def work() -> None:
            results: list[Any] = []
            message = ""
            try:
                results = self.run(output_names, input_feed, run_options)
            except Exception as error:  # noqa: BLE001 (whatever it is, the callback is told)
                message = str(error)
            callback(results, user_data, message)

        threading.Thread(target=work, name="limner.run_async").start()

    def _run_values(self, output_names: Sequence[str] | None, inputs: Mapping[str, OrtValue], run_options: RunOptions | None, targets: Mapping[str, OrtValue | None]) -> list[OrtValue]:
        memory = {name: value._array for name, value in targets.items() if value is not None}
        values = self._run(output_names, inputs, run_options, memory)
        names = output_names or [node.name for node in self._outputs_meta]
        types = {node.name: node.type for node in self._outputs_meta}
        given = [targets.get(name) for name in names]
        return [wrap(value, types[name]) if target is None else target for name, value, target in zip(names, values, given)]

    def _run(self, output_names: Sequence[str] | None, input_feed: Mapping[str, Any], run_options: RunOptions | None, targets: Mapping[str, Any]) -> list[Any]:
        self._check_given(input_feed)
        if isinstance(output_names, str) or run_options is not None and not isinstance(run_options, RunOptions):
            raise TypeError("run() takes a list of names, a dict of arrays, and RunOptions or None")
        pairs = [(name, self._feed(name, value)) for name, value in input_feed.items()]
        names = list(output_names) if output_names else [node.name for node in self._outputs_meta]
        self._check_outputs(names)
        unique = list(dict.fromkeys(names))
        values = dict(zip(unique, self._execute(pairs, [(name, targets.get(name)) for name in unique], run_options)))
        return [values[name] for name in names]

    def _execute(self, inputs: list[tuple[str, Any]], outputs: list[tuple[str, Any]], run_options: RunOptions | None) -> list[Any]:
        pool = self.limner_session._pool
        core = pool.take()
        cancels = [] if run_options is None else run_options._cancels
        cancels.append(core.cancel)
        try:
            if run_options is not None and run_options.terminate:
                raise limner.Cancelled("the run was not begun")
            return core.run(inputs, outputs, None)
        except limner.Error as error:
            raise _errors.of_run(error) from error
        finally:
            cancels.remove(core.cancel)
            pool.give(core)

    def _check_given(self, input_feed: Mapping[str, Any]) -> None:
        missing = [node.name for node in self._inputs_meta if node.name not in input_feed.keys() and not node.type.startswith("optional")]
        if missing:
            raise ValueError(f"inputs {missing} are required; the feed has {list(input_feed.keys())}")

    def _check_outputs(self, names: Sequence[str]) -> None:
        known = {node.name for node in self._outputs_meta}
        for name in names:
            if name not in known:
                raise _errors.InvalidArgument.of(f"the model has no output {name}; it has {sorted(known)}")

    def _feed(self, name: str, value: Any) -> Any:
        if name not in self._types:
            raise _errors.InvalidArgument.of(f"the model has no input {name}; it has {list(self._types)}")
        if value is None and not self._types[name].startswith("optional"):
            raise _errors.Fail.of(f"input {name} is None")
        try:
            made = feed(value, name, self._types[name])
        except limner.Unsupported as error:
            raise _errors.NotImplemented.of(error) from error
        except limner.InvalidArgument as error:
            raise _errors.InvalidArgument.of(error) from error
        if "(" not in self._types[name]:
            self._check_shape(name, _shape_of(made))
        return made

    def _check_shape(self, name: str, shape: tuple[int, ...]) -> None:
        declared = self._declared[name]
        if declared is None:
            return
        fits = len(shape) == len(declared) and all(not isinstance(d, int) or d == s for d, s in zip(declared, shape))
        if not fits:
            raise _errors.InvalidArgument.of(f"input {name} has shape {list(shape)}, the model declares {declared}")

    # ---- what it is ----

    def io_binding(self) -> IOBinding:
        return IOBinding(self)

    def get_inputs(self) -> list[NodeArg]:
        """Inputs that a run must be given."""
        return self._inputs_meta

    def get_outputs(self) -> list[NodeArg]:
        return self._outputs_meta

    def get_overridable_initializers(self) -> list[NodeArg]:
        """Inputs that have default values."""
        return self._overridable_initializers

    def get_modelmeta(self) -> ModelMetadata:
        info = self.limner_session.info
        return ModelMetadata(
            custom_metadata_map=self.limner_session.metadata,
            description=info["doc"],
            domain=info["domain"],
            graph_description="",
            graph_name=info["graph_name"],
            producer_name=info["producer_name"],
            version=info["model_version"] or _NO_VERSION,
        )

    def get_session_options(self) -> SessionOptions:
        return self._sess_options

    def get_providers(self) -> list[str]:
        return self._providers

    def get_provider_options(self) -> dict[str, dict[str, str]]:
        return self._provider_options

    def set_providers(self, providers: Sequence[Any] | None = None, provider_options: Sequence[dict[Any, Any]] | None = None) -> None:
        self._set_providers(providers, provider_options, fallback=False)

    def disable_fallback(self) -> None:
        """There is nothing to fall back to."""

    def enable_fallback(self) -> None:
        """There is nothing to fall back to."""

    def end_profiling(self) -> str:
        """Writes the profile and returns its name; '' without profiling, and from the second time on."""
        if not self._sess_options.enable_profiling or self._traced:  # type: ignore[attr-defined]
            return ""
        self._traced = True
        return _trace.write(self._sess_options.profile_file_prefix, self.limner_session.profile())  # type: ignore[attr-defined]

    def get_profiling_start_time_ns(self) -> int:
        return self._started if self._sess_options.enable_profiling else 0  # type: ignore[attr-defined]

    def __getstate__(self) -> dict[str, Any]:
        return {"source": self._source, "options": self._sess_options}

    def __setstate__(self, state: dict[str, Any]) -> None:
        InferenceSession.__init__(self, state["source"], state["options"])


Session = InferenceSession
