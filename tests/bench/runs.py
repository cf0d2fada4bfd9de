"""Outputs of the limner command."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import numpy as np


def save_feeds(feeds: dict[str, np.ndarray], folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """The inputs as files."""
    files = {name: folder / f"{name}.npy" for name in feeds}
    for name, array in feeds.items():
        np.save(files[name], array)
    return files


def output_of(program: str, model: pathlib.Path, files: dict[str, pathlib.Path], words: list[str], result: pathlib.Path) -> np.ndarray:
    """The model's only output for these inputs, by a process of its own; ends this one when that fails."""
    command = [program, "run", str(model), "-o", str(result), *words]
    command += [word for name, path in files.items() for word in ("--input", f"{name}={path}")]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{done.stderr.strip()}")
    return np.load(result)
