"""PyTorch definitions of the networks that limner must run.

Pictures are float32 ``[N, C, H, W]``. Parameter names follow the
published checkpoints, so that a state dict of the full width loads with ``strict=True``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

LEAK = 0.2
CONNECTIONS = 4


def _encoder_stage(inputs: int, outputs: int, **geometry: int) -> list[nn.Module]:
    """Conv, BatchNorm and LeakyReLU: ``[N, inputs, H, W]`` to ``[N, outputs, H', W']``."""
    return [nn.Conv2d(inputs, outputs, **geometry), nn.BatchNorm2d(outputs), nn.LeakyReLU(LEAK)]


def _decoder_stage(inputs: int, outputs: int) -> list[nn.Module]:
    """ConvTranspose that doubles the sides, BatchNorm and LeakyReLU: ``[N, inputs, H, W]`` to ``[N, outputs, 2H, 2W]``."""
    up = nn.ConvTranspose2d(inputs, outputs, kernel_size=3, stride=2, padding=1, output_padding=1)
    return [up, nn.BatchNorm2d(outputs), nn.LeakyReLU(LEAK)]


class Generator(nn.Module):
    """Encoder and decoder that repair a picture.

    Input ``[N, 3, H, W]`` in -1..1. Each of the four encoder stages halves a side, rounding up, and each decoder stage
    doubles it, so the output is ``[N, 3, 16 ceil(H/16), 16 ceil(W/16)]`` in -1..1.
    """

    def __init__(self, widths: Sequence[int] = (64, 128, 256, 512), bottleneck: int = 4000, channels: int = 3) -> None:
        super().__init__()
        down = [channels, *widths]
        up = [bottleneck, *reversed(widths)]
        encoder: list[nn.Module] = []
        for inputs, outputs in zip(down, down[1:]):
            encoder += _encoder_stage(inputs, outputs, kernel_size=3, stride=2, padding=1)
        encoder += _encoder_stage(widths[-1], bottleneck, kernel_size=1)
        decoder: list[nn.Module] = []
        for inputs, outputs in zip(up, up[1:]):
            decoder += _decoder_stage(inputs, outputs)
        decoder += [nn.ConvTranspose2d(widths[0], channels, kernel_size=3, stride=1, padding=1), nn.Tanh()]
        self.encoder = nn.Sequential(*encoder)
        self.decoder = nn.Sequential(*decoder)

    def forward(self, picture: Tensor) -> Tensor:
        return self.decoder(self.encoder(picture))


class KeyValueGenerator(Generator):
    """The Generator with four pairs of linear maps that rewrite chosen places of the encoder's output.

    ``mask`` is an integer tensor ``[N, ceil(H/16), ceil(W/16)]``: a place whose mask is i in 0..3 goes through
    ``edge_connect_keys[i]`` and then ``edge_connect_values[i]``, any other place passes unchanged. Without a mask the
    network is the plain Generator.
    """

    def __init__(self, widths: Sequence[int] = (64, 128, 256, 512), bottleneck: int = 4000, channels: int = 3) -> None:
        super().__init__(widths, bottleneck, channels)
        self.edge_connect_keys = nn.ModuleList(nn.Linear(bottleneck, bottleneck) for _ in range(CONNECTIONS))
        self.edge_connect_values = nn.ModuleList(nn.Linear(bottleneck, bottleneck) for _ in range(CONNECTIONS))

    def connect(self, code: Tensor, mask: Tensor) -> Tensor:
        """Apply the maps to ``code`` ``[N, bottleneck, h, w]`` where ``mask`` ``[N, h, w]`` names one of them."""
        places = code.permute(0, 2, 3, 1)
        for i, (key, value) in enumerate(zip(self.edge_connect_keys, self.edge_connect_values)):
            places = torch.where((mask == i).unsqueeze(-1), value(key(places)), places)
        return places.permute(0, 3, 1, 2)

    def forward(self, picture: Tensor, mask: Tensor | None = None) -> Tensor:
        code = self.encoder(picture)
        if mask is not None:
            code = self.connect(code, mask)
        return self.decoder(code)


def _normalised(layer: nn.Module, spectral: bool) -> nn.Module:
    """Put spectral normalisation on a layer: it then stores weight_orig, weight_u and weight_v."""
    return nn.utils.spectral_norm(layer) if spectral else layer


def _instance_norm(channels: int) -> nn.InstanceNorm2d:
    return nn.InstanceNorm2d(channels, affine=False, track_running_stats=False)


class ResidualBlock(nn.Module):
    """x + two 3x3 convolutions, the first dilated by 2, with reflected borders: ``[N, C, H, W]`` to the same shape."""

    def __init__(self, channels: int, spectral: bool) -> None:
        super().__init__()
        bias = not spectral
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(2),
            _normalised(nn.Conv2d(channels, channels, kernel_size=3, dilation=2, bias=bias), spectral),
            _instance_norm(channels),
            nn.ReLU(),
            nn.ReflectionPad2d(1),
            _normalised(nn.Conv2d(channels, channels, kernel_size=3, bias=bias), spectral),
            _instance_norm(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv_block(x)


class EdgeConnectGenerator(nn.Module):
    """The body that both EdgeConnect generators share: ``[N, inputs, H, W]`` to ``[N, outputs, H, W]``, H and W multiples of 4."""

    def __init__(self, inputs: int, outputs: int, width: int = 64, blocks: int = 8, spectral: bool = False) -> None:
        super().__init__()
        w = width
        self.encoder = nn.Sequential(
            nn.ReflectionPad2d(3),
            _normalised(nn.Conv2d(inputs, w, kernel_size=7), spectral),
            _instance_norm(w),
            nn.ReLU(),
            _normalised(nn.Conv2d(w, 2 * w, kernel_size=4, stride=2, padding=1), spectral),
            _instance_norm(2 * w),
            nn.ReLU(),
            _normalised(nn.Conv2d(2 * w, 4 * w, kernel_size=4, stride=2, padding=1), spectral),
            _instance_norm(4 * w),
            nn.ReLU(),
        )
        self.middle = nn.Sequential(*(ResidualBlock(4 * w, spectral) for _ in range(blocks)))
        self.decoder = nn.Sequential(
            _normalised(nn.ConvTranspose2d(4 * w, 2 * w, kernel_size=4, stride=2, padding=1), spectral),
            _instance_norm(2 * w),
            nn.ReLU(),
            _normalised(nn.ConvTranspose2d(2 * w, w, kernel_size=4, stride=2, padding=1), spectral),
            _instance_norm(w),
            nn.ReLU(),
            nn.ReflectionPad2d(3),
            nn.Conv2d(w, outputs, kernel_size=7),
        )

    def features(self, x: Tensor) -> Tensor:
        """The last convolution's output, before its activation."""
        return self.decoder(self.middle(self.encoder(x)))


