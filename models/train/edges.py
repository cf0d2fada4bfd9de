"""Canny edges on the training device, close to scikit-image's with sigma 2 and default thresholds."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

SIGMA = 2.0
LOW, HIGH = 0.1, 0.2
GRAY = (0.2125, 0.7154, 0.0721)
SOBEL = ((-1.0, -2.0, -1.0), (0.0, 0.0, 0.0), (1.0, 2.0, 1.0))


@cache
def _constant(values: tuple, device: torch.device) -> Tensor:
    """``[1, 1, ...]`` on the device; made once, since a copy from the host waits for all that runs there."""
    return torch.tensor(values, device=device)[None, None]


def gray(picture: Tensor) -> Tensor:
    """RGB ``[B, 3, H, W]`` to luminance ``[B, 1, H, W]``."""
    return (picture * _constant(GRAY, picture.device).view(1, 3, 1, 1)).sum(1, keepdim=True)


def _blur(x: Tensor) -> Tensor:
    radius = int(4 * SIGMA + 0.5)
    axis = torch.arange(-radius, radius + 1, device=x.device, dtype=x.dtype)
    kernel = torch.exp(-axis.square() / (2 * SIGMA**2))
    kernel = kernel / kernel.sum()
    x = F.conv2d(F.pad(x, (radius, radius, 0, 0)), kernel.view(1, 1, 1, -1))
    return F.conv2d(F.pad(x, (0, 0, radius, radius)), kernel.view(1, 1, -1, 1))


def _shift(x: Tensor, dy: int, dx: int) -> Tensor:
    height, width = x.shape[-2:]
    return F.pad(x, (1, 1, 1, 1))[..., 1 + dy:1 + dy + height, 1 + dx:1 + dx + width]


@torch.no_grad()
def canny(luminance: Tensor, known: Tensor) -> Tensor:
    """Edges ``[B, 1, H, W]`` of 0 and 1, where ``known`` is 1; borders of the unknown part make no edges."""
    smooth = _blur(luminance * known) / (_blur(known) + 1e-6)
    sobel = _constant(SOBEL, smooth.device)
    padded = F.pad(smooth, (1, 1, 1, 1), mode="replicate")
    gy, gx = F.conv2d(padded, sobel), F.conv2d(padded, sobel.transpose(2, 3))
    inner = -F.max_pool2d(F.pad(-known, (1, 1, 1, 1), value=0), 3, 1)
    magnitude = torch.hypot(gx, gy)
    diagonal = (gx.abs() < 2.414 * gy.abs()) & (gy.abs() < 2.414 * gx.abs())
    same = (gx * gy) > 0
    along = torch.where(gx.abs() >= gy.abs(), torch.maximum(_shift(magnitude, 0, 1), _shift(magnitude, 0, -1)),
                        torch.maximum(_shift(magnitude, 1, 0), _shift(magnitude, -1, 0)))
    rising = torch.maximum(_shift(magnitude, 1, 1), _shift(magnitude, -1, -1))
    falling = torch.maximum(_shift(magnitude, 1, -1), _shift(magnitude, -1, 1))
    ridge = (magnitude >= torch.where(diagonal, torch.where(same, rising, falling), along)) & (inner > 0.5)
    weak, strong = ridge & (magnitude >= LOW), (ridge & (magnitude >= HIGH)).float()
    for _ in range(12):
        strong = F.max_pool2d(strong, 3, 1, 1) * weak
    return strong
