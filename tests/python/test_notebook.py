"""The notebooks of python/examples give what stands in them."""

from __future__ import annotations

import os
import pathlib
import unittest

import notebook

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Notebooks(unittest.TestCase):
    def test_all(self) -> None:
        os.chdir(ROOT)
        found = sorted((ROOT / "python/examples").glob("*.ipynb"))
        self.assertNotEqual(found, [])
        for path in found:
            with self.subTest(path.name):
                self.assertEqual(notebook.run(path), [])
                self.assertLess(path.stat().st_size, 300_000)


if __name__ == "__main__":
    unittest.main()
