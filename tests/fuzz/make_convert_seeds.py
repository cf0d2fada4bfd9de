#!/usr/bin/env python3
"""Make tests/fuzz/seeds/fuzz_convert from tests/data/convert: a map, a safetensors file and a template in one file each."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import onnx

TESTS = Path(__file__).resolve().parents[1]
SEEDS = TESTS / "fuzz" / "seeds" / "fuzz_convert"
CASES = ("mixed-dynamo", "residual-safetensors-torchscript", "grouped-torchscript", "called-twice-torchscript",
         "lists-side-by-side-torchscript", "norms-misordered-with-a-map-dynamo", "newer-spectral-norm-unfolded-dynamo")


def safetensors(tensors: dict[str, list[int]]) -> bytes:
    """Small numbers under these names, in these shapes."""
    header, data = {}, b""
    for name, shape in tensors.items():
        count = 1
        for size in shape:
            count *= size
        begin = len(data)
        data += b"".join(struct.pack("<f", 0.25 + 0.01 * (k % 50)) for k in range(count))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, len(data)]}
    text = json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text + data


def main() -> None:
    """Write the seeds; the checkpoint holds what the template names, or a batch norm more."""
    SEEDS.mkdir(parents=True, exist_ok=True)
    for name in CASES:
        model = onnx.load(TESTS / "data" / "convert" / "cases" / name / "template.onnx")
        tensors = {tensor.name: list(tensor.dims) for tensor in model.graph.initializer if tensor.data_type == 1 and tensor.dims}
        for key in list(tensors):
            if key.endswith(".weight") and len(tensors[key]) == 4 and name.startswith(("residual", "norms")):
                norm = key.replace("conv", "bn").removesuffix(".weight")
                tensors.update({f"{norm}.{part}": [tensors[key][0]] for part in ("running_mean", "running_var")})
        text, file = b"# a map\nnothing <- keep\n" if "map" in name else b"", safetensors(tensors)
        lengths = struct.pack("<I", len(text))[:3] + struct.pack("<I", len(file))[:3]
        (SEEDS / name).write_bytes(lengths + text + file + model.SerializeToString())


if __name__ == "__main__":
    main()
