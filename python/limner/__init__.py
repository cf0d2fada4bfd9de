"""limner runs ONNX networks that make pictures.

    session = limner.Session("model.onnx")
    (picture,) = session.run({"image": image})

limner.inpaint, upscale, convert and keys are what the limner command does, on arrays, images of Pillow or files.

limner.Session is the library's own face. limner.ort has the names and manners of onnxruntime, limner.backend those of
onnx.backend. Every error is a limner.Error with the message of the library.
"""

from __future__ import annotations

from limner._limner import (
    Cancelled,
    Error,
    FileError,
    InvalidArgument,
    InvalidModel,
    LimitExceeded,
    Model,
    OutOfMemory,
    ShapeError,
    Tensor,
    TryAgain,
    Unsupported,
    __version__,
    operators,
)
from limner._checkpoints import Conversion, ConversionError, Key, Keys, convert, keys
from limner._outputs import Outputs
from limner._picture_arrays import PictureWarning
from limner._picture_options import InpaintOptions, PictureOptions
from limner._pictures import Inpainter, Upscaler, inpaint, upscale
from limner._profile import Profile, Step
from limner._session import Session, Value

__all__ = [
    "Cancelled",
    "Conversion",
    "ConversionError",
    "Error",
    "FileError",
    "InpaintOptions",
    "Inpainter",
    "InvalidArgument",
    "InvalidModel",
    "Key",
    "Keys",
    "LimitExceeded",
    "Model",
    "OutOfMemory",
    "Outputs",
    "PictureOptions",
    "PictureWarning",
    "Profile",
    "Session",
    "ShapeError",
    "Step",
    "Tensor",
    "TryAgain",
    "Unsupported",
    "Upscaler",
    "Value",
    "__version__",
    "convert",
    "inpaint",
    "keys",
    "operators",
    "upscale",
]
