"""Faces, colours, vector quantization; facexlib's parsing and matting."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from typing import Any

import torch
from modules import Called
from registry import network, package_class

from families.inpainting import HOLED
from families.super_resolution import spandrel


def mat(_: bool) -> torch.nn.Module:
    """MAT. It draws a dropout at inference, which no two runtimes draw alike: here all is kept."""

    def undrawn(module: torch.nn.Module, image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        functional = torch.nn.functional
        drawn, functional.dropout = functional.dropout, lambda values, **_: values
        try:
            return module(image, mask)
        finally:
            functional.dropout = drawn

    return Called(package_class("spandrel_extra_arches.architectures.MAT", "MAT")(), undrawn)


def gfpgan(full: bool) -> torch.nn.Module:
    """GFPGAN's clean form, without drawn noise."""
    module = package_class("spandrel.architectures.GFPGAN", "GFPGANv1Clean")(
        out_size=512 if full else 64, num_style_feat=512 if full else 16, narrow=0.25 if full else 0.03125
    )
    return Called(module, lambda m, x: m(x, return_rgb=False, randomize_noise=False)[0])


network("gfpgan", "faces", gfpgan, (512, None), (64, None), note="a quarter of the channels")
spandrel(
    "restoreformer",
    "RestoreFormer",
    "RestoreFormer",
    dict(ch=32, resolution=256, attn_resolutions=(8,)),
    dict(
        ch=32,
        n_embed=16,
        embed_dim=32,
        z_channels=32,
        resolution=32,
        attn_resolutions=(8,),
        ch_mult=(1, 1, 1),
        num_res_blocks=1,
        head_size=2,
    ),
    (256, None),
    (32, None),
    family="faces",
    outputs=(0,),
    note="32 channels at 256, not 64 at 512",
)
spandrel(
    "codeformer",
    "CodeFormer",
    "CodeFormer",
    dict(n_layers=2, dim_embd=256),
    dict(n_layers=1, dim_embd=16, n_head=2, codebook_size=16),
    (512, None),
    (512, None),
    family="faces",
    outputs=(0,),
    batch=False,
    exporters=("dynamo",),
    note="2 layers of 256, not 9 of 512",
)
spandrel(
    "ddcolor",
    "DDColor",
    "DDColor",
    dict(encoder_name="convnext-t", num_queries=50, dec_layers=3),
    dict(num_queries=8, dec_layers=1),
    (256, None),
    (64, None),
    family="colours",
    note="convnext-t, 50 queries, 3 layers",
)
network(
    "mat",
    "inpainting",
    mat,
    (512, None),
    (512, None),
    HOLED,
    batch=False,
    exporters=("dynamo",),
)
spandrel(
    "femasr",
    "FeMaSR",
    "FeMaSRNet",
    dict(codebook_params=[[32, 64, 128]], LQ_stage=True, scale_factor=2),
    dict(codebook_params=[[32, 16, 32]]),
    (64, None),
    (32, None),
    family="faces",
    outputs=(0,),
    note="a codebook of 64",
)


def stub(package: str) -> None:
    """Make a package's modules importable without its ``__init__``, which wants more than the network does."""
    module = types.ModuleType(package)
    spec = importlib.util.find_spec(package)
    module.__path__ = list(spec.submodule_search_locations)
    module.__spec__ = spec
    sys.modules[package] = module


def facexlib(module: str, cls: str, **config: Any) -> torch.nn.Module:
    """A network of facexlib."""
    for package in ("facexlib", "facexlib.matting", "facexlib.parsing"):
        if package not in sys.modules:
            stub(package)
    return getattr(importlib.import_module(f"facexlib.{module}"), cls)(**config)


def modnet(full: bool) -> torch.nn.Module:
    """The matting network, which gives the matte alone."""
    return Called(facexlib("matting.modnet", "MODNet", backbone_pretrained=False), lambda m, x: m(x, True))


network("modnet", "matting", modnet, (256, (192, 320)), (64, (64, 96)))
network(
    "bisenet",
    "segmentation",
    lambda full: facexlib("parsing.bisenet", "BiSeNet", num_class=19),
    (256, (192, 320)),
    (64, (64, 96)),
    outputs=(0,),
)
network(
    "parsenet",
    "faces",
    lambda full: facexlib(
        "parsing.parsenet",
        "ParseNet",
        in_size=512 if full else 64,
        out_size=512 if full else 64,
        parsing_ch=19,
        base_ch=64 if full else 8,
        ch_range=[32, 256] if full else [8, 16],
    ),
    (512, None),
    (64, None),
    outputs=(0,),
)
