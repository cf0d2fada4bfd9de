"""Modules made fit for exporting: one call, plain tensors in and out, weights drawn from a seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn


class Called(nn.Module):
    """A module that is called in another way than by its inputs alone."""

    def __init__(self, module: nn.Module, how: Callable[..., Any]) -> None:
        super().__init__()
        self.module = module
        self.how = how

    def forward(self, *inputs: torch.Tensor) -> Any:
        return self.how(self.module, *inputs)


def tensors(value: Any) -> list[torch.Tensor]:
    """The tensors in what a module returned, in order."""
    if torch.is_tensor(value):
        return [value]
    if value is None or isinstance(value, (int, float, str)):
        return []
    return [tensor for item in (value.values() if isinstance(value, dict) else value) for tensor in tensors(item)]


class Flat(nn.Module):
    """A module whose outputs are a plain tuple of tensors, or of those that were picked."""

    def __init__(self, module: nn.Module, picked: tuple[int, ...] | None) -> None:
        super().__init__()
        self.module = module
        self.picked = picked

    def results(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        found = tensors(self.module(*inputs))
        return tuple(found[k] for k in self.picked) if self.picked else tuple(found)


class Flat1(Flat):
    """One input."""

    def forward(self, a: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return self.results(a)


class Flat2(Flat):
    """Two inputs."""

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return self.results(a, b)


class Flat3(Flat):
    """Three inputs."""

    def forward(self, a: torch.Tensor, b: torch.Tensor, c: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return self.results(a, b, c)


class Flat4(Flat):
    """Four inputs."""

    def forward(self, a: torch.Tensor, b: torch.Tensor, c: torch.Tensor, d: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return self.results(a, b, c, d)


FLAT = (Flat1, Flat2, Flat3, Flat4)


def fan_in(module: nn.Module) -> float:
    """How many products make one output."""
    weight = module.weight
    if isinstance(module, nn.modules.conv._ConvTransposeNd):
        steps = 1
        for step in module.stride:
            steps *= step
        return weight.shape[0] / module.groups * weight[0, 0].numel() / steps
    return weight[0].numel()


def draw_statistics(module: nn.Module, generator: torch.Generator) -> None:
    """Running means and variances that are not 0 and 1."""
    for name, buffer in module.named_buffers(recurse=False):
        if name == "running_mean":
            buffer.copy_(torch.randn(buffer.shape, generator=generator) * 0.1)
        if name == "running_var":
            buffer.copy_(torch.rand(buffer.shape, generator=generator) + 0.5)


@torch.no_grad()
def draw_weights(module: nn.Module, gain: float | None, seed: int = 0) -> None:
    """Weights from a seed by which activations neither vanish nor explode (``gain`` None: the author's stay), and no
    parameter that is constant, so that none can be left out unseen."""
    generator = torch.Generator().manual_seed(seed)
    for part in module.modules():
        weighted = isinstance(part, (nn.Linear, nn.modules.conv._ConvNd)) and isinstance(part.weight, nn.Parameter)
        if gain and weighted and part.weight.numel():
            drawn = torch.randn(part.weight.shape, generator=generator) * gain / max(fan_in(part), 1) ** 0.5
            part.weight.copy_(drawn.to(part.weight.dtype))
        draw_statistics(part, generator)
    for parameter in module.parameters():
        if parameter.is_floating_point() and parameter.numel() > 1 and parameter.min() == parameter.max():
            parameter.add_((torch.randn(parameter.shape, generator=generator) * 0.1).to(parameter.dtype))


def prepared(module: nn.Module, gain: float | None, picked: tuple[int, ...] | None, inputs: int) -> nn.Module:
    """The module with drawn weights, for evaluation, with plain inputs and outputs."""
    draw_weights(module, gain)
    return FLAT[inputs - 1](module, picked).eval().requires_grad_(False)
