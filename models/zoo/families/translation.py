"""Picture to picture, written here from the papers: pix2pix, CycleGAN, fast neural style."""

from __future__ import annotations

import torch
from registry import network
from torch import nn


class Level(nn.Module):
    """A level of pix2pix's U-Net (Isola and others, 2017): down, what is inside, up, beside its input."""

    def __init__(self, outer: int, inner: int, inside: nn.Module | None, outputs: int) -> None:
        super().__init__()
        deepest = inside is None
        self.down = nn.Sequential(nn.LeakyReLU(0.2), nn.Conv2d(outer, inner, 4, 2, 1, bias=False))
        self.norm = nn.Identity() if deepest else nn.BatchNorm2d(inner)
        self.inside = inside or nn.Identity()
        self.up = nn.Sequential(
            nn.ReLU(),
            nn.ConvTranspose2d(inner if deepest else 2 * inner, outputs, 4, 2, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.Dropout(0.5),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x, self.up(self.inside(self.norm(self.down(x))))], 1)


class Pix2Pix(nn.Module):
    """The U-Net with skip connections at every level."""

    def __init__(self, width: int, levels: int) -> None:
        super().__init__()
        widths = [min(width * 2**k, width * 8) for k in range(levels)]
        inside = None
        for outer, inner in reversed(list(zip(widths, widths[1:], strict=False))):
            inside = Level(outer, inner, inside, outer)
        self.first = nn.Conv2d(3, width, 4, 2, 1)
        self.inside = inside
        self.last = nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(2 * width, 3, 4, 2, 1), nn.Tanh())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.inside(self.first(x)))


def reflected(
    inputs: int, outputs: int, kernel: int, stride: int = 1, affine: bool = False, end: bool = False
) -> nn.Sequential:
    """A convolution over reflected borders, normalized and rectified unless it is the last one."""
    parts = [nn.ReflectionPad2d(kernel // 2), nn.Conv2d(inputs, outputs, kernel, stride)]
    return nn.Sequential(*parts, *([] if end else [nn.InstanceNorm2d(outputs, affine=affine), nn.ReLU()]))


class Residual(nn.Module):
    """Two convolutions beside their input."""

    def __init__(self, channels: int, affine: bool) -> None:
        super().__init__()
        self.body = nn.Sequential(
            reflected(channels, channels, 3, affine=affine),
            reflected(channels, channels, 3, end=True),
            nn.InstanceNorm2d(channels, affine=affine),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.body(x)


def cyclegan(width: int, blocks: int) -> nn.Module:
    """CycleGAN's generator (Zhu and others, 2017)."""
    parts = [reflected(3, width, 7)]
    for channels in (width, 2 * width):
        parts += [nn.Conv2d(channels, 2 * channels, 3, 2, 1), nn.InstanceNorm2d(2 * channels), nn.ReLU()]
    parts += [Residual(4 * width, False) for _ in range(blocks)]
    for channels in (4 * width, 2 * width):
        parts += [nn.ConvTranspose2d(channels, channels // 2, 3, 2, 1, 1), nn.InstanceNorm2d(channels // 2), nn.ReLU()]
    return nn.Sequential(*parts, reflected(width, 3, 7, end=True), nn.Tanh())


def neural_style(width: int, blocks: int) -> nn.Module:
    """Fast neural style's transformer (Johnson and others, 2016), with nearest upsampling before its last convolutions."""
    parts = [
        reflected(3, width, 9, affine=True),
        reflected(width, 2 * width, 3, 2, True),
        reflected(2 * width, 4 * width, 3, 2, True),
    ]
    parts += [Residual(4 * width, True) for _ in range(blocks)]
    for channels in (4 * width, 2 * width):
        parts += [nn.Upsample(scale_factor=2, mode="nearest"), reflected(channels, channels // 2, 3, affine=True)]
    return nn.Sequential(*parts, reflected(width, 3, 9, end=True))


network(
    "pix2pix",
    "translation",
    lambda full: Pix2Pix(48 if full else 4, 8 if full else 4),
    (256, (256, 512)),
    (32, (32, 48)),
    note="48 channels, not 64",
)
network(
    "cyclegan",
    "translation",
    lambda full: cyclegan(64 if full else 4, 9 if full else 2),
    (256, (180, 236)),
    (32, (20, 36)),
)
STYLE = dict(sizes=(256, (200, 312)), small=(16, (12, 20)))
network("fast-neural-style", "translation", lambda full: neural_style(32 if full else 4, 5 if full else 2), **STYLE)
network(
    "fast-neural-style-upsample",
    "translation",
    lambda full: neural_style(32 if full else 4, 5 if full else 2),
    **STYLE,
    exporters=("torchscript",),
    opset=9,
    note="operator set 9, whose Upsample is the old one",
)
