"""The limner command as a person types it: python3 tests/e2e/cli.py build/limner

Only Python's standard library. Ends in one line, "command line: N passed, N failed"; exits 1 when anything failed.
Pictures are made and read by the small PNG coder below, written from the PNG specification.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import runner

DATA = Path(__file__).resolve().parents[1] / "data" / "cli"
COMMANDS = ("run", "inspect", "test", "bench", "compare", "convert", "keys", "ops")
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


def limner(*words, env=None) -> Result:
    words = [str(word) for word in words]
    done = subprocess.run([LIMNER, *words], capture_output=True, text=True, timeout=120, env=env)
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


# ---- the checks: every function that begins with check_ gets an empty folder ----

def check_help(tmp):
    assert "Usage: limner COMMAND" in good("--help").out
    assert good("help").out == good("--help").out == good("-h").out
    assert re.fullmatch(r"limner \d+\.\d+\.\d+\n", good("--version").out)
    for command in COMMANDS:
        text = good(command, "--help").out
        assert text == good("help", command).out == good(command, "x", "--unknown", "-h").out
        assert text.startswith(f"Usage: limner {command}") and "Options:" in text and "Examples:\n  limner" in text
        assert all(len(line) <= 100 for line in text.split("\n")), text
        assert command in good("--help").out
        for option in re.findall(r"^ +(?:-\w, )? *--(?!help)([a-z-]+)", text, re.M):  # what the help names is known
            result = limner(command, f"--{option}=", "MODEL")
            assert "unknown option" not in result.err, result


def check_usage(tmp):
    result = limner()
    assert result.code == 2 and "Usage:" in result.err and result.out == ""
    for words, says in ((["paint"], "unknown command paint"), (["--paint"], "unknown option --paint"),
                        (["help", "paint"], "unknown command paint")):
        result = limner(*words)
        assert result.code == 2 and says in result.err and result.err.count("\n") == 1, result
    for command in COMMANDS:
        bad(2, command, "--paint", says=["unknown option --paint", f"limner {command} --help"])
        bad(2, command, "-Z", says="unknown option -Z")
    for command in ("run", "inspect", "bench", "compare"):
        bad(2, command, says="MODEL is missing")
    bad(2, "test", says="DIR is missing")
    bad(2, "run", "m", "p", "q", says="'q' is one argument too many")
    bad(2, "ops", "x", says="'x' is one argument too many")
    bad(2, "run", "m", "--threads", says="--threads needs a value")
    bad(2, "run", "m", "--threads", "--profile", says="--threads needs a value")
    bad(2, "run", "m", "--threads", "two", says="not 'two'")
    bad(2, "run", "m", "--threads=-1", says="not '-1'")
    bad(2, "run", "m", "--profile=yes", says="--profile takes no value")
    bad(2, "run", "m", "--cpu", "z80", says=["portable, avx2 or avx512", "z80"])
    bad(2, "run", "m", "--range", "1,0", says="--range wants")
    bad(2, "run", "m", "--range", "0,nan", says="--range wants")
    bad(2, "run", "m", "--input", "x", says="wants NAME=FILE")
    bad(2, "run", "m", "--input", "x=", says="wants NAME=FILE")
    bad(2, "run", "m", "--input", "x=a", "--input", "x=b", says="names 'x' twice")
    bad(2, "run", "m", "-o", "out.gif", says=["out.gif", ".png"])
    bad(2, "run", "m", "-o", tmp / "a.png", "--output", f"y={tmp / 'a.png'}", says="written twice")
    bad(2, "run", "m", "--max-pixels", "0", says="number of pixels")
    bad(2, "bench", "m", "--shape", "1x3x", says="1x3x256x256")
    bad(2, "bench", "m", "--shape", "1x1x1x1x1x1x1x1x1", says="more than 8")
    bad(2, "bench", "m", "--shape", "9999999999x9999999999", says="too large")
    bad(2, "bench", "m", "--runs", "0", says="--runs wants")
    bad(2, "compare", model("rgb"), says="--expect NAME=FILE is missing")
    bad(2, "compare", "m", "--rtol", "-1", says="not negative")


def check_bad_models(tmp):
    text, empty = tmp / "text.onnx", tmp / "empty.onnx"
    text.write_text("this is no model\n")
    empty.write_bytes(b"")
    cut = tmp / "cut.onnx"
    cut.write_bytes(model("swap").read_bytes()[:-20])
    picture = tmp / "picture.png"
    picture.write_bytes(png(1, 1, 0, 8, [7]))
    for path, says in ((tmp / "none.onnx", "No such file"), (text, "this is text"), (empty, "empty"), (tmp, ""),
                       (cut, ""), (picture, "this is a PNG picture, not an ONNX model")):
        for words in (["run", path], ["inspect", path], ["bench", path],
                      ["compare", path, "--expect", f"y={text}"]):
            bad(1, *words, says=[str(path), says])
    bad(1, "run", model("unknown"), says=["Determine", "org.example", "Sharpen", str(model("unknown"))])
    bad(1, "test", tmp / "none", says="No such file")
    bad(1, "test", model("rgb"), says="not a folder")
    bad(1, "test", tmp, says="no test folder")


def check_names_on_terminal(tmp):
    """Control characters of a stranger's names are not printed."""
    hostile = tmp / "hostile.onnx"
    hostile.write_bytes(model("unknown").read_bytes().replace(b"Sharpen", b"\x1b[2Jabc"))
    for words in (["run", hostile], ["inspect", hostile]):
        result = limner(*words)
        assert "\x1b" not in result.out + result.err and "?[2Jabc" in result.out + result.err, result
    assert any(o["operator"] == "\x1b[2Jabc" for o in json.loads(good("inspect", hostile, "--json").out)["operators"])


