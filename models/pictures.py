#!/usr/bin/env python3
"""Pictures for training and for the demo: procedural ones, crops of scikit-image's public-domain samples, and damage.

A picture is a float32 array ``[3, S, S]`` in -1..1. Run as a program it writes the demo's pictures.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image

TRAINING_SAMPLES = ("astronaut", "coffee", "rocket", "hubble_deep_field", "retina", "camera", "brick", "grass")
DEMO_SAMPLE = "chelsea"
DEMO_BOX = (100, 10, 384, 294)
DEMO_SIDE = 256
HOLE = 1.0
STROKE_RADIUS = (2.5, 7.5)


def load_sample(name: str) -> Image.Image:
    """A sample picture of scikit-image, as RGB."""
    from skimage import data

    return Image.fromarray(getattr(data, name)()).convert("RGB")


def to_array(image: Image.Image) -> np.ndarray:
    """An RGB image as ``[3, H, W]`` in -1..1."""
    return np.asarray(image, np.float32).transpose(2, 0, 1) / 127.5 - 1


def to_image(picture: np.ndarray) -> Image.Image:
    """``[3, H, W]`` in -1..1 as an RGB image."""
    pixels = np.clip((picture + 1) * 127.5 + 0.5, 0, 255).astype(np.uint8)
    return Image.fromarray(pixels.transpose(1, 2, 0))


def noise(rng: np.random.Generator, side: int, cells: int) -> np.ndarray:
    """Smooth noise ``[side, side]`` in 0..1 with about ``cells`` blobs along a side."""
    coarse = Image.fromarray((rng.random((cells, cells)) * 255).astype(np.uint8))
    return np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC), np.float32) / 255


def shape_mask(rng: np.random.Generator, side: int) -> np.ndarray:
    """A random rotated ellipse, box or set of stripes as ``[side, side]`` of 0 and 1."""
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / side
    angle, cx, cy = rng.uniform(0, np.pi), *rng.uniform(0.1, 0.9, 2)
    u = (x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)
    v = (y - cy) * np.cos(angle) - (x - cx) * np.sin(angle)
    a, b = rng.uniform(0.05, 0.45, 2)
    kind = rng.integers(3)
    if kind == 0:
        return (u / a) ** 2 + (v / b) ** 2 < 1
    if kind == 1:
        return (np.abs(u) < a) & (np.abs(v) < b)
    return np.sin(u * rng.uniform(10, 60)) > rng.uniform(0, 0.9)


def procedural(rng: np.random.Generator, side: int) -> np.ndarray:
    """A picture of shapes with textured fills over a smooth background."""
    picture = np.stack([noise(rng, side, int(rng.integers(2, 6))) for _ in range(3)]) * 2 - 1
    for _ in range(rng.integers(2, 8)):
        colour = rng.uniform(-1, 1, (3, 1, 1)).astype(np.float32)
        texture = (noise(rng, side, int(rng.integers(4, 32))) - 0.5) * rng.uniform(0, 0.8)
        picture = np.where(shape_mask(rng, side), colour + texture, picture)
    return np.clip(picture, -1, 1).astype(np.float32)


def crop(rng: np.random.Generator, photo: Image.Image, side: int) -> np.ndarray:
    """A random square of a photograph, scaled, turned over, with colours mixed and contrast changed."""
    limit = min(photo.size)
    span = int(rng.uniform(min(side * 0.7, limit), limit))
    left, top = (int(rng.integers(0, size - span + 1)) for size in photo.size)
    square = photo.resize((side, side), Image.Resampling.BILINEAR, (left, top, left + span, top + span), reducing_gap=2)
    picture = to_array(square)[:, :: rng.choice((1, -1)), :: rng.choice((1, -1))]
    return recolour(rng, picture)


def recolour(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """The picture with its channels exchanged and each one's contrast and brightness changed."""
    gain = rng.uniform(0.7, 1.2) * rng.uniform(0.8, 1.2, (3, 1, 1))
    shift = rng.uniform(-0.2, 0.2) + rng.uniform(-0.15, 0.15, (3, 1, 1))
    return np.clip(picture[rng.permutation(3)] * gain + shift, -1, 1).astype(np.float32)


def damage(rng: np.random.Generator, picture: np.ndarray, strokes: int) -> np.ndarray:
    """The picture with white strokes, each a chain of discs, painted over it."""
    side = picture.shape[-1]
    y, x = np.mgrid[0:side, 0:side]
    holes = np.zeros((side, side), bool)
    for _ in range(strokes):
        cx, cy = rng.uniform(0, side, 2)
        radius, angle = rng.uniform(*STROKE_RADIUS), rng.uniform(0, 2 * np.pi)
        for _ in range(rng.integers(4, 16)):
            holes |= (x - cx) ** 2 + (y - cy) ** 2 < radius**2
            cx, cy, angle = cx + radius * np.cos(angle), cy + radius * np.sin(angle), angle + rng.normal(0, 0.4)
    return np.where(holes, np.float32(HOLE), picture)


def main(arguments: list[str] | None = None) -> int:
    """Write the demo's picture and the same picture with holes; returns the exit status."""
    parser = argparse.ArgumentParser(description="Write picture.png and damaged.png for the demo.")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write to")
    chosen = parser.parse_args(arguments)
    square = load_sample(DEMO_SAMPLE).crop(DEMO_BOX).resize((DEMO_SIDE, DEMO_SIDE), Image.Resampling.LANCZOS)
    square.save(chosen.out / "picture.png", optimize=True)
    to_image(damage(np.random.default_rng(5), to_array(square), strokes=7)).save(chosen.out / "damaged.png", optimize=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
