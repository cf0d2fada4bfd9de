#!/usr/bin/env python3
"""Trains every network for two steps at 64 pixels on the processor, goes on from there, and exports what came out; sees
that a paused run goes on with its schedule, and that every photograph of the training has a free licence.

Not part of `make check`: it needs the packages of models/requirements.txt. Without them it is skipped (exit status 0).
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
PACKAGES = "torch", "skimage", "PIL", "onnx", "onnxruntime"
MISSING = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
TOY = "--device", "cpu", "--steps", "2", "--side", "64", "--batch", "10"


@unittest.skipIf(MISSING, f"not installed: {', '.join(MISSING)}")
class Training(unittest.TestCase):
    def setUp(self) -> None:
        keep = tempfile.TemporaryDirectory()
        self.addCleanup(keep.cleanup)
        self.folder = Path(keep.name)

    def train(self, network: str, *options: str) -> dict:
        """Train and return the network's checkpoint."""
        import torch
        import train

        self.assertEqual(train.main([network, "--out", str(self.folder), *TOY, *options]), 0)
        name = "plain" if network == "plain" else "inpaint"
        return torch.load(self.folder / f"{name}.pth", weights_only=True)

    def test_train_resume_export(self) -> None:
        import export_trained

        for network in ("plain", "edgeconnect"):
            self.assertEqual(self.train(network)["iteration"], 2)
            self.assertEqual(self.train(network, "--resume", "--edge-share", "0.1")["iteration"], 4)
        self.assertEqual(export_trained.main([str(self.folder), str(self.folder / "out")]), 0)

    def test_a_paused_run_goes_on_with_its_schedule(self) -> None:
        import torch

        schedule = "--steps", "0", "--minutes", "60"
        self.assertGreater(self.train("plain", *schedule, "--pause-after", "0.15")["iteration"], 0)
        first = torch.load(self.folder / "plain.state", weights_only=True)
        self.train("plain", *schedule, "--pause-after", "0.15", "--resume")
        second = torch.load(self.folder / "plain.state", weights_only=True)
        self.assertGreater(second["iteration"], first["iteration"])
        self.assertGreater(second["seconds"], first["seconds"])
        self.assertLess(second["seconds"], first["seconds"] + 60)

    def test_seed_fixes_the_run(self) -> None:
        first = self.train("plain")["generator"]
        again = self.train("plain")["generator"]
        self.assertTrue(all(first[key].equal(again[key]) for key in first))

    def test_photographs_are_free(self) -> None:
        from data import HELD_OUT_PHOTOS, TRAINING_PHOTOS
        from skimage import data

        for name in (*TRAINING_PHOTOS, *HELD_OUT_PHOTOS):
            self.assertRegex(getattr(data, name).__doc__, r"(?i)\bCC-?0\b|public\s+domain|no\s+known\s+copyright", name)
        self.assertFalse(set(TRAINING_PHOTOS) & set(HELD_OUT_PHOTOS))

    def test_edges_are_those_of_scikit_image(self) -> None:
        import edges
        import torch
        from data import load_photo
        from skimage.feature import canny

        picture = torch.from_numpy(load_photo("astronaut")[None, :, :256, :256])
        known = torch.ones(1, 1, 256, 256)
        known[..., 60:120, 80:140] = 0
        luminance = edges.gray(picture)
        ours = edges.canny(luminance, known)[0, 0].numpy() > 0
        theirs = canny(luminance[0, 0].numpy(), sigma=2, mask=known[0, 0].numpy() > 0)
        self.assertGreater((ours & theirs).sum() / (ours | theirs).sum(), 0.75)


if __name__ == "__main__":
    unittest.main()
