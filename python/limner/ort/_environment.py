"""What belongs to no session. There is no global state in limner, so most of it does nothing."""

from __future__ import annotations

from typing import Any

import limner


def get_device() -> str:
    return "CPU"


def get_version_string() -> str:
    from limner.ort import __version__

    return __version__


def get_build_info() -> str:
    return f"limner {limner.__version__}"


def set_default_logger_severity(severity: int) -> None:
    """limner logs nothing: what it has to say are exceptions, and Session.note."""
    if not 0 <= severity <= 4:
        raise RuntimeError(f"a severity is 0 (verbose) to 4 (fatal), not {severity}")


def set_default_logger_verbosity(verbosity: int) -> None:
    """limner logs nothing."""


def set_seed(seed: int) -> None:
    """Operators that draw numbers without a seed of their own are not run."""


def set_global_thread_pool_sizes(intra_op: int = 0, inter_op: int = 0) -> None:
    """Threads belong to sessions: SessionOptions.intra_op_num_threads."""


def enable_telemetry_events() -> None:
    """There is no telemetry."""


def disable_telemetry_events() -> None:
    """There is no telemetry."""


def preload_dlls(*unused: Any, **names: Any) -> None:
    """limner needs no other libraries."""


def get_ep_devices() -> list[Any]:
    return []


def has_collective_ops() -> bool:
    return False
