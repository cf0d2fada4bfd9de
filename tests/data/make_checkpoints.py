#!/usr/bin/env python3
"""Writes tests/data/checkpoints: small checkpoints in every form, and beside each NAME a NAME.txt that says what is in
it, for tests/tools/test_checkpoint.c; and the fuzz targets' seeds. Needs PyTorch (2.15 was used) and NumPy. The values follow
from a formula; files of the older format still differ from run to run, for PyTorch takes addresses as storages' keys.

NAME.txt, parts of a line apart by tabs:
  tensor  PATH  TYPE  SHAPE  CRC-32 of the values, dense and row-major, little-endian
  opaque  PATH  WHAT
  chosen  PATH          what a search without --key finds; "chosen?" when it must ask
"""

import argparse
import collections
import io
import json
import pathlib
import pickle
import shutil
import struct
import sys
import types
import warnings
import zipfile
import zlib

import numpy as np
import torch

warnings.filterwarnings("ignore")
HERE = pathlib.Path(__file__).parent / "checkpoints"

TYPES = {
    torch.float32: ("float", "F32"),
    torch.float64: ("double", "F64"),
    torch.float16: ("float16", "F16"),
    torch.bfloat16: ("bfloat16", "BF16"),
    torch.int64: ("int64", "I64"),
    torch.int32: ("int32", "I32"),
    torch.int16: ("int16", "I16"),
    torch.int8: ("int8", "I8"),
    torch.uint8: ("uint8", "U8"),
    torch.uint16: ("uint16", "U16"),
    torch.uint32: ("uint32", "U32"),
    torch.uint64: ("uint64", "U64"),
    torch.bool: ("bool", "BOOL"),
    torch.complex64: ("complex64", "C64"),
    torch.complex128: ("complex128", None),
    torch.float8_e4m3fn: ("float8e4m3fn", "F8_E4M3"),
    torch.float8_e5m2: ("float8e5m2", "F8_E5M2"),
    torch.float8_e4m3fnuz: ("float8e4m3fnuz", "F8_E4M3FNUZ"),
    torch.float8_e5m2fnuz: ("float8e5m2fnuz", "F8_E5M2FNUZ"),
    torch.float8_e8m0fnu: ("float8e8m0", "F8_E8M0"),
}


def values(start, *shape, dtype=torch.float32):
    """Numbers that every type holds exactly, other ones for every start."""
    count = int(np.prod(shape, dtype=np.int64))
    numbers = (torch.arange(count) * 37 + start * 11) % 97
    if dtype == torch.float8_e8m0fnu:
        return (numbers % 200).to(torch.uint8).view(dtype).reshape(shape)
    if dtype == torch.bool:
        return (numbers % 3 == 0).reshape(shape)
    if dtype in (torch.complex64, torch.complex128):
        return torch.complex(numbers.double(), -numbers.double() / 4).to(dtype).reshape(shape)
    if dtype.is_floating_point and dtype.itemsize == 1:
        return (numbers % 16).float().to(dtype).reshape(shape)
    if dtype.is_floating_point:
        return ((numbers.double() - 48) / 8).to(dtype).reshape(shape)
    return numbers.to(dtype).reshape(shape)


def raw(tensor):
    """The values as bytes, whatever the type."""
    dense = tensor.detach().resolve_conj().clone(memory_format=torch.contiguous_format).reshape(-1)
    return dense.view(torch.uint8).numpy().tobytes() if dense.numel() else b""


def tensors_of(value, path=()):
    if isinstance(value, torch.Tensor):
        yield ".".join(path), value
    elif isinstance(value, np.ndarray) and value.dtype != object:
        yield ".".join(path), torch.from_numpy(value.astype(value.dtype.newbyteorder("="), order="C"))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from tensors_of(item, (*path, str(key)))
    elif isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
        for i, item in enumerate(value):
            yield from tensors_of(item, (*path, str(i)))


