"""Small PyTorch modules, each round one family of operators, that exporters spell in many ways.

They stand beside the networks of ``networks.py``: what users bring next uses the same operators with other attributes.
Every class says what it takes; several return more than one tensor, so that one file holds several spellings.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ConvTranspose1d(nn.Module):
    """Transposed convolutions of a signal ``[N, 4, L]``."""

    def __init__(self) -> None:
        super().__init__()
        self.padded = nn.ConvTranspose1d(4, 3, kernel_size=3, stride=2, padding=1, output_padding=1)
        self.dilated = nn.ConvTranspose1d(4, 6, kernel_size=4, stride=3, dilation=2, groups=2, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.padded(x), self.dilated(x)


class ConvTranspose2d(nn.Module):
    """Transposed convolutions of a picture ``[N, 6, H, W]``: uneven strides, pads, dilations; stride above kernel; groups."""

    def __init__(self) -> None:
        super().__init__()
        self.uneven = nn.ConvTranspose2d(6, 5, (3, 5), stride=(2, 3), padding=(1, 2), output_padding=(1, 2))
        self.dilated = nn.ConvTranspose2d(6, 4, 3, stride=(2, 3), padding=1, output_padding=(1, 2), dilation=(3, 2))
        self.sparse = nn.ConvTranspose2d(6, 3, 2, stride=3, output_padding=(0, 2), groups=3)
        self.depthwise = nn.ConvTranspose2d(6, 6, 4, stride=2, padding=1, groups=6, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.uneven(x), self.dilated(x), self.sparse(x), self.depthwise(x)


class OutputPadding(nn.Module):
    """A transposed convolution of ``[N, 6, H, W]`` whose output_padding reaches the stride: legal below the dilation."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(6, 4, 3, stride=(1, 2), padding=1, output_padding=(1, 2), dilation=(2, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.up(x)


