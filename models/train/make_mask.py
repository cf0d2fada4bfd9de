#!/usr/bin/env python3
"""Writes the demo's mask: scratches, a line of text and a block, white on black."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

SIDE = 256
# Corner points of each scratch, and its width.
SCRATCHES = (((0, 40), (70, 62), (128, 110), (205, 118)), 5), (((236, 0), (196, 60), (214, 130), (176, 210)), 4), \
            (((20, 256), (60, 170), (40, 120)), 6), (((90, 0), (110, 50)), 3), (((150, 256), (256, 180)), 3)
BLOCK = (132, 22, 165, 57)
TEXT, TEXT_SIZE, TEXT_PLACE, TEXT_TURN = "painted over, and gone", 22, (6, 146), 7


def draw() -> Image.Image:
    """The mask as a gray picture of 0 and 255."""
    mask = Image.new("L", (SIDE, SIDE))
    ImageDraw.Draw(mask).text(TEXT_PLACE, TEXT, fill=255, font=ImageFont.load_default(TEXT_SIZE))
    mask = mask.rotate(TEXT_TURN, resample=Image.Resampling.BILINEAR)
    pen = ImageDraw.Draw(mask)
    for points, width in SCRATCHES:
        pen.line(points, fill=255, width=width, joint="curve")
    pen.rectangle(BLOCK, fill=255)
    return mask.point(lambda level: 255 if level > 90 else 0)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="where to write mask.png")
    draw().save(parser.parse_args(arguments).out, optimize=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
