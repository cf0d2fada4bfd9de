"""rembg, insightface and rapidocr as PyPI has them, on onnxruntime and on limner: the same results.

Each runs in a process of its own, once with onnxruntime and once with `limner.ort.install()` before it is imported.
The networks are small ones that are made here; rapidocr's own, which its wheel ships, are tried, too.

    python tests/python/test_apps.py             both sides, compared
    python tests/python/test_apps.py APP SIDE FOLDER     one of them; what it finds goes to FOLDER/SIDE.npz
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import models
import numpy as np
import onnx
from onnx import helper, numpy_helper

APPS = pathlib.Path(__file__).resolve().parents[2] / "build/python/apps/bin/python"
SELF = pathlib.Path(__file__).resolve()


# ---- networks ----


def weights(*shapes: tuple[int, ...], seed: int = 0) -> list[onnx.TensorProto]:
    random = np.random.default_rng(seed)
    scale = lambda shape: np.sqrt(2 / np.prod(shape[1:]))  # noqa: E731
    return [numpy_helper.from_array((random.standard_normal(shape) * scale(shape)).astype(np.float32), f"w{i}") for i, shape in enumerate(shapes)]


def mask_network() -> onnx.ModelProto:
    """As rembg's: [1,3,320,320] -> a mask of the same size."""
    nodes = [
        helper.make_node("Conv", ["input", "w0"], ["1"], pads=[1] * 4, strides=[2, 2]),
        helper.make_node("Relu", ["1"], ["2"]),
        helper.make_node("ConvTranspose", ["2", "w1"], ["3"], pads=[1] * 4, strides=[2, 2]),
        helper.make_node("Sigmoid", ["3"], ["mask"]),
    ]
    return models.model(nodes, [models.value("input", shape=[1, 3, 320, 320])], [models.value("mask", shape=[1, 1, 320, 320])], weights((16, 3, 3, 3), (16, 1, 4, 4)))


def face_network() -> onnx.ModelProto:
    """As insightface's: [N,3,112,112] -> an embedding of 64 numbers."""
    nodes = [
        helper.make_node("Conv", ["data", "w0"], ["1"], pads=[1] * 4, strides=[4, 4]),
        helper.make_node("LeakyRelu", ["1"], ["2"], alpha=0.25),
        helper.make_node("Conv", ["2", "w1"], ["3"], pads=[1] * 4, strides=[4, 4]),
        helper.make_node("Flatten", ["3"], ["4"]),
        helper.make_node("Gemm", ["4", "w2"], ["embedding"], transB=1),
    ]
    shapes = ((16, 3, 3, 3), (16, 16, 3, 3), (64, 16 * 7 * 7))
    return models.model(nodes, [models.value("data", shape=["N", 3, 112, 112])], [models.value("embedding", shape=["N", 64])], weights(*shapes, seed=1))


def swap_network() -> onnx.ModelProto:
    """As insightface's swapper: a face [1,3,128,128] and an embedding [1,512] -> a face."""
    nodes = [
        helper.make_node("Gemm", ["source", "w0"], ["1"], transB=1),
        helper.make_node("Reshape", ["1", "shape"], ["2"]),
        helper.make_node("Conv", ["target", "w1"], ["3"], pads=[1] * 4),
        helper.make_node("Add", ["2", "3"], ["4"]),
        helper.make_node("Relu", ["4"], ["5"]),
        helper.make_node("Conv", ["5", "w2"], ["6"], pads=[1] * 4),
        helper.make_node("Sigmoid", ["6"], ["output"]),
    ]
    held = weights((16, 512), (16, 3, 3, 3), (3, 16, 3, 3), seed=2)
    held.append(numpy_helper.from_array(np.array([1, 16, 1, 1], np.int64), "shape"))
    held.append(numpy_helper.from_array(np.eye(512, dtype=np.float32), "emap"))  # read from the file by the package
    inputs = [models.value("target", shape=[1, 3, 128, 128]), models.value("source", shape=[1, 512])]
    return models.model(nodes, inputs, [models.value("output", shape=[1, 3, 128, 128])], held)


