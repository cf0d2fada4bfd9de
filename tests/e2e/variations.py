"""More of what users meet, of kinds that other tests have one or two of: build/venv/bin/python tests/e2e/variations.py build/limner

Strides, wrappers, thresholds, shared names of sizes, links, pipes, files in the wrong place. Ends in one line,
"variations: N passed, N failed"; exits 1 when anything failed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import runner
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

SEED = int(os.environ.get("LIMNER_TEST_SEED", "31"))


# ---- running ----

def limner(*words: object, stdin: bytes | None = None, code: int = 0) -> str:
    """What it says on both streams."""
    done = subprocess.run([LIMNER, *map(str, words)], capture_output=True, input=stdin, timeout=120)
    assert done.returncode == code, f"{words}\nexit {done.returncode}\n{done.stdout[-500:]!r}{done.stderr.decode()}"
    return done.stdout.decode(errors="replace") + done.stderr.decode()


def load(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path)).astype(int)


def save(path: Path, array: np.ndarray) -> Path:
    Image.fromarray(array.astype(np.uint8)).save(path)
    return path


def value(name: str, *dims: object, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, list(dims))


def write_model(path: Path, nodes: list, inputs: list, outputs: list, weights: dict[str, np.ndarray], **external: object) -> Path:
    graph = helper.make_graph(nodes, "g", inputs, outputs, [numpy_helper.from_array(array, name) for name, array in weights.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8, producer_name="tests"), path, **external)
    return path


# ---- strides and tiles ----

def strided(path: Path, strides: list[tuple[int, int]], skip: bool) -> Path:
    """Down by convolutions and up by transposed ones; with the input added again, sizes have to fit exactly."""
    rng = np.random.default_rng(SEED)
    nodes, weights, name, channels = [], {}, "x", 3
    for i, (down, across) in enumerate(strides):
        weights[f"w{i}"] = (rng.standard_normal((8, channels, down + 1, across + 1)) * 0.3).astype(np.float32)
        nodes.append(helper.make_node("Conv", [name, f"w{i}"], [f"d{i}"], strides=[down, across], pads=[1, 1, down - 1, across - 1]))
        nodes.append(helper.make_node("Tanh", [f"d{i}"], [f"t{i}"]))
        name, channels = f"t{i}", 8
    for i, (down, across) in reversed(list(enumerate(strides))):
        out = 3 if i == 0 else 8
        weights[f"u{i}"] = (rng.standard_normal((8, out, down, across)) * 0.3).astype(np.float32)
        nodes.append(helper.make_node("ConvTranspose", [name, f"u{i}"], [f"v{i}"], strides=[down, across]))
        name = f"v{i}"
    nodes.append(helper.make_node("Add" if skip else "Identity", [name, "x"] if skip else [name], ["s"]))
    nodes.append(helper.make_node("Sigmoid", ["s"], ["y"]))
    return write_model(path, nodes, [value("x", 1, 3, "h", "w")], [value("y", 1, 3, "a", "b")], weights)


def test_tiles_of_odd_strides(folder: Path) -> None:
    """Steps of 6, 10, 9, 48, and unlike ones down and across; inpaint and run."""
    rng = np.random.default_rng(SEED)
    picture, mask = rng.integers(0, 256, (210, 700, 3)), rng.random((210, 700)) < 0.02
    save(folder / "p.png", picture)
    save(folder / "m.png", mask * 255)
    for strides in ([(2, 2), (3, 3)], [(5, 5), (2, 2)], [(3, 3), (3, 3)], [(4, 4), (3, 3), (4, 4)], [(2, 1), (3, 2)], [(1, 4), (2, 1)]):
        for skip in (False, True):
            model = strided(folder / "m.onnx", strides, skip)
            for command in (["run", model, folder / "p.png"], ["inpaint", "--model", model, folder / "p.png", folder / "m.png"]):
                limner(*command, "-o", folder / "whole.png", *(["--fit", "pad"] if command[0] == "run" else []))
                told = limner(*command, "-o", folder / "tiles.png", "--tile", "448")
                assert "seams" not in told
                assert np.abs(load(folder / "whole.png") - load(folder / "tiles.png")).max() <= 1, (strides, skip, command[0])


# ---- masks ----

def test_thresholds_of_many_kinds(folder: Path) -> None:
    """What is not above the level is no hole: palettes, gray with alpha, white that is known, one bit."""
    model = write_model(folder / "m.onnx", [helper.make_node("Mul", ["x", "zero"], ["y"])], [value("x", 1, 3, "h", "w")], [value("y", 1, 3, "h", "w")], {"zero": np.float32(0)})
    save(folder / "p.png", np.full((16, 16, 3), 200))
    levels = np.arange(256).reshape(16, 16).astype(np.uint8)

    def painted(mask: Path, *words: object) -> np.ndarray:
        limner("inpaint", "--model", model, folder / "p.png", mask, "-o", folder / "o.png", *words)
        return load(folder / "o.png")[..., 0] == 0

    palette = Image.fromarray(levels).convert("P")
    palette.putpalette([v for v in range(256) for _ in range(3)])
    palette.save(folder / "palette.png")
    Image.merge("LA", [Image.fromarray(levels), Image.fromarray(np.full((16, 16), 255, np.uint8))]).save(folder / "la.png")
    Image.fromarray(levels).save(folder / "gray.bmp")
    Image.fromarray(levels).save(folder / "gray.pgm")
    for name in ("palette.png", "la.png", "gray.bmp", "gray.pgm"):
        for level in (0, 9, 127, 128, 200, 254):
            assert (painted(folder / name, "--mask-threshold", level) == (levels > level)).all(), (name, level)
            assert (painted(folder / name, "--mask-threshold", level, "--mask-white", "known") == (levels <= level)).all(), (name, level)
    Image.fromarray(levels > 100).save(folder / "bit.png")
    assert (painted(folder / "bit.png", "--mask-threshold", "254") == (levels > 100)).all()


def test_one_name_for_two_sizes(folder: Path) -> None:
    """Height and width, two inputs, input and mask: run with a note, and the numbers are right."""
    rng = np.random.default_rng(SEED)
    cases = (([value("x", 1, 3, "n", "n")], [value("y", 1, 3, "n", "n")], {"x": (1, 3, 5, 9)}), ([value("x", "s", 3), value("z", 3, "s")], [value("y", "s", "s")], {"x": (4, 3), "z": (3, 6)}),
             ([value("x", "b", 2), value("z", "b", 2)], [value("y", "b", 2)], {"x": (1, 2), "z": (5, 2)}))
    for inputs, outputs, shapes in cases:
        kind = "MatMul" if outputs[0].type.tensor_type.shape.dim[0].dim_param == "s" else "Add" if len(inputs) > 1 else "Abs"
        write_model(folder / "m.onnx", [helper.make_node(kind, [i.name for i in inputs], ["y"])], inputs, outputs, {})
        words, feed = [], {}
        for name, shape in shapes.items():
            feed[name] = rng.standard_normal(shape).astype(np.float32)
            np.save(folder / f"{name}.npy", feed[name])
            words += ["--input", f"{name}={folder / f'{name}.npy'}"]
        said = limner("run", folder / "m.onnx", *words, "-o", folder / "y.npy")
        assert "note:" in said, said
        wanted = feed["x"] @ feed["z"] if kind == "MatMul" else feed["x"] + feed["z"] if kind == "Add" else np.abs(feed["x"])
        assert np.allclose(np.load(folder / "y.npy"), wanted, atol=1e-6)


# ---- checkpoints ----

def safetensors(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    import json
    header, body = {}, b""
    for name, array in arrays.items():
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [len(body), len(body) + array.nbytes]}
        body += array.astype("<f4").tobytes()
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)
    return path


def test_wrappers_of_all_kinds(folder: Path) -> None:
    """Before, within and behind one another: the weights come out the same."""
    rng = np.random.default_rng(SEED)
    weights = {f"{part}.{leaf}": rng.standard_normal(shape).astype(np.float32) for part, out in (("first", 6), ("last.inner", 3)) for leaf, shape in (("weight", (out, 3 if out == 6 else 6, 3, 3)), ("bias", (out,)))}
    nodes = [helper.make_node("Conv", ["x", "first.weight", "first.bias"], ["a"], pads=[1] * 4), helper.make_node("Conv", ["a", "last.inner.weight", "last.inner.bias"], ["y"], pads=[1] * 4)]
    template = write_model(folder / "t.onnx", nodes, [value("x", 1, 3, "h", "w")], [value("y", 1, 3, "h", "w")], {k: np.zeros_like(v) for k, v in weights.items()})
    ways = {"behind each other": lambda k: k.replace("first.", "first._checkpoint_wrapped_module._orig_mod."), "before all": lambda k: f"module._orig_mod.{k}", "between": lambda k: k.replace("last.inner", "last._fsdp_wrapped_module.inner._checkpoint_wrapped_module"),
            "one layer only": lambda k: k.replace("last.inner.", "last.inner.module.")}
    for way, rename in ways.items():
        limner("convert", safetensors(folder / "c.safetensors", {rename(k): v for k, v in weights.items()}), "--template", template, "-o", folder / "o.onnx")
        got = {i.name: numpy_helper.to_array(i) for i in onnx.load(folder / "o.onnx").graph.initializer}
        assert all((got[k] == v).all() for k, v in weights.items()), way


# ---- links ----

def test_chains_of_links(folder: Path) -> None:
    """A link to a link, a linked folder, an absolute link in a cache: they run; a link that leads out does not."""
    store, shown = folder / "blobs", folder / "snapshots" / "a"
    store.mkdir()
    shown.mkdir(parents=True)
    rng = np.random.default_rng(SEED)
    weight = rng.standard_normal((40, 3, 3, 3)).astype(np.float32)
    write_model(store / "m.onnx", [helper.make_node("Conv", ["x", "w"], ["y"])], [value("x", 1, 3, 8, 8)], [value("y", 1, 40, 6, 6)], {"w": weight}, save_as_external_data=True, location="w.data", size_threshold=16)
    np.save(folder / "x.npy", rng.standard_normal((1, 3, 8, 8)).astype(np.float32))
    words = ["--input", f"x={folder / 'x.npy'}"]
    limner("run", store / "m.onnx", *words, "-o", folder / "wanted.npy")
    (shown / "step.onnx").symlink_to("../../blobs/m.onnx")
    (shown / "m.onnx").symlink_to("step.onnx")
    (folder / "linked").symlink_to("snapshots/a", target_is_directory=True)
    (folder / "absolute.onnx").symlink_to((store / "m.onnx").resolve())
    for path in (shown / "m.onnx", folder / "linked" / "m.onnx", folder / "absolute.onnx"):
        limner("run", path, *words, "-o", folder / "y.npy")
        assert (np.load(folder / "y.npy") == np.load(folder / "wanted.npy")).all(), path
    outside = folder / "outside"
    outside.mkdir()
    (outside / "w.data").write_bytes((store / "w.data").read_bytes())
    for target in ((outside / "w.data").resolve(), "../outside/w.data", "w.data"):
        (store / "w.data").unlink()
        (store / "w.data").symlink_to(target)
        limner("run", store / "m.onnx", *words, "-o", folder / "y.npy", code=1)


# ---- pipes ----

def test_pipes_of_all_kinds(folder: Path) -> None:
    """A mask, a preset's model, an edge of a chain: descriptors, pipes with names, standard streams."""
    model = write_model(folder / "m.onnx", [helper.make_node("Sub", ["one", "x"], ["y"])], [value("x", 1, 3, "h", "w")], [value("y", 1, 3, "h", "w")], {"one": np.float32(1)})
    picture = save(folder / "p.png", np.random.default_rng(SEED).integers(0, 256, (20, 24, 3)))
    mask = save(folder / "m.png", np.eye(20, 24) * 255)
    limner("inpaint", "--model", model, picture, mask, "-o", folder / "wanted.png")
    limner("inpaint", "--model", model, picture, "/dev/stdin", "-o", folder / "a.png", stdin=mask.read_bytes())
    with mask.open("rb") as stream:
        subprocess.run([LIMNER, "inpaint", "--model", model, picture, f"/dev/fd/{stream.fileno()}", "-o", folder / "b.png"], check=True, pass_fds=[stream.fileno()])
    os.mkfifo(folder / "pipe")
    writer = threading.Thread(target=lambda: (folder / "pipe").write_bytes(mask.read_bytes()))
    writer.start()
    limner("inpaint", "--model", model, picture, folder / "pipe", "-o", folder / "c.png")
    writer.join()
    for name in "abc":
        assert (load(folder / f"{name}.png") == load(folder / "wanted.png")).all(), name
    chain = f"'{LIMNER}' annotate - --range 0,255 -o - < '{model}' | '{LIMNER}' annotate - --range 0,1 -o - | '{LIMNER}' inpaint --model - '{picture}' '{mask}' -o '{folder}/d.png'"
    subprocess.run(chain, shell=True, check=True)
    assert (load(folder / "d.png") == load(folder / "wanted.png")).all()


