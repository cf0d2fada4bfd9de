"""Folders that several processes share, and what exit statuses tell: python3 tests/e2e/shards.py build/limner

Only Python's standard library. Ends in one line, "shards: N passed, N failed"; exits 1 when anything failed.
"""

from __future__ import annotations

import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import runner
from cli import png

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "tests/data/cli/rgb.onnx"  # gives what it gets
SLOW = ROOT / "models/small/edge-torchscript17/model.onnx"
PAINTER = ROOT / "models/small/inpaint-torchscript17/model.onnx"
RANDOM = random.Random(int(os.environ.get("LIMNER_TEST_SEED", "1")))
LETTERS = "abcxyz019 _-+%&'()~éü日本"
SUMMARY = re.compile(r"(\d+) (?:painted|done), (\d+) skipped, (\d+) failed")
VARIABLES = ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_MAX", "SLURM_ARRAY_TASK_STEP", "SLURM_ARRAY_TASK_COUNT", "JOB_COMPLETION_INDEX")


def start(*words, env=None, limit=None) -> subprocess.Popen:
    clean = {name: value for name, value in os.environ.items() if name not in VARIABLES}

    def begin() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # jobs in the background of a script inherit that it is ignored
        if limit:
            limit()

    return subprocess.Popen([LIMNER, *map(str, words)], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            env={**clean, **(env or {})}, preexec_fn=begin)


def finish(process: subprocess.Popen) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def limner(*words, **how) -> tuple[int, str, str]:
    return finish(start(*words, **how))


def pixels(seed: int, width=8, height=8) -> bytes:
    return png(width, height, 2, 8, random.Random(seed).choices(range(256), k=3 * width * height))


def random_folder(folder: Path, count: int, side=8) -> dict[str, bytes]:
    """Pictures of random names, and their bytes. Names differ in more than letters' case."""
    folder.mkdir()
    made: dict[str, bytes] = {}
    while len(made) < count:
        stem = "".join(RANDOM.choices(LETTERS, k=RANDOM.randint(1, 12))).strip(" ")
        name = f"{stem}.png"
        if stem and name not in made and "mask" not in stem:
            made[name] = pixels(len(made), side, side)
            (folder / name).write_bytes(made[name])
    return made


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def run_shards(pictures: Path, out: Path, count: int) -> list[set[str]]:
    """Each shard into a folder of its own: the names in each."""
    running = [start("run", MODEL, pictures, "-o", out / str(k), "--shard", f"{k}/{count}", "--threads", 1) for k in range(1, count + 1)]
    for k, process in enumerate(running, 1):
        code, said, err = finish(process)
        assert code == 0 and not err, (code, said, err)
        assert said.startswith(f"shard {k} of {count}: {len(names_in(out / str(k)))} of "), said
    return [names_in(out / str(k)) for k in range(1, count + 1)]


def check_union_is_the_whole(tmp: Path) -> None:
    """No picture twice, none left out; the results are those of one process."""
    made = random_folder(tmp / "in", 120)
    (tmp / "out").mkdir()
    assert limner("run", MODEL, tmp / "in", "-o", tmp / "whole")[0] == 0
    for count in (1, 2, 3, RANDOM.randint(4, 12)):
        parts = run_shards(tmp / "in", tmp / "out", count)
        assert sum(map(len, parts)) == len(made) and set().union(*parts) == set(made), (count, parts)
        for k, names in enumerate(parts, 1):
            for name in names:
                assert (tmp / "out" / str(k) / name).read_bytes() == (tmp / "whole" / name).read_bytes(), name
        shutil.rmtree(tmp / "out")
        (tmp / "out").mkdir()


