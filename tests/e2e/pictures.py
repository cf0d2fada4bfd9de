"""Pictures as they are seen, beside Pillow: build/venv/bin/python tests/e2e/pictures.py build/limner

Orientation, colour profiles, notes, formats and folders of `limner run` and `limner inpaint`. Ends in one line,
"pictures: N passed, N failed"; exits 1 when anything failed.
"""

from __future__ import annotations

import io
import itertools
import re
import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

import runner

ORIENTATION, DESCRIPTION, WIDTH = 0x0112, 0x010E, 0xA002
WRITTEN = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP", "tif": "TIFF", "bmp": "BMP", "ppm": "PPM"}
TAGGED = {"png": {}, "jpg": {"quality": 98, "subsampling": 0}, "webp": {"lossless": True}, "tif": {}}


# ---- running ----

def limner(*words: object) -> subprocess.CompletedProcess[str]:
    """A command line that may fail."""
    return subprocess.run([LIMNER, *map(str, words)], capture_output=True, text=True, timeout=120)


def good(*words: object) -> str:
    """What a command line that succeeds says on both streams."""
    done = limner(*words)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def bad(*words: object, says: str) -> None:
    """Fails, with one line that holds ``says``."""
    done = limner(*words)
    assert done.returncode == 1 and says in done.stderr and done.stderr.count("\n") == 1, f"{words}: {done.stderr}"


