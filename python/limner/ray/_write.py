"""Results into folders on disks and in stores, and which are there."""

from __future__ import annotations

import posixpath
from typing import Any

from limner.ray._place import Batch, Where, check_key, column, flags, list_files, passes, place, words, write_file


def finished(folder: Where, *, filesystem: Any = None) -> frozenset[str]:
    """Keys of the results that are in a folder, for `skip`: a second run does what is missing."""
    system, path = place(folder, filesystem)
    return frozenset(posixpath.splitext(found[len(path) + 1 :])[0] for found in list_files(system, path, deep=True))


class _Write:
    def __init__(self, system: Any, folder: str, ending: str, result: str) -> None:
        self._system, self._folder, self._ending, self._result = system, folder, ending, result

    def _one(self, key: str, data: bytes) -> tuple[str, str, bool]:
        try:
            check_key(key)
            path = f"{self._folder}/{key}.{self._ending}"
            write_file(self._system, path, data)
            return path, "", False
        except Exception as error:  # the job goes on
            return "", f"{key}: cannot write: {words(error)}", passes(error)

    def __call__(self, batch: Batch) -> Batch:
        done = [
            ("", str(batch["error"][i]), bool(batch["try_again"][i])) if batch["error"][i] else self._one(str(key), batch[self._result][i])
            for i, key in enumerate(batch["key"])
        ]
        rest = {name: cells for name, cells in batch.items() if name != self._result}
        paths, errors, again = zip(*done)
        return flags({**rest, "path": column(paths), "error": errors, "try_again": again})


def write(rows: Any, folder: Where, *, filesystem: Any = None, ending: str = "png", result: str = "result") -> Any:
    """Writes every row's result to KEY.ending in a folder or a store; the dataset that comes back has `path` in its place.

    Like all datasets of Ray it does nothing until it is looked at (iter_rows, materialize, ...). A file is written whole
    or not at all; one that a worker wrote before it died is written again, with the same bytes.
    """
    system, path = place(folder, filesystem)
    return rows.map_batches(_Write(system, path, ending, result), batch_size=16)
