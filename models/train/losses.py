"""Losses that need no downloaded network: reconstruction, gradients, several scales, adversarial, feature matching, style."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import spectral_norm

RIM = 5  # so many pixels round a hole are its rim

class Discriminator(nn.Module):
    """A small patch critic: ``[B, C, H, W]`` to logits of patches, with its features."""

    def __init__(self, channels: int, width: int = 32) -> None:
        super().__init__()
        sizes = [channels, width, 2 * width, 4 * width]
        self.stages = nn.ModuleList(spectral_norm(nn.Conv2d(a, b, 4, 2, 1)) for a, b in zip(sizes, sizes[1:]))
        self.last = spectral_norm(nn.Conv2d(sizes[-1], 1, 4, 1, 1))

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        features = []
        for stage in self.stages:
            x = F.leaky_relu(stage(x), 0.2)
            features.append(x)
        return self.last(x), features


def critic_loss(real: Tensor, made: Tensor) -> Tensor:
    """Hinge loss of the critic."""
    return F.relu(1 - real).mean() + F.relu(1 + made).mean()


def gram(feature: Tensor) -> Tensor:
    flat = feature.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[-1]


def matching_loss(real: list[Tensor], made: list[Tensor]) -> Tensor:
    """Feature matching: mean distance of the critic's features."""
    return sum(F.l1_loss(m, r.detach()) for r, m in zip(real, made)) / len(real)


def style_loss(real: list[Tensor], made: list[Tensor]) -> Tensor:
    """Distance of the features' correlations."""
    return sum(F.l1_loss(gram(m), gram(r.detach())) for r, m in zip(real, made)) / len(real)


def reconstruction_loss(output: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Absolute error everywhere and inside holes, its gradients, block means at three scales, and logarithms of squared errors.

    What is inside a hole counts by the hole's share of the picture; the logarithms make pictures count alike in decibels.
    What is known counts too, most of all along the rim of a hole: who cannot draw again what is there cannot paint a hole
    that meets it without a seam.
    """
    error = output - target
    hole = error * mask
    share = mask.mean(dim=(1, 2, 3), keepdim=True).clamp(min=0.01)
    inside = (hole.abs() / share).mean()
    edges = (hole.diff(dim=-1).abs() / share).mean() + (hole.diff(dim=-2).abs() / share).mean()
    blocks = sum((F.avg_pool2d(hole, size).abs() / share).mean() for size in (4, 8, 16))
    rim = F.max_pool2d(mask, 2 * RIM + 1, 1, RIM) - mask
    decibels = 0.25 * in_decibels(error, mask) + 0.1 * in_decibels(error, rim) + 0.04 * in_decibels(error, 1 - mask)
    return 0.5 * error.abs().mean() + inside + 0.25 * edges + 0.25 * blocks + decibels


def in_decibels(error: Tensor, where: Tensor) -> Tensor:
    """Mean over the pictures of the squared error's logarithm at the places that ``where`` marks."""
    squares = (error * where).square().mean(dim=(1, 2, 3)) / where.mean(dim=(1, 2, 3)).clamp(min=0.01)
    return (squares + 1e-4).log().mean()
