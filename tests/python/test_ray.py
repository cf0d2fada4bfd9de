"""limner.ray without Ray: what its actors do to a batch, and which files belong together. tests/cluster has the rest."""

from __future__ import annotations

import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

import models
import numpy as np

import limner
import limner.ray
from limner.ray import _place, _read

ROOT = pathlib.Path(__file__).resolve().parents[2]
SMALL = ROOT / "models/small"
EDGE, PAINT = str(SMALL / "edge-torchscript17/model.onnx"), str(SMALL / "inpaint-torchscript17/model.onnx")
COMMAND = os.path.abspath(os.environ.get("LIMNER", ROOT / "build/limner"))
LOCAL = ROOT / "tests/data/inpaint"


def batch(**columns: list) -> dict:
    return {name: _place.column(cells) for name, cells in columns.items()}


class Actors(unittest.TestCase):
    def setUp(self) -> None:
        self.image, self.mask = (LOCAL / "noise.png").read_bytes(), (LOCAL / "noise-mask.png").read_bytes()

    def test_files_are_those_of_the_command(self) -> None:
        """And what fails is a row's error, whose words name no file that nobody knows."""
        actor = limner.ray.Inpaint(PAINT, edge=EDGE)
        rows = batch(
            key=["a", "b", "c", "d", "e"],
            image=[self.image, b"text", self.image, b"", {"bytes": self.image, "path": None}],
            mask=[self.mask, self.mask, b"GIF89a", self.mask, self.mask],
            more=[1, 2, 3, 4, 5],
        )
        made = actor(rows)
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([COMMAND, "inpaint", "--edge", EDGE, "--model", PAINT, LOCAL / "noise.png", LOCAL / "noise-mask.png", "-o", f"{folder}/o.png"], check=True)
            expected = pathlib.Path(folder, "o.png").read_bytes()
        self.assertEqual(list(made), ["key", "more", "result", "error", "try_again"])
        self.assertEqual([cell == expected for cell in made["result"]], [True, False, False, False, True])
        self.assertEqual([cell == b"" for cell in made["result"]], [False, True, True, True, False])
        self.assertEqual([bool(text) for text in made["error"]], [False, True, True, True, False])
        self.assertTrue(made["error"][1].startswith("b (image) is no picture"), made["error"][1])
        self.assertIn("c (mask)", made["error"][2])
        self.assertEqual(made["error"][3], "image is empty")
        self.assertFalse(made["try_again"].any())

    def test_nothing_stays(self) -> None:
        """No file in memory, open or named, once a batch is done or has failed."""
        rows = batch(key=["a", "b"], image=[self.image, self.image], mask=[self.mask, b"text"])
        actor = limner.ray.Inpaint(PAINT, edge=EDGE)
        with tempfile.TemporaryDirectory() as actor._memory:
            actor(rows)
            opened = set(os.listdir("/proc/self/fd"))
            actor(rows)
            self.assertEqual((set(os.listdir("/proc/self/fd")), os.listdir(actor._memory)), (opened, []))

    def test_rows_with_errors_are_passed_on(self) -> None:
        rows = batch(key=["a", "b"], image=[b"", self.image], error=["was away", ""], try_again=[True, False])
        made = limner.ray.Upscale(str(ROOT / "tests/data/cli/rgb.onnx"), keep=True, into="large", result="bmp")(rows)
        self.assertEqual((made["error"][0], bool(made["try_again"][0]), made["large"][0]), ("was away", True, b""))
        self.assertEqual((made["error"][1], bool(made["try_again"][1]), made["large"][1][:2]), ("", False, b"BM"))
        self.assertEqual(made["image"][1], self.image)

    def test_arrays(self) -> None:
        rng = np.random.default_rng(1)
        pictures = [rng.integers(0, 256, (40, 40 + i, 3), np.uint8) for i in range(3)]
        holes = [np.pad(np.ones((9, 9), bool), ((9, 22), (9, 22 + i))) for i in range(2)] + [np.zeros((2, 90), np.uint8)]
        made = limner.ray.Inpaint(PAINT, edge=EDGE, result="array")(batch(image=pictures, mask=holes))
        painter = limner.Inpainter(PAINT, edge=EDGE)
        for i in range(2):
            self.assertTrue((made["result"][i] == painter(pictures[i], holes[i])).all())
        self.assertEqual((made["result"][2].shape, made["result"][2].dtype), ((0, 0, 3), np.uint8))
        self.assertIn("aspect", made["error"][2])

    def test_run(self) -> None:
        session = limner.Session(str(ROOT / "tests/data/cli/rgb.onnx"))
        given, gives = session.inputs[0].name, session.outputs[0].name
        cells = [np.random.default_rng(i).random((3, 4, 5 + i), np.float32) for i in range(3)] + [np.zeros((1, 4, 4), np.float32)]
        made = limner.ray.Run(session.model, inputs={given: "x"}, outputs={gives: "y"})(batch(x=cells))
        for i in range(3):
            self.assertTrue((made["y"][i] == session.run(cells[i][None])[0][0]).all())
        self.assertEqual((made["y"][3].shape, bool(made["error"][3])), ((0, 0, 0), True))
        whole = limner.ray.Run(session.model, keep=True)(batch(**{given: [cells[0][None]]}))
        self.assertEqual((whole[gives][0].shape, set(whole)), ((1, 3, 4, 5), {given, gives, "error", "try_again"}))

    def test_bad_models_are_no_rows(self) -> None:
        with self.assertRaises(limner.FileError):
            limner.ray.Run("/nowhere/model.onnx")
        with self.assertRaises(limner.InvalidModel):
            limner.ray.Inpaint(models.__file__)


