"""Runs a notebook as Jupyter would, as far as ours go: build/venv/bin/python tests/python/notebook.py FILE.ipynb [--update]

The cells of code run in one namespace; what a cell prints and what its last line is become its outputs. With --update
they are written into the file, else compared with those in it: pictures by their pixels, numbers within a tenth, and
the outputs of cells with the tag "timing" not at all.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
import pathlib
import re
import sys
from typing import Any

import numpy as np
from PIL import Image

NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]\d+)?")


def shown(value: Any) -> dict[str, Any]:
    """What a cell's last line looks like."""
    text = re.sub(r" at 0x\w+>", ">", repr(value))
    if isinstance(value, Image.Image):
        file = io.BytesIO()
        value.convert("RGB").save(file, "JPEG", quality=92)
        return {"image/jpeg": base64.b64encode(file.getvalue()).decode(), "text/plain": text.splitlines(keepends=True)}
    if hasattr(value, "_repr_html_"):
        return {"text/html": value._repr_html_().splitlines(keepends=True), "text/plain": text.splitlines(keepends=True)}
    return {"text/plain": text.splitlines(keepends=True)}


def execute(source: str, space: dict[str, Any], count: int) -> list[dict[str, Any]]:
    tree = ast.parse(source)
    last = tree.body.pop().value if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, f"cell {count}", "exec"), space)
        value = None if last is None else eval(compile(ast.Expression(last), f"cell {count}", "eval"), space)
    outputs: list[dict[str, Any]] = []
    if printed.getvalue():
        outputs.append({"name": "stdout", "output_type": "stream", "text": printed.getvalue().splitlines(keepends=True)})
    if value is not None:
        outputs.append({"data": shown(value), "execution_count": count, "metadata": {}, "output_type": "execute_result"})
    return outputs


def alike(a: str, b: str) -> bool:
    pairs = list(zip(NUMBER.findall(a), NUMBER.findall(b)))
    return NUMBER.sub("#", a) == NUMBER.sub("#", b) and all(abs(float(x) - float(y)) <= 0.1 * abs(float(x)) for x, y in pairs)


def pixels(text: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text)))).astype(int)


def difference(old: dict[str, Any], new: dict[str, Any]) -> str:
    """Why two outputs are not the same; "" when they are."""
    if old["output_type"] != new["output_type"]:
        return f"{new['output_type']} instead of {old['output_type']}"
    parts = {"text": ("".join(old["text"]), "".join(new["text"]))} if "text" in old else {kind: (old["data"].get(kind), new["data"].get(kind)) for kind in old["data"]}
    for kind, (was, now) in parts.items():
        if kind == "image/jpeg":
            a, b = pixels(was), pixels(now)
            if a.shape != b.shape or np.abs(a - b).mean() > 1:
                return "another picture"
        elif not alike("".join(was), "".join(now or "")):
            return f"{''.join(now or '')!r} instead of {''.join(was)!r}"
    return ""


def run(path: pathlib.Path, update: bool = False) -> list[str]:
    """Runs it in the present folder; what differs, a line each."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    space: dict[str, Any] = {"__name__": "__main__"}
    wrong, count = [], 0
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        count += 1
        outputs = execute("".join(cell["source"]), space, count)
        old = cell["outputs"]
        if not update and "timing" not in cell["metadata"].get("tags", []):
            differences = [f"{len(outputs)} outputs instead of {len(old)}"] if len(old) != len(outputs) else [difference(*pair) for pair in zip(old, outputs)]
            wrong += [f"cell {count}: {text}" for text in differences if text]
        cell["outputs"], cell["execution_count"] = outputs, count
    if update:
        path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
    return wrong


def main() -> int:
    wrong = run(pathlib.Path(sys.argv[1]), "--update" in sys.argv)
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
