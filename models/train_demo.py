#!/usr/bin/env python3
"""Train the demo's small plain Generator to fill white holes in pictures, and export it with the older exporter.

The network sees procedural pictures and crops of a few photographs, never the demo's own picture. Training takes some
minutes of one processor core; a seed fixes the pictures and the weights, up to what differs between machines.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch
    from torch import nn

WIDTHS = (16, 32, 48, 64)
BOTTLENECK = 96
SIDE = 96
BATCH = 12
HOLE_WEIGHT = 4
PEAK_RATE = 4e-3
OPSET = 17


def batches(seed: int, steps: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of damaged and whole pictures ``[BATCH, 3, SIDE, SIDE]``; a quarter are procedural."""
    from pictures import TRAINING_SAMPLES, crop, damage, load_sample, procedural

    photos = [load_sample(name) for name in TRAINING_SAMPLES]
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        whole = [procedural(rng, SIDE) if k % 4 == 0 else crop(rng, photos[rng.integers(len(photos))], SIDE) for k in range(BATCH)]
        holed = [damage(rng, picture, int(rng.integers(0, 4))) for picture in whole]
        yield np.stack(holed), np.stack(whole)


def loss_of(output: torch.Tensor, target: torch.Tensor, holed: torch.Tensor) -> torch.Tensor:
    """Mean absolute error: of pixels, those in holes weighing more, of edges, and of the colours of 8x8 blocks."""
    from torch.nn.functional import avg_pool2d

    error = output - target
    weight = 1 + HOLE_WEIGHT * (holed != target).any(dim=1, keepdim=True)
    edges = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
    return (weight * error.abs()).mean() + 0.25 * edges + avg_pool2d(error, 8).abs().mean()


def train(seed: int, steps: int) -> nn.Module:
    """The trained network, in evaluation mode; progress goes to stderr."""
    import torch

    from networks import Generator

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    network = Generator(WIDTHS, BOTTLENECK).train()
    optimiser = torch.optim.Adam(network.parameters(), betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK_RATE, total_steps=steps, pct_start=0.1)
    started, average = time.monotonic(), 0.0
    for step, (holed, whole) in enumerate(batches(seed, steps), start=1):
        damaged = torch.from_numpy(holed)
        loss = loss_of(network(damaged), torch.from_numpy(whole), damaged)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        average = loss.item() if step == 1 else 0.98 * average + 0.02 * loss.item()
        if step % 200 == 0:
            print(f"step {step}/{steps} loss {average:.4f} {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return network.eval()


def export(network: nn.Module, path: Path) -> None:
    """Write the network at opset 17, with dynamic batch, height and width and batch norms folded where the exporter folds."""
    import onnx
    import torch

    from testdata import drop_traces

    axes = {"picture": {0: "N", 2: "H", 3: "W"}, "repaired": {0: "N", 2: "H_out", 3: "W_out"}}
    torch.onnx.export(network, (torch.zeros(1, 3, SIDE, SIDE),), path, dynamo=False, opset_version=OPSET,
                      input_names=["picture"], output_names=["repaired"], dynamic_axes=axes)
    model = onnx.load(path)
    drop_traces(model)
    onnx.save_model(model, path)


def report(model: Path, picture: Path) -> None:
    """Print how near the exported network's output is to a picture it was not trained on."""
    from PIL import Image

    from pictures import to_array
    from testdata import reference_session

    array = to_array(Image.open(picture).convert("RGB"))
    output = reference_session(model).run(None, {"picture": array[None]})[0][0]
    noise = float(np.mean((output - array) ** 2))
    print(f"{picture.name}: peak signal to noise ratio {10 * np.log10(4 / noise):.1f} dB")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the ONNX file to write")
    parser.add_argument("--steps", type=int, default=6000, help="batches to learn from (default 6000)")
    parser.add_argument("--seed", type=int, default=1, help="seed of pictures and weights (default 1)")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="report the error on this picture afterwards")
    chosen = parser.parse_args(arguments)
    export(train(chosen.seed, chosen.steps), chosen.out)
    if chosen.picture:
        report(chosen.out, chosen.picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