class Names(unittest.TestCase):
    def test_masks_are_found_as_by_the_command(self) -> None:
        """In folders of random names, beside each other and apart."""
        rng = random.Random(int(os.environ.get("LIMNER_TEST_SEED", "1")))
        for _ in range(300):
            stems = [rng.choice("ab") * rng.randint(1, 2) for _ in range(3)]
            pictures = sorted({f"{stem}.png" for stem in stems})
            forms = ("{}.png", "{}_mask.png", "{}_mask001.png", "{}_mask01.jpg", "mask_{}.png", "{}_maskx.png")
            masks = sorted({rng.choice(forms).format(rng.choice(stems)) for _ in range(rng.randint(1, 6))})
            found = _read._masks_of([f"m/{mask}" for mask in masks])
            for picture in pictures:
                stem = picture[:-4]
                kinds = {mask: self.kind(mask.rsplit(".", 1)[0], stem) for mask in masks}
                best = min((kind for kind in kinds.values() if kind is not None), default=None)
                fitting = [mask for mask, kind in kinds.items() if kind is not None and kind == best]
                path, problem = _read._choose_mask(found, stem, "m")
                self.assertEqual(path, f"m/{fitting[0]}" if len(fitting) == 1 else "", (picture, masks, problem))
                self.assertEqual(bool(problem), len(fitting) != 1)

    @staticmethod
    def kind(mask: str, stem: str) -> int | None:
        """docs/inpainting.md, read anew."""
        if mask == stem:
            return 0
        if mask == f"{stem}_mask":
            return 1
        if mask.startswith(f"{stem}_mask") and mask[len(stem) + 5 :].isdigit():
            return 2
        return 3 if mask == f"mask_{stem}" else None

    def test_masks_beside_pictures_are_no_pictures(self) -> None:
        names = ["f/a.png", "f/a_mask.png", "f/b.jpg", "f/mask_b.png", "f/c_mask.png", "f/mask_.png"]
        self.assertEqual(_read._without_masks(names), ["f/a.png", "f/b.jpg", "f/c_mask.png", "f/mask_.png"])

    def test_keys(self) -> None:
        for key in ("a", "a b/c", "é.x", "a..b"):
            _place.check_key(key)
        for key in ("", "/a", "a/", "a//b", "..", "a/../b", ".", "a\0b"):
            with self.assertRaises(limner.InvalidArgument, msg=key):
                _place.check_key(key)

    def test_what_passes(self) -> None:
        for error in (limner.OutOfMemory(), limner.TryAgain(), limner.Cancelled(), MemoryError(), TimeoutError(), OSError("the store is away"), OSError(28, "full")):
            self.assertTrue(_place.passes(error), repr(error))
        for error in (limner.FileError(), limner.InvalidArgument(), limner.ShapeError(), ValueError(), FileNotFoundError(), PermissionError()):
            self.assertFalse(_place.passes(error), repr(error))


class WithoutRay(unittest.TestCase):
    def test_import(self) -> None:
        """limner and limner.ray load neither Ray nor pyarrow; what needs them says what to install."""
        code = """
import sys
sys.modules["ray"] = sys.modules["pyarrow"] = None
import limner, limner.ray
try:
    limner.ray.finished("/tmp")
except ImportError as error:
    print(error)
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout, 'limner.ray needs pyarrow.fs: pip install "ray[data]"\n')


if __name__ == "__main__":
    unittest.main()
