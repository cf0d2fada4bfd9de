"""Whether outputs hold the same numbers, and which engines are wrong."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

LIMNER = "limner"
EXACT = "limner --exact"
BEFORE = "limner before"  # another build of limner, to see what a change has done
REFERENCE = "onnxruntime"
BOUND = 1e-3  # the largest difference over the range, for engines that compute in float32; 16-bit formats are off by more


@dataclass(frozen=True)
class Difference:
    """How far an output is from its reference; infinite for another shape, NaN where one of them is not finite."""

    error: float    # L2 of the difference over L2 of the reference
    largest: float  # the largest difference over the range of the reference


@dataclass(frozen=True)
class Verdict:
    """Engines beside their common reference."""

    reference: str
    differences: dict[str, float]  # Difference.largest
    wrong: dict[str, str]  # why an engine's figures must not be shown

    def json(self) -> dict[str, object]:
        """As plain JSON, which knows neither NaN nor infinity."""
        return {"reference": self.reference, "wrong": self.wrong,
                "differences": {name: value if math.isfinite(value) else None for name, value in self.differences.items()}}


def ratio(part: float, whole: float) -> float:
    """part / whole, where nothing of nothing is nothing."""
    return float(part / whole) if whole else (0.0 if part == 0 else math.inf)


def difference(actual: np.ndarray, expected: np.ndarray) -> Difference:
    """How far `actual` is from `expected`, in double precision."""
    if actual.shape != expected.shape:
        return Difference(math.inf, math.inf)
    wide = expected.astype(np.float64)
    if not (np.isfinite(actual).all() and np.isfinite(wide).all()):
        return Difference(math.nan, math.nan)
    apart = actual.astype(np.float64) - wide
    spread = np.ptp(wide) or np.abs(wide).max()  # of a constant output: its size
    return Difference(ratio(np.linalg.norm(apart.ravel()), np.linalg.norm(wide.ravel())), ratio(np.abs(apart).max(), spread))


def within(value: float, bound: float) -> bool:
    return value <= bound  # False for NaN


def judge(outputs: dict[str, np.ndarray], bound: float = BOUND) -> Verdict:
    """The outputs of all engines beside onnxruntime's or, where it has none, those of limner --exact.

    limner vouches for itself only where no other engine is there: when none agrees with --exact, nobody knows what is
    right, and all are wrong.
    """
    reference = REFERENCE if REFERENCE in outputs else EXACT
    differences = {name: difference(array, outputs[reference]).largest for name, array in outputs.items()}
    wrong = {name: f"its output is off by {value:.1e} of the range of {reference}'s, at most {bound:.0e} expected"
             for name, value in differences.items() if not within(value, bound)}
    peers = [name for name in outputs if name not in (LIMNER, EXACT, BEFORE)]
    if reference == EXACT and peers and all(name in wrong for name in peers):
        wrong |= dict.fromkeys((name for name in outputs if name not in wrong), f"no other engine agrees with {EXACT}")
    return Verdict(reference, differences, wrong)
