"""Execution providers: there is one, the processor."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

CPU = "CPUExecutionProvider"
# Names of onnxruntime's providers that programs ask for where they may be there or not.
_KNOWN = [
    "TensorrtExecutionProvider",
    "CUDAExecutionProvider",
    "MIGraphXExecutionProvider",
    "ROCMExecutionProvider",
    "OpenVINOExecutionProvider",
    "DnnlExecutionProvider",
    "VitisAIExecutionProvider",
    "QNNExecutionProvider",
    "NnapiExecutionProvider",
    "CoreMLExecutionProvider",
    "DmlExecutionProvider",
    "XnnpackExecutionProvider",
    "CANNExecutionProvider",
    "AzureExecutionProvider",
    CPU,
]


def get_all_providers() -> list[str]:
    return list(_KNOWN)


def get_available_providers() -> list[str]:
    return [CPU]


def check(providers: Sequence[Any] | None, options: Sequence[dict[Any, Any]] | None) -> None:
    """ValueError for what is no list of providers; a warning for each that is not there."""
    if providers is None:
        return
    if options is not None and len(options) != len(providers):
        raise ValueError("there are as many provider_options as providers, or none")
    for provider in providers:
        name = provider[0] if isinstance(provider, tuple) else provider
        if not isinstance(name, str) or isinstance(provider, tuple) and len(provider) != 2:
            raise ValueError(f"a provider is a name, or a name and its options, not {provider!r}")
        if name not in _KNOWN:
            raise ValueError(f"there is no provider called {name}")
        if name != CPU:
            warnings.warn(f"{name} is not there; limner runs on the processor ({CPU})", stacklevel=4)
