"""limner convert, from checkpoint to output: python3 tests/e2e/convert.py build/limner

Checkpoints that PyTorch wrote (tests/data/convert) are poured into every export in models/small and into the shipped
templates; limner and onnxruntime run what comes out, and both must give PyTorch's stored output. No PyTorch is needed, but
numpy, onnx and onnxruntime. Ends in one line, "convert: N passed, N failed"; exits 1 when anything failed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

import runner

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data" / "convert"
SMALL = ROOT / "models" / "small"
TEMPLATES = ROOT / "models" / "templates"
TOLERANCE = 1e-4


class Limner:
    """The command, and a folder to work in."""

    def __init__(self, command: str, folder: Path) -> None:
        self.command = str(Path(command).resolve())
        self.folder = folder

    def call(self, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run it; nothing is checked."""
        return subprocess.run([self.command, *map(str, arguments)], capture_output=True, text=True, timeout=120,
                              env={**os.environ, **environment})

    def convert(self, checkpoint: Path, template: object, *options: object) -> Path:
        """Convert to a fresh file, which is returned."""
        out = self.folder / "out.onnx"
        out.unlink(missing_ok=True)
        done = self.call("convert", checkpoint, "--template", template, "-o", out, *options)
        assert done.returncode == 0, f"exit {done.returncode}: {done.stderr.strip()}"
        return out

    def refuse(self, checkpoint: Path, template: object, *options: object, exit: int = 1) -> str:
        """A conversion that must fail and write nothing; returns what it said."""
        out = self.folder / "refused.onnx"
        done = self.call("convert", checkpoint, "--template", template, "-o", out, *options)
        assert done.returncode == exit, f"exit {done.returncode} instead of {exit}: {done.stdout}{done.stderr}"
        assert not out.exists(), "something was written"
        assert not list(self.folder.glob("*.tmp*")), "a temporary file was left"
        return done.stderr

    def run(self, model: Path, inputs: dict[str, np.ndarray], output: str) -> np.ndarray:
        """limner's output."""
        arguments: list[object] = ["run", model, "--threads", 1, "--output", f"{output}={self.folder / 'out.npy'}"]
        for name, array in inputs.items():
            np.save(self.folder / f"input-{name}.npy", array)
            arguments += ["--input", f"{name}={self.folder / f'input-{name}.npy'}"]
        done = self.call(*arguments)
        assert done.returncode == 0, done.stderr
        return np.load(self.folder / "out.npy")

    def check(self, model: Path, inputs: dict[str, np.ndarray], output: str, expected: np.ndarray, tolerance: float = TOLERANCE) -> None:
        """Both runtimes give what is expected, and the file is valid."""
        onnx.checker.check_model(str(model), full_check=True)
        ours = self.run(model, inputs, output)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        assert {value.name for value in session.get_inputs()} == set(inputs), "weights are left among the inputs"
        theirs = session.run([output], inputs)[0]
        for who, array in (("limner", ours), ("onnxruntime", theirs)):
            assert array.shape == expected.shape, f"{who}: shape {array.shape} instead of {expected.shape}"
            error = float(abs(array.astype(np.float64) - expected).max())
            assert error <= tolerance, f"{who} is {error:.2g} from PyTorch"


# ---- networks: every export, and the shipped templates ----

def accepts(template: Path, inputs: dict[str, np.ndarray], output_shape: tuple[int, ...]) -> bool:
    """The export takes inputs of these types and sizes: some are made for one size."""
    values = {value.name: value.type.tensor_type for value in onnx.load(template, load_external_data=False).graph.input}
    for name, array in inputs.items():
        sizes = [dim.dim_value for dim in values[name].shape.dim]
        if onnx.helper.tensor_dtype_to_np_dtype(values[name].elem_type) != array.dtype:
            return False
        if any(size and size != own for size, own in zip(sizes, array.shape)):
            return False
    return True


