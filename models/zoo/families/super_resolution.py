"""Super-resolution, as spandrel defines the networks."""

from __future__ import annotations

from typing import Any

from registry import configured, network, package_class

SIZES = (64, (52, 76))
SMALL = (8, (6, 10))
# Windows of 8 want sizes that they divide, or the padding is baked in.
WINDOWS = (64, (56, 80))
SMALL_WINDOWS = (16, (24, 32))


EXTRA = ("SRFormer", "MPRNet", "MIRNet2", "Restormer", "M3SNet", "CodeFormer", "DDColor", "MAT", "AdaCode", "FeMaSR")


def spandrel(
    name: str,
    package: str,
    cls: str,
    full: dict[str, Any],
    small: dict[str, Any],
    sizes: Any = SIZES,
    small_sizes: Any = SMALL,
    **options: Any,
) -> None:
    """A network of spandrel that needs nothing but its configuration."""
    base = "spandrel_extra_arches" if package in EXTRA else "spandrel"
    build = configured(lambda **config: package_class(f"{base}.architectures.{package}", cls)(**config), full, small)
    network(name, options.pop("family", "super-resolution"), build, sizes, small_sizes, **options)


spandrel(
    "esrgan-x4", "ESRGAN", "RRDBNet", dict(num_blocks=23, num_filters=64, scale=4), dict(num_blocks=1, num_filters=8)
)
spandrel(
    "realesrgan-anime", "ESRGAN", "RRDBNet", dict(num_blocks=6, scale=4, plus=True), dict(num_blocks=1, num_filters=8)
)
spandrel(
    "realesrgan-x2plus",
    "ESRGAN",
    "RRDBNet",
    dict(in_nc=12, num_blocks=6, scale=4, shuffle_factor=2),
    dict(num_blocks=1, num_filters=8),
)
spandrel("srvgg", "Compact", "SRVGGNetCompact", dict(num_feat=64, num_conv=32, upscale=4), dict(num_feat=8, num_conv=3))
spandrel("realcugan-2x", "RealCUGAN", "UpCunet2x", dict(), dict(), (128, (100, 152)), (24, (20, 28)))
spandrel("realcugan-2x-pro", "RealCUGAN", "UpCunet2x", dict(pro=True), dict(), (128, (100, 152)), (24, (20, 28)))
spandrel("realcugan-3x", "RealCUGAN", "UpCunet3x", dict(), dict(), (64, (52, 76)), (24, (20, 28)))
spandrel("realcugan-4x", "RealCUGAN", "UpCunet4x", dict(), dict(), (64, (52, 76)), (24, (20, 28)))
spandrel("realcugan-fast", "RealCUGAN", "UpCunet2x_fast", dict(), dict(), (128, (100, 152)), (48, (44, 52)))
spandrel("swift-srgan", "SwiftSRGAN", "Generator", dict(), dict(num_channels=8, num_blocks=2))
spandrel("span", "SPAN", "SPAN", dict(num_in_ch=3, num_out_ch=3), dict(feature_channels=8), gain=0.7, exporters=("torchscript",))
spandrel(
    "plksr", "PLKSR", "PLKSR", dict(n_blocks=8, ccm_type="DCCM"), dict(n_blocks=1, dim=16), note="8 blocks, not 28"
)
spandrel(
    "plksr-sparse",
    "PLKSR",
    "PLKSR",
    dict(n_blocks=8, lk_type="RectSparsePLK", kernel_size=17),
    dict(n_blocks=1, dim=16),
    note="8 blocks, not 28",
)
spandrel("realplksr", "PLKSR", "RealPLKSR", dict(n_blocks=8), dict(n_blocks=1, dim=16), note="8 blocks, not 28")
spandrel(
    "realplksr-dysample",
    "PLKSR",
    "RealPLKSR",
    dict(n_blocks=4, dysample=True, layer_norm=True),
    dict(n_blocks=1, dim=16),
    note="4 blocks, not 28",
)
spandrel("mosr", "MoSR", "MoSR", dict(n_block=8), dict(n_block=1, dim=8), note="8 blocks, not 24")
spandrel(
    "mosr-dysample", "MoSR", "MoSR", dict(n_block=4, upsampler="dys"), dict(n_block=1, dim=8), note="4 blocks, not 24"
)
spandrel(
    "moesr",
    "MoESR",
    "MoESR",
    dict(n_blocks=3),
    dict(n_blocks=1, n_block=1, dim=16, upsample_dim=16),
    note="3 blocks, not 9",
)
spandrel("safmn", "SAFMN", "SAFMN", dict(dim=36), dict(dim=8, n_blocks=1), WINDOWS, SMALL_WINDOWS)
spandrel(
    "safmn-bcie", "SAFMNBCIE", "SAFMN_BCIE", dict(dim=48), dict(dim=8, n_blocks=1, num_layers=1), WINDOWS, SMALL_WINDOWS
)
spandrel(
    "ditn",
    "DITN",
    "DITN_Real",
    dict(ITL_blocks=2, SAL_blocks=2),
    dict(dim=12, ITL_blocks=1, SAL_blocks=1),
    note="2+2 blocks, not 4+4",
)
spandrel(
    "seemore",
    "SeemoRe",
    "SeemoRe",
    dict(),
    dict(num_experts=2, num_layers=1, embedding_dim=12),
    small_sizes=(16, (12, 20)),
    exporters=("torchscript",),
)
spandrel(
    "rcan",
    "RCAN",
    "RCAN",
    dict(n_resgroups=3, n_resblocks=6),
    dict(n_resgroups=1, n_resblocks=1, n_feats=16),
    note="3 groups of 6, not 10 of 20",
)
spandrel("dctlsa", "DCTLSA", "DCTLSA", dict(), dict(nf=10), WINDOWS, SMALL_WINDOWS)
spandrel("craft", "CRAFT", "CRAFT", dict(), dict(depths=[1], num_heads=[6]), WINDOWS, SMALL_WINDOWS)
spandrel(
    "mmrealsr",
    "MMRealSR",
    "MMRRDBNet_test",
    dict(num_in_ch=3, num_out_ch=3, num_block=4),
    dict(num_block=1, num_feat=8, num_grow_ch=4, num_feats=[8, 8, 8, 8], num_blocks=[1, 1, 1, 1]),
    note="4 blocks, not 23",
)
spandrel(
    "fdat",
    "FDAT",
    "FDAT",
    dict(num_groups=2),
    dict(embed_dim=16, num_groups=1, depth_per_group=2, mid_dim=8),
    WINDOWS,
    SMALL_WINDOWS,
    note="2 groups, not 4",
)