def check_pictures_through(tmp):
    """Every kind of PNG through models that copy: the samples come out as they went in."""
    source, target = tmp / "in.png", tmp / "out.png"
    kinds = [(0, d) for d in (1, 2, 4, 8, 16)] + [(c, d) for c in (2, 4, 6) for d in (8, 16)]
    for colour, depth in kinds:
        for interlaced in (False, True):
            width, height = 11, 9
            samples = pattern(width * height * CHANNELS[colour], 2**depth - 1)
            source.write_bytes(png(width, height, colour, depth, samples, interlaced))
            name = {0: "gray", 2: "rgb", 4: "gray", 6: "rgba"}[colour]
            good("run", model(name), source, "-o", target)
            scale = 255 // (2**depth - 1) if depth < 8 else 1
            expected = (width, height, colour, max(depth, 8), [s * scale for s in samples])
            assert read_png(target) == expected, (colour, depth, interlaced)


def check_palette(tmp):
    source, target = tmp / "in.png", tmp / "out.png"
    palette = bytes(pattern(16 * 3, 255))
    for depth in (1, 2, 4, 8):
        for interlaced in (False, True):
            samples = pattern(13 * 5, min(2**depth, 16) - 1)
            source.write_bytes(png(13, 5, 3, depth, samples, interlaced, palette[:3 * 2**depth], b"\x07\x80"))
            good("run", model("rgb"), source, "-o", target)
            alpha = (7, 128) + (255,) * 14
            expected = [v for s in samples for v in (*palette[3 * s:3 * s + 3], alpha[s])]
            assert read_png(target) == (13, 5, 6, 8, expected), (depth, interlaced)


def check_channels(tmp):
    source, target = tmp / "in.png", tmp / "out.png"
    samples = pattern(4 * 3 * 4, 255)
    source.write_bytes(png(4, 3, 6, 8, samples))
    good("run", model("gray"), source, "-o", target)  # luminance, alpha kept
    width, height, colour, depth, values = read_png(target)
    assert (width, height, colour, depth) == (4, 3, 4, 8)
    for i in range(12):
        r, g, b, a = samples[4 * i:4 * i + 4]
        assert values[2 * i] == int(0.299 * r + 0.587 * g + 0.114 * b + 0.5) and values[2 * i + 1] == a
    good("run", model("swap"), source, "-o", target)
    assert read_png(target)[4] == [v for i in range(12) for v in
                                   (samples[4 * i + 1], samples[4 * i + 2], samples[4 * i], samples[4 * i + 3])]
    source.write_bytes(png(4, 3, 0, 8, samples[:12]))
    good("run", model("rgba"), source, "-o", target)  # gray as RGB, opaque
    assert read_png(target) == (4, 3, 6, 8, [v for s in samples[:12] for v in (s, s, s, 255)])
    bad(1, "run", model("two"), source, "-o", target, says=["\"x\"", "[?,2,?,?]"])
    bad(1, "run", model("fixed"), source, "-o", target, says=["4 wide and 3 high", "8 wide and 6 high", "resize"])


