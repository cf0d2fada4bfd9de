"""Training pictures and masks, made on the training device in batches; nothing is downloaded.

``Pictures`` makes them, ``Stock`` keeps many and hands out batches.

Pictures are float32 ``[B, 3, S, S]`` in 0..1, masks ``[B, 1, S, S]`` with 1 inside holes. Everything is drawn from
torch's generators, so a seed fixes a run on one kind of device.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

# How often each photograph is drawn beside the others. Only those whose free licence scikit-image names.
TRAINING_PHOTOS = {
    "astronaut": 5, "rocket": 4, "camera": 4, "coins": 2, "hubble_deep_field": 1, "retina": 1, "immunohistochemistry": 2,
    "brick": 1, "grass": 1, "gravel": 1, "text": 1, "cell": 1, "clock": 1}
HELD_OUT_PHOTOS = ("chelsea", "coffee")
LEAF_SIDE = 384
CHUNK = 48
WORDS = "light shadow river stone paper window north garden 1987 museum copper letter 42 harbour signal autumn 0.5 & + ?".split()


def load_photo(name: str) -> np.ndarray:
    """A sample picture of scikit-image as ``[3, H, W]`` float32 in 0..1."""
    from skimage import data

    picture = np.asarray(getattr(data, name)())
    if picture.ndim == 2:
        picture = np.stack([picture] * 3, axis=-1)
    return np.ascontiguousarray(picture[..., :3].transpose(2, 0, 1), np.float32) / 255


def text_atlas(count: int, side: int, seed: int) -> Tensor:
    """Pages of random words, ``[count, 1, side, side]`` of 0 and 1, in several sizes and slants."""
    from PIL import Image, ImageDraw, ImageFont

    rng = np.random.default_rng(seed)
    pages = []
    for _ in range(count):
        size = int(rng.integers(12, 40))
        font = ImageFont.load_default(size)
        page = Image.new("L", (side * 2, side * 2))
        draw = ImageDraw.Draw(page)
        for line in range(0, side * 2, int(size * rng.uniform(1.2, 3))):
            words = " ".join(rng.choice(WORDS, 12))
            draw.text((int(rng.integers(-40, 20)), line), words, fill=255, font=font)
        page = page.rotate(float(rng.normal(0, 12)), resample=Image.Resampling.BILINEAR)
        left, top = (int(v) for v in rng.integers(0, side, 2))
        pages.append(np.asarray(page.crop((left, top, left + side, top + side)), np.float32) > 127)
    return torch.from_numpy(np.stack(pages)[:, None].astype(np.float32))


class Pictures:
    """Endless batches of pictures: crops of photographs, leaves and procedural scenes."""

    def __init__(self, side: int, device: torch.device, seed: int) -> None:
        self.side, self.device = side, device
        self.sources = self._load_sources()
        photos, leaves = list(TRAINING_PHOTOS.values()), len(self.sources) - len(TRAINING_PHOTOS)
        self.weights = torch.tensor([0.75 * w / sum(photos) for w in photos] + [0.25 / leaves] * leaves)
        self.text = text_atlas(96 if device.type == "cuda" else 8, side, seed).to(device)
        axis = (torch.arange(side, device=device, dtype=torch.float32) + 0.5) / side
        self.y, self.x = torch.meshgrid(axis, axis, indexing="ij")

    def _load_sources(self) -> list[Tensor]:
        """What crops are taken from: the photographs, then scenes of leaves."""
        photos = [torch.from_numpy(load_photo(name)).to(self.device) for name in TRAINING_PHOTOS]
        batches, count, layers = (12, 32, 160) if self.device.type == "cuda" else (1, 2, 20)
        return photos + [scene for _ in range(batches) for scene in self._leaves(photos, count, layers)]

    def _leaves(self, photos: list[Tensor], count: int, layers: int) -> Tensor:
        """Opaque ellipses and boxes of all sizes laid over each other, in colours of one photograph a scene."""
        side = LEAF_SIDE
        axis = (torch.arange(side, device=self.device, dtype=torch.float32) + 0.5) / side
        y, x = torch.meshgrid(axis, axis, indexing="ij")
        palettes = torch.stack([photos[index].flatten(1)[:, torch.randint(photos[index][0].numel(), (layers + 1,), device=self.device)]
                                for index in torch.randint(len(photos), (count,)).tolist()])
        scene = palettes[:, :, 0, None, None].expand(-1, -1, side, side)
        for layer in range(1, layers + 1):
            angle, cx, cy = self.uniform(0, math.pi, count, 1, 1), self.uniform(0, 1, count, 1, 1), self.uniform(0, 1, count, 1, 1)
            size = (0.016 + 0.35 * layer / layers * self.uniform(0, 1, count, 1, 1)).reciprocal() * 0.01
            u, v = (x - cx) * angle.cos() + (y - cy) * angle.sin(), (y - cy) * angle.cos() - (x - cx) * angle.sin()
            v = v * self.uniform(0.5, 2.5, count, 1, 1)
            reach = torch.where(self.uniform(0, 1, count, 1, 1) < 0.6, torch.hypot(u, v), torch.maximum(u.abs(), v.abs()))
            sharpness = self.uniform(-1, 1, count, 1, 1).mul(1.5).exp() * side / 2
            shape = ((size - reach) * sharpness + 0.5).clamp(0, 1)[:, None]
            grain = F.interpolate(torch.rand(count, 1, side // 8, side // 8, device=self.device), size=(side, side), mode="bicubic")
            shade = self.uniform(-1, 1, count, 1, 1, 1) * u[:, None] + self.uniform(-0.3, 0.3, count, 1, 1, 1).clamp(min=0) * (grain - 0.5)
            scene = scene * (1 - shape) + (palettes[:, :, layer, None, None] + shade) * shape
        return scene.clamp(0, 1)

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        return torch.rand(*shape, device=self.device) * (high - low) + low

    def noise(self, count: int, channels: int, cells: int) -> Tensor:
        """Smooth noise in 0..1 with about ``cells`` blobs along a side."""
        coarse = torch.rand(count, channels, cells, cells, device=self.device)
        return F.interpolate(coarse, size=(self.side, self.side), mode="bicubic", align_corners=False).clamp(0, 1)

    def crops(self, count: int) -> Tensor:
        """Random crops of photographs and leaves: scaled, turned over, with contrast, brightness and channels changed."""
        batch = []
        for index in torch.multinomial(self.weights, count, replacement=True).tolist():
            photo = self.sources[index]
            limit = min(photo.shape[1:])
            span = int(self._span(limit))
            top, left = (int(torch.randint(0, size - span + 1, ())) for size in photo.shape[1:])
            square = photo[None, :, top:top + span, left:left + span]
            batch.append(F.interpolate(square, size=(self.side, self.side), mode="bilinear", antialias=True, align_corners=False))
        pictures = torch.cat(batch)
        if torch.rand(()) < 0.5:
            pictures = pictures.flip(-1)
        gain = self.uniform(0.75, 1.2, count, 1, 1, 1) * self.uniform(0.85, 1.15, count, 3, 1, 1)
        shift = self.uniform(-0.1, 0.1, count, 3, 1, 1)
        order = torch.randperm(3, device=self.device) if torch.rand(()) < 0.5 else torch.arange(3, device=self.device)
        return ((pictures[:, order] - 0.5) * gain + 0.5 + shift).clamp(0, 1)

    def _span(self, limit: int) -> float:
        low = min(self.side * 0.6, limit)
        return math.exp(float(torch.empty(()).uniform_(math.log(low), math.log(limit))))

    def shapes(self, count: int) -> Tensor:
        """One random region per picture, ``[count, 1, S, S]``: ellipse, box, half-plane, stripes or a perspective grid."""
        angle, cx, cy = self.uniform(0, math.pi, count, 1, 1), self.uniform(0, 1, count, 1, 1), self.uniform(0, 1, count, 1, 1)
        u = (self.x - cx) * angle.cos() + (self.y - cy) * angle.sin()
        v = (self.y - cy) * angle.cos() - (self.x - cx) * angle.sin()
        a, b, pitch = self.uniform(0.05, 0.5, count, 1, 1), self.uniform(0.05, 0.5, count, 1, 1), self.uniform(12, 90, count, 1, 1)
        depth = 1 + 1.5 * self.uniform(0, 1, count, 1, 1) * (v + 0.8).clamp(min=0)
        kinds = torch.stack([(u / a) ** 2 + (v / b) ** 2 < 1, (u.abs() < a) & (v.abs() < b), v < 0, (u * pitch).sin() > 0.3,
                             ((u * pitch / depth).sin() * (v * pitch / depth).sin()) > 0])
        return kinds[torch.randint(5, (count,), device=self.device), torch.arange(count, device=self.device)][:, None].float()

    def scenes(self, count: int) -> Tensor:
        """Flat areas, gradients, textures, shapes, grids and text laid over each other."""
        low, high = self.uniform(0, 1, count, 3, 1, 1), self.uniform(0, 1, count, 3, 1, 1)
        picture = low + (high - low) * self.noise(count, 1, int(torch.randint(2, 6, ()))) * self.uniform(0, 1, count, 1, 1, 1)
        for _ in range(int(torch.randint(2, 7, ()))):
            colour = self.uniform(0, 1, count, 3, 1, 1)
            texture = (self.noise(count, 1, int(torch.randint(4, 48, ()))) - 0.5) * self.uniform(-0.3, 0.6, count, 1, 1, 1).clamp(min=0)
            shape = self.shapes(count)
            picture = picture * (1 - shape) + (colour + texture) * shape
        written = (self.uniform(0, 1, count, 1, 1, 1) < 0.15).float() * self.pages(count)
        picture = picture * (1 - written) + self.uniform(0, 1, count, 3, 1, 1) * written
        grain = torch.randn_like(picture) * self.uniform(-0.04, 0.03, count, 1, 1, 1).clamp(min=0)
        return (picture + grain).clamp(0, 1)

    def pages(self, count: int) -> Tensor:
        top, left = (int(torch.randint(size - self.side + 1, ())) for size in self.text.shape[2:])
        pages = self.text[torch.randint(len(self.text), (count,), device=self.device)]
        return pages[..., top:top + self.side, left:left + self.side]

    def batch(self, count: int) -> Tensor:
        """Four fifths crops, one fifth scenes."""
        scenes = count // 5
        return torch.cat([self.crops(count - scenes), self.scenes(scenes)])

    # ---- masks ----

    def scratches(self, count: int, strokes: int = 10, sparse: bool = False) -> Tensor:
        """Chains of thin straight strokes; ``sparse`` leaves a share of them out, another share in each picture."""
        start = self.uniform(0, 1, count, strokes, 2)
        step = torch.randn(count, strokes, 2, device=self.device) * 0.18
        end = start + step
        start[:, 1::2] = end[:, 0::2]
        end = start + step
        point = torch.stack([self.x, self.y], dim=-1).view(1, 1, -1, 2)
        along = (end - start)[:, :, None]
        t = (((point - start[:, :, None]) * along).sum(-1) / along.square().sum(-1).clamp(min=1e-6)).clamp(0, 1)
        distance = (point - start[:, :, None] - t[..., None] * along).norm(dim=-1)
        width = self.uniform(0.8, 4.5, count, strokes, 1) / self.side
        if sparse:
            width = width * (self.uniform(0, 1, count, strokes, 1) < self.uniform(0.3, 1, count, 1, 1))
        return (distance < width).any(dim=1).view(count, 1, self.side, self.side).float()

    def blocks(self, count: int, area: tuple[float, float] = (0.03, 0.3)) -> Tensor:
        """One box per picture, covering ``area`` of it."""
        size = self.uniform(*area, count, 1, 1).sqrt()
        aspect = self.uniform(-0.3, 0.3, count, 1, 1).exp()
        h, w = (size * aspect).clamp(max=0.9), (size / aspect).clamp(max=0.9)
        top, left = self.uniform(0, 1, count, 1, 1) * (1 - h), self.uniform(0, 1, count, 1, 1) * (1 - w)
        inside = (self.y >= top) & (self.y < top + h) & (self.x >= left) & (self.x < left + w)
        return inside[:, None].float()

    def masks(self, count: int) -> Tensor:
        """A mix: scratches, text, boxes of all sizes, and scratches with a smaller box."""
        few = count // 5
        parts = [self.scratches(count - 4 * few), self.scratches(few, sparse=True), self.pages(few), self.blocks(few, (0.01, 0.3)),
                 torch.maximum(self.scratches(few, sparse=True), self.blocks(few, (0.002, 0.08)))]
        return torch.cat(parts)[torch.randperm(count, device=self.device)]


def turned(batch: Tensor) -> Tensor:
    """The batch, by chance mirrored, upside down, or with rows and columns exchanged."""
    if torch.rand(()) < 0.5:
        batch = batch.flip(-1)
    if torch.rand(()) < 0.5:
        batch = batch.flip(-2)
    return batch.transpose(-1, -2) if torch.rand(()) < 0.5 else batch


class Stock:
    """Many pictures and masks as bytes; batches are drawn from it at random, and a part is made anew now and then.

    Making a picture takes longer than a step of a small network, so each one serves several times: cut and turned
    differently, with another mask.
    """

    def __init__(self, maker: Pictures, count: int, renew_every: int = 20) -> None:
        self.maker, self.count, self.chunk, self.renew_every = maker, count, min(count, CHUNK), renew_every
        side, device = maker.side, maker.device
        self.pictures = torch.empty(self.count, 3, side, side, dtype=torch.uint8, device=device)
        self.masks = torch.empty(self.count, 1, side, side, dtype=torch.uint8, device=device)
        self.drawn = 0
        for start in range(0, count, self.chunk):
            self.renew(min(start, count - self.chunk))

    def renew(self, start: int) -> None:
        """Make the pictures and masks from ``start`` on anew."""
        self.pictures[start:start + self.chunk] = (self.maker.batch(self.chunk) * 255 + 0.5).byte()
        self.masks[start:start + self.chunk] = self.maker.masks(self.chunk).byte()

    def draw(self, count: int, side: int) -> tuple[Tensor, Tensor]:
        """Pictures ``[count, 3, side, side]`` in 0..1 and masks ``[count, 1, side, side]``."""
        self.drawn += 1
        if self.drawn % self.renew_every == 0:
            self.renew(int(torch.randint(self.count - self.chunk + 1, ())))
        pictures, masks = (turned(self._cut(store, count, side)) for store in (self.pictures, self.masks))
        return pictures.float() / 255, masks.float()

    def _cut(self, store: Tensor, count: int, side: int) -> Tensor:
        top, left = (int(torch.randint(self.maker.side - side + 1, ())) for _ in range(2))
        chosen = torch.randint(self.count, (count,), device=store.device)
        return store[:, :, top:top + side, left:left + side][chosen]
