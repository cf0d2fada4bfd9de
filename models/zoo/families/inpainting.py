"""Filling holes, written here from the papers: LaMa, MI-GAN, AOT-GAN, DeepFill."""

from __future__ import annotations

import math

import torch
from registry import Value, network
from torch import nn
from torch.nn import functional

HOLED = (Value("image", ("N", 3, "H", "W"), low=-1), Value("mask", ("N", 1, "H", "W")))


def fourier_matrix(size: int, real: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """The orthonormal discrete Fourier transform of a size as cosines and sines; of real numbers the first half."""
    angles = torch.outer(torch.arange(size // 2 + 1 if real else size).double(), torch.arange(size).double()) * (
        -2 * math.pi / size
    )
    return (angles.cos() / size**0.5).float(), (angles.sin() / size**0.5).float()


class FourierUnit(nn.Module):
    """A convolution over the spectrum (Chi and others, 2020), by Fourier transforms or, for a fixed side, by matrices."""

    def __init__(self, channels: int, side: int | None) -> None:
        super().__init__()
        self.mix = nn.Sequential(
            nn.Conv2d(2 * channels, 2 * channels, 1, bias=False), nn.BatchNorm2d(2 * channels), nn.ReLU()
        )
        self.side = side
        if side:
            for name, matrix in zip(
                ("rows", "columns"), (fourier_matrix(side, False), fourier_matrix(side, True)), strict=True
            ):
                self.register_buffer(f"{name}_re", matrix[0])
                self.register_buffer(f"{name}_im", matrix[1])
            twice = torch.full((side // 2 + 1,), 2.0)
            twice[0] = twice[-1] = 1
            self.register_buffer("twice", twice)

    def spectrum(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if not self.side:
            found = torch.fft.rfftn(x, dim=(-2, -1), norm="ortho")
            return found.real, found.imag
        re, im = x @ self.columns_re.T, x @ self.columns_im.T
        return self.rows_re @ re - self.rows_im @ im, self.rows_re @ im + self.rows_im @ re

    def picture(self, re: torch.Tensor, im: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        if not self.side:
            return torch.fft.irfftn(torch.complex(re, im), s=size, dim=(-2, -1), norm="ortho")
        re, im = self.rows_re @ re + self.rows_im @ im, self.rows_re @ im - self.rows_im @ re
        return (re * self.twice) @ self.columns_re + (im * self.twice) @ self.columns_im

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        re, im = self.spectrum(x)
        mixed = self.mix(torch.cat([re, im], 1))
        re, im = mixed.chunk(2, 1)
        return self.picture(re, im, (x.shape[-2], x.shape[-1]))


class Spectral(nn.Module):
    """LaMa's global path: narrow, through the spectrum, beside itself, wide again."""

    def __init__(self, inputs: int, outputs: int, side: int | None) -> None:
        super().__init__()
        middle = outputs // 2
        self.enter = nn.Sequential(nn.Conv2d(inputs, middle, 1, bias=False), nn.BatchNorm2d(middle), nn.ReLU())
        self.unit = FourierUnit(middle, side)
        self.leave = nn.Conv2d(middle, outputs, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.enter(x)
        return self.leave(x + self.unit(x))


class FourierConv(nn.Module):
    """A fast Fourier convolution: local and global channels that feed each other."""

    def __init__(self, near: int, far: int, side: int | None) -> None:
        super().__init__()
        options = dict(kernel_size=3, padding=1, padding_mode="reflect", bias=False)
        self.near_near = nn.Conv2d(near, near, **options)
        self.near_far = nn.Conv2d(near, far, **options)
        self.far_near = nn.Conv2d(far, near, **options)
        self.far_far = Spectral(far, far, side)
        self.norms = nn.ModuleList([nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU()) for channels in (near, far)])

    def forward(self, near: torch.Tensor, far: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.norms[0](self.near_near(near) + self.far_near(far)), self.norms[1](
            self.near_far(near) + self.far_far(far)
        )


class LaMa(nn.Module):
    """LaMa's generator (Suvorov and others, 2022)."""

    def __init__(self, width: int, blocks: int, side: int | None) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(4, width, 7), nn.BatchNorm2d(width), nn.ReLU())
        self.down = nn.Sequential(
            *(
                nn.Sequential(nn.Conv2d(c, 2 * c, 3, 2, 1, padding_mode="reflect"), nn.BatchNorm2d(2 * c), nn.ReLU())
                for c in (width, 2 * width, 4 * width)
            )
        )
        self.near = 2 * width
        self.blocks = nn.ModuleList(
            [nn.ModuleList([FourierConv(2 * width, 6 * width, side) for _ in range(2)]) for _ in range(blocks)]
        )
        self.up = nn.Sequential(
            *(
                nn.Sequential(nn.ConvTranspose2d(c, c // 2, 3, 2, 1, 1), nn.BatchNorm2d(c // 2), nn.ReLU())
                for c in (8 * width, 4 * width, 2 * width)
            )
        )
        self.last = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7))

    def forward(self, image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        value = self.down(self.first(torch.cat([image * (1 - mask), mask], 1)))
        near, far = value[:, : self.near], value[:, self.near :]
        for first, second in self.blocks:
            a, b = second(*first(near, far))
            near, far = near + a, far + b
        return torch.sigmoid(self.last(self.up(torch.cat([near, far], 1)))) * mask + image * (1 - mask)


class Aggregated(nn.Module):
    """AOT-GAN's block (Zeng and others, 2022): four dilations, and a gate that is normalized over the picture."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            [
                nn.Sequential(nn.ReflectionPad2d(rate), nn.Conv2d(channels, channels // 4, 3, dilation=rate), nn.ReLU())
                for rate in (1, 2, 4, 8)
            ]
        )
        self.fuse = nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3))
        self.gate = nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        fused = self.fuse(torch.cat([branch(x) for branch in self.branches], 1))
        gate = self.gate(x)
        mean, deviation = gate.mean((2, 3), keepdim=True), gate.std((2, 3), keepdim=True) + 1e-9
        gate = torch.sigmoid(5 * (2 * (gate - mean) / deviation - 1))
        return x * (1 - gate) + fused * gate


class AotGan(nn.Module):
    """AOT-GAN's generator."""

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        enter = [nn.ReflectionPad2d(3), nn.Conv2d(4, width, 7), nn.ReLU()]
        down = [part for c in (width, 2 * width) for part in (nn.Conv2d(c, 2 * c, 4, 2, 1), nn.ReLU())]
        self.encoder = nn.Sequential(*enter, *down)
        self.blocks = nn.Sequential(*(Aggregated(4 * width) for _ in range(blocks)))
        self.up = nn.ModuleList([nn.Conv2d(c, c // 2, 3, padding=1) for c in (4 * width, 2 * width)])
        self.last = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        value = self.blocks(self.encoder(torch.cat([image * (1 - mask) + mask, mask], 1)))
        for up in self.up:
            value = functional.relu(
                up(functional.interpolate(value, scale_factor=2, mode="bilinear", align_corners=True))
            )
        return torch.tanh(self.last(value)) * mask + image * (1 - mask)


LAMA = dict(inputs=HOLED)
network(
    "lama-dft",
    "inpainting",
    lambda full: LaMa(64 if full else 4, 6 if full else 1, None),
    (256, (200, 312)),
    (32, (40, 48)),
    exporters=("dynamo",),
    **LAMA,
    note="6 blocks, not 18; Fourier transforms",
)
network(
    "lama-matmul",
    "inpainting",
    lambda full: LaMa(64 if full else 4, 6 if full else 1, 32 if full else 4),
    (256, None),
    (32, None),
    **LAMA,
    note="6 blocks, not 18; transforms as products",
)
network(
    "aot-gan",
    "inpainting",
    lambda full: AotGan(64 if full else 4, 8 if full else 1),
    (256, (200, 312)),
    (48, (40, 56)),
    **LAMA,
)
