"""Enlarges synthetic scenes with a cheap network, by the command line, and says how long and how large that became.

    python benchmarks/scene.py --size 30000 --rows 30000 --bands 4 --model nearest --memory 4G
    python benchmarks/scene.py --size 20000 --valid 0.1 --memory 1G

Peak memory is that of the whole process; the scene and its output are removed at the end. Of a scene that is valid in
part, the rest is nodata, which is never written: a busy machine gets through it, and memory is that of the valid part.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.windows import Window

BLOCK = 512


def make_scene(path: Path, rows: int, columns: int, bands: int, valid: float = 1.0) -> None:
    """Write a tiled uint16 scene of noise on a ramp, row of blocks by row of blocks; `valid` is its left share."""
    rng = np.random.default_rng(0)
    tile = (rng.integers(1, 200, (bands, BLOCK, BLOCK)) + 4 * np.arange(BLOCK)).astype(np.uint16)
    width = min(columns, -(-int(valid * columns) // BLOCK) * BLOCK)
    band = np.tile(tile, (1, 1, -(-width // BLOCK)))[:, :, :width]
    layout = {"tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK, "compress": "zstd", "zstd_level": 1}
    shape = {"width": columns, "height": rows, "count": bands, "dtype": "uint16", "bigtiff": "IF_SAFER"}
    place = {"crs": "EPSG:32632", "transform": Affine(10, 0, 5e5, 0, -10, 5e6)}
    if valid < 1:
        layout |= {"nodata": 0, "sparse_ok": True}
    with rasterio.open(path, "w", driver="GTiff", interleave="pixel", **layout, **shape, **place) as dataset:
        for row in range(0, rows, BLOCK):
            height = min(BLOCK, rows - row)
            dataset.write(band[:, :height], window=Window(0, row, width, height))


def measure(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Return time, rate and peak memory of one run of the command line."""
    scene, out = folder / "scene.tif", folder / "out.tif"
    make_scene(scene, arguments.rows, arguments.size, arguments.bands, arguments.valid)
    words = ["upscale", scene, "--out", out, "--model", arguments.model, "--scale", "2", "--co", "COMPRESS=ZSTD"]
    begin = time.monotonic()
    subprocess.run([sys.executable, "-m", "srkit", *words, "--memory", arguments.memory], check=True)
    seconds = time.monotonic() - begin
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    pixels = 4 * arguments.rows * arguments.size
    return {
        "rows": arguments.rows,
        "columns": arguments.size,
        "bands": arguments.bands,
        "valid": arguments.valid,
        "model": arguments.model,
        "memory": arguments.memory,
        "seconds": round(seconds, 1),
        "output_megapixels_per_s": round(pixels / seconds / 1e6, 2),
        "peak_mib": round(peak / 2**20),
        "output_bytes": out.stat().st_size,
    }


def main() -> None:
    """Read the arguments, and print what was measured as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=30_000, help="columns of the scene")
    parser.add_argument("--rows", type=int, default=None, help="rows of the scene; by default as many")
    parser.add_argument("--bands", type=int, default=4)
    parser.add_argument("--valid", type=float, default=1.0, help="share of the columns that are no nodata")
    parser.add_argument("--model", default="nearest")
    parser.add_argument("--memory", default="4G")
    parser.add_argument("--folder", type=Path, default=None, help="where there is room for the scene and its output")
    arguments = parser.parse_args()
    arguments.rows = arguments.rows or arguments.size
    folder = Path(tempfile.mkdtemp(dir=arguments.folder))
    try:
        sys.stdout.write(json.dumps(measure(arguments, folder)) + "\n")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