def network(path: Path, weight: np.ndarray, bias: np.ndarray) -> Path:
    """A convolution of one pixel."""
    value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3, "h", "w"])
    graph = helper.make_graph([helper.make_node("Conv", ["x", "w", "b"], ["y"])], "g", [value("x")], [value("y")],
                              [numpy_helper.from_array(weight.astype(np.float32).reshape(3, 3, 1, 1), "w"),
                               numpy_helper.from_array(bias.astype(np.float32), "b")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def copier(folder: Path) -> Path:
    """Gives back what it gets."""
    return network(folder / "copy.onnx", np.eye(3), np.zeros(3))


def painter(folder: Path, colour: tuple[float, float, float] = (0, 1, 0)) -> Path:
    """Answers one colour, whatever it gets."""
    return network(folder / "paint.onnx", np.zeros((3, 3)), np.array(colour))


def smooth(height: int = 36, width: int = 52) -> np.ndarray:
    """Without edges that JPEG would ring at, and without symmetry."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([60 + 3 * x % 180, 20 + 4 * y, 230 - x - 2 * y], -1).clip(0, 255).astype(np.uint8)


def tagged(path: Path, array: np.ndarray, tag: int, **how: object) -> Path:
    """A picture whose samples lie as they are, with an orientation tag."""
    image = Image.fromarray(array)
    exif = Image.Exif()
    exif[ORIENTATION] = tag
    if path.suffix == ".tif":
        image.save(path, tiffinfo={ORIENTATION: tag}, **how)
    else:
        image.save(path, exif=exif.tobytes(), **TAGGED[path.suffix[1:]], **how)
    return path


def seen(path: Path) -> np.ndarray:
    """RGB as a viewer shows it."""
    return np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB")).astype(int)


def tag_of(path: Path) -> int:
    return Image.open(path).getexif().get(ORIENTATION, 1)


def worst(a: np.ndarray, b: np.ndarray) -> int:
    """The largest difference; none may be expected of other shapes."""
    return int(np.abs(a - b).max()) if a.shape == b.shape else 999


# ---- orientation ----

def test_every_orientation_is_seen(folder: Path) -> None:
    """Eight tags by four formats, through a network that copies: upright, and turned back with the tag."""
    model = copier(folder)
    for ending, tag in itertools.product(TAGGED, range(1, 9)):
        source = tagged(folder / f"in.{ending}", smooth(), tag)
        for target in WRITTEN:
            out = folder / f"out.{target}"
            good("run", model, source, "-o", out)
            assert tag_of(out) == 1, (ending, tag, target)
            assert worst(seen(out), seen(source)) <= (12 if target == "jpg" else 0), (ending, tag, target)
            good("run", model, source, "-o", out, "--orientation", "keep")
            assert worst(seen(out), seen(source)) <= (12 if target == "jpg" else 0), (ending, tag, target, "keep")
            assert tag_of(out) == (tag if target in TAGGED else 1), (ending, tag, target, "keep")
            if target in TAGGED and tag > 4 and target != "tif":  # of those Pillow says the size as seen
                assert Image.open(out).size == (52, 36)


def test_a_mask_has_a_tag_of_its_own(folder: Path) -> None:
    """Every pair of tags of picture and mask paints what a viewer sees white."""
    model = painter(folder)
    for tag, mask_tag in itertools.product(range(1, 9), range(1, 9)):
        photo = tagged(folder / "in.jpg", smooth(), tag)
        height, width = seen(photo).shape[:2]
        hole = np.zeros((height, width) if mask_tag < 5 else (width, height), np.uint8)
        hole[3:11, 5:9] = 255
        mask = tagged(folder / "mask.png", hole, mask_tag)
        for words in ([], ["--orientation", "keep"]):
            assert good("inpaint", "--model", model, photo, mask, "-o", folder / "out.png", *words) == ""
            got, white = seen(folder / "out.png"), seen(mask)[..., 0] > 0
            assert ((got == (0, 255, 0)).all(-1) == white).all(), (tag, mask_tag, words)
            assert worst(got[~white], seen(photo)[~white]) == 0


def test_orientation_in_folders_and_compare(folder: Path) -> None:
    """Folders, an empty mask, 16 bits, and `compare`, which sees the picture as `run` does."""
    model, pictures = painter(folder), folder / "in"
    pictures.mkdir()
    for tag in range(1, 9):
        tagged(pictures / f"p{tag}.{list(TAGGED)[tag % 4]}", smooth(40, 40), tag)
    mask = np.zeros((40, 40), np.uint8)
    mask[30:36, 2:20] = 255
    Image.fromarray(mask).save(folder / "mask.png")
    good("inpaint", "--model", model, pictures, folder / "mask.png", "-o", folder / "out", "--jobs", 2, "--format", "png")
    for path in pictures.iterdir():
        got = seen(folder / "out" / f"{path.stem}.png")
        assert ((got == (0, 255, 0)).all(-1) == (mask > 0)).all() and worst(got[mask == 0], seen(path)[mask == 0]) == 0, path
    source = tagged(folder / "one.png", smooth(), 6)
    for words, tag in (([], 1), (["--orientation", "keep"], 6)):
        good("inpaint", "--model", model, source, tagged(folder / "e.png", smooth()[..., 0] * 0, 6), "-o", folder / "same.png", *words)
        assert worst(seen(folder / "same.png"), seen(source)) == 0 and tag_of(folder / "same.png") == tag
    np.save(folder / "wanted.npy", seen(source).transpose(2, 0, 1)[None].astype(np.float32) / 255)
    good("compare", copier(folder), source, "--expect", f"y={folder / 'wanted.npy'}", "--atol", "1e-6")


def test_damaged_exif_is_passed_over(folder: Path) -> None:
    """Whatever the EXIF data say, the picture is read; tags out of range count as none."""
    model, rng = copier(folder), np.random.default_rng(5)
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    whole = exif.tobytes()[6:]
    damaged = [whole[:n] for n in range(len(whole))]
    damaged += [bytes(whole[:i]) + bytes([int(rng.integers(256))]) + whole[i + 1:] for i in range(len(whole)) for _ in range(2)]
    damaged += [whole.replace(b"\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00", b"\x12\x01\x03\x00\x01\x00\x00\x00\x09\x00"),
                b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff", b"II*\0\x08\0\0\0\0\0\x08\0\0\0"]
    for data in damaged[::3]:
        Image.fromarray(smooth(9, 7)).save(folder / "in.jpg", exif=b"Exif\0\0" + data, quality=98)
        good("run", model, folder / "in.jpg", "-o", folder / "out.png")
        size = Image.open(folder / "out.png").size  # turned or not: who knows what a damaged tag was
        assert size in ((7, 9), (9, 7)), data
        good("run", model, folder / "in.jpg", "-o", folder / "out.jpg", "--keep-metadata", "--orientation", "keep")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow, about what is damaged
            Image.open(folder / "out.jpg").load()


# ---- profiles and notes ----

def wide_profile(space: bytes = b"RGB ") -> bytes:
    """sRGB's with other primaries, as a file of bytes."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack(">I", data[128:132])[0]
    for i in range(count):
        name, at, _ = struct.unpack(">4sII", data[132 + 12 * i:144 + 12 * i])
        if name == b"rXYZ":
            data[at + 8:at + 20] = struct.pack(">3i", *(int(v * 65536) for v in (0.61, 0.31, 0.02)))
        if name == b"gXYZ":
            data[at + 8:at + 20] = struct.pack(">3i", *(int(v * 65536) for v in (0.2, 0.63, 0.06)))
    data[16:20] = space
    return bytes(data)


def test_profiles_go_along(folder: Path) -> None:
    """From each format to each, byte for byte; large ones over many segments of a JPEG; others are said to be lost."""
    model, profile = copier(folder), wide_profile()
    for source, target in itertools.product(TAGGED, TAGGED):
        for data in (profile, profile + np.random.default_rng(1).bytes(200000)):
            Image.fromarray(smooth()).save(folder / f"in.{source}", icc_profile=data, **TAGGED[source])
            assert good("run", model, folder / f"in.{source}", "-o", folder / f"out.{target}") == ""
            assert Image.open(folder / f"out.{target}").info.get("icc_profile") == data, (source, target)
    said = good("run", model, folder / "in.tif", "-o", folder / "out.bmp")
    assert "does not keep of the picture: the colour profile" in said, said
    Image.fromarray(smooth()[..., 0]).save(folder / "gray.png", icc_profile=wide_profile(b"GRAY"))
    said = good("run", model, folder / "gray.png", "-o", folder / "out.png")
    assert "the colour profile" in said and "icc_profile" not in Image.open(folder / "out.png").info, said


def test_through_srgb(folder: Path) -> None:
    """What the model gets equals Pillow's sRGB; what it gives goes back; what is known stays, bit for bit."""
    profile, rgb = wide_profile(), smooth()
    image = Image.fromarray(rgb)
    image.save(folder / "in.png", icc_profile=profile)
    own, srgb = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
    wanted = np.asarray(ImageCms.profileToProfile(image, own, srgb, renderingIntent=1)).astype(int)
    good("run", copier(folder), folder / "in.png", "--output", f"y={folder / 'y.npy'}", "--colour-profile", "srgb")
    got = np.load(folder / "y.npy")[0].transpose(1, 2, 0) * 255
    assert np.abs(got - wanted).max() <= 2, np.abs(got - wanted).max()
    assert np.abs(wanted - rgb).max() > 20
    hole = np.zeros(rgb.shape[:2], np.uint8)
    hole[4:12, 6:30] = 255
    Image.fromarray(hole).save(folder / "mask.png")
    gray = painter(folder, (0.5, 0.6, 0.4))
    good("inpaint", "--model", gray, folder / "in.png", folder / "mask.png", "-o", folder / "out.png", "--colour-profile", "srgb")
    out = Image.open(folder / "out.png")
    assert out.info["icc_profile"] == profile
    assert (np.asarray(out)[hole == 0] == rgb[hole == 0]).all()
    shown = np.asarray(ImageCms.profileToProfile(out.convert("RGB"), own, srgb, renderingIntent=1)).astype(int)
    assert np.abs(shown[hole > 0] - (127, 153, 102)).max() <= 3


def test_metadata_on_wish(folder: Path) -> None:
    """Resolution always; EXIF with true sizes and without its thumbnail, and text, when asked for."""
    model, exif, note = copier(folder), Image.Exif(), PngImagePlugin.PngInfo()
    exif[DESCRIPTION], exif[ORIENTATION] = "a harbour", 6
    exif.get_ifd(0x8769).update({WIDTH: 52, WIDTH + 1: 36})
    note.add_text("Comment", "by hand")
    note.add_itxt("Title", "Hafen", "de", "Titel")
    for source, target in itertools.product(("png", "jpg", "webp"), repeat=2):
        if source != "webp":
            Image.fromarray(smooth()).save(folder / f"in.{source}", exif=exif.tobytes(), dpi=(200, 100), **({"pnginfo": note} if source == "png" else TAGGED[source]))
        else:
            Image.fromarray(smooth()).save(folder / "in.webp", exif=exif.tobytes(), lossless=True)
        for keep, turned in itertools.product((False, True), repeat=2):
            words = ["--keep-metadata"] * keep + ["--orientation", "keep"] * turned
            said = good("run", model, folder / f"in.{source}", "-o", folder / f"out.{target}", *words)
            out = Image.open(folder / f"out.{target}")
            read = out.getexif()
            assert ("EXIF" in said) == (not keep), said
            assert (read.get(DESCRIPTION) == "a harbour") == keep and read.get(ORIENTATION, 1) == (6 if turned else 1)
            if keep:
                inner = read.get_ifd(0x8769)
                assert (inner[WIDTH], inner[WIDTH + 1]) == out.size, (source, target, words)
            if source != "webp" and target != "webp":
                dpi = [round(float(v)) for v in out.info["dpi"]]
                assert dpi == ([200, 100] if turned else [100, 200]), (source, target, dpi)
            if source == target == "png":
                assert (getattr(out, "text", {}).get("Title") == "Hafen") == keep
    data = (folder / "in.png").read_bytes()  # colours' meaning without a profile
    chunk = lambda kind, body: struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    (folder / "in.png").write_bytes(data[:33] + chunk(b"gAMA", struct.pack(">I", 100000)) + chunk(b"cICP", b"\x09\x10\0\x01") + data[33:])
    good("run", model, folder / "in.png", "-o", folder / "out.png")
    assert b"gAMA\0\x01\x86\xa0" in (folder / "out.png").read_bytes() and b"cICP\x09\x10\0\x01" in (folder / "out.png").read_bytes()
    assert "gamma" in good("run", model, folder / "in.png", "-o", folder / "out.jpg")


PACKET = """<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?><x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>
<rdf:Description xmlns:tiff='http://ns.adobe.com/tiff/1.0/' xmlns:exif='http://ns.adobe.com/exif/1.0/' tiff:Orientation="6" exif:PixelXDimension = '7'>
<tiff:ImageWidth>123456</tiff:ImageWidth><tiff:ImageLength> 1</tiff:ImageLength>%s<note>made of words</note></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end='w'?>"""


def save_with_xmp(path: Path, packet: bytes, *, packed: bool = False) -> None:
    """A picture whose file has the packet."""
    picture = Image.fromarray(smooth())
    if path.suffix == ".png":
        note = PngImagePlugin.PngInfo()
        note.add_itxt("XML:com.adobe.xmp", packet.decode(), zip=packed)
        picture.save(path, pnginfo=note)
    elif path.suffix == ".jpg":
        picture.save(path, **TAGGED["jpg"])
        body, data = b"http://ns.adobe.com/xap/1.0/\0" + packet, path.read_bytes()
        path.write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:])
    elif path.suffix == ".webp":
        picture.save(path, xmp=packet, lossless=True)
    else:
        picture.save(path, tiffinfo={700: packet})


