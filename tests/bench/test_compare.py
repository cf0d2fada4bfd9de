"""The comparison that stands before every figure, with engines that are wrong on purpose. Needs numpy alone."""

from __future__ import annotations

import contextlib
import io
import json
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import bench_peers  # noqa: E402
import compare  # noqa: E402
from compare import BEFORE, EXACT, LIMNER, REFERENCE, difference, judge  # noqa: E402

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
        self.assertEqual(self.wrong({EXACT: RIGHT, BEFORE: spoiled(), LIMNER: rounded(1)}), {BEFORE})
        self.assertEqual(self.wrong({EXACT: RIGHT, LIMNER: spoiled(), "MNN": rounded(2)}), {LIMNER})
        self.assertEqual(self.wrong({EXACT: RIGHT, LIMNER: rounded(1), "MNN": spoiled(), "ncnn": rounded(3)}), {"MNN"})

    def test_nobody_agrees_with_limner(self) -> None:
        outputs = {EXACT: spoiled(), LIMNER: spoiled(), "MNN": rounded(2), "ncnn": rounded(3)}
        self.assertEqual(self.wrong(outputs), set(outputs))

    def test_json(self) -> None:
        about = judge({REFERENCE: RIGHT, LIMNER: RIGHT * np.nan}).json()
        self.assertIsNone(about["differences"][LIMNER])
        json.dumps(about, allow_nan=False)


FIGURES = {"median_ms": 7.0, "min_ms": 6.0, "first_ms": 9.0, "peak_mb": 5.0}


class Peers(unittest.TestCase):
    """bench_peers.py with engines that are played."""

    def measure(self, outputs: dict[str, np.ndarray], *more: str) -> tuple[int, list[list[str]], dict]:
        """Exit status, table and JSON."""
        def prepare(network: bench_peers.Network) -> None:
            network.paths = {name: network.model for name in outputs if name not in (LIMNER, EXACT, BEFORE)}

        with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
            path = pathlib.Path(folder) / "figures.json"
            words = ["bench_peers.py", "--network", "plain", "--threads", "2", "--json", str(path), *more]
            stack.enter_context(mock.patch.object(sys, "argv", words))
            stack.enter_context(mock.patch.object(bench_peers.common, "make_model", lambda *_: path))
            stack.enter_context(mock.patch.object(bench_peers.Network, "prepare", prepare))
            stack.enter_context(mock.patch.object(bench_peers.Network, "outputs", lambda *_: outputs))
            stack.enter_context(mock.patch.object(bench_peers.Network, "round", lambda *_: FIGURES))
            stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
            printed = stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
            status = bench_peers.main()
            table = [[cell.strip() for cell in line.split("|")[1:-1]] for line in printed.getvalue().splitlines()]
            return status, table[2:], json.loads(path.read_text())["figures"][0]

    def test_all_right(self) -> None:
        status, table, figures = self.measure({REFERENCE: RIGHT, LIMNER: rounded(1), "MNN": rounded(2)})
        self.assertEqual(status, 0)
        self.assertEqual([row[2:6] for row in table], [[name, "7", "6", "1.00"] for name in (LIMNER, REFERENCE, "MNN")])
        self.assertEqual(figures["wrong"], {})

    def test_a_build_from_before(self) -> None:
        outputs = {REFERENCE: RIGHT, LIMNER: rounded(1), BEFORE: rounded(1)}
        status, table, _ = self.measure(outputs, "--before", "old/limner")
        self.assertEqual((status, [row[2] for row in table]), (0, [LIMNER, BEFORE, REFERENCE]))

    def test_no_figure_of_a_wrong_engine(self) -> None:
        for name in (LIMNER, "MNN"):
            outputs = {REFERENCE: RIGHT, LIMNER: rounded(1), "MNN": rounded(2)} | {name: spoiled()}
            status, table, figures = self.measure(outputs)
            self.assertEqual(status, 1)
            self.assertEqual([set(row[3:-1]) for row in table if row[2] == name], [{"WRONG"}])
            self.assertEqual([row[3] for row in table if row[2] != name], ["7", "7"])
            self.assertEqual(figures["engines"][name], {"wrong": True})
            self.assertEqual(set(figures["wrong"]), {name})


if __name__ == "__main__":
    unittest.main()
