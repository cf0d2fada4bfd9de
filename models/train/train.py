#!/usr/bin/env python3
"""Trains the small variants that limner ships: the plain Generator, or the EdgeConnect pair.

  train.py plain --out DIR        the plain Generator (same layers and keys as the full one, fewer channels)
  train.py edgeconnect --out DIR  first the edge model, then the inpaint model along the edge model's edges

A run is fixed by --seed and --steps on one kind of device; with --minutes it depends on how fast that is.
Each network's weights go to DIR/<network>.pth after every --save-every seconds and at the end, with what is needed to go
on: the same command with --resume continues where the last one stopped, on the same schedule. A GPU trains in minutes
(--minutes); `--device cpu --steps 3 --side 64` is a test that it runs.
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

from data import Pictures, Stock  # noqa: E402
from edges import canny, gray  # noqa: E402
from losses import Discriminator, critic_loss, matching_loss, reconstruction_loss, style_loss  # noqa: E402
from muon import Muon, hidden_weights  # noqa: E402
from networks import EdgeGenerator, Generator, InpaintGenerator  # noqa: E402

PLAIN_WIDTHS, PLAIN_BOTTLENECK = (32, 64, 96, 208), 208
EDGE_WIDTH, INPAINT_WIDTH = 12, 32


@dataclass
class Trainee:
    """A network in training: weights, averaged weights, critic, optimisers, and how far it got."""

    name: str
    network: nn.Module
    critic: nn.Module
    rate: float
    averaged: nn.Module = field(init=False)
    forward: Callable[[Tensor], Tensor] = field(init=False)
    judged: bool = False  # whether the critic takes part
    step: int = 0
    seconds: float = 0

    def __post_init__(self) -> None:
        self.averaged = copy.deepcopy(self.network).eval().requires_grad_(False)
        self.forward = self.network
        device = next(self.network.parameters()).device
        rate = torch.tensor(self.rate, device=device)
        on_device = {"capturable": True, "foreach": True} if device.type == "cuda" else {}
        hidden = hidden_weights(self.network)
        others = set(self.network.parameters()) - {weight for weight, _ in hidden}
        others = [weight for weight in self.network.parameters() if weight in others]
        self.optimisers = [Muon(hidden, rate), torch.optim.Adam(others, lr=rate.clone(), betas=(0.9, 0.99), **on_device)]
        self.critic_optimiser = torch.optim.Adam(self.critic.parameters(), lr=rate / 4, betas=(0.0, 0.9), **on_device)
        pairs = list(zip(self.averaged.state_dict().values(), self.network.state_dict().values()))
        self.pairs = [pair for pair in pairs if pair[0].is_floating_point()], [pair for pair in pairs if not pair[0].is_floating_point()]

    def set_rate(self, share: float) -> None:
        """The network learns at this share of its full rate."""
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"].fill_(self.rate * share)

    @torch.no_grad()
    def average(self, decay: float = 0.998) -> None:
        decay = min(decay, (self.step + 1) / (self.step + 10))
        real, whole = self.pairs
        torch._foreach_lerp_([mine for mine, _ in real], [theirs for _, theirs in real], 1 - decay)
        for mine, theirs in whole:
            mine.copy_(theirs)

    def state(self) -> dict:
        return {"iteration": self.step, "seconds": self.seconds, "generator": self.averaged.state_dict(),
                "network": self.network.state_dict(), "critic": self.critic.state_dict(),
                "optimisers": [optimiser.state_dict() for optimiser in (*self.optimisers, self.critic_optimiser)]}

    def save(self, folder: Path) -> None:
        """The whole state beside the plain weights, both put in place at once."""
        temporary = folder / f"{self.name}.state.tmp"
        torch.save(self.state(), temporary)
        temporary.replace(folder / f"{self.name}.state")
        half = {k: (v.half() if v.is_floating_point() else v).cpu() for k, v in self.averaged.state_dict().items()}
        torch.save({"iteration": self.step, "seconds": self.seconds, "generator": half}, folder / f"{self.name}.pth.tmp")
        (folder / f"{self.name}.pth.tmp").replace(folder / f"{self.name}.pth")

    def resume(self, folder: Path) -> None:
        """Goes on from the whole state, or from the plain weights where only those are there."""
        whole = folder / f"{self.name}.state"
        path = whole if whole.exists() else folder / f"{self.name}.pth"
        state = torch.load(path, map_location=next(self.network.parameters()).device, weights_only=True)
        self.step, self.seconds = state["iteration"], state.get("seconds", 0)
        self.averaged.load_state_dict(state["generator"])
        self.network.load_state_dict(state.get("network", state["generator"]))
        if "critic" in state:
            self.critic.load_state_dict(state["critic"])
            for optimiser, kept in zip((*self.optimisers, self.critic_optimiser), state["optimisers"]):
                optimiser.load_state_dict(kept)


Losses = tuple[Tensor, Tensor | None]


def painted_losses(t: Trainee, made: Tensor, whole: Tensor, mask: Tensor) -> Losses:
    """Losses of a painter and of its critic, which sees the picture with its hole filled."""
    loss = reconstruction_loss(made, whole, mask)
    if not t.judged:
        return loss, None
    filled = made * mask + whole * (1 - mask)
    real_logits, real_features = t.critic(torch.cat([whole, mask], 1))
    made_logits, made_features = t.critic(torch.cat([filled, mask], 1))
    loss = loss - 0.005 * made_logits.mean()
    loss = loss + 0.1 * matching_loss(real_features, made_features) + 0.05 * style_loss(real_features, made_features)
    return loss, critic_loss(real_logits, t.critic(torch.cat([filled.detach(), mask], 1))[0])


class PlainTask:
    """The plain Generator: the damaged picture, white in holes, in -1..1."""

    def prepare(self, whole: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        return whole, mask

    def losses(self, t: Trainee, whole: Tensor, mask: Tensor) -> Losses:
        made = (t.forward((whole * (1 - mask) + mask) * 2 - 1).float() + 1) / 2
        return painted_losses(t, made, whole, mask)


class EdgeTask:
    """The edge model: gray, edge and mask to the edges of the whole picture."""

    def prepare(self, whole: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        luminance = gray(whole)
        return luminance, canny(luminance, torch.ones_like(mask)), canny(luminance, 1 - mask), mask

    def losses(self, t: Trainee, luminance: Tensor, target: Tensor, seen: Tensor, mask: Tensor) -> Losses:
        made = t.forward(torch.cat([luminance * (1 - mask) + mask, seen, mask], 1)).float()
        share = mask.mean(dim=(1, 2, 3), keepdim=True).clamp(min=0.02)
        likely = made.clamp(1e-4, 1 - 1e-4)
        entropy = -(target * likely.log() + (1 - target) * (1 - likely).log()) * (1 + 3 * target) * (0.3 + mask / share)
        if not t.judged:
            return entropy.mean(), None
        real_logits, real_features = t.critic(torch.cat([luminance, target], 1))
        made_logits, made_features = t.critic(torch.cat([luminance, made], 1))
        loss = entropy.mean() - 0.05 * made_logits.mean() + 2 * matching_loss(real_features, made_features)
        return loss, critic_loss(real_logits, t.critic(torch.cat([luminance, made.detach()], 1))[0])


class InpaintTask:
    """The inpaint model, along the edges that the finished edge model draws into the hole."""

    def __init__(self, edge_model: Callable[[Tensor], Tensor]) -> None:
        self.edge_model = edge_model

    def prepare(self, whole: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        luminance = gray(whole)
        return whole, torch.cat([luminance * (1 - mask) + mask, canny(luminance, 1 - mask), mask], 1), mask

    def losses(self, t: Trainee, whole: Tensor, outline: Tensor, mask: Tensor) -> Losses:
        with torch.no_grad():
            edges = self.edge_model(outline).float()
        made = t.forward(torch.cat([whole * (1 - mask) + mask, edges], 1)).float()
        return painted_losses(t, made, whole, mask)


Task = PlainTask | EdgeTask | InpaintTask


def update(t: Trainee, task: Task, batch: tuple[Tensor, ...]) -> Tensor:
    """One step of the network and of its critic; returns the network's loss."""
    prepared = task.prepare(*batch)
    device_type = batch[0].device.type
    with torch.autocast(device_type, torch.bfloat16, enabled=device_type == "cuda", cache_enabled=False):
        loss, critic = task.losses(t, *prepared)
    t.network.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(t.network.parameters(), 1.0)
    for optimiser in t.optimisers:
        optimiser.step()
    if critic is not None:
        t.critic_optimiser.zero_grad(set_to_none=True)
        critic.backward()
        t.critic_optimiser.step()
    return loss.detach()


