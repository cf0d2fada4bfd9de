"""Filters, colour spaces, edges, warps: kornia's, and flow-guided warping written here."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import torch
from modules import Called
from registry import Value, network
from torch import nn
from torch.nn import functional

SIZES = (256, (200, 312))
SMALL = (16, (12, 20))


def kornia(name: str, how: Callable[[Any, torch.Tensor], Any], **options: Any) -> None:
    """A function of kornia: ``how`` gets the package and a picture."""

    def build(full: bool) -> nn.Module:
        import kornia as package

        return Called(nn.Identity(), lambda m, x: how(package, x))

    network(f"kornia-{name}", "filters", build, SIZES, SMALL, **options)


kornia("canny", lambda k, x: k.filters.canny(x, hysteresis=False)[1])
kornia("lab", lambda k, x: k.color.lab_to_rgb(k.color.rgb_to_lab(x)))
kornia("bilateral", lambda k, x: k.filters.bilateral_blur(x, 5, 0.1, (1.5, 1.5)), exporters=("dynamo",))
kornia("gaussian", lambda k, x: k.filters.gaussian_blur2d(x, (5, 5), (1.5, 1.5)))
kornia("median", lambda k, x: k.filters.median_blur(x, 3))
kornia("sobel", lambda k, x: k.filters.sobel(x))
kornia("unsharp", lambda k, x: k.filters.unsharp_mask(x, (3, 3), (1.5, 1.5)))
kornia("hsv", lambda k, x: k.color.hsv_to_rgb(k.color.rgb_to_hsv(x)))
kornia("luv", lambda k, x: k.color.luv_to_rgb(k.color.rgb_to_luv(x)))
kornia("ycbcr", lambda k, x: k.color.ycbcr_to_rgb(k.color.rgb_to_ycbcr(x)))
kornia("morphology", lambda k, x: k.morphology.closing(x, torch.ones(3, 3)))
kornia("harris", lambda k, x: k.feature.harris_response(x))
kornia("rotate", lambda k, x: k.geometry.rotate(x, torch.full((x.shape[0],), 30.0)), opset=20)
kornia("pyramid", lambda k, x: k.geometry.pyrup(k.geometry.pyrdown(x)))
kornia("equalize", lambda k, x: k.enhance.adjust_gamma(k.enhance.adjust_contrast(x, 0.7), 1.4))
kornia("ssim", lambda k, x: k.metrics.ssim(x, x.flip(-1), 5))
kornia("distance", lambda k, x: k.contrib.distance_transform((x > 0.99).float(), 3), batch=False, exporters=("torchscript",))


def dexined(full: bool) -> nn.Module:
    """DexiNed, an edge detector."""

    return Called(importlib.import_module("kornia.models.dexined").DexiNed(pretrained=False), lambda m, x: m(x)[-1])


network("dexined", "edges", dexined, (128, None), (64, None), outputs=None)


def matcher(full: bool) -> nn.Module:
    """LoFTR's coarse features of two pictures."""
    import kornia as package

    module = package.feature.LoFTR(pretrained=None)
    return Called(module.backbone, lambda m, x: m(x))


network("loftr-backbone", "features", matcher, (128, (96, 160)), (64, (64, 96)), (Value("image", ("N", 1, "H", "W")),))


def warped(x: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
    """The picture as the flow, in pixels, moves it."""
    height, width = x.shape[2], x.shape[3]
    rows = torch.linspace(-1, 1, height).reshape(1, height, 1).expand(x.shape[0], height, width)
    columns = torch.linspace(-1, 1, width).reshape(1, 1, width).expand(x.shape[0], height, width)
    grid = torch.stack([columns + flow[:, 0] * 2 / (width - 1), rows + flow[:, 1] * 2 / (height - 1)], 3)
    return functional.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=True)


class FlowBlock(nn.Module):
    """A step of IFNet (Huang and others, 2022): flow both ways and a mask at one scale."""

    def __init__(self, inputs: int, width: int, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.enter = nn.Sequential(
            nn.Conv2d(inputs, width // 2, 3, 2, 1),
            nn.PReLU(width // 2),
            nn.Conv2d(width // 2, width, 3, 2, 1),
            nn.PReLU(width),
        )
        self.body = nn.Sequential(*(nn.Sequential(nn.Conv2d(width, width, 3, 1, 1), nn.PReLU(width)) for _ in range(3)))
        self.leave = nn.ConvTranspose2d(width, 5, 4, 2, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        small = functional.interpolate(x, scale_factor=1 / self.scale, mode="bilinear", align_corners=False)
        value = self.enter(small)
        value = functional.interpolate(
            self.leave(self.body(value) + value), scale_factor=2.0 * self.scale, mode="bilinear", align_corners=False
        )
        return value[:, :4] * self.scale, value[:, 4:]


class Interpolator(nn.Module):
    """The picture between two: flows refined from coarse to fine, both pictures warped, mixed by a mask."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([FlowBlock(6 if k == 0 else 17, width, scale) for k, scale in enumerate((4, 2, 1))])

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        flow = mask = None
        left, right = first, second
        for block in self.blocks:
            if flow is None:
                flow, mask = block(torch.cat([first, second], 1))
            else:
                more, sharper = block(torch.cat([first, second, left, right, mask, flow], 1))
                flow, mask = flow + more, mask + sharper
            left, right = warped(first, flow[:, :2]), warped(second, flow[:, 2:])
        weight = torch.sigmoid(mask)
        return left * weight + right * (1 - weight)


network(
    "ifnet",
    "frames",
    lambda full: Interpolator(64 if full else 8),
    (256, (192, 320)),
    (64, (64, 96)),
    (Value("first", ("N", 3, "H", "W")), Value("second", ("N", 3, "H", "W"))),
)
