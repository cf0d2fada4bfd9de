"""The comparison that stands before every figure, with engines that are wrong on purpose. Needs numpy alone."""

from __future__ import annotations

import json
import pathlib
import sys
import unittest

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from bench import compare  # noqa: E402
from bench.compare import EXACT, LIMNER, REFERENCE, difference, judge  # noqa: E402

RIGHT = np.random.default_rng(1).uniform(-1, 1, (1, 3, 40, 40)).astype(np.float32)


def rounded(seed: int) -> np.ndarray:
    """What another engine gives: the same numbers but for rounding."""
    noise = np.random.default_rng(seed).standard_normal(RIGHT.shape)
    return (RIGHT * (1 + 1e-6 * noise)).astype(np.float32)


def spoiled(value: float = 0.5) -> np.ndarray:
    """One number of 4,800 is off: an L2 norm would hardly see it."""
    output = rounded(9)
    output[0, 1, 7, 7] += value
    return output


class Differences(unittest.TestCase):
    def test_nothing(self) -> None:
        self.assertEqual(difference(RIGHT, RIGHT), compare.Difference(0, 0))
        self.assertEqual(difference(np.zeros(3), np.zeros(3)), compare.Difference(0, 0))

    def test_one_number(self) -> None:
        expected = np.array([0.0, 4.0])
        found = difference(np.array([1.0, 4.0]), expected)
        self.assertAlmostEqual(found.error, 0.25)
        self.assertAlmostEqual(found.largest, 0.25)

    def test_range_is_not_size(self) -> None:
        self.assertAlmostEqual(difference(np.array([1000.0, 1001.5]), np.array([1000.0, 1001.0])).largest, 0.5)
        self.assertAlmostEqual(difference(np.array([6.0]), np.array([5.0])).largest, 0.2)

    def test_unlike_anything(self) -> None:
        for actual in (RIGHT[0], RIGHT[:, :, 1:], RIGHT * np.nan, np.full_like(RIGHT, np.inf)):
            self.assertFalse(compare.within(difference(actual, RIGHT).largest, 1e30))
        self.assertFalse(compare.within(difference(RIGHT, RIGHT * np.nan).largest, 1e30))
        self.assertFalse(compare.within(difference(np.ones(3), np.zeros(3)).largest, 1e30))


class Verdicts(unittest.TestCase):
    def wrong(self, outputs: dict[str, np.ndarray], bound: float = compare.BOUND) -> set[str]:
        return set(judge(outputs, bound).wrong)

    def test_all_right(self) -> None:
        outputs = {REFERENCE: RIGHT, LIMNER: rounded(1), "MNN": rounded(2)}
        self.assertEqual(self.wrong(outputs), set())
        self.assertEqual(judge(outputs).reference, REFERENCE)

    def test_a_wrong_engine(self) -> None:
        for name in (LIMNER, "MNN"):
            outputs = {REFERENCE: RIGHT, LIMNER: rounded(1), "MNN": rounded(2)} | {name: spoiled()}
            self.assertEqual(self.wrong(outputs), {name})

    def test_the_bound(self) -> None:
        outputs = {REFERENCE: RIGHT, LIMNER: spoiled(0.01)}
        self.assertEqual(self.wrong(outputs, 1e-2), set())
        self.assertEqual(self.wrong(outputs, 1e-3), {LIMNER})

    def test_unlike_anything(self) -> None:
        for output in (RIGHT[0], RIGHT * np.nan):
            self.assertEqual(self.wrong({REFERENCE: RIGHT, LIMNER: output}), {LIMNER})

    def test_without_onnxruntime(self) -> None:
        self.assertEqual(self.wrong({EXACT: RIGHT, LIMNER: rounded(1)}), set())
        self.assertEqual(self.wrong({EXACT: RIGHT, LIMNER: spoiled()}), {LIMNER})
        self.assertEqual(self.wrong({EXACT: RIGHT, LIMNER: spoiled(), "MNN": rounded(2)}), {LIMNER})
        self.assertEqual(self.wrong({EXACT: RIGHT, LIMNER: rounded(1), "MNN": spoiled(), "ncnn": rounded(3)}), {"MNN"})

    def test_nobody_agrees_with_limner(self) -> None:
        outputs = {EXACT: spoiled(), LIMNER: spoiled(), "MNN": rounded(2), "ncnn": rounded(3)}
        self.assertEqual(self.wrong(outputs), set(outputs))

    def test_json(self) -> None:
        about = judge({REFERENCE: RIGHT, LIMNER: RIGHT * np.nan}).json()
        self.assertIsNone(about["differences"][LIMNER])
        json.dumps(about, allow_nan=False)


if __name__ == "__main__":
    unittest.main()
