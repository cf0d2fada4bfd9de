"""What networks expect of pictures and masks: build/venv/bin/python tests/e2e/contracts.py build/limner [NAME...]

Networks of contract_networks.py, by limner and by onnxruntime. Ends in "contracts: N passed, N failed".
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

import runner
from contract_networks import Contract, composed, feed, network, run_there

ROOT = Path(__file__).resolve().parents[2]
SEED = int(os.environ.get("LIMNER_TEST_SEED", "20230923"))


# ---- running limner ----

def limner(*words: object, code: int = 0) -> str:
    """Runs it; what it said on stderr."""
    done = subprocess.run([LIMNER, *map(str, words)], capture_output=True, text=True, timeout=120)
    assert done.returncode == code, f"$ limner {' '.join(map(str, words))}\nexit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stderr


def load(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def picture(height: int, width: int) -> np.ndarray:
    """Smooth colours that differ by channel and place, 0..1 of bytes."""
    y, x = np.mgrid[0:height, 0:width]
    rng = np.random.default_rng(SEED)
    a, b = rng.uniform(0.02, 0.09, (2, 3))
    rgb = 0.5 + 0.45 * np.sin(y[..., None] * a + x[..., None] * b + np.arange(3) * 1.7)
    return np.rint(rgb * 255) / 255


def write(folder: Path, height: int = 64, width: int = 72) -> tuple[np.ndarray, np.ndarray]:
    """in.png and mask.png."""
    rgb = picture(height, width)
    hole = np.zeros((height, width), bool)
    hole[height // 2:height // 2 + 7, width // 4:width // 2] = True
    Image.fromarray(np.rint(rgb * 255).astype(np.uint8)).save(folder / "in.png")
    Image.fromarray((hole * 255).astype(np.uint8)).save(folder / "mask.png")
    return rgb, hole


def check(folder: Path, contract: Contract, *, worse: bool = True) -> None:
    """By options, and by metadata; without either the picture is another one."""
    rgb, hole = write(folder, *(contract.size or (64, 72)))
    model = network(contract, folder / "m.onnx")
    wanted = composed(rgb, hole, run_there(model, contract, feed(contract, rgb, hole)))
    out = folder / "out.png"
    told = limner("inpaint", "--model", model, folder / "in.png", folder / "mask.png", "-o", out, *contract.options)
    assert not told, told
    assert np.abs(load(out) - wanted).max() <= 1.01, f"{contract.options}: {np.abs(load(out) - wanted).max()}"
    if contract.options:
        limner("annotate", model, "-o", folder / "a.onnx", *contract.options)
        told = limner("inpaint", "--model", folder / "a.onnx", folder / "in.png", folder / "mask.png", "-o", folder / "again.png")
        assert not told, told
        assert (load(folder / "again.png") == load(out)).all()
    if worse:
        plain = folder / "plain.png"
        done = subprocess.run([LIMNER, "inpaint", "--model", model, folder / "in.png", folder / "mask.png", "-o", plain], capture_output=True, text=True)
        assert done.returncode == 1 or np.abs(load(plain) - wanted).max() > 4, "the contract makes no difference"


IMAGENET = {"mean": (0.485, 0.456, 0.406), "deviation": (0.229, 0.224, 0.225)}
CASES = {
    # the networks that presets are for
    "lama": Contract(["--preset", "lama"], out_high=255, hole="black"),
    "lama_generator": Contract(["--preset", "lama-generator"], [["rgb", "mask"]], hole="black"),
    "migan": Contract(["--preset", "migan"], [["mask", "rgb"]], -1, 1, -1, 1, known_is_one=True, mask_zero=-0.5, mask_one=0.5, hole="zero"),
    "migan_pipeline": Contract(["--preset", "migan-pipeline"], [["rgb"], ["mask"]], 0, 255, 0, 255, known_is_one=True, mask_one=255, hole="keep", types=("uint8", "uint8"), out_type="uint8"),
    "mat": Contract(["--preset", "mat", "--multiple", "8"], [["rgb"], ["mask"], ["noise"]], -1, 1, -1, 1, known_is_one=True, hole="zero"),
    "comodgan": Contract(["--preset", "comodgan"], [["mask", "rgb"], ["noise"]], -1, 1, -1, 1, known_is_one=True, mask_zero=-0.5, mask_one=0.5, hole="zero"),
    "aot_gan": Contract(["--preset", "aot-gan"], [["rgb", "mask"]], -1, 1, -1, 1),
    "deepfill_v2": Contract(["--preset", "deepfill-v2"], [["rgb", "ones", "mask"]], -1, 1, -1, 1, hole="zero"),
    "generator": Contract(["--preset", "generator"], [["rgb"]], -1, 1, -1, 1),
    # each thing by itself, and some together
    "ranges_apart": Contract(["--input-range", "-1,1", "--output-range", "0,255"], low=-1, out_high=255),
    "odd_range": Contract(["--range", "16,235"], low=16, high=235, out_low=16, out_high=235),
    "imagenet": Contract(["--mean", "0.485,0.456,0.406", "--deviation", "0.229,0.224,0.225"], **IMAGENET),
    "caffe": Contract(["--input-range", "0,255", "--output-range", "0,1", "--mean", "104,117,123", "--order", "bgr"], low=0, high=255, mean=(104, 117, 123), order="bgr"),
    "one_mean": Contract(["--mean", "0.5", "--deviation", "0.25"], mean=(0.5,) * 3, deviation=(0.25,) * 3),
    "bgr": Contract(["--order", "bgr"], order="bgr"),
    "nhwc": Contract([], nhwc=True),
    "nhwc_joined_bytes": Contract(["--inputs", "rgb,mask"], [["rgb", "mask"]], 0, 255, 0, 255, mask_one=255, nhwc=True, types=("uint8",), out_type="uint8"),
    "bytes": Contract([], low=0, high=255, out_high=255, mask_one=255, types=("uint8", "uint8"), out_type="uint8"),
    "bytes_and_bool": Contract(["--hole", "keep"], low=0, high=255, types=("uint8", "bool"), hole="keep"),
    "half": Contract(["--range", "-1,1"], low=-1, out_low=-1, types=("float16", "float16"), out_type="float16"),
    "double": Contract([], types=("double", "double"), out_type="double"),
    "mask_known": Contract(["--mask-one", "known"], known_is_one=True),
    "mask_shifted": Contract(["--mask-range", "-1,1"], mask_zero=-1),
    "mask_bytes": Contract(["--mask-range", "0,255"], mask_one=255),
    "mask_first": Contract(["--inputs", "mask,rgb"], [["mask", "rgb"]]),
    "mask_input_first": Contract([], [["mask"], ["rgb"]]),
    "ones_last": Contract(["--inputs", "mask,rgb,ones", "--hole", "0.25"], [["mask", "rgb", "ones"]], hole=0.25),
    "gray": Contract(["--inputs", "gray/mask"], [["gray"], ["mask"]]),
    "gray_joined": Contract([], [["gray", "mask"]]),
    "hole_mean": Contract(["--hole", "mean"], hole="mean"),
    "hole_gray": Contract(["--hole", "gray", "--range", "-1,1"], low=-1, out_low=-1, hole="gray"),
    "hole_zero_normalised": Contract(["--hole", "zero", "--mean", "0.485,0.456,0.406", "--deviation", "0.229,0.224,0.225"], hole="zero", **IMAGENET),
    "fixed_size": Contract([], size=(48, 56)),
    "mask_without_channels": Contract([], ranks=(4, 3)),
    "mask_of_rank_two": Contract([], ranks=(4, 2), types=("float32", "bool")),
    "no_batch": Contract(["--order", "bgr", "--mask-one", "known"], ranks=(3, 3), order="bgr", known_is_one=True),
    "no_batch_nhwc_bytes": Contract([], low=0, high=255, out_high=255, mask_one=255, types=("uint8", "uint8"), out_type="uint8", nhwc=True, ranks=(3, 2)),
    "migan_nhwc_fixed": Contract(["--preset", "migan"], [["mask", "rgb"]], -1, 1, -1, 1, known_is_one=True, mask_zero=-0.5, mask_one=0.5, hole="zero", nhwc=True, size=(48, 56)),
}
SAME = {"mask_without_channels", "mask_of_rank_two", "no_batch_nhwc_bytes", "nhwc", "nhwc_joined_bytes", "bytes", "double", "mask_input_first", "gray", "gray_joined", "fixed_size"}  # found from the graph alone


# ---- sizes ----

def resampled(array: np.ndarray, height: int, width: int) -> np.ndarray:
    """Pillow's LANCZOS on floats, plane by plane."""
    planes = [np.asarray(Image.fromarray(array[..., c].astype(np.float32)).resize((width, height), Image.Resampling.LANCZOS)) for c in range(array.shape[2])]
    return np.stack(planes, -1).astype(np.float64)


