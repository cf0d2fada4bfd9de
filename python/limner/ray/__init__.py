"""limner on many machines, by Ray Data (`pip install "ray[data]"`; limner itself does without).

    pictures = limner.ray.read_folder("s3://photos", masks="s3://masks", skip=limner.ray.finished("s3://repaired"))
    repaired = pictures.map_batches(limner.ray.Inpaint, fn_constructor_kwargs={"model": "lama.onnx", "preset": "lama"},
                                    batch_size=8, num_cpus=4, compute=ray.data.ActorPoolStrategy(size=16))
    for row in limner.ray.write(repaired, "s3://repaired").iter_rows():
        if row["error"]:
            print(row["key"], row["error"])

Rows have a `key`, the picture's name without its ending, and pictures as the bytes of their files. What goes wrong with
one picture is said in its row's `error` ("" when all is well), and `try_again` says whether it may go better another
time (memory, a full disk, a server that is away): the job goes on.
"""

from __future__ import annotations

from limner.ray._read import read_folder, read_parquet, read_tars
from limner.ray._work import Inpaint, Run, Upscale
from limner.ray._write import finished, write

__all__ = ["Inpaint", "Run", "Upscale", "finished", "read_folder", "read_parquet", "read_tars", "write"]