SWIN = dict(window_size=8, mlp_ratio=2.0, img_size=64)
NARROW = dict(embed_dim=12, depths=[2], num_heads=[2])
spandrel(
    "swinir-light-x2",
    "SwinIR",
    "SwinIR",
    dict(embed_dim=60, depths=[2, 2], num_heads=[6, 6], upscale=2, upsampler="pixelshuffledirect", **SWIN),
    dict(NARROW, img_size=16),
    WINDOWS,
    SMALL_WINDOWS,
    note="2 x 2 blocks, not 4 x 6",
)
spandrel(
    "swinir-x4",
    "SwinIR",
    "SwinIR",
    dict(embed_dim=180, depths=[2, 2], num_heads=[6, 6], upscale=4, upsampler="pixelshuffle", **SWIN),
    dict(NARROW, img_size=16),
    WINDOWS,
    SMALL_WINDOWS,
    note="2 x 2 blocks, not 6 x 6",
)
spandrel(
    "swinir-real-x4",
    "SwinIR",
    "SwinIR",
    dict(
        embed_dim=120,
        depths=[2, 2],
        num_heads=[6, 6],
        upscale=4,
        upsampler="nearest+conv",
        resi_connection="3conv",
        **SWIN,
    ),
    dict(NARROW, img_size=16),
    WINDOWS,
    SMALL_WINDOWS,
    note="2 x 2 blocks, not 9 x 6",
)
spandrel(
    "swin2sr",
    "Swin2SR",
    "Swin2SR",
    dict(embed_dim=60, depths=[2, 2], num_heads=[6, 6], upscale=2, upsampler="pixelshuffledirect", **SWIN),
    dict(NARROW, img_size=16),
    WINDOWS,
    SMALL_WINDOWS,
    note="2 x 2 blocks, not 4 x 6",
)
spandrel(
    "srformer",
    "SRFormer",
    "SRFormer",
    dict(
        embed_dim=60,
        depths=[2, 2],
        num_heads=[6, 6],
        window_size=16,
        mlp_ratio=2.0,
        img_size=64,
        upscale=2,
        upsampler="pixelshuffledirect",
    ),
    dict(embed_dim=12, depths=[2], num_heads=[2], img_size=16, window_size=8),
    (64, (48, 80)),
    SMALL_WINDOWS,
    note="2 x 2 blocks, not 4 x 6",
)
spandrel(
    "hat",
    "HAT",
    "HAT",
    dict(embed_dim=96, depths=[2, 2], num_heads=[6, 6], window_size=16, mlp_ratio=2.0, upscale=4),
    dict(embed_dim=12, depths=[2], num_heads=[2], window_size=8, squeeze_factor=4, num_feat=8, img_size=16),
    (64, (48, 80)),
    SMALL_WINDOWS,
    note="2 x 2 blocks of 96, not 6 x 6 of 180",
)
spandrel(
    "dat",
    "DAT",
    "DAT",
    dict(embed_dim=60, split_size=[8, 16], depth=[3], num_heads=[6], expansion_factor=2.0, upscale=4),
    dict(embed_dim=32, split_size=[4, 8], depth=[3], num_heads=[2], img_size=16),
    (64, (64, 96)),
    SMALL_WINDOWS,
    note="3 blocks of 60, not 6 x 6 of 180",
)
spandrel(
    "drct",
    "DRCT",
    "DRCT",
    dict(embed_dim=60, depths=(2, 2), num_heads=(6, 6), upscale=4, upsampler="pixelshuffle", gc=16),
    dict(embed_dim=12, depths=(2,), num_heads=(2,), gc=4, window_size=8, img_size=16),
    (64, (64, 96)),
    SMALL_WINDOWS,
    note="2 x 2 blocks of 60",
)
spandrel(
    "rgt",
    "RGT",
    "RGT",
    dict(embed_dim=60, depth=[3, 3], num_heads=[6, 6], mlp_ratio=2, split_size=[8, 32], upscale=4),
    dict(embed_dim=32, depth=[3], num_heads=[2], split_size=[4, 8], img_size=16),
    (64, (64, 96)),
    SMALL_WINDOWS,
    note="2 x 3 blocks of 60",
)
spandrel(
    "grl",
    "GRL",
    "GRL",
    dict(
        embed_dim=60,
        upscale=4,
        upsampler="pixelshuffledirect",
        depths=[2, 2],
        num_heads_window=[2, 2],
        num_heads_stripe=[2, 2],
        window_size=8,
        stripe_size=[16, 32],
        stripe_groups=[None, None],
        mlp_ratio=2.0,
        anchor_window_down_factor=2,
    ),
    dict(embed_dim=16, depths=[2], num_heads_window=[2], num_heads_stripe=[2], stripe_size=[8, 16], img_size=16),
    (64, (64, 96)),
    (16, 32),
    note="2 x 2 blocks of 60",
)
spandrel(
    "omnisr",
    "OmniSR",
    "OmniSR",
    dict(res_num=2),
    dict(res_num=1, num_feat=16),
    WINDOWS,
    SMALL_WINDOWS,
    note="2 groups, not 5",
)
spandrel(
    "ipt",
    "IPT",
    "IPT",
    dict(n_feats=32, num_layers=2, num_heads=8, patch_size=48, scale=[1]),
    dict(n_feats=8, num_layers=1, num_heads=2, patch_size=12),
    (48, None),
    (12, None),
    batch=False,
    opset=18,
    note="2 layers of 32 features",
)
