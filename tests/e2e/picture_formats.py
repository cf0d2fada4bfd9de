"""Every kind of picture file, read and written, beside Pillow: build/venv/bin/python tests/e2e/picture_formats.py build/limner

Ends in one line, "picture formats: N passed, N failed"; exits 1 when anything failed.
"""

from __future__ import annotations

import io
import itertools
import struct
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper
from PIL import Image

import runner
import pictures
from pictures import WRITTEN, bad, copier, good, limner, painter, smooth, worst


# ---- formats ----

def stored(image: Image.Image, kind: str, **how: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **how)
    return out.getvalue()


def without_adobe(data: bytes) -> bytes:
    at = data.index(b"\xff\xee")
    return data[:at] + data[at + 2 + struct.unpack(">H", data[at + 2:at + 4])[0]:]


def kinds() -> list[tuple[str, str, bytes]]:
    """Title, ending, file."""
    rgb = Image.fromarray(smooth())
    alpha = np.dstack([smooth(), (np.indices((36, 52)).sum(0) * 3 % 256).astype(np.uint8)])
    rgba, palette = Image.fromarray(alpha), rgb.convert("P", palette=Image.ADAPTIVE, colors=40)
    cmyk = stored(rgb.convert("CMYK"), "JPEG", quality=97)
    ycck = Image.merge("CMYK", Image.merge("RGB", rgb.convert("CMYK").split()[:3]).split() + (rgb.convert("L"),))
    found = [("CMYK JPEG", "jpg", cmyk), ("CMYK JPEG without a mark", "jpg", without_adobe(cmyk)),
             ("CMYK JPEG with black", "jpg", stored(ycck, "JPEG", quality=97)), ("CMYK with black, no mark", "jpg", without_adobe(stored(ycck, "JPEG", quality=97))),
             ("WebP, lossy", "webp", stored(rgb, "WEBP", quality=80)), ("WebP, alpha", "webp", stored(rgba, "WEBP", lossless=True, exact=True)),
             ("WebP, animated", "webp", stored(rgb, "WEBP", save_all=True, append_images=[rgb.rotate(180)], lossless=True)),
             ("TIFF, LZW", "tif", stored(rgb, "TIFF", compression="tiff_lzw")), ("TIFF, JPEG", "tif", stored(rgb, "TIFF", compression="jpeg", quality=95)),
             ("TIFF, palette", "tif", stored(palette, "TIFF")), ("TIFF, 1 bit", "tif", stored(rgb.convert("1"), "TIFF", compression="group4")),
             ("TIFF, gray", "tiff", stored(rgb.convert("L"), "TIFF", compression="tiff_adobe_deflate")), ("TIFF, alpha", "tif", stored(rgba, "TIFF")),
             ("TIFF, CMYK", "tif", stored(rgb.convert("CMYK"), "TIFF")), ("TIFF, big", "tif", stored(rgb, "TIFF", big_tiff=True)),
             ("BMP, palette", "bmp", stored(palette, "BMP")), ("BMP, 1 bit", "bmp", stored(rgb.convert("1"), "BMP")), ("BMP, gray", "dib", stored(rgb.convert("L"), "BMP")),
             ("BMP, 32 bits", "bmp", stored(rgba, "BMP")), ("PBM", "pbm", stored(rgb.convert("1"), "PPM")), ("PGM", "pgm", stored(rgb.convert("L"), "PPM")),
             ("PPM", "ppm", stored(rgb, "PPM")), ("PPM, plain", "ppm", b"P3 # a comment\n3 2\n# another\n15\n" + b" ".join(b"%d" % (i % 16) for i in range(18)) + b"\n"),
             ("PBM, plain", "pbm", b"P1\n5 2\n01101 1 0\n0 0 1\n"), ("GIF, interlaced", "gif", stored(palette, "GIF", interlace=1)),
             ("GIF, animated", "gif", stored(palette, "GIF", save_all=True, append_images=[palette.rotate(180)])),
             ("GIF, see-through", "gif", stored(palette, "GIF", transparency=3))]
    return found


def test_every_kind_as_pillow_reads_it(folder: Path) -> None:
    """As picture, and as mask."""
    model, green = copier(folder), painter(folder)
    for title, ending, data in kinds():
        source = folder / f"in.{ending}"
        source.write_bytes(data)
        image = Image.open(source)
        image.seek(0)
        rgba = np.asarray(image.convert("RGBA")).astype(int)
        good("run", model, source, "-o", folder / "out.png")
        got = np.asarray(Image.open(folder / "out.png").convert("RGBA")).astype(int)
        shown = rgba[..., 3] > 0 if "see-through" in title else np.ones(rgba.shape[:2], bool)
        assert worst(got[shown], rgba[shown]) <= (2 if "JPEG" in title or "CMYK" in title else 0), (title, worst(got[shown], rgba[shown]))
        Image.fromarray(smooth(*rgba.shape[:2])).save(folder / "p.png")
        good("inpaint", "--model", green, folder / "p.png", source, "-o", folder / "m.png", "--mask-threshold", 100)
        hole = (np.asarray(Image.open(folder / "m.png").convert("RGB")) == (0, 255, 0)).all(-1)
        light = (rgba[..., :3] * (0.2125, 0.7154, 0.0721)).sum(-1) * rgba[..., 3] / 255
        sure = np.abs(light - 100) > 2
        assert (hole == (light > 100))[sure].all(), title


