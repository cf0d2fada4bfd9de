"""The wheel: its size, what it needs, its types, and that other interpreters take it.

    python tests/python/test_wheel.py FOLDER     the folder that `make wheel` filled
"""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else ROOT / "build/python/wheel").resolve()
MOST_BYTES = 2_000_000

SMOKE = """
import sys, numpy, limner, limner.ort
session = limner.Session(sys.argv[1])
x = numpy.ones((1, 3, 32, 32), numpy.float32)
first = session.run(x)[0]
view = session.run({session.inputs[0].name: x}, copy=False)[0]
assert numpy.array_equal(first, view) and numpy.array_equal(numpy.from_dlpack(limner._limner.tensor(first)), first)
assert numpy.array_equal(limner.ort.InferenceSession(sys.argv[1]).run(None, {session.inputs[0].name: x})[0], first)
picture, mask = numpy.full((32, 48, 3), 128, numpy.uint8), numpy.zeros((32, 48), bool)
mask[8:16, 8:16] = True
assert limner.inpaint(picture, mask, model=session, preset="generator").shape == picture.shape
limner.inpaint(picture, mask, model=session, output="made.jpg")
assert limner.inpaint("made.jpg", mask, model=session).shape == picture.shape
limner.Session(limner.convert(sys.argv[2], "generator").model)
try:
    session.run(x[0])
except limner.ShapeError as error:
    print(sys.version_info[:2], error)
"""

USER = """
import limner
import limner.ort as ort
from limner.backend import prepare
import numpy as np
from PIL import Image
from typing import Any
import pathlib

session = limner.Session("model.onnx", threads=2)
outputs: limner.Outputs = session.run({"x": np.ones(3)}, outputs=["y"])
names: tuple[str, ...] = outputs.names
shape: tuple[int | str | None, ...] | None = session.inputs[0].shape
step: limner.Step = session.profile()[0]
options = ort.SessionOptions()
options.intra_op_num_threads = 2
options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
found: list[ort.NodeArg] = ort.InferenceSession("model.onnx", options, providers=["CPUExecutionProvider"]).get_inputs()
error: type[Exception] = limner.Unsupported
made: np.ndarray[tuple[int, ...], np.dtype[Any]] = limner.inpaint("a.png", np.ones((3, 3), bool), model="model.onnx", edge=session, tile="auto", range=(0, 1))
image: Image.Image = limner.Upscaler("model.onnx", preset="real-esrgan")(Image.open("a.png"))
path: pathlib.Path = limner.upscale("a.png", model=b"", output=pathlib.Path("b.png"))
key: limner.Key = limner.keys("model.pth")[0]
model: bytes | None = limner.convert({"w": np.ones(3)}, "generator", half=True).model
"""


# What `make python` laid out is not what is looked at here.
CLEAN = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def run(*command: object, env: dict[str, str] = CLEAN, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in command], check=False, capture_output=True, text=True, env=env, **options)


class Wheel(unittest.TestCase):
    def setUp(self) -> None:
        wheels = list(FOLDER.glob("*.whl"))
        self.assertEqual(len(wheels), 1, f"{FOLDER} has {len(wheels)} wheels")
        self.wheel = wheels[0]
        self.scratch = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def succeeds(self, *command: object, **options) -> str:
        done = run(*command, **options)
        self.assertEqual(done.returncode, 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
        return done.stdout

    def test_size_and_name(self) -> None:
        self.assertLess(self.wheel.stat().st_size, MOST_BYTES)
        self.assertRegex(self.wheel.name, r"^limner-[\d.]+-cp311-abi3-manylinux_")
        print(f"{self.wheel.name}: {self.wheel.stat().st_size} bytes")

    def test_what_is_in_it(self) -> None:
        names = zipfile.ZipFile(self.wheel).namelist()
        for name in ("limner/py.typed", "limner/_limner.pyi", "limner/_limner.abi3.so", "limner/backend.py", "limner/ort/__init__.py", "limner/__main__.py",
                     "limner/share/presets/lama.preset", "limner/share/templates/generator.onnx"):
            self.assertIn(name, names)
        self.assertEqual([name for name in names if name.endswith((".c", ".h", ".o", ".pyc"))], [])

    def test_abi(self) -> None:
        """Nothing but the stable interface of Python 3.11 is used."""
        self.succeeds(pathlib.Path(sys.executable).with_name("abi3audit"), "--strict", self.wheel)

    def test_types(self) -> None:
        """The package, and a program that uses it as it is installed, under mypy --strict."""
        mypy = (sys.executable, "-m", "mypy", "--strict", "--cache-dir", ROOT / "build/python/mypy")
        self.succeeds(*mypy, ROOT / "python/limner", cwd=self.scratch)
        zipfile.ZipFile(self.wheel).extractall(self.scratch / "site")
        (self.scratch / "user.py").write_text(USER, encoding="utf-8")
        self.succeeds(*mypy, "user.py", cwd=self.scratch, env={**CLEAN, "MYPYPATH": str(self.scratch / "site")})
        for wrong in ("x: int = session.inputs", 'limner.inpaint("a.png", "b.png", model="c", blend="poisson")', 'limner.Upscaler("c", hole="white")'):
            (self.scratch / "user.py").write_text(f"{USER}{wrong}\n", encoding="utf-8")
            self.assertNotEqual(run(*mypy, "user.py", cwd=self.scratch, env={**CLEAN, "MYPYPATH": str(self.scratch / "site")}).returncode, 0, wrong)

    def test_every_interpreter_here(self) -> None:
        """In a fresh environment, with nothing but what pip installs along."""
        tried = []
        for minor in range(11, 20):
            python = shutil.which(f"python3.{minor}")
            if not python or run(python, "-c", "import venv, ensurepip").returncode != 0:
                continue
            with self.subTest(python):
                home = self.scratch / str(minor)
                self.succeeds(python, "-m", "venv", home)
                self.succeeds(home / "bin/pip", "install", "--quiet", "--disable-pip-version-check", self.wheel)
                tried.append(self.succeeds(home / "bin/python", "-c", SMOKE, ROOT / "models/trained/plain/model.onnx", ROOT / "models/trained/plain.pth", cwd=self.scratch).strip())
                self.assertRegex(self.succeeds(home / "bin/limner", "help", "presets"), "lama")
                self.assertRegex(self.succeeds(home / "bin/python", "-m", "limner", "--version"), r"^limner [\d.]+\n$")
        print("\n".join(tried))
        self.assertNotEqual(tried, [])

    def test_a_build_from_the_root(self) -> None:
        """As `pip install .` does it, from the folder above python/."""
        pip = ROOT / "build/python/tools/bin/pip"
        self.succeeds(pip, "wheel", "--quiet", "--disable-pip-version-check", "--no-build-isolation", "--no-deps", "--wheel-dir", self.scratch, ROOT)
        self.assertEqual([path.name.split("-")[2] for path in self.scratch.glob("*.whl")], ["cp311"])


if __name__ == "__main__":
    unittest.main()
