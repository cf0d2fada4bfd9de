"""What `limner run` makes of networks of other authors: scales, tiles, folders, alpha; and blending of inpainted holes:
build/venv/bin/python tests/e2e/contracts_run.py build/limner [NAME...]

Ends in "contracts of runs: N passed, N failed".
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from PIL import Image

import runner
from contract_networks import Builder, Contract, composed, feed, network, run_there
import contracts
from contracts import IMAGENET, SEED, limner, load, picture, resampled, write


# ---- limner run: scales, tiles, folders, alpha ----

def upscaler(path: Path, scale: int, channels: int = 3, *, nhwc: bool = False, bytes_: bool = False) -> Path:
    """Smooths, and puts every pixel scale times side by side by DepthToSpace."""
    rng = np.random.default_rng(SEED + scale)
    b = Builder()
    shape = [1, "h", "w", channels] if nhwc else [1, channels, "h", "w"]
    kind = TensorProto.UINT8 if bytes_ else TensorProto.FLOAT
    x = b.add("Cast", "x", to=TensorProto.FLOAT)[0]
    x = b.add("Transpose", x, perm=[0, 3, 1, 2])[0] if nhwc else x
    weight = rng.random((channels * scale * scale, channels, 5, 5)).astype(np.float32)
    weight /= weight.sum((1, 2, 3), keepdims=True)
    y = b.add("Conv", x, b.constant(weight), pads=[2, 2, 2, 2])[0]
    y = b.add("DepthToSpace", y, blocksize=scale)[0]
    y = b.add("Transpose", y, perm=[0, 2, 3, 1])[0] if nhwc else y
    y = b.add("Floor", b.linear(y, 1, 0.5))[0] if bytes_ else y
    b.nodes.append(helper.make_node("Cast", [y], ["y"], to=kind))
    graph = helper.make_graph(b.nodes, "up", [helper.make_tensor_value_info("x", kind, shape)], [helper.make_tensor_value_info("y", kind, [None] * 4)], b.initializers)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=8), path)
    return path


def there(path: Path, x: np.ndarray) -> np.ndarray:
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]


def test_upscalers_in_tiles_and_folders(folder: Path) -> None:
    """Scales 1 to 4, whole and in tiles, one by one and all together."""
    source, names = folder / "in", ("a.png", "b.bmp", "c.png")
    source.mkdir()
    (source / "notes.txt").write_text("no picture")
    pictures = {}
    for i, name in enumerate(names):
        pictures[name] = picture(90 + 17 * i, 130 - 23 * i)
        Image.fromarray(np.rint(pictures[name] * 255).astype(np.uint8)).save(source / name)
    for scale in (1, 2, 3, 4):
        model = upscaler(folder / "up.onnx", scale)
        for words in ([], ["--tile", "64"], ["--tile", "auto", "--jobs", "2"]):
            target = folder / f"out{scale}{len(words)}"
            limner("run", model, source, "-o", target, *words)
            for name in names:
                wanted = there(model, pictures[name].transpose(2, 0, 1)[None].astype(np.float32))[0].transpose(1, 2, 0) * 255
                got = load(target / name)
                assert got.shape == wanted.shape and np.abs(got - wanted).max() <= 0.51, (scale, words, name)
        (target / "b.bmp").unlink()
        kept = (target / "a.png").stat().st_mtime_ns
        done = subprocess.run([contracts.LIMNER, "run", model, source, "-o", target, "--resume"], capture_output=True, text=True, check=True)
        assert done.stdout.startswith("1 done, 2 skipped, 0 failed\n1 passed over") and (target / "a.png").stat().st_mtime_ns == kept, done.stdout
    limner("run", model, source, "-o", folder / "jpg", "--format", "jpg")
    assert sorted(path.name for path in (folder / "jpg").iterdir()) == ["a.jpg", "b.jpg", "c.jpg"]


def test_upscalers_of_other_forms(folder: Path) -> None:
    """Channels last, bytes, gray, alpha beside it, 16 bits."""
    rgb, _ = write(folder, 50, 100)
    data = np.rint(rgb * 255).astype(np.uint8)
    wanted = there(upscaler(folder / "last.onnx", 2, nhwc=True, bytes_=True), data[None])[0]
    for words in ([], ["--tile", "64"]):
        limner("run", folder / "last.onnx", folder / "in.png", "-o", folder / "out.png", *words)
        assert np.abs(load(folder / "out.png").astype(int) - wanted).max() <= 1, words
    gray = Image.fromarray(data).convert("L")
    gray.save(folder / "gray.png")
    model = upscaler(folder / "gray.onnx", 2, 1)
    wanted = there(model, (np.asarray(gray) / np.float32(255))[None, None])[0, 0] * 255
    limner("run", model, folder / "gray.png", "-o", folder / "out.png", "--tile", "64")
    assert load(folder / "out.png").shape == wanted.shape and np.abs(load(folder / "out.png") - wanted).max() <= 0.51
    alpha = np.full((50, 100, 1), 77, np.uint8)
    Image.fromarray(np.concatenate([data, alpha], 2)).save(folder / "rgba.png")
    model = upscaler(folder / "up.onnx", 2)
    limner("run", model, folder / "rgba.png", "-o", folder / "out.png", "--tile", "64")
    assert load(folder / "out.png").shape == (100, 200, 4) and (load(folder / "out.png")[..., 3] == 77).all()
    limner("run", model, folder / "rgba.png", "-o", folder / "out.jpg", "--tile", "64")


def matte(path: Path, *, size: tuple[int, int] | None = None, rank: int = 4, curve: bool = False, outputs: int = 1) -> Path:
    """Alpha by the normalised red less the normalised blue; many outputs, the first is the one."""
    b = Builder()
    height, width = size or ("h", "w")
    weight = np.array([[[[1.5]], [[0.2]], [[-1]]]], np.float32)
    y = b.add("Conv", "x", b.constant(weight))[0]
    y = b.linear(y, 3, 0.25) if curve else y
    y = b.add("Squeeze", y, axes=[1])[0] if rank == 3 else y
    b.nodes.append(helper.make_node("Identity", [y], ["y"]))
    b.nodes += [helper.make_node("Mul", ["y", "y"], [f"d{i}"]) for i in range(1, outputs)]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * rank) for name in ["y", *(f"d{i}" for i in range(1, outputs))]]
    graph = helper.make_graph(b.nodes, "matte", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, height, width])], values, b.initializers)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=8), path)
    return path


def alpha_case(folder: Path, preset: str, to: tuple[int, int], mean: object, deviation: object, finish: object, **how: object) -> None:
    rgb, _ = write(folder, 90, 70)
    model = matte(folder / "matte.onnx", **how)
    small = np.rint(resampled(rgb, *to).clip(0, 1) * 65535) / 65535
    x = ((small - mean) / deviation).transpose(2, 0, 1)[None].astype(np.float32)
    y = finish(there(model, x).reshape(*to).astype(np.float64))
    wanted = resampled(y[..., None], 90, 70)[..., 0].clip(0, 1) * 255
    limner("run", model, folder / "in.png", "-o", folder / "out.png", "--preset", preset, *(["--size", f"{to[1]}x{to[0]}"] if "size" not in how else []))
    got = load(folder / "out.png")
    assert got.shape == (90, 70, 4) and (got[..., :3] == load(folder / "in.png")).all()
    assert np.abs(got[..., 3] - wanted).max() <= 0.6, (preset, np.abs(got[..., 3] - wanted).max())
    assert got[..., 3].std() > 10


def test_background_removal(folder: Path) -> None:
    """The result as alpha: found ranges, logits, rank 3, fixed and given sizes."""
    mean, deviation = np.array(IMAGENET["mean"]), np.array(IMAGENET["deviation"])
    stretch = lambda y: (y - y.min()) / (y.max() - y.min())  # noqa: E731
    alpha_case(folder, "u2net", (32, 40), mean, deviation, stretch, size=(32, 40), outputs=7)
    alpha_case(folder, "isnet", (64, 48), 0.5, 1, stretch, size=(64, 48))
    alpha_case(folder, "modnet", (48, 48), 0.5, 0.5, lambda y: y)
    alpha_case(folder, "birefnet", (40, 64), mean, deviation, lambda y: 1 / (1 + np.exp(-y)), curve=True, rank=3)


def test_alpha_of_folders(folder: Path) -> None:
    """JPEGs become PNGs; a JPEG as the result is refused; alpha that is there already counts."""
    rgb, _ = write(folder, 40, 44)
    source = folder / "in"
    source.mkdir()
    data = np.rint(rgb * 255).astype(np.uint8)
    Image.fromarray(data).save(source / "a.jpg")
    Image.fromarray(np.concatenate([data, np.full((40, 44, 1), 128, np.uint8)], 2)).save(source / "b.png")
    model = matte(folder / "matte.onnx")
    words = ["--result", "alpha", "--output-range", "found"]
    limner("run", model, source, "-o", folder / "out", *words)
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["a.png", "b.png"]
    limner("run", model, folder / "in.png", "-o", folder / "whole.png", *words)
    half, whole = load(folder / "out" / "b.png")[..., 3].astype(int), load(folder / "whole.png")[..., 3].astype(int)
    assert np.abs(half - whole * 128 / 255).max() <= 1.01
    assert "does not hold" in limner("run", model, folder / "in.png", "-o", folder / "x.jpg", *words, code=1)


def test_plain_runs_know_contracts(folder: Path) -> None:
    """Arrays out, and compare: mean, deviation, order, channels last, bytes, halves."""
    rgb, _ = write(folder, 20, 24)
    x = helper.make_tensor_value_info
    for kind, nhwc in ((TensorProto.FLOAT, False), (TensorProto.FLOAT, True), (TensorProto.FLOAT16, True), (TensorProto.UINT8, True)):
        shape = [1, "h", "w", 3] if nhwc else [1, 3, "h", "w"]
        graph = helper.make_graph([helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT)], "g", [x("x", kind, shape)], [x("y", TensorProto.FLOAT, shape)])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), folder / "g.onnx")
        whole = kind == TensorProto.UINT8
        options = ["--order", "bgr"] if whole else ["--order", "bgr", "--mean", "0.1,0.2,0.3", "--deviation", "0.5"]
        wanted = rgb[..., ::-1] * 255 if whole else (rgb[..., ::-1] - [0.1, 0.2, 0.3]) / 0.5
        wanted = (wanted if nhwc else wanted.transpose(2, 0, 1))[None].astype(np.float32)
        limner("run", folder / "g.onnx", folder / "in.png", "-o", folder / "y.npy", *options)
        assert np.abs(np.load(folder / "y.npy") - wanted).max() < (1e-3 if kind == TensorProto.FLOAT16 else 1e-5), (kind, nhwc)
        np.save(folder / "wanted.npy", wanted)
        limner("compare", folder / "g.onnx", folder / "in.png", "--expect", f"y={folder / 'wanted.npy'}", *options)


def test_options_that_do_nothing_are_refused(folder: Path) -> None:
    """--tile and others where no picture is written."""
    write(folder, 20, 24)
    model = upscaler(folder / "up.onnx", 2)
    assert "--tile" in limner("run", model, folder / "in.png", "--tile", "64", code=2)
    assert "--fit is for a PICTURE" in limner("run", model, folder / "in.png", "-o", folder / "y.npy", "--fit", "resize", code=2)
    assert "--overlap goes with --tile" in limner("run", model, folder / "in.png", "-o", folder / "y.png", "--overlap", "16", code=2)
    assert "leave --tile" in limner("run", model, folder / "in.png", "-o", folder / "y.png", "--tile", "64", "--output-range", "found", code=1)
    assert "leave --tile" in limner("run", model, folder / "in.png", "-o", folder / "y.png", "--tile", "64", "--size", "32", code=1)
    assert "--hole is for limner inpaint" in limner("run", model, folder / "in.png", "-o", folder / "y.png", "--hole", "zero", code=2)
    for words in (["--size", "8"], ["--mask-one", "known"]):
        assert f"{words[0]} is not for comparing" in limner("compare", model, folder / "in.png", "--expect", "y=y.npy", *words, code=2)
    (folder / "p.preset").write_text("size 8x8\n")
    assert "the preset's size (8x8) is not used" in limner("run", model, folder / "in.png", "-o", folder / "y.npy", "--preset", folder / "p.preset")
    (folder / "p.preset").write_text("result alpha\n")
    assert "gives alpha" in limner("inpaint", "--model", network(Contract(), folder / "m.onnx"), folder / "in.png", folder / "mask.png", "-o", folder / "y.png", "--preset", folder / "p.preset", code=1)


# ---- blending ----

def evened(rgb: np.ndarray, hole: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Laplace's equation by a dense solve in double: what is known less what is painted, continued into the hole."""
    places = {tuple(p): i for i, p in enumerate(np.argwhere(hole))}
    a, b = np.zeros((len(places), len(places))), np.zeros((len(places), 3))
    for (y, x), i in places.items():
        for p in ((y, x + 1), (y, x - 1), (y + 1, x), (y - 1, x)):
            if 0 <= p[0] < hole.shape[0] and 0 <= p[1] < hole.shape[1]:
                a[i, i] += 1
                if p in places:
                    a[i, places[p]] -= 1
                else:
                    b[i] += rgb[p] - light[p]
    out = light.copy()
    if not hole.all():
        out[hole] += np.linalg.solve(a, b)
    return out


