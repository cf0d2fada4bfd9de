#!/usr/bin/env python3
"""Trains the small variants that limner ships: the plain Generator, or the EdgeConnect pair.

  train.py plain --out DIR        the plain Generator (same layers and keys as the full one, fewer channels)
  train.py edgeconnect --out DIR  first the edge model, then the inpaint model along the edge model's edges

A run is fixed by --seed and --steps on one kind of device; with --minutes it depends on how fast that is.
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
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

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
    forward: Callable[[Tensor], Tensor] = field(init=False)
    step: int = 0

    def __post_init__(self) -> None:
        self.averaged = copy.deepcopy(self.network).eval().requires_grad_(False)
        self.forward = self.network
        device = next(self.network.parameters()).device
        rate = torch.tensor(self.rate, device=device)
        on_device = {"capturable": True, "foreach": True} if device.type == "cuda" else {}
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=rate.clone(), betas=(0.9, 0.99), **on_device)
        self.critic_optimiser = torch.optim.Adam(self.critic.parameters(), lr=rate / 4, betas=(0.0, 0.9), **on_device)

    def set_rate(self, share: float) -> None:
        """The network learns at this share of its full rate."""
        for group in self.optimiser.param_groups:
            group["lr"].fill_(self.rate * share)

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
        half = {k: (v.half() if v.is_floating_point() else v).cpu() for k, v in self.averaged.state_dict().items()}
        torch.save({"iteration": self.step, "generator": half}, folder / f"{self.name}.pth.tmp")
        (folder / f"{self.name}.pth.tmp").replace(folder / f"{self.name}.pth")

    def resume(self, folder: Path) -> None:
        """Goes on from the whole state, or from the plain weights where only those are there."""
        whole = folder / f"{self.name}.state"
        path = whole if whole.exists() else folder / f"{self.name}.pth"
        state = torch.load(path, map_location=next(self.network.parameters()).device, weights_only=True)
        self.step = state["iteration"]
        self.averaged.load_state_dict(state["generator"])
        self.network.load_state_dict(state.get("network", state["generator"]))
        for key in ("critic", "optimiser", "critic_optimiser"):
            if key in state:
                getattr(self, key).load_state_dict(state[key])


def painted_losses(t: Trainee, made: Tensor, whole: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Losses of a painter and of its critic, which sees the picture with its hole filled."""
    filled = made * mask + whole * (1 - mask)
    real_logits, real_features = t.critic(torch.cat([whole, mask], 1))
    made_logits, made_features = t.critic(torch.cat([filled, mask], 1))
    loss = reconstruction_loss(made, whole, mask) - 0.005 * made_logits.mean()
    loss = loss + 0.1 * matching_loss(real_features, made_features) + 0.05 * style_loss(real_features, made_features)
    critic = critic_loss(real_logits, t.critic(torch.cat([filled.detach(), mask], 1))[0])
    return loss, critic