def check_others_stay(tmp: Path) -> None:
    """A picture more, or fewer, or with another ending moves none of the others."""
    made = random_folder(tmp / "in", 60)
    (tmp / "out").mkdir()
    before = run_shards(tmp / "in", tmp / "out", 4)
    gone = RANDOM.sample(sorted(made), 10)
    for name in gone:
        (tmp / "in" / name).unlink()
    for i in range(10):
        (tmp / "in" / f"more {i}.png").write_bytes(pixels(i))
    (tmp / "in" / "notes.txt").write_text("no picture")
    (tmp / "again").mkdir()
    after = run_shards_with_notes(tmp / "in", tmp / "again", 4)
    for old, new in zip(before, after):
        assert old - set(gone) == {name for name in new if not name.startswith("more ")}


def run_shards_with_notes(pictures: Path, out: Path, count: int) -> list[set[str]]:
    """What is no picture is named by one of them."""
    said = [limner("run", MODEL, pictures, "-o", out / str(k), "--shard", f"{k}/{count}")[1] for k in range(1, count + 1)]
    assert sum("notes.txt" in text for text in said) == 1, said
    return [names_in(out / str(k)) for k in range(1, count + 1)]


def check_one_folder_for_all(tmp: Path) -> None:
    """Shards at the same time into one folder that is not there yet, with masks; then none has anything to do."""
    made = random_folder(tmp / "in", 20, 48)
    for name in made:
        (tmp / "in" / f"{name[:-4]}_mask.png").write_bytes(png(48, 48, 0, 8, ([0] * 24 + [255] * 24) * 48))
    words = ["inpaint", "--edge", SLOW, "--model", PAINTER, tmp / "in", tmp / "in", "-o", tmp / "out", "--resume"]
    ends = [finish(p) for p in [start(*words, "--shard", f"{k}/5", "--threads", 1) for k in range(1, 6)]]
    assert all(code == 0 for code, _, _ in ends), ends
    assert names_in(tmp / "out") == set(made)
    done = [int(SUMMARY.search(said)[1]) for _, said, _ in ends]
    assert sum(done) == len(made), ends
    for k in range(1, 6):
        code, said, err = limner(*words, "--shard", f"{k}/5")
        assert code == 0 and f"0 painted, {done[k - 1]} skipped, 0 failed" in said, (code, said, err)


def check_same_results_stay_together(tmp: Path) -> None:
    """a.png and a.bmp would make one file: whatever the shards, that is found."""
    random_folder(tmp / "in", 5)
    (tmp / "in" / "twice.png").write_bytes(pixels(1))
    (tmp / "in" / "twice.ppm").write_bytes(b"P6 1 1 255\n123")
    ends = [limner("run", MODEL, tmp / "in", "-o", tmp / "out", "--format", "png", "--shard", f"{k}/7") for k in range(1, 8)]
    assert sorted(code for code, _, _ in ends) == [0] * 6 + [1], ends
    assert sum("would overwrite that of twice.p" in err for _, _, err in ends) == 1, ends


def check_environment(tmp: Path) -> None:
    """Read where --shard auto asks for it, and said; nowhere else."""
    made = random_folder(tmp / "in", 30)
    slurm = {"SLURM_ARRAY_TASK_ID": "2", "SLURM_ARRAY_TASK_MIN": "1", "SLURM_ARRAY_TASK_MAX": "3", "SLURM_ARRAY_TASK_STEP": "1", "SLURM_ARRAY_TASK_COUNT": "3"}
    words = ["run", MODEL, tmp / "in", "-o"]
    code, said, _ = limner(*words, tmp / "whole", env=slurm)
    assert code == 0 and said == "30 done, 0 skipped, 0 failed\n" and names_in(tmp / "whole") == set(made)
    for given in ("auto", "auto/3"):
        code, said, _ = limner(*words, tmp / given.replace("/", ""), "--shard", given, env=slurm)
        assert code == 0 and said.startswith("shard 2 of 3 (SLURM_ARRAY_TASK_ID=2): "), said
    code, said, _ = limner(*words, tmp / "pod", "--shard", "auto/3", env={"JOB_COMPLETION_INDEX": "1"})
    assert code == 0 and said.startswith("shard 2 of 3 (JOB_COMPLETION_INDEX=1): "), said
    limner(*words, tmp / "plain", "--shard", "2/3")
    assert names_in(tmp / "plain") == names_in(tmp / "auto") == names_in(tmp / "auto3") == names_in(tmp / "pod")
    code, said, err = limner(*words, tmp / "none", "--shard", "auto")
    assert code == 2 and "neither of SLURM_ARRAY_TASK_ID and JOB_COMPLETION_INDEX is set" in err and not (tmp / "none").exists(), err


