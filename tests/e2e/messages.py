"""What inspect, test and refusals say of whole models: build/venv/bin/python tests/e2e/messages.py build/limner

Ends in one line, "messages: N passed, N failed"; exits 1 when anything failed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import runner
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, parser

HEADER = '<ir_version: 8, opset_import: ["" : 17, "other" : 1]>\n'
SEED = int(os.environ.get("LIMNER_TEST_SEED", "7"))


def limner(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([LIMNER, *map(str, words)], capture_output=True, text=True, timeout=120)


def model(folder: Path, text: str) -> Path:
    path = folder / "m.onnx"
    onnx.save(parser.parse_model(HEADER + text), path)
    return path


def refusal(path: Path) -> str:
    done = limner("inspect", path, "--json")
    assert done.returncode == 0, done
    return json.loads(done.stdout)["refusal"]


# ---- inspect ----

def test_parameters_of_constants(folder: Path) -> None:
    """Weights are counted wherever they are: initializers, constants, constants in branches."""
    weights = np.zeros((3, 5), np.float32)
    constant = helper.make_node("Constant", [], ["w"], value=numpy_helper.from_array(weights))
    branch = lambda n: helper.make_graph([helper.make_node("Constant", [], [f"c{n}"], value=numpy_helper.from_array(np.zeros(n, np.float32)))], f"g{n}", [], [helper.make_tensor_value_info(f"c{n}", TensorProto.FLOAT, None)])  # noqa: E731
    nodes = [constant, helper.make_node("MatMul", ["x", "w"], ["y"]), helper.make_node("If", ["b"], ["z"], then_branch=branch(2), else_branch=branch(4))]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(nodes, "g", [value("x", TensorProto.FLOAT, ["n", 3]), value("b", TensorProto.BOOL, [])], [value("y", TensorProto.FLOAT, ["n", 5]), value("z", TensorProto.FLOAT, None)],
                              [numpy_helper.from_array(np.zeros(7, np.float32), "unused")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "m.onnx")
    about = json.loads(limner("inspect", folder / "m.onnx", "--json").stdout)
    assert about["parameters"] == 15 + 2 + 4 + 7 and about["parameter_bytes"] == 4 * about["parameters"], about["parameters"]


# ---- results ----

def test_names_that_cannot_be(folder: Path) -> None:
    """Too long, through links that go in circles: the system's word, not another one."""
    path = model(folder, "g (float[3] x) => (float[3] y) { y = Abs(x) }")
    np.save(folder / "x.npy", np.zeros(3, np.float32))
    (folder / "a.npy").symlink_to("b.npy")
    (folder / "b.npy").symlink_to("a.npy")
    for name, says in (("n" * 300 + ".npy", "File name too long"), ("a.npy", "symbolic links"), ("x.npy/y.npy", "x.npy is not a folder")):
        done = limner("run", path, "--input", f"x={folder / 'x.npy'}", "-o", folder / name)
        assert done.returncode == 1 and "cannot write" in done.stderr and says in done.stderr, done
    done = limner("run", path, "--input", f"x={folder / 'x.npy'}", "-o", folder / ("n" * 251 + ".npy"))
    assert done.returncode == 0, done


# ---- what people type by mistake ----

