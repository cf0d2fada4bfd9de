"""Pictures through networks: inpaint, upscale, and the classes behind them."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeVar, Union, Unpack, overload

import numpy as np

from limner import _limner
from limner._arrays import over
from limner._session import Session, Source, _load

if TYPE_CHECKING:
    from PIL.Image import Image

Path = Union[str, "os.PathLike[str]"]
Array = np.ndarray[Any, np.dtype[Any]]
Picture = Union[Path, "Image", Array, Any]
Saved = TypeVar("Saved", bound=Path)


class PictureWarning(UserWarning):
    """What is worth knowing and no reason to stop: a mask that was resized, numbers outside of their range, ..."""


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


# ---- options as words of the command ----


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


def _in_python(message: str) -> str:
    """The library's message with options as they are called here."""
    return re.sub(r"(?<![\w-])--([a-z]+(?:-[a-z]+)*)", lambda found: found[1].replace("-", "_"), message)


@contextlib.contextmanager
def python_words(file: str = "", name: str = "") -> Iterator[None]:
    """Errors inside name options as they are called here, and a file of ours as what is in it."""
    try:
        yield
    except _limner.Error as error:
        text = _in_python(str(error))
        error.args = (text.replace(file, name) if file else text, *error.args[1:])
        raise


def file_name(path: Path) -> bytes:
    """A path for the library, to which "-" would be the standard input."""
    name = os.fsencode(path)
    return b"./-" if name == b"-" else name


# ---- pictures as arrays ----


def _pillow() -> Any:
    """Pillow's module if the program has it: whoever has an image of it does."""
    return sys.modules.get("PIL.Image")


def _is_image(picture: Any) -> bool:
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


def _given(what: str, picture: Any) -> bytes | Array:
    """picture as the binding takes it: bytes for a file's name, or an array of plain numbers."""
    if isinstance(picture, (str, os.PathLike)):
        return file_name(picture)
    if isinstance(picture, bytes):
        raise TypeError(f"{what} is a path, an image of Pillow or an array, not bytes: open them with Pillow first")
    if _is_image(picture):
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


def _look(image: Any, output: Path | None) -> tuple[bytes | None, tuple[float, float]]:
    """The colour profile and the resolution of an image of Pillow."""
    if output is not None and image.getexif().get(0x0112, 1) != 1:
        raise _limner.InvalidArgument("the image is to be turned when it is shown, which output would not say: PIL.ImageOps.exif_transpose turns it")
    profile, dots = image.info.get("icc_profile"), image.info.get("dpi", (0, 0))
    return profile or None, (float(dots[0]), float(dots[1]))


def _as_image(array: Array, source: Any) -> Any:
    """An image of Pillow that knows of its source what is true of it, too."""
    made = _pillow().fromarray(array)
    kept = ["dpi", "exif"] + (["icc_profile"] if source.mode in ("RGB", "RGBA", "RGBX", "P", "PA") and array.ndim == 3 else [])
    made.info.update({name: source.info[name] for name in kept if name in source.info})
    return made


def _tell(notes: Sequence[str]) -> None:
    for note in notes:
        text = re.sub(r"^(note|warning): ", "", _in_python(note))
        warnings.warn(text, PictureWarning, stacklevel=4)


# ---- painters ----


def _loaded(source: Any, what: str) -> tuple[_limner.Model, bytes, Any]:
    """A model, what messages call it, and what can load it again elsewhere; None where nothing can."""
    if isinstance(source, Session):
        return source.model, what.encode(), None
    model, origin = _load(source, None, None)
    return model, os.fsencode(source) if isinstance(source, (str, os.PathLike)) else what.encode(), origin


