"""Runs `limner test` on every network that export.py made and prints one table.

    check.py LIMNER FOLDER [--only TEXT ...] [--threads N] [--seconds N] [--json FILE]

An error may be 1e-3 of the number expected plus 1e-4 of the largest number in its output, and one step where outputs are
bytes. An export that PyTorch or onnxruntime refused is listed and counts as no failure of limner's; --strict counts it. The status says whether anything failed.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def tested(limner: str, folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """What limner makes of one folder."""
    command = [limner, "test", str(folder), "--verbose", "--rtol", arguments.rtol, "--steps", "1"]
    if arguments.atol:
        command += ["--atol", arguments.atol]
    if arguments.threads:
        command += ["--threads", str(arguments.threads)]
    began = time.monotonic()
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=arguments.seconds, check=False)
    except subprocess.TimeoutExpired:
        return {"ok": False, "why": f"not done in {arguments.seconds} s", "seconds": arguments.seconds}
    text = " ".join((run.stdout + run.stderr).replace(f"{folder.parent}/", "").split())
    error = re.search(r"largest error (\S+)", text)
    why = "" if run.returncode == 0 else f"ended with {run.returncode}: {text[:600]}"
    return {
        "ok": run.returncode == 0,
        "error": error.group(1) if error else "0",
        "why": why,
        "seconds": time.monotonic() - began,
    }


def line(key: str, record: dict[str, Any], result: dict[str, Any] | None) -> str:
    """A row of the table."""
    name, exporter = key.rsplit("-" + record["exporter"], 1)[0], key[len(record["name"]) + 1 :]
    if result is None:
        return f"{name:26s} {exporter:14s} not exported: {record['failed'][:200]}"
    sizes = " ".join(record["sizes"])
    verdict = "ok" if result["ok"] else result["why"]
    return f"{name:26s} {exporter:14s} {sizes:36s} {result.get('error', ''):>8s} {result['seconds']:7.1f} s  {verdict}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("limner")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", action="append", default=[], metavar="TEXT", help="networks whose name holds TEXT")
    parser.add_argument("--threads", type=int, help="limner's threads")
    parser.add_argument("--seconds", type=int, default=600, help="time limit of a network (default: 600)")
    parser.add_argument("--rtol", default="1e-3")
    parser.add_argument("--atol", help="in place of 1e-4 of the output's range")
    parser.add_argument("--strict", action="store_true", help="an export that failed is a failure")
    parser.add_argument(
        "--json", type=Path, help="write the results there; what passed in it with the same model is not run again"
    )
    arguments = parser.parse_args()
    records = json.loads((arguments.folder / "records.json").read_text())
    known = json.loads(arguments.json.read_text()) if arguments.json and arguments.json.exists() else {}
    counts = {"passed": 0, "failed": 0, "not exported": 0}
    print(f"{'network':26s} {'exporter':14s} {'sizes':36s} {'error':>8s} {'time':>9s}")
    for key, record in sorted(records.items()):
        if arguments.only and not any(text in record["name"] for text in arguments.only):
            continue
        result = None
        if "failed" in record:
            counts["not exported"] += 1
        else:
            folder = arguments.folder / key
            made = (folder / "model.onnx").stat().st_mtime_ns
            result = known.get(key)
            if not result or not result["ok"] or result["made"] != made:
                result = {**tested(arguments.limner, folder, arguments), "made": made}
            known[key] = result
            counts["passed" if result["ok"] else "failed"] += 1
        print(line(key, record, result), flush=True)
        if arguments.json:
            arguments.json.write_text(json.dumps(known, indent=1, sort_keys=True))
    print(", ".join(f"{count} {word}" for word, count in counts.items()))
    return 1 if counts["failed"] or (arguments.strict and counts["not exported"]) else 0


if __name__ == "__main__":
    sys.exit(main())