class EdgeGenerator(EdgeConnectGenerator):
    """Draws edges into holes: gray, edge and mask ``[N, 3, H, W]`` in 0..1 to ``[N, 1, H, W]`` in 0..1."""

    def __init__(self, width: int = 64, blocks: int = 8) -> None:
        super().__init__(inputs=3, outputs=1, width=width, blocks=blocks, spectral=True)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.features(x))


class InpaintGenerator(EdgeConnectGenerator):
    """Paints holes along given edges: RGB and edge ``[N, 4, H, W]`` in 0..1 to ``[N, 3, H, W]`` in 0..1."""

    def __init__(self, width: int = 64, blocks: int = 8) -> None:
        super().__init__(inputs=4, outputs=3, width=width, blocks=blocks)

    def forward(self, x: Tensor) -> Tensor:
        return (torch.tanh(self.features(x)) + 1) / 2


def _inputs_per_output(layer: nn.Module, weight: Tensor) -> float:
    """How many weighted inputs one output element sums, on average over the phases of a strided transposed convolution."""
    if isinstance(layer, nn.modules.conv._ConvTransposeNd):
        return weight.shape[0] / layer.groups * weight[0, 0].numel() / math.prod(layer.stride)
    return weight[0].numel()


def _fill_layer(layer: nn.Module, generator: torch.Generator) -> None:
    """Draw weights that keep the variance of leaky or plain rectified activations, and small biases."""
    weight = layer.weight_orig if hasattr(layer, "weight_orig") else layer.weight
    weight.normal_(0, math.sqrt(2 / _inputs_per_output(layer, weight)), generator=generator)
    if layer.bias is not None:
        layer.bias.normal_(0, 0.1, generator=generator)


def _fill_norm(norm: nn.Module, generator: torch.Generator) -> None:
    """Draw scale, shift and running statistics far enough from 1, 0, 0, 1 for a mistake in any of them to show."""
    if norm.weight is not None:
        norm.weight.uniform_(0.6, 1.4, generator=generator)
        norm.bias.normal_(0, 0.2, generator=generator)
    if norm.running_mean is not None:
        norm.running_mean.normal_(0, 0.2, generator=generator)
        norm.running_var.uniform_(0.5, 2.0, generator=generator)


def _settle_spectral(layer: nn.Module, steps: int = 20) -> None:
    """Bring weight_u and weight_v near the first singular pair, as training would have."""
    weight = layer.weight_orig
    matrix = weight.transpose(0, 1) if isinstance(layer, nn.modules.conv._ConvTransposeNd) else weight
    matrix = matrix.flatten(1)
    for _ in range(steps):
        layer.weight_v.copy_(nn.functional.normalize(matrix.t() @ layer.weight_u, dim=0))
        layer.weight_u.copy_(nn.functional.normalize(matrix @ layer.weight_v, dim=0))


@torch.no_grad()
def initialise(network: nn.Module, seed: int) -> nn.Module:
    """Fill every parameter and statistic from a seed and switch to evaluation mode; returns the network itself."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, (nn.modules.conv._ConvNd, nn.Linear)):
            _fill_layer(module, generator)
        elif isinstance(module, (nn.modules.batchnorm._NormBase)):
            _fill_norm(module, generator)
        if hasattr(module, "weight_orig"):
            module.weight_u.normal_(0, 1, generator=generator)
            _settle_spectral(module)
    return network.eval()
