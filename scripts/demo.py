"""make demo: damages a photograph, repairs it with the networks in models/trained, one swapped for the other in one
process, and lays the pictures side by side.

Needs nothing but Python's own library: pictures are 8-bit RGB or gray PNG files.
"""

from __future__ import annotations

import math
import shlex
import struct
import subprocess
import sys
import zlib
from pathlib import Path

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 6: 4}
GAP = 8
TRAINED = "models/trained"
VARIANTS = ["--variant", f"plain={TRAINED}/plain/model.onnx", "--variant", f"edgeconnect={TRAINED}/inpaint/model.onnx",
            "--variant-edge", f"edgeconnect={TRAINED}/edge/model.onnx"]
Rows = list[bytes]


def unfilter(kind: int, line: bytearray, above: bytes, step: int) -> None:
    """Undo one of PNG's five filters in place."""
    for i, value in enumerate(line):
        left = line[i - step] if i >= step else 0
        up, corner = above[i], above[i - step] if i >= step else 0
        if kind == 1:
            guess = left
        elif kind == 2:
            guess = up
        elif kind == 3:
            guess = (left + up) // 2
        else:
            distances = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
            guess = (left, up, corner)[distances.index(min(distances))]
        line[i] = (value + guess) & 255


def read_png(path: Path) -> Rows:
    """The rows of an 8-bit PNG as RGB bytes."""
    data, at, packed, width, channels = path.read_bytes(), len(SIGNATURE), b"", 0, 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8:at + 8 + size]
        if kind == b"IHDR":
            width, _, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", body)
            if depth != 8 or colour not in CHANNELS or interlaced:
                raise SystemExit(f"{path}: not a plain 8-bit RGB or gray PNG")
            channels = CHANNELS[colour]
        elif kind == b"IDAT":
            packed += body
        at += 12 + size
    raw, stride, above, rows = zlib.decompress(packed), width * channels, bytes(width * channels), []
    for start in range(0, len(raw), stride + 1):
        line = bytearray(raw[start + 1:start + 1 + stride])
        if raw[start]:
            unfilter(raw[start], line, above, channels)
        above = bytes(line)
        rows.append(b"".join(above[i:i + 1] * 3 for i in range(width)) if channels == 1 else
                    above if channels == 3 else b"".join(above[i:i + 3] for i in range(0, stride, 4)))
    return rows


def write_png(path: Path, rows: Rows) -> None:
    """Write RGB rows."""
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", len(rows[0]) // 3, len(rows), 8, 2, 0, 0, 0)
    packed = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    path.write_bytes(SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b""))


def damage(whole: Rows, mask: Rows) -> Rows:
    """The picture, white where the mask is not black."""
    return [bytes(255 if hole else value for value, hole in zip(*pair)) for pair in zip(whole, mask)]


def psnr(whole: Rows, repaired: Rows, mask: Rows) -> float:
    """In dB, inside the hole."""
    squares = [(a - b) ** 2 for rows in zip(whole, repaired, mask) for a, b, hole in zip(*rows) if hole]
    return 10 * math.log10(255**2 * len(squares) / max(sum(squares), 1))


def side_by_side(pictures: list[Rows]) -> Rows:
    return [(b"\xff" * 3 * GAP).join(rows) for rows in zip(*pictures)]


def repair(limner: str, damaged: Path, mask: Path, folder: Path) -> dict[str, str]:
    """Run limner inpaint with both variants in one process; returns what it says of each."""
    command = [limner, "inpaint", *VARIANTS, "--blend", "laplace", str(damaged), str(mask), "-o", str(folder)]
    print("$", shlex.join(command), flush=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"{limner} failed")
    return dict(line.split(": ", 1) for line in done.stdout.splitlines())


def main() -> int:
    limner, source = sys.argv[1], Path("models/demo")
    folder = Path(limner).parent / "demo"
    folder.mkdir(exist_ok=True)
    whole, mask = read_png(source / "picture.png"), read_png(source / "mask.png")
    pictures = [damage(whole, mask)]
    write_png(folder / "damaged.png", pictures[0])
    lines = [f"{'damaged':12} {psnr(whole, pictures[0], mask):5.1f} dB in the hole"]
    for variant, took in repair(limner, folder / "damaged.png", source / "mask.png", folder).items():
        pictures.append(read_png(folder / f"{variant}.png"))
        lines.append(f"{variant:12} {psnr(whole, pictures[-1], mask):5.1f} dB, {took}")
    write_png(Path(f"{folder}.png"), side_by_side([*pictures, whole]))
    print("\n".join(lines))
    print(f"Look at {folder}.png: damaged, plain, edgeconnect, original")
    return 0


if __name__ == "__main__":
    sys.exit(main())
