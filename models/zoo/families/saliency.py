"""Foreground and background, written here from the papers: U2-Net, IS-Net, a BiRefNet."""

from __future__ import annotations

import torch
from registry import network
from torch import nn
from torch.nn import functional


def unit(inputs: int, outputs: int, dilation: int = 1) -> nn.Sequential:
    """A convolution, normalized and rectified."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation), nn.BatchNorm2d(outputs), nn.ReLU()
    )


def like(x: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Resized to the other's height and width."""
    return functional.interpolate(x, size=other.shape[2:], mode="bilinear", align_corners=False)


class ResidualU(nn.Module):
    """A residual U block (Qin and others, 2020): a U-Net of some levels inside one stage."""

    def __init__(self, inputs: int, middle: int, outputs: int, levels: int) -> None:
        super().__init__()
        self.enter = unit(inputs, outputs)
        self.down = nn.ModuleList([unit(outputs if k == 0 else middle, middle) for k in range(levels - 1)])
        self.deepest = unit(middle, middle, 2)
        self.up = nn.ModuleList([unit(2 * middle, middle if k else outputs) for k in range(levels - 1)])
        self.pool = nn.MaxPool2d(2, 2, ceil_mode=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        entered = self.enter(x)
        steps, value = [], entered
        for k, down in enumerate(self.down):
            value = down(self.pool(value) if k else value)
            steps.append(value)
        value = self.deepest(value)
        for step, up in zip(reversed(steps), reversed(self.up), strict=True):
            value = up(torch.cat([like(value, step), step], 1))
        return value + entered


class Dilated(nn.Module):
    """The residual U block of the deepest stages, which dilates in place of pooling."""

    def __init__(self, inputs: int, middle: int, outputs: int) -> None:
        super().__init__()
        self.enter = unit(inputs, outputs)
        self.down = nn.ModuleList([unit(outputs if k == 0 else middle, middle, 2**k) for k in range(3)])
        self.deepest = unit(middle, middle, 8)
        self.up = nn.ModuleList([unit(2 * middle, middle if k else outputs, 2**k) for k in range(3)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        entered = self.enter(x)
        steps, value = [], entered
        for down in self.down:
            value = down(value)
            steps.append(value)
        value = self.deepest(value)
        for step, up in zip(reversed(steps), reversed(self.up), strict=True):
            value = up(torch.cat([value, step], 1))
        return value + entered


class Nested(nn.Module):
    """U2-Net: a U-Net whose stages are U-Nets; a map from every stage, and one from all. ``stem``: IS-Net's stride before it."""

    def __init__(self, width: int, stem: bool) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, 2, 1) if stem else nn.Identity()
        first = width if stem else 3
        widths = [width, 2 * width, 4 * width, 8 * width, 8 * width, 8 * width]
        self.down = nn.ModuleList()
        self.up = nn.ModuleList()
        for k, outputs in enumerate(widths):
            inputs = widths[k - 1] if k else first
            middle = max(outputs // 4, 2)
            self.down.append(ResidualU(inputs, middle, outputs, 6 - k) if k < 4 else Dilated(inputs, middle, outputs))
        for k in range(5):
            inputs, outputs, middle = (
                2 * widths[k] if k == 4 else widths[k + 1],
                widths[max(k - 1, 0)],
                max(widths[k] // 4, 2),
            )
            inputs = widths[k] + self.above(widths, k)
            self.up.append(ResidualU(inputs, middle, outputs, 6 - k) if k < 4 else Dilated(inputs, middle, outputs))
        self.sides = nn.ModuleList(
            [
                nn.Conv2d(channels, 1, 3, padding=1)
                for channels in [widths[max(k - 1, 0)] for k in range(5)] + [widths[5]]
            ]
        )
        self.together = nn.Conv2d(6, 1, 1)
        self.pool = nn.MaxPool2d(2, 2, ceil_mode=True)

    @staticmethod
    def above(widths: list[int], k: int) -> int:
        """Channels that come up to stage k from below."""
        return widths[5] if k == 4 else widths[k]

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        steps, value = [], self.stem(x)
        for k, down in enumerate(self.down):
            value = down(self.pool(value) if k else value)
            steps.append(value)
        values = [value]
        for k in reversed(range(5)):
            value = self.up[k](torch.cat([like(value, steps[k]), steps[k]], 1))
            values.append(value)
        maps = [like(side(value), x) for side, value in zip(self.sides, reversed(values), strict=True)]
        return tuple(torch.sigmoid(m) for m in [self.together(torch.cat(maps, 1)), *maps])


class Deformable(nn.Module):
    """A modulated deformable convolution of a kernel size (Dai and others, 2017; Zhu and others, 2019)."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.kernel = kernel
        self.offset = nn.Conv2d(inputs, 2 * kernel * kernel, kernel, padding=kernel // 2)
        self.modulator = nn.Conv2d(inputs, kernel * kernel, kernel, padding=kernel // 2)
        self.regular = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        from torchvision.ops import deform_conv2d

        return deform_conv2d(
            x,
            self.offset(x),
            self.regular.weight,
            None,
            padding=self.kernel // 2,
            mask=2 * torch.sigmoid(self.modulator(x)),
        )


class DeformablePyramid(nn.Module):
    """ASPP whose branches are deformable, and a global one."""

    def __init__(self, channels: int, middle: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList([Deformable(channels, middle, kernel) for kernel in (1, 3, 7)])
        self.globe = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, middle, 1), nn.ReLU())
        self.last = nn.Sequential(nn.Conv2d(4 * middle, channels, 1), nn.BatchNorm2d(channels), nn.ReLU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        everywhere = self.globe(x)
        return self.last(
            torch.cat([*(branch(x) for branch in self.branches), everywhere.expand(-1, -1, *x.shape[2:])], 1)
        )


class BiRef(nn.Module):
    """Bilateral reference in the small (Zheng and others, 2024): a Swin backbone at two scales, patches of the picture
    beside every decoder stage, deformable pyramids."""

    def __init__(self, full: bool, side: int, sampled: bool = True) -> None:
        super().__init__()
        from torchvision.models.swin_transformer import SwinTransformer

        width = 24 if full else 8
        self.backbone = SwinTransformer(
            [4, 4], width, [1, 1, 1, 1] if not full else [2, 2, 2, 2], [1, 1, 2, 2], [4, 4], num_classes=2
        ).features
        widths = [2 * width * 2**k for k in range(4)]
        self.squeeze = DeformablePyramid(widths[3], 8) if sampled else unit(widths[3], widths[3])
        self.decoders = nn.ModuleList()
        self.references = nn.ModuleList()
        for k in reversed(range(4)):
            patches = 3 * (4 * 2**k) ** 2
            self.references.append(nn.Sequential(nn.Conv2d(patches, 8, 3, padding=1), nn.ReLU()))
            self.decoders.append(
                nn.Sequential(
                    unit(widths[k] + 8, widths[max(k - 1, 0)]),
                    DeformablePyramid(widths[max(k - 1, 0)], 8) if sampled and k else nn.Identity(),
                )
            )
        self.last = nn.Conv2d(widths[0], 1, 1)

    def stages(self, x: torch.Tensor) -> list[torch.Tensor]:
        found = []
        for k, part in enumerate(self.backbone):
            x = part(x)
            if k % 2:
                found.append(x.permute(0, 3, 1, 2))
        return found

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        small = self.stages(functional.interpolate(x, scale_factor=0.5, mode="bilinear", align_corners=True))
        steps = [torch.cat([a, like(b, a)], 1) for a, b in zip(self.stages(x), small, strict=True)]
        value = self.squeeze(steps[3])
        for k, decoder, reference in zip(reversed(range(4)), self.decoders, self.references, strict=True):
            patches = functional.pixel_unshuffle(x, 4 * 2**k)
            if k < 3:
                value = like(value, steps[k]) + steps[k]
            value = decoder(torch.cat([value, reference(patches)], 1))
        return like(self.last(value), x).sigmoid()


MAPS = (320, (200, 312))
SMALL = (32, (25, 39))
network("u2net", "saliency", lambda full: Nested(64 if full else 4, False), MAPS, SMALL)
network("u2net-p", "saliency", lambda full: Nested(16 if full else 2, False), MAPS, SMALL)
network("isnet", "saliency", lambda full: Nested(64 if full else 4, True), MAPS, SMALL)
network(
    "birefnet",
    "saliency",
    lambda full: BiRef(full, 256),
    (256, None),
    (128, None),
    exporters=("dynamo",),
    note="the paper's parts in the small",
)
network(
    "birefnet-plain",
    "saliency",
    lambda full: BiRef(full, 256, sampled=False),
    (256, None),
    (128, None),
    note="without deformable convolutions",
)
