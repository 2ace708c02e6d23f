"""How far a network looks that is known only by what it computes: a mark that no arithmetic loses is followed.

One LR pixel is NaN, and so is every SR sample that can depend on it: no sum and no product is rid of it, a weight of 0
included. That shows the reach of all LR pixels only where a network does the same everywhere, so every operation on
marked values must be one that is listed here: convolutions without a stride, functions of single samples, enlargement
by shuffling or repeating. What else there is (pooling, windows, sorting, sampling at places that are computed) gives
no answer, rather than one that a trial happens to confirm.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from srkit.networks.generator import Generator

LENGTH = 1025  # LR samples of the strip; a network that looks farther than half of it has no tiles worth their halo
CHANNEL_AXIS = 1


class _UnknownOperationError(Exception):
    """An operation on marked values that may lose the mark, or do another thing elsewhere."""


def traced_halo(network: Generator) -> tuple[int, ...] | None:
    """Return how many LR pixels per axis the SR of a pixel can depend on, at most; None where that cannot be shown.

    `network` is tried in evaluation mode, on a strip along each axis: convolutions here have their centre inside, so
    what they reach along one axis they reach without moving along the others.
    """
    try:
        found = [_traced(network.eval(), axis) for axis in range(network.ndim)]
    except _UnknownOperationError:
        return None
    known = tuple(number for number in found if number is not None)
    return known if len(known) == len(found) else None


def _traced(network: Generator, axis: int) -> int | None:
    shape = [LENGTH if a == axis else 1 for a in range(network.ndim)]
    place, factor = LENGTH // 2, network.scale[axis]
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    lr = torch.zeros(1, network.channels, *shape, device=device)
    lr.select(2 + axis, place).fill_(math.nan)
    marks = _Marks()
    with torch.no_grad(), marks:
        sr = network(lr)
    others = [a for a in range(sr.ndim) if a != 2 + axis]
    reached = sr.isnan().amax(others).nonzero().flatten()
    first, last = int(reached[0]) // factor, int(reached[-1]) // factor
    # Kernels have their centre inside, so what comes near the edge shows there; nearer than a leap, it may have left.
    if sr.shape[2 + axis] != LENGTH * factor or first < marks.leap or last >= LENGTH - marks.leap:
        return None
    return max(place - first, last - place)


class _Marks(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's
    """Lets nothing be done to marked values but what keeps the mark, wherever it lies.

    `leap` is the farthest that a single kernel reached.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's
        self.leap = 1

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Do `func`."""
        given = kwargs or {}
        if any(_is_marked(leaf) for leaf in tree_leaves((args, given))):
            keeps = _KEEPING.get(func.overloadpacket.__name__)
            if keeps is None or not keeps(args):
                raise _UnknownOperationError(str(func))
            if keeps is _is_plain_convolution:
                self.leap = max(self.leap, *args[4])
        return func(*args, **given)


def _is_marked(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point() and bool(value.isnan().any())


def _is_of_samples(args: Sequence[Any]) -> bool:
    """Tell whether all that enters beside marked images is the same for all places."""
    tensors = [arg for arg in args if isinstance(arg, Tensor)]
    return all(_is_marked(t) or t.numel() == 1 or (t.ndim > 2 and set(t.shape[2:]) == {1}) for t in tensors)


def _is_plain_convolution(args: Sequence[Any]) -> bool:
    """Tell whether weights are fixed, the stride is 1, and kernels are centred on their sample."""
    _, weight, bias, stride, padding, dilation, transposed = args[:7]
    sides = zip(weight.shape[2:], padding, dilation, strict=True)
    centred = all(size % 2 and 2 * pad == step * (size - 1) for size, pad, step in sides)
    fixed = not _is_marked(weight) and not _is_marked(bias)
    return fixed and not transposed and set(stride) == {1} and centred


def _is_along_channels(args: Sequence[Any]) -> bool:
    """Tell whether parts are cut along the axis of channels."""
    return len(args) > 2 and args[2] == CHANNEL_AXIS


def _is_of_channels(args: Sequence[Any]) -> bool:
    """Tell whether a run of channels is taken: an axis, then where it begins and ends."""
    return len(args) > 1 and args[1] == CHANNEL_AXIS


def _joins_marked(args: Sequence[Any]) -> bool:
    """Tell whether marked images are put together along their channels."""
    return all(_is_marked(t) for t in args[0]) and len(args) > 1 and args[1] == CHANNEL_AXIS


def _repeats(args: Sequence[Any]) -> bool:
    """Tell whether every sample is repeated a whole number of times."""
    image, size = args[:2]
    return all(new % old == 0 for old, new in zip(image.shape[2:], size, strict=True))


def _always(_args: Sequence[Any]) -> bool:
    return True


# By the names of torch's own operators, below autograd. Of functions of single samples only such as give NaN for NaN
# whatever their other numbers are: not `pow` (NaN to the power of 0 is 1), no comparison, no `where`.
_SAMPLES = (
    "add add_ sub sub_ rsub mul mul_ div div_ neg sigmoid sigmoid_ tanh tanh_ relu relu_ leaky_relu leaky_relu_ "
    "_prelu_kernel silu silu_ gelu elu elu_ mish mish_ copy_"
)
_KEEPING: Mapping[str, Callable[[Sequence[Any]], bool]] = {
    **dict.fromkeys(_SAMPLES.split(), _is_of_samples),
    **dict.fromkeys(("clone", "detach", "alias", "_to_copy", "pixel_shuffle"), _always),
    "convolution": _is_plain_convolution,
    "upsample_nearest2d": _repeats,
    "split": _is_along_channels,
    "split_with_sizes": _is_along_channels,
    "slice": _is_of_channels,
    "cat": _joins_marked,
}
