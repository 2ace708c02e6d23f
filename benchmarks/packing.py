"""What packing an output costs: seconds of processor and size, by compression and level, on a real raster and a volume.

    python benchmarks/packing.py scene.tif volume.nii.gz

Processor time, so that other work on the machine hardly counts; the samples are those of the file, repeated by two.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import rasterio
from isal import isal_zlib

ROUNDS = 3
RASTERS = (("deflate", 1), ("deflate", 6), ("deflate", 9), ("zstd", 1), ("zstd", 9), ("lzw", 0))
VOLUMES: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
    ("isal 1", lambda data: isal_zlib.compress(data, 1)),
    ("isal 3 (srkit)", lambda data: isal_zlib.compress(data, 3)),
    ("zlib 1", lambda data: zlib.compress(data, 1)),
    ("zlib 6 (gzip of most programs)", lambda data: zlib.compress(data, 6)),
)


def seconds(work: Callable[[], object]) -> float:
    """Return the least processor time of several rounds."""
    found = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        work()
        found.append(time.process_time() - begin)
    return min(found)


def of_raster(path: Path, folder: Path) -> list[str]:
    """Return rows of a table: tiled GeoTIFFs with a predictor."""
    with rasterio.open(path) as dataset:
        values = dataset.read().repeat(2, axis=1).repeat(2, axis=2)
        place = {"crs": dataset.crs, "transform": dataset.transform}
    count, rows, columns = values.shape
    shape = {"count": count, "height": rows, "width": columns, "dtype": values.dtype, **place}
    predictor = 3 if values.dtype.kind == "f" else 2
    table = []
    for name, level in RASTERS:
        out = folder / f"{name}{level}.tif"
        packing = {"compress": name, "predictor": predictor, "tiled": True, "blockxsize": 512, "blockysize": 512}
        if level:
            packing["zlevel" if name == "deflate" else "zstd_level"] = level

        def write(out: Path = out, packing: dict[str, object] = packing) -> None:
            with rasterio.open(out, "w", driver="GTiff", **shape, **packing) as target:
                target.write(values)

        took = seconds(write)
        size = out.stat().st_size / values.nbytes
        table.append(f"| {path.name} | {name} {level or ''} | {values.nbytes / 1e6 / took:.0f} | {size:.3f} |")
    return table


def of_volume(path: Path) -> list[str]:
    """Return rows of a table: the voxels of a volume as one stream."""
    data = np.asarray(nibabel.load(path).dataobj.get_unscaled()).repeat(2, axis=0).tobytes(order="F")
    table = []
    for name, pack in VOLUMES:
        took = seconds(lambda pack=pack: pack(data))
        table.append(f"| {path.name} | {name} | {len(data) / 1e6 / took:.0f} | {len(pack(data)) / len(data):.3f} |")
    return table


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("raster", type=Path)
    parser.add_argument("volume", type=Path)
    arguments = parser.parse_args()
    print("| file | packing | MB/s of processor time | size, of samples |\n|---|---|---:|---:|")  # noqa: T201  a command
    with tempfile.TemporaryDirectory() as folder:
        for row in (*of_raster(arguments.raster, Path(folder)), *of_volume(arguments.volume)):
            print(row)  # noqa: T201


if __name__ == "__main__":
    main()
