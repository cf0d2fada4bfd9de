"""Backbones of timm; the small ones are the narrowest that the library has, at a small size."""

from __future__ import annotations

from typing import Any

import torch
from registry import network


def backbone(
    name: str,
    model: str,
    small: dict[str, Any] | None = None,
    sizes: Any = (224, (256, 192)),
    small_sizes: Any = (32, (48, 32)),
    **options: Any,
) -> None:
    """A network of timm; ``small`` says what the small one has otherwise."""

    def build(full: bool) -> torch.nn.Module:
        import timm

        return timm.create_model(model, pretrained=False, **({} if full else small or {}))

    network(name, "backbone", build, sizes, small_sizes, **options)


FIXED = (224, None)
FIXED_SMALL = (64, None)
THIN = dict(depths=(1, 1, 1, 1), num_classes=10)
VIT = dict(img_size=64, embed_dim=24, depth=2, num_heads=2, num_classes=10)
backbone("convnext", "convnext_nano", THIN | dict(dims=(8, 8, 16, 16)))
backbone("convnextv2", "convnextv2_atto", THIN | dict(dims=(8, 8, 16, 16)))
backbone("vit", "vit_tiny_patch16_224", VIT, FIXED, FIXED_SMALL)
backbone("vit-dynamic", "vit_tiny_patch16_224", VIT | dict(dynamic_img_size=True), (224, (256, 192)), (64, (96, 64)))
backbone("deit3", "deit3_small_patch16_224", VIT, FIXED, FIXED_SMALL)
backbone("beit", "beit_base_patch16_224", VIT, FIXED, FIXED_SMALL)
backbone(
    "eva02",
    "eva02_tiny_patch14_224",
    dict(img_size=56, embed_dim=24, depth=2, num_heads=2, num_classes=10),
    FIXED,
    (56, None),
)
backbone(
    "swin",
    "swin_tiny_patch4_window7_224",
    dict(img_size=64, embed_dim=8, depths=(2, 2), num_heads=(2, 2), num_classes=10, window_size=4),
    FIXED,
    FIXED_SMALL,
)
backbone(
    "swinv2",
    "swinv2_tiny_window8_256",
    dict(img_size=64, embed_dim=8, depths=(2, 2), num_heads=(2, 2), num_classes=10, window_size=4),
    (256, None),
    FIXED_SMALL,
)
backbone("maxvit", "maxvit_rmlp_pico_rw_256", dict(num_classes=10), (256, None), (256, None))
backbone("coatnet", "coatnet_nano_rw_224", dict(num_classes=10), FIXED, FIXED)
backbone("efficientvit", "efficientvit_b0", dict(num_classes=10))
backbone("efficientvit-msra", "efficientvit_m0", dict(num_classes=10), FIXED, FIXED)
backbone("mobileone", "mobileone_s0", dict(num_classes=10))
backbone("fastvit", "fastvit_t8", dict(num_classes=10), (256, None), (64, None))
backbone("edgenext", "edgenext_xx_small", dict(num_classes=10))
backbone("hiera", "hiera_tiny_224", dict(num_classes=10, embed_dim=24, num_heads=1, stages=(1, 1, 1, 1)), FIXED, FIXED, exporters=("torchscript",))
backbone("repvit", "repvit_m0_9", dict(num_classes=10), gain=0.7)
backbone("ghostnetv2", "ghostnetv2_100", dict(num_classes=10), small_sizes=(64, (96, 64)))
backbone("mobilenetv4", "mobilenetv4_conv_small", dict(num_classes=10))
backbone("mobilenetv4-hybrid", "mobilenetv4_hybrid_medium", dict(num_classes=10), FIXED, FIXED_SMALL)
backbone("efficientformerv2", "efficientformerv2_s0", dict(num_classes=10), FIXED, FIXED)
backbone("poolformer", "poolformer_s12", dict(num_classes=10))
backbone("pvt-v2", "pvt_v2_b0", dict(num_classes=10))
backbone("mixer", "mixer_s16_224", dict(img_size=64, num_classes=10), FIXED, FIXED_SMALL)
backbone("xcit", "xcit_nano_12_p16_224", dict(num_classes=10, depth=2, embed_dim=32, num_heads=2))
backbone("crossvit", "crossvit_tiny_240", dict(num_classes=10), (240, None), (240, None))
backbone("levit", "levit_128s", dict(num_classes=10), FIXED, FIXED)
backbone("nfnet", "eca_nfnet_l0", dict(num_classes=10))
backbone("volo", "volo_d1_224", dict(num_classes=10), FIXED, FIXED, exporters=("dynamo",))
backbone("twins", "twins_svt_small", dict(num_classes=10), FIXED, FIXED, exporters=("torchscript",))
backbone("focalnet", "focalnet_tiny_srf", dict(num_classes=10))
backbone("mambaout", "mambaout_femto", dict(num_classes=10))
backbone("starnet", "starnet_s1", dict(num_classes=10), gain=0.8)
backbone("inception-next", "inception_next_atto", dict(num_classes=10))
backbone("hgnet", "hgnetv2_b0", dict(num_classes=10))
backbone("inception-v3", "inception_v3", dict(num_classes=10), (299, (224, 256)), (96, (96, 128)))
backbone("res2net", "res2net50_26w_4s", dict(num_classes=10))
backbone("densenet", "densenet121", dict(num_classes=10))
backbone("dpn", "dpn48b", dict(num_classes=10))
backbone("halonet", "halonet26t", dict(num_classes=10), (256, None), (256, None), exporters=("dynamo",))
backbone("botnet", "botnet26t_256", dict(num_classes=10), (256, None), (256, None))
backbone("lambda", "lambda_resnet26t", dict(num_classes=10), (256, None), (256, None))
backbone("gcvit", "gcvit_xxtiny", dict(num_classes=10), FIXED, FIXED)
backbone(
    "davit", "davit_tiny", dict(num_classes=10, embed_dims=(8, 8, 16, 16), num_heads=(1, 1, 2, 2), depths=(1, 1, 1, 1)), exporters=("torchscript",)
)
backbone("tiny-vit", "tiny_vit_5m_224", dict(num_classes=10), FIXED, FIXED)
backbone("nextvit", "nextvit_small", dict(num_classes=10), gain=0.8)
backbone("mvitv2", "mvitv2_tiny", dict(num_classes=10), FIXED, FIXED)
backbone("rdnet", "rdnet_tiny", dict(num_classes=10))
backbone("shvit", "shvit_s1", dict(num_classes=10))