def covered(hole: np.ndarray, height: int, width: int) -> np.ndarray:
    """A smaller or larger mask: what holds a hole is one."""
    h, w = hole.shape
    rows = [(y * h // height, -(-(y + 1) * h // height)) for y in range(height)]
    columns = [(x * w // width, -(-(x + 1) * w // width)) for x in range(width)]
    return np.array([[hole[a:b, c:d].any() for c, d in columns] for a, b in rows])


def resize_case(folder: Path, size: tuple[int, int], picture_size: tuple[int, int], *options: str, inner: tuple[int, int] | None = None, free: int | None = None) -> None:
    """There and back: all of the picture, or with its sides in proportion, and the rest by reflection. free: 0 or 1, the side that is not declared."""
    contract = Contract(size=size, low=-1, out_low=-1)
    rgb, hole = write(folder, *picture_size)
    model = network(contract if free is None else dataclasses.replace(contract, size=tuple("hw"[i] if i == free else side for i, side in enumerate(size))), folder / "m.onnx")
    height, width = inner or size
    small, mask = resampled(rgb, height, width).clip(0, 1), covered(hole, height, width)
    small = np.rint(small * 65535) / 65535
    pad = ((0, size[0] - height), (0, size[1] - width))
    light = run_there(model, contract, feed(contract, np.pad(small, (*pad, (0, 0)), "reflect"), np.pad(mask, pad, "reflect")))
    back = resampled(light[:height, :width], *picture_size)
    limner("inpaint", "--model", model, folder / "in.png", folder / "mask.png", "-o", folder / "out.png", "--range=-1,1", *options)
    assert np.abs(load(folder / "out.png") - composed(rgb, hole, back)).max() <= 1.05


def test_resized_there_and_back(folder: Path) -> None:
    """Smaller, larger, and with another aspect."""
    resize_case(folder, (48, 56), (70, 90), "--fit", "resize")
    resize_case(folder, (96, 80), (64, 72), "--fit", "resize")
    resize_case(folder, (48, 56), (140, 70), "--fit", "letterbox", inner=(48, 24))
    resize_case(folder, (64, 64), (60, 150), "--fit", "letterbox", inner=(26, 64))
    for fit in ("resize", "letterbox"):  # one side is free: in proportion, to the next multiple of 16
        resize_case(folder, (48, 64), (64, 72), "--fit", fit, inner=(48, 54), free=1)
        resize_case(folder, (112, 96), (64, 58), "--fit", fit, inner=(106, 96), free=0)


def test_size_of_a_free_network(folder: Path) -> None:
    """--size alone resizes."""
    contract = Contract()
    rgb, hole = write(folder, 70, 90)
    model = network(contract, folder / "m.onnx")
    small = np.rint(resampled(rgb, 40, 48).clip(0, 1) * 65535) / 65535
    light = run_there(model, contract, feed(contract, small, covered(hole, 40, 48)))
    limner("inpaint", "--model", model, folder / "in.png", folder / "mask.png", "-o", folder / "out.png", "--size", "48x40")
    assert np.abs(load(folder / "out.png") - composed(rgb, hole, resampled(light, 70, 90))).max() <= 1.05


def test_cropped_to_the_size(folder: Path) -> None:
    """A hole that fits gets the pixels themselves; the network sees what is round it."""
    contract = Contract(size=(40, 48))
    rgb, hole = write(folder, 120, 130)
    hole[:] = False
    hole[70:77, 60:75] = True
    Image.fromarray((hole * 255).astype(np.uint8)).save(folder / "mask.png")
    model = network(contract, folder / "m.onnx")
    whole = run_there(network(Contract(), folder / "free.onnx"), Contract(), feed(Contract(), rgb, hole))
    limner("inpaint", "--model", model, folder / "in.png", folder / "mask.png", "-o", folder / "out.png", "--fit", "crop", "--crop-margin", "10")
    assert np.abs(load(folder / "out.png") - composed(rgb, hole, whole)).max() <= 1.01


def test_too_large_for_a_fixed_size(folder: Path) -> None:
    """Says what can be done."""
    write(folder, 70, 90)
    model = network(Contract(size=(48, 56)), folder / "m.onnx")
    told = limner("inpaint", "--model", model, folder / "in.png", folder / "mask.png", "-o", folder / "out.png", code=1)
    assert "takes only pictures 56 wide and 48 high" in told and "--fit resize" in told, told


# ---- contradictions and notes ----

def told_by(folder: Path, contract: Contract, *options: str, code: int = 0) -> str:
    write(folder, *(contract.size or (64, 72)))
    model = network(contract, folder / "m.onnx")
    return limner("inpaint", "--model", model, folder / "in.png", folder / "mask.png", "-o", folder / "out.png", *options, code=code)


def test_the_graph_goes_before(folder: Path) -> None:
    """Layouts, bytes and sizes that the graph declares; the difference is said and the picture right."""
    rgb, hole = write(folder)
    for contract, options, word in (
            (Contract(nhwc=True), ["--layout", "nchw"], "which is not what --layout says"),
            (Contract(low=0, high=255, out_high=255, mask_one=255, types=("uint8", "uint8"), out_type="uint8"), ["--range", "0,1"], "is for whole numbers"),
            (Contract(inputs=[["rgb", "mask"]]), ["--inputs", "rgb/mask"], "filled in that order"),
            (Contract(inputs=[["mask"], ["rgb"]]), ["--inputs", "rgb,mask"], "filled in that order")):
        told = told_by(folder, contract, *options)
        assert word in told, told
        wanted = composed(rgb, hole, run_there(folder / "m.onnx", contract, feed(contract, rgb, hole)))
        assert np.abs(load(folder / "out.png") - wanted).max() <= 1.01
    told = told_by(folder, Contract(size=(48, 56)), "--size", "64x64")
    assert "takes pictures 56 wide and 48 high, which is not what --size says" in told, told


def free_form(folder: Path, image: list | None, mask: list | None, names: tuple[str, str] = ("image", "mask"), kinds: tuple[int, int] = (TensorProto.FLOAT, TensorProto.FLOAT), *, nodes: list | None = None, outputs: list | None = None, extra: list | None = None, weights: dict | None = None) -> Path:
    """image / 4 + mask * 0.4 is "sum"; a mask of three equal channels, or of H,W, does the same. More nodes make other outputs of it."""
    value = helper.make_tensor_value_info
    front = [helper.make_node("Cast", [names[0]], ["i"], to=TensorProto.FLOAT), helper.make_node("Cast", [names[1]], ["ones"], to=TensorProto.FLOAT), helper.make_node("Mul", ["i", "quarter"], ["iq"]),
             helper.make_node("Mul", ["ones", "less"], ["ml"]), helper.make_node("Add", ["iq", "ml"], ["sum"])]
    constants = {"quarter": np.float32(0.25), "less": np.float32(0.4), "one": np.float32(1), "minus": np.float32(-1)} | (weights or {})
    graph = helper.make_graph(front + (nodes or []), "g", [value(names[0], kinds[0], image), value(names[1], kinds[1], mask), *(extra or [])], outputs or [value("sum", TensorProto.FLOAT, None)],
                              [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), folder / "f.onnx")
    return folder / "f.onnx"


def painted(folder: Path, model: Path, *options: object) -> tuple[np.ndarray, str]:
    """The light in the hole, which white in the picture and one in the mask make 0.65; and what was said."""
    told = limner("inpaint", "--model", model, folder / "in.png", folder / "mask.png", "-o", folder / "out.png", *options)
    return load(folder / "out.png")[load(folder / "mask.png") > 0] / 255, told


F3, F1 = [1, 3, "h", "w"], [1, 1, "h", "w"]


def test_masks_by_name_and_size(folder: Path) -> None:
    """Nothing declared, three channels, integers of every pixel; names that only begin like a mask's."""
    write(folder)
    int64 = (TensorProto.FLOAT, TensorProto.INT64)
    cases = [(None, None, ("image", "mask"), ()), ([None] * 4, [None] * 4, ("img", "Mask_1"), ()), (["b", "c", "h", "w"], ["b", "m", "h", "w"], ("masked_image", "mask"), ()), (F3, F3, ("x", "mask"), ()),
             (F3, F1, ("x", "mask"), (int64,)), (F3, [1, "h", "w"], ("x", "hole"), (int64,)), (F3, ["h", "w"], ("x", "m"), ((TensorProto.FLOAT, TensorProto.INT32),)), (F3, F3, ("x", "m"), ("--inputs", "x=rgb/m=mask,mask,mask")),
             ([1, 3, 64, 80], [1, 64, 80], ("x", "m"), (int64,)), ([None] * 4, [None] * 4, ("x", "m"), ("--inputs", "x=rgb/m=mask"))]
    for image, mask, names, more in cases:
        kinds = more if more and isinstance(more[0], tuple) else ((TensorProto.FLOAT, TensorProto.FLOAT),)
        light, told = painted(folder, free_form(folder, image, mask, names, *kinds), *(more if kinds != more else ()))
        assert not told and np.abs(light - 0.65).max() < 1 / 255, (image, mask, names, told, light[0])
    told = limner("inpaint", "--model", free_form(folder, [None] * 4, [None] * 4, ("x", "m")), folder / "in.png", folder / "mask.png", "-o", folder / "out.png", code=1)
    assert '"x" float [?,?,?,?], "m" float [?,?,?,?]; ' in told and "--inputs" in told, told
    told = limner("inpaint", "--model", free_form(folder, [2, 3, "h", "w"], [2, 1, "h", "w"]), folder / "in.png", folder / "mask.png", "-o", folder / "out.png", code=1)
    assert "takes 2 pictures at once" in told, told
    told = limner("inpaint", "--model", free_form(folder, [1, 3, 64, 80], [1, 1, 64, 64]), folder / "in.png", folder / "mask.png", "-o", folder / "out.png", code=1)
    assert "is not as wide and high as the one before it" in told, told


def test_the_output_that_is_a_picture(folder: Path) -> None:
    """The one that can be; several that can be are said."""
    write(folder)
    node, value = helper.make_node, helper.make_tensor_value_info
    others = ((node("Identity", ["ones"], ["o"]), F1), (node("Concat", ["sum", "sum"], ["o"], axis=1), [1, 6, "h", "w"]), (node("ReduceMean", ["sum"], ["o"], keepdims=0), []), (node("Shape", ["sum"], ["o"]), [4]))
    for other, shape in others:
        kind = TensorProto.INT64 if other.op_type == "Shape" else TensorProto.FLOAT
        light, told = painted(folder, free_form(folder, F3, F1, nodes=[other], outputs=[value("o", kind, shape), value("sum", TensorProto.FLOAT, F3)]))
        assert not told and np.abs(light - 0.65).max() < 1 / 255, (other.op_type, told)
    model = free_form(folder, F3, F1, nodes=[node("Mul", ["sum", "quarter"], ["coarse"])], outputs=[value("coarse", TensorProto.FLOAT, F3), value("sum", TensorProto.FLOAT, F3)])
    assert '2 outputs that may be the picture; "coarse", the first, is taken' in painted(folder, model)[1]
    light, told = painted(folder, model, "--picture-output", "sum")
    assert not told and np.abs(light - 0.65).max() < 1 / 255


def test_results_of_another_size(folder: Path) -> None:
    """Twice as large, half as large, cut: refused, not cut to fit."""
    write(folder)
    node, value = helper.make_node, helper.make_tensor_value_info
    out = [value("o", TensorProto.FLOAT, None)]
    for scale, says in ((2, "are for limner run"), (1.5, "a little larger"), (0.5, "a little larger")):
        model = free_form(folder, F3, F1, nodes=[node("Resize", ["sum", "", "s"], ["o"])], outputs=out, weights={"s": np.array([1, 1, scale, scale], np.float32)})
        told = limner("inpaint", "--model", model, folder / "in.png", folder / "mask.png", "-o", folder / "out.png", code=1)
        assert says in told and not (folder / "out.png").exists(), told
    model = free_form(folder, F3, F1, nodes=[node("Pad", ["sum", "p"], ["o"])], outputs=out, weights={"p": np.array([0, 0, 0, 0, 0, 0, 20, 12])})
    light, told = painted(folder, model)
    assert not told and np.abs(light - 0.65).max() < 1 / 255


def test_tanh_before_what_only_moves(folder: Path) -> None:
    """A range of -1 to 1 for pictures, also where the Tanh is not the last node, or makes another output; limner run does the same."""
    rgb, _ = write(folder)
    node, value = helper.make_node, helper.make_tensor_value_info
    wanted, sixty = (np.tanh(0.65) + 1) / 2, np.int64([0, 0])
    weights = {"b": sixty, "e": np.int64([1 << 40] * 2), "a": np.int64([2, 3]), "bgr": np.int64([2, 1, 0]), "zero": np.int64([0]), "s": np.int64([1, 3, -1, 80])}
    ends = [[node("Identity", ["t"], ["o"])], [node("Transpose", ["t"], ["o"], perm=[0, 2, 3, 1])], [node("Slice", ["t", "b", "e", "a"], ["o"])], [node("Clip", ["t", "minus", "one"], ["o"])],
            [node("Gather", ["t", "bgr"], ["o"], axis=1)], [node("Squeeze", ["t", "zero"], ["o"])], [node("Reshape", ["t", "s"], ["o"])],
            [node("Cast", ["t"], ["h"], to=TensorProto.FLOAT16), node("Transpose", ["h"], ["k"], perm=[0, 2, 3, 1]), node("Transpose", ["k"], ["j"], perm=[0, 3, 1, 2]), node("Cast", ["j"], ["o"], to=TensorProto.FLOAT)]]
    for end in ends:
        model = free_form(folder, F3, F1, nodes=[node("Tanh", ["sum"], ["t"]), *end], outputs=[value("o", TensorProto.FLOAT, None)], weights=weights)
        light, told = painted(folder, model)
        assert not told and np.abs(light - wanted).max() < 1.5 / 255, (end[-1].op_type, light[0], wanted, told)
    model = free_form(folder, F3, F1, nodes=[node("Tanh", ["sum"], ["t"])], outputs=[value("t", TensorProto.FLOAT, F3), value("sum", TensorProto.FLOAT, F3)])
    assert np.abs(painted(folder, model, "--picture-output", "1")[0] - wanted).max() < 1.5 / 255
    assert np.abs(painted(folder, model, "--picture-output", "2")[0] - 0.65).max() < 1 / 255
    graph = helper.make_graph([node("Tanh", ["x"], ["t"]), node("Transpose", ["t"], ["y"], perm=[0, 2, 3, 1])], "g", [value("x", TensorProto.FLOAT, F3)], [value("y", TensorProto.FLOAT, None)])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), folder / "r.onnx")
    for words in ((), ("--tile", "64"), ("--fit", "pad")):
        limner("run", folder / "r.onnx", folder / "in.png", "-o", folder / "y.png", *words)
        assert np.abs(load(folder / "y.png") / 255 - (np.tanh(rgb * 2 - 1) + 1) / 2).max() < 1.01 / 255, words


def test_numbers_beside_the_picture(folder: Path) -> None:
    """A strength, a flag: ones and zeros of any type."""
    write(folder)
    value = helper.make_tensor_value_info
    for kind, shape in ((TensorProto.FLOAT, []), (TensorProto.INT64, [1]), (TensorProto.FLOAT16, ["n"]), (TensorProto.BOOL, [])):
        nodes = [helper.make_node("Cast", ["k"], ["kf"], to=TensorProto.FLOAT), helper.make_node("Mul", ["sum", "kf"], ["o"])]
        model = free_form(folder, F3, F1, nodes=nodes, outputs=[value("o", TensorProto.FLOAT, F3)], extra=[value("k", kind, shape)])
        for word, wanted in (("ones", 0.65), ("zeros", 0)):
            light, told = painted(folder, model, "--inputs", f"rgb/mask/k={word}")
            assert not told and np.abs(light - wanted).max() < 1 / 255, (kind, shape, word, told)


def test_inputs_that_do_not_fit(folder: Path) -> None:
    """Nothing sensible can be done: an error that says both sides."""
    told = told_by(folder, Contract(inputs=[["rgb", "ones", "mask"]]), "--inputs", "rgb,mask", code=1)
    assert "--inputs says rgb,mask, but the model takes" in told, told
    told = told_by(folder, Contract(inputs=[["rgb"], ["mask"], ["noise"]]), code=1)
    assert "--inputs" in told, told


def test_results_outside_their_range(folder: Path) -> None:
    """Far outside, or a small part of it."""
    assert "far outside its range of 0 to 1" in told_by(folder, Contract(out_high=255))
    assert "(0,255?)" in told_by(folder, Contract(out_high=255))
    assert "a small part of its range of 0 to 255" in told_by(folder, Contract(), "--output-range", "0,255")
    assert "(-1,1?)" in told_by(folder, Contract(out_low=-1, out_high=1))
    assert not told_by(folder, Contract())


def test_options_before_presets_before_metadata(folder: Path) -> None:
    """The same words, said three times."""
    rgb, hole = write(folder)
    contract = Contract(low=-1, out_low=-1)
    model = network(contract, folder / "m.onnx")
    wanted = composed(rgb, hole, run_there(model, contract, feed(contract, rgb, hole)))
    limner("annotate", model, "-o", folder / "a.onnx", "--range", "0,255")
    (folder / "mine.preset").write_text("about mine  # a comment\n\nrange 5,6\n")
    for words in (["--range=-1,1", "--preset", folder / "mine.preset"], ["--input-range=-1,1", "--output-range=-1,1", "--preset", "mine", "--preset-dir", folder]):
        limner("inpaint", "--model", folder / "a.onnx", folder / "in.png", folder / "mask.png", "-o", folder / "out.png", *words)
        assert np.abs(load(folder / "out.png") - wanted).max() <= 1.01
    (folder / "mine.preset").write_text("range -1,1\n")
    limner("inpaint", "--model", folder / "a.onnx", folder / "in.png", folder / "mask.png", "-o", folder / "out.png", "--preset", "mine", "--preset-dir", folder)
    assert np.abs(load(folder / "out.png") - wanted).max() <= 1.01
    shown = subprocess.run([LIMNER, "inspect", folder / "a.onnx"], capture_output=True, text=True, check=True).stdout
    assert "limner.range: 0,255" in shown, shown


def test_presets_are_read_with_care(folder: Path) -> None:
    """Mistakes are named with their line; the list has a line for each."""
    write(folder)
    model = network(Contract(), folder / "m.onnx")
    words = ["inpaint", "--model", model, folder / "in.png", folder / "mask.png", "-o", folder / "out.png", "--preset"]
    for text, says in (("range 1\n", ":1: range: wants LOW,HIGH"), ("about x\nmeen 3\n", ":2: 'meen' is no word of contracts"), ("range\n", ":1: 'range' has no value"),
                       ("\0\0", "is no preset"), ("x" * 70000, "is no preset"), ("deviation 0\n", "above zero"), ("size 0x5\n", "width and a height"), ("inputs rgb,rgb,rgb\n", "at most")):
        (folder / "bad.preset").write_text(text)
        assert says in limner(*words, folder / "bad.preset", code=1), text
    told = limner(*words, "nothing-like-this", code=1)
    assert "there is no preset nothing-like-this" in told and "lama" in told, told
    listed = subprocess.run([LIMNER, "help", "presets"], capture_output=True, text=True, check=True, env={**os.environ, "LIMNER_PRESETS": str(folder)}).stdout
    names = {line.split()[0] for line in listed.splitlines() if line.startswith("  ")}
    assert names == {path.stem for path in (ROOT / "models" / "presets").glob("*.preset")} | {"bad"}, names
    assert "cannot be used" in listed


def test_wrong_metadata(folder: Path) -> None:
    """Words that this limner does not know are an error, not passed over."""
    write(folder)
    model = onnx.load(network(Contract(), folder / "m.onnx"))
    for key, value, says in (("limner.colour", "red", "no word of contracts"), ("limner.range", "1,0", "wants LOW,HIGH"), ("limner.mean", "nan", "wants one number")):
        del model.metadata_props[:]
        helper.set_model_props(model, {key: value})
        onnx.save(model, folder / "w.onnx")
        told = limner("inpaint", "--model", folder / "w.onnx", folder / "in.png", folder / "mask.png", "-o", folder / "out.png", code=1)
        assert says in told and key in told, told


def test_the_second_output(folder: Path) -> None:
    """By number, by name, and last."""
    rgb, hole = write(folder)
    model = onnx.load(network(Contract(), folder / "m.onnx"))
    model.graph.node.append(helper.make_node("Mul", ["out", "out"], ["fine"]))
    model.graph.output.append(helper.make_tensor_value_info("fine", TensorProto.FLOAT, [None] * 4))
    onnx.save(model, folder / "two.onnx")
    wanted = composed(rgb, hole, run_there(folder / "m.onnx", Contract(), feed(Contract(), rgb, hole)) ** 2)
    for word in ("2", "fine", "last"):
        limner("inpaint", "--model", folder / "two.onnx", folder / "in.png", folder / "mask.png", "-o", folder / "out.png", "--picture-output", word)
        assert np.abs(load(folder / "out.png") - wanted).max() <= 1.01, word
    told = limner("inpaint", "--model", folder / "two.onnx", folder / "in.png", folder / "mask.png", "-o", folder / "out.png", "--picture-output", "3", code=1)
    assert 'no output "3"' in told, told


def test_noise(folder: Path) -> None:
    """The same for the same seed, of mean 0 and deviation 1."""
    write(folder)
    x, noise = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, "h", "w"] if name == "x" else [1, "n", 100, 100]) for name in "xz")
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * 4)
    small = numpy_helper.from_array(np.float32(0), "zero")
    nodes = [helper.make_node("ReduceMean", ["z"], ["m"]), helper.make_node("Mul", ["z", "z"], ["zz"]), helper.make_node("ReduceMean", ["zz"], ["s"]),
             helper.make_node("Mul", ["x", "zero"], ["nothing"]), helper.make_node("Abs", ["m"], ["am"]), helper.make_node("Sub", ["s", "am"], ["d"]), helper.make_node("Add", ["nothing", "d"], ["y"])]
    onnx.save(helper.make_model(helper.make_graph(nodes, "n", [x, noise], [out], [small]), opset_imports=[helper.make_opsetid("", 12)], ir_version=8), folder / "n.onnx")
    levels = []
    for seed in ("1", "2", "3", "3"):
        limner("inpaint", "--model", folder / "n.onnx", folder / "in.png", folder / "mask.png", "-o", folder / "out.png", "--inputs", "rgb/z=noise", "--output-range", "0,2", "--seed", seed)
        rgb = load(folder / "out.png")
        levels.append(int(rgb[load(folder / "mask.png") > 0][0, 0]))
    assert levels[2] == levels[3] and len(set(levels)) > 1 and all(abs(level - 127) < 6 for level in levels), levels


def main(arguments: list[str]) -> int:
    global LIMNER
    LIMNER = os.path.abspath(arguments[0])
    tests = {f"contract_{name}": lambda folder, n=name: check(folder, CASES[n], worse=n not in SAME) for name in CASES}
    again = f"LIMNER_TEST_SEED={SEED} python3 tests/e2e/contracts.py {arguments[0]}"
    return runner.run("contracts", tests | runner.named(globals(), "test_"), arguments[1:], again)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
