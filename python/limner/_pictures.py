"""Pictures through networks: inpaint, upscale, and the classes behind them."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, overload

import numpy as np

from limner import _limner
from limner._arrays import over
from limner._picture_arrays import Picture, as_given, as_image, is_image, look_of, tell
from limner._picture_options import Array, InpaintOptions, Path, PictureOptions, file_name, python_words, words_of
from limner._session import Session, Source, _load

if TYPE_CHECKING:
    from PIL.Image import Image

Saved = TypeVar("Saved", bound=Path)


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
        given = as_given("the image", image)
        given_mask = as_given("the mask", mask) if self._holes else None
        look = look_of(image, output) if is_image(image) else (None, (0.0, 0.0))
        try:
            painter = self._idle.pop()
        except IndexError:
            painter = self._make()
        try:
            with python_words():
                tensor, unchanged = painter.paint(given, given_mask, None if output is None else file_name(output), is_image(image), *look)
            notes = painter.notes()
        finally:
            self._idle.append(painter)
        tell(notes)
        if tensor is None:
            return output
        if unchanged and not isinstance(given, bytes):
            return image.copy() if is_image(image) else np.array(image if isinstance(image, np.ndarray) else given)
        array = over(tensor, tensor.shape, np.dtype(tensor.type))
        return as_image(array, image) if is_image(image) else array

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
