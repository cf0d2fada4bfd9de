"""Pictures and masks that training never sees: what the quality table and the demo are made of."""

from __future__ import annotations

import numpy as np
import torch

from data import HELD_OUT_PHOTOS, Pictures, load_photo

SIDE = 256
SEED = 20_000
# Left upper corners of the crops of each photograph, in its own pixels.
CROPS = {"chelsea": ((0, 20), (30, 100), (44, 150), (10, 195)), "coffee": ((0, 0), (30, 150), (100, 250), (144, 344))}


def photo_crops() -> np.ndarray:
    """Crops of the held-out photographs, ``[8, 3, SIDE, SIDE]`` in 0..1."""
    crops = [load_photo(name)[:, y:y + SIDE, x:x + SIDE] for name in HELD_OUT_PHOTOS for y, x in CROPS[name]]
    return np.stack(crops)


def to_bytes(pictures: np.ndarray) -> np.ndarray:
    """``[N, C, H, W]`` in 0..1 to bytes ``[N, H, W, C]``."""
    return (np.clip(pictures, 0, 1) * 255 + 0.5).astype(np.uint8).transpose(0, 2, 3, 1)


def pictures_and_masks(count: int = 8) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Sets of pictures, bytes ``[count, SIDE, SIDE, 3]``, and kinds of masks, bool ``[count, SIDE, SIDE]`` with holes True."""
    torch.manual_seed(SEED)
    maker = Pictures(SIDE, torch.device("cpu"), SEED)
    sets = {"photographs": to_bytes(photo_crops())[:count], "procedural": to_bytes(maker.scenes(count).numpy())}
    masks = {"scratches": maker.scratches(count), "text": maker.text[:count], "25 % block": maker.blocks(count, (0.25, 0.25)),
             "one scratch": maker.scratches(count, strokes=2)}
    return sets, {kind: mask[:, 0].numpy() > 0.5 for kind, mask in masks.items()}