def check_only_folders(tmp: Path) -> None:
    (tmp / "a.png").write_bytes(pixels(1))
    (tmp / "m.png").write_bytes(pixels(2))
    for words in (["run", MODEL, tmp / "a.png", "-o", tmp / "b.png"], ["run", MODEL, tmp / "a.png", "-o", tmp / "b.png", "--tile", 64],
                  ["run", MODEL, tmp / "a.png"], ["inpaint", "--model", PAINTER, tmp / "a.png", tmp / "m.png", "-o", tmp / "b.png"]):
        code, _, err = limner(*words, "--shard", "1/2")
        assert code == 2 and "--shard" in err and "folder" in err, (words, code, err)
        assert not (tmp / "b.png").exists()


def check_empty_shards(tmp: Path) -> None:
    """More shards than pictures: nothing to do is no failure. An empty folder is one."""
    random_folder(tmp / "in", 1)
    codes = [limner("run", MODEL, tmp / "in", "-o", tmp / "out", "--shard", f"{k}/3") for k in range(1, 4)]
    assert [code for code, _, _ in codes] == [0, 0, 0] and sum("0 done, 0 skipped" in said for _, said, _ in codes) == 2, codes
    (tmp / "empty").mkdir()
    code, _, err = limner("run", MODEL, tmp / "empty", "-o", tmp / "out", "--shard", "1/3")
    assert code == 1 and "no pictures" in err


# ---- exit statuses ----

def check_bad_input(tmp: Path) -> None:
    random_folder(tmp / "in", 3)
    (tmp / "in" / "bad.png").write_text("no picture")
    code, said, err = limner("run", MODEL, tmp / "in", "-o", tmp / "out")
    assert code == 1 and "3 done, 0 skipped, 1 failed" in said and "bad.png" in err, (code, said, err)
    assert limner("run", tmp / "none.onnx", tmp / "in", "-o", tmp / "out")[0] == 1
    assert limner("run", MODEL, tmp / "in" / "bad.png", "-o", tmp / "out.png")[0] == 1
    assert limner("run", MODEL, tmp / "in", "-o", tmp / "in" / "bad.png" / "out")[0] == 1


def check_full_disk(tmp: Path) -> None:
    """One result cannot be written for a reason that passes: the others are, and the status says try again."""
    made = random_folder(tmp / "in", 6)
    (tmp / "out").mkdir()
    victim = RANDOM.choice(sorted(made))
    (tmp / "out" / victim).symlink_to("/dev/full")
    code, said, err = limner("run", MODEL, tmp / "in", "-o", tmp / "out")
    assert code == 75 and "5 done, 0 skipped, 1 failed" in said and "No space left" in err and "try again with --resume" in err, (code, said, err)
    (tmp / "in" / "bad.png").write_text("no picture")
    assert limner("run", MODEL, tmp / "in", "-o", tmp / "out")[0] == 75
    (tmp / "out" / victim).unlink()
    code, said, err = limner("run", MODEL, tmp / "in", "-o", tmp / "out", "--resume")
    assert code == 1 and "1 done, 5 skipped, 1 failed" in said, (code, said, err)
    (tmp / "one.png").symlink_to("/dev/full")
    assert limner("run", MODEL, tmp / "in" / victim, "-o", tmp / "one.png", "--tile", 64)[0] == 75
    assert limner("run", MODEL, tmp / "in" / victim, "-o", tmp / "one.png")[0] == 75
    with open("/dev/full", "w") as full:
        assert subprocess.run([LIMNER, "ops"], stdout=full, stderr=subprocess.PIPE).returncode == 75


