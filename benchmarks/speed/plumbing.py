"""All but the network: a scene repeated four times, read, written, verified, beside what GDAL takes for the same."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import rasterio
from enlarging import LAYOUT, PLACE
from rivals import Call, Rival

GDAL = "gdal_translate -r nearest -outsize 400% 400%"
PACKED = ("TILED=YES", "BLOCKXSIZE=256", "BLOCKYSIZE=256", "COMPRESS=ZSTD", "ZSTD_LEVEL=1", "PREDICTOR=2")


def available() -> bool:
    """Tell whether GDAL's tools are installed."""
    return shutil.which("gdal_translate") is not None


def write_masked_scene(path: Path, size: int) -> Path:
    """Write 4 bands of uint16, `size` squared, smooth with noise, with a mask that leaves a corner out."""
    rows, columns = np.mgrid[:size, :size]
    random = np.random.default_rng(0)
    form = {**LAYOUT, **PLACE, "width": size, "height": size, "count": 4, "compress": "zstd", "predictor": 2}
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", **form) as out:
        for band in range(1, 5):
            smooth = 3000 + 1500 * np.sin(columns / 17 + band) * np.cos(rows / 23)
            out.write((smooth + random.normal(0, 60, (size, size))).astype(np.uint16), band)
        out.write_mask(rows + columns > size // 4)
    return path


def rivals(scene: Path, folder: Path) -> dict[str, Rival]:
    """Return who repeats the samples of `scene`."""
    given = {"scene": scene, "out": folder}
    return {
        f"{GDAL}, one thread": Rival(gdal, {**given, "threads": "1"}),
        f"{GDAL}, all threads": Rival(gdal, {**given, "threads": "ALL_CPUS"}),
        "srkit, nearest, verified": Rival(srkit, given, tuned=True),
    }


def gdal(scene: Path, out: Path, threads: str) -> Call:
    """Repeat samples by GDAL's command."""
    options = [part for packed in (*PACKED, f"NUM_THREADS={threads}") for part in ("-co", packed)]
    target = out / f"gdal-{threads}.tif"
    command = ["gdal_translate", "-q", "-r", "nearest", "-outsize", "400%", "400%", *options, str(scene), str(target)]

    def call() -> None:
        target.unlink(missing_ok=True)
        subprocess.run(command, check=True, env={"PATH": "/usr/bin:/bin", "GDAL_TIFF_INTERNAL_MASK": "YES"})

    return call


def srkit(scene: Path, out: Path) -> Call:
    """Repeat samples by `srkit upscale`, without the start of its command line."""
    from srkit.plugins import load_plugins
    from srkit.upscaling import upscale

    plugins = load_plugins()

    def call() -> None:
        upscale(scene, out / "srkit.tif", model="nearest", scale=4, domain="satellite", plugins=plugins, overwrite=True)

    return call
