"""Checkpoints as people have them, poured by limner convert: build/venv/bin/python tests/e2e/checkpoints.py build/limner

Needs numpy and onnx; files of other programs are written here by hand. Ends in "checkpoints: N passed, N failed"; exits
1 when anything failed.
"""

from __future__ import annotations

import json
import pickle
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import runner

ROOT = Path(__file__).resolve().parents[2]
RNG = np.random.default_rng(20190101)
LAYERS = ("head.0", "head.1", "tail.0", "tail.1")
WEIGHTS = {f"{layer}.{leaf}": RNG.standard_normal((3, 3, 1, 1) if leaf == "weight" else 3).astype(np.float32)
           for layer in LAYERS for leaf in ("weight", "bias")}
OTHER = {key: RNG.standard_normal(array.shape).astype(np.float32) for key, array in WEIGHTS.items()}


# ---- one network, one template ----

def save_template(path: Path) -> None:
    """Four layers of one shape in a row: an exchange of two would be noticed."""
    nodes, value = [], "x"
    for i, layer in enumerate(LAYERS):
        nodes.append(helper.make_node("Conv", [value, f"{layer}.weight", f"{layer}.bias"], [f"v{i}"]))
        value = f"v{i}"
    info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, "h", "w"]) for name in ("x", value)]
    values = [numpy_helper.from_array(np.full(array.shape, 7, np.float32), key) for key, array in WEIGHTS.items()]
    graph = helper.make_graph(nodes, "g", info[:1], info[1:], values)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


class Workplace:
    """A folder with the template, and one checkpoint after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.template, self.output = folder, folder / "t.onnx", folder / "o.onnx"
        save_template(self.template)

    def call(self, checkpoint: Path, *options: object) -> subprocess.CompletedProcess[str]:
        self.output.unlink(missing_ok=True)
        words = [LIMNER, "convert", checkpoint, "--template", self.template, "-o", self.output, *options]
        return subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=60)

    def pours(self, checkpoint: Path, *options: object, says: str = "", weights: dict[str, np.ndarray] = WEIGHTS) -> None:
        """Gives just these weights, and the report holds ``says``."""
        done = self.call(checkpoint, *options)
        assert done.returncode == 0, done.stdout + done.stderr
        got = {i.name: numpy_helper.to_array(i) for i in onnx.load(self.output).graph.initializer}
        wrong = [key for key, array in weights.items() if not np.array_equal(got[key], array.astype(np.float32))]
        assert not wrong, f"{wrong} are wrong\n{done.stdout}"
        assert says in done.stdout, f"{says!r} is not in\n{done.stdout}"

    def refuses(self, checkpoint: Path, *options: object, says: str, never: str = "\0") -> None:
        """Fails in limner's words."""
        done = self.call(checkpoint, *options)
        assert done.returncode == 1 and not self.output.exists(), done.stdout + done.stderr
        assert says in done.stderr and never not in done.stderr, f"{says!r} is not said by\n{done.stderr}"


def save_safetensors(path: Path, tensors: dict[str, np.ndarray], **more: object) -> Path:
    """more: entries of the header that are none of these tensors."""
    header, at = dict(more), 0
    for key, array in tensors.items():
        header[key] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [at, at + array.nbytes]}
        at += array.nbytes
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(array.tobytes() for array in tensors.values()))
    return path


# ---- names ----

def test_wrappers_inside_keys(place: Workplace) -> None:
    """Words of wrappers are taken out wherever they stand, and the report says so."""
    path = place.folder / "c.safetensors"
    save_safetensors(path, {key.replace("tail.", "tail.module._orig_mod."): array for key, array in WEIGHTS.items()})
    place.pours(path, says='"module.", "_orig_mod." taken out wherever')
    save_safetensors(path, {"net." + key.replace(".weight", "._fsdp_wrapped_module.weight"): array for key, array in WEIGHTS.items()})
    place.pours(path, says='"_fsdp_wrapped_module." taken out wherever their keys have it; "net." taken from')
    place.pours(path, "--json", says='"wrappers_taken": "\\"_fsdp_wrapped_module.\\""')


