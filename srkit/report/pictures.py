"""Pictures for the eye: stored units windowed to 8 bits, as PNG data URIs. Never an output, only a view of one."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image

from srkit.image import Array, BoolArray

LOW, HIGH = 0.5, 99.5  # percentiles of valid samples that become black and white


@dataclass(frozen=True, eq=False, slots=True)
class Picture:
    """An 8-bit view.

    Parameters
    ----------
    pixels
        ``(rows, columns)`` or ``(rows, columns, 3)``, uint8.
    caption
        Plain text below it.
    """

    pixels: Array
    caption: str = ""

    @property
    def data_uri(self) -> str:
        """The picture as a PNG in a ``data:`` address."""
        buffer = BytesIO()
        Image.fromarray(self.pixels).save(buffer, format="PNG", optimize=True)
        return "data:image/png;base64," + b64encode(buffer.getvalue()).decode("ascii")


Levels = tuple[tuple[float, float], ...]


def shared_window(values: Array, valid: BoolArray | None = None) -> Levels:
    """Return (black, white) per channel of ``(C, *spatial)`` values in stored units.

    Use one window for all pictures that are to be compared: that of the input or the reference.
    """
    levels = []
    for channel, samples in enumerate(values):
        mask = np.isfinite(samples)
        if valid is not None:
            mask &= valid[channel if valid.shape[0] > 1 else 0]
        chosen = samples[mask]
        low, high = np.percentile(chosen, [LOW, HIGH]) if chosen.size else (0.0, 1.0)
        levels.append((float(low), float(high if high > low else low + 1)))
    return tuple(levels)


def picture_of(plane: Array, window: Levels, *, caption: str = "", spacing: tuple[float, float] = (1, 1)) -> Picture:
    """Return a plane ``(C, rows, columns)`` in stored units as a picture.

    Three channels are shown as red, green and blue, any other number by the first one. `spacing` (row, column) makes
    pixels square where they are not, by repeating them.
    """
    shown = plane[:3] if plane.shape[0] >= 3 else plane[:1]
    channels = [_to_8_bit(samples, levels) for samples, levels in zip(shown, window, strict=False)]
    pixels = np.stack(channels, axis=-1) if len(channels) == 3 else channels[0]
    return Picture(_squared(pixels, spacing), caption)


def _to_8_bit(samples: Array, levels: tuple[float, float]) -> Array:
    low, high = levels
    scaled = (np.nan_to_num(samples.astype(np.float64), nan=low, posinf=high, neginf=low) - low) / (high - low)
    return np.rint(np.clip(scaled, 0, 1) * 255).astype(np.uint8)


def _squared(pixels: Array, spacing: tuple[float, float]) -> Array:
    finest = min(spacing)
    for axis, step in enumerate(spacing):
        times = step / finest
        if times > 1.01:
            count = round(pixels.shape[axis] * times)
            index = np.minimum((np.arange(count) + 0.5) / times, pixels.shape[axis] - 1).astype(int)
            pixels = np.take(pixels, index, axis=axis)
    return pixels
