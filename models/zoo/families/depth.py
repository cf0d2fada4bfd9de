"""Depth, segmentation and backbones: small configurations of transformers' networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from modules import Called
from registry import network

SIZES = (256, None)
SMALL = (64, None)


def configured(config: str, **values: Any) -> Any:
    """A configuration of transformers."""
    import transformers

    return getattr(transformers, config)(**values)


def from_config(model: str, config: Any) -> torch.nn.Module:
    """A network of transformers with its plain attention and drawn weights."""
    import transformers

    config._attn_implementation = "eager"
    return getattr(transformers, model)(config)


def transformer(
    name: str,
    family: str,
    model: str,
    config: Callable[[bool], Any],
    sizes: Any = SIZES,
    small: Any = SMALL,
    how: Callable[..., Any] | None = None,
    **options: Any,
) -> None:
    """Register a network: ``config(full)`` is its configuration, ``how`` calls it."""

    def build(full: bool) -> torch.nn.Module:
        module = from_config(model, config(full))
        return Called(module, how) if how else module

    network(name, family, build, sizes, small, **options)


def side(full: bool) -> int:
    """The side of a fixed picture."""
    return 256 if full else 64


def narrow(full: bool, **more: Any) -> dict[str, Any]:
    """The width of a vision transformer."""
    width = dict(hidden_size=192, num_hidden_layers=4, num_attention_heads=3, intermediate_size=768)
    return (
        width if full else dict(hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=32)
    ) | more


def depth(m: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    return m(x).predicted_depth


def logits(m: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    return m(x).logits


def last(m: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    return m(x).last_hidden_state


def necks(full: bool) -> dict[str, Any]:
    return dict(neck_hidden_sizes=[48, 96, 192, 192] if full else [8, 8, 16, 16], fusion_hidden_size=64 if full else 8)


def dpt(full: bool) -> Any:
    return configured(
        "DPTConfig", image_size=side(full), backbone_out_indices=[0, 1, 2, 3], **narrow(full), **necks(full)
    )


def dinov2(full: bool, **more: Any) -> Any:
    return configured("Dinov2Config", image_size=252 if full else 56, patch_size=14, **narrow(full), **more)


def depth_anything(full: bool) -> Any:
    inner = dinov2(full, out_indices=[1, 2, 3, 4], reshape_hidden_states=False, apply_layernorm=True)
    return configured(
        "DepthAnythingConfig",
        backbone_config=inner,
        reassemble_hidden_size=192 if full else 16,
        patch_size=14,
        **necks(full),
    )


STAGES = dict(depths=[1, 1, 1, 1], num_attention_heads=[1, 2, 2, 4])


def glpn(full: bool) -> Any:
    sizes = [32, 64, 160, 256] if full else [8, 8, 16, 16]
    return configured("GLPNConfig", hidden_sizes=sizes, decoder_hidden_size=64 if full else 8, **STAGES)


def segformer(full: bool) -> Any:
    sizes = [32, 64, 160, 256] if full else [8, 8, 16, 16]
    return configured(
        "SegformerConfig", hidden_sizes=sizes, decoder_hidden_size=256 if full else 8, num_labels=7, **STAGES
    )


transformer("dpt", "depth", "DPTForDepthEstimation", dpt, how=depth, note="ViT of 4 layers of 192")
transformer(
    "depth-anything",
    "depth",
    "DepthAnythingForDepthEstimation",
    depth_anything,
    (252, (196, 280)),
    (56, (70, 84)),
    how=depth,
    note="Dinov2 of 4 layers of 192",
)
transformer(
    "glpn",
    "depth",
    "GLPNForDepthEstimation",
    glpn,
    (256, (192, 320)),
    (64, (64, 96)),
    how=depth,
    note="1 block a stage",
)
transformer(
    "segformer",
    "segmentation",
    "SegformerForSemanticSegmentation",
    segformer,
    (256, (192, 320)),
    (64, (64, 96)),
    how=logits,
    note="1 block a stage",
)
transformer(
    "dinov2", "backbone", "Dinov2Model", dinov2, (252, (196, 280)), (56, (70, 84)), how=last, note="4 layers of 192"
)
transformer(
    "dinov3-vit",
    "backbone",
    "DINOv3ViTModel",
    lambda full: configured(
        "DINOv3ViTConfig", image_size=side(full), patch_size=16, num_register_tokens=4, **narrow(full)
    ),
    (256, (192, 320)),
    (64, (64, 96)),
    how=last,
    note="4 layers of 192",
)
transformer(
    "clip-vision",
    "backbone",
    "CLIPVisionModelWithProjection",
    lambda full: configured(
        "CLIPVisionConfig", image_size=side(full), patch_size=16, projection_dim=32, **narrow(full)
    ),
    how=lambda m, x: m(x).image_embeds,
    note="4 layers of 192",
)
transformer(
    "siglip-vision",
    "backbone",
    "SiglipVisionModel",
    lambda full: configured("SiglipVisionConfig", image_size=side(full), patch_size=16, **narrow(full)),
    how=lambda m, x: m(x).pooler_output,
    note="4 layers of 192",
)
transformer(
    "mobilevit",
    "backbone",
    "MobileViTForSemanticSegmentation",
    lambda full: configured(
        "MobileViTConfig",
        image_size=side(full),
        **(
            {}
            if full
            else dict(
                hidden_sizes=[16, 16, 24],
                neck_hidden_sizes=[8, 8, 8, 16, 16, 24, 32],
                num_attention_heads=2,
                aspp_out_channels=16,
            )
        ),
    ),
    (256, None),
    (64, None),
    how=logits,
)
transformer(
    "mobilevitv2",
    "backbone",
    "MobileViTV2ForSemanticSegmentation",
    lambda full: configured(
        "MobileViTV2Config",
        image_size=side(full),
        **({} if full else dict(width_multiplier=0.25, aspp_out_channels=16, n_attn_blocks=[1, 1, 1])),
    ),
    (256, None),
    (64, None),
    how=logits,
    exporters=("dynamo",),
)
transformer(
    "upernet",
    "segmentation",
    "UperNetForSemanticSegmentation",
    lambda full: configured(
        "UperNetConfig",
        backbone_config=configured(
            "ConvNextConfig",
            hidden_sizes=[32, 64, 128, 256] if full else [8, 8, 16, 16],
            depths=[1, 1, 2, 1],
            out_features=["stage1", "stage2", "stage3", "stage4"],
        ),
        hidden_size=64 if full else 8,
        use_auxiliary_head=False,
        num_labels=7,
        pool_scales=[1, 2],
    ),
    (256, None),
    (64, None),
    how=logits,
)
transformer(
    "beit-segmentation",
    "segmentation",
    "BeitForSemanticSegmentation",
    lambda full: configured(
        "BeitConfig",
        image_size=side(full),
        num_labels=7,
        use_relative_position_bias=True,
        out_indices=[1, 2, 3, 4],
        pool_scales=[1, 2],
        use_auxiliary_head=False,
        auxiliary_channels=8,
        **narrow(full),
    ),
    how=logits,
)