def test_slips(folder: Path) -> None:
    """Each is told in one line that names what is wrong, ends with a status that is not 0, and leaves no file behind."""
    path = model(folder, "g (float[N] x) => (float[N] y) { y = Abs(x) }")
    onnx.save(parser.parse_model(HEADER + "g (float[N,3,H,W] p) => (float[N,3,H,W] q) { q = Abs(p) }"), folder / "painter.onnx")
    np.save(folder / "x.npy", np.zeros(3, np.float32))
    (folder / "text").write_text("this text is a file\n")
    (folder / "a").write_text("this text is a file\n")
    (folder / "empty.png").touch()
    (folder / "empty").mkdir()
    escape = folder / "red\x1b[31m.onnx"
    escape.write_text("text\n")
    before = set(folder.iterdir())
    shown = str(escape).replace("\x1b", "?")
    for words, status, says in (
            (("inspect", ""), 2, "an argument is empty"),
            (("run", path, ""), 2, "an argument is empty"),
            (("run", path, "-o", ""), 2, "-o"),
            (("inspect", folder / "empty"), 1, f"{folder}/empty: is a folder"),
            (("keys", folder / "empty"), 1, f"{folder}/empty: is a folder"),
            (("inspect", escape), 1, f"limner: {shown}: this is text"),
            (("convert", "a", "-t", path, "-o", "new.onnx"), 1, "limner: a: this is text"),
            (("inpaint", "empty.png", "text", "--model", "painter.onnx", "-o", "new.png"), 1, "limner: empty.png: the file is empty"),
            (("inpaint", "a", "text", "--model", "painter.onnx", "-o", "new.png"), 1, "limner: a"),
            (("annotate", path, "--range", "0,1", "-o", "nowhere/new.onnx"), 1, "nowhere/new.onnx: cannot create a file in its folder: No such"),
            (("run", path, "--input", "x=x.npy", "-o", "nowhere/new.npy"), 1, "folder nowhere: No such"),
            (("help", "run", "more"), 2, "'more' is one argument too many"),
            (("help", "nothing"), 2, "unknown command nothing")):
        done = subprocess.run([LIMNER, *map(str, words)], capture_output=True, text=True, timeout=120, cwd=folder)
        assert done.returncode == status and says in done.stderr and not done.stdout, (words, done)
        assert len(done.stderr.splitlines()) == 1 and done.stderr.count(shown) <= 1, (words, done)
        assert set(folder.iterdir()) == before, (words, set(folder.iterdir()) - before)
    for words in (("help", "--help"), ("help", "help"), ("--help",)):
        assert limner(*words).stdout.startswith("Usage: limner COMMAND"), words


def test_names_to_choose_from(folder: Path) -> None:
    """Presets and templates that there are, are listed by name."""
    done = limner("annotate", model(folder, "g (float[N] x) => (float[N] y) { y = Abs(x) }"), "--preset", "nosuch", "-o", folder / "new.onnx")
    listed = done.stderr.splitlines()[1].split(":", 1)[1].split()
    assert done.returncode == 1 and len(listed) > 9 and listed == sorted(listed), done


# ---- refusals ----

def test_a_reason_is_said_once(folder: Path) -> None:
    """However many nodes have it."""
    lines = "\n".join(f"  a{i + 1} = Relu<speed = 3>(a{i})" for i in range(30))
    said = refusal(model(folder, f"g (float[N] a0) => (float[N] a31) {{\n{lines}\n  a31 = LeakyRelu<alpha = \"x\">(a30)\n}}"))
    assert said.count("speed") == 1 and "31 nodes cannot run" in said and "and 29 more:" in said and "LeakyRelu" in said, said
    assert len(said) < 500, len(said)


def test_what_is_missing_inside_branches(folder: Path) -> None:
    """In branches of nodes that run, of nodes whose attributes are wrong, of nodes that are not known, and deeper."""
    branches = "then_branch = t () => (float[M] p) { q = Missing(x)  p = Relu(q) }, else_branch = e () => (float[K] r) { r = other.Lacking(x) }"
    for node in (f"y = If<{branches}>(c)", f"y = If<speed = 1, {branches}>(c)", f"y = other.Choose<{branches}>(c)",
                 f"y = other.Deep<body = b () => (float[L] z) {{ z = If<{branches}>(c) }}>(c)"):
        said = refusal(model(folder, f"g (float[N] x, bool c) => (float[M] y) {{\n  {node}\n}}"))
        assert "Missing" in said and "other:Lacking" in said and "then_branch" in said and "else_branch" in said, (node, said)


# ---- limner test ----

def case(folder: Path, x: np.ndarray, y: np.ndarray) -> Path:
    """A test folder of a model that gives back what it is given."""
    data = folder / "case" / "test_data_set_0"
    data.mkdir(parents=True, exist_ok=True)
    kind = {"float32": "float", "float64": "double"}.get(x.dtype.name, x.dtype.name)
    onnx.save(parser.parse_model(HEADER + f"g ({kind}[N] x) => ({kind}[N] y) {{\n  y = Identity(x)\n}}"), folder / "case" / "model.onnx")
    for name, array in (("input_0", x), ("output_0", y)):
        (data / f"{name}.pb").write_bytes(numpy_helper.from_array(array, "xy"[name == "output_0"]).SerializeToString())
    return folder / "case"


