"""RRDBNet's public files, of ESRGAN and Real-ESRGAN: the three ways in which their tensors are named."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

PUBLIC_RANGE = (0.0, 1.0)

# RRDBNet as BasicSR names it, which is our way too; as ESRGAN's repository did before; and as its first files did.
_BEFORE = (
    (r"RRDB_trunk\.(\d+)\.RDB(\d)\.(conv\d)", r"body.\1.rdb\2.\3"),
    (r"trunk_conv", r"conv_body"),
    (r"upconv(\d)", r"conv_up\1"),
    (r"HRconv", r"conv_hr"),
)
_FIRST = (
    (r"model\.0", r"conv_first"),
    (r"model\.1\.sub\.(\d+)\.RDB(\d)\.(conv\d)\.0", r"body.\1.rdb\2.\3"),
    (r"model\.1\.sub\.\d+", r"conv_body"),
)
_OWN = re.compile(r"(conv_(first|body|up\d|hr|last)|body\.\d+\.rdb[123]\.conv[1-5])\.(weight|bias)")


def as_rrdb(tensors: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
    """Return the tensors under the names of `srkit.networks.rrdb`; None where they are of another network.

    Also None where pixels are folded into channels before the first layer, as Real-ESRGAN's for x2 and x1 do: such a
    network is not that of `srkit.networks.rrdb`.
    """
    rules = (*_BEFORE, *_FIRST, *_after_the_trunk(tensors))
    result = {_renamed(name, rules): tensor for name, tensor in tensors.items()}
    needed = {"conv_first.weight", "body.0.rdb1.conv1.weight"}
    if not needed <= result.keys() or len(result) != len(tensors) or not all(map(_OWN.fullmatch, result)):
        return None
    first, last = result["conv_first.weight"], result.get("conv_last.weight")
    folded = first.ndim != 4 or (last is not None and last.shape[0] != first.shape[1])
    return None if folded else result


def rrdb_parameters(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return the parameters of an RRDBNet, read off the tensors of `as_rrdb`."""
    first = tensors["conv_first.weight"]
    count = {name.split(".")[1] for name in tensors if name.startswith("body.")}
    steps = {name for name in tensors if re.fullmatch(r"conv_up\d\.weight", name)}
    return {
        "ndim": 2,
        "channels": first.shape[1],
        "scale": 2 ** len(steps),
        "features": first.shape[0],
        "blocks": len(count),
        "growth": tensors["body.0.rdb1.conv1.weight"].shape[0],
        "input_range": list(PUBLIC_RANGE),
    }


def _after_the_trunk(tensors: Mapping[str, Tensor]) -> list[tuple[str, str]]:
    """Return rules for ESRGAN's first files, where convolutions are numbered: enlarging ones, one at HR, the last."""
    places = sorted({int(found[1]) for name in tensors if (found := re.match(r"model\.(\d+)\.weight$", name))})
    after = [place for place in places if place > 1]
    names = [*(f"conv_up{i}" for i in range(1, len(after) - 1)), "conv_hr", "conv_last"]
    return [(rf"model\.{place}", name) for place, name in zip(after, names[-len(after) :], strict=False)]


def _renamed(name: str, rules: Sequence[tuple[str, str]]) -> str:
    layer, dot, kind = name.rpartition(".")
    for pattern, new in rules:
        if re.fullmatch(pattern, layer):
            return re.sub(pattern, new, layer) + dot + kind
    return name
