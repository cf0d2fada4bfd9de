"""Where the time of a run goes."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any, NamedTuple


class Step(NamedTuple):
    """One node as it runs; times in milliseconds, bytes of all tensors that it reads and writes."""

    name: str
    operator: str
    mean: float
    fastest: float
    macs: float
    bytes: float
    runs: int
    shape: tuple[int, ...]


_HEAD = ("name", "operator", "shape", "runs", "mean ms", "fastest ms", "share", "GMAC/s")


class Profile(list[Step]):
    """The steps of the last plan that ran. str() and notebooks show a table."""

    def __init__(self, steps: Iterable[Any]) -> None:
        super().__init__(Step(*step) for step in steps)

    @property
    def milliseconds(self) -> float:
        """The mean of one run."""
        return sum(step.mean for step in self)

    def _cells(self) -> list[tuple[str, ...]]:
        total = self.milliseconds
        return [
            (
                step.name,
                step.operator,
                "x".join(map(str, step.shape)),
                str(step.runs),
                f"{step.mean:.3f}",
                f"{step.fastest:.3f}",
                f"{100 * step.mean / total:.1f} %" if total else "",
                f"{step.macs / step.mean / 1e6:.1f}" if step.mean and step.macs else "",
            )
            for step in self
        ]

    def __str__(self) -> str:
        rows = [_HEAD, *self._cells()]
        widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
        left = [i < 3 for i in range(len(_HEAD))]
        lines = ["  ".join(cell.ljust(w) if l else cell.rjust(w) for cell, w, l in zip(row, widths, left)).rstrip() for row in rows]
        return "\n".join([*lines, f"{self.milliseconds:.3f} ms in {len(self)} steps"])

    def _repr_html_(self) -> str:
        def row(cells: Iterable[str], tag: str) -> str:
            return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

        body = "".join(row(cells, "td") for cells in self._cells())
        return (
            f"<table><caption>{self.milliseconds:.3f} ms in {len(self)} steps</caption>"
            f"<thead>{row(_HEAD, 'th')}</thead><tbody>{body}</tbody></table>"
        )