def ink_network() -> onnx.ModelProto:
    """As rapidocr's detector: where there is dark ink in [N,3,H,W], spread over what is near."""
    spread = numpy_helper.from_array(np.full((1, 3, 9, 9), -1 / 243, np.float32), "spread")
    level, gain = (numpy_helper.from_array(np.array([v], np.float32), n) for v, n in ((0.85, "level"), (12, "gain")))
    nodes = [
        helper.make_node("Conv", ["x", "spread"], ["1"], pads=[4] * 4),
        helper.make_node("Add", ["1", "level"], ["2"]),
        helper.make_node("Mul", ["2", "gain"], ["3"]),
        helper.make_node("Sigmoid", ["3"], ["map"]),
    ]
    return models.model(nodes, [models.value("x", shape=["N", 3, "H", "W"])], [models.value("map", shape=["N", 1, "H", "W"])], [spread, level, gain])


def turn_network() -> onnx.ModelProto:
    """As rapidocr's classifier: [N,3,H,W] -> whether a line stands on its head, of two."""
    mean = [helper.make_node("ReduceMean", ["x"], ["1"], axes=[2, 3], keepdims=0), helper.make_node("Gemm", ["1", "w0"], ["2"], transB=1), helper.make_node("Softmax", ["2"], ["y"])]
    return models.model(mean, [models.value("x", shape=["N", 3, "H", "W"])], [models.value("y", shape=["N", 2])], weights((2, 3), seed=3))