# ---- a container's memory ----

def control_group(limit: int) -> Path | None:
    """A new group below our own that may have so much, of either version; None where we may not make one."""
    try:
        lines = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
        for hierarchy, kinds, path in lines:
            root = Path("/sys/fs/cgroup") / ("memory" if kinds else "")
            if hierarchy != "0" and "memory" not in kinds.split(","):
                continue
            group = root / path.lstrip("/") / f"limner-test-{os.getpid()}"
            name = "memory.limit_in_bytes" if kinds else "memory.max"
            if not (group.parent / ("memory.limit_in_bytes" if kinds else "cgroup.procs")).exists():
                continue
            group.mkdir()
            if (group / name).exists():
                (group / name).write_text(str(limit))
                return group
            group.rmdir()
    except OSError:
        pass
    return None


def test_memory_of_a_control_group(folder: Path) -> None:
    """What does not fit ends in a message with a way out, or runs: the kernel has nothing to kill."""
    rng = np.random.default_rng(SEED)
    sizes = [(256, 3), *[(256, 256)] * 12, (3, 256)]
    nodes = [helper.make_node("Conv", [f"v{i}", f"w{i}"], [f"v{i + 1}"], pads=[1] * 4) for i in range(len(sizes))]
    model = write_model(folder / "m.onnx", nodes, [value("v0", 1, 3, "h", "w")], [value(f"v{len(sizes)}", 1, 3, "h", "w")], {f"w{i}": (rng.standard_normal((*size, 3, 3)) * 0.02).astype(np.float32) for i, size in enumerate(sizes)})
    save(folder / "p.png", rng.integers(0, 256, (256, 256, 3)))
    save(folder / "m.png", np.eye(256) * 255)
    outcomes = set()
    for limit in (40_000_000, 90_000_000, 250_000_000):
        group = control_group(limit)
        if not group:
            print("  a control group's memory: not judged, none can be made here")
            return
        enter = lambda: (group / "cgroup.procs").write_text(str(os.getpid()))  # noqa: B023, E731
        try:
            for words in ((), ("--tile", "auto"), ("--low-memory", "--tile", "auto")):
                done = subprocess.run([LIMNER, "inpaint", "--model", model, folder / "p.png", folder / "m.png", "-o", folder / "o.png", "--threads", "1", *words], capture_output=True, text=True, preexec_fn=enter, timeout=120)
                assert done.returncode >= 0, (limit, words, done)  # below zero: killed
                assert done.returncode == 0 or "--low-memory" in done.stderr or "--tile" in done.stderr, (limit, words, done.stderr)
                outcomes.add(done.returncode == 0)
        finally:
            group.rmdir()
    assert outcomes == {False, True}, outcomes


