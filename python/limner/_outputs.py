"""What a run returns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class Outputs(list[Any]):
    """The outputs of a run, in the order that they were asked for: a list that also knows them by name."""

    names: tuple[str, ...]

    def __init__(self, values: Iterable[Any], names: Iterable[str]) -> None:
        super().__init__(values)
        self.names = tuple(names)

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, str):
            return super().__getitem__(key)
        if key not in self.names:
            raise KeyError(key)
        return super().__getitem__(self.names.index(key))

    def dict(self) -> dict[str, Any]:
        """The same as a dict."""
        return dict(zip(self.names, self))

    def __reduce__(self) -> tuple[Any, ...]:
        return Outputs, (list(self), self.names)
