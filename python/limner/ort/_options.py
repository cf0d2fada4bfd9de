"""SessionOptions and RunOptions: fields that only take their own type, as onnxruntime's do."""

from __future__ import annotations

import enum
import operator
from collections.abc import Callable
from typing import Any

from limner.ort._errors import NotImplemented as NotImplementedFault


class GraphOptimizationLevel(enum.IntEnum):
    ORT_DISABLE_ALL = 0
    ORT_ENABLE_BASIC = 1
    ORT_ENABLE_EXTENDED = 2
    ORT_ENABLE_LAYOUT = 3
    ORT_ENABLE_ALL = 99


class ExecutionMode(enum.IntEnum):
    ORT_SEQUENTIAL = 0
    ORT_PARALLEL = 1


class ExecutionOrder(enum.IntEnum):
    DEFAULT = 0
    PRIORITY_BASED = 1
    MEMORY_EFFICIENT = 2


def _checked(name: str, kind: type, value: Any) -> Any:
    if kind is int and not isinstance(value, (str, float)):
        return operator.index(value)
    if kind is bool and (value is None or hasattr(type(value), "__bool__")):
        return bool(value)
    if not isinstance(value, kind):
        raise TypeError(f"{name} takes {kind.__name__}, not {type(value).__name__}")
    return value


class _Fields:
    """An object whose attributes are `fields`, each with its type and default."""

    fields: dict[str, tuple[type, Any]] = {}

    def __init__(self) -> None:
        object.__setattr__(self, "_entries", {})
        for name, (_, default) in self.fields.items():
            object.__setattr__(self, name, default)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self.fields:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        object.__setattr__(self, name, _checked(name, self.fields[name][0], value))

    def _add(self, key: str, value: str) -> None:
        self._entries: dict[str, str]
        self._entries[_checked("a configuration's key", str, key)] = _checked("a configuration's value", str, value)

    def _get(self, key: str) -> str:
        if key not in self._entries:
            raise RuntimeError(f"{type(self).__name__} has no configuration called {key}")
        return self._entries[key]


class SessionOptions(_Fields):
    """How a session runs.

    intra_op_num_threads is limner's number of threads. enable_profiling, profile_file_prefix and free dimension
    overrides do what they do in onnxruntime; what else there is has no meaning here, and is kept. Configuration entries
    are kept, too, and some are read: limner.exact, limner.low_memory ('1'), limner.cpu ('avx2', ...), limner.cache (a
    path), and session.model_external_initializers_file_folder_path.
    """

    fields = {
        "enable_cpu_mem_arena": (bool, True),
        "enable_mem_pattern": (bool, True),
        "enable_mem_reuse": (bool, True),
        "enable_profiling": (bool, False),
        "execution_mode": (ExecutionMode, ExecutionMode.ORT_SEQUENTIAL),
        "execution_order": (ExecutionOrder, ExecutionOrder.DEFAULT),
        "graph_optimization_level": (GraphOptimizationLevel, GraphOptimizationLevel.ORT_ENABLE_ALL),
        "inter_op_num_threads": (int, 0),
        "intra_op_num_threads": (int, 0),
        "log_severity_level": (int, -1),
        "log_verbosity_level": (int, 0),
        "logid": (str, ""),
        "optimized_model_filepath": (str, ""),
        "profile_file_prefix": (str, "onnxruntime_profile_"),
        "use_deterministic_compute": (bool, False),
        "use_per_session_threads": (bool, True),
    }

    def __init__(self) -> None:
        super().__init__()
        object.__setattr__(self, "_sizes", {})

    def add_session_config_entry(self, key: str, value: str) -> None:
        self._add(key, value)

    def get_session_config_entry(self, key: str) -> str:
        return self._get(key)

    def add_free_dimension_override_by_name(self, name: str, size: int) -> None:
        self._sizes: dict[str, int]
        self._sizes[name] = operator.index(size)

    def add_free_dimension_override_by_denotation(self, denotation: str, size: int) -> None:
        """Denotations are not read: models in use have none."""

    def add_initializer(self, name: str, value: Any) -> None:
        raise NotImplementedFault.of("limner takes no initializers from elsewhere; put them into the model")

    def add_external_initializers(self, names: Any, values: Any) -> None:
        raise NotImplementedFault.of("limner takes no initializers from elsewhere; put them into the model")

    def register_custom_ops_library(self, path: str) -> None:
        raise NotImplementedFault.of("limner runs no operators of other libraries")

    def has_providers(self) -> bool:
        return False

    def add_provider(self, name: str, options: dict[str, str]) -> None:
        """Every provider is limner, on the processor."""


class RunOptions(_Fields):
    """terminate ends the runs that were given this object, and those that will be until it is unset."""

    fields = {
        "log_severity_level": (int, -1),
        "log_verbosity_level": (int, 0),
        "logid": (str, ""),
        "only_execute_path_to_fetches": (bool, False),
        "terminate": (bool, False),
    }

    def __init__(self) -> None:
        super().__init__()
        object.__setattr__(self, "_cancels", [])

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "terminate" and self.terminate:
            self._cancels: list[Callable[[], None]]
            for cancel in tuple(self._cancels):
                cancel()

    terminate: bool

    def add_run_config_entry(self, key: str, value: str) -> None:
        self._add(key, value)

    def get_run_config_entry(self, key: str) -> str:
        return self._get(key)
