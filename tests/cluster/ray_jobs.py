"""limner.ray on a Ray cluster of this machine: PYTHONPATH=build/python/site build/cluster/venv/bin/python
tests/cluster/ray_jobs.py build/limner [CHECK]...

A head without processors and two nodes of two each (ray.cluster_utils), an S3 on loopback (moto). Prints what it saw;
exits 1 when something was not right.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import traceback
from pathlib import Path

os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_DEDUP_LOGS="0", RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER="0", NO_PROXY="127.0.0.1,localhost", no_proxy="127.0.0.1,localhost")

import numpy as np  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.fs  # noqa: E402
import pyarrow.parquet  # noqa: E402
import ray  # noqa: E402
from ray.cluster_utils import Cluster  # noqa: E402

import limner  # noqa: E402
import limner.ray  # noqa: E402
from pictures import ROOT, make_folder, mask, remove_partial  # noqa: E402

SMALL = ROOT / "models" / "small"
PLAIN = SMALL / "plain-torchscript17" / "model.onnx"
EDGE, MODEL = SMALL / "edge-torchscript17" / "model.onnx", SMALL / "inpaint-torchscript17" / "model.onnx"
UPSCALER = ROOT / "tests" / "data" / "cli" / "rgb.onnx"
PICTURES, SIDE, FEW = 500, 64, 40
WORDS = {"model": str(MODEL), "edge": str(EDGE)}


class Nodes:
    """A cluster, and its two nodes that work."""

    def __enter__(self) -> Nodes:
        small = {"object_store_memory": 200 << 20}
        self.cluster = Cluster(initialize_head=True, connect=False, head_node_args={"num_cpus": 0, "include_dashboard": False, **small})
        self.workers = [self.cluster.add_node(num_cpus=2, **small) for _ in range(2)]
        ray.init(address=self.cluster.address, log_to_driver=False, logging_level="ERROR")
        self.cluster.wait_for_nodes()
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        for name in ("ray.data", "werkzeug"):
            logging.getLogger(name).setLevel(logging.WARNING)
        return self

    def __exit__(self, *about: object) -> None:
        session = self.cluster.head_node.get_session_dir_path()
        ray.shutdown()
        self.cluster.shutdown()
        shutil.rmtree(session, ignore_errors=True)


def actors_of(nodes: list) -> list[int]:
    """Process ids of Ray Data's actors on these nodes."""
    raylets = {info.process.pid for node in nodes for infos in node.all_processes.values() for info in infos}
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and "MapWorker" in (entry / "cmdline").read_text():
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                found += [int(entry.name)] * (parent in raylets)
        except OSError:
            pass
    return found


def say(text: str) -> None:
    print(f"ray: {text}", flush=True)


