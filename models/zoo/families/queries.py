"""Detection, segmentation by queries and by prompts, matting: small configurations of transformers' networks."""

from __future__ import annotations

from typing import Any

import torch
from modules import Called
from registry import Value, network, picture

from families.depth import configured, from_config, last, narrow, side, transformer


def detr(full: bool) -> Any:
    inner = configured(
        "ResNetConfig",
        embedding_size=16,
        hidden_sizes=[16, 32, 64, 128] if full else [8, 8, 16, 16],
        depths=[1, 1, 1, 1],
        out_features=["stage4"],
    )
    return configured(
        "DetrConfig",
        use_timm_backbone=False,
        backbone_config=inner,
        d_model=128 if full else 16,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=256 if full else 32,
        decoder_ffn_dim=256 if full else 32,
        num_queries=20,
        num_labels=7,
    )


def boxes(m: torch.nn.Module, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    found = m(x)
    return found.logits, found.pred_boxes


def vit_backbone(full: bool, **more: Any) -> Any:
    return configured(
        "VitDetConfig",
        image_size=side(full),
        num_channels=4,
        window_block_indices=[0, 2],
        residual_block_indices=[1],
        use_relative_position_embeddings=True,
        window_size=4,
        out_features=["stage4"],
        mlp_ratio=2,
        **{key: value for key, value in narrow(full).items() if key != "intermediate_size"},
        **more,
    )


def vitmatte(full: bool) -> Any:
    inner = vit_backbone(full)
    return configured(
        "VitMatteConfig",
        backbone_config=inner,
        hidden_size=inner.hidden_size,
        convstream_hidden_sizes=[16, 32, 64] if full else [4, 4, 8],
        fusion_hidden_sizes=[64, 32, 16, 8] if full else [8, 8, 4, 4],
    )


def sam_vision(full: bool) -> Any:
    return configured(
        "SamVisionConfig",
        image_size=side(full),
        patch_size=16,
        output_channels=64 if full else 16,
        window_size=3,
        global_attn_indexes=[1, 3],
        mlp_ratio=2.0,
        num_pos_feats=32 if full else 8,
        **{key: value for key, value in narrow(full).items() if key != "intermediate_size"},
    )


def sam(full: bool) -> Any:
    width = 64 if full else 16
    decoder = dict(
        hidden_size=width,
        mlp_dim=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        iou_head_hidden_dim=32,
        attention_downsample_rate=2,
    )
    return configured(
        "SamConfig",
        vision_config=sam_vision(full).to_dict(),
        prompt_encoder_config=dict(
            hidden_size=width, image_size=side(full), image_embedding_size=side(full) // 16, mask_input_channels=4
        ),
        mask_decoder_config=decoder,
    )


def decode(m: torch.nn.Module, embeddings: torch.Tensor, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    found = m(
        image_embeddings=embeddings,
        input_points=points,
        input_labels=torch.ones(points.shape[:3], dtype=torch.int64),
        multimask_output=True,
    )
    return found.pred_masks, found.iou_scores


transformer("detr", "detection", "DetrForObjectDetection", detr, how=boxes, batch=False)
transformer(
    "vitmatte",
    "matting",
    "VitMatteForImageMatting",
    vitmatte,
    gain=0.5,
    inputs=(picture(4),),
    how=lambda m, x: m(x).alphas,
    batch=False,
)
transformer("sam-encoder", "segmentation", "SamVisionModel", sam_vision, how=last)


def sam_decoder(full: bool) -> torch.nn.Module:
    """Prompt encoder and mask decoder over embeddings."""
    return Called(from_config("SamModel", sam(full)), decode)


POINTS = Value("points", ("N", 1, 2, 2), low=1, high=60)
network(
    "sam-decoder",
    "segmentation",
    lambda full: sam_decoder(True),
    (16, None),
    (16, None),
    (Value("embeddings", ("N", 64, 16, 16)), POINTS),
    batch=False,
)


def queries(full: bool, **more: Any) -> dict[str, Any]:
    inner = configured(
        "SwinConfig",
        image_size=side(full),
        embed_dim=16 if full else 8,
        depths=[1, 1, 1, 1],
        num_heads=[1, 1, 2, 2],
        window_size=4,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )
    return dict(backbone_config=inner, num_labels=7) | more


def mask2former(full: bool) -> Any:
    width = 64 if full else 32
    return configured(
        "Mask2FormerConfig",
        **queries(
            full,
            feature_size=width,
            mask_feature_size=width,
            hidden_dim=width,
            encoder_feedforward_dim=64,
            encoder_layers=1,
            decoder_layers=2,
            num_attention_heads=2,
            dim_feedforward=64,
            num_queries=10,
        ),
    )


def maskformer(full: bool) -> Any:
    width = 64 if full else 32
    decoder = configured(
        "DetrConfig",
        d_model=width,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        num_queries=10,
    )
    return configured(
        "MaskFormerConfig", fpn_feature_size=width, mask_feature_size=width, decoder_config=decoder, **queries(full)
    )


def masks(m: torch.nn.Module, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    found = m(x)
    return found.class_queries_logits, found.masks_queries_logits


transformer("mask2former", "segmentation", "Mask2FormerForUniversalSegmentation", mask2former, how=masks, batch=False)
transformer("maskformer", "segmentation", "MaskFormerForInstanceSegmentation", maskformer, how=masks, batch=False)
