"""What ``export.py`` exports: the tables of full-size networks, small networks and operator families.

Nothing here imports PyTorch: a network is named as ``module.Class`` and built later.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

TORCHSCRIPT = "torchscript"
DYNAMO = "dynamo"
ONNXRUNTIME = "onnxruntime"
PYTORCH = "pytorch"
OPSETS = {TORCHSCRIPT: (9, 11, 13, 17), DYNAMO: (18, 20, 23)}
ODD_SIZES = ("plain-torchscript17", "plain-dynamo20", "keyvalue-torchscript17", "edge-torchscript17", "inpaint-dynamo20")

Sizes = dict[str, int]


@dataclass(frozen=True)
class Value:
    """An input or output: a name, a shape whose letters are sizes, and for inputs the range ``low`` to ``high`` and type."""

    name: str
    shape: tuple[int | str, ...]
    low: float = -1.0
    high: float = 1.0
    dtype: str = "float32"


@dataclass(frozen=True)
class Case:
    """One exported file with its test data: a data set for every entry of ``sizes``, the first of which is the example too.

    ``fold`` False keeps batch norms and weight arithmetic as nodes; ``training`` exports in training mode. ``external`` is
    empty for one file, "exporter" to let the newer exporter split it, "one file" or "a file each" for the weights.
    """

    name: str
    network: str
    inputs: tuple[Value, ...]
    sizes: tuple[Sizes, ...]
    exporter: str
    opset: int
    options: dict[str, Any] = field(default_factory=dict)
    outputs: tuple[Value, ...] = ()
    dynamic: bool = True
    fold: bool = True
    training: bool = False
    external: str = ""
    weights_are_inputs: bool = False
    reference: str = ONNXRUNTIME
    seed: int = 1


@dataclass(frozen=True)
class Network:
    """What is the same in every export of one network; the sides of its pictures are multiples of ``multiple``."""

    title: str
    network: str
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    options: dict[str, Any]
    square: Sizes
    odd: Sizes
    batch: Sizes
    multiple: int = 1

    def case(self, exporter: str, opset: int, suffix: str = "", **settings: Any) -> Case:
        """A case of this network, by default with dynamic sizes."""
        name = "-".join(part for part in (self.title, f"{exporter}{opset}", suffix) if part)
        return Case(name, self.network, self.inputs, exporter=exporter, opset=opset,
                    options=self.options, outputs=self.outputs, **settings)


def _size(n: int, h: int, w: int, grid: bool = False) -> Sizes:
    """Sizes of N pictures of h x w; with ``grid`` also those of the encoder's output, h and w."""
    sizes = {"N": n, "H": h, "W": w}
    return {**sizes, "h": -(-h // 16), "w": -(-w // 16)} if grid else sizes


PICTURE = Value("picture", ("N", 3, "H", "W"))
REPAIRED = Value("repaired", ("N", 3, "H_out", "W_out"))

PLAIN = Network(
    "plain", "networks.Generator", (PICTURE,), (REPAIRED,), {"widths": (5, 7, 8, 12), "bottleneck": 17},
    _size(1, 32, 32), _size(1, 100, 75), _size(2, 17, 20))

KEYVALUE = Network(
    "keyvalue", "networks.KeyValueGenerator",
    (PICTURE, Value("mask", ("N", "h", "w"), low=-1, high=5, dtype="int64")), (REPAIRED,),
    {"widths": (3, 5, 8, 9), "bottleneck": 13},
    _size(1, 32, 32, grid=True), _size(1, 50, 37, grid=True), _size(2, 17, 20, grid=True))

EDGE = Network(
    "edge", "networks.EdgeGenerator",
    (Value("gray_edge_mask", ("N", 3, "H", "W"), low=0),), (Value("edges", ("N", 1, "H", "W")),),
    {"width": 3, "blocks": 1}, _size(1, 24, 24), _size(1, 100, 76), _size(2, 20, 28), multiple=4)

INPAINT = Network(
    "inpaint", "networks.InpaintGenerator",
    (Value("rgb_edge", ("N", 4, "H", "W"), low=0),), (Value("painted", ("N", 3, "H", "W")),),
    {"width": 3, "blocks": 2}, _size(1, 24, 24), _size(1, 52, 36), _size(2, 20, 28), multiple=4)

NETWORKS = (PLAIN, KEYVALUE, EDGE, INPAINT)


def _full_sizes(network: Network) -> tuple[Sizes, Sizes]:
    """256x256, and 100x75 or the nearest legal size above."""
    grid = "h" in network.square
    return _size(1, 256, 256, grid), _size(1, 100, -(-75 // network.multiple) * network.multiple, grid)


def full_cases() -> Iterator[Case]:
    """The networks at full width, by both exporters."""
    for network in NETWORKS:
        whole = replace(network, options={})
        yield whole.case(TORCHSCRIPT, 17, sizes=_full_sizes(network))
        yield whole.case(DYNAMO, 20, sizes=_full_sizes(network))
    whole = replace(KEYVALUE, options={})
    yield whole.case(TORCHSCRIPT, 17, "external", sizes=_full_sizes(whole), external="one file")
    yield whole.case(DYNAMO, 20, "external", sizes=_full_sizes(whole), external="exporter")


def _network_cases() -> Iterator[Case]:
    """Every small network by both exporters at every opset; squares and batches take turns to keep the data small."""
    for network in NETWORKS:
        for exporter, opsets in OPSETS.items():
            for k, opset in enumerate(opsets):
                case = network.case(exporter, opset, sizes=((network.square, network.batch)[k % 2],))
                yield replace(case, sizes=(*case.sizes, network.odd)) if case.name in ODD_SIZES else case


def _variant_cases() -> Iterator[Case]:
    """Other ways to write the same networks down."""
    for network in (PLAIN, EDGE):
        yield network.case(TORCHSCRIPT, 7, sizes=(network.square,))
        for exporter, opset in ((TORCHSCRIPT, 13), (TORCHSCRIPT, 17), (DYNAMO, 20)):
            yield network.case(exporter, opset, "unfolded", sizes=(network.batch,), fold=False)
        for exporter, opset in ((TORCHSCRIPT, 11), (DYNAMO, 18)):
            yield network.case(exporter, opset, "static", sizes=(network.square,), dynamic=False)
    for network in (KEYVALUE, INPAINT):
        yield network.case(DYNAMO, 25, sizes=(network.batch,))
    yield PLAIN.case(TORCHSCRIPT, 9, "ir3", sizes=(PLAIN.square,), weights_are_inputs=True)
    yield PLAIN.case(DYNAMO, 18, "external", sizes=(PLAIN.square,), external="exporter")
    yield INPAINT.case(TORCHSCRIPT, 17, "external", sizes=(INPAINT.square,), external="one file")
    mask = replace(KEYVALUE.inputs[1], dtype="int32")
    yield replace(KEYVALUE, inputs=(PICTURE, mask)).case(TORCHSCRIPT, 17, "int32", sizes=(KEYVALUE.batch,))


SIGNAL4 = Value("signal", ("N", 4, "L"))
SIGNAL6 = Value("signal", ("N", 6, "L"))
PICTURE3 = Value("picture", ("N", 3, "H", "W"))
VOLUME2 = Value("volume", ("N", 2, "D", "H", "W"))
VOLUME_SIZES = ({"N": 2, "L": 11, "D": 3, "H": 4, "W": 5}, {"N": 1, "L": 8, "D": 4, "H": 3, "W": 7})
PICTURE_SIZES = ({"N": 2, "H": 7, "W": 6}, {"N": 1, "H": 5, "W": 8})

OPERATORS: dict[str, tuple[tuple[Value, ...], tuple[Sizes, ...]]] = {
    "ConvTranspose1d": ((SIGNAL4,), VOLUME_SIZES),
    "ConvTranspose2d": ((Value("picture", ("N", 6, "H", "W")),), ({"N": 2, "H": 4, "W": 5}, {"N": 1, "H": 5, "W": 3})),
    "ConvTranspose3d": ((Value("volume", ("N", 4, "D", "H", "W")),), VOLUME_SIZES),
    "Convolution": ((SIGNAL6, Value("picture", ("N", 6, "H", "W")), VOLUME2), VOLUME_SIZES),
    "PaddedConvolution": ((PICTURE3,), PICTURE_SIZES),
    "Pad": ((Value("picture", ("N", 2, "H", "W")),), PICTURE_SIZES),
    "InstanceNorm": ((SIGNAL4, PICTURE3, VOLUME2), VOLUME_SIZES),
    "BatchNorm": ((SIGNAL4, PICTURE3, VOLUME2), VOLUME_SIZES),
    "SplitConcat": ((Value("picture", ("N", 7, "H", "W")),), PICTURE_SIZES),
    "Gather": ((Value("picture", ("N", 5, "H", "W")), Value("index", ("K",), 0, 5, "int64")),
               tuple({**sizes, "K": 3} for sizes in PICTURE_SIZES)),
    "Compare": ((Value("a", ("N", 3, "W")), Value("b", ("N", 3, "W")), Value("mask", ("N", 1, "W"), 0, 4, "int64")),
                PICTURE_SIZES),
    "Arithmetic": ((Value("a", ("N", 3, "W"), 0.1, 3), Value("b", (3, 1), 0.1, 2)), PICTURE_SIZES),
    "Activation": ((Value("x", ("N", 3, "W"), -4, 4),), PICTURE_SIZES),
    "Reduce": ((PICTURE3,), PICTURE_SIZES),
    "Linear": ((Value("flat", ("N", 12)), Value("deep", ("N", 5, 12))), PICTURE_SIZES),
    "Reshape": ((Value("picture", ("N", 6, "H", "W")),), PICTURE_SIZES),
    "Expand": ((PICTURE3,), PICTURE_SIZES),
    "UNet": ((PICTURE3,), ({"N": 2, "H": 12, "W": 16}, {"N": 1, "H": 20, "W": 24})),
}


STRIDED_SLICE = "SplitConcat"


def _operator_cases() -> Iterator[Case]:
    """Every operator family in the old spelling (attributes), the newer one (inputs) and by the newer exporter."""
    for network, (inputs, sizes) in OPERATORS.items():
        oldest = 11 if network == STRIDED_SLICE else 9
        for exporter, opset in ((TORCHSCRIPT, oldest), (TORCHSCRIPT, 17), (DYNAMO, 20)):
            name = f"{network.lower()}-{exporter}{opset}"
            yield Case(name, f"operators.{network}", inputs, sizes, exporter, opset)


def _special_cases() -> Iterator[Case]:
    """Operator families that only one exporter, one mode or one reference can do."""
    dropout = ((Value("x", ("N", 12)),), PICTURE_SIZES)
    yield Case("dropout-torchscript11", "operators.Dropout", *dropout, TORCHSCRIPT, 11, training=True)
    tracked = (PICTURE3,), PICTURE_SIZES
    yield Case("trackedinstancenorm-dynamo20", "operators.TrackedInstanceNorm", *tracked, DYNAMO, 20)
    yield Case("trackedinstancenorm-torchscript17-static", "operators.TrackedInstanceNorm", (PICTURE3,), PICTURE_SIZES[:1],
               TORCHSCRIPT, 17, dynamic=False)
    inputs, sizes = OPERATORS["ConvTranspose2d"]
    for exporter, opset in ((TORCHSCRIPT, 13), (DYNAMO, 18)):
        yield Case(f"outputpadding-{exporter}{opset}", "operators.OutputPadding", inputs, sizes, exporter, opset, reference=PYTORCH)
    inputs, sizes = OPERATORS["UNet"]
    yield Case("unet-torchscript17-files", "operators.UNet", inputs, sizes[:1], TORCHSCRIPT, 17, external="a file each")


def small_cases() -> Iterator[Case]:
    """Everything under ``models/small``."""
    yield from _network_cases()
    yield from _variant_cases()
    yield from _operator_cases()
    yield from _special_cases()
