"""Muon: momentum whose matrices are made orthogonal before each step, so that no direction of a layer is left behind.

After Jordan's description (2024); the length of a step follows Adam's, so that both share a learning rate.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

# Of the quintic x -> a x + b x^3 + c x^5, which moves singular values towards 1.
QUINTIC = 3.4445, -4.7750, 2.0315
ROUNDS = 5
STEP_LENGTH = 0.2


def orthogonalised(matrices: Tensor) -> Tensor:
    """``[B, m, n]`` with all singular values near 1."""
    x = matrices.bfloat16() if matrices.is_cuda else matrices
    tall = x.shape[1] > x.shape[2]
    x = x.transpose(1, 2) if tall else x
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    a, b, c = QUINTIC
    for _ in range(ROUNDS):
        square = x @ x.transpose(1, 2)
        x = a * x + (b * square + c * square @ square) @ x
    return (x.transpose(1, 2) if tall else x).float()


def hidden_weights(network: nn.Module) -> list[tuple[nn.Parameter, bool]]:
    """The convolutions' weights but those next to the picture, and whether each is a transposed convolution's."""
    found = []
    for module in network.modules():
        if isinstance(module, nn.modules.conv._ConvNd):
            weight = module.weight_orig if hasattr(module, "weight_orig") else module.weight
            if min(module.in_channels, module.out_channels) > 4:
                found.append((weight, isinstance(module, nn.modules.conv._ConvTransposeNd)))
    return found


class Muon(torch.optim.Optimizer):
    """Steps of weights ``[out, in, ...]``, or ``[in, out, ...]`` where ``transposed``; equal shapes are done at once."""

    def __init__(self, weights: Iterable[tuple[nn.Parameter, bool]], lr: Tensor, momentum: float = 0.95) -> None:
        weights = list(weights)
        kinds = dict.fromkeys((tuple(weight.shape), transposed) for weight, transposed in weights)
        groups = [{"params": [w for w, turned in weights if (tuple(w.shape), turned) == kind], "transposed": kind[1], "lr": lr.clone()}
                  for kind in kinds]
        super().__init__(groups, {"momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        for group in self.param_groups:
            weights, momentum = group["params"], group["momentum"]
            for weight in weights:
                if not self.state[weight]:
                    self.state[weight]["mean"] = torch.zeros_like(weight)
            means, slopes = [self.state[weight]["mean"] for weight in weights], [weight.grad for weight in weights]
            torch._foreach_lerp_(means, slopes, 1 - momentum)
            ahead = torch.stack([slope.lerp(mean, momentum) for slope, mean in zip(slopes, means)])
            ahead = ahead.transpose(1, 2) if group["transposed"] else ahead
            moves = orthogonalised(ahead.flatten(2)).view(ahead.shape) * (STEP_LENGTH * math.sqrt(max(ahead[0].flatten(1).shape)))
            moves = moves.transpose(1, 2) if group["transposed"] else moves
            for weight, move in zip(weights, moves):
                weight.sub_(move * group["lr"])