def xmp_of(path: Path) -> bytes:
    picture = Image.open(path)
    packet = picture.tag_v2.get(700, b"") if path.suffix == ".tif" else picture.info.get("xmp", picture.info.get("XML:com.adobe.xmp", b""))
    return packet.encode() if isinstance(packet, str) else packet


def test_xmp_on_wish(folder: Path) -> None:
    """From every format that has it to every other: orientation and size made true, thumbnails cut out; else it is said."""
    model = copier(folder)
    for source, target in itertools.product(("png", "jpg", "webp", "tif"), repeat=2):
        save_with_xmp(folder / f"in.{source}", (PACKET % "<xmp:Thumbnails><a>xmpGImg:image</a></xmp:Thumbnails>").encode(), packed=target == "jpg")
        assert "XMP" in good("run", model, folder / f"in.{source}", "-o", folder / f"out.{target}")
        assert not xmp_of(folder / f"out.{target}")
        said = good("run", model, folder / f"in.{source}", "-o", folder / f"out.{target}", "--keep-metadata")
        assert "XMP" not in said, said
        width, height = Image.open(folder / f"out.{target}").size
        wanted = PACKET % ""
        for old, new in (('tiff:Orientation="6"', 'tiff:Orientation="1"'), ("exif:PixelXDimension = '7'", f"exif:PixelXDimension = '{width}'"),
                         ("<tiff:ImageWidth>123456<", f"<tiff:ImageWidth>{width}<"), ("<tiff:ImageLength> 1<", f"<tiff:ImageLength> {height}<")):
            wanted = wanted.replace(old, new)
        assert xmp_of(folder / f"out.{target}").strip(b"\0").decode() == wanted, (source, target)
    for packet in (PACKET % "<xmpGImg:image>AAAA</xmpGImg:image>", PACKET % "<xmp:Thumbnails>without an end", (PACKET % "").encode("utf-16").decode("latin-1")):
        save_with_xmp(folder / "in.jpg", packet.encode("latin-1"))
        assert "XMP" in good("run", model, folder / "in.jpg", "-o", folder / "out.png", "--keep-metadata")
        assert not xmp_of(folder / "out.png")
    save_with_xmp(folder / "in.jpg", (PACKET % "").encode())
    assert "XMP" in good("run", model, folder / "in.jpg", "-o", folder / "out.bmp", "--keep-metadata")


