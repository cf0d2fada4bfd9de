"""Pictures, masks and folders that the tests of clusters share. Python's standard library only."""

from __future__ import annotations

import random
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from cli import png  # noqa: E402

MODEL = ROOT / "models" / "small" / "plain-torchscript17" / "model.onnx"


def picture(seed: int, side: int) -> bytes:
    return png(side, side, 2, 8, list(random.Random(seed).randbytes(3 * side * side)))


def mask(side: int) -> bytes:
    """A hole in the middle."""
    row = range(side)
    return png(side, side, 0, 8, [255 if side // 4 <= x < side // 2 and side // 4 <= y < side // 2 else 0 for y in row for x in row])


def make_folder(folder: Path, count: int, side: int) -> list[str]:
    folder.mkdir(parents=True)
    for i in range(count):
        (folder / f"IMG_{i:05}.png").write_bytes(picture(i, side))
    return sorted(path.name for path in folder.iterdir())


def same_folders(a: Path, b: Path) -> bool:
    """Whether they hold the same files, hidden ones too, with the same bytes."""
    return {p.name: p.read_bytes() for p in a.iterdir()} == {p.name: p.read_bytes() for p in b.iterdir()}


def remove_partial(folder: Path) -> None:
    """What a signal may leave of a file that was being written; it has a name that nobody takes for a picture."""
    for path in folder.glob(".limner-*"):
        path.unlink()


def most_memory() -> float:
    """The most megabytes that this process has held. (getrusage counts what its parent held before exec, too.)"""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024
