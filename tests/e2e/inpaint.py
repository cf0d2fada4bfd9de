"""limner inpaint beside models/reference_inpaint.py: build/venv/bin/python tests/e2e/inpaint.py build/limner

Needs numpy, onnx, onnxruntime and scikit-image. Ends in one line, "inpaint: N passed, N failed"; exits 1 when
anything failed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import color, data, feature

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "models"))

import graphs  # noqa: E402
import reference_inpaint as reference  # noqa: E402
import runner  # noqa: E402

SMALL = ROOT / "models" / "small"
EDGE = SMALL / "edge-torchscript17" / "model.onnx"
INPAINT = SMALL / "inpaint-torchscript17" / "model.onnx"
PLAIN = SMALL / "plain-torchscript17" / "model.onnx"
KEYVALUE = SMALL / "keyvalue-torchscript17" / "model.onnx"
LOCAL = ROOT / "tests" / "data" / "inpaint"
PICTURES = ("chelsea", "coffee", "astronaut")
PASSED = "1 passed over (no picture of a kind that is read): notes.txt\n"
SEED = int(os.environ.get("LIMNER_TEST_SEED", "20190101"))


# ---- running ----

class Result:
    """What a command line did."""

    def __init__(self, words: list[str], done: subprocess.CompletedProcess[str]) -> None:
        self.words, self.code, self.out, self.err = words, done.returncode, done.stdout, done.stderr

    def __str__(self) -> str:
        return f"$ {' '.join(self.words)}\nexit {self.code}\n{self.out}{self.err}"


def inpaint(*words: object) -> Result:
    """limner inpaint with these words."""
    line = [LIMNER, "inpaint", *map(str, words)]
    return Result(line, subprocess.run(line, capture_output=True, text=True, timeout=300))


def good(*words: object, says: str = "") -> Result:
    """Succeeds, and says on stderr exactly one line with ``says``, or nothing."""
    result = inpaint(*words)
    assert result.code == 0, result
    assert says in result.err and result.err.count("\n") == (1 if says else 0), result
    return result


def bad(code: int, *words: object, says: str) -> Result:
    """Fails with the code, and one line on stderr that holds ``says``."""
    result = inpaint(*words)
    assert result.code == code, result
    assert result.err.startswith("limner: ") and says in result.err, f"{says!r} is not said by\n{result}"
    assert result.err.count("\n") == 1, result
    return result


def differ(a: np.ndarray, b: np.ndarray) -> int:
    """The largest difference of two pictures."""
    assert a.shape == b.shape, f"{a.shape} and {b.shape}"
    return int(np.abs(a.astype(int) - b).max())


def load(path: Path) -> np.ndarray:
    """A written picture as it is."""
    return np.asarray(Image.open(path))


def save(path: Path, array: np.ndarray, **how: object) -> Path:
    """Write a picture."""
    Image.fromarray(array).save(path, **how)
    return path


def hole_mask(height: int, width: int) -> np.ndarray:
    """A block, a stripe and some specks in 0 and 255."""
    mask = np.random.default_rng(SEED).random((height, width)) < 0.0005
    mask[height // 4:height // 2, width // 3:width // 2] = True
    mask[-12:-6, :width // 2] = True
    return np.where(mask, 255, 0).astype(np.uint8)


def scene(folder: Path, name: str = "chelsea", crop: tuple[int, int] | None = None) -> tuple[Path, Path, np.ndarray, np.ndarray]:
    """Files of a picture and its mask, and both as arrays (the mask as booleans)."""
    rgb = getattr(data, name)()
    if crop:
        rgb = rgb[60:60 + crop[0], 100:100 + crop[1]]
    mask = hole_mask(*rgb.shape[:2])
    return save(folder / f"{name}.png", rgb), save(folder / f"{name}-mask.png", mask), rgb, mask > 0


# ---- Canny ----

def canny_by_limner(folder: Path, rgb: np.ndarray, mask: np.ndarray, *words: object) -> np.ndarray:
    """limner's edges; the model only has to be there."""
    image, hole, edges = folder / "c.png", folder / "cm.png", folder / "ce.png"
    save(image, rgb)
    save(hole, np.where(mask, 255, 0).astype(np.uint8))
    result = inpaint("--model", PLAIN, "--range=-1,1", image, hole, "-o", folder / "co.png", "--save-canny", edges, *words)
    assert result.code == 0, result
    return load(edges) > 0


