"""What a GPU does, where there is one: output pixels a second from file to file, and the share of its own ceiling."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paper
import torch
from ceiling import SIZE
from enlarging import srkit, write_scene

SIDE = 1024
ROUNDS = 5
PRODUCT = 4 * SIZE


def measured(folder: Path, size: int, device: str = "cuda") -> dict[str, Any]:
    """Return figures of `device`, which is named as torch does; on a CPU they are the same figures of the CPU."""
    product = _rate(_product(device), 2 * PRODUCT**3 if device != "cpu" else 2 * SIZE**3, device)
    generator = _rate(_generator(device), 2 * paper.MACS * SIDE * SIDE, device)
    call = srkit(write_scene(folder / "accelerated.tif", size), folder, "bf16", device)
    seconds = min(_seconds(call, device) for _ in range(ROUNDS))
    return {
        "device": torch.cuda.get_device_name() if device == "cuda" else device,
        "bf16 matrix product, TFLOP/s": round(product / 1e12, 2),
        f"generator on {SIDE} x {SIDE}, TFLOP/s of the network as published": round(generator / 1e12, 2),
        "share of the matrix product's rate": round(generator / product, 3),
        f"file to file, {size} x {size} x 3, seconds": round(seconds, 3),
        "output megapixels a second": round((4 * size) ** 2 / seconds / 1e6, 1),
    }


def _rate(call: Callable[[], object], operations: int, device: str) -> float:
    _seconds(call, device)
    return operations / min(_seconds(call, device) for _ in range(ROUNDS))


def _seconds(call: Callable[[], object], device: str) -> float:
    begin = time.perf_counter()
    call()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begin


def _product(device: str) -> Callable[[], object]:
    side = SIZE if device == "cpu" else PRODUCT
    a, b = (torch.rand(side, side, device=device).bfloat16() for _ in range(2))
    return lambda: a @ b


def _generator(device: str) -> Callable[[], object]:
    from srkit.networks.fast import FastSRResNet

    network = FastSRResNet(paper.network(), torch.bfloat16).to(device)  # type: ignore[arg-type]
    lr = torch.rand(1, 3, SIDE, SIDE, device=device).contiguous(memory_format=torch.channels_last)

    def call() -> None:
        with torch.inference_mode():
            network(lr)

    return call