def test_notes_too_long_for_a_segment(folder: Path) -> None:
    """A JPEG's segment holds 64 KB: EXIF and XMP that are longer are said to be lost, the tag stays; profiles are spread."""
    model = copier(folder)
    picture = Image.fromarray(smooth())
    exif = Image.Exif()
    exif[ORIENTATION], exif[DESCRIPTION] = 6, "d" * 70000
    for length in (60000, 64500, 66000, 200000):
        note = PngImagePlugin.PngInfo()
        note.add_itxt("XML:com.adobe.xmp", PACKET % f"<words>{'w' * length}</words>")
        exif[DESCRIPTION] = "d" * (length + 70)
        picture.save(folder / "in.png", pnginfo=note, exif=exif)
        fits = length < 65000
        for words in ((), ("--orientation", "keep")):
            said = good("run", model, folder / "in.png", "-o", folder / "out.jpg", "--keep-metadata", *words)
            assert ("EXIF" in said) == ("XMP" in said) == (not fits), (length, said)
            got = Image.open(folder / "out.jpg").getexif()
            assert (len(got.get(DESCRIPTION, "")) == length + 70) == fits and bool(xmp_of(folder / "out.jpg")) == fits
            assert got.get(ORIENTATION, 1) == (6 if words else 1) and Image.open(folder / "out.jpg").size == ((52, 36) if words else (36, 52))
        for target in ("png", "webp"):
            assert not good("run", model, folder / "in.png", "-o", folder / f"out.{target}", "--keep-metadata")
            assert len(Image.open(folder / f"out.{target}").getexif()[DESCRIPTION]) == length + 70
            assert len(xmp_of(folder / f"out.{target}")) > length
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for size in (65519, 65520, 150000, 800000):  # what stands behind the tags belongs to no tag
        long = struct.pack(">I", size) + profile[4:] + bytes(np.random.default_rng(size).integers(0, 256, size - len(profile), np.uint8))
        picture.save(folder / "in.png", icc_profile=long)
        for source, target in (("in.png", "out.jpg"), ("out.jpg", "two.jpg"), ("two.jpg", "out.webp"), ("out.webp", "out.tif"), ("out.tif", "out.png")):
            assert not good("run", model, folder / source, "-o", folder / target)
            assert Image.open(folder / target).info["icc_profile"] == long, (size, target)


