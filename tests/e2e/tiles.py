"""limner inpaint --tile on networks with many strides: build/venv/bin/python tests/e2e/tiles.py build/limner

Random networks go down and up again by the strides' product, with windows that lie anywhere beside their places. The
whole picture and tiles of several sizes are compared with onnxruntime on the whole picture. LIMNER_TEST_SEED and
LIMNER_TEST_CASES (percent) say which networks and how many. Ends in "tiles: N passed, N failed"; exits 1 when anything
failed.
"""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

SEED = int(os.environ.get("LIMNER_TEST_SEED", "20190101"))
CASES = max(1, 3 * int(os.environ.get("LIMNER_TEST_CASES", "100")) // 100)
STRIDES = (1, 2, 3, 4, 5, 6, 8, 9, 12, 16, 20, 32, 64)
CHANNELS = 4


class Network:
    """A chain of layers. Each one's output has exactly 1/s or s times its input's sides, where s divides them."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng, self.nodes, self.values = rng, [], []
        self.value, self.channels = "x", 4

    def add(self, kind: str, inputs: list[str], **attributes: object) -> None:
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, [self.value, *inputs], [name], **attributes))
        self.value = name

    def constant(self, array: np.ndarray) -> str:
        name = f"c{len(self.values)}"
        self.values.append(numpy_helper.from_array(array, name))
        return name

    def weights(self, shape: tuple[int, ...], fan: int) -> str:
        return self.constant((self.rng.standard_normal(shape) * 1.5 / math.sqrt(fan)).astype(np.float32))

    def pads(self, total: int) -> list[int]:
        """So much a dimension, begin and end anyhow."""
        begin = [int(self.rng.integers(0, total + 1)) for _ in range(2)]
        return begin + [total - b for b in begin]

    def border(self, pads: list[int]) -> None:
        """A Pad of its own."""
        mode = self.rng.choice(["constant", "edge"])
        full = np.array([0, 0, *pads[:2], 0, 0, *pads[2:]], np.int64)
        self.add("Pad", [self.constant(full)], mode=str(mode))

    def conv(self, stride: int, out: int) -> None:
        dilation = int(self.rng.integers(1, 3)) if stride == 1 else 1
        size = int(self.rng.integers(stride, stride + 3)) if stride > 1 else int(self.rng.integers(1, 4))
        total = (size - 1) * dilation + 1 - stride
        attributes = {"strides": [stride] * 2, "dilations": [dilation] * 2}
        way = int(self.rng.integers(0, 4))
        pads = self.pads(total)
        if way == 0 and total:
            self.border(pads)
        elif way == 1 and dilation == 1:
            attributes["auto_pad"] = str(self.rng.choice(["SAME_UPPER", "SAME_LOWER"]))
        else:
            attributes["pads"] = pads
        self.add("Conv", [self.weights((out, self.channels, size, size), self.channels * size * size)], **attributes)
        self.channels = out
        self.add("Elu", [])

    def resize(self, scale: float) -> None:
        """By a scale that is fixed, in a way that is the same wherever the picture is cut."""
        scales = self.constant(np.array([1, 1, scale, scale], np.float32))
        mode = str(self.rng.choice(["nearest", "linear", "cubic"]))
        attributes = {"mode": mode, "coordinate_transformation_mode": str(self.rng.choice(["half_pixel", "asymmetric", "pytorch_half_pixel"]))}
        if mode == "nearest":
            attributes["nearest_mode"] = str(self.rng.choice(["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"]))
        self.add("Resize", ["", scales], **attributes)

    def pool(self, stride: int) -> None:
        size = int(self.rng.integers(stride, stride + 3))
        kind = str(self.rng.choice(["MaxPool", "AveragePool", "LpPool"]))
        self.add(kind, [], kernel_shape=[size] * 2, strides=[stride] * 2, pads=self.pads(size - stride))

    def down(self, stride: int) -> None:
        way = self.rng.random()
        if stride > 1 and way < 0.3:
            if way < 0.15 and stride & (stride - 1) == 0:
                self.resize(1 / stride)
            else:
                self.pool(stride)
            self.conv(1, CHANNELS)
        elif stride > 1 and self.rng.random() < 0.2:
            self.add("SpaceToDepth", [], blocksize=stride)
            self.channels *= stride * stride
            self.conv(1, CHANNELS)
        elif stride > 1 and self.rng.random() < 0.15:
            start, big, step = int(self.rng.integers(0, stride)), 1 << 40, stride
            self.add("Slice", [self.constant(np.array(numbers, np.int64)) for numbers in ([start] * 2, [big] * 2, [2, 3], [step] * 2)])
            self.conv(1, CHANNELS)
        else:
            self.conv(stride, CHANNELS)

    def up(self, stride: int) -> None:
        if stride > 1 and self.rng.random() < 0.3:
            self.resize(stride)
            self.conv(1, CHANNELS)
            return
        if stride > 1 and self.rng.random() < 0.3:
            self.conv(1, CHANNELS * stride * stride)
            self.add("DepthToSpace", [], blocksize=stride)
            self.channels = CHANNELS
            return
        size = int(self.rng.integers(stride, stride + 3))
        crops = self.rng.random() < 0.3
        pads = [0] * 4 if crops else self.pads(size - stride)
        fan = self.channels * max(1, (size // stride) ** 2)
        self.add("ConvTranspose", [self.weights((self.channels, CHANNELS, size, size), fan)], strides=[stride] * 2, pads=pads)
        self.channels = CHANNELS
        if crops and size > stride:
            begin = self.pads(size - stride)
            ends = [b - (size - stride) if b < size - stride else 1 << 40 for b in begin[:2]]
            self.add("Slice", [self.constant(np.array(numbers, np.int64)) for numbers in (begin[:2], ends, [2, 3])])
        self.add("Elu", [])

    def save(self, path: Path) -> None:
        info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", channels, h, w])
                for name, channels, h, w in (("x", 4, "h", "w"), (self.value, 3, "p", "q"))]
        graph = helper.make_graph(self.nodes, "g", info[:1], info[1:], self.values)
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def factors(rng: np.random.Generator, stride: int) -> list[int]:
    """Of the total stride, in any order and grouping."""
    found = []
    while stride > 1:
        choices = [f for f in (2, 3, 4, 5, 6, 8) if stride % f == 0]
        found.append(int(rng.choice(choices)))
        stride //= found[-1]
    return [int(f) for f in rng.permutation(found)] or [1]


def network(path: Path, rng: np.random.Generator, stride: int) -> None:
    """Down by the stride and up again, in steps of their own; skips join maps of one size."""
    net = Network(rng)
    steps = factors(rng, stride)
    kept = []
    for step in steps:
        if net.value != "x":
            kept.append((net.value, net.channels))
        net.down(step)
    mirrored = rng.random() < 0.7
    for step in steps[::-1] if mirrored else factors(rng, stride):
        net.up(step)
        if mirrored and kept and rng.random() < 0.5:
            skip, channels = kept.pop()
            net.add("Concat", [skip], axis=1)
            net.channels += channels
        elif kept:
            kept.pop()
    net.conv(1, 3)
    net.add("Sigmoid", [])
    net.save(path)


def mirrored(count: int, padded: int) -> np.ndarray:
    """Where the positions of a side that is continued by reflection come from."""
    period = max(1, 2 * (count - 1))
    places = np.arange(padded) % period
    return np.where(places < count, places, period - places)


def expected(model: Path, pixels: np.ndarray, hole: np.ndarray, multiple: int) -> np.ndarray:
    """What onnxruntime makes of the whole picture, continued to multiples."""
    height, width = hole.shape
    rows = mirrored(height, -(-height // multiple) * multiple)
    columns = mirrored(width, -(-width // multiple) * multiple)
    light = np.where(hole[..., None], 1, pixels / np.float32(255)).astype(np.float32)
    x = np.concatenate([light.transpose(2, 0, 1), hole[None].astype(np.float32)])[:, rows][:, :, columns]
    y = onnxruntime.InferenceSession(model).run(None, {"x": x[None]})[0][0, :, :height, :width]
    return np.where(hole[..., None], (y.transpose(1, 2, 0) * 255).astype(int), pixels)


class Scene:
    """A picture, long in one direction, and every other block of it hole, by chance."""

    def __init__(self, folder: Path, rng: np.random.Generator, length: int) -> None:
        self.folder = folder
        sides = [length, int(rng.integers(5, 60)) * 2 + 1]
        height, width = sides if rng.random() < 0.5 else sides[::-1]
        self.pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        blocks = rng.random((height // 8 + 1, width // 8 + 1)) < 0.5
        self.hole = np.kron(blocks, np.ones((8, 8), bool))[:height, :width]
        self.hole[-1, -1] = True
        Image.fromarray(self.pixels).save(folder / "p.png", compress_level=1)
        Image.fromarray((self.hole * 255).astype(np.uint8)).save(folder / "k.png")

    def paint(self, *options: object) -> tuple[np.ndarray | None, str]:
        """The painted picture or None, and what was said."""
        words = [LIMNER, "inpaint", "--model", self.folder / "m.onnx", self.folder / "p.png", self.folder / "k.png", "-o", self.folder / "o.png", *options]
        done = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=300)
        painted = np.asarray(Image.open(self.folder / "o.png")).astype(int) if done.returncode == 0 else None
        return painted, done.stderr


def least_tile(folder: Path, rng: np.random.Generator) -> int:
    """The smallest tile that is taken; the message for a smaller one says it."""
    said = Scene(folder, rng, 65).paint("--tile", 1)[1]
    least = re.search(r"they must be at least (\d+)", said)
    assert least, said
    return int(least[1])


def check(scene: Scene, reference: np.ndarray, *options: object) -> str:
    """"" or what is wrong."""
    got, said = scene.paint(*options)
    if got is None or said:
        return f"{options}: {said.strip()}"
    worst = np.abs(got - reference).max()
    return f"{options}: off by up to {worst} of 255" if worst > 1 else ""


def case(stride: int, number: int) -> list[str]:
    """Checks one network; what is wrong with it."""
    rng = np.random.default_rng([SEED, stride, number])
    with tempfile.TemporaryDirectory() as room:
        folder = Path(room)
        network(folder / "m.onnx", rng, stride)
        least = least_tile(folder, rng)
        scene = Scene(folder, rng, int(rng.integers(least, 2 * least)) * 2 + 1)
        reference = expected(folder / "m.onnx", scene.pixels, scene.hole, math.lcm(16, stride))
        sizes = [least, least + int(rng.integers(1, 50)), least + 16 * int(rng.integers(1, 9))]
        wrong = [check(scene, reference)] + [check(scene, reference, "--tile", size) for size in sizes]
        double = 2 * stride
        reference = expected(folder / "m.onnx", scene.pixels, scene.hole, double)
        wrong.append(check(scene, reference, "--multiple", double, "--tile", sizes[1] + double))
        if stride > 1:
            got, said = scene.paint("--tile", least, "--multiple", stride + 1)
            if got is not None or f"--multiple {stride}" not in said:
                wrong.append(f"--multiple {stride + 1} is not refused: {said}")
    return [f"stride {stride}, network {number}: {text}" for text in wrong if text]


def main() -> None:
    print(f"seed {SEED}")
    passed = failed = 0
    for stride in STRIDES:
        for number in range(CASES):
            wrong = case(stride, number)
            print("".join(f"  {line}\n" for line in wrong), end="", flush=True)
            passed, failed = passed + (not wrong), failed + bool(wrong)
    print(f"tiles: {passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    LIMNER = sys.argv[1]
    main()
