"""The C sessions behind a limner.Session: one for each run that is going on at the same time."""

from __future__ import annotations

from typing import Any

from limner import _limner


class Lease:
    """A C session that is taken out of the pool until this object's end."""

    __slots__ = ("core", "pool")

    def __init__(self, pool: Pool, core: _limner.Session) -> None:
        self.pool = pool
        self.core = core

    def __del__(self) -> None:
        self.pool.give(self.core)


class Pool:
    """Lists and sets are changed by single calls, which are atomic, so there is no lock that a fork could inherit."""

    def __init__(self, model: _limner.Model, options: dict[str, Any]) -> None:
        self.model = model
        self.options = options
        self.idle: list[_limner.Session] = []
        self.busy: set[_limner.Session] = set()
        self.closed = False
        self.last = self._make()
        self.idle.append(self.last)

    def _make(self) -> _limner.Session:
        return _limner.Session(self.model, **self.options)

    def take(self) -> _limner.Session:
        """A session for the caller alone, of the present model."""
        if self.closed:
            raise ValueError("the session is closed")
        try:
            core = self.idle.pop()
        except IndexError:
            core = self._make()
        model = self.model
        if core.model is not model:
            core.swap(model)
        self.busy.add(core)
        return core

    def give(self, core: _limner.Session) -> None:
        self.busy.discard(core)
        if not self.closed:
            self.last = core
            self.idle.append(core)

    def swap(self, model: _limner.Model) -> None:
        """Later runs are of this model. Sessions that are idle or run now follow when they are taken next."""
        core = self.take()
        try:
            core.swap(model)
            self.model = model
        finally:
            self.give(core)

    def cancel(self) -> None:
        for core in tuple(self.busy):
            core.cancel()

    def trim(self) -> None:
        """Of the sessions that are idle. One is enough for a caller who does one thing after the other."""
        kept, self.idle = self.idle, []
        for core in kept[-1:]:
            core.trim()
            self.idle.append(core)

    def close(self) -> None:
        self.closed = True
        self.idle.clear()
