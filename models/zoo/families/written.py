"""Kernels that the picture makes, places between pixels, flows that run both ways: small networks written here from the papers."""

from __future__ import annotations

import math

import torch
from registry import Value, network, picture
from torch import nn
from torch.nn import functional

SIZES = (128, (96, 160))
SMALL = (32, (48, 40))


def same(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Conv2d:
    """A convolution that keeps the size, or divides it by its stride."""
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2)


class Carafe(nn.Module):
    """Upsampling by kernels from the content (Wang and others, 2019)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body, self.kernels = same(3, width), same(width, 100)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.body(x)
        count, channels, height, width = x.shape
        kernels = functional.pixel_shuffle(self.kernels(x), 2).softmax(1)
        around = functional.unfold(x, 5, padding=2).view(count, channels * 25, height, width)
        around = functional.interpolate(around, scale_factor=2.0, mode="nearest")
        return torch.einsum("bkhw,bckhw->bchw", kernels, around.view(count, channels, 25, 2 * height, 2 * width))


class Involution(nn.Module):
    """A kernel of seven by seven for each position and group of channels (Li and others, 2021)."""

    def __init__(self, width: int, groups: int = 4) -> None:
        super().__init__()
        self.groups = groups
        self.body = same(3, width)
        self.kernels = nn.Sequential(same(width, 4, 1), nn.BatchNorm2d(4), nn.ReLU(), same(4, 49 * groups, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.body(x)
        count, channels, height, width = x.shape
        kernels = self.kernels(x).view(count, self.groups, 1, 49, height, width)
        around = functional.unfold(x, 7, padding=3).view(count, self.groups, channels // self.groups, 49, height, width)
        return (kernels * around).sum(3).view(count, channels, height, width)


class Correlation(nn.Module):
    """Optical flow from coarse to fine: features warped, and compared with neighbours (PWC-Net, Sun and others, 2018)."""

    def __init__(self, width: int, levels: int = 3, reach: int = 2) -> None:
        super().__init__()
        self.reach = reach
        self.features = nn.ModuleList(same(width if level else 3, width, 3, 2) for level in range(levels))
        self.flows = nn.ModuleList(same((2 * reach + 1) ** 2 + width + 2, 2) for _ in range(levels))
        self.larger = nn.ConvTranspose2d(2, 2, 4, 2, 1)

    def compared(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        height, width = a.shape[2:]
        padded = functional.pad(b, (self.reach,) * 4)
        places = [(y, x) for y in range(2 * self.reach + 1) for x in range(2 * self.reach + 1)]
        return torch.cat(
            [(a * padded[:, :, y : y + height, x : x + width]).mean(1, keepdim=True) for y, x in places], 1
        )

    def warped(self, x: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
        height, width = x.shape[2:]
        across = (torch.arange(width) + flow[:, 0]) * 2 / (width - 1) - 1
        down = (torch.arange(height)[:, None] + flow[:, 1]) * 2 / (height - 1) - 1
        return functional.grid_sample(x, torch.stack((across, down), 3), padding_mode="border", align_corners=True)

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        pyramids: list[tuple[torch.Tensor, torch.Tensor]] = []
        for features in self.features:
            first, second = (functional.leaky_relu(features(x), 0.1) for x in (first, second))
            pyramids.append((first, second))
        flow = torch.zeros_like(first[:, :2])
        for level, (a, b) in enumerate(reversed(pyramids)):
            flow = self.larger(flow) * 2 if level else flow
            found = self.compared(a, self.warped(b, flow))
            flow = flow + self.flows[level](torch.cat((found, a, flow), 1))
        return flow


class Grid(nn.Module):
    """A grid of affine colours, looked up by place and brightness (HDRNet, Gharbi and others, 2017)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.grid = nn.Sequential(same(3, width, 3, 2), nn.ReLU(), same(width, 96, 3, 2))
        self.guide = same(3, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        count, _, height, width = x.shape
        small = functional.interpolate(x, size=(32, 32), mode="bilinear")
        grid = self.grid(small).view(count, 12, 8, 8, 8)
        down = (torch.arange(height) / (height - 1) * 2 - 1)[:, None].expand(count, height, width)
        across = (torch.arange(width) / (width - 1) * 2 - 1).expand(count, height, width)
        places = torch.stack((across, down, self.guide(x)[:, 0].tanh()), 3)[:, None]
        found = functional.grid_sample(grid, places, padding_mode="border", align_corners=True)
        affine = found.view(count, 3, 4, height, width)
        return (affine[:, :, :3] * x[:, None]).sum(2) + affine[:, :, 3]


class Flow(nn.Module):
    """A step of Glow (Kingma and Dhariwal, 2018): squeezed, mixed, coupled; and the logarithm of its determinant."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mixed = nn.Parameter(torch.linalg.qr(torch.randn(12, 12))[0])
        self.scale = nn.Parameter(torch.rand(12, 1, 1) + 0.5)
        self.coupling = nn.Sequential(same(6, width), nn.ReLU(), same(width, 12))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        count, _, height, width = x.shape
        x = x.view(count, 3, height // 2, 2, width // 2, 2).permute(0, 1, 3, 5, 2, 4)
        x = x.reshape(count, 12, height // 2, width // 2) * self.scale
        a, b = functional.conv2d(x, self.mixed[:, :, None, None]).chunk(2, 1)
        shift, scale = self.coupling(a).chunk(2, 1)
        scale = torch.sigmoid(scale + 2)
        return torch.cat((a, (b + shift) * scale), 1), scale.log().sum((1, 2, 3))


class Implicit(nn.Module):
    """Colours at any place, from features around it (LIIF, Chen and others, 2021)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.features = same(3, width)
        self.colour = nn.Sequential(nn.Linear(9 * width + 2, 4 * width), nn.ReLU(), nn.Linear(4 * width, 3))

    def forward(self, x: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        count, _, height, width = x.shape
        around = functional.unfold(self.features(x), 3, padding=1).view(count, -1, height, width)
        found = functional.grid_sample(around, places[:, None], mode="nearest", align_corners=False)[:, :, 0]
        return self.colour(torch.cat((found.transpose(1, 2), places), 2))


class Retention(nn.Module):
    """Attention that fades with distance, by rotated places (RetNet, Sun and others, 2023)."""

    def __init__(self, width: int, heads: int = 2) -> None:
        super().__init__()
        self.heads = heads
        self.patches, self.asked = nn.Conv2d(3, width, 4, 4), nn.Linear(width, 3 * width)
        self.out = nn.GroupNorm(heads, width)

    def turned(self, x: torch.Tensor, angles: torch.Tensor) -> torch.Tensor:
        other = torch.stack((-x[..., 1::2], x[..., ::2]), -1).flatten(-2)
        return x * angles.cos() + other * angles.sin()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        count, places, width = x.shape
        q, k, v = (t.view(count, places, self.heads, -1).transpose(1, 2) for t in self.asked(x).chunk(3, 2))
        at = torch.arange(places)
        angles = at[:, None] / 100 ** torch.linspace(0, 1, q.shape[-1] // 2).repeat_interleave(2)
        fading = torch.log(1 - 2.0 ** (-3 - torch.arange(self.heads)))[:, None, None]
        kept = ((at[:, None] - at).abs() * fading).exp()
        scores = self.turned(q, angles) @ self.turned(k, angles).transpose(2, 3) * kept / math.sqrt(width)
        mixed = (scores @ v).transpose(1, 2).reshape(count * places, width)
        return self.out(mixed).view(count, places, width)


PLACES = Value("places", ("N", 200, 2), low=-0.99, high=0.99)
PAIR = (picture(name="first"), picture(name="second"))


def width(full: bool) -> int:
    return 32 if full else 8


network("carafe", "super-resolution", lambda full: Carafe(width(full)), SIZES, SMALL)
network("involution", "backbone", lambda full: Involution(width(full)), SIZES, SMALL)
network("pwc", "optical flow", lambda full: Correlation(width(full)), SIZES, SMALL, PAIR)
network("hdrnet", "colours", lambda full: Grid(width(full)), SIZES, SMALL, opset=20)
network("glow", "flows", lambda full: Flow(width(full)), SIZES, SMALL)
network("liif", "super-resolution", lambda full: Implicit(width(full)), SIZES, SMALL, (picture(), PLACES))
network("retention", "backbone", lambda full: Retention(width(full)), (128, None), (32, None))