def check_larger_output(tmp):
    """A model that doubles: alpha is interpolated, 16 bits stay."""
    source, target = tmp / "in.png", tmp / "out.png"
    source.write_bytes(png(2, 1, 6, 16, [10, 20, 30, 0, 40000, 50000, 60000, 40000]))
    good("run", model("double"), source, "-o", target)
    row = [10, 20, 30, 0, 10, 20, 30, 10000, 40000, 50000, 60000, 30000, 40000, 50000, 60000, 40000]
    assert read_png(target) == (4, 2, 6, 16, row + row)


def check_range(tmp):
    source, target, array = tmp / "in.png", tmp / "out.png", tmp / "out.npy"
    samples = pattern(5 * 4 * 3, 255)
    source.write_bytes(png(5, 4, 2, 8, samples))
    planes = [samples[3 * i + c] for c in range(3) for i in range(20)]
    for name, low, high, reverse in (("0,1", 0, 1, 0), ("-1,1", -1, 1, 0), ("0,255", 0, 255, 0), (None, 0, 1, 0),
                                     ("bgr255", 0, 255, 1)):
        words = ["run", model("bgr255" if reverse else "rgb"), source, "-o", target, "--output", f"y={array}"]
        good(*words, *(["--range", name] if name and not reverse else []))
        assert read_png(target)[4] == samples
        shape, values = read_npy(array)
        assert shape == (1, 3, 4, 5)
        expected = planes[40:] + planes[20:40] + planes[:20] if reverse else planes
        assert all(abs(v - (low + p / 255 * (high - low))) < 1e-4 for v, p in zip(values, expected)), name


def check_formats(tmp):
    """The same numbers as .npy, .pb and picture; JPEG near enough; types told by content."""
    values = [i / 64 for i in range(3 * 4 * 4)]
    (tmp / "in.npy").write_bytes(npy((1, 3, 4, 4), values))
    (tmp / "in.pb").write_bytes(tensor_proto((1, 3, 4, 4), values, name="anything"))
    for name in ("in.npy", "in.pb"):
        good("run", model("rgb"), "--input", f"x={tmp / name}", "--output", f"y={tmp / 'out.npy'}", "-o", tmp / "out.pb")
        assert read_npy(tmp / "out.npy") == ((1, 3, 4, 4), tuple(values))
        good("run", model("rgb"), tmp / "out.pb", "-o", tmp / "again.npy")
        assert read_npy(tmp / "again.npy") == ((1, 3, 4, 4), tuple(values))
    source = tmp / "picture.jpg"
    source.write_bytes(png(16, 16, 2, 8, [x * 8 for y in range(16) for x in range(16) for _ in range(3)]))
    good("run", model("rgb"), source, "-o", tmp / "out.jpg")
    assert (tmp / "out.jpg").read_bytes()[:3] == b"\xff\xd8\xff"
    good("run", model("rgb"), tmp / "out.jpg", "-o", tmp / "out.png")
    width, height, colour, depth, samples = read_png(tmp / "out.png")
    assert (width, height, colour, depth) == (16, 16, 2, 8)
    assert all(abs(s - i // 3 % 16 * 8) <= 4 for i, s in enumerate(samples))


def check_bad_inputs(tmp):
    out, text, empty = tmp / "out.png", tmp / "text.png", tmp / "empty.png"
    text.write_text("no picture\n")
    empty.write_bytes(b"")
    bad(2, "run", model("rgb"), "-o", out, says=["\"x\"", "is not given"])
    bad(2, "run", model("sums"), "--input", f"a={text}", "-o", out, says="")if False else None
    bad(1, "run", model("rgb"), tmp / "none.png", "-o", out, says=["none.png", "No such file"])
    bad(1, "run", model("rgb"), tmp, "-o", out, says="is a folder")
    bad(1, "run", model("rgb"), text, "-o", out, says=["text.png", "not a PNG picture"])
    bad(1, "run", model("rgb"), empty, "-o", out, says=["empty.png", "empty"])
    bad(1, "run", model("rgb"), model("rgb"), "-o", out, says=["neither a picture", ".pb"])
    whole = png(30, 30, 6, 8, pattern(3600, 255), True)
    for size in (9, 33, 60, len(whole) - 30, len(whole) - 5):
        (tmp / "cut.png").write_bytes(whole[:size])
        bad(1, "run", model("rgb"), tmp / "cut.png", "-o", out, says=["cut.png", "damaged"])
    (tmp / "whole.png").write_bytes(whole)
    bad(1, "run", model("rgb"), tmp / "whole.png", "-o", out, "--max-pixels", "899", says=["30x30", "--max-pixels"])
    good("run", model("rgb"), tmp / "whole.png", "-o", out, "--max-pixels", "1k")
    out.unlink()
    huge = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0))
    (tmp / "huge.png").write_bytes(huge + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b""))
    bad(1, "run", model("rgb"), tmp / "huge.png", "-o", out, says=["huge.png", "60000x60000"])
    (tmp / "in.npy").write_bytes(npy((1, 3, 2, 2), [0.5] * 12, "d"))
    bad(1, "run", model("rgb"), "--input", f"x={tmp / 'in.npy'}", says=["double", "float", "astype"])
    (tmp / "in.npy").write_bytes(npy((1, 3, 2, 2), [0.5] * 12)[:-1])
    bad(1, "run", model("rgb"), "--input", f"x={tmp / 'in.npy'}", says=["in.npy", "48 bytes"])
    (tmp / "in.npy").write_bytes(npy((1, 4, 2, 2), [0.5] * 16))
    bad(1, "run", model("rgb"), "--input", f"x={tmp / 'in.npy'}", says="x")
    (tmp / "in.pb").write_bytes(b"\x0a\xff\xff\xff\xff\x0f")
    bad(1, "run", model("rgb"), "--input", f"x={tmp / 'in.pb'}", says="in.pb")
    bad(1, "run", model("rgb"), "--input", f"z={text}", says=["no input \"z\"", "\"x\""])
    bad(1, "run", model("rgb"), text, "--output", f"z={out}", says=["no output \"z\"", "\"y\""])
    bad(2, "run", model("rgb"), text, "--input", f"x={tmp / 'whole.png'}", "-o", out, says="no input is left")
    assert not out.exists()


