"""How the scripts of this folder run their checks: each in an empty folder of its own, all of them, then one line."""

from __future__ import annotations

import tempfile
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path


def named(names: dict[str, object], prefix: str) -> dict[str, Callable[[Path], None]]:
    """The functions of a script's globals whose names begin with prefix, by what stands behind it."""
    return {name.removeprefix(prefix): value for name, value in names.items() if name.startswith(prefix) and callable(value)}


def run(title: str, checks: dict[str, Callable[[Path], None]], wanted: Iterable[str], again: str) -> int:
    """Runs those that are wanted, or all. again NAME is the command that repeats one. Returns the exit status."""
    passed = failed = 0
    for name in list(wanted) or checks:
        with tempfile.TemporaryDirectory(prefix="limner-", ignore_cleanup_errors=True) as folder:
            try:
                checks[name](Path(folder).resolve())
                passed += 1
            except Exception:  # noqa: BLE001
                failed += 1
                traceback.print_exc()
                print(f"FAIL {name}; repeat: {again} {name}", flush=True)
    print(f"{title}: {passed} passed, {failed} failed")
    return 1 if failed or not passed else 0