def test_blend_laplace(folder: Path) -> None:
    """Several holes, at the picture's edges, one that covers all; whole, in tiles and in crops; by any threads."""
    rng = np.random.default_rng(SEED)
    rgb, _ = write(folder, 64, 140)
    contract = Contract()
    model = network(contract, folder / "m.onnx")
    for kind in range(4):
        hole = np.zeros((64, 140), bool)
        if kind == 0:
            hole[10:22, 12:40] = hole[40:41, 5:60] = hole[50:56, 90:96] = True
        elif kind == 1:
            hole[:9, :30] = hole[55:, 40:] = hole[20:40, :6] = True
        elif kind == 2:
            hole = rng.random((64, 140)) < 0.2
        else:
            hole[:] = True
        Image.fromarray((hole * 255).astype(np.uint8)).save(folder / "mask.png")
        light = run_there(model, contract, feed(contract, rgb, hole))
        wanted = composed(rgb, hole, evened(rgb, hole, light))
        for words in ([], ["--threads", "1"], ["--tile", "64", "--overlap", "32"], ["--crop-margin", "20"]):
            if words[:1] == ["--crop-margin"] and kind > 1:
                continue
            done = subprocess.run([contracts.LIMNER, "inpaint", "--model", model, folder / "in.png", folder / "mask.png", "-o", folder / "out.png", "--blend", "laplace", *words], capture_output=True, text=True)
            assert done.returncode == 0, done
            assert np.abs(load(folder / "out.png") - wanted).max() <= 1.01, (kind, words, np.abs(load(folder / "out.png") - wanted).max())
        assert kind == 3 or np.abs(composed(rgb, hole, light) - wanted).max() > 10


