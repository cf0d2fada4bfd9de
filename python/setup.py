"""Builds limner._limner over the library's objects, which the Makefile makes.

BUILD= is the Makefile's build folder, below the checkout; CFLAGS and LDFLAGS are obeyed. One abi3 module serves CPython
3.11 and later; a free-threaded interpreter, which has no such interface, gets one of its own.
"""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sysconfig

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
BUILD = ROOT / os.environ.get("BUILD", "build")
# What setuptools makes on the way lies in the build folder, too.
SCRATCH = BUILD / "python"
LIBRARY = SCRATCH / "limner-python.a"
# What comes with the command: ROOT/models/presets/lama.preset becomes limner/share/presets/lama.preset.
SHARED = ("presets/*.preset", "templates/*.onnx", "maps/*.map")
SCRATCH.mkdir(parents=True, exist_ok=True)
ABI3 = not sysconfig.get_config_var("Py_GIL_DISABLED")


def version() -> str:
    found = re.search(r'LIMNER_VERSION "(.+)"', (ROOT / "runtime/limner.h").read_text(encoding="utf-8"))
    assert found, "runtime/limner.h has no LIMNER_VERSION"
    return found[1]


def make_library() -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    jobs = len(os.sched_getaffinity(0))
    subprocess.run(["make", f"-j{jobs}", f"BUILD={BUILD.relative_to(ROOT)}", str(LIBRARY.relative_to(ROOT))],
                   cwd=ROOT, env=environment, check=True)


class BuildExtension(build_ext):
    def run(self) -> None:
        if not os.environ.get("LIMNER_LIBRARY_READY"):
            make_library()
        found = (SCRATCH / "gen/picture_parts.libs").read_text(encoding="utf-8").split()
        self.extensions[0].libraries[:0] = [*(word.removeprefix("-l") for word in found), "png", "jpeg", "z"]
        super().run()


class BuildPackage(build_py):
    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for pattern in SHARED:
            for path in ROOT.glob(f"models/{pattern}"):
                target = pathlib.Path(self.build_lib, "limner/share", path.parent.name, path.name)
                target.parent.mkdir(parents=True, exist_ok=True)
                self.copy_file(str(path), str(target))


class Wheel(bdist_wheel):
    def finalize_options(self) -> None:
        if ABI3:
            self.py_limited_api = "cp311"
        super().finalize_options()


extension = Extension(
    "limner._limner",
    sources=sorted(os.path.relpath(path, HERE) for path in (HERE / "src").glob("*.c")),
    depends=[str(LIBRARY), *(str(path) for path in (HERE / "src").glob("*.h"))],
    include_dirs=[str(ROOT)],
    define_macros=[("_GNU_SOURCE", "1"), *([("Py_LIMITED_API", "0x030B0000")] if ABI3 else [])],
    extra_compile_args=["-std=c11", "-O2", "-Wall", "-Wextra", "-Wno-missing-field-initializers", "-fvisibility=hidden"],
    extra_objects=[str(LIBRARY)],
    libraries=["protobuf-c", "m"],
    # nodelete: threads of teams may be waiting in it.
    extra_link_args=["-fopenmp", "-Wl,-z,nodelete", "-Wl,--gc-sections", "-Wl,--exclude-libs,ALL", *([] if os.environ.get("CFLAGS", "").strip() else ["-Wl,-s"])],
    py_limited_api=ABI3,
)

setup(
    version=version(),
    ext_modules=[extension],
    cmdclass={"build_ext": BuildExtension, "build_py": BuildPackage, "bdist_wheel": Wheel},
    options={"build": {"build_base": str(SCRATCH / "base")}, "egg_info": {"egg_base": str(SCRATCH)}},
)
