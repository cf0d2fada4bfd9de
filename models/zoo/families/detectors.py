"""Detection by queries, places of joints, pictures and words together: small configurations of transformers' networks."""

from __future__ import annotations

from typing import Any

import torch
from registry import Value, picture

from families.depth import configured, logits, narrow, side, transformer
from families.queries import boxes


def stages(full: bool, *out: str) -> Any:
    sizes = [32, 64, 64, 128] if full else [8, 16, 16, 32]
    return configured("ResNetConfig", embedding_size=8, hidden_sizes=sizes, depths=[1, 1, 1, 1], out_features=list(out))


def detector(config: str, *out: str, width: str = "d_model", **more: Any) -> Any:
    """A configuration of a relative of DETR, by whether it is full."""

    def build(full: bool) -> Any:
        return configured(
            config,
            use_timm_backbone=False,
            backbone_config=stages(full, *(out or ("stage4",))),
            encoder_layers=1,
            decoder_layers=2,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=128 if full else 32,
            decoder_ffn_dim=128 if full else 32,
            num_queries=20 if full else 10,
            num_labels=5,
            **{width: 64 if full else 32},
            **more,
        )

    return build


SIZES = (256, (192, 320))
SMALL = (64, (96, 64))
for _name, _model, _config in (
    ("conditional-detr", "ConditionalDetrForObjectDetection", detector("ConditionalDetrConfig")),
    ("dab-detr", "DabDetrForObjectDetection", detector("DabDetrConfig", width="hidden_size")),
    ("table-transformer", "TableTransformerForObjectDetection", detector("TableTransformerConfig")),
):
    transformer(_name, "detection", _model, _config, SIZES, SMALL, boxes)
transformer(
    "deformable-detr",
    "detection",
    "DeformableDetrForObjectDetection",
    detector("DeformableDetrConfig", "stage2", "stage3", "stage4", num_feature_levels=4),
    SIZES,
    (128, (160, 128)),
    boxes,
    exporters=("torchscript",),
)


def vit(full: bool) -> dict[str, Any]:
    return narrow(full, num_hidden_layers=3)


def yolos(full: bool) -> Any:
    return configured("YolosConfig", image_size=[side(full)] * 2, num_detection_tokens=10, num_labels=5, **vit(full))


def vitpose(full: bool) -> Any:
    inner = configured(
        "VitPoseBackboneConfig",
        image_size=[side(full)] * 2,
        patch_size=[16, 16],
        hidden_size=64 if full else 32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_experts=1,
        out_indices=[2],
    )
    return configured("VitPoseConfig", backbone_config=inner, num_labels=5)


transformer("yolos", "detection", "YolosForObjectDetection", yolos, how=boxes)
transformer("vitpose", "joints", "VitPoseForPoseEstimation", vitpose, how=lambda m, x: m(x).heatmaps)

WORDS = Value("words", ("N", 16), "int64", high=49)


def both(config: str, **more: Any) -> Any:
    """A configuration of a tower for words and one for pictures."""

    def build(full: bool) -> Any:
        words = dict(vocab_size=50, max_position_embeddings=16, eos_token_id=49) | vit(full)
        seen = dict(image_size=side(full), patch_size=16) | vit(full)
        return configured(config, text_config=words, vision_config=seen, projection_dim=seen["hidden_size"], **more)

    return build


def clip(m: torch.nn.Module, x: torch.Tensor, words: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    found = m(input_ids=words, pixel_values=x)
    return found.logits_per_image, found.text_embeds


def found(m: torch.nn.Module, x: torch.Tensor, words: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    result = m(input_ids=words, pixel_values=x)
    return result.logits, result.pred_boxes


SEEN = (picture(), WORDS)
CLIPSEG = dict(extract_layers=[0, 1, 2], reduce_dim=16, decoder_num_attention_heads=2, decoder_intermediate_size=32)
transformer("clip", "pictures and words", "CLIPModel", both("CLIPConfig"), how=clip, inputs=SEEN)
transformer(
    "owlvit", "detection", "OwlViTForObjectDetection", both("OwlViTConfig"), how=found, inputs=SEEN, batch=False
)
transformer(
    "clipseg",
    "segmentation",
    "CLIPSegForImageSegmentation",
    both("CLIPSegConfig", **CLIPSEG),
    how=lambda m, x, words: m(input_ids=words, pixel_values=x).logits,
    inputs=SEEN,
)


def textnet(full: bool) -> Any:
    return configured(
        "TextNetConfig",
        stem_out_channels=8,
        hidden_sizes=[32, 32, 64, 64, 128] if full else [8, 8, 16, 16, 32],
        conv_layer_kernel_sizes=[[[3, 3]], [[3, 1], [1, 3]], [[3, 3]], [[3, 3]]],
        conv_layer_strides=[[2], [2, 1], [2], [2]],
    )


transformer("textnet", "backbone", "TextNetForImageClassification", textnet, SIZES, SMALL, logits)
