"""limner runs ONNX networks that make pictures.

    session = limner.Session("model.onnx")
    (picture,) = session.run({"image": image})

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
from limner._outputs import Outputs
from limner._profile import Profile, Step
from limner._session import Session, Value

__all__ = [
    "Cancelled",
    "Error",
    "FileError",
    "InvalidArgument",
    "InvalidModel",
    "LimitExceeded",
    "Model",
    "OutOfMemory",
    "Outputs",
    "Profile",
    "Session",
    "ShapeError",
    "Step",
    "Tensor",
    "TryAgain",
    "Unsupported",
    "Value",
    "__version__",
    "operators",
]
