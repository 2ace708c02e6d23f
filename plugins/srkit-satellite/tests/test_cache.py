"""GDAL's cache of blocks, which a whole process shares."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

import srkit

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


READING = """
import sys
from pathlib import Path
import numpy as np
from srkit import Window
from srkit_satellite.source import RasterSource

def read_so_far():
    return int(Path("/proc/self/io").read_text().split("rchar:")[1].split()[0])

source, begin = RasterSource(Path(sys.argv[1]), {}), read_so_far()
rows, columns = source.grid.shape
for row in range(0, rows, 256):
    for column in range(0, columns, 256):
        halo = Window((row - 16, column - 16), (row + 272, column + 272))
        source.read(halo.intersection(Window.whole(source.grid.shape)))
print((read_so_far() - begin) / Path(sys.argv[1]).stat().st_size)
"""


@pytest.fixture(scope="module")
def strips(tmp_path_factory):
    """Return a scene of 70 MiB in strips of 64 rows, more than GDAL's cache holds here."""
    path = tmp_path_factory.mktemp("cache") / "strips.tif"
    rng = np.random.default_rng(0)
    shape = {"width": 2048, "height": 9216, "count": 2, "dtype": "uint16", "interleave": "pixel"}
    place = {"crs": "EPSG:32632", "transform": Affine(10, 0, 5e5, 0, -10, 5e6)}
    with rasterio.open(path, "w", driver="GTiff", blockysize=64, compress="deflate", zlevel=1, **shape, **place) as out:
        band = np.zeros((2, 9216, 2048), np.uint16)
        band[:, :, ::16] = rng.integers(1, 4000, (2, 9216, 128))
        out.write(band)
    return path


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="this system does not count what is read")
def test_each_block_is_decoded_once_however_tiles_cut_it(strips: Path) -> None:
    """Counted by the bytes that are read of the file: whatever is decoded again is read again."""

    def times(**environment: str) -> float:
        command, given = [sys.executable, "-c", READING, str(strips)], {**os.environ, **environment}
        return float(subprocess.run(command, env=given, capture_output=True, text=True, check=True).stdout)

    assert times() < 1.1
    assert times(GDAL_CACHEMAX="1") > 5


@pytest.mark.parametrize(
    ("said", "told"), [(None, False), ("1", False), ("300", False), ("1%", False), ("300000", True)]
)
def test_a_cache_that_is_too_small_for_a_row_of_blocks_is_told_of(
    strips: Path, monkeypatch: pytest.MonkeyPatch, said: str | None, told: bool
) -> None:
    monkeypatch.delenv("GDAL_CACHEMAX", raising=False)
    if said is not None:
        monkeypatch.setenv("GDAL_CACHEMAX", said)
    (found,) = srkit.inspect(strips)
    texts = [finding.text for finding in found.findings if finding.code == "T5"]
    assert bool(texts) == told
    assert not told or "takes 0.5 MiB, and GDAL may keep 0.3 MiB" in texts[0]