def test_xmp_that_continues(folder: Path) -> None:
    """Extended XMP of a JPEG is left out: it is said, and nothing points to it any more."""
    model, guid = copier(folder), "0123456789ABCDEF" * 2
    for pointer in (f'<rdf:Description rdf:about="" xmpNote:HasExtendedXMP="{guid}"/>', f"<rdf:Description><xmpNote:HasExtendedXMP>{guid}</xmpNote:HasExtendedXMP></rdf:Description>"):
        save_with_xmp(folder / "in.jpg", (PACKET % pointer).encode())
        more = b"http://ns.adobe.com/xmp/extension/\0" + guid.encode() + struct.pack(">II", 9, 0) + b"<depth />"
        data = (folder / "in.jpg").read_bytes()
        (folder / "in.jpg").write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(more) + 2) + more + data[2:])
        for target in ("jpg", "png", "webp", "tif"):
            assert "the XMP that continues" in good("run", model, folder / "in.jpg", "-o", folder / f"out.{target}", "--keep-metadata")
            packet = xmp_of(folder / f"out.{target}")
            assert b"made of words" in packet and b"HasExtended" not in packet and guid.encode() not in packet
        assert "not keep of the picture: XMP" in good("run", model, folder / "in.jpg", "-o", folder / "out.jpg")


