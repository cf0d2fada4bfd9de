"""setuptools' build backend, for builds that are started in the folder above this one."""

import os
import pathlib

os.chdir(pathlib.Path(__file__).resolve().parent)

from setuptools.build_meta import *  # noqa: E402, F403