def describe(name, tensors, opaque, chosen):
    lines = []
    for path, tensor in tensors:
        shape = "x".join(map(str, tensor.shape)) or "scalar"
        lines.append(f"tensor\t{path}\t{TYPES[tensor.dtype][0]}\t{shape}\t{zlib.crc32(raw(tensor)):08x}")
    lines += [f"opaque\t{path}\t{what}" for path, what in opaque]
    lines.append("chosen?" if chosen is None else f"chosen\t{chosen}")
    (HERE / f"{name}.txt").write_text("\n".join(lines) + "\n")


def save(name, value, opaque=(), chosen="", tensors=None, legacy=False, **options):
    torch.save(value, HERE / name, _use_new_zipfile_serialization=not legacy, **options)
    skipped = {path for path, _ in opaque}
    if tensors is None:
        tensors = [(p, t) for p, t in tensors_of(value) if p not in skipped]
    describe(name, tensors, opaque, chosen)


def save_both(name, value, **options):
    save(f"{name}.pth", value, **options)
    save(f"{name}-legacy.pth", value, legacy=True, **options)


def save_safetensors(name, tensors, metadata=None, order=None, pad=0):
    header, data = {}, b""
    if metadata:
        header["__metadata__"] = metadata
    places = {}
    for key in order or tensors:
        blob = raw(tensors[key])
        places[key] = [len(data), len(data) + len(blob)]
        data += blob
    for key, tensor in tensors.items():
        header[key] = {"dtype": TYPES[tensor.dtype][1], "shape": list(tensor.shape), "data_offsets": places[key]}
    text = json.dumps(header).encode() + b" " * pad
    (HERE / name).write_bytes(struct.pack("<Q", len(text)) + text + data)
    describe(name, tensors.items(), [], "")


# ---- what people save ----


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU())
        self.decoder = torch.nn.Sequential(torch.nn.ConvTranspose2d(4, 3, 3), torch.nn.Linear(2, 5, bias=False))
        for i, tensor in enumerate(self.state_dict().values()):
            tensor.copy_(values(i, *tensor.shape).to(tensor.dtype))


def place(cls, module):
    """Makes pickle find the class there."""
    parts = module.split(".")
    for i in range(len(parts)):
        sys.modules.setdefault(".".join(parts[: i + 1]), types.ModuleType(parts[i]))
    cls.__module__ = module
    setattr(sys.modules[module], cls.__name__, cls)


def foreign(module, name):
    """A class of a module that readers do not have."""
    cls = type(name, (), {})
    place(cls, module)
    return cls


def state():
    return Net().state_dict()


def parallel(tensors):
    return collections.OrderedDict((f"module.{key}", tensor) for key, tensor in tensors.items())


def make_plain():
    checkpoint = {"iteration": 7, "generator": state()}
    save_both("plain", checkpoint, chosen="generator")
    save_safetensors("plain.safetensors", state(), {"format": "pt", "note": 'quoted "\\ \u00e9\U0001f600'}, pad=5)
    for protocol in (3, 4, 5):
        save(f"protocol{protocol}.pth", checkpoint, chosen="generator", pickle_protocol=protocol)
    save("protocol4-legacy.pth", checkpoint, chosen="generator", legacy=True, pickle_protocol=4)
    stream = io.BytesIO()  # the folder in the archive is "archive" then, else the file's name
    torch.save(state(), stream)
    (HERE / "bare.pth").write_bytes(stream.getvalue())
    describe("bare.pth", state().items(), [], "")
    torch.serialization.set_crc32_options(False)
    save("unchecked.pth", checkpoint, chosen="generator")
    torch.serialization.set_crc32_options(True)