def recorded(t: Trainee, task: Task, batch: tuple[Tensor, ...]) -> Callable[..., Tensor]:
    """The same step recorded once and replayed with new pictures: small kernels then wait for the GPU, not for Python."""
    inputs = tuple(tensor.clone() for tensor in batch)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        try:
            update(t, task, inputs)
        except Exception as error:  # noqa: BLE001 - whatever keeps the network from being compiled
            if t.forward is t.network:
                raise
            print(f"{t.name} trains uncompiled: {error}", file=sys.stderr, flush=True)
            t.forward = t.network
        for _ in range(3):
            update(t, task, inputs)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = update(t, task, inputs)

    def replay(batch: tuple[Tensor, ...]) -> Tensor:
        for mine, theirs in zip(inputs, batch):
            mine.copy_(theirs)
        graph.replay()
        return loss

    return replay


def train(t: Trainee, task: Task, stock: Stock, options: argparse.Namespace, minutes: float) -> bool:
    """Trains until the minutes or the steps are over, and returns True, or until it is time to pause (False).

    The rate falls along a cosine. In the last third the critic takes part. Progress goes to stderr.
    """
    began = saved = time.monotonic()
    before, first, last_step, mean, stage, step = t.seconds, t.step, t.step + options.steps, None, None, None
    while True:
        t.seconds = before + time.monotonic() - began
        done = 1 - (last_step - t.step) / options.steps if options.steps else t.seconds / (60 * minutes)
        paused = options.pause_at and t.step > first and time.monotonic() > options.pause_at
        if done >= 1 or paused:
            break
        late = done > 2 / 3
        batch = stock.draw(options.batch, options.side)
        t.set_rate(min(1.0, (t.step + 1) / 200) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done))))
        if late is not stage:
            stage = t.judged = late
            step = recorded(t, task, batch) if options.device.type == "cuda" else partial(update, t, task)
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
    return not paused