class ConvTranspose3d(nn.Module):
    """Transposed convolutions of a volume ``[N, 4, D, H, W]``."""

    def __init__(self) -> None:
        super().__init__()
        self.padded = nn.ConvTranspose3d(4, 3, 3, stride=2, padding=1, output_padding=1)
        self.uneven = nn.ConvTranspose3d(4, 2, (1, 2, 3), stride=(1, 2, 3), padding=(0, 1, 1), dilation=(1, 2, 1), groups=2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.padded(x), self.uneven(x)


class Convolution(nn.Module):
    """Convolutions in 1, 2 and 3 dimensions of ``[N, 6, L]``, ``[N, 6, H, W]`` and ``[N, 2, D, H, W]``."""

    def __init__(self) -> None:
        super().__init__()
        self.signal = nn.Conv1d(6, 4, 5, stride=2, padding=3, dilation=2, groups=2)
        self.picture = nn.Conv2d(6, 9, (3, 2), stride=(1, 2), padding=(2, 0), dilation=(2, 1), groups=3, bias=False)
        self.same = nn.Conv2d(9, 5, (4, 3), padding="same")
        self.volume = nn.Conv3d(2, 3, 3, stride=(1, 2, 1), padding=(0, 1, 2))

    def forward(self, signal: Tensor, picture: Tensor, volume: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.signal(signal), self.same(self.picture(picture)), self.volume(volume)


class PaddedConvolution(nn.Module):
    """Convolutions of ``[N, 3, H, W]`` that pad by reflection, by the border's value and round the torus."""

    def __init__(self) -> None:
        super().__init__()
        self.reflect = nn.Conv2d(3, 4, 3, padding=(1, 2), padding_mode="reflect")
        self.replicate = nn.Conv2d(3, 4, 5, padding=2, padding_mode="replicate")
        self.circular = nn.Conv2d(3, 4, 3, padding=1, padding_mode="circular")

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.reflect(x), self.replicate(x), self.circular(x)


class Pad(nn.Module):
    """The pads of ``[N, 2, H, W]`` in every mode; the last one is negative and crops."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        return (
            F.pad(x, (1, 2, 3, 0), value=0.75),
            F.pad(x, (3, 1, 2, 4), mode="reflect"),
            F.pad(x, (0, 2, 5, 1), mode="replicate"),
            F.pad(x, (2, 1, 0, 3), mode="circular"),
            F.pad(x, (-1, 2, 1, -2)),
        )


class InstanceNorm(nn.Module):
    """Instance norms of ``[N, 4, L]``, ``[N, 3, H, W]`` and ``[N, 2, D, H, W]``, with and without scale and shift."""

    def __init__(self) -> None:
        super().__init__()
        self.signal = nn.InstanceNorm1d(4, affine=True)
        self.picture = nn.InstanceNorm2d(3, eps=1e-3)
        self.volume = nn.InstanceNorm3d(2, affine=True)

    def forward(self, signal: Tensor, picture: Tensor, volume: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.signal(signal), self.picture(picture), self.volume(volume)


class TrackedInstanceNorm(nn.Module):
    """An instance norm of ``[N, 3, H, W]`` with running statistics, which exporters turn into a batch norm."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.InstanceNorm2d(3, affine=True, track_running_stats=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x)


class BatchNorm(nn.Module):
    """Batch norms of ``[N, 4, L]``, ``[N, 3, H, W]`` and ``[N, 2, D, H, W]`` that no convolution can swallow."""

    def __init__(self) -> None:
        super().__init__()
        self.signal = nn.BatchNorm1d(4)
        self.picture = nn.BatchNorm2d(3, eps=1e-2)
        self.volume = nn.BatchNorm3d(2, affine=False)

    def forward(self, signal: Tensor, picture: Tensor, volume: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.signal(signal), self.picture(picture), self.volume(volume)


class SplitConcat(nn.Module):
    """Cutting and joining ``[N, 7, H, W]``: even and uneven splits, slices with steps and from the end, a flip."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        a, b, c = torch.split(x, (2, 1, 4), dim=1)
        d, e, f = torch.chunk(x, 3, dim=1)
        joined = torch.cat((c, a, b, f), dim=1)
        cut = x[:, 1:-1, ::2, -3:]
        return joined, torch.cat((d * 2, e), dim=-3), cut, torch.flip(x, (2, 3))


class Gather(nn.Module):
    """Picking from ``[N, 5, H, W]``: one index, a list of channels, and ``index`` ``[K]`` in 0..4 given at run time."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("order", torch.tensor([4, 0, 2, 2]))

    def forward(self, x: Tensor, index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return x[:, 2], torch.index_select(x, 1, self.order), torch.index_select(x, 1, index)


class Compare(nn.Module):
    """Logic on ``a`` and ``b`` ``[N, 3, W]`` and integers ``mask`` ``[N, 1, W]``: comparisons, And, Or, Not, Where, Cast."""

    def forward(self, a: Tensor, b: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        larger = (a > b) & ~(mask == 2)
        either = (a < 0) | (mask > 1)
        chosen = torch.where(larger, a, b)
        holes = a.masked_fill(mask.bool(), -1.0)
        return chosen, either, holes, mask.float() * a + either.float()


class Arithmetic(nn.Module):
    """Element-wise arithmetic of ``a`` ``[N, 3, W]`` and ``b`` ``[3, 1]``, both positive: powers, roots, quotients, broadcasting."""

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        power = torch.pow(a, b) - a**2
        root = torch.sqrt(a) / torch.sqrt(b + 1e-6)
        scaled = (2 - a) * 0.5 + b / 3
        return power, root, scaled, torch.rsqrt(a + b) + 1 / b


class Activation(nn.Module):
    """The activations of ``[N, 3, W]``."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        return torch.relu(x), F.leaky_relu(x), F.leaky_relu(x, 0.2), torch.sigmoid(x), (torch.tanh(x) + 1) / 2


class Reduce(nn.Module):
    """Means and sums of ``[N, 3, H, W]``, with the reduced axes kept or dropped, over some axes or all."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        centred = x - x.mean(dim=(2, 3), keepdim=True)
        return centred, x.mean(dim=-1), x.sum(dim=1, keepdim=True), x.sum(dim=(0, 2)), x.mean()


class Linear(nn.Module):
    """Matrix products: Linear on ``flat`` ``[N, 12]`` and on ``deep`` ``[N, 5, 12]``, and products of the two."""

    def __init__(self) -> None:
        super().__init__()
        self.biased = nn.Linear(12, 7)
        self.bare = nn.Linear(12, 5, bias=False)

    def forward(self, flat: Tensor, deep: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        products = deep @ deep.transpose(1, 2)
        return self.biased(flat), self.bare(flat), self.biased(deep), self.bare(deep) @ products, flat @ deep[0].t()


class Reshape(nn.Module):
    """Shapes worked out at run time from ``[N, 6, H, W]``: view, flatten, squeeze, unsqueeze, permute, pixel shuffle by hand."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        n, c, h, w = x.shape
        flat = x.view(x.size(0), -1)
        tokens = x.flatten(2).transpose(1, 2)
        groups = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        thin = x.mean(dim=1, keepdim=True).squeeze(1).unsqueeze(-1)
        wide = x.reshape(n, c // 2, 2, h, w).permute(0, 1, 3, 4, 2).reshape(n, c // 2, h, w * 2)
        return flat, tokens, groups, thin, wide


class Expand(nn.Module):
    """Tensors sized at run time from ``[N, 3, H, W]``: expand, repeat, ones and zeros of another tensor's shape."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.linspace(-1, 1, 3).view(1, 3, 1, 1))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        wide = self.bias.expand(x.size(0), -1, x.size(2), x.size(3))
        border = torch.ones(x.size(0), 1, x.size(2), x.size(3))
        return wide + torch.zeros_like(x), torch.cat((x, border), dim=1), x.mean(dim=1, keepdim=True).expand_as(x)


class Dropout(nn.Module):
    """Dropout between two linear layers of ``[N, 12]``: the identity in evaluation."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(12, 8)
        self.second = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(F.dropout(torch.relu(self.first(x)), 0.5, self.training))


class UNet(nn.Module):
    """A two-level U-Net with skip connections: ``[N, 3, H, W]`` in -1..1 to the same shape, H and W multiples of 4."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 5, 4, stride=2, padding=1)
        self.second = nn.Conv2d(5, 9, 4, stride=2, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(9)
        self.middle = nn.Conv2d(9, 9, 3, padding=1)
        self.up = nn.ConvTranspose2d(9, 5, 4, stride=2, padding=1, bias=False)
        self.up_norm = nn.BatchNorm2d(5)
        self.last = nn.ConvTranspose2d(10, 3, 4, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        first = F.leaky_relu(self.first(x), 0.2)
        second = F.leaky_relu(self.second_norm(self.second(first)), 0.2)
        up = torch.relu(self.up_norm(self.up(torch.relu(self.middle(second)))))
        return torch.tanh(self.last(torch.cat((up, first), dim=1)))