def test_exif_as_a_text(folder: Path) -> None:
    """As ImageMagick wrote it before eXIf: the tag is obeyed, and what is kept is EXIF, not the text with its thumbnail."""
    model, rgb = copier(folder), smooth()
    exif = Image.Exif()
    exif[ORIENTATION], exif[DESCRIPTION] = 6, "a note"
    data = exif.tobytes()
    packed = data if data.startswith(b"Exif") else b"Exif\0\0" + data
    def raw(kind: str, payload: bytes) -> str:
        return f"\n{kind}\n{len(payload):8}\n" + "\n".join(payload.hex()[i:i + 72] for i in range(0, 2 * len(payload), 72)) + "\n"
    for kind, name in (("exif", "exif"), ("generic profile", "APP1")):
        for zipped in (False, True):
            note = PngImagePlugin.PngInfo()
            note.add_text(f"Raw profile type {name}", raw(kind, packed), zip=zipped)
            note.add_text("Raw profile type xmp", raw("xmp", b"http://ns.adobe.com/xap/1.0/\0" + (PACKET % "").encode()))
            Image.fromarray(rgb).save(folder / "in.png", pnginfo=note)
            said = good("run", model, folder / "in.png", "-o", folder / "out.png", "--keep-metadata")
            assert not said, said
            out = Image.open(folder / "out.png")
            assert (np.asarray(out) == np.rot90(rgb, -1)).all() and out.getexif()[DESCRIPTION] == "a note" and out.getexif().get(ORIENTATION, 1) == 1
            assert b"made of words" in xmp_of(folder / "out.png") and b"Raw profile" not in (folder / "out.png").read_bytes()
    note = PngImagePlugin.PngInfo()
    note.add_text("Raw profile type 8bim", raw("8bim", b"8BIM..."))
    note.add_text("Raw profile type exif", "\nexif\n  no digits")
    note.add_text("Comment", "kept")
    Image.fromarray(rgb).save(folder / "in.png", pnginfo=note)
    assert "text" in good("run", model, folder / "in.png", "-o", folder / "out.png", "--keep-metadata")
    assert (np.asarray(Image.open(folder / "out.png")) == rgb).all() and Image.open(folder / "out.png").text == {"Comment": "kept"}


def test_thumbnails_are_not_kept(folder: Path) -> None:
    """A thumbnail shows what was painted over: its bytes are gone."""
    small = io.BytesIO()
    Image.fromarray(smooth(12, 16)).save(small, "JPEG")
    thumb, head = small.getvalue(), 8 + 2 + 12 + 4
    second = struct.pack("<H", 2) + struct.pack("<HHII", 0x201, 4, 1, head + 30) + struct.pack("<HHII", 0x202, 4, 1, len(thumb)) + struct.pack("<I", 0)
    exif = b"II*\0\x08\0\0\0" + struct.pack("<H", 1) + struct.pack("<HHIHH", DESCRIPTION, 2, 2, 0x41, 0) + struct.pack("<I", head) + second + thumb
    Image.fromarray(smooth()).save(folder / "in.jpg", exif=b"Exif\0\0" + exif)
    assert thumb in (folder / "in.jpg").read_bytes()
    good("run", copier(folder), folder / "in.jpg", "-o", folder / "out.jpg", "--keep-metadata")
    assert thumb not in (folder / "out.jpg").read_bytes()
    assert Image.open(folder / "out.jpg").getexif()[DESCRIPTION] == "A"