def settled(network: nn.Module) -> nn.Module:
    """The same network for evaluation, its spectral norms worked out."""
    network.eval()
    for module in network.modules():
        if hasattr(module, "weight_orig"):
            nn.utils.remove_spectral_norm(module)
    return network


def start(name: str, network: nn.Module, critic: Discriminator, rate: float, options: argparse.Namespace) -> Trainee:
    memory_format = torch.channels_last if options.device.type == "cuda" else torch.contiguous_format
    trainee = Trainee(name, network.to(options.device, memory_format=memory_format), critic.to(options.device), rate * options.rate)
    if options.resume and any((options.out / f"{name}{ending}").exists() for ending in (".state", ".pth")):
        trainee.resume(options.out)
    return trainee


def train_plain(options: argparse.Namespace, stock: Stock) -> None:
    t = start("plain", Generator(PLAIN_WIDTHS, PLAIN_BOTTLENECK), Discriminator(4), 1.5e-3, options)
    train(t, PlainTask(), stock, options, options.minutes)


def train_edgeconnect(options: argparse.Namespace, stock: Stock) -> None:
    edge = start("edge", EdgeGenerator(EDGE_WIDTH), Discriminator(2), 1e-3, options)
    if not train(edge, EdgeTask(), stock, options, options.minutes * options.edge_share):
        return
    inpaint = start("inpaint", InpaintGenerator(INPAINT_WIDTH), Discriminator(4), 1e-3, options)
    outlines = EdgeGenerator(EDGE_WIDTH).to(options.device)
    outlines.load_state_dict(edge.averaged.state_dict())
    outlines = settled(outlines)
    if options.compile:
        inpaint.forward, outlines = (torch.compile(network, dynamic=False) for network in (inpaint.network, outlines))
    train(inpaint, InpaintTask(outlines), stock, options, options.minutes * (1 - options.edge_share))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", choices=("plain", "edgeconnect"))
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--minutes", type=float, default=17.5, help="how long to train (default %(default)s)")
    parser.add_argument("--pause-after", type=float, metavar="MINUTES", help="stop then, to go on later with --resume")
    parser.add_argument("--steps", type=int, default=0, help="train each network for so many steps (more), not for minutes")
    parser.add_argument("--batch", type=int, default=16, help="pictures a step (default %(default)s)")
    parser.add_argument("--side", type=int, default=224, help="side of the training pictures, a multiple of 16 (default %(default)s)")
    parser.add_argument("--rate", type=float, default=1.0, help="share of the usual learning rate (default %(default)s)")
    parser.add_argument("--edge-share", type=float, default=0.1, help="the edge model's share of the minutes (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stock", type=int, default=4800, help="pictures and masks to keep at hand on a GPU (default %(default)s)")
    parser.add_argument("--device", type=torch.device, default=torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    parser.add_argument("--compile", action="store_true", help="fuse the inpaint model's kernels first (a minute)")
    parser.add_argument("--save-every", type=float, default=120, metavar="SECONDS")
    parser.add_argument("--resume", action="store_true", help="go on from what is in DIR, where the last run stopped")
    options = parser.parse_args(arguments)
    options.pause_at = options.pause_after and time.monotonic() + 60 * options.pause_after
    options.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    torch.backends.cudnn.benchmark = True
    stock = Stock(Pictures(options.side + 32, options.device, options.seed), options.stock if options.device.type == "cuda" else options.batch)
    (train_plain if options.network == "plain" else train_edgeconnect)(options, stock)
    return 0


if __name__ == "__main__":
    sys.exit(main())