def read(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def job(rows, out, **more):
    """Repairs rows into a folder with four actors; the rows that come back."""
    painted = rows.map_batches(limner.ray.Inpaint, fn_constructor_kwargs={**WORDS, **more}, batch_size=4, num_cpus=1, compute=ray.data.ActorPoolStrategy(min_size=1, max_size=4))
    return limner.ray.write(painted, out["folder"], filesystem=out.get("filesystem")).take_all()


def by_error(rows: list[dict]) -> tuple[set[str], dict[str, str]]:
    """Keys that went well, none of them twice, and the errors of the others."""
    good = [row["key"] for row in rows if not row["error"]]
    assert len(good) == len(set(good)), "a picture came twice"
    return set(good), {row["key"]: row["error"] for row in rows if row["error"]}


def one_process(tmp: Path, names: list[str]) -> dict[str, bytes]:
    """What the command makes of the pictures."""
    if not (tmp / "one").exists():
        done = subprocess.run([LIMNER, "inpaint", "--edge", EDGE, "--model", MODEL, tmp / "in", tmp / "mask.png", "-o", tmp / "one"], capture_output=True, text=True)
        assert done.returncode in (0, 1), done
    return {name: (tmp / "one" / name).read_bytes() for name in names}


# ---- what is proved ----

def check_1_killed_and_removed(tmp: Path, nodes: Nodes) -> None:
    """500 pictures and three that are none, while an actor is killed and then a node goes."""
    names = make_folder(tmp / "in", PICTURES, SIDE)
    (tmp / "mask.png").write_bytes(mask(SIDE))
    for i in range(3):
        (tmp / "in" / f"bad{i}.png").write_bytes(b"no picture" * i)
    expected = one_process(tmp, names)
    out, seen = tmp / "out", {}

    def made() -> int:
        return len(list(out.glob("IMG_*.png")))

    def disturb() -> None:
        while made() < 48:
            time.sleep(0.005)
        seen["actor"], victims = made(), actors_of(nodes.workers)
        os.kill(victims[0], signal.SIGKILL)
        while made() < 176:
            time.sleep(0.005)
        seen["node"] = made()
        nodes.cluster.remove_node(nodes.workers.pop(), allow_graceful=False)

    thread = threading.Thread(target=disturb, daemon=True)
    thread.start()
    rows = job(limner.ray.read_folder(tmp / "in", masks=tmp / "mask.png"), {"folder": out})
    thread.join(30)
    assert not thread.is_alive() and seen["actor"] < seen["node"] < PICTURES, seen
    good, failed = by_error(rows)
    remove_partial(out)
    assert good == {name[:-4] for name in names} and failed.keys() == {"bad0", "bad1", "bad2"}, failed
    assert failed["bad0"] == "image is empty" and failed["bad1"].startswith("bad1 (image) is no picture"), failed
    assert read(out) == expected
    say(f"{PICTURES} pictures on two nodes: an actor got SIGKILL when {seen['actor']} were made, a node was removed at {seen['node']}; every "
        f"picture is there once, with the bytes of one process; {len(failed)} files that are no pictures are rows with an error")
    nodes.workers.append(nodes.cluster.add_node(num_cpus=2, object_store_memory=200 << 20))
    nodes.cluster.wait_for_nodes()


def check_2_second_run(tmp: Path, nodes: Nodes) -> None:
    """Only what is missing is read and done."""
    out = tmp / "out"
    gone = sorted(path for path in out.iterdir())[::71]
    for path in gone:
        path.unlink()
    before = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    rows = limner.ray.read_folder(tmp / "in", masks=tmp / "mask.png", skip=limner.ray.finished(out))
    good, failed = by_error(job(rows, {"folder": out}))
    assert good == {path.stem for path in gone} and len(failed) == 3, good
    assert all((out / name).stat().st_mtime_ns == when for name, when in before.items())
    for i in range(3):
        (tmp / "in" / f"bad{i}.png").unlink()
    nothing = limner.ray.read_folder(tmp / "in", masks=tmp / "mask.png", skip=limner.ray.finished(out))
    assert nothing.count() == 0 and job(nothing, {"folder": out}) == []
    say(f"a second run did the {len(gone)} that were missing and touched no other; a third had nothing to do")


def check_3_tars(tmp: Path, nodes: Nodes) -> None:
    """WebDataset archives, one of which is cut, with a name that leads outside."""
    names = sorted(path.name for path in (tmp / "in").iterdir())[:FEW]
    expected = one_process(tmp, names)
    (tmp / "tars").mkdir()
    for part in range(4):
        with tarfile.open(tmp / "tars" / f"{part}.tar", "w") as archive:
            members = [(name, (tmp / "in" / name).read_bytes()) for name in names[part::4]]
            for name, data in members:
                for ending, content in (("png", data), ("mask.png", mask(SIDE)), ("json", b"{}")):
                    info = tarfile.TarInfo(name.replace("png", ending))
                    info.size = len(content)
                    archive.addfile(info, io.BytesIO(content))
            if part == 0:
                for name, content in (("../evil.png", members[0][1]), ("../evil.mask.png", mask(SIDE)), ("alone.png", members[0][1])):
                    info = tarfile.TarInfo(name)
                    info.size = len(content)
                    archive.addfile(info, io.BytesIO(content))
    cut = tmp / "tars" / "3.tar"
    cut.write_bytes(cut.read_bytes()[:40_000])
    rows = limner.ray.read_tars(tmp / "tars", mask=["mask.png"])
    good, failed = by_error(job(rows, {"folder": tmp / "tar-out"}))
    missing = set(names[3::4]) - {f"{key}.png" for key in good}
    assert missing and {f"{key}.png" for key in good} == set(names) - missing, (good, missing)
    assert "../evil" in failed and "cannot be the name" in failed["../evil"] and "no mask" in failed["alone"] and not (tmp / "evil.png").exists(), failed
    assert any("3.tar" in key for key in failed), failed
    assert read(tmp / "tar-out") == {name: expected[name] for name in names if name not in missing}
    say(f"WebDataset: four archives, one of them cut: {len(good)} pictures with the bytes of one process; a name that leads outside, a missing mask and "
        "the cut archive are rows with an error")


def check_4_parquet(tmp: Path, nodes: Nodes) -> None:
    names = sorted(path.name for path in (tmp / "in").iterdir())[:FEW]
    expected = one_process(tmp, names)
    table = pa.table({
        "id": [name[:-4] for name in names] + ["empty"],
        "picture": pa.array([{"bytes": (tmp / "in" / name).read_bytes(), "path": name} for name in names] + [{"bytes": None, "path": "x"}]),
        "hole": pa.array([mask(SIDE)] * (FEW + 1), pa.binary()),
        "caption": ["not looked at"] * (FEW + 1),
    })
    pa.parquet.write_table(table, tmp / "pictures.parquet", row_group_size=8)
    rows = limner.ray.read_parquet(str(tmp / "pictures.parquet"), key="id", image="picture", mask="hole", skip={names[0][:-4]})
    good, failed = by_error(job(rows, {"folder": tmp / "parquet-out"}))
    assert failed == {"empty": "there is no image"} and read(tmp / "parquet-out") == {name: expected[name] for name in names[1:]}, failed
    say(f"Parquet with pictures' bytes: {len(good)} pictures with the bytes of one process")


def check_5_s3(tmp: Path, nodes: Nodes) -> None:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        store = pa.fs.S3FileSystem(access_key="test", secret_key="test", region="us-east-1", scheme="http", endpoint_override=f"{host}:{port}", allow_bucket_creation=True)
        names = sorted(path.name for path in (tmp / "in").iterdir())[:FEW]
        expected = one_process(tmp, names)
        for bucket in ("photos", "masks", "repaired"):
            store.create_dir(bucket)
        for name in names:
            for path, data in ((f"photos/{name}", (tmp / "in" / name).read_bytes()), (f"masks/{name[:-4]}_mask.png", mask(SIDE))):
                with store.open_output_stream(path) as stream:
                    stream.write(data)
        out = {"folder": "s3://repaired/all", "filesystem": store}
        for wanted in (set(names), {names[3]}):
            skip = limner.ray.finished("s3://repaired/all", filesystem=store)
            good, failed = by_error(job(limner.ray.read_folder("s3://photos", masks="s3://masks", filesystem=store, skip=skip), out))
            assert {f"{key}.png" for key in good} == wanted and not failed, (good, failed)
            for name in names:
                with store.open_input_stream(f"repaired/all/{name}") as stream:
                    assert stream.read() == expected[name]
            store.delete_file(f"repaired/all/{names[3]}")
        say(f"S3 (moto on loopback): {len(names)} pictures and masks from buckets into a bucket, with the bytes of one process; a second run did the one that was missing")
    finally:
        server.stop()


def check_6_arrays(tmp: Path, nodes: Nodes) -> None:
    """Results as arrays, upscaled pictures, and a model on arrays, with rows that do not fit."""
    sides = [SIDE, SIDE, SIDE + 16]
    pictures = [np.random.default_rng(i).integers(0, 256, (side, side, 3), np.uint8) for i, side in enumerate(sides)]
    holes = [np.pad(np.full((16, 16), 255, np.uint8), ((16, side - 32), (16, side - 32))) for side in sides]
    rows = ray.data.from_items([{"key": str(i), "image": pictures[i], "mask": holes[i] if i else np.zeros((3, 40), np.uint8)} for i in range(3)])
    done = rows.map_batches(limner.ray.Inpaint, fn_constructor_kwargs={**WORDS, "result": "array", "keep": True}, batch_size=3, num_cpus=1, compute=ray.data.ActorPoolStrategy(size=1)).take_all()
    painter = limner.Inpainter(str(MODEL), edge=str(EDGE))
    for row in done:
        i = int(row["key"])
        assert bool(row["error"]) == (i == 0) and (row["image"] == pictures[i]).all(), row["error"]
        assert row["result"].shape == (0, 0, 3) if i == 0 else (row["result"] == painter(pictures[i], holes[i])).all()
    files = limner.ray.read_folder(tmp / "in").limit(8)
    for row in files.map_batches(limner.ray.Upscale, fn_constructor_kwargs={"model": str(UPSCALER), "result": "ppm"}, num_cpus=1, compute=ray.data.ActorPoolStrategy(size=1)).take_all():
        assert row["result"].startswith(b"P6") and not row["error"], row["error"]
    arrays = [np.random.default_rng(i).random((3, 8, 8), np.float32) if i != 2 else np.zeros((4, 8, 8), np.float32) for i in range(5)]
    rows = ray.data.from_items([{"key": str(i), "x": array} for i, array in enumerate(arrays)])
    name = limner.Session(str(UPSCALER)).outputs[0].name
    given = limner.Session(str(UPSCALER)).inputs[0].name
    for row in rows.map_batches(limner.ray.Run, fn_constructor_kwargs={"model": str(UPSCALER), "inputs": {given: "x"}, "outputs": {name: "y"}}, batch_size=5, num_cpus=1, compute=ray.data.ActorPoolStrategy(size=1)).take_all():
        i = int(row["key"])
        assert bool(row["error"]) == (i == 2) and not row["try_again"], row
        assert i == 2 or (row["y"] == limner.Session(str(UPSCALER)).run(arrays[i][None])[0][0]).all(), row
    say("results as arrays of several sizes, Upscale, and Run on arrays: as without Ray; rows that do not fit have an error")


def check_7_threads(tmp: Path, nodes: Nodes) -> None:
    """As many as the actor's processors, and all of them outside of Ray."""
    from limner.ray import _work

    class Asks:
        def threads(self) -> int:
            return _work._threads()

    counts = [ray.get(ray.remote(num_cpus=n)(Asks).remote().threads.remote()) for n in (2, 1, 0.5)]
    assert counts == [2, 1, 1] and _work._threads() == 0, counts
    say("an actor's threads are its processors: 2, 1 and (of half a processor) 1")


def check_8_example(tmp: Path, nodes: Nodes) -> None:
    """The one of docs/many-machines.md, in a folder with what it names."""
    (example,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / "many-machines.md").read_text(), re.DOTALL | re.MULTILINE)
    home, work = os.getcwd(), tmp / "example"
    names = make_folder(work / "photos", 12, SIDE)
    (work / "masks").mkdir()
    for name in names:
        (work / "masks" / f"{name[:-4]}_mask.png").write_bytes(mask(SIDE))
    (work / "photos" / "bad.png").write_bytes(b"no picture")
    shutil.copy(PLAIN, work / "generator.onnx")
    os.chdir(work)
    try:
        with contextlib.redirect_stdout(io.StringIO()) as said:
            exec(example.replace('"generator.onnx"', repr(str(work / "generator.onnx"))), {})
    finally:
        os.chdir(home)
    done = subprocess.run([LIMNER, "inpaint", "--model", PLAIN, work / "photos", work / "masks", "-o", work / "one"], capture_output=True)
    assert done.returncode == 1 and read(work / "one") == read(work / "repaired"), done
    assert said.getvalue() == "bad there is no mask bad.png (or bad_mask.png, bad_mask001.png, mask_bad.png) in " + str(work / "masks") + "\n", said.getvalue()
    say("the example of docs/many-machines.md does what the command does")


def main(wanted: list[str]) -> int:
    tmp, failed = Path(tempfile.mkdtemp(prefix="limner-ray-")), 0
    try:
        with Nodes() as nodes:
            say(f"Ray {ray.__version__}, a head and two nodes of two processors on one machine")
            for name, check in sorted(globals().items()):
                if not name.startswith("check_") or (wanted and name[8:] not in wanted and "1" not in name):
                    continue
                try:
                    check(tmp, nodes)
                except Exception:
                    failed += 1
                    traceback.print_exc()
                    print(f"FAIL {name}", file=sys.stderr)
    finally:
        shutil.rmtree(tmp, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    LIMNER = str(Path(sys.argv[1]).resolve())
    sys.exit(main(sys.argv[2:]))