def make_types():
    tensors = {TYPES[dtype][0]: values(i, 2, 3, dtype=dtype) for i, dtype in enumerate(TYPES)}
    tensors["scalar"] = values(40)
    tensors["scalar_int"] = values(41, dtype=torch.int64)
    tensors["empty"] = values(42, 0, 4)
    tensors["empty_large"] = values(43, 3, 0, 2**40, dtype=torch.float16)
    tensors["rank8"] = values(44, 1, 2, 1, 2, 1, 2, 1, 2, dtype=torch.int8)
    save_both("types", tensors)
    tensors.pop("complex128")
    # The order of the header is not the order of the data.
    save_safetensors("types.safetensors", tensors, order=sorted(tensors))


def make_views():
    base = values(1, 4, 6)
    flat = values(2, 30, dtype=torch.float16)
    tensors = {
        "base": base,
        "transposed": base.t(),
        "column": base[:, 2],
        "block": base[1:3, 2:5],
        "steps": base[::2, 1::2],
        "last": base[3, 5],
        "tied": base,
        "expanded": base[0, 1].expand(3, 2),
        "rows": base[2].expand(4, 6),
        "permuted": flat.reshape(2, 3, 5).permute(2, 0, 1),
        "window": flat.as_strided((4, 3), (2, 1), 5),
        "nothing": base[4:],
        "channels_last": values(3, 2, 3, 4, 5).to(memory_format=torch.channels_last),
        "ones": values(4, 3, 1, 2).transpose(0, 1),
    }
    save_both("views", tensors)


def make_training():
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for parameter in net.parameters():
        parameter.grad = values(9, *parameter.shape)
    optimizer.step()
    for i, tensors in enumerate(optimizer.state.values()):
        for tensor in tensors.values():
            tensor.copy_(values(i, *tensor.shape))
    config = foreign("training.config", "Config")()
    config.weights = values(5, 3)  # must stay out: only the class knows what it means
    checkpoint = {
        "epoch": 3,
        "net": parallel(Net().state_dict()),
        "optimizer": optimizer.state_dict(),
        "config": config,
        "options": argparse.Namespace(lr=1e-4, name="x"),
        "losses": [np.float64(0.5), np.float64(0.25)],
        "best": np.arange(4.0),
        "names": {"a", "b"},
        "rng_state": torch.arange(16, dtype=torch.uint8),
        "size": torch.Size([1, 2]),
        "dtype": torch.float32,
        "big": 2**70,
        "bytes": b"\x00\xff",
        "none": None,
    }
    numbers = "NumPy number"
    opaque = [
        ("config", "training.config.Config"),
        ("options", "argparse.Namespace"),
        ("losses.0", numbers),
        ("names", "set"),
    ]
    save_both("training", checkpoint, opaque=opaque, chosen="net")


def make_parameters():
    weight = torch.nn.Parameter(values(1, 2, 3))
    marked = torch.nn.Parameter(values(2, 3))
    marked.no_decay = True
    plain = values(3, 4)
    plain.note = "x"
    checkpoint = {
        "weight": weight,
        "marked": marked,
        "plain": plain,
        "buffer": torch.nn.Buffer(values(4, 2)),
        "frozen": torch.nn.Parameter(values(5, 2), requires_grad=False),
    }
    save_both("parameters", checkpoint)


class Subclass(torch.Tensor):
    pass


def make_opaque():
    place(Subclass, "special.tensors")
    checkpoint = {
        "good": values(1, 2),
        "sparse": torch.eye(3).to_sparse(),
        "csr": torch.eye(3).to_sparse_csr(),
        "quantized": torch.quantize_per_tensor(values(2, 4), 0.1, 0, torch.qint8),
        "meta": torch.zeros(2, 3, device="meta"),
        "conjugated": values(3, 2, dtype=torch.complex64).conj(),
        "negated": torch._neg_view(values(4, 2)),
        "half_complex": values(5, 2, dtype=torch.complex64).to(torch.complex32),
        "rank9": values(6, 1, 1, 1, 1, 1, 1, 1, 1, 2),
        "subclass": values(7, 2).as_subclass(Subclass),
        "nested": {"also": torch.eye(2).to_sparse()},
    }
    opaque = [
        ("sparse", "sparse tensor"),
        ("csr", "sparse tensor"),
        ("quantized", "quantized tensor"),
        ("meta", "meta tensor (without values)"),
        ("conjugated", "tensor with conjugated or negated elements"),
        ("negated", "tensor with conjugated or negated elements"),
        ("half_complex", "torch.complex32"),
        ("rank9", "tensor of more than 8 dimensions"),
        ("subclass", "special.tensors.Subclass"),
        ("nested.also", "sparse tensor"),
    ]
    save("opaque.pth", checkpoint, opaque=opaque)