def test_order_of_a_file_without_order(place: Workplace) -> None:
    """--by-order is refused where a file has none, and not recommended."""
    path = place.folder / "c.safetensors"
    save_safetensors(path, {key.replace("head", "z").replace("tail", "a"): array for key, array in WEIGHTS.items()})
    place.refuses(path, says="which is which in a map)", never="--by-order")
    place.refuses(path, "--by-order", says="--by-order does not help: tensors of safetensors files stand in no order")
    save_safetensors(path, WEIGHTS)
    place.pours(path, "--by-order")


def test_rules_rename_keys(place: Workplace) -> None:
    """One line of a map for many keys; the saved map has the rule and gives the same."""
    path, rules, saved = place.folder / "c.safetensors", place.folder / "r.map", place.folder / "s.map"
    strange = {key.replace("head", "a/first").replace("tail", "b last").replace("bias", "beta"): array for key, array in WEIGHTS.items()}
    save_safetensors(path, {**strange, "b last.other": np.zeros(5, np.float32)})
    rules.write_text('# another family\na/first.* -> head.*\n"b last.*" -> tail.*\n*.beta -> *.bias\n- <- tail.other\n')
    place.pours(path, "--map", rules, "--save-map", saved)
    saved.write_text(saved.read_text() + "- <- tail.other\n")
    place.pours(path, "--map", saved, says="by the map")


# ---- kinds of files ----

def test_numpy_files(place: Workplace) -> None:
    """.npz as NumPy writes it, and pickles of arrays in every protocol that limner reads."""
    for save in (np.savez, np.savez_compressed):
        save(place.folder / "c.npz", **WEIGHTS, extra=np.array(["text"]), step=np.int64(3))
        place.pours(place.folder / "c.npz", says="(npz)")
    for protocol in (2, 3, 4, 5):
        with open(place.folder / "c.pkl", "wb") as file:
            pickle.dump({"iteration": 3, "G_ema": WEIGHTS, "G": OTHER}, file, protocol=protocol)
        place.pours(place.folder / "c.pkl", says='in "G_ema", not in "G"')
    wide = {key: np.asfortranarray(array.astype(">f8")) for key, array in WEIGHTS.items()}
    with open(place.folder / "c.pkl", "wb") as file:
        pickle.dump(wide, file, protocol=2)
    place.pours(place.folder / "c.pkl", says="from double")


def save_exported(path: Path, tensors: dict[str, dict], entries: dict[str, bytes], *, order: bytes = b"little", way: int = zipfile.ZIP_STORED) -> Path:
    """An archive as torch.export.save writes it. tensors: the lines of the JSON text."""
    with zipfile.ZipFile(path, "w", way) as archive:
        archive.writestr("net/models/model.json", "{}")
        archive.writestr("net/data/weights/model_weights_config.json", json.dumps({"config": tensors}))
        archive.writestr("net/byteorder", order)
        for name, data in entries.items():
            archive.writestr(f"net/data/weights/{name}", data)
    return path


