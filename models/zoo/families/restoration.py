"""Denoising, deblurring, dehazing, lighting: networks as spandrel defines them."""

from __future__ import annotations

import functools
from typing import Any

import torch
from modules import Called
from registry import network, package_class, picture

from families.super_resolution import spandrel

SIZES = (256, (200, 312))
HALVES = (128, (96, 160))
SMALL = (32, (24, 40))
restoration = functools.partial(spandrel, family="restoration")


def shallow(width: int, **more: Any) -> dict[str, Any]:
    """NAFNet's and its relatives' configuration for a small network."""
    return dict(width=width, middle_blk_num=1, enc_blk_nums=[1, 1, 1, 1], dec_blk_nums=[1, 1, 1, 1], **more)


restoration(
    "dncnn", "DnCNN", "DnCNN", dict(), dict(nc=8, nb=3), (256, (201, 311)), (32, (25, 37)), inputs=(picture(1),)
)
restoration(
    "drunet",
    "DRUNet",
    "DRUNet",
    dict(in_nc=4, out_nc=3, nc=[64, 128, 256, 256], nb=2),
    dict(nc=[4, 8, 8, 8], nb=1),
    SIZES,
    SMALL,
    inputs=(picture(4),),
    note="2 blocks, not 4; 256 channels at most",
)
restoration(
    "nafnet",
    "NAFNet",
    "NAFNet",
    shallow(32) | dict(enc_blk_nums=[1, 1, 1, 4]),
    shallow(4),
    SIZES,
    SMALL,
    note="4 blocks, not 28, in stage 4",
)
restoration(
    "mprnet",
    "MPRNet",
    "MPRNet",
    dict(n_feat=40, num_cab=4),
    dict(n_feat=8, scale_unetfeats=4, scale_orsnetfeats=4, num_cab=1),
    HALVES,
    SMALL,
    note="4 blocks, not 8",
)
restoration("mirnet-v2", "MIRNet2", "MIRNet_v2", dict(n_MRB=1), dict(n_feat=16), HALVES, SMALL, note="1 block, not 2")
restoration(
    "mixdehazenet",
    "MixDehazeNet",
    "MixDehazeNet",
    dict(),
    dict(embed_dims=[8, 16, 16, 16, 8], depths=[1, 1, 1, 1, 1]),
    SIZES,
    (64, (48, 80)),
)
restoration(
    "scunet",
    "SCUNet",
    "SCUNet",
    dict(config=[2] * 7),
    dict(config=[1] * 7),
    (256, (192, 320)),
    (64, None),
    note="2 blocks, not 4",
)
restoration(
    "restormer",
    "Restormer",
    "Restormer",
    dict(num_blocks=[1, 2, 2, 2], num_refinement_blocks=1),
    dict(dim=8, num_blocks=[1, 1, 1, 1]),
    HALVES,
    SMALL,
    note="1-2 blocks a stage",
)
restoration(
    "uformer",
    "Uformer",
    "Uformer",
    dict(img_size=128, depths=[1] * 9, modulator=True),
    dict(embed_dim=8, num_heads=[1] * 9),
    (128, None),
    (128, None),
    note="1 block a stage",
)
restoration(
    "fbcnn",
    "FBCNN",
    "FBCNN",
    dict(nc=[64, 128, 256, 512], nb=2),
    dict(nc=[4, 8, 8, 512], nb=1),
    SIZES,
    SMALL,
    note="2 blocks, not 4",
)
restoration(
    "kbnet-s",
    "KBNet",
    "KBNet_s",
    shallow(32),
    dict(width=8),
    HALVES,
    SMALL,
    note="1 block a stage of 32, not 2-8 of 64",
)
restoration(
    "kbnet-l",
    "KBNet",
    "KBNet_l",
    dict(num_blocks=[1, 1, 1, 1], num_refinement_blocks=1),
    dict(dim=24),
    HALVES,
    SMALL,
    note="1 block a stage",
)
restoration(
    "m3snet",
    "M3SNet",
    "M3SNet",
    shallow(32) | dict(enc_blk_nums=[1, 1, 1, 4]),
    shallow(8),
    HALVES,
    SMALL,
    note="4 blocks, not 28, in stage 4",
)
restoration(
    "retinexformer",
    "RetinexFormer",
    "RetinexFormer",
    dict(stage=1),
    dict(n_feat=8),
    HALVES,
    SMALL,
    note="1 stage, not 3",
)
restoration(
    "hvi-cidnet", "HVICIDNet", "HVICIDNet", dict(), dict(channels=[4, 4, 8, 16], heads=[1, 1, 2, 2]), HALVES, SMALL, exporters=("torchscript",)
)
restoration(
    "fftformer",
    "FFTformer",
    "FFTformer",
    dict(num_blocks=[1, 1, 2], num_refinement_blocks=1),
    dict(dim=8, num_blocks=[1, 1, 1]),
    (128, None),
    (32, None),
    exporters=("dynamo",),
    note="1-2 blocks a stage",
)


def aura(full: bool) -> torch.nn.Module:
    """The upsampler without its added noise, which no two runs would share."""
    torch.randn_like = lambda x, *a, **k: torch.zeros_like(x)
    width = 16 if full else 8
    module = package_class("spandrel.architectures.AuraSR", "UnetUpsampler")(
        dim=width,
        image_size=256 if full else 64,
        input_image_size=64 if full else 16,
        style_network=dict(dim_in=32, dim_out=64 if full else 16, depth=2),
        up_dim_mults=(1, 2, 4),
        down_dim_mults=(4,),
        attn_depths=(1, 1, 1),
        full_attn=(False, False, True),
        self_attn_heads=8 if full else 2,
        self_attn_dim_head=64 if full else 8,
    )
    return Called(module, lambda m, x: m(x, noise=torch.full((x.shape[0], 32), 0.3)))


network(
    "aura-sr",
    "super-resolution",
    aura,
    (64, None),
    (16, None),
    gain=None,
    note="16 channels, not 64; its added noise left out",
)