def read_network() -> onnx.ModelProto:
    """As rapidocr's reader: [N,3,48,W] -> at each place, how probable each letter is."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    nodes = [
        helper.make_node("Conv", ["x", "w0"], ["1"], strides=[48, 8]),
        helper.make_node("Relu", ["1"], ["2"]),
        helper.make_node("Conv", ["2", "w1"], ["3"]),
        helper.make_node("Squeeze", ["3", "axes"], ["4"]),
        helper.make_node("Transpose", ["4"], ["5"], perm=[0, 2, 1]),
        helper.make_node("Softmax", ["5"], ["y"], axis=2),
    ]
    held = [*weights((32, 3, 48, 8), (len(letters) + 2, 32, 1, 1), seed=4), numpy_helper.from_array(np.array([2], np.int64), "axes")]
    made = models.model(nodes, [models.value("x", shape=["N", 3, 48, "W"])], [models.value("y", shape=["N", "T", len(letters) + 2])], held)
    helper.set_model_props(made, {"character": "\n".join(letters)})
    return made


NETWORKS = {"mask": mask_network, "face": face_network, "swap": swap_network, "ink": ink_network, "turn": turn_network, "read": read_network}


def page() -> np.ndarray:
    """A picture with two lines of text."""
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("RGB", (480, 160), "white")
    draw = ImageDraw.Draw(picture)
    for row, text in enumerate(("limner draws", "ONNX 2026")):
        draw.text((24, 16 + 70 * row), text, "black", ImageFont.load_default(44))
    return np.asarray(picture)


# ---- the programs, each in a process of its own ----


def run_rembg(folder: pathlib.Path) -> dict[str, np.ndarray]:
    from PIL import Image
    from rembg import new_session, remove

    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8))
    session = new_session("u2net_custom", model_path=str(folder / "mask.onnx"))
    return {"mask": np.asarray(remove(picture, session=session, only_mask=True)), "cut": np.asarray(remove(picture, session=session))}


def run_insightface(folder: pathlib.Path) -> dict[str, np.ndarray]:
    import pickle

    from insightface.app.common import Face
    from insightface.model_zoo import get_model

    random = np.random.default_rng(1)
    picture = random.integers(0, 255, (256, 256, 3), np.uint8)
    face = Face(kps=np.array([[90, 100], [160, 100], [125, 140], [100, 180], [150, 180]], np.float32))
    reader = get_model(str(folder / "face.onnx"))
    reader.prepare(0)
    embedding = reader.get(picture, face)
    again = pickle.loads(pickle.dumps(reader.session))
    batch = random.random((3, 3, 112, 112), np.float32)
    swapper = get_model(str(folder / "swap.onnx"))
    source = Face(embedding=random.random(512).astype(np.float32))
    return {
        "embedding": embedding,
        "batch": reader.forward(batch),
        "pickled": again.run(None, {"data": (batch - reader.input_mean) / np.float32(reader.input_std)})[0],
        "swapped": swapper.get(picture, face, source, paste_back=True),
    }


def result_of(output) -> dict[str, np.ndarray]:
    return {"boxes": np.asarray(output.boxes), "texts": np.array(output.txts), "scores": np.asarray(output.scores)}


def run_rapidocr(folder: pathlib.Path) -> dict[str, np.ndarray]:
    from rapidocr import RapidOCR

    paths = {"Det.model_path": "ink", "Cls.model_path": "turn", "Rec.model_path": "read"}
    engine = RapidOCR(params={"Global.text_score": 0.0, "Global.log_level": "error", **{key: str(folder / f"{name}.onnx") for key, name in paths.items()}})
    return result_of(engine(page()))


def run_rapidocr_shipped(folder: pathlib.Path) -> dict[str, np.ndarray]:
    from rapidocr import RapidOCR

    return result_of(RapidOCR(params={"Global.log_level": "error"})(page()))


PROGRAMS = {"rembg": run_rembg, "insightface": run_insightface, "rapidocr": run_rapidocr, "rapidocr-shipped": run_rapidocr_shipped}


def main(app: str, side: str, folder: pathlib.Path) -> None:
    if side == "limner":
        import limner.ort

        limner.ort.install()
    found = PROGRAMS[app](folder)
    import onnxruntime

    assert (onnxruntime.__name__ == "limner.ort") == (side == "limner")
    np.savez(folder / f"{side}.npz", **found)


# ---- both sides ----


@unittest.skipUnless(APPS.exists(), f"{APPS} is not there: make python-apps")
class Apps(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name, network in NETWORKS.items():
            onnx.save(network(), self.folder / f"{name}.onnx")

    def run_side(self, app: str, side: str) -> subprocess.CompletedProcess[str]:
        # rembg takes models from one folder alone, which it is told of.
        environment = {**os.environ, "U2NET_HOME": str(self.folder)}
        return subprocess.run([APPS, SELF, app, side, self.folder], check=False, capture_output=True, text=True, env=environment)

    def compare(self, app: str) -> dict[str, np.ndarray]:
        for side in ("onnxruntime", "limner"):
            done = self.run_side(app, side)
            self.assertEqual(done.returncode, 0, f"{app} on {side}:\n{done.stdout}{done.stderr}")
        theirs, ours = (dict(np.load(self.folder / f"{side}.npz")) for side in ("onnxruntime", "limner"))
        self.assertEqual(list(ours), list(theirs))
        for name, array in theirs.items():
            self.assertEqual((ours[name].dtype, ours[name].shape), (array.dtype, array.shape), name)
            if array.dtype == np.uint8:
                self.assertLessEqual(int(np.abs(ours[name].astype(int) - array).max()), 1, name)
            elif array.dtype.kind == "U":
                self.assertEqual(ours[name].tolist(), array.tolist())
            else:
                np.testing.assert_allclose(ours[name], array, rtol=1e-3, atol=1e-4, err_msg=name)
        return ours

    def test_rembg(self) -> None:
        self.assertGreater(np.ptp(self.compare("rembg")["mask"]), 100)

    def test_insightface(self) -> None:
        self.assertGreater(np.ptp(self.compare("insightface")["embedding"]), 0)

    def test_rapidocr(self) -> None:
        self.assertGreater(len(self.compare("rapidocr")["boxes"]), 1)

    def test_rapidocr_shipped(self) -> None:
        """Its own networks: as soon as limner runs all of their operators."""
        done = self.run_side("rapidocr-shipped", "limner")
        if done.returncode != 0 and "not supported" in done.stderr:
            self.skipTest(next(line for line in done.stderr.splitlines() if "not supported" in line))
        self.assertIn("limner draws", " ".join(self.compare("rapidocr-shipped")["texts"].tolist()))


if __name__ == "__main__":
    if len(sys.argv) == 4:
        main(sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]))
    else:
        unittest.main()
