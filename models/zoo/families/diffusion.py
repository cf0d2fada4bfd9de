"""Pieces of diffusion models, as diffusers defines them, at small widths."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from modules import Called
from registry import Value, network

LATENT = (Value("latent", ("N", 4, "H", "W"), low=-2, high=2),)
SIZES = (32, (24, 40))
SMALL = (8, (8, 16))
STEP = Value("step", ("N",), low=1, high=999)


def diffusers(
    name: str,
    cls: str,
    config: Callable[[bool], dict[str, Any]],
    how: Callable[..., Any],
    sizes: Any,
    small: Any,
    inputs: tuple[Value, ...],
    **options: Any,
) -> None:
    """A network of diffusers: ``config(full)`` is its configuration, ``how`` calls it."""

    def build(full: bool) -> torch.nn.Module:
        import diffusers as library

        return Called(getattr(library, cls)(**config(full)), how)

    network(name, "diffusion", build, sizes, small, inputs, **options)


def widths(full: bool, count: int = 4) -> tuple[int, ...]:
    return ((32, 64, 128, 128) if full else (8, 8, 16, 16))[:count]


def autoencoder(full: bool) -> dict[str, Any]:
    return dict(
        block_out_channels=widths(full),
        layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        norm_num_groups=16 if full else 4,
    )


def plain_unet(full: bool) -> dict[str, Any]:
    return dict(
        sample_size=64,
        block_out_channels=widths(full, 3),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
        norm_num_groups=16 if full else 4,
        attention_head_dim=8,
    )


def conditioned(full: bool) -> dict[str, Any]:
    return dict(
        sample_size=32,
        block_out_channels=widths(full, 2),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=32,
        attention_head_dim=4,
        norm_num_groups=8 if full else 4,
    )


def controlled(full: bool) -> dict[str, Any]:
    return dict(
        block_out_channels=widths(full, 2),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        cross_attention_dim=32,
        attention_head_dim=4,
        norm_num_groups=8 if full else 4,
        conditioning_embedding_out_channels=(8, 16),
    )


def quantized(full: bool) -> dict[str, Any]:
    return dict(
        block_out_channels=widths(full, 2),
        layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=8 if full else 4,
        num_vq_embeddings=64 if full else 16,
        vq_embed_dim=4,
        latent_channels=4,
    )


diffusers(
    "vae-decoder",
    "AutoencoderKL",
    autoencoder,
    lambda m, z: m.decode(z, return_dict=False)[0],
    SIZES,
    SMALL,
    LATENT,
    note="32-128 channels, not 128-512",
)
diffusers(
    "vae-encoder",
    "AutoencoderKL",
    autoencoder,
    lambda m, x: m.encode(x).latent_dist.parameters,
    (128, (96, 160)),
    (32, (32, 48)),
    (Value("image", ("N", 3, "H", "W"), low=-1),),
    note="32-128 channels, not 128-512",
)
diffusers(
    "vae-tiny-decoder",
    "AutoencoderTiny",
    lambda full: {} if full else dict(encoder_block_out_channels=(8,) * 4, decoder_block_out_channels=(8,) * 4),
    lambda m, z: m.decode(z, return_dict=False)[0],
    SIZES,
    SMALL,
    LATENT,
)
diffusers(
    "vae-tiny-encoder",
    "AutoencoderTiny",
    lambda full: {} if full else dict(encoder_block_out_channels=(8,) * 4, decoder_block_out_channels=(8,) * 4),
    lambda m, x: m.encode(x).latents,
    (128, (96, 160)),
    (32, (32, 48)),
    (Value("image", ("N", 3, "H", "W")),),
)
diffusers(
    "vq",
    "VQModel",
    quantized,
    lambda m, x: m(x, return_dict=False)[0],
    (64, (48, 80)),
    (16, (16, 24)),
    (Value("image", ("N", 3, "H", "W")),),
)
diffusers(
    "unet2d",
    "UNet2DModel",
    plain_unet,
    lambda m, x, t: m(x, t, return_dict=False)[0],
    (64, (48, 80)),
    (16, (16, 24)),
    (Value("image", ("N", 3, "H", "W")), STEP),
    note="32-128 channels",
)
diffusers(
    "unet2d-condition",
    "UNet2DConditionModel",
    conditioned,
    lambda m, x, t, e: m(x, t, e, return_dict=False)[0],
    SIZES,
    (8, (8, 12)),
    (*LATENT, STEP, Value("text", ("N", 7, 32), low=-1)),
    note="32-64 channels",
)
diffusers(
    "controlnet",
    "ControlNetModel",
    controlled,
    lambda m, x, t, e, c: m(x, t, e, c, return_dict=False),
    (8, None),
    (8, None),
    (*LATENT, STEP, Value("text", ("N", 7, 32), low=-1), Value("image", ("N", 3, 16, 16))),
    note="32-64 channels",
)
diffusers(
    "dit",
    "DiTTransformer2DModel",
    lambda full: dict(
        sample_size=16,
        num_layers=2,
        num_attention_heads=2,
        attention_head_dim=16 if full else 8,
        in_channels=4,
        norm_num_groups=2,
        num_embeds_ada_norm=20,
    ),
    lambda m, x, t: m(x, timestep=t, class_labels=torch.ones(x.shape[0], dtype=torch.int64), return_dict=False)[0],
    (16, None),
    (16, None),
    (*LATENT, Value("step", ("N",), "int64", 1, 999)),
)
diffusers(
    "sd3-transformer",
    "SD3Transformer2DModel",
    lambda full: dict(
        sample_size=16,
        patch_size=2,
        in_channels=4,
        out_channels=4,
        num_layers=2,
        attention_head_dim=16 if full else 8,
        num_attention_heads=2,
        joint_attention_dim=32,
        caption_projection_dim=32 if full else 16,
        pooled_projection_dim=16,
        pos_embed_max_size=16,
    ),
    lambda m, x, e, p, t: m(x, e, p, t, return_dict=False)[0],
    (16, None),
    (16, None),
    (*LATENT, Value("text", ("N", 7, 32), low=-1), Value("pooled", ("N", 16), low=-1), STEP),
)
diffusers(
    "pixart-transformer",
    "PixArtTransformer2DModel",
    lambda full: dict(
        sample_size=16,
        num_layers=2,
        num_attention_heads=2,
        attention_head_dim=16,
        in_channels=4,
        out_channels=8,
        cross_attention_dim=32,
        caption_channels=32,
        norm_num_groups=2,
    ),
    lambda m, x, e, t: m(x, e, t, added_cond_kwargs={"resolution": None, "aspect_ratio": None}, return_dict=False)[0],
    (16, None),
    (16, None),
    (*LATENT, Value("text", ("N", 7, 32), low=-1), STEP),
    exporters=("torchscript",),
)
diffusers(
    "vq-spatial",
    "VQModel",
    lambda full: quantized(full) | dict(norm_type="spatial", block_out_channels=(32, 32)),
    lambda m, x: m(x, return_dict=False)[0],
    (64, (48, 80)),
    (16, (16, 24)),
    (Value("image", ("N", 3, "H", "W")),),
)
diffusers(
    "asymmetric-vae",
    "AsymmetricAutoencoderKL",
    lambda full: dict(
        down_block_types=("DownEncoderBlock2D",) * 2,
        down_block_out_channels=widths(full, 2),
        layers_per_down_block=1,
        up_block_types=("UpDecoderBlock2D",) * 2,
        up_block_out_channels=widths(full, 2),
        layers_per_up_block=1,
        norm_num_groups=8 if full else 4,
    ),
    lambda m, x, mask: m.decode(m.encode(x).latent_dist.mode(), image=x, mask=mask, return_dict=False)[0],
    (64, (48, 80)),
    (16, (16, 24)),
    (Value("image", ("N", 3, "H", "W")), Value("mask", ("N", 1, "H", "W"))),
)


def frames(full: bool, blocks: str, **more: Any) -> dict[str, Any]:
    """A network for frames of two levels."""
    return (
        dict(
            sample_size=16,
            out_channels=4,
            down_block_types=(f"CrossAttnDownBlock{blocks}", f"DownBlock{blocks}"),
            up_block_types=(f"UpBlock{blocks}", f"CrossAttnUpBlock{blocks}"),
            block_out_channels=(32, 64) if full else (32, 32),
            layers_per_block=1,
            cross_attention_dim=16,
        )
        | more
    )


TEXT16 = Value("text", ("N", 6, 16), low=-1)
diffusers(
    "unet3d",
    "UNet3DConditionModel",
    lambda full: frames(full, "3D", in_channels=4, norm_num_groups=4, attention_head_dim=8),
    lambda m, x, e, t: m(x, t, e, return_dict=False)[0],
    (32, (24, 40)),
    (16, (24, 16)),
    (Value("latent", ("N", 4, 4, "H", "W"), low=-1), TEXT16, STEP),
    exporters=("torchscript",),
)
diffusers(
    "unet-frames",
    "UNetSpatioTemporalConditionModel",
    lambda full: frames(
        full,
        "SpatioTemporal",
        in_channels=8,
        num_attention_heads=2,
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=24,
    ),
    lambda m, x, e, more, t: m(x, t, e, more, return_dict=False)[0],
    (32, (24, 40)),
    (16, (24, 16)),
    (
        Value("latent", ("N", 2, 8, "H", "W"), low=-1),
        Value("seen", ("N", 1, 16), low=-1),
        Value("more", ("N", 3)),
        STEP,
    ),
    exporters=("torchscript",),
)
diffusers(
    "sana-transformer",
    "SanaTransformer2DModel",
    lambda full: dict(
        in_channels=4,
        out_channels=4,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=4 if full else 2,
        num_cross_attention_heads=4 if full else 2,
        cross_attention_head_dim=8,
        cross_attention_dim=32 if full else 16,
        caption_channels=16,
        sample_size=16,
    ),
    lambda m, x, e, t: m(x, e, t, return_dict=False)[0],
    (32, (24, 40)),
    (16, (24, 16)),
    (*LATENT, TEXT16, STEP),
    exporters=("torchscript",),
)
