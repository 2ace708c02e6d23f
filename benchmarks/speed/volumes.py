"""A volume in memory, x2 along every axis, by networks of 64 channels."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from rivals import Call, Rival

NORMALIZER = {"kind": "range", "low": 0, "high": 4095}
BLOCKS = 14
NAIVE = "naive: eager fp32, whole volume, channels first"
FACTORISED = "srkit, bf16, factorised network"


def rivals(shape: tuple[int, int, int]) -> dict[str, Rival]:
    """Return who enlarges a volume of `shape`."""
    full = {"shape": shape, "kernels": "full"}
    return {
        NAIVE: Rival(naive, full),
        "srkit, fp32": Rival(srkit, {**full, "precision": "fp32"}, tuned=True),
        "srkit, bf16": Rival(srkit, {**full, "precision": "bf16"}, tuned=True),
        FACTORISED: Rival(srkit, {"shape": shape, "kernels": "factorised", "precision": "bf16"}, tuned=True),
    }


def _network(kernels: str) -> Any:
    from srkit.networks.compact import Compact

    torch.manual_seed(0)
    made = Compact(ndim=3, channels=1, scale=2, features=64, blocks=BLOCKS, kernels=kernels)  # type: ignore[arg-type]
    return made.eval().requires_grad_(False)


def naive(shape: tuple[int, int, int], kernels: str) -> Call:
    """Enlarge all at once."""
    network = _network(kernels)
    lr = torch.from_numpy(_volume(shape).astype(np.float32) / 2047.5 - 1)[None]

    def call() -> None:
        with torch.inference_mode():
            network(lr)

    return call


def srkit(shape: tuple[int, int, int], kernels: str, precision: str) -> Call:
    """Enlarge as `srkit upscale` does, between its files."""
    from srkit.arrays import ArraySource
    from srkit.grid import Scale
    from srkit.plugins import load_plugins
    from srkit.upscaling import Enlarger, Wishes, enlarge

    roles = ("slice", "row", "column")
    enlarger = Enlarger("volumes", Scale(2, 2, 2), _network(kernels), roles, 1, normalizer=NORMALIZER)
    plugins, source = load_plugins(), ArraySource(_volume(shape))

    def call() -> None:
        for _ in enlarge(plugins, source, enlarger, domain="none", wishes=Wishes(precision=precision)):
            pass

    return call


def _volume(shape: tuple[int, int, int]) -> Any:
    return np.random.default_rng(0).integers(0, 4096, (1, *shape), dtype=np.uint16)