def test_canny_of_sample_pictures(folder: Path) -> None:
    """Pixel for pixel, whichever way the gray is summed up, with and without holes."""
    total = 0
    for name in PICTURES:
        rgb = getattr(data, name)()
        none = np.zeros(rgb.shape[:2], bool)
        for hole, sigma in ((none, 2), (none, 0.7), (hole_mask(*rgb.shape[:2]) > 0, 2), (hole_mask(*rgb.shape[:2]) > 0, 3.5)):
            ours = canny_by_limner(folder, rgb, hole, "--sigma", sigma)
            theirs = feature.canny(color.rgb2gray(rgb), sigma=sigma, mask=~hole)
            wrong = int((ours != theirs).sum())
            assert wrong == 0, f"{name}, sigma {sigma}: {wrong} pixels differ"
            assert (reference.find_edges(rgb, hole, reference.Edges(sigma)) == theirs).all()
            total += theirs.size
    print(f"  {total} pixels of edges are equal")


def test_canny_of_any_size(folder: Path) -> None:
    """Small pictures, thresholds, noise and flat areas."""
    rng = np.random.default_rng(SEED)
    sizes = [(1, 1), (1, 9), (9, 1), (2, 2), (3, 3), (4, 7), (16, 5), (31, 40), (64, 64)]
    for height, width in sizes:
        noisy = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
        flat = (rng.integers(0, 2, (height // 4 + 1, width // 4 + 1, 1)) * 255).repeat(4, 0).repeat(4, 1).repeat(3, 2)
        for rgb in (noisy, flat[:height, :width].astype(np.uint8)):
            hole = rng.random((height, width)) < 0.05
            for sigma, low, high in ((2, 0.1, 0.2), (0, 0.1, 0.1), (1, 0, 0.05), (6, 0.01, 0.02)):
                ours = canny_by_limner(folder, rgb, hole, "--sigma", sigma, "--canny-low", low, "--canny-high", high)
                theirs = reference.find_edges(rgb, hole, reference.Edges(sigma, low, high))
                assert (ours == theirs).all(), f"{height}x{width}, sigma {sigma}, seed {SEED}"


# ---- whole pictures ----

def test_edge_connect_equals_the_reference(folder: Path) -> None:
    """Three pictures, within 1/255 on every pixel; what is known stays as it is."""
    edge, model = reference.Network(EDGE), reference.Network(INPAINT)
    for name in PICTURES:
        image, mask, rgb, hole = scene(folder, name)
        out, drawn = folder / "out.png", folder / "edges.png"
        good("--edge", EDGE, "--model", INPAINT, image, mask, "-o", out, "--save-edges", drawn)
        wanted, edges = reference.inpaint_edges(rgb, hole, edge, model)
        ours = load(out)
        worst = differ(ours, wanted)
        print(f"  {name}: largest difference {worst}, {(ours != wanted).any(axis=-1).sum()} of {hole.sum()} pixels")
        assert worst <= 1
        assert (ours[~hole] == rgb[~hole]).all()
        assert differ(load(drawn), (edges * 255).astype(np.uint8)) <= 1


def test_wider_networks(folder: Path) -> None:
    """EdgeConnect with 16 channels and its eight blocks."""
    scale = graphs.Scale(width=16, blocks=8)
    paths = {}
    for name in ("edge", "inpaint"):
        paths[name] = folder / f"{name}.onnx"
        graphs.save(graphs.build(name, scale, seed=SEED), paths[name], external=False)
    image, mask, rgb, hole = scene(folder, "coffee", (157, 202))
    good("--edge", paths["edge"], "--model", paths["inpaint"], image, mask, "-o", folder / "out.png")
    wanted, _ = reference.inpaint_edges(rgb, hole, reference.Network(paths["edge"]), reference.Network(paths["inpaint"]))
    worst = differ(load(folder / "out.png"), wanted)
    print(f"  largest difference {worst}")
    assert worst <= 1
    good("--edge", paths["edge"], "--model", paths["inpaint"], image, mask, "-o", folder / "exact.png", "--exact", "--threads", 1)
    assert differ(load(folder / "exact.png"), wanted) <= 1


def test_any_height_and_width(folder: Path) -> None:
    """Sides that are no multiples of 4, down to a few pixels."""
    edge, model = reference.Network(EDGE), reference.Network(INPAINT)
    rng = np.random.default_rng(SEED)
    for height, width in ((33, 34), (35, 64), (13, 22), (14, 13)):
        rgb = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
        image, mask = save(folder / "i.png", rgb), save(folder / "m.png", hole_mask(height, width))
        good("--edge", EDGE, "--model", INPAINT, image, mask, "-o", folder / "out.png")
        wanted, _ = reference.inpaint_edges(rgb, load(mask) > 0, edge, model)
        assert differ(load(folder / "out.png"), wanted) <= 1, f"{height}x{width}"


def test_sides_smaller_than_the_padding(folder: Path) -> None:
    """A picture of 1, 2 or 3 pixels is reflected more than once."""
    model = reference.Network(PLAIN)
    rng = np.random.default_rng(SEED)
    for height, width in ((1, 1), (1, 5), (2, 3), (3, 2), (5, 1), (17, 30)):
        rgb = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
        mask = np.full((height, width), 255, np.uint8)
        image, hole = save(folder / "i.png", rgb), save(folder / "m.png", mask)
        good("--model", PLAIN, image, hole, "-o", folder / "out.png")
        wanted = reference.inpaint_single(rgb, mask > 0, model, -1, 1)
        assert differ(load(folder / "out.png"), wanted) <= 1, f"{height}x{width}"


def test_single_networks(folder: Path) -> None:
    """Three channels, four channels, and the mask as an input of its own."""
    image, mask, rgb, hole = scene(folder, crop=(100, 131))
    out = folder / "out.png"
    good("--model", PLAIN, image, mask, "-o", out)
    ours = load(out)
    assert differ(ours, reference.inpaint_single(rgb, hole, reference.Network(PLAIN), -1, 1)) <= 1
    good("--model", PLAIN, image, mask, "-o", out, "--range", "0,1", says="far outside its range")
    assert differ(load(out), reference.inpaint_single(rgb, hole, reference.Network(PLAIN), 0, 1)) <= 1
    good("--model", LOCAL / "rgb-mask.onnx", image, mask, "-o", out)
    assert differ(load(out), reference.inpaint_single(rgb, hole, reference.Network(LOCAL / "rgb-mask.onnx"))) <= 1
    both = reference.Network(LOCAL / "image-and-mask.onnx")
    planes = reference.pad(reference.whitened(rgb.transpose(2, 0, 1) / np.float32(255), hole), 16)[None]
    masks = reference.pad(hole[None].astype(np.float32), 16)[None]
    wanted = reference.merge(both.session.run(None, {"image": planes, "mask": masks})[0][0], rgb, hole)
    good("--model", LOCAL / "image-and-mask.onnx", image, mask, "-o", out)
    assert differ(load(out), wanted) <= 1


def test_mask_grid(folder: Path) -> None:
    """The key/value network's integers, from .npy and from a picture; without them it is the plain one."""
    image, mask, rgb, hole = scene(folder, crop=(50, 70))
    network, out = reference.Network(KEYVALUE), folder / "out.png"
    planes = reference.pad(reference.whitened(rgb.transpose(2, 0, 1) / np.float32(255), hole), 16)[None] * 2 - 1
    grid = np.random.default_rng(SEED).integers(-1, 5, (4, 5))
    names = [i.name for i in network.session.get_inputs()]

    def run(values: np.ndarray) -> np.ndarray:
        painted = network.session.run(None, {names[0]: planes.astype(np.float32), names[1]: values[None]})[0][0]
        return reference.merge((painted + 1) / 2, rgb, hole)

    np.save(folder / "grid.npy", grid)
    good("--model", KEYVALUE, image, mask, "-o", out, "--mask-grid", folder / "grid.npy")
    first = load(out)
    assert differ(first, run(grid)) <= 1
    good("--model", KEYVALUE, image, mask, "-o", out, "--mask-grid", save(folder / "grid.png", np.maximum(grid, 0).astype(np.uint8)))
    assert differ(load(out), run(np.maximum(grid, 0))) <= 1
    good("--model", KEYVALUE, image, mask, "-o", out, says="no --mask-grid")
    assert differ(load(out), run(np.full((4, 5), -1))) <= 1
    assert differ(load(out), first) > 1
    np.save(folder / "grid.npy", grid[:3])
    bad(1, "--model", KEYVALUE, image, mask, "-o", out, "--mask-grid", folder / "grid.npy", says="needs 5 by 4")
    bad(1, "--model", PLAIN, image, mask, "-o", out, "--mask-grid", folder / "grid.npy", says="no input of integers")


# ---- pictures and masks of every kind ----

def test_modes(folder: Path) -> None:
    """Palette, gray, alpha, 16 bits and JPEG."""
    image, mask, rgb, hole = scene(folder, crop=(48, 64))
    out, words = folder / "out.png", ["--model", PLAIN]
    network = reference.Network(PLAIN)
    wanted = reference.inpaint_single(rgb, hole, network, -1, 1)
    alpha = np.random.default_rng(SEED).integers(0, 256, rgb.shape[:2]).astype(np.uint8)
    good(*words, save(folder / "rgba.png", np.dstack([rgb, alpha])), mask, "-o", out)
    assert (load(out)[..., 3] == alpha).all() and differ(load(out)[..., :3], wanted) <= 1
    gray = rgb[..., 1]
    good(*words, save(folder / "gray.png", gray), mask, "-o", out)
    assert differ(load(out), reference.inpaint_single(np.dstack([gray] * 3), hole, network, -1, 1)) <= 1
    Image.fromarray(rgb).quantize(32).save(folder / "palette.png")
    good(*words, folder / "palette.png", mask, "-o", out)
    assert differ(load(out), reference.inpaint_single(reference.read_rgb(folder / "palette.png"), hole, network, -1, 1)) <= 1
    for name, picture in (("rgba", np.dstack([np.full_like(rgb, 255), np.where(hole, 200, 0).astype(np.uint8)])),
                          ("rgb", np.dstack([np.where(hole, 1, 0).astype(np.uint8)] * 3) * np.uint8(255))):
        good(*words, image, save(folder / f"mask-{name}.png", picture), "-o", out)
        assert differ(load(out), wanted) <= 1, name
    Image.fromarray(np.where(hole, 255, 0).astype(np.uint8)).convert("P").save(folder / "mask-p.png")
    good(*words, image, folder / "mask-p.png", "-o", out)
    assert differ(load(out), wanted) <= 1
    good(*words, image, save(folder / "inverse.png", np.where(hole, 0, 255).astype(np.uint8)), "-o", out, "--mask-white", "known")
    assert differ(load(out), wanted) <= 1


def test_jpeg_masks(folder: Path) -> None:
    """What JPEG leaves round black counts as hole, as the reference has it, and is said."""
    image, _, rgb, hole = scene(folder, crop=(48, 64))
    lossy = save(folder / "mask.jpg", np.where(hole, 255, 0).astype(np.uint8), quality=60)
    out = folder / "out.png"
    good("--model", PLAIN, image, lossy, "-o", out, says="--mask-threshold 127")
    noisy = load(lossy) > 0
    assert noisy.sum() > hole.sum()
    assert differ(load(out), reference.inpaint_single(rgb, noisy, reference.Network(PLAIN), -1, 1)) <= 1
    good("--model", PLAIN, image, lossy, "-o", out, "--mask-threshold", 127)
    firm = load(lossy) > 127
    assert differ(load(out), reference.inpaint_single(rgb, firm, reference.Network(PLAIN), -1, 1)) <= 1
    result = good("--model", PLAIN, image, lossy, "-o", folder / "out.jpg", "--mask-threshold", 127)
    assert load(folder / "out.jpg").shape == rgb.shape, result


def test_sixteen_bits_are_kept(folder: Path) -> None:
    """Known samples to the last bit, painted ones in steps finer than a byte's."""
    rng = np.random.default_rng(SEED)
    deep = rng.integers(0, 65536, (40, 50, 3)).astype(np.uint16)
    mask = hole_mask(40, 50)
    (folder / "deep.png").write_bytes(png16(deep))
    good("--model", PLAIN, folder / "deep.png", save(folder / "m.png", mask), "-o", folder / "out.png")
    ours = read_png16(folder / "out.png")
    good("--model", PLAIN, folder / "deep.png", folder / "m.png", "-o", folder / "out.jpg")
    assert load(folder / "out.jpg").shape == (40, 50, 3)
    assert (ours[mask == 0] == deep[mask == 0]).all()
    light = deep.transpose(2, 0, 1) / np.float32(65535)
    planes = reference.pad(reference.whitened(light, mask > 0) * 2 - 1, 16)
    painted = (reference.Network(PLAIN)(planes)[:, :40, :50] + 1) / 2 * 65535
    assert np.abs(painted.transpose(1, 2, 0) - ours)[mask > 0].max() < 20
    assert len(np.unique(ours[mask > 0] % 257)) > 20


def png16(array: np.ndarray) -> bytes:
    """A 16-bit RGB PNG, which pillow cannot write."""
    import struct
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    height, width, _ = array.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def read_png16(path: Path) -> np.ndarray:
    """The samples of a 16-bit RGB PNG; pillow reads only 8 bits."""
    import struct
    import zlib

    raw, at, body, header = path.read_bytes(), 8, b"", b""
    while at < len(raw):
        size, kind = struct.unpack(">I4s", raw[at:at + 8])
        header = raw[at + 8:at + 8 + size] if kind == b"IHDR" else header
        body += raw[at + 8:at + 8 + size] if kind == b"IDAT" else b""
        at += 12 + size
    width, height, depth, colour = struct.unpack(">IIBB", header[:10])
    assert (depth, colour) == (16, 2)
    packed, stride = zlib.decompress(body), width * 6
    out, above = [], np.zeros(stride, np.uint8)
    for y in range(height):
        kind, row = packed[y * (stride + 1)], bytearray(packed[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        for i in range(stride):
            a, b, c = row[i - 6] if i >= 6 else 0, int(above[i]), int(above[i - 6]) if i >= 6 else 0
            p = a + b - c
            nearest = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            row[i] = (row[i] + (0, a, b, (a + b) // 2, nearest)[kind]) & 255
        above = np.frombuffer(bytes(row), np.uint8)
        out.append(above)
    return np.stack(out).view(">u2").reshape(height, width, 3).astype(np.uint16)


def test_mask_of_another_size(folder: Path) -> None:
    """It is resized to the nearest pixels, with a note."""
    image, _, rgb, _ = scene(folder, crop=(60, 90))
    mask = save(folder / "half.png", hole_mask(27, 40))
    good("--model", PLAIN, image, mask, "-o", folder / "out.png", says="is 40 by 27 pixels, resized to the picture's 90 by 60")
    hole = reference.read_hole(mask, 60, 90)
    wanted = reference.inpaint_single(rgb, hole, reference.Network(PLAIN), -1, 1)
    assert differ(load(folder / "out.png"), wanted) <= 1


def test_empty_and_full_masks(folder: Path) -> None:
    """Nothing to do is the input's very bytes; everything to do works."""
    image, _, rgb, _ = scene(folder, crop=(40, 52))
    empty, full = save(folder / "e.png", np.zeros((40, 52), np.uint8)), save(folder / "f.png", np.full((40, 52), 255, np.uint8))
    out = folder / "out.png"
    good("--edge", EDGE, "--model", INPAINT, image, empty, "-o", out, says="has no hole")
    assert out.read_bytes() == image.read_bytes()
    good("--model", PLAIN, image, empty, "-o", folder / "out.jpg", says="has no hole")
    good("--model", LOCAL / "rgb-mask.onnx", image, full, "-o", out)
    everything = np.ones((40, 52), bool)
    wanted = reference.inpaint_single(rgb, everything, reference.Network(LOCAL / "rgb-mask.onnx"))
    assert differ(load(out), wanted) <= 1
    # Of a picture without contrast, InstanceNormalization makes rounding errors large: nothing to compare.
    good("--edge", EDGE, "--model", INPAINT, image, full, "-o", out)
    assert load(out).shape == rgb.shape


# ---- large pictures ----

def test_tiles_equal_the_whole(folder: Path) -> None:
    """With the overlap that the model's reach asks for, within 2/255."""
    image, mask, _, hole = scene(folder, "coffee")
    whole, tiled = folder / "whole.png", folder / "tiled.png"
    for model, tile in ((PLAIN, 320), (LOCAL / "rgb-mask.onnx", 96), (LOCAL / "image-and-mask.onnx", 128)):
        good("--model", model, image, mask, "-o", whole)
        good("--model", model, image, mask, "-o", tiled, "--tile", tile)
        worst = differ(load(whole), load(tiled))
        print(f"  {model.parent.name}/{model.name} in tiles of {tile}: largest difference {worst}")
        assert worst <= 2
    good("--model", PLAIN, image, mask, "-o", tiled, "--tile", 64, "--overlap", 16, says="wants --overlap")
    rough = load(tiled).astype(int) - load(folder / "whole.png")
    assert rough[~hole].any() == 0
    good("--model", LOCAL / "fixed.onnx", image, mask, "-o", tiled, "--tile", "auto")
    good("--model", LOCAL / "fixed.onnx", image, mask, "-o", whole, "--tile", 96, "--overlap", 48)
    assert differ(load(whole), load(tiled)) <= 2
    bad(1, "--model", LOCAL / "fixed.onnx", image, mask, "-o", tiled, says="takes only pictures 96 wide and 96 high")
    bad(1, "--model", PLAIN, image, mask, "-o", tiled, "--tile", 32, says="too small for an overlap")


def test_crops(folder: Path) -> None:
    """A network with picture-wide statistics is told so; each hole's rectangle is a picture of its own."""
    rgb = np.asarray(Image.fromarray(data.astronaut()).resize((1024, 768)))
    mask = np.zeros((768, 1024), np.uint8)
    mask[100:160, 80:150] = mask[600:620, 900:1000] = mask[170:180, 200:210] = 255
    image, hole = save(folder / "i.png", rgb), save(folder / "m.png", mask)
    out = folder / "out.png"
    words = ["--edge", EDGE, "--model", INPAINT, image, hole, "-o", out]
    good(*words, "--tile", 256, "--crop-margin", 64, says="looks at the whole picture at once (InstanceNormalization")
    ours = load(out)
    good(*words, "--crop-margin", 64)
    assert (load(out) == ours).all()
    assert (ours[mask == 0] == rgb[mask == 0]).all()
    edges = reference.find_edges(rgb, mask > 0)
    edge, model = reference.Network(EDGE), reference.Network(INPAINT)
    for y, x, height, width in ((36, 16, 208, 260), (536, 836, 148, 188)):
        part = np.s_[y:y + height, x:x + width]
        wanted = paint_part(rgb[part], mask[part] > 0, edges[part], edge, model)
        assert differ(ours[part], wanted) <= 1, f"the crop at {x},{y}"


def paint_part(rgb: np.ndarray, hole: np.ndarray, edges: np.ndarray, edge: reference.Network, model: reference.Network) -> np.ndarray:
    """EdgeConnect with edges that were found in a larger picture."""
    mask = hole.astype(np.float32)
    planes = np.stack([reference.whitened(reference.gray_of(rgb), hole), edges * (1 - mask), mask])
    light = rgb.transpose(2, 0, 1) / np.float32(255)
    drawn = edge(reference.pad(planes, 4))
    painted = model(np.concatenate([reference.pad(reference.whitened(light, hole), 4), drawn]))
    return reference.merge(painted, rgb, hole)


# ---- folders ----

def make_folders(folder: Path) -> tuple[Path, Path, Path]:
    """Four pictures, one of them text, and masks for all but one."""
    images, masks, out = folder / "images", folder / "masks", folder / "out"
    images.mkdir()
    masks.mkdir()
    rgb = data.chelsea()[50:98, 80:144]
    for name in ("a", "b", "d"):
        save(images / f"{name}.png", np.roll(rgb, ord(name), axis=0))
        save(masks / f"{name}.png", hole_mask(48, 64))
    (images / "c.png").write_text("this is no picture\n")
    save(masks / "c.png", hole_mask(48, 64))
    save(images / "e.jpg", rgb)
    (images / "notes.txt").write_text("not looked at\n")
    return images, masks, out


def test_folders(folder: Path) -> None:
    """Pairs by name; a bad file and a missing mask are told, the rest is done."""
    images, masks, out = make_folders(folder)
    for jobs in (1, 3):
        result = inpaint("--edge", EDGE, "--model", INPAINT, images, masks, "-o", out, "--jobs", jobs)
        assert result.code == 1 and result.out == "3 painted, 0 skipped, 2 failed\n" + PASSED, result
        assert "c.png is no picture" in result.err and "there is no mask e.png" in result.err, result
        assert result.err.count("\n") == 2, result
        assert sorted(p.name for p in out.iterdir()) == ["a.png", "b.png", "d.png"]
        pictures = [load(p) for p in sorted(out.iterdir())]
        for k, name in enumerate(("a", "b", "d")):
            single = folder / "single.png"
            good("--edge", EDGE, "--model", INPAINT, images / f"{name}.png", masks / f"{name}.png", "-o", single)
            assert (load(single) == pictures[k]).all()
        for p in out.iterdir():
            p.unlink()


def test_resume(folder: Path) -> None:
    """What is there is not done again; what failed is."""
    images, masks, out = make_folders(folder)
    words = ["--model", PLAIN, images, masks, "-o", out, "--resume"]
    result = inpaint(*words)
    assert result.code == 1 and result.out == "3 painted, 0 skipped, 2 failed\n" + PASSED, result
    (out / "b.png").unlink()
    before = (out / "a.png").stat().st_mtime_ns
    save(images / "c.png", data.chelsea()[50:98, 80:144])
    save(masks / "e.png", hole_mask(48, 64))
    result = inpaint(*words)
    assert result.code == 0 and result.out == "3 painted, 2 skipped, 0 failed\n" + PASSED and result.err == "", result
    assert (out / "a.png").stat().st_mtime_ns == before
    assert inpaint(*words).out == "0 painted, 5 skipped, 0 failed\n" + PASSED
    assert not [p for p in out.iterdir() if p.name.startswith(".")]


def test_one_mask_for_all(folder: Path) -> None:
    """A mask file and a folder of pictures, edges into a folder as well."""
    images, masks, out = make_folders(folder)
    (images / "c.png").unlink()
    result = inpaint("--edge", EDGE, "--model", INPAINT, images, masks / "a.png", "-o", out, "--save-edges", folder / "edges")
    assert result.code == 0 and result.out == "4 painted, 0 skipped, 0 failed\n" + PASSED, result
    assert sorted(p.name for p in (folder / "edges").iterdir()) == ["a.png", "b.png", "d.png", "e.png"]
    good("--edge", EDGE, "--model", INPAINT, images / "b.png", masks, "-o", folder / "edges")
    save(images / "a.jpg", data.chelsea()[50:98, 80:144])
    result = inpaint("--model", PLAIN, images, masks, "-o", out, "--format", "png")
    assert result.code == 1 and "would overwrite that of" in result.err, result


# ---- variants ----

def test_variants(folder: Path) -> None:
    """Several generators in one process paint what each paints alone: swapped into a session, or with one of its own."""
    image, mask = folder / "a.png", folder / "mask.png"
    save(image, data.chelsea()[50:98, 80:144])
    save(mask, hole_mask(48, 64))
    other = SMALL / "plain-dynamo18" / "model.onnx"
    models = {"one": PLAIN, "two": other, "pair": INPAINT, "again": PLAIN}
    words = [word for name, path in models.items() for word in ("--variant", f"{name}={path}")]
    result = inpaint(*words, "--variant-edge", f"pair={EDGE}", image, mask, "-o", folder / "out")
    assert result.code == 0 and result.err == "", result
    assert re.fullmatch("".join(rf"{name}: [\d.]+ s, at most \d+ MB so far\n" for name in models), result.out), result
    for name, path in models.items():
        good("--model", path, *(("--edge", EDGE) if name == "pair" else ()), image, mask, "-o", folder / "alone.png")
        assert (load(folder / "out" / f"{name}.png") == load(folder / "alone.png")).all(), name
    assert not (load(folder / "out" / "one.png") == load(folder / "out" / "pair.png")).all()


def test_variants_of_folders(folder: Path) -> None:
    """A folder of results for each variant; one bad picture fails each."""
    images, masks, out = make_folders(folder)
    result = inpaint("--variant", f"one={PLAIN}", "--variant", f"pair={INPAINT}", "--variant-edge", f"pair={EDGE}", images, masks, "-o", out)
    assert result.code == 1 and result.out.count("3 painted, 0 skipped, 2 failed\n") == 2, result
    for name in ("one", "pair"):
        assert sorted(p.name for p in (out / name).iterdir()) == ["a.png", "b.png", "d.png"]


def test_variants_refused(folder: Path) -> None:
    """Names that cannot be files, models given both ways, and a variant whose model is no model."""
    image, mask = folder / "a.png", folder / "mask.png"
    save(image, data.chelsea()[50:98, 80:144])
    save(mask, hole_mask(48, 64))
    files = image, mask, "-o", folder / "out"

    def usage(*words: object, says: str) -> None:
        result = inpaint(*words, *files)
        assert result.code == 2 and says in result.err, result

    usage("--variant", f"a/b={PLAIN}", says="'a/b' cannot be a file's name")
    usage("--variant", f"..={PLAIN}", says="'..' cannot be a file's name")
    usage("--variant", f"a={PLAIN}", "--variant", f"a={PLAIN}", says="names 'a' twice")
    usage("--variant", f"a={PLAIN}", "--model", PLAIN, says="give one kind")
    usage("--variant", f"a={PLAIN}", "--variant-edge", f"b={EDGE}", says="there is no --variant b")
    usage("--model", PLAIN, "--variant-edge", f"b={EDGE}", says="there is no --variant b")
    usage("--variant", f"a={PLAIN}", "--save-edges", folder / "e.png", says="--save-edges is for one --model")
    result = inpaint("--variant", f"a={PLAIN}", "--variant", f"b={image}", *files)
    assert result.code == 1 and "b: " in result.err and (folder / "out" / "a.png").exists(), result


# ---- wrong command lines and files ----

def test_errors(folder: Path) -> None:
    """One line each, the right exit status, and nothing written."""
    image, mask, _, _ = scene(folder, crop=(40, 52))
    text = folder / "text.png"
    text.write_text("no picture\n")
    out = folder / "result.png"
    words = ["--edge", EDGE, "--model", INPAINT]
    bad(2, image, mask, "-o", out, says="--model is missing")
    bad(2, *words, image, mask, says="-o is missing")
    bad(2, *words, image, "-o", out, says="MASK is missing")
    bad(2, *words, image, mask, "-o", out, "--canny-low", 0.5, says="is below --canny-low")
    bad(2, *words, image, mask, "-o", out, "--sigma", "1e9", says="--sigma")
    bad(2, *words, image, mask, "-o", out, "--mask-white", "black", says="wants hole or known")
    bad(2, *words, image, mask, "-o", out, "--mask-threshold", 255, says="0 to 254")
    bad(2, *words, image, mask, "-o", out, "--overlap", 32, says="--overlap goes with --tile")
    bad(2, "--model", PLAIN, image, mask, "-o", out, "--save-edges", folder / "e.png", says="needs an edge model")
    bad(1, *words, folder / "none.png", mask, "-o", out, says="none.png: No such file")
    bad(1, *words, image, folder / "none.png", "-o", out, says="none.png: No such file")
    bad(1, *words, text, mask, "-o", out, says="text.png is no picture")
    bad(1, *words, image, text, "-o", out, says="text.png is no picture")
    bad(1, *words, image, mask, "-o", folder / "result.gif", says="end its name in .png, .jpg")
    bad(1, *words, image, mask, "-o", folder / "no" / "r.png", says="No such file")
    bad(1, *words, image, mask, "-o", out, "--save-canny", out, says="would be written twice")
    bad(1, *words, image, mask, "-o", out, "--max-pixels", 100, says="chelsea.png")
    bad(1, "--edge", EDGE, "--model", image, image, mask, "-o", out, says="a PNG picture, not an ONNX model")
    bad(1, "--edge", INPAINT, "--model", INPAINT, image, mask, "-o", out, says="an edge model takes N,3,H,W")
    bad(1, "--edge", EDGE, "--model", PLAIN, image, mask, "-o", out, says="with --edge, the model takes N,4,H,W")
    bad(1, "--model", LOCAL / "odd.onnx", image, mask, "-o", out, says="without --edge")
    bad(1, *words, folder / "nowhere" / "x.png", folder, "-o", out, says="no mask")
    empty = folder / "empty"
    empty.mkdir()
    bad(1, *words, empty, mask, "-o", folder / "o", says="there are no pictures")
    bad(1, *words, folder, folder, "-o", folder, says="would overwrite what is read")
    bad(1, *words, folder, folder, "-o", folder / "o", "--save-edges", folder / "o", says="would overwrite each other")
    cut = folder / "cut.png"
    cut.write_bytes(image.read_bytes()[:400])
    bad(1, *words, cut, mask, "-o", out, says="cut.png")
    assert not out.exists() and not [p for p in folder.iterdir() if p.name.startswith(".limner")]


def test_the_progress_bar(folder: Path) -> None:
    """On a terminal, and only there."""
    import pty

    images, masks, out = make_folders(folder)
    try:
        primary, secondary = pty.openpty()
    except OSError as error:
        print(f"  not run: {error}")  # a container without /dev/pts
        return
    done = subprocess.Popen([LIMNER, "inpaint", "--model", str(PLAIN), str(images), str(masks), "-o", str(out)],
                            stdout=subprocess.DEVNULL, stderr=secondary)
    os.close(secondary)
    shown = b""
    try:
        while chunk := os.read(primary, 4096):
            shown += chunk
    except OSError:
        pass
    os.close(primary)
    assert done.wait(60) == 1
    text = shown.decode()
    assert re.search(r"\[#+\.*\] 4 of 5 pictures, [\d.e+]+ a second, 0:00:0\d left", text), text
    assert text.endswith("\x1b[K"), repr(text)


def main() -> int:
    """Run every test of this file, or those named; returns the exit status."""
    global LIMNER
    LIMNER = str(Path(sys.argv[1]).resolve())
    return runner.run("inpaint", runner.named(globals(), "test_"), sys.argv[2:], f"LIMNER_TEST_SEED={SEED} {sys.executable} tests/e2e/inpaint.py {sys.argv[1]}")


if __name__ == "__main__":
    sys.exit(main())