# ---- files in the wrong place ----

def test_files_in_the_wrong_place(folder: Path) -> None:
    """As model, checkpoint, picture and mask: named."""
    picture = save(folder / "p.png", np.zeros((8, 8, 3)))
    model = write_model(folder / "m.onnx", [helper.make_node("Abs", ["x"], ["y"])], [value("x", 1, 3, "h", "w")], [value("y", 1, 3, "h", "w")], {})
    with zipfile.ZipFile(folder / "z.bin", "w") as archive:
        archive.writestr("a.txt", "x")
    kinds = {"a zip archive": (folder / "z.bin").read_bytes(), "Git LFS note": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "a web page": b"\n <!doctype HTML><html>", "error message (JSON)": b'{"error":"Entry not found"}',
             "GGUF": b"GGUF\3\0\0\0", "gzip": b"\x1f\x8b\x08\0", "PDF": b"%PDF-1.7", "a TFLite model": b"\x1c\0\0\0TFL3", "HDF5": b"\x89HDF\r\n\x1a\n", "an ONNX model": model.read_bytes()}
    for kind, data in kinds.items():
        path = folder / "strange"
        path.write_bytes(data)
        if kind != "an ONNX model":
            assert kind in limner("inspect", path, code=1), kind
        assert kind in limner("inpaint", "--model", model, path, picture, "-o", folder / "o.png", code=1), kind
        assert kind in limner("inpaint", "--model", model, picture, path, "-o", folder / "o.png", code=1), kind
        if kind not in ("a zip archive", "an ONNX model"):
            assert kind in limner("keys", path, code=1), kind


def main(arguments: list[str]) -> int:
    global LIMNER
    LIMNER = os.path.abspath(arguments[0])
    again = f"LIMNER_TEST_SEED={SEED} python3 tests/e2e/variations.py {arguments[0]}"
    return runner.run("variations", runner.named(globals(), "test_"), arguments[1:], again)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
