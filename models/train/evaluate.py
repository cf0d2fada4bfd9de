#!/usr/bin/env python3
"""Measures how well the trained networks repair pictures held out of training, beside three baselines.

PSNR and SSIM count inside the hole only, each the mean over the pictures. The networks run by onnxruntime, or by limner
itself with --limner. Needs opencv-python-headless beside the packages of models/requirements.txt.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.linalg import splu
from skimage.feature import canny
from skimage.metrics import structural_similarity

sys.path.insert(0, str(Path(__file__).resolve().parent))

from holdout import pictures_and_masks  # noqa: E402

GRAY = np.array([0.2125, 0.7154, 0.0721], np.float32)
INPAINT_RADIUS = 3
# The rows of --sheet: set of pictures, kind of mask, which of them; and its columns between damaged and original.
SHEET_ROWS = ("photographs", "scratches", 0), ("photographs", "text", 6), ("photographs", "25 % block", 1), ("photographs", "25 % block", 5)
SHEET_COLUMNS = "plain", "EdgeConnect", "Telea"
Repair = Callable[..., np.ndarray]


def session(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """The model at ``path`` as a function of one ``[H, W, C]`` picture."""
    model = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    name = model.get_inputs()[0].name

    def run(picture: np.ndarray) -> np.ndarray:
        batch = np.ascontiguousarray(picture.transpose(2, 0, 1)[None], np.float32)
        return model.run(None, {name: batch})[0][0].transpose(1, 2, 0)

    return run


def composed(picture: np.ndarray, mask: np.ndarray, painted: np.ndarray) -> np.ndarray:
    """``painted``, in 0..1, inside the hole and the picture outside, as bytes."""
    painted = (np.clip(painted, 0, 1) * 255).astype(np.uint8)
    return np.where(mask[..., None], painted, picture)


def evened(picture: np.ndarray, mask: np.ndarray, painted: np.ndarray) -> np.ndarray:
    """``composed``, with what ``painted`` misses along the hole's rim spread smoothly (Laplace's equation) over the hole."""
    number = np.full(mask.shape, -1)
    number[mask] = np.arange(mask.sum())
    missed = np.where(mask[..., None], 0, picture / 255 - painted)
    rows, columns, values, sums = [], [], [], np.zeros((mask.sum(), 3))
    for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        y, x = np.nonzero(mask)
        inside = (y + dy >= 0) & (y + dy < mask.shape[0]) & (x + dx >= 0) & (x + dx < mask.shape[1])
        here, there = number[y[inside], x[inside]], number[y[inside] + dy, x[inside] + dx]
        rows += [here, here[there >= 0]]
        columns += [here, there[there >= 0]]
        values += [np.ones(len(here)), -np.ones((there >= 0).sum())]
        np.add.at(sums, here, missed[y[inside] + dy, x[inside] + dx])
    system = coo_array((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))).tocsc()
    correction = np.zeros_like(missed)
    correction[mask] = splu(system).solve(sums)
    return composed(picture, mask, painted + correction)


def plain_repair(models: Path, compose: Repair = composed) -> Repair:
    """The plain Generator: white holes, pictures in -1..1."""
    run = session(models / "plain/model.onnx")

    def repair(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
        holed = np.where(mask[..., None], 1, picture / np.float32(255))
        return compose(picture, mask, (run(holed * 2 - 1) + 1) / 2)

    return repair


def edgeconnect_repair(models: Path, compose: Repair = composed) -> Repair:
    """EdgeConnect's test mode: edges outside the hole, the edge model, then the inpaint model along its edges."""
    draw, paint = session(models / "edge/model.onnx"), session(models / "inpaint/model.onnx")

    def repair(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
        hole, rgb = mask[..., None].astype(np.float32), picture / np.float32(255)
        gray = rgb @ GRAY
        edges = canny(gray, sigma=2, mask=~mask).astype(np.float32)[..., None]
        drawn = draw(np.concatenate([gray[..., None] * (1 - hole) + hole, edges * (1 - hole), hole], -1))
        return compose(picture, mask, paint(np.concatenate([rgb * (1 - hole) + hole, drawn], -1)))

    return repair


def limner_repair(limner: Path, *models: str) -> Repair:
    """What the program ``limner inpaint`` makes of picture files."""

    def repair(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
        with tempfile.TemporaryDirectory() as folder:
            files = [f"{folder}/{name}.png" for name in ("picture", "mask", "out")]
            Image.fromarray(picture).save(files[0])
            Image.fromarray(mask.astype(np.uint8) * 255).save(files[1])
            subprocess.run([limner, "inpaint", *models, *files[:2], "-o", files[2]], check=True, stdout=subprocess.DEVNULL)
            return np.asarray(Image.open(files[2]))

    return repair


def mean_colour(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return np.where(mask[..., None], np.rint(picture[~mask].mean(axis=0)).astype(np.uint8), picture)


def opencv(method: int) -> Repair:
    return lambda picture, mask: cv2.inpaint(np.ascontiguousarray(picture), mask.astype(np.uint8), INPAINT_RADIUS, method)


def quality(picture: np.ndarray, repaired: np.ndarray, mask: np.ndarray) -> tuple[float, float]:
    """PSNR in dB and SSIM inside the hole."""
    error = np.square(picture[mask].astype(np.float64) - repaired[mask]).mean()
    _, similarity = structural_similarity(picture, repaired, channel_axis=2, full=True)
    return float(10 * np.log10(255**2 / max(error, 1e-2))), float(similarity[mask].mean())


def measure(repairs: dict[str, Repair], save: Path | None) -> list[dict]:
    """One row for each set of pictures, kind of mask and way to repair."""
    sets, masks = pictures_and_masks()
    rows = []
    for set_name, pictures in sets.items():
        for kind, holes in masks.items():
            for way, repair in repairs.items():
                made = [repair(picture, hole) for picture, hole in zip(pictures, holes)]
                psnr, ssim = np.mean([quality(p, m, h) for p, m, h in zip(pictures, made, holes)], axis=0)
                rows.append({"pictures": set_name, "mask": kind, "way": way, "psnr": round(float(psnr), 2), "ssim": round(float(ssim), 3)})
                if save:
                    Image.fromarray(np.concatenate(made, 1)).save(save / f"{set_name}-{kind[:2]}-{way}.png".replace(" ", "_"))
            if save:
                holed = [np.where(h[..., None], 255, p).astype(np.uint8) for p, h in zip(pictures, holes)]
                Image.fromarray(np.concatenate(holed, 1)).save(save / f"{set_name}-{kind[:2]}-damaged.png".replace(" ", "_"))
    return rows


def sheet(repairs: dict[str, Repair]) -> Image.Image:
    """Some pictures damaged, repaired in several ways, and as they were."""
    sets, masks = pictures_and_masks()
    rows = []
    for set_name, kind, index in SHEET_ROWS:
        picture, hole = sets[set_name][index], masks[kind][index]
        made = [repairs[way](picture, hole) for way in SHEET_COLUMNS]
        rows.append(np.concatenate([np.where(hole[..., None], np.uint8(255), picture), *made, picture], 1))
    return Image.fromarray(np.concatenate(rows))


def table(rows: list[dict]) -> str:
    """The rows as Markdown: a line for each set and kind of mask, a column for each way, PSNR / SSIM."""
    ways = list(dict.fromkeys(row["way"] for row in rows))
    lines = ["| pictures | hole | " + " | ".join(ways) + " |", "|---|---|" + "---|" * len(ways)]
    for key in dict.fromkeys((row["pictures"], row["mask"]) for row in rows):
        cells = {row["way"]: f"{row['psnr']:.1f} / {row['ssim']:.2f}" for row in rows if (row["pictures"], row["mask"]) == key}
        lines.append(f"| {key[0]} | {key[1]} | " + " | ".join(cells[way] for way in ways) + " |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, default=Path(__file__).resolve().parent.parent / "trained", metavar="DIR")
    parser.add_argument("--limner", type=Path, metavar="PROGRAM", help="run the networks with this limner, not with onnxruntime")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")
    parser.add_argument("--save", type=Path, metavar="DIR", help="also write the repaired pictures to DIR")
    parser.add_argument("--evened", action="store_true", help="also what evening the hole's rim gives (--blend laplace)")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="only write some of the pictures side by side to FILE")
    options = parser.parse_args(arguments)
    models = options.models
    if options.limner:
        pair = ["--edge", str(models / "edge/model.onnx"), "--model", str(models / "inpaint/model.onnx")]
        repairs = {"plain": limner_repair(options.limner, "--model", str(models / "plain/model.onnx")),
                   "EdgeConnect": limner_repair(options.limner, *pair)}
        if options.evened:
            repairs |= {f"{name}, evened": limner_repair(options.limner, *words, "--blend", "laplace")
                        for name, words in (("plain", ["--model", str(models / "plain/model.onnx")]), ("EdgeConnect", pair))}
    else:
        repairs = {"plain": plain_repair(models), "EdgeConnect": edgeconnect_repair(models)}
        if options.evened:
            repairs |= {"plain, evened": plain_repair(models, evened), "EdgeConnect, evened": edgeconnect_repair(models, evened)}
    repairs |= {"mean colour": mean_colour, "Telea": opencv(cv2.INPAINT_TELEA), "Navier-Stokes": opencv(cv2.INPAINT_NS)}
    if options.sheet:
        sheet(repairs).save(options.sheet, quality=88)
        return 0
    if options.save:
        options.save.mkdir(parents=True, exist_ok=True)
    rows = measure(repairs, options.save)
    print(table(rows))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