# ---- masks and folders ----

def test_thresholds_are_exact(folder: Path) -> None:
    """A level is not brighter than itself, in any kind of mask; one step above is."""
    model, levels = painter(folder), np.arange(256).reshape(8, 32)
    Image.fromarray(smooth(8, 32)).save(folder / "p.png")
    gray = levels.astype(np.uint8)
    white = np.full((8, 32), 255, np.uint8)
    masks = {"gray": Image.fromarray(gray), "gray 16": Image.fromarray(levels.astype(np.uint16) * 257), "gray 16, just above": Image.fromarray(np.minimum(levels * 257 + 1, 65535).astype(np.uint16)),
             "RGB": Image.fromarray(np.dstack([gray] * 3)), "alpha": Image.fromarray(np.dstack([white] * 3 + [gray])), "gray and alpha": Image.fromarray(np.dstack([gray, white])),
             "half see-through": Image.fromarray(np.dstack([white, gray]))}
    for title, image in masks.items():
        image.save(folder / "m.png")
        for level in (0, 1, 9, 47, 94, 127, 186, 188, 249, 254):
            good("inpaint", "--model", model, folder / "p.png", folder / "m.png", "-o", folder / "o.png", "--mask-threshold", level)
            hole = (np.asarray(Image.open(folder / "o.png"))[..., :3] == (0, 255, 0)).all(-1)
            above = levels >= level if "above" in title and level < 255 else levels > level
            assert (hole == above).all(), (title, level)


def test_masks_of_another_shape(folder: Path) -> None:
    """Larger and smaller will do; exchanged sides and other aspects are refused, and the message says which."""
    model = painter(folder)
    Image.fromarray(smooth(36, 52)).save(folder / "p.png")
    for size, says in (((18, 26), ""), ((72, 104), ""), ((12, 17), ""), ((52, 36), "sides are exchanged"), ((36, 36), "another aspect"), ((104, 72), "another aspect")):
        Image.fromarray(np.full(size, 255, np.uint8)).save(folder / "m.png")
        words = ["inpaint", "--model", model, folder / "p.png", folder / "m.png", "-o", folder / "o.png"]
        if says:
            bad(*words, says=says)
        else:
            assert "resized" in good(*words)


def test_names_of_masks(folder: Path) -> None:
    """NAME, NAME_mask, NAME_mask001, mask_NAME: the first that is there; beside the pictures, too."""
    model, pictures, masks = painter(folder), folder / "in", folder / "masks"
    pictures.mkdir()
    masks.mkdir()
    names = ["{}.png", "{}_mask.png", "{}_mask001.png", "mask_{}.png"]
    hole = np.zeros((36, 52), np.uint8)
    for i, form in enumerate(names):
        Image.fromarray(smooth()).save(pictures / f"p{i}.jpg")
        for k in range(i, 4):  # better ones are there, others later
            mine = hole.copy()
            mine[4 * k:4 * k + 4] = 255
            Image.fromarray(mine).save(masks / names[k].format(f"p{i}"))
    good("inpaint", "--model", model, pictures, masks, "-o", folder / "out", "--format", "png")
    for i in range(4):
        got = (np.asarray(Image.open(folder / "out" / f"p{i}.png")) == (0, 255, 0)).all(-1)
        assert got[4 * i:4 * i + 4].all() and got.sum() == 4 * 52, i
    for path in list(masks.iterdir()):
        if path.name != "mask_p3.png":
            path.unlink()
    Image.fromarray(hole).save(pictures / "p0_mask000.png")
    for i in (1, 2):
        Image.fromarray(hole + 255).save(pictures / f"p{i}_mask.png")
    (pictures / "p3.jpg").unlink()
    Image.fromarray(hole + 255).save(pictures / "p0_mask001.png")
    done = limner("inpaint", "--model", model, pictures, pictures, "-o", folder / "out2")
    assert done.returncode == 1 and "two masks fit" in done.stderr and "2 painted, 0 skipped, 1 failed" in done.stdout, done
    assert sorted(p.name for p in (folder / "out2").iterdir()) == ["p1.jpg", "p2.jpg"]