def make_modules():
    place(Net, "models.generator")
    net = Net()
    save_both("module", net, tensors=net.state_dict().items())
    holder = {"model": Net(), "step": 1}
    save("module-inside.pth", holder, tensors=[(f"model.{k}", t) for k, t in net.state_dict().items()], chosen="model")


def make_choices():
    one, two = {"a.weight": values(1, 2)}, {"a.weight": values(2, 2)}
    cases = {
        "averaged": ({"params": one, "params_ema": two}, "params_ema"),
        "gan": ({"G": one, "D": two}, "G"),
        "gan-averaged": ({"G": one, "G_ema": two, "D": two}, "G_ema"),
        "lightning": ({"state_dict": {"generator.a": values(1, 2), "discriminator.a": values(2, 3)}}, "state_dict"),
        "twins": ({"left": one, "right": two}, None),
        "only": ({"my_net": one, "optimizer_g": two, "lr_scheduler": {"x": values(3, 1)}}, "my_net"),
        "deep": ({"model": {"netG": {"generator": one}}, "epoch": 1}, "model.netG.generator"),
        "beside": ({"g_ema": one, "latent_avg": values(3, 4)}, "g_ema"),
        "discriminated": ({"gen_weights": one, "discriminator": two}, "gen_weights"),
        "listed": ([one, {"optimizer": 1}], "0"),
        "tensor": (values(3, 2), ""),
        "no-tensors": ({"epoch": 1, "names": ["a", "b"]}, None),
    }
    for name, (value, chosen) in cases.items():
        save(f"choice-{name}.pth", value, chosen=chosen, legacy=name != "deep")
    shared = {"a": values(1, 2)}
    cyclic = {"params": shared, "also": [shared, shared]}
    cyclic["self"] = cyclic
    tensors = [("params.a", shared["a"]), ("also.0.a", shared["a"]), ("also.1.a", shared["a"])]
    save("cyclic.pth", cyclic, tensors=tensors, chosen="params")


# ---- what old versions wrote, byte by byte ----


def old_text(text):
    """A str of Python 2."""
    return b"U" + bytes([len(text)]) + text.encode()


def old_int(number):
    return b"J" + struct.pack("<i", number)


def old_storage(kind, key, count, view=b"N"):
    parts = old_text("storage") + kind + old_text(key) + old_text("cuda:0") + old_int(count) + view
    return b"(" + parts + b"tQ"


def old_tensor(function, storage, offset, size, strides, rest):
    numbers = b"".join(b"(" + b"".join(map(old_int, n)) + b"t" for n in (size, strides))
    return b"ctorch._utils\n" + function + b"\n(" + storage + old_int(offset) + numbers + rest + b"tR"


