"""Segmentation, detection and optical flow: torchvision and segmentation-models-pytorch."""

from __future__ import annotations

from typing import Any

import torch
from modules import Called
from registry import Value, network

SIZES = (256, (192, 320))
SMALL = (64, (64, 96))


def segmentation(architecture: str, encoder: str, small: Any = SMALL, **options: Any) -> None:
    """A network of segmentation-models-pytorch."""

    def build(full: bool) -> torch.nn.Module:
        import segmentation_models_pytorch as models

        return models.create_model(architecture, encoder, encoder_weights=None, classes=4)

    network(f"smp-{architecture}-{encoder}", "segmentation", build, SIZES, small, gain=1.25, **options)


for _architecture, _encoder in (
    ("unet", "mobilenet_v2"),
    ("unetplusplus", "resnet18"),
    ("manet", "timm-mobilenetv3_small_minimal_100"),
    ("linknet", "resnet18"),
    ("fpn", "efficientnet-b0"),
    ("deeplabv3", "resnet18"),
    ("deeplabv3plus", "resnet34"),
    ("segformer", "mit_b0"),
):
    segmentation(_architecture, _encoder)
segmentation("pan", "resnet18", small=(128, (128, 160)))
segmentation("pspnet", "resnet18", exporters=("dynamo",))
segmentation("upernet", "resnet18", exporters=("dynamo",))


def vision(name: str, **config: Any) -> torch.nn.Module:
    """A network of torchvision."""
    import torchvision.models as models

    return models.get_model(name, weights=None, **config)


for _name, _model, _gain, _outputs in (
    ("deeplabv3", "deeplabv3_mobilenet_v3_large", 1.3, (0,)),
    ("deeplabv3-resnet50", "deeplabv3_resnet50", 1.0, (0,)),
    ("lraspp", "lraspp_mobilenet_v3_large", 1.0, None),
    ("fcn-resnet50", "fcn_resnet50", 1.0, (0,)),
):
    network(
        _name,
        "segmentation",
        lambda full, model=_model: vision(model, weights_backbone=None),
        (256, (200, 312)),
        SMALL,
        gain=_gain,
        outputs=_outputs,
    )


def detector(name: str, side: int, **config: Any) -> Any:
    """A detector, which takes a list of pictures and gives boxes, scores and labels."""

    def build(full: bool) -> torch.nn.Module:
        module = vision(name, weights_backbone=None, **config)
        return Called(module, lambda m, x: [found for one in m([x[0]]) for found in one.values()])

    return build


PICTURE = (Value("image", (1, 3, "H", "W")),)
network(
    "fasterrcnn",
    "detection",
    detector(
        "fasterrcnn_mobilenet_v3_large_320_fpn",
        320,
        box_score_thresh=0.0,
        rpn_score_thresh=0.0,
        min_size=160,
        max_size=320,
    ),
    (160, None),
    (160, None),
    inputs=PICTURE,
    gain=1.5,
    batch=False,
    exporters=("torchscript",),
)
network(
    "retinanet",
    "detection",
    detector("retinanet_resnet50_fpn_v2", 320, score_thresh=0.005, min_size=160, max_size=320),
    (160, None),
    (160, None),
    inputs=PICTURE,
    gain=1.5,
    batch=False,
    exporters=("torchscript",),
)
network(
    "fcos",
    "detection",
    detector("fcos_resnet50_fpn", 320, score_thresh=0.0, min_size=160, max_size=320),
    (160, None),
    (160, None),
    inputs=PICTURE,
    gain=1.5,
    batch=False,
    exporters=("torchscript",),
)
network(
    "maskrcnn",
    "detection",
    detector("maskrcnn_resnet50_fpn_v2", 320, box_score_thresh=0.0, min_size=160, max_size=320),
    (160, None),
    (160, None),
    inputs=PICTURE,
    gain=1.5,
    batch=False,
    exporters=("torchscript",),
)
network(
    "keypointrcnn",
    "detection",
    detector("keypointrcnn_resnet50_fpn", 320, box_score_thresh=0.0, min_size=160, max_size=320),
    (160, None),
    (160, None),
    inputs=PICTURE,
    gain=1.5,
    batch=False,
    exporters=("torchscript",),
)


def raft(name: str, updates: int) -> Any:
    """Optical flow after some updates: the last estimate."""
    return lambda full: Called(vision(name), lambda m, a, b: m(a, b, num_flow_updates=updates))


PAIR = (Value("first", ("N", 3, "H", "W"), low=-1), Value("second", ("N", 3, "H", "W"), low=-1))
network(
    "raft-small",
    "optical flow",
    raft("raft_small", 3),
    ((128, 192), (136, 160)),
    (128, None),
    PAIR,
    outputs=(-1,),
    note="3 updates",
)
network(
    "raft-large",
    "optical flow",
    raft("raft_large", 2),
    ((128, 192), (136, 160)),
    (128, None),
    PAIR,
    outputs=(-1,),
    note="2 updates",
)
