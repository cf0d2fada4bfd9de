"""Exports the zoo's networks to ONNX test folders: seeded random weights, onnxruntime's outputs.

    export.py list
    export.py small --out FOLDER [--only TEXT ...]     small widths, every operator kept
    export.py full --out FOLDER [--only TEXT ...]      full size; what is in FOLDER already is left

Each export is a process of its own, under a time limit; FOLDER/records.json says what became of it.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
from registry import NETWORKS, Network, load

EXPORTERS = ("torchscript", "dynamo")


def folder_name(network: Network, exporter: str, opset: int | None, half: bool) -> str:
    """NAME-EXPORTER, with what is not as usual behind it."""
    return f"{network.name}-{exporter}" + (str(opset) if opset else "") + ("-half" if half else "")


def child(network: Network, exporter: str, folder: Path, options: dict[str, Any], answer: Any) -> None:
    """Make one folder and send what became of it."""
    log = open(f"{folder}.log", "w")
    os.dup2(log.fileno(), 1)
    os.dup2(log.fileno(), 2)
    from exporting import make, short

    try:
        answer.send(make(network, exporter, folder, **options))
        os.remove(f"{folder}.log")
    except Exception as problem:
        traceback.print_exc()
        answer.send({"failed": short(problem)})


def in_process(network: Network, exporter: str, folder: Path, options: dict[str, Any], seconds: int) -> dict[str, Any]:
    """``make`` in a process of its own."""
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=child, args=(network, exporter, folder, options, send))
    process.start()
    send.close()
    record = None
    if receive.poll(seconds):
        try:
            record = receive.recv()
        except EOFError:
            record = None
    else:
        record = {"failed": f"not done in {seconds} s"}
        process.kill()
    process.join()
    return record or {"failed": f"the process ended with {process.exitcode}"}


def chosen(only: list[str], exporter: str | None) -> list[tuple[Network, str]]:
    """Networks whose names hold one of the texts, with their exporters."""
    rows = [row for row in NETWORKS.values() if not only or any(text in row.name for text in only)]
    return [(row, one) for row in rows for one in EXPORTERS if one in row.exporters and exporter in (None, one)]


def export_all(arguments: argparse.Namespace) -> int:
    """Make what is not there; the number of failures."""
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    path = out / "records.json"
    records = json.loads(path.read_text()) if path.exists() else {}
    failures = 0
    for network, exporter in chosen(arguments.only, arguments.exporter):
        key = folder_name(network, exporter, arguments.opset, arguments.half)
        done = key in records and ("failed" in records[key] or (out / key / "model.onnx").exists())
        if done and not arguments.again and not (arguments.retry and "failed" in records[key]):
            continue
        began = time.monotonic()
        options = {"full": arguments.what == "full", "opset": arguments.opset, "half": arguments.half}
        record = in_process(network, exporter, out / key, options, arguments.seconds)
        record.update(name=network.name, exporter=exporter, family=network.family)
        records[key] = record
        path.write_text(json.dumps(records, indent=1, sort_keys=True))
        failures += "failed" in record
        said = (
            record.get("failed")
            or f"{' '.join(record['sizes'])}  error {record['error']:.1g}  {'; '.join(record['left_out'])[:200]}"
        )
        mark = "FAILED " if "failed" in record else ""
        print(f"{key:44s} {time.monotonic() - began:6.1f} s  {mark}{said}", flush=True)
    return failures


def show() -> None:
    """The table of networks."""
    for row in NETWORKS.values():
        size = "{}x{}".format(*row.natural)
        print(
            f"{row.name:30s} {row.family:18s} {size:9s} {'free' if row.odd else 'fixed':6s} {','.join(row.exporters):20s} {row.note}"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("list", "small", "full"))
    parser.add_argument("--out", help="the folder of test folders")
    parser.add_argument("--only", action="append", default=[], metavar="TEXT", help="networks whose name holds TEXT")
    parser.add_argument("--exporter", choices=EXPORTERS)
    parser.add_argument("--opset", type=int, help="another operator set than usual")
    parser.add_argument("--half", action="store_true", help="float16 weights, inputs and outputs")
    parser.add_argument("--again", action="store_true", help="make anew what is there")
    parser.add_argument("--retry", action="store_true", help="try those that failed again")
    parser.add_argument("--seconds", type=int, default=600, help="time limit of an export (default: 600)")
    arguments = parser.parse_args()
    load()
    if arguments.what == "list":
        show()
        return 0
    if not arguments.out:
        parser.error("--out is missing")
    return 1 if export_all(arguments) else 0


if __name__ == "__main__":
    sys.exit(main())