def test_rounding_passes_and_faults_do_not(folder: Path) -> None:
    """Whatever the size of the numbers: noise of single precision passes, a thousandth of the largest number does not."""
    rng = np.random.default_rng(SEED)
    for scale in (1e-20, 1e-6, 1, 255, 1e9):
        y = (rng.standard_normal(1000) * scale).astype(np.float32)
        y[:10] = 0
        noise = (rng.standard_normal(1000) * scale * 2e-6).astype(np.float32)
        assert limner("test", case(folder, y + noise, y)).returncode == 0, scale
        wrong = y.copy()
        wrong[3] = 1e-3 * np.abs(y).max()
        done = limner("test", case(folder, wrong, y))
        assert done.returncode == 1 and "0.001 of the largest number expected" in done.stdout, done.stdout
    assert limner("test", case(folder, np.zeros(4, np.float32) + np.float32(5e-5), np.zeros(4, np.float32))).returncode == 0
    assert limner("test", case(folder, y + noise, y), "--atol", "0", "--rtol", "0").returncode == 1
    said = limner("test", case(folder, y + noise, y), "--verbose").stdout
    assert "(largest error " in said and "of the largest number)" in said, said


def test_steps_are_for_bytes(folder: Path) -> None:
    """Integers of 8 bits may differ by --steps; by more, and integers of other sizes at all, is a failure."""
    for kind in (np.uint8, np.int8, np.int32):
        x = np.array([0, 5, 100, 127], kind)
        y = np.array([0, 6, 99, 127], kind)
        where = case(folder, x, y)
        assert limner("test", where).returncode == 1
        assert limner("test", where, "--steps", "1").returncode == (1 if kind == np.int32 else 0), kind
        y[1] += 1
        done = limner("test", case(folder, x, y), "--steps", "1")
        assert done.returncode == 1 and "1 of 4" in done.stdout and "--steps=1" in done.stdout or kind == np.int32, done.stdout
        np.save(folder / "x.npy", x)
        np.save(folder / "y.npy", y)
        for steps, status in (("1", 1), ("2", 1 if kind == np.int32 else 0)):
            done = limner("compare", where / "model.onnx", "--input", f"x={folder / 'x.npy'}", "--expect", f"y={folder / 'y.npy'}", "--steps", steps)
            assert done.returncode == status, (kind, steps, done.stdout)


def test_compare_keeps_a_cache(folder: Path) -> None:
    """compare --cache writes the packed weights, and reads them."""
    rng = np.random.default_rng(SEED)
    value = helper.make_tensor_value_info
    weight = rng.standard_normal((16, 3, 3, 3)).astype(np.float32)
    graph = helper.make_graph([helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])], "g", [value("x", TensorProto.FLOAT, [1, 3, 16, 16])], [value("y", TensorProto.FLOAT, [1, 16, 16, 16])],
                              [numpy_helper.from_array(weight, "w")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "m.onnx")
    x = rng.standard_normal((1, 3, 16, 16)).astype(np.float32)
    padded = np.pad(x[0].astype(np.float64), ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))
    np.save(folder / "x.npy", x)
    np.save(folder / "y.npy", np.einsum("chwij,ocij->ohw", windows, weight)[None].astype(np.float32))
    for _ in range(2):
        done = limner("compare", folder / "m.onnx", "--input", f"x={folder / 'x.npy'}", "--expect", f"y={folder / 'y.npy'}", "--cache")
        assert done.returncode == 0 and not done.stderr, done
        assert (folder / "m.onnx.limner-cache").stat().st_size > 0


def main(arguments: list[str]) -> int:
    global LIMNER
    LIMNER = os.path.abspath(arguments[0])
    again = f"LIMNER_TEST_SEED={SEED} python3 tests/e2e/messages.py {arguments[0]}"
    return runner.run("messages", runner.named(globals(), "test_"), arguments[1:], again)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
