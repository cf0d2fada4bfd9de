"""The classes that onnxruntime has in Python."""

from limner.ort._binding import IOBinding, SessionIOBinding
from limner.ort._session import InferenceSession, Session
from limner.ort._values import OrtDevice, OrtValue

__all__ = ["IOBinding", "InferenceSession", "OrtDevice", "OrtValue", "Session", "SessionIOBinding"]