def make_old():
    """As Python 2 wrote it: OrderedDict with its items as a list of lists, str keys, views of storages."""
    data = {"11": values(1, 6), "22": values(2, 10, dtype=torch.int64)}
    floats, longs = b"ctorch.cuda\nFloatStorage\n", b"ctorch\nLongStorage\n"
    hooks = b"\x89" + b"ccollections\nOrderedDict\n(]tR"
    view = b"(" + old_text("33") + old_int(4) + old_int(5) + b"t"
    weight = old_tensor(b"_rebuild_tensor", old_storage(floats, "11", 6), 0, (2, 3), (3, 1), b"")
    parameter = b"ctorch._utils\n_rebuild_parameter\n(" + weight + hooks + b"tR"
    piece = old_tensor(b"_rebuild_tensor_v2", old_storage(longs, "22", 10, view), 1, (2,), (2,), hooks)
    pairs = [("conv.weight", parameter), ("steps", piece)]
    items = b"".join(b"]" + old_text(k) + b"a" + v + b"a" + b"a" for k, v in pairs)
    top = b"\x80\x02ccollections\nOrderedDict\n(]" + items + b"tR."
    keys = b"\x80\x02](" + b"".join(map(old_text, data)) + b"e."
    info = pickle.dumps({"little_endian": True, "protocol_version": 1001, "type_sizes": {}}, 2)
    storages = b"".join(struct.pack("<q", t.numel()) + raw(t) for t in data.values())
    blob = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + info + top + keys + storages
    (HERE / "python2-legacy.pth").write_bytes(blob)
    steps = data["22"][4:9][1::2]
    describe("python2-legacy.pth", [("conv.weight", data["11"].reshape(2, 3)), ("steps", steps)], [], "")


def arrays():
    """NumPy's ways to store numbers."""
    base = np.arange(12, dtype=np.float32).reshape(3, 4)
    objects = np.array([None, "a"], dtype=object)
    return {
        "layer.weight": base - 5,
        "layer.columns": np.asfortranarray(base * 2),
        "big": (base * 3).astype(">f4"),
        "half": base.astype(np.float16),
        "wide": np.array([[-(2**40)], [2**40]], dtype=">i8"),
        "bytes": np.arange(256, dtype=np.uint8),
        "flags": base > 4,
        "waves": (base + 1j).astype(">c8"),
        "number": np.array(7.5),
        "none": np.zeros((0, 3), np.float32),
        "objects": objects,
    }


def make_arrays():
    opaque = [("objects", "NumPy array of objects or texts")]
    save_both("numpy", arrays(), opaque=opaque)
    save("numpy5.pth", {"state_dict": arrays()}, opaque=[("state_dict.objects", opaque[0][1])], pickle_protocol=5,
         chosen="state_dict")
    for protocol in (2, 4, 5):
        with open(HERE / f"numpy{protocol}.pkl", "wb") as file:
            pickle.dump({"params": arrays()}, file, protocol=protocol)
        describe(f"numpy{protocol}.pkl", tensors_of({"params": arrays()}), [("params.objects", opaque[0][1])], "params")
    for name, save_to in (("stored", np.savez), ("packed", np.savez_compressed)):
        save_to(HERE / f"{name}.npz", **arrays())
        describe(f"{name}.npz", tensors_of(arrays()), opaque, "")


class Scripted(torch.nn.Module):
    """A network with buffers, lists and numbers beside its parameters."""

    sizes: list[int]

    def __init__(self):
        super().__init__()
        self.encoder = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3, padding=1), torch.nn.BatchNorm2d(2))
        self.heads = torch.nn.ModuleList([torch.nn.Conv2d(2, 1, 1), torch.nn.Conv2d(2, 1, 1, bias=False)])
        self.gain = torch.nn.Parameter(torch.zeros(1))
        self.register_buffer("table", torch.zeros(2, 3))
        self.sizes = [1, 2]
        for i, tensor in enumerate(self.state_dict().values()):
            tensor.copy_(values(i, *tensor.shape).to(tensor.dtype))

    def forward(self, x):
        x = self.encoder(x) * self.gain + self.sizes[0]
        return self.heads[0](x) + self.heads[1](x) + self.table.sum()


