"""Filling holes with the picture's own patches, and in bytes: DeepFill and MI-GAN, written here from the papers."""

from __future__ import annotations

import torch
from registry import Value, network
from torch import nn
from torch.nn import functional

from families.inpainting import HOLED


class Gated(nn.Module):
    """A gated convolution (Yu and others, 2019)."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, rate: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, 2 * outputs, kernel, stride, (kernel - 1) * rate // 2, rate)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        value, gate = self.conv(x).chunk(2, 1)
        return functional.elu(value) * torch.sigmoid(gate)


def patches(x: torch.Tensor, kernel: int, stride: int, side: int) -> torch.Tensor:
    """The patches round a grid of ``side`` squared positions: [positions, channels, kernel, kernel]."""
    found = functional.unfold(x, kernel, padding=(kernel - stride + 1) // 2, stride=stride)
    return found[0].T.reshape(side * side, x.shape[1], kernel, kernel)


class ContextualAttention(nn.Module):
    """DeepFill's attention (Yu and others, 2018): each hole is put together of known patches, which serve as weights of
    a convolution and of a transposed one; both come from the picture."""

    def __init__(self, side: int, scale: float = 10.0) -> None:
        super().__init__()
        self.side = side // 2
        self.scale = scale

    def fused(self, scores: torch.Tensor) -> torch.Tensor:
        """Scores that agree with their neighbours along the diagonal, in both orders of rows and columns."""
        n = self.side
        kernel = torch.eye(3).reshape(1, 1, 3, 3)
        scores = functional.conv2d(scores.reshape(1, 1, n * n, n * n), kernel, padding=1)
        scores = scores.reshape(1, n, n, n, n).permute(0, 2, 1, 4, 3).reshape(1, 1, n * n, n * n)
        scores = functional.conv2d(scores, kernel, padding=1)
        return scores.reshape(1, n, n, n, n).permute(0, 2, 1, 4, 3).reshape(1, n * n, n, n)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        n = self.side
        small = functional.interpolate(x, scale_factor=0.5, mode="nearest")
        holes = functional.interpolate(mask, size=(n, n), mode="nearest")
        keys = patches(small, 3, 1, n)
        keys = keys / torch.sqrt((keys * keys).sum((1, 2, 3), keepdim=True)).clamp(min=1e-4)
        known = (patches(holes, 3, 1, n).mean((1, 2, 3), keepdim=True) < 0.5).float().reshape(1, n * n, 1, 1)
        scores = self.fused(functional.conv2d(small, keys, padding=1)) * known
        weights = torch.softmax(scores * self.scale, 1) * known
        return functional.conv_transpose2d(weights, patches(x, 4, 2, n), stride=2, padding=1) / 4


class DeepFill(nn.Module):
    """A coarse network, then a fine one with a branch of contextual attention."""

    def __init__(self, width: int, side: int) -> None:
        super().__init__()
        self.coarse = nn.Sequential(
            Gated(5, width, 5),
            Gated(width, 2 * width, 3, 2),
            *(Gated(2 * width, 2 * width, 3, 1, rate) for rate in (1, 2, 4, 8)),
            nn.Upsample(scale_factor=2, mode="nearest"),
            Gated(2 * width, width),
            nn.Conv2d(width, 3, 3, padding=1),
            nn.Tanh(),
        )
        self.fine = nn.Sequential(Gated(4, width, 5), Gated(width, 2 * width, 3, 2), Gated(2 * width, 4 * width, 3, 2))
        self.dilated = nn.Sequential(*(Gated(4 * width, 4 * width, 3, 1, rate) for rate in (2, 4)))
        self.attention = ContextualAttention(side // 4)
        self.last = nn.Sequential(
            Gated(8 * width, 4 * width),
            nn.Upsample(scale_factor=2),
            Gated(4 * width, 2 * width),
            nn.Upsample(scale_factor=2),
            Gated(2 * width, width),
            nn.Conv2d(width, 3, 3, padding=1),
            nn.Tanh(),
        )

    def forward(self, image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        mask = (mask > 0.7).float()
        known = image * (1 - mask)
        coarse = self.coarse(torch.cat([known, mask, torch.ones_like(mask)], 1)) * mask + known
        value = self.fine(torch.cat([coarse, mask], 1))
        both = torch.cat([self.dilated(value), self.attention(value, functional.max_pool2d(mask, 4))], 1)
        return self.last(both) * mask + known


class Separable(nn.Module):
    """MI-GAN's convolution (Sargsyan and others, 2023): a depthwise one, then 1x1, with noise that was drawn once."""

    def __init__(self, inputs: int, outputs: int, side: int, up: bool = False, down: bool = False) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs)
        self.pointwise = nn.Conv2d(inputs, outputs, 1)
        self.up, self.down, self.channels = up, down, outputs
        self.register_buffer(
            "filter", torch.outer(torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 3, 3, 1]))[None, None] / 64
        )
        self.register_buffer("noise", torch.linspace(-1, 1, side * side).reshape(1, 1, side, side))
        self.strength = nn.Parameter(torch.tensor(0.1))

    def filtered(self, x: torch.Tensor) -> torch.Tensor:
        weight = self.filter.repeat(self.channels, 1, 1, 1)
        if self.down:
            return functional.conv2d(x, weight, stride=2, padding=1, groups=self.channels)
        return functional.conv_transpose2d(x, 4 * weight, stride=2, padding=1, groups=self.channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        value = self.pointwise(functional.leaky_relu(self.depthwise(x), 0.2))
        if self.up or self.down:
            value = self.filtered(value)
        return functional.leaky_relu(value + self.noise * self.strength, 0.2) * 2**0.5


class MiGan(nn.Module):
    """MI-GAN's generator at a fixed side."""

    def __init__(self, width: int, side: int, levels: int) -> None:
        super().__init__()
        widths = [min(width * 2**k, 8 * width) for k in range(levels + 1)]
        sides = [side >> k for k in range(levels + 1)]
        self.first = nn.Conv2d(4, width, 1)
        self.down = nn.ModuleList([Separable(widths[k], widths[k + 1], sides[k + 1], down=True) for k in range(levels)])
        self.middle = Separable(widths[-1], widths[-1], sides[-1])
        self.up = nn.ModuleList(
            [Separable(widths[k + 1], widths[k], sides[k], up=True) for k in reversed(range(levels))]
        )
        self.mix = nn.ModuleList([Separable(widths[k], widths[k], sides[k]) for k in reversed(range(levels))])
        self.pictures = nn.ModuleList([nn.Conv2d(widths[k], 3, 1) for k in reversed(range(levels))])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        value, steps = self.first(x), []
        for down in self.down:
            steps.append(value)
            value = down(value)
        value = self.middle(value)
        picture = None
        for up, mix, last in zip(self.up, self.mix, self.pictures, strict=True):
            value = mix(up(value) + steps.pop())
            drawn = last(value)
            picture = (
                drawn
                if picture is None
                else drawn + functional.interpolate(picture, scale_factor=2, mode="bilinear", align_corners=False)
            )
        return picture


class Pipeline(nn.Module):
    """MI-GAN as it is shipped: bytes in, bytes out, channels last, any size; the network sees a square that is resized, and
    known pixels stay as they are."""

    def __init__(self, network: nn.Module, side: int) -> None:
        super().__init__()
        self.network = network
        self.side = (side, side)

    def forward(self, image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        picture = image.permute(0, 3, 1, 2).float()
        holes = (mask.permute(0, 3, 1, 2) < 128).float()
        small = functional.interpolate(picture, size=self.side, mode="bilinear", align_corners=False) / 127.5 - 1
        small_holes = functional.interpolate(holes, size=self.side, mode="nearest")
        filled = self.network(torch.cat([0.5 - small_holes, small * (1 - small_holes)], 1))
        filled = functional.interpolate(filled, size=picture.shape[2:], mode="bilinear", align_corners=False)
        filled = torch.clamp(torch.round(filled * 127.5 + 127.5), 0, 255)
        soft = functional.avg_pool2d(functional.max_pool2d(holes, 3, 1, 1), 3, 1, 1)
        mixed = torch.floor(filled * soft + picture * (1 - soft) + 0.5)
        return mixed.clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


BYTES = (Value("image", ("N", "H", "W", 3), "uint8", 0, 256), Value("mask", ("N", "H", "W", 1), "uint8", 0, 256))
network(
    "deepfill",
    "inpainting",
    lambda full: DeepFill(24 if full else 4, 128 if full else 32),
    (128, None),
    (32, None),
    HOLED,
    batch=False,
)
network(
    "mi-gan",
    "inpainting",
    lambda full: MiGan(32 if full else 4, 256 if full else 32, 5 if full else 2),
    (256, None),
    (32, None),
    (Value("holed", ("N", 4, "H", "W"), low=-1),),
)
network(
    "mi-gan-bytes",
    "inpainting",
    lambda full: Pipeline(MiGan(32 if full else 4, 256 if full else 32, 5 if full else 2), 256 if full else 32),
    (256, (180, 300)),
    (40, (30, 50)),
    BYTES,
)
