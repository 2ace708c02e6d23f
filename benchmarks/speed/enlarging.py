"""A scene from file to file, x4: srkit, and what one would use instead."""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import paper
import rasterio
import torch
from rivals import Call, Rival
from torch import Tensor

NAIVE = "naive: eager fp32, whole image"
MONAI = "MONAI SlidingWindowInferer, roi 128, overlap 0.25, gaussian"
OPENSR = "opensr-utils 2.1.0, super_resolve at its defaults"
LAYOUT: dict[str, Any] = {"driver": "GTiff", "dtype": "uint16", "tiled": True, "blockxsize": 256, "blockysize": 256}
PLACE: dict[str, Any] = {"crs": "EPSG:32633", "transform": rasterio.transform.from_origin(5e5, 5e6, 10, 10)}


def write_scene(path: Path, size: int, bands: int = 3) -> Path:
    """Write a smooth scene with noise, `size` squared, uint16, deflated."""
    rows, columns = np.mgrid[:size, :size]
    random = np.random.default_rng(0)
    layers = [
        3000 + 1500 * np.sin(columns / 17 + i) * np.cos(rows / 23) + random.normal(0, 60, (size, size))
        for i in range(bands)
    ]
    with rasterio.open(path, "w", width=size, height=size, count=bands, compress="deflate", **LAYOUT, **PLACE) as out:
        out.write(np.stack(layers).astype(np.uint16))
    return path


def rivals(scene: Path, folder: Path, opensr: bool) -> dict[str, Rival]:
    """Return who enlarges `scene`; what they make goes into `folder`."""
    given = {"scene": scene, "out": folder}
    found = {
        NAIVE: Rival(naive, given),
        MONAI: Rival(sliding_window, given),
        OPENSR: Rival(opensr_utils, given),
        "srkit, fp32": Rival(srkit, {**given, "precision": "fp32"}, tuned=True),
        "srkit, bf16": Rival(srkit, {**given, "precision": "bf16"}, tuned=True),
    }
    return {name: rival for name, rival in found.items() if opensr or name != OPENSR}


def naive(scene: Path, out: Path) -> Call:
    """Read all, enlarge all at once, write all."""
    return _by_hand(scene, out / "naive.tif", paper.network())


def sliding_window(scene: Path, out: Path) -> Call:
    """Read all, enlarge it by MONAI's inferer, write all."""
    from monai.inferers import SlidingWindowInferer

    network, inferer = paper.network(), SlidingWindowInferer(roi_size=128, overlap=0.25, mode="gaussian")
    return _by_hand(scene, out / "monai.tif", lambda lr: inferer(lr, network))


def _by_hand(scene: Path, out: Path, enlarge: Callable[[Tensor], Tensor]) -> Call:
    def call() -> None:
        with rasterio.open(scene) as source:
            lr = torch.from_numpy(source.read().astype(np.float32) / paper.HIGH * 2 - 1)[None]
        with torch.inference_mode():
            sr = enlarge(lr)[0]
            values = ((sr + 1) / 2 * paper.HIGH).clamp(0, paper.HIGH).round().to(torch.int32).numpy().astype(np.uint16)
        profile = {**LAYOUT, **PLACE, "width": values.shape[2], "height": values.shape[1], "count": values.shape[0]}
        with rasterio.open(out, "w", compress="deflate", **profile) as target:
            target.write(values)

    with torch.inference_mode():
        enlarge(torch.zeros(1, 3, 128, 128))
    return call


def opensr_utils(scene: Path, out: Path) -> Call:
    """Enlarge by the large-scene path of opensr-utils, with the same network."""
    import opensr_utils as rival

    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    network = paper.network()

    def call() -> None:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            target = str(out / "opensr.tif")
            rival.super_resolve(str(scene), model=network, factor=4, device="cpu", overwrite=True, output=target)

    return call


def srkit(scene: Path, out: Path, precision: str, device: str = "cpu") -> Call:
    """Enlarge by `srkit upscale`, as the command line does but for its start; tells the network's share of the time."""
    from srkit.grid import Scale
    from srkit.plugins import load_plugins
    from srkit.upscaling import Enlarger, upscale
    from srkit.upscaling.enlarging import engine

    enlarger = Enlarger("paper", Scale(4, 4), paper.network(), ("row", "column"), 3, normalizer=paper.NORMALIZER)
    plugins, forward = load_plugins(), engine._forward
    spent = [0.0]

    def timed(*arguments: Any) -> Any:
        begin = time.perf_counter()
        try:
            return forward(*arguments)
        finally:
            spent[0] += time.perf_counter() - begin

    engine._forward = timed

    def call(path: Path = scene) -> dict[str, float]:
        spent[0], begin = 0.0, time.perf_counter()
        report = upscale(
            path,
            out / f"{precision}.tif",
            model=enlarger,
            domain="satellite",
            plugins=plugins,
            overwrite=True,
            precision=precision,
            device=device,
        )
        if report.exit_code:
            raise RuntimeError(report)
        return {"network": spent[0], "share": spent[0] / (time.perf_counter() - begin)}

    with tempfile.TemporaryDirectory() as folder:
        call(write_scene(Path(folder) / "small.tif", 128))
    return call
