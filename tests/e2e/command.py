"""Running the limner command, and the small files that its tests need: PNG, .npy and TensorProto, written from their
specifications. Only Python's standard library.
"""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import runner

DATA = Path(__file__).resolve().parents[1] / "data" / "cli"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
FLOAT, INT64, BOOL = 1, 7, 9


# ---- files ----

def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pack_row(samples: list[int], depth: int) -> bytes:
    if depth == 16:
        return struct.pack(f">{len(samples)}H", *samples)
    bits = "".join(format(s, f"0{depth}b") for s in samples)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))


def png(width, height, colour, depth, samples, interlaced=False, palette=b"", transparent=b"") -> bytes:
    """A PNG file; samples are in reading order, the channels of a pixel together."""
    n = CHANNELS[colour]
    raw = b""
    for x0, y0, dx, dy in ADAM7 if interlaced else ((0, 0, 1, 1),):
        for y in range(y0, height, dy):
            row = [s for x in range(x0, width, dx) for s in samples[(y * width + x) * n:(y * width + x + 1) * n]]
            if row:
                raw += b"\0" + pack_row(row, depth)
    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced))
    out += chunk(b"PLTE", palette) if palette else b""
    out += chunk(b"tRNS", transparent) if transparent else b""
    return out + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def unfilter(kind: int, row: bytearray, above: bytearray, step: int) -> None:
    for i in range(len(row)):
        a = row[i - step] if i >= step else 0
        b, c = above[i], above[i - step] if i >= step else 0
        p = a + b - c
        paeth = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
        row[i] = (row[i] + (0, a, b, (a + b) // 2, paeth)[kind]) & 255


def read_png(path: Path):
    """(width, height, colour, depth, samples) of a PNG that is not interlaced and has 8 or 16 bits."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n", f"{path} is no PNG"
    at, packed, header = 8, b"", None
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        assert struct.unpack(">I", data[at + 8 + size:at + 12 + size])[0] == zlib.crc32(kind + body)
        header = struct.unpack(">IIBBBBB", body) if kind == b"IHDR" else header
        packed += body if kind == b"IDAT" else b""
        at += 12 + size
    width, height, depth, colour = header[:4]
    step = CHANNELS[colour] * depth // 8
    raw, above, samples = zlib.decompress(packed), bytearray(width * step), []
    for y in range(height):
        start = y * (width * step + 1)
        row = bytearray(raw[start + 1:start + 1 + width * step])
        unfilter(raw[start], row, above, step)
        samples += struct.unpack(f">{len(row) // 2}H", row) if depth == 16 else row
        above = row
    return width, height, colour, depth, list(samples)


def npy(shape, values, kind="f") -> bytes:
    descr = {"f": "<f4", "d": "<f8", "q": "<i8", "?": "|b1"}[kind]
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': ({''.join(f'{d}, ' for d in shape)}), }}\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header.encode() + struct.pack(f"<{len(values)}{kind}", *values)


def read_npy(path: Path):
    """(shape, values)"""
    data = path.read_bytes()
    assert data[:8] == b"\x93NUMPY\1\0"
    size = struct.unpack("<H", data[8:10])[0]
    assert (10 + size) % 64 == 0
    header = data[10:10 + size].decode()
    kind = {"<f4": "f", "<i8": "q", "|b1": "?"}[re.search(r"'descr': '(.*?)'", header)[1]]
    shape = tuple(int(d) for d in re.findall(r"\d+", re.search(r"'shape': \((.*?)\)", header)[1]))
    body = data[10 + size:]
    return shape, struct.unpack(f"<{len(body) // struct.calcsize(kind)}{kind}", body)


def varint(n: int) -> bytes:
    return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)


def tensor_proto(shape, values, kind=FLOAT, name="") -> bytes:
    """onnx.TensorProto: dims = 1, data_type = 2, name = 8, raw_data = 9."""
    raw = struct.pack(f"<{len(values)}{ {FLOAT: 'f', INT64: 'q', BOOL: '?'}[kind]}", *values)
    out = b"".join(b"\x08" + varint(d) for d in shape) + b"\x10" + varint(kind)
    out += b"\x42" + varint(len(name)) + name.encode() if name else b""
    return out + b"\x4a" + varint(len(raw)) + raw


# ---- running ----

class Result:
    def __init__(self, words, done):
        self.words, self.code, self.out, self.err = words, done.returncode, done.stdout, done.stderr

    def __str__(self):
        return f"$ {' '.join(self.words)}\nexit {self.code}\n{self.out}{self.err}"


program = ""  # set by main()


def limner(*words, env=None) -> Result:
    words = [str(word) for word in words]
    done = subprocess.run([program, *words], capture_output=True, text=True, timeout=120, env=env)
    return Result(["limner", *words], done)


def good(*words) -> Result:
    result = limner(*words)
    assert result.code == 0 and result.err == "", result
    return result


def bad(code, *words, says=()) -> Result:
    """Fails with the code and one message on stderr that holds every text in says."""
    result = limner(*words)
    assert result.code == code, result
    assert result.err.startswith("limner: "), result
    for text in (says,) if isinstance(says, str) else says:
        assert text in result.err, f"{text!r} is not in:\n{result}"
    if code == 2:
        assert result.err.count("\n") == 1 and " --help)" in result.err and result.out == "", result
    return result


def model(name: str) -> Path:
    return DATA / f"{name}.onnx"


def pattern(count: int, peak: int) -> list[int]:
    return [(i * 7919 + 13) % (peak + 1) for i in range(count)]


def main(title: str, script: str, checks: dict[str, object]) -> int:
    """Runs a script's checks, or those that its words name, with the limner that its first word is."""
    global program
    if len(sys.argv) < 2:
        sys.exit(f"usage: python3 {script} LIMNER [CHECK]...")
    program = str(Path(sys.argv[1]).resolve())
    if not os.access(program, os.X_OK):
        sys.exit(f"{program} is not a program: build it first")
    return runner.run(title, runner.named(checks, "check_"), sys.argv[2:], f"python3 {script} {sys.argv[1]}")