def check_network(limner: Limner, folder: Path, case: dict, template: object, *options: object, tolerance: float = TOLERANCE) -> None:
    """The folder's checkpoint through one template."""
    inputs = {name: np.load(folder / f"{name}.npy") for name in case["inputs"]}
    model = limner.convert(folder / case["checkpoint"], template, *options)
    if isinstance(template, Path) and not accepts(template, inputs, ()):
        onnx.checker.check_model(str(model), full_check=True)
        return
    limner.check(model, inputs, case["output"], np.load(folder / "expected.npy"), tolerance)


def network_checks() -> Iterator[tuple[str, Callable[[Limner], None]]]:
    """A check for every pair of checkpoint and template."""
    for folder in sorted(path.parent for path in DATA.glob("*/case.json")):
        case = json.loads((folder / "case.json").read_text())
        for export in sorted(SMALL.glob(case["exports"])) if case["exports"] else []:
            yield f"{folder.name} into {export.name}", lambda limner, a=folder, b=case, c=export / "model.onnx": check_network(limner, a, b, c)
        if case["shipped"]:
            yield f"{folder.name} into {case['shipped']}", lambda limner, a=folder, b=case: check_network(limner, a, b, b["shipped"])
            yield f"{folder.name}, half", lambda limner, a=folder, b=case: check_half(limner, a, b)
            yield f"{folder.name}, external", lambda limner, a=folder, b=case: check_external(limner, a, b)


def check_half(limner: Limner, folder: Path, case: dict) -> None:
    """Weights take half the room, and the outputs hardly change."""
    whole = limner.convert(folder / case["checkpoint"], case["shipped"]).stat().st_size
    check_network(limner, folder, case, case["shipped"], "--half", tolerance=2e-2)
    stored = onnx.load(limner.folder / "out.onnx").graph
    kinds = {tensor.data_type for tensor in stored.initializer if len(tensor.dims) >= 2}
    assert kinds == {onnx.TensorProto.FLOAT16}, kinds
    assert (limner.folder / "out.onnx").stat().st_size < whole


def check_external(limner: Limner, folder: Path, case: dict) -> None:
    """Weights beside the model."""
    check_network(limner, folder, case, case["shipped"], "--external")
    assert (limner.folder / "out.onnx.data").stat().st_size > (limner.folder / "out.onnx").stat().st_size / 4
    (limner.folder / "out.onnx.data").unlink()


# ---- cases made to mislead ----

def check_case(limner: Limner, folder: Path) -> None:
    """What case.json says must come of it."""
    case = json.loads((folder / "case.json").read_text())
    options = list(case["options"]) + (["--map", folder / case["map"]] if "map" in case else [])
    if case["refused"]:
        said = limner.refuse(folder / case["checkpoint"], folder / "template.onnx", *options)
        assert case["refused"] in said, said
        return
    model = limner.convert(folder / case["checkpoint"], folder / "template.onnx", *options)
    limner.check(model, {"x": np.load(folder / "x.npy")}, "y", np.load(folder / "expected.npy"), case["tolerance"])


# ---- the command ----

PLAIN = DATA / "plain" / "saved.pth"
EXPORT = SMALL / "plain-torchscript17" / "model.onnx"