def check_no_memory(tmp: Path) -> None:
    """A picture that is too large for the memory that there may be fails, with what to do; the small ones are done."""
    random_folder(tmp / "in", 3)
    (tmp / "in" / "large.pgm").write_bytes(b"P5 6000 6000 255\n" + bytes(36_000_000))

    def narrow() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (700 << 20, 700 << 20))

    words = ["run", MODEL, tmp / "in", "-o", tmp / "out", "--threads", 1]
    code, said, err = limner(*words, limit=narrow)
    assert code == 1 and "3 done, 0 skipped, 1 failed" in said and "--tile" in err, (code, said, err)
    code, said, err = limner(*words, "--resume")
    assert code == 0 and "1 done, 3 skipped" in said, (code, said, err)


def check_too_many_files(tmp: Path) -> None:
    (tmp / "a.png").write_bytes(pixels(1))
    code, _, err = limner("run", MODEL, tmp / "a.png", "-o", tmp / "b.png", limit=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3)))
    assert code in (75, 127) and not (tmp / "b.png").exists(), (code, err)  # 127: the system could not even load the program


def check_killed(tmp: Path) -> None:
    """A run that is ended at any time leaves whole pictures alone; the next one goes on."""
    (tmp / "in").mkdir()
    for i in range(16):
        (tmp / "in" / f"{i}.png").write_bytes(png(160, 160, 2, 8, [i, 7, 9] * 25600))
    (tmp / "mask.png").write_bytes(png(160, 160, 0, 8, ([0] * 80 + [255] * 80) * 160))
    words = ["inpaint", "--edge", SLOW, "--model", PAINTER, tmp / "in", tmp / "mask.png", "-o"]
    kinds = [signal.SIGTERM, signal.SIGKILL, signal.SIGINT]
    for kind in kinds:
        for _ in range(10):
            process = start(*words, tmp / "out", "--resume", "--threads", 1)
            fresh = 1 + len(list((tmp / "out").glob("*.png"))) if (tmp / "out").exists() else 1
            while process.poll() is None and len(list((tmp / "out").glob("*.png")) if (tmp / "out").exists() else []) < fresh:
                time.sleep(0.01)
            process.send_signal(kind)
            ended = finish(process)[0]
            if ended == -kind:
                break
            assert ended == 0, ended  # it was done before the signal came: from the beginning
            shutil.rmtree(tmp / "out")
        assert ended == -kind
    code, said, err = limner(*words, tmp / "out", "--resume")
    made = int(SUMMARY.search(said)[1])
    assert code == 0 and int(SUMMARY.search(said)[2]) == 16 - made and made < 16, (code, said, err)
    assert limner(*words, tmp / "whole")[0] == 0
    for path in sorted((tmp / "whole").iterdir()):
        assert (tmp / "out" / path.name).read_bytes() == path.read_bytes(), path


def check_help(tmp: Path) -> None:
    said = limner("--help")[1]
    for text in ("0   all is well", "1   something failed, and will again", "2   the command line is wrong", "75  try again"):
        assert text in said, said
    for command in ("run", "inpaint"):
        said = limner(command, "--help")[1]
        assert "--shard K/N" in said and "SLURM_ARRAY_TASK_ID" in said and "JOB_COMPLETION_INDEX" in said, said


def main() -> int:
    again = f"LIMNER_TEST_SEED={os.environ.get('LIMNER_TEST_SEED', '1')} python3 tests/e2e/shards.py {sys.argv[1]}"
    return runner.run("shards", runner.named(globals(), "check_"), sys.argv[2:], again)


if __name__ == "__main__":
    LIMNER = str(Path(sys.argv[1]).resolve())
    sys.exit(main())