def make_programs():
    program = torch.jit.script(Scripted())
    program.save(str(HERE / "torchscript.pt"))
    order = ["gain", "table"]  # a module's own tensors stand before its parts
    tensors = dict(program.state_dict())
    order += [key for key in tensors if key not in order]
    describe("torchscript.pt", [(key, tensors[key]) for key in order], [], "")
    torch.jit.freeze(program.eval()).save(str(HERE / "frozen.pt"))


def make_compressed():
    """An archive that was packed again."""
    describe("compressed.pth", state().items(), [], "")
    with zipfile.ZipFile(HERE / "bare.pth") as source, zipfile.ZipFile(
        HERE / "compressed.pth", "w", zipfile.ZIP_DEFLATED
    ) as target:
        for name in source.namelist():
            target.writestr(zipfile.ZipInfo(name), source.read(name), zipfile.ZIP_DEFLATED)


def without_checksums(archive):
    """The archive with zeros in its directory, which no reader compares."""
    data = bytearray(archive)
    at = data.find(b"PK\1\2")
    while at >= 0:
        data[at + 16:at + 20] = bytes(4)
        at = data.find(b"PK\1\2", at + 4)
    return bytes(data)


def make_seeds():
    """Where the fuzz targets start."""
    seeds = HERE.parent.parent / "fuzz" / "seeds"
    for target in ("fuzz_pickle", "fuzz_zip", "fuzz_safetensors"):
        shutil.rmtree(seeds / target, ignore_errors=True)
        (seeds / target).mkdir(parents=True)
    for name in ("views", "training", "opaque", "parameters", "protocol4", "module"):
        with zipfile.ZipFile(HERE / f"{name}.pth") as archive:
            (seeds / "fuzz_pickle" / name).write_bytes(archive.read(f"{name}/data.pkl"))
    for name in ("numpy", "numpy5"):
        with zipfile.ZipFile(HERE / f"{name}.pth") as archive:
            (seeds / "fuzz_pickle" / name).write_bytes(archive.read(f"{name}/data.pkl"))
    with zipfile.ZipFile(HERE / "torchscript.pt") as archive:
        (seeds / "fuzz_pickle" / "torchscript").write_bytes(archive.read("torchscript/data.pkl"))
    for name in ("choice-averaged", "choice-listed", "python2-legacy"):
        shutil.copy(HERE / f"{name}.pth", seeds / "fuzz_pickle" / name)
    torch.serialization.set_crc32_options(False)
    base = values(1, 2, 3)
    torch.save({"model": {"G": {"a": base, "b": base.t()}}, "o": argparse.Namespace()}, seeds / "fuzz_zip" / "nested")
    torch.save(torch.nn.Parameter(values(2, 2, dtype=torch.uint16), requires_grad=False), seeds / "fuzz_zip" / "tensor")
    torch.serialization.set_crc32_options(True)
    for name in ("compressed.pth", "packed.npz", "stored.npz"):
        (seeds / "fuzz_zip" / name.replace(".", "-")).write_bytes(without_checksums((HERE / name).read_bytes()))
    shutil.copy(HERE / "numpy2.pkl", seeds / "fuzz_zip" / "numpy2-pkl")
    shutil.copy(HERE / "plain.safetensors", seeds / "fuzz_safetensors" / "plain")
    header = b'{"__metadata__":{"a":"\\u00e9"},"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}} '
    (seeds / "fuzz_safetensors" / "small").write_bytes(struct.pack("<Q", len(header)) + header + b"x")


def main():
    shutil.rmtree(HERE, ignore_errors=True)
    HERE.mkdir(parents=True)
    for make in (make_plain, make_types, make_views, make_training, make_parameters, make_opaque, make_choices, make_old):
        make()
    for make in (make_compressed, make_arrays, make_programs, make_modules, make_seeds):
        make()
    total = sum(file.stat().st_size for file in HERE.iterdir())
    print(f"{len(list(HERE.iterdir()))} files, {total} bytes")


if __name__ == "__main__":
    main()