def check_report(limner: Limner) -> None:
    """The report names everything, and --dry-run writes nothing."""
    done = limner.call("convert", PLAIN, "--template", EXPORT, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert '"module." taken from their keys' in done.stdout and 'in "generator"' in done.stdout, done.stdout
    for tensor in onnx.load(EXPORT).graph.initializer:
        assert tensor.name in done.stdout, tensor.name
    assert "module.encoder.0.weight (encoder.1 folded in (eps 1e-05), by the exporter's note)" in done.stdout, done.stdout
    assert not list(limner.folder.glob("*.onnx"))


def check_json(limner: Limner) -> None:
    """One line of JSON with the same."""
    done = limner.call("convert", DATA / "keyvalue" / "saved.safetensors", "--template", "generator", "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1 and told["format"] == "safetensors" and told["output"] is None
    assert sum("edge_connect" in key for key in told["left_over"]) == 16, told["left_over"]
    assert {"name": "encoder.0.weight", "shape": "[3,3,3,3]", "from": "encoder.0.weight", "what": ""} in told["initializers"]
    assert told["problems"] == []


def check_problems_json(limner: Limner) -> None:
    """Problems are in the JSON, too."""
    done = limner.call("convert", DATA / "inpaint" / "saved.pth", "--template", EXPORT, "--dry-run", "--json")
    assert done.returncode == 1 and json.loads(done.stdout)["problems"], done.stdout


def check_saved_map(limner: Limner) -> None:
    """A map that was written down gives the same bytes, without the exporter's notes."""
    kept = limner.folder / "kept.map"
    first = limner.convert(PLAIN, EXPORT, "--save-map", kept).read_bytes()
    assert "onnx::Conv_96 <- encoder.0.weight folded encoder.1" in kept.read_text()
    model = onnx.load(EXPORT)
    for k, node in enumerate(model.graph.node):
        node.name = ""
    onnx.save(model, limner.folder / "bare.onnx")
    second = onnx.load(limner.convert(PLAIN, limner.folder / "bare.onnx", "--map", kept))
    own = {tensor.name: tensor for tensor in onnx.load_from_string(first).graph.initializer}
    for tensor in second.graph.initializer:
        assert (onnx.numpy_helper.to_array(tensor) == onnx.numpy_helper.to_array(own[tensor.name])).all(), tensor.name


def check_shipped_maps(limner: Limner) -> None:
    """The maps that come with limner fit the exports that they are for."""
    for path in sorted((ROOT / "models" / "maps").glob("*.map")):
        network = path.stem.partition("-")[0]
        folder = DATA / network
        case = json.loads((folder / "case.json").read_text())
        model = onnx.load(SMALL / path.stem / "model.onnx")
        for node in model.graph.node:
            node.name = ""  # the exporter's notes
        onnx.save(model, limner.folder / "bare.onnx")
        check_network(limner, folder, case, limner.folder / "bare.onnx", "--map", path.stem)


def check_map_errors(limner: Limner) -> None:
    """What is wrong with a map is said with its line."""
    for text, words in (
        ("decoder.0.weight = decoder.0.weight\n", "line 1: expected INITIALIZER <- KEY"),
        ("# a comment\n\ndecoder.0.weight <- nowhere.weight\n", 'line 3: the checkpoint has no key "nowhere.weight"'),
        ("nowhere <- decoder.0.weight\n", 'line 1: the template has no initializer or input "nowhere"'),
        ("decoder.0.weight <- decoder.0.weight folded decoder.0\n", "is no batch norm"),
        ("decoder.0.weight <- decoder.0.weight upside down\n", "'upside' is not understood"),
        ("decoder.0.weight <- decoder.3.weight\n", "the template wants [17,12,3,3], but module.decoder.3.weight gives [12,8,3,3]"),
        ("a <- b\na <- c\n", "already in line 1"),
        ('"a <- b\n', "no closing one"),
        ("- <- nowhere.*\n", 'no key "nowhere.*"'),
        ("decoder.0.bias <- keep transposed\n", "nothing may follow"),
    ):
        path = limner.folder / "wrong.map"
        path.write_text(text)
        said = limner.refuse(PLAIN, EXPORT, "--map", path)
        assert words in said, (words, said)


def check_map_statements(limner: Limner) -> None:
    """keep, zeros and ones."""
    path = limner.folder / "constants.map"
    path.write_text('decoder.12.bias <- keep\ndecoder.1.bias <- zeros\n"decoder.1.weight" <- ones # all\n')
    made = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in onnx.load(limner.convert(PLAIN, EXPORT, "--map", path)).graph.initializer}
    own = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in onnx.load(EXPORT).graph.initializer}
    assert (made["decoder.12.bias"] == own["decoder.12.bias"]).all()
    assert (made["decoder.1.bias"] == 0).all() and (made["decoder.1.weight"] == 1).all()


