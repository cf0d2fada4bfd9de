"""What the zoo holds: networks of other authors, each a row with a builder, its inputs and its sizes."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import families


@dataclass(frozen=True)
class Value:
    """An input: its shape, in which letters stand for sizes, its type, and where its numbers lie."""

    name: str
    shape: tuple[int | str, ...]
    dtype: str = "float32"
    low: float = 0
    high: float = 1


@dataclass(frozen=True)
class Network:
    """One network. ``build(full)`` gives the module, with full or small widths.

    ``natural`` and ``odd`` are (height, width), of the full network and of the small one; no odd size: sizes are not free.
    """

    name: str
    family: str
    build: Callable[[bool], Any]
    inputs: tuple[Value, ...]
    natural: tuple[int, int]
    odd: tuple[int, int] | None
    small_natural: tuple[int, int]
    small_odd: tuple[int, int] | None
    gain: float | None = 1.0
    outputs: tuple[int, ...] | None = None
    exporters: tuple[str, ...] = ("torchscript", "dynamo")
    opset: int | None = None
    batch: bool = True
    note: str = ""

    def sizes(self, full: bool) -> list[dict[str, int]]:
        """The natural size, the odd one, and a batch of two."""
        natural, odd = (self.natural, self.odd) if full else (self.small_natural, self.small_odd)
        result = [{"N": 1, "H": natural[0], "W": natural[1]}]
        if odd:
            result.append({"N": 1, "H": odd[0], "W": odd[1]})
        if self.batch:
            result.append({"N": 2, "H": natural[0], "W": natural[1]})
        return result


NETWORKS: dict[str, Network] = {}
Size = int | tuple[int, int]


def pair(size: Size | None) -> tuple[int, int] | None:
    """A size as height and width; one number is a square's."""
    return (size, size) if isinstance(size, int) else size


def picture(channels: int = 3, name: str = "image", low: float = 0, high: float = 1) -> Value:
    """A picture of free height and width."""
    return Value(name, ("N", channels, "H", "W"), "float32", low, high)


def network(
    name: str,
    family: str,
    build: Callable[[bool], Any],
    sizes: tuple[Size, Size | None],
    small: tuple[Size, Size | None] | None = None,
    inputs: tuple[Value, ...] | None = None,
    **options: Any,
) -> None:
    """Register a network: sizes are natural and odd, of the full network and of the small one."""
    if name in NETWORKS:
        raise ValueError(f"two networks are called {name}")
    small = small or sizes
    NETWORKS[name] = Network(
        name,
        family,
        build,
        inputs or (picture(),),
        pair(sizes[0]),
        pair(sizes[1]),
        pair(small[0]),
        pair(small[1]),
        **options,
    )


def package_class(package: str, cls: str) -> Callable[..., Any]:
    """A class of a package, or of a module beneath it that the package imports."""
    module = importlib.import_module(package)
    if isinstance(getattr(module, cls, None), type):
        return getattr(module, cls)
    for name, inner in sorted(sys.modules.items()):
        if name.startswith(package + ".") and isinstance(vars(inner).get(cls), type):
            return vars(inner)[cls]
    raise ImportError(f"no {cls} in {package}")


def configured(make: Callable[..., Any], full: dict[str, Any], small: dict[str, Any]) -> Callable[[bool], Any]:
    """A builder that calls ``make`` with a configuration; ``small`` says what the small network has otherwise."""
    return lambda is_full: make(**(full if is_full else {**full, **small}))


def load() -> dict[str, Network]:
    """Every family's rows."""
    for found in pkgutil.iter_modules(families.__path__):
        importlib.import_module(f"families.{found.name}")
    return NETWORKS