def check_outputs(tmp):
    source = tmp / "in.png"
    source.write_bytes(png(4, 4, 2, 8, pattern(48, 255)))
    (tmp / "in.npy").write_bytes(npy((2, 3, 2, 2), [0.5] * 24))
    before = sorted(os.listdir(tmp))
    bad(1, "run", model("rgb"), source, "-o", tmp / "none" / "out.png", says=["none", "No such file"])
    bad(1, "run", model("rgb"), source, "-o", source / "out.png", says="out.png")
    (tmp / "out").mkdir()
    good("run", model("rgb"), source, "-o", tmp / "out")  # a folder gets a file of the picture's name
    assert read_png(tmp / "out" / "in.png") == read_png(source)
    (tmp / "out" / "in.png").unlink()
    (tmp / "out").rmdir()
    bad(1, "run", model("rgb"), "--input", f"x={tmp / 'in.npy'}", "-o", tmp / "y.npy", "--output",
        f"y={tmp / 'out.png'}", says=["out.png", "[2,3,2,2]"])  # the second file cannot be made: the first is not left
    assert sorted(os.listdir(tmp)) == before
    if os.getuid() != 0:
        locked = tmp / "locked"
        locked.mkdir(mode=0o555)
        bad(1, "run", model("rgb"), source, "-o", locked / "out.png", says=["locked", "Permission denied"])
        locked.rmdir()
    if os.path.exists("/dev/full"):
        full = subprocess.run([LIMNER, "ops"], stdout=open("/dev/full", "w"), stderr=subprocess.PIPE, text=True)
        assert full.returncode == 75 and "standard output" in full.stderr, full
        (tmp / "full.npy").symlink_to("/dev/full")
        bad(75, "run", model("rgb"), source, "-o", tmp / "full.npy", says="No space left")
        assert (tmp / "full.npy").is_symlink()
        (tmp / "full.npy").unlink()
    old = tmp / "old.png"
    old.write_text("old")
    old.chmod(0o640)
    (tmp / "link.png").symlink_to("old.png")
    good("run", model("rgb"), source, "-o", tmp / "link.png")
    assert (tmp / "link.png").is_symlink() and read_png(old)[0] == 4 and old.stat().st_mode & 0o777 == 0o640
    text = good("run", model("rgb"), source).out
    assert re.fullmatch(r"y  float \[1,3,4,4\]  min \S+  max \S+  mean \S+\n", text), text
    assert sorted(os.listdir(tmp)) == sorted([*before, "old.png", "link.png"])


