"""limner with pipes in the place of files: build/venv/bin/python tests/e2e/streams.py build/limner

Needs numpy and Pillow. Everything that is read and written as a file is read and written as a stream too, and must come
out the same. Ends in "streams: N passed, N failed"; exits 1 when anything failed.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
from PIL import Image

import runner

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "models" / "small" / "plain-torchscript17" / "model.onnx"
LOCAL = ROOT / "tests" / "data" / "inpaint" / "rgb-mask.onnx"
CHECKPOINTS = ROOT / "tests" / "data" / "checkpoints"
CONVERT = ROOT / "tests" / "data" / "convert" / "plain"


def limner(*words: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([LIMNER, *map(str, words)], input=stdin, capture_output=True, timeout=120)


def good(*words: object, stdin: bytes = b"") -> bytes:
    """Succeeds; what it wrote to standard output."""
    done = limner(*words, stdin=stdin)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def substituted(command: str) -> bytes:
    """By bash, for <(...)."""
    done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=120, env={**os.environ, "L": str(LIMNER)})
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def without_name(text: bytes) -> bytes:
    """An inspection or list without its first line, which names the file."""
    return text.split(b"\n", 1)[1]


def test_models(folder: Path) -> None:
    """From standard input, a substitution, a pipe with a name, and one whose writer comes late."""
    expected = without_name(good("inspect", MODEL))
    assert without_name(good("inspect", "-", stdin=MODEL.read_bytes())) == expected
    assert without_name(substituted(f"$L inspect <(cat '{MODEL}')")) == expected
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    writer = threading.Timer(0.3, lambda: pipe.write_bytes(MODEL.read_bytes()))
    writer.start()
    assert without_name(good("inspect", pipe)) == expected
    writer.join()


def test_checkpoints(folder: Path) -> None:
    """Of every format; and a whole conversion without a file."""
    for name in ("plain.pth", "plain-legacy.pth", "plain.safetensors", "packed.npz"):
        path = CHECKPOINTS / name
        assert without_name(good("keys", "-", stdin=path.read_bytes())) == without_name(good("keys", path)), name
    path = next(CONVERT.glob("saved*"))
    good("convert", path, "--template", "generator", "-o", folder / "a.onnx")
    done = limner("convert", "-", "--template", "generator", "-o", "-", stdin=path.read_bytes())
    assert done.returncode == 0 and b"wrote       -" in done.stderr, done.stderr.decode()
    assert done.stdout == (folder / "a.onnx").read_bytes()
    assert limner("convert", path, "--template", "generator", "-o", "-", "--external").returncode == 2


def test_arrays_and_pictures(folder: Path) -> None:
    """One picture, every way."""
    pixels = np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    picture, mask, out = folder / "p.png", folder / "m.png", folder / "o.png"
    Image.fromarray(pixels).save(picture)
    hole = np.zeros((48, 64), np.uint8)
    hole[10:30, 20:40] = 255
    Image.fromarray(hole).save(mask)
    words = ["inpaint", "--model", LOCAL]
    good(*words, picture, mask, "-o", out)
    expected = np.asarray(Image.open(out))
    piped = good(*words, "-", mask, "-o", "-", stdin=picture.read_bytes())
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(piped))), expected)
    piped = substituted(f"$L inpaint --model <(cat '{LOCAL}') <(cat '{picture}') <(cat '{mask}') -o -")
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(piped))), expected)
    array = folder / "x.npy"
    np.save(array, np.random.default_rng(2).standard_normal((1, 3, 32, 32)).astype(np.float32))
    good("run", MODEL, "--input", f"picture={array}", "--output", f"repaired={folder / 'y.npy'}")
    piped = good("run", MODEL, "--input", "picture=-", "--output", "repaired=-", stdin=array.read_bytes())
    assert np.array_equal(np.load(io.BytesIO(piped)), np.load(folder / "y.npy"))


def test_refusals(folder: Path) -> None:
    """Messages name the stream as it was given, and say what it gave."""
    for stdin, says in ((b"<!DOCTYPE html><html>", b"-: this is a web page"), (b"", b"-: the file is empty"), (MODEL.read_bytes()[:2000], b"limner: -: ")):
        done = limner("inspect", "-", stdin=stdin)
        assert done.returncode == 1 and says in done.stderr and b"/proc" not in done.stderr, done.stderr.decode()
    done = limner("keys", "-", stdin=b"version https://git-lfs.github.com/spec/v1\n")
    assert done.returncode == 1 and b"-: this is a Git LFS note" in done.stderr, done.stderr.decode()
    done = limner("inspect", folder)
    assert done.returncode == 1 and b"not a regular file" in done.stderr, done.stderr.decode()


def main() -> int:
    return runner.run("streams", runner.named(globals(), "test_"), sys.argv[2:], f"{sys.executable} tests/e2e/streams.py {sys.argv[1]}")


if __name__ == "__main__":
    LIMNER = Path(sys.argv[1]).resolve()
    sys.exit(main())
