"""limner.inpaint, upscale, keys, convert and python -m limner beside the command: the same pixels, files and words.

The command is build/limner, or what LIMNER names.
"""

from __future__ import annotations

import functools
import json
import os
import pathlib
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import unittest
import unittest.mock
import warnings

import models
import numpy as np
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

import limner
from limner import __main__ as program

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMAND = os.path.abspath(os.environ.get("LIMNER", ROOT / "build/limner"))
SMALL = ROOT / "models/small"
TRAINED = ROOT / "models/trained"
EDGE, PAINT = SMALL / "edge-torchscript17/model.onnx", SMALL / "inpaint-torchscript17/model.onnx"
PLAIN = SMALL / "plain-torchscript17/model.onnx"
KEYVALUE = SMALL / "keyvalue-torchscript17/model.onnx"


def picture(height: int, width: int, channels: int, seed: int = 1, depth: int = 8) -> np.ndarray:
    """Smooth, with some noise; one channel has no axis."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / (5 + c)) + np.cos(y / (7 + 2 * c)) for c in range(channels)]
    noise = np.random.default_rng(seed).uniform(-0.1, 0.1, (height, width, channels))
    light = np.clip((np.stack(waves, -1) + 2) / 4 + noise, 0, 1)
    made = (light * (65535 if depth == 16 else 255)).astype(np.uint16 if depth == 16 else np.uint8)
    return made[..., 0] if channels == 1 else made


def hole(height: int, width: int) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    mask[height // 4 : height // 2, width // 3 : 2 * width // 3] = 255
    mask[-9:-4, 3:30] = 255
    return mask


def write(path: pathlib.Path, array: np.ndarray) -> pathlib.Path:
    """A file with these very samples; 16 bits as PNM."""
    if array.dtype == np.uint16:
        path = path.with_suffix(".pnm")
        kind = b"P5" if array.ndim == 2 else b"P6"
        path.write_bytes(kind + b"\n%d %d\n65535\n" % (array.shape[1], array.shape[0]) + array.astype(">u2").tobytes())
    else:
        Image.fromarray(array).save(path)
    return path


def read(path: pathlib.Path) -> np.ndarray:
    if path.suffix != ".pnm":
        return np.asarray(Image.open(path))
    data = path.read_bytes()
    kind, size, peak, body = data.split(b"\n", 3)
    width, height = map(int, size.split())
    shape = (height, width) if kind == b"P5" else (height, width, 3)
    return np.frombuffer(body, ">u2" if peak == b"65535" else "u1").reshape(shape)


def run(*words: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([COMMAND, *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == code, done
    return done


class OnlyDlpack:
    """An array that is no buffer, as tensors of other packages are."""

    def __init__(self, held: np.ndarray) -> None:
        self.held = held

    def __dlpack__(self, **options):
        return self.held.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.held.__dlpack_device__()


class Case(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def inpainted(self, image: pathlib.Path, mask: pathlib.Path, *words: object, ending: str = ".png") -> pathlib.Path:
        """What the command writes."""
        output = self.folder / f"command{ending}"
        run("inpaint", image, mask, *words, "-o", output)
        return output


class Inpaint(Case):
    def test_arrays(self) -> None:
        """Every kind of array gives what the command gives for the file with these samples."""
        mask = write(self.folder / "mask.png", hole(64, 72))
        for channels, depth in [(1, 8), (2, 8), (3, 8), (4, 8), (1, 16), (3, 16)]:
            with self.subTest(channels=channels, depth=depth):
                array = picture(64, 72, channels, depth=depth)
                image = write(self.folder / "image.png", array)
                expected = read(self.inpainted(image, mask, "--model", PLAIN, ending=image.suffix))
                made = limner.inpaint(array, hole(64, 72), model=PLAIN)
                self.assertEqual(made.dtype, array.dtype)
                self.assertEqual(made.shape, (64, 72, 4 if channels in (2, 4) else 3))
                np.testing.assert_array_equal(made, expected)
                np.testing.assert_array_equal(limner.inpaint(image, mask, model=PLAIN), expected)
                known = np.broadcast_to(array[..., None] if channels == 1 else array[..., [0, 0, 0, 1]] if channels == 2 else array, made.shape)
                np.testing.assert_array_equal(made[hole(64, 72) == 0], known[hole(64, 72) == 0])

    def test_images_of_pillow(self) -> None:
        mask_array = hole(64, 72)
        mask = write(self.folder / "mask.png", mask_array)
        for mode in ("L", "LA", "RGB", "RGBA", "P", "1"):
            with self.subTest(mode):
                image = Image.fromarray(picture(64, 72, 4)).convert(mode)
                image.save(self.folder / "image.png")
                expected = read(self.inpainted(self.folder / "image.png", mask, "--model", PLAIN))
                made = limner.inpaint(image, Image.fromarray(mask_array), model=PLAIN)
                self.assertIsInstance(made, Image.Image)
                np.testing.assert_array_equal(np.asarray(made), expected)

    def test_transparency_of_one_colour(self) -> None:
        image = Image.fromarray(picture(40, 48, 3)).convert("P", palette=Image.Palette.ADAPTIVE)
        image.save(self.folder / "image.png", transparency=3)
        mask = write(self.folder / "mask.png", hole(40, 48))
        expected = read(self.inpainted(self.folder / "image.png", mask, "--model", PLAIN))
        made = limner.inpaint(Image.open(self.folder / "image.png"), mask, model=PLAIN)
        self.assertEqual(made.mode, "RGBA")
        np.testing.assert_array_equal(np.asarray(made), expected)

    def test_sixteen_bits_of_pillow(self) -> None:
        """Pillow has no 16-bit colours: the result has 8, as in a format that has no more."""
        array = picture(40, 48, 1, depth=16)
        image = write(self.folder / "image.png", array)
        mask = write(self.folder / "mask.png", hole(40, 48))
        expected = read(self.inpainted(image, mask, "--model", PLAIN, ending=".bmp"))
        made = limner.inpaint(Image.fromarray(array), hole(40, 48), model=PLAIN)
        self.assertEqual(made.mode, "RGB")
        np.testing.assert_array_equal(np.asarray(made), expected)

    def test_masks(self) -> None:
        array, full = picture(64, 72, 3), hole(64, 72)
        image = write(self.folder / "image.png", array)
        expected = read(self.inpainted(image, write(self.folder / "mask.png", full), "--model", PLAIN))
        see_through = np.zeros((64, 72, 4), np.uint8)
        see_through[..., :3] = 255
        see_through[..., 3] = full
        kinds = {
            "bool": full > 0,
            "uint8": full,
            "column": full[..., None],
            "uint16": full.astype(np.uint16) * 257,
            "big-endian": (full.astype(np.uint16) * 257).astype(">u2"),
            "colours": np.repeat(full[..., None], 3, 2),
            "see-through": see_through,
            "strided": np.repeat(full, 2, 1)[:, ::2],
            "flipped": np.ascontiguousarray(full[::-1])[::-1],
            "buffer": memoryview(full),
            "bool by DLPack": OnlyDlpack(full > 0),
            "Pillow's 1": Image.fromarray(full).convert("1"),
            "Pillow's RGBA": Image.fromarray(see_through),
            "path": str(self.folder / "mask.png"),
        }
        painter = limner.Inpainter(PLAIN)
        for name, mask in kinds.items():
            with self.subTest(name), warnings.catch_warnings():
                warnings.simplefilter("error")
                np.testing.assert_array_equal(painter(array, mask), expected)

    def test_a_mask_of_another_size(self) -> None:
        array, small = picture(64, 80, 3), hole(32, 40)
        expected = read(self.inpainted(write(self.folder / "image.png", array), write(self.folder / "mask.png", small), "--model", PLAIN))
        with self.assertWarnsRegex(limner.PictureWarning, "the mask is 40 by 32 pixels, resized to the picture's 80 by 64"):
            made = limner.inpaint(array, small, model=PLAIN)
        np.testing.assert_array_equal(made, expected)

    def test_options(self) -> None:
        """By the names that the command has, as numbers, tuples and words."""
        array = picture(200, 232, 3)
        mask_array = hole(200, 232)
        mask_array[5, 5] = 90
        image, mask = write(self.folder / "image.png", array), write(self.folder / "mask.png", mask_array)
        cases: list[dict] = [
            {"edge": EDGE, "model": PAINT},
            {"edge": EDGE, "model": PAINT, "sigma": 1.5, "canny_low": 0.05, "canny_high": 0.3},
            {"edge": EDGE, "model": PAINT, "tile": 64, "blend": "laplace"},
            {"model": PLAIN, "tile": 128, "overlap": 48},
            {"model": PLAIN, "tile": "auto"},
            {"model": PLAIN, "crop_margin": 16},
            {"model": PLAIN, "blend": "laplace", "threads": 1},
            {"model": PLAIN, "mask_threshold": 127},
            {"model": PLAIN, "mask_white": "known"},
            {"model": PLAIN, "preset": "generator"},
            {"model": PLAIN, "range": (0, 1), "output_range": (0.25, 0.75), "hole": 0.5},
            {"model": PLAIN, "mean": (0.4, 0.5, 0.6), "deviation": 0.2, "order": "bgr"},
            {"model": PLAIN, "size": (96, 64)},
            {"model": PLAIN, "multiple": np.int64(32), "hole": "noise", "seed": 7, "exact": True},
            {"model": KEYVALUE, "mask_grid": np.eye(7, 8, dtype=np.int64)},
        ]
        np.save(self.folder / "grid.npy", np.eye(7, 8, dtype=np.int64))
        small = {"mask_grid": (picture(112, 128, 3), hole(112, 128))}
        for options in cases:
            with self.subTest(str(options)), warnings.catch_warnings():
                warnings.simplefilter("ignore", limner.PictureWarning)
                words = []
                for name, value in options.items():
                    text = "x".join(map(str, value)) if name == "size" else ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
                    text = str(self.folder / "grid.npy") if name == "mask_grid" else text
                    words += ["--" + name.replace("_", "-")] + ([] if value is True else [text])
                given, given_mask = small["mask_grid"] if "mask_grid" in options else (array, mask_array)
                write(image, given), write(mask, given_mask)
                expected = read(self.inpainted(image, mask, *words))
                np.testing.assert_array_equal(limner.inpaint(given, given_mask, **options), expected)

    def test_a_turned_picture(self) -> None:
        """By its path a picture is turned upright, as the command does; Pillow's image is taken as it is."""
        array, mask_array = picture(48, 64, 3), hole(64, 48)
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.fromarray(array).save(self.folder / "turned.jpg", exif=exif, quality=95)
        mask = write(self.folder / "mask.png", mask_array)
        expected = read(self.inpainted(self.folder / "turned.jpg", mask, "--model", PLAIN))
        made = limner.inpaint(self.folder / "turned.jpg", mask_array, model=PLAIN)
        self.assertEqual(made.shape, (64, 48, 3))
        np.testing.assert_array_equal(made, expected)
        held = limner.inpaint(Image.open(self.folder / "turned.jpg"), hole(48, 64), model=PLAIN)
        self.assertEqual((held.size, held.getexif()[0x0112]), ((64, 48), 6))

    def test_written_files(self) -> None:
        """The command's very bytes."""
        exif = Image.Exif()
        exif[0x0112] = 8
        exif[0x010E] = "a picture"
        Image.fromarray(picture(48, 64, 3)).save(self.folder / "image.jpg", exif=exif, dpi=(300, 300), icc_profile=profile(), quality=95)
        mask = write(self.folder / "mask.png", hole(64, 48))
        cases = [(".png", {}), (".jpg", {"quality": 80}), (".webp", {}), (".jpg", {"keep_metadata": True, "orientation": "keep"}), (".bmp", {})]
        for ending, options in cases:
            with self.subTest(ending, **options), warnings.catch_warnings():
                warnings.simplefilter("ignore", limner.PictureWarning)
                words = [word for name, value in options.items() for word in (["--" + name.replace("_", "-")] + ([] if value is True else [value]))]
                expected = self.inpainted(self.folder / "image.jpg", mask, "--model", PLAIN, *words, ending=ending)
                output = self.folder / f"made{ending}"
                self.assertIs(limner.inpaint(self.folder / "image.jpg", mask, model=PLAIN, output=output, **options), output)
                self.assertEqual(output.read_bytes(), expected.read_bytes())

    def test_arrays_into_files(self) -> None:
        array, mask = picture(48, 64, 3), hole(48, 64)
        made = limner.inpaint(array, mask, model=PLAIN)
        self.assertEqual(limner.inpaint(array, mask, model=PLAIN, output=f"{self.folder}/made.png"), f"{self.folder}/made.png")
        np.testing.assert_array_equal(read(self.folder / "made.png"), made)

    def test_images_of_pillow_into_files(self) -> None:
        """What the command makes of the file that Pillow opened."""
        mask = write(self.folder / "mask.png", hole(48, 64))
        image = Image.fromarray(picture(48, 64, 3))
        image.save(self.folder / "image.png", icc_profile=profile(), dpi=(300, 150))
        for ending in (".png", ".jpg"):
            with self.subTest(ending):
                expected = self.inpainted(self.folder / "image.png", mask, "--model", PLAIN, ending=ending)
                output = self.folder / f"made{ending}"
                limner.inpaint(Image.open(self.folder / "image.png"), mask, model=PLAIN, output=output)
                self.assertEqual(output.read_bytes(), expected.read_bytes())
                with Image.open(output) as made:
                    self.assertEqual(made.info["icc_profile"], profile())
        image.getexif()[0x0112] = 3
        with self.assertRaisesRegex(limner.InvalidArgument, "exif_transpose"):
            limner.inpaint(image, mask, model=PLAIN, output=output)

    def test_no_hole(self) -> None:
        """The picture as it was: an own copy, of its own kind."""
        for given in (picture(40, 48, 1), picture(40, 48, 3, depth=16), picture(40, 48, 4)):
            with self.assertWarnsRegex(limner.PictureWarning, "the mask has no hole: the result is the picture as it was"):
                made = limner.inpaint(given, np.zeros((40, 48), bool), model=PLAIN)
            np.testing.assert_array_equal(made, given)
            self.assertEqual((made.dtype, np.shares_memory(made, given)), (given.dtype, False))
        image = Image.fromarray(picture(40, 48, 3)).convert("P")
        path = write(self.folder / "image.png", picture(40, 48, 1))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", limner.PictureWarning)
            self.assertEqual(limner.inpaint(image, np.zeros((40, 48), bool), model=PLAIN), image)
            np.testing.assert_array_equal(limner.inpaint(path, np.zeros((40, 48), bool), model=PLAIN), picture(40, 48, 1))

    def test_sources_of_models(self) -> None:
        array, mask = picture(48, 64, 3), hole(48, 64)
        expected = limner.inpaint(array, mask, model=PAINT, edge=EDGE)
        sessions = limner.Session(PAINT), limner.Session(EDGE)
        for paint, edge in [(PAINT.read_bytes(), EDGE.read_bytes()), sessions, (sessions[0].model, str(EDGE))]:
            np.testing.assert_array_equal(limner.inpaint(array, mask, model=paint, edge=edge), expected)

    def test_warnings(self) -> None:
        """They come from the line that paints, and name options as Python does."""
        array, mask = picture(160, 160, 3), hole(160, 160)
        for paint in (lambda: limner.inpaint(array, mask, model=PAINT, edge=EDGE, tile=64), lambda: limner.Inpainter(PAINT, edge=EDGE, tile=64)(array, mask)):
            with self.assertWarnsRegex(limner.PictureWarning, r"looks at the whole picture at once .* 128 pixels \(crop_margin\)$") as caught:
                paint()
            self.assertEqual(caught.filename, __file__)

    def test_the_model_is_loaded_once(self) -> None:
        path = self.folder / "model.onnx"
        path.write_bytes(PLAIN.read_bytes())
        painter = limner.Inpainter(path)
        first = painter(picture(48, 64, 3), hole(48, 64))
        path.unlink()
        np.testing.assert_array_equal(painter(picture(48, 64, 3), hole(48, 64)), first)
        self.assertEqual(painter(picture(40, 40, 3), hole(40, 40)).shape, (40, 40, 3))

    def test_threads(self) -> None:
        painter = limner.Inpainter(PAINT, edge=EDGE, threads=1)
        pictures = [(picture(48, 64, 3, seed), hole(48, 64)) for seed in range(8)]
        expected = [painter(*pair) for pair in pictures]
        made: list = [None] * len(pictures)

        def work(i: int) -> None:
            made[i] = painter(*pictures[i])

        threads = [threading.Thread(target=work, args=(i,)) for i in range(len(pictures))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for a, b in zip(made, expected):
            np.testing.assert_array_equal(a, b)

    def test_a_child_of_fork(self) -> None:
        array, mask = picture(48, 64, 3), hole(48, 64)
        painter = limner.Inpainter(PAINT, edge=EDGE)
        expected = painter(array, mask)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # that there may be threads
            child = os.fork()
        if child == 0:
            os._exit(0 if np.array_equal(painter(array, mask), expected) else 1)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        np.testing.assert_array_equal(painter(array, mask), expected)

    def test_pickles(self) -> None:
        array, mask = picture(48, 64, 3), hole(48, 64)
        for painter in (limner.Inpainter(str(PAINT), edge=EDGE.read_bytes(), blend="laplace"), limner.Upscaler(upscaler())):
            again = pickle.loads(pickle.dumps(painter))
            given = (array, mask) if isinstance(painter, limner.Inpainter) else (array,)
            np.testing.assert_array_equal(again(*given), painter(*given))
        with self.assertRaisesRegex(TypeError, "cannot be pickled"):
            pickle.dumps(limner.Inpainter(limner.Session(PLAIN)))

    def test_a_cache(self) -> None:
        limner.inpaint(picture(48, 64, 3), hole(48, 64), model=PLAIN, cache_in=self.folder)
        self.assertEqual([path.suffix for path in self.folder.iterdir()], [".limner-cache"])
        with self.assertRaisesRegex(limner.InvalidArgument, "cache is for models that are files"):
            limner.Inpainter(PLAIN.read_bytes(), cache=True)

    def test_another_locale(self) -> None:
        """Numbers have a point whatever the program's language."""
        made = subprocess.run(["localedef", "-i", "de_DE", "-f", "UTF-8", self.folder / "de_DE.UTF-8"], capture_output=True, check=False)
        if not (self.folder / "de_DE.UTF-8").exists():
            self.skipTest(f"a locale with commas cannot be made here: {made.stderr.decode().strip()}")
        array, mask = picture(40, 48, 3), hole(40, 48)
        np.savez(self.folder / "pair.npz", array=array, mask=mask)
        code = """if True:
            import locale, sys, numpy, limner
            locale.setlocale(locale.LC_ALL, "")
            assert locale.str(0.5) == "0,5"
            pair = numpy.load(sys.argv[1])
            numpy.save(sys.argv[2], limner.inpaint(pair["array"], pair["mask"], model=sys.argv[3], hole=0.25, sigma=1.5, preset="generator"))
            assert locale.str(0.5) == "0,5"
            """
        environment = {**os.environ, "LOCPATH": str(self.folder), "LC_ALL": "de_DE.UTF-8"}
        subprocess.run([sys.executable, "-c", code, self.folder / "pair.npz", self.folder / "made.npy", PLAIN], env=environment, check=True)
        np.testing.assert_array_equal(np.load(self.folder / "made.npy"), limner.inpaint(array, mask, model=PLAIN, hole=0.25, sigma=1.5, preset="generator"))

    def test_faults(self) -> None:
        array, mask = picture(48, 64, 3), hole(48, 64)
        image = Image.fromarray(array)
        (self.folder / "text.png").write_text("no picture")
        (self.folder / "exists").mkdir()
        painter = limner.Inpainter(PLAIN)
        cases = [
            ((array.astype(np.float32), mask), {}, limner.InvalidArgument, "the image has elements of type float32, expected uint8 or uint16"),
            ((array, mask.astype(np.int64)), {}, limner.InvalidArgument, "the mask has elements of type int64"),
            ((array.transpose(2, 0, 1), mask), {}, limner.ShapeError, r"the image has shape \(3, 48, 64\), expected \(height, width\) or"),
            ((array[None], mask), {}, limner.ShapeError, r"the image has shape \(1, 48, 64, 3\)"),
            ((array[:0], mask), {}, limner.ShapeError, r"the image has shape \(0, 64, 3\)"),
            ((array, mask[0]), {}, limner.ShapeError, r"the mask has shape \(64,\)"),
            ((array, mask.T), {}, limner.InvalidArgument, "the mask: the mask is 48 by 64 pixels, the picture 64 by 48: their sides are exchanged"),
            ((array, mask[:, :20]), {}, limner.InvalidArgument, "another aspect"),
            ((image.convert("F"), mask), {}, limner.InvalidArgument, "mode F, whose white is not known"),
            ((array, None), {}, TypeError, "the mask is a path, an image of Pillow or an array, not NoneType"),
            ((b"bytes", mask), {}, TypeError, "not bytes"),
            ((array, 5), {}, TypeError, "not int"),
            (("/nowhere/image.png", mask), {}, limner.FileError, "No such file"),
            ((self.folder / "text.png", mask), {}, limner.InvalidArgument, "text.png is no picture of a known kind"),
            ((array, mask), {"output": self.folder / "made.txt"}, limner.InvalidArgument, "cannot tell what to write"),
            ((array, mask), {"output": "/nowhere/made.png"}, limner.FileError, "/nowhere"),
        ]
        for given, more, kind, text in cases:
            with self.subTest(text), self.assertRaisesRegex(kind, text):
                painter(*given, **more)
        np.testing.assert_array_equal(painter(array, mask), limner.inpaint(array, mask, model=PLAIN))
        options = [
            ({"tile": 0}, limner.InvalidArgument, "^tile wants a whole number from 1 to 1000000, not '0'"),
            ({"overlap": 8}, limner.InvalidArgument, "^overlap goes with tile$"),
            ({"canny_low": 0.5}, limner.InvalidArgument, "canny_high 0.2 is below canny_low 0.5"),
            ({"blend": "poisson"}, limner.InvalidArgument, "blend wants none or laplace, not 'poisson'"),
            ({"range": (0, 1, 2)}, limner.InvalidArgument, "range"),
            ({"preset": "nobody"}, limner.FileError, "there is no preset nobody; there are\n.*\\baot-gan\\b"),
            ({"tile": True}, limner.InvalidArgument, "tile is True"),
            ({"seed": {}}, TypeError, "seed cannot be of type dict"),
            ({"scale": 2}, TypeError, "Inpainter has no option 'scale'"),
            ({"max_pixels": 100}, limner.LimitExceeded, "the image: it has 64x48 pixels, above the limit of 100"),
            ({"result": "alpha"}, limner.InvalidArgument, "gives alpha"),
            ({"model": "/nowhere.onnx"}, limner.FileError, "nowhere"),
            ({"model": b"these are words"}, limner.InvalidModel, "not an ONNX model"),
            ({"edge": models.single("Relu")}, limner.Error, "the edge model"),
        ]
        for more, kind, text in options:
            with self.subTest(str(more)), self.assertRaisesRegex(kind, text):
                limner.inpaint(array, mask, **{"model": PLAIN, **more})

    def test_without_pillow(self) -> None:
        """Nothing here needs it."""
        code = "import sys; sys.modules['PIL'] = None; import limner, numpy; print(limner.inpaint(sys.argv[1], sys.argv[2], model=sys.argv[3]).shape, 'PIL.Image' in sys.modules)"
        words = (write(self.folder / "i.png", picture(40, 48, 3)), write(self.folder / "m.png", hole(40, 48)), PLAIN)
        done = subprocess.run([sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout, "(40, 48, 3) False\n")


@functools.cache
def profile() -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def upscaler(scale: int = 2) -> bytes:
    """Repeats each pixel, a little darker."""
    nodes = [helper.make_node("Resize", ["x", "", "s"], ["r"], mode="nearest"), helper.make_node("Mul", ["r", "f"], ["y"])]
    weights = [numpy_helper.from_array(np.array([1, 1, scale, scale], np.float32), "s"), numpy_helper.from_array(np.array(0.7071, np.float32), "f")]
    shape = ["N", 3, "H", "W"]
    made: bytes = models.model(nodes, [models.value("x", TensorProto.FLOAT, shape)], [models.value("y", TensorProto.FLOAT, ["N", 3, "h", "w"])], weights).SerializeToString()
    return made


class Upscale(Case):
    def ran(self, model: pathlib.Path, image: pathlib.Path, *words: object) -> np.ndarray:
        """What the command makes of a folder with this picture."""
        for name in ("in", "out"):
            (self.folder / name).mkdir(exist_ok=True)
        for old in (self.folder / "in").iterdir():
            old.unlink()
        (self.folder / "in" / image.name).write_bytes(image.read_bytes())
        run("run", model, self.folder / "in", "-o", self.folder / "out", *words)
        return read(self.folder / "out" / image.name)

    def test_as_the_command(self) -> None:
        model = self.folder / "model.onnx"
        model.write_bytes(upscaler())
        for channels, depth in [(1, 8), (3, 8), (4, 8), (3, 16)]:
            for options in ({}, {"tile": 64}, {"preset": "real-esrgan"}):
                with self.subTest(channels=channels, depth=depth, **options):
                    array = picture(72, 100, channels, depth=depth)
                    words = [word for name, value in options.items() for word in ("--" + name, value)]
                    expected = self.ran(model, write(self.folder / "image.png", array), *words)
                    made = limner.upscale(array, model=model, **options)
                    self.assertEqual(made.shape[:2], (144, 200))
                    np.testing.assert_array_equal(made, expected)

    def test_single_pictures_as_the_command(self) -> None:
        image, model = write(self.folder / "image.png", picture(64, 64, 3)), self.folder / "model.onnx"
        model.write_bytes(upscaler(3))
        run("run", model, image, "-o", self.folder / "out.png")
        np.testing.assert_array_equal(limner.upscale(image, model=model), read(self.folder / "out.png"))
        limner.upscale(image, model=model, output=self.folder / "made.png")
        self.assertEqual((self.folder / "made.png").read_bytes(), (self.folder / "out.png").read_bytes())

    def test_images_of_pillow(self) -> None:
        image = Image.fromarray(picture(48, 64, 3))
        image.info.update(icc_profile=profile(), dpi=(72, 72))
        made = limner.upscale(image, model=upscaler())
        self.assertEqual((made.mode, made.size, made.info), ("RGB", (128, 96), image.info))

    def test_background_removal(self) -> None:
        """The picture gets the model's channel as its alpha."""
        node = helper.make_node("ReduceMean", ["x"], ["y"], axes=[1], keepdims=1)
        network = models.model([node], [models.value("x", shape=["N", 3, "H", "W"])], [models.value("y", shape=["N", 1, "H", "W"])])
        model = self.folder / "matte.onnx"
        model.write_bytes(network.SerializeToString())
        for channels in (1, 3, 4):
            for options in ({"result": "alpha"}, {"result": "alpha", "size": (32, 32), "output_curve": "sigmoid"}, {"preset": "isnet"}):
                with self.subTest(channels=channels, **options):
                    array = picture(48, 64, channels)
                    words = [word for name, value in options.items() for word in ("--" + name.replace("_", "-"), "x".join(map(str, value)) if name == "size" else value)]
                    made = limner.upscale(array, model=model, **options)
                    self.assertEqual(made.shape, (48, 64, 4))
                    np.testing.assert_array_equal(made, self.ran(model, write(self.folder / "image.png", array), *words))

    def test_faults(self) -> None:
        with self.assertRaisesRegex(TypeError, "Upscaler has no option 'blend'"):
            limner.Upscaler(upscaler(), blend="none")  # type: ignore[call-arg]


class Checkpoints(Case):
    def test_keys(self) -> None:
        path = TRAINED / "edge.pth"
        expected = json.loads(run("keys", path, "--json").stdout)
        found = limner.keys(path)
        self.assertEqual([[key.path, key.key, list(key.shape), key.nbytes] for key in found], [[row["path"], row["key"], row["shape"], row["bytes"]] for row in expected["tensors"]])
        self.assertEqual((found.format, found.dictionary, found.model, found.elements, found.nbytes), (expected["format"], "", "generator", expected["elements"], expected["bytes"]))
        below = limner.keys(str(path), "generator", verify=True)
        self.assertEqual((below.dictionary, below[0].key), ("generator", "encoder.1.bias"))
        with self.assertRaisesRegex(limner.Error, "edge.pth"):
            limner.keys(path, "nothing")
        with self.assertRaises(limner.FileError):
            limner.keys("/nowhere.pth")

    def test_convert(self) -> None:
        for name, template in (("edge", "edge-connect-edge"), ("inpaint", "edge-connect-inpaint"), ("plain", "generator")):
            for words, options in (([], {}), (["--half"], {"half": True}), (["--prefix", "generator.", "--key", ""], {"prefix": "generator.", "key": ""})):
                with self.subTest(name, **options):
                    expected = self.folder / "command.onnx"
                    report = json.loads(run("convert", TRAINED / f"{name}.pth", "--template", template, "-o", expected, "--json", *words).stdout)
                    made = limner.convert(TRAINED / f"{name}.pth", template, **options)
                    self.assertEqual(made.model, expected.read_bytes())
                    self.assertEqual({**made.report, "template": "", "output": ""}, {**report, "template": "", "output": ""})
                    limner.Session(made.model)

    def test_convert_to_a_file(self) -> None:
        output = self.folder / "made.onnx"
        made = limner.convert(TRAINED / "plain.pth", "generator", output=output, external=True)
        self.assertEqual((made.model, made.output), (None, output))
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), ["made.onnx", "made.onnx.data"])
        limner.Session(output)

    def test_convert_a_dictionary(self) -> None:
        """What a module's state_dict() is, without PyTorch here."""
        template = limner.convert(TRAINED / "plain.pth", "generator").model
        path = self.folder / "template.onnx"
        path.write_bytes(template)
        generator = np.random.default_rng(1)
        shapes = {key.key.removeprefix("generator."): key.shape for key in limner.keys(TRAINED / "plain.pth", "generator")}
        weights = {name: generator.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
        self.assertEqual([(key.key, key.type, key.shape) for key in limner.keys(weights)], [(name, "float32", shape) for name, shape in shapes.items()])
        np.savez(self.folder / "weights.npz", **weights)
        made = limner.convert(weights, path)
        self.assertEqual(made.model, limner.convert(self.folder / "weights.npz", path).model)
        self.assertEqual(limner.convert(weights, path).report["checkpoint"], "the dictionary")
        with self.assertRaisesRegex(limner.InvalidArgument, "^the dictionary: .*nothing"):
            limner.keys(weights, "nothing")
        with self.assertRaisesRegex(limner.InvalidArgument, "x has elements of type"):
            limner.convert({"x": np.array(["text"])}, path)

    def test_faults(self) -> None:
        with self.assertRaises(limner.ConversionError) as caught:
            limner.convert({"some.weight": np.ones((2, 3), np.float32)}, "generator")
        self.assertGreater(len(caught.exception.problems), 0)
        self.assertEqual(str(caught.exception), "\n".join(caught.exception.problems))
        self.assertIsInstance(caught.exception, limner.InvalidArgument)
        self.assertEqual(pickle.loads(pickle.dumps(caught.exception)).problems, caught.exception.problems)
        cases = [
            (("/nowhere.pth", "generator"), {}, limner.FileError, "nowhere"),
            ((TRAINED / "plain.pth", "nobody"), {}, limner.FileError, "there is no template nobody; there are\n.* generator\\b"),
            ((TRAINED / "plain.pth", "generator"), {"external": True}, limner.InvalidArgument, "output is missing"),
            ((TRAINED / "plain.pth", "generator"), {"eps": -1}, limner.InvalidArgument, "^eps wants a number that is not negative"),
            ((TRAINED / "plain.pth", "generator"), {"output": "/nowhere/x.onnx"}, limner.FileError, "nowhere"),
        ]
        for given, more, kind, text in cases:
            with self.subTest(text), self.assertRaisesRegex(kind, text):
                limner.convert(*given, **more)


class Program(Case):
    """python -m limner is the command."""

    def both(self, *words: object, given: str = "") -> tuple:
        done = [subprocess.run([*start, *map(str, words)], capture_output=True, input=given.encode(), check=False) for start in ([COMMAND], [sys.executable, "-m", "limner"])]
        return tuple((result.returncode, result.stdout, result.stderr) for result in done)

    def test_the_same_words_and_codes(self) -> None:
        image, mask = write(self.folder / "image.png", picture(48, 64, 3)), write(self.folder / "mask.png", hole(48, 64))
        lines = [
            (),
            ("--version",),
            ("help", "convert"),
            ("inpaint", "--help"),
            ("nothing",),
            ("inpaint", image, mask),
            ("inpaint", image, mask, "--model", PLAIN, "-o", self.folder / "out.png", "--tile", "64", "--overlap", "8"),
            ("inpaint", image, mask, "--model", "nowhere.onnx", "-o", self.folder / "out.png"),
            ("run", PLAIN),
            ("run", PLAIN, image),
            ("inspect", PLAIN),
            ("keys", TRAINED / "edge.pth"),
            ("ops",),
            ("test", SMALL / "plain-torchscript17"),
        ]
        for words in lines:
            with self.subTest(" ".join(map(str, words))):
                command, module = self.both(*words)
                self.assertEqual(*(([line for line in result[1].split(b"\n") if not line.startswith(b"Pictures:")], result[0]) for result in (command, module)))
                self.assertEqual(*([line for line in result[2].split(b"\n") if not line.startswith(b"Pictures:")] for result in (command, module)))

    def test_a_closed_pipe(self) -> None:
        """Ends it by the signal, as it ends the command."""
        for start in ([COMMAND], [sys.executable, "-m", "limner"]):
            reads, writes = os.pipe()
            os.close(reads)
            done = subprocess.run([*start, "ops"], stdout=writes, stderr=subprocess.PIPE, check=False)
            os.close(writes)
            self.assertEqual((done.returncode, done.stderr), (-signal.SIGPIPE, b""), start)

    def test_main_is_a_function(self) -> None:
        """What the script `limner` calls."""
        with unittest.mock.patch.object(sys, "argv", ["limner", "keys", os.devnull, "--json"]), unittest.mock.patch.object(program.signal, "signal"):
            self.assertEqual(program.main(), 1)


if __name__ == "__main__":
    unittest.main()