def check_several(tmp):
    (tmp / "a.npy").write_bytes(npy((2, 3), [1, 2, 3, 4, 5, 6]))
    (tmp / "b.npy").write_bytes(npy((2, 3), [6, 5, 4, 3, 2, 1]))
    feed = ["--input", f"a={tmp / 'a.npy'}", "--input", f"b={tmp / 'b.npy'}"]
    assert len(good("run", model("sums"), *feed).out.splitlines()) == 3
    good("run", *feed, "--output", f"greater={tmp / 'g.npy'}", "--output", f"sum={tmp / 's.npy'}", model("sums"))
    assert read_npy(tmp / "g.npy")[1] == (False, False, False, True, True, True)
    assert read_npy(tmp / "s.npy") == ((2, 3), (7,) * 6)
    bad(2, "run", model("sums"), *feed[:2], says="\"b\"")
    good("run", model("sums"), tmp / "a.npy", *feed[2:], "-o", tmp / "s.npy")
    assert read_npy(tmp / "s.npy")[1] == (7,) * 6
    (tmp / "a=b.npy").write_bytes((tmp / "a.npy").read_bytes())
    good("run", model("sums"), *feed[2:], "--", tmp / "a=b.npy")


def check_not_a_number(tmp):
    (tmp / "in.npy").write_bytes(npy((1, 1, 1, 3), [-1, 0.25, 1]))
    result = limner("run", model("root"), "--input", f"x={tmp / 'in.npy'}", "-o", tmp / "out.png")
    assert result.code == 0 and "warning" in result.err and "1 element" in result.err, result
    assert read_png(tmp / "out.png")[4] == [0, 128, 255]
    assert "(1 not a number)" in good("run", model("root"), "--input", f"x={tmp / 'in.npy'}").out


def check_profile_and_threads(tmp):
    source = tmp / "in.png"
    source.write_bytes(png(8, 8, 2, 8, pattern(192, 255)))
    for words in (["--threads", 1], ["--threads=2"], ["--cpu", "portable"]):
        text = good("run", model("swap"), source, "-o", tmp / "out.png", "--profile", *words).out
        assert "GFLOP/s" in text and "Conv" in text and "100.0%" in text, text
    assert "portable" in text


def check_inspect(tmp):
    about = json.loads(good("inspect", model("swap"), "--shape", "1x3x32x16", "--json").out)
    assert about["bytes"] == model("swap").stat().st_size and about["parameters"] == 9 and about["parameter_bytes"] == 36
    assert about["opsets"] == [{"domain": "", "version": 17}] and about["producer"] == "limner tests"
    assert about["inputs"] == [{"name": "x", "type": "float", "dims": ["N", 3, "H", "W"], "optional": False}]
    assert about["operators"] == [{"domain": "", "operator": "Conv", "opset": 17, "count": 1, "supported": True}]
    assert about["plan"]["macs"] == 9 * 32 * 16 and about["plan"]["arena_bytes"] > 0 and about["runs"]
    about = json.loads(good("inspect", model("unknown"), "--json").out)
    assert not about["runs"] and about["plan"] is None and about["unsupported"] == 3 and "Sharpen" in about["refusal"]
    text = good("inspect", model("unknown")).out
    assert "2  Sharpen of org.example, opset 1" in text and "1  Determine of org.other, opset 1" in text, text
    assert "Relu of" not in text and "cannot run" in text
    assert "--shape x=1x3x256x256" in good("inspect", model("rgb")).out
    assert "[1,3,6,8]" in good("inspect", model("fixed")).out  # a batch that is free is one
    assert "NominalRange_0_255" in good("inspect", model("bgr255")).out
    there = json.loads(good("inspect", "--machine", "--json").out)
    processors, memory = there["processors"], there["memory"]
    assert 1 <= processors["default_threads"] <= processors["affinity"] <= processors["machine"]
    assert 0 < memory["available"] <= memory["room"] <= memory["machine"]
    assert there["instruction_set"] in good("inspect", "--machine").out
    bad(2, "inspect", says="--machine")
    bad(2, "inspect", "--machine", model("rgb"), says="--machine")
    bad(1, "inspect", model("rgb"), "--shape", "x=1x4x8x8", says=["--shape", "\"x\""])
    bad(1, "inspect", model("rgb"), "--shape", "z=1x3x8x8", says="no input \"z\"")
    bad(1, "inspect", model("rgb"), "--shape", "1x3x8x8", "--shape", "x=1x3x8x8", says="no input is left")


