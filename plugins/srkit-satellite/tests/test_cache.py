"""GDAL's cache of blocks, which a whole process shares."""

from __future__ import annotations

import os
import subprocess
import sys

CODE = """
import ctypes, glob, pathlib
import rasterio
from srkit_satellite.opening import provide_cache

libraries = pathlib.Path(rasterio.__file__).parents[1] / "rasterio.libs"
gdal = ctypes.CDLL(next(iter(glob.glob(f"{libraries}/libgdal*"))))
gdal.GDALGetCacheMax64.restype = ctypes.c_longlong
for mebibytes in (300, 10, 400):
    provide_cache(mebibytes * 2**20)
    print(gdal.GDALGetCacheMax64() // 2**20)
"""


def held(**environment: str) -> list[int]:
    done = subprocess.run(
        [sys.executable, "-c", CODE], env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    return [int(line) for line in done.stdout.split()]


def test_gdal_keeps_what_is_needed_and_never_less_than_before() -> None:
    assert held() == [300, 300, 400]


def test_what_the_environment_says_is_kept() -> None:
    assert held(GDAL_CACHEMAX="77") == [77, 77, 77]
