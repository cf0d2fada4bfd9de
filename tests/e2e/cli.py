"""The limner command as a person types it: python3 tests/e2e/cli.py build/limner

Only Python's standard library. Ends in one line, "command line: N passed, N failed"; exits 1 when anything failed.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import command
from command import bad, BOOL, DATA, good, INT64, limner, model, npy, pattern, png, Result, tensor_proto

COMMANDS = ("run", "inspect", "test", "bench", "compare", "convert", "keys", "ops")


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


if __name__ == "__main__":
    sys.exit(command.main("command line", "tests/e2e/cli.py", globals()))