def check_bench(tmp):
    text = good("bench", model("swap"), "--shape", "x=1x3x16x16", "--runs", 4, "--threads", 1, "--json").out
    assert text.count("\n") == 1
    about = json.loads(text)
    for key in ("model", "shape", "threads", "cpu", "load_ms", "first_ms", "median_ms", "min_ms", "runs", "peak_rss_mb"):
        assert key in about, key
    assert about["shape"] == {"x": [1, 3, 16, 16]} and about["threads"] == 1 and about["runs"] == 4
    assert 0 < about["min_ms"] <= about["median_ms"] and about["load_ms"] <= about["first_ms"] and about["peak_rss_mb"] > 1
    assert "median" in good("bench", model("fixed"), "--runs", 1, "--warmup", 0).out
    nodes = json.loads(good("bench", model("swap"), "--shape", "1x3x16x8", "--runs", 2, "--profile", "--json").out)["nodes"]
    assert [n["operator"] for n in nodes] == ["Conv"] and nodes[0]["shape"] == [1, 3, 16, 8], nodes
    assert 0 < nodes[0]["min_ms"] <= nodes[0]["mean_ms"] and nodes[0]["macs"] == 9 * 16 * 8
    assert nodes[0]["bytes"] == 4 * (2 * 3 * 16 * 8 + 9), nodes
    assert "100.0%" in good("bench", model("fixed"), "--runs", 1, "--profile").out
    bad(2, "bench", model("swap"), says=["\"x\"", "--shape"])


def identity(path: Path):
    about = path.stat()
    return about.st_ino, about.st_size, about.st_mtime_ns


def check_cache(tmp):
    network, other, folder = tmp / "network.onnx", tmp / "elsewhere", tmp / "kept"
    trained = DATA.parents[2] / "models" / "trained"
    kept, source = tmp / "network.onnx.limner-cache", tmp / "in.png"
    shutil.copy(model("swap"), network)
    source.write_bytes(png(32, 32, 2, 8, pattern(3072, 255)))
    good("run", network, source, "-o", tmp / "plain.npy")
    assert not kept.exists()
    for _ in range(2):
        good("run", network, source, "-o", tmp / "cached.npy", "--cache")
        assert (tmp / "cached.npy").read_bytes() == (tmp / "plain.npy").read_bytes()
    first = identity(kept)
    good("bench", network, "--shape", "1x3x32x32", "--runs", 1, "--cache")
    assert identity(kept) == first  # nothing was missing in it

    other.mkdir()
    for folders in (other, other):  # cache and model may be copied: what counts is what the weights are
        shutil.copy(network, folders)
        shutil.copy(kept, folders)
        good("run", folders / network.name, source, "-o", tmp / "cached.npy", "--cache")
        assert (tmp / "cached.npy").read_bytes() == (tmp / "plain.npy").read_bytes()
    shutil.copy(trained / "plain" / "model.onnx", network)  # another model under the old name
    good("run", network, source, "-o", tmp / "plain.npy")
    for _ in range(2):
        good("run", network, source, "-o", tmp / "cached.npy", "--cache")
        assert (tmp / "cached.npy").read_bytes() == (tmp / "plain.npy").read_bytes()

    kept.write_bytes(kept.read_bytes()[:-1])
    result = limner("run", network, source, "-o", tmp / "cached.npy", "--cache")
    assert result.code == 0 and result.err.count("\n") == 1 and "cut off" in result.err and str(kept) in result.err, result
    good("run", network, source, "-o", tmp / "cached.npy", "--cache")  # it was made anew

    result = limner("run", network, source, "-o", tmp / "cached.npy", "--cache-in", folder)
    assert result.code == 0 and result.err.startswith("limner: note: ") and str(folder) in result.err, result
    assert (tmp / "cached.npy").read_bytes() == (tmp / "plain.npy").read_bytes()
    folder.mkdir()
    good("run", network, source, "-o", tmp / "cached.npy", "--cache-in", folder)
    assert [path.name.startswith("network.onnx-") for path in folder.iterdir()] == [True]

    words = ("--edge", trained / "edge" / "model.onnx", "--model", trained / "inpaint" / "model.onnx", source, source,
             "--mask-threshold", 127)
    good("inpaint", *words, "-o", tmp / "plain.png")
    for _ in range(2):  # both networks are called model.onnx
        good("inpaint", *words, "-o", tmp / "cached.png", "--cache-in", folder)
        assert (tmp / "plain.png").read_bytes() == (tmp / "cached.png").read_bytes()
        assert len(list(folder.iterdir())) == 3


def check_low_memory(tmp):
    network, source = DATA.parents[2] / "models" / "trained" / "plain" / "model.onnx", tmp / "in.png"
    source.write_bytes(png(32, 32, 2, 8, pattern(3072, 255)))
    for option in ("--exact", "--low-memory"):  # the same algorithms
        good("run", network, source, "-o", tmp / f"{option}.npy", option)
    assert (tmp / "--exact.npy").read_bytes() == (tmp / "--low-memory.npy").read_bytes()
    for command in ("run", "bench", "inpaint", "test", "compare"):
        assert "--low-memory" in good(command, "--help").out


