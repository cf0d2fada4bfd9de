"""limner with the names and manners of onnxruntime: `import limner.ort as ort` is the one changed line.

install() goes further: packages that import onnxruntime themselves get limner. docs/python.md says what differs.
"""

from __future__ import annotations

from limner.ort import capi
from limner.ort._binding import IOBinding, SessionIOBinding
from limner.ort._environment import (
    disable_telemetry_events,
    enable_telemetry_events,
    get_build_info,
    get_device,
    get_ep_devices,
    get_version_string,
    has_collective_ops,
    preload_dlls,
    set_default_logger_severity,
    set_default_logger_verbosity,
    set_global_thread_pool_sizes,
    set_seed,
)
from limner.ort._install import install
from limner.ort._options import ExecutionMode, ExecutionOrder, GraphOptimizationLevel, RunOptions, SessionOptions
from limner.ort._providers import get_all_providers, get_available_providers
from limner.ort._session import InferenceSession, ModelMetadata, NodeArg
from limner.ort._values import OrtDevice, OrtValue

# The version of onnxruntime whose interface this is; limner.__version__ is limner's own.
__version__ = "1.32.0"

__all__ = [
    "ExecutionMode",
    "ExecutionOrder",
    "GraphOptimizationLevel",
    "IOBinding",
    "InferenceSession",
    "ModelMetadata",
    "NodeArg",
    "OrtDevice",
    "OrtValue",
    "RunOptions",
    "SessionIOBinding",
    "SessionOptions",
    "capi",
    "disable_telemetry_events",
    "enable_telemetry_events",
    "get_all_providers",
    "get_available_providers",
    "get_build_info",
    "get_device",
    "get_ep_devices",
    "get_version_string",
    "has_collective_ops",
    "install",
    "preload_dlls",
    "set_default_logger_severity",
    "set_default_logger_verbosity",
    "set_global_thread_pool_sizes",
    "set_seed",
]
