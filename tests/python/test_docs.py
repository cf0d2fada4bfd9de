"""The examples of docs/python.md, run in the root of the tree; `...` stands for any text."""

from __future__ import annotations

import doctest
import os
import pathlib
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Examples(unittest.TestCase):
    def test_python_md(self) -> None:
        os.chdir(ROOT)
        flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        result = doctest.testfile(str(ROOT / "docs/python.md"), module_relative=False, optionflags=flags)
        self.assertEqual(result.failed, 0)
        self.assertGreater(result.attempted, 25)


if __name__ == "__main__":
    unittest.main()
