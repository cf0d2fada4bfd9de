"""Pictures as paths, images of Pillow and arrays; and what is worth knowing about them."""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Union

import numpy as np

from limner import _limner
from limner._picture_options import Array, Path, file_name, in_python

if TYPE_CHECKING:
    from PIL.Image import Image

Picture = Union[Path, "Image", Array, Any]


class PictureWarning(UserWarning):
    """What is worth knowing and no reason to stop: a mask that was resized, numbers outside of their range, ..."""


def _pillow() -> Any:
    """Pillow's module if the program has it: whoever has an image of it does."""
    return sys.modules.get("PIL.Image")


def is_image(picture: Any) -> bool:
    module = _pillow()
    return module is not None and isinstance(picture, module.Image)


# What an image is converted to, by its mode; with transparency for one colour, or without.
_MODES = {"1": "L", "L": "L", "LA": "LA", "La": "LA", "RGB": "RGB", "RGBX": "RGB", "RGBA": "RGBA", "RGBa": "RGBA", "P": "RGB", "PA": "RGBA"}
_MODES.update(dict.fromkeys(("CMYK", "YCbCr", "LAB", "HSV"), "RGB"))


def _image_array(what: str, image: Any) -> Array:
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)
    mode = _MODES.get(image.mode)
    if mode is None:
        raise _limner.InvalidArgument(f"{what} is an image of mode {image.mode}, whose white is not known: convert it to L, RGB or I;16")
    if mode in ("L", "RGB") and getattr(image, "has_transparency_data", "transparency" in image.info):
        mode += "A"
    return np.asarray(image if image.mode == mode else image.convert(mode))


def as_given(what: str, picture: Any) -> bytes | Array:
    """picture as the binding takes it: bytes for a file's name, or an array of plain numbers."""
    if isinstance(picture, (str, os.PathLike)):
        return file_name(picture)
    if isinstance(picture, bytes):
        raise TypeError(f"{what} is a path, an image of Pillow or an array, not bytes: open them with Pillow first")
    if is_image(picture):
        return _image_array(what, picture)
    if not isinstance(picture, np.ndarray):
        try:
            picture = np.from_dlpack(picture) if hasattr(picture, "__dlpack__") else np.asarray(memoryview(picture))
        except TypeError:
            raise TypeError(f"{what} is a path, an image of Pillow or an array, not {type(picture).__name__}") from None
    array: Array = picture
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype.newbyteorder("=") not in (np.uint8, np.uint16):
        raise _limner.InvalidArgument(f"{what} has elements of type {array.dtype.name}, expected uint8 or uint16 (or bool for a mask)")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def look_of(image: Any, output: Path | None) -> tuple[bytes | None, tuple[float, float]]:
    """The colour profile and the resolution of an image of Pillow."""
    if output is not None and image.getexif().get(0x0112, 1) != 1:
        raise _limner.InvalidArgument("the image is to be turned when it is shown, which output would not say: PIL.ImageOps.exif_transpose turns it")
    profile, dots = image.info.get("icc_profile"), image.info.get("dpi", (0, 0))
    return profile or None, (float(dots[0]), float(dots[1]))


def as_image(array: Array, source: Any) -> Any:
    """An image of Pillow that knows of its source what is true of it, too."""
    made = _pillow().fromarray(array)
    kept = ["dpi", "exif"] + (["icc_profile"] if source.mode in ("RGB", "RGBA", "RGBX", "P", "PA") and array.ndim == 3 else [])
    made.info.update({name: source.info[name] for name in kept if name in source.info})
    return made


def tell(notes: Sequence[str]) -> None:
    for note in notes:
        text = re.sub(r"^(note|warning): ", "", in_python(note))
        warnings.warn(text, PictureWarning, stacklevel=4)
