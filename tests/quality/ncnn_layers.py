"""Small networks as ncnn writes them, which know what each of their layers computes: the judge of conversions."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

FEATURES = 4
HALF = b"\x47\x6b\x30\x01"
SINGLE = b"\0\0\0\0"


class File:
    """Writes ncnn's two files, a layer at a time, and knows what each layer computes."""

    def __init__(self, path: Path, flag: bytes = HALF) -> None:
        self.path, self.flag = path, flag
        self.lines: list[str] = []
        self.binary = b""
        self.steps: list[tuple[str, list[str], Callable[..., Tensor]]] = []
        self.rng = np.random.default_rng(0)

    def add(self, kind: str, takes: Sequence[str], act: Callable[..., Tensor], numbers: str = "") -> str:
        name = f"blob{len(self.lines)}"
        self.lines.append(f"{kind} layer{len(self.lines)} {len(takes)} 1 {' '.join([*takes, name])} {numbers}")
        self.steps.append((name, list(takes), act))
        return name

    def convolution(
        self, source: str, sizes: tuple[int, int], *, kernel: int = 3, slope: float | None = None, spread: float = 0.2,
        centre: float = 0.0,
    ) -> str:  # fmt: skip
        taken, given = sizes
        weight = self.rng.normal(0, spread, (given, taken, kernel, kernel)).astype(np.float16)
        bias = self.rng.normal(centre, 0.1, given).astype(np.float32)
        values = weight.tobytes() if self.flag == HALF else weight.astype(np.float32).tobytes()
        self.binary += self.flag + values.ljust(-(-len(values) // 4) * 4, b"\0") + bias.tobytes()
        numbers = torch.from_numpy(weight.astype(np.float32)), torch.from_numpy(bias)

        def act(x: Tensor) -> Tensor:
            y = F.conv2d(x, *numbers, padding=kernel // 2)
            return y if slope is None else F.leaky_relu(y, slope)

        leaky = "" if slope is None else f" 9=2 -23310=1,{slope}"
        return self.add(
            "Convolution", [source], act, f"0={given} 1={kernel} 4={kernel // 2} 5=1 6={weight.size}{leaky}"
        )

    def write(self) -> Path:
        lines = ["7767517", f"{len(self.lines)} {len(self.lines)}", *self.lines]
        self.path.write_text("\n".join(lines) + "\n")
        self.path.with_suffix(".bin").write_bytes(self.binary)
        return self.path

    def judge(self, colours: Tensor) -> Tensor:
        """Return what the layers make of ``(1, 3, row, column)`` in 0..1."""
        blobs: dict[str, Tensor] = {}
        for name, takes, act in self.steps:
            blobs[name] = act(*(blobs[one] for one in takes)) if takes else act(colours)
        return blobs[name]


def span(path: Path, *, scale: int = 2, blocks: int = 2, flag: bytes = HALF) -> File:
    file, mean = File(path, flag), (0.45, 0.44, 0.4)
    data = file.add("Input", [], lambda colours: colours)
    colour = torch.tensor(mean)[None, :, None, None]
    constant = file.add("MemoryData", [], lambda _: colour, "0=1 1=1 2=3")
    file.binary += struct.pack("<3f", *mean)
    less = file.add("BinaryOp", [data, constant], torch.sub, "0=1")
    x = head = file.convolution(
        file.add("BinaryOp", [less], lambda a: a * 255.0, "0=2 1=1 2=2.55e2"), (3, FEATURES), spread=1e-3
    )
    results = []
    for _ in range(blocks):
        first = file.add("Swish", [file.convolution(x, (FEATURES, FEATURES))], F.silu)
        second = file.add("Swish", [file.convolution(first, (FEATURES, FEATURES))], F.silu)
        third = file.convolution(second, (FEATURES, FEATURES))
        weight = file.add("BinaryOp", [file.add("Sigmoid", [third], torch.sigmoid)], lambda a: a - 0.5, "0=1 1=1 2=0.5")
        x = file.add("BinaryOp", [file.add("BinaryOp", [third, x], torch.add), weight], torch.mul, "0=2")
        results.append(x)
    after = file.convolution(x, (FEATURES, FEATURES))
    joined = file.add("Concat", [head, after, results[0], first], lambda *a: torch.cat(a, 1))
    last = file.convolution(
        file.convolution(joined, (4 * FEATURES, FEATURES), kernel=1), (FEATURES, 3 * scale**2), centre=0.5
    )
    file.add("PixelShuffle", [last], lambda a: F.pixel_shuffle(a, scale), f"0={scale}")
    return file


def rrdb(path: Path) -> File:
    file, growth = File(path), 2
    data = file.add("Input", [], lambda colours: colours)
    x = head = file.convolution(data, (3, FEATURES))
    whole = x
    for _ in range(3):
        known = [x]
        for i in range(4):
            source = file.add("Concat", known, lambda *a: torch.cat(a, 1)) if i else x
            known.append(file.convolution(source, (FEATURES + i * growth, growth), slope=0.2))
        joined = file.add("Concat", known, lambda *a: torch.cat(a, 1))
        inner = file.convolution(joined, (FEATURES + 4 * growth, FEATURES))
        x = file.add("Eltwise", [inner, x], lambda a, b: 0.2 * a + b, "0=1 -23301=2,2.0e-01,1.0")
    x = file.add("Eltwise", [x, whole], lambda a, b: 0.2 * a + b, "0=1 -23301=2,2.0e-01,1.0")
    x = file.add("BinaryOp", [head, file.convolution(x, (FEATURES, FEATURES))], torch.add)
    for _ in range(2):
        x = file.add("Interp", [x], lambda a: F.interpolate(a, scale_factor=2.0), "0=1 1=2.0 2=2.0")
        x = file.convolution(x, (FEATURES, FEATURES), slope=0.2)
    file.convolution(file.convolution(x, (FEATURES, FEATURES), slope=0.2), (FEATURES, 3), centre=0.5)
    return file