def check_templates_by_name(limner: Limner) -> None:
    """A name is looked for in the folder given, in the environment's and beside the program; what there is is listed."""
    said = limner.refuse(PLAIN, "no-such-template")
    assert "there is no template no-such-template" in said and "edge-connect-inpaint" in said, said
    shutil.copy(TEMPLATES / "generator.onnx", limner.folder / "mine.onnx")
    limner.convert(PLAIN, "mine", "--template-dir", limner.folder)
    done = limner.call("convert", PLAIN, "--template", "mine", "--dry-run", LIMNER_TEMPLATES=str(limner.folder))
    assert done.returncode == 0, done.stderr
    prefix = limner.folder / "prefix"
    (prefix / "bin").mkdir(parents=True)
    (prefix / "share" / "limner" / "templates").mkdir(parents=True)
    shutil.copy(limner.command, prefix / "bin" / "limner")
    shutil.copy(TEMPLATES / "generator.onnx", prefix / "share" / "limner" / "templates" / "installed.onnx")
    done = subprocess.run([prefix / "bin" / "limner", "convert", PLAIN, "--template", "installed", "-n"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def check_refusals(limner: Limner) -> None:
    """What can be known to be wrong before anything is done."""
    assert "--template is missing" in limner.call("convert", PLAIN, "-o", "x.onnx").stderr
    assert "-o is missing" in limner.call("convert", PLAIN, "--template", EXPORT).stderr
    copy = limner.folder / "copy.pth"
    shutil.copy(PLAIN, copy)
    before = copy.read_bytes()
    done = limner.call("convert", copy, "--template", EXPORT, "-o", copy)
    assert done.returncode == 1 and "would be overwritten" in done.stderr and copy.read_bytes() == before, done.stderr
    shutil.copy(EXPORT, limner.folder / "copy.onnx")
    done = limner.call("convert", PLAIN, "--template", limner.folder / "copy.onnx", "-o", limner.folder / "copy.onnx")
    assert done.returncode == 1 and "would be overwritten" in done.stderr, done.stderr
    assert "no such file" in limner.refuse(limner.folder / "none.pth", EXPORT).lower()
    for template, what in ((PLAIN, "a zip archive (a PyTorch checkpoint?)"), (DATA / "inpaint" / "saved.pth", "a pickle (an older PyTorch checkpoint?)"),
                           (DATA / "keyvalue" / "saved.safetensors", "a safetensors file")):
        assert limner.refuse(PLAIN, template) == f"limner: {template}: this is {what}, not an ONNX model; limner convert pours its weights into an ONNX model\n"


def check_existing_output(limner: Limner) -> None:
    """A conversion that fails leaves what was there before."""
    out = limner.folder / "kept.onnx"
    out.write_bytes(b"precious")
    done = limner.call("convert", DATA / "inpaint" / "saved.pth", "--template", EXPORT, "-o", out)
    assert done.returncode == 1 and out.read_bytes() == b"precious"


def check_templates_are_made(limner: Limner) -> None:
    """The shipped files are what the script writes."""
    done = subprocess.run([sys.executable, ROOT / "models" / "make_templates.py", "--out", limner.folder / "made"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for path in TEMPLATES.glob("*.onnx"):
        assert path.read_bytes() == (limner.folder / "made" / path.name).read_bytes(), path.name


def all_checks() -> Iterator[tuple[str, Callable[[Limner], None]]]:
    """Every check with its name."""
    yield from network_checks()
    for folder in sorted((DATA / "cases").iterdir()):
        yield folder.name, lambda limner, a=folder: check_case(limner, a)
    for name, check in sorted(globals().items()):
        if name.startswith("check_") and name not in ("check_network", "check_half", "check_external", "check_case"):
            yield name.removeprefix("check_").replace("_", " "), check


def main() -> int:
    """Run the checks whose names hold the second argument; returns the exit status."""
    only = sys.argv[2] if len(sys.argv) > 2 else ""
    checks = {name: lambda folder, check=check: check(Limner(sys.argv[1], folder)) for name, check in all_checks() if only in name}
    return runner.run("convert", checks, [], f"{sys.executable} tests/e2e/convert.py {sys.argv[1]}")


if __name__ == "__main__":
    sys.exit(main())
