"""Pictures and masks from folders, WebDataset archives and Parquet files, as rows."""

from __future__ import annotations

import posixpath
import re
import tarfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import limner
from limner.ray._place import Batch, Where, batch_of, list_files, needed, passes, place, read_file, stem_of, words

ENDINGS = ("png", "jpg", "jpeg", "webp", "tif", "tiff", "bmp", "gif", "jp2", "pnm", "ppm", "pgm", "pbm", "pam")
MOST_BYTES = 1 << 30  # of a picture in an archive
Row = dict[str, Any]


def _row(key: str, cells: Mapping[str, bytes] = MappingProxyType({}), error: str = "", try_again: bool = False) -> Row:
    return {"key": key, "image": b"", "mask": b"", **cells, "error": error, "try_again": try_again}


def _names(with_masks: bool) -> tuple[str, ...]:
    return ("key", "image", *(("mask",) if with_masks else ()), "error", "try_again")


def _is_picture(path: str) -> bool:
    return posixpath.splitext(path)[1][1:].lower() in ENDINGS


def _spread(rows: list[Row], blocks: int | None) -> Any:
    """A dataset of rows, in many blocks: a block is what one worker gets, and what is done again when it dies."""
    data = needed("ray.data")
    return data.from_items(rows, override_num_blocks=max(1, min(len(rows), blocks or -(-len(rows) // 16))))


# ---- folders ----


def _masks_of(paths: Sequence[str]) -> dict[str, list[tuple[int, str]]]:
    """Masks by the picture that they may belong to, the best kind of name first: as `limner inpaint` finds them."""
    found: dict[str, list[tuple[int, str]]] = {}
    for path in paths:
        stem = stem_of(path)
        kinds = [(0, stem)]
        if match := re.fullmatch(r"(.*)_mask(\d*)", stem, re.DOTALL):
            kinds.append((2 if match[2] else 1, match[1]))
        if stem.startswith("mask_"):
            kinds.append((3, stem[5:]))
        for kind, picture in kinds:
            found.setdefault(picture, []).append((kind, path))
    return found


def _choose_mask(found: dict[str, list[tuple[int, str]]], stem: str, where: str) -> tuple[str, str]:
    """The mask's path, or what is wrong."""
    fitting = sorted(found.get(stem, []))
    if not fitting:
        return "", f"there is no mask {stem}.png (or {stem}_mask.png, {stem}_mask001.png, mask_{stem}.png) in {where}"
    if len(fitting) > 1 and fitting[0][0] == fitting[1][0]:
        return "", f"two masks fit: {fitting[0][1]} and {fitting[1][1]}"
    return fitting[0][1], ""


class _ReadFiles:
    """Replaces paths by what the files hold."""

    def __init__(self, system: Any, mask_system: Any, with_masks: bool) -> None:
        self._systems = {"image": system, "mask": mask_system}
        self._with_masks = with_masks

    def _read(self, row: Row) -> Row:
        if row["error"]:
            return _row(row["key"], error=row["error"])
        try:
            names = ("image", "mask") if self._with_masks else ("image",)
            return _row(row["key"], {name: read_file(self._systems[name], row[name]) for name in names})
        except Exception as error:  # the job goes on
            return _row(row["key"], error=f"cannot read {row['image']}: {words(error)}", try_again=passes(error))

    def __call__(self, batch: Batch) -> Batch:
        rows = [{name: batch[name][i] for name in batch} for i in range(len(batch["key"]))]
        return batch_of([self._read(row) for row in rows], _names(self._with_masks))


def read_folder(
    pictures: Where,
    masks: Where | None = None,
    *,
    filesystem: Any = None,
    skip: Collection[str] = (),
    blocks: int | None = None,
) -> Any:
    """The pictures of a folder: a ray.data.Dataset with the columns key, image, mask (with masks), error, try_again.

    pictures: a path, or a URI that pyarrow knows (s3://, gs://, ...), or a path in filesystem, a pyarrow.fs.FileSystem.
    masks: a folder, too; a picture's mask is NAME.png, NAME_mask.png, NAME_mask001.png or mask_NAME.png, with any
    ending, the first of these that is there. Or one file for all.
    skip: keys to leave out before they are read; see finished. blocks: how many parts the dataset has; by default a
    part is 16 pictures.
    """
    system, path = place(pictures, filesystem)
    images = [image for image in list_files(system, path) if _is_picture(image)]
    mask_system, mask_path = place(pictures if masks is None else masks, filesystem)
    one_mask = masks is not None and mask_system.get_file_info(mask_path).is_file
    found = {} if masks is None or one_mask else _masks_of([mask for mask in list_files(mask_system, mask_path) if _is_picture(mask)])
    if masks is not None and path == mask_path and system == mask_system:
        images = _without_masks(images)
    done = frozenset(skip)
    rows: list[Row] = []
    taken: dict[str, str] = {}
    for image in images:
        key = stem_of(image)
        mask, problem = (mask_path, "") if masks is None or one_mask else _choose_mask(_other(found, key, image), key, mask_path)
        if key in taken:
            problem = f"{image}: its result would overwrite that of {taken[key]}"
        taken.setdefault(key, image)
        if key not in done:
            rows.append({"key": key, "image": image, "mask": mask, "error": problem})
    if not rows:
        return _nothing(masks is not None)
    return _spread(rows, blocks).map_batches(_ReadFiles(system, mask_system, masks is not None), batch_size=16)


def _other(found: dict[str, list[tuple[int, str]]], key: str, image: str) -> dict[str, list[tuple[int, str]]]:
    """A picture is not its own mask."""
    return {key: [(kind, path) for kind, path in found.get(key, []) if path != image]}


def _without_masks(images: list[str]) -> list[str]:
    """Masks that lie beside their pictures are no pictures."""
    stems = {stem_of(image) for image in images}
    return [image for image in images if not any(kind and picture in stems for picture, kinds in _masks_of([image]).items() for kind, _ in kinds)]


def _nothing(with_masks: bool) -> Any:
    """No rows, with their columns and types."""
    pa = needed("pyarrow")
    types = {"key": pa.string(), "image": pa.binary(), "mask": pa.binary(), "error": pa.string(), "try_again": pa.bool_()}
    return needed("ray.data").from_arrow(pa.schema([(name, types[name]) for name in _names(with_masks)]).empty_table())


# ---- WebDataset ----


class _ReadTars:
    """Rows of archives: members of one name but for what follows its first dot belong together."""

    def __init__(self, system: Any, image: Sequence[str], mask: Sequence[str], skip: Collection[str], rows: int) -> None:
        self._system, self._image, self._mask = system, tuple(image), tuple(mask)
        self._skip, self._rows = frozenset(skip), rows

    def _samples(self, path: str) -> Iterator[Row]:
        key: str | None = None
        cells: dict[str, bytes] = {}
        with self._system.open_input_stream(path) as stream, tarfile.open(fileobj=stream, mode="r|*") as archive:
            for member in archive:
                folder, name = posixpath.split(member.name)
                stem, _, ending = name.partition(".")
                if not member.isfile() or not stem:
                    continue
                if posixpath.join(folder, stem) != key:
                    if key is not None:
                        yield _row(key, cells)
                    key, cells = posixpath.join(folder, stem), {}
                kind = "image" if ending.lower() in self._image else "mask" if ending.lower() in self._mask else ""
                if kind and member.size > MOST_BYTES:
                    raise limner.LimitExceeded(f"{member.name} has {member.size} bytes, more than the limit of {MOST_BYTES}")
                if kind and (data := archive.extractfile(member)) is not None:
                    cells[kind] = data.read()
        if key is not None:
            yield _row(key, cells)

    def _complete(self, row: Row) -> Row:
        for name in ("image", "mask"):
            if not row[name] and (name == "image" or self._mask):
                return {**row, "error": f"there is no {name} ({', '.join(self._image if name == 'image' else self._mask)})"}
        return row

    def _rows_of(self, path: str) -> Iterator[Row]:
        try:
            for row in self._samples(path):
                if row["key"] not in self._skip:
                    yield self._complete(row)
        except Exception as error:  # the job goes on with the other archives
            yield _row(path, error=f"{path}: {words(error)}", try_again=passes(error))

    def __call__(self, batch: Batch) -> Iterator[Batch]:
        rows: list[Row] = []
        for path in batch["path"]:
            for row in self._rows_of(path):
                rows.append(row)
                if len(rows) == self._rows:
                    yield batch_of(rows, _names(bool(self._mask)))
                    rows = []
        if rows:
            yield batch_of(rows, _names(bool(self._mask)))


def read_tars(
    archives: Where | Sequence[Where],
    *,
    image: Sequence[str] = ENDINGS,
    mask: Sequence[str] = (),
    filesystem: Any = None,
    skip: Collection[str] = (),
) -> Any:
    """The pictures of WebDataset archives (.tar, .tar.gz): as read_folder, with a sample's key.

    archives: files, or a folder of them. image, mask: what stands behind the first dot of members' names that hold
    them: mask=("mask.png",). Without mask, there is no such column. An archive that is damaged is a row with `error`,
    behind those that it gave.
    """
    places = [place(where, filesystem) for where in ([archives] if isinstance(archives, str) or hasattr(archives, "__fspath__") else archives)]
    system = places[0][0]
    paths = [path for _, path in places]
    if len(paths) == 1 and not system.get_file_info(paths[0]).is_file:
        paths = [path for path in list_files(system, paths[0]) if re.search(r"\.(tar|tgz|tar\.\w+)$", path)]
    if not paths:
        raise FileNotFoundError(f"there are no archives (.tar) in {archives}")
    listed = needed("ray.data").from_items([{"path": path} for path in paths], override_num_blocks=len(paths))
    return listed.map_batches(_ReadTars(system, image, mask, skip, 16), batch_size=1)


# ---- Parquet ----


def _renamed(names: dict[str, str], skip: frozenset[str]) -> Callable[[Batch], Batch]:
    def rename(batch: Batch) -> Batch:
        rows = []
        for i in range(len(batch[names["key"]])):
            cells = {name: _bytes_of(batch[column][i]) for name, column in names.items() if name != "key"}
            missing = next((name for name, data in cells.items() if not data), "")
            row = _row(str(batch[names["key"]][i]), cells, f"there is no {missing}" if missing else "")
            if row["key"] not in skip:
                rows.append(row)
        return batch_of(rows, _names("mask" in names))

    return rename


def _bytes_of(cell: Any) -> bytes:
    """Bytes, or a struct that has them as the images of Hugging Face's datasets do."""
    data = cell.get("bytes") if isinstance(cell, dict) else cell
    return bytes(data) if isinstance(data, (bytes, bytearray, memoryview)) else b""


def read_parquet(
    files: Any,
    *,
    key: str = "key",
    image: str = "image",
    mask: str | None = None,
    filesystem: Any = None,
    skip: Collection[str] = (),
    **options: Any,
) -> Any:
    """The pictures of Parquet files: as read_folder.

    key, image, mask: columns; those of pictures hold the bytes of their files, or structs with a field `bytes`. options
    are those of ray.data.read_parquet, which reads them.
    """
    names = {"key": key, "image": image, **({} if mask is None else {"mask": mask})}
    read = needed("ray.data").read_parquet(files, columns=list(names.values()), filesystem=filesystem, **options)
    return read.map_batches(_renamed(names, frozenset(skip)), batch_size=16)
