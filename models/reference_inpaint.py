#!/usr/bin/env python3
"""Fill the hole of a picture in Python: what ``limner inpaint`` must equal.

EdgeConnect's test mode step by step, with onnxruntime for the networks and scikit-image for the edges; without
``--edge`` a single network that takes RGB, or RGB and the mask. Written for clearness: whole pictures only.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image
from skimage import feature

LUMINANCE = (0.2125, 0.7154, 0.0721)


@dataclass(frozen=True)
class Edges:
    """How Canny's detector is set."""

    sigma: float = 2.0
    low: float | None = None
    high: float | None = None


def read_rgb(path: Path) -> np.ndarray:
    """The picture's colours ``[H, W, 3]`` as bytes; alpha is left out."""
    return np.asarray(Image.open(path).convert("RGB"))


def read_hole(path: Path, height: int, width: int, white_is_known: bool = False) -> np.ndarray:
    """True where the mask is brighter than black, at the nearest of its pixels; see-through counts as black."""
    rgba = np.asarray(Image.open(path).convert("RGBA"))
    white = rgba[..., :3].any(axis=-1) & (rgba[..., 3] > 0)
    rows = (2 * np.arange(height) + 1) * white.shape[0] // (2 * height)
    columns = (2 * np.arange(width) + 1) * white.shape[1] // (2 * width)
    return white[np.ix_(rows, columns)] != white_is_known


def gray_of(rgb: np.ndarray) -> np.ndarray:
    """Luminance in 0..1 of bytes ``[H, W, 3]``, in double precision."""
    light = rgb / 255.0
    return LUMINANCE[0] * light[..., 0] + LUMINANCE[1] * light[..., 1] + LUMINANCE[2] * light[..., 2]


def find_edges(rgb: np.ndarray, hole: np.ndarray, edges: Edges = Edges()) -> np.ndarray:
    """Canny's edges outside the hole."""
    return feature.canny(gray_of(rgb), sigma=edges.sigma, low_threshold=edges.low, high_threshold=edges.high, mask=~hole)


def pad(planes: np.ndarray, multiple: int) -> np.ndarray:
    """Continue ``[C, H, W]`` by reflection at its end to multiples of ``multiple``."""
    missing = [(0, 0), *((0, -size % multiple) for size in planes.shape[1:])]
    return np.pad(planes, missing, mode="reflect")


class Network:
    """A model with one input and one output, both ``[1, C, H, W]``."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0]
        self.channels = self.input.shape[1]

    def __call__(self, planes: np.ndarray) -> np.ndarray:
        """``[C, H, W]`` to ``[C', H, W]``."""
        return self.session.run(None, {self.input.name: np.ascontiguousarray(planes[None], np.float32)})[0][0]


def whitened(planes: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """x * (1 - m) + m"""
    mask = hole.astype(np.float32)
    return planes.astype(np.float32) * (1 - mask) + mask


def merge(painted: np.ndarray, rgb: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """out * m + rgb * (1 - m), as bytes ``[H, W, 3]`` that are cut off, not rounded; padding is left out."""
    mask = hole.astype(np.float32)
    light = rgb.transpose(2, 0, 1) / np.float32(255)
    painted = painted[:, :hole.shape[0], :hole.shape[1]]
    merged = painted * mask + light.astype(np.float32) * (1 - mask)
    return np.clip(merged * np.float32(255), 0, 255).astype(np.uint8).transpose(1, 2, 0)


def inpaint_edges(rgb: np.ndarray, hole: np.ndarray, edge_model: Network, model: Network,
                  edges: Edges = Edges()) -> tuple[np.ndarray, np.ndarray]:
    """EdgeConnect: the picture as bytes, and the edge model's output ``[H, W]`` in 0..1.

    All planes are padded before the first network and cropped after the second.
    """
    mask = hole.astype(np.float32)
    canny = find_edges(rgb, hole, edges).astype(np.float32) * (1 - mask)
    drawn = edge_model(pad(np.stack([whitened(gray_of(rgb), hole), canny, mask]), 4))
    light = rgb.transpose(2, 0, 1) / np.float32(255)
    painted = model(np.concatenate([pad(whitened(light, hole), 4), drawn]))
    return merge(painted, rgb, hole), drawn[0, :hole.shape[0], :hole.shape[1]]


def inpaint_single(rgb: np.ndarray, hole: np.ndarray, model: Network, low: float = 0, high: float = 1,
                   multiple: int = 16) -> np.ndarray:
    """One network on RGB in ``low..high`` with a white hole, and on the mask where it takes four channels."""
    light = rgb.transpose(2, 0, 1) / np.float32(255)
    planes = np.float32(low) + whitened(light, hole) * np.float32(high - low)
    if model.channels == 4:
        planes = np.concatenate([planes, hole.astype(np.float32)[None]])
    painted = (model(pad(planes, multiple)) - np.float32(low)) / np.float32(high - low)
    return merge(painted, rgb, hole)


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image", type=Path)
    parser.add_argument("mask", type=Path, help="the hole is where it is not black")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="the picture to write")
    parser.add_argument("--model", type=Path, required=True, metavar="FILE", help="the network that paints")
    parser.add_argument("--edge", type=Path, metavar="FILE", help="the network that draws edges first")
    parser.add_argument("--sigma", type=float, default=2.0, help="of Canny's detector (default 2)")
    parser.add_argument("--range", default="0,1", metavar="LOW,HIGH", help="of a single network (default 0,1)")
    parser.add_argument("--save-edges", type=Path, metavar="FILE", help="also write the edge model's output")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    chosen = parse_arguments(arguments)
    rgb = read_rgb(chosen.image)
    hole = read_hole(chosen.mask, *rgb.shape[:2])
    if chosen.edge:
        result, drawn = inpaint_edges(rgb, hole, Network(chosen.edge), Network(chosen.model), Edges(chosen.sigma))
        if chosen.save_edges:
            Image.fromarray((drawn * 255).astype(np.uint8)).save(chosen.save_edges)
    else:
        low, high = (float(x) for x in chosen.range.split(","))
        result = inpaint_single(rgb, hole, Network(chosen.model), low, high)
    Image.fromarray(result).save(chosen.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
