"""The options of pictures, as they are called in Python and as words of the command."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypedDict, Union

import numpy as np

from limner import _limner

Path = Union[str, "os.PathLike[str]"]
Array = np.ndarray[Any, np.dtype[Any]]


class PictureOptions(TypedDict, total=False):
    """The options of `limner run` that are not about files; `limner run --help` and docs/contracts.md explain them.

    Ranges and lists of numbers are tuples, `size` is (width, height). `preset` names a known network.
    """

    preset: Path
    preset_dir: Path
    tile: int | Literal["auto"]
    overlap: int
    max_pixels: int | str
    range: Sequence[float]
    input_range: Sequence[float]
    output_range: Sequence[float] | Literal["found"]
    mean: float | Sequence[float]
    deviation: float | Sequence[float]
    output_mean: float | Sequence[float]
    output_deviation: float | Sequence[float]
    output_curve: Literal["none", "sigmoid"]
    order: Literal["rgb", "bgr"]
    layout: Literal["nchw", "nhwc"]
    inputs: str
    seed: int
    fit: Literal["pad", "resize", "letterbox", "crop"]
    size: tuple[int, int]
    multiple: int
    result: Literal["picture", "alpha"]
    picture_output: str | int
    orientation: Literal["upright", "keep"]
    colour_profile: Literal["keep", "srgb"]
    keep_metadata: bool
    quality: int
    threads: int
    cpu: Literal["auto", "portable", "avx2", "avx512"]
    exact: bool
    low_memory: bool
    cache: bool
    cache_in: Path


class InpaintOptions(PictureOptions, total=False):
    """The options of `limner inpaint` that are not about files; docs/inpainting.md explains them."""

    mask_white: Literal["hole", "known"]
    mask_threshold: int
    mask_grid: Path | Array
    sigma: float
    canny_low: float
    canny_high: float
    blend: Literal["none", "laplace"]
    crop_margin: int
    mask_one: Literal["hole", "known"]
    mask_range: Sequence[float]
    hole: str | float


def _text(name: str, value: Any) -> str:
    if isinstance(value, (str, os.PathLike)):
        return os.fspath(value)
    if isinstance(value, (bool, np.bool_)):
        raise _limner.InvalidArgument(f"{name} is {value}, which it cannot be")
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        return repr(float(value))
    if isinstance(value, (Sequence, np.ndarray)):
        return ("x" if name == "size" else ",").join(_text(name, item) for item in value)
    raise TypeError(f"{name} cannot be of type {type(value).__name__}")


FLAGS = frozenset(("keep_metadata", "exact", "low_memory", "cache", "by_order", "half"))


def words_of(options: Mapping[str, Any]) -> list[str]:
    """Options by their names in Python as words of a command line; what is None is left out."""
    words = []
    for name, value in options.items():
        word = "--" + name.replace("_", "-")
        if value is None or (name in FLAGS and not value):
            continue
        words.append(word if name in FLAGS else f"{word}={_text(name, value)}")
    return words


def in_python(message: str) -> str:
    """The library's message with options as they are called here."""
    return re.sub(r"(?<![\w-])--([a-z]+(?:-[a-z]+)*)", lambda found: found[1].replace("-", "_"), message)


@contextlib.contextmanager
def python_words(file: str = "", name: str = "") -> Iterator[None]:
    """Errors inside name options as they are called here, and a file of ours as what is in it."""
    try:
        yield
    except _limner.Error as error:
        text = in_python(str(error))
        error.args = (text.replace(file, name) if file else text, *error.args[1:])
        raise


def file_name(path: Path) -> bytes:
    """A path for the library, to which "-" would be the standard input."""
    name = os.fsencode(path)
    return b"./-" if name == b"-" else name
