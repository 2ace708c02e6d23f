"""Does it pay to read and write beside a network on the CPU? File to file, with a thread and without, taking turns.

Prints a table per format. The network is small, so that files take a share of the time that one can see.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import rasterio
import torch
from timing import interleaved, table

from srkit.allocator import tune_allocator
from srkit.grid import Scale
from srkit.networks.srresnet import SRResNet
from srkit.plugins import load_plugins
from srkit.upscaling import Enlarger, upscale
from srkit.upscaling.enlarging import overlap

NORMALIZER = {"kind": "range", "low": 0, "high": 4095}


def scene(folder: Path, size: int) -> Path:
    """Write a scene of 4 bands, `size` squared, compressed."""
    values = np.random.default_rng(0).normal(1500, 200, (4, size, size)).clip(0, 4095).astype(np.uint16)
    path = folder / "scene.tif"
    place = {"crs": "EPSG:32633", "transform": rasterio.transform.from_origin(5e5, 5e6, 10, 10)}
    layout = {"driver": "GTiff", "count": 4, "height": size, "width": size, "dtype": "uint16", "compress": "deflate"}
    with rasterio.open(path, "w", **layout, **place, tiled=True, predictor=2) as raster:
        raster.write(values)
    return path


def volume(folder: Path, size: int) -> Path:
    """Write a compressed volume of `size` cubed."""
    values = np.random.default_rng(0).normal(1500, 200, (size,) * 3).clip(0, 4095).astype(np.int16)
    path = folder / "volume.nii.gz"
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), path)
    return path


def rivals(path: Path, domain: str, channels: int) -> dict[str, Callable[[], object]]:
    """Return calls that enlarge `path` twice, in turn and with threads."""
    network = SRResNet(channels=channels, features=16, blocks=2, scale=(2, 2)).eval().requires_grad_(False)
    enlarger = Enlarger("small", Scale(2, 2), network, ("row", "column"), channels, normalizer=NORMALIZER)
    plugins = load_plugins()

    def call(least: int) -> Callable[[], None]:
        def run() -> None:
            overlap.DEVICES, overlap.LEAST_BYTES = frozenset({"cpu"}), least
            upscale(path, path.parent / "out", model=enlarger, domain=domain, plugins=plugins, overwrite=True)

        return run

    return {"in turn": call(2**62), "beside the network": call(0)}


def main() -> None:
    """Measure both formats."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1024, help="of the scene; the volume has a sixth of it")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    tune_allocator()
    with tempfile.TemporaryDirectory() as folder:
        for path, domain, channels in (
            (scene(Path(folder), arguments.size), "satellite", 4),
            (volume(Path(folder), arguments.size // 6), "mri", 1),
        ):
            calls = rivals(path, domain, channels)
            for call in calls.values():
                call()
            title = f"{path.name}, x2, {torch.get_num_threads()} threads"
            print(table(title, interleaved(calls, arguments.rounds)))  # noqa: T201  a command


if __name__ == "__main__":
    main()
