"""Networks as the runtime ncnn keeps them: layers in order in a ``.param`` text, their weights in a ``.bin``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from srkit.errors import InputError

MAGIC = "7767517"
HALF = 0x01306B47  # ncnn's modelbin.cpp: weights that follow are float16, padded to four bytes
SINGLE = 0
ARRAY = -23300  # a key of ARRAY - k holds the list of number k

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: its `kind`, the blobs that it takes and gives, its `numbers` by key, its `weights` as float32.

    A convolution has weights ``(out, in, rows, columns)`` and bias ``(out,)``, a constant its values.
    """

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    numbers: Mapping[int, Any]
    weights: tuple[Floats, ...] = field(default=())


def read_layers(param: Path) -> list[Layer]:
    """Return the layers of the network whose text is `param`, with their weights.

    Raises InputError where it is no such file, or its ``.bin`` is of another length than its layers need.
    """
    binary = param.with_suffix(".bin")
    try:
        magic, _, *lines = param.read_text(encoding="utf-8").splitlines()
        data = _Numbers(binary.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"{param} with its .bin cannot be read: {error}; name the folder of both files") from error
    if magic.strip() != MAGIC:
        raise InputError(f"{param} is no text of ncnn's: it begins with {magic[:20]!r}")
    layers = [_layer(line.split(), data) for line in lines if line.strip()]
    if data.left:
        raise InputError(f"{binary} has {data.left} bytes more or less than the layers of {param.name} need")
    return layers


class _Numbers:
    """The bytes of a ``.bin``, taken from the front."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def plain(self, count: int, kind: str = "<f4") -> npt.NDArray[Any]:
        """Return `count` numbers of a type; past the end there are zeros, which `left` tells of."""
        size = count * np.dtype(kind).itemsize
        piece = self._data[self._at : self._at + size].ljust(size, b"\0")
        self._at += size
        return np.frombuffer(piece, kind)

    def flagged(self, count: int) -> Floats:
        """Return `count` numbers behind the word that says how they are stored."""
        flag = int(self.plain(1, "<u4")[0])
        if flag == SINGLE:
            return self.plain(count)
        if flag != HALF:
            raise InputError(f"weights of ncnn's kind {flag:#x} are not known here (known: float32, float16)")
        found = self.plain(count, "<f2").astype(np.float32)
        self._at += -self._at % 4
        return found


def _layer(words: list[str], data: _Numbers) -> Layer:
    kind, _, taken, given, *rest = words
    inputs, outputs = rest[: int(taken)], rest[int(taken) : int(taken) + int(given)]
    numbers = dict(_number(word) for word in rest[int(taken) + int(given) :])
    return Layer(kind, tuple(inputs), tuple(outputs), numbers, tuple(_weights(kind, numbers, data)))


def _number(word: str) -> tuple[int, Any]:
    key, value = word.split("=")
    if int(key) <= ARRAY:
        return ARRAY - int(key), tuple(float(part) for part in value.split(",")[1:])
    return int(key), float(value)


def _weights(kind: str, numbers: Mapping[int, Any], data: _Numbers) -> Iterator[Floats]:
    if kind == "MemoryData":
        yield data.plain(int(np.prod([max(1, int(numbers.get(key, 0))) for key in (0, 1, 2)])))
    if kind == "Convolution":
        width, out = int(numbers[1]), int(numbers[0])
        yield data.flagged(int(numbers[6])).reshape(out, -1, int(numbers.get(11, width)), width)
        yield data.plain(out) if numbers.get(5) else np.zeros(out, np.float32)