@contextlib.contextmanager
def _with_files(options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The options with a file for an array that is to be a map of integers."""
    grid = options.get("mask_grid")
    if grid is None or isinstance(grid, (str, os.PathLike)):
        yield options
        return
    with tempfile.NamedTemporaryFile(suffix=".npy") as file:
        np.save(file, np.asarray(grid))
        file.flush()
        yield {**options, "mask_grid": file.name}


class _Painting:
    """Painters of one kind: one for each thread that paints at the same time. They share the models."""

    _holes: bool
    _options_type: Any

    def __init__(self, model: Source, edge: Source | None, options: dict[str, Any]) -> None:
        if unknown := options.keys() - self._options_type.__annotations__.keys():
            raise TypeError(f"{type(self).__name__} has no option {min(unknown)!r}")
        self._options = options
        self._model, self._name, self._origin = _loaded(model, "the model")
        self._edge: _limner.Model | None = None
        self._edge_name, self._edge_origin = b"", None
        if edge is not None:
            self._edge, self._edge_name, self._edge_origin = _loaded(edge, "the edge model")
        if options.get("cache") and not (isinstance(self._origin, str) and (edge is None or isinstance(self._edge_origin, str))):
            raise _limner.InvalidArgument("cache is for models that are files")
        self._idle = [self._make()]

    def _make(self) -> _limner.Painter:
        with python_words(), _with_files(self._options) as options:
            return _limner.Painter(self._holes, words_of(options), self._model, self._name, self._edge, self._edge_name)

    def _paint(self, image: Any, mask: Any, output: Path | None) -> Any:
        given = _given("the image", image)
        given_mask = _given("the mask", mask) if self._holes else None
        look = _look(image, output) if _is_image(image) else (None, (0.0, 0.0))
        try:
            painter = self._idle.pop()
        except IndexError:
            painter = self._make()
        try:
            with python_words():
                tensor, unchanged = painter.paint(given, given_mask, None if output is None else file_name(output), _is_image(image), *look)
            notes = painter.notes()
        finally:
            self._idle.append(painter)
        _tell(notes)
        if tensor is None:
            return output
        if unchanged and not isinstance(given, bytes):
            return image.copy() if _is_image(image) else np.array(image if isinstance(image, np.ndarray) else given)
        array = over(tensor, tensor.shape, np.dtype(tensor.type))
        return _as_image(array, image) if _is_image(image) else array

    def __reduce__(self) -> tuple[Any, ...]:
        if self._origin is None or (self._edge is not None and self._edge_origin is None):
            raise TypeError(f"{type(self).__name__} of another's model cannot be pickled")
        return _again, (type(self), self._origin, self._edge_origin, self._options)


def _again(kind: Any, model: Any, edge: Any, options: dict[str, Any]) -> Any:
    return kind(model, **options) if edge is None else kind(model, edge=edge, **options)


class Inpainter(_Painting):
    """Fills the holes of pictures, one after the other or from several threads: the models are loaded once.

    model: the network that paints, edge: the one that draws edges into holes first (EdgeConnect). Each is what a
    Session is made of (a path, bytes, ...) or a Session, whose weights are shared. options: those of `limner inpaint`,
    with _ for -: preset, tile, blend, ... (InpaintOptions).

    Raises FileError, InvalidModel, Unsupported, InvalidArgument, ShapeError; TypeError for an option that there is not.
    """

    _holes, _options_type = True, InpaintOptions

    def __init__(self, model: Source, *, edge: Source | None = None, **options: Unpack[InpaintOptions]) -> None:
        super().__init__(model, edge, dict(options))

    @overload
    def __call__(self, image: Picture, mask: Picture, *, output: Saved) -> Saved: ...
    @overload
    def __call__(self, image: Path, mask: Picture, *, output: None = None) -> Array: ...
    @overload
    def __call__(self, image: Image, mask: Picture, *, output: None = None) -> Image: ...
    @overload
    def __call__(self, image: Any, mask: Picture, *, output: None = None) -> Array: ...
    def __call__(self, image: Picture, mask: Picture, *, output: Path | None = None) -> Any:
        """As inpaint."""
        return self._paint(image, mask, output)


class Upscaler(_Painting):
    """Makes pictures of pictures: upscalers, styles, background removal. As Inpainter, with the options of
    `limner run` (PictureOptions)."""

    _holes, _options_type = False, PictureOptions

    def __init__(self, model: Source, **options: Unpack[PictureOptions]) -> None:
        super().__init__(model, None, dict(options))

    @overload
    def __call__(self, image: Picture, *, output: Saved) -> Saved: ...
    @overload
    def __call__(self, image: Path, *, output: None = None) -> Array: ...
    @overload
    def __call__(self, image: Image, *, output: None = None) -> Image: ...
    @overload
    def __call__(self, image: Any, *, output: None = None) -> Array: ...
    def __call__(self, image: Picture, *, output: Path | None = None) -> Any:
        """As upscale."""
        return self._paint(image, None, output)


@overload
def inpaint(image: Picture, mask: Picture, *, model: Source, edge: Source | None = None, output: Saved, **options: Unpack[InpaintOptions]) -> Saved: ...
@overload
def inpaint(image: Path, mask: Picture, *, model: Source, edge: Source | None = None, output: None = None, **options: Unpack[InpaintOptions]) -> Array: ...
@overload
def inpaint(image: Image, mask: Picture, *, model: Source, edge: Source | None = None, output: None = None, **options: Unpack[InpaintOptions]) -> Image: ...
@overload
def inpaint(image: Any, mask: Picture, *, model: Source, edge: Source | None = None, output: None = None, **options: Unpack[InpaintOptions]) -> Array: ...
def inpaint(
    image: Picture, mask: Picture, *, model: Source, edge: Source | None = None, output: Path | None = None, **options: Unpack[InpaintOptions]
) -> Any:
    """Paints what mask marks in image, and leaves all else as it is: `limner inpaint`, with the same pixels.

    image: a path; an image of Pillow; or an array of shape (height, width) or (height, width, channels) with 1 (gray),
    2 (gray, alpha), 3 (RGB) or 4 (RGB, alpha) channels, uint8 or uint16. Pictures from files are turned upright as
    their tags say; images of Pillow and arrays are taken as they are.
    mask: the same, or bool; what is brighter than black is hole. Another size is resized to image's, another aspect is
    an error.
    model, edge, options: as of Inpainter, which does this for many pictures without loading the models each time.

    Returns an array of shape (height, width, 3), or 4 with image's alpha, uint8, or uint16 where image has 16 bits;
    for an image of Pillow one of mode RGB or RGBA. Without a hole it is image as it was. With output, a path, the
    result is written there, in the format that its name ends in, and output is returned.

    Raises what Inpainter raises; FileError for files; InvalidArgument and ShapeError for pictures that cannot be.
    Warns with PictureWarning.
    """
    return Inpainter(model, edge=edge, **options)._paint(image, mask, output)


@overload
def upscale(image: Picture, *, model: Source, output: Saved, **options: Unpack[PictureOptions]) -> Saved: ...
@overload
def upscale(image: Path, *, model: Source, output: None = None, **options: Unpack[PictureOptions]) -> Array: ...
@overload
def upscale(image: Image, *, model: Source, output: None = None, **options: Unpack[PictureOptions]) -> Image: ...
@overload
def upscale(image: Any, *, model: Source, output: None = None, **options: Unpack[PictureOptions]) -> Array: ...
def upscale(image: Picture, *, model: Source, output: Path | None = None, **options: Unpack[PictureOptions]) -> Any:
    """Runs image through a network that makes a picture of it, of the same size or a larger one: what `limner run` does
    with the pictures of a folder, with the same pixels. Upscalers, styles, and with a preset background removal.

    image, output: as of inpaint. model, options: as of Upscaler, which does this for many pictures.

    Returns an array of shape (height, width), or (height, width, channels) with what channels the model makes and
    image's alpha; uint8, or uint16 where image has 16 bits. For an image of Pillow, one.

    Raises and warns as inpaint does.
    """
    return Upscaler(model, **options)._paint(image, None, output)