def exported(entry: str, array: np.ndarray, *, offset: int = 0, strides: list[int] | None = None, **more: object) -> dict:
    as_int = lambda numbers: [{"as_int": n} for n in numbers]  # noqa: E731
    dense = [stride // array.itemsize for stride in array.strides]
    meta = {"dtype": {"float32": 7, "float64": 8, "float16": 6, "int64": 5}[str(array.dtype)], "sizes": as_int(array.shape), "requires_grad": True, "device": {"type": "cpu", "index": None},
            "strides": as_int(dense if strides is None else strides), "storage_offset": {"as_int": offset}, "layout": 7}
    return {"path_name": entry, "is_param": True, "use_pickle": False, "tensor_meta": meta} | more


def test_archives_of_torch_export(place: Workplace) -> None:
    """Entries by themselves and one for all, views with strides, other types beside; what lies outside is refused."""
    path, lines, entries = place.folder / "c.pt2", {}, {}
    for i, (key, array) in enumerate(WEIGHTS.items()):
        lines[key], entries[f"weight_{i}"] = exported(f"weight_{i}", array), array.tobytes()
    lines["steps"], entries["weight_s"] = exported("weight_s", np.array(3)), np.array(3).tobytes()
    lines["odd"] = exported("none", np.zeros(3, np.float32), use_pickle=True)
    lines["new"] = {**exported("weight_s", np.array(3)), "tensor_meta": None}
    for way in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        place.pours(save_exported(path, lines, entries, way=way), says="(torch.export)")
    lines, pool, at = {}, np.concatenate([np.zeros(5, np.float32), *(np.moveaxis(array, 0, -1).ravel() for array in WEIGHTS.values())]), 5
    for key, array in WEIGHTS.items():
        turned = np.moveaxis(array, 0, -1)  # lies in this order, and is seen in the other
        strides = [stride // 4 for stride in np.moveaxis(np.ascontiguousarray(turned), -1, 0).strides]
        lines[key] = exported("all", array, offset=at, strides=strides)
        at += array.size
    place.pours(save_exported(path, lines, {"all": pool.tobytes()}))
    first = next(iter(lines))
    for fault, says in (({"path_name": "gone"}, "is not in the archive"), ({"tensor_meta": {**lines[first]["tensor_meta"], "storage_offset": {"as_int": at}}}, "ends at element"),
                        ({"tensor_meta": {**lines[first]["tensor_meta"], "strides": []}}, "another number of strides"), ({"tensor_meta": {**lines[first]["tensor_meta"], "sizes": [{"as_int": 1 << 40}] * 4}}, "too large"),
                        ({"tensor_meta": {**lines[first]["tensor_meta"], "strides": [{"as_int": 1 << 62}] * 4}}, "too large")):
        place.refuses(save_exported(path, {**lines, first: {**lines[first], **fault}}, {"all": pool.tobytes()}), says=says)
    place.refuses(save_exported(path, lines, {"all": pool.tobytes()}, order=b"big"), says="byte order")
    deep = {**lines, first: {**lines[first], "more": json.loads("[" * 40 + "]" * 40)}}
    place.refuses(save_exported(path, deep, {"all": pool.tobytes()}), says="too deep")


def test_archives_packed_again(place: Workplace) -> None:
    """Every level of compression, of a part or all of the entries."""
    source = ROOT / "tests" / "data" / "checkpoints" / "plain.pth"
    listing = subprocess.run([LIMNER, "keys", source], capture_output=True, text=True, check=True).stdout.split("\n", 1)[1]
    for level in (1, 6, 9):
        for some in (False, True):
            path = place.folder / "c.pth"
            with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
                for i, name in enumerate(old.namelist()):
                    way = zipfile.ZIP_STORED if some and i % 2 else zipfile.ZIP_DEFLATED
                    new.writestr(zipfile.ZipInfo(name), old.read(name), way, level)
            done = subprocess.run([LIMNER, "keys", path], capture_output=True, text=True, check=True)
            assert done.stdout.split("\n", 1)[1] == listing, done.stdout


def test_what_nobody_wants(place: Workplace) -> None:
    """Unknown types, deep tensors and metadata that is null refuse no file."""
    path = place.folder / "c.safetensors"
    size = sum(array.nbytes for array in WEIGHTS.values())
    for dtype, shape, nbytes in (("F4", [2, 2], 2), ("F6_E3M2", [4], 3), ("C128", [1], 16), ("F32", [1] * 20, 4)):
        more = {"dtype": dtype, "shape": shape, "data_offsets": [size, size + nbytes]}
        save_safetensors(path, WEIGHTS, __metadata__=None, odd=more)
        path.write_bytes(path.read_bytes() + bytes(nbytes))
        place.pours(path)
        listed = subprocess.run([LIMNER, "keys", path], capture_output=True, text=True, check=True).stdout
        assert "odd" in listed, listed


def main() -> int:
    tests = runner.named(globals(), "test_")
    checks = {name: lambda folder, test=test: test(Workplace(folder)) for name, test in tests.items()}
    return runner.run("checkpoints", checks, sys.argv[2:], f"{sys.executable} tests/e2e/checkpoints.py {sys.argv[1]}")


if __name__ == "__main__":
    LIMNER = Path(sys.argv[1]).resolve()
    sys.exit(main())
