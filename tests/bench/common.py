"""What the benchmarks share: the networks and what they are fed with, how the machine is described, tables."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import os
import pathlib
import platform
import subprocess
import sys
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parents[2]
NETWORKS = ("plain", "inpaint", "edge", "keyvalue")
USUAL = ("plain", "inpaint", "edge")  # without the key/value variant, which is 606 MB
SEED = 1

Inputs = dict[str, tuple[list[int], str]]  # name -> dimensions and numpy's name of the element type


def inputs_of(network: str, batch: int, height: int, width: int | None = None) -> Inputs:
    """The inputs of a network of models/graphs.py for pictures of height x width; one number: squares."""
    size = [height, height if width is None else width]
    if network in ("plain", "keyvalue"):
        inputs: Inputs = {"picture": ([batch, 3, *size], "float32")}
        if network == "keyvalue":
            inputs["mask"] = ([batch, *(-(-side // 16) for side in size)], "int64")
        return inputs
    if network == "edge":
        return {"gray_edge_mask": ([batch, 3, *size], "float32")}
    return {"rgb_edge": ([batch, 4, *size], "float32")}


@dataclass(frozen=True)
class Scale:
    """How large a network is, as models/graphs.py has it."""

    width: int
    bottleneck: int
    blocks: int


def make_model(network: str, folder: pathlib.Path, scale: Scale | None = None) -> pathlib.Path:
    """The network with seeded weights, by default at full width; made once for each version of models/graphs.py."""
    sizes = {} if scale is None else dataclasses.asdict(scale)
    path = folder / f"{'-'.join([network, *map(str, sizes.values())])}.onnx"
    maker = ROOT / "models/graphs.py"
    if not path.exists() or path.stat().st_mtime < maker.stat().st_mtime:
        folder.mkdir(parents=True, exist_ok=True)
        half = path.with_suffix(".part")
        words = [word for name, size in sizes.items() for word in (f"--{name}", str(size))]
        subprocess.run([sys.executable, maker, network, "-o", half, *words], check=True)
        half.rename(path)
    return path


def feeds(inputs: Inputs):
    """Arrays for the inputs, always the same: floats in 0..1, integers 0..3."""
    import numpy as np

    rng = np.random.default_rng(SEED)
    return {name: rng.random(dims, dtype=np.float32) if kind == "float32" else rng.integers(0, 4, dims, dtype=kind)
            for name, (dims, kind) in inputs.items()}


def shape_options(inputs: Inputs) -> list[str]:
    """The inputs as options of the limner command."""
    return [word for name, (dims, _) in inputs.items() for word in ("--shape", f"{name}={'x'.join(map(str, dims))}")]


def available_bytes() -> int:
    """What processes of this machine can still get without swapping."""
    lines = pathlib.Path("/proc/meminfo").read_text().splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), 0)


def memory_mb(key: str) -> float:
    """VmHWM (the most memory that this process ever held) or VmRSS, in megabytes."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) / 1024
    return 0.0


def version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    model = next((line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.processor())
    return {"processor": model, "processors": len(os.sched_getaffinity(0)), "system": platform.platform()}


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
