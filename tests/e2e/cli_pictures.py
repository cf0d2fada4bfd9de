"""limner run on pictures and arrays, what goes in and what comes out: python3 tests/e2e/cli_pictures.py build/limner

Only Python's standard library. Ends in one line, "pictures and arrays: N passed, N failed"; exits 1 when anything
failed. Pictures are made and read by the small PNG coder of command.py, written from the PNG specification.
"""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
import zlib

import command
from command import bad, CHANNELS, chunk, good, limner, model, npy, pattern, png, read_npy, read_png, tensor_proto


# ---- the checks: every function that begins with check_ gets an empty folder ----

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
        full = subprocess.run([command.program, "ops"], stdout=open("/dev/full", "w"), stderr=subprocess.PIPE, text=True)
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


if __name__ == "__main__":
    sys.exit(command.main("pictures and arrays", "tests/e2e/cli_pictures.py", globals()))