def check_compare(tmp):
    (tmp / "x.npy").write_bytes(npy((1, 3, 1, 2), [0, 1, 2, 3, 4, 5]))
    (tmp / "near.npy").write_bytes(npy((1, 3, 1, 2), [0, 1, 2, 3, 4, 5.001]))
    (tmp / "far.npy").write_bytes(npy((1, 3, 1, 2), [0, 1, 2, 3.5, 4, 5]))
    (tmp / "flat.npy").write_bytes(npy((6,), [0, 1, 2, 3, 4, 5]))
    words = ["compare", model("rgb"), "--input", f"x={tmp / 'x.npy'}", "--expect"]
    assert "largest error 0.001" in good(*words, f"y={tmp / 'near.npy'}").out
    result = limner(*words, f"y={tmp / 'near.npy'}", "--rtol", "0", "--atol", "1e-6")
    assert result.code == 1 and "1 of 6" in result.out and "[0,2,0,1]" in result.out, result
    result = limner(*words, f"y={tmp / 'far.npy'}")
    assert result.code == 1 and "limner 3, expected 3.5" in result.out and "largest 0.1" in result.out, result
    result = limner(*words, f"y={tmp / 'flat.npy'}")
    assert result.code == 1 and "[6]" in result.out and "[1,3,1,2]" in result.out, result
    bad(1, *words, f"z={tmp / 'far.npy'}", says="no output \"z\"")
    source = tmp / "in.png"
    source.write_bytes(png(4, 4, 2, 8, pattern(48, 255)))
    assert "largest error 0," in good("compare", model("rgb"), source, "--expect", f"y={source}").out


def check_ops(tmp):
    table = good("ops").out
    about = json.loads(good("ops", "--json").out)
    names = {(row["domain"], row["operator"]) for row in about}
    for name in ("Conv", "ConvTranspose", "InstanceNormalization", "Tanh"):
        assert ("", name) in names and re.search(rf"^{name} ", table, re.M), name
    ranges = {}
    for row in about:
        assert row["since"] <= row["until"]
        ranges.setdefault((row["domain"], row["operator"]), []).append((row["since"], row["until"]))
    for spans in ranges.values():  # neighbours are one range
        assert all(b[0] > a[1] + 1 for a, b in zip(spans, spans[1:])), spans


def check_keys(tmp):
    data = DATA.parent / "checkpoints"
    for name, form in (("plain.pth", "pytorch zip"), ("plain-legacy.pth", "pytorch legacy")):
        out = good("keys", data / name).out
        assert f"{name}, {form}\n" in out and 'in "generator"' in out, out
        assert re.search(r"^generator\.encoder\.0\.weight +float +\[4,3,3,3\] +432$", out, re.M), out
        assert "total        10 tensors, 250 elements, 1 kB (1004 bytes)\n" in out, out
        about = json.loads(good("keys", data / name, "--key", "generator", "--json").out)
        assert about["dictionary"] == "generator" and about["bytes"] == 1004 and len(about["tensors"]) == 10
        assert about["tensors"][0] == {"path": "generator.encoder.0.weight", "key": "encoder.0.weight",
                                       "type": "float", "shape": [4, 3, 3, 3], "bytes": 432}
    assert "config: training.config.Config" in good("keys", data / "training.pth").out
    assert json.loads(good("keys", data / "choice-twins.pth", "--json").out)["model"] is None
    bad(1, "keys", data / "plain.pth", "--key", "netG", says=["plain.pth", '"generator" (10 tensors)'])
    bad(1, "keys", data / "frozen.pt", says="TorchScript")
    broken = bytearray((data / "plain.pth").read_bytes())
    broken[broken.index(b"FB", broken.index(b"data/0")) + 70] ^= 1  # behind the padding: in the storage
    (tmp / "broken.pth").write_bytes(broken)
    good("keys", tmp / "broken.pth")
    bad(1, "keys", tmp / "broken.pth", "--verify", says=["broken.pth", "plain/data/0", "checksum"])


def write_case(folder: Path, name: str, inputs, outputs, sets=1) -> Path:
    folder.mkdir(parents=True)
    shutil.copy(model(name), folder / "model.onnx")
    for k in range(sets):
        data = folder / f"test_data_set_{k}"
        data.mkdir()
        for i, tensor in enumerate(inputs):
            (data / f"input_{i}.pb").write_bytes(tensor)
        for i, tensor in enumerate(outputs):
            (data / f"output_{i}.pb").write_bytes(tensor)
    return folder