def test_folders_keep_formats_and_name_the_rest(folder: Path) -> None:
    """Results are called as the pictures are; --format; what is passed over is counted and named."""
    model, pictures = painter(folder), folder / "in"
    pictures.mkdir()
    for name in ("a.png", "b.webp", "c.bmp", "d.tif", "e.JPEG", "f.gif", "g.ppm"):
        Image.fromarray(smooth()).save(pictures / name)
    (pictures / "h.heic").write_bytes(b"\0\0\0\x18ftypheic")
    (pictures / "notes.txt").write_text("text")
    (pictures / "more").mkdir()
    (pictures / "i.jxl").write_bytes(b"\xff\x0a..")
    (pictures / "j").write_bytes((pictures / "b.webp").read_bytes())
    (pictures / "k").write_bytes((pictures / "b.webp").read_bytes())
    (pictures / "l.xcf").write_bytes(b"?")
    (pictures / "empty").touch()
    (pictures / ".hidden.png").write_text("text")
    hole = np.zeros((36, 52), np.uint8)
    hole[8:24, 8:24] = 255
    Image.fromarray(hole).save(folder / "m.png")
    said = good("inpaint", "--model", model, pictures, folder / "m.png", "-o", folder / "out")
    assert "7 painted" in said and re.search(r"^8 passed over .*: empty, h\.heic, i\.jxl, j, k, l\.xcf, more, notes\.txt$", said, re.M), said
    for kind in ("1 is an empty file: empty", "1 is a HEIC picture: h.heic", "1 is a JPEG XL picture: i.jxl", "2 are each a WebP picture: j, k", "1 is by its name a picture of a kind that is not read: l.xcf", "1 is a folder (its pictures are not looked for): more"):
        assert f"\n  {kind}\n" in said, said
    assert said.count("notes.txt") == 1
    assert sorted(p.name for p in (folder / "out").iterdir()) == ["a.png", "b.webp", "c.bmp", "d.tif", "e.JPEG", "f.png", "g.ppm"]
    sources = {path.stem: path for path in pictures.iterdir()}
    for path in (folder / "out").iterdir():
        image = Image.open(path)
        got = np.asarray(image.convert("RGB")).astype(int)
        assert image.format == {**WRITTEN, "jpeg": "JPEG"}[path.suffix[1:].lower()], path
        assert worst(got[10:22, 10:22], np.full((12, 12, 3), (0, 255, 0))) <= 40 and worst(got[30:], seen(sources[path.stem])[30:]) <= (12 if "JPEG" in path.name else 0), path
    good("inpaint", "--model", model, pictures, folder / "m.png", "-o", folder / "jpegs", "--format", "jpg", "--quality", 70)
    assert {Image.open(p).format for p in (folder / "jpegs").iterdir()} == {"JPEG"} and len(list((folder / "jpegs").iterdir())) == 7
    assert "7 skipped" in good("inpaint", "--model", model, pictures, folder / "m.png", "-o", folder / "jpegs", "--format", "jpg", "--resume")
    assert limner("inpaint", "--model", model, pictures, folder / "m.png", "-o", folder / "x", "--format", "gif").returncode == 2


def main() -> int:
    """Run every test of this file, or those named; returns the exit status."""
    global LIMNER
    LIMNER = str(Path(sys.argv[1]).resolve())
    return runner.run("pictures", runner.named(globals(), "test_"), sys.argv[2:], f"{sys.executable} tests/e2e/pictures.py {sys.argv[1]}")


if __name__ == "__main__":
    sys.exit(main())