def test_sixteen_bits_and_white_is_zero(folder: Path) -> None:
    """TIFF and PNM of 16 bits, to PNG, TIFF and PNM."""
    wide = (smooth()[..., 0].astype(np.uint16) * 200 + 77)
    Image.fromarray(wide).save(folder / "in.tif")
    (folder / "in.pgm").write_bytes(b"P5 52 36 65535\n" + wide.astype(">u2").tobytes())
    value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 1, "h", "w"])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [value("x")], [value("y")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "gray.onnx")
    for source, target in itertools.product(("in.tif", "in.pgm"), ("png", "tif", "pgm")):
        good("run", folder / "gray.onnx", folder / source, "-o", folder / f"out.{target}")
        assert (np.asarray(Image.open(folder / f"out.{target}")).astype(int) == wide).all(), (source, target)


def test_writing(folder: Path) -> None:
    """Every format that is written, as Pillow reads it; quality; what cannot be written."""
    model, rgb = copier(folder), smooth()
    Image.fromarray(rgb).save(folder / "in.png")
    for ending, kind in WRITTEN.items():
        good("run", model, folder / "in.png", "-o", folder / f"out.{ending}")
        image = Image.open(folder / f"out.{ending}")
        assert image.format == kind and worst(np.asarray(image.convert("RGB")).astype(int), rgb.astype(int)) <= (12 if ending == "jpg" else 0), ending
    for ending in ("jpg", "webp"):
        sizes = []
        for quality in (10, 60, 100):
            good("run", model, folder / "in.png", "-o", folder / f"q.{ending}", "--quality", quality)
            sizes.append((folder / f"q.{ending}").stat().st_size)
        assert sizes == sorted(sizes) and sizes[0] < sizes[2], sizes
    assert limner("run", model, folder / "in.png", "-o", folder / "q.jpg", "--quality", 101).returncode == 2
    assert "end its name in .png" in limner("run", model, folder / "in.png", "-o", folder / "q.gif").stderr


def test_what_is_not_read_is_named(folder: Path) -> None:
    """In `run`, `inpaint`, and instead of a model."""
    model = painter(folder)
    Image.fromarray(smooth()).save(folder / "p.png")
    for name, data in {"HEIC": b"\0\0\0\x18ftypheic", "AVIF": b"\0\0\0\x20ftypavif", "JPEG XL": b"\xff\x0a\x41", "PSD": b"8BPS\0\1",
                       "OpenEXR": b"\x76\x2f\x31\x01\2\0\0\0"}.items():
        for ending in ("png", "bin"):
            path = folder / f"odd.{ending}"
            path.write_bytes(data + bytes(64))
            bad("run", model, path, "-o", folder / "o.png", says=name)
            bad("inpaint", "--model", model, path, folder / "p.png", "-o", folder / "o.png", says=name)
            bad("inpaint", "--model", model, folder / "p.png", path, "-o", folder / "o.png", says="convert it to PNG or JPEG")
            bad("run", path, folder / "p.png", "-o", folder / "o.png", says="not an ONNX model")


def test_cut_and_huge_files(folder: Path) -> None:
    """Cut off anywhere: read or refused, never more. Sizes above --max-pixels are refused before memory is asked for."""
    model = copier(folder)
    for title, ending, data in kinds():
        path = folder / f"in.{ending}"
        for size in sorted({3, 10, 20, 60, len(data) // 3, len(data) // 2, len(data) - 9}):
            path.write_bytes(data[:size])
            done = limner("run", model, path, "-o", folder / "out.png")
            assert done.returncode in (0, 1) and (done.returncode == 0 or done.stderr.startswith("limner: ")), (title, size, done)
        path.write_bytes(data)
        if "plain" not in title:
            bad("run", model, path, "-o", folder / "out.png", "--max-pixels", 1000, says="--max-pixels")


def main() -> int:
    """Run every test of this file, or those named; returns the exit status."""
    pictures.LIMNER = str(Path(sys.argv[1]).resolve())
    return runner.run("picture formats", runner.named(globals(), "test_"), sys.argv[2:], f"{sys.executable} tests/e2e/picture_formats.py {sys.argv[1]}")


if __name__ == "__main__":
    sys.exit(main())
