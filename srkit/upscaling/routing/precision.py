"""Which precision a network runs in: bfloat16 only where it is fast, and where it does no harm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch

from srkit.errors import UsageError, nearest_known
from srkit.image import Encoding

Precision = Literal["fp32", "bf16"]
PRECISIONS = ("auto", "fp32", "bf16")
LIMITS = {"rms": 0.05, "p999": 0.2}  # percent of the range; half a step of 8 bits is 0.2
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def choose_precision(
    wish: str | None, device: str, encoding: Encoding, deviation: Mapping[str, Any] | None
) -> tuple[Precision, str]:
    """Return the precision and why. Raises UsageError for one that is not known.

    `deviation` is what the model's file says of bfloat16, in percent of the range; None or empty where it says
    nothing.
    """
    if wish not in (None, *PRECISIONS):
        known = ", ".join(PRECISIONS)
        raise UsageError(f"no precision {wish!r} (known: {known}){nearest_known(str(wish), PRECISIONS)}")
    if wish == "fp32":
        return "fp32", "fp32 was asked for"
    if wish == "bf16":
        return "bf16", "bf16 was asked for"
    if not has_fast_bf16(device):
        return "fp32", "this processor has no bf16 of its own"
    if not np.issubdtype(encoding.dtype, np.integer) or encoding.dtype.itemsize > 2:
        return "fp32", f"samples of type {encoding.dtype} may be finer than what bf16 keeps"
    return _by_deviation(deviation or {})


def has_fast_bf16(device: str) -> bool:
    """Tell whether bfloat16 is native: elsewhere it is emulated, and slower than fp32."""
    if torch.device(device).type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    able = torch.cpu.get_capabilities() if torch.device(device).type == "cpu" else {}
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def _by_deviation(deviation: Mapping[str, Any]) -> tuple[Precision, str]:
    found = [deviation.get(name) for name in LIMITS]
    if not all(isinstance(value, (int, float)) for value in found):
        return "fp32", "the model's file does not say how far bf16 strays"
    said = f"bf16 strays by {deviation['rms']} % of the range (99.9 % of samples by at most {deviation['p999']} %)"
    bounds = f"{LIMITS['rms']} % and {LIMITS['p999']} %"
    if all(deviation[name] <= limit for name, limit in LIMITS.items()):
        return "bf16", f"{said}, within {bounds}"
    return "fp32", f"{said}, beyond {bounds}"
