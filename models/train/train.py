#!/usr/bin/env python3
"""Trains the small variants that limner ships: the plain Generator, or the EdgeConnect pair.

  train.py plain --out DIR        the plain Generator (same layers and keys as the full one, fewer channels)
  train.py edgeconnect --out DIR  first the edge model, then the inpaint model along the edge model's edges

Each network's weights go to DIR/<network>.pth after every --save-every seconds and at the end, with what is needed to go
on: the same command with --resume continues. A GPU trains in minutes (--minutes); `--device cpu --steps 3 --side 64`
is a test that it runs.
"""

from __future__ import annotations

import argparse
import copy
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from data import Pictures  # noqa: E402
from edges import canny, gray  # noqa: E402
from losses import Discriminator, critic_loss, matching_loss, reconstruction_loss, style_loss  # noqa: E402
from networks import EdgeGenerator, Generator, InpaintGenerator  # noqa: E402

PLAIN_WIDTHS, PLAIN_BOTTLENECK = (40, 80, 128, 192), 448
EDGE_WIDTH, INPAINT_WIDTH = 16, 24


@dataclass
class Trainee:
    """A network in training: weights, averaged weights, critic, optimisers, and how far it got."""

    name: str
    network: nn.Module
    critic: nn.Module
    rate: float
    averaged: nn.Module = field(init=False)
    step: int = 0

    def __post_init__(self) -> None:
        self.averaged = copy.deepcopy(self.network).eval().requires_grad_(False)
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=self.rate, betas=(0.5, 0.99))
        self.critic_optimiser = torch.optim.Adam(self.critic.parameters(), lr=self.rate / 4, betas=(0.0, 0.9))

    def average(self, decay: float = 0.998) -> None:
        decay = min(decay, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            pairs = list(zip(self.averaged.state_dict().values(), self.network.state_dict().values()))
            real = [pair for pair in pairs if pair[0].is_floating_point()]
            torch._foreach_lerp_([mine for mine, _ in real], [theirs for _, theirs in real], 1 - decay)
            for mine, theirs in pairs:
                if not mine.is_floating_point():
                    mine.copy_(theirs)

    def state(self) -> dict:
        return {"iteration": self.step, "generator": self.averaged.state_dict(), "network": self.network.state_dict(),
                "critic": self.critic.state_dict(), "optimiser": self.optimiser.state_dict(),
                "critic_optimiser": self.critic_optimiser.state_dict()}

    def save(self, folder: Path) -> None:
        """The whole state beside the plain weights, both put in place at once."""
        temporary = folder / f"{self.name}.state.tmp"
        torch.save(self.state(), temporary)
        temporary.replace(folder / f"{self.name}.state")
        half = {k: v.half() if v.is_floating_point() else v for k, v in self.averaged.state_dict().items()}
        torch.save({"iteration": self.step, "generator": half}, folder / f"{self.name}.pth.tmp")
        (folder / f"{self.name}.pth.tmp").replace(folder / f"{self.name}.pth")

    def resume(self, folder: Path, device: torch.device) -> None:
        state = torch.load(folder / f"{self.name}.state", map_location=device, weights_only=True)
        self.step = state["iteration"]
        self.averaged.load_state_dict(state["generator"])
        for key in ("network", "critic", "optimiser", "critic_optimiser"):
            getattr(self, key).load_state_dict(state[key])


def plain_losses(t: Trainee, pictures: Pictures, count: int) -> tuple[Tensor, Tensor]:
    """One step of the plain Generator: the damaged picture, white in holes, in -1..1."""
    whole, mask = pictures.batch(count), pictures.masks(count)
    made = (t.network((whole * (1 - mask) + mask) * 2 - 1)[..., :whole.shape[2], :whole.shape[3]].float() + 1) / 2
    return painted_losses(t, made, whole, mask)


def painted_losses(t: Trainee, made: Tensor, whole: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Losses of a painter and of its critic, which sees the picture with its hole filled."""
    filled = made * mask + whole * (1 - mask)
    real_logits, real_features = t.critic(torch.cat([whole, mask], 1))
    made_logits, made_features = t.critic(torch.cat([filled, mask], 1))
    loss = reconstruction_loss(made, whole, mask) - 0.02 * made_logits.mean()
    loss = loss + 0.2 * matching_loss(real_features, made_features) + 0.5 * style_loss(real_features, made_features)
    critic = critic_loss(real_logits, t.critic(torch.cat([filled.detach(), mask], 1))[0])
    return loss, critic


def edge_losses(t: Trainee, pictures: Pictures, count: int) -> tuple[Tensor, Tensor]:
    """One step of the edge model: gray, edge and mask to the edges of the whole picture."""
    whole, mask = pictures.batch(count), pictures.masks(count)
    luminance = gray(whole)
    target = canny(luminance, torch.ones_like(mask))
    seen = canny(luminance, 1 - mask)
    made = t.network(torch.cat([luminance * (1 - mask) + mask, seen, mask], 1)).float()
    real_logits, real_features = t.critic(torch.cat([luminance, target], 1))
    made_logits, made_features = t.critic(torch.cat([luminance, made], 1))
    share = mask.mean(dim=(1, 2, 3), keepdim=True).clamp(min=0.02)
    entropy = F.binary_cross_entropy(made.clamp(1e-4, 1 - 1e-4), target, weight=(1 + 3 * target) * (0.3 + mask / share))
    loss = entropy - 0.05 * made_logits.mean() + 2 * matching_loss(real_features, made_features)
    critic = critic_loss(real_logits, t.critic(torch.cat([luminance, made.detach()], 1))[0])
    return loss, critic


def inpaint_losses(t: Trainee, pictures: Pictures, count: int, edge_model: nn.Module) -> tuple[Tensor, Tensor]:
    """One step of the inpaint model, along the edges that the finished edge model draws into the hole."""
    whole, mask = pictures.batch(count), pictures.masks(count)
    luminance = gray(whole)
    with torch.no_grad():
        seen = canny(luminance, 1 - mask)
        edges = edge_model(torch.cat([luminance * (1 - mask) + mask, seen, mask], 1)).float()
    made = t.network(torch.cat([whole * (1 - mask) + mask, edges], 1)).float()
    return painted_losses(t, made, whole, mask)


def train(t: Trainee, losses: Callable[[Trainee, int], tuple[Tensor, Tensor]], options: argparse.Namespace, minutes: float) -> None:
    """Trains until the minutes or the steps are over, the rate falling along a cosine; progress goes to stderr."""
    started = saved = time.monotonic()
    first, mean = t.step, None
    device_type = options.device.type
    while True:
        done = (time.monotonic() - started) / (60 * minutes)
        if done >= 1 or (options.steps and t.step - first >= options.steps):
            break
        for group in t.optimiser.param_groups:
            group["lr"] = t.rate * min(1.0, (t.step + 1) / 200) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))
        with torch.autocast(device_type, torch.bfloat16, enabled=device_type == "cuda"):
            loss, critic = losses(t, options.batch)
        t.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(t.network.parameters(), 1.0)
        t.optimiser.step()
        t.critic_optimiser.zero_grad(set_to_none=True)
        critic.backward()
        t.critic_optimiser.step()
        t.average()
        t.step += 1
        if t.step % 100 == 0 or options.steps:
            value = float(loss.detach())
            mean = value if mean is None else 0.8 * mean + 0.2 * value
            print(f"{t.name} step {t.step} loss {mean:.4f} {100 * done:.0f} %", file=sys.stderr, flush=True)
        if time.monotonic() - saved > options.save_every:
            t.save(options.out)
            saved = time.monotonic()
    t.save(options.out)


def start(name: str, network: nn.Module, critic: Discriminator, rate: float, options: argparse.Namespace) -> Trainee:
    memory_format = torch.channels_last if options.device.type == "cuda" else torch.contiguous_format
    trainee = Trainee(name, network.to(options.device, memory_format=memory_format), critic.to(options.device), rate)
    if options.resume and (options.out / f"{name}.state").exists():
        trainee.resume(options.out, options.device)
    return trainee


def train_plain(options: argparse.Namespace, pictures: Pictures) -> None:
    t = start("plain", Generator(PLAIN_WIDTHS, PLAIN_BOTTLENECK), Discriminator(4), 1.5e-3, options)
    train(t, lambda t, count: plain_losses(t, pictures, count), options, options.minutes)


def train_edgeconnect(options: argparse.Namespace, pictures: Pictures) -> None:
    edge = start("edge", EdgeGenerator(EDGE_WIDTH), Discriminator(2), 1e-3, options)
    train(edge, lambda t, count: edge_losses(t, pictures, count), options, options.minutes * 0.3)
    inpaint = start("inpaint", InpaintGenerator(INPAINT_WIDTH), Discriminator(4), 1e-3, options)
    train(inpaint, lambda t, count: inpaint_losses(t, pictures, count, edge.averaged), options, options.minutes * 0.7)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", choices=("plain", "edgeconnect"))
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--minutes", type=float, default=8, help="how long to train (default %(default)s)")
    parser.add_argument("--steps", type=int, default=0, help="stop after so many steps of each network; 0: no limit")
    parser.add_argument("--batch", type=int, default=48, help="pictures a step (default %(default)s)")
    parser.add_argument("--side", type=int, default=160, help="side of the training pictures, a multiple of 16 (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", type=torch.device, default=torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    parser.add_argument("--save-every", type=float, default=120, metavar="SECONDS")
    parser.add_argument("--resume", action="store_true", help="go on from what is in DIR")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    torch.backends.cudnn.benchmark = True
    pictures = Pictures(options.side, options.device, options.seed)
    (train_plain if options.network == "plain" else train_edgeconnect)(options, pictures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