class PlainTask:
    """The plain Generator: the damaged picture, white in holes, in -1..1."""

    def batch(self, pictures: Pictures, count: int) -> tuple[Tensor, ...]:
        return pictures.batch(count), pictures.masks(count)

    def losses(self, t: Trainee, whole: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        made = (t.forward((whole * (1 - mask) + mask) * 2 - 1).float() + 1) / 2
        return painted_losses(t, made, whole, mask)


class EdgeTask:
    """The edge model: gray, edge and mask to the edges of the whole picture."""

    def batch(self, pictures: Pictures, count: int) -> tuple[Tensor, ...]:
        whole, mask = pictures.batch(count), pictures.masks(count)
        luminance = gray(whole)
        return luminance, canny(luminance, torch.ones_like(mask)), canny(luminance, 1 - mask), mask

    def losses(self, t: Trainee, luminance: Tensor, target: Tensor, seen: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        made = t.forward(torch.cat([luminance * (1 - mask) + mask, seen, mask], 1)).float()
        real_logits, real_features = t.critic(torch.cat([luminance, target], 1))
        made_logits, made_features = t.critic(torch.cat([luminance, made], 1))
        share = mask.mean(dim=(1, 2, 3), keepdim=True).clamp(min=0.02)
        likely = made.clamp(1e-4, 1 - 1e-4)
        entropy = -(target * likely.log() + (1 - target) * (1 - likely).log()) * (1 + 3 * target) * (0.3 + mask / share)
        loss = entropy.mean() - 0.05 * made_logits.mean() + 2 * matching_loss(real_features, made_features)
        critic = critic_loss(real_logits, t.critic(torch.cat([luminance, made.detach()], 1))[0])
        return loss, critic


class InpaintTask:
    """The inpaint model, along the edges that the finished edge model draws into the hole."""

    def __init__(self, edge_model: nn.Module) -> None:
        self.edge_model = edge_model

    def batch(self, pictures: Pictures, count: int) -> tuple[Tensor, ...]:
        whole, mask = pictures.batch(count), pictures.masks(count)
        luminance = gray(whole)
        return whole, torch.cat([luminance * (1 - mask) + mask, canny(luminance, 1 - mask), mask], 1), mask

    def losses(self, t: Trainee, whole: Tensor, outline: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            edges = self.edge_model(outline).float()
        made = t.forward(torch.cat([whole * (1 - mask) + mask, edges], 1)).float()
        return painted_losses(t, made, whole, mask)


def update(t: Trainee, losses: Callable[..., tuple[Tensor, Tensor]], batch: tuple[Tensor, ...]) -> Tensor:
    """One step of the network and of its critic; returns the network's loss."""
    device_type = batch[0].device.type
    with torch.autocast(device_type, torch.bfloat16, enabled=device_type == "cuda", cache_enabled=False):
        loss, critic = losses(t, *batch)
    t.optimiser.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(t.network.parameters(), 1.0)
    t.optimiser.step()
    t.critic_optimiser.zero_grad(set_to_none=True)
    critic.backward()
    t.critic_optimiser.step()
    return loss.detach()


def recorded(t: Trainee, losses: Callable[..., tuple[Tensor, Tensor]], batch: tuple[Tensor, ...]) -> Callable[..., Tensor]:
    """The same step recorded once and replayed with new pictures: small kernels then wait for the GPU, not for Python."""
    inputs = tuple(tensor.clone() for tensor in batch)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        try:
            update(t, losses, inputs)
        except Exception as error:  # noqa: BLE001 - whatever keeps the network from being compiled
            if t.forward is t.network:
                raise
            print(f"{t.name} trains uncompiled: {error}", file=sys.stderr, flush=True)
            t.forward = t.network
        for _ in range(3):
            update(t, losses, inputs)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = update(t, losses, inputs)

    def replay(batch: tuple[Tensor, ...]) -> Tensor:
        for mine, theirs in zip(inputs, batch):
            mine.copy_(theirs)
        graph.replay()
        return loss

    return replay


def train(t: Trainee, task: PlainTask | EdgeTask | InpaintTask, stages: list[Pictures], options: argparse.Namespace, minutes: float) -> None:
    """Trains until the minutes or the steps are over; the rate falls along a cosine, the last stage has the last third.

    A stage's batches hold as many pixels as the first one's. Progress goes to stderr.
    """
    started = saved = time.monotonic()
    first, mean, stage, step = t.step, None, None, None
    while True:
        done = (t.step - first) / options.steps if options.steps else (time.monotonic() - started) / (60 * minutes)
        if done >= 1:
            break
        pictures = stages[-1 if done > 2 / 3 else 0]
        batch = task.batch(pictures, max(8, options.batch * stages[0].side**2 // pictures.side**2))
        t.set_rate(min(1.0, (t.step - first + 1) / 200) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done))))
        if pictures is not stage:
            stage = pictures
            step = recorded(t, task.losses, batch) if options.device.type == "cuda" else partial(update, t, task.losses)
        loss = step(batch)
        t.average()
        t.step += 1
        if t.step % 100 == 0 or options.steps:
            mean = float(loss) if mean is None else 0.8 * mean + 0.2 * float(loss)
            print(f"{t.name} step {t.step} loss {mean:.4f} {100 * done:.0f} %", file=sys.stderr, flush=True)
        if time.monotonic() - saved > options.save_every:
            t.save(options.out)
            saved = time.monotonic()
    t.save(options.out)


def start(name: str, network: nn.Module, critic: Discriminator, rate: float, options: argparse.Namespace) -> Trainee:
    memory_format = torch.channels_last if options.device.type == "cuda" else torch.contiguous_format
    trainee = Trainee(name, network.to(options.device, memory_format=memory_format), critic.to(options.device), rate * options.rate)
    if options.compile:
        trainee.forward = torch.compile(trainee.network, dynamic=False)
    if options.resume and any((options.out / f"{name}{ending}").exists() for ending in (".state", ".pth")):
        trainee.resume(options.out)
    return trainee


def train_plain(options: argparse.Namespace, stages: list[Pictures]) -> None:
    t = start("plain", Generator(PLAIN_WIDTHS, PLAIN_BOTTLENECK), Discriminator(4), 1.5e-3, options)
    train(t, PlainTask(), stages, options, options.minutes)


def train_edgeconnect(options: argparse.Namespace, stages: list[Pictures]) -> None:
    edge = start("edge", EdgeGenerator(EDGE_WIDTH), Discriminator(2), 1e-3, options)
    if options.edge_share > 0:
        train(edge, EdgeTask(), stages, options, options.minutes * options.edge_share)
    inpaint = start("inpaint", InpaintGenerator(INPAINT_WIDTH), Discriminator(4), 1e-3, options)
    train(inpaint, InpaintTask(edge.averaged), stages, options, options.minutes * (1 - options.edge_share))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", choices=("plain", "edgeconnect"))
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--minutes", type=float, default=8, help="how long to train (default %(default)s)")
    parser.add_argument("--steps", type=int, default=0, help="train each network for so many steps, not for minutes")
    parser.add_argument("--batch", type=int, default=48, help="pictures a step (default %(default)s)")
    parser.add_argument("--side", type=int, nargs="+", default=[160, 256],
                        help="sides of the training pictures, multiples of 16, the last one for the last third (default: 160 256)")
    parser.add_argument("--rate", type=float, default=1.0, help="share of the usual learning rate (default %(default)s)")
    parser.add_argument("--edge-share", type=float, default=0.2, help="the edge model's share of the minutes; 0: it stays as it is (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", type=torch.device, default=torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    parser.add_argument("--compile", action="store_true", help="fuse the network's kernels first (a minute)")
    parser.add_argument("--save-every", type=float, default=120, metavar="SECONDS")
    parser.add_argument("--resume", action="store_true", help="go on from what is in DIR")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    torch.backends.cudnn.benchmark = True
    large = Pictures(max(options.side), options.device, options.seed)
    stages = [Pictures(side, options.device, options.seed, large) for side in options.side]
    (train_plain if options.network == "plain" else train_edgeconnect)(options, stages)
    return 0


if __name__ == "__main__":
    sys.exit(main())
