#!/usr/bin/env python3
"""Make tests/data/inpaint: pictures with scikit-image's edges of them, and small networks that inpaint.

Run from anywhere; needs numpy, onnx, pillow and scikit-image. What it makes is committed; the same versions make the
same files.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save
from PIL import Image
from skimage import data, feature

FOLDER = Path(__file__).resolve().parent / "inpaint"
sys.path.insert(0, str(FOLDER.parents[2] / "models"))

import reference_inpaint  # noqa: E402

# name, picture, masked, sigma, low, high: tests/tools/test_canny.c has the same table
CASES = (
    ("cat", "cat", False, 2.0, 0.1, 0.2),
    ("cat-hole", "cat", True, 2.0, 0.1, 0.2),
    ("cat-sharp", "cat", True, 0.0, 0.1, 0.2),
    ("cat-thresholds", "cat", False, 1.4, 0.02, 0.3),
    ("cat-wide", "cat", True, 20.0, 0.001, 0.01),
    ("shapes", "shapes", False, 2.0, 0.1, 0.2),
    ("shapes-hole", "shapes", True, 1.0, 0.1, 0.2),
    ("shapes-low", "shapes", False, 1.0, 0.0, 0.0),
    ("noise", "noise", True, 0.5, 0.1, 0.2),
    ("line", "line", False, 2.0, 0.1, 0.2),
    ("small", "small", False, 1.0, 0.05, 0.1),
)


def shapes() -> np.ndarray:
    """Flat areas with straight, slanted and round borders: many equal magnitudes."""
    y, x = np.mgrid[:72, :90]
    out = np.full((72, 90, 3), 40)
    out[10:30, 12:40] = (200, 90, 30)
    out[(x + y) % 24 < 6] = (90, 160, 220)
    out[(x - 60) ** 2 + (y - 40) ** 2 < 300] = 255
    return out.astype(np.uint8)


def pictures() -> dict[str, np.ndarray]:
    """The pictures ``[H, W, 3]`` by name."""
    rng = np.random.default_rng(11)
    return {
        "cat": data.chelsea()[40:168, 60:220],
        "shapes": shapes(),
        "noise": rng.integers(0, 256, (33, 47, 3)).astype(np.uint8),
        "line": rng.integers(0, 256, (1, 40, 3)).astype(np.uint8),
        "small": rng.integers(0, 256, (5, 4, 3)).astype(np.uint8),
    }


def hole_in(picture: np.ndarray, seed: int) -> np.ndarray:
    """A rectangle, a part of the border, and specks."""
    height, width = picture.shape[:2]
    hole = np.random.default_rng(seed).random((height, width)) < 0.004
    hole[height // 4:height // 2, width // 3:width // 2] = True
    hole[:3, :width // 3] = True
    return hole


def make_edges() -> None:
    """Write each picture, its hole, and the edges of each case."""
    all_pictures = pictures()
    for seed, (name, picture) in enumerate(all_pictures.items()):
        Image.fromarray(picture).save(FOLDER / f"{name}.png", optimize=True)
        hole = hole_in(picture, seed)
        Image.fromarray(np.where(hole, 255, 0).astype(np.uint8)).save(FOLDER / f"{name}-mask.png", optimize=True)
    for name, picture, masked, sigma, low, high in CASES:
        rgb = all_pictures[picture]
        hole = hole_in(rgb, list(all_pictures).index(picture)) & masked
        edges = feature.canny(reference_inpaint.gray_of(rgb), sigma=sigma, low_threshold=low, high_threshold=high, mask=~hole)
        Image.fromarray(np.where(edges, 255, 0).astype(np.uint8)).save(FOLDER / f"{name}-edges.png", optimize=True)


def network(inputs: list[tuple[str, int]], sizes: tuple[int | str, int | str], seed: int) -> object:
    """Concatenated inputs, a strided and a transposed convolution, and a sigmoid: local, and different everywhere."""
    rng = np.random.default_rng(seed)
    total = sum(channels for _, channels in inputs)

    def weight(name: str, *shape: int) -> TensorProto:
        return numpy_helper.from_array((rng.standard_normal(shape) * 0.3).astype(np.float32), name)

    names = [name for name, _ in inputs]
    nodes = [helper.make_node("Concat", names, ["all"], axis=1)] if len(inputs) > 1 else []
    nodes += [
        helper.make_node("Conv", ["all" if len(inputs) > 1 else names[0], "w0", "b0"], ["c0"], "down", pads=[1] * 4, strides=[2, 2]),
        helper.make_node("Relu", ["c0"], ["r0"]),
        helper.make_node("ConvTranspose", ["r0", "w1"], ["c1"], "up", pads=[1] * 4, strides=[2, 2]),
        helper.make_node("Sigmoid", ["c1"], ["painted"]),
    ]
    declared = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, c, *sizes]) for n, c in inputs]
    output = helper.make_tensor_value_info("painted", TensorProto.FLOAT, [1, 3, *sizes])
    weights = [weight("w0", 6, total, 3, 3), weight("b0", 6), weight("w1", 6, 3, 4, 4)]
    graph = helper.make_graph(nodes, "painted", declared, [output], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def make_networks() -> None:
    """A four-channel network, one with the mask as an input of its own, and one for a single size."""
    save(network([("rgb_mask", 4)], ("H", "W"), 1), FOLDER / "rgb-mask.onnx")
    save(network([("image", 3), ("mask", 1)], ("H", "W"), 2), FOLDER / "image-and-mask.onnx")
    save(network([("rgb", 3)], (96, 96), 3), FOLDER / "fixed.onnx")
    save(network([("rgb", 3), ("depth", 2)], ("H", "W"), 4), FOLDER / "odd.onnx")


def main() -> int:
    """Make everything; returns the exit status."""
    FOLDER.mkdir(exist_ok=True)
    make_edges()
    make_networks()
    return 0


if __name__ == "__main__":
    sys.exit(main())