def closing(result: Result) -> str:
    return result.out.splitlines()[-1]


def check_test(tmp):
    a, b = tensor_proto((1, 3), [1, 2, 3]), tensor_proto((1, 3), [3, 2, 1])
    total, product = tensor_proto((1, 3), [4, 4, 4]), tensor_proto((1, 3), [3, 4, 3])
    greater = tensor_proto((1, 3), [False, False, True], BOOL)
    write_case(tmp / "deep" / "er" / "sums", "sums", [a, b], [total, product, greater], sets=2)
    named = [tensor_proto((1, 3), [0, 0, 1], name="b"), tensor_proto((1, 3), [1, 1, 1], name="a")]
    write_case(tmp / "deep" / "named", "sums", named, [tensor_proto((1, 3), [0, 0, 1], name="product")])
    nan = float("nan")
    write_case(tmp / "deep" / "root", "root", [tensor_proto((1, 1, 1, 3), [-1, 4, float("inf")])],
               [tensor_proto((1, 1, 1, 3), [nan, 2.0001, float("inf")])])
    result = good("test", tmp / "deep")
    assert result.out == "3 passed, 0 failed, 0 skipped\n", result
    assert closing(good("test", tmp / "deep", "--filter", "named", "-v")) == "1 passed, 0 failed, 0 skipped"
    result = limner("test", tmp / "deep" / "root", "--rtol=0", "--atol", "1e-6", "--threads", "1")
    assert result.code == 1 and closing(result) == "0 passed, 1 failed, 0 skipped", result
    assert "test_data_set_0" in result.out and "[0,0,0,1]" in result.out and "limner 2, expected 2.0001" in result.out, result
    repeat = re.search(r"repeat: limner (.*)", result.out)[1].split()
    again = limner(*repeat)
    assert again.out == result.out, again
    bad(1, "test", tmp / "deep", "--filter", "nothing", says="nothing")
    (tmp / "loop").mkdir()
    (tmp / "loop" / "up").symlink_to(tmp)
    assert closing(good("test", tmp / "loop")) == "3 passed, 0 failed, 0 skipped"


def check_test_failures(tmp):
    x = tensor_proto((1, 3, 1, 1), [1, 2, 3])
    write_case(tmp / "kind", "rgb", [x], [tensor_proto((1, 3, 1, 1), [1, 2, 3], INT64)])
    write_case(tmp / "shape", "rgb", [x], [tensor_proto((3,), [1, 2, 3])])
    write_case(tmp / "value's", "rgb", [x], [tensor_proto((1, 3, 1, 1), [1, 2, float("nan")])])
    write_case(tmp / "nothing", "rgb", [x], [])
    write_case(tmp / "none", "rgb", [x], [x], sets=0)
    write_case(tmp / "many", "rgb", [x], [x, x])
    write_case(tmp / "broken", "rgb", [b"\xff\xff"], [x])
    write_case(tmp / "unknown", "unknown", [x], [x])
    write_case(tmp / "sparse", "sparse", [x], [x])
    write_case(tmp / "right", "rgb", [x], [x])
    result = limner("test", tmp, "--verbose")
    assert result.code == 1 and closing(result) == "1 passed, 8 failed, 1 skipped", result
    for folder, says in (("kind", "int64"), ("shape", "[3]"), ("value's", "expected nan"), ("nothing", "output_0.pb"),
                         ("none", "test_data_set_0"), ("many", "output number 1"), ("broken", "input_0.pb"),
                         ("unknown", "Sharpen")):
        line = next(l for l in result.out.splitlines() if l.startswith(f"FAIL {tmp / folder}"))
        assert says in line, line
    assert f"'{tmp}/value'\\''s'" in result.out, result
    assert f"SKIP {tmp / 'sparse'}" in result.out and f"PASS {tmp / 'right'}" in result.out


def main() -> int:
    return runner.run("command line", runner.named(globals(), "check_"), sys.argv[2:], f"python3 tests/e2e/cli.py {sys.argv[1]}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python3 tests/e2e/cli.py LIMNER [CHECK]...")
    LIMNER = str(Path(sys.argv[1]).resolve())
    if not os.access(LIMNER, os.X_OK):
        sys.exit(f"{LIMNER} is not a program: build it first")
    sys.exit(main())