def test_blend_at_the_edges_of_tiles(folder: Path) -> None:
    """A rim that lies in a tile without a hole counts: tiles that do not overlap, of a network of single pixels."""
    rgb, hole = write(folder, 64, 96)
    hole[:] = False
    hole[8:32, 20:32] = True  # its right and lower rims are in other tiles
    Image.fromarray((hole * 255).astype(np.uint8)).save(folder / "mask.png")
    b = Builder()
    b.nodes.append(helper.make_node("Identity", [b.linear("x", 0.5, 0.1)], ["y"]))
    value = helper.make_tensor_value_info
    graph = helper.make_graph(b.nodes, "g", [value("x", TensorProto.FLOAT, [1, 3, "h", "w"])], [value("y", TensorProto.FLOAT, [1, 3, "h", "w"])], b.initializers)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), folder / "m.onnx")
    wanted = composed(rgb, hole, evened(rgb, hole, np.where(hole[..., None], 1, rgb) * 0.5 + 0.1))
    for words in ([], ["--tile", "32", "--overlap", "0"], ["--crop-margin", "0"]):
        limner("inpaint", "--model", folder / "m.onnx", folder / "in.png", folder / "mask.png", "-o", folder / "out.png", "--blend", "laplace", *words)
        assert np.abs(load(folder / "out.png") - wanted).max() <= 1.01, words


def main() -> int:
    """Run every test of this file, or those named; returns the exit status."""
    contracts.LIMNER = str(Path(sys.argv[1]).resolve())
    return runner.run("contracts of runs", runner.named(globals(), "test_"), sys.argv[2:], f"{sys.executable} tests/e2e/contracts_run.py {sys.argv[1]}")


if __name__ == "__main__":
    sys.exit(main())
